//! Escapes undone: percent (RFC 3986), entities (HTML), `\uXXXX` and the other escapes of JSON.

use super::offsets::Map;
use super::regions::Regions;
use std::ops::Range;

/// A text without its escapes.
pub(crate) struct Escaped {
    pub text: String,
    pub(super) map: Map,
}

/// The parts of a text around its escapes.
pub(super) fn regions(text: &str) -> Regions {
    let mut regions = Regions::default();
    escapes(text, |at, _| regions.add(text, at));
    regions
}

/// How many characters of a text are written as percent, entity or code: `\n`, `\"` and their like are not.
pub(crate) fn escaped(text: &str) -> usize {
    let mut count = 0;
    escapes(text, |at, _| count += usize::from(at.len() > 2));
    count
}

/// A text with its escapes undone.
pub(crate) fn unescape(text: &str) -> Escaped {
    let mut plain = String::with_capacity(text.len());
    let mut map = Map::default();
    let mut copied = 0;
    escapes(text, |at, character| {
        plain.push_str(&text[copied..at.start]);
        plain.push(character);
        copied = at.end;
        map.changed(plain.len(), at.end);
    });
    plain.push_str(&text[copied..]);
    Escaped { text: plain, map }
}

/// Calls `found` with each escape, and the character that it stands for.
pub(crate) fn escapes(text: &str, mut found: impl FnMut(Range<usize>, char)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(step) = memchr::memchr3(b'%', b'&', b'\\', &bytes[at..]) {
        at += step;
        match escape(&bytes[at..]) {
            Some((character, length)) => {
                found(at..at + length, character);
                at += length;
            }
            None => at += 1,
        }
    }
}

/// The character of an escape, and the escape's length.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    match bytes[0] {
        b'%' => percent(bytes),
        b'&' => entity(bytes),
        _ => backslash(bytes),
    }
}

fn percent(bytes: &[u8]) -> Option<(char, usize)> {
    let byte = |at: usize| {
        let digits = bytes.get(at..at + 3).filter(|escape| escape[0] == b'%')?;
        hex(&digits[1..])
    };
    let first = u8::try_from(byte(0)?).ok()?;
    let length = match first {
        0x20..=0x7E => 1,
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let mut buffer = [first, 0, 0, 0];
    for (index, slot) in buffer.iter_mut().enumerate().take(length).skip(1) {
        *slot = u8::try_from(byte(index * 3)?).ok()?;
    }
    let character = std::str::from_utf8(&buffer[..length]).ok()?.chars().next()?;
    Some((character, 3 * length))
}

fn entity(bytes: &[u8]) -> Option<(char, usize)> {
    let end = bytes.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&bytes[1..end]).ok()?;
    let code = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
        None => u32::from(named(name)?),
    };
    Some((char::from_u32(code).filter(|c| !c.is_control() || *c == '\n')?, end + 1))
}

/// Named entities of characters that values are made of.
fn named(name: &str) -> Option<char> {
    Some(match name {
        "commat" => '@',
        "period" => '.',
        "nbsp" => ' ',
        "lowbar" => '_',
        "hyphen" | "dash" => '-',
        "plus" => '+',
        "colon" => ':',
        "sol" => '/',
        "lpar" => '(',
        "rpar" => ')',
        "amp" => '&',
        "quot" => '"',
        "shy" | "zwnj" | "zwj" => '\u{200b}',
        _ => return None,
    })
}

fn backslash(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'n' | b'r' => '\n',
        b't' => ' ',
        b'@' | b'.' | b'_' | b'-' | b'+' | b'(' | b')' | b'*' => char::from(bytes[1]),
        b'x' => return Some((char::from_u32(hex(bytes.get(2..4)?)?).filter(|c| !c.is_control())?, 4)),
        b'u' if bytes.get(2) == Some(&b'{') => {
            let digits = bytes[3..].iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
            let closed = bytes.get(3 + digits) == Some(&b'}');
            let character =
                char::from_u32(hex(&bytes[3..3 + digits])?).filter(|c| closed && !c.is_control())?;
            return Some((character, digits + 4));
        }
        b'u' => return Some((char::from_u32(hex(bytes.get(2..6)?)?).filter(|c| !c.is_control())?, 6)),
        _ => return None,
    };
    Some((simple, 2))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escape_is_undone_and_found_again() {
        for (text, want) in [
            ("ann%40x%2Eorg", "ann@x.org"),
            ("ann&#64;x&#x2e;org&commat;", "ann@x.org@"),
            (r"ann\u0040x\u002eorg", "ann@x.org"),
            (r#"\"to\":\"ann\""#, r#""to":"ann""#),
            ("%C3%A9", "é"),
        ] {
            assert!(regions(text).iter().next().is_some(), "{text}");
            let plain = unescape(text);
            assert_eq!(plain.text, want);
            assert_eq!(plain.map.back(text, 0..plain.text.len()), 0..text.len());
        }
        for text in ["100% sure & more", "a \\ b", "%zz &nosuch; \\q"] {
            assert!(regions(text).iter().next().is_none(), "{text}");
        }
    }
}
