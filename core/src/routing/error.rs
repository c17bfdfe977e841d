//! What stands in the way of a plan: said to the caller ([`PlanError`]), or to the operator before the
//! port opens ([`RoutingMistake`]).

use std::fmt;

use super::capability::Capability;
use crate::catalog::Mode;
use crate::conversation::Need;
use crate::ids::{ModelName, UpstreamName};

/// Why no upstream can be asked. A name of the caller's in it reads like one, or is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("`provider` {provider} is not configured here: use one of {configured}")]
    ProviderNotFound { provider: String, configured: String },
    #[error("`provider` says {provider} and `model` says {prefix}: drop one of the two")]
    Contradiction { provider: String, prefix: String },
    #[error("`model` {model} {why}")]
    ModelNotFound { model: String, why: NotServed },
    #[error(
        "`model` {model} has no price at {upstream}: add `[models.\"{upstream}/{model}\"]` with \
         `input = \"…\"` and `output = \"…\"` (USD per million tokens) to gateway.toml"
    )]
    Unpriced { upstream: UpstreamName, model: String },
    #[error("{} cannot take {}: name a model that can", model.as_deref().map_or("no default model".to_owned(), |model| format!("`model` {model}")), need.words())]
    Unable { model: Option<String>, need: Need },
    #[error(
        "`model` {model} names no capability: write `auto` alone, or behind `auto:` one of {}",
        Capability::words()
    )]
    NoSuchCapability { model: String },
    #[error("`capability` stands beside a `model`: leave one of the two out, or write \"model\": \"auto\"")]
    CapabilityAndModel,
    #[error(
        "no model that is served here is listed for {}: set `{}` in [capabilities] of gateway.toml", .0.word(), .0.word()
    )]
    NothingListed(Capability),
    #[error("`provider` {provider} serves none of the models for {wanted}: leave `provider` out")]
    NothingThere { provider: String, wanted: String },
    #[error("none of the models for {wanted} is open to this key: `GET /v1/models` lists those that are")]
    NoneAllowed { wanted: String },
    #[error("`model` is missing and there is no default: name one, or set `default_model` in gateway.toml")]
    NoDefault,
    #[error(
        "`messages` need at least {need} tokens, the largest window of {model} is {window}: shorten them or \
         name another model"
    )]
    TooLong { model: ModelName, need: u64, window: u64 },
}

/// Why a model is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotServed {
    Unknown,
    /// It has a price, but no upstream lists it.
    WhereNamed,
    /// Known, but made for another kind of call.
    NotChat(Mode),
    /// Known, and makes no embeddings.
    NotEmbedding,
    /// The caller's team or key may not use it.
    NotAllowed,
}

impl fmt::Display for NotServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotServed::Unknown => "is not served here: `GET /v1/models` lists the names",
            NotServed::WhereNamed => "is listed by no upstream: ask for it as `UPSTREAM/MODEL`",
            NotServed::NotChat(Mode::Embedding) => "makes embeddings: use `POST /v1/embeddings`",
            NotServed::NotEmbedding => "makes no embeddings: name a model that does (docs/api.md)",
            NotServed::NotAllowed => "is not open to this key: `GET /v1/models` lists the names that are",
            NotServed::NotChat(_) => "does not answer chat requests: `GET /v1/models` lists those that do",
        })
    }
}

/// A mistake in the configuration's upstreams and models.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutingMistake {
    #[error("upstream {0} is there twice: give each its own name")]
    TwiceNamed(UpstreamName),
    #[error("`models` of upstream {0} is empty: list its deployments or models")]
    ServesNothing(UpstreamName),
    #[error(
        "upstream {upstream} serves {model}, which has no price: add `[models.\"{upstream}/{model}\"]` with \
         `input = \"…\"` and `output = \"…\"` (USD per million tokens)"
    )]
    Unpriced { upstream: UpstreamName, model: ModelName },
    #[error("`default_model` {model} is no chat model of upstream {upstream}: name one that it serves")]
    DefaultNotServed { upstream: UpstreamName, model: ModelName },
    #[error("`equivalents` of {model} name {equivalent}, which is not known: mend the name or leave it out")]
    UnknownEquivalent { model: ModelName, equivalent: String },
    #[error("`{list}` names {model}, which is not known: mend the name or leave it out")]
    UnknownInList { list: String, model: String },
    #[error("`{list}` names no model that is served here: name one, or leave the list out")]
    ListServesNothing { list: String },
    #[error("`aliases.{name}` is a name of the gateway's own: choose another")]
    Reserved { name: String },
    #[error("`{owner}.models` allows {pattern}, which no model fits: mend the name or leave it out")]
    AllowsNothing { owner: String, pattern: String },
    #[error(
        "`region` {region} of upstream {upstream} has no prices of its own: use one of [{known}] or none"
    )]
    UnknownRegion { upstream: UpstreamName, region: String, known: String },
}

/// The longest name that an error repeats, in bytes.
const LONGEST_SHOWN: usize = 64;
/// What stands in the place of others.
const HIDDEN: &str = "(not shown)";

/// A caller's word as an error may repeat it: what reads like a name. Whether it holds personal data is for
/// [`PlanError::unnamed`]'s caller to know.
pub(super) fn shown(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'-');
    let fits = (1..=LONGEST_SHOWN).contains(&word.len()) && word.bytes().all(plain);
    if fits { word.to_owned() } else { HIDDEN.to_owned() }
}

impl PlanError {
    /// The same without the caller's own words.
    #[must_use]
    pub fn unnamed(mut self) -> PlanError {
        let hide = |word: &mut String| HIDDEN.clone_into(word);
        match &mut self {
            PlanError::Contradiction { provider: one, prefix: other }
            | PlanError::NothingThere { provider: one, wanted: other } => {
                hide(one);
                hide(other);
            }
            PlanError::ProviderNotFound { provider: word, .. }
            | PlanError::ModelNotFound { model: word, .. }
            | PlanError::Unpriced { model: word, .. }
            | PlanError::Unable { model: Some(word), .. }
            | PlanError::NoSuchCapability { model: word }
            | PlanError::NoneAllowed { wanted: word } => hide(word),
            PlanError::Unable { model: None, .. }
            | PlanError::CapabilityAndModel
            | PlanError::NothingListed(_)
            | PlanError::NoDefault
            | PlanError::TooLong { .. } => {}
        }
        self
    }
}
