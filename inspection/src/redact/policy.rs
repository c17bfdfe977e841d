//! What becomes of what was found: an action for each kind, and what is done with what can't be searched.

use gateway_core::conversation::MediaKind;
use gateway_core::finding::{Action, Kind};
use std::collections::BTreeMap;

/// A team's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Off: nothing is searched.
    pub enabled: bool,
    pub default: Action,
    pub actions: BTreeMap<Kind, Action>,
    /// Whether what can't be searched may go out.
    pub images: bool,
    pub audio: bool,
    pub documents: bool,
    /// Whether answers are searched too: what did not come from the caller is masked.
    pub answers: bool,
    /// Arrays of tokens in place of a text.
    pub tokens: bool,
}

impl Default for Policy {
    /// Everything is redacted; images and audio go out unsearched, documents and tokens do not.
    fn default() -> Policy {
        Policy {
            enabled: true,
            default: Action::Redact,
            actions: BTreeMap::new(),
            images: true,
            audio: true,
            documents: false,
            answers: false,
            tokens: false,
        }
    }
}

impl Policy {
    pub fn action(&self, kind: Kind) -> Action {
        self.actions.get(&kind).copied().unwrap_or(self.default)
    }

    /// Whether a file of this kind that can't be searched may go out.
    pub fn lets_out(&self, media: MediaKind) -> bool {
        match media {
            MediaKind::Image => self.images,
            MediaKind::Audio => self.audio,
            MediaKind::Document => self.documents,
            MediaKind::Tokens => self.tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_without_an_action_of_its_own_takes_the_default() {
        let policy = Policy {
            default: Action::Mask,
            actions: [(Kind::SECRET, Action::Block)].into(),
            ..Policy::default()
        };
        assert_eq!(policy.action(Kind::SECRET), Action::Block);
        assert_eq!(policy.action(Kind::US_SSN), Action::Mask);
    }
}
