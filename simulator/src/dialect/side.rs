//! What providers answer beside talk: vectors, and counts of tokens. Requests are checked as the provider does.

use actix_web::http::header::HeaderMap;
use serde_json::{Map, Value, json};

use super::fields::{self, Kind, Mistake};
use super::{Incoming, Refusal, anthropic, azure, gemini, openai};
use crate::answer::{answer, fnv};
use crate::ask::Ask;

/// The answer to a request of this kind, whole.
pub(crate) struct Side {
    pub model: String,
    pub body: String,
}

const OF_OPENAI: &[(&str, Kind)] = &[
    ("model", Kind::Text),
    ("input", Kind::TextOrList),
    ("dimensions", Kind::Integer),
    ("encoding_format", Kind::Text),
    ("user", Kind::Text),
];
const MOST_OF_OPENAI: usize = 2_048;
const MOST_OF_GEMINI: usize = 100;
const CHARS_PER_TOKEN: usize = 4;

/// Numbers of a vector where none are asked for; short, so that tests stay quick.
const DIMENSIONS: u64 = 16;

/// `POST /v1/embeddings`.
pub(crate) fn openai_vectors(incoming: &Incoming<'_>) -> Result<Side, Refusal> {
    openai::check_key(incoming.headers, incoming.refused_keys)?;
    let body = openai::object(incoming.body)?;
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
    if model.is_empty() {
        return Err(invalid(None, "you must provide a model parameter"));
    }
    if super::is_missing(&model) {
        return Err(openai::no_such_model(&model));
    }
    vectors(&body, model)
}

/// `POST /openai/deployments/{d}/embeddings`; the path decides on the model.
pub(crate) fn azure_vectors(incoming: &Incoming<'_>) -> Result<Side, Refusal> {
    azure::check(incoming)?;
    vectors(&openai::object(incoming.body)?, incoming.path_model.to_owned())
}

fn vectors(body: &Map<String, Value>, model: String) -> Result<Side, Refusal> {
    match fields::mistake(body, OF_OPENAI) {
        Some(Mistake::Unknown(field)) => {
            return Err(invalid(Some(field), &format!("Unknown parameter: '{field}'.")));
        }
        Some(Mistake::Type { field, .. }) => {
            return Err(invalid(Some(field), &format!("Invalid type for '{field}'.")));
        }
        None => {}
    }
    let get = |name: &str| body.get(name).unwrap_or(&Value::Null);
    let inputs = inputs(get("input")).ok_or_else(|| invalid(Some("input"), "'$.input' is invalid."))?;
    if inputs.is_empty() || inputs.len() > MOST_OF_OPENAI {
        return Err(invalid(Some("input"), "'$.input' is invalid: it has too many items, or none."));
    }
    let length = get("dimensions").as_u64().unwrap_or(DIMENSIONS);
    let as_text = match get("encoding_format").as_str() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(invalid(Some("encoding_format"), "'encoding_format' is invalid.")),
    };
    let write = |vector: &[f32]| if as_text { json!(base64(vector)) } else { json!(vector) };
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, (text, _))| {
            json!({"object": "embedding", "index": index, "embedding": write(&vector(text, length))})
        })
        .collect();
    let tokens: u64 = inputs.iter().map(|(_, tokens)| tokens).sum();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    let body = json!({"object": "list", "data": data, "model": model, "usage": usage});
    Ok(Side { model, body: body.to_string() })
}

/// Each input as a text, with its tokens.
fn inputs(input: &Value) -> Option<Vec<(String, u64)>> {
    let text = |value: &Value| value.as_str().map(|text| (text.to_owned(), tokens(text)));
    let numbers = |value: &Value| {
        let list = value.as_array()?;
        list.iter().all(Value::is_u64).then(|| (value.to_string(), list.len() as u64))
    };
    match input {
        Value::String(_) => Some(vec![text(input)?]),
        Value::Array(items) if items.iter().all(Value::is_u64) && !items.is_empty() => {
            Some(vec![numbers(input)?])
        }
        Value::Array(items) => items.iter().map(|item| text(item).or_else(|| numbers(item))).collect(),
        _ => None,
    }
}

fn invalid(field: Option<&str>, message: &str) -> Refusal {
    openai::error(400, "invalid_request_error", field, None, message)
}

fn tokens(text: &str) -> u64 {
    text.chars().count().div_ceil(CHARS_PER_TOKEN) as u64
}

/// The same for the same text, and another for another.
fn vector(text: &str, length: u64) -> Vec<f32> {
    let mut state = fnv(text.as_bytes());
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f32::from(u16::try_from(state >> 48).unwrap_or_default()) / 65_536.0 - 0.5
        })
        .collect()
}

/// RFC 4648, with padding.
fn base64(vector: &[f32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[six as usize]) } else { '=' });
        }
    }
    text
}

/// `…:batchEmbedContents`.
pub(crate) fn gemini_vectors(incoming: &Incoming<'_>) -> Result<Side, Refusal> {
    gemini::check(incoming)?;
    let wrong = |message: &str| Err(gemini::invalid(message));
    let Ok(body) = serde_json::from_slice::<Value>(incoming.body) else {
        return wrong("Invalid JSON payload received.");
    };
    let model = incoming.path_model;
    let requests = body["requests"].as_array().map(Vec::as_slice).unwrap_or_default();
    if requests.is_empty() || requests.len() > MOST_OF_GEMINI {
        return wrong("BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch");
    }
    let mut embeddings = Vec::new();
    let mut counted = 0;
    for request in requests {
        let unknown = request.as_object().into_iter().flatten().find(|(name, _)| {
            !["model", "content", "taskType", "title", "outputDimensionality"].contains(&name.as_str())
        });
        if let Some((name, _)) = unknown {
            return wrong(&format!(
                "Invalid JSON payload received. Unknown name \"{name}\" at 'requests[0]'"
            ));
        }
        if request["model"] != format!("models/{model}") {
            return wrong("BatchEmbedContentsRequest.requests[0].model: must match the request's model");
        }
        let text = fields::text_of(&request["content"]["parts"]);
        if text.is_empty() {
            return wrong("EmbedContentRequest.content: contents is not specified");
        }
        counted += tokens(&text);
        let length = request["outputDimensionality"].as_u64().unwrap_or(DIMENSIONS);
        embeddings.push(json!({"values": vector(&text, length)}));
    }
    let mut answer = json!({ "embeddings": embeddings });
    // The first model tells no usage, its successors do.
    if model != "gemini-embedding-001" {
        answer["usageMetadata"] = json!({"promptTokenCount": counted,
            "promptTokenDetails": [{"modality": "TEXT", "tokenCount": counted}]});
    }
    Ok(Side { model: model.to_owned(), body: answer.to_string() })
}

/// `POST /v1/messages/count_tokens`: a prompt, and nothing that would make an answer of it.
pub(crate) fn anthropic_count(incoming: &Incoming<'_>) -> Result<Side, Refusal> {
    let mut body: Value = serde_json::from_slice(incoming.body).unwrap_or_default();
    for field in ["max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata"] {
        if body.get(field).is_some() {
            return Err(anthropic::invalid(&format!("{field}: Extra inputs are not permitted")));
        }
    }
    if body.is_object() {
        body["max_tokens"] = json!(64_000);
    }
    let ask = anthropic::read(&within(incoming, &body.to_string()))?;
    Ok(counted(&ask, "input_tokens"))
}

/// `…:countTokens`, of a whole request.
pub(crate) fn gemini_count(incoming: &Incoming<'_>) -> Result<Side, Refusal> {
    let body: Value = serde_json::from_slice(incoming.body).unwrap_or_default();
    let request = &body["generateContentRequest"];
    if request["model"] != format!("models/{}", incoming.path_model) {
        return Err(gemini::invalid("CountTokensRequest.generateContentRequest.model: must be specified"));
    }
    let ask = gemini::read(&within(incoming, &request.to_string()))?;
    Ok(counted(&ask, "totalTokens"))
}

fn within<'a>(incoming: &Incoming<'a>, body: &'a str) -> Incoming<'a> {
    let headers: &HeaderMap = incoming.headers;
    Incoming { headers, body: body.as_bytes(), ..*incoming }
}

fn counted(ask: &Ask, field: &str) -> Side {
    Side { model: ask.model.clone(), body: json!({ field: answer(ask).input_tokens }).to_string() }
}
