//! What the callers' SDKs expect of an answer, as their types say.

use serde_json::Value;

pub mod anthropic;

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Panics where the value is not what it should be.
fn need(name: &str, holds: bool, value: &Value) {
    assert!(holds, "{name}: {value:#}");
}

const FINISH: [&str; 4] = ["stop", "length", "tool_calls", "content_filter"];

/// `openai.types.chat.ChatCompletion`.
pub fn openai(name: &str, body: &Value) {
    need(name, text(&body["id"]).starts_with("chatcmpl-") && body["object"] == "chat.completion", body);
    need(name, body["created"].is_u64() && body["model"].is_string() && body["choices"].is_array(), body);
    for (n, choice) in list(&body["choices"]).enumerate() {
        need(name, choice["index"] == n && FINISH.contains(&text(&choice["finish_reason"])), choice);
        let message = &choice["message"];
        need(name, message["role"] == "assistant", message);
        let fields = message.as_object().expect("an object");
        need(name, fields.contains_key("content") && fields.contains_key("refusal"), message);
        openai_calls(name, &message["tool_calls"]);
        for block in list(&message["thinking_blocks"]) {
            thinking_block(name, block);
        }
    }
    openai_usage(name, &body["usage"]);
}

fn openai_calls(name: &str, calls: &Value) {
    need(name, calls.is_null() || list(calls).next().is_some(), calls);
    let mut ids = Vec::new();
    for call in list(calls) {
        let id = text(&call["id"]);
        need(name, !id.is_empty() && !ids.contains(&id) && call["type"] == "function", call);
        need(
            name,
            !text(&call["function"]["name"]).is_empty() && call["function"]["arguments"].is_string(),
            call,
        );
        ids.push(id);
    }
}

fn thinking_block(name: &str, block: &Value) {
    let holds = match text(&block["type"]) {
        "thinking" => block["thinking"].is_string() && block["signature"].is_string(),
        "redacted_thinking" => block["data"].is_string(),
        _ => false,
    };
    need(name, holds, block);
}

fn openai_usage(name: &str, usage: &Value) {
    let tokens = |field: &str| usage[field].as_u64();
    let sum = tokens("prompt_tokens").zip(tokens("completion_tokens")).map(|(prompt, made)| prompt + made);
    need(name, sum.is_some() && tokens("total_tokens") == sum, usage);
}

/// The chunks of a stream put together as OpenAI's SDK does, into what a whole answer would be.
pub fn openai_stream(name: &str, events: &str) -> Value {
    let mut data: Vec<&str> = events.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    assert_eq!(data.pop(), Some("[DONE]"), "{name}");
    let mut choices: Vec<Value> = Vec::new();
    let mut usage = Value::Null;
    let mut id = Value::Null;
    for data in data {
        let chunk: Value =
            serde_json::from_str(data).unwrap_or_else(|error| panic!("{name}: {error}: {data}"));
        need(name, chunk["object"] == "chat.completion.chunk" && (id.is_null() || id == chunk["id"]), &chunk);
        id = chunk["id"].clone();
        for piece in list(&chunk["choices"]) {
            let index =
                piece["index"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
            while choices.len() <= index {
                let message = serde_json::json!({"role": null, "content": null, "refusal": null});
                choices.push(
                    serde_json::json!({"index": choices.len(), "message": message, "finish_reason": null}),
                );
            }
            let choice = &mut choices[index];
            need(name, choice["finish_reason"].is_null(), &chunk);
            add_delta(name, &piece["delta"], &mut choice["message"]);
            choice["finish_reason"] = piece["finish_reason"].clone();
        }
        if chunk["usage"].is_object() {
            need(name, list(&chunk["choices"]).next().is_none(), &chunk);
            usage = chunk["usage"].clone();
        }
    }
    serde_json::json!({
        "id": id, "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage,
    })
}

fn add_delta(name: &str, delta: &Value, message: &mut Value) {
    if delta["role"].is_string() {
        message["role"] = delta["role"].clone();
    }
    for field in ["content", "refusal", "reasoning_content"] {
        if let Some(more) = delta[field].as_str() {
            message[field] = (text(&message[field]).to_owned() + more).into();
        }
    }
    for block in list(&delta["thinking_blocks"]) {
        push(message, "thinking_blocks", block.clone());
    }
    for call in list(&delta["tool_calls"]) {
        let index = call["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        let index = index.unwrap_or_else(|| panic!("{name}: {call}"));
        let known = list(&message["tool_calls"]).count();
        if index == known {
            need(name, !text(&call["id"]).is_empty() && call["type"] == "function", call);
            let mut first = call.clone();
            first["function"]["arguments"] = text(&call["function"]["arguments"]).into();
            push(message, "tool_calls", first);
        } else {
            need(name, index < known && call["id"].is_null(), call);
            let arguments = &mut message["tool_calls"][index]["function"]["arguments"];
            *arguments = (text(arguments).to_owned() + text(&call["function"]["arguments"])).into();
        }
    }
}

fn push(message: &mut Value, field: &str, item: Value) {
    match message[field].as_array_mut() {
        Some(items) => items.push(item),
        None => message[field] = Value::Array(vec![item]),
    }
}

/// The gateway's own dialect.
pub fn native(name: &str, body: &Value) {
    need(name, body["id"].is_string() && body["content"].is_string(), body);
    need(name, FINISH.contains(&text(&body["finish_reason"])), body);
    need(name, body["provider_used"].is_string() && body["model_used"].is_string(), body);
    need(name, body["usage"]["input_tokens"].is_u64() && body["usage"]["output_tokens"].is_u64(), body);
    for call in list(&body["tool_calls"]) {
        // The same shape as OpenAI's, but for its arguments.
        let function = if call["function"].is_object() { &call["function"] } else { call };
        need(
            name,
            call["id"].is_string() && function["name"].is_string() && function["arguments"].is_object(),
            call,
        );
    }
}

/// The events of a native stream, as what a whole answer would be.
pub fn native_stream(name: &str, events: &str) -> Value {
    let mut content = String::new();
    let mut calls = Vec::new();
    let mut done = Value::Null;
    for block in events.split("\n\n").filter(|block| !block.is_empty()) {
        let (event, data) = block.split_once('\n').unwrap_or_else(|| panic!("{name}: {block}"));
        let data = data.strip_prefix("data: ").expect("a data line");
        let data: Value =
            serde_json::from_str(data).unwrap_or_else(|error| panic!("{name}: {error}: {data}"));
        assert!(done.is_null(), "{name}: an event after `done`");
        match event {
            "event: start" => {}
            "event: delta" => content += text(&data["text"]),
            "event: tool_call" => {
                need(name, data["index"] == calls.len(), &data);
                calls.push(data);
            }
            "event: done" => done = data,
            _ => panic!("{name}: {event}"),
        }
    }
    done["content"] = content.into();
    if !calls.is_empty() {
        done["tool_calls"] = Value::Array(calls);
    }
    done
}
