//! Gemini's generateContent: answers, frames and errors. Requests are checked in `request`.

mod request;

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Frame, FrameKind, Refusal, id, quoted};
use crate::answer::{Answer, Stop, pieces};
use crate::ask::{Ask, Delivery, Thinking};

pub(crate) use request::{check, invalid, read};

const THOUGHTS: &str = "**Weighing the question**\n\nA short answer with the reason in it will do.\n\n\n";
/// Words of text in one event; Gemini's are by far the largest.
const WORDS: usize = 12;

pub(crate) fn whole(ask: &Ask, answer: &Answer, serial: u64) -> String {
    let mut parts = Vec::new();
    if ask.thinking == Thinking::Shown {
        parts.push(json!({"text": THOUGHTS, "thought": true}));
    }
    if !answer.text.is_empty() {
        parts.push(json!({"text": answer.text}));
    }
    parts.extend(
        answer.calls.iter().map(|call| json!({"functionCall": {"name": call.name, "args": call.arguments}})),
    );
    if let Some(signature) = signature(ask, serial) {
        let first_call = parts.iter_mut().find(|part| part["functionCall"].is_object());
        match first_call {
            Some(call) => call["thoughtSignature"] = signature.into(),
            None if !answer.text.is_empty() => parts.push(json!({"text": "", "thoughtSignature": signature})),
            None => {}
        }
    }
    // Without any part (all tokens went into thoughts) `parts` is left out, as Gemini does.
    let content =
        if parts.is_empty() { json!({"role": "model"}) } else { json!({"parts": parts, "role": "model"}) };
    let candidates: Vec<Value> = (0..ask.choices())
        .map(|index| json!({"content": content, "finishReason": finish(&answer.stop), "index": index}))
        .collect();
    let usage = usage(ask, answer, answer.visible_tokens);
    let whole = json!({"candidates": candidates, "usageMetadata": usage, "modelVersion": ask.model,
        "responseId": response_id(serial)});
    format!("{whole:#}\n")
}

pub(crate) fn frames(ask: &Ask, answer: &Answer, serial: u64) -> Vec<Frame> {
    let mut parts: Vec<(String, u64)> = Vec::new();
    if ask.thinking == Thinking::Shown {
        parts.push((format!(r#"{{"text": {},"thought": true}}"#, quoted(THOUGHTS)), 0));
    }
    let mut chars = 0;
    for piece in pieces(&answer.text, WORDS) {
        chars += piece.chars().count();
        parts.push((format!(r#"{{"text": {}}}"#, quoted(piece)), chars.div_ceil(4) as u64));
    }
    let signed = signature(ask, serial).map(|signature| format!(r#""thoughtSignature": "{signature}""#));
    for (n, call) in answer.calls.iter().enumerate() {
        let signature =
            signed.iter().filter(|_| n == 0).map(|signed| format!(",{signed}")).collect::<String>();
        let call = format!(r#"{{"name": {},"args": {}}}"#, quoted(&call.name), call.arguments);
        parts.push((format!(r#"{{"functionCall": {call}{signature}}}"#), answer.visible_tokens));
    }
    if let (Some(signed), true) = (signed, answer.calls.is_empty() && !answer.text.is_empty()) {
        parts.push((format!(r#"{{"text": "",{signed}}}"#), answer.visible_tokens));
    }
    let mut frames = Vec::with_capacity(parts.len() + 1);
    let last = parts.len().saturating_sub(1);
    for (n, (part, visible)) in parts.iter().enumerate() {
        let content = format!(r#"{{"parts": [{part}],"role": "model"}}"#);
        let kind = if part.starts_with(r#"{"text": "","#) { FrameKind::Around } else { FrameKind::Content };
        let finish = (n == last).then(|| finish(&answer.stop));
        frames.push(Frame { bytes: event(ask, answer, serial, &content, *visible, finish).into(), kind });
    }
    if parts.is_empty() {
        let finish = Some(finish(&answer.stop));
        frames.push(Frame::around(event(ask, answer, serial, r#"{"role": "model"}"#, 0, finish)));
    }
    if ask.delivery == Delivery::JsonArray {
        as_array(frames)
    } else {
        frames.into_iter().map(as_sse).collect()
    }
}

fn event(
    ask: &Ask,
    answer: &Answer,
    serial: u64,
    content: &str,
    visible: u64,
    finish: Option<&str>,
) -> String {
    let finish = finish.map(|finish| format!(r#""finishReason": "{finish}","#)).unwrap_or_default();
    let candidates: Vec<String> = (0..ask.choices())
        .map(|index| format!(r#"{{"content": {content},{finish}"index": {index}}}"#))
        .collect();
    format!(
        r#"{{"candidates": [{}],"usageMetadata": {},"modelVersion": {},"responseId": "{}"}}"#,
        candidates.join(","),
        usage(ask, answer, visible),
        quoted(&ask.model),
        response_id(serial),
    )
}

/// Gemini ends its lines with CR LF, and its stream without a mark.
fn as_sse(frame: Frame) -> Frame {
    Frame { bytes: [b"data: ", frame.bytes.as_ref(), b"\r\n\r\n"].concat().into(), kind: frame.kind }
}

/// Without `alt=sse` the stream is one JSON array.
fn as_array(frames: Vec<Frame>) -> Vec<Frame> {
    let last = frames.len().saturating_sub(1);
    let piece = |(n, frame): (usize, Frame)| {
        let before: &[u8] = if n == 0 { b"[" } else { b",\r\n" };
        let after: &[u8] = if n == last { b"\r\n]" } else { b"" };
        Frame { bytes: [before, frame.bytes.as_ref(), after].concat().into(), kind: frame.kind }
    };
    frames.into_iter().enumerate().map(piece).collect()
}

fn usage(ask: &Ask, answer: &Answer, visible: u64) -> Value {
    let visible = visible * ask.choices() as u64;
    let input = answer.input_tokens;
    let mut usage = json!({"promptTokenCount": input});
    if visible > 0 {
        usage["candidatesTokenCount"] = visible.into();
    }
    usage["totalTokenCount"] = (input + visible + answer.reasoning_tokens).into();
    usage["promptTokensDetails"] = json!([{"modality": "TEXT", "tokenCount": input}]);
    if answer.reasoning_tokens > 0 {
        usage["thoughtsTokenCount"] = answer.reasoning_tokens.into();
    }
    usage
}

/// A call never has a reason of its own: clients see it from the parts.
fn finish(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) | Stop::Tools => "STOP",
        Stop::Length => "MAX_TOKENS",
    }
}

/// Models that think sign their calls and, from Gemini 3 on, their text.
fn signature(ask: &Ask, serial: u64) -> Option<String> {
    let signs = ask.thinking != Thinking::Off && (ask.model.contains("gemini-3") || !ask.tools.is_empty());
    signs.then(|| id("CiQBSIM", serial, 80))
}

fn response_id(serial: u64) -> String {
    id("", serial, 23)
}

/// Gemini's envelope.
pub(crate) fn error(status: u16, message: &str, details: Option<Value>) -> Refusal {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500..=599 => "INTERNAL",
        _ => "UNKNOWN",
    };
    let mut error = json!({"code": status, "message": message, "status": name});
    if let Some(details) = details {
        error["details"] = details;
    }
    Refusal { status, body: json!({"error": error}), headers: Vec::new() }
}

pub(crate) fn failure(status: u16, retry_after: Option<Duration>, model: &str) -> Refusal {
    match status {
        400 => error(
            400,
            "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).",
            None,
        ),
        404 => no_such_model(model),
        429 => exhausted(retry_after, model),
        503 => error(503, "The model is overloaded. Please try again later.", None),
        500..=599 => error(
            status,
            "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting",
            None,
        ),
        _ => error(status, "The request was refused.", None),
    }
}

/// Gemini sends no `retry-after` header: the wait stands in the details.
fn exhausted(retry_after: Option<Duration>, model: &str) -> Refusal {
    let mut details = vec![json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count",
        "quotaId": "GenerateContentPaidTierInputTokensPerModelPerMinute",
        "quotaDimensions": {"model": model, "location": "global"}, "quotaValue": "1000000"}]})];
    if let Some(wait) = retry_after {
        let delay = format!("{}s", wait.as_secs_f64());
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
    }
    error(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
        Some(details.into()),
    )
}

pub(crate) fn wrong_key() -> Refusal {
    let message = "API key not valid. Please pass a valid API key.";
    let details = json!([
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"}},
        {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message},
    ]);
    error(400, message, Some(details))
}

pub(crate) fn no_such_model(model: &str) -> Refusal {
    let message = format!(
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ModelService.ListModels to see the list of available models and their supported methods."
    );
    error(404, &message, None)
}

pub(crate) fn error_frame() -> Bytes {
    Bytes::from_static(b"data: {\"error\": {\"code\": 503,\"message\": \"The model is overloaded. Please try again later.\",\"status\": \"UNAVAILABLE\"}}\r\n\r\n")
}
