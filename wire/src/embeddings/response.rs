//! Writes an answer as OpenAI's SDKs read it.

use super::form;
use crate::dialect::Facts;
use crate::write::{Json, array};
use gateway_core::embedding::{VectorFormat, Vectors};

/// Room around each vector.
const AROUND: usize = 64;

/// The whole body. The vectors are in `format`, where there is one ([`super::told_format`]).
pub fn answer(vectors: &Vectors, format: Option<VectorFormat>, facts: &Facts) -> Vec<u8> {
    let written: Vec<_> = vectors.vectors.iter().map(|vector| form::written(vector, format)).collect();
    let room: usize = written.iter().map(|vector| vector.len() + AROUND).sum();
    let mut out = Vec::with_capacity(room + 256);
    let mut json = Json::object(&mut out);
    json.raw("object", b"\"list\"");
    array(written.iter().zip(0..), json.field("data"), |(vector, index), out| {
        let mut item = Json::object(out);
        item.raw("object", b"\"embedding\"");
        item.integer("index", index);
        item.raw("embedding", vector);
        item.end();
    });
    json.string("model", facts.model);
    let tokens = facts.usage.prompt_total();
    let mut usage = Json::object(json.field("usage"));
    usage.integer("prompt_tokens", tokens);
    usage.integer("total_tokens", tokens);
    usage.end();
    json.end();
    out
}
