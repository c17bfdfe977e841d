//! Elasticsearch's `_bulk`, in the names of the Elastic Common Schema. A record's id is the document's, so that
//! a batch sent twice is there once: the owner's record by `index`, a reaper's by `create`, which finds that
//! the owner's is there already. (elastic.co, "Bulk API", "ECS field reference")

use std::time::Duration;

use gateway_core::audit::{Outcome, Record, RecordedBy, RequestRecord};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::verdict::{Answer, Fate, Verdict, strange};
use super::{Dialect, Event, Named, Outgoing, with_line};

pub(super) struct Elastic {
    url: String,
    token: Option<SecretString>,
    /// `None` where the URL names it.
    index: Option<Named>,
}

/// Where nothing else is configured.
const INDEX: &str = "ai-gateway-audit";

#[derive(Deserialize)]
struct Bulk {
    errors: bool,
    #[serde(default)]
    items: Vec<Map<String, Value>>,
}

impl Elastic {
    pub(super) fn new(url: &str, token: Option<SecretString>, index: Option<Named>) -> Elastic {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let base = base.trim_end_matches('/');
        let base = base.strip_suffix("/_bulk").unwrap_or(base);
        let query = if query.is_empty() { String::new() } else { format!("&{query}") };
        // Behind `https://host` a path is the index.
        let names_index = base.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
        let index = index.or_else(|| (!names_index).then(|| Named::cleaned(INDEX)));
        // Of each item only what is looked at: an answer of a thousand items would be long.
        Elastic { url: format!("{base}/_bulk?filter_path=errors,items.*.status{query}"), token, index }
    }
}

impl Dialect for Elastic {
    fn batch(&self, events: &[Event], _: Duration) -> Outgoing {
        let mut body = Vec::new();
        for Event { record, line, .. } in events {
            let verb = if record.recorded_by() == RecordedBy::Owner { "index" } else { "create" };
            let mut target = Map::new();
            if let Some(index) = &self.index {
                target.insert("_index".to_owned(), index.as_str().into());
            }
            target.insert("_id".to_owned(), record.id().to_string().into());
            body.extend_from_slice(json!({ verb: target }).to_string().as_bytes());
            body.push(b'\n');
            with_line(&document(record), "ai_gateway", line, &mut body);
            body.push(b'\n');
        }
        let mut headers = vec![("content-type", "application/x-ndjson".to_owned())];
        if let Some(token) = &self.token {
            headers.push(("authorization", authorization(token.expose_secret())));
        }
        Outgoing { url: self.url.clone(), headers, body }
    }

    fn accepted(&self, answer: &Answer, events: usize) -> Verdict {
        let Ok(bulk) = serde_json::from_slice::<Bulk>(&answer.body) else { return strange() };
        if !bulk.errors {
            return Verdict::Delivered;
        }
        let fates: Option<Vec<Fate>> = bulk.items.iter().map(fate).collect();
        fates.filter(|fates| fates.len() == events).map_or_else(strange, Verdict::Each)
    }
}

fn fate(item: &Map<String, Value>) -> Option<Fate> {
    let (verb, result) = item.iter().next()?;
    Some(match result.get("status")?.as_u64()? {
        200..=299 => Fate::Delivered,
        // A reaper's record, and the owner's is there.
        409 if verb == "create" => Fate::Delivered,
        429 | 500.. => Fate::Again,
        401 | 403 | 404 => Fate::Again,
        _ => Fate::Refused,
    })
}

/// `user:password` is HTTP's own form; anything else is an API key.
fn authorization(token: &str) -> String {
    if token.contains(':') {
        format!("Basic {}", base64(token.as_bytes()))
    } else {
        format!("ApiKey {token}")
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// What the schema has names for; the whole record stands beside it.
fn document(record: &Record) -> Value {
    let mut document = match record {
        Record::Request(request) => request_document(request),
        Record::Admin(admin) => json!({
            "event": {
                "action": admin.action.word(),
                "category": ["configuration"],
                "type": ["change"],
                "outcome": if admin.status < 400 { "success" } else { "failure" },
            },
            "http": { "response": { "status_code": admin.status } },
            "user": { "id": admin.key_id, "group": { "id": admin.team_id } },
            "source": { "ip": admin.client_address },
            "error": { "code": admin.code },
        }),
    };
    document["@timestamp"] = record.time().to_string().into();
    document["ecs"] = json!({ "version": "8.11.0" });
    document["event"]["id"] = record.id().to_string().into();
    document["event"]["kind"] = "event".into();
    document["event"]["dataset"] = "ai_gateway.audit".into();
    document["service"] = json!({ "name": "ai-gateway", "node": { "name": record.replica() } });
    without_nulls(&mut document);
    document
}

fn request_document(request: &RequestRecord) -> Value {
    let outcome = match request.outcome {
        Outcome::Answered => "success",
        Outcome::Denied | Outcome::Failed | Outcome::CutShort => "failure",
        Outcome::Cancelled | Outcome::Interrupted => "unknown",
    };
    json!({
        "event": {
            "action": "inference",
            "category": ["web"],
            "type": ["access"],
            "outcome": outcome,
            "duration": request.latency_ms.saturating_mul(1_000_000),
        },
        "http": {
            "request": { "id": request.client_request_id },
            "response": { "status_code": request.status },
        },
        "url": { "path": request.endpoint },
        "user": { "id": request.key_id, "group": { "id": request.team_id } },
        "source": { "ip": request.client_address },
        "trace": { "id": request.trace_id },
        "span": { "id": request.span_id },
        "error": { "code": request.code },
        "labels": request.tags,
        "gen_ai": {
            "provider": { "name": request.provider_used },
            "request": { "model": request.model_requested },
            "response": { "model": request.model_used },
            "usage": {
                "input_tokens": request.usage.input,
                "output_tokens": request.usage.output,
            },
        },
    })
}

/// A field that nothing is known of is left out, and so is an object of such fields.
fn without_nulls(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(without_nulls);
        fields.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
    }
}
