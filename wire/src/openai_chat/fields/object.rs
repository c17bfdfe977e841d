//! Nested objects, read by hand: members by name, so that an unknown one is named and an error has its path.

use super::{Key, unsupported, wrong};
use crate::dialect::Malformed;
use bytes::Bytes;
use gateway_core::conversation::{RawJson, Text};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The members of an object, in order; those that are `null` are left out, for they ask for nothing.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(super) fn read(raw: &'a RawValue, field: &str) -> Result<Members<'a>, Malformed> {
        serde_json::from_str(raw.get()).map_err(|_| wrong(field, "must be an object"))
    }

    pub(super) fn each(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        self.0.into_iter().filter(|(_, value)| value.get() != "null")
    }
}

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

pub(super) fn list<'a>(raw: &'a RawValue, field: &str) -> Result<Vec<&'a RawValue>, Malformed> {
    serde_json::from_str(raw.get()).map_err(|_| wrong(field, "must be a list"))
}

/// A string, as it stands.
pub(super) fn text(raw: &RawValue, body: &Bytes, field: impl Fn() -> String) -> Result<Text, Malformed> {
    Text::from_json(body.slice_ref(raw.get().as_bytes())).ok_or_else(|| wrong(field(), "must be a string"))
}

/// A short string that is looked at.
pub(super) fn word<'a>(raw: &'a RawValue, field: &str) -> Result<Cow<'a, str>, Malformed> {
    let word: Result<super::Str, _> = serde_json::from_str(raw.get());
    word.map(|word| word.0).map_err(|_| wrong(field, "must be a string"))
}

pub(super) fn flag(raw: &RawValue, field: &str) -> Result<bool, Malformed> {
    serde_json::from_str(raw.get()).map_err(|_| wrong(field, "must be true or false"))
}

/// An object that is passed on as it stands.
pub(super) fn raw_object(raw: &RawValue, body: &Bytes, field: &str) -> Result<RawJson, Malformed> {
    if !raw.get().starts_with('{') {
        return Err(wrong(field, "must be an object"));
    }
    Ok(RawJson::new(body.slice_ref(raw.get().as_bytes())))
}

/// Names of tools and schemas: OpenAI's own rule.
pub(super) fn name(raw: &RawValue, body: &Bytes, field: &str) -> Result<Text, Malformed> {
    let name = text(raw, body, || field.to_owned())?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let fits = (1..=64).contains(&name.json_len()) && name.json_inner().iter().all(|b| legal(*b));
    if fits { Ok(name) } else { Err(wrong(field, "must be 1 to 64 letters, digits, `_` or `-`")) }
}

/// A member whose meaning we know and cannot serve.
pub(super) fn refuse<T>(at: &str, name: &str) -> Result<T, Malformed> {
    Err(unsupported(format!("{at}.{name}")))
}
