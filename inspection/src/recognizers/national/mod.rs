//! National ids: numbers of persons, taxes, health, vehicles and companies, by the form and the check that their
//! issuers publish.
//!
//! | module | holds |
//! |---|---|
//! | `forms` | the table: kind, form, check, words of context |
//! | `checks` | check digits and ranges |

mod checks;
mod forms;

use crate::context::Words;
use forms::{FORMS, Need};
use gateway_core::finding::Finding;
use std::ops::Range;

/// Characters of the longest id.
const LONGEST: usize = 24;
/// Bytes that a text may have beside a value, to be nothing but that value.
const BESIDE: usize = 16;

pub(crate) struct Nationals {
    /// Words of context, form by form; none where none is needed.
    words: Vec<Option<Words>>,
    /// Forms whose first run of letters and digits has this length.
    by_length: Vec<Vec<u16>>,
}

impl Nationals {
    pub(crate) fn new() -> Nationals {
        let words = FORMS.iter().map(|form| match form.need {
            Need::Nothing => None,
            Need::Context(words) | Need::ContextOrAlone(words) => Some(Words::new(words.iter().copied())),
        });
        let mut by_length: Vec<Vec<u16>> = (0..=LONGEST).map(|_| Vec::new()).collect();
        for (index, form) in (0u16..).zip(FORMS) {
            for length in first_lengths(form.shape) {
                by_length[length].push(index);
            }
        }
        Nationals { words: words.collect(), by_length }
    }

    /// Looks at a run of letters and digits that holds a digit, and at the word of letters before it.
    pub(crate) fn find(&self, text: &str, group: Range<usize>, found: &mut Vec<Finding>) {
        self.from(text, group.start, group.end, found);
        // `QQ 12 34 56 C`: the letters are a word of their own.
        let bytes = text.as_bytes();
        let Some(gap) = group.start.checked_sub(1).filter(|gap| is_separator(bytes[*gap])) else { return };
        let letters = bytes[..gap].iter().rev().take(4).take_while(|byte| byte.is_ascii_alphabetic()).count();
        let start = gap - letters;
        let word = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        if (1..=3).contains(&letters) && word {
            self.from(text, start, gap, found);
        }
    }

    fn from(&self, text: &str, start: usize, end: usize, found: &mut Vec<Finding>) {
        for index in self.by_length.get(end - start).into_iter().flatten() {
            let form = &FORMS[usize::from(*index)];
            let Some(matched) = matched(text, start, form.shape) else { continue };
            if !stands_free(text, &matched.span) || !(form.check)(matched.compact()) {
                continue;
            }
            let words = self.words[usize::from(*index)].as_ref();
            let said = || words.is_some_and(|words| words.near(text, &matched.span));
            let score = match form.need {
                Need::Nothing if said() => 97,
                Need::Nothing => form.score,
                _ if said() => 95,
                Need::ContextOrAlone(_) if is_alone(text, &matched.span) => form.score,
                _ => continue,
            };
            // A form whose groups must be apart is told from a bare number by its separators.
            if form.apart && !matched.separated && score != 95 {
                continue;
            }
            found.push(Finding::new(form.kind, matched.span, score));
        }
    }
}

/// A place that has a form.
struct Matched {
    span: Range<usize>,
    compact: [u8; LONGEST],
    length: usize,
    separated: bool,
}

impl Matched {
    /// Letters in upper case and digits, without separators.
    fn compact(&self) -> &[u8] {
        &self.compact[..self.length]
    }
}

/// Reads a shape: `A` a letter, `9` a digit, `X` either, a blank a separator or none, all else itself.
fn matched(text: &str, start: usize, shape: &str) -> Option<Matched> {
    let bytes = text.as_bytes();
    let mut matched = Matched { span: start..start, compact: [0; LONGEST], length: 0, separated: false };
    let mut at = start;
    let mut separator = None;
    for wanted in shape.bytes() {
        let there = bytes.get(at).copied();
        if wanted == b' ' {
            if let Some(byte) = there.filter(|byte| is_separator(*byte)) {
                // One kind of separator throughout.
                if *separator.get_or_insert(byte) != byte && !(byte == b'-' || separator == Some(b'.')) {
                    return None;
                }
                matched.separated = true;
                at += 1;
            }
            continue;
        }
        let byte = there?;
        let fits = match wanted {
            b'A' => byte.is_ascii_alphabetic(),
            b'9' => byte.is_ascii_digit(),
            b'X' => byte.is_ascii_alphanumeric(),
            other => byte == other,
        };
        if !fits {
            return None;
        }
        at += 1;
        if byte.is_ascii_alphanumeric() {
            matched.compact[matched.length] = byte.to_ascii_uppercase();
            matched.length += 1;
        }
    }
    matched.span.end = at;
    Some(matched)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/')
}

/// Lengths that the first run of letters and digits may have, as separators may be left out.
fn first_lengths(shape: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut length = 0;
    for byte in shape.bytes() {
        match byte {
            b' ' => lengths.push(length),
            byte if byte.is_ascii_alphanumeric() => length += 1,
            // A fixed mark ends the run.
            _ => {
                lengths.push(length);
                return lengths;
            }
        }
    }
    lengths.push(length);
    lengths
}

/// Whether nothing of a longer number, word or path touches a span.
fn stands_free(text: &str, span: &Range<usize>) -> bool {
    let mut before = text[..span.start].chars().rev();
    let free_before = match before.next() {
        None => true,
        Some(c) if c.is_alphanumeric() || c == '_' => false,
        Some('-' | '.' | '/' | '+') => !before.next().is_some_and(char::is_alphanumeric),
        Some(' ') => !before.next().is_some_and(|c| c.is_ascii_digit()),
        Some(_) => true,
    };
    let mut after = text[span.end..].chars();
    let free_after = match after.next() {
        None => true,
        Some(c) if c.is_alphanumeric() || c == '_' => false,
        Some('-' | '/' | '.' | '+') => !after.next().is_some_and(char::is_alphanumeric),
        Some(' ') => !after.next().is_some_and(|c| c.is_ascii_digit()),
        Some(_) => true,
    };
    free_before && free_after
}

/// Whether a text is nothing but the value, or hardly more.
fn is_alone(text: &str, span: &Range<usize>) -> bool {
    text.trim().len() <= span.len() + BESIDE
}

#[cfg(test)]
mod tests;
