//! Azure OpenAI: OpenAI's conversation under a deployment, with Azure's key, envelope and annotations.

use std::time::Duration;

use actix_web::web::Query;
use serde_json::{Value, json};
use std::collections::HashMap;

use super::openai::{self, SAFE};
use super::{Incoming, Refusal, header, is_missing, is_refused, seconds};
use crate::answer::Answer;
use crate::ask::Ask;

/// Key, version and deployment.
pub(crate) fn check(incoming: &Incoming<'_>) -> Result<(), Refusal> {
    let key = header(incoming.headers, "api-key").filter(|key| !is_refused(key, incoming.refused_keys));
    if key.is_none() {
        return Err(wrong_key());
    }
    let query = Query::<HashMap<String, String>>::from_query(incoming.query)
        .map(Query::into_inner)
        .unwrap_or_default();
    if query.get("api-version").is_none_or(String::is_empty) {
        return Err(error(404, "404", "Resource not found"));
    }
    if is_missing(incoming.path_model) {
        return Err(no_such_deployment());
    }
    Ok(())
}

pub(crate) fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    check(incoming)?;
    let body = openai::object(incoming.body)?;
    // The path decides; a model in the body is ignored, as Azure does.
    openai::conversation(&body, incoming.path_model)
}

pub(crate) fn whole(ask: &Ask, answer: &Answer, serial: u64) -> Value {
    let mut whole = openai::whole(ask, answer, serial);
    let safe: Value = serde_json::from_str(SAFE).unwrap_or_default();
    for choice in whole["choices"].as_array_mut().into_iter().flatten() {
        choice["content_filter_results"] = if answer.calls.is_empty() { safe.clone() } else { json!({}) };
    }
    whole["prompt_filter_results"] = json!([{"prompt_index": 0, "content_filter_results": safe}]);
    whole
}

pub(crate) fn headers(serial: u64) -> Vec<(&'static str, String)> {
    vec![
        ("apim-request-id", format!("00000000-0000-4000-8000-{serial:012x}")),
        ("x-ms-region", "East US 2".into()),
        ("x-ratelimit-remaining-requests", "118".into()),
        ("x-ratelimit-remaining-tokens", "119968".into()),
        ("x-request-id", format!("00000000-0000-4000-9000-{serial:012x}")),
    ]
}

pub(crate) fn failure(status: u16, retry_after: Option<Duration>, model: &str) -> Refusal {
    let mut refusal = match status {
        400 => content_filter(),
        401 => wrong_key(),
        404 => no_such_deployment(),
        429 => {
            let message =
                format!("Your requests to {model} for {model} in East US 2 have exceeded rate limit.");
            error(429, "RateLimitReached", &message)
        }
        500..=599 => error(
            status,
            "InternalServerError",
            "The server had an error processing your request. Sorry about that!",
        ),
        _ => error(status, &status.to_string(), "Your request was refused."),
    };
    if let Some(wait) = retry_after {
        // Azure's milliseconds are often 0 beside the seconds, so the larger of both holds.
        refusal.headers.push(("retry-after", seconds(wait).to_string()));
        refusal.headers.push(("retry-after-ms", "0".into()));
    }
    refusal
}

fn error(status: u16, code: &str, message: &str) -> Refusal {
    Refusal { status, body: json!({"error": {"code": code, "message": message}}), headers: Vec::new() }
}

fn wrong_key() -> Refusal {
    error(
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.",
    )
}

fn no_such_deployment() -> Refusal {
    error(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.",
    )
}

/// What Azure answers to a prompt that its filter refuses.
fn content_filter() -> Refusal {
    let body = json!({"error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
        "type": null, "param": "prompt", "code": "content_filter", "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {
            "hate": {"filtered": false, "severity": "safe"}, "jailbreak": {"filtered": true, "detected": true},
            "self_harm": {"filtered": false, "severity": "safe"}, "sexual": {"filtered": false, "severity": "safe"},
            "violence": {"filtered": false, "severity": "safe"}}},
    }});
    Refusal { status: 400, body, headers: Vec::new() }
}
