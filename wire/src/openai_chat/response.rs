//! Writes whole answers and errors as OpenAI's SDKs expect them.

use super::ids::call_id;
use crate::dialect::{CallMade, Choice, ErrorBody, Facts, Thought, Whole};
use crate::write::{Json, array, integer, string};
use gateway_core::conversation::{StopReason, Text};
use gateway_core::finding::{Action, Summary};
use gateway_core::usage::Usage;

pub(super) fn answer(whole: &Whole, facts: &Facts) -> Vec<u8> {
    let mut out = Vec::with_capacity(whole.text_bytes() as usize + 512);
    let mut json = Json::object(&mut out);
    json.raw("id", id(facts.request_id).as_bytes());
    json.raw("object", br#""chat.completion""#);
    json.integer("created", facts.created);
    json.string("model", facts.model);
    array((0..).zip(&whole.choices), json.field("choices"), |(index, choice), out| {
        write_choice(index, choice, facts.request_id, out);
    });
    write_usage(facts.usage, json.field("usage"));
    json.end();
    out
}

/// Our own id, quoted: callers find the audit record by it, whichever provider answered.
pub(super) fn id(request_id: &str) -> String {
    format!("\"chatcmpl-{}\"", request_id.replace('-', ""))
}

fn write_choice(index: u32, choice: &Choice, request_id: &str, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    json.integer("index", u64::from(index));
    let mut message = Json::object(json.field("message"));
    message.raw("role", br#""assistant""#);
    let says_nothing = choice.texts.is_empty();
    if says_nothing && !(choice.calls.is_empty() && choice.refusals.is_empty()) {
        message.raw("content", b"null");
    } else {
        write_texts(&choice.texts, message.field("content"));
    }
    match &choice.refusals[..] {
        [] => message.raw("refusal", b"null"),
        refusals => write_texts(refusals, message.field("refusal")),
    }
    if !choice.thinking.is_empty() {
        write_thinking(&choice.thinking, &mut message);
    }
    if !choice.calls.is_empty() {
        array((0..).zip(&choice.calls), message.field("tool_calls"), |(number, call), out| {
            write_call(call, &call_id_of(call, request_id, index, number), out);
        });
    }
    message.end();
    json.raw("logprobs", b"null");
    let reason = finish_reason(choice.stop, !choice.refusals.is_empty());
    json.raw("finish_reason", reason.as_bytes());
    json.end();
}

/// The provider's own id, or one made for the call's place.
pub(crate) fn call_id_of(call: &CallMade, request_id: &str, choice: u32, index: u32) -> Text {
    call.id.clone().unwrap_or_else(|| call_id(request_id, choice, index))
}

fn write_call(call: &CallMade, id: &Text, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    json.text("id", id);
    json.raw("type", br#""function""#);
    let mut function = Json::object(json.field("function"));
    function.text("name", &call.name);
    write_texts(&call.arguments, function.field("arguments"));
    function.end();
    if let Some(signature) = &call.signature {
        write_signature(signature, json.field("extra_content"));
    }
    json.end();
}

/// Google's own place for a thought signature in this dialect.
pub(super) fn write_signature(signature: &Text, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    let mut google = Json::object(json.field("google"));
    google.text("thought_signature", signature);
    google.end();
    json.end();
}

/// `reasoning_content` for people; `thinking_blocks`, where a provider signed them, to be sent back.
fn write_thinking(thinking: &[Thought], message: &mut Json) {
    let texts = thinking.iter().flat_map(|thought| &thought.texts);
    if texts.clone().next().is_some() {
        write_texts(texts, message.field("reasoning_content"));
    }
    let mut signed = thinking.iter().filter(|thought| is_signed(thought)).peekable();
    if signed.peek().is_some() {
        array(signed, message.field("thinking_blocks"), |thought, out| {
            let Thought { texts, signature, redacted, .. } = thought;
            let mut json = Json::object(out);
            let text = texts.iter().map(Text::json_inner);
            write_block(text, signature.as_ref(), redacted.as_ref(), &mut json);
            json.end();
        });
    }
}

fn is_signed(thought: &Thought) -> bool {
    thought.signature.is_some() || thought.redacted.is_some()
}

/// The fields of a block of thinking, as Anthropic's dialect has them. `text` is the raw content of
/// literals that make up the thought.
pub(super) fn write_block<'t>(
    text: impl Iterator<Item = &'t [u8]>,
    signature: Option<&Text>,
    redacted: Option<&Text>,
    json: &mut Json,
) {
    if let Some(data) = redacted {
        json.raw("type", br#""redacted_thinking""#);
        json.text("data", data);
        return;
    }
    json.raw("type", br#""thinking""#);
    let out = json.field("thinking");
    out.push(b'"');
    text.for_each(|piece| out.extend_from_slice(piece));
    out.push(b'"');
    if let Some(signature) = signature {
        json.text("signature", signature);
    }
}

/// Pieces joined into one literal: raw, since JSON string contents concatenate.
pub(crate) fn write_texts<'t>(texts: impl IntoIterator<Item = &'t Text>, out: &mut Vec<u8>) {
    out.push(b'"');
    for text in texts {
        out.extend_from_slice(text.json_inner());
    }
    out.push(b'"');
}

/// OpenAI's word for the reason, quoted. A refusal whose words stand in `refusal` ends with `stop`.
pub(crate) fn finish_reason(stop: Option<StopReason>, has_refusal: bool) -> &'static str {
    match stop {
        Some(StopReason::Refusal) if has_refusal => "\"stop\"",
        Some(StopReason::End | StopReason::StopSequence | StopReason::Other) | None => "\"stop\"",
        Some(StopReason::Length) => "\"length\"",
        Some(StopReason::ToolCalls) => "\"tool_calls\"",
        Some(StopReason::Refusal | StopReason::ContentFilter) => "\"content_filter\"",
    }
}

/// OpenAI counts cached tokens inside the prompt and reasoning inside the completion. Details that the
/// provider did not report are left out.
pub(super) fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    let prompt = usage.prompt_total();
    let completion = usage.output.unwrap_or(0);
    let mut json = Json::object(out);
    json.integer("prompt_tokens", prompt);
    json.integer("completion_tokens", completion);
    json.integer("total_tokens", prompt.saturating_add(completion));
    if usage.cache_read.is_some() || usage.audio_input.is_some() {
        let mut details = Json::object(json.field("prompt_tokens_details"));
        details.integer("cached_tokens", usage.cache_read.unwrap_or(0));
        if let Some(audio) = usage.audio_input {
            details.integer("audio_tokens", audio);
        }
        details.end();
    }
    if let Some(reasoning) = usage.reasoning {
        let mut details = Json::object(json.field("completion_tokens_details"));
        details.integer("reasoning_tokens", reasoning);
        details.end();
    }
    json.end();
}

/// The closing `gateway` object: what headers carry on a JSON answer.
pub(crate) fn write_gateway(facts: &Facts, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    json.string("request_id", facts.request_id);
    json.string("provider", facts.provider);
    json.string("model", facts.model);
    if let Some(reason) = facts.route_reason {
        json.string("route_reason", &reason.to_string());
    }
    json.bool("fallback", facts.fallback);
    json.integer("attempts", facts.attempts.len() as u64);
    json.raw("cost_usd", facts.cost.to_string().as_bytes());
    json.bool("cost_is_estimate", facts.cost_is_estimate);
    if let Some(bound) = facts.max_output {
        json.integer("max_output_tokens", bound);
    }
    if !facts.dropped.is_empty() {
        array(facts.dropped, json.field("dropped_params"), |name, out| string(name, out));
    }
    if let Some(pii) = facts.pii {
        write_pii(pii, json.field("pii_summary"));
    }
    json.integer("overhead_us", facts.overhead_us);
    json.end();
}

/// `{total, by_type, action, unscanned?, withheld?, answer_masked?}`: what was found in the request, in counts.
pub(crate) fn write_pii(pii: &Summary, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    json.integer("total", u64::from(pii.total()));
    let mut by_type = Json::object(json.field("by_type"));
    for (kind, count) in &pii.by_type {
        by_type.integer(kind.name(), u64::from(*count));
    }
    by_type.end();
    json.string("action", pii.action.map_or("none", Action::word));
    if !pii.unscanned.is_empty() {
        let mut unscanned = Json::object(json.field("unscanned"));
        for (media, count) in &pii.unscanned {
            unscanned.integer(media, u64::from(*count));
        }
        unscanned.end();
    }
    if pii.withheld > 0 {
        json.integer("withheld", u64::from(pii.withheld));
    }
    if pii.answer_masked > 0 {
        json.integer("answer_masked", u64::from(pii.answer_masked));
    }
    json.end();
}

/// `{"error":{message,type,param,code}}` with the additions that a program may act on.
pub(super) fn error(error: &ErrorBody) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut json = Json::object(&mut out);
    let mut inner = Json::object(json.field("error"));
    inner.string("message", &error.message);
    inner.string("type", kind(error.status));
    match &error.field {
        Some(field) => inner.string("param", field),
        None => inner.raw("param", b"null"),
    }
    inner.string("code", error.code);
    if let Some(seconds) = error.retry_after_s {
        integer(seconds, inner.field("retry_after_s"));
    }
    inner.string("request_id", &error.request_id);
    inner.end();
    json.end();
    out
}

/// OpenAI's error types by status.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        402 => "insufficient_quota",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}
