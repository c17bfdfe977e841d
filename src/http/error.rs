//! The one place where a failure becomes a status, a code and words (docs/api.md lists the codes).
//! Messages name the field and the mend; none repeats a prompt, an upstream's text or a key.

use crate::pipeline::Failure;
use gateway_core::fault::FaultClass;
use gateway_core::routing::PlanError;
use gateway_wire::{Attempt, ErrorBody, Malformed};
use std::time::Duration;

/// Status and code of each failure: a promise that programs act on.
fn row(failure: &Failure) -> (u16, &'static str) {
    match failure {
        Failure::Denied(_) => (401, "invalid_api_key"),
        Failure::Forbidden | Failure::ForeignHost => (403, "forbidden"),
        Failure::Overloaded | Failure::Stopping => (503, "overloaded"),
        Failure::MediaType => (415, "unsupported_media_type"),
        Failure::BodyTooLarge { .. } => (413, "body_too_large"),
        Failure::BodyLate { .. } | Failure::BodyBroken => (400, "invalid_json"),
        Failure::Malformed(Malformed::Json { .. }) => (400, "invalid_json"),
        Failure::Malformed(Malformed::Field { .. }) => (400, "invalid_field"),
        Failure::Malformed(Malformed::Unsupported { .. }) => (400, "unsupported"),
        Failure::Plan(error) => match error {
            PlanError::ProviderNotFound { .. } => (400, "provider_not_found"),
            PlanError::Contradiction { .. } | PlanError::NoDefault => (400, "invalid_field"),
            PlanError::ModelNotFound { .. } => (404, "model_not_found"),
            PlanError::Unpriced { .. } => (400, "unpriced_model"),
            PlanError::TooLong { .. } => (400, "context_too_long"),
            PlanError::Unable { .. } => (400, "unsupported"),
        },
        Failure::Refused { .. } => (400, "invalid_field"),
        Failure::ContextTooLong => (400, "context_too_long"),
        Failure::ContentFiltered => (400, "content_blocked"),
        Failure::ModelUnknownUpstream => (404, "model_not_found"),
        Failure::OneFailed { class: FaultClass::Timeout, .. } => (504, "upstream_timeout"),
        Failure::OneFailed { class: FaultClass::Misconfigured, .. } => (502, "upstream_misconfigured"),
        Failure::OneFailed { .. } => (502, "upstream_failed"),
        Failure::CutShort { class: FaultClass::Timeout } => (504, "upstream_timeout"),
        Failure::CutShort { .. } => (502, "upstream_failed"),
        Failure::NoneAvailable { .. } => (503, "no_provider_available"),
        Failure::NotFound => (404, "not_found"),
        Failure::MethodNotAllowed => (405, "not_found"),
    }
}

pub fn status(failure: &Failure) -> u16 {
    row(failure).0
}

/// The error as its caller shall see it.
pub fn describe(failure: &Failure, request_id: &str) -> ErrorBody {
    let (status, code) = row(failure);
    ErrorBody {
        status,
        code,
        message: message(failure),
        field: field(failure),
        retry_after_s: retry_after(failure),
        request_id: request_id.to_owned(),
        attempts: attempts(failure).to_vec(),
    }
}

fn message(failure: &Failure) -> String {
    match failure {
        Failure::Denied(denied) => denied.to_string(),
        Failure::Forbidden => "this key may not do that: use one with the right scope".to_owned(),
        Failure::ForeignHost => {
            "`Host` must be localhost, 127.0.0.1 or [::1] while GATEWAY_DEMO_KEYS is on".to_owned()
        }
        Failure::Overloaded => "too many requests are in flight: try again shortly".to_owned(),
        Failure::Stopping => {
            "the gateway is shutting down: try again, another replica will answer".to_owned()
        }
        Failure::MediaType => "`Content-Type` must be application/json".to_owned(),
        Failure::BodyTooLarge { limit } => format!("the body is larger than {limit} bytes: send less"),
        Failure::BodyLate { after } => format!("the body did not arrive within {} s", after.as_secs()),
        Failure::BodyBroken => "the body broke off before its end".to_owned(),
        Failure::Malformed(malformed) => malformed.to_string(),
        Failure::Plan(error) => error.to_string(),
        Failure::Refused { field: Some(field) } => {
            format!("the provider refused the request: `{field}` is not acceptable to this model")
        }
        Failure::Refused { field: None } => {
            "the provider refused the request as invalid for this model: check its parameters and roles"
                .to_owned()
        }
        Failure::ContextTooLong => {
            "`messages` are longer than the model's context window: shorten them or name another model"
                .to_owned()
        }
        Failure::ContentFiltered => "the provider's content filter refused the prompt: change it".to_owned(),
        Failure::ModelUnknownUpstream => {
            "`model` is not known to the provider: name another, or ask the operator to mend the route"
                .to_owned()
        }
        Failure::OneFailed { class, .. } | Failure::CutShort { class } => upstream(class).to_owned(),
        Failure::NoneAvailable { attempts, .. } => {
            let told: Vec<String> =
                attempts.iter().map(|a| format!("{}/{}: {}", a.provider, a.model, a.outcome)).collect();
            format!("no provider could answer ({}): try again later", told.join(", "))
        }
        Failure::NotFound => "there is nothing at this path: see /docs".to_owned(),
        Failure::MethodNotAllowed => "this path does not take that method: see /docs".to_owned(),
    }
}

fn upstream(class: &FaultClass) -> &'static str {
    match class {
        FaultClass::Connect => "the provider could not be reached: try again later",
        FaultClass::Timeout => "the provider did not answer in time: try again later",
        FaultClass::RateLimited { .. } => "the provider's rate limit is reached: try again later",
        FaultClass::Misconfigured => {
            "the provider does not accept this gateway's account: your own key is fine, tell the operator"
        }
        FaultClass::Broken => "the provider's answer broke off or could not be understood: try again",
        FaultClass::ContextTooLong => "the prompt is longer than the model's context window: shorten it",
        FaultClass::ModelNotFound => "the provider does not know the model",
        FaultClass::Unavailable | FaultClass::Refused { .. } | FaultClass::ContentFiltered => {
            "the provider failed: try again later"
        }
    }
}

fn field(failure: &Failure) -> Option<String> {
    match failure {
        Failure::Malformed(Malformed::Field { field, .. } | Malformed::Unsupported { field, .. }) => {
            Some(field.clone())
        }
        Failure::Plan(PlanError::ProviderNotFound { .. } | PlanError::Contradiction { .. }) => {
            Some("provider".to_owned())
        }
        Failure::Plan(PlanError::Unable { need, .. }) => Some(need.field().to_owned()),
        Failure::Plan(PlanError::TooLong { .. }) | Failure::ContextTooLong => Some("messages".to_owned()),
        Failure::Plan(_) | Failure::ModelUnknownUpstream => Some("model".to_owned()),
        Failure::Refused { field } => field.map(str::to_owned),
        _ => None,
    }
}

fn retry_after(failure: &Failure) -> Option<u64> {
    let wait = match failure {
        Failure::Overloaded | Failure::Stopping => Duration::from_secs(1),
        Failure::NoneAvailable { retry_after, .. } => *retry_after,
        Failure::OneFailed { retry_after, .. } => (*retry_after)?,
        _ => return None,
    };
    // RFC 9110 §10.2.3 counts whole seconds; coming back a fraction early would be refused again.
    Some(wait.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX))
}

fn attempts(failure: &Failure) -> &[Attempt] {
    match failure {
        Failure::NoneAvailable { attempts, .. } | Failure::OneFailed { attempts, .. } => attempts,
        _ => &[],
    }
}
