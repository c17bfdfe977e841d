//! Writes whole answers and errors as OpenAI's SDKs expect them.

use crate::dialect::{Choice, ErrorBody, Facts, Thought, Whole};
use crate::write::{Json, array, integer, string};
use gateway_core::conversation::{StopReason, Text};
use gateway_core::usage::Usage;

pub(super) fn answer(whole: &Whole, facts: &Facts) -> Vec<u8> {
    let size = usize::try_from(whole.text_bytes()).unwrap_or(0);
    let mut out = Vec::with_capacity(size + 512);
    let mut json = Json::object(&mut out);
    json.raw("id", id(facts.request_id).as_bytes());
    json.raw("object", br#""chat.completion""#);
    json.integer("created", facts.created);
    json.string("model", facts.model);
    array(whole.choices.iter().enumerate(), json.field("choices"), |(index, choice), out| {
        write_choice(index, choice, facts, out);
    });
    write_usage(facts.usage, json.field("usage"));
    json.end();
    out
}

/// Our own id, quoted: callers find the audit record by it, whichever provider answered.
pub(super) fn id(request_id: &str) -> String {
    let mut id = String::with_capacity(48);
    id.push_str("\"chatcmpl-");
    id.extend(request_id.chars().filter(|c| *c != '-'));
    id.push('"');
    id
}

/// An id for a call that its provider gave none: the same in every form of the answer.
pub(crate) fn call_id(request_id: &str, choice: u32, index: u32) -> String {
    let chance: String = request_id.chars().filter(|c| *c != '-').skip(16).collect();
    format!("call_{chance}{choice:04x}{index:04x}")
}

fn write_choice(index: usize, choice: &Choice, facts: &Facts, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    json.integer("index", index as u64);
    let mut message = Json::object(json.field("message"));
    message.raw("role", br#""assistant""#);
    let silent = choice.texts.is_empty() && !(choice.calls.is_empty() && choice.refusals.is_empty());
    if silent {
        message.raw("content", b"null");
    } else {
        write_texts(&choice.texts, message.field("content"));
    }
    if choice.refusals.is_empty() {
        message.raw("refusal", b"null");
    } else {
        write_texts(&choice.refusals, message.field("refusal"));
    }
    write_thinking(&choice.thinking, &mut message);
    if !choice.calls.is_empty() {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        array((0u32..).zip(&choice.calls), message.field("tool_calls"), |(n, call), out| {
            let mut json = Json::object(out);
            write_call_head(call.id.as_ref(), &call_id(facts.request_id, number, n), &mut json);
            let mut function = Json::object(json.field("function"));
            function.text("name", &call.name);
            write_texts(&call.arguments, function.field("arguments"));
            function.end();
            write_signature(call.signature.as_ref(), &mut json);
            json.end();
        });
    }
    message.end();
    json.raw("logprobs", b"null");
    json.raw("finish_reason", finish_reason(choice.stop, !choice.refusals.is_empty()).as_bytes());
    json.end();
}

/// A call's `id` and `type`.
pub(crate) fn write_call_head(id: Option<&Text>, minted: &str, json: &mut Json) {
    match id {
        Some(id) => json.text("id", id),
        None => json.string("id", minted),
    }
    json.raw("type", br#""function""#);
}

/// Gemini's thought signature, where Google's own OpenAI-compatible API keeps it.
pub(super) fn write_signature(signature: Option<&Text>, json: &mut Json) {
    if let Some(signature) = signature {
        let mut extra = Json::object(json.field("extra_content"));
        let mut google = Json::object(extra.field("google"));
        google.text("thought_signature", signature);
        google.end();
        extra.end();
    }
}

/// `reasoning_content` for people; `thinking_blocks`, with signatures, to be sent back.
fn write_thinking(thoughts: &[Thought], message: &mut Json) {
    if thoughts.is_empty() {
        return;
    }
    let texts: Vec<Text> = thoughts.iter().flat_map(|thought| thought.texts.iter().cloned()).collect();
    if !texts.is_empty() {
        write_texts(&texts, message.field("reasoning_content"));
    }
    let signed =
        || thoughts.iter().filter(|thought| thought.signature.is_some() || thought.redacted.is_some());
    if signed().next().is_some() {
        array(signed(), message.field("thinking_blocks"), |thought, out| {
            write_block(&thought.texts, thought.signature.as_ref(), thought.redacted.as_ref(), out);
        });
    }
}

/// A block of Anthropic's, as it has to come back.
pub(super) fn write_block(
    texts: &[Text],
    signature: Option<&Text>,
    redacted: Option<&Text>,
    out: &mut Vec<u8>,
) {
    let mut json = Json::object(out);
    match redacted {
        Some(data) => {
            json.raw("type", br#""redacted_thinking""#);
            json.text("data", data);
        }
        None => {
            json.raw("type", br#""thinking""#);
            write_texts(texts, json.field("thinking"));
            if let Some(signature) = signature {
                json.text("signature", signature);
            }
        }
    }
    json.end();
}

/// Pieces joined into one literal: raw, since JSON string contents concatenate.
pub(crate) fn write_texts(texts: &[Text], out: &mut Vec<u8>) {
    out.push(b'"');
    for text in texts {
        out.extend_from_slice(text.json_inner());
    }
    out.push(b'"');
}

/// OpenAI's word for the reason, quoted. A refusal in words ends like any answer; one without is a filter's.
pub(crate) fn finish_reason(stop: Option<StopReason>, refused: bool) -> &'static str {
    match stop {
        Some(StopReason::End | StopReason::StopSequence | StopReason::Other) | None => "\"stop\"",
        Some(StopReason::Length) => "\"length\"",
        Some(StopReason::ToolCalls) => "\"tool_calls\"",
        Some(StopReason::Refusal) if refused => "\"stop\"",
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
pub(super) fn write_gateway(facts: &Facts, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    json.string("request_id", facts.request_id);
    json.string("provider", facts.provider);
    json.string("model", facts.model);
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
    json.integer("overhead_us", facts.overhead_us);
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
