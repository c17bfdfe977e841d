//! What a provider's dialect comes to: checking a request, answering it whole or in frames, its error
//! envelopes and headers.

mod anthropic;
mod azure;
mod fields;
mod gemini;
mod openai;
mod side;

use std::time::Duration;

use actix_web::http::header::HeaderMap;
use bytes::Bytes;
use serde_json::Value;

use crate::answer::Answer;
use crate::ask::{Ask, Delivery};
use crate::provider::Provider;

/// A request as it came in.
pub(crate) struct Incoming<'a> {
    pub headers: &'a HeaderMap,
    pub query: &'a str,
    /// Model or deployment from the path, for the dialects that put it there.
    pub path_model: &'a str,
    pub streamed_by_path: bool,
    pub body: &'a [u8],
    pub refused_keys: &'a [String],
}

/// A provider's own error, in its own envelope.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    pub body: Value,
    pub headers: Vec<(&'static str, String)>,
}

/// One event of a stream with its terminator.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub bytes: Bytes,
    pub kind: FrameKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Before, between or after content: roles, starts, stops, usage, pings.
    Around,
    /// Text, thoughts or a piece of a tool call.
    Content,
}

impl Frame {
    pub(crate) fn around(text: String) -> Self {
        Self { bytes: text.into(), kind: FrameKind::Around }
    }

    pub(crate) fn content(text: String) -> Self {
        Self { bytes: text.into(), kind: FrameKind::Content }
    }
}

/// Which interface of a provider is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    Talk,
    Vectors,
    Count,
}

/// What an answer needs to know of its request, and the answer itself, where it is no talk.
pub(crate) struct Task {
    pub ask: Ask,
    pub body: Option<String>,
}

/// Checks a request as the provider would.
pub(crate) fn task(
    interface: Interface,
    provider: Provider,
    incoming: &Incoming<'_>,
) -> Result<Task, Refusal> {
    let side = match (interface, provider) {
        (Interface::Vectors, Provider::OpenAi) => side::openai_vectors(incoming),
        (Interface::Vectors, Provider::AzureOpenAi) => side::azure_vectors(incoming),
        (Interface::Vectors, Provider::Gemini) => side::gemini_vectors(incoming),
        (Interface::Count, Provider::Anthropic) => side::anthropic_count(incoming),
        (Interface::Count, Provider::Gemini) => side::gemini_count(incoming),
        // Nobody else has that interface, so no route leads here.
        _ => return Ok(Task { ask: read(provider, incoming)?, body: None }),
    }?;
    Ok(Task { ask: Ask { model: side.model, ..Ask::default() }, body: Some(side.body) })
}

fn read(provider: Provider, incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    match provider {
        Provider::OpenAi => openai::read(incoming),
        Provider::AzureOpenAi => azure::read(incoming),
        Provider::Anthropic => anthropic::read(incoming),
        Provider::Gemini => gemini::read(incoming),
    }
}

/// The key check alone, for the list of models.
pub(crate) fn openai_key(headers: &HeaderMap, refused_keys: &[String]) -> Result<(), Refusal> {
    openai::check_key(headers, refused_keys)
}

/// The whole answer as one JSON body; `serial` makes ids, the same for the same number.
pub(crate) fn whole(provider: Provider, ask: &Ask, answer: &Answer, serial: u64) -> String {
    match provider {
        Provider::OpenAi => openai::whole(ask, answer, serial).to_string(),
        Provider::AzureOpenAi => azure::whole(ask, answer, serial).to_string(),
        Provider::Anthropic => anthropic::whole(ask, answer, serial).to_string(),
        Provider::Gemini => gemini::whole(ask, answer, serial),
    }
}

/// The answer as a stream, end marker included.
pub(crate) fn frames(provider: Provider, ask: &Ask, answer: &Answer, serial: u64) -> Vec<Frame> {
    match provider {
        Provider::OpenAi => openai::frames(ask, answer, serial, openai::Flavour::OpenAi),
        Provider::AzureOpenAi => openai::frames(ask, answer, serial, openai::Flavour::Azure),
        Provider::Anthropic => anthropic::frames(ask, answer, serial),
        Provider::Gemini => gemini::frames(ask, answer, serial),
    }
}

/// The error that a provider sends with this status.
pub(crate) fn failure(
    provider: Provider,
    status: u16,
    retry_after: Option<Duration>,
    model: &str,
) -> Refusal {
    match provider {
        Provider::OpenAi => openai::failure(status, retry_after, model),
        Provider::AzureOpenAi => azure::failure(status, retry_after, model),
        Provider::Anthropic => anthropic::failure(status, retry_after),
        Provider::Gemini => gemini::failure(status, retry_after, model),
    }
}

/// The error that a provider sends to a key that it does not know.
pub(crate) fn wrong_key(provider: Provider) -> Refusal {
    match provider {
        Provider::Gemini => gemini::wrong_key(),
        other => failure(other, 401, None, ""),
    }
}

/// An error event as it comes in the middle of a stream.
pub(crate) fn error_frame(provider: Provider) -> Bytes {
    match provider {
        Provider::OpenAi | Provider::AzureOpenAi => openai::error_frame(),
        Provider::Anthropic => anthropic::error_frame(),
        Provider::Gemini => gemini::error_frame(),
    }
}

/// Headers of every answer; some are an operator's business and must not travel further.
pub(crate) fn headers(provider: Provider, serial: u64) -> Vec<(&'static str, String)> {
    match provider {
        Provider::OpenAi => openai::headers(serial),
        Provider::AzureOpenAi => azure::headers(serial),
        Provider::Anthropic => anthropic::headers(serial),
        Provider::Gemini => vec![("server-timing", "gfet4t7; dur=12".into())],
    }
}

pub(crate) fn content_type(provider: Provider, delivery: Delivery) -> &'static str {
    match (provider, delivery) {
        (Provider::Gemini, Delivery::Json | Delivery::JsonArray) => "application/json; charset=UTF-8",
        (_, Delivery::Json | Delivery::JsonArray) => "application/json",
        (Provider::Gemini, Delivery::Sse { .. }) => "text/event-stream",
        (_, Delivery::Sse { .. }) => "text/event-stream; charset=utf-8",
    }
}

/// All answers are dated alike: the simulator reads no clock.
const CREATED: u64 = 1_763_805_700;

/// A model of this name exists nowhere.
fn is_missing(model: &str) -> bool {
    model.contains("does-not-exist")
}

fn is_refused(key: &str, refused: &[String]) -> bool {
    key == "bad-key" || refused.iter().any(|known| known == key)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// An id of `length` letters and digits as providers make them, from a serial number.
fn id(prefix: &str, serial: u64, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut id = String::with_capacity(prefix.len() + length);
    id.push_str(prefix);
    let mut state = crate::answer::fnv(&serial.to_le_bytes());
    for _ in 0..length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        id.push(char::from(ALPHABET[(state >> 33) as usize % ALPHABET.len()]));
    }
    id
}

/// `text` as a JSON string, quotes included.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Whole seconds of a wait, rounded up, as `retry-after` carries them.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
