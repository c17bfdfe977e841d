//! Codes of characters: bits, Morse signs, numbers, hex, base32, base85, and lines of uuencode.

use super::disguise::reads;
use std::ops::Range;

/// Characters of a run that may be a code: shorter ones are numbers and names.
const SHORTEST: usize = 24;

/// Runs of digits, signs and separators that are codes of characters.
pub(super) fn groups(text: &str, runs: &mut Vec<(Range<usize>, String)>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + SHORTEST <= bytes.len() {
        // A run of this length covers this place.
        let probe = at + SHORTEST - 1;
        if !MAY[usize::from(bytes[probe])] {
            at = probe + 1;
            continue;
        }
        let back = bytes[at..probe].iter().rposition(|byte| !MAY[usize::from(*byte)]);
        let start = back.map_or(at, |back| at + back + 1);
        let end = probe + bytes[probe..].iter().take_while(|byte| MAY[usize::from(**byte)]).count();
        if end - start >= SHORTEST {
            stretch(text, start..end, runs);
        }
        at = end.max(at + 1);
    }
}

/// Times that a stretch is tried as one class: it may begin with a number that is none of its codes.
const TRIES: usize = 6;

/// Looks for runs in a stretch of what codes are made of.
fn stretch(text: &str, span: Range<usize>, runs: &mut Vec<(Range<usize>, String)>) {
    let bytes = text.as_bytes();
    // What failed so often up to where is not tried again before that.
    let mut failed = [(0_usize, 0_usize); CLASSES.len()];
    let mut at = span.start;
    while at + SHORTEST <= span.end {
        let starts_word = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let mut end = 0;
        for (class, failed) in CLASSES.iter().zip(&mut failed).filter(|_| starts_word) {
            let first = (class.digit)(bytes[at]) || class.prefix.contains(&bytes[at]);
            if !first || (failed.0 > at && failed.1 >= TRIES) {
                continue;
            }
            let goes_on = |byte: &&u8| {
                (class.digit)(**byte) || class.between.contains(byte) || class.prefix.contains(byte)
            };
            let length = bytes[at..span.end].iter().take_while(goes_on).count();
            if length < SHORTEST {
                continue;
            }
            let run = text[at..at + length].trim_end();
            if let Some(plain) = (class.read)(run).filter(|plain| reads(plain)) {
                end = at + run.len();
                runs.push((at..end, plain));
                break;
            }
            *failed = (at + length, if failed.0 == at + length { failed.1 + 1 } else { 1 });
        }
        // A run that is no code is passed over as a word.
        let word = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count().max(1);
        at = end.max(at + word);
    }
}

/// What any of the classes is made of.
static MAY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8, b'0'..=b'9' | b'a'..=b'f' | b'x' | b'A'..=b'Z' | b' ' | b',' | b':' | b';' | b'-'
            | b'.' | b'_' | b'/' | b'|' | b'\n' | b'[' | b']' | b'\\' | b'%' | b'=');
        byte += 1;
    }
    table
};

struct Class {
    digit: fn(u8) -> bool,
    between: &'static [u8],
    prefix: &'static [u8],
    read: fn(&str) -> Option<String>,
}

const CLASSES: [Class; 5] = [
    Class { digit: |byte| matches!(byte, b'0' | b'1'), between: b" ,\n_", prefix: b"", read: bits },
    Class { digit: |byte| matches!(byte, b'.' | b'-'), between: b" /|\n", prefix: b"", read: morse },
    Class { digit: |byte| byte.is_ascii_digit(), between: b" ,;-\n[]", prefix: b"\\", read: codes },
    Class { digit: |byte| byte.is_ascii_hexdigit(), between: b" ,:;-\n", prefix: b"\\x%=", read: hex },
    Class {
        digit: |byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
        between: b"\n",
        prefix: b"=",
        read: base32,
    },
];

fn bits(run: &str) -> Option<String> {
    let digits: Vec<u8> = run.bytes().filter(|byte| matches!(byte, b'0' | b'1')).collect();
    for width in [8, 7] {
        if digits.len().is_multiple_of(width) && digits.len() >= width * 4 {
            let bytes = digits.chunks(width).map(|bits| bits.iter().fold(0, |sum, bit| sum << 1 | (bit & 1)));
            if let Ok(plain) = String::from_utf8(bytes.collect())
                && reads(&plain)
            {
                return Some(plain);
            }
        }
    }
    None
}

fn hex(run: &str) -> Option<String> {
    let plain = run.replace("\\x", "").replace("0x", "");
    let digits: Vec<u8> = plain.bytes().filter(u8::is_ascii_hexdigit).collect();
    if !digits.len().is_multiple_of(2) || digits.len() < SHORTEST / 2 {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect();
    String::from_utf8(bytes?).ok()
}

/// Character codes in decimal, else in octal.
fn codes(run: &str) -> Option<String> {
    let numbers: Vec<&str> =
        run.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()).collect();
    if numbers.len() < 8 {
        return None;
    }
    let read = |radix| {
        let code = |number: &&str| u32::from_str_radix(number, radix).ok().and_then(char::from_u32);
        let plain: Option<String> = numbers.iter().map(code).collect();
        plain.filter(|plain| plain.chars().all(|c| c == '\n' || !c.is_control()) && reads(plain))
    };
    if run.starts_with('\\') {
        return read(8);
    }
    read(10).or_else(|| read(8))
}

fn base32(run: &str) -> Option<String> {
    let (mut held, mut count) = (0_u32, 0);
    let mut bytes = Vec::with_capacity(run.len());
    for byte in run.bytes().filter(|byte| byte.is_ascii_alphanumeric()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            _ => byte.checked_sub(b'2')? + 26,
        };
        held = held << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(held >> count & 0xFF).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

const MORSE: [&str; 36] = [
    ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--", "-.", "---",
    ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--", "--..", "-----", ".----",
    "..---", "...--", "....-", ".....", "-....", "--...", "---..", "----.",
];

fn morse(run: &str) -> Option<String> {
    let mut plain = String::new();
    for word in run.split(['/', '|', '\n']).flat_map(|part| part.split("   ")) {
        for sign in word.split(' ').filter(|sign| !sign.is_empty()) {
            let at = MORSE.iter().position(|known| *known == sign)?;
            plain.push(char::from(*b"abcdefghijklmnopqrstuvwxyz0123456789".get(at)?));
        }
        plain.push(' ');
    }
    Some(plain)
}

/// Characters of the shortest run of base85: shorter ones are code.
const DENSE: usize = 25;

/// Words that are base85 (of Adobe, or RFC 1924), and lines of uuencode.
pub(super) fn dense(text: &str, runs: &mut Vec<(Range<usize>, String)>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + DENSE <= bytes.len() {
        let back = bytes[at..at + DENSE].iter().rposition(u8::is_ascii_whitespace);
        if let Some(back) = back {
            at += back + 1;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
        let signs = bytes[at..end].iter().filter(|byte| !byte.is_ascii_alphanumeric()).count();
        let plain = if signs >= 3 { base85(&bytes[at..end]) } else { None };
        if let Some(plain) = plain.filter(|plain| reads(plain)) {
            runs.push((at..end, plain));
        }
        at = end + 1;
    }
    if text.starts_with("begin ")
        || memchr::memmem::find(bytes, b"\nbegin ").is_some()
        || bytes.first() == Some(&b'M')
    {
        uuencoded(text, runs);
    }
}

fn base85(run: &[u8]) -> Option<String> {
    const SIGNS: &[u8] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    let adobe = run.strip_prefix(b"<~").unwrap_or(run);
    let adobe = adobe.strip_suffix(b"~>").unwrap_or(adobe);
    let of = |run: &[u8], value: &dyn Fn(u8) -> Option<u32>| -> Option<String> {
        let mut plain = Vec::with_capacity(run.len());
        for group in run.chunks(5) {
            let mut sum = 0_u32;
            for at in 0..5 {
                let digit = group.get(at).map_or(Some(84), |byte| value(*byte))?;
                sum = sum.checked_mul(85)?.checked_add(digit)?;
            }
            let bytes = &sum.to_be_bytes()[..group.len().saturating_sub(1)];
            // A run that is no code fails at its first bytes.
            if bytes.iter().any(|byte| *byte < b' ' && !byte.is_ascii_whitespace()) {
                return None;
            }
            plain.extend_from_slice(bytes);
        }
        String::from_utf8(plain).ok()
    };
    let number = |at: usize| u32::try_from(at).ok();
    of(adobe, &|byte| byte.checked_sub(b'!').filter(|value| *value < 85).map(u32::from))
        .filter(|plain| reads(plain))
        .or_else(|| of(run, &|byte| SIGNS.iter().position(|sign| *sign == byte).and_then(number)))
}

/// Lines that begin with how many bytes they say, three of them in four characters.
fn uuencoded(text: &str, runs: &mut Vec<(Range<usize>, String)>) {
    // Where a line goes on with what the one before it says.
    let mut next = usize::MAX;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']).as_bytes();
        let [length, signs @ ..] = line else { continue };
        let length = usize::from(length.wrapping_sub(b' ') & 63);
        let fits = signs.len() >= 12 && signs.len() == length.div_ceil(3) * 4;
        if !fits || !signs.iter().all(|sign| (b' '..=b'`').contains(sign)) {
            continue;
        }
        let mut plain = Vec::with_capacity(length);
        for four in signs.chunks_exact(4) {
            let sum = four.iter().fold(0_u32, |sum, sign| sum << 6 | u32::from(sign.wrapping_sub(b' ') & 63));
            plain.extend_from_slice(&sum.to_be_bytes()[1..]);
        }
        plain.truncate(length);
        if let Some(plain) = String::from_utf8(plain).ok().filter(|plain| reads(plain)) {
            let end = start + line.len();
            match runs.last_mut().filter(|_| next == start) {
                Some((span, whole)) => {
                    span.end = end;
                    whole.push_str(&plain);
                }
                None => runs.push((start..end, plain)),
            }
            next = at;
        }
    }
}
