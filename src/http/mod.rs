//! What callers and operators reach over HTTP: the route table, and answers turned into responses.
//!
//! | module | holds |
//! |---|---|
//! | [`inference`] | requests to models, one function for every dialect |
//! | [`operations`] | status, models, health |
//! | [`pages`] | the description of the API and its page, offline |
//! | [`error`] | the one mapping of failures to status, code and words |
//! | `respond` | headers and bodies of responses |

pub mod error;
pub mod inference;
pub mod operations;
pub mod pages;
mod respond;

pub use respond::refusal;

use crate::gateway::Gateway;
use crate::identity::{Credentials, host_allowed};
use crate::pipeline::Failure;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HOST;
use actix_web::middleware::Next;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;

/// Every path. One that is not here is a 401 without a key and a 404 with one.
pub fn routes(config: &mut ServiceConfig) {
    config
        .route("/v1/chat/completions", web::post().to(inference::chat_completions))
        .route("/v1/complete", web::post().to(inference::complete))
        .route("/v1/models", web::get().to(operations::models))
        .route("/v1/models/{id:.+}", web::get().to(operations::model))
        .route("/v1/providers/status", web::get().to(operations::providers_status))
        .route("/health", web::get().to(operations::health))
        .route("/health/live", web::get().to(operations::live))
        .route("/health/ready", web::get().to(operations::ready))
        .configure(pages::routes)
        .default_service(web::to(nothing_here));
}

/// The envelope in which a path's callers expect errors.
fn envelope(path: &str) -> &'static dyn gateway_wire::Inbound {
    match path {
        "/v1/chat/completions" | "/v1/embeddings" => &OpenAiChat,
        path if path.starts_with("/v1/models") => &OpenAiChat,
        _ => &Native,
    }
}

/// A path or a method that is not served. Who has no key learns only that.
async fn nothing_here(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let known = Credentials::from_headers(request.headers()).and_then(|found| gateway.keys.identify(found));
    let failure = match known {
        Err(denied) => Failure::Denied(denied),
        Ok(_) if SERVED.contains(&request.path()) => Failure::MethodNotAllowed,
        Ok(_) => Failure::NotFound,
    };
    refusal(&gateway, envelope(request.path()), &failure)
}

/// Paths of [`routes`] without parameters: another method on them is a 405, not a 404.
const SERVED: [&str; 7] = [
    "/v1/chat/completions",
    "/v1/complete",
    "/v1/models",
    "/v1/providers/status",
    "/health",
    "/health/live",
    "/health/ready",
];

/// Refuses the `Host` of another machine while the built-in keys are on (DNS rebinding).
pub async fn guard_host<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let gateway = request.app_data::<Data<Gateway>>().cloned();
    if let Some(gateway) = gateway {
        let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
        let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        if !host_allowed(host, gateway.config.access.demo_keys) {
            let response = refusal(&gateway, envelope(request.path()), &Failure::ForeignHost);
            return Ok(request.into_response(response));
        }
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}
