//! The only kinds of text in a record. None of them can carry what a message says: they are short, of few
//! characters, and without blanks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use uuid::Uuid;

use crate::ids::{KeyId, ModelName, TeamId, UpstreamName};

/// A name: 1 to 128 bytes of letters, digits and `. _ : / @ + = -` (ASCII).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Named(Arc<str>);

impl Named {
    /// Bytes of the longest name.
    pub const LONGEST: usize = 128;

    /// `None` where the text is no such name.
    pub fn new(text: &str) -> Option<Named> {
        let fits = !text.is_empty() && text.len() <= Named::LONGEST && text.bytes().all(is_plain);
        fits.then(|| Named(text.into()))
    }

    /// A name out of any text: each other character becomes `_`, what is too long is cut. For what callers
    /// and providers call things, a request's id of the client's own, say.
    pub fn cleaned(text: &str) -> Named {
        if let Some(name) = Named::new(text) {
            return name;
        }
        let plain = |c: char| if u8::try_from(c).is_ok_and(is_plain) { c } else { '_' };
        let name: String = text.chars().take(Named::LONGEST).map(plain).collect();
        Named(if name.is_empty() { "_".into() } else { name.into() })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'@' | b'+' | b'=' | b'-')
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! from_ids {
    ($($id:ty),*) => {
        $(impl From<&$id> for Named {
            fn from(id: &$id) -> Named {
                Named::cleaned(id.as_str())
            }
        })*
    };
}

from_ids!(TeamId, KeyId, ModelName, UpstreamName);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named, D::Error> {
        let text = String::deserialize(deserializer)?;
        Named::new(&text).ok_or_else(|| de::Error::custom("not a name that a record may hold"))
    }
}

/// The gateway's id of a request or an act: a UUIDv7.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(Uuid);

impl RequestId {
    pub const fn new(id: Uuid) -> RequestId {
        RequestId(id)
    }

    /// `None` where the text is no UUID.
    pub fn parse(text: &str) -> Option<RequestId> {
        Uuid::try_parse(text).ok().map(RequestId)
    }

    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RequestId, D::Error> {
        let text = String::deserialize(deserializer)?;
        RequestId::parse(&text).ok_or_else(|| de::Error::custom("not a UUID"))
    }
}

/// At most `N` items; what comes after is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T, const N: usize>(Vec<T>);

impl<T, const N: usize> Few<T, N> {
    pub fn push(&mut self, item: T) {
        if self.0.len() < N {
            self.0.push(item);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Few(Vec::new())
    }
}

impl<T, const N: usize> FromIterator<T> for Few<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Few(items.into_iter().take(N).collect())
    }
}

impl<T: Serialize, const N: usize> Serialize for Few<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Few<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|items| items.into_iter().collect())
    }
}

/// At most `N` named values, in the names' order; what comes after is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<V, const N: usize>(BTreeMap<Named, V>);

impl<V, const N: usize> Table<V, N> {
    pub fn insert(&mut self, name: Named, value: V) {
        if self.0.len() < N || self.0.contains_key(&name) {
            self.0.insert(name, value);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::collections::btree_map::Iter<'_, Named, V> {
        self.0.iter()
    }
}

impl<V, const N: usize> Default for Table<V, N> {
    fn default() -> Self {
        Table(BTreeMap::new())
    }
}

impl<V, const N: usize> FromIterator<(Named, V)> for Table<V, N> {
    fn from_iter<I: IntoIterator<Item = (Named, V)>>(entries: I) -> Self {
        let mut table = Table::default();
        entries.into_iter().for_each(|(name, value)| table.insert(name, value));
        table
    }
}

impl<V: Serialize, const N: usize> Serialize for Table<V, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>, const N: usize> Deserialize<'de> for Table<V, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|entries: BTreeMap<Named, V>| entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for (case, text, cleaned) in [
            ("a model", "anthropic/claude-opus-4-6", "anthropic/claude-opus-4-6"),
            ("base64", "aGVsbG8+/w==", "aGVsbG8+/w=="),
            ("a blank", "two words", "two_words"),
            ("a line end", "one\ntwo", "one_two"),
            ("a quote", "say \"x\"", "say__x_"),
            ("other letters", "größe", "gr__e"),
            ("nothing", "", "_"),
        ] {
            assert_eq!(Named::cleaned(text).as_str(), cleaned, "{case}");
            assert_eq!(Named::new(text).is_some(), text == cleaned, "{case}");
        }
        assert!(Named::new(&"a".repeat(128)).is_some());
        assert!(Named::new(&"a".repeat(129)).is_none());
        assert_eq!(Named::cleaned(&"é".repeat(500)).as_str(), "_".repeat(128));
    }

    #[test]
    fn lists_and_tables_are_bounded() {
        let list: Few<u32, 3> = (0..10).collect();
        assert_eq!(list.iter().copied().collect::<Vec<_>>(), [0, 1, 2]);
        let name = |n: u32| Named::cleaned(&n.to_string());
        let mut table: Table<u32, 2> = (0..10).map(|n| (name(n), n)).collect();
        table.insert(name(1), 7);
        assert_eq!(table.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [0, 7]);
        let read: Few<u32, 3> = serde_json::from_str("[1,2,3,4]").unwrap();
        assert_eq!(read.iter().count(), 3);
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_name_that_stays(text in any::<String>()) {
            let name = Named::cleaned(&text);
            prop_assert_eq!(Named::new(name.as_str()), Some(name.clone()));
            let written = serde_json::to_string(&name).unwrap();
            prop_assert_eq!(&written, &format!("\"{name}\""), "nothing in it needs an escape");
            prop_assert_eq!(serde_json::from_str::<Named>(&written).unwrap(), name);
        }
    }
}
