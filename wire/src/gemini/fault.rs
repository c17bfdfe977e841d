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
        FaultClass::NotPermitted => not_permitted(error),
        FaultClass::Refused { .. } if status == 400 => refusal(error),
        class => class,
    }
}

fn refusal(error: &Value) -> FaultClass {
    // A bad key is a 400 here, not a 401; so is a country that they serve paying projects in only.
    if is_of_account(error) {
        return FaultClass::Misconfigured;
    }
    if error["status"] == "FAILED_PRECONDITION" {
        return not_permitted(error);
    }
    let message = message_of(error);
    if message.contains("input token count") && message.contains("exceeds") {
        return FaultClass::ContextTooLong;
    }
    let mut words = message.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let field =
        words.find_map(|word| FIELDS.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours));
    FaultClass::Refused { field }
}

/// A 403, or a precondition that does not hold.
fn not_permitted(error: &Value) -> FaultClass {
    if is_of_account(error) {
        FaultClass::Misconfigured
    } else if message_of(error).contains(" File ") {
        // A `fileUri` of the caller's: a file that our key may not read, or that is not ready.
        FaultClass::Refused { field: Some("messages") }
    } else {
        FaultClass::NotPermitted
    }
}

/// Whether our account may do nothing at all. A reason is the provider's own word (google.rpc.ErrorInfo); a message
/// may repeat what the caller wrote, so it has to say so at its very beginning.
fn is_of_account(error: &Value) -> bool {
    let reasons = ["API_KEY_", "SERVICE_DISABLED", "CONSUMER_", "BILLING_"];
    let beginnings = [
        "User location is not supported",
        "Gemini API free tier is not available",
        "Your API key was reported as leaked",
        "Your project has been denied access",
        "Method doesn't allow unregistered callers",
    ];
    let mut told = details(error).filter_map(|detail| detail["reason"].as_str());
    told.any(|reason| reasons.iter().any(|known| reason.starts_with(known)))
        || beginnings.iter().any(|beginning| message_of(error).starts_with(beginning))
}

fn message_of(error: &Value) -> &str {
    error["message"].as_str().unwrap_or_default()
}

/// The wait stands in the body, `34.4s`; there is no header for it.
fn retry_delay(error: &Value) -> Option<Duration> {
    details(error).find_map(|detail| seconds(detail["retryDelay"].as_str()?.strip_suffix('s')?.parse().ok()?))
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error["details"].as_array().into_iter().flatten()
}
