//! What a secret's value looks like, and what only stands in a secret's place: variables, placeholders, words.

use std::ops::Range;

/// Words that stand where a secret would: examples, types, states. Compared without case and separators.
const STAND_INS: &[&str] = &[
    "accesstoken",
    "apikey",
    "bool",
    "boolean",
    "bytes",
    "changeit",
    "changeme",
    "default",
    "disabled",
    "dummy",
    "empty",
    "enabled",
    "example",
    "examplepassword",
    "fail",
    "failed",
    "false",
    "foobar",
    "hidden",
    "input",
    "integer",
    "invalid",
    "kennwort",
    "key",
    "login",
    "missing",
    "mypassword",
    "newpassword",
    "nil",
    "none",
    "null",
    "number",
    "object",
    "off",
    "oldpassword",
    "optional",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "placeholder",
    "private",
    "pwd",
    "redacted",
    "required",
    "sample",
    "secret",
    "str",
    "string",
    "test",
    "text",
    "token",
    "true",
    "undefined",
    "unknown",
    "username",
    "userpass",
    "userpassword",
    "value",
    "void",
    "yourapikey",
    "yourkey",
    "yourpassword",
    "yoursecret",
    "yourtoken",
];

/// Parts of a value that give a stand-in away, in lower case.
const STAND_IN_PARTS: &[&str] = &[
    "xxxx",
    "****",
    "####",
    "....",
    "${",
    "{{",
    "}}",
    "$(",
    "#{",
    "your-",
    "your_",
    "-here",
    "_here",
    "changeme",
    "change-me",
    "change_me",
    "replace",
    "redacted",
    "placeholder",
    "example.com/",
    "insert-",
    "insert_",
    "todo",
    "…",
    "•••",
    "●●●",
];

/// What is known of a value's bytes, counted in one pass.
#[derive(Clone, Copy, Default)]
pub struct Shape {
    pub len: usize,
    pub lower: usize,
    pub upper: usize,
    pub digits: usize,
    pub symbols: usize,
    /// Different bytes (all non-ASCII bytes count as one).
    pub distinct: u32,
    /// The longest run of one byte.
    pub run: usize,
    pub hex: bool,
}

impl Shape {
    pub fn of(value: &[u8]) -> Shape {
        let mut shape = Shape { len: value.len(), hex: true, ..Shape::default() };
        let (mut seen, mut run, mut last) = (0_u128, 0, None);
        for &byte in value {
            match byte {
                b'a'..=b'z' => shape.lower += 1,
                b'A'..=b'Z' => shape.upper += 1,
                b'0'..=b'9' => shape.digits += 1,
                _ => shape.symbols += 1,
            }
            shape.hex &= byte.is_ascii_hexdigit();
            seen |= 1 << byte.min(127);
            run = if last == Some(byte) { run + 1 } else { 1 };
            shape.run = shape.run.max(run);
            last = Some(byte);
        }
        shape.distinct = seen.count_ones();
        shape
    }

    pub fn letters(&self) -> usize {
        self.lower + self.upper
    }

    /// Whether it could be drawn at random: letters and digits mixed, many different ones, none often in a row.
    pub fn random(&self) -> bool {
        let wanted = match self.len {
            0..=11 => 6,
            12..=19 => 8,
            _ => 10,
        };
        self.digits >= 1 && self.letters() >= 1 && self.distinct >= wanted && self.run * 4 <= self.len
    }

    /// Random, or nothing but letters of both cases in a long row without a word's rhythm.
    pub fn random_or_mixed(&self) -> bool {
        self.random()
            || (self.len >= 16
                && self.upper * 4 >= self.len
                && self.lower * 4 >= self.len
                && self.distinct >= 12)
    }
}

/// Whether `value` only marks the place of a secret, or names a variable that holds it.
pub fn is_stand_in(value: &str) -> bool {
    let bytes = value.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return true };
    let enclosed =
        matches!((first, last), (b'<', b'>') | (b'{', b'}') | (b'[', b']') | (b'(', b')') | (b'%', b'%'));
    if enclosed || is_variable(bytes) {
        return true;
    }
    let shape = Shape::of(&bytes[..bytes.len().min(512)]);
    if shape.distinct <= 2 || (shape.run >= 5 && shape.run * 3 >= shape.len) || sequence(bytes) {
        return true;
    }
    if bytes.len() > 80 {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    let tagged = lower.find('<').is_some_and(|open| lower[open..].contains('>'));
    if tagged || STAND_IN_PARTS.iter().any(|part| lower.contains(part)) {
        return true;
    }
    let plain: String = lower.chars().filter(|c| !matches!(c, '-' | '_' | ' ' | '.')).collect();
    STAND_INS.binary_search(&plain.as_str()).is_ok()
}

/// `$NAME`, `${NAME}`, `%NAME%`, `@Name@`, `{{ name }}`, `$(command)`: something else holds the value.
fn is_variable(value: &[u8]) -> bool {
    match value {
        [b'$', b'{' | b'(', ..]
        | [b'{', b'{', ..]
        | [b'%', b'(' | b'{', ..]
        | [b'#', b'{', ..]
        | [b'`', ..] => true,
        [b'$', name @ ..] => {
            name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'))
        }
        [b'%', b's' | b'd' | b'v'] => true,
        _ => false,
    }
}

/// `12345…`, `abcdef…`: each byte follows the one before.
fn sequence(value: &[u8]) -> bool {
    value.len() >= 6 && value.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1) || (pair == b"90"))
}

/// Whether it has the form of a UUID.
pub fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether an unquoted value is code: a name, a call, a path of names, not a literal.
pub fn is_code(value: &str, next: Option<u8>) -> bool {
    let bytes = value.as_bytes();
    if matches!(next, Some(b'(' | b'[' | b'{')) || bytes.iter().any(|byte| matches!(byte, b'(' | b'[' | b'{'))
    {
        return true;
    }
    if bytes
        .first()
        .is_some_and(|first| matches!(first, b'$' | b'<' | b'&' | b'@' | b'*' | b'/' | b'.' | b'-' | b'='))
        || value.starts_with("__")
    {
        return true;
    }
    // `self.password2`, `config::token`, `user->pass`: names joined by what joins names.
    let joined = ["::", "->", "=>", "()"].iter().any(|joint| value.contains(joint));
    joined || (value.contains('.') && value.split('.').all(is_name))
}

fn is_name(part: &str) -> bool {
    let shape = Shape::of(part.as_bytes());
    part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (shape.digits <= 2 || shape.len < 12)
}

/// Whether words make up most of it (`X509CertificateFlag`, `DIALOG_TOKEN`): an identifier, not drawn at random.
pub fn is_wordy(value: &str) -> bool {
    let words = |within: fn(&u8) -> bool| -> usize {
        value.as_bytes().split(|byte| !within(byte)).map(<[u8]>::len).filter(|len| *len >= 4).sum()
    };
    let capitals = if value.contains('_') { words(u8::is_ascii_uppercase) } else { 0 };
    (words(u8::is_ascii_lowercase) + capitals) * 2 > value.len()
}

/// A value as it stands: where its bytes are and whether quotes hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub span: Range<usize>,
    pub quoted: bool,
}

/// Bytes of the longest value.
pub const LONGEST: usize = 4_096;
/// Bytes by which a value without quotes is judged; what is a secret may reach further ([`Value::whole`]).
const JUDGED: usize = 128;
/// Bytes of the longest value that is looked for between quotes.
const LONGEST_QUOTED: usize = 2_048;

/// The value that begins at `at`: up to the closing quote on the same line, or up to a space or an end mark.
pub fn read(text: &str, at: usize) -> Option<Value> {
    let bytes = text.as_bytes();
    let (open, quote) = match (bytes.get(at)?, bytes.get(at + 1)) {
        (quote @ (b'"' | b'\'' | b'`'), _) => (at + 1, Some((*quote, false))),
        (b'\\', Some(quote @ (b'"' | b'\''))) => (at + 2, Some((*quote, true))),
        _ => (at, None),
    };
    let end = match quote {
        Some((quote, escaped)) => closing(bytes, open, quote, escaped)?,
        None => reach(bytes, open, JUDGED),
    };
    // Cut at a character, whatever the limit did.
    let end = floor(text, end);
    (end > open).then_some(Value { span: open..end, quoted: quote.is_some() })
}

impl Value {
    /// All of a value of which only its beginning was judged.
    pub fn whole(self, text: &str) -> Value {
        if self.quoted || self.span.len() + 4 <= JUDGED {
            return self;
        }
        let end = floor(text, reach(text.as_bytes(), self.span.start, LONGEST));
        Value { span: self.span.start..end, quoted: false }
    }
}

/// Where a value without quotes ends that begins at `at`.
fn reach(bytes: &[u8], at: usize, most: usize) -> usize {
    at + bytes[at..].iter().take(most).take_while(|byte| !ends_value(**byte)).count()
}

fn ends_value(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b')' | b']' | b'}' | b'<' | b'>' | b'|' | b'\\')
}

fn closing(bytes: &[u8], open: usize, quote: u8, escaped: bool) -> Option<usize> {
    let mut at = open;
    let limit = bytes.len().min(open + LONGEST_QUOTED);
    while at < limit {
        match bytes[at] {
            b'\n' => return None,
            b'\\' if escaped && bytes.get(at + 1) == Some(&quote) => return Some(at),
            b'\\' => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    // A text may be cut off within a value.
    (limit == bytes.len()).then_some(limit)
}

/// The last character boundary of `text` not after `at`.
pub fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
