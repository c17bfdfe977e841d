//! `POST /v1/embeddings` and its bodies.
#![expect(dead_code, reason = "described here, made by hand in wire")]

use serde::Serialize;
use utoipa::ToSchema;

/// Make vectors of texts
///
/// In OpenAI's dialect, by models of OpenAI, Azure, Gemini or a compatible server. The named model alone makes
/// them, on whichever provider has it: vectors of two models can't be compared.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "inference",
    request_body = EmbeddingsRequest,
    params(
        (
            "x-gateway-fallback" = Option<String>, Header,
            description = "`off`: the first candidate alone may answer.",
        ),
        (
            "x-gateway-tags" = Option<String>, Header,
            description = "What it is counted under, of what `[usage] tags` names: `cost_center=4711, project=apollo`.",
        ),
    ),
    responses((status = 200, description = "A vector for each input, in their order.", body = EmbeddingsAnswer)),
)]
pub(super) fn embeddings() {}

#[derive(ToSchema)]
#[schema(example = json!({"model": "text-embedding-3-small", "input": ["Why is the sky blue?"]}))]
pub(super) struct EmbeddingsRequest {
    /// A name that `GET /v1/models` lists, with or without its provider in front.
    model: String,
    input: EmbeddingsInput,
    /// The length of the vectors; absent: the model's own.
    #[schema(minimum = 1)]
    dimensions: Option<u64>,
    /// `float`, or `base64` of 32-bit floats, little end first.
    #[schema(example = "float")]
    encoding_format: Option<String>,
    /// An id of your end user (a hint).
    user: Option<String>,
}

/// A text, up to 2,048 of them (100 with Gemini), or tokens of the model's own, which go out only where the
/// team's policy lets out what can't be searched.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum EmbeddingsInput {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    Lists(Vec<Vec<u32>>),
}

#[derive(ToSchema)]
#[schema(example = json!({
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.0123, -0.0456]}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 6, "total_tokens": 6}
}))]
pub(super) struct EmbeddingsAnswer {
    #[schema(example = "list")]
    object: String,
    data: Vec<EmbeddingItem>,
    /// The catalog's name of the model.
    model: String,
    usage: EmbeddingsUsage,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EmbeddingItem {
    #[schema(example = "embedding")]
    object: String,
    index: u64,
    embedding: WrittenVector,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum WrittenVector {
    Numbers(Vec<f64>),
    Base64(String),
}

/// Where the provider counted nothing, the most that the texts can hold.
#[derive(Serialize, ToSchema)]
pub(super) struct EmbeddingsUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}
