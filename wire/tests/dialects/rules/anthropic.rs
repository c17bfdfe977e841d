//! docs.anthropic.com/en/api/messages, and the 400s of its API.

use super::{Findings, is_name, list, text};
use serde_json::Value;

const FIELDS: &[&str] = &[
    "model",
    "messages",
    "max_tokens",
    "metadata",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

pub(super) fn check(model: &str, body: &Value, found: &mut Findings) {
    found.fields("body", body, FIELDS);
    found.need(body["model"] == model, || format!("model: {}", body["model"]));
    found.need(body["max_tokens"].as_u64().is_some_and(|most| most > 0), || "max_tokens is missing".into());
    found.within(body, "temperature", 0.0, 1.0);
    found.within(body, "top_p", 0.0, 1.0);
    let both = !body["temperature"].is_null() && !body["top_p"].is_null();
    found.need(!both, || "temperature and top_p cannot both be specified".into());
    for stop in list(&body["stop_sequences"]) {
        found.need(!text(stop).trim().is_empty(), || "stop_sequences: blank".into());
    }
    let marks = body.to_string().matches("\"cache_control\":{").count();
    found.need(marks <= 4, || format!("{marks} blocks with cache_control"));
    blocks("system", &body["system"], &["text"], found);
    tools(body, found);
    thinking(body, found);
    messages(body, found);
}

fn tools(body: &Value, found: &mut Findings) {
    for tool in list(&body["tools"]) {
        let name = text(&tool["name"]);
        let known = ["name", "description", "input_schema", "strict", "cache_control", "type"];
        found.fields("tool", tool, &known);
        found.need(is_name(name, 64, ""), || format!("tools: name {name}"));
        found.need(tool["input_schema"]["type"] == "object", || format!("tools: schema of {name}"));
    }
    let choice = &body["tool_choice"];
    if choice.is_null() {
        return;
    }
    found.fields("tool_choice", choice, &["type", "name", "disable_parallel_tool_use"]);
    let kind = text(&choice["type"]);
    found.need(["auto", "any", "tool", "none"].contains(&kind), || format!("tool_choice: {kind}"));
    found.need(body["tools"].is_array(), || "tool_choice without tools".into());
    let declared = list(&body["tools"]).any(|tool| tool["name"] == choice["name"]);
    found.need(kind != "tool" || declared, || "tool_choice: no such tool".into());
}

fn thinking(body: &Value, found: &mut Findings) {
    let thinking = &body["thinking"];
    let kind = text(&thinking["type"]);
    let is_on = kind == "enabled" || kind == "adaptive";
    found.need(is_on || kind == "disabled" || thinking.is_null(), || format!("thinking: {kind}"));
    if kind == "enabled" {
        let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
        found.need(budget >= 1024, || format!("thinking.budget_tokens: {budget}"));
        let most = body["max_tokens"].as_u64().unwrap_or(0);
        found.need(budget < most, || format!("max_tokens {most} within the budget {budget}"));
    }
    if !is_on {
        return;
    }
    let temperature = &body["temperature"];
    found.need(temperature.is_null() || temperature.as_f64() == Some(1.0), || {
        "temperature with thinking".into()
    });
    found.need(body["top_k"].is_null(), || "top_k with thinking".into());
    let forced = ["any", "tool"].contains(&text(&body["tool_choice"]["type"]));
    found.need(!forced, || "a forced tool with thinking".into());
    if kind == "adaptive" {
        // Here earlier turns need not begin with their thoughts.
        return;
    }
    let last = list(&body["messages"]).rfind(|message| message["role"] == "assistant");
    let answers = list(&body["messages"])
        .next_back()
        .is_some_and(|message| list(&message["content"]).any(|block| block["type"] == "tool_result"));
    if let (Some(last), true) = (last, answers) {
        let first = text(&last["content"][0]["type"]);
        let thought = first == "thinking" || first == "redacted_thinking";
        found.need(thought, || format!("the last assistant turn begins with {first}"));
    }
}

fn messages(body: &Value, found: &mut Findings) {
    let all: Vec<&Value> = list(&body["messages"]).collect();
    found.need(!all.is_empty(), || "messages: none".into());
    let mut open: Vec<&str> = Vec::new();
    for (n, message) in all.iter().enumerate() {
        let role = text(&message["role"]);
        found.need(role == "user" || role == "assistant", || format!("messages.{n}.role: {role}"));
        found.need(n == 0 || all[n - 1]["role"] != role, || format!("messages.{n}: {role} twice"));
        let kinds: &[&str] = match role {
            "assistant" => &["text", "thinking", "redacted_thinking", "tool_use"],
            _ => &["text", "image", "document", "tool_result"],
        };
        blocks(&format!("messages.{n}"), &message["content"], kinds, found);
        let is_empty = message["content"] == "" || message["content"].as_array().is_some_and(Vec::is_empty);
        found.need(!is_empty && !message["content"].is_null(), || format!("messages.{n}: empty"));
        results(n, message, &open, found);
        let calls = list(&message["content"]).filter(|block| block["type"] == "tool_use");
        open = calls.map(|block| text(&block["id"])).collect();
        let mut unique = open.clone();
        unique.sort_unstable();
        unique.dedup();
        found.need(unique.len() == open.len(), || format!("messages.{n}: ids twice"));
    }
    found.need(open.is_empty(), || "the last message's calls have no results".into());
    let last = all.last().filter(|message| message["role"] == "assistant");
    let end = last.map_or("", |message| {
        message["content"]
            .as_str()
            .unwrap_or_else(|| text(&list(&message["content"]).next_back().unwrap_or(message)["text"]))
    });
    found.need(end.trim_end() == end, || "the final assistant content ends with blanks".into());
}

/// All results of the turn before, nothing else's, and before any other block.
fn results(n: usize, message: &Value, open: &[&str], found: &mut Findings) {
    let kinds: Vec<bool> = list(&message["content"]).map(|block| block["type"] == "tool_result").collect();
    let given: Vec<&str> = list(&message["content"])
        .filter(|block| block["type"] == "tool_result")
        .map(|block| text(&block["tool_use_id"]))
        .collect();
    found.need(kinds.is_sorted_by(|a, b| a >= b), || format!("messages.{n}: a result after another block"));
    for id in &given {
        found.need(open.contains(id), || format!("messages.{n}: unexpected tool_use_id {id}"));
    }
    for id in open {
        found.need(given.contains(id), || format!("messages.{n}: no tool_result for {id}"));
    }
}

fn blocks(at: &str, content: &Value, kinds: &[&str], found: &mut Findings) {
    for block in list(content) {
        let kind = text(&block["type"]);
        found.need(kinds.contains(&kind), || format!("{at}: block {kind}"));
        let known: &[&str] = match kind {
            "text" => &["type", "text", "cache_control"],
            "image" => &["type", "source", "cache_control"],
            "document" => &["type", "source", "title", "cache_control"],
            "thinking" => &["type", "thinking", "signature"],
            "redacted_thinking" => &["type", "data"],
            "tool_use" => &["type", "id", "name", "input", "cache_control"],
            _ => &["type", "tool_use_id", "content", "is_error", "cache_control"],
        };
        found.fields(&format!("{at}.{kind}"), block, known);
        let holds = match kind {
            "text" => !text(&block["text"]).is_empty(),
            "image" | "document" => source(kind, &block["source"]),
            "thinking" => block["thinking"].is_string() && !text(&block["signature"]).is_empty(),
            "redacted_thinking" => !text(&block["data"]).is_empty(),
            "tool_use" => {
                is_name(text(&block["id"]), 64, "")
                    && is_name(text(&block["name"]), 64, "")
                    && block["input"].is_object()
            }
            _ => is_name(text(&block["tool_use_id"]), 64, ""),
        };
        found.need(holds, || format!("{at}: {block}"));
        if kind == "tool_result" {
            blocks(&format!("{at}.tool_result"), &block["content"], &["text", "image", "document"], found);
        }
    }
}

fn source(kind: &str, source: &Value) -> bool {
    let media = text(&source["media_type"]);
    match text(&source["type"]) {
        "url" => text(&source["url"]).starts_with("http"),
        "base64" if kind == "image" => {
            ["image/jpeg", "image/png", "image/gif", "image/webp"].contains(&media)
        }
        "base64" => media == "application/pdf" && !text(&source["data"]).is_empty(),
        "text" => media == "text/plain" && source["data"].is_string(),
        _ => false,
    }
}
