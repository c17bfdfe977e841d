//! What a caller may want instead of a model ([`Capability`]), and why the gateway chose as it did
//! ([`RouteReason`]).

use std::fmt;

use super::task::Rule;

/// What a model is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    Code,
    Reasoning,
    Vision,
    LongContext,
    Fast,
    Cheap,
}

impl Capability {
    pub const ALL: [Capability; 6] = [
        Capability::Code,
        Capability::Reasoning,
        Capability::Vision,
        Capability::LongContext,
        Capability::Fast,
        Capability::Cheap,
    ];

    /// Its word in requests, in the configuration and in what is told.
    pub fn word(self) -> &'static str {
        match self {
            Capability::Code => "code",
            Capability::Reasoning => "reasoning",
            Capability::Vision => "vision",
            Capability::LongContext => "long_context",
            Capability::Fast => "fast",
            Capability::Cheap => "cheap",
        }
    }

    pub fn parse(word: &str) -> Option<Capability> {
        Capability::ALL.into_iter().find(|capability| capability.word() == word)
    }

    /// All words, for a message.
    pub fn words() -> String {
        Capability::ALL.map(Capability::word).join(", ")
    }
}

/// `model` where it leaves the choice to the gateway.
pub const AUTO: &str = "auto";

/// What a `model` that begins with [`AUTO`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Auto {
    /// `auto`: by the task.
    Task,
    /// `auto:code`.
    For(Capability),
    /// `auto:` and no capability's word.
    Unknown,
}

impl Auto {
    /// `None` for every other name.
    pub(super) fn read(model: &str) -> Option<Auto> {
        let rest = model.strip_prefix(AUTO)?;
        if rest.is_empty() {
            return Some(Auto::Task);
        }
        let word = rest.strip_prefix(':')?;
        Some(Capability::parse(word).map_or(Auto::Unknown, Auto::For))
    }
}

/// Whether the configuration may give this name to something else.
pub fn is_reserved(name: &str) -> bool {
    Auto::read(name).is_some()
}

/// Why these candidates and no others, where the caller named no model. Told as words with `/` between, none of
/// which is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteReason {
    pub how: How,
    /// Weights had a say in the order.
    pub split: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// A name of the configuration's own.
    Alias,
    /// The caller asked for it.
    Capability(Capability),
    /// `auto`: a rule found out the task.
    Auto(Capability, Rule),
}

impl fmt::Display for RouteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.how {
            How::Alias => f.write_str("alias")?,
            How::Capability(capability) => write!(f, "capability/{}", capability.word())?,
            How::Auto(capability, rule) => write!(f, "auto/{}/{}", capability.word(), rule.word())?,
        }
        if self.split { f.write_str("/split") } else { Ok(()) }
    }
}
