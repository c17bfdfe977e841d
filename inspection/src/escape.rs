//! JSON string literals decoded, with the way back from each place to where it stood.

use std::borrow::Cow;

/// A literal's content, and where its escapes were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    pub text: Cow<'a, str>,
    jumps: Jumps,
}

/// The way from offsets of decoded text to offsets of the literal: after each escape, the offset in both.
/// Empty where both are the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Jumps(Vec<(usize, usize)>);

impl Jumps {
    /// Where the character at offset `at` of the decoded text begins in the literal. For the end of a span
    /// that is the place after its last character.
    pub(crate) fn raw(&self, at: usize) -> usize {
        let before = self.0.partition_point(|(decoded, _)| *decoded <= at);
        match before.checked_sub(1).map(|last| self.0[last]) {
            Some((decoded, raw)) => raw + (at - decoded),
            None => at,
        }
    }
}

/// Decodes the inside of a literal. A broken escape stands for itself, byte by byte, so that no input is lost.
pub(crate) fn decode(raw: &str) -> Decoded<'_> {
    let bytes = raw.as_bytes();
    let Some(first) = memchr::memchr(b'\\', bytes) else {
        return Decoded { text: Cow::Borrowed(raw), jumps: Jumps::default() };
    };
    let mut text = String::with_capacity(raw.len());
    let mut jumps = Vec::new();
    let (mut copied, mut at) = (0, first);
    loop {
        let Some((character, length)) = escape(&bytes[at..]) else {
            at += 1;
            match memchr::memchr(b'\\', &bytes[at..]) {
                Some(step) => at += step,
                None => break,
            }
            continue;
        };
        text.push_str(&raw[copied..at]);
        text.push(character);
        at += length;
        copied = at;
        jumps.push((text.len(), at));
        match memchr::memchr(b'\\', &bytes[at..]) {
            Some(step) => at += step,
            None => break,
        }
    }
    text.push_str(&raw[copied..]);
    Decoded { text: Cow::Owned(text), jumps: Jumps(jumps) }
}

impl<'a> Decoded<'a> {
    /// See [`Jumps::raw`].
    pub(crate) fn raw(&self, at: usize) -> usize {
        self.jumps.raw(at)
    }

    pub(crate) fn into_parts(self) -> (Cow<'a, str>, Jumps) {
        (self.text, self.jumps)
    }
}

/// The character of the escape that `bytes` begins with, and the escape's length.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let simple = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(bytes),
        _ => return None,
    };
    Some((simple, 2))
}

fn unicode(bytes: &[u8]) -> Option<(char, usize)> {
    let first = hex(bytes.get(2..6)?)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 6));
    }
    if bytes.get(6..8)? != b"\\u" {
        return None;
    }
    let second = hex(bytes.get(8..12)?)?;
    let pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
    let code = 0x1_0000 + (first.checked_sub(0xD800)? << 10) + second.checked_sub(0xDC00)?;
    Some((pair.then(|| char::from_u32(code))??, 12))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
}

/// Bytes of the escape that `bytes` begins with, of two and more if it is a pair of surrogates; a broken one
/// is one byte. `None` where it is cut.
pub(crate) fn length(bytes: &[u8]) -> Option<usize> {
    let digits = |at: usize| bytes.iter().skip(at).take_while(|byte| byte.is_ascii_hexdigit()).count().min(4);
    match bytes.get(1)? {
        b'u' if digits(2) < 4 => (bytes.len() > 2 + digits(2)).then_some(1),
        b'u' if (0xD800..0xDC00).contains(&hex(bytes.get(2..6)?)?) => match bytes.get(6..8) {
            Some(b"\\u") if digits(8) < 4 => (bytes.len() > 8 + digits(8)).then_some(6),
            Some(b"\\u") => Some(12),
            Some(_) => Some(6),
            None => (bytes.get(6).is_some_and(|byte| *byte != b'\\')).then_some(6),
        },
        b'u' => Some(6),
        _ => Some(2),
    }
}

/// `plain` as the inside of a literal.
pub(crate) fn encode(plain: &str) -> Cow<'_, str> {
    if plain.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        return Cow::Borrowed(plain);
    }
    let quoted = serde_json::to_string(plain).expect("a string always encodes");
    Cow::Owned(quoted[1..quoted.len() - 1].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_place_is_found_again_in_the_literal() {
        let raw = r#"a\n\u00e9b\ud83d\ude00\"c"#;
        let decoded = decode(raw);
        assert_eq!(decoded.text, "a\néb😀\"c");
        for (character, literal) in
            [("a", "a"), ("\n", r"\n"), ("é", r"\u00e9"), ("😀", r"\ud83d\ude00"), ("c", "c")]
        {
            let start = decoded.text.find(character).expect("it is there");
            let span = decoded.jumps.raw(start)..decoded.jumps.raw(start + character.len());
            assert_eq!(&raw[span], literal);
        }
    }

    #[test]
    fn a_broken_escape_stands_for_itself() {
        for raw in [r"\x", r"\u12", r"\ud800", "a\\"] {
            assert_eq!(decode(raw).text, raw);
        }
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(plain in any::<String>()) {
            let encoded = encode(&plain);
            let decoded = decode(&encoded);
            prop_assert_eq!(&decoded.text, &plain);
            prop_assert_eq!(decoded.jumps.raw(plain.len()), encoded.len());
        }

        #[test]
        fn it_reads_what_a_parser_reads(plain in any::<String>()) {
            let escaped: String = plain.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(decode(&escaped).text, plain);
        }
    }
}
