use super::*;
use crate::sse::Parser;
use gateway_core::catalog::{Abilities, Ability, Efforts};
use gateway_core::conversation::{Part, Role, Text, Turn};
use gateway_core::fault::FaultClass;
use gateway_core::ids::ProviderKind;
use serde_json::{Value, json};
use std::time::Duration;

mod answer;
mod frames;
mod request;

fn target(model: &str) -> Target<'_> {
    Target {
        model,
        output_bound: 8_192,
        kind: ProviderKind::Gemini,
        abilities: Abilities::default(),
        efforts: Efforts::default(),
        stream: false,
        stream_usage: true,
        api_version: "",
    }
}

fn turn(role: Role, texts: &[&str]) -> Turn {
    Turn { role, parts: texts.iter().map(|text| Part::text(Text::new(text))).collect(), name: None }
}

/// The events of a stream of these chunks, and how it ended.
fn streamed(chunks: &[Value]) -> (Vec<Event>, Result<(), Fault>) {
    let mut parser = Parser::default();
    parser.push(chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect::<String>().into());
    let mut reader = Gemini.stream();
    let mut events = Vec::new();
    while let Some(frame) = parser.next_frame() {
        if let Err(fault) = reader.frame(&frame.expect("a short frame"), &mut events) {
            return (events, Err(fault));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

#[test]
fn other_statuses_are_sorted_by_whose_doing_they_are() {
    let refused = |field| FaultClass::Refused { field };
    for (case, status, error, want) in [
        (
            "a bad key is a 400",
            400,
            json!({"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}),
            FaultClass::Misconfigured,
        ),
        (
            "a country",
            400,
            json!({"status": "FAILED_PRECONDITION", "message": "User location is not supported for the API use."}),
            FaultClass::Misconfigured,
        ),
        ("a precondition", 400, json!({"status": "FAILED_PRECONDITION"}), FaultClass::NotPermitted),
        (
            "a file that is not ready",
            400,
            json!({"status": "FAILED_PRECONDITION", "message": "The File abc is not in an ACTIVE state"}),
            refused(Some("messages")),
        ),
        (
            "too long",
            400,
            json!({"message": "The input token count (1250074) exceeds the maximum number of tokens allowed"}),
            FaultClass::ContextTooLong,
        ),
        (
            "a field",
            400,
            json!({"message": "* GenerateContentRequest.generation_config.max_output_tokens: must be"}),
            refused(Some("max_tokens")),
        ),
        (
            "no field of ours",
            400,
            json!({"message": "Cannot fetch content from the provided URL."}),
            refused(None),
        ),
        ("no permission", 403, json!({}), FaultClass::NotPermitted),
        (
            "a file of somebody else",
            403,
            json!({"status": "PERMISSION_DENIED",
                "message": "You do not have permission to access the File abc or it may not exist."}),
            refused(Some("messages")),
        ),
        (
            "a service that is off",
            403,
            json!({"message": "the File API", "details": [{"@type": "Help"}, {"reason": "SERVICE_DISABLED"}]}),
            FaultClass::Misconfigured,
        ),
        (
            "a key for another site",
            403,
            json!({"details": [{"reason": "API_KEY_SERVICE_BLOCKED"}]}),
            FaultClass::Misconfigured,
        ),
        (
            "no bill is paid",
            403,
            json!({"details": [{"reason": "BILLING_DISABLED"}]}),
            FaultClass::Misconfigured,
        ),
        (
            "a suspended project",
            403,
            json!({"details": [{"reason": "CONSUMER_SUSPENDED"}]}),
            FaultClass::Misconfigured,
        ),
        (
            "a leaked key",
            403,
            json!({"message": "Your API key was reported as leaked. Please use another API key."}),
            FaultClass::Misconfigured,
        ),
        (
            "the caller echoed",
            403,
            json!({"message": "tunedModels/Your API key was reported as leaked: no access"}),
            FaultClass::NotPermitted,
        ),
        ("an unknown model", 404, json!({"status": "NOT_FOUND"}), FaultClass::ModelNotFound),
        (
            "a rate limit",
            429,
            json!({"details": [{"@type": "Help"}, {"retryDelay": "34.4s"}]}),
            FaultClass::RateLimited { retry_after: Some(Duration::from_millis(34_400)) },
        ),
        (
            "a rate limit without a wait",
            429,
            json!({"details": [{"retryDelay": "soon"}]}),
            FaultClass::RateLimited { retry_after: None },
        ),
        ("overload", 503, json!({"status": "UNAVAILABLE"}), FaultClass::Unavailable),
    ] {
        let want = Fault::new(want, Some(status));
        for body in [json!({ "error": error }), json!([{ "error": error }])] {
            assert_eq!(Gemini.fault(status, &|_| None, body.to_string().as_bytes()), want, "{case}");
        }
    }
    assert_eq!(Gemini.fault(400, &|_| None, b"<html>").class, refused(None));
}
