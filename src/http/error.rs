//! The one place where a failure becomes a status, a code and words (docs/api.md lists the codes).
//! Messages name the field and the mend; none repeats a prompt, an upstream's text or a key.

use super::limits;
use crate::identity::Denied;
use crate::pipeline::Failure;
use gateway_core::fault::FaultClass;
use gateway_core::routing::PlanError;
use gateway_inspection::redact::Refused;
use gateway_wire::{Attempt, ErrorBody, Malformed};
use std::time::Duration;

/// What a program acts on: a promise. docs/api.md and `/openapi.json` list them, as tests hold them to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    InvalidJson,
    InvalidField,
    Unsupported,
    ContextTooLong,
    ContentBlocked,
    UnpricedModel,
    ProviderNotFound,
    InvalidApiKey,
    BudgetExceeded,
    Forbidden,
    ModelNotFound,
    NotFound,
    BodyTooLarge,
    UnsupportedMediaType,
    RateLimited,
    UpstreamFailed,
    UpstreamMisconfigured,
    NoProviderAvailable,
    Overloaded,
    BudgetUnavailable,
    InspectionUnavailable,
    AuditUnavailable,
    KeysUnavailable,
    UpstreamTimeout,
}

impl Code {
    /// In the order of their statuses.
    pub const ALL: [Code; 24] = [
        Code::InvalidJson,
        Code::InvalidField,
        Code::Unsupported,
        Code::ContextTooLong,
        Code::ContentBlocked,
        Code::UnpricedModel,
        Code::ProviderNotFound,
        Code::InvalidApiKey,
        Code::BudgetExceeded,
        Code::Forbidden,
        Code::ModelNotFound,
        Code::NotFound,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::RateLimited,
        Code::UpstreamFailed,
        Code::UpstreamMisconfigured,
        Code::NoProviderAvailable,
        Code::Overloaded,
        Code::BudgetUnavailable,
        Code::InspectionUnavailable,
        Code::AuditUnavailable,
        Code::KeysUnavailable,
        Code::UpstreamTimeout,
    ];

    /// The word in the body's `code`.
    pub fn word(self) -> &'static str {
        self.row().1
    }

    pub fn status(self) -> u16 {
        self.row().0
    }

    fn row(self) -> (u16, &'static str) {
        match self {
            Code::InvalidJson => (400, "invalid_json"),
            Code::InvalidField => (400, "invalid_field"),
            Code::Unsupported => (400, "unsupported"),
            Code::ContextTooLong => (400, "context_too_long"),
            Code::ContentBlocked => (400, "content_blocked"),
            Code::UnpricedModel => (400, "unpriced_model"),
            Code::ProviderNotFound => (400, "provider_not_found"),
            Code::InvalidApiKey => (401, "invalid_api_key"),
            Code::BudgetExceeded => (402, "budget_exceeded"),
            Code::Forbidden => (403, "forbidden"),
            Code::ModelNotFound => (404, "model_not_found"),
            Code::NotFound => (404, "not_found"),
            Code::BodyTooLarge => (413, "body_too_large"),
            Code::UnsupportedMediaType => (415, "unsupported_media_type"),
            Code::RateLimited => (429, "rate_limited"),
            Code::UpstreamFailed => (502, "upstream_failed"),
            Code::UpstreamMisconfigured => (502, "upstream_misconfigured"),
            Code::NoProviderAvailable => (503, "no_provider_available"),
            Code::Overloaded => (503, "overloaded"),
            Code::BudgetUnavailable => (503, "budget_unavailable"),
            Code::InspectionUnavailable => (503, "inspection_unavailable"),
            Code::AuditUnavailable => (503, "audit_unavailable"),
            Code::KeysUnavailable => (503, "keys_unavailable"),
            Code::UpstreamTimeout => (504, "upstream_timeout"),
        }
    }
}

pub fn code(failure: &Failure) -> Code {
    match failure {
        Failure::Denied(Denied::Unverified { .. }) | Failure::KeysUnavailable => Code::KeysUnavailable,
        Failure::Denied(_) => Code::InvalidApiKey,
        Failure::Forbidden | Failure::ForeignHost => Code::Forbidden,
        Failure::Overloaded | Failure::Stopping => Code::Overloaded,
        Failure::MediaType => Code::UnsupportedMediaType,
        Failure::BodyTooLarge { .. } => Code::BodyTooLarge,
        Failure::BodyLate { .. } | Failure::BodyBroken => Code::InvalidJson,
        Failure::Malformed(Malformed::Json { .. }) => Code::InvalidJson,
        Failure::Malformed(Malformed::Field { .. }) => Code::InvalidField,
        Failure::Malformed(Malformed::Unsupported { .. }) => Code::Unsupported,
        Failure::Plan(error) => match error {
            PlanError::Unable { .. } => Code::Unsupported,
            PlanError::ProviderNotFound { .. } => Code::ProviderNotFound,
            PlanError::Contradiction { .. }
            | PlanError::NoDefault
            | PlanError::CapabilityAndModel
            | PlanError::NothingThere { .. } => Code::InvalidField,
            PlanError::ModelNotFound { .. }
            | PlanError::NoSuchCapability { .. }
            | PlanError::NothingListed(_)
            | PlanError::NoneAllowed { .. } => Code::ModelNotFound,
            PlanError::Unpriced { .. } => Code::UnpricedModel,
            PlanError::TooLong { .. } => Code::ContextTooLong,
        },
        Failure::KeptIn(refused) => match refused {
            Refused::Blocked { .. } | Refused::Unscannable { .. } => Code::ContentBlocked,
            Refused::Name { .. } | Refused::NotText => Code::InvalidField,
            Refused::Full(_) => Code::BodyTooLarge,
        },
        Failure::Injected { .. } => Code::ContentBlocked,
        Failure::NotInspected => Code::InspectionUnavailable,
        Failure::Unrecordable => Code::AuditUnavailable,
        Failure::OverBudget(_) => Code::BudgetExceeded,
        Failure::RateLimited(_) => Code::RateLimited,
        Failure::BudgetUnavailable { .. } => Code::BudgetUnavailable,
        Failure::Overgrown => Code::UpstreamFailed,
        Failure::Refused { .. } => Code::InvalidField,
        Failure::ContextTooLong => Code::ContextTooLong,
        Failure::ContentFiltered => Code::ContentBlocked,
        Failure::ModelNotListed | Failure::ModelUnknownUpstream => Code::ModelNotFound,
        Failure::OneFailed { class: FaultClass::Timeout, .. } => Code::UpstreamTimeout,
        Failure::OneFailed { class: FaultClass::Misconfigured | FaultClass::NotPermitted, .. } => {
            Code::UpstreamMisconfigured
        }
        Failure::OneFailed { .. } => Code::UpstreamFailed,
        Failure::CutShort { class: FaultClass::Timeout } => Code::UpstreamTimeout,
        Failure::CutShort { .. } => Code::UpstreamFailed,
        Failure::NoneAvailable { .. } => Code::NoProviderAvailable,
        Failure::TeamUnknown | Failure::KeyUnknown | Failure::NotFound | Failure::MethodNotAllowed => {
            Code::NotFound
        }
    }
}

pub fn status(failure: &Failure) -> u16 {
    match failure {
        Failure::MethodNotAllowed => 405,
        failure => code(failure).status(),
    }
}

/// The error as its caller shall see it.
pub fn describe(failure: &Failure, request_id: &str) -> ErrorBody {
    ErrorBody {
        status: status(failure),
        code: code(failure).word(),
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
        Failure::KeptIn(refused) => refused.to_string(),
        Failure::Injected { part } => {
            format!("a part of the request ({part}) reads like an attack on the model: take it out")
        }
        Failure::Unrecordable => {
            "the request could not be recorded, so it was not begun: try again, or tell the operator"
                .to_owned()
        }
        Failure::NotInspected => {
            "the request could not be searched for personal data, so it was not sent: try again".to_owned()
        }
        Failure::OverBudget(refused) => limits::over_budget(refused),
        Failure::RateLimited(limited) => limits::rate_limited(limited),
        Failure::BudgetUnavailable { .. } => {
            "the budget could not be asked, so the request was not sent: try again shortly".to_owned()
        }
        Failure::Overgrown => {
            "the answer grew beyond its bound when your own values were put back: ask for less".to_owned()
        }
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
        Failure::ModelNotListed => "`model` is not served here: `GET /v1/models` lists the names".to_owned(),
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
        Failure::TeamUnknown => {
            "no team has that name: configure it as [teams.NAME], or give it a key".to_owned()
        }
        Failure::KeysUnavailable => {
            "the store of keys gives no answer: try again, then see in `GET /v1/keys` what was done".to_owned()
        }
        Failure::KeyUnknown => {
            "no key that was made here has that id: `GET /v1/keys` lists them; the configuration's are taken out there"
                .to_owned()
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
        FaultClass::TooLarge => {
            "the provider's answer is longer than the gateway takes: ask for less at once"
        }
        FaultClass::NotPermitted => {
            "the provider does not let this gateway's account do that: name another model, or tell the operator"
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
        Failure::Plan(
            PlanError::ProviderNotFound { .. }
            | PlanError::Contradiction { .. }
            | PlanError::NothingThere { .. },
        ) => Some("provider".to_owned()),
        Failure::Plan(PlanError::CapabilityAndModel) => Some("capability".to_owned()),
        Failure::Plan(PlanError::Unable { need, .. }) => Some(need.field().to_owned()),
        Failure::Plan(PlanError::TooLong { .. }) | Failure::ContextTooLong => Some("messages".to_owned()),
        Failure::Plan(_) | Failure::ModelNotListed | Failure::ModelUnknownUpstream => {
            Some("model".to_owned())
        }
        Failure::KeptIn(Refused::Name { field, .. }) => Some((*field).to_owned()),
        Failure::KeptIn(Refused::Unscannable { media }) => Some(media.field().to_owned()),
        Failure::KeptIn(Refused::NotText) => Some("messages".to_owned()),
        Failure::Injected { .. } => Some("messages".to_owned()),
        Failure::Refused { field } => field.map(str::to_owned),
        _ => None,
    }
}

fn retry_after(failure: &Failure) -> Option<u64> {
    let wait = match failure {
        Failure::Overloaded
        | Failure::Stopping
        | Failure::NotInspected
        | Failure::Unrecordable
        | Failure::KeysUnavailable
        | Failure::Denied(Denied::Unverified { .. }) => Duration::from_secs(1),
        Failure::NoneAvailable { retry_after, .. } | Failure::BudgetUnavailable { retry_after } => {
            *retry_after
        }
        Failure::RateLimited(limited) => limited.retry_after?,
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
