//! What a configuration adds to the search: its own patterns and words, and values that are never found.

use crate::context::Words;
use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use gateway_core::finding::{Finding, Kind};
use regex::{Regex, RegexBuilder};
use std::collections::HashSet;

/// Bytes that a compiled pattern may take.
const SIZE: usize = 2 << 20;

/// What is searched beside the kinds that are built in.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub patterns: Vec<Pattern>,
    /// Values that are never found, as they stand.
    pub allow: Vec<String>,
}

/// A kind of a configuration's own.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub kind: Kind,
    /// Of the `regex` crate's syntax, which has no look-around and takes linear time.
    pub expression: Option<String>,
    /// Found as whole words, without regard to case.
    pub words: Vec<String>,
    /// Where there are any, one of them has to stand near.
    pub context: Vec<String>,
    /// Per cent.
    pub score: u8,
}

/// A pattern that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("the pattern of {kind} is no regular expression: {problem}")]
    Expression { kind: Kind, problem: String },
    #[error("the pattern of {kind} matches the empty text, and so everything")]
    Empty { kind: Kind },
    #[error("the words of {kind} are too many")]
    Words { kind: Kind },
}

impl Pattern {
    /// Whether a search can be made of it.
    ///
    /// # Errors
    /// See [`Invalid`].
    pub fn check(&self) -> Result<(), Invalid> {
        Compiled::new(self).map(drop)
    }
}

struct Compiled {
    kind: Kind,
    score: u8,
    expression: Option<Regex>,
    words: Option<AhoCorasick>,
    context: Option<Words>,
}

impl Compiled {
    fn new(pattern: &Pattern) -> Result<Compiled, Invalid> {
        let kind = pattern.kind;
        let expression = pattern.expression.as_ref().map(|text| {
            let built = RegexBuilder::new(text).size_limit(SIZE).dfa_size_limit(SIZE).build();
            // The last line says what is wrong; those before repeat the pattern.
            let problem =
                |error: regex::Error| error.to_string().lines().last().unwrap_or_default().to_owned();
            built.map_err(|error| Invalid::Expression { kind, problem: problem(error) })
        });
        let expression = expression.transpose()?;
        if expression.as_ref().is_some_and(|regex| regex.is_match("")) {
            return Err(Invalid::Empty { kind });
        }
        let words = (!pattern.words.is_empty()).then(|| {
            let mut builder = AhoCorasickBuilder::new();
            builder.ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest);
            builder.build(&pattern.words).map_err(|_| Invalid::Words { kind })
        });
        let context =
            (!pattern.context.is_empty()).then(|| Words::new(pattern.context.iter().map(String::as_str)));
        Ok(Compiled { kind, score: pattern.score, expression, words: words.transpose()?, context })
    }

    fn find(&self, text: &str, found: &mut Vec<Finding>) {
        let mut add = |span: std::ops::Range<usize>| {
            let fits = self.context.as_ref().is_none_or(|context| context.near(text, &span));
            if fits && !span.is_empty() {
                found.push(Finding::new(self.kind, span, self.score));
            }
        };
        if let Some(expression) = &self.expression {
            expression.find_iter(text).for_each(|hit| add(hit.range()));
        }
        if let Some(words) = &self.words {
            words
                .find_iter(text)
                .map(|hit| hit.range())
                .filter(|span| stands_alone(text, span))
                .for_each(add);
        }
    }
}

/// Whether no letter or digit touches a span.
pub(crate) fn stands_alone(text: &str, span: &std::ops::Range<usize>) -> bool {
    let before = text[..span.start].chars().next_back();
    let after = text[span.end..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

pub(super) struct Patterns {
    all: Vec<Compiled>,
    allow: HashSet<String>,
}

impl Patterns {
    pub(super) fn new(settings: &Settings) -> Result<Patterns, Invalid> {
        let all = settings.patterns.iter().map(Compiled::new).collect::<Result<_, _>>()?;
        Ok(Patterns { all, allow: settings.allow.iter().cloned().collect() })
    }

    pub(super) fn find(&self, text: &str, found: &mut Vec<Finding>) {
        self.all.iter().for_each(|pattern| pattern.find(text, found));
    }

    /// Takes finds back, from `first` on, that are allowed values.
    pub(super) fn allow(&self, text: &str, found: &mut Vec<Finding>, first: usize) {
        if self.allow.is_empty() {
            return;
        }
        let mut at = 0;
        found.retain(|find| {
            at += 1;
            at <= first || !self.allow.contains(&text[find.span()])
        });
    }
}
