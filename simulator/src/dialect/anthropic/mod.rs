//! Anthropic's messages: answers, frames, headers and errors. Requests are checked in `request`.

mod request;

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Frame, Refusal, id, quoted, seconds};
use crate::answer::{Answer, Stop, fnv, pieces};
use crate::ask::{Ask, Thinking};

pub(crate) use request::{invalid, read};

/// What the model is shown to think, where thinking is on.
const THOUGHTS: &str = "The question is clear enough. A short answer with the reason in it will do.";
/// How every signature made here begins.
const SIGNATURE: &str = "EqQBSIM";
/// Words of text in one delta; Anthropic's are larger than OpenAI's.
const WORDS: usize = 3;

pub(crate) fn whole(ask: &Ask, answer: &Answer, serial: u64) -> Value {
    let mut content = Vec::new();
    if ask.thinking == Thinking::Shown {
        content.push(json!({"type": "thinking", "thinking": THOUGHTS, "signature": signature(THOUGHTS)}));
    }
    if !answer.text.is_empty() {
        content.push(json!({"type": "text", "text": answer.text}));
    }
    content.extend(answer.calls.iter().enumerate().map(|(n, call)| {
        json!({"type": "tool_use", "id": call_id(serial, n), "name": call.name, "input": call.arguments,
            "caller": {"type": "direct"}})
    }));
    let (reason, sequence) = stop(&answer.stop);
    json!({
        "model": dated(&ask.model), "id": id("msg_01", serial, 22), "type": "message", "role": "assistant",
        "content": content, "stop_reason": reason, "stop_sequence": sequence, "stop_details": null,
        "usage": {"input_tokens": answer.input_tokens, "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output_tokens(answer), "service_tier": "standard", "inference_geo": "global"},
    })
}

pub(crate) fn frames(ask: &Ask, answer: &Answer, serial: u64) -> Vec<Frame> {
    let input = answer.input_tokens;
    let model = quoted(dated(&ask.model));
    let id = id("msg_01", serial, 22);
    let mut writer = Writer { frames: Vec::new(), index: 0 };
    writer.around("message_start", &format!(
        r#""message":{{"model":{model},"id":"{id}","type":"message","role":"assistant","content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{{"input_tokens":{input},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0}},"output_tokens":1,"service_tier":"standard","inference_geo":"global"}}}}"#
    ));
    if ask.thinking == Thinking::Shown {
        writer.block(r#"{"type":"thinking","thinking":"","signature":""}"#, |writer| {
            for piece in pieces(THOUGHTS, WORDS) {
                writer.delta(&format!(r#"{{"type":"thinking_delta","thinking":{}}}"#, quoted(piece)));
            }
            writer.delta(&format!(r#"{{"type":"signature_delta","signature":"{}"}}"#, signature(THOUGHTS)));
        });
    }
    if !answer.text.is_empty() {
        writer.block(r#"{"type":"text","text":""}"#, |writer| {
            for piece in pieces(&answer.text, WORDS) {
                writer.delta(&format!(r#"{{"type":"text_delta","text":{}}}"#, quoted(piece)));
            }
        });
    }
    for (n, call) in answer.calls.iter().enumerate() {
        let start = format!(
            r#"{{"type":"tool_use","id":"{}","name":{},"input":{{}},"caller":{{"type":"direct"}}}}"#,
            call_id(serial, n),
            quoted(&call.name),
        );
        writer.block(&start, |writer| writer.arguments(&call.arguments));
    }
    let (reason, sequence) = stop(&answer.stop);
    let sequence = sequence.map_or_else(|| "null".to_owned(), quoted);
    let output = output_tokens(answer);
    writer.around("message_delta", &format!(
        r#""delta":{{"stop_reason":"{reason}","stop_sequence":{sequence}}},"usage":{{"input_tokens":{input},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":{output}}}"#
    ));
    let stop = writer.event("message_stop", "");
    writer.frames.push(Frame::around(stop));
    writer.frames
}

struct Writer {
    frames: Vec<Frame>,
    index: usize,
}

impl Writer {
    fn around(&mut self, name: &str, fields: &str) {
        let event = self.event(name, fields);
        self.frames.push(Frame::around(event));
    }

    /// Start, deltas and stop of one content block; the first is followed by a ping.
    fn block(&mut self, start: &str, deltas: impl FnOnce(&mut Self)) {
        let index = self.index;
        self.around("content_block_start", &format!(r#""index":{index},"content_block":{start}"#));
        if index == 0 {
            self.frames.push(Frame::around("event: ping\ndata: {\"type\": \"ping\"}\n\n".into()));
        }
        deltas(self);
        self.around("content_block_stop", &format!(r#""index":{index}"#));
        self.index += 1;
    }

    fn delta(&mut self, delta: &str) {
        let event = self.event("content_block_delta", &format!(r#""index":{},"delta":{delta}"#, self.index));
        self.frames.push(Frame::content(event));
    }

    fn arguments(&mut self, arguments: &Value) {
        self.delta(r#"{"type":"input_json_delta","partial_json":""}"#);
        // A tool without arguments gets nothing more: clients read that as `{}`.
        if arguments.as_object().is_none_or(|fields| fields.is_empty()) {
            return;
        }
        for piece in super::openai::by_chars(&arguments.to_string(), 12) {
            self.delta(&format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, quoted(piece)));
        }
    }

    fn event(&self, name: &str, fields: &str) -> String {
        // Blanks before the last brace, of varying number, as Anthropic sends them.
        let padding = &"               "[..(fields.len() * 7 + self.frames.len()) % 15];
        let comma = if fields.is_empty() { "" } else { "," };
        format!("event: {name}\ndata: {{\"type\":\"{name}\"{comma}{fields}{padding}}}\n\n")
    }
}

fn signature(thoughts: &str) -> String {
    id(SIGNATURE, fnv(thoughts.as_bytes()), 93)
}

fn output_tokens(answer: &Answer) -> u64 {
    (answer.reasoning_tokens + answer.visible_tokens).max(1)
}

fn stop(stop: &Stop) -> (&'static str, Option<&str>) {
    match stop {
        Stop::End => ("end_turn", None),
        Stop::Length => ("max_tokens", None),
        Stop::Sequence(sequence) => ("stop_sequence", Some(sequence)),
        Stop::Tools => ("tool_use", None),
    }
}

fn call_id(serial: u64, n: usize) -> String {
    id("toolu_01", serial.wrapping_mul(64) + n as u64, 22)
}

fn dated(model: &str) -> &str {
    match model {
        "claude-sonnet-4-5" => "claude-sonnet-4-5-20250929",
        "claude-haiku-4-5" => "claude-haiku-4-5-20251001",
        "claude-sonnet-4-0" => "claude-sonnet-4-20250514",
        other => other,
    }
}

pub(crate) fn headers(serial: u64) -> Vec<(&'static str, String)> {
    vec![
        ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000".into()),
        ("anthropic-ratelimit-requests-limit", "4000".into()),
        ("anthropic-ratelimit-requests-remaining", "3999".into()),
        ("anthropic-ratelimit-requests-reset", "2025-12-18T23:33:12Z".into()),
        ("anthropic-ratelimit-tokens-limit", "2400000".into()),
        ("anthropic-ratelimit-tokens-remaining", "2400000".into()),
        ("anthropic-ratelimit-tokens-reset", "2025-12-18T23:33:12Z".into()),
        ("request-id", id("req_011C", serial, 20)),
    ]
}

/// Anthropic's envelope.
pub(crate) fn error(status: u16, kind: &str, message: &str) -> Refusal {
    let again = matches!(status, 408 | 409 | 429 | 500..=599);
    let request_id = id("req_011C", fnv(message.as_bytes()), 20);
    Refusal {
        status,
        body: json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}),
        headers: vec![("x-should-retry", again.to_string())],
    }
}

pub(crate) fn failure(status: u16, retry_after: Option<Duration>) -> Refusal {
    let (kind, message) = match status {
        400 => ("invalid_request_error", "prompt is too long: 3333404 tokens > 200000 maximum"),
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Your API key does not have permission to use the specified resource."),
        404 => ("not_found_error", "model: claude-does-not-exist"),
        413 => ("request_too_large", "Request exceeds the maximum size"),
        429 => (
            "rate_limit_error",
            "This request would exceed the rate limit for your organization of 20,000 input tokens per minute. For details, refer to: https://docs.anthropic.com/en/api/rate-limits.",
        ),
        529 => ("overloaded_error", "Overloaded"),
        500..=599 => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "Your request was refused."),
    };
    let mut refusal = error(status, kind, message);
    refusal.headers.extend(retry_after.map(|wait| ("retry-after", seconds(wait).to_string())));
    refusal
}

pub(crate) fn error_frame() -> Bytes {
    Bytes::from_static(b"event: error\ndata: {\"type\":\"error\",\"error\":{\"details\":null,\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}              }\n\n")
}
