//! OpenAI's `metadata`, what a caller says of its request beside the conversation. Which of it is taken, the
//! configuration says, so it waits until that is asked.

use crate::body::{LEAVE_OUT, Object, path, unsupported, word, wrong};
use crate::dialect::{Asked, Malformed};
use bytes::Bytes;
use gateway_core::conversation::Text;
use gateway_core::ids::TagName;
use serde_json::value::RawValue;
use std::fmt;

/// As it stood.
#[derive(Clone)]
pub struct Metadata {
    json: Bytes,
    others: Others,
}

/// What becomes of fields that nobody takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    Dropped,
    Refused,
}

impl Metadata {
    pub(crate) fn new(json: Bytes, others: Others) -> Metadata {
        Metadata { json, others }
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metadata(*** {} bytes)", self.json.len())
    }
}

const NOT_COUNTED: &str = " but for what `[usage] tags` of the gateway's configuration names: leave it out";

impl Asked {
    /// Takes the fields that `names` has, each a string. The others are dropped and named, or refused, as the
    /// dialect has it.
    ///
    /// # Errors
    /// A field that is no string, or that this dialect does not drop.
    pub fn take_metadata(&mut self, names: &[TagName]) -> Result<Vec<(TagName, Text)>, Malformed> {
        let Some(Metadata { json, others }) = self.metadata.take() else { return Ok(Vec::new()) };
        if names.is_empty() {
            return match others {
                Others::Refused => Err(unsupported("metadata", LEAVE_OUT)),
                Others::Dropped => {
                    self.drops_metadata(
                        "metadata".into(),
                        "is not recorded: the gateway's configuration has no `[usage] tags`",
                    );
                    Ok(Vec::new())
                }
            };
        }
        let not_an_object = || wrong("metadata", "must be an object of strings");
        let raw: &RawValue = serde_json::from_slice(&json).map_err(|_| not_an_object())?;
        let mut fields = Object::read(raw, || "metadata".to_owned()).map_err(|_| not_an_object())?;
        let mut taken = Vec::new();
        for name in names {
            let Some(value) = fields.take(name.as_str()) else { continue };
            let is_string = value.get().starts_with('"');
            let text = is_string.then(|| Text::new(&word(value)));
            taken.push((
                name.clone(),
                text.ok_or_else(|| wrong(format!("metadata.{name}"), "must be a string"))?,
            ));
        }
        for key in fields.names() {
            let field = path("metadata", key);
            match others {
                Others::Refused => return Err(unsupported(field, NOT_COUNTED)),
                Others::Dropped => {
                    self.drops_metadata(field, "is not among the tags that are counted, and was dropped");
                }
            }
        }
        Ok(taken)
    }

    fn drops_metadata(&mut self, field: std::borrow::Cow<'static, str>, why: &str) {
        if !self.dropped.contains(&field) {
            self.warnings.push(format!("`{field}` {why}"));
            self.dropped.push(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(json: &str, others: Others) -> Asked {
        let metadata = Some(Metadata::new(Bytes::copy_from_slice(json.as_bytes()), others));
        Asked { metadata, ..Asked::default() }
    }

    fn names(names: &[&str]) -> Vec<TagName> {
        names.iter().map(|name| TagName::new(name).unwrap()).collect()
    }

    #[test]
    fn what_is_named_is_taken_and_the_rest_is_dropped_or_refused_by_name() {
        let both = names(&["cost_center", "project"]);
        let refused = Others::Refused;
        for (case, json, others, want) in [
            (
                "in the order of the names",
                r#"{"project":"x","cost_center":"4711"}"#,
                refused,
                Ok("cost_center=4711 project=x"),
            ),
            ("escaped", r#"{"cost\u005fcenter":"a\/b"}"#, refused, Ok("cost_center=a/b")),
            ("null is absent", r#"{"project":null,"else":null}"#, refused, Ok("")),
            ("another", r#"{"project":"x","else":"y"}"#, Others::Dropped, Ok("project=x; metadata.else")),
            (
                "another, refused",
                r#"{"project":"x","else":"y"}"#,
                refused,
                Err(
                    "`metadata.else` is not supported but for what `[usage] tags` of the gateway's configuration names: leave it out",
                ),
            ),
            (
                "a name that is text",
                r#"{"ann@example.org":"y"}"#,
                refused,
                Err(
                    "`metadata.?` is not supported but for what `[usage] tags` of the gateway's configuration names: leave it out",
                ),
            ),
            ("a number", r#"{"project":7}"#, refused, Err("`metadata.project`: must be a string")),
            ("a list", "[]", Others::Dropped, Err("`metadata`: must be an object of strings")),
        ] {
            let mut asked = asked(json, others);
            let taken = asked.take_metadata(&both).map(|taken| {
                let taken: Vec<_> =
                    taken.iter().map(|(name, text)| format!("{name}={}", text.decoded())).collect();
                let dropped = asked.dropped.iter().map(|name| format!("; {name}")).collect::<String>();
                assert_eq!(asked.warnings.len(), asked.dropped.len(), "{case}");
                taken.join(" ") + &dropped
            });
            let taken = taken.map_err(|malformed| malformed.to_string());
            assert_eq!(taken, want.map(str::to_owned).map_err(str::to_owned), "{case}");
        }
    }

    #[test]
    fn without_tags_it_is_dropped_or_refused_whole() {
        for json in [r#"{"a":"b"}"#, "7"] {
            let mut dropped = asked(json, Others::Dropped);
            assert_eq!(dropped.take_metadata(&[]), Ok(Vec::new()));
            assert_eq!(dropped.dropped, ["metadata"]);
            let refused = asked(json, Others::Refused).take_metadata(&[]).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "`metadata` is not supported by this version of the gateway: leave it out"
            );
        }
    }

    #[test]
    fn it_prints_nothing() {
        let shown = format!("{:?}", asked(r#"{"project":"marker"}"#, Others::Dropped));
        assert!(!shown.contains("marker") && !shown.contains("project"), "{shown}");
    }
}
