//! Keys that administrators make: what is kept of one, and what any store of them must do. A key itself is
//! kept nowhere: its SHA-256 stands for it.
//!
//! | file | holds |
//! |---|---|
//! | `stored` | a key as it stands in a store |
//! | `suite` | the test that any store must pass |

mod stored;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::audit::Time;
use crate::ids::{KeyId, TeamId};
use crate::ledger::{Limit, Pending, Rates};

pub use stored::Unreadable;

/// Keys that one store holds. The next one is refused until another is revoked.
pub const MOST_KEYS: usize = 100_000;

/// SHA-256 of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// Call models.
    Infer,
    /// Read every team's audit records.
    Audit,
    /// Read metrics.
    Metrics,
    /// Read every team's figures and change the gateway's state.
    Admin,
}

/// How fast one key may ask. `None`: as the configuration has it for each key of the team.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    pub requests_per_minute: Option<Limit<u64>>,
    pub tokens_per_minute: Option<Limit<u64>>,
    pub max_parallel: Option<Limit<u64>>,
}

/// 1 to 100 characters that people read: none is a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// A key that an administrator made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeKey {
    /// Of the fingerprint: see [`Fingerprint::id`].
    pub id: KeyId,
    pub fingerprint: Fingerprint,
    pub team: TeamId,
    pub name: Option<KeyName>,
    /// At least one.
    pub scopes: BTreeSet<KeyScope>,
    pub limits: KeyLimits,
    pub created_at: Time,
    /// From this moment on it opens nothing. `None`: until it is revoked.
    pub expires_at: Option<Time>,
}

impl Fingerprint {
    /// Its first six bytes, by which tables find a key.
    pub fn prefix(&self) -> [u8; 6] {
        let mut prefix = [0; 6];
        prefix.copy_from_slice(&self.0[..6]);
        prefix
    }

    /// The first 12 hex digits: what stands for the key everywhere.
    pub fn id(&self) -> KeyId {
        KeyId::new(&hex(&self.prefix()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl KeyScope {
    pub const ALL: [KeyScope; 4] = [KeyScope::Infer, KeyScope::Audit, KeyScope::Metrics, KeyScope::Admin];

    pub fn word(self) -> &'static str {
        match self {
            KeyScope::Infer => "infer",
            KeyScope::Audit => "audit",
            KeyScope::Metrics => "metrics",
            KeyScope::Admin => "admin",
        }
    }

    pub fn parse(word: &str) -> Option<KeyScope> {
        KeyScope::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

impl KeyLimits {
    /// The configuration's rates, with this key's own in their place.
    #[must_use]
    pub fn over(&self, rates: Rates) -> Rates {
        Rates {
            requests_per_minute: self.requests_per_minute.unwrap_or(rates.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.unwrap_or(rates.tokens_per_minute),
            max_parallel: self.max_parallel.unwrap_or(rates.max_parallel),
        }
    }
}

impl KeyName {
    /// `None` where the text is no such name.
    pub fn new(text: &str) -> Option<KeyName> {
        let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| KeyName(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a store of keys did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyStoreError {
    /// Whether it was done is not known. The reason is for the log.
    #[error("the store of keys can't be reached: {reason}")]
    Unavailable { reason: String },
    /// Nothing was changed.
    #[error("the store of keys holds at {place} what no gateway of this version wrote: {reason}")]
    Corrupt { place: String, reason: String },
    /// Another key has this id: make another.
    #[error("another key has the same id")]
    Taken,
    /// [`MOST_KEYS`] are there.
    #[error("there are {MOST_KEYS} keys, the most that are kept")]
    Full,
}

/// An id, and what stands there: [`MadeKey::decode`] reads it.
pub type Entry = (String, Vec<u8>);

/// Where made keys are kept. What was answered outlives a kill of the process.
pub trait KeyStore: Send + Sync + 'static {
    /// The last changes, as [`marked`] writes them; `None` where there was none yet. Cheap: it is asked several
    /// times a second.
    fn mark(&self) -> Pending<'_, Result<Option<String>, KeyStoreError>>;

    /// All keys, in any order. A change made meanwhile may be in it or not, and has moved the mark.
    fn all(&self) -> Pending<'_, Result<Vec<Entry>, KeyStoreError>>;

    /// Those of these ids that are there.
    fn some<'a>(&'a self, ids: &'a [String]) -> Pending<'a, Result<Vec<Entry>, KeyStoreError>>;

    /// Keeps a key, and `act` as the last change. The same key again changes nothing.
    fn add<'a>(&'a self, key: &'a MadeKey, act: &'a str) -> Pending<'a, Result<(), KeyStoreError>>;

    /// Forgets a key, and keeps `act` as the last change. `false`: there is none with this id.
    fn remove<'a>(&'a self, id: &'a KeyId, act: &'a str) -> Pending<'a, Result<bool, KeyStoreError>>;
}

/// Changes that a mark tells: who looks less often reads everything.
const CHANGES: usize = 16;

/// The mark after a change: `ACT:ID` each, with blanks between, the newest last. An act's name is its own and has
/// neither blank nor colon.
pub fn marked(before: Option<&str>, act: &str, id: &str) -> String {
    let mut changes: Vec<&str> = before.unwrap_or_default().split_whitespace().collect();
    let last = format!("{act}:{id}");
    changes.push(&last);
    changes[changes.len().saturating_sub(CHANGES)..].join(" ")
}

/// The ids that have changed from one mark to a later one; `None` where that can't be told.
pub fn changed(before: &str, after: &str) -> Option<Vec<String>> {
    let seen = before.split_whitespace().next_back()?;
    let changes: Vec<&str> = after.split_whitespace().collect();
    let at = changes.iter().rposition(|change| *change == seen)?;
    let id = |change: &&str| change.split_once(':').map(|(_, id)| id.to_owned()).filter(|id| is_id(id));
    changes[at + 1..].iter().map(id).collect()
}

/// Whether a text can be a made key's id: 12 hex digits.
pub fn is_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_the_last_changes() {
        let id = |n: usize| format!("{n:012x}");
        let mut marks = vec![marked(None, "act0", &id(0))];
        for n in 1..40 {
            marks.push(marked(marks.last().map(String::as_str), &format!("act{n}"), &id(n)));
        }
        for (at, mark) in marks.iter().enumerate() {
            let want = (at + CHANGES > 39).then(|| (at + 1..40).map(id).collect::<Vec<_>>());
            assert_eq!(changed(mark, &marks[39]), want, "from {at}");
        }
        for (before, after) in [("", "a:000000000001"), ("x", "y"), ("x", "x junk"), ("x", "x a:junk")] {
            assert_eq!(changed(before, after), None, "{before} to {after}");
        }
    }
}
