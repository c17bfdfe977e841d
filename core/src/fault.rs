//! What can go wrong with an upstream, sorted by what it means for the breaker, for fallback and for
//! the caller. Holds facts, never an upstream's text: such text may repeat a prompt or a key.

use std::time::Duration;

/// A call to an upstream that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub class: FaultClass,
    /// The upstream's HTTP status, where there was one.
    pub status: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultClass {
    /// No connection. Nothing was sent, so the same upstream may be tried again.
    Connect,
    /// No answer within a deadline.
    Timeout,
    /// The upstream said that it cannot: 5xx, 529, an error event.
    Unavailable,
    /// The answer was cut short or could not be understood.
    Broken,
    /// A good answer as far as it was read, and longer than is taken.
    TooLarge,
    /// 429: wait `retry_after`; no sign of ill health.
    RateLimited { retry_after: Option<Duration> },
    /// Our credentials, address or quota are wrong there: only the operator can mend it.
    Misconfigured,
    /// The upstream does not let our account do just this: use a model, a feature, a file. Others of its answers
    /// may be fine, so it is no sign of ill health.
    NotPermitted,
    /// The upstream does not know the model or deployment.
    ModelNotFound,
    /// The caller's request is at fault; `field` is one of our own field names, where it is known.
    Refused { field: Option<&'static str> },
    /// The prompt is over the model's context window.
    ContextTooLong,
    /// The provider's own filter refused the prompt.
    ContentFiltered,
}

impl Fault {
    pub fn new(class: FaultClass, status: Option<u16>) -> Fault {
        Fault { class, status }
    }

    /// Whether the breaker counts it (DESIGN: connect error, time-out, 5xx/529, broken answer).
    pub fn is_failure(&self) -> bool {
        matches!(
            self.class,
            FaultClass::Connect | FaultClass::Timeout | FaultClass::Unavailable | FaultClass::Broken
        )
    }

    /// The word that stands for it in `attempts[].outcome`, logs and status.
    pub fn word(&self) -> &'static str {
        match self.class {
            FaultClass::Connect => "connect_error",
            FaultClass::Timeout => "timeout",
            FaultClass::Unavailable => "unavailable",
            FaultClass::Broken => "broken_answer",
            FaultClass::TooLarge => "answer_too_large",
            FaultClass::RateLimited { .. } => "rate_limited",
            FaultClass::Misconfigured => "misconfigured",
            FaultClass::NotPermitted => "not_permitted",
            FaultClass::ModelNotFound => "model_not_found",
            FaultClass::Refused { .. } => "refused",
            FaultClass::ContextTooLong => "context_too_long",
            FaultClass::ContentFiltered => "content_filtered",
        }
    }
}
