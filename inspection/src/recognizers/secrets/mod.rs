//! API keys, tokens, passwords, private keys: what opens a door. One search for the words and prefixes that
//! announce a secret, then a hand-written check of what follows each.

mod assignments;
mod blocks;
mod headers;
mod names;
mod providers;
mod tokens;
mod urls;
mod values;

#[cfg(test)]
mod tests;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use gateway_core::finding::{Finding, Kind};
use std::ops::Range;

/// Certainty of a find whose form alone proves it, and of one that a name or a word announces.
const PROVEN: u8 = 99;
const NAMED: u8 = 80;

/// The recognizer of [`Kind::SECRET`]. Built once, shared by all.
pub struct Secrets {
    words: AhoCorasick,
    marks: Vec<Marks>,
}

/// One packed search for makers' marks, and the form that each announces.
struct Marks {
    search: AhoCorasick,
    forms: Vec<&'static providers::Form>,
}

/// A packed search is fast with few patterns that are all long: by these limits five searches together cost half
/// of what two would, and a third of one automaton.
const MOST_PACKED: usize = 40;
const LONG: usize = 4;

fn packed<'p>(patterns: impl IntoIterator<Item = &'p str>) -> AhoCorasick {
    AhoCorasickBuilder::new()
        .match_kind(MatchKind::LeftmostFirst)
        .build(patterns)
        .expect("a built-in list of words is small")
}

impl Default for Secrets {
    fn default() -> Secrets {
        Secrets::new()
    }
}

impl Secrets {
    pub fn new() -> Secrets {
        let of_length = |wanted: fn(usize) -> bool| -> Vec<&'static providers::Form> {
            providers::FORMS.iter().filter(|form| wanted(form.prefix.len())).collect()
        };
        let marks =
            [of_length(|len| len < LONG - 1), of_length(|len| len == LONG - 1), of_length(|len| len >= LONG)]
                .iter()
                .flat_map(|forms| forms.chunks(MOST_PACKED))
                .map(|forms| Marks {
                    search: packed(forms.iter().map(|form| form.prefix)),
                    forms: forms.to_vec(),
                })
                .collect();
        Secrets { words: packed(names::TRIGGERS.iter().copied()), marks }
    }

    /// Adds to `out` what is found in `text`. Time is linear in `text`. The finds of one call may overlap each
    /// other; those of one kind of announcement stand in order.
    pub fn find(&self, text: &str, out: &mut Vec<Finding>) {
        let mut finds = Finds { text, out };
        for marks in &self.marks {
            let mut scan = tokens::Scan::default();
            for found in marks.search.find_iter(text) {
                let form = found.pattern().as_usize();
                scan.check(&mut finds, form, marks.forms[form], found.range());
            }
        }
        let mut done = 0;
        for found in self.words.find_iter(text) {
            if found.start() >= done {
                done = names::check(&mut finds, found.range()).unwrap_or(done);
            }
        }
    }
}

/// The text that is searched and what was found in it.
struct Finds<'f> {
    text: &'f str,
    out: &'f mut Vec<Finding>,
}

impl Finds<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Reports `span` and returns where it ends. Spans come from ASCII marks, so they cut no character.
    fn add(&mut self, span: Range<usize>, score: u8) -> usize {
        debug_assert!(self.text.is_char_boundary(span.start) && self.text.is_char_boundary(span.end));
        let end = span.end;
        self.out.push(Finding::new(Kind::SECRET, span, score));
        end
    }
}
