//! Requests to models. Dialects differ in their codec alone; the walk is one.

use super::respond;
use crate::gateway::{Gateway, Worker, request_id};
use crate::pipeline::{self, Dialect};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use gateway_core::routing::Tail;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;

/// `POST /v1/chat/completions`: OpenAI's dialect; another model serves only where it is configured as an equivalent.
pub async fn chat_completions(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    infer(Dialect { codec: &OpenAiChat, tail: Tail::NamedOnly }, request, payload, gateway, worker).await
}

/// `POST /v1/complete`: the native dialect, whose answer says who served it.
pub async fn complete(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    infer(Dialect { codec: &Native, tail: Tail::Defaults }, request, payload, gateway, worker).await
}

/// `POST /v1/messages`: Anthropic's dialect, by the rule of OpenAI's.
pub async fn messages(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    infer(Dialect { codec: &AnthropicMessages, tail: Tail::NamedOnly }, request, payload, gateway, worker)
        .await
}

/// `POST /v1/messages/count_tokens`: what a request of Anthropic's dialect holds, by who would serve it.
pub async fn count_tokens(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    let dialect = Dialect { codec: &AnthropicMessages, tail: Tail::NamedOnly };
    let id = request_id(&*gateway.clock, &*gateway.dice);
    let counted = pipeline::count(&gateway, &worker, dialect, &id, &request, &mut payload).await;
    respond::ended(counted, dialect.codec, &id, payload)
}

/// `POST /v1/embeddings`: OpenAI's dialect. That model alone makes the vectors, on whichever upstream has it.
pub async fn embeddings(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    let id = request_id(&*gateway.clock, &*gateway.dice);
    let embedded = pipeline::embed(&gateway, &worker, &id, &request, &mut payload).await;
    respond::ended(embedded, &OpenAiChat, &id, payload)
}

async fn infer(
    dialect: Dialect,
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    let id = request_id(&*gateway.clock, &*gateway.dice);
    let walked = pipeline::walk(&gateway, &worker, dialect, &id, &request, &mut payload).await;
    respond::ended(walked, dialect.codec, &id, payload)
}
