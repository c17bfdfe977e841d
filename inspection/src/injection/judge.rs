//! From scores to a verdict: which part of a request is told of, and what becomes of the request.

use super::guard::{Guard, Reading, Trust};
use super::leaves::Part;
use gateway_core::conversation::Place;

/// What becomes of a request that looks like an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing is read.
    Off,
    /// It is told of, and goes out.
    Flag,
    /// It does not go out.
    Block,
}

impl Action {
    pub const ALL: [Action; 3] = [Action::Off, Action::Flag, Action::Block];

    pub fn word(self) -> &'static str {
        match self {
            Action::Off => "off",
            Action::Flag => "flag",
            Action::Block => "block",
        }
    }
}

/// From which score on, in per cent, a part is told of, and from which it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    pub flag: u8,
    /// `None`: it is never refused.
    pub block: Option<u8>,
}

/// A team's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub action: Action,
    pub user: Thresholds,
    pub untrusted: Thresholds,
}

impl Default for Policy {
    /// Callers may tell a model what they like: their own words are told of, and never refused.
    fn default() -> Policy {
        Policy {
            action: Action::Flag,
            user: Thresholds { flag: 60, block: None },
            untrusted: Thresholds { flag: 50, block: Some(70) },
        }
    }
}

impl Policy {
    fn verdict(&self, trust: Trust, score: u8) -> Verdict {
        let thresholds = match trust {
            Trust::User => self.user,
            Trust::Untrusted => self.untrusted,
        };
        let blocks = self.action == Action::Block && thresholds.block.is_some_and(|from| score >= from);
        match (self.action, blocks) {
            (Action::Off, _) => Verdict::Pass,
            (_, true) => Verdict::Block,
            _ if score >= thresholds.flag => Verdict::Flag,
            _ => Verdict::Pass,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    #[default]
    Pass,
    Flag,
    Block,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Flag => "flag",
            Verdict::Block => "block",
        }
    }
}

/// What was decided of a request, and why. Holds no text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Per cent.
    pub score: u8,
    pub verdict: Verdict,
    /// What kind of part it was; `None` where nothing was read.
    pub part: Option<&'static str>,
    /// Words for what was seen in it. Empty where it passes.
    pub reasons: Vec<&'static str>,
}

impl Guard {
    /// Reads the parts of a request: the gravest verdict counts, among equals the highest score.
    pub fn judge(&self, parts: &[Part], policy: &Policy) -> Judgement {
        let mut worst: Option<(Verdict, Reading, Place)> = None;
        for part in parts {
            let reading = self.read(&part.text, part.trust);
            let verdict = policy.verdict(part.trust, reading.score);
            let graver =
                worst.is_none_or(|(other, before, _)| (verdict, reading.score) > (other, before.score));
            if graver {
                worst = Some((verdict, reading, part.place));
            }
        }
        let Some((verdict, reading, place)) = worst else { return Judgement::default() };
        let reasons = if verdict == Verdict::Pass { Vec::new() } else { self.reasons(&reading) };
        Judgement { score: reading.score, verdict, part: Some(name(place)), reasons }
    }
}

/// What a part is called, to callers and in the audit trail.
pub fn name(place: Place) -> &'static str {
    match place {
        Place::System => "system",
        Place::Tool => "tool_definition",
        Place::User => "user",
        Place::Assistant => "assistant",
        Place::Result => "tool_result",
        Place::Document => "document",
        Place::Beside => "beside",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_follows_action_trust_and_score() {
        let with = |action| Policy { action, ..Policy::default() };
        for (case, policy, trust, score, want) in [
            ("off", with(Action::Off), Trust::Untrusted, 100, Verdict::Pass),
            ("below", with(Action::Block), Trust::Untrusted, 49, Verdict::Pass),
            ("told of", with(Action::Block), Trust::Untrusted, 50, Verdict::Flag),
            ("refused", with(Action::Block), Trust::Untrusted, 70, Verdict::Block),
            ("flagging only", with(Action::Flag), Trust::Untrusted, 100, Verdict::Flag),
            ("own words", with(Action::Block), Trust::User, 100, Verdict::Flag),
            ("own words, milder", with(Action::Block), Trust::User, 59, Verdict::Pass),
        ] {
            assert_eq!(policy.verdict(trust, score), want, "{case}");
        }
    }
}
