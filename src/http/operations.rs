//! What operators and their probes ask: upstreams, models, health.

use super::{refusal, respond};
use crate::gateway::Gateway;
use crate::identity::{Principal, Scopes};
use crate::pipeline::{Failure, identify};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, SecondsFormat, Utc};
use gateway_actors::provider::{Move, Status};
use gateway_actors::supervision::Vitals;
use gateway_core::fault::Fault;
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// `GET /v1/providers/status`: every configured upstream in priority order, and the actors behind them.
pub async fn providers_status(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    if let Err(failure) = identify(&gateway, request.headers(), Scopes::INFER) {
        return refusal(&gateway, &Native, &failure);
    }
    respond::json(&gateway, HttpResponse::Ok(), &providers(&gateway))
}

/// The body of that answer.
pub(super) fn providers(gateway: &Gateway) -> Value {
    let statuses: Vec<Status> = gateway.upstreams.iter().map(|upstream| upstream.provider.status()).collect();
    let mut models: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for route in gateway.routes() {
        models.entry(route.upstream.as_str()).or_default().push(route.model.as_str());
    }
    let providers: Vec<Value> = statuses
        .iter()
        .map(|status| provider(status, models.get(status.name.as_str()).map_or(&[], Vec::as_slice)))
        .collect();
    let others = [gateway.budget.vitals(), gateway.audit.vitals(), gateway.inspector.scanner.vitals()];
    let analyzer = gateway.inspector.analyzer.as_ref().map(|analyzer| analyzer.provider.status().actor);
    let of_providers = statuses.iter().map(|status| &status.actor);
    let actors: Vec<Value> = of_providers.chain(&others).chain(&analyzer).map(actor).collect();
    let started = time(gateway.started);
    json!({ "replica": gateway.replica, "started_at": started, "providers": providers, "actors": actors })
}

fn provider(status: &Status, models: &[&str]) -> Value {
    json!({
        "name": status.name.as_str(),
        "state": status.state.word(),
        "since": time(status.since),
        "reason": status.reason.as_ref().map(reason),
        "next_probe_at": status.next_probe_at.map(time),
        "consecutive_failures": status.consecutive_failures,
        "in_flight": status.in_flight,
        "error_rate": status.error_rate,
        "latency_ms": status.latency.map(|latency| json!({
            "p50": millis(latency.p50),
            "p95": millis(latency.p95),
        })),
        "mailbox": status.actor.queue,
        "restarts": status.actor.restarts,
        "models": models,
        "changes": status.moves.iter().map(change).collect::<Vec<_>>(),
    })
}

fn change(moved: &Move) -> Value {
    json!({
        "at": time(moved.at),
        "state": moved.to.word(),
        "reason": moved.reason.as_ref().map(reason),
    })
}

/// To the microsecond: more digits would be noise of the division.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn reason(fault: &Fault) -> String {
    match fault.status {
        Some(status) => format!("{} (status {status})", fault.word()),
        None => fault.word().to_owned(),
    }
}

fn actor(vitals: &Vitals) -> Value {
    json!({
        "name": vitals.name,
        "alive": vitals.alive,
        "queue": vitals.queue,
        "restarts": vitals.restarts,
        "last_error_at": vitals.last_error_at.map(time),
    })
}

/// RFC 3339 in UTC with milliseconds.
fn time(unix: Duration) -> String {
    DateTime::<Utc>::from(std::time::UNIX_EPOCH + unix).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `GET /v1/models`, OpenAI's shape: what this key may ask for, each name once.
pub async fn models(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let principal = match identify(&gateway, request.headers(), Scopes::INFER) {
        Ok(principal) => principal,
        Err(failure) => return refusal(&gateway, &OpenAiChat, &failure),
    };
    let data: Vec<Value> =
        names(&gateway, &principal).iter().map(|(name, owner)| model_object(name, owner)).collect();
    respond::json(&gateway, HttpResponse::Ok(), &json!({ "object": "list", "data": data }))
}

/// `GET /v1/models/{id}`, by name, with or without its upstream in front.
pub async fn model(request: HttpRequest, id: Path<String>, gateway: Data<Gateway>) -> HttpResponse {
    let principal = match identify(&gateway, request.headers(), Scopes::INFER) {
        Ok(principal) => principal,
        Err(failure) => return refusal(&gateway, &OpenAiChat, &failure),
    };
    let allowed = gateway.config.routing.allowed(&principal);
    let found = gateway.routes().filter(|route| allowed.admits(route)).find(|route| {
        let bare = route.model.as_str() == id.as_str();
        bare || id.split_once('/').is_some_and(|(upstream, model)| {
            upstream == route.upstream.as_str() && model == route.model.as_str()
        })
    });
    let owner = match found {
        Some(route) => Some(route.upstream.as_str()),
        None => gateway.names_beside_models(allowed).contains(&id).then_some(OWN),
    };
    match owner {
        Some(owner) => respond::json(&gateway, HttpResponse::Ok(), &model_object(&id, owner)),
        None => refusal(&gateway, &OpenAiChat, &Failure::ModelNotListed),
    }
}

/// Who is said to own a name that stands for several models.
const OWN: &str = "gateway";

/// Names with the first upstream in priority order that serves each; then those that are the gateway's own.
fn names(gateway: &Gateway, principal: &Principal) -> Vec<(String, String)> {
    let allowed = gateway.config.routing.allowed(principal);
    let mut seen = std::collections::HashSet::new();
    let routes = gateway.routes().filter(|route| allowed.admits(route));
    let models = routes.map(|route| (route.model.to_string(), route.upstream.to_string()));
    let own = gateway.names_beside_models(allowed).into_iter().map(|name| (name, OWN.to_owned()));
    models.chain(own).filter(|(name, _)| seen.insert(name.clone())).collect()
}

fn model_object(name: &str, owner: &str) -> Value {
    // `created` is required by the SDKs' types; the catalog has no such date, and zero says so.
    json!({ "id": name, "object": "model", "created": 0, "owned_by": owner })
}

/// `GET /health`: the process answers.
pub async fn health(gateway: Data<Gateway>) -> HttpResponse {
    respond::json(
        &gateway,
        HttpResponse::Ok(),
        &json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }),
    )
}

/// `GET /health/live`: for a liveness probe; no dependency enters.
pub async fn live(gateway: Data<Gateway>) -> HttpResponse {
    respond::json(&gateway, HttpResponse::Ok(), &json!({ "status": "ok" }))
}

/// `GET /health/ready`: whether new work is taken. Open breakers are shown and never turn it red.
pub async fn ready(gateway: Data<Gateway>) -> HttpResponse {
    let providers: serde_json::Map<String, Value> = gateway
        .upstreams
        .iter()
        .map(|upstream| {
            let status = upstream.provider.status();
            (status.name.to_string(), Value::from(status.state.word()))
        })
        .collect();
    let stopping = gateway.shutdown.has_begun();
    let store = gateway.budget.store();
    // Open probes learn that it fails; why, which may name a host, stands in the log.
    let mut warnings: Vec<&str> = store.warnings.iter().map(|warning| warning.shown.as_str()).collect();
    // Of each node, in the same words.
    warnings.dedup();
    let budget = json!({
        "state": match (&store.error, store.term) {
            (Some(_), _) => "unavailable",
            (None, None) => "unknown",
            (None, Some(_)) => "ready",
        },
        "warnings": warnings,
    });
    let response = if stopping { HttpResponse::ServiceUnavailable() } else { HttpResponse::Ok() };
    respond::json(
        &gateway,
        response,
        &json!({
            "status": if stopping { "stopping" } else { "ready" },
            "providers": providers,
            "budget": budget,
            "audit": if gateway.audit.is_writable() { "writable" } else { "unwritable" },
            "open_exchanges": gateway.slots.open(),
            "held_bytes": gateway.bodies.held(),
        }),
    )
}
