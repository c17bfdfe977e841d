//! A string as it stood in JSON: kept raw, so that what nobody changes is copied and not encoded again.

use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;

/// A whole JSON string literal, quotes included; valid UTF-8, every escape well-formed.
///
/// It may hold a prompt or an answer, so `Debug` prints its length alone and there is no `Serialize`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text {
    json: Bytes,
}

impl Text {
    /// Takes a literal that a JSON parser has already accepted as a string.
    /// `None` where it is no string literal.
    pub fn from_json(json: Bytes) -> Option<Text> {
        let quoted = json.len() >= 2 && json[0] == b'"' && json[json.len() - 1] == b'"';
        quoted.then_some(Text { json })
    }

    /// Encodes a plain string.
    pub fn new(plain: &str) -> Text {
        let json = serde_json::to_vec(plain).expect("a string always encodes");
        Text { json: json.into() }
    }

    /// The literal, quotes included, fit to stand in any JSON document.
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The literal without its quotes.
    pub fn json_inner(&self) -> &[u8] {
        &self.json[1..self.json.len() - 1]
    }

    /// Bytes of the literal without its quotes: at least the bytes of the decoded string.
    pub fn json_len(&self) -> usize {
        self.json.len() - 2
    }

    pub fn is_empty(&self) -> bool {
        self.json.len() == 2
    }

    /// The string itself. A lone surrogate (which the door refuses) would read as U+FFFD.
    pub fn decoded(&self) -> Cow<'_, str> {
        let inner = self.json_inner();
        if memchr::memchr(b'\\', inner).is_none() {
            return String::from_utf8_lossy(inner);
        }
        match serde_json::from_slice::<String>(&self.json) {
            Ok(plain) => Cow::Owned(plain),
            Err(_) => Cow::Owned(String::from_utf8_lossy(inner).into_owned()),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text(*** {} bytes)", self.json_len())
    }
}

/// A JSON value as it stood, to be copied. `Debug` prints its length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Bytes);

impl RawJson {
    /// Takes what a JSON parser has already accepted.
    pub fn new(json: Bytes) -> RawJson {
        RawJson(json)
    }

    pub fn json(&self) -> &[u8] {
        &self.0
    }

    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawJson(*** {} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn debug_prints_no_content() {
        assert_eq!(format!("{:?}", Text::new("my prompt")), "Text(*** 9 bytes)");
    }

    #[test]
    fn only_a_string_literal_is_a_text() {
        for (case, json, want) in [
            ("a string", &b"\"a\""[..], true),
            ("the empty string", b"\"\"", true),
            ("a number", b"12", false),
            ("one quote", b"\"", false),
            ("nothing", b"", false),
        ] {
            assert_eq!(Text::from_json(Bytes::from_static(json)).is_some(), want, "{case}");
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(plain in ".*") {
            let text = Text::new(&plain);
            prop_assert_eq!(text.decoded(), plain);
        }
    }
}
