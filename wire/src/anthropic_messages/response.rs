//! Writes whole answers and errors as Anthropic's SDKs expect them.

use crate::dialect::{CallMade, Choice, ErrorBody, Facts, Thought, Whole};
use crate::openai_chat::{call_id_of, write_texts};
use crate::write::{Json, array, integer};
use gateway_core::conversation::{StopReason, Text};
use gateway_core::usage::Usage;

pub(super) fn answer(whole: &Whole, facts: &Facts) -> Vec<u8> {
    let nothing = Choice::default();
    // The dialect has no `n`, so there is no other.
    let choice = whole.choices.first().unwrap_or(&nothing);
    let mut out = Vec::with_capacity(usize::try_from(whole.text_bytes()).unwrap_or(0) + 768);
    let mut json = Json::object(&mut out);
    json.raw("id", id(facts.request_id).as_bytes());
    json.raw("type", b"\"message\"");
    json.raw("role", b"\"assistant\"");
    json.string("model", facts.model);
    array(blocks(choice), json.field("content"), |block, out| write_block(block, facts.request_id, out));
    json.raw("stop_reason", stop_reason(choice.stop, !choice.calls.is_empty()).as_bytes());
    json.raw("stop_sequence", b"null");
    write_usage(facts.usage, json.field("usage"));
    json.end();
    out
}

/// Our own id, quoted: callers find the audit record by it, whichever provider answered.
pub(super) fn id(request_id: &str) -> String {
    format!("\"msg_{}\"", request_id.replace('-', ""))
}

enum Block<'a> {
    Thought(&'a Thought),
    Text(&'a [Text]),
    Call(u32, &'a CallMade),
}

/// A refusal is text, as Anthropic's models speak it.
fn blocks(choice: &Choice) -> impl Iterator<Item = Block<'_>> {
    let thoughts = choice.thinking.iter().map(Block::Thought);
    let texts = [&choice.texts, &choice.refusals].into_iter().filter(|texts| !texts.is_empty());
    let calls = (0..).zip(&choice.calls).map(|(index, call)| Block::Call(index, call));
    thoughts.chain(texts.map(|texts| Block::Text(texts))).chain(calls)
}

fn write_block(block: Block, request_id: &str, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    match block {
        Block::Thought(Thought { redacted: Some(data), .. }) => {
            json.raw("type", b"\"redacted_thinking\"");
            json.text("data", data);
        }
        Block::Thought(thought) => {
            json.raw("type", b"\"thinking\"");
            write_texts(&thought.texts, json.field("thinking"));
            // The SDKs want the field, also of a thought that its provider did not sign.
            json.raw("signature", thought.signature.as_ref().map_or(b"\"\"", Text::json));
        }
        Block::Text(texts) => {
            json.raw("type", b"\"text\"");
            write_texts(texts, json.field("text"));
            json.raw("citations", b"null");
        }
        Block::Call(index, call) => {
            json.raw("type", b"\"tool_use\"");
            json.text("id", &call_id_of(call, request_id, 0, index));
            json.text("name", &call.name);
            write_input(&call.arguments, json.field("input"));
        }
    }
    json.end();
}

/// The arguments as the object that they are. What a model wrote instead stands under a name of our own,
/// since a string would break the SDKs, and `{}` would say that there was nothing.
fn write_input(pieces: &[Text], out: &mut Vec<u8>) {
    let written: String = pieces.iter().map(Text::decoded).collect();
    let trimmed = written.trim();
    if trimmed.is_empty() {
        out.extend_from_slice(b"{}");
    } else if trimmed.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(trimmed).is_ok() {
        out.extend_from_slice(trimmed.as_bytes());
    } else {
        let mut input = Json::object(out);
        input.string("invalid_arguments", &written);
        input.end();
    }
}

/// Anthropic's word for the reason, quoted. Where a model called tools it waits for their results, also if
/// its provider says no more than that it ended.
pub(super) fn stop_reason(stop: Option<StopReason>, has_calls: bool) -> &'static str {
    match stop {
        Some(StopReason::End | StopReason::Other) | None if has_calls => "\"tool_use\"",
        Some(StopReason::End | StopReason::Other) | None => "\"end_turn\"",
        // Which one was met is not known here, so a reader could not tell it from the end anyway.
        Some(StopReason::StopSequence) => "\"stop_sequence\"",
        Some(StopReason::Length) => "\"max_tokens\"",
        Some(StopReason::ToolCalls) => "\"tool_use\"",
        Some(StopReason::Refusal | StopReason::ContentFilter) => "\"refusal\"",
    }
}

/// Anthropic counts both cache counters beside `input_tokens`.
pub(super) fn write_usage(usage: &Usage, out: &mut Vec<u8>) {
    let input = usage.input.unwrap_or(0).saturating_add(usage.audio_input.unwrap_or(0));
    let (short, long) = (usage.cache_write_5m.unwrap_or(0), usage.cache_write_1h.unwrap_or(0));
    let mut json = Json::object(out);
    json.integer("input_tokens", input);
    json.integer("cache_creation_input_tokens", short.saturating_add(long));
    json.integer("cache_read_input_tokens", usage.cache_read.unwrap_or(0));
    let mut creation = Json::object(json.field("cache_creation"));
    creation.integer("ephemeral_5m_input_tokens", short);
    creation.integer("ephemeral_1h_input_tokens", long);
    creation.end();
    json.integer("output_tokens", usage.output.unwrap_or(0));
    if let Some(searches) = usage.web_searches {
        let mut tools = Json::object(json.field("server_tool_use"));
        tools.integer("web_search_requests", searches);
        tools.end();
    }
    json.end();
}

/// `{"type":"error","error":{type,message},"request_id"}` with the additions that a program may act on.
pub(super) fn error(error: &ErrorBody) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut json = Json::object(&mut out);
    json.raw("type", b"\"error\"");
    let mut inner = Json::object(json.field("error"));
    inner.string("type", kind(error.status));
    inner.string("message", &error.message);
    inner.string("code", error.code);
    if let Some(field) = &error.field {
        inner.string("field", field);
    }
    if let Some(seconds) = error.retry_after_s {
        integer(seconds, inner.field("retry_after_s"));
    }
    inner.end();
    json.string("request_id", &error.request_id);
    json.end();
    out
}

/// Anthropic's error types by status.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}
