//! What Anthropic's SDKs expect of an answer: `anthropic.types.Message` and the events of its stream.

use super::{list, need, text};
use serde_json::{Value, json};

const REASONS: [&str; 6] = ["end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"];

pub fn whole(name: &str, body: &Value) {
    need(name, body["type"] == "message" && body["role"] == "assistant" && body["id"].is_string(), body);
    need(name, body["model"].is_string() && REASONS.contains(&text(&body["stop_reason"])), body);
    need(name, body["usage"]["input_tokens"].is_u64() && body["usage"]["output_tokens"].is_u64(), body);
    need(name, body["content"].is_array(), body);
    for block in list(&body["content"]) {
        let holds = match text(&block["type"]) {
            "text" => !text(&block["text"]).is_empty(),
            "thinking" => block["thinking"].is_string() && block["signature"].is_string(),
            "redacted_thinking" => block["data"].is_string(),
            "tool_use" => {
                !text(&block["id"]).is_empty() && block["name"].is_string() && block["input"].is_object()
            }
            _ => false,
        };
        need(name, holds, block);
    }
}

/// The events of a stream put together as the SDK does, into what a whole answer would be.
pub fn stream(name: &str, events: &str) -> Value {
    let mut message = Value::Null;
    let mut blocks: Vec<Value> = Vec::new();
    let mut is_open = false;
    for block in events.split("\n\n").filter(|block| !block.is_empty()) {
        let (event, data) = block.split_once('\n').unwrap_or_else(|| panic!("{name}: {block}"));
        let data: Value =
            serde_json::from_str(data.strip_prefix("data: ").expect("a data line")).expect("JSON");
        need(name, event.strip_prefix("event: ") == data["type"].as_str(), &data);
        let at = blocks.len().saturating_sub(1);
        match text(&data["type"]) {
            "message_start" => {
                need(name, message.is_null() && data["message"]["content"] == json!([]), &data);
                message = data["message"].clone();
            }
            "content_block_start" => {
                need(name, !is_open && data["index"] == blocks.len(), &data);
                blocks.push(data["content_block"].clone());
                is_open = true;
            }
            "content_block_delta" => {
                need(name, is_open && data["index"] == at, &data);
                grow(name, &mut blocks[at], &data["delta"]);
            }
            "content_block_stop" => {
                need(name, is_open && data["index"] == at, &data);
                is_open = false;
            }
            "message_delta" => {
                need(name, !is_open, &data);
                message["stop_reason"] = data["delta"]["stop_reason"].clone();
                for (field, count) in data["usage"].as_object().into_iter().flatten() {
                    message["usage"][field] = count.clone();
                }
            }
            "message_stop" => need(name, message["stop_reason"].is_string(), &data),
            "ping" => {}
            _ => need(name, false, &data),
        }
    }
    for block in &mut blocks {
        if let Some(written) = block["written"].as_str() {
            block["input"] = serde_json::from_str(written).unwrap_or_else(|_| json!(written));
        }
    }
    message["content"] = Value::Array(blocks);
    message
}

fn grow(name: &str, block: &mut Value, delta: &Value) {
    let (kind, field, more) = match text(&delta["type"]) {
        "text_delta" => ("text", "text", &delta["text"]),
        "thinking_delta" => ("thinking", "thinking", &delta["thinking"]),
        "signature_delta" => ("thinking", "signature", &delta["signature"]),
        "input_json_delta" => ("tool_use", "written", &delta["partial_json"]),
        other => panic!("{name}: {other}"),
    };
    need(name, block["type"] == kind && more.is_string(), delta);
    block[field] = (text(&block[field]).to_owned() + text(more)).into();
}
