//! Families of words, by what they mean, in some fifteen languages: `concepts.txt`. Which meet in a sentence
//! is a feature; a family is never a verdict.
//!
//! Phrases are compared by the hashes of their tokens, so that no text is read twice.

use super::tokens::{Sink, Token, tokens};
use std::collections::BTreeMap;
use std::ops::Range;

/// The families that a sentence shows, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub u32);

pub struct Concepts {
    names: Vec<&'static str>,
    /// By the hash of their last token: a table with open places, twice as large as it need be.
    ends: Vec<End>,
    /// The rest of the phrases of several tokens.
    longer: Vec<Phrase>,
    /// Which hashes end a phrase, which begin a word that does, and which are the first of such a beginning.
    exact: Bits,
    begins: Bits,
    firsts: Bits,
}

/// The phrases that end in a token.
#[derive(Clone, Default)]
struct End {
    hash: u64,
    /// The families of those that are this token alone, and of those whose word may go on.
    alone: u32,
    begun: u32,
    /// Where its longer phrases stand.
    longer: Range<u32>,
}

struct Phrase {
    /// Its tokens but the last, from the back.
    before: Vec<u64>,
    /// Its last word may go on.
    goes_on: bool,
    family: u32,
}

struct Bits(Box<[u64; 1 << 10]>);

impl Bits {
    fn set(&mut self, hash: u64) {
        self.0[(hash >> 54) as usize] |= 1 << (hash >> 48 & 63);
    }

    #[inline]
    fn has(&self, hash: u64) -> bool {
        self.0[(hash >> 54) as usize] >> (hash >> 48 & 63) & 1 == 1
    }
}

impl Concepts {
    /// # Errors
    /// Where the built-in list can't be read, which a test rules out.
    pub fn built_in() -> Result<Concepts, String> {
        let bits = || Bits(Box::new([0; 1 << 10]));
        let mut all = Concepts {
            names: Vec::new(),
            ends: Vec::new(),
            longer: Vec::new(),
            exact: bits(),
            begins: bits(),
            firsts: bits(),
        };
        let mut phrases: BTreeMap<u64, Vec<Phrase>> = BTreeMap::new();
        for line in include_str!("concepts.txt").lines().filter(|line| !line.starts_with('#')) {
            let (name, words) = line.split_once(": ").ok_or("a line without a name")?;
            let family =
                u32::try_from(all.names.len()).ok().filter(|at| *at < 32).ok_or("too many families")?;
            all.names.push(name);
            for word in words.split(", ") {
                let (last, phrase) =
                    all.read(word, family).ok_or_else(|| format!("the phrase {word} can't be read"))?;
                phrases.entry(last).or_default().push(phrase);
            }
        }
        all.ends = vec![End::default(); (phrases.len() * 2).next_power_of_two()];
        for (hash, phrases) in phrases {
            let at = all.place(hash);
            let start = all.longer.len() as u32;
            let end = &mut all.ends[at];
            end.hash = hash;
            for phrase in phrases {
                match (phrase.before.is_empty(), phrase.goes_on) {
                    (true, false) => end.alone |= 1 << phrase.family,
                    (true, true) => end.begun |= 1 << phrase.family,
                    (false, _) => all.longer.push(phrase),
                }
            }
            end.longer = start..all.longer.len() as u32;
        }
        Ok(all)
    }

    /// Where the phrases that end in a token stand, or would.
    fn place(&self, hash: u64) -> usize {
        let last = self.ends.len() - 1;
        let mut at = hash as usize & last;
        while self.ends[at].hash != hash && self.ends[at].hash != 0 {
            at = (at + 1) & last;
        }
        at
    }

    /// A phrase, and its last token.
    fn read(&mut self, text: &str, family: u32) -> Option<(u64, Phrase)> {
        let stem = text.trim_end_matches('*');
        let mut read = Read(Vec::new());
        tokens(stem, &mut read);
        let last = read.0.pop()?;
        // Words of other scripts have endings that the list does not tell.
        let goes_on = last.stem.is_some() && (stem.len() < text.len() || !stem.is_ascii());
        if goes_on {
            self.begins.set(last.hash);
            self.firsts.set(last.stem?);
        }
        self.exact.set(last.hash);
        let before: Vec<u64> = read.0.iter().rev().map(|token| token.hash).collect();
        (before.len() < KEPT).then_some((last.hash, Phrase { before, goes_on, family }))
    }

    /// What finds families in a sentence.
    pub(super) fn matching(&self) -> Matching {
        Matching { seen: 0, last: [0; KEPT], at: 0, begun: [0; BEGUN], count: 0 }
    }

    /// The names of families.
    pub fn names(&self, seen: Seen) -> impl Iterator<Item = &'static str> + '_ {
        self.names.iter().enumerate().filter(move |(at, _)| seen.0 >> at & 1 == 1).map(|(_, name)| *name)
    }
}

struct Read(Vec<Token>);

impl Sink for Read {
    fn wants(&self, _: u64) -> bool {
        false
    }

    fn begins(&mut self, _: u64) {}

    fn token(&mut self, token: Token) {
        self.0.push(token);
    }
}

/// Tokens of the longest phrase, and beginnings of one word that are kept.
const KEPT: usize = 16;
const BEGUN: usize = 4;

/// The families seen so far, and the tokens that a phrase may end.
pub(super) struct Matching {
    seen: u32,
    /// The last tokens, in a ring.
    last: [u64; KEPT],
    at: usize,
    /// Beginnings of this word that end phrases.
    begun: [u64; BEGUN],
    count: usize,
}

impl Matching {
    #[inline]
    pub fn wants(concepts: &Concepts, beginning: u64) -> bool {
        concepts.firsts.has(beginning)
    }

    #[inline]
    pub fn begins(&mut self, concepts: &Concepts, so_far: u64) {
        if concepts.begins.has(so_far) && self.count < BEGUN {
            self.begun[self.count] = so_far;
            self.count += 1;
        }
    }

    /// The families whose phrases end here.
    #[inline]
    pub fn token(&mut self, concepts: &Concepts, hash: u64) -> u32 {
        let mut here = 0;
        if self.count > 0 {
            for at in 0..std::mem::take(&mut self.count) {
                if self.begun[at] != hash {
                    here |= self.look(concepts, self.begun[at], Ends::Goes);
                }
            }
        }
        if concepts.exact.has(hash) {
            here |= self.look(concepts, hash, Ends::Whole);
        }
        self.last[self.at % KEPT] = hash;
        self.at += 1;
        self.seen |= here;
        here
    }

    #[inline(never)]
    fn look(&self, concepts: &Concepts, hash: u64, ends: Ends) -> u32 {
        let end = &concepts.ends[concepts.place(hash)];
        if end.hash != hash {
            return 0;
        }
        let mut here = end.begun | if ends == Ends::Whole { end.alone } else { 0 };
        for phrase in &concepts.longer[end.longer.start as usize..end.longer.end as usize] {
            let mut before = phrase.before.iter().zip(1..);
            if (phrase.goes_on || ends == Ends::Whole)
                && before.all(|(token, back)| self.at >= back && self.last[(self.at - back) % KEPT] == *token)
            {
                here |= 1 << phrase.family;
            }
        }
        here
    }

    pub fn seen(&self) -> Seen {
        Seen(self.seen)
    }
}

/// Whether a word is the last one of a phrase, or begins with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Whole,
    Goes,
}
