//! Check digits and ranges that several countries' identifiers share. All take letters and digits alone, in upper
//! case, of the length that their form has already proved.

/// The value of a digit; of anything else, 0.
pub fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0').min(10)) % 10
}

/// The number that some digits write.
pub fn number(value: &[u8]) -> u64 {
    value.iter().fold(0, |number, byte| number * 10 + u64::from(digit(*byte)))
}

/// The sum of each digit times its weight.
pub fn weighted(value: &[u8], weights: &[u32]) -> u32 {
    value.iter().zip(weights).map(|(byte, weight)| digit(*byte) * weight).sum()
}

/// A number below 100, its digits added.
pub fn across(number: u32) -> u32 {
    number / 10 + number % 10
}

/// ISO/IEC 7812-1, annex B: the check digit last.
pub fn luhn(value: &[u8]) -> bool {
    luhn_sum(value).is_multiple_of(10)
}

pub fn luhn_sum(value: &[u8]) -> u32 {
    let doubled = |nth: usize, byte: u8| if nth % 2 == 1 { across(digit(byte) * 2) } else { digit(byte) };
    value.iter().rev().enumerate().map(|(nth, byte)| doubled(nth, *byte)).sum()
}

/// Whether more than one digit occurs: rows of one digit pass many checksums.
pub fn varied(value: &[u8]) -> bool {
    value.iter().any(|byte| *byte != value[0])
}

/// A month and a day that can be, written `mmdd`.
pub fn month_day(value: &[u8]) -> bool {
    let (month, day) = (number(&value[..2]), number(&value[2..4]));
    (1..=12).contains(&month) && (1..=days(month)).contains(&day)
}

/// A day and a month that can be, written `ddmm`.
pub fn day_month(value: &[u8]) -> bool {
    month_day(&[value[2], value[3], value[0], value[1]])
}

fn days(month: u64) -> u64 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// ISO/IEC 7064, MOD 11,10: the check digit last.
pub fn mod_11_10(value: &[u8]) -> bool {
    let (last, body) = (digit(value[value.len() - 1]), &value[..value.len() - 1]);
    let product = body.iter().fold(10, |product, byte| {
        let sum = (digit(*byte) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == last
}

/// J. Verhoeff, "Error detecting decimal codes" (1969): the check digit last. The dihedral group of ten is
/// computed: below 5 turns, from 5 on mirrored.
pub fn verhoeff(value: &[u8]) -> bool {
    const PERMUTED: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let permuted = |nth: usize, byte: u8| (0..nth % 8).fold(digit(byte), |at, _| PERMUTED[at as usize]);
    value.iter().rev().enumerate().fold(0, |sum, (nth, byte)| times(sum, permuted(nth, *byte))) == 0
}

/// The check digit of machine-readable documents (ICAO Doc 9303 part 3): weights 7, 3, 1; letters from 10 on.
pub fn icao(value: &[u8]) -> u32 {
    let own = |byte: u8| {
        if byte.is_ascii_digit() { digit(byte) } else { u32::from(byte.wrapping_sub(b'A')) % 26 + 10 }
    };
    value.iter().enumerate().map(|(nth, byte)| own(*byte) * [7, 3, 1][nth % 3]).sum::<u32>() % 10
}

/// No check: the form says it all.
pub fn any(_: &[u8]) -> bool {
    true
}
