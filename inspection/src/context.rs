//! Words around a candidate that make it likelier, or less likely, to be what it looks like.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use std::ops::Range;

/// See [`crate::redact::BREAK`].
const BREAK: u8 = crate::redact::BREAK as u8;

/// Bytes before and after a candidate in which a word counts.
const BEFORE: usize = 64;
const AFTER: usize = 24;

/// A list of words or short phrases, found as whole words without regard to ASCII case.
pub struct Words {
    words: AhoCorasick,
}

impl Words {
    pub fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Words {
        let words = AhoCorasickBuilder::new()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(words)
            .expect("a built-in list of words is small");
        Words { words }
    }

    /// Whether one of them stands near `span` of `text`.
    pub fn near(&self, text: &str, span: &Range<usize>) -> bool {
        self.before(text, span, BEFORE) || self.within(text, span.end..(span.end + AFTER).min(text.len()))
    }

    /// Whether one of them stands in the `reach` bytes before `span`.
    pub fn before(&self, text: &str, span: &Range<usize>, reach: usize) -> bool {
        self.within(text, span.start.saturating_sub(reach)..span.start)
    }

    /// Whether one of them stands in `range` of `text`'s bytes, cut off from other words by anything but a
    /// letter or digit.
    pub fn within(&self, text: &str, range: Range<usize>) -> bool {
        let bytes = text.as_bytes();
        // Nothing on the other side of a break has to do with what is here.
        let near = &bytes[range.clone()];
        let from = memchr::memrchr(BREAK, near).map_or(range.start, |at| range.start + at);
        let range = from..range.end;
        let word = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
        self.words.find_iter(&bytes[range.clone()]).any(|found| {
            let (start, end) = (range.start + found.start(), range.start + found.end());
            !(word(end) || start > 0 && word(start - 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_where_it_stands_whole_and_near() {
        let words = Words::new(["ssn", "social security"]);
        let far = format!("ssn {} 123", "x".repeat(100));
        for (case, text, want) in [
            ("before", "my SSN: 123", true),
            ("a phrase", "social security 123", true),
            ("after", "123 (ssn)", true),
            ("within another word", "my assn 123", false),
            ("too far", far.as_str(), false),
            ("absent", "number 123", false),
        ] {
            let at = text.find("123").expect("each case holds it");
            assert_eq!(words.near(text, &(at..at + 3)), want, "{case}");
        }
    }
}
