//! Whether and how a model is asked to think, and how its thoughts go back.
//!
//! Newer models (those with levels of effort in the catalog) think as they see fit and take an effort;
//! older ones take a budget of tokens. Sources: docs.anthropic.com, "Extended thinking" and "Effort", and
//! recorded refusals.

use crate::dialect::Target;
use crate::write::Json;
use gateway_core::catalog::{Effort, Fact};
use gateway_core::conversation::{Content, Conversation, Reasoning, Role, Thinking, ToolChoice, Turn};
use gateway_core::ids::ProviderKind;

/// The smallest budget that Anthropic takes.
const LEAST_BUDGET: u64 = 1024;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    mode: Mode,
    /// `output_config.effort`.
    pub effort: Option<&'static str>,
    pub dropped: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Unsaid,
    Disabled,
    Adaptive,
    Budget(u64),
}

const EFFORT_LOST: Plan = Plan { mode: Mode::Unsaid, effort: None, dropped: &["reasoning_effort"] };

impl Plan {
    pub(super) fn is_on(&self) -> bool {
        matches!(self.mode, Mode::Adaptive | Mode::Budget(_))
    }

    pub(super) fn write(&self, json: &mut Json) {
        match self.mode {
            Mode::Unsaid => {}
            Mode::Disabled => json.raw("thinking", br#"{"type":"disabled"}"#),
            Mode::Adaptive => json.raw("thinking", br#"{"type":"adaptive"}"#),
            Mode::Budget(tokens) => {
                let mut thinking = Json::object(json.field("thinking"));
                thinking.raw("type", br#""enabled""#);
                thinking.integer("budget_tokens", tokens);
                thinking.end();
            }
        }
    }
}

pub(super) fn plan(conversation: &Conversation, target: &Target) -> Plan {
    let Some(reasoning) = conversation.reasoning else { return Plan::default() };
    if reasoning == Reasoning::Off {
        let mode = if target.reasons() { Mode::Disabled } else { Mode::Unsaid };
        return Plan { mode, ..Plan::default() };
    }
    // Thinking clashes with a forced call, and with a tool loop that another model began without it.
    let forced = matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if !target.reasons() || forced || lacks_its_thought(conversation) {
        return EFFORT_LOST;
    }
    if takes_effort(target) { adaptive(reasoning, target) } else { budgeted(reasoning, target) }
}

/// The catalog names levels only for models that take them.
fn takes_effort(target: &Target) -> bool {
    Effort::ALL.iter().any(|(effort, _)| target.efforts.known(*effort) == Some(true))
}

fn adaptive(reasoning: Reasoning, target: &Target) -> Plan {
    let plan = |effort, dropped| Plan { mode: Mode::Adaptive, effort, dropped };
    match reasoning {
        Reasoning::Effort(Effort::Low) => plan(Some("low"), &[]),
        Reasoning::Effort(Effort::Medium) => plan(Some("medium"), &[]),
        Reasoning::Effort(Effort::High) => plan(Some("high"), &[]),
        Reasoning::Effort(Effort::ExtraHigh) if target.efforts.known(Effort::ExtraHigh) == Some(true) => {
            plan(Some("xhigh"), &[])
        }
        Reasoning::Effort(Effort::Max) if target.efforts.known(Effort::Max) == Some(true) => {
            plan(Some("max"), &[])
        }
        Reasoning::Effort(_) => plan(None, &["reasoning_effort"]),
        Reasoning::Budget(_) => plan(None, &["thinking.budget_tokens"]),
        Reasoning::Adaptive | Reasoning::Off => plan(None, &[]),
    }
}

/// A budget stays below the bound on the output, of which it is a part.
fn budgeted(reasoning: Reasoning, target: &Target) -> Plan {
    let wanted = match reasoning {
        Reasoning::Budget(tokens) => tokens,
        Reasoning::Effort(Effort::None | Effort::Minimal | Effort::Low) => LEAST_BUDGET,
        Reasoning::Effort(Effort::Medium) | Reasoning::Adaptive | Reasoning::Off => 4_096,
        Reasoning::Effort(Effort::High) => 16_384,
        Reasoning::Effort(Effort::ExtraHigh | Effort::Max) => 32_768,
    };
    let most = target.output_bound.saturating_sub(1);
    if most < LEAST_BUDGET {
        return EFFORT_LOST;
    }
    Plan { mode: Mode::Budget(wanted.clamp(LEAST_BUDGET, most)), ..Plan::default() }
}

/// With thinking on, Anthropic wants the last assistant turn before tool results to begin with its thought.
/// A turn of another provider, or one whose caller did not keep the thought, has none.
fn lacks_its_thought(conversation: &Conversation) -> bool {
    let turns: Vec<&Turn> = conversation.talk().collect();
    let in_a_loop = turns.last().is_some_and(|turn| turn.role == Role::Tool);
    let asked = turns.iter().rev().find(|turn| turn.role == Role::Assistant);
    let begins = asked.and_then(|turn| turn.parts.first());
    in_a_loop
        && !begins.is_some_and(|part| matches!(&part.content, Content::Thinking(thought) if returns(thought)))
}

/// Whether a thought can go back: Anthropic's own, signed or redacted.
pub(super) fn returns(thought: &Thinking) -> bool {
    thought.origin == ProviderKind::Anthropic && (thought.signature.is_some() || thought.redacted.is_some())
}

/// The members of a thinking block, byte for byte as it came.
pub(super) fn write_block(thought: &Thinking, json: &mut Json) {
    match &thought.redacted {
        Some(data) => {
            json.raw("type", br#""redacted_thinking""#);
            json.text("data", data);
        }
        None => {
            json.raw("type", br#""thinking""#);
            json.text("thinking", &thought.text);
            if let Some(signature) = &thought.signature {
                json.text("signature", signature);
            }
        }
    }
}
