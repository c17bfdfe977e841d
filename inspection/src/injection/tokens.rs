//! A sentence as tokens: its words, runs of digits, and signs, each hashed as it is read. One pass, nothing is
//! kept.

/// Characters of a word that tell it from others.
const LONGEST: usize = 24;

/// Characters of a word's stem.
const STEM: usize = 4;

/// What is done with the tokens.
pub(super) trait Sink {
    /// Whether the beginnings of a word are wanted, of which this is the first.
    fn wants(&self, beginning: u64) -> bool;
    /// A beginning of the word that comes next: all of them, but not always those below three letters.
    fn begins(&mut self, so_far: u64);
    fn token(&mut self, token: Token);
}

/// A word, a run of digits, a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub hash: u64,
    /// That of a word's first letters.
    pub stem: Option<u64>,
    /// What it is spelled with: small and capital letters in turn, digits, or which sign; and whether it
    /// stands close to the token before.
    pub shape: u64,
}

const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// Both halves of the product, so that each bit counts in all.
pub(super) const fn mix(state: u64, value: u64) -> u64 {
    let product = (state ^ value ^ 0xD6E8_FEB8_6659_FD93) as u128 * SEED as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Reads a text.
pub(super) fn tokens(text: &str, sink: &mut impl Sink) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut close = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        match CLASS[usize::from(byte)] {
            Class::Letter | Class::High => match word(text, at, close, sink) {
                Some(end) => {
                    at = end;
                    close = 1;
                }
                None => at = beyond(text, at, &mut close, sink),
            },
            Class::Blank => {
                close = 0;
                at += 1;
            }
            Class::Digit => {
                at = run(bytes, at, |byte| byte.is_ascii_digit());
                sink.token(Token { hash: DIGITS, stem: None, shape: 3 << 1 | close });
                close = 1;
            }
            Class::Sign => {
                // `===` is one token.
                at = run(bytes, at, |next| next == byte);
                sink.token(sign(u64::from(byte), close));
                close = 1;
            }
        }
    }
}

fn run(bytes: &[u8], at: usize, is: impl Fn(u8) -> bool) -> usize {
    at + 1 + bytes[at + 1..].iter().take_while(|byte| is(**byte)).count()
}

fn sign(code: u64, close: u64) -> Token {
    Token { hash: mix(11, code), stem: None, shape: code << 8 | close }
}

const DIGITS: u64 = mix(7, 0);

/// Reads a word, and tells where it ends. `None` where there is none.
#[inline]
fn word(text: &str, start: usize, close: u64, sink: &mut impl Sink) -> Option<usize> {
    let bytes = text.as_bytes();
    let longest = bytes.len().min(start + LONGEST);
    let mut end = start;
    while end < longest && matches!(CLASS[usize::from(bytes[end])], Class::Letter) {
        end += 1;
    }
    if end < longest && bytes[end] >= 0x80 && letter(text, end).is_some() {
        return Some(wide(text, start, close, sink));
    }
    if end == start {
        return None;
    }
    plain(&bytes[start..], end - start, close, sink);
    Some(end)
}

/// The letter beyond ASCII that stands at a place.
fn letter(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next().filter(|character| matches!(kind(*character), Kind::Letter))
}

/// A word of ASCII letters, eight at a time.
#[inline]
fn plain(bytes: &[u8], length: usize, close: u64, sink: &mut impl Sink) {
    let first = eight(bytes, length.min(8));
    let lower = first | SMALL & kept(length.min(8));
    let mut capitals = !first & SMALL & kept(length.min(8));
    let begins_capital = capitals & 0x20;
    let mut hash = mix(0, lower);
    let stem = if length <= STEM { hash } else { mix(0, lower & kept(STEM)) };
    let mut at = 8;
    while at < length {
        let next = eight(&bytes[at..], (length - at).min(8));
        capitals |= !next & SMALL & kept((length - at).min(8));
        hash = mix(hash, next | SMALL & kept((length - at).min(8)));
        at += 8;
    }
    // Small, Capital, CAPITALS, mIxed.
    let case = match (capitals, begins_capital) {
        (0, _) => 0,
        (0x20, _) if length > 1 => 1,
        (_, 0) => 3,
        _ => 2,
    };
    if length >= 3 && (sink.wants(mix(0, lower & kept(3))) || sink.wants(stem)) {
        let mut before = 0;
        for from in (0..length).step_by(8) {
            let part = eight(&bytes[from..], (length - from).min(8)) | SMALL;
            for upto in 1..=(length - from).min(8) {
                if from + upto >= 3 {
                    sink.begins(mix(before, part & kept(upto)));
                }
            }
            before = mix(before, part);
        }
    }
    sink.token(Token { hash, stem: Some(stem), shape: (4 + case) << 1 | close });
}

/// The bit that small letters have, and capitals have not.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// The bits of so many bytes, from 1 to 8.
#[inline]
fn kept(bytes: usize) -> u64 {
    u64::MAX >> (64 - 8 * bytes)
}

#[inline]
fn eight(bytes: &[u8], length: usize) -> u64 {
    match bytes.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight) & kept(length),
        None => bytes[..length].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    }
}

/// A word with letters beyond ASCII, one at a time.
#[inline(never)]
fn wide(text: &str, start: usize, close: u64, sink: &mut impl Sink) -> usize {
    let bytes = text.as_bytes();
    let (mut hash, mut stem, mut length) = (1, 1, 0);
    let mut at = start;
    while length < LONGEST && at < bytes.len() {
        let code = match CLASS[usize::from(bytes[at])] {
            Class::Letter => {
                at += 1;
                u64::from(bytes[at - 1] | 0x20)
            }
            Class::High => {
                let Some(character) = letter(text, at) else { break };
                at += character.len_utf8();
                u64::from(u32::from(character.to_lowercase().next().unwrap_or(character)))
            }
            Class::Blank | Class::Digit | Class::Sign => break,
        };
        hash = mix(hash, code);
        length += 1;
        if length <= STEM {
            stem = hash;
        }
        sink.begins(hash);
    }
    sink.token(Token { hash, stem: Some(stem), shape: 8 << 1 | close });
    at
}

/// A character beyond ASCII that is no letter of a word.
fn beyond(text: &str, at: usize, close: &mut u64, sink: &mut impl Sink) -> usize {
    let Some(character) = text[at..].chars().next() else { return text.len() };
    let end = at + character.len_utf8();
    let code = u64::from(u32::from(character));
    match kind(character) {
        Kind::Blank => *close = 0,
        Kind::Sign => {
            sink.token(sign(code, *close));
            *close = 1;
        }
        // A script without blanks: each character is a word.
        Kind::Ideograph | Kind::Letter => {
            sink.token(Token { hash: mix(13, code), stem: None, shape: 2 });
            *close = 1;
        }
    }
    end
}

#[derive(Clone, Copy)]
enum Class {
    Letter,
    Digit,
    Blank,
    Sign,
    High,
}

static CLASS: [Class; 256] = {
    let mut table = [Class::Sign; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'\'' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b' ' | b'\n' | b'\t' | b'\r' => Class::Blank,
            0x80.. => Class::High,
            _ => Class::Sign,
        };
        byte += 1;
    }
    table
};

enum Kind {
    Letter,
    Blank,
    Sign,
    Ideograph,
}

fn kind(character: char) -> Kind {
    match character {
        '\u{e00}'..='\u{eff}'
        | '\u{3040}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Kind::Ideograph,
        // Marks of Indic scripts belong to their words.
        '\u{900}'..='\u{dff}' => Kind::Letter,
        _ if character.is_alphanumeric() => Kind::Letter,
        _ if character.is_whitespace() => Kind::Blank,
        _ => Kind::Sign,
    }
}
