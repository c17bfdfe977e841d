//! A messages request, checked as Anthropic checks it.

use serde_json::{Map, Value};

use super::super::fields::{self, Kind, Mistake};
use super::super::{Incoming, Refusal, header, is_missing, is_refused};
use super::{SIGNATURE, error, signature};
use crate::ask::{Ask, Calls, Delivery, Format, Thinking, Tool, ToolChoice};

const KNOWN: &[(&str, Kind)] = &[
    ("model", Kind::Text),
    ("messages", Kind::List),
    ("max_tokens", Kind::Integer),
    ("cache_control", Kind::Object),
    ("container", Kind::TextOrObject),
    ("context_management", Kind::Object),
    ("inference_geo", Kind::Text),
    ("mcp_servers", Kind::List),
    ("metadata", Kind::Object),
    ("output_config", Kind::Object),
    ("output_format", Kind::Object),
    ("service_tier", Kind::Text),
    ("speed", Kind::Text),
    ("stop_sequences", Kind::List),
    ("stream", Kind::Switch),
    ("system", Kind::TextOrList),
    ("temperature", Kind::Number),
    ("thinking", Kind::Object),
    ("tool_choice", Kind::Object),
    ("tools", Kind::List),
    ("top_k", Kind::Integer),
    ("top_p", Kind::Number),
];

/// Besides these there are results of Anthropic's own tools, all named `…_tool_result`.
const BLOCKS: &[&str] = &[
    "text",
    "image",
    "document",
    "search_result",
    "container_upload",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "tool_result",
    "server_tool_use",
    "mcp_tool_use",
    "tool_addition",
    "tool_removal",
];

/// Models that take `role: system` after the first message, and no sampling parameters.
const NEWEST: &[&str] = &["-opus-4-8", "-opus-5", "-sonnet-5", "-haiku-5", "-fable-5", "-mythos-5"];

pub(crate) fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    match header(incoming.headers, "x-api-key") {
        None => return Err(error(401, "authentication_error", "x-api-key header is required")),
        Some(key) if is_refused(key, incoming.refused_keys) => {
            return Err(error(401, "authentication_error", "invalid x-api-key"));
        }
        Some(_) => {}
    }
    if header(incoming.headers, "anthropic-version").is_none() {
        return Err(invalid("anthropic-version: header is required"));
    }
    let Ok(Value::Object(body)) = serde_json::from_slice(incoming.body) else {
        return Err(invalid("The request body is not valid JSON: expected an object"));
    };
    check_fields(&body)?;
    let get = |name: &str| body.get(name).unwrap_or(&Value::Null);
    let model = get("model").as_str().unwrap_or_default();
    if is_missing(model) {
        return Err(error(404, "not_found_error", &format!("model: {model}")));
    }
    check_sampling(&body, model)?;
    let messages = get("messages").as_array().map(Vec::as_slice).unwrap_or_default();
    check_messages(messages, model)?;
    let mut ask = Ask {
        model: model.to_owned(),
        max_tokens: get("max_tokens").as_u64(),
        stops: fields::strings(get("stop_sequences")),
        delivery: if get("stream") == true { Delivery::Sse { usage: true } } else { Delivery::Json },
        thinking: if thinks(&body) { Thinking::Shown } else { Thinking::Off },
        ..Ask::default()
    };
    ask.prompt_chars = fields::text_of(get("system")).chars().count();
    read_messages(&mut ask, messages);
    read_tools(&mut ask, get("tools"), get("tool_choice"), &get("thinking")["type"])?;
    let format = [&get("output_config")["format"], get("output_format")].into_iter().find(|f| f.is_object());
    if let Some(format) = format {
        ask.format = Format::Schema(format["schema"].clone());
    }
    Ok(ask)
}

fn check_fields(body: &Map<String, Value>) -> Result<(), Refusal> {
    for required in ["model", "messages", "max_tokens"] {
        if body.get(required).is_none_or(Value::is_null) {
            return Err(invalid(&format!("{required}: Field required")));
        }
    }
    match fields::mistake(body, KNOWN) {
        Some(Mistake::Unknown(field)) => Err(invalid(&format!("{field}: Extra inputs are not permitted"))),
        Some(Mistake::Type { field, want, .. }) => Err(invalid(&format!("{field}: {}", want.anthropic()))),
        None => Ok(()),
    }
}

fn thinks(body: &Map<String, Value>) -> bool {
    body.get("thinking")
        .is_some_and(|thinking| thinking["type"] == "enabled" || thinking["type"] == "adaptive")
}

fn check_sampling(body: &Map<String, Value>, model: &str) -> Result<(), Refusal> {
    let number = |name: &str| body.get(name).and_then(Value::as_f64);
    let max_tokens = body.get("max_tokens").and_then(Value::as_i64).unwrap_or_default();
    if max_tokens < 1 {
        return Err(invalid("max_tokens: Input should be greater than or equal to 1"));
    }
    for field in ["temperature", "top_p"] {
        match number(field) {
            Some(value) if value > 1.0 => {
                return Err(invalid(&format!("{field}: Input should be less than or equal to 1")));
            }
            Some(value) if value < 0.0 => {
                return Err(invalid(&format!("{field}: Input should be greater than or equal to 0")));
            }
            _ => {}
        }
    }
    let is_newest = NEWEST.iter().any(|newest| model.contains(newest)) || model.contains("-opus-4-7");
    let sampling = ["temperature", "top_p", "top_k"].into_iter().find(|field| number(field).is_some());
    if let (true, Some(field)) = (is_newest, sampling) {
        return Err(invalid(&format!("`{field}` is deprecated for this model.")));
    }
    let newer = ["-4-1", "-4-5", "-4-6"].iter().any(|version| model.contains(version));
    if newer && number("temperature").is_some() && number("top_p").is_some() {
        return Err(invalid(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    if thinks(body) && number("temperature").is_some_and(|value| value != 1.0) {
        return Err(invalid(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.",
        ));
    }
    if let Some(budget) = body.get("thinking").and_then(|thinking| thinking["budget_tokens"].as_i64()) {
        if budget < 1024 {
            return Err(invalid(
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
            ));
        }
        if budget >= max_tokens {
            return Err(invalid("`max_tokens` must be greater than `thinking.budget_tokens`."));
        }
    }
    let blank = |stop: &Value| stop.as_str().is_none_or(|stop| stop.trim().is_empty());
    if body.get("stop_sequences").and_then(Value::as_array).is_some_and(|stops| stops.iter().any(blank)) {
        return Err(invalid("stop_sequences: each stop sequence must contain non-whitespace"));
    }
    Ok(())
}

fn check_messages(messages: &[Value], model: &str) -> Result<(), Refusal> {
    if messages.is_empty() {
        return Err(invalid("messages: at least one message is required"));
    }
    let mut open: Vec<&str> = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        match message["role"].as_str().unwrap_or_default() {
            "user" | "assistant" => {}
            "system" if n > 0 && NEWEST.iter().any(|newest| model.contains(newest)) => {}
            "system" => {
                return Err(invalid(
                    "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.",
                ));
            }
            _ => return Err(invalid(&format!("messages.{n}.role: Input should be 'user' or 'assistant'"))),
        }
        let blocks = match &message["content"] {
            Value::String(text) if text.is_empty() && n + 1 < messages.len() => {
                return Err(invalid(&format!(
                    "messages.{n}: all messages must have non-empty content except for the optional final assistant message"
                )));
            }
            Value::String(_) => &[][..],
            Value::Array(blocks) => blocks,
            _ => return Err(invalid(&format!("messages.{n}.content: Field required"))),
        };
        check_results(n, blocks, &open)?;
        open = blocks
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .filter_map(|b| b["id"].as_str())
            .collect();
        for (b, block) in blocks.iter().enumerate() {
            check_block(n, b, block)?;
        }
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(messages.len() - 1, &open)) }
}

/// Every `tool_use` has its result in the next message, and every result its `tool_use` in the one before.
fn check_results(n: usize, blocks: &[Value], open: &[&str]) -> Result<(), Refusal> {
    let results: Vec<&str> = blocks
        .iter()
        .filter(|block| block["type"] == "tool_result")
        .filter_map(|block| block["tool_use_id"].as_str())
        .collect();
    if let Some(id) = results.iter().find(|id| !open.contains(id)) {
        return Err(invalid(&format!(
            "messages.{n}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
        )));
    }
    let missing: Vec<&str> = open.iter().filter(|id| !results.contains(id)).copied().collect();
    if missing.is_empty() { Ok(()) } else { Err(unanswered(n - 1, &missing)) }
}

fn unanswered(n: usize, ids: &[&str]) -> Refusal {
    invalid(&format!(
        "messages.{n}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        ids.join(", ")
    ))
}

fn check_block(n: usize, b: usize, block: &Value) -> Result<(), Refusal> {
    let kind = block["type"].as_str().unwrap_or_default();
    let at = format!("messages.{n}.content.{b}");
    if !BLOCKS.contains(&kind) && !kind.ends_with("_tool_result") {
        return Err(invalid(&format!(
            "{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags: '{}'",
            BLOCKS.join("', '")
        )));
    }
    let thoughts = block["thinking"].as_str().unwrap_or_default();
    match (kind, block) {
        ("text", _) if !block["text"].is_string() => Err(invalid(&format!("{at}.text.text: Field required"))),
        ("text", _) if block["text"] == "" => Err(invalid("messages: text content blocks must be non-empty")),
        ("image" | "document", _) if !block["source"]["type"].is_string() => {
            Err(invalid(&format!("{at}.{kind}.source: Field required")))
        }
        ("tool_use", _) if !block["input"].is_object() => {
            Err(invalid(&format!("{at}.tool_use.input: Input should be a valid dictionary")))
        }
        ("thinking", _) if !is_own_signature(thoughts, &block["signature"]) => {
            Err(invalid(&format!("{at}: Invalid `signature` in `thinking` block")))
        }
        _ => Ok(()),
    }
}

/// A signature made here must stand beside the very thoughts that it was made for; recorded ones pass.
fn is_own_signature(thoughts: &str, found: &Value) -> bool {
    match found.as_str() {
        Some(found) if found.starts_with(SIGNATURE) => found == signature(thoughts),
        Some(found) => found.starts_with('E'),
        None => false,
    }
}

fn read_messages(ask: &mut Ask, messages: &[Value]) {
    for message in messages {
        ask.prompt_chars += fields::text_of(&message["content"]).chars().count();
        for block in message["content"].as_array().into_iter().flatten() {
            ask.images += usize::from(block["type"] == "image");
            ask.prompt_chars +=
                fields::chars(&block["input"]) + fields::text_of(&block["content"]).chars().count();
        }
    }
    let text = |message: &Value| {
        let text = fields::text_of(&message["content"]);
        (message["role"] == "user" && !text.is_empty()).then_some(text)
    };
    ask.prompt = messages.iter().rev().find_map(text).unwrap_or_default();
    let last = messages.last().and_then(|message| message["content"].as_array());
    ask.after_tool = last.is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"));
}

fn read_tools(ask: &mut Ask, tools: &Value, choice: &Value, thinking: &Value) -> Result<(), Refusal> {
    for (n, tool) in tools.as_array().into_iter().flatten().enumerate() {
        let name = tool["name"].as_str().unwrap_or_default();
        let sound = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if name.is_empty() || name.len() > 128 || !sound {
            return Err(invalid(&format!(
                "tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
        // Anthropic's own tools have a dated type and no schema.
        if tool["type"].as_str().is_none_or(|kind| kind == "custom") && !tool["input_schema"].is_object() {
            return Err(invalid(&format!("tools.{n}.custom.input_schema: Field required")));
        }
        ask.prompt_chars += fields::chars(tool);
        ask.tools.push(Tool { name: name.to_owned(), schema: tool["input_schema"].clone() });
    }
    if choice["disable_parallel_tool_use"] == true {
        ask.calls = Calls::OneByOne;
    }
    let kind = choice["type"].as_str().unwrap_or_default();
    if !choice.is_null() && kind != "none" && ask.tools.is_empty() {
        return Err(invalid("tool_choice: `tool_choice` may only be specified while providing `tools`."));
    }
    if thinking == "enabled" && matches!(kind, "any" | "tool") {
        return Err(invalid("Thinking may not be enabled when tool_choice forces tool use."));
    }
    ask.choice = match kind {
        "" if choice.is_null() => ToolChoice::Auto,
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::Never,
        "tool" => match choice["name"].as_str() {
            Some(name) if ask.tools.iter().any(|tool| tool.name == name) => {
                ToolChoice::Named(name.to_owned())
            }
            name => {
                let name = name.unwrap_or_default();
                return Err(invalid(&format!("Tool '{name}' not found in provided tools")));
            }
        },
        _ => {
            return Err(invalid(
                "tool_choice: Input tag does not match any of the expected tags: 'any', 'auto', 'none', 'tool'",
            ));
        }
    };
    Ok(())
}

pub(crate) fn invalid(message: &str) -> Refusal {
    error(400, "invalid_request_error", message)
}
