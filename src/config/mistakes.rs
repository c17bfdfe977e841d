//! What is wrong with a configuration: all of it at once, each with its place and the mend.
//!
//! A mistake never repeats a value that may be a secret. [`shown`] is the one way to quote a value.

use std::fmt;

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// A variable's name, or `file:line: key`.
    pub place: String,
    /// What is wrong, without the value where it may be a secret.
    pub wrong: String,
    /// What to write instead.
    pub mend: String,
}

impl Mistake {
    pub(super) fn new(
        place: impl Into<String>,
        wrong: impl Into<String>,
        mend: impl Into<String>,
    ) -> Mistake {
        Mistake { place: place.into(), wrong: wrong.into(), mend: mend.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.wrong, self.mend)
    }
}

/// At least one mistake, in the order in which they were found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// The configuration as it was read, unless something in it was wrong.
    pub(super) fn unless_any<T>(found: Vec<Mistake>, checked: T) -> Result<T, Mistakes> {
        if found.is_empty() { Ok(checked) } else { Err(Mistakes(found)) }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} {} in the configuration", if count == 1 { "mistake" } else { "mistakes" })?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

/// A value as a message may quote it: short plain words only, since a key pasted into the wrong place
/// is long.
pub(super) fn shown(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'+' | b' ');
    if value.len() <= 24 && value.bytes().all(plain) && !value.starts_with("sk-") {
        format!("\"{value}\"")
    } else {
        format!("the value ({} characters)", value.chars().count())
    }
}

/// The known name that a mistyped one most likely stands for.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(word, name), name))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// The mend for an unknown name: the nearest known one, or all of them.
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known are {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}
