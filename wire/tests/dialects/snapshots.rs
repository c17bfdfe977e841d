//! One rich conversation as each provider gets it: tools, results, media, a schema, thinking.

use crate::targets::{TARGETS, Targets};
use bytes::Bytes;
use gateway_wire::Inbound;
use gateway_wire::openai_chat::OpenAiChat;
use serde_json::{Value, json};

/// What is looked at, each in a request of its own.
fn inputs() -> Vec<(&'static str, Value)> {
    vec![("tools", tools()), ("images", images()), ("schema", schema()), ("thinking", thinking())]
}

fn weather() -> Value {
    json!({"type": "function", "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A city's name"},
                "unit": {"type": "string", "enum": ["C", "F"]},
                "days": {"type": ["integer", "null"], "minimum": 1},
            },
            "required": ["city"],
            "additionalProperties": false,
        },
    }})
}

fn tools() -> Value {
    let call = |id: &str, city: &str| {
        let arguments = json!({"city": city}).to_string();
        json!({"id": id, "type": "function", "function": {"name": "get_weather", "arguments": arguments}})
    };
    json!({
        "model": "a-model",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather in Ulm and Köln?"},
            {"role": "assistant", "content": "Let me look.", "tool_calls": [call("call_a", "Ulm"), call("functions.b:1", "Köln")]},
            {"role": "tool", "tool_call_id": "functions.b:1", "content": "{\"degrees\":14}"},
            {"role": "tool", "tool_call_id": "call_a", "content": "12 degrees"},
            {"role": "user", "content": "And tomorrow?"},
        ],
        "tools": [weather(), {"type": "function", "function": {"name": "now"}}],
        "tool_choice": "auto",
        "parallel_tool_calls": false,
        "seed": 7,
        "temperature": 0.5,
        "user": "u-1",
    })
}

fn images() -> Value {
    json!({"model": "a-model", "max_tokens": 50, "messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}},
    ]}]})
}

fn schema() -> Value {
    json!({
        "model": "a-model",
        "messages": [{"role": "user", "content": "A name and its tags, please"}],
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "tagged",
            "strict": true,
            "schema": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
                },
                "required": ["name", "tags"],
                "additionalProperties": false,
                "$defs": {"tag": {"type": "string"}},
            },
        }},
    })
}

fn thinking() -> Value {
    json!({
        "model": "a-model",
        "reasoning_effort": "high",
        "messages": [
            {"role": "user", "content": "Weather in Ulm?"},
            {
                "role": "assistant",
                "content": null,
                "thinking_blocks": [{"type": "thinking", "thinking": "A tool knows.", "signature": "EqQBCg"}],
                "tool_calls": [{
                    "id": "call_a",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": "{\"city\":\"Ulm\"}"},
                    "extra_content": {"google": {"thought_signature": "CiQB"}},
                }],
            },
            {"role": "tool", "tool_call_id": "call_a", "content": "12 degrees"},
        ],
        "tools": [weather()],
    })
}

#[test]
fn each_input_for_each_target() {
    let routes = Targets::new();
    for (name, request) in inputs() {
        let asked = OpenAiChat
            .decode(&Bytes::from(request.to_string()))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut shown = serde_json::Map::new();
        for (kind, model) in TARGETS {
            let call = match routes.call(kind, model, &asked.conversation, false) {
                Ok(call) => {
                    let body: Value = serde_json::from_slice(&call.body).expect("JSON");
                    let renamed: Vec<&str> = call.renamed.iter().map(|(wire, _)| wire.as_str()).collect();
                    json!({"path": call.path, "headers": call.headers, "body": body, "dropped": call.dropped, "renamed": renamed})
                }
                Err(need) => json!({"no candidate": need.words()}),
            };
            shown.insert(format!("{} {model}", kind.name()), call);
        }
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!(name, shown);
        });
    }
}
