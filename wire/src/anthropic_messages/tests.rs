use super::*;
use crate::openai_chat::OpenAiChat;
use crate::sse::Parser;
use gateway_core::catalog::{Abilities, Ability, Effort, Efforts};
use gateway_core::conversation::StopReason;
use gateway_core::fault::FaultClass;
use gateway_core::ids::ProviderKind;
use gateway_core::usage::Usage;
use serde_json::{Value, json};
use std::time::Duration;

mod answer;
mod caller;
mod request;
mod thinking;
mod written;

fn target(model: &str) -> Target<'_> {
    Target {
        model,
        output_bound: 8_192,
        kind: ProviderKind::Anthropic,
        abilities: Abilities::default(),
        efforts: Efforts::default(),
        stream: false,
        stream_usage: true,
        api_version: "",
    }
}

/// A conversation as a caller of OpenAI's dialect sends it.
fn openai(body: Value) -> Conversation {
    let body = body.to_string();
    OpenAiChat.decode(&body.into()).expect("a request").conversation
}

fn encoded(conversation: &Conversation, target: &Target) -> (Value, Vec<&'static str>) {
    let call = Outbound::encode(&AnthropicMessages, conversation, target);
    (serde_json::from_slice(&call.body).expect("valid JSON"), call.dropped)
}

/// The events of a stream of these data lines, and how it ended.
fn streamed(lines: &[&str]) -> (Vec<Event>, Result<(), Fault>) {
    let mut parser = Parser::default();
    parser.push(lines.iter().map(|line| format!("data: {line}\n\n")).collect::<String>().into());
    let mut reader = Outbound::stream(&AnthropicMessages);
    let mut events = Vec::new();
    while let Some(frame) = parser.next_frame() {
        if let Err(fault) = reader.frame(&frame.expect("a short frame"), &mut events) {
            return (events, Err(fault));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

fn answered(body: &Value) -> Result<Vec<Event>, Fault> {
    Outbound::answer(&AnthropicMessages, &body.to_string().into())
}

#[test]
fn other_statuses_are_sorted_by_whose_doing_they_are() {
    let refused = |field| FaultClass::Refused { field };
    let limited = |seconds| FaultClass::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
    for (case, status, message, want) in [
        ("too long", 400, "prompt is too long: 3333404 tokens > 200000 maximum", FaultClass::ContextTooLong),
        (
            "too long with the bound",
            400,
            "input length and `max_tokens` exceed context limit: 190000 + 21333 > 204698",
            FaultClass::ContextTooLong,
        ),
        ("no money", 400, "Your credit balance is too low to access the API.", FaultClass::Misconfigured),
        ("the caller echoed", 400, "bad: Your credit balance is too low", refused(None)),
        ("a bound", 400, "max_tokens: 100000 > 64000", refused(Some("max_tokens"))),
        ("a path", 400, "messages.0.content: text", refused(Some("messages"))),
        ("their name", 400, "`stop_sequences`: each must contain", refused(Some("stop"))),
        ("two of a kind", 400, "`temperature` and `top_p` cannot both be", refused(Some("temperature"))),
        ("no field of ours", 400, "This model does not support effort level 'xhigh'.", refused(None)),
        ("a wrong key", 401, "invalid x-api-key", FaultClass::Misconfigured),
        ("no permission", 403, "Your API key does not have permission", FaultClass::NotPermitted),
        ("an unknown model", 404, "model: claude-sonet", FaultClass::ModelNotFound),
        ("too large", 413, "", refused(None)),
        ("a rate limit", 429, "would exceed", limited(16)),
        ("a failure", 500, "", FaultClass::Unavailable),
        ("overload", 529, "Overloaded", FaultClass::Unavailable),
    ] {
        let body = json!({"type": "error", "error": {"type": "x", "message": message}}).to_string();
        let headers = |name: &str| (name == "retry-after").then(|| "16".to_owned());
        let fault = AnthropicMessages.fault(status, &headers, body.as_bytes());
        assert_eq!(fault, Fault::new(want.clone(), Some(status)), "{case}");
        let unread = AnthropicMessages.fault(status, &headers, b"<html>");
        assert!(status == 400 || unread.class == want, "{case}, without a body");
    }
    let edge = json!({"error": {"type": "forbidden", "message": "Request not allowed"}}).to_string();
    let fault = AnthropicMessages.fault(403, &|_| None, edge.as_bytes());
    assert_eq!(fault.class, FaultClass::Misconfigured, "a place that is not served");
}
