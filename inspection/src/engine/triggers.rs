//! Words that may begin something, all of them found in one pass: three bytes at a time are looked up in a
//! table of bits, and what it lets through is compared.

use std::collections::HashMap;
use std::ops::Range;

/// Bits of the table, as a power of two.
const TABLE_BITS: u32 = 16;
/// Bytes that are looked up; no word is shorter.
const WINDOW: usize = 3;

/// A word, whether its case counts, and what it begins.
pub(crate) struct Word<T> {
    pub text: &'static str,
    pub exact: bool,
    pub begins: T,
}

pub(crate) struct Triggers<T> {
    bits: Box<[u64; 1 << (TABLE_BITS - 6)]>,
    words: Vec<Word<T>>,
    /// Words by their first three bytes in upper case, the longest first.
    by_head: HashMap<u32, Vec<usize>>,
}

impl<T> Triggers<T> {
    pub(crate) fn new(words: Vec<Word<T>>) -> Triggers<T> {
        let mut bits = Box::new([0; 1 << (TABLE_BITS - 6)]);
        let mut by_head: HashMap<u32, Vec<usize>> = HashMap::new();
        for (index, word) in words.iter().enumerate() {
            let bytes = word.text.as_bytes();
            debug_assert!(bytes.len() >= WINDOW, "{}", word.text);
            let head = head(bytes[0], bytes[1], bytes[2]);
            let slot = slot(head);
            bits[slot >> 6] |= 1 << (slot & 63);
            by_head.entry(head).or_default().push(index);
        }
        for found in by_head.values_mut() {
            found.sort_by_key(|index| std::cmp::Reverse(words[*index].text.len()));
        }
        Triggers { bits, words, by_head }
    }

    /// Calls `found` with each word that stands in a text; at one place with all that stand there, the longest first.
    pub(crate) fn find(&self, text: &str, mut found: impl FnMut(&Word<T>, Range<usize>)) {
        let bytes = text.as_bytes();
        // Four bytes are read at once, of which three count.
        for (at, four) in bytes.windows(WINDOW + 1).enumerate() {
            let head = u32::from_le_bytes([four[0], four[1], four[2], four[3]]) & CASELESS;
            if self.may_begin(head) {
                self.words_at(bytes, at, head, &mut found);
            }
        }
        if let Some(&[a, b, c]) = bytes.last_chunk() {
            self.words_at(bytes, bytes.len() - WINDOW, head(a, b, c), &mut found);
        }
    }

    fn may_begin(&self, head: u32) -> bool {
        let slot = slot(head);
        self.bits[slot >> 6] & 1 << (slot & 63) != 0
    }

    fn words_at(&self, bytes: &[u8], at: usize, head: u32, found: &mut impl FnMut(&Word<T>, Range<usize>)) {
        for index in self.by_head.get(&head).into_iter().flatten() {
            let word = &self.words[*index];
            let end = at + word.text.len();
            let Some(there) = bytes.get(at..end) else { continue };
            let same = match word.exact {
                true => there == word.text.as_bytes(),
                false => there.eq_ignore_ascii_case(word.text.as_bytes()),
            };
            if same {
                found(word, at..end);
            }
        }
    }
}

/// Of three bytes what is left without that which tells small letters from capitals.
const CASELESS: u32 = 0x00DF_DFDF;

fn head(a: u8, b: u8, c: u8) -> u32 {
    u32::from_le_bytes([a, b, c, 0]) & CASELESS
}

/// Multiplicative hashing (Knuth, TAOCP 3, 6.4).
fn slot(head: u32) -> usize {
    (head.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_where_it_stands() {
        let word = |text, exact| Word { text, exact, begins: () };
        let triggers = Triggers::new(vec![
            word("key", false),
            word("keyring", false),
            word("AKIA", true),
            word("né le", false),
        ]);
        let text = "KeyRing, akia AKIA né le ke";
        let mut found = Vec::new();
        triggers.find(text, |_, at| found.push(&text[at]));
        assert_eq!(found, ["KeyRing", "Key", "AKIA", "né le"]);
    }
}
