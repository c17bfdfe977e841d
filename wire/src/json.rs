//! One pass over a body before it is decoded. It refuses what two readers could understand in two ways
//! (a repeated key, at any depth) or what would exhaust one of them (nesting), and bytes that are no
//! text: invalid UTF-8 and lone surrogates.
//!
//! It is no validator: on a body that is not JSON it may say anything but must not panic, and the
//! decoder after it finds the mistake.

use memchr::memchr2;
use std::borrow::Cow;
use std::collections::HashSet;

/// Levels of arrays and objects that a body may have.
pub const MAX_DEPTH: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("it is not UTF-8 at byte {at}")]
    NotUtf8 { at: usize },
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    TooDeep { at: usize },
    #[error("an object has the same key twice")]
    RepeatedKey { at: usize },
    #[error("a \\u escape is half of a surrogate pair")]
    LoneSurrogate { at: usize },
}

impl Flaw {
    /// The byte at which it stands.
    pub fn at(&self) -> usize {
        match self {
            Flaw::NotUtf8 { at }
            | Flaw::TooDeep { at }
            | Flaw::RepeatedKey { at }
            | Flaw::LoneSurrogate { at } => *at,
        }
    }
}

/// Looks a whole body over, and hands it out as the text that it is; linear in its length.
pub fn check(body: &[u8]) -> Result<&str, Flaw> {
    let text = std::str::from_utf8(body).map_err(|error| Flaw::NotUtf8 { at: error.valid_up_to() })?;
    Scan { body, at: 0, levels: Vec::new(), keys: Vec::new() }.run()?;
    Ok(text)
}

/// Reads an answer; `None` where it is not what it should be. UTF-8 is checked once, not string by string.
pub(crate) fn read<'de, T: serde::Deserialize<'de>>(json: &'de [u8]) -> Option<T> {
    serde_json::from_str(std::str::from_utf8(json).ok()?).ok()
}

struct Scan<'a> {
    body: &'a [u8],
    at: usize,
    levels: Vec<Level<'a>>,
    /// Keys of all open objects, the innermost last; each level knows where its own begin.
    keys: Vec<Cow<'a, [u8]>>,
}

enum Level<'a> {
    Array,
    Object { first_key: usize, expects_key: bool, many: Option<HashSet<Cow<'a, [u8]>>> },
}

/// From here on an object's keys are hashed; below, comparing them one by one is faster.
const MANY_KEYS: usize = 16;

impl<'a> Scan<'a> {
    fn run(mut self) -> Result<(), Flaw> {
        while let Some(&byte) = self.body.get(self.at) {
            match byte {
                b'"' => self.string()?,
                b'{' | b'[' => self.open(byte)?,
                b'}' | b']' => self.close(),
                b',' => {
                    if let Some(Level::Object { expects_key, .. }) = self.levels.last_mut() {
                        *expects_key = true;
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    fn open(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.levels.len() == MAX_DEPTH {
            return Err(Flaw::TooDeep { at: self.at });
        }
        self.levels.push(if byte == b'{' {
            Level::Object { first_key: self.keys.len(), expects_key: true, many: None }
        } else {
            Level::Array
        });
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        if let Some(Level::Object { first_key, .. }) = self.levels.pop() {
            self.keys.truncate(first_key);
        }
        self.at += 1;
    }

    fn string(&mut self) -> Result<(), Flaw> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let Some(found) = self.body.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) else {
                self.at = self.body.len();
                return Ok(());
            };
            at += found;
            if self.body[at] == b'"' {
                break;
            }
            escaped = true;
            at = self.escape(at)?;
        }
        self.at = at + 1;
        let body = self.body;
        self.key(&body[start..at], escaped, start)
    }

    /// Steps over one escape; `at` is its backslash.
    fn escape(&self, at: usize) -> Result<usize, Flaw> {
        if self.body.get(at + 1) != Some(&b'u') {
            return Ok(at + 2);
        }
        match self.unit(at) {
            Some(0xD800..=0xDBFF) => match self.unit(at + 6) {
                Some(0xDC00..=0xDFFF) => Ok(at + 12),
                _ => Err(Flaw::LoneSurrogate { at }),
            },
            Some(0xDC00..=0xDFFF) => Err(Flaw::LoneSurrogate { at }),
            _ => Ok(at + 2),
        }
    }

    /// The UTF-16 unit of a `\uXXXX` that begins at `at`.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.body.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + (*digit as char).to_digit(16)?))
    }

    fn key(&mut self, raw: &'a [u8], escaped: bool, at: usize) -> Result<(), Flaw> {
        let Some(Level::Object { first_key, expects_key, many }) = self.levels.last_mut() else {
            return Ok(());
        };
        if !std::mem::take(expects_key) {
            return Ok(());
        }
        let key = if escaped { unescaped(raw) } else { Cow::Borrowed(raw) };
        let known = &self.keys[*first_key..];
        let repeated = match many {
            Some(many) => !many.insert(key),
            None if known.contains(&key) => true,
            None => {
                self.keys.push(key);
                if self.keys.len() - *first_key > MANY_KEYS {
                    *many = Some(self.keys.drain(*first_key..).collect());
                }
                false
            }
        };
        if repeated { Err(Flaw::RepeatedKey { at }) } else { Ok(()) }
    }
}

/// A key as its reader sees it; one that does not decode is left to the decoder, which refuses it.
fn unescaped(raw: &[u8]) -> Cow<'_, [u8]> {
    let quoted = [b"\"", raw, b"\""].concat();
    match serde_json::from_slice::<String>(&quoted) {
        Ok(plain) => Cow::Owned(plain.into_bytes()),
        Err(_) => Cow::Borrowed(raw),
    }
}

/// Line and column, both from 1, of a byte.
pub fn position(body: &[u8], at: usize) -> (usize, usize) {
    let before = &body[..at.min(body.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |n| n + 1) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_what_two_readers_could_differ_on() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        let wide = |n: usize| {
            let keys: Vec<String> = (0..n).map(|i| format!("\"k{i}\":1")).collect();
            format!("{{{}}}", keys.join(","))
        };
        for (case, body, want) in [
            ("plain", r#"{"a":1,"b":[{"a":1},{"a":2}]}"#.to_owned(), None),
            ("repeated", r#"{"a":1,"a":2}"#.to_owned(), Some(Flaw::RepeatedKey { at: 8 })),
            ("repeated by escape", r#"{"a":1,"\u0061":2}"#.to_owned(), Some(Flaw::RepeatedKey { at: 8 })),
            ("repeated below", r#"{"x":{"a":1,"a":2}}"#.to_owned(), Some(Flaw::RepeatedKey { at: 13 })),
            (
                "after an inner object",
                r#"{"a":{"b":1},"a":2}"#.to_owned(),
                Some(Flaw::RepeatedKey { at: 14 }),
            ),
            ("a value is no key", r#"{"a":"a","b":"a"}"#.to_owned(), None),
            ("many keys", wide(100), None),
            ("128 levels", deep(128), None),
            ("129 levels", deep(129), Some(Flaw::TooDeep { at: 128 })),
            ("10,000 levels", deep(10_000), Some(Flaw::TooDeep { at: 128 })),
            ("a pair", r#"["\ud83d\ude00"]"#.to_owned(), None),
            ("high alone", r#"["\ud83d"]"#.to_owned(), Some(Flaw::LoneSurrogate { at: 2 })),
            ("low alone", r#"["\ude00"]"#.to_owned(), Some(Flaw::LoneSurrogate { at: 2 })),
            ("an escaped backslash before u", r#"["\\ud83d"]"#.to_owned(), None),
            ("an unfinished string", r#"{"a"#.to_owned(), None),
        ] {
            assert_eq!(check(body.as_bytes()).err(), want, "{case}");
        }
        let repeated = wide(100).replace("\"k99\"", "\"k3\"");
        assert!(matches!(check(repeated.as_bytes()), Err(Flaw::RepeatedKey { .. })));
        assert_eq!(check(b"[\"\xff\"]"), Err(Flaw::NotUtf8 { at: 2 }));
    }

    #[test]
    fn position_counts_from_one() {
        assert_eq!(position(b"ab\ncd", 0), (1, 1));
        assert_eq!(position(b"ab\ncd", 4), (2, 2));
    }

    proptest! {
        #[test]
        fn never_panics(body in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b'u'), Just(b'd'), Just(b','), any::<u8>()
        ], 0..200)) {
            let _ = check(&body);
        }
    }
}
