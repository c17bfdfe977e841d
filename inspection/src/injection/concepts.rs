//! Families of words, by what they mean, in some fifteen languages: `concepts.txt`. Which meet in a sentence
//! is a feature; a family is never a verdict.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// The families that a sentence shows, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen(pub u32);

pub struct Concepts {
    names: Vec<&'static str>,
    phrases: AhoCorasick,
    /// Of each phrase, its family, and whether its word may go on.
    of: Vec<(u8, bool)>,
}

impl Concepts {
    /// # Errors
    /// Where the built-in list can't be read, which a test rules out.
    pub fn built_in() -> Result<Concepts, String> {
        let (mut names, mut phrases, mut of) = (Vec::new(), Vec::new(), Vec::new());
        for line in include_str!("concepts.txt").lines().filter(|line| !line.starts_with('#')) {
            let (name, words) = line.split_once(": ").ok_or("a line without a name")?;
            let family = u8::try_from(names.len()).ok().filter(|at| *at < 32).ok_or("too many families")?;
            names.push(name);
            for word in words.split(", ") {
                let stem = word.trim_end_matches('*');
                phrases.push(stem);
                of.push((family, stem.len() < word.len()));
            }
        }
        let phrases = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::Standard)
            .build(&phrases)
            .map_err(|error| error.to_string())?;
        Ok(Concepts { names, phrases, of })
    }

    /// The families whose phrases stand in a text of lower case.
    pub fn seen(&self, lower: &str) -> Seen {
        let bytes = lower.as_bytes();
        let mut seen = 0;
        for found in self.phrases.find_overlapping_iter(lower) {
            let (family, goes_on) = self.of[found.pattern().as_usize()];
            let starts = !joined(bytes, found.start());
            let ends = goes_on || !joined(bytes, found.end());
            if starts && ends {
                seen |= 1 << family;
            }
        }
        Seen(seen)
    }

    /// The names of families.
    pub fn names(&self, seen: Seen) -> impl Iterator<Item = &'static str> + '_ {
        self.names.iter().enumerate().filter(move |(at, _)| seen.0 >> at & 1 == 1).map(|(_, name)| *name)
    }
}

/// Whether a word goes on across this place. Letters beyond ASCII are not looked at: they need no word ends.
fn joined(bytes: &[u8], at: usize) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    at > 0 && letter(bytes.get(at - 1)) && letter(bytes.get(at))
}
