//! Reading a request's body by hand: its objects field by field, so that an unknown field is named, a known
//! one that cannot be served is refused, and an error names its path and never a value.

use crate::dialect::Malformed;
use crate::json;
use bytes::Bytes;
use gateway_core::conversation::{RawJson, Text};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// What is known while a body's parts are read.
pub(crate) struct Reading<'b> {
    pub body: &'b Bytes,
    /// Paths of fields that go no further, each once.
    pub dropped: Vec<Cow<'static, str>>,
}

/// An object's fields; one that is `null` is absent.
pub(crate) struct Object<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// The body's own fields.
///
/// # Errors
/// [`Malformed::Json`] where it is no JSON, or JSON that two readers could see differently.
pub(crate) fn object(body: &Bytes) -> Result<Object<'_>, Malformed> {
    let text = json::check(body).map_err(|flaw| {
        let (line, column) = json::position(body, flaw.at());
        Malformed::Json { line, column, problem: flaw.to_string().into() }
    })?;
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            return wrong("body", "must be a JSON object");
        }
        let full = error.to_string();
        let problem = full.split(" at line ").next().unwrap_or("it does not parse").to_owned();
        Malformed::Json { line: error.line(), column: error.column(), problem: problem.into() }
    })
}

impl<'b> Reading<'b> {
    pub(crate) fn new(body: &'b Bytes) -> Reading<'b> {
        Reading { body, dropped: Vec::new() }
    }

    /// The literal as it stood, a slice of the body. `field` names it where it is no string.
    pub(crate) fn text(&self, raw: &RawValue, field: impl FnOnce() -> String) -> Result<Text, Malformed> {
        Text::from_json(self.slice(raw)).ok_or_else(|| wrong(field(), "must be a string"))
    }

    /// What a provider gave to be sent back and only it can read. Nobody searches it, so it may be no words.
    pub(crate) fn opaque(&self, raw: &RawValue, field: impl Fn() -> String) -> Result<Text, Malformed> {
        let text = self.text(raw, &field)?;
        let is_code =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-');
        if text.decoded().bytes().all(is_code) {
            return Ok(text);
        }
        Err(wrong(field(), "is not as its provider gave it: send the block as it came"))
    }

    /// The object as it stood, a slice of the body.
    pub(crate) fn json_object(
        &self,
        raw: &RawValue,
        field: impl FnOnce() -> String,
    ) -> Result<RawJson, Malformed> {
        if !raw.get().starts_with('{') {
            return Err(wrong(field(), "must be a JSON object"));
        }
        Ok(RawJson::new(self.slice(raw)))
    }

    pub(crate) fn slice(&self, raw: &RawValue) -> Bytes {
        self.body.slice_ref(raw.get().as_bytes())
    }

    /// A string's base64: a slice of the body, or decoded where the caller escaped slashes. `None` where it
    /// is anything else.
    pub(crate) fn base64(&self, raw: &RawValue) -> Option<Bytes> {
        let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
        let data = if memchr::memchr(b'\\', inner.as_bytes()).is_some() {
            Bytes::from(word(raw).into_owned())
        } else {
            self.body.slice_ref(inner.as_bytes())
        };
        is_base64(&data).then_some(data)
    }

    pub(crate) fn drop_field(&mut self, path: impl Into<Cow<'static, str>>) {
        let path = path.into();
        if !self.dropped.contains(&path) {
            self.dropped.push(path);
        }
    }

    /// Names what nobody took of an object.
    pub(crate) fn drop_rest(&mut self, object: Object, parent: &str) {
        for (key, _) in object.fields {
            self.drop_field(path(parent, &key));
        }
    }
}

impl<'a> Object<'a> {
    pub(crate) fn read(raw: &'a RawValue, field: impl FnOnce() -> String) -> Result<Object<'a>, Malformed> {
        serde_json::from_str(raw.get()).map_err(|_| wrong(field(), "must be an object"))
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.fields.iter().position(|(key, _)| key == name)?;
        Some(self.fields.swap_remove(at).1)
    }

    /// Of the fields that nobody took.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(key, _)| key.as_ref())
    }

    /// Takes a field whose value is one of a few words; any other type reads as no word of them.
    pub(crate) fn take_word(&mut self, name: &str) -> Option<Cow<'a, str>> {
        self.take(name).map(word)
    }

    /// Takes a field of a plain type; `must_be` says which, where it has another.
    pub(crate) fn take_plain<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        field: impl FnOnce() -> String,
        must_be: &'static str,
    ) -> Result<Option<T>, Malformed> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| wrong(field(), must_be))
    }
}

/// A string's value; what is no string is a word that nobody knows.
pub(crate) fn word(raw: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<Str>(raw.get()).map_or(Cow::Borrowed(""), |text| text.0)
}

/// A list's items.
pub(crate) fn list(raw: &RawValue, field: impl FnOnce() -> String) -> Result<Vec<&RawValue>, Malformed> {
    serde_json::from_str(raw.get()).map_err(|_| wrong(field(), "must be a list"))
}

pub(crate) fn wrong(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Malformed {
    Malformed::Field { field: field.into(), problem: problem.into() }
}

/// How to do without what is unsupported.
pub(crate) const LEAVE_OUT: &str = " by this version of the gateway: leave it out";

pub(crate) fn unsupported(field: impl Into<String>, mend: &'static str) -> Malformed {
    Malformed::Unsupported { field: field.into(), mend: mend.into() }
}

/// A field's path for `x-gateway-dropped-params`. A key is the caller's text: one that does not look
/// like a field's name is not repeated.
pub(crate) fn path(parent: &str, key: &str) -> Cow<'static, str> {
    let plain = !key.is_empty()
        && key.len() <= 64
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let key = if plain { key } else { "?" };
    if parent.is_empty() { key.to_owned().into() } else { format!("{parent}.{key}").into() }
}

/// Whether a media type, in lower case, is an image's. The caller's own words are none.
pub(crate) fn is_image(media_type: &str) -> bool {
    let known = ["png", "jpeg", "jpg", "gif", "webp", "bmp", "tiff", "heic", "heif", "avif", "svg+xml"];
    media_type.strip_prefix("image/").is_some_and(|subtype| known.contains(&subtype))
}

pub(crate) fn is_base64(data: &[u8]) -> bool {
    let padding = data.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let digits = &data[..data.len() - padding];
    !digits.is_empty()
        && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
                let mut fields = Vec::with_capacity(4);
                while let Some(Str(key)) = map.next_key()? {
                    if let Some(value) = map.next_value::<Option<&RawValue>>()? {
                        fields.push((key, value));
                    }
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// A string or key, borrowed where it has no escape.
pub(crate) struct Str<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for Str<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CowVisitor;
        impl<'de> Visitor<'de> for CowVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Cow<'de, str>, E> {
                Ok(Cow::Borrowed(s))
            }

            fn visit_str<E: Error>(self, s: &str) -> Result<Cow<'de, str>, E> {
                Ok(Cow::Owned(s.to_owned()))
            }
        }
        deserializer.deserialize_str(CowVisitor).map(Str)
    }
}
