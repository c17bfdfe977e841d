//! Models, status and health, as `http::operations` writes them.
#![expect(dead_code, reason = "described here, made in http::operations")]

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// List the models
///
/// Each name once, with the first provider in the configured order that serves it.
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "models",
    responses((status = 200, description = "The names that this key may ask for.", body = ModelList)),
)]
pub(super) fn models() {}

/// One model
#[utoipa::path(
    get,
    path = "/v1/models/{id}",
    tag = "models",
    params(("id" = String, Path, description = "A name, with or without its provider in front.", example = "gpt-4o")),
    responses((status = 200, description = "The model is served here.", body = Model)),
)]
pub(super) fn model() {}

/// How each provider is
///
/// Every configured provider in priority order, and the actors behind them.
#[utoipa::path(
    get,
    path = "/v1/providers/status",
    tag = "operations",
    responses((status = 200, description = "The state at this moment.", body = ProvidersStatus)),
)]
pub(super) fn providers_status() {}

/// What changes, as it changes
///
/// Server-sent events: `hello` first (whose key it is), `providers` (the body of `/v1/providers/status`) within 0.2 s
/// of a change of state and at most every 2 s for figures, `records` (`{last_seq}`) when the audit trail grew. A comment
/// comes every 5 s where nothing else does. The stream ends after 15 minutes: ask again.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "operations",
    responses((
        status = 200,
        description = "Events until the caller leaves.",
        content_type = "text/event-stream",
        body = String,
        example = "event: hello\ndata: {\"replica\":\"ed864d8c\",\"version\":\"0.1.0\",\"team_id\":\"default\",\"key_id\":\"a5228ad04d72\",\"scopes\":[\"infer\",\"admin\"]}\n\n",
    )),
)]
pub(super) fn events() {}

/// The process answers
#[utoipa::path(
    get,
    path = "/health",
    tag = "operations",
    security(()),
    responses((status = 200, description = "It does.", body = Health)),
)]
pub(super) fn health() {}

/// For a liveness probe
///
/// No dependency enters.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "operations",
    security(()),
    responses((status = 200, description = "It lives.", body = Live)),
)]
pub(super) fn live() {}

/// For a readiness probe
///
/// Whether new work is taken. Breakers that are open are shown and never turn it red.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "operations",
    security(()),
    responses(
        (status = 200, description = "New work is taken.", body = Ready),
        (status = 503, description = "The gateway is shutting down.", body = Ready),
    ),
)]
pub(super) fn ready() {}

/// What Prometheus reads
///
/// Prometheus's text format, or OpenMetrics where `Accept` asks for it. For keys with the scope `metrics` and the
/// administrator's; open where the configuration says so. docs/metrics.md lists the metrics.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses((status = 200, description = "All metrics.", body = String, content_type = "text/plain")),
)]
pub(super) fn metrics() {}

#[derive(ToSchema)]
struct ModelList {
    #[schema(example = "list")]
    object: String,
    data: Vec<Model>,
}

#[derive(ToSchema)]
#[schema(example = json!({"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "openai"}))]
struct Model {
    id: String,
    object: String,
    /// Always 0: the catalog has no dates.
    created: u64,
    owned_by: String,
}

#[derive(ToSchema)]
struct ProvidersStatus {
    /// Which process answered, where several stand behind one address.
    #[schema(example = "ed864d8c")]
    replica: String,
    #[schema(format = DateTime)]
    started_at: String,
    providers: Vec<ProviderStatus>,
    actors: Vec<ActorStatus>,
}

#[derive(ToSchema)]
struct ProviderStatus {
    #[schema(example = "anthropic")]
    name: String,
    state: ProviderState,
    /// When it came into this state.
    #[schema(format = DateTime)]
    since: String,
    /// What brought it there; null while closed.
    #[schema(required = true, example = "unavailable (status 503)")]
    reason: Option<String>,
    /// When the next call may try it; null while closed.
    #[schema(required = true, format = DateTime)]
    next_probe_at: Option<String>,
    consecutive_failures: u32,
    in_flight: u32,
    /// Failures ÷ calls of the last minute.
    #[schema(minimum = 0, maximum = 1)]
    error_rate: f64,
    /// Null where the last minute has no answer.
    #[schema(required = true)]
    latency_ms: Option<Latency>,
    /// Messages waiting for its actor.
    mailbox: usize,
    restarts: u64,
    models: Vec<String>,
    /// Its last 64 changes of state since the start, the oldest first.
    changes: Vec<StateChange>,
}

#[derive(ToSchema)]
struct StateChange {
    #[schema(format = DateTime)]
    at: String,
    state: ProviderState,
    /// Null where it became well.
    #[schema(required = true, example = "unavailable (status 503)")]
    reason: Option<String>,
}

/// `closed`: calls go. `open`: none goes until `next_probe_at`. `half_open`: one probe goes. `cooldown`: a
/// model of it is rate-limited. `misconfigured`: it does not accept the gateway's account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ProviderState {
    Closed,
    Open,
    HalfOpen,
    Cooldown,
    Misconfigured,
}

/// Of the last minute's answers, in milliseconds: to the head of streams, to the end of JSON.
#[derive(ToSchema)]
struct Latency {
    p50: f64,
    p95: f64,
}

#[derive(ToSchema)]
struct ActorStatus {
    name: String,
    alive: bool,
    queue: usize,
    restarts: u64,
    #[schema(required = true, format = DateTime)]
    last_error_at: Option<String>,
}

#[derive(ToSchema)]
struct Health {
    #[schema(example = "ok")]
    status: String,
    #[schema(example = "0.1.0")]
    version: String,
}

#[derive(ToSchema)]
struct Live {
    #[schema(example = "ok")]
    status: String,
}

#[derive(ToSchema)]
struct Ready {
    budget: BudgetStore,
    /// `writable`, or `unwritable`: then new requests are refused.
    #[schema(example = "writable")]
    audit: String,
    status: Readiness,
    /// State of each provider.
    providers: BTreeMap<String, ProviderState>,
    /// Requests under way.
    open_exchanges: usize,
    /// Bytes of their bodies.
    held_bytes: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Readiness {
    Ready,
    Stopping,
}

/// Where the budgets are kept.
#[derive(ToSchema)]
struct BudgetStore {
    state: BudgetStoreState,
    /// What an operator should know of it.
    warnings: Vec<String>,
}

/// `unknown`: it was not asked yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BudgetStoreState {
    Ready,
    Unavailable,
    Unknown,
}
