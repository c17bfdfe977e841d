//! What the audit trail is told of a request: ids, words and counts, as the walk learns them. Types of the
//! record can hold no text of a message.

use super::call::Calling;
use super::exchange::Ending;
use super::failure::Failure;
use crate::gateway::Gateway;
use crate::http::error;
use crate::identity::Principal;
use actix_web::HttpRequest;
use gateway_core::audit::{Attempt, Few, Injection, Named, Outcome, Pii, RequestId, RequestRecord, Time};
use gateway_core::finding::Summary;
use gateway_core::money::NanoUsd;
use gateway_inspection::injection::{Judgement, Verdict};
use gateway_wire::Attempt as Tried;
use std::time::Duration;

/// Header of a caller's own id of its request.
const CLIENT_REQUEST_ID: &str = "x-request-id";
/// W3C Trace Context, level 1: `00-<trace>-<parent>-<flags>`.
const TRACE_PARENT: &str = "traceparent";

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
    record.client_request_id = header(CLIENT_REQUEST_ID).map(Named::cleaned);
    if let Some((trace, span)) = header(TRACE_PARENT).and_then(trace) {
        (record.trace_id, record.span_id) = (Named::new(trace), Named::new(span));
    }
    Some(record)
}

fn trace(value: &str) -> Option<(&str, &str)> {
    let mut parts = value.split('-').skip(1);
    let (trace, span) = (parts.next()?, parts.next()?);
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex(trace, 32) && hex(span, 16)).then_some((trace, span))
}

/// A name that is no route's is the caller's own text, and stays out.
pub(super) fn asked(record: &mut RequestRecord, gateway: &Gateway, model: Option<&str>) {
    let Some(model) = model else { return };
    let (upstream, bare) =
        model.split_once('/').map_or((None, model), |(upstream, bare)| (Some(upstream), bare));
    let mut routes = gateway.router.models();
    let known = routes.any(|route| {
        let prefixed =
            route.model.as_str() == bare && upstream.is_none_or(|name| name == route.upstream.as_str());
        prefixed || route.model.as_str() == model
    });
    record.model_requested = known.then(|| Named::cleaned(model));
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

/// Who was tried, and who answered.
pub(super) fn served(record: &mut RequestRecord, calling: &Calling, answered: bool) {
    attempts(record, &calling.attempts);
    if let Some(summary) = &calling.inspected.summary {
        searched(record, summary);
    }
    if answered {
        let route = &calling.candidate().route;
        record.provider_used = Some(Named::from(&route.upstream));
        record.model_used = Some(Named::from(&route.model));
        record.fallback_triggered = calling.chosen > 0;
    }
    record.overhead_us = micros(calling.waited);
}

fn attempts(record: &mut RequestRecord, tried: &[Tried]) {
    record.attempts = Few::default();
    for attempt in tried {
        record.attempts.push(Attempt {
            provider: Named::cleaned(&attempt.provider),
            model: Named::cleaned(&attempt.model),
            outcome: Named::cleaned(attempt.outcome),
            status: attempt.status,
            ms: attempt.ms,
            cost_usd: NanoUsd::ZERO,
        });
    }
}

/// Why it got no answer.
pub(super) fn failed(record: &mut RequestRecord, failure: &Failure) {
    let told = error::describe(failure, "");
    record.code = Some(Named::cleaned(told.code));
    if !told.attempts.is_empty() {
        attempts(record, &told.attempts);
    }
    record.outcome = if told.status >= 500 { Outcome::Failed } else { Outcome::Denied };
}

/// The end: status, time, and what of the waiting was the provider's.
pub(super) fn ended(record: &mut RequestRecord, ending: Ending, took: Duration) {
    (record.outcome, record.status) = match ending {
        Ending::Answered => (Outcome::Answered, 200),
        Ending::Cancelled => (Outcome::Cancelled, 499),
        Ending::CutShort => (Outcome::CutShort, 200),
        Ending::Failed(status) => (record.outcome, status),
    };
    record.latency_ms = super::call::millis(took);
    record.overhead_us = micros(took).saturating_sub(record.overhead_us);
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
