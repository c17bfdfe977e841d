//! The strings, keys and numbers of a JSON document, by where they stand. It changes nothing and copies nothing.

use std::ops::Range;

/// What stands in a document. Ranges of strings and keys leave their quotes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Key(Range<usize>),
    String(Range<usize>),
    Number(Range<usize>),
}

/// Whether `text` is one JSON object or array, and nothing else but white space.
pub(crate) fn is_document(text: &str) -> bool {
    let opens = text.trim_start_matches([' ', '\t', '\r', '\n']).as_bytes().first();
    matches!(opens, Some(b'{' | b'[')) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Calls `found` with each token of a valid document, in order. What is not valid may be told in part, but
/// nothing panics.
pub(crate) fn tokens(json: &[u8], mut found: impl FnMut(Token)) {
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = string_end(json, at + 1);
                let inner = at + 1..end;
                at = (end + 1).min(json.len());
                found(if is_key(json, at) { Token::Key(inner) } else { Token::String(inner) });
            }
            b'-' | b'0'..=b'9' => {
                let end = number_end(json, at);
                found(Token::Number(at..end));
                at = end;
            }
            _ => at += 1,
        }
    }
}

/// Where the string that begins at `start` ends: its closing quote, or the end of all.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(step) = memchr::memchr2(b'"', b'\\', &json[at.min(json.len())..]) {
        at += step;
        if json[at] == b'"' {
            return at;
        }
        at += 2;
    }
    json.len()
}

fn number_end(json: &[u8], start: usize) -> usize {
    let digits = json[start + 1..]
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    start + 1 + digits.count()
}

/// A string is a key where a colon follows: between values there is none.
fn is_key(json: &[u8], after: usize) -> bool {
    json[after..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_key_string_and_number_is_told_in_order() {
        let json = r#" {"a\"b" : "x\\", "n":[-1.5e+3,{"k":""}], "t":true} "#;
        let mut told = Vec::new();
        tokens(json.as_bytes(), |token| told.push(token));
        let told: Vec<(&str, &str)> = told
            .iter()
            .map(|token| match token {
                Token::Key(at) => ("key", &json[at.clone()]),
                Token::String(at) => ("string", &json[at.clone()]),
                Token::Number(at) => ("number", &json[at.clone()]),
            })
            .collect();
        let want = [
            ("key", r#"a\"b"#),
            ("string", r"x\\"),
            ("key", "n"),
            ("number", "-1.5e+3"),
            ("key", "k"),
            ("string", ""),
            ("key", "t"),
        ];
        assert_eq!(told, want);
    }

    #[test]
    fn a_document_is_one_object_or_array() {
        for (text, want) in [
            (r#"{"a":1}"#, true),
            ("\n [1, 2] ", true),
            ("{}", true),
            ("{a}", false),
            ("[1] and more", false),
            ("\"text\"", false),
            ("12", false),
            ("", false),
        ] {
            assert_eq!(is_document(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(json in any::<Vec<u8>>()) {
            tokens(&json, |token| match token {
                Token::Key(at) | Token::String(at) | Token::Number(at) => assert!(json.get(at).is_some()),
            });
        }
    }
}
