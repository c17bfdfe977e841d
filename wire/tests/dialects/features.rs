//! The features of a request, one each beside the plainest request, in each dialect that callers speak.

use gateway_wire::Inbound;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;
use serde_json::{Value, json};

/// The dialects that callers speak, and where.
pub const DIALECTS: [(&str, &str, &dyn Inbound); 3] = [
    ("OpenAI chat", "POST /v1/chat/completions", &OpenAiChat),
    ("Anthropic messages", "POST /v1/messages", &AnthropicMessages),
    ("Native", "POST /v1/complete", &Native),
];

/// Fields to lay over the plainest request: of OpenAI, of Anthropic and of the native dialect; `null`
/// where a dialect has no such thing.
pub struct Feature {
    pub name: &'static str,
    /// In the order of [`DIALECTS`].
    pub fields: [Value; 3],
}

/// The plainest request of each dialect.
pub fn plainest(dialect: usize) -> Value {
    let mut plain = json!({"model": "a-model", "messages": [{"role": "user", "content": "hi"}]});
    if dialect == 1 {
        plain["max_tokens"] = 4096.into();
    }
    plain
}

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "JVBERi0xLjQKJUVPRg==";

fn one(name: &'static str, openai: Value, anthropic: Value, native: Value) -> Feature {
    Feature { name, fields: [openai, anthropic, native] }
}

/// The same field in the OpenAI and the native dialect.
fn shared(name: &'static str, fields: Value, anthropic: Value) -> Feature {
    one(name, fields.clone(), anthropic, fields)
}

/// Only OpenAI's dialect has it.
fn openai(name: &'static str, fields: Value) -> Feature {
    one(name, fields, Value::Null, Value::Null)
}

fn anthropic(name: &'static str, fields: Value) -> Feature {
    one(name, Value::Null, fields, Value::Null)
}

/// Messages with one part of a user.
fn said(part: Value) -> Value {
    json!({"messages": [{"role": "user", "content": [part]}]})
}

pub fn all() -> Vec<Feature> {
    [turns(), tools(), media(), forms(), hints(), thinking(), elsewhere()].into_iter().flatten().collect()
}

fn turns() -> Vec<Feature> {
    let user = json!({"role": "user", "content": "hi"});
    let with = |role: &str| json!({"messages": [{"role": role, "content": "be brief"}, user]});
    let talk = json!({"messages": [user, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "go on"}]});
    let late = json!({"messages": [user, {"role": "assistant", "content": "yes?"}, {"role": "system", "content": "be brief"}, user]});
    vec![
        shared("several turns", talk.clone(), talk),
        shared("system turn", with("system"), json!({"system": "be brief"})),
        openai("developer turn", with("developer")),
        shared("system turn in mid-conversation", late.clone(), late),
        openai(
            "participant's `name`",
            json!({"messages": [{"role": "user", "content": "hi", "name": "ada"}]}),
        ),
        openai(
            "refusal of an earlier turn",
            json!({"messages": [user, {"role": "assistant", "content": null, "refusal": "no"}, user]}),
        ),
        one("streaming", json!({"stream": true}), json!({"stream": true}), json!({"stream": true})),
        anthropic(
            "prompt cache mark",
            json!({"system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]}),
        ),
    ]
}

fn tools() -> Vec<Feature> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let function = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": schema}});
    let tool = |name: &str| json!({"name": name, "input_schema": schema});
    let chosen = |choice: Value| json!({"tools": [function("weather")], "tool_choice": choice});
    let chosen_there = |choice: Value| json!({"tools": [tool("weather")], "tool_choice": choice});
    let strict = |mut tool: Value, at: &str| {
        *tool.pointer_mut(at).expect("an object") = json!(true);
        json!({"tools": [tool]})
    };
    let mut strict_function = function("weather");
    strict_function["function"]["strict"] = json!(null);
    let mut strict_tool = tool("weather");
    strict_tool["strict"] = json!(null);
    vec![
        shared("tools", json!({"tools": [function("weather")]}), json!({"tools": [tool("weather")]})),
        shared(
            "tool name that begins with a digit",
            json!({"tools": [function("2day")]}),
            json!({"tools": [tool("2day")]}),
        ),
        anthropic("tool name over 64 characters", json!({"tools": [tool(&"long".repeat(20))]})),
        one(
            "`strict` tool",
            strict(strict_function, "/function/strict"),
            strict(strict_tool, "/strict"),
            Value::Null,
        ),
        shared("tool choice `none`", chosen(json!("none")), chosen_there(json!({"type": "none"}))),
        shared(
            "tool choice `required`, `any`",
            chosen(json!("required")),
            chosen_there(json!({"type": "any"})),
        ),
        shared(
            "tool choice by name",
            chosen(json!({"type": "function", "function": {"name": "weather"}})),
            chosen_there(json!({"type": "tool", "name": "weather"})),
        ),
        one(
            "one tool at a time",
            json!({"tools": [function("weather")], "parallel_tool_calls": false}),
            chosen_there(json!({"type": "auto", "disable_parallel_tool_use": true})),
            Value::Null,
        ),
        results("calls and their results", json!({"city": "Ulm"}), json!("12 degrees"), false),
        results("image in a result", json!({"city": "Ulm"}), image_result(), false),
        results("failed result", json!({"city": "Ulm"}), json!("no such city"), true),
    ]
}

fn image_result() -> Value {
    json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}])
}

/// Two calls at once and their results, in the other order. What only Anthropic's dialect has is left
/// out elsewhere.
fn results(name: &'static str, arguments: Value, result: Value, is_error: bool) -> Feature {
    let user = json!({"role": "user", "content": "weather?"});
    let call = |id: &str, arguments: Value| json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": arguments}});
    let told = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": result});
    let talk = |arguments: Value| {
        let calls = [call("call_1", arguments.clone()), call("call_2", arguments)];
        json!({"messages": [user, {"role": "assistant", "content": null, "tool_calls": calls}, told("call_2"), told("call_1")]})
    };
    let there = |id: &str| json!({"type": "tool_use", "id": id, "name": "weather", "input": arguments});
    let told_there = |id: &str| {
        let mut told = json!({"type": "tool_result", "tool_use_id": id, "content": result});
        if is_error {
            told["is_error"] = json!(true);
        }
        told
    };
    let blocks = json!({"messages": [
        user,
        {"role": "assistant", "content": [there("call_1"), there("call_2")]},
        {"role": "user", "content": [told_there("call_2"), told_there("call_1")]},
    ]});
    if is_error || result.is_array() {
        return anthropic(name, blocks);
    }
    one(name, talk(arguments.to_string().into()), blocks, talk(arguments))
}

fn media() -> Vec<Feature> {
    let data = |kind: &str, data: &str| format!("data:{kind};base64,{data}");
    let image = |url: &str| said(json!({"type": "image_url", "image_url": {"url": url}}));
    let source = |kind: &str, source: Value| said(json!({"type": kind, "source": source}));
    let png = json!({"type": "base64", "media_type": "image/png", "data": PNG});
    let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": PDF});
    let url = json!({"type": "url", "url": "https://example.com/a"});
    let detail = json!({"type": "image_url", "image_url": {"url": data("image/png", PNG), "detail": "low"}});
    let file =
        json!({"type": "file", "file": {"filename": "a.pdf", "file_data": data("application/pdf", PDF)}});
    vec![
        shared("image as data", image(&data("image/png", PNG)), source("image", png)),
        shared("image by URL", image("https://example.com/a.png"), source("image", url.clone())),
        openai("image `detail`", said(detail)),
        one("PDF as data", said(file), source("document", pdf), Value::Null),
        anthropic("PDF by URL", source("document", url)),
        anthropic(
            "plain text document",
            source("document", json!({"type": "text", "media_type": "text/plain", "data": "hello"})),
        ),
        openai(
            "audio input",
            said(json!({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}})),
        ),
    ]
}

fn forms() -> Vec<Feature> {
    let schema = json!({
        "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false,
    });
    let named =
        json!({"type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": true}});
    vec![
        shared(
            "JSON schema output",
            json!({"response_format": named}),
            json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        ),
        shared("JSON object output", json!({"response_format": {"type": "json_object"}}), Value::Null),
    ]
}

fn hints() -> Vec<Feature> {
    vec![
        shared("`max_tokens`", json!({"max_tokens": 100}), json!({"max_tokens": 100})),
        openai("`max_completion_tokens`", json!({"max_completion_tokens": 100})),
        shared("`temperature` up to 1", json!({"temperature": 0.5}), json!({"temperature": 0.5})),
        shared("`temperature` over 1", json!({"temperature": 1.5}), Value::Null),
        one("`top_p`", json!({"top_p": 0.5}), json!({"top_p": 0.5}), Value::Null),
        one(
            "`temperature` and `top_p`",
            json!({"temperature": 0.5, "top_p": 0.5}),
            json!({"temperature": 0.5, "top_p": 0.5}),
            Value::Null,
        ),
        anthropic("`top_k`", json!({"top_k": 5})),
        one("stop sequences", json!({"stop": ["END"]}), json!({"stop_sequences": ["END"]}), Value::Null),
        openai("`seed`", json!({"seed": 7})),
        openai("`presence_penalty`", json!({"presence_penalty": 0.5})),
        openai("`frequency_penalty`", json!({"frequency_penalty": 0.5})),
        openai("`logit_bias`", json!({"logit_bias": {"50256": -100}})),
        openai("`n` over 1", json!({"n": 2})),
        one("end user's id", json!({"user": "u-1"}), json!({"metadata": {"user_id": "u-1"}}), Value::Null),
        openai("`service_tier`", json!({"service_tier": "flex"})),
        openai("`prompt_cache_key`", json!({"prompt_cache_key": "k"})),
        openai("`verbosity`", json!({"verbosity": "low"})),
    ]
}

fn thinking() -> Vec<Feature> {
    let user = json!({"role": "user", "content": "hi"});
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": "EqQB"});
    let blocks = json!({"role": "assistant", "content": [thought, {"type": "text", "text": "yes"}]});
    let message = json!({"role": "assistant", "content": "yes", "thinking_blocks": [thought]});
    vec![
        one(
            "reasoning effort",
            json!({"reasoning_effort": "low"}),
            json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
            Value::Null,
        ),
        anthropic("thinking budget", json!({"thinking": {"type": "enabled", "budget_tokens": 2048}})),
        one(
            "signed thinking of an earlier turn",
            json!({"messages": [user, message, user]}),
            json!({"messages": [user, blocks, user]}),
            Value::Null,
        ),
        openai(
            "`reasoning_content` of an earlier turn",
            json!({"messages": [user, {"role": "assistant", "content": "yes", "reasoning_content": "hm"}, user]}),
        ),
    ]
}

/// What no provider is asked for, since the gateway cannot tell what it costs, or does not serve it.
fn elsewhere() -> Vec<Feature> {
    let old = json!({"functions": [{"name": "weather", "parameters": {"type": "object"}}]});
    vec![
        openai("legacy `functions`", old),
        openai("`logprobs`", json!({"logprobs": true})),
        openai(
            "audio output",
            json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
        ),
        openai("`prediction`", json!({"prediction": {"type": "content", "content": "hi"}})),
        openai("`store`", json!({"store": true})),
        one(
            "web search",
            json!({"web_search_options": {}}),
            json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            Value::Null,
        ),
        anthropic(
            "code execution",
            json!({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}),
        ),
        shared("a field that nobody knows", json!({"frobnicate": 1}), json!({"frobnicate": 1})),
    ]
}
