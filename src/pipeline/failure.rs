//! Why a request got no answer: facts alone. `http::error` turns them into a status, a code and words.

use crate::identity::Denied;
use gateway_core::fault::FaultClass;
use gateway_core::ledger::{RateLimited, Refused};
use gateway_core::routing::PlanError;
use gateway_inspection::restore::Overgrown;
use gateway_wire::{Attempt, Malformed};
use std::time::Duration;

#[derive(Debug)]
pub enum Failure {
    Denied(Denied),
    /// The principal is known but may not do this.
    Forbidden,
    /// A `Host` of another machine, while the built-in keys are on.
    ForeignHost,
    /// `GATEWAY_MAX_IN_FLIGHT` exchanges are open.
    Overloaded,
    /// SIGTERM was received.
    Stopping,
    MediaType,
    BodyTooLarge {
        limit: usize,
    },
    BodyLate {
        after: Duration,
    },
    BodyBroken,
    Malformed(Malformed),
    Plan(PlanError),
    /// What was found in it, or could not be searched, does not go out.
    KeptIn(gateway_inspection::redact::Refused),
    /// A part of it reads like orders to the model from somebody who has none to give.
    Injected {
        part: &'static str,
    },
    /// The audit trail can't be written, so nothing is begun.
    Unrecordable,
    /// The search for personal data failed: nothing goes out unsearched.
    NotInspected,
    /// A window of the team's budget that the request's worst case does not fit into.
    OverBudget(Refused),
    RateLimited(RateLimited),
    /// The budget store gives no answer.
    BudgetUnavailable {
        retry_after: Duration,
    },
    /// An answer grew without bound when the caller's own values were put back.
    Overgrown,
    /// The upstream refused the request as the caller's mistake.
    Refused {
        field: Option<&'static str>,
    },
    ContextTooLong,
    ContentFiltered,
    /// Every upstream tried answered that it does not know the model.
    ModelUnknownUpstream,
    /// One candidate was tried, and failed.
    OneFailed {
        class: FaultClass,
        retry_after: Option<Duration>,
        attempts: Vec<Attempt>,
    },
    /// None could be tried, or several failed.
    NoneAvailable {
        retry_after: Duration,
        attempts: Vec<Attempt>,
    },
    /// A stream broke after its content had begun.
    CutShort {
        class: FaultClass,
    },
    /// `GET /v1/models/{id}` for a name that no route has.
    ModelNotListed,
    /// The store of made keys gives no answer.
    KeysUnavailable,
    /// No made key has that id.
    KeyUnknown,
    /// A team that is neither configured nor has a key or books.
    TeamUnknown,
    NotFound,
    MethodNotAllowed,
}

impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Failure {
        Failure::Malformed(malformed)
    }
}

impl From<Overgrown> for Failure {
    fn from(_: Overgrown) -> Failure {
        Failure::Overgrown
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Failure {
        Failure::Plan(error)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        Failure::Denied(denied)
    }
}
