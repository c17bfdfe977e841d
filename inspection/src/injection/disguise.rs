//! Writings that decode exactly: runs of base64, base32, hex, bits, character codes and Morse signs, letters
//! set apart, and escapes. Each run is replaced where it stands, so that the words around it still count.

use crate::engine::decode::{escaped, unescape};
use crate::engine::runs::encoded_runs;
use std::ops::Range;

/// A text with what decodes in it decoded once. `None` where nothing does.
pub fn decoded(text: &str) -> Option<String> {
    let mut runs: Vec<(Range<usize>, String)> = Vec::new();
    encoded_runs(text, &mut |span, plain| {
        // Words of prose can be read as base64: what comes out of those has no blanks.
        if reads(plain) {
            runs.push((span, plain.to_owned()));
        }
    });
    groups(text, &mut runs);
    apart(text, &mut runs);
    let replaced = replace(text, runs);
    let source = replaced.as_deref().unwrap_or(text);
    if escaped(source) >= ESCAPES {
        return Some(unescape(source).text);
    }
    replaced
}

/// Fewer escapes than these hide nothing: ordinary text has some.
const ESCAPES: usize = 3;

/// Whether decoded bytes are a text: mostly letters, with blanks where it is long.
fn reads(plain: &str) -> bool {
    let (mut letters, mut all) = (0_usize, 0_usize);
    for character in plain.chars() {
        if character.is_control() && !character.is_whitespace() {
            return false;
        }
        all += 1;
        letters += usize::from(character.is_alphabetic() || character == ' ');
    }
    all >= 6 && letters * 10 >= all * 6
}

fn replace(text: &str, mut runs: Vec<(Range<usize>, String)>) -> Option<String> {
    if runs.is_empty() {
        return None;
    }
    runs.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (span, plain) in runs {
        if span.start >= copied {
            out.push_str(&text[copied..span.start]);
            out.push_str(&plain);
            copied = span.end;
        }
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// Characters of a run that may be a code: shorter ones are numbers and names.
const SHORTEST: usize = 24;

/// Runs of digits, signs and separators that are codes of characters.
fn groups(text: &str, runs: &mut Vec<(Range<usize>, String)>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + SHORTEST <= bytes.len() {
        let may_start = |class: &Class| (class.digit)(bytes[at]) || class.prefix.contains(&bytes[at]);
        if !CLASSES.iter().any(may_start) {
            at += 1;
            continue;
        }
        let starts_word = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let mut end = 0;
        for class in CLASSES.iter().filter(|_| starts_word) {
            let length = bytes[at..]
                .iter()
                .take_while(|byte| {
                    (class.digit)(**byte) || class.between.contains(byte) || class.prefix.contains(byte)
                })
                .count();
            if length < SHORTEST {
                continue;
            }
            let run = text[at..at + length].trim_end();
            if let Some(plain) = (class.read)(run).filter(|plain| reads(plain)) {
                end = at + run.len();
                runs.push((at..end, plain));
                break;
            }
        }
        // A run that is no code is passed over as a word.
        let word = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count().max(1);
        at = end.max(at + word);
    }
}

struct Class {
    digit: fn(u8) -> bool,
    between: &'static [u8],
    prefix: &'static [u8],
    read: fn(&str) -> Option<String>,
}

const CLASSES: [Class; 5] = [
    Class { digit: |byte| matches!(byte, b'0' | b'1'), between: b" ,\n_", prefix: b"", read: bits },
    Class { digit: |byte| matches!(byte, b'.' | b'-'), between: b" /|\n", prefix: b"", read: morse },
    Class { digit: |byte| byte.is_ascii_digit(), between: b" ,;-\n[]", prefix: b"", read: codes },
    Class { digit: |byte| byte.is_ascii_hexdigit(), between: b" ,:;-\n", prefix: b"\\x%", read: hex },
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

/// Letters set apart by one sign each: `i g n o r e`, `i-g-n-o-r-e`. Two or three signs are a word's end.
fn apart(text: &str, runs: &mut Vec<(Range<usize>, String)>) {
    const LETTERS: usize = 7;
    if !may_be_apart(text.as_bytes()) {
        return;
    }
    let mut start = 0;
    let mut plain = String::new();
    let mut letters = 0;
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, character)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let single = !character.is_whitespace()
            && !SEPARATORS.contains(&character)
            && next.is_none_or(separates)
            && separates(before);
        if single {
            if letters == 0 {
                start = at;
            }
            plain.push(character);
            letters += 1;
        } else if separates(character) && letters > 0 {
            if before == character && !plain.ends_with(' ') {
                plain.push(' ');
            }
        } else {
            close(&mut letters, &mut plain, start..at, LETTERS, runs);
        }
        before = character;
    }
    close(&mut letters, &mut plain, start..text.len(), LETTERS, runs);
}

/// Whether separators stand at even steps anywhere: between single letters of one or two bytes they do.
fn may_be_apart(bytes: &[u8]) -> bool {
    let separates = |at: usize| bytes.get(at).is_some_and(|byte| b" .-_*|/\n".contains(byte));
    let steps = |at: usize, step: usize| (1..4).all(|times| separates(at + times * step));
    (0..bytes.len()).any(|at| separates(at) && (steps(at, 2) || steps(at, 3)))
}

fn close(
    letters: &mut usize,
    plain: &mut String,
    span: Range<usize>,
    least: usize,
    runs: &mut Vec<(Range<usize>, String)>,
) {
    let plain = std::mem::take(plain);
    if std::mem::take(letters) >= least
        && plain.chars().filter(|c| c.is_alphabetic()).count() * 3 >= plain.len()
    {
        runs.push((span, format!("{plain} ")));
    }
}

const SEPARATORS: [char; 7] = [' ', '.', '-', '_', '*', '|', '/'];

fn separates(character: char) -> bool {
    SEPARATORS.contains(&character) || character == '\n'
}
