//! CRYPTO: addresses of Bitcoin (base58check; bech32 of BIP 173 and BIP 350) and of Ethereum (40 hexadecimal
//! digits behind `0x`, in context).

use crate::context::Words;
use gateway_core::finding::{Finding, Kind};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::sync::LazyLock;

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    Words::new([
        "eth", "ethereum", "wallet", "address", "crypto", "token", "usdt", "metamask", "btc", "bitcoin",
    ])
});

pub(crate) fn find(text: &str, group: &Range<usize>, found: &mut Vec<Finding>) {
    let word = &text[group.clone()];
    let score = match word.len() {
        26..=35 if word.starts_with(['1', '3']) && base58_check(word) => 98,
        42 if word.starts_with("0x") && is_hex(&word[2..]) && WORDS.near(text, group) => 85,
        14..=90 if is_bech32(word) => 98,
        _ => return,
    };
    found.push(Finding::new(Kind::CRYPTO, group.clone(), score));
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn base58_check(word: &str) -> bool {
    const DIGITS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut bytes = [0u8; 25];
    for character in word.bytes() {
        let Some(value) = DIGITS.iter().position(|digit| *digit == character) else { return false };
        let mut carry = u32::try_from(value).unwrap_or(0);
        for byte in bytes.iter_mut().rev() {
            carry += u32::from(*byte) * 58;
            *byte = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let once = Sha256::digest(&bytes[..21]);
    Sha256::digest(once)[..4] == bytes[21..]
}

fn is_bech32(word: &str) -> bool {
    const DIGITS: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = word.to_ascii_lowercase();
    let mixed = word != lower && word != word.to_ascii_uppercase();
    let Some((human, data)) = lower.rsplit_once('1') else { return false };
    if mixed || !matches!(human, "bc" | "tb" | "bcrt" | "ltc") || data.len() < 6 {
        return false;
    }
    let values = data.bytes().map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let Some(values) = values.collect::<Option<Vec<usize>>>() else { return false };
    let human = human.bytes();
    let spread =
        human.clone().map(|byte| usize::from(byte >> 5)).chain([0]).chain(human.map(|b| usize::from(b & 31)));
    let sum = spread.chain(values).fold(1u32, |sum, value| {
        let top = sum >> 25;
        let sum = (sum & 0x1FF_FFFF) << 5 ^ u32::try_from(value).unwrap_or(0);
        [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3]
            .iter()
            .enumerate()
            .fold(sum, |sum, (bit, part)| if top >> bit & 1 == 1 { sum ^ part } else { sum })
    });
    matches!(sum, 1 | 0x2BC8_30A3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_decide() {
        for (text, want) in [
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", true),
            ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", false),
            ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", true),
            ("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdz", false),
        ] {
            let mut found = Vec::new();
            find(text, &(0..text.len()), &mut found);
            assert_eq!(!found.is_empty(), want, "{text}");
        }
    }
}
