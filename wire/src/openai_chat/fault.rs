//! Sorts the errors of OpenAI, Azure and compatible servers by what they mean for us.
//!
//! Shapes met: `{"error":{message,type,param,code}}` with a code that is a string or a number, `error` a
//! mere string beside a `code` (xAI), `detail` alone (Mistral), and any of them within an array.

use crate::upstream_error::{Headers, blamed, class_of};
use gateway_core::fault::{Fault, FaultClass};
use serde_json::Value;

/// Their fields beside ours, for `param` and for quoted paths in messages.
const FIELDS: &[(&str, &str)] = &[
    ("frequency_penalty", "frequency_penalty"),
    ("logit_bias", "logit_bias"),
    ("logprobs", "logprobs"),
    ("max_completion_tokens", "max_tokens"),
    ("max_tokens", "max_tokens"),
    ("messages", "messages"),
    ("metadata", "metadata"),
    ("model", "model"),
    ("n", "n"),
    ("presence_penalty", "presence_penalty"),
    ("reasoning_effort", "reasoning_effort"),
    ("response_format", "response_format"),
    ("seed", "seed"),
    ("service_tier", "service_tier"),
    ("stop", "stop"),
    ("stream", "stream"),
    ("temperature", "temperature"),
    ("tool_choice", "tool_choice"),
    ("tools", "tools"),
    ("top_logprobs", "top_logprobs"),
    ("top_p", "top_p"),
    ("user", "user"),
];

/// An answer of a status other than 200.
pub(crate) fn fault(status: u16, headers: Headers, body: &[u8]) -> Fault {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let body = if body.is_array() { &body[0] } else { &body };
    let reason = Reason::of(&body["error"], body);
    Fault::new(reason.class(status, headers), Some(status))
}

/// An `error` value inside a body or a chunk of status 200.
pub(crate) fn within_answer(error: &str) -> Fault {
    let error: Value = serde_json::from_str(error).unwrap_or_default();
    let reason = Reason::of(&error, &Value::Null);
    Fault::new(reason.class(reason.status(&error), &|_| None), Some(200))
}

/// What an error says, from whichever place.
struct Reason<'a> {
    code: &'a str,
    kind: &'a str,
    message: &'a str,
    param: &'a str,
    /// OpenRouter's own moderation refused the prompt, with a 403.
    is_flagged: bool,
}

impl<'a> Reason<'a> {
    fn of(error: &'a Value, body: &'a Value) -> Reason<'a> {
        let first =
            |places: [&'a Value; 3]| places.iter().find_map(|value| value.as_str()).unwrap_or_default();
        Reason {
            code: first([&error["code"], &body["code"], &Value::Null]),
            kind: error["type"].as_str().unwrap_or_default(),
            message: first([&error["message"], error, &body["detail"]]),
            // A validation error of FastAPI servers: `{"detail":[{"loc":["body","temperature"]}]}`.
            param: first([&error["param"], &body["detail"][0]["loc"][1], &Value::Null]),
            is_flagged: !error["metadata"]["flagged_input"].is_null(),
        }
    }

    /// The status that an error after a 200 would have had.
    fn status(&self, error: &Value) -> u16 {
        let number = error["status_code"].as_u64().or_else(|| error["code"].as_u64());
        match number.and_then(|number| u16::try_from(number).ok()).filter(|status| *status >= 400) {
            Some(status) => status,
            None if self.is(&["rate_limit_exceeded", "insufficient_quota"]) => 429,
            None if self.is(&["invalid_request_error", "content_filter", "context_length_exceeded"]) => 400,
            None => 500,
        }
    }

    fn is(&self, words: &[&str]) -> bool {
        words.contains(&self.code) || words.contains(&self.kind)
    }

    fn class(&self, status: u16, headers: Headers) -> FaultClass {
        match class_of(status, headers) {
            // Says "try again later" and means "pay first".
            FaultClass::RateLimited { .. } if self.is(&["insufficient_quota", "billing_not_active"]) => {
                FaultClass::Misconfigured
            }
            FaultClass::NotPermitted if self.is_flagged => FaultClass::ContentFiltered,
            FaultClass::NotPermitted if self.is(&["model_not_found"]) => FaultClass::ModelNotFound,
            FaultClass::NotPermitted if self.is_of_account() => FaultClass::Misconfigured,
            FaultClass::Refused { .. } => self.refusal(),
            class => class,
        }
    }

    /// Whether a 403 says that our account, or the place that we call from, may do nothing at all: OpenAI's country,
    /// Azure's network rules, Groq's edge, OpenRouter's key without money, xAI's team without.
    fn is_of_account(&self) -> bool {
        let beginnings = [
            "Access denied due to Virtual Network/Firewall rules",
            "Access denied. Please check your network settings",
            "Public access is disabled",
            "Traffic is not from an approved private endpoint",
            "Key limit exceeded",
            "Your newly created team",
        ];
        self.is(&["unsupported_country_region_territory", "invalid_api_key", "billing_not_active"])
            || beginnings.iter().any(|beginning| self.message.starts_with(beginning))
    }

    /// A 400 or the like. A message may repeat what the caller wrote, so one that shuts the upstream off for
    /// everybody has to stand at the very beginning.
    fn refusal(&self) -> FaultClass {
        if self.is(&["invalid_api_key", "billing_hard_limit_reached"])
            || self.message.starts_with("Incorrect API key provided")
        {
            return FaultClass::Misconfigured;
        }
        if self.is(&["content_filter", "content_policy_violation"]) {
            return FaultClass::ContentFiltered;
        }
        if self.is(&["model_not_found", "DeploymentNotFound"]) {
            return FaultClass::ModelNotFound;
        }
        let too_long =
            ["maximum context length", "max context length", "context window", "prompt is too long"];
        if self.is(&["context_length_exceeded", "too_many_prompt_tokens"])
            || too_long.iter().any(|words| self.message.contains(words))
        {
            return FaultClass::ContextTooLong;
        }
        let field = blamed(self.param, FIELDS).or_else(|| blamed(self.message, FIELDS));
        FaultClass::Refused { field }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn sorts_what_servers_have_answered() {
        use FaultClass::{
            ContentFiltered, ContextTooLong, Misconfigured, ModelNotFound, NotPermitted, RateLimited,
            Unavailable,
        };
        let refused = |field| FaultClass::Refused { field };
        let limited = RateLimited { retry_after: Some(Duration::from_secs(1)) };
        for (case, status, body, want) in [
            ("a wrong key", 401, r#"{"error":{"code":"invalid_api_key"}}"#, Misconfigured),
            (
                "Azure, a wrong key",
                401,
                r#"{"error":{"code":"401","message":"Access denied"}}"#,
                Misconfigured,
            ),
            (
                "xAI, a wrong key",
                400,
                r#"{"code":"invalid-argument","error":"Incorrect API key provided."}"#,
                Misconfigured,
            ),
            ("Mistral, a wrong key", 401, r#"{"detail":"Invalid API Key"}"#, Misconfigured),
            (
                "a rate limit",
                429,
                r#"{"error":{"type":"tokens","code":"rate_limit_exceeded"}}"#,
                limited.clone(),
            ),
            ("Azure, a rate limit", 429, r#"{"error":{"code":"RateLimitReached"}}"#, limited.clone()),
            (
                "OpenRouter, a rate limit",
                429,
                r#"{"error":{"code":429,"message":"Provider returned error"}}"#,
                limited,
            ),
            (
                "no money left",
                429,
                r#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#,
                Misconfigured,
            ),
            ("an unknown model", 404, r#"{"error":{"code":"model_not_found"}}"#, ModelNotFound),
            ("a model without access", 403, r#"{"error":{"code":"model_not_found"}}"#, ModelNotFound),
            ("a feature without access", 403, r#"{"error":{"type":"invalid_request_error"}}"#, NotPermitted),
            ("a page of the edge", 403, "<html>", NotPermitted),
            (
                "a country",
                403,
                r#"{"error":{"code":"unsupported_country_region_territory","type":"request_forbidden"}}"#,
                Misconfigured,
            ),
            (
                "Azure, its network",
                403,
                r#"{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}"#,
                Misconfigured,
            ),
            (
                "the caller echoed, 403",
                403,
                r#"{"error":{"message":"model Public access is disabled: no access"}}"#,
                NotPermitted,
            ),
            ("an unknown deployment", 404, r#"{"error":{"code":"DeploymentNotFound"}}"#, ModelNotFound),
            ("an unknown model, 400", 400, r#"{"error":{"code":"model_not_found"}}"#, ModelNotFound),
            ("too long, by code", 400, r#"{"error":{"code":"context_length_exceeded"}}"#, ContextTooLong),
            (
                "too long, by type",
                400,
                r#"{"error":{"type":"too_many_prompt_tokens","code":400}}"#,
                ContextTooLong,
            ),
            (
                "too long, by message",
                400,
                r#"{"error":{"message":"This model's maximum context length is 9 tokens"}}"#,
                ContextTooLong,
            ),
            (
                "Azure's filter",
                400,
                r#"{"error":{"code":"content_filter","param":"prompt","innererror":{}}}"#,
                ContentFiltered,
            ),
            (
                "OpenRouter's filter",
                403,
                r#"{"error":{"code":403,"metadata":{"flagged_input":"x"}}}"#,
                ContentFiltered,
            ),
            ("a param", 400, r#"{"error":{"param":"messages[0].role"}}"#, refused(Some("messages"))),
            (
                "the newer name",
                400,
                r#"{"error":{"param":"max_completion_tokens"}}"#,
                refused(Some("max_tokens")),
            ),
            (
                "a quoted name",
                400,
                r#"{"error":{"message":"Unsupported value: 'temperature' is"}}"#,
                refused(Some("temperature")),
            ),
            ("an unknown param", 400, r#"{"error":{"param":"secret_thing","message":"m"}}"#, refused(None)),
            ("FastAPI", 422, r#"{"detail":[{"loc":["body","temperature"]}]}"#, refused(Some("temperature"))),
            (
                "the caller echoed",
                400,
                r#"{"error":{"message":"bad: Incorrect API key provided"}}"#,
                refused(None),
            ),
            ("within an array", 400, r#"[{"error":{"param":"stop"}}]"#, refused(Some("stop"))),
            ("no JSON", 502, "<html>", Unavailable),
            ("no JSON, 400", 400, "<html>", refused(None)),
            ("nothing", 500, "", Unavailable),
        ] {
            let headers = |name: &str| match name {
                "retry-after" => Some("1".to_owned()),
                "retry-after-ms" => Some("0".to_owned()),
                _ => None,
            };
            assert_eq!(fault(status, &headers, body.as_bytes()), Fault::new(want, Some(status)), "{case}");
        }
    }

    #[test]
    fn sorts_errors_after_a_200_as_if_they_had_been_a_status() {
        for (case, error, want) in [
            ("Groq", r#"{"code":"tool_use_failed","status_code":400}"#, FaultClass::Refused { field: None }),
            ("OpenRouter", r#"{"code":502,"message":"Provider returned error"}"#, FaultClass::Unavailable),
            (
                "a rate limit",
                r#"{"code":"rate_limit_exceeded"}"#,
                FaultClass::RateLimited { retry_after: None },
            ),
            ("a filter", r#"{"code":"content_filter"}"#, FaultClass::ContentFiltered),
            ("a failure", r#"{"type":"server_error"}"#, FaultClass::Unavailable),
            ("a string", r#""overloaded""#, FaultClass::Unavailable),
            (
                "an event's own fields",
                r#"{"type":"error","code":"rate_limit_exceeded"}"#,
                FaultClass::RateLimited { retry_after: None },
            ),
            ("a number out of range", r#"{"code":99999999}"#, FaultClass::Unavailable),
        ] {
            assert_eq!(within_answer(error), Fault::new(want, Some(200)), "{case}");
        }
    }
}
