//! What callers and operators reach over HTTP: the route table, and answers turned into responses.
//!
//! | module | holds |
//! |---|---|
//! | [`inference`] | requests to models, one function for every dialect |
//! | [`operations`] | status, models, health |
//! | `acts` | what administrators do, for the audit trail |
//! | [`audit`] | the newest audit records |
//! | [`metrics`] | what Prometheus reads |
//! | [`budgets`], [`usage`], [`estimate`] | what teams may spend, what they used, what a request would cost |
//! | [`pages`] | the description of the API and its page, offline |
//! | [`events`] | what changes, told as it changes |
//! | `dashboard` | the operators' page |
//! | `openapi` | what that description says |
//! | [`error`] | the one mapping of failures to status, code and words |
//! | [`redact`] | what would be taken out of a text |
//! | [`guard`] | what the guard makes of a text |
//! | [`keys`] | keys that administrators make, list and revoke |
//! | `limits` | what is told of budgets and rate limits |
//! | `respond` | headers and bodies of responses |

mod acts;
pub mod audit;
pub mod budgets;
mod dashboard;
pub mod error;
pub mod estimate;
pub mod events;
pub mod guard;
pub mod inference;
pub mod keys;
mod limits;
pub mod metrics;
mod openapi;
pub mod operations;
pub mod pages;
mod query;
pub mod redact;
mod respond;
pub mod usage;

pub use respond::refusal;

use crate::gateway::Gateway;
use crate::identity::{Credentials, host_allowed};
use crate::pipeline::Failure;
use actix_web::dev::RequestHead;
use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::header::{ALLOW, HOST, HeaderValue};
use actix_web::web::{self, Data, Payload, ServiceConfig};
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Route};
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;
use std::sync::LazyLock;

/// Every path. One that is not here is a 401 without a key and a 404 with one.
/// While the built-in keys are on, a foreign `Host` meets none of them.
pub fn routes(config: &mut ServiceConfig, built_in_keys: bool) {
    // A guard costs less than a middleware, which would box every request's future.
    let guarded = |route: Route| if built_in_keys { route.guard(fn_guard(is_local)) } else { route };
    for Endpoint { path, route, .. } in endpoints() {
        config.route(path, guarded(route));
    }
    // Load balancers probe with HEAD; the server leaves the body out.
    config
        .route("/health", guarded(web::head().to(operations::health)))
        .route("/health/live", guarded(web::head().to(operations::live)))
        .route("/health/ready", guarded(web::head().to(operations::ready)));
    for (path, route) in pages::routes().into_iter().chain(dashboard::routes()) {
        config.route(&path, guarded(route));
    }
    config.default_service(web::to(nothing_here));
}

/// A path, its method, and what answers there.
struct Endpoint {
    path: &'static str,
    method: &'static str,
    route: Route,
}

/// The route table. The pages have their own, since they describe this one.
fn endpoints() -> [Endpoint; 26] {
    [
        post("/v1/chat/completions", inference::chat_completions),
        post("/v1/messages", inference::messages),
        post("/v1/messages/count_tokens", inference::count_tokens),
        post("/v1/embeddings", inference::embeddings),
        post("/v1/complete", inference::complete),
        post("/v1/redact", redact::redact),
        post("/v1/guard", guard::guard),
        post("/v1/estimate", estimate::answer),
        get("/v1/models", operations::models),
        get("/v1/models/{id:.+}", operations::model),
        get("/v1/providers/status", operations::providers_status),
        get("/v1/events", events::events),
        get("/v1/audit/recent", audit::recent),
        get("/v1/audit/status", audit::status),
        get("/v1/budget/{team}", budgets::one),
        Endpoint { path: "/v1/budget/{team}", method: "PUT", route: web::put().to(budgets::put) },
        Endpoint { path: "/v1/budget/{team}", method: "DELETE", route: web::delete().to(budgets::delete) },
        get("/v1/budgets", budgets::all),
        get("/v1/usage", usage::usage),
        post("/v1/keys", keys::make),
        get("/v1/keys", keys::list),
        Endpoint { path: "/v1/keys/{id}", method: "DELETE", route: web::delete().to(keys::revoke) },
        get("/health", operations::health),
        get("/health/live", operations::live),
        get("/health/ready", operations::ready),
        get("/metrics", metrics::metrics),
    ]
}

fn get<F, Args>(path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args, Output = HttpResponse>,
    Args: FromRequest + 'static,
{
    Endpoint { path, method: "GET", route: web::get().to(handler) }
}

fn post<F, Args>(path: &'static str, handler: F) -> Endpoint
where
    F: Handler<Args, Output = HttpResponse>,
    Args: FromRequest + 'static,
{
    Endpoint { path, method: "POST", route: web::post().to(handler) }
}

/// The envelope in which a path's callers expect errors.
fn envelope(path: &str) -> &'static dyn gateway_wire::Inbound {
    match path {
        "/v1/chat/completions" | "/v1/embeddings" => &OpenAiChat,
        path if path.starts_with("/v1/models") => &OpenAiChat,
        path if path.starts_with("/v1/messages") => &AnthropicMessages,
        _ => &Native,
    }
}

/// A path or a method that is not served. Who has no key learns only that.
async fn nothing_here(request: HttpRequest, payload: Payload, gateway: Data<Gateway>) -> HttpResponse {
    let built_in_keys = gateway.config.access.demo_keys;
    if built_in_keys && !names_this_machine(request.head()) {
        return respond::unread(refusal(&gateway, envelope(request.path()), &Failure::ForeignHost), payload);
    }
    let known = Credentials::from_headers(request.headers()).and_then(|found| gateway.keys.identify(found));
    let path = request.path();
    let allowed = allowed(path);
    let failure = match known {
        Err(denied) => Failure::Denied(denied),
        Ok(_) if allowed.is_empty() => Failure::NotFound,
        Ok(_) => Failure::MethodNotAllowed,
    };
    let mut response = refusal(&gateway, envelope(path), &failure);
    if let (Failure::MethodNotAllowed, Ok(methods)) = (&failure, HeaderValue::try_from(allowed)) {
        // RFC 9110 §15.5.6: a 405 names the methods that are allowed.
        response.headers_mut().insert(ALLOW, methods);
    }
    respond::unread(response, payload)
}

/// The methods of a path, with commas between; empty where nothing is served there.
fn allowed(path: &str) -> String {
    let is_here = |served: &str| match served.split_once('{') {
        Some((before, _)) => path.starts_with(before),
        None => path == served,
    };
    let methods: Vec<&str> =
        SERVED.iter().filter(|(served, _)| is_here(served)).map(|(_, method)| *method).collect();
    methods.join(", ")
}

/// Paths of [`endpoints`] and their methods: another one is a 405, not a 404.
static SERVED: LazyLock<[(&str, &str); 26]> =
    LazyLock::new(|| endpoints().map(|endpoint| (endpoint.path, endpoint.method)));

/// Whether a request names this machine in `Host` (HTTP/2: `:authority`). Another name is how a page of some
/// site would come here (DNS rebinding).
fn is_local(request: &GuardContext) -> bool {
    names_this_machine(request.head())
}

fn names_this_machine(head: &RequestHead) -> bool {
    let host = head.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    let host = host.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
    host_allowed(host, true)
}
