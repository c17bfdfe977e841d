//! The walk of a request, step by step (docs/architecture.md): identify → decode → plan → inspect → admit →
//! call → restore → settle → encode.
//!
//! | module | holds |
//! |---|---|
//! | [`estimate`] | what a request would cost |
//! | [`exchange`] | the guard of one request, from identify to its end |
//! | [`receive`] | the body, bounded in bytes and time |
//! | `inspect`, `analyze` | personal data and secrets taken out; another engine asked for them |
//! | `admit` | the budget's leave, before anything is sent |
//! | `attempts` | what was tried |
//! | `call` | candidates tried in order, until one answers |
//! | `sending`, `drain` | one attempt and its answer; what becomes of it where its caller goes |
//! | `work` | what they are asked for: an answer, vectors, a count |
//! | `embed`, `count` | the walks of requests for vectors and for a count |
//! | `live` | the upstream's half of a stream, its opening frames held until content |
//! | `record` | what the audit trail is told |
//! | `restore` | the caller's own values put back |
//! | `settle` | what a request costs, however it ends |
//! | `stream`, [`watch`] | a stream on its way to the caller; one that its caller does not take |
//! | `tighten` | a tighter bound, where the cheap one would refuse |
//! | `tags` | what a caller counts its request under |
//! | `trace` | the caller's W3C trace context, kept and passed on |
//! | `words` | ids and names of others, searched before they are told on |
//! | [`failure`] | why a request got no answer |

mod admit;
mod analyze;
mod attempts;
mod call;
mod count;
mod drain;
mod embed;
mod estimate;
mod exchange;
mod failure;
mod inspect;
mod live;
mod receive;
mod record;
mod restore;
mod sending;
mod settle;
mod stream;
mod tags;
#[cfg(test)]
mod tests;
mod tighten;
mod trace;
mod watch;
mod words;
mod work;

pub use call::Told;
pub use count::count;
pub use embed::embed;
pub use estimate::{Estimate, Estimated, Priced, Refusal, estimate};
pub use exchange::{Ending, Exchange, Slot, Slots};
pub use failure::Failure;
pub use inspect::{WITH_GUARD, with_rules};
pub use receive::{Held, Room};
pub use settle::Standing;
pub use tighten::turns;
pub use watch::{Watch, Watched};

use crate::gateway::{Gateway, Worker};
use crate::http::error;
use crate::identity::{Credentials, Principal, Scopes};
use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Payload;
use bytes::Bytes;
use call::Calling;
use gateway_core::audit::Record;
use gateway_core::conversation::Event;
use gateway_core::ids::TeamId;
use gateway_core::routing::{Ask, Candidate, Fallback, Plan, PlanError, Tail};
use gateway_wire::{Asked, Inbound, Opening, Whole};
use inspect::Inspected;
use settle::Consumed;
use std::sync::Arc;
use std::time::Duration;
use stream::Answering;
use trace::TraceParent;
use work::Wanted;

/// How long a refusal waits for a place among the records: it is over as soon as the disk takes those before it.
const REFUSAL: Duration = Duration::from_millis(250);

/// A caller's dialect: its codec, and what it allows the plan.
#[derive(Clone, Copy)]
pub struct Dialect {
    pub codec: &'static dyn Inbound,
    pub tail: Tail,
}

/// An answer, ready to be sent.
pub enum Served {
    Whole {
        body: Vec<u8>,
        told: Told,
    },
    Stream {
        body: Watched,
        told: Told,
    },
    /// An answer of the gateway's own: no upstream was asked.
    Reckoned {
        body: Vec<u8>,
    },
    /// A stream that is still looking for its candidate after a long silence.
    Held {
        body: Watched,
    },
}

/// Walks one request from its headers to its answer.
pub async fn walk(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    dialect: Dialect,
    id: &str,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Served, Failure> {
    let mut exchange = begin(gateway, id, request).await?;
    let (asked, plan, inspected) =
        match prepared(gateway, worker, dialect, &mut exchange, request, payload).await {
            Ok(prepared) => prepared,
            Err(failure) => return Err(ended(exchange, failure).await),
        };
    let (stream, include_usage) = (asked.stream, asked.include_usage);
    let mut calling =
        Calling::new(gateway, worker, Wanted::of(asked, dialect.codec), plan, inspected, &exchange);
    if let Err(failure) = admit::admit(gateway, &mut exchange, &mut calling).await {
        return Err(ended(exchange, failure).await);
    }
    if !stream {
        return answer(calling, exchange, dialect).await;
    }
    exchange.streams();
    let opening =
        Opening { request_id: id.to_owned(), created: exchange.started_unix.as_secs(), include_usage };
    let encoder = dialect.codec.stream(opening);
    match stream::within_patience(stream::search(calling, exchange)).await {
        Ok(stream::Found { calling, exchange, result: Ok(live) }) => {
            let told = calling.told(&exchange, None);
            let body = Answering::flowing(gateway, (calling, exchange, live), encoder);
            Ok(Served::Stream { body: Watched::new(gateway, worker, body), told })
        }
        Ok(stream::Found { exchange, result: Err(failure), .. }) => Err(ended(exchange, failure).await),
        Err(searching) => {
            let body = Answering::held(gateway, searching, encoder, id.to_owned());
            Ok(Served::Held { body: Watched::new(gateway, worker, body) })
        }
    }
}

/// The steps before the budget's leave, of each request in a dialect: decode, plan, inspect.
async fn prepared(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    dialect: Dialect,
    exchange: &mut Exchange,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<(Asked, Vec<Candidate>, Inspected), Failure> {
    receive::check_media_type(request.headers())?;
    let body = exchange.receive(gateway, payload, request.headers()).await?;
    let mut asked = decode(gateway, dialect, &body, request.headers(), exchange)?;
    exchange.note(|record| {
        record::asked(record, &gateway.router, asked.provider.as_deref(), asked.model.as_deref());
    });
    let plan = planned(gateway, dialect, &asked, exchange)?;
    admit::paused(gateway, exchange)?;
    let inspected = inspect::inspect(gateway, worker, exchange, &mut asked.conversation).await;
    if let Err(Failure::Injected { .. }) = &inspected {
        admit::not_asked(gateway, exchange, &plan);
    }
    let inspected = inspected?;
    if let Some(summary) = &inspected.summary {
        exchange.note(|record| record::searched(record, summary));
    }
    exchange.note(|record| record.tags = tags::recorded(&asked.conversation.tags));
    Ok((asked, plan, inspected))
}

/// Who calls, and that they may; from here on the request is recorded, however it ends.
async fn begin(gateway: &Gateway, id: &str, request: &HttpRequest) -> Result<Exchange, Failure> {
    let principal = known(gateway, request.headers())?;
    let may = principal.scopes.allow(Scopes::INFER);
    let mut exchange = open(gateway, id, principal, request).await?;
    exchange.trace = TraceParent::of(request.headers());
    if !may {
        return Err(ended(exchange, Failure::Forbidden).await);
    }
    if let Err(unwritable) = gateway.audit.accepting() {
        log::error!("a request is refused: {unwritable}");
        exchange.unrecorded();
        gateway.metrics.unrecorded();
        return Err(Failure::Unrecordable);
    }
    Ok(exchange)
}

/// The body of a request that is no walk: its type, its bytes and its time, each with a bound. Whoever works on it
/// keeps what it holds of the memory until it is done.
pub async fn body(
    gateway: &Gateway,
    headers: &HeaderMap,
    payload: &mut Payload,
) -> Result<(Bytes, Held), Failure> {
    receive::check_media_type(headers)?;
    receive::body(gateway, payload, headers).await
}

/// A place for work that is no walk.
pub fn enter(gateway: &Gateway) -> Result<Slot, Failure> {
    if gateway.shutdown.has_begun() {
        return Err(Failure::Stopping);
    }
    gateway.slots.take().ok_or(Failure::Overloaded)
}

/// Proves who calls, and that they may.
pub fn identify(gateway: &Gateway, headers: &HeaderMap, needs: Scopes) -> Result<Principal, Failure> {
    let principal = known(gateway, headers)?;
    if principal.scopes.allow(needs) { Ok(principal) } else { Err(Failure::Forbidden) }
}

/// Who calls. Whoever shows no valid key is counted.
fn known(gateway: &Gateway, headers: &HeaderMap) -> Result<Principal, Failure> {
    let found = Credentials::from_headers(headers).and_then(|shown| gateway.keys.identify(shown));
    Ok(found.inspect_err(|_| gateway.metrics.unauthenticated())?)
}

/// A request that gets no slot is recorded all the same.
async fn open(
    gateway: &Gateway,
    id: &str,
    principal: Principal,
    request: &HttpRequest,
) -> Result<Exchange, Failure> {
    let record = record::begun(gateway, id, &principal, request);
    let failure = if gateway.shutdown.has_begun() {
        Failure::Stopping
    } else if let Some(slot) = gateway.slots.take() {
        return Ok(Exchange::open(gateway, id.to_owned(), principal, slot, record));
    } else {
        Failure::Overloaded
    };
    if let Some(mut record) = record {
        record::refused(&mut record, &failure);
        record_refusal(gateway, Record::Request(record)).await;
    }
    Err(failure)
}

/// It has places of its own in the queue: who was never served takes none from those whose answers are to be paid.
async fn record_refusal(gateway: &Gateway, record: Record) {
    let places = Arc::clone(&gateway.refusals);
    let place = match gateway.audit.accepting() {
        Ok(()) => tokio::time::timeout(REFUSAL, places.acquire_owned()).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    match place {
        Some(place) => gateway.audit.record_detached(record, Arc::new(place)),
        None => gateway.metrics.unrecorded(),
    }
}

fn decode(
    gateway: &Gateway,
    dialect: Dialect,
    body: &Bytes,
    headers: &HeaderMap,
    exchange: &Exchange,
) -> Result<Asked, Failure> {
    let mut asked = dialect.codec.decode(body)?;
    let header = |name: &str| {
        let values: Vec<&str> =
            headers.get_all(name).map(|value| value.to_str().unwrap_or("not ASCII")).collect();
        (!values.is_empty()).then(|| values.join(","))
    };
    dialect.codec.headers(&header, &mut asked)?;
    let names = &gateway.config.usage.tags;
    let metadata = asked.take_metadata(names)?;
    asked.conversation.tags = tags::given(names, headers, metadata, &mut asked.dropped)?;
    if falls_back(headers) == Fallback::Off {
        asked.fallback = Some(false);
    }
    if asked.team_id.as_deref().is_some_and(|team| team != exchange.principal.team.as_str()) {
        asked.warnings.push("`team_id` differs from the key's team: the key decides".to_owned());
    }
    Ok(asked)
}

fn falls_back(headers: &HeaderMap) -> Fallback {
    let word = headers.get("x-gateway-fallback").map(|value| value.as_bytes());
    if word.is_some_and(|word| word.eq_ignore_ascii_case(b"off")) { Fallback::Off } else { Fallback::On }
}

/// The candidates in order; record and answer are told why it is these.
fn planned(
    gateway: &Gateway,
    dialect: Dialect,
    asked: &Asked,
    exchange: &mut Exchange,
) -> Result<Vec<Candidate>, Failure> {
    let Plan { candidates, reason } = plan(gateway, dialect, asked, &exchange.principal)?;
    exchange.routed(reason);
    Ok(candidates)
}

fn plan(gateway: &Gateway, dialect: Dialect, asked: &Asked, principal: &Principal) -> Result<Plan, Failure> {
    let plan = gateway.router.plan(&Ask {
        provider: asked.provider.as_deref(),
        model: asked.model.as_deref(),
        capability: asked.capability,
        fallback: if asked.fallback.unwrap_or(true) { Fallback::On } else { Fallback::Off },
        tail: dialect.tail,
        prompt_bytes: asked.conversation.text_bytes(),
        max_output: asked.conversation.sampling.max_output,
        needs: asked.conversation.needs(),
        conversation: Some(&asked.conversation),
        allowed: gateway.config.routing.allowed(principal),
        roll: gateway.dice.roll(),
    });
    let words = asked.provider.iter().chain(&asked.model);
    plan.map_err(|error| unplanned(gateway, &principal.team, error, words))
}

/// Why there is no plan, as its caller may be told.
fn unplanned<'w>(
    gateway: &Gateway,
    team: &TeamId,
    error: PlanError,
    words: impl IntoIterator<Item = &'w String>,
) -> Failure {
    Failure::Plan(if words::may_be_told(gateway, team, words) { error } else { error.unnamed() })
}

/// A JSON answer: the events of a stream in one piece.
async fn answer(mut calling: Box<Calling>, exchange: Exchange, dialect: Dialect) -> Result<Served, Failure> {
    let (mut exchange, result) = calling.first(exchange, sending::whole).await;
    let events = match result {
        Ok(events) => events,
        Err(failure) => return Err(ended(exchange, failure).await),
    };
    let (reported, received) = events.consumed();
    let charge = exchange.bill.charge(&reported, received);
    let whole = match restored(&mut calling, events) {
        Ok(whole) => whole,
        Err(failure) => return Err(ended(exchange, failure).await),
    };
    let body = dialect.codec.answer(&whole, &calling.facts(&exchange, &charge));
    let told = calling.told(&exchange, Some(charge.cost));
    exchange.note(|record| record::restored(record, &calling.inspected));
    exchange.ends(Ending::Answered);
    exchange.finish().await;
    Ok(Served::Whole { body, told })
}

/// The events in one piece, with the caller's own values in them.
fn restored(calling: &mut Calling, events: Vec<Event>) -> Result<Whole, Failure> {
    let mut whole = Whole::default();
    match calling.restoring() {
        None => events.into_iter().for_each(|event| whole.add(event)),
        Some(mut restoring) => {
            for event in events {
                restoring.event(event, &mut |event| whole.add(event))?;
            }
            calling.inspected.restored(&restoring);
        }
    }
    Ok(whole)
}

/// Recorded before the caller is told.
async fn ended(mut exchange: Exchange, failure: Failure) -> Failure {
    exchange.ends(Ending::Failed(error::status(&failure)));
    exchange.note(|record| record::failed(record, &failure));
    exchange.finish().await;
    failure
}
