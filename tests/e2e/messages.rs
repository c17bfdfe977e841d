//! What is Anthropic's own: the requests of a coding agent, thinking with its signature, blocks and their
//! order, its headers and its envelope; to each provider.

use crate::client::{Delivery, Dialect, Reply};
use crate::gateway::Gateway;
use gateway_simulator::Provider;
use reqwest::Method;
use serde_json::{Value, json};

const ROUTES: [(Provider, &str); 4] = [
    (Provider::OpenAi, "openai/gpt-4o"),
    (Provider::AzureOpenAi, "azure_openai/gpt-4o"),
    (Provider::Anthropic, "anthropic/claude-opus-4-6"),
    (Provider::Gemini, "gemini/gemini-2.5-pro"),
];
const DELIVERIES: [Delivery; 2] = [Delivery::Json, Delivery::Stream];

fn tool(name: &str) -> Value {
    json!({"name": name, "description": "The weather of a city.", "input_schema": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})
}

/// As a coding agent asks: marks of the cache, a user's id, thinking, betas, a query.
fn agent(model: &str, delivery: Delivery, messages: &Value) -> Value {
    let mark = json!({"type": "ephemeral"});
    let mut last = tool("get_forecast");
    last["cache_control"] = mark.clone();
    json!({
        "model": model,
        "max_tokens": 8192,
        "stream": delivery == Delivery::Stream,
        "system": [
            {"type": "text", "text": "You are an agent."},
            {"type": "text", "text": "Rules of the house.", "cache_control": mark},
        ],
        "messages": messages,
        "tools": [tool("get_weather"), last],
        "metadata": {"user_id": "user_5f1c_account__session_3d9a"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "temperature": 1,
    })
}

async fn ask(gateway: &Gateway, body: &Value) -> Reply {
    let request = gateway
        .request(Method::POST, "/v1/messages?beta=true")
        .header("x-gateway-fallback", "off")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "claude-code-20250219,interleaved-thinking-2025-05-14");
    Reply::of(request.json(body)).await
}

/// The message, put together from a stream as Anthropic's SDKs do.
fn message(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    if !reply.is_stream() {
        return reply.json();
    }
    let mut message = Value::Null;
    let mut written = String::new();
    for event in reply.events() {
        let data = event.json();
        let index = data["index"].as_u64().map(|index| usize::try_from(index).expect("small"));
        match event.name.as_str() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().expect("a list");
                assert_eq!(index, Some(blocks.len()), "{data}");
                blocks.push(data["content_block"].clone());
                written.clear();
            }
            "content_block_delta" => {
                let block = &mut message["content"][index.expect("an index")];
                for field in ["text", "thinking", "signature"] {
                    if let Some(more) = data["delta"][field].as_str() {
                        block[field] = format!("{}{more}", block[field].as_str().expect("text")).into();
                    }
                }
                written.push_str(data["delta"]["partial_json"].as_str().unwrap_or(""));
            }
            "content_block_stop" => {
                let block = &mut message["content"][index.expect("an index")];
                if block["type"] == "tool_use" && !written.is_empty() {
                    block["input"] = serde_json::from_str(&written).expect("JSON");
                }
            }
            "message_delta" => message["stop_reason"] = data["delta"]["stop_reason"].clone(),
            "message_stop" => {}
            other => panic!("{other}: {data}"),
        }
    }
    message
}

fn blocks<'m>(message: &'m Value, kind: &str) -> Vec<&'m Value> {
    message["content"].as_array().expect("a list").iter().filter(|block| block["type"] == kind).collect()
}

#[tokio::test]
async fn an_agent_thinks_calls_tools_and_goes_on() {
    let gateway = Gateway::start().await;
    for (provider, model) in ROUTES {
        for delivery in DELIVERIES {
            let case = format!("{provider:?} {delivery:?}");
            let mut messages = json!([{"role": "user", "content": [
                {"type": "text", "text": "The weather and both, say: Rome \"é\"", "cache_control": {"type": "ephemeral"}}
            ]}]);
            let made = message(&ask(&gateway, &agent(model, delivery, &messages)).await);
            assert_eq!(made["stop_reason"], "tool_use", "{case}");
            let calls = blocks(&made, "tool_use");
            let names: Vec<&Value> = calls.iter().map(|call| &call["name"]).collect();
            assert_eq!(names, [&json!("get_weather"), &json!("get_forecast")], "{case}");
            assert!(
                calls.iter().all(|call| call["input"] == json!({"city": "Rome \"é\""})),
                "{case}: {made}"
            );
            if provider == Provider::Anthropic {
                let thought = &made["content"][0];
                assert_eq!(thought["type"], "thinking", "{case}: {made}");
                assert!(thought["signature"].as_str().is_some_and(|text| !text.is_empty()), "{case}");
            }
            let results: Vec<Value> = calls
                .iter()
                .map(|call| {
                    json!({"type": "tool_result", "tool_use_id": call["id"],
                    "content": [{"type": "text", "text": "{\"degrees\": 21}"}]})
                })
                .collect();
            let said = json!({"type": "text", "text": "say: It is 21 degrees."});
            let answers = [results, vec![said]].concat();
            let talk = messages.as_array_mut().expect("a list");
            talk.push(json!({"role": "assistant", "content": made["content"]}));
            talk.push(json!({"role": "user", "content": answers}));
            let reply = ask(&gateway, &agent(model, delivery, &messages)).await;
            assert_eq!(reply.status, 200, "{case}: {}", reply.text());
            let made = message(&reply);
            assert_eq!(blocks(&made, "text")[0]["text"], "It is 21 degrees.", "{case}");
            assert_eq!(made["stop_reason"], "end_turn", "{case}");
        }
    }
}

#[tokio::test]
async fn what_anthropic_has_reaches_it_and_is_named_elsewhere() {
    let gateway = Gateway::start().await;
    let messages = json!([{"role": "user", "content": "say: hi"}]);
    for delivery in DELIVERIES {
        let reply = ask(&gateway, &agent("anthropic/claude-opus-4-6", delivery, &messages)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let request = gateway.faults().requests().pop().expect("a request came in");
        let sent: Value = serde_json::from_str(&request.body).expect("JSON");
        let mark = json!({"type": "ephemeral"});
        assert_eq!(sent["system"][1]["cache_control"], mark, "{sent}");
        assert_eq!(sent["tools"][1]["cache_control"], mark, "{sent}");
        assert_eq!(sent["metadata"]["user_id"], "user_5f1c_account__session_3d9a", "{sent}");
        assert_eq!(sent["thinking"], json!({"type": "enabled", "budget_tokens": 1024}), "{sent}");
        assert_eq!(request.header("anthropic-version"), Some("2023-06-01"));
        assert_eq!(request.header("anthropic-beta"), Some("interleaved-thinking-2025-05-14"));
        assert_eq!(reply.header("x-gateway-dropped-params"), "anthropic-beta", "the agent's own");
        let reply = ask(&gateway, &agent("openai/gpt-4o", delivery, &messages)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let dropped = reply.header("x-gateway-dropped-params");
        assert!(dropped.contains("cache_control"), "{dropped}");
    }
}

#[tokio::test]
async fn mistakes_come_in_anthropic_s_envelope() {
    let gateway = Gateway::start().await;
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    let good = user(json!("say: hi"));
    for (fields, code, field) in [
        (json!({"messages": []}), "invalid_field", json!("messages")),
        (json!({"messages": good, "max_tokens": 0}), "invalid_field", json!("max_tokens")),
        (json!({"messages": good, "temperature": 1.5}), "invalid_field", json!("temperature")),
        (
            json!({"messages": user(json!([{"type": "tool_use", "id": "a", "name": "b", "input": {}}]))}),
            "invalid_field",
            json!("messages[0].content[0].type"),
        ),
        (
            json!({"messages": user(json!([{"type": "holograph"}]))}),
            "unsupported",
            json!("messages[0].content[0].type"),
        ),
        (
            json!({"messages": good, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
            "unsupported",
            json!("tools[0].type"),
        ),
        (json!({"messages": good, "model": "no-such-model"}), "model_not_found", json!("model")),
    ] {
        for delivery in DELIVERIES {
            let mut body = json!({"model": "gpt-4o", "stream": delivery == Delivery::Stream});
            body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
            let reply = gateway.post("/v1/messages", &body).await;
            let told = reply.json();
            let kind = if code == "model_not_found" { "not_found_error" } else { "invalid_request_error" };
            assert_eq!(told["type"], "error", "{told}");
            let error = &told["error"];
            assert_eq!(
                (&error["type"], &error["code"], &error["field"]),
                (&json!(kind), &json!(code), &field),
                "{told}"
            );
            assert_eq!(told["request_id"], reply.header("request-id"), "{told}");
        }
    }
    let body = Dialect::Anthropic.ask("gpt-4o", "say: hi", Delivery::Json);
    let old = gateway.request(Method::POST, "/v1/messages").header("anthropic-version", "2023-01-01");
    let reply = Reply::of(old.json(&body)).await;
    assert_eq!((reply.status, &reply.json()["error"]["field"]), (400, &json!("anthropic-version")));
    let stranger = gateway.anonymous(Method::POST, "/v1/messages").header("x-api-key", "of-nobody");
    let reply = Reply::of(stranger.json(&Dialect::Anthropic.ask("gpt-4o", "hi", Delivery::Json))).await;
    assert_eq!((reply.status, &reply.json()["error"]["type"]), (401, &json!("authentication_error")));
}
