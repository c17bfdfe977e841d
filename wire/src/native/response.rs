//! Writes whole answers and errors of the native dialect.

use crate::dialect::{Attempt, CallMade, ErrorBody, Facts, Whole};
use crate::openai_chat::{call_id, finish_reason, write_call_head, write_texts};
use crate::write::{Json, array, integer, string};
use gateway_core::conversation::{Arguments, StopReason, Text};
use gateway_core::usage::Usage;

pub(super) fn answer(whole: &Whole, facts: &Facts) -> Vec<u8> {
    let choice = whole.choices.first();
    // A refusal in words is what the model said; this dialect has no other place for it.
    let texts: Vec<Text> = choice.map_or(Vec::new(), |choice| [&choice.texts[..], &choice.refusals].concat());
    let calls = choice.map_or(&[][..], |choice| &choice.calls);
    let mut out = Vec::with_capacity(usize::try_from(whole.text_bytes()).unwrap_or(0) + 768);
    let mut json = Json::object(&mut out);
    json.string("id", facts.request_id);
    write_texts(&texts, json.field("content"));
    write_calls(calls, facts.request_id, &mut json);
    write_outcome(choice.and_then(|choice| choice.stop), facts, &mut json);
    json.end();
    out
}

/// `tool_calls`, as in OpenAI chat, but with `arguments` an object. Absent where the model made none.
pub(super) fn write_calls(calls: &[CallMade], request_id: &str, json: &mut Json) {
    if calls.is_empty() {
        return;
    }
    array((0u32..).zip(calls), json.field("tool_calls"), |(n, call), out| {
        let mut json = Json::object(out);
        write_call_head(call.id.as_ref(), &call_id(request_id, 0, n), &mut json);
        let mut function = Json::object(json.field("function"));
        function.text("name", &call.name);
        write_arguments(&call.arguments, function.field("arguments"));
        function.end();
        json.end();
    });
}

/// The arguments as an object; as the string that the model wrote, where that is none.
pub(super) fn write_arguments(pieces: &[Text], out: &mut Vec<u8>) {
    let mut literal = Vec::new();
    write_texts(pieces, &mut literal);
    let text = Text::from_json(literal.into()).unwrap_or_else(|| Text::new(""));
    match (Arguments::Encoded(text.clone())).object() {
        Some(object) => out.extend_from_slice(&object),
        None => out.extend_from_slice(text.json()),
    }
}

/// All fields of an answer but `id`, `content` and `tool_calls`.
pub(super) fn write_outcome(stop: Option<StopReason>, facts: &Facts, json: &mut Json) {
    json.raw("finish_reason", finish_reason(stop, true).as_bytes());
    json.string("provider_used", facts.provider);
    json.string("model_used", facts.model);
    json.bool("fallback_triggered", facts.fallback);
    array(facts.attempts, json.field("attempts"), write_attempt);
    write_usage(facts, json.field("usage"));
    array(facts.warnings, json.field("warnings"), |warning, out| string(warning, out));
    json.integer("latency_ms", facts.latency_ms);
}

fn write_attempt(attempt: &Attempt, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    json.string("provider", &attempt.provider);
    json.string("model", &attempt.model);
    json.string("outcome", attempt.outcome);
    if let Some(status) = attempt.status {
        json.integer("status", u64::from(status));
    }
    json.integer("ms", attempt.ms);
    json.end();
}

/// `input_tokens` counts every prompt token, the cached ones among them. A counter that the provider
/// did not report is absent.
fn write_usage(facts: &Facts, out: &mut Vec<u8>) {
    let Usage { output, cache_read, reasoning, .. } = *facts.usage;
    let mut json = Json::object(out);
    json.integer("input_tokens", facts.usage.prompt_total());
    json.integer("output_tokens", output.unwrap_or(0));
    if let Some(cached) = cache_read {
        json.integer("cached_input_tokens", cached);
    }
    if let Some(reasoning) = reasoning {
        json.integer("reasoning_tokens", reasoning);
    }
    json.raw("estimated_cost_usd", facts.cost.to_string().as_bytes());
    json.bool("cost_is_estimate", facts.cost_is_estimate);
    json.end();
}

/// `{"error":{code,message,field?,retry_after_s?,request_id,attempts?}}`
pub(super) fn error(error: &ErrorBody) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut json = Json::object(&mut out);
    let mut inner = Json::object(json.field("error"));
    inner.string("code", error.code);
    inner.string("message", &error.message);
    if let Some(field) = &error.field {
        inner.string("field", field);
    }
    if let Some(seconds) = error.retry_after_s {
        integer(seconds, inner.field("retry_after_s"));
    }
    inner.string("request_id", &error.request_id);
    if !error.attempts.is_empty() {
        array(&error.attempts, inner.field("attempts"), write_attempt);
    }
    inner.end();
    json.end();
    out
}
