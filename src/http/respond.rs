//! Responses: our own headers, and no upstream's.

use super::{error, limits};
use crate::gateway::{Gateway, request_id};
use crate::pipeline::{Failure, Served, Told};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::web::Payload;
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::Stream;
use gateway_wire::Inbound;
use gateway_wire::native::Native;
use serde_json::Value;
use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROVIDER: HeaderName = HeaderName::from_static("x-gateway-provider");
const MODEL: HeaderName = HeaderName::from_static("x-gateway-model");
const ROUTE_REASON: HeaderName = HeaderName::from_static("x-gateway-route-reason");
const FALLBACK: HeaderName = HeaderName::from_static("x-gateway-fallback");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-gateway-attempts");
const COST: HeaderName = HeaderName::from_static("x-gateway-cost-usd");
const MAX_OUTPUT: HeaderName = HeaderName::from_static("x-gateway-max-output-tokens");
const DROPPED: HeaderName = HeaderName::from_static("x-gateway-dropped-params");
const PII_REDACTED: HeaderName = HeaderName::from_static("x-gateway-pii-redacted");
const OVERHEAD: HeaderName = HeaderName::from_static("x-gateway-overhead-us");
const STREAM: HeaderName = HeaderName::from_static("x-gateway-stream");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Bytes that the list of dropped fields may take in a header.
const DROPPED_BYTES: usize = 1024;

/// A walk's end, whichever it was.
pub(super) fn ended(
    walked: Result<Served, Failure>,
    dialect: &dyn Inbound,
    id: &str,
    payload: Payload,
) -> HttpResponse {
    match walked {
        Ok(walked) => served(walked, dialect, id),
        Err(failure) => unread(failed(dialect, &failure, id), payload),
    }
}

/// An answer of the gateway's own, in its own dialect.
pub(super) fn own(gateway: &Gateway, answered: Result<Value, Failure>, payload: Payload) -> HttpResponse {
    match answered {
        Ok(value) => json(gateway, HttpResponse::Ok(), &value),
        Err(failure) => {
            let id = request_id(&*gateway.clock, &*gateway.dice);
            unread(failed(&Native, &failure, &id), payload)
        }
    }
}

fn served(served: Served, dialect: &dyn Inbound, id: &str) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    identify(&mut response, dialect, id);
    match served {
        Served::Whole { body, told } => {
            tell(&mut response, &told);
            response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(body)
        }
        Served::Stream { body, told } => {
            tell(&mut response, &told);
            event_stream(&mut response).streaming(body)
        }
        Served::Reckoned { body } => {
            response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(body)
        }
        Served::Held { body } => {
            put(&mut response, STREAM, "held");
            event_stream(&mut response).streaming(body)
        }
    }
}

/// The request's id, also where the dialect's own SDKs look for it.
fn identify(response: &mut HttpResponseBuilder, dialect: &dyn Inbound, id: &str) {
    put(response, REQUEST_ID, id);
    if let Some(name) = dialect.id_header() {
        put(response, HeaderName::from_static(name), id);
    }
}

/// Events that are no answer of a model.
pub(super) fn events<S>(gateway: &Gateway, body: S) -> HttpResponse
where
    S: Stream<Item = Result<Bytes, Infallible>> + 'static,
{
    let mut response = HttpResponse::Ok();
    put(&mut response, REQUEST_ID, &request_id(&*gateway.clock, &*gateway.dice));
    event_stream(&mut response).streaming(body)
}

fn event_stream(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")))
        .insert_header((ACCEL_BUFFERING, HeaderValue::from_static("no")))
}

fn tell(response: &mut HttpResponseBuilder, told: &Told) {
    put(response, PROVIDER, told.route.upstream.as_str());
    put(response, MODEL, told.route.model.as_str());
    if let Some(reason) = told.reason {
        put(response, ROUTE_REASON, &reason.to_string());
    }
    put(response, FALLBACK, if told.fallback { "true" } else { "false" });
    response.insert_header((ATTEMPTS, told.attempts));
    response.insert_header((OVERHEAD, told.overhead_us));
    if let Some(cost) = told.cost {
        put(response, COST, &cost.to_string());
    }
    if let Some(count) = told.pii_redacted {
        response.insert_header((PII_REDACTED, u64::from(count)));
    }
    if let Some(bound) = told.max_output {
        response.insert_header((MAX_OUTPUT, bound));
    }
    if let Some(standing) = &told.standing {
        limits::tell(response, standing);
    }
    if !told.dropped.is_empty() {
        put(response, DROPPED, &joined(&told.dropped));
    }
}

/// As many whole names as fit, with commas between.
fn joined(names: &[Cow<'static, str>]) -> String {
    let mut list = String::new();
    for name in names {
        if list.len() + name.len() + 1 > DROPPED_BYTES {
            break;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(name);
    }
    list
}

/// A value that no header may hold is left out; ours are plain ASCII by construction.
fn put(response: &mut HttpResponseBuilder, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.insert_header((name, value));
    }
}

/// An error that has no request id yet.
pub fn refusal(gateway: &Gateway, dialect: &dyn Inbound, failure: &Failure) -> HttpResponse {
    let id = request_id(&*gateway.clock, &*gateway.dice);
    failed(dialect, failure, &id)
}

pub(super) fn failed(dialect: &dyn Inbound, failure: &Failure, id: &str) -> HttpResponse {
    let error = error::describe(failure, id);
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    identify(&mut response, dialect, &error.request_id);
    if let Some(seconds) = error.retry_after_s {
        response.insert_header((RETRY_AFTER, seconds));
    }
    limits::tell_failure(&mut response, failure);
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 §15.5.2: a 401 names a scheme. No browser asks its user for this one.
        response.insert_header((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    }
    if !error.attempts.is_empty() {
        response.insert_header((ATTEMPTS, error.attempts.len()));
    }
    response
        .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
        .body(dialect.error(&error))
}

/// An answer of our own making, as JSON.
pub(super) fn json(
    gateway: &Gateway,
    mut response: HttpResponseBuilder,
    value: &serde_json::Value,
) -> HttpResponse {
    put(&mut response, REQUEST_ID, &request_id(&*gateway.clock, &*gateway.dice));
    response.json(value)
}

/// Likewise, of text that is JSON already.
pub(super) fn json_text(gateway: &Gateway, body: String) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    put(&mut response, REQUEST_ID, &request_id(&*gateway.clock, &*gateway.dice));
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json"))).body(body)
}

/// Plain text of this type.
pub(super) fn text(gateway: &Gateway, content_type: &'static str, body: String) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    put(&mut response, REQUEST_ID, &request_id(&*gateway.clock, &*gateway.dice));
    response.insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type))).body(body)
}

/// An error sent before the request's body was read. The body is kept until then: the server closes the
/// connection on what is unread, where a dropped chunked body would be read on, for as long as its
/// sender likes.
pub(super) fn unread(response: HttpResponse, payload: Payload) -> HttpResponse {
    response.map_body(|_, body| Unread { body, _payload: Box::new(payload) }.boxed())
}

struct Unread {
    body: BoxBody,
    _payload: Box<Payload>,
}

impl MessageBody for Unread {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}
