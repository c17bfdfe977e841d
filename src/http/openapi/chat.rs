//! `POST /v1/chat/completions` and its bodies.
#![expect(dead_code, reason = "described here, made by hand in wire")]

use super::native::{FinishReason, Message, Sampling, ToolCall};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Ask a model, in OpenAI's dialect
///
/// OpenAI's SDKs work by changing base URL and key. A named model is answered by that model, on whichever
/// provider has it, or by one that the operator calls its equivalent.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "inference",
    request_body = ChatRequest,
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
    responses((
        status = 200,
        description = "The answer. With `stream`, server-sent events without a name, each a chunk, the last \
                       one `[DONE]`; an error ends the stream as one event `{\"error\": …}` without `[DONE]`. \
                       Lines that begin with a colon are comments that keep the connection open.",
        content(
            (ChatAnswer = "application/json"),
            (ChatChunk = "text/event-stream", example = "data: {\"id\":\"chatcmpl-01a20c471458701fbd6831dfabdfe433\",\"object\":\"chat.completion.chunk\",\"created\":1795502314,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Air\"},\"logprobs\":null,\"finish_reason\":null}]}\n\ndata: [DONE]\n\n"),
        ),
    )),
)]
pub(super) fn chat_completions() {}

/// A chat request. Every field but `messages` may be absent or null.
#[derive(ToSchema)]
#[schema(example = json!({
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "Why is the sky blue?"}]
}))]
pub(super) struct ChatRequest {
    /// The conversation, oldest first.
    #[schema(min_items = 1)]
    messages: Vec<Message>,
    /// A name that `GET /v1/models` lists, with or without its provider in front (`azure_openai/gpt-4o`).
    model: Option<String>,
    /// Answer with server-sent events.
    #[schema(default = false)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    /// Answers to make. More than one is served by providers that know it.
    #[schema(minimum = 1, maximum = 128, default = 1)]
    n: Option<u32>,
    #[serde(flatten)]
    sampling: Sampling,
    /// What it is counted under, of what `[usage] tags` of the configuration names; strings. Others are refused.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

#[derive(ToSchema)]
pub(super) struct StreamOptions {
    /// Adds a last chunk with `usage` and no choices.
    include_usage: Option<bool>,
}

#[derive(ToSchema)]
#[schema(example = json!({
    "id": "chatcmpl-01a20c47144577138064499b4d2ef86f",
    "object": "chat.completion",
    "created": 1795502314,
    "model": "gpt-4o",
    "choices": [{
        "index": 0,
        "message": {
            "role": "assistant",
            "content": "Air scatters blue light more than red.",
            "refusal": null
        },
        "logprobs": null,
        "finish_reason": "stop"
    }],
    "usage": {"prompt_tokens": 13, "completion_tokens": 9, "total_tokens": 22}
}))]
pub(super) struct ChatAnswer {
    /// `chatcmpl-` and the request id without its hyphens.
    id: String,
    #[schema(example = "chat.completion")]
    object: String,
    /// Unix seconds.
    created: u64,
    /// The catalog's name of the model that answered.
    model: String,
    choices: Vec<Choice>,
    usage: ChatUsage,
}

#[derive(ToSchema)]
pub(super) struct Choice {
    index: u32,
    message: ChoiceMessage,
    /// Always null in this version.
    #[schema(value_type = Option<Object>, required = true)]
    logprobs: (),
    finish_reason: FinishReason,
}

#[derive(ToSchema)]
pub(super) struct ChoiceMessage {
    #[schema(example = "assistant")]
    role: String,
    /// Null beside calls or a refusal without a text.
    #[schema(required = true)]
    content: Option<String>,
    #[schema(required = true)]
    refusal: Option<String>,
    /// What the model thought, where its provider shows it.
    #[schema(nullable = false)]
    reasoning_content: Option<String>,
    /// The same with its signature, to be sent back in the assistant's message.
    #[schema(value_type = Option<Vec<Object>>, nullable = false)]
    thinking_blocks: Option<Vec<serde_json::Value>>,
    #[schema(nullable = false)]
    tool_calls: Option<Vec<ToolCall>>,
}

/// Details that the provider did not report are absent.
#[derive(ToSchema)]
pub(super) struct ChatUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[schema(nullable = false)]
    prompt_tokens_details: Option<PromptDetails>,
    #[schema(nullable = false)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(ToSchema)]
pub(super) struct PromptDetails {
    cached_tokens: u64,
    #[schema(nullable = false)]
    audio_tokens: Option<u64>,
}

#[derive(ToSchema)]
pub(super) struct CompletionDetails {
    reasoning_tokens: u64,
}

/// One chunk of a stream.
#[derive(ToSchema)]
pub(super) struct ChatChunk {
    id: String,
    #[schema(example = "chat.completion.chunk")]
    object: String,
    created: u64,
    model: String,
    /// Empty in the usage chunk.
    choices: Vec<ChunkChoice>,
    /// In the last chunk that has a `finish_reason`.
    #[schema(nullable = false)]
    gateway: Option<GatewayObject>,
    /// In the chunk that `include_usage` asks for.
    #[schema(nullable = false)]
    usage: Option<ChatUsage>,
}

#[derive(ToSchema)]
pub(super) struct ChunkChoice {
    index: u32,
    delta: ChunkDelta,
    /// Always null in this version.
    #[schema(value_type = Option<Object>, required = true)]
    logprobs: (),
    #[schema(required = true)]
    finish_reason: Option<FinishReason>,
}

#[derive(ToSchema)]
pub(super) struct ChunkDelta {
    /// In the first chunk.
    #[schema(nullable = false)]
    role: Option<String>,
    #[schema(nullable = false)]
    content: Option<String>,
    /// Null, in the first chunk.
    refusal: Option<String>,
    #[schema(nullable = false)]
    reasoning_content: Option<String>,
    /// A block of thinking that is over, with its signature.
    #[schema(value_type = Option<Vec<Object>>, nullable = false)]
    thinking_blocks: Option<Vec<serde_json::Value>>,
    #[schema(nullable = false)]
    tool_calls: Option<Vec<CallPiece>>,
}

/// A piece of a call: the first one has its id and name, the others more of the arguments.
#[derive(ToSchema)]
pub(super) struct CallPiece {
    index: u32,
    #[schema(nullable = false)]
    id: Option<String>,
    #[schema(nullable = false)]
    r#type: Option<String>,
    function: FunctionPiece,
    #[schema(value_type = Option<Object>, nullable = false)]
    extra_content: Option<serde_json::Value>,
}

#[derive(ToSchema)]
pub(super) struct FunctionPiece {
    #[schema(nullable = false)]
    name: Option<String>,
    arguments: String,
}

/// What response headers say of an answer in one piece.
#[derive(Serialize, ToSchema)]
pub(super) struct GatewayObject {
    request_id: String,
    provider: String,
    model: String,
    /// As `x-gateway-route-reason`.
    #[schema(nullable = false)]
    route_reason: Option<String>,
    fallback: bool,
    /// How many candidates were tried or passed over.
    attempts: u64,
    /// US dollars, exact to nine decimals.
    cost_usd: f64,
    /// The provider reported no usage: counted from bytes, at a bound.
    cost_is_estimate: bool,
    #[schema(nullable = false)]
    max_output_tokens: Option<u64>,
    #[schema(nullable = false)]
    dropped_params: Option<Vec<String>>,
    /// The gateway's own time in microseconds, waiting for the provider excluded.
    overhead_us: u64,
}
