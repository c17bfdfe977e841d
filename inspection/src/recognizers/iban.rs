//! IBAN_CODE (ISO 13616): country, check digits, and the length of that country's accounts; modulo 97 (ISO 7064).

use gateway_core::finding::{Finding, Kind};
use std::ops::Range;

/// Country and length, by the registry of SWIFT.
const LENGTHS: [(&[u8; 2], usize); 80] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
];
const OTHERS: [(&[u8; 2], usize); 4] = [(b"TL", 23), (b"VA", 22), (b"VG", 24), (b"XK", 20)];

/// Around the group that begins with a country and two digits.
pub(crate) fn find(text: &str, group: &Range<usize>, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let head = &bytes[group.clone()];
    let begins = head.len() >= 4
        && head[..2].iter().all(u8::is_ascii_alphabetic)
        && head[2..4].iter().all(u8::is_ascii_digit);
    if !begins {
        return;
    }
    let country = [head[0].to_ascii_uppercase(), head[1].to_ascii_uppercase()];
    let mut known = LENGTHS.iter().chain(&OTHERS);
    let Some((_, length)) = known.find(|(name, _)| **name == country) else { return };
    let mut compact = [0u8; 34];
    let (mut count, mut at) = (0, group.start);
    while count < *length {
        match bytes.get(at) {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                compact[count] = byte.to_ascii_uppercase();
                count += 1;
            }
            // Blanks and dashes between groups, and one end of a line.
            Some(b' ' | b'-' | b'\n' | b'\t' | b'*' | b'.') if count > 0 => {}
            _ => return,
        }
        at += 1;
        if at - group.start > 3 * length {
            return;
        }
    }
    let cut = bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
    if !cut && mod_97(&compact[..*length]) {
        found.push(Finding::new(Kind::IBAN_CODE, group.start..at, 99));
    }
}

fn mod_97(compact: &[u8]) -> bool {
    let turned = compact[4..].iter().chain(&compact[..4]);
    let rest = turned.fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_and_length_decide() {
        for (text, want) in [
            ("DE89 3704 0044 0532 0130 00", Some("DE89 3704 0044 0532 0130 00")),
            ("GB82WEST12345698765432.", Some("GB82WEST12345698765432")),
            ("GB82WEST12345698765433", None),
            ("DE8937040044", None),
            ("XX89370400440532013000", None),
        ] {
            let group = 0..text.bytes().take_while(u8::is_ascii_alphanumeric).count();
            let mut found = Vec::new();
            find(text, &group, &mut found);
            assert_eq!(found.first().map(|find| &text[find.span()]), want, "{text}");
        }
    }
}
