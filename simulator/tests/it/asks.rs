//! The same question in each provider's dialect, and what the answers say.

use gateway_simulator::{Provider, Running};
use serde_json::{Value, json};

use crate::client::{Reply, send};

pub fn path(provider: Provider, streamed: bool) -> &'static str {
    match (provider, streamed) {
        (Provider::OpenAi, _) => "/v1/chat/completions",
        (Provider::AzureOpenAi, _) => "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        (Provider::Anthropic, _) => "/v1/messages",
        (Provider::Gemini, false) => "/v1beta/models/gemini-2.0-flash:generateContent",
        (Provider::Gemini, true) => "/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse",
    }
}

pub fn headers(provider: Provider, key: &str) -> Vec<(&'static str, String)> {
    match provider {
        Provider::OpenAi => vec![("authorization", format!("Bearer {key}"))],
        Provider::AzureOpenAi => vec![("api-key", key.into())],
        Provider::Anthropic => vec![("x-api-key", key.into()), ("anthropic-version", "2023-06-01".into())],
        Provider::Gemini => vec![("x-goog-api-key", key.into())],
    }
}

/// A request with this user text, `extra` laid over it.
pub fn body(provider: Provider, text: &str, streamed: bool, extra: &Value) -> Value {
    let messages = json!([{"role": "user", "content": text}]);
    let mut body = match provider {
        Provider::OpenAi | Provider::AzureOpenAi => json!({"model": "gpt-4o", "messages": messages}),
        Provider::Anthropic => json!({"model": "claude-opus-4-6", "max_tokens": 1000, "messages": messages}),
        Provider::Gemini => json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
    };
    if streamed && provider != Provider::Gemini {
        body["stream"] = json!(true);
    }
    for (field, value) in extra.as_object().into_iter().flatten() {
        body[field] = value.clone();
    }
    body
}

pub fn ask(simulator: &Running, provider: Provider, text: &str, streamed: bool, extra: &Value) -> Reply {
    raw(simulator, provider, "a-key", streamed, &body(provider, text, streamed, extra).to_string())
}

pub fn raw(simulator: &Running, provider: Provider, key: &str, streamed: bool, body: &str) -> Reply {
    let headers = headers(provider, key);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    send(simulator, "POST", path(provider, streamed), &headers, body)
}

/// Text of a whole answer.
pub fn text(provider: Provider, answer: &Value) -> String {
    let text = match provider {
        Provider::OpenAi | Provider::AzureOpenAi => &answer["choices"][0]["message"]["content"],
        Provider::Anthropic => &answer["content"][0]["text"],
        Provider::Gemini => &answer["candidates"][0]["content"]["parts"][0]["text"],
    };
    text.as_str().unwrap_or_default().to_owned()
}

/// Text of all deltas of a stream.
pub fn streamed_text(provider: Provider, events: &[Value]) -> String {
    let delta = |event: &Value| match provider {
        Provider::OpenAi | Provider::AzureOpenAi => {
            event["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
        }
        Provider::Anthropic => event["delta"]["text"].as_str().map(str::to_owned),
        Provider::Gemini => Some(text(provider, event)),
    };
    events.iter().filter_map(delta).collect()
}

/// Why it stopped, of a whole answer or of a stream's events.
pub fn stop(provider: Provider, events: &[Value]) -> String {
    let reason = |event: &Value| match provider {
        Provider::OpenAi | Provider::AzureOpenAi => {
            event["choices"][0]["finish_reason"].as_str().map(str::to_owned)
        }
        Provider::Anthropic => {
            let reason = event["stop_reason"].as_str().or_else(|| event["delta"]["stop_reason"].as_str());
            reason.map(str::to_owned)
        }
        Provider::Gemini => event["candidates"][0]["finishReason"].as_str().map(str::to_owned),
    };
    events.iter().rev().find_map(reason).unwrap_or_default()
}

/// Name, and arguments as JSON, of the first tool call.
pub fn call(provider: Provider, events: &[Value]) -> (String, Value) {
    let mut name = String::new();
    let mut arguments = String::new();
    for event in events {
        let (found, piece) = match provider {
            Provider::OpenAi | Provider::AzureOpenAi => {
                let choice = &event["choices"][0];
                let call = [&choice["delta"], &choice["message"]].into_iter().find(|m| m.is_object());
                let call = call.map_or(&Value::Null, |message| &message["tool_calls"][0]["function"]);
                (&call["name"], call["arguments"].as_str().unwrap_or_default().to_owned())
            }
            Provider::Anthropic => {
                let block =
                    [&event["content"][0], &event["content_block"]].into_iter().find(|b| b.is_object());
                let block = block.unwrap_or(&Value::Null);
                let whole =
                    Some(&block["input"]).filter(|input| input.as_object().is_some_and(|o| !o.is_empty()));
                let piece = event["delta"]["partial_json"].as_str().map(str::to_owned);
                (&block["name"], piece.or_else(|| whole.map(Value::to_string)).unwrap_or_default())
            }
            Provider::Gemini => {
                let call = &event["candidates"][0]["content"]["parts"][0]["functionCall"];
                (&call["name"], if call.is_object() { call["args"].to_string() } else { String::new() })
            }
        };
        name.push_str(found.as_str().unwrap_or_default());
        arguments.push_str(&piece);
    }
    (name, serde_json::from_str(&arguments).unwrap_or(Value::Null))
}
