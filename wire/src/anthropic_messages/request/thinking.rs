//! How much the model may think. Source: docs.anthropic.com, 'Extended thinking', 'Adaptive thinking' and
//! 'Effort', and recorded traffic.

use super::Request;
use super::messages::Messages;
use crate::dialect::Target;
use crate::write::Json;
use gateway_core::catalog::{Ability, Effort};
use gateway_core::conversation::{Conversation, Reasoning, ToolChoice};

/// The caller's own word for it.
const FIELD: &str = "reasoning_effort";
/// Anthropic's least budget, in tokens.
const LEAST: u64 = 1_024;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Disabled,
    /// Tokens, within `max_tokens`.
    Budget(u64),
    /// `summary`: the thoughts are shown, which newer models leave out by default.
    Adaptive {
        summary: bool,
    },
}

pub(super) struct Plan {
    told: Told,
    pub effort: Option<&'static str>,
}

impl Plan {
    pub(super) fn is_on(&self) -> bool {
        matches!(self.told, Told::Budget(_) | Told::Adaptive { .. })
    }

    pub(super) fn write(&self, json: &mut Json) {
        if self.told == Told::Nothing {
            return;
        }
        let mut thinking = Json::object(json.field("thinking"));
        match self.told {
            Told::Nothing => {}
            Told::Disabled => thinking.raw("type", b"\"disabled\""),
            Told::Budget(tokens) => {
                thinking.raw("type", b"\"enabled\"");
                thinking.integer("budget_tokens", tokens);
            }
            Told::Adaptive { summary } => {
                thinking.raw("type", b"\"adaptive\"");
                if summary {
                    thinking.raw("display", b"\"summarized\"");
                }
            }
        }
        thinking.end();
    }
}

/// How a model is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// By `budget_tokens`; it does not think unless told.
    Budget,
    /// By `effort`; `no_budget`: a budget is refused, which came with the level `xhigh`.
    Adaptive { no_budget: bool },
    /// It does not think.
    None,
}

impl Form {
    fn of(target: &Target) -> Form {
        let takes = |effort| target.efforts.known(effort) == Some(true);
        if target.abilities.known(Ability::Reasoning) == Some(false) {
            Form::None
        } else if takes(Effort::Max) {
            Form::Adaptive { no_budget: takes(Effort::ExtraHigh) }
        } else {
            Form::Budget
        }
    }
}

/// Decides what to send. A wish that the model cannot meet is named; what comes nearest is sent.
pub(super) fn plan(conversation: &Conversation, messages: &Messages, request: &mut Request) -> Plan {
    // A budget of nothing, or an effort of none, is no thinking.
    let wish = match conversation.reasoning {
        Some(Reasoning::Budget(0) | Reasoning::Effort(Effort::None)) => Some(Reasoning::Off),
        wish => wish,
    };
    let Some(wish) = wish else { return Plan { told: Told::Nothing, effort: None } };
    let form = Form::of(request.target);
    let plan = match form {
        _ if wish == Reasoning::Off => return off(form, request),
        Form::None => {
            request.drop_field(FIELD);
            return off(form, request);
        }
        Form::Budget => budget(wish, request),
        Form::Adaptive { no_budget } => adaptive(wish, no_budget, request),
    };
    // "Thinking may not be enabled when tool_choice forces tool use."
    let is_forced = !conversation.tools.is_empty()
        && matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    // "Expected `thinking` or `redacted_thinking`, but found `text`": asked of models with a budget alone.
    let lacks_thought = matches!(plan.told, Told::Budget(_)) && messages.answer_a_thoughtless_turn();
    if plan.is_on() && (is_forced || lacks_thought) {
        request.drop_field(FIELD);
        return Plan { effort: plan.effort, ..off(form, request) };
    }
    plan
}

/// No thinking. Models that think by default have to be told; some cannot be kept from it and refuse to be.
fn off(form: Form, request: &mut Request) -> Plan {
    let always = ["claude-fable-", "claude-mythos-"];
    let told = match form {
        Form::Adaptive { .. } if always.iter().any(|name| request.target.model.starts_with(name)) => {
            request.drop_field(FIELD);
            Told::Nothing
        }
        Form::Adaptive { .. } => Told::Disabled,
        Form::Budget | Form::None => Told::Nothing,
    };
    Plan { told, effort: None }
}

fn adaptive(wish: Reasoning, no_budget: bool, request: &mut Request) -> Plan {
    let (effort, is_met) = match wish {
        Reasoning::Effort(Effort::None | Effort::Minimal) => (Some("low"), false),
        Reasoning::Effort(Effort::Low) => (Some("low"), true),
        Reasoning::Effort(Effort::Medium) => (Some("medium"), true),
        Reasoning::Effort(Effort::High) => (Some("high"), true),
        Reasoning::Effort(Effort::ExtraHigh) if no_budget => (Some("xhigh"), true),
        Reasoning::Effort(Effort::ExtraHigh) => (Some("high"), false),
        Reasoning::Effort(Effort::Max) => (Some("max"), true),
        Reasoning::Budget(_) if !no_budget => return budget(wish, request),
        Reasoning::Budget(_) => (None, false),
        Reasoning::Adaptive | Reasoning::Off => (None, true),
    };
    if !is_met {
        request.drop_field(FIELD);
    }
    Plan { told: Told::Adaptive { summary: no_budget }, effort }
}

/// A budget leaves room for the answer: an effort's takes three quarters of the bound at most.
fn budget(wish: Reasoning, request: &mut Request) -> Plan {
    let bound = request.target.output_bound;
    let usual = bound / 4 * 3;
    let (wanted, most, is_met) = match wish {
        Reasoning::Budget(tokens) => (tokens, bound.saturating_sub(1), true),
        Reasoning::Effort(Effort::None | Effort::Minimal) => (LEAST, usual, true),
        Reasoning::Effort(Effort::Low) => (2_048, usual, true),
        Reasoning::Effort(Effort::Medium) => (8_192, usual, true),
        Reasoning::Effort(Effort::High) => (16_384, usual, true),
        Reasoning::Effort(Effort::ExtraHigh | Effort::Max) => (32_768, usual, true),
        Reasoning::Adaptive | Reasoning::Off => (8_192, usual, false),
    };
    let tokens = wanted.min(most).max(LEAST);
    let fits = tokens < bound;
    let is_exact = tokens == wanted || !matches!(wish, Reasoning::Budget(_));
    if !(fits && is_met && is_exact) {
        request.drop_field(FIELD);
    }
    Plan { told: if fits { Told::Budget(tokens) } else { Told::Nothing }, effort: None }
}
