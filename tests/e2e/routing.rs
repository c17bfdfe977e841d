//! Who answers where the gateway chooses, what is told of it, and which models a team or a key may use.

use crate::client::{CHAT_WAYS, Delivery, Dialect, Reply, WAYS};
use crate::gateway::{Gateway, OTHER_TEAM_KEY, Setup};
use crate::records::record;
use gateway_simulator::{Failure, Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REASON: &str = "x-gateway-route-reason";

/// OpenAI's alone may be used by `engineering-team`; of `finance-team`'s only key nothing is said.
const CONFIGURED: &str = r#"
[aliases]
smart = ["gemini-2.5-pro", "gpt-4o"]
"gpt-3.5-turbo" = "gpt-4.1-nano"
vectors = ["text-embedding-3-small", "gemini-embedding-001"]
shared = { "openai/gpt-4o" = 1, "azure_openai/gpt-4o" = 1 }

[capabilities]
code = ["gemini-2.5-flash", "gpt-4o"]
"#;

fn ask(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "say: hello"}]})
}

fn route(reply: &Reply) -> String {
    format!("{}/{}", reply.header("x-gateway-provider"), reply.header("x-gateway-model"))
}

#[tokio::test]
async fn every_dialect_takes_auto_capabilities_and_aliases() {
    let gateway = Setup::new().file("gateway.toml", CONFIGURED).start().await;
    for (dialect, delivery) in WAYS {
        for (model, want, reason) in [
            ("auto:code", "gemini/gemini-2.5-flash", "capability/code"),
            ("auto:fast", "anthropic/claude-haiku-4-5", "capability/fast"),
            ("auto", "anthropic/claude-haiku-4-5", "auto/fast/plain"),
            ("smart", "gemini/gemini-2.5-pro", "alias"),
            ("gpt-3.5-turbo", "openai/gpt-4.1-nano", "alias"),
        ] {
            let mut body = dialect.ask(model, "say: hello", delivery);
            body["max_tokens"] = json!(64);
            let reply = gateway.post(dialect.path(), &body).await;
            let case = format!("{dialect:?} {delivery:?} {model}: {reply:?}");
            assert_eq!(reply.status, 200, "{case}");
            assert_eq!(dialect.text(&reply), "hello", "{case}");
            assert_eq!(route(&reply), want, "{case}");
            assert_eq!(reply.header(REASON), reason, "{case}");
            if reply.is_stream() || dialect == Dialect::Native {
                assert!(reply.text().contains(&format!("\"route_reason\":\"{reason}\"")), "{case}");
            }
            let record = record(&gateway, reply.header("x-request-id")).await;
            assert_eq!(
                (&record["route_reason"], &record["model_requested"]),
                (&json!(reason), &json!(model))
            );
        }
    }
    let named = gateway.post(Dialect::OpenAi.path(), &ask("gpt-4o")).await;
    assert!(named.headers.get(REASON).is_none(), "{named:?}");
    assert!(record(&gateway, named.header("x-request-id")).await.get("route_reason").is_none());
}

#[tokio::test]
async fn auto_goes_by_the_conversation() {
    let gateway = Setup::new().file("gateway.toml", CONFIGURED).start().await;
    let code = "What is wrong?\n```python\nprint(1)\n```";
    let image = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let tool = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    for (case, fields, want) in [
        ("code", json!({"messages": [{"role": "user", "content": code}]}), "auto/code/code_fence"),
        (
            "an image",
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": image}}]}]}),
            "auto/vision/images",
        ),
        (
            "tools",
            json!({"messages": [{"role": "user", "content": "hi"}], "tools": tool}),
            "auto/reasoning/tools",
        ),
        (
            "thinking",
            json!({"messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "high"}),
            "auto/reasoning/thinking",
        ),
        (
            "length",
            json!({"messages": [{"role": "user", "content": "word ".repeat(60_000)}]}),
            "auto/long_context/length",
        ),
    ] {
        let mut body = fields;
        body["model"] = json!("auto");
        for (dialect, _) in [CHAT_WAYS[0], CHAT_WAYS[2]] {
            let reply = gateway.post(dialect.path(), &body).await;
            assert_eq!((reply.status, reply.header(REASON)), (200, want), "{case}, {dialect:?}: {reply:?}");
            let estimate = gateway.post("/v1/estimate", &body).await.json();
            assert_eq!(estimate["route_reason"], want, "{case}");
        }
    }
}

#[tokio::test]
async fn a_capability_falls_back_along_its_list_and_an_estimate_shows_it() {
    let gateway = Setup::new().file("gateway.toml", CONFIGURED).start().await;
    let body = json!({"capability": "code", "messages": [{"role": "user", "content": "say: hello"}]});
    let estimate = gateway.post("/v1/estimate", &body).await.json();
    let candidates = estimate["candidates"].as_array().expect("candidates").iter();
    let names: Vec<_> = candidates
        .map(|one| [&one["provider"], &one["model"]].map(|v| v.as_str().expect("a name")))
        .collect();
    assert_eq!(names, [["gemini", "gemini-2.5-flash"], ["openai", "gpt-4o"], ["azure_openai", "gpt-4o"]]);
    assert_eq!(estimate["route_reason"], "capability/code");
    gateway.faults().set(Rule::new(Failure::Status { code: 503, retry_after_ms: None }).on(Provider::Gemini));
    let reply = gateway.post(Dialect::Native.path(), &body).await;
    assert_eq!((reply.status, route(&reply).as_str()), (200, "openai/gpt-4o"), "{reply:?}");
    assert_eq!(reply.header("x-gateway-fallback"), "true");
}

#[tokio::test]
async fn a_split_uses_both_sides() {
    let gateway = Setup::new().file("gateway.toml", CONFIGURED).start().await;
    let mut seen = BTreeSet::new();
    // A fair coin shows one side forty times in a row once in 10^12 tries.
    for _ in 0..40 {
        let reply = gateway.post(Dialect::OpenAi.path(), &ask("shared")).await;
        assert_eq!((reply.status, reply.header(REASON)), (200, "alias/split"), "{reply:?}");
        assert_eq!(reply.header("x-gateway-fallback"), "false");
        seen.insert(reply.header("x-gateway-provider").to_owned());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["azure_openai", "openai"]);
}

#[tokio::test]
async fn an_alias_may_stand_for_vectors() {
    let gateway = Setup::new().file("gateway.toml", CONFIGURED).start().await;
    let reply = gateway.post("/v1/embeddings", &json!({"model": "vectors", "input": "hi"})).await;
    assert_eq!((reply.status, route(&reply).as_str()), (200, "openai/text-embedding-3-small"), "{reply:?}");
    assert_eq!(reply.header(REASON), "alias");
    let record = record(&gateway, reply.header("x-request-id")).await;
    assert_eq!((&record["route_reason"], &record["model_requested"]), (&json!("alias"), &json!("vectors")));
    // Vectors of two models cannot be compared: the second is no fallback.
    gateway.faults().set(Rule::new(Failure::Status { code: 503, retry_after_ms: None }).on(Provider::OpenAi));
    let failed = gateway.post("/v1/embeddings", &json!({"model": "vectors", "input": "hi"})).await;
    assert_eq!(failed.status, 502, "{failed:?}");
    for (path, model) in [("/v1/embeddings", "auto"), (Dialect::OpenAi.path(), "vectors")] {
        let mut body = ask(model);
        body["input"] = json!("hi");
        let reply = gateway.post(path, &body).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (404, &json!("model_not_found")),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn words_that_name_nothing_are_told() {
    let gateway = Setup::new().only(&[Provider::AzureOpenAi]).start().await;
    let path = Dialect::Native.path();
    for (fields, status, code, field) in [
        (json!({"model": "auto:magic"}), 404, "model_not_found", "model"),
        (json!({"model": "auto:reasoning"}), 404, "model_not_found", "model"),
        (json!({"capability": "magic"}), 400, "invalid_field", "capability"),
        (json!({"capability": "code", "model": "gpt-4o"}), 400, "invalid_field", "capability"),
        (json!({"capability": 3}), 400, "invalid_field", "capability"),
    ] {
        let mut body = ask("");
        body.as_object_mut().expect("an object").remove("model");
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let reply = gateway.post(path, &body).await;
        let error = &reply.json()["error"];
        assert_eq!(
            (reply.status, &error["code"], &error["field"]),
            (status, &json!(code), &json!(field)),
            "{fields}"
        );
    }
    assert_eq!(gateway.seen(Provider::AzureOpenAi).requests, 0);
}

/// Names that the key may ask for.
async fn listed(gateway: &Gateway, key: &str) -> Vec<String> {
    let reply = Reply::of(gateway.anonymous(Method::GET, "/v1/models").header("x-api-key", key)).await;
    let body = reply.json();
    let data = body["data"].as_array().expect("a list").iter();
    data.map(|model| model["id"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_team_and_a_key_use_what_they_may() {
    // printf %s finance-key-8b2d4e6f1c | sha256sum
    let configured = format!(
        "{CONFIGURED}\n[teams.finance-team]\nmodels = [\"gpt-4o*\", \"gemini/*\"]\n\
         [keys.{}]\nmodels = [\"openai/gpt-4o\", \"gemini/gemini-2.5-flash\"]\n",
        key_id()
    );
    let gateway = Setup::new().file("gateway.toml", &configured).start().await;
    let own = ["gpt-4o", "gemini-2.5-flash", "shared", "smart", "auto:code", "auto:vision"];
    let mut names = listed(&gateway, OTHER_TEAM_KEY).await;
    names.retain(|name| !name.starts_with("auto") || own.contains(&name.as_str()));
    names.sort_unstable();
    let mut want = own.map(str::to_owned).to_vec();
    want.sort_unstable();
    assert_eq!(names, want);
    let all = listed(&gateway, crate::gateway::TEAM_KEY).await;
    for name in
        ["claude-opus-4-6", "gpt-4o", "smart", "shared", "auto", "auto:cheap", "text-embedding-3-small"]
    {
        assert_eq!(all.iter().filter(|one| *one == name).count(), 1, "{name} in {all:?}");
    }
    let send = async |path: &str, body: Value| {
        let request = gateway.anonymous(Method::POST, path).header("x-api-key", OTHER_TEAM_KEY).json(&body);
        Reply::of(request).await
    };
    for (dialect, _) in [WAYS[0], WAYS[2], WAYS[4]] {
        for (model, want) in [
            ("gpt-4o", Ok("openai/gpt-4o")),
            ("auto:code", Ok("gemini/gemini-2.5-flash")),
            ("smart", Ok("openai/gpt-4o")),
            ("gpt-4o-mini", Err(404)),
            ("azure_openai/gpt-4o", Err(404)),
            ("claude-opus-4-6", Err(404)),
            ("auto:reasoning", Err(404)),
        ] {
            let mut body = dialect.ask(model, "say: hello", Delivery::Json);
            body["max_tokens"] = json!(64);
            let reply = send(dialect.path(), body).await;
            let case = format!("{dialect:?} {model}: {reply:?}");
            match want {
                Ok(want) => assert_eq!((reply.status, route(&reply).as_str()), (200, want), "{case}"),
                Err(status) => assert_eq!(reply.status, status, "{case}"),
            }
        }
    }
    let refused = send("/v1/embeddings", json!({"model": "text-embedding-3-small", "input": "hi"})).await;
    assert_eq!(refused.status, 404, "{refused:?}");
    let one = Reply::of(
        gateway.anonymous(Method::GET, "/v1/models/claude-opus-4-6").header("x-api-key", OTHER_TEAM_KEY),
    )
    .await;
    assert_eq!(one.status, 404);
    let alias =
        Reply::of(gateway.anonymous(Method::GET, "/v1/models/smart").header("x-api-key", OTHER_TEAM_KEY))
            .await;
    assert_eq!((alias.status, &alias.json()["owned_by"]), (200, &json!("gateway")));
    // What stands in may not be used either: the others of its list are closed.
    gateway.faults().set(Rule::new(Failure::Status { code: 503, retry_after_ms: None }).on(Provider::OpenAi));
    let failed = send(Dialect::OpenAi.path(), ask("gpt-4o")).await;
    assert_eq!(failed.status, 502, "{failed:?}");
    assert_eq!(gateway.seen(Provider::AzureOpenAi).requests, 0);
}

/// `printf %s finance-key-8b2d4e6f1c | sha256sum | cut -c1-12`
fn key_id() -> &'static str {
    "93d5d039d896"
}

#[test]
fn mistakes_are_told_before_the_port_opens() {
    let wrong = "[aliases]\nmine = \"gpt-4p\"\n\"auto\" = \"gpt-4o\"\n[capabilities]\nfast = \"llama\"\n";
    let told = Setup::new().arguments(&["check"]).file("gateway.toml", wrong).run();
    assert!(!told.status.success(), "{}", told.out);
    for want in [
        "`aliases.mine` names gpt-4p, which is not known: mend the name or leave it out",
        "`aliases.auto` is a name of the gateway's own: choose another",
        "`capabilities.fast` names llama, which is not known: mend the name or leave it out",
    ] {
        assert!(told.err.contains(want), "{want} is not in {}", told.err);
    }
    let pattern = "[teams.ops]\nmodels = [\"gpt-4p\", \"gpt-4*\"]\n";
    let told = Setup::new().arguments(&["check"]).file("gateway.toml", pattern).run();
    let want = "`teams.ops.models` allows gpt-4p, which no model fits: mend the name or leave it out";
    assert!(!told.status.success() && told.err.contains(want), "{}", told.err);
}
