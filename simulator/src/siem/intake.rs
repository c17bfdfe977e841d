//! How each product reads a batch and what it answers, by its own documentation.

use std::io::Read;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::{Batch, SiemFault, SiemState, Taken, failed, header};

/// Datadog's most in one request.
const MOST_LOGS: usize = 1_000;
/// Of an unpacked body.
const MOST_BYTES: u64 = 64 << 20;

/// The body, unpacked where its header says so.
fn text(request: &HttpRequest, body: &[u8]) -> Option<String> {
    if header(request, "content-encoding") != "gzip" {
        return String::from_utf8(body.to_vec()).ok();
    }
    let mut text = String::new();
    GzDecoder::new(body).take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

fn values(text: &str) -> Option<Vec<Value>> {
    serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().ok()
}

/// Splunk's table of codes.
fn hec(status: StatusCode, code: u64, text: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"text": text, "code": code}))
}

pub(super) async fn splunk(request: HttpRequest, body: Bytes, state: Data<SiemState>) -> HttpResponse {
    if !header(&request, "authorization").starts_with("Splunk ") {
        return hec(StatusCode::UNAUTHORIZED, 2, "Token is required");
    }
    let Some(events) = text(&request, &body).as_deref().and_then(values) else {
        return hec(StatusCode::BAD_REQUEST, 6, "Invalid data format");
    };
    if let Some(at) = events.iter().position(|event| event["event"].is_null()) {
        let said = json!({"text": "Event field is required", "code": 12, "invalid-event-number": at});
        return HttpResponse::BadRequest().json(said);
    }
    let records = events.into_iter().map(|mut event| event["event"].take()).collect();
    let batch = Batch { sink: "splunk_hec", state: &state, records };
    let fault = batch.fault();
    match &fault {
        Some(SiemFault::ErrorBody) => return hec(StatusCode::OK, 9, "Server is busy"),
        Some(SiemFault::RefuseContaining(text)) => {
            let at = batch.records.iter().position(|record| record.to_string().contains(text));
            let said = json!({"text": "Invalid data format", "code": 6, "invalid-event-number": at});
            return HttpResponse::BadRequest().json(said);
        }
        Some(fault) => {
            if let Some(response) = failed(fault).await {
                return response;
            }
        }
        None => {}
    }
    batch.take();
    let mut inner = state.inner();
    if !inner.acknowledges && fault.is_none() {
        return hec(StatusCode::OK, 0, "Success");
    }
    if header(&request, "x-splunk-request-channel").is_empty() {
        return hec(StatusCode::BAD_REQUEST, 10, "Data channel is missing");
    }
    inner.next_ack += 1;
    HttpResponse::Ok().json(json!({"text": "Success", "code": 0, "ackId": inner.next_ack}))
}

pub(super) async fn splunk_ack(body: Bytes, state: Data<SiemState>) -> HttpResponse {
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let stored = state.inner().fault != Some(SiemFault::NeverAcknowledged);
    let each = asked["acks"].as_array().into_iter().flatten();
    let acks: serde_json::Map<String, Value> = each.map(|id| (id.to_string(), stored.into())).collect();
    HttpResponse::Ok().json(json!({ "acks": acks }))
}

pub(super) async fn elastic(request: HttpRequest, body: Bytes, state: Data<SiemState>) -> HttpResponse {
    if header(&request, "authorization").is_empty() {
        return HttpResponse::Unauthorized().json(json!({"error": {"type": "security_exception"}}));
    }
    if header(&request, "content-type") != "application/x-ndjson" {
        return HttpResponse::NotAcceptable().json(json!({"error": "Content-Type is not supported"}));
    }
    let lines = text(&request, &body).filter(|text| text.ends_with('\n'));
    let Some(lines) = lines.as_deref().and_then(values).filter(|lines| lines.len().is_multiple_of(2)) else {
        return HttpResponse::BadRequest().json(json!({"error": {"type": "illegal_argument_exception"}}));
    };
    let records: Vec<Value> = lines.chunks_exact(2).map(|pair| pair[1]["ai_gateway"].clone()).collect();
    let batch = Batch { sink: "elastic", state: &state, records };
    let fault = batch.fault();
    let refused = |record: &Value| match &fault {
        Some(SiemFault::RefuseContaining(text)) => record.to_string().contains(text),
        _ => false,
    };
    match &fault {
        None | Some(SiemFault::RefuseContaining(_) | SiemFault::ErrorBody) => {}
        Some(fault) => {
            if let Some(response) = failed(fault).await {
                return response;
            }
        }
    }
    let mut inner = state.inner();
    let mut items = Vec::new();
    for (pair, record) in lines.chunks_exact(2).zip(batch.records) {
        let (verb, target) = pair[0]
            .as_object()
            .and_then(|verb| verb.iter().next())
            .map_or_else(|| (String::new(), Value::Null), |(verb, target)| (verb.clone(), target.clone()));
        let id = target["_id"].as_str().unwrap_or_default().to_owned();
        let is_there = inner.documents.contains_key(&id);
        let status = match verb.as_str() {
            _ if fault == Some(SiemFault::ErrorBody) => 429,
            _ if refused(&record) => 400,
            "create" if is_there => 409,
            "index" | "create" => {
                inner.documents.insert(id, pair[1].clone());
                inner.take(std::iter::once(Taken { sink: "elastic", record }));
                if is_there { 200 } else { 201 }
            }
            _ => 400,
        };
        items.push(json!({ verb: {"status": status} }));
    }
    let errors = items.iter().any(|item| !item.to_string().contains("\"status\":20"));
    HttpResponse::Ok().json(json!({"errors": errors, "items": items}))
}

pub(super) async fn datadog(request: HttpRequest, body: Bytes, state: Data<SiemState>) -> HttpResponse {
    if header(&request, "dd-api-key").is_empty() {
        return HttpResponse::Forbidden().json(json!({"errors": [{"status": "403", "title": "Forbidden"}]}));
    }
    let read = text(&request, &body).and_then(|text| serde_json::from_str::<Vec<Value>>(&text).ok());
    let Some(logs) = read else { return HttpResponse::BadRequest().finish() };
    if logs.len() > MOST_LOGS {
        return HttpResponse::PayloadTooLarge().finish();
    }
    let records = logs.into_iter().map(|mut log| log["ai_gateway"].take()).collect();
    plain(Batch { sink: "datadog", state: &state, records }, StatusCode::ACCEPTED).await
}

/// An array, or a line for each record.
pub(super) async fn webhook(request: HttpRequest, body: Bytes, state: Data<SiemState>) -> HttpResponse {
    let Some(values) = text(&request, &body).as_deref().and_then(values) else {
        return HttpResponse::BadRequest().finish();
    };
    let records = match <[Value; 1]>::try_from(values) {
        Ok([Value::Array(records)]) => records,
        Ok([record]) => vec![record],
        Err(records) => records,
    };
    plain(Batch { sink: "webhook", state: &state, records }, StatusCode::OK).await
}

async fn plain(batch: Batch<'_>, taken: StatusCode) -> HttpResponse {
    match batch.fault() {
        Some(SiemFault::ErrorBody) => {
            return HttpResponse::BadGateway().body("<html>a proxy's page</html>");
        }
        Some(fault) => {
            if let Some(response) = failed(&fault).await {
                return response;
            }
        }
        None => {}
    }
    batch.take();
    HttpResponse::build(taken).json(json!({}))
}
