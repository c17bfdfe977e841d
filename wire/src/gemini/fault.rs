//! Sorts Gemini's errors, by status and, where it is too wide, by the details.

use crate::upstream_error::{Headers, class_of, seconds};
use gateway_core::fault::{Fault, FaultClass};
use serde_json::Value;
use std::time::Duration;

/// Their fields beside ours; a message names the path, such as `generation_config.top_p`.
const FIELDS: &[(&str, &str)] = &[
    ("contents", "messages"),
    ("frequency_penalty", "frequency_penalty"),
    ("max_output_tokens", "max_tokens"),
    ("presence_penalty", "presence_penalty"),
    ("seed", "seed"),
    ("stop_sequences", "stop"),
    ("system_instruction", "messages"),
    ("temperature", "temperature"),
    ("top_k", "top_k"),
    ("top_p", "top_p"),
];

/// An answer of a status other than 200.
pub(super) fn fault(status: u16, headers: Headers, body: &[u8]) -> Fault {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    // Errors sometimes come wrapped in an array (google-gemini/gemini-cli/issues/7878).
    let body = if body.is_array() { &body[0] } else { &body };
    Fault::new(sort(status, headers, &body["error"]), Some(status))
}

/// An `error` object inside a stream or body that began with status 200.
pub(super) fn within_answer(error: &Value) -> Fault {
    let code = error["code"].as_u64().and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400);
    Fault::new(sort(code.unwrap_or(500), &|_| None, error), Some(200))
}

fn sort(status: u16, headers: Headers, error: &Value) -> FaultClass {
    match class_of(status, headers) {
        FaultClass::RateLimited { retry_after } => {
            FaultClass::RateLimited { retry_after: retry_after.max(retry_delay(error)) }
        }
        FaultClass::Refused { .. } if status == 400 => refusal(error),
        class => class,
    }
}

fn refusal(error: &Value) -> FaultClass {
    // A bad key is a 400 here, not a 401; so is a country that they serve paying projects in only.
    let is_key =
        details(error).any(|detail| detail["reason"].as_str().is_some_and(|r| r.starts_with("API_KEY_")));
    if is_key || error["status"] == "FAILED_PRECONDITION" {
        return FaultClass::Misconfigured;
    }
    let message = error["message"].as_str().unwrap_or_default();
    if message.contains("input token count") && message.contains("exceeds") {
        return FaultClass::ContextTooLong;
    }
    let mut words = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let field =
        words.find_map(|word| FIELDS.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours));
    FaultClass::Refused { field }
}

/// The wait stands in the body, `34.4s`; there is no header for it.
fn retry_delay(error: &Value) -> Option<Duration> {
    details(error).find_map(|detail| seconds(detail["retryDelay"].as_str()?.strip_suffix('s')?.parse().ok()?))
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().into_iter().flatten()
}
