//! Sorts Anthropic's errors, by their type and, where a type is too wide, by how the message begins.

use crate::upstream_error::{Headers, blamed, class_of};
use gateway_core::fault::{Fault, FaultClass};
use serde_json::Value;

/// Their fields beside ours, for messages such as `max_tokens: 100000 > 64000`.
const FIELDS: &[(&str, &str)] = &[
    ("max_tokens", "max_tokens"),
    ("messages", "messages"),
    ("metadata", "user"),
    ("model", "model"),
    ("stop_sequences", "stop"),
    ("stream", "stream"),
    ("system", "messages"),
    ("temperature", "temperature"),
    ("top_k", "top_k"),
    ("top_p", "top_p"),
];

/// An answer of a status other than 200.
pub(super) fn fault(status: u16, headers: Headers, body: &[u8]) -> Fault {
    let class = match class_of(status, headers) {
        FaultClass::Refused { .. } if status == 400 => match serde_json::from_slice::<Value>(body) {
            Ok(body) => refusal(message_of(&body["error"])),
            Err(_) => FaultClass::Refused { field: None },
        },
        FaultClass::NotPermitted => match serde_json::from_slice::<Value>(body) {
            // Their edge, which does not serve the place that we call from: `Request not allowed`.
            Ok(body) if body["error"]["type"] == "forbidden" => FaultClass::Misconfigured,
            _ => FaultClass::NotPermitted,
        },
        class => class,
    };
    Fault::new(class, Some(status))
}

/// An `error` object inside a stream or body that began with status 200.
pub(super) fn within_answer(error: &Value) -> Fault {
    let class = match error["type"].as_str().unwrap_or_default() {
        "rate_limit_error" => FaultClass::RateLimited { retry_after: None },
        "authentication_error" | "billing_error" => FaultClass::Misconfigured,
        "permission_error" => FaultClass::NotPermitted,
        "not_found_error" => FaultClass::ModelNotFound,
        "request_too_large" => FaultClass::Refused { field: None },
        "invalid_request_error" => refusal(message_of(error)),
        // `overloaded_error`, `api_error`, `timeout_error`, and what may come.
        _ => FaultClass::Unavailable,
    };
    Fault::new(class, Some(200))
}

fn message_of(error: &Value) -> &str {
    error["message"].as_str().unwrap_or_default()
}

/// An `invalid_request_error` says in its message alone whose fault it is. A message may repeat what the
/// caller wrote, so what shuts the upstream off for everybody has to stand at the very beginning.
fn refusal(message: &str) -> FaultClass {
    let operators = [
        "Your credit balance is too low",
        "You have reached your specified API usage limits",
        "This organization has been disabled",
    ];
    if operators.iter().any(|beginning| message.starts_with(beginning)) {
        return FaultClass::Misconfigured;
    }
    if message.contains("prompt is too long") || message.contains("exceed context limit") {
        return FaultClass::ContextTooLong;
    }
    FaultClass::Refused { field: blamed(message, FIELDS) }
}
