//! Names that cannot be mixed up: each id is a type of its own.

use crate::audit::Named;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// A team: `[a-z0-9][a-z0-9._-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TeamId(Arc<str>);

impl TeamId {
    /// `None` where the name breaks the pattern.
    pub fn new(name: &str) -> Option<TeamId> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let (first, rest) = name.as_bytes().split_first()?;
        let fits = legal(*first)
            && rest.len() <= 62
            && rest.iter().all(|b| legal(*b) || matches!(b, b'.' | b'_' | b'-'));
        fits.then(|| TeamId(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TeamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What stands for a key in logs, audit and limits: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    pub fn new(name: &str) -> KeyId {
        KeyId(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an upstream as config gives it: `anthropic`, `openai`, `azure_openai`, `gemini`, or a
/// name of the operator's own for a compatible server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamName(Arc<str>);

impl UpstreamName {
    /// `None` where the name breaks `[a-z0-9][a-z0-9._-]{0,62}`.
    pub fn new(name: &str) -> Option<UpstreamName> {
        TeamId::new(name).map(|checked| UpstreamName(checked.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UpstreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The dialect and vendor that an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProviderKind {
    Anthropic,
    OpenAi,
    AzureOpenAi,
    Gemini,
    /// Any server that speaks OpenAI's chat completions at a base URL of its own.
    OpenAiCompatible,
}

impl ProviderKind {
    /// The four vendors, in the default `PROVIDER_PRIORITY`.
    pub const VENDORS: [ProviderKind; 4] =
        [ProviderKind::Anthropic, ProviderKind::OpenAi, ProviderKind::AzureOpenAi, ProviderKind::Gemini];

    /// The name used everywhere: headers, config, audit.
    pub fn name(self) -> &'static str {
        match self {
            ProviderKind::Anthropic => "anthropic",
            ProviderKind::OpenAi => "openai",
            ProviderKind::AzureOpenAi => "azure_openai",
            ProviderKind::Gemini => "gemini",
            ProviderKind::OpenAiCompatible => "openai_compatible",
        }
    }

    /// A second name that is read wherever the first is.
    pub fn alias(self) -> Option<&'static str> {
        match self {
            ProviderKind::AzureOpenAi => Some("azure"),
            ProviderKind::Gemini => Some("google"),
            _ => None,
        }
    }

    /// Reads a name or one of the aliases `azure` and `google`.
    pub fn parse(name: &str) -> Option<ProviderKind> {
        let kinds = ProviderKind::VENDORS.into_iter().chain([ProviderKind::OpenAiCompatible]);
        kinds.into_iter().find(|kind| kind.name() == name || kind.alias() == Some(name))
    }
}

/// A model by its catalog name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName(Arc<str>);

impl ModelName {
    pub fn new(name: &str) -> ModelName {
        ModelName(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that a map keyed by models is asked with a caller's word.
impl Borrow<str> for ModelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a tag of requests is called (`[usage] tags`): a letter or digit, then up to 63 of those, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagName(Arc<str>);

impl TagName {
    /// `None` where the name breaks the pattern.
    pub fn new(name: &str) -> Option<TagName> {
        let (first, rest) = name.as_bytes().split_first()?;
        let fits = first.is_ascii_alphanumeric()
            && rest.len() <= 63
            && rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        fits.then(|| TagName(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request is tagged with: a name as the audit trail may hold it, or [`TagValue::OTHER`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagValue(Arc<str>);

impl TagValue {
    /// Stands for all values beyond those that are counted apart. No caller can write it.
    pub const OTHER: &str = "(other)";

    /// `None` where the text is no such value.
    pub fn new(text: &str) -> Option<TagValue> {
        (text == TagValue::OTHER || Named::new(text).is_some()).then(|| TagValue(text.into()))
    }

    pub fn other() -> TagValue {
        TagValue(TagValue::OTHER.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_to_their_patterns() {
        for (case, name, want) in [
            ("plain", "cost_center", true),
            ("64 characters", &"a".repeat(64), true),
            ("65 characters", &"a".repeat(65), false),
            ("empty", "", false),
            ("dash first", "-a", false),
            ("what parts names", "a:b", false),
            ("what parts pairs", "a,b", false),
            ("a dot, which parts paths", "a.b", false),
        ] {
            assert_eq!(TagName::new(name).is_some(), want, "{case}");
        }
        for (case, value, want) in [
            ("a number", "4711", true),
            ("all signs", "eu/fra1:a_b.c@d+e=f-g", true),
            ("a blank", "two words", false),
            ("what parts fields", "a|b", false),
            ("empty", "", false),
            ("the gateway's own", "(other)", true),
            ("braces alone", "(mine)", false),
        ] {
            assert_eq!(TagValue::new(value).is_some(), want, "{case}");
        }
    }

    #[test]
    fn team_ids_keep_to_their_pattern() {
        for (case, name, want) in [
            ("plain", "finance-team", true),
            ("digit first", "0ps.eu_1", true),
            ("63 characters", &"a".repeat(63), true),
            ("64 characters", &"a".repeat(64), false),
            ("empty", "", false),
            ("capital", "Finance", false),
            ("dash first", "-a", false),
            ("slash", "a/b", false),
        ] {
            assert_eq!(TeamId::new(name).is_some(), want, "{case}");
        }
    }
}
