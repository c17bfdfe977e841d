//! The form of the answer, and how much the model may think: `thinking`, `output_config`, `output_format`.

use crate::body::{LEAVE_OUT, Object, Reading, unsupported, wrong};
use crate::dialect::Malformed;
use gateway_core::catalog::{Effort, Fact};
use gateway_core::conversation::{Output, Reasoning, Schema};
use serde_json::value::RawValue;

pub(super) fn read(
    fields: &mut Object,
    reading: &mut Reading,
) -> Result<(Output, Option<Reasoning>), Malformed> {
    let mut output = Output::Text;
    let mut effort = None;
    // The name of the format's field before it moved into `output_config`.
    if let Some(raw) = fields.take("output_format") {
        output = format(raw, "output_format", reading)?;
    }
    if let Some(raw) = fields.take("output_config") {
        let mut config = Object::read(raw, || "output_config".to_owned())?;
        if let Some(raw) = config.take("format") {
            output = format(raw, "output_config.format", reading)?;
        }
        effort = config.take_word("effort").map(|word| self::effort(&word)).transpose()?;
        if config.take("task_budget").is_some() {
            return Err(unsupported("output_config.task_budget", LEAVE_OUT));
        }
        reading.drop_rest(config, "output_config");
    }
    let thinking = fields.take("thinking").map(|raw| thinking(raw, reading)).transpose()?;
    let reasoning = match (thinking, effort) {
        (Some(Reasoning::Adaptive) | None, Some(effort)) => Some(Reasoning::Effort(effort)),
        (Some(thinking), Some(_)) => {
            reading.drop_field("output_config.effort");
            Some(thinking)
        }
        (thinking, None) => thinking,
    };
    Ok((output, reasoning))
}

fn effort(word: &str) -> Result<Effort, Malformed> {
    let effort = Effort::parse(word).filter(|effort| !matches!(effort, Effort::None | Effort::Minimal));
    effort.ok_or_else(|| wrong("output_config.effort", "must be low, medium, high, xhigh or max"))
}

fn format(raw: &RawValue, field: &str, reading: &mut Reading) -> Result<Output, Malformed> {
    let mut format = Object::read(raw, || field.to_owned())?;
    if format.take_word("type").as_deref() != Some("json_schema") {
        return Err(wrong(format!("{field}.type"), "must be json_schema"));
    }
    let at = format!("{field}.schema");
    let schema = format.take("schema").ok_or_else(|| wrong(at.as_str(), "is missing"))?;
    let schema = reading.json_object(schema, || at)?;
    reading.drop_rest(format, field);
    Ok(Output::JsonSchema(Schema { name: None, description: None, schema, strict: None }))
}

fn thinking(raw: &RawValue, reading: &mut Reading) -> Result<Reasoning, Malformed> {
    let mut thinking = Object::read(raw, || "thinking".to_owned())?;
    let reasoning = match thinking.take_word("type").as_deref() {
        Some("enabled") => {
            let at = "thinking.budget_tokens";
            let rule = "must be a whole number of at least 1024";
            let tokens: Option<u64> = thinking.take_plain("budget_tokens", || at.to_owned(), rule)?;
            Reasoning::Budget(tokens.filter(|tokens| *tokens >= 1_024).ok_or_else(|| wrong(at, rule))?)
        }
        Some("adaptive") => Reasoning::Adaptive,
        Some("disabled") => Reasoning::Off,
        _ => return Err(wrong("thinking.type", "must be enabled, adaptive or disabled")),
    };
    // Thoughts are always shown.
    match thinking.take_word("display").as_deref() {
        None | Some("summarized") => {}
        Some("omitted") => reading.drop_field("thinking.display"),
        Some(_) => return Err(wrong("thinking.display", "must be summarized or omitted")),
    }
    reading.drop_rest(thinking, "thinking");
    Ok(reasoning)
}
