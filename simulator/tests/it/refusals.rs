//! What each provider refuses, and in which words.

use gateway_simulator::Provider::{self, Anthropic, AzureOpenAi, Gemini, OpenAi};
use serde_json::{Value, json};

use crate::asks::{ask, raw};
use crate::client::{Reply, send};
use crate::simulator;

fn message(reply: &Reply) -> String {
    reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn wrong_keys_get_the_providers_own_error() {
    let simulator = simulator();
    for (provider, status, pointer, want) in [
        (OpenAi, 401, "/error/code", "invalid_api_key"),
        (AzureOpenAi, 401, "/error/code", "401"),
        (Anthropic, 401, "/error/type", "authentication_error"),
        (Gemini, 400, "/error/details/0/reason", "API_KEY_INVALID"),
    ] {
        for key in ["bad-key", "revoked-key-1234"] {
            let reply = raw(
                &simulator,
                provider,
                key,
                false,
                &crate::asks::body(provider, "hi", false, &Value::Null).to_string(),
            );
            assert_eq!(reply.status, status, "{provider:?}");
            assert_eq!(reply.json().pointer(pointer), Some(&json!(want)), "{provider:?}");
        }
    }
    let echoed = raw(&simulator, OpenAi, "revoked-key-1234", false, "{}");
    assert!(message(&echoed).contains("revoked-*****1234"), "as OpenAI does: {}", message(&echoed));
}

#[test]
fn missing_keys_and_headers() {
    let simulator = simulator();
    let post = |path, headers: &[(&str, &str)]| send(&simulator, "POST", path, headers, "{}").status;
    for (case, path, headers, want) in [
        ("openai", "/v1/chat/completions", &[][..], 401),
        ("anthropic", "/v1/messages", &[], 401),
        ("anthropic without version", "/v1/messages", &[("x-api-key", "k")], 400),
        ("azure", "/openai/deployments/d/chat/completions?api-version=1", &[], 401),
        (
            "azure by bearer",
            "/openai/deployments/d/chat/completions?api-version=1",
            &[("authorization", "Bearer k")],
            401,
        ),
        ("azure without version", "/openai/deployments/d/chat/completions", &[("api-key", "k")], 404),
        ("gemini", "/v1beta/models/m:generateContent", &[], 403),
        ("gemini, key in the URL", "/v1beta/models/m:generateContent?key=k", &[("x-goog-api-key", "k")], 400),
        ("gemini, no such method", "/v1beta/models/m:explode", &[("x-goog-api-key", "k")], 404),
        ("no such path", "/v2/chat", &[], 404),
    ] {
        assert_eq!(post(path, headers), want, "{case}");
    }
}

#[test]
fn bodies_are_checked() {
    let simulator = simulator();
    let config = |config: Value| json!({"generationConfig": config});
    for (provider, extra, status, want) in [
        (OpenAi, json!({"model": null}), 400, "you must provide a model parameter"),
        (OpenAi, json!({"model": "does-not-exist"}), 404, "The model `does-not-exist` does not exist"),
        (OpenAi, json!({"messages": null}), 400, "Missing required parameter: 'messages'."),
        (OpenAi, json!({"messages": []}), 400, "Invalid 'messages': empty array."),
        (OpenAi, json!({"messages": "hi"}), 400, "Invalid type for 'messages'"),
        (OpenAi, json!({"messages": [{"role": "boss", "content": "x"}]}), 400, "Invalid value: 'boss'."),
        (
            OpenAi,
            json!({"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}),
            400,
            "Invalid parameter: messages with role 'tool'",
        ),
        (OpenAi, json!({"colour": 1}), 400, "Unknown parameter: 'colour'."),
        (
            OpenAi,
            json!({"temperature": "hot"}),
            400,
            "Invalid type for 'temperature': expected a decimal, but got a string",
        ),
        (OpenAi, json!({"temperature": 3}), 400, "Invalid 'temperature': decimal above maximum value."),
        (OpenAi, json!({"stop": ["1", "2", "3", "4", "5"]}), 400, "Invalid 'stop': array too long."),
        (OpenAi, json!({"model": "o3-mini", "max_tokens": 5}), 400, "Unsupported parameter: 'max_tokens'"),
        (OpenAi, json!({"model": "gpt-5", "temperature": 0.5}), 400, "Unsupported value: 'temperature'"),
        (OpenAi, json!({"tool_choice": "required"}), 400, "Invalid value for 'tool_choice'"),
        (OpenAi, json!({"stream_options": {}}), 400, "The 'stream_options' parameter"),
        (AzureOpenAi, json!({"colour": 1}), 400, "Unknown parameter: 'colour'."),
        (Anthropic, json!({"max_tokens": null}), 400, "max_tokens: Field required"),
        (Anthropic, json!({"max_tokens": "5"}), 400, "max_tokens: Input should be a valid integer"),
        (Anthropic, json!({"colour": 1}), 400, "colour: Extra inputs are not permitted"),
        (Anthropic, json!({"model": "claude-does-not-exist"}), 404, "model: claude-does-not-exist"),
        (Anthropic, json!({"temperature": 1.5}), 400, "temperature: Input should be less than or equal to 1"),
        (
            Anthropic,
            json!({"model": "claude-opus-4-8", "temperature": 1}),
            400,
            "`temperature` is deprecated for this model.",
        ),
        (Anthropic, json!({"temperature": 1, "top_p": 0.5}), 400, "`temperature` and `top_p` cannot both"),
        (
            Anthropic,
            json!({"messages": [{"role": "system", "content": "x"}]}),
            400,
            "messages: Unexpected role \"system\".",
        ),
        (
            Anthropic,
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}),
            400,
            "messages: text content blocks must be non-empty",
        ),
        (
            Anthropic,
            json!({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {}}]},
            {"role": "user", "content": "y"}]}),
            400,
            "messages.1: `tool_use` ids were found without `tool_result`",
        ),
        (Anthropic, json!({"stop_sequences": [" "]}), 400, "stop_sequences: each stop sequence"),
        (
            Gemini,
            json!({"contents": []}),
            400,
            "* GenerateContentRequest.contents: contents is not specified",
        ),
        (Gemini, json!({"colour": 1}), 400, "Invalid JSON payload received. Unknown name \"colour\""),
        (
            Gemini,
            config(json!({"maxTokens": 1})),
            400,
            "Invalid JSON payload received. Unknown name \"maxTokens\" at 'generation_config'",
        ),
        (
            Gemini,
            config(json!({"maxOutputTokens": "x"})),
            400,
            "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32)",
        ),
        (
            Gemini,
            json!({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}),
            400,
            "Please use a valid role: user, model.",
        ),
        (
            Gemini,
            config(
                json!({"responseMimeType": "application/json", "responseSchema": {"additionalProperties": false}}),
            ),
            400,
            "Invalid JSON payload received. Unknown name \"additionalProperties\"",
        ),
    ] {
        let reply = ask(&simulator, provider, "hi", false, &extra);
        assert_eq!(reply.status, status, "{provider:?} {extra}: {}", reply.text());
        assert!(message(&reply).starts_with(want), "{provider:?} {extra}: {}", message(&reply));
    }
    for provider in Provider::ALL {
        for broken in ["", "{", "[]", "\"hi\"", "{\"model\": \u{7f}"] {
            assert_eq!(raw(&simulator, provider, "k", false, broken).status, 400, "{provider:?} {broken}");
        }
    }
}

#[test]
fn refusals_are_counted_and_spared_by_rules() {
    let simulator = simulator();
    simulator.faults().set(gateway_simulator::Rule::status(500));
    ask(&simulator, OpenAi, "hi", false, &json!({"colour": 1}));
    let stats = simulator.faults().stats().providers["openai"];
    assert_eq!((stats.requests, stats.refused, stats.failed, stats.ended, stats.in_flight), (1, 1, 0, 1, 0));
}
