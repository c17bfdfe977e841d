//! `POST /v1/messages/count_tokens`: the provider's own count where it counts, else one that is reckoned; searched
//! and recorded, and free.

use crate::client::{Delivery, Dialect, Reply};
use crate::gateway::{Gateway, Setup};
use crate::records::record;
use gateway_simulator::{Provider, Rule};
use serde_json::{Value, json};

const PATH: &str = "/v1/messages/count_tokens";

fn ask(model: &str) -> Value {
    json!({
        "model": model,
        "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "write to zora.quill@example.org"}],
        "tools": [{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "max_tokens": 4096,
    })
}

#[tokio::test]
async fn each_provider_s_own_count_is_told() {
    let gateway = Gateway::start().await;
    for (provider, model, counts) in [
        (Provider::Anthropic, "claude-opus-4-6", true),
        (Provider::Gemini, "gemini/gemini-2.5-pro", true),
        (Provider::OpenAi, "openai/gpt-4o", false),
        (Provider::AzureOpenAi, "azure_openai/gpt-4o", false),
    ] {
        gateway.faults().reset();
        let reply = gateway.post(PATH, &ask(model)).await;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{model}: {body}");
        let tokens = body["input_tokens"].as_u64().expect("a count");
        assert!((10..400).contains(&tokens), "{model}: {body}");
        assert_eq!(body["is_estimate"], if counts { Value::Null } else { json!(true) }, "{model}");
        assert_eq!(gateway.seen(provider).requests, u64::from(counts), "{model}");
        if counts {
            let sent = gateway.faults().requests().pop().expect("a request came in").body;
            assert!(sent.contains("[EMAIL_ADDRESS_1]") && !sent.contains("zora.quill"), "{sent}");
            assert_eq!(reply.header("x-gateway-provider"), provider.name(), "{model}");
            assert_eq!(reply.header("x-gateway-cost-usd"), "0.000000000", "{model}");
            // The same number as the answer's own usage.
            let mut whole = ask(model);
            whole["stream"] = false.into();
            let answered = gateway.post("/v1/messages", &whole).await.json();
            assert_eq!(answered["usage"]["input_tokens"], tokens, "{model}: {answered}");
        }
        let told = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!((&told["endpoint"], &told["outcome"]), (&json!(PATH), &json!("answered")), "{told}");
        assert_eq!(told["cost_usd"].as_f64(), Some(0.0), "{told}");
        assert_eq!(told["pii"]["by_type"]["EMAIL_ADDRESS"], 1, "{told}");
    }
}

#[tokio::test]
async fn a_count_is_free_and_kept_to_the_pace() {
    let file = "[teams.engineering-team]\nrequests_per_minute = 2\ndaily_limit_usd = \"0.000000001\"\n";
    let gateway = Setup::new().file("gateway.toml", file).start().await;
    for _ in 0..2 {
        assert_eq!(gateway.post(PATH, &ask("claude-opus-4-6")).await.status, 200);
    }
    let reply = gateway.post(PATH, &ask("claude-opus-4-6")).await;
    assert_eq!((reply.status, Dialect::Anthropic.code(&reply.json())), (429, "rate_limited"));
    assert_eq!(gateway.spent().await, 0);
}

#[tokio::test]
async fn a_count_that_fails_is_an_error_of_the_dialect() {
    let gateway = Gateway::start().await;
    gateway.faults().set(Rule::status(503));
    let reply = gateway.post(PATH, &ask("claude-opus-4-6")).await;
    assert_eq!((reply.status, Dialect::Anthropic.code(&reply.json())), (502, "upstream_failed"));
    for (body, code) in [
        (json!({"model": "claude-opus-4-6", "messages": []}), "invalid_field"),
        (Dialect::Anthropic.ask("no-such", "hi", Delivery::Json), "model_not_found"),
    ] {
        let reply: Reply = gateway.post(PATH, &body).await;
        assert_eq!(Dialect::Anthropic.code(&reply.json()), code);
        assert_eq!(reply.json()["request_id"], reply.header("request-id"));
    }
}
