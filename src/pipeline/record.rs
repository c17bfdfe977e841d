//! What the audit trail is told of a request: ids, words and counts, as the walk learns them. Types of the
//! record can hold no text of a message.

use super::exchange::Ending;
use super::failure::Failure;
use super::inspect::Inspected;
use super::trace::TraceParent;
use super::words;
use crate::gateway::Gateway;
use crate::http::error;
use crate::identity::Principal;
use actix_web::HttpRequest;
use gateway_core::audit::{Few, Injection, Named, Outcome, Pii, RequestId, RequestRecord, Time};
use gateway_core::finding::{Action, Summary};
use gateway_core::routing::{Route, RouteReason, Router};
use gateway_inspection::injection::{Judgement, Verdict};
use gateway_inspection::redact::Refused;
use std::time::Duration;

/// Header of a caller's own id of its request.
const CLIENT_REQUEST_ID: &str = "x-request-id";
/// The code of a request that a mistake of the gateway's own ended; its caller is told nothing.
const INTERNAL: &str = "internal";

/// The record of a request that has come. `None` where its id is none, which no id of ours is.
pub(super) fn begun(
    gateway: &Gateway,
    id: &str,
    principal: &Principal,
    request: &HttpRequest,
) -> Option<Box<RequestRecord>> {
    let time = Time::from_unix_millis(super::call::millis(gateway.clock.unix()));
    let replica = Named::cleaned(&gateway.replica);
    let endpoint = Named::cleaned(request.path());
    let mut record = Box::new(RequestRecord::begun(RequestId::parse(id)?, time, replica, endpoint));
    record.team_id = Some(Named::from(&principal.team));
    record.key_id = Some(Named::from(&principal.key_id));
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    record.client_request_id =
        header(CLIENT_REQUEST_ID).map(|sent| words::id(gateway, &principal.team, sent));
    if let Some(trace) = TraceParent::of(request.headers()) {
        (record.trace_id, record.span_id) = (Named::new(trace.trace_id()), Named::new(trace.span_id()));
    }
    Some(record)
}

/// A name that points at no route is the caller's own text, and stays out.
pub(super) fn asked(
    record: &mut RequestRecord,
    router: &Router,
    provider: Option<&str>,
    model: Option<&str>,
) {
    let Some(model) = model else { return };
    let known = router.knows(provider, model);
    record.model_requested = known.then(|| Named::cleaned(model));
}

pub(super) fn routed(record: &mut RequestRecord, reason: RouteReason) {
    record.route_reason = Named::new(&reason.to_string());
}

pub(super) fn searched(record: &mut RequestRecord, summary: &Summary) {
    let mut pii =
        Pii { action: summary.action.map(|action| Named::cleaned(action.word())), ..Pii::default() };
    for (kind, count) in &summary.by_type {
        pii.by_type.insert(Named::cleaned(kind.name()), u64::from(*count));
    }
    pii.withheld = u64::from(summary.withheld);
    pii.unscanned = summary.unscanned.values().map(|count| u64::from(*count)).sum();
    record.pii = pii;
}

/// What the guard said: the part first, then what was seen in it.
pub(super) fn judged(record: &mut RequestRecord, judgement: &Judgement) {
    let mut reasons = Few::default();
    let words =
        judgement.part.iter().filter(|_| judgement.verdict != Verdict::Pass).chain(&judgement.reasons);
    for word in words {
        reasons.push(Named::cleaned(word));
    }
    let verdict = Named::cleaned(judgement.verdict.word());
    record.injection = Some(Injection { score: judgement.score, verdict, reasons });
}

/// With the answer it is known what was not given back.
pub(super) fn restored(record: &mut RequestRecord, inspected: &Inspected) {
    if let Some(summary) = &inspected.summary {
        record.pii.withheld = u64::from(summary.withheld);
        record.pii.answer_masked = u64::from(summary.answer_masked);
    }
}

/// Who answered, be it in part.
pub(super) fn answered(
    record: &mut RequestRecord,
    route: &Route,
    is_fallback: bool,
    model_answered: Option<Named>,
) {
    record.provider_used = Some(Named::from(&route.upstream));
    record.model_used = Some(Named::from(&route.model));
    record.model_answered = model_answered;
    record.fallback_triggered = is_fallback;
}

/// Why it got no whole answer.
pub(super) fn failed(record: &mut RequestRecord, failure: &Failure) {
    record.code = Some(Named::cleaned(error::code(failure).word()));
    record.outcome = outcome(failure);
    if let Failure::KeptIn(Refused::Blocked { kinds } | Refused::Name { kinds, .. }) = failure {
        // How many of each there were is not known: the search ends with its verdict.
        record.pii.by_type = kinds.iter().map(|kind| (Named::cleaned(kind.name()), 1)).collect();
        record.pii.action = Some(Named::cleaned(Action::Block.word()));
    }
}

/// Turned away before its exchange was open.
pub(super) fn refused(record: &mut RequestRecord, failure: &Failure) {
    failed(record, failure);
    (record.outcome, record.status) = (Outcome::Denied, error::status(failure));
}

/// A mistake of the gateway's own. No answer was given.
pub(super) fn panicked(record: &mut RequestRecord) {
    record.code = Named::new(INTERNAL);
    record.outcome = Outcome::Failed;
}

/// The table of docs/audit-schema.md: what was refused before a provider was asked is denied.
fn outcome(failure: &Failure) -> Outcome {
    match failure {
        Failure::Denied(_)
        | Failure::Forbidden
        | Failure::ForeignHost
        | Failure::Overloaded
        | Failure::MediaType
        | Failure::BodyTooLarge { .. }
        | Failure::BodyLate { .. }
        | Failure::BodyBroken
        | Failure::Malformed(_)
        | Failure::Plan(_)
        | Failure::KeptIn(_)
        | Failure::Injected { .. }
        | Failure::Unrecordable
        | Failure::NotInspected
        | Failure::OverBudget(_)
        | Failure::RateLimited(_)
        | Failure::BudgetUnavailable { .. }
        | Failure::ModelNotListed
        | Failure::KeysUnavailable
        | Failure::KeyUnknown
        | Failure::TeamUnknown
        | Failure::NotFound
        | Failure::MethodNotAllowed => Outcome::Denied,
        Failure::Refused { .. }
        | Failure::ContextTooLong
        | Failure::ContentFiltered
        | Failure::ModelUnknownUpstream
        | Failure::OneFailed { .. }
        | Failure::NoneAvailable { .. }
        | Failure::Overgrown => Outcome::Failed,
        Failure::CutShort { .. } => Outcome::CutShort,
        Failure::Stopping => Outcome::Interrupted,
    }
}

/// The end: status and times.
pub(super) fn ended(record: &mut RequestRecord, ending: Ending, took: Duration, overhead: Duration) {
    (record.outcome, record.status) = match ending {
        Ending::Answered => (Outcome::Answered, 200),
        Ending::Cancelled => (Outcome::Cancelled, 499),
        Ending::CutShort => (record.outcome, 200),
        Ending::Failed(status) => (record.outcome, status),
    };
    record.latency_ms = super::call::millis(took);
    record.overhead_us = micros(overhead);
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
