//! platform.openai.com/docs/api-reference/chat/create, and the 400s of its API.

use super::{Findings, is_name, list, text};
use serde_json::Value;

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "frequency_penalty",
    "logit_bias",
    "max_completion_tokens",
    "max_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "user",
    "verbosity",
];

pub(super) fn check(model: &str, body: &Value, found: &mut Findings) {
    found.fields("body", body, FIELDS);
    found.need(body["model"].is_null() || body["model"] == model, || format!("model: {}", body["model"]));
    found.within(body, "temperature", 0.0, 2.0);
    found.within(body, "top_p", 0.0, 1.0);
    found.within(body, "presence_penalty", -2.0, 2.0);
    found.within(body, "frequency_penalty", -2.0, 2.0);
    found.within(body, "n", 1.0, 128.0);
    let (old, new) = (&body["max_tokens"], &body["max_completion_tokens"]);
    found.need(old.is_null() != new.is_null(), || "one bound on the output, no more and no less".into());
    let stops = list(&body["stop"]).count();
    found.need(stops <= 4, || format!("stop: {stops} strings"));
    let streams = body["stream"] == true;
    found.need(streams || body["stream_options"].is_null(), || "stream_options without stream".into());
    if model.starts_with("gpt-5") {
        for field in ["max_tokens", "stop", "temperature", "top_p", "presence_penalty", "frequency_penalty"] {
            // 1, the default, is the only temperature that is taken.
            let is_default = body[field].as_f64() == Some(1.0);
            found.need(body[field].is_null() || is_default, || format!("{field} with a reasoning model"));
        }
    }
    tools(body, found);
    format(&body["response_format"], found);
    messages(body, found);
}

fn tools(body: &Value, found: &mut Findings) {
    for tool in list(&body["tools"]) {
        found.need(tool["type"] == "function", || format!("tools: {tool}"));
        let function = &tool["function"];
        found.fields("function", function, &["name", "description", "parameters", "strict"]);
        let name = text(&function["name"]);
        found.need(is_name(name, 64, ""), || format!("tools: name {name}"));
        let schema = &function["parameters"];
        found.need(schema.is_null() || schema.is_object(), || format!("tools: parameters of {name}"));
    }
    let choice = &body["tool_choice"];
    found.need(choice.is_null() || body["tools"].is_array(), || "tool_choice without tools".into());
    found.need(body["parallel_tool_calls"].is_null() || body["tools"].is_array(), || {
        "parallel_tool_calls without tools".into()
    });
    if let Some(word) = choice.as_str() {
        found.need(["auto", "none", "required"].contains(&word), || format!("tool_choice: {word}"));
    } else if !choice.is_null() {
        let named = list(&body["tools"]).any(|tool| tool["function"]["name"] == choice["function"]["name"]);
        found.need(choice["type"] == "function" && named, || format!("tool_choice: {choice}"));
    }
}

fn format(format: &Value, found: &mut Findings) {
    let schema = &format["json_schema"];
    let holds = match text(&format["type"]) {
        "json_schema" => is_name(text(&schema["name"]), 64, "") && schema["schema"].is_object(),
        "json_object" | "text" => schema.is_null(),
        _ => format.is_null(),
    };
    found.need(holds, || format!("response_format: {format}"));
    found.fields("json_schema", schema, &["name", "description", "schema", "strict"]);
}

fn messages(body: &Value, found: &mut Findings) {
    found.need(list(&body["messages"]).next().is_some(), || "messages: none".into());
    let mut open: Vec<&str> = Vec::new();
    for (n, message) in list(&body["messages"]).enumerate() {
        let role = text(&message["role"]);
        let (known, kinds): (&[&str], &[&str]) = match role {
            "system" | "developer" => (&["role", "content", "name"], &["text"]),
            "user" => (&["role", "content", "name"], &["text", "image_url", "input_audio", "file"]),
            "assistant" => (&["role", "content", "name", "refusal", "tool_calls"], &["text", "refusal"]),
            "tool" => (&["role", "content", "tool_call_id"], &["text"]),
            _ => (&[], &[]),
        };
        found.fields(&format!("messages.{n} of {role}"), message, known);
        for part in list(&message["content"]) {
            let kind = text(&part["type"]);
            found.need(kinds.contains(&kind), || format!("messages.{n}: {role} with {kind}"));
            found.need(part[kind].is_string() || part[kind].is_object(), || format!("messages.{n}: {part}"));
        }
        let content = &message["content"];
        let said = content.is_string() || content.as_array().is_some_and(|parts| !parts.is_empty());
        let may_be_absent =
            role == "assistant" && (message["tool_calls"].is_array() || message["refusal"].is_string());
        found.need(said || may_be_absent, || format!("messages.{n}: no content"));
        if role == "tool" {
            let id = text(&message["tool_call_id"]);
            found.need(open.contains(&id), || format!("messages.{n}: no call before it has the id {id}"));
            open.retain(|known| *known != id);
        } else {
            found.need(open.is_empty(), || format!("messages.{n}: calls without results: {open:?}"));
            open = calls(n, message, found);
        }
    }
    found.need(open.is_empty(), || format!("calls without results: {open:?}"));
}

fn calls<'a>(n: usize, message: &'a Value, found: &mut Findings) -> Vec<&'a str> {
    let mut ids = Vec::new();
    for call in list(&message["tool_calls"]) {
        let (id, function) = (text(&call["id"]), &call["function"]);
        found.fields("tool_calls", call, &["id", "type", "function"]);
        found.need(call["type"] == "function", || format!("messages.{n}: {call}"));
        found.need(!id.is_empty() && !ids.contains(&id), || format!("messages.{n}: id {id}"));
        found.need(is_name(text(&function["name"]), 64, ""), || format!("messages.{n}: {call}"));
        found.need(function["arguments"].is_string(), || format!("messages.{n}: {call}"));
        ids.push(id);
    }
    ids
}
