//! Writes whole answers and errors of the native dialect.

use crate::dialect::{Attempt, CallMade, Choice, ErrorBody, Facts, Whole};
use crate::openai_chat::{call_id_of, finish_reason, write_pii, write_texts};
use crate::write::{Json, array, integer, string};
use gateway_core::conversation::{Arguments, StopReason, Text};
use gateway_core::usage::Usage;

pub(super) fn answer(whole: &Whole, facts: &Facts) -> Vec<u8> {
    let none = Choice::default();
    // The native dialect asks for one choice.
    let choice = whole.choices.first().unwrap_or(&none);
    let mut out = Vec::with_capacity(whole.text_bytes() as usize + 768);
    let mut json = Json::object(&mut out);
    json.string("id", facts.request_id);
    // A refusal stands in the text's place; `finish_reason` tells it from one.
    write_texts(choice.texts.iter().chain(&choice.refusals), json.field("content"));
    if !choice.calls.is_empty() {
        array((0..).zip(&choice.calls), json.field("tool_calls"), |(index, call), out| {
            let mut json = Json::object(out);
            json.text("id", &call_id_of(call, facts.request_id, 0, index));
            json.raw("type", br#""function""#);
            let mut function = Json::object(json.field("function"));
            write_function(call, &mut function);
            function.end();
            json.end();
        });
    }
    write_outcome(stop_of(choice.stop, !choice.refusals.is_empty()), facts, &mut json);
    json.end();
    out
}

/// A refusal in words, which OpenAI ends with `stop`, is told by the reason here.
pub(super) fn stop_of(stop: Option<StopReason>, has_refusal: bool) -> Option<StopReason> {
    if has_refusal { Some(StopReason::Refusal) } else { stop }
}

/// `name`, and `arguments` as an object; as the string that the model wrote, where that is no object.
pub(super) fn write_function(call: &CallMade, json: &mut Json) {
    json.text("name", &call.name);
    let mut literal = Vec::with_capacity(call.arguments.iter().map(Text::json_len).sum::<usize>() + 2);
    write_texts(&call.arguments, &mut literal);
    let object = Text::from_json(literal.clone().into()).and_then(|text| Arguments::Encoded(text).object());
    let out = json.field("arguments");
    let from = out.len();
    out.extend_from_slice(object.as_deref().unwrap_or(&literal));
    // Line ends can stand between tokens alone, and would end a line of server-sent events.
    out[from..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
}

/// All fields of an answer but `id` and `content`.
pub(super) fn write_outcome(stop: Option<StopReason>, facts: &Facts, json: &mut Json) {
    json.raw("finish_reason", finish_reason(stop, false).as_bytes());
    json.string("provider_used", facts.provider);
    json.string("model_used", facts.model);
    if let Some(reason) = facts.route_reason {
        json.string("route_reason", &reason.to_string());
    }
    json.bool("fallback_triggered", facts.fallback);
    array(facts.attempts, json.field("attempts"), write_attempt);
    if let Some(pii) = facts.pii {
        write_pii(pii, json.field("pii_summary"));
    }
    write_usage(facts, json.field("usage"));
    if let Some(budget) = facts.budget {
        let mut json = Json::object(json.field("budget"));
        match budget.remaining {
            Some(left) => json.raw("remaining_usd", left.to_string().as_bytes()),
            None => json.raw("remaining_usd", b"null"),
        }
        json.end();
    }
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
