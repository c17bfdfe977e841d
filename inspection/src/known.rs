//! Values that are known, found again wherever else they stand: as a substring from six characters on,
//! shorter ones as whole words.
//!
//! Most places of a text are rejected by one bit: whether any value begins with the four bytes that stand
//! there. What is left is looked up by a value's first bytes, and the longest that fits is taken. Values stay
//! in the vault alone; here are their hashes.

use crate::vault::{Full, Vault};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

/// Characters from which on a value is looked for within words.
const WITHIN_WORDS: usize = 6;
/// Bytes by which a value is looked up.
const HEAD: usize = 6;
/// Bytes of the window that is tested first.
const WINDOW: usize = 4;
/// Bits of the table of windows, as a power of two.
const TABLE_BITS: u32 = 13;
/// Bytes that may be hashed for each byte of a text, and for any text: many long values that begin alike
/// would else cost the square of their length.
const EFFORT: usize = 256;
const LEAST_EFFORT: usize = 1 << 20;

/// The values so far.
#[derive(Default)]
pub struct Known {
    hasher: RandomState,
    /// One bit for each hash of a value's first window; empty until there is a long value.
    windows: Vec<u64>,
    /// Long values by their first bytes.
    long: HashMap<[u8; HEAD], Alike>,
    short: Alike,
}

/// Values that begin alike.
#[derive(Default)]
struct Alike {
    /// Hash of the whole value to its id in the vault.
    ids: HashMap<u64, usize>,
    /// Longest first, in bytes.
    lengths: Vec<usize>,
}

impl Known {
    /// Adds a value of the vault under its id there.
    pub fn add(&mut self, value: &str, id: usize) {
        let bytes = value.as_bytes();
        let alike = if value.chars().take(WITHIN_WORDS).count() < WITHIN_WORDS {
            &mut self.short
        } else {
            if self.windows.is_empty() {
                self.windows = vec![0; 1 << (TABLE_BITS - 6)];
            }
            let slot = slot(bytes);
            self.windows[slot >> 6] |= 1 << (slot & 63);
            let head = bytes[..HEAD].try_into().expect("six characters are at least six bytes");
            self.long.entry(head).or_default()
        };
        alike.ids.entry(self.hasher.hash_one(bytes)).or_insert(id);
        if let Err(place) = alike.lengths.binary_search_by(|known| bytes.len().cmp(known)) {
            alike.lengths.insert(place, bytes.len());
        }
    }

    /// Adds where values stand, each with its id: leftmost first, there the longest, and none over another.
    ///
    /// # Errors
    /// [`Full::Alike`] where telling the values apart would take too long.
    pub fn find(
        &self,
        vault: &Vault,
        text: &str,
        found: &mut Vec<(Range<usize>, usize)>,
    ) -> Result<(), Full> {
        let bytes = text.as_bytes();
        let mut search = Search { known: self, vault, text, effort: EFFORT * bytes.len() + LEAST_EFFORT };
        let mut at = 0;
        while let Some(next) = self.next(bytes, at) {
            at = next;
            match search.at(at)? {
                Some((length, id)) => {
                    found.push((at..at + length, id));
                    at += length;
                }
                None => at += 1,
            }
        }
        Ok(())
    }

    /// The next place where a value may stand, from `at` on.
    fn next(&self, bytes: &[u8], at: usize) -> Option<usize> {
        if !self.short.lengths.is_empty() {
            return (at < bytes.len()).then_some(at);
        }
        let rest = &bytes[at.min(bytes.len())..];
        rest.windows(HEAD).position(|window| may_begin(&self.windows, window)).map(|step| at + step)
    }
}

struct Search<'s> {
    known: &'s Known,
    vault: &'s Vault,
    text: &'s str,
    /// Bytes that may still be hashed.
    effort: usize,
}

impl Search<'_> {
    fn at(&mut self, at: usize) -> Result<Option<(usize, usize)>, Full> {
        let Search { known, text, .. } = *self;
        let bytes = &text.as_bytes()[at..];
        if may_begin(&known.windows, bytes)
            && let Some(alike) = known.long.get(&bytes[..HEAD])
            && let Some(longest) = self.longest(alike, bytes, |_| true)?
        {
            return Ok(Some(longest));
        }
        let begins_word = || {
            text.is_char_boundary(at) && !text[..at].chars().next_back().is_some_and(char::is_alphanumeric)
        };
        if known.short.lengths.is_empty() || !begins_word() {
            return Ok(None);
        }
        let ends_word =
            |length: usize| !text[at + length..].chars().next().is_some_and(char::is_alphanumeric);
        self.longest(&known.short, bytes, ends_word)
    }

    fn longest(
        &mut self,
        alike: &Alike,
        bytes: &[u8],
        fits: impl Fn(usize) -> bool,
    ) -> Result<Option<(usize, usize)>, Full> {
        for length in alike.lengths.iter().copied().filter(|length| *length <= bytes.len()) {
            self.effort = self.effort.checked_sub(length).ok_or(Full::Alike)?;
            let value = &bytes[..length];
            let id = alike.ids.get(&self.known.hasher.hash_one(value));
            if let Some(id) = id.filter(|id| self.vault.value(**id).as_bytes() == value)
                && fits(length)
            {
                return Ok(Some((length, *id)));
            }
        }
        Ok(None)
    }
}

fn may_begin(windows: &[u64], bytes: &[u8]) -> bool {
    if windows.is_empty() || bytes.len() < HEAD {
        return false;
    }
    let slot = slot(bytes);
    windows[slot >> 6] & 1 << (slot & 63) != 0
}

/// A place in the table for the first four bytes (multiplicative hashing, Knuth, TAOCP 3, 6.4).
fn slot(bytes: &[u8]) -> usize {
    let window = u32::from_le_bytes(bytes[..WINDOW].try_into().expect("callers look at six bytes or more"));
    (window.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Stood;
    use gateway_core::finding::Kind;
    use proptest::prelude::*;

    fn known(values: &[&str]) -> (Vault, Known) {
        let (mut vault, mut known) = (Vault::default(), Known::default());
        for value in values {
            let given = vault.number(Kind::SECRET, value, Stood::Text).expect("there is room");
            known.add(value, given.id);
        }
        (vault, known)
    }

    #[test]
    fn long_values_are_found_within_words_and_short_ones_whole() {
        let (vault, known) = known(&["ann@x.org", "ann@x.org.uk", "12345", "Zoë", "ab"]);
        for (text, want) in [
            ("xann@x.orgx", &["ann@x.org"][..]),
            ("ann@x.org.uk", &["ann@x.org.uk"]),
            ("12345 123456 a12345 (12345)", &["12345", "12345"]),
            ("Zoë, Zoës", &["Zoë"]),
            ("ab éab abé", &["ab"]),
            ("", &[]),
        ] {
            let mut found = Vec::new();
            known.find(&vault, text, &mut found).expect("it is little work");
            let told: Vec<&str> = found.into_iter().map(|(span, _)| &text[span]).collect();
            assert_eq!(told, want, "{text}");
        }
    }

    #[test]
    fn many_values_that_begin_alike_end_in_an_error_and_not_in_hours() {
        let values: Vec<String> = (1..2_000).map(|n| format!("{}b", "a".repeat(6 + n))).collect();
        let (vault, known) = known(&values.iter().map(String::as_str).collect::<Vec<_>>());
        let text = "a".repeat(1 << 20);
        assert_eq!(known.find(&vault, &text, &mut Vec::new()), Err(Full::Alike));
    }

    proptest! {
        #[test]
        fn each_value_is_found_wherever_it_is_put(
            values in prop::collection::vec("[a-c@.é]{6,9}", 1..8),
            between in "[x ]{0,5}",
        ) {
            let (vault, known) = known(&values.iter().map(String::as_str).collect::<Vec<_>>());
            let text = values.join(&format!("{between}x"));
            let mut found = Vec::new();
            known.find(&vault, &text, &mut found).expect("it is little work");
            let mut left = String::new();
            let mut from = 0;
            for (span, id) in found {
                prop_assert_eq!(&text[span.clone()], vault.value(id));
                left.push_str(&text[from..span.start]);
                left.push('|');
                from = span.end;
            }
            left.push_str(&text[from..]);
            for value in &values {
                prop_assert!(!left.contains(value.as_str()), "{value} is left in {left}");
            }
        }
    }
}
