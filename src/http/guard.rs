//! `POST /v1/guard`: what the guard makes of a text, for who wants to try it, or to look at a document before it
//! is kept. Nothing is sent or kept.

use super::respond;
use crate::gateway::Gateway;
use crate::identity::{Principal, Scopes};
use crate::pipeline::{self, Failure, identify};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use gateway_core::conversation::Place;
use gateway_inspection::injection::{Action, Judgement, Part, Policy, Trust};
use gateway_wire::Malformed;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// `text`, or `messages` as in a request to a model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    text: Option<String>,
    messages: Option<Vec<Value>>,
}

pub async fn guard(request: HttpRequest, mut payload: Payload, gateway: Data<Gateway>) -> HttpResponse {
    let gateway = gateway.into_inner();
    let answered = answer(&gateway, &request, &mut payload).await;
    respond::own(&gateway, answered, payload)
}

async fn answer(
    gateway: &Arc<Gateway>,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Value, Failure> {
    let principal = identify(gateway, request.headers(), Scopes::INFER)?;
    let _slot = pipeline::enter(gateway)?;
    let (body, held) = pipeline::body(gateway, request.headers(), payload).await?;
    let bytes = body.len();
    let of = Arc::clone(gateway);
    let read = move || {
        let judged = judged(&of, &principal, &body);
        // A caller that leaves does not end the search.
        drop((body, held));
        judged
    };
    gateway.inspector.scanner.run_slower(bytes, pipeline::WITH_GUARD, read).await?
}

fn judged(gateway: &Gateway, principal: &Principal, body: &Bytes) -> Result<Value, Failure> {
    let text = gateway_wire::json::check(body)
        .map_err(|flaw| super::redact::malformed_json(body, flaw.at(), flaw.to_string()))?;
    let asked: Asked = serde_json::from_str(text).map_err(|error| super::redact::unread(&error))?;
    let parts = match (asked.text, asked.messages) {
        (Some(text), None) => vec![Part { trust: Trust::Untrusted, place: Place::Document, text }],
        (None, Some(messages)) => parts(&messages)?,
        _ => return Err(field("text", "write either `text` or `messages`".to_owned())),
    };
    let own = *gateway.config.injection.policy(&principal.team);
    // A team that is not guarded may still try: it is shown what flagging would say.
    let policy = if own.action == Action::Off { Policy { action: Action::Flag, ..own } } else { own };
    Ok(shown(&gateway.inspector.guard.judge(&parts, &policy)))
}

fn shown(judgement: &Judgement) -> Value {
    json!({ "injection": {
        "score": f64::from(judgement.score) / 100.0,
        "verdict": judgement.verdict.word(),
        "part": judgement.part,
        "reasons": judgement.reasons,
    } })
}

/// The parts of messages that somebody else than operator and model wrote.
fn parts(messages: &[Value]) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    for message in messages {
        let Some(role) = message["role"].as_str() else {
            return Err(field("messages", "must be objects with `role` and `content`".to_owned()));
        };
        let (trust, place) = match role {
            "system" | "developer" | "assistant" => continue,
            "user" => (Trust::User, Place::User),
            _ => (Trust::Untrusted, Place::Result),
        };
        match &message["content"] {
            Value::String(text) => parts.push(Part { trust, place, text: text.clone() }),
            Value::Array(pieces) => parts.extend(pieces.iter().map(|piece| match &piece["text"] {
                Value::String(text) => Part { trust, place, text: text.clone() },
                // A result, a document: whatever else stands in a turn was written elsewhere.
                _ => Part { trust: Trust::Untrusted, place: Place::Document, text: strings(piece) },
            })),
            _ => return Err(field("messages", "`content` must be a string or a list of parts".to_owned())),
        }
    }
    Ok(parts)
}

/// Every string within a value, a line each. The body's depth is bounded where it is read.
fn strings(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        Value::Array(items) => items.iter().map(strings).collect(),
        Value::Object(fields) => fields.values().map(strings).collect(),
        _ => String::new(),
    }
}

fn field(name: &str, problem: String) -> Failure {
    Failure::Malformed(Malformed::Field { field: name.to_owned(), problem: problem.into() })
}
