//! `POST /v1/complete` and its bodies.
#![expect(dead_code, reason = "described here, made by hand in wire")]

use super::errors::NativeError;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Ask a model, in the gateway's own dialect
///
/// Tries candidates in order until one answers; the answer says which did, after which attempts, and what
/// it cost. A field that is not known here is dropped and named in `x-gateway-dropped-params`; one that
/// OpenAI's chat knows but this version does not serve is a 400 `unsupported`.
#[utoipa::path(
    post,
    path = "/v1/complete",
    tag = "inference",
    request_body = CompleteRequest,
    params(
        (
            "x-gateway-fallback" = Option<String>, Header,
            description = "`off`: as `\"fallback\": false` in the body, over which it wins.",
        ),
        (
            "x-gateway-tags" = Option<String>, Header,
            description = "What it is counted under, of what `[usage] tags` names: `cost_center=4711, project=apollo`.",
        ),
    ),
    responses((
        status = 200,
        description = "The answer. With `stream`, server-sent events: `start`, `delta` as often as there is \
                       text, then one of `done` and `error`. Lines that begin with a colon are comments that \
                       keep the connection open.",
        content(
            (CompleteAnswer = "application/json"),
            (CompleteEvent = "text/event-stream", example = "event: start\ndata: {\"request_id\":\"01a20c47-1434-7304-bd0a-790f3ad8263c\",\"provider_used\":\"anthropic\",\"model_used\":\"claude-opus-4-6\"}\n\nevent: delta\ndata: {\"text\":\"Air scatters blue light\"}\n\nevent: done\ndata: {\"id\":\"01a20c47-1434-7304-bd0a-790f3ad8263c\",\"finish_reason\":\"stop\",…}\n\n"),
        ),
    )),
)]
pub(super) fn complete() {}

/// A request in the native dialect. Every field but `messages` may be absent or null.
#[derive(ToSchema)]
#[schema(example = json!({"messages": [{"role": "user", "content": "Why is the sky blue?"}]}))]
pub(super) struct CompleteRequest {
    /// The conversation, oldest first.
    #[schema(min_items = 1)]
    messages: Vec<Message>,
    /// A name that `GET /v1/models` lists, with or without its provider in front (`anthropic/claude-opus-4-6`).
    /// An alias of the configuration, or `auto` or `auto:code`: the gateway chooses.
    /// Absent: each provider's default model, in the configured order.
    model: Option<String>,
    /// What a model is wanted for, in place of `model`.
    #[schema(value_type = Option<Capability>)]
    capability: Option<String>,
    /// The provider to ask first.
    #[schema(example = "anthropic")]
    provider: Option<String>,
    /// `false`: the first candidate alone may answer.
    #[schema(default = true)]
    fallback: Option<bool>,
    /// Answer with server-sent events.
    #[schema(default = false)]
    stream: Option<bool>,
    #[serde(flatten)]
    sampling: Sampling,
    /// What it is counted under, of what `[usage] tags` of the configuration names; strings. Others are dropped, and a
    /// warning says so.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Accepted for old clients; the key decides. A different one is named in `warnings`.
    team_id: Option<String>,
}

/// What a model is wanted for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Capability {
    Code,
    Reasoning,
    Vision,
    LongContext,
    Fast,
    Cheap,
}

/// What both dialects' requests may say about how an answer is made.
#[derive(ToSchema)]
pub(super) struct Sampling {
    /// Most tokens to make. Absent: a bound of the model's own, told in `x-gateway-max-output-tokens`.
    #[schema(minimum = 1)]
    max_tokens: Option<u64>,
    /// OpenAI's newer name for `max_tokens`; wins where both stand.
    #[schema(minimum = 1)]
    max_completion_tokens: Option<u64>,
    #[schema(minimum = 0, maximum = 2)]
    temperature: Option<f64>,
    #[schema(minimum = 0, maximum = 1)]
    top_p: Option<f64>,
    #[schema(minimum = -2, maximum = 2)]
    presence_penalty: Option<f64>,
    #[schema(minimum = -2, maximum = 2)]
    frequency_penalty: Option<f64>,
    /// A hint: dropped, and named in `x-gateway-dropped-params`, where the provider has none.
    seed: Option<i64>,
    /// One sequence, or up to four.
    stop: Option<Stop>,
    /// An id of your end user (a hint).
    user: Option<String>,
    /// Token ids and biases (a hint).
    #[schema(value_type = Option<Object>)]
    logit_bias: Option<Value>,
    /// A hint.
    safety_identifier: Option<String>,
    /// A hint.
    prompt_cache_key: Option<String>,
    /// A hint.
    verbosity: Option<String>,
    /// A hint that Anthropic and Gemini know.
    top_k: Option<u64>,
    /// Functions that the model may call. Tools that a provider hosts are not served.
    #[schema(min_items = 1)]
    tools: Option<Vec<Tool>>,
    /// `auto`, `none`, `required`, or `{"type":"function","function":{"name":…}}`.
    #[schema(value_type = Option<Object>)]
    tool_choice: Option<Value>,
    /// `false`: one call at a time.
    parallel_tool_calls: Option<bool>,
    /// The form of the answer. A provider that cannot keep to it is no candidate.
    response_format: Option<ResponseFormat>,
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`; dropped, and named, where the model has
    /// no such level.
    #[schema(example = "low")]
    reasoning_effort: Option<String>,
    /// `auto`, `default`, `flex` or `priority`; the last two are dropped, and named, where the provider has no
    /// such word or the model no price for it.
    #[schema(example = "auto")]
    service_tier: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Tool {
    #[schema(inline)]
    r#type: FunctionType,
    function: ToolFunction,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FunctionType {
    Function,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ToolFunction {
    /// Letters, digits, `_` and `-`. A name that a provider would refuse goes out as another and comes back
    /// as it was.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    description: Option<String>,
    /// A JSON schema.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
    strict: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ResponseFormat {
    Text,
    JsonObject,
    JsonSchema { json_schema: JsonSchema },
}

#[derive(Serialize, ToSchema)]
pub(super) struct JsonSchema {
    name: Option<String>,
    description: Option<String>,
    #[schema(value_type = Object)]
    schema: Value,
    strict: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(ToSchema)]
pub(super) struct Message {
    role: Role,
    /// May be null beside `tool_calls`.
    content: Option<Content>,
    /// Who speaks, among several of one role.
    name: Option<String>,
    /// Of an assistant: the calls that it made, as they were answered.
    tool_calls: Option<Vec<ToolCall>>,
    /// Of a tool: the id of the call that this is the result of.
    tool_call_id: Option<String>,
    /// Of an assistant: its refusal.
    refusal: Option<String>,
    /// Of an assistant: its thinking, as it was answered; it goes back to the provider that signed it.
    #[schema(value_type = Option<Vec<Object>>)]
    thinking_blocks: Option<Vec<Value>>,
}

/// A call of a function.
#[derive(Serialize, ToSchema)]
pub(super) struct ToolCall {
    id: String,
    #[schema(inline)]
    r#type: FunctionType,
    function: CalledFunction,
    /// A provider's signature of the call (`{"google":{"thought_signature":…}}`): send it back as it came.
    #[schema(value_type = Option<Object>, nullable = false)]
    extra_content: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CalledFunction {
    name: String,
    /// OpenAI's dialect: JSON in a string. Native: an object; a string only where the model wrote something else.
    arguments: CallArguments,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum CallArguments {
    Encoded(String),
    Object(std::collections::BTreeMap<String, Value>),
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

/// A text, or a list of parts.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ContentPart {
    Text {
        text: String,
    },
    /// Of a user.
    ImageUrl {
        image_url: ImageUrl,
    },
    /// Of a user: a PDF.
    File {
        file: File,
    },
    /// Of a user.
    InputAudio {
        input_audio: InputAudio,
    },
    /// Of an assistant.
    Refusal {
        refusal: String,
    },
}

#[derive(Serialize, ToSchema)]
pub(super) struct ImageUrl {
    /// A data URL (`data:image/png;base64,…`), or an address that the provider fetches.
    url: String,
    detail: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct File {
    /// A data URL (`data:application/pdf;base64,…`).
    file_data: String,
    filename: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct InputAudio {
    /// Base64.
    data: String,
    /// `wav` or `mp3`.
    format: String,
}

#[derive(ToSchema)]
#[schema(example = json!({
    "id": "01a20c47-1420-77c6-a7cd-5f2deacae6c5",
    "content": "Air scatters blue light more than red.",
    "finish_reason": "stop",
    "provider_used": "anthropic",
    "model_used": "claude-opus-4-6",
    "fallback_triggered": false,
    "attempts": [
        {"provider": "anthropic", "model": "claude-opus-4-6", "outcome": "ok", "status": 200, "ms": 812}
    ],
    "usage": {
        "input_tokens": 13,
        "output_tokens": 9,
        "cached_input_tokens": 0,
        "estimated_cost_usd": 0.000290000,
        "cost_is_estimate": false
    },
    "pii_summary": {"total": 1, "by_type": {"EMAIL_ADDRESS": 1}, "action": "redact"},
    "warnings": [],
    "latency_ms": 813
}))]
pub(super) struct CompleteAnswer {
    /// The request id, as in `x-request-id`.
    id: String,
    content: String,
    /// Absent where the model called none.
    #[schema(nullable = false)]
    tool_calls: Option<Vec<ToolCall>>,
    #[serde(flatten)]
    outcome: Outcome,
}

/// What is told of an answer beside its text.
#[derive(Serialize, ToSchema)]
pub(super) struct Outcome {
    finish_reason: FinishReason,
    provider_used: String,
    /// The catalog's name of the model.
    model_used: String,
    /// Why it was routed there, where the request names no model of its own; as `x-gateway-route-reason`.
    #[schema(nullable = false, example = "auto/code/code_fence")]
    route_reason: Option<String>,
    /// Whether another than the first candidate answered.
    fallback_triggered: bool,
    /// Every candidate tried or passed over, in order; the last one answered.
    attempts: Vec<Attempt>,
    usage: CompleteUsage,
    /// What was found in the request; absent where the team's requests are not searched.
    #[schema(nullable = false)]
    pii_summary: Option<PiiSummary>,
    /// Absent while the budget store is away.
    #[schema(nullable = false)]
    budget: Option<BudgetLeft>,
    /// What you should know: fields that were dropped, a `team_id` that is not the key's.
    warnings: Vec<String>,
    /// From the request's head to the answer's end, in milliseconds.
    latency_ms: u64,
}

/// Counts, never a value.
#[derive(Serialize, ToSchema)]
pub(super) struct PiiSummary {
    /// Places that were replaced.
    total: u32,
    by_type: BTreeMap<String, u32>,
    /// The strictest that was done: `none`, `redact`, `hash` or `mask`.
    action: String,
    /// Attached files that went out unsearched, by kind.
    #[schema(nullable = false)]
    unscanned: Option<BTreeMap<String, u32>>,
    /// Values that were kept out of addresses in the answer.
    #[schema(nullable = false)]
    withheld: Option<u32>,
    /// Values in the answer that did not come from the caller, and were masked (`[pii] answers`).
    #[schema(nullable = false)]
    answer_masked: Option<u32>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct BudgetLeft {
    /// US dollars of the tighter window, nine decimals; null where it is unlimited.
    #[schema(required = true)]
    remaining_usd: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
}

/// One candidate's turn.
#[derive(Serialize, ToSchema)]
pub(super) struct Attempt {
    provider: String,
    model: String,
    outcome: AttemptOutcome,
    /// The provider's status, where it answered.
    #[schema(nullable = false)]
    status: Option<u16>,
    ms: u64,
}

/// The last five were not sent: the provider's breaker is open, its rate limit or its account's fault is
/// waited out, it has its fill of calls, or it is being stopped.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AttemptOutcome {
    Ok,
    ConnectError,
    Timeout,
    Unavailable,
    BrokenAnswer,
    AnswerTooLarge,
    RateLimited,
    NotPermitted,
    ModelNotFound,
    Refused,
    ContextTooLong,
    ContentFiltered,
    BreakerOpen,
    CoolingDown,
    Misconfigured,
    Full,
    Stopping,
}

/// A counter that the provider did not report is absent.
#[derive(Serialize, ToSchema)]
pub(super) struct CompleteUsage {
    /// Every token of the prompt, cached ones among them.
    input_tokens: u64,
    /// Every token made, reasoning among them.
    output_tokens: u64,
    /// Of the input, read from the provider's cache.
    #[schema(nullable = false)]
    cached_input_tokens: Option<u64>,
    /// Of the output, spent on reasoning.
    #[schema(nullable = false)]
    reasoning_tokens: Option<u64>,
    /// US dollars, exact to nine decimals, by the gateway's price table.
    estimated_cost_usd: f64,
    /// The provider reported no usage: counted from bytes, at a bound.
    cost_is_estimate: bool,
}

/// One server-sent event: `event` is its name, `data` its JSON.
#[derive(Serialize, ToSchema)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub(super) enum CompleteEvent {
    /// Before any text.
    Start(Start),
    Delta(Delta),
    /// A call, whole.
    ToolCall(StreamedCall),
    /// The answer is whole.
    Done(Box<Done>),
    /// The answer broke off; nothing follows.
    Error(NativeError),
}

#[derive(Serialize, ToSchema)]
pub(super) struct Start {
    request_id: String,
    provider_used: String,
    model_used: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Delta {
    text: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct StreamedCall {
    /// From 0.
    index: u32,
    id: String,
    name: String,
    arguments: CallArguments,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Done {
    id: String,
    #[serde(flatten)]
    outcome: Outcome,
}
