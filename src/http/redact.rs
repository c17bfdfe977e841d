//! `POST /v1/redact`: what would be taken out of a text, for who wants to try it. Nothing is sent or kept.

use super::respond;
use crate::gateway::Gateway;
use crate::identity::{Principal, Scopes};
use crate::pipeline::{self, Failure, identify};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use gateway_core::conversation::{Leaf, Place, RawJson, Text, Value as LeafValue};
use gateway_core::finding::Finding;
use gateway_inspection::redact::{self, Rules};
use gateway_wire::Malformed;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;

/// `text`, or `messages` as in a request to a model.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    text: Option<String>,
    #[serde(borrow)]
    messages: Option<&'a RawValue>,
}

pub async fn redact(request: HttpRequest, mut payload: Payload, gateway: Data<Gateway>) -> HttpResponse {
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
    let search = move || {
        let shown = shown(&of, &principal, &body);
        // A caller that leaves does not end the search.
        drop((body, held));
        shown
    };
    gateway.inspector.scanner.run(bytes, search).await?
}

fn shown(gateway: &Gateway, principal: &Principal, body: &Bytes) -> Result<Value, Failure> {
    let text =
        gateway_wire::json::check(body).map_err(|flaw| malformed_json(body, flaw.at(), flaw.to_string()))?;
    let asked: Asked = serde_json::from_str(text).map_err(|error| unread(&error))?;
    match (asked.text, asked.messages) {
        (Some(text), None) => shown_text(gateway, principal, &text),
        (None, Some(messages)) => shown_messages(gateway, principal, messages.get()),
        _ => Err(field("text", "write either `text` or `messages`".to_owned())),
    }
}

fn shown_text(gateway: &Gateway, principal: &Principal, text: &str) -> Result<Value, Failure> {
    let entities: Vec<Value> =
        found(gateway, principal, text).iter().map(|find| entity(text, find)).collect();
    let mut literal = Text::new(text);
    taken_out(gateway, principal, LeafValue::Text(&mut literal))?;
    Ok(json!({ "text": literal.decoded(), "entities": entities }))
}

fn shown_messages(gateway: &Gateway, principal: &Principal, messages: &str) -> Result<Value, Failure> {
    let read: Value = serde_json::from_str(messages).map_err(|error| unread(&error))?;
    let Some(list) = read.as_array() else { return Err(field("messages", "must be an array".to_owned())) };
    let mut entities = Vec::new();
    for (index, message) in list.iter().enumerate() {
        for text in texts(&message["content"]) {
            for find in found(gateway, principal, text) {
                let mut entity = entity(text, &find);
                entity["message"] = index.into();
                entities.push(entity);
            }
        }
    }
    let mut document = RawJson::new(messages.to_owned().into());
    taken_out(gateway, principal, LeafValue::Json(&mut document))?;
    let messages: Value = serde_json::from_slice(document.json()).map_err(|error| unread(&error))?;
    Ok(json!({ "messages": messages, "entities": entities }))
}

/// The texts of a message's content: itself, or its parts'.
fn texts(content: &Value) -> Vec<&str> {
    match content {
        Value::String(text) => vec![text],
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => Vec::new(),
    }
}

fn found(gateway: &Gateway, principal: &Principal, text: &str) -> Vec<Finding> {
    pipeline::with_rules(gateway, &principal.team, |rules| redact::found(text, rules))
}

fn taken_out(gateway: &Gateway, principal: &Principal, value: LeafValue<'_>) -> Result<(), Failure> {
    let mut leaves = [Leaf { place: Place::User, message: 0, joined: false, value }];
    let taken = pipeline::with_rules(gateway, &principal.team, |rules: Rules<'_>| {
        redact::redact(&mut leaves, rules, &[])
    });
    taken?;
    Ok(())
}

/// Offsets count code points.
fn entity(text: &str, find: &Finding) -> Value {
    let start = text[..find.start].chars().count();
    let length = text[find.span()].chars().count();
    json!({
        "type": find.kind.name(),
        "start": start,
        "end": start + length,
        "score": f64::from(find.score) / 100.0,
    })
}

fn field(name: &str, problem: String) -> Failure {
    Failure::Malformed(Malformed::Field { field: name.to_owned(), problem: problem.into() })
}

/// What a parser's error says, without the value, or the key, that it quotes.
pub(super) fn unread(error: &serde_json::Error) -> Failure {
    if error.is_data() {
        let problem = "must be a body of either `text`, a string, or `messages`, a list, and no other field";
        return field("text", problem.to_owned());
    }
    let full = error.to_string();
    let problem = full.split(" at line ").next().unwrap_or("it does not parse").to_owned();
    Failure::Malformed(Malformed::Json {
        line: error.line(),
        column: error.column(),
        problem: problem.into(),
    })
}

pub(super) fn malformed_json(body: &[u8], at: usize, problem: String) -> Failure {
    let before = &body[..at.min(body.len())];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    Failure::Malformed(Malformed::Json { line, column, problem: problem.into() })
}
