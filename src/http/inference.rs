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

async fn infer(
    dialect: Dialect,
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    let id = request_id(&*gateway.clock, &*gateway.dice);
    match pipeline::walk(&gateway, &worker, dialect, &id, &request, &mut payload).await {
        Ok(served) => respond::served(served, dialect.codec, &id),
        Err(failure) => respond::unread(respond::failed(dialect.codec, &failure, &id), payload),
    }
}
