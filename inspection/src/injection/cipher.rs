//! Writings that are tried: shifted and mirrored alphabets, text written backwards, digits for letters. A line
//! is read so only where it then has the common words that it lacks as it stands.

use super::disguise::Decoded;
use super::vocabulary::Common;

/// Bytes of a line that is tried.
const LONGEST: usize = 600;

/// A text with such lines read. `None` where there are none.
pub fn deciphered(text: &str, common: &Common) -> Option<Decoded> {
    let mut out = Decoded::default();
    let mut copied = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        for part in parts(line) {
            let start = at;
            at += part.len();
            if let Some(plain) = suspicious(part, common).then(|| best(part, common)).flatten() {
                out.text.push_str(&text[copied..start]);
                out.text.push_str(&plain);
                out.hidden.push_str(&plain);
                out.hidden.push('\n');
                copied = at;
            }
        }
    }
    if copied == 0 {
        return None;
    }
    out.text.push_str(&text[copied..]);
    Some(out)
}

/// A line, cut behind each colon that a blank follows.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let colon = memchr::memchr_iter(b':', rest.as_bytes())
            .find(|at| rest.as_bytes().get(at + 1).is_some_and(|next| *next == b' '));
        let (part, after) = rest.split_at(colon.map_or(rest.len(), |at| at + 2));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// Whether a word is a little one, which no cipher leaves as it is.
fn is_little(word: &[u8]) -> bool {
    match word {
        [a, b] => matches!(&[*a, *b], b"of" | b"to" | b"in" | b"is" | b"de"),
        [a, b, c] => matches!(&[*a, *b, *c], b"the" | b"and" | b"for"),
        _ => false,
    }
}

/// A line of words, of which hardly any is common.
fn suspicious(part: &str, common: &Common) -> bool {
    if part.len() < 16 || part.len() > LONGEST {
        return false;
    }
    // The cheap look first: prose has one of these in nearly every line.
    let bytes = part.as_bytes();
    let mut start = 0;
    for (end, byte) in bytes.iter().enumerate() {
        if *byte == b' ' {
            if end - start < 4 && is_little(&bytes[start..end]) {
                return false;
            }
            start = end + 1;
        }
    }
    let blanks = part.trim().bytes().filter(|byte| *byte == b' ').count();
    let letters = part.bytes().filter(u8::is_ascii_alphanumeric).count();
    blanks >= 2 && letters * 10 >= part.len() * 4 && common.share(part) <= 20
}

fn best(part: &str, common: &Common) -> Option<String> {
    let mut best = (common.share(part) + 25, None);
    let mut try_one = |plain: String| {
        let share = common.share(&plain);
        if share > best.0 {
            best = (share, Some(plain));
        }
    };
    let shift = likeliest(part);
    try_one(part.chars().map(|c| shifted(c, shift)).collect());
    try_one(part.chars().map(mirrored).collect());
    let backwards: String = part.trim_end().chars().rev().collect();
    try_one(backwards.chars().map(|c| shifted(c, 13)).collect());
    try_one(backwards);
    try_one(part.split(' ').map(|word| word.chars().rev().collect::<String>()).collect::<Vec<_>>().join(" "));
    try_one(part.chars().map(turned).collect());
    if part.bytes().any(|byte| byte.is_ascii_digit()) {
        try_one(part.chars().map(|c| lettered(c, 'i')).collect());
        try_one(part.chars().map(|c| lettered(c, 'l')).collect());
    }
    best.1
}

/// The shift after which the letters are spread most as in English.
fn likeliest(part: &str) -> u8 {
    /// How often each letter stands in a thousand of English text.
    const USUAL: [u32; 26] =
        [82, 15, 28, 43, 127, 22, 20, 61, 70, 2, 8, 40, 24, 67, 75, 19, 1, 60, 63, 91, 28, 10, 24, 2, 20, 1];
    let mut counts = [0_u32; 26];
    for byte in part.bytes().filter(u8::is_ascii_alphabetic) {
        counts[usize::from(byte.to_ascii_lowercase() - b'a')] += 1;
    }
    let fit =
        |shift: &u8| -> u32 { (0..26).map(|at| counts[at] * USUAL[(at + usize::from(*shift)) % 26]).sum() };
    (1..26).max_by_key(fit).unwrap_or(13)
}

fn shifted(character: char, by: u8) -> char {
    match u8::try_from(character) {
        Ok(byte @ b'a'..=b'z') => char::from((byte - b'a' + by) % 26 + b'a'),
        Ok(byte @ b'A'..=b'Z') => char::from((byte - b'A' + by) % 26 + b'A'),
        _ => character,
    }
}

fn mirrored(character: char) -> char {
    match u8::try_from(character) {
        Ok(byte @ b'a'..=b'z') => char::from(b'z' - (byte - b'a')),
        Ok(byte @ b'A'..=b'Z') => char::from(b'Z' - (byte - b'A')),
        _ => character,
    }
}

/// ROT47.
fn turned(character: char) -> char {
    match u8::try_from(character) {
        Ok(byte @ b'!'..=b'~') => char::from((byte - b'!' + 47) % 94 + b'!'),
        _ => character,
    }
}

fn lettered(character: char, one: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}
