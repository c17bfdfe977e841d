//! A request's own map between placeholders and what they stand for. It lives as long as the request, in
//! memory alone, and is wiped when it goes.

use crate::placeholder::{self, Begins};
use gateway_core::finding::Kind;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use zeroize::Zeroizing;

/// Values that a request may hold.
pub const MOST_VALUES: usize = 100_000;
/// Bytes of all of them.
pub const MOST_BYTES: usize = 16 << 20;
/// Bytes of one.
pub const LONGEST_VALUE: usize = 64 << 10;

/// There is no room for another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("the request holds more than {MOST_VALUES} values to take out: send less at once")]
    Values,
    #[error("the values to take out of the request are larger than {MOST_BYTES} bytes: send less at once")]
    Bytes,
    #[error("a value to take out of the request is longer than {LONGEST_VALUE} bytes: shorten it")]
    Value,
    #[error("the values to take out of the request are too many that begin alike: send less at once")]
    Alike,
}

/// What stands for a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// `[EMAIL_ADDRESS_1]`.
    pub text: String,
    /// Counts all values from 0, in order.
    pub id: usize,
}

struct Entry {
    kind: Kind,
    number: u32,
    value: Zeroizing<String>,
    stood: Stood,
}

/// As what a value stood, where its way back differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stood {
    Text,
    /// As a JSON number.
    Number,
    /// In a JSON document that is a string of another, with characters that JSON escapes.
    Nested,
}

/// Values while a request is searched. `Debug` prints counts.
#[derive(Default)]
pub struct Vault {
    entries: Vec<Entry>,
    bytes: usize,
    hasher: RandomState,
    /// By the hash of a value; several where hashes collide.
    by_value: HashMap<u64, Vec<usize>>,
    counts: HashMap<Kind, u32>,
}

impl Vault {
    /// The placeholder of a value: a new one, counted within its kind, or the one that it has, whatever kind
    /// it was found as then. What [stood](Stood) otherwise and reads the same is another value.
    ///
    /// # Errors
    /// [`Full`], and nothing is changed.
    pub fn number(&mut self, kind: Kind, value: &str, stood: Stood) -> Result<Given, Full> {
        let hash = self.hasher.hash_one((value, stood));
        let same = |id: &&usize| {
            let entry = &self.entries[**id];
            entry.stood == stood && *entry.value == value
        };
        if let Some(id) = self.by_value.get(&hash).and_then(|ids| ids.iter().find(same)) {
            let entry = &self.entries[*id];
            return Ok(Given { text: placeholder::write(entry.kind, entry.number), id: *id });
        }
        self.room_for(value)?;
        let number = self.counts.entry(kind).or_default();
        *number += 1;
        let (id, number) = (self.entries.len(), *number);
        self.bytes += value.len();
        self.entries.push(Entry { kind, number, value: Zeroizing::new(value.to_owned()), stood });
        self.by_value.entry(hash).or_default().push(id);
        Ok(Given { text: placeholder::write(kind, number), id })
    }

    fn room_for(&self, value: &str) -> Result<(), Full> {
        if value.len() > LONGEST_VALUE {
            return Err(Full::Value);
        }
        if self.entries.len() >= MOST_VALUES {
            return Err(Full::Values);
        }
        if self.bytes + value.len() > MOST_BYTES {
            return Err(Full::Bytes);
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The kind that a value was first found as.
    ///
    /// # Panics
    /// For an id that this vault did not give.
    pub fn kind(&self, id: usize) -> Kind {
        self.entries[id].kind
    }

    pub(crate) fn value(&self, id: usize) -> &str {
        &self.entries[id].value
    }

    /// Whether a placeholder with that number was given.
    pub(crate) fn holds(&self, kind: Kind, number: u32) -> bool {
        self.counts.get(&kind).is_some_and(|count| (1..=*count).contains(&number))
    }

    /// No more values come: what an answer is restored from.
    pub fn seal(self) -> Sealed {
        let by_name =
            self.entries.iter().enumerate().map(|(id, entry)| ((entry.kind, entry.number), id)).collect();
        Sealed { entries: self.entries, by_name }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault(*** {} values)", self.entries.len())
    }
}

/// Values while an answer is restored.
pub struct Sealed {
    entries: Vec<Entry>,
    by_name: HashMap<(Kind, u32), usize>,
}

/// A value on its way back.
#[derive(Clone, Copy)]
pub(crate) struct Value<'v> {
    pub text: &'v str,
    pub stood: Stood,
}

impl Value<'_> {
    pub(crate) fn is_number(&self) -> bool {
        self.stood == Stood::Number
    }
}

impl Sealed {
    pub(crate) fn value(&self, kind: Kind, number: u32) -> Option<Value<'_>> {
        let entry = &self.entries[*self.by_name.get(&(kind, number))?];
        Some(Value { text: &entry.value, stood: entry.stood })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(*** {} values)", self.entries.len())
    }
}

/// Adds the places where a caller's own text reads like a placeholder, in any spelling that is restored.
pub fn literals(text: &str, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(step) = memchr::memchr(b'[', &bytes[at..]) {
        let bracket = at + step;
        let escaped = bracket.checked_sub(1).filter(|before| *before >= at && bytes[*before] == b'\\');
        let written = |start: usize| match placeholder::read(&bytes[start..]) {
            Begins::Placeholder(written) => Some(start..start + written.length),
            Begins::Perhaps | Begins::Other => None,
        };
        match escaped.and_then(written).or_else(|| written(bracket)) {
            Some(span) => {
                at = span.end;
                found.push(span);
            }
            None => at = bracket + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_for_each_spelling_counted_within_its_kind() {
        let mut vault = Vault::default();
        for (kind, value, stood, want) in [
            (Kind::EMAIL_ADDRESS, "ann@x.org", Stood::Text, "[EMAIL_ADDRESS_1]"),
            (Kind::EMAIL_ADDRESS, "Ann@x.org", Stood::Text, "[EMAIL_ADDRESS_2]"),
            (Kind::US_SSN, "123456789", Stood::Text, "[US_SSN_1]"),
            (Kind::US_SSN, "123456789", Stood::Number, "[US_SSN_2]"),
            (Kind::PHONE_NUMBER, "ann@x.org", Stood::Text, "[EMAIL_ADDRESS_1]"),
        ] {
            let given = vault.number(kind, value, stood).expect("there is room");
            assert_eq!(given.text, want);
        }
        assert_eq!(vault.len(), 4);
        assert_eq!(format!("{vault:?}"), "Vault(*** 4 values)");
    }

    #[test]
    fn there_is_an_end_to_each_size() {
        let mut vault = Vault::default();
        let long = "x".repeat(LONGEST_VALUE + 1);
        assert_eq!(vault.number(Kind::SECRET, &long, Stood::Text), Err(Full::Value));
        for n in 0..MOST_BYTES / LONGEST_VALUE {
            let value = format!("{n:08}{}", "x".repeat(LONGEST_VALUE - 8));
            vault.number(Kind::SECRET, &value, Stood::Text).expect("there is room");
        }
        assert_eq!(vault.number(Kind::SECRET, "one more", Stood::Text), Err(Full::Bytes));
        let mut vault = Vault::default();
        for n in 0..MOST_VALUES {
            vault.number(Kind::SECRET, &n.to_string(), Stood::Text).expect("there is room");
        }
        assert_eq!(vault.number(Kind::SECRET, "one more", Stood::Text), Err(Full::Values));
        assert!(vault.number(Kind::SECRET, "1", Stood::Text).is_ok(), "a known value needs no room");
    }

    #[test]
    fn literals_are_found_in_every_spelling() {
        let text = r"a [EMAIL_ADDRESS_1] \[us\_ssn\_2\] [x] [[SECRET_3]] [FIGURE_1] [SECRET_";
        let mut found = Vec::new();
        literals(text, &mut found);
        let told: Vec<&str> = found.into_iter().map(|span| &text[span]).collect();
        assert_eq!(told, ["[EMAIL_ADDRESS_1]", r"\[us\_ssn\_2\]", "[SECRET_3]"]);
    }
}
