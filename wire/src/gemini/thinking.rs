//! Writes how much the model may think. Source: ai.google.dev/gemini-api/docs/thinking, and the budgets of
//! ai.google.dev/gemini-api/docs/openai for OpenAI's levels of effort.

use super::request::Dropped;
use crate::dialect::Target;
use crate::write::Json;
use gateway_core::catalog::{Ability, Effort};
use gateway_core::conversation::Reasoning;
use std::ops::RangeInclusive;

/// The caller's own word for it.
const FIELD: &str = "reasoning_effort";

/// How a model is told.
enum Form {
    /// `thinkingLevel`: Gemini 3 and later, which cannot be kept from thinking.
    Level,
    /// `thinkingBudget`, in tokens: Gemini 2.5, and names that say no version.
    Budget { range: RangeInclusive<u64>, can_be_off: bool },
    /// It does not think.
    None,
}

/// What is sent.
#[derive(Clone, Copy)]
enum Told {
    Level(&'static str),
    Budget(u64),
    /// As much as the model sees fit: `-1`, or nothing where that is the default.
    Free {
        budget: bool,
    },
}

/// Writes `thinkingConfig`. A wish that the model cannot meet is named; what comes nearest is sent.
pub(super) fn write(wish: Reasoning, target: &Target, json: &mut Json, dropped: &mut Dropped) {
    // A budget of nothing, or an effort of none, is no thinking.
    let wish = match wish {
        Reasoning::Budget(0) | Reasoning::Effort(Effort::None) => Reasoning::Off,
        wish => wish,
    };
    let told = match form(target) {
        Form::None if wish == Reasoning::Off => return,
        Form::None => return dropped.name(FIELD),
        Form::Level => level(wish, target, dropped),
        Form::Budget { can_be_off: false, .. } if wish == Reasoning::Off => return dropped.name(FIELD),
        Form::Budget { range, can_be_off } => budget(wish, range, can_be_off, dropped),
    };
    let mut config = Json::object(json.field("thinkingConfig"));
    match told {
        Told::Level(level) => config.string("thinkingLevel", level),
        Told::Budget(tokens) => config.integer("thinkingBudget", tokens),
        Told::Free { budget: true } => config.raw("thinkingBudget", b"-1"),
        Told::Free { budget: false } => {}
    }
    if wish != Reasoning::Off && !matches!(told, Told::Budget(0)) {
        config.bool("includeThoughts", true);
    }
    config.end();
}

/// Whether the model is of the generations that verify thought signatures and take levels.
pub(super) fn is_third_generation(model: &str) -> bool {
    let version = model.strip_prefix("gemini-").unwrap_or_default();
    let digits = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse::<u32>().is_ok_and(|version| version >= 3)
}

fn form(target: &Target) -> Form {
    let known = target.abilities.known(Ability::Reasoning);
    let is_budget = target.model.starts_with("gemini-2.5-") || known == Some(true);
    if known == Some(false) {
        Form::None
    } else if is_third_generation(target.model) {
        Form::Level
    } else if !is_budget {
        Form::None
    } else if target.model.contains("flash-lite") {
        Form::Budget { range: 512..=24_576, can_be_off: true }
    } else if target.model.contains("flash") {
        Form::Budget { range: 1..=24_576, can_be_off: true }
    } else {
        Form::Budget { range: 128..=32_768, can_be_off: false }
    }
}

fn level(wish: Reasoning, target: &Target, dropped: &mut Dropped) -> Told {
    let refuses = |effort| target.efforts.known(effort) == Some(false);
    let is_pro = target.model.contains("pro");
    let low = if is_pro || refuses(Effort::Minimal) { "LOW" } else { "MINIMAL" };
    // The first of them knew two levels.
    let medium =
        if target.model.starts_with("gemini-3-pro") || refuses(Effort::Medium) { "HIGH" } else { "MEDIUM" };
    let (level, is_met) = match wish {
        Reasoning::Off => (low, false),
        Reasoning::Effort(Effort::None | Effort::Minimal) => (low, low == "MINIMAL"),
        Reasoning::Effort(Effort::Low) => ("LOW", true),
        Reasoning::Effort(Effort::Medium) => (medium, medium == "MEDIUM"),
        Reasoning::Effort(Effort::High | Effort::ExtraHigh | Effort::Max) => ("HIGH", true),
        // Still taken, but not beside a level.
        Reasoning::Budget(tokens) => return Told::Budget(tokens),
        Reasoning::Adaptive => return Told::Free { budget: false },
    };
    if !is_met {
        dropped.name(FIELD);
    }
    Told::Level(level)
}

fn budget(wish: Reasoning, range: RangeInclusive<u64>, can_be_off: bool, dropped: &mut Dropped) -> Told {
    let least = if can_be_off { 0 } else { *range.start() };
    Told::Budget(match wish {
        Reasoning::Off | Reasoning::Effort(Effort::None | Effort::Minimal) => least,
        Reasoning::Effort(Effort::Low) => 1_024,
        Reasoning::Effort(Effort::Medium) => 8_192,
        Reasoning::Effort(Effort::High) => 24_576,
        Reasoning::Effort(Effort::ExtraHigh | Effort::Max) => *range.end(),
        Reasoning::Budget(tokens) => {
            let taken = tokens.clamp(*range.start(), *range.end());
            if taken != tokens {
                dropped.name(FIELD);
            }
            taken
        }
        Reasoning::Adaptive => return Told::Free { budget: true },
    })
}
