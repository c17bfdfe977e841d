//! How many tokens a model makes of texts, at most: counted by its own tokenizer, piece by piece, so that whoever
//! counts may stop at any time and holds a bound all the same.
//!
//! **Why it is a bound, whatever stands around a text.** The tokenizer cuts a prompt into words by a pattern, then each
//! word into tokens by itself. Two parts of a word may make fewer tokens than the word does, so what a provider writes
//! before a text, after it or between two could make their count too small. But the pattern reads on from where a
//! word has ended and knows nothing of what was before, and there are places over which none of its words goes
//! ([`splits`]): there a prompt falls into two that are counted apart, and their sum is exact. Counted is what stands
//! between the first such place of a text and the last one, and in pieces that end at such places. What is before and
//! after, a word or two, may grow together with something of the provider's: it counts with its bytes, of which no
//! byte-level tokenizer makes more tokens. What the provider writes itself is in `gateway_core`'s bound.
//!
//! A special token that is spelled out in a text counts as the text that it is, with more tokens than one.

use gateway_core::catalog::Tokenizer;
use gateway_core::conversation::Text;
use std::vec::IntoIter;

/// Bytes of a piece at most. Of what has no such place within so many, nothing is counted.
const PIECE: usize = 64 << 10;
/// A text is unpacked so many times as fast as it is counted.
const UNPACKING: usize = 32;

/// A count under way.
pub struct Count {
    tokenizer: Tokenizer,
    texts: IntoIter<Text>,
    /// The text that is counted now, from `at` to its last place.
    text: String,
    at: usize,
    last: usize,
    /// `at` is no place: a word may go over it.
    torn: bool,
    most: u64,
}

impl Count {
    pub fn new(tokenizer: Tokenizer, texts: Vec<Text>) -> Count {
        let most = texts.iter().map(|text| text.json_len() as u64).sum();
        let texts = texts.into_iter();
        Count { tokenizer, texts, text: String::new(), at: 0, last: 0, torn: false, most }
    }

    /// Tokens, at most: what is not counted yet, with its bytes.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Counts about so many bytes more. The first call in a process unpacks the vocabulary, which takes some 60 ms and
    /// 34 MB. False: all is counted.
    pub fn go_on(&mut self, bytes: usize) -> bool {
        let name = match self.tokenizer {
            Tokenizer::O200kBase => "o200k_base",
        };
        // Its feature stands in the manifest; without it every text keeps its bytes.
        let Some(encoding) = tiktoken::get_encoding(name) else { return false };
        let mut left = bytes;
        while left > 0 {
            if self.at < self.last {
                let (end, is_counted) = self.piece();
                let length = end - self.at;
                if is_counted {
                    let tokens = encoding.count(&self.text[self.at..end]);
                    self.most = self.most.saturating_sub(length.saturating_sub(tokens) as u64);
                }
                self.at = end;
                self.torn = !is_counted && !is_place(&self.text, end);
                left = left.saturating_sub(length);
            } else {
                let Some(text) = self.texts.next() else { return false };
                self.begin(&text);
                left = left.saturating_sub(1 + text.json_len() / UNPACKING);
            }
        }
        self.at < self.last || !self.texts.as_slice().is_empty()
    }

    fn begin(&mut self, text: &Text) {
        self.text = text.decoded().into_owned();
        // What escapes took.
        let less = text.json_len().saturating_sub(self.text.len()) as u64;
        self.most = self.most.saturating_sub(less);
        let from = self.text.len().saturating_sub(PIECE);
        (self.at, self.torn) = (0, true);
        self.last = last_place(&self.text, self.text.floor_char_boundary(from), self.text.len()).unwrap_or(0);
    }

    /// Where the next piece ends, and whether it can be counted: it begins and ends at a place.
    fn piece(&self) -> (usize, bool) {
        let to = self.text.floor_char_boundary((self.at + PIECE).min(self.last));
        let (place, is_counted) = if self.torn {
            (first_place(&self.text, self.at, to), false)
        } else {
            (last_place(&self.text, self.at, to), true)
        };
        place.map_or((to, false), |place| (place, is_counted))
    }
}

/// The first place behind `from`, up to `to`.
fn first_place(text: &str, from: usize, to: usize) -> Option<usize> {
    let behind = text[from..to].char_indices().map(|(at, char)| from + at + char.len_utf8());
    behind.into_iter().find(|at| is_place(text, *at))
}

/// The last one there.
fn last_place(text: &str, from: usize, to: usize) -> Option<usize> {
    let behind = text[from..to].char_indices().rev().map(|(at, char)| from + at + char.len_utf8());
    behind.into_iter().find(|at| is_place(text, *at))
}

fn is_place(text: &str, at: usize) -> bool {
    let (before, after) = (text[..at].chars().next_back(), text[at..].chars().next());
    before.zip(after).is_some_and(|(before, after)| splits(before, after))
}

/// Whether no word of the tokenizer's pattern holds both, one after the other, whatever is around them. Its words:
/// letters and marks, with one other character before them and `'s`, `'ll` and the like after them; up to three
/// digits; other characters, with a blank before them and line ends or slashes after them; white space.
fn splits(before: char, after: char) -> bool {
    if after == ' ' {
        return !before.is_whitespace();
    }
    let is_other = |char: char| char.is_ascii() && !char.is_ascii_alphabetic() && char != '\'';
    match before {
        '0'..='9' => after.is_ascii() && !after.is_ascii_digit(),
        'a'..='z' | 'A'..='Z' => is_other(after),
        // Ideographs, kana and syllables of Hangul are letters; they are written without blanks.
        '\u{4e00}'..='\u{9fa5}'
        | '\u{3041}'..='\u{3096}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{ac00}'..='\u{d7a3}' => {
            is_other(after) || "、。，．！？：；（）「」『』《》【】".contains(after)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
