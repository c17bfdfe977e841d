//! `POST /v1/messages` and its bodies.
#![expect(dead_code, reason = "described here, made by hand in wire")]

use super::chat::GatewayObject;
use super::errors::AnthropicError;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Ask a model, in Anthropic's dialect
///
/// Anthropic's SDKs, and programs made for them, work by changing base URL and key. A named model is answered
/// by that model, on whichever provider has it, or by one that the operator calls its equivalent.
#[utoipa::path(
    post,
    path = "/v1/messages",
    tag = "inference",
    request_body = MessagesRequest,
    params(
        (
            "x-gateway-fallback" = Option<String>, Header,
            description = "`off`: the first candidate alone may answer.",
        ),
        (
            "x-gateway-tags" = Option<String>, Header,
            description = "What it is counted under, of what `[usage] tags` names: `cost_center=4711, project=apollo`.",
        ),
        (
            "anthropic-version" = Option<String>, Header,
            description = "`2023-06-01`, as where it is absent, or a later date.",
        ),
        (
            "anthropic-beta" = Option<String>, Header,
            description = "Names of betas, with commas between. Those that change how an answer is delivered go on \
                           to Anthropic; the others are dropped, and `x-gateway-dropped-params` names the header.",
        ),
    ),
    responses((
        status = 200,
        description = "The answer. With `stream`, server-sent events: `message_start`, blocks one after the other, \
                       `message_delta`, `message_stop`; an `error` ends the stream in their place. Lines that begin \
                       with a colon are comments that keep the connection open.",
        content(
            (MessagesAnswer = "application/json"),
            (MessagesEvent = "text/event-stream", example = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Air\"}}\n\n"),
        ),
    )),
)]
pub(super) fn messages() {}

/// Count a prompt's tokens
///
/// Of a request as it would go to `/v1/messages`. A model of Anthropic's or Gemini's is counted by its provider,
/// whom the texts reach as they would to be answered, without what was taken out; for others the gateway reckons,
/// and says so. It costs nothing, and keeps to the limit of requests a minute.
#[utoipa::path(
    post,
    path = "/v1/messages/count_tokens",
    tag = "inference",
    request_body = MessagesRequest,
    responses((status = 200, description = "The count.", body = TokenCount)),
)]
pub(super) fn count_tokens() {}

#[derive(ToSchema)]
#[schema(example = json!({"input_tokens": 14}))]
pub(super) struct TokenCount {
    input_tokens: u64,
    /// Reckoned by the gateway: four bytes a token, 8 tokens around each turn, block and tool, and a token for
    /// each 16 bytes of a file.
    #[schema(nullable = false)]
    is_estimate: Option<bool>,
}

/// A request in Anthropic's dialect. Every field but `messages` may be absent.
#[derive(ToSchema)]
#[schema(example = json!({
    "model": "claude-opus-4-6",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Why is the sky blue?"}]
}))]
pub(super) struct MessagesRequest {
    /// Turns of user and assistant, oldest first.
    #[schema(min_items = 1)]
    messages: Vec<MessageTurn>,
    /// A name that `GET /v1/models` lists, with or without its provider in front.
    model: Option<String>,
    /// Most tokens to make. Absent: a bound of the model's own, told in `x-gateway-max-output-tokens`.
    #[schema(minimum = 1)]
    max_tokens: Option<u64>,
    /// A text, or a list of text blocks.
    system: Option<Blocks>,
    /// Answer with server-sent events.
    #[schema(default = false)]
    stream: Option<bool>,
    #[schema(minimum = 0, maximum = 1)]
    temperature: Option<f64>,
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    top_k: Option<u64>,
    stop_sequences: Option<Vec<String>>,
    /// Functions that the model may call. Tools that Anthropic hosts are not served.
    tools: Option<Vec<MessagesTool>>,
    /// `{"type": "auto" | "any" | "none"}`, or `{"type": "tool", "name": …}`, each with
    /// `disable_parallel_tool_use`.
    #[schema(value_type = Option<Object>)]
    tool_choice: Option<Value>,
    /// `{"type": "enabled", "budget_tokens": …}`, `{"type": "adaptive"}` or `{"type": "disabled"}`.
    #[schema(value_type = Option<Object>)]
    thinking: Option<Value>,
    /// `effort`, and `format` with a JSON schema.
    #[schema(value_type = Option<Object>)]
    output_config: Option<Value>,
    /// `user_id`: an id of your end user.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Marks the whole prompt for the provider's cache.
    #[schema(value_type = Option<Object>)]
    cache_control: Option<Value>,
    /// `auto` or `standard_only`.
    #[schema(example = "auto")]
    service_tier: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct MessageTurn {
    /// `user`, `assistant`, or `system` in mid-conversation.
    #[schema(example = "user")]
    role: String,
    content: Blocks,
}

/// A text, or a list of blocks: `text`, `image`, `document`, `tool_use`, `tool_result`, `thinking`,
/// `redacted_thinking`, each with `cache_control` where Anthropic has it.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Blocks {
    Text(String),
    List(Vec<Value>),
}

#[derive(ToSchema)]
pub(super) struct MessagesTool {
    name: String,
    description: Option<String>,
    /// A JSON schema.
    #[schema(value_type = Object)]
    input_schema: Value,
    strict: Option<bool>,
    #[schema(value_type = Option<Object>)]
    cache_control: Option<Value>,
}

#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "msg_01a20c47144577138064499b4d2ef86f",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-4-6",
    "content": [{"type": "text", "text": "Air scatters blue light more than red.", "citations": null}],
    "stop_reason": "end_turn",
    "stop_sequence": null,
    "usage": {
        "input_tokens": 13,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 9
    }
}))]
pub(super) struct MessagesAnswer {
    /// `msg_` and the request id without its hyphens.
    id: String,
    #[schema(example = "message")]
    r#type: String,
    #[schema(example = "assistant")]
    role: String,
    /// The catalog's name of the model that answered.
    model: String,
    content: Vec<AnswerBlock>,
    /// Null before the end of a stream.
    #[schema(required = true)]
    stop_reason: Option<StopWord>,
    /// Always null: which sequence was met is not told.
    #[schema(required = true)]
    stop_sequence: Option<String>,
    usage: MessagesUsage,
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum AnswerBlock {
    Text {
        text: String,
        /// Always null, and absent in streams.
        #[schema(value_type = Option<Object>)]
        citations: Option<Value>,
    },
    Thinking {
        thinking: String,
        /// Empty where the provider signs nothing.
        signature: String,
    },
    RedactedThinking {
        data: String,
    },
    ToolUse {
        id: String,
        name: String,
        #[schema(value_type = Object)]
        input: Value,
    },
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StopWord {
    EndTurn,
    MaxTokens,
    StopSequence,
    ToolUse,
    Refusal,
}

/// Counted as Anthropic does: what was read from or written to a cache stands beside `input_tokens`.
#[derive(Serialize, ToSchema)]
pub(super) struct MessagesUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation: CacheCreation,
    output_tokens: u64,
    #[schema(value_type = Option<Object>, nullable = false)]
    server_tool_use: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

/// The data of one server-sent event; its name is the same word as `type`.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum MessagesEvent {
    MessageStart {
        message: MessagesAnswer,
    },
    ContentBlockStart {
        index: u64,
        content_block: AnswerBlock,
    },
    ContentBlockDelta {
        index: u64,
        delta: BlockDelta,
    },
    ContentBlockStop {
        index: u64,
    },
    MessageDelta {
        delta: MessageEnd,
        usage: MessagesUsage,
        gateway: GatewayObject,
    },
    MessageStop,
    /// The answer broke off; nothing follows.
    Error(AnthropicError),
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "type")]
pub(super) enum BlockDelta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "signature_delta")]
    Signature { signature: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
}

#[derive(Serialize, ToSchema)]
pub(super) struct MessageEnd {
    stop_reason: StopWord,
    #[schema(required = true)]
    stop_sequence: Option<String>,
}
