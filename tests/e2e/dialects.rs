//! Each provider in each dialect, whole and streamed: text, usage, cost, reasons, headers; which fields go
//! where and which are dropped; models, status and health; TLS.

use crate::client::{CHAT_WAYS, Delivery, Dialect, Reply, WAYS};
use crate::gateway::{Gateway, Setup, eventually, self_signed};
use gateway_simulator::{Provider, Simulator, SimulatorOptions};
use reqwest::Method;
use serde_json::{Value, json};

/// A provider as its caller sees it, with its prices as the catalog lists them.
#[derive(Debug)]
struct Target {
    provider: Provider,
    /// As asked for, its upstream in front.
    asked: &'static str,
    model: &'static str,
    /// Nano-USD a token: a price of 5 USD per million tokens is 5,000 of them.
    input: u64,
    output: u64,
    /// Tokens that the simulator spends on thoughts, where the limit leaves room.
    thoughts: u64,
    /// The catalog's bound for answers of that model.
    default_bound: &'static str,
    most: &'static str,
}

const TARGETS: [Target; 4] = [
    Target {
        provider: Provider::Anthropic,
        asked: "anthropic/claude-opus-4-6",
        model: "claude-opus-4-6",
        input: 5_000,
        output: 25_000,
        thoughts: 0,
        default_bound: "16384",
        most: "128000",
    },
    Target {
        provider: Provider::OpenAi,
        asked: "openai/gpt-4o",
        model: "gpt-4o",
        input: 2_500,
        output: 10_000,
        thoughts: 0,
        default_bound: "8192",
        most: "16384",
    },
    Target {
        provider: Provider::AzureOpenAi,
        asked: "azure_openai/deployed",
        model: "gpt-4o",
        input: 2_500,
        output: 10_000,
        thoughts: 0,
        default_bound: "8192",
        most: "16384",
    },
    Target {
        provider: Provider::Gemini,
        asked: "gemini/gemini-2.5-pro",
        model: "gemini-2.5-pro",
        input: 1_250,
        output: 10_000,
        thoughts: 64,
        default_bound: "16384",
        most: "65536",
    },
];

/// Everything that an encoder could get wrong, on one line, as the simulator reads its order.
const HARD: &str = r#"He said "hi" \n \\ \u0041 / é 😀 <b>&amp;</b> {"a":[1]} data: x"#;

/// The whole of what an answer says of itself: the body, or a stream's closing event.
fn closing(dialect: Dialect, reply: &Reply) -> Value {
    match dialect {
        _ if !reply.is_stream() => reply.json(),
        Dialect::Native => {
            let last = reply.last_event();
            assert_eq!(last.name, "done");
            last.json()
        }
        Dialect::OpenAi | Dialect::Anthropic => {
            let events = reply.events();
            let chunks = events.iter().filter(|event| event.data != "[DONE]").map(|event| event.json());
            chunks.into_iter().find(|chunk| !chunk["gateway"].is_null()).expect("a `gateway` object")
        }
    }
}

fn finish_reason(dialect: Dialect, closing: &Value) -> Value {
    match dialect {
        Dialect::Native => closing["finish_reason"].clone(),
        Dialect::OpenAi => closing["choices"][0]["finish_reason"].clone(),
        Dialect::Anthropic => {
            let reason = closing["stop_reason"].as_str().or(closing["delta"]["stop_reason"].as_str());
            json!(match reason.expect("a reason") {
                "end_turn" | "stop_sequence" => "stop",
                "max_tokens" => "length",
                other => other,
            })
        }
    }
}

/// A cost as headers and bodies print it.
fn usd(nano: u64) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

#[tokio::test]
async fn every_provider_answers_in_every_way() {
    let gateway = Gateway::start().await;
    let prompt = format!("say: {HARD}");
    // The simulator counts four characters a token, and 7 more around the prompt.
    let input = prompt.chars().count().div_ceil(4) as u64 + 7;
    let spoken = HARD.chars().count().div_ceil(4) as u64;
    for target in &TARGETS {
        for (dialect, delivery) in WAYS {
            let case = format!("{target:?} {dialect:?} {delivery:?}");
            let mut body = dialect.ask(target.asked, &prompt, delivery);
            if (dialect, delivery) == (Dialect::OpenAi, Delivery::Stream) {
                body["stream_options"] = json!({"include_usage": true});
            }
            let reply = gateway.post(dialect.path(), &body).await;
            assert_eq!(reply.status, 200, "{case}: {reply:?}");
            assert_eq!(dialect.text(&reply), HARD, "{case}");
            let output = spoken + target.thoughts;
            let cost = usd(input * target.input + output * target.output);
            assert_headers(&reply, target, &cost, &case);
            let closing = closing(dialect, &reply);
            assert_eq!(finish_reason(dialect, &closing), "stop", "{case}");
            match dialect {
                Dialect::Native => assert_native(&closing, &reply, target, (input, output), &cost),
                Dialect::OpenAi => assert_openai(&closing, &reply, target, (input, output), &cost),
                Dialect::Anthropic => assert_anthropic(&closing, &reply, target, (input, output), &cost),
            }
        }
    }
}

fn assert_headers(reply: &Reply, target: &Target, cost: &str, case: &str) {
    let id = reply.header("x-request-id");
    assert!(id.len() == 36 && id.as_bytes()[14] == b'7', "a UUIDv7: {id}, {case}");
    for (name, want) in [
        ("x-gateway-provider", target.provider.name()),
        ("x-gateway-model", target.model),
        ("x-gateway-fallback", "false"),
        ("x-gateway-attempts", "1"),
        ("x-gateway-max-output-tokens", target.default_bound),
        ("x-gateway-dropped-params", ""),
        ("x-gateway-cost-usd", if reply.is_stream() { "" } else { cost }),
        ("cache-control", if reply.is_stream() { "no-cache, no-transform" } else { "" }),
        ("x-accel-buffering", if reply.is_stream() { "no" } else { "" }),
        (
            "content-type",
            if reply.is_stream() { "text/event-stream; charset=utf-8" } else { "application/json" },
        ),
    ] {
        assert_eq!(reply.header(name), want, "{name}, {case}");
    }
    assert!(reply.header("x-gateway-overhead-us").parse::<u64>().is_ok(), "{case}");
    // No header of an upstream comes through.
    for name in reply.headers.keys().map(|name| name.as_str()) {
        let ours = name.starts_with("x-gateway-") || ["x-request-id", "request-id"].contains(&name);
        let plain = ["content-type", "content-length", "transfer-encoding", "date"].contains(&name);
        let stream = ["cache-control", "x-accel-buffering"].contains(&name);
        assert!(ours || plain || stream, "{name} came through, {case}");
    }
}

fn assert_native(closing: &Value, reply: &Reply, target: &Target, (input, output): (u64, u64), cost: &str) {
    let provider = target.provider.name();
    assert_eq!(closing["id"], reply.header("x-request-id"));
    assert_eq!(
        (&closing["provider_used"], &closing["model_used"], &closing["fallback_triggered"]),
        (&json!(provider), &json!(target.model), &json!(false))
    );
    let attempts = closing["attempts"].as_array().expect("attempts");
    assert_eq!(attempts.len(), 1);
    assert_eq!((&attempts[0]["outcome"], &attempts[0]["status"]), (&json!("ok"), &json!(200)));
    let usage = &closing["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(input), &json!(output)), "{usage}");
    if target.thoughts > 0 {
        assert_eq!(usage["reasoning_tokens"], target.thoughts);
    }
    assert!(reply.text().contains(&format!("\"estimated_cost_usd\":{cost}")), "{cost}: {usage}");
    assert_eq!((&usage["cost_is_estimate"], &closing["warnings"]), (&json!(false), &json!([])));
    assert!(closing["latency_ms"].is_u64());
    let mut want =
        vec!["id", "content", "finish_reason", "provider_used", "model_used", "fallback_triggered"];
    want.extend(["attempts", "pii_summary", "usage", "budget", "warnings", "latency_ms"]);
    want.retain(|name| *name != "content" || !reply.is_stream());
    let fields: Vec<_> = closing.as_object().expect("an object").keys().collect();
    assert_eq!(fields, want, "what is not there yet is absent");
    if reply.is_stream() {
        let start = &reply.events()[0];
        assert_eq!(start.name, "start");
        let want =
            json!({"request_id": closing["id"], "provider_used": provider, "model_used": target.model});
        assert_eq!(start.json(), want);
    }
}

fn assert_openai(closing: &Value, reply: &Reply, target: &Target, (input, output): (u64, u64), cost: &str) {
    let id = format!("chatcmpl-{}", reply.header("x-request-id").replace('-', ""));
    assert_eq!((&closing["id"], &closing["model"]), (&json!(id), &json!(target.model)));
    let usage = if reply.is_stream() {
        let chunks: Vec<Value> =
            reply.events().iter().filter(|e| e.data != "[DONE]").map(|e| e.json()).collect();
        assert_eq!(closing["object"], "chat.completion.chunk");
        assert!(chunks.iter().all(|chunk| chunk["id"] == closing["id"]), "one id");
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        let gateway = &closing["gateway"];
        assert_eq!(gateway["request_id"], reply.header("x-request-id"));
        assert_eq!((&gateway["provider"], &gateway["attempts"]), (&json!(target.provider.name()), &json!(1)));
        assert!(reply.text().contains(&format!("\"cost_usd\":{cost}")), "{cost}: {gateway}");
        chunks.last().expect("a usage chunk")["usage"].clone()
    } else {
        assert_eq!(closing["object"], "chat.completion");
        assert_eq!(closing["choices"][0]["message"]["role"], "assistant");
        closing["usage"].clone()
    };
    let counted = [&usage["prompt_tokens"], &usage["completion_tokens"], &usage["total_tokens"]];
    assert_eq!(counted, [&json!(input), &json!(output), &json!(input + output)], "{usage}");
    if target.thoughts > 0 {
        assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], target.thoughts);
    }
}

fn assert_anthropic(
    closing: &Value,
    reply: &Reply,
    target: &Target,
    (input, output): (u64, u64),
    cost: &str,
) {
    let id = format!("msg_{}", reply.header("x-request-id").replace('-', ""));
    assert_eq!(reply.header("request-id"), reply.header("x-request-id"));
    let message = if reply.is_stream() {
        let events = reply.events();
        assert!(events.iter().all(|event| event.json()["type"] == event.name), "{events:?}");
        let mut names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        names.dedup();
        let whole = ["message_start", "content_block_start", "content_block_delta", "content_block_stop"];
        assert_eq!(names, [&whole[..], &["message_delta", "message_stop"]].concat());
        let gateway = &closing["gateway"];
        assert_eq!(gateway["request_id"], reply.header("x-request-id"));
        assert_eq!((&gateway["provider"], &gateway["attempts"]), (&json!(target.provider.name()), &json!(1)));
        assert!(reply.text().contains(&format!("\"cost_usd\":{cost}")), "{cost}: {gateway}");
        events[0].json()["message"].clone()
    } else {
        closing.clone()
    };
    let told = [&message["id"], &message["type"], &message["role"], &message["model"]];
    assert_eq!(told, [&json!(id), &json!("message"), &json!("assistant"), &json!(target.model)]);
    let usage = &closing["usage"];
    assert_eq!([&usage["input_tokens"], &usage["output_tokens"]], [&json!(input), &json!(output)], "{usage}");
}

#[tokio::test]
async fn a_stream_has_a_usage_chunk_only_where_it_was_asked_for() {
    let gateway = Gateway::start().await;
    for target in &TARGETS {
        for (options, want) in
            [(json!(null), 0), (json!({"include_usage": false}), 0), (json!({"include_usage": true}), 1)]
        {
            let mut body = Dialect::OpenAi.ask(target.asked, "say: hi", Delivery::Stream);
            body["stream_options"] = options;
            let reply = gateway.post("/v1/chat/completions", &body).await;
            let events = reply.events();
            assert_eq!(events.last().expect("an end").data, "[DONE]");
            let chunks: Vec<Value> = events.iter().filter(|e| e.data != "[DONE]").map(|e| e.json()).collect();
            let usage: Vec<_> = chunks.iter().filter(|chunk| chunk["usage"].is_object()).collect();
            assert_eq!(usage.len(), want, "{target:?} {body}");
            assert!(usage.iter().all(|chunk| chunk["choices"] == json!([])), "{target:?}");
            // The gateway's own words stand on the last chunk with a reason, and nowhere else.
            let with_gateway: Vec<_> = chunks.iter().filter(|chunk| !chunk["gateway"].is_null()).collect();
            assert_eq!(with_gateway.len(), 1, "{target:?}");
            assert_eq!(with_gateway[0]["choices"][0]["finish_reason"], "stop", "{target:?}");
        }
    }
}

#[tokio::test]
async fn every_way_to_end_has_its_reason() {
    let gateway = Gateway::start().await;
    let long = "word ".repeat(60);
    for target in &TARGETS {
        for (dialect, delivery) in CHAT_WAYS {
            for (case, said, fields, text, reason, bound) in [
                ("done", "one", json!({"max_tokens": 5000}), Some("one"), "stop", ""),
                ("its limit", long.as_str(), json!({"max_tokens": 16}), None, "length", ""),
                ("the newer name", long.as_str(), json!({"max_completion_tokens": 16}), None, "length", ""),
                (
                    "a sequence",
                    "one END two",
                    json!({"stop": ["END"]}),
                    Some("one "),
                    "stop",
                    target.default_bound,
                ),
                (
                    "a single one",
                    "one END two",
                    json!({"stop": "END"}),
                    Some("one "),
                    "stop",
                    target.default_bound,
                ),
                (
                    "over the model's most",
                    "one",
                    json!({"max_tokens": 9_999_999}),
                    Some("one"),
                    "stop",
                    target.most,
                ),
            ] {
                let case = format!("{case}, {:?} {dialect:?} {delivery:?}", target.provider);
                let mut body = dialect.ask(target.asked, &format!("say: {said}"), delivery);
                let more = fields.as_object().expect("an object").clone();
                body.as_object_mut().expect("an object").extend(more);
                let reply = gateway.post(dialect.path(), &body).await;
                assert_eq!(reply.status, 200, "{case}: {reply:?}");
                let got = dialect.text(&reply);
                match text {
                    Some(text) => assert_eq!(got, text, "{case}"),
                    None => {
                        assert!(!got.is_empty() && said.starts_with(&got) && got != said, "{case}: {got}")
                    }
                }
                assert_eq!(finish_reason(dialect, &closing(dialect, &reply)), reason, "{case}");
                assert_eq!(reply.header("x-gateway-max-output-tokens"), bound, "{case}");
            }
        }
    }
}

/// The body that the provider got last.
fn sent(gateway: &Gateway) -> Value {
    let request = gateway.faults().requests().pop().expect("a request came in");
    serde_json::from_str(&request.body).expect("JSON")
}

#[tokio::test]
async fn a_conversation_reaches_each_provider_in_its_own_form() {
    let gateway = Gateway::start().await;
    let messages = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": "c"},
        {"role": "system", "content": "in French"},
        {"role": "user", "content": "say: oui"},
    ]);
    let texts = |texts: &[&str]| texts.iter().map(|t| json!({"type": "text", "text": t})).collect::<Value>();
    let parts = |texts: &[&str]| texts.iter().map(|t| json!({"text": t})).collect::<Value>();
    for target in &TARGETS {
        for (dialect, delivery) in CHAT_WAYS {
            let mut body = dialect.ask(target.asked, "", delivery);
            body["messages"] = messages.clone();
            let reply = gateway.post(dialect.path(), &body).await;
            assert_eq!(dialect.text(&reply), "oui", "{target:?}");
            let sent = sent(&gateway);
            match target.provider {
                Provider::OpenAi | Provider::AzureOpenAi => assert_eq!(sent["messages"], messages),
                Provider::Anthropic => {
                    assert_eq!(sent["system"], texts(&["be brief", "in French"]));
                    let want = json!([{"role": "user", "content": texts(&["a", "b"])},
                        {"role": "assistant", "content": "c"}, {"role": "user", "content": "say: oui"}]);
                    assert_eq!(sent["messages"], want);
                }
                Provider::Gemini => {
                    assert_eq!(sent["systemInstruction"]["parts"], parts(&["be brief", "in French"]));
                    let want = json!([{"role": "user", "parts": parts(&["a", "b"])},
                        {"role": "model", "parts": parts(&["c"])},
                        {"role": "user", "parts": parts(&["say: oui"])}]);
                    assert_eq!(sent["contents"], want);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_key_goes_in_the_providers_header_and_nothing_of_the_callers_goes_along() {
    let gateway = Gateway::start().await;
    for (target, name, value) in [
        (&TARGETS[0], "x-api-key", "upstream-key-7c1e5a9d3f"),
        (&TARGETS[1], "authorization", "Bearer upstream-key-7c1e5a9d3f"),
        (&TARGETS[2], "api-key", "upstream-key-7c1e5a9d3f"),
        (&TARGETS[3], "x-goog-api-key", "upstream-key-7c1e5a9d3f"),
    ] {
        let request = gateway.request(Method::POST, "/v1/complete").header("x-callers-own", "marker");
        let body = Dialect::Native.ask(target.asked, "say: hi", Delivery::Json);
        assert_eq!(Reply::of(request.json(&body)).await.status, 200, "{target:?}");
        let request = gateway.faults().requests().pop().expect("a request came in");
        assert_eq!(request.header(name), Some(value), "{target:?}");
        assert!(!request.path.contains("upstream-key"), "{target:?}");
        let callers = request
            .headers
            .iter()
            .filter(|(_, value)| value.contains("marker") || value.contains(crate::gateway::TEAM_KEY));
        assert_eq!(callers.count(), 0, "{target:?}");
    }
}

#[tokio::test]
async fn what_a_provider_does_not_take_is_dropped_and_named() {
    let gateway = Gateway::start().await;
    let fields = json!({
        "seed": 1, "logit_bias": {"50256": -100}, "temperature": 0.5, "top_p": 0.5, "presence_penalty": 1,
        "frequency_penalty": 1, "user": "u-1", "x_new": {"deep": [1]},
        "stream_options": {"include_usage": true, "include_obfuscation": false},
        "messages": [{"role": "user", "content": "say: hi", "name": "eve", "weight": 1}],
    });
    for (target, want) in [
        (&TARGETS[0], "messages.name,top_p,seed,presence_penalty,frequency_penalty,logit_bias"),
        (&TARGETS[1], ""),
        (&TARGETS[2], ""),
        (&TARGETS[3], "user,messages.name,logit_bias"),
    ] {
        for (dialect, delivery) in CHAT_WAYS {
            let mut body = dialect.ask(target.asked, "", delivery);
            let more = fields.as_object().expect("an object").clone();
            body.as_object_mut().expect("an object").extend(more);
            let reply = gateway.post(dialect.path(), &body).await;
            assert_eq!(reply.status, 200, "{target:?}: {reply:?}");
            let unknown = "x_new,stream_options.include_obfuscation,messages.weight";
            let want = if want.is_empty() { unknown.to_owned() } else { format!("{unknown},{want}") };
            assert_eq!(reply.header("x-gateway-dropped-params"), want, "{target:?}");
            let closing = closing(dialect, &reply);
            if dialect == Dialect::Native {
                let warnings = closing["warnings"].to_string();
                assert!(warnings.contains("`x_new` is not a known field and was dropped"), "{warnings}");
            } else if reply.is_stream() {
                let told: Vec<_> = want.split(',').collect();
                assert_eq!(closing["gateway"]["dropped_params"], json!(told), "{target:?}");
            }
        }
    }
    // What a provider takes has reached it.
    let body = json!({"model": "openai/gpt-4o", "seed": 7, "logit_bias": {"1": 2}, "user": "u-1",
        "messages": [{"role": "user", "content": "hi"}]});
    gateway.post("/v1/chat/completions", &body).await;
    let sent = sent(&gateway);
    assert_eq!(
        (&sent["seed"], &sent["logit_bias"], &sent["user"]),
        (&json!(7), &json!({"1": 2}), &json!("u-1"))
    );
}

#[tokio::test]
async fn a_model_is_found_by_each_of_its_names() {
    let gateway = Gateway::start().await;
    for (fields, provider, model) in [
        (json!({}), "anthropic", "claude-opus-4-6"),
        (json!({"model": null}), "anthropic", "claude-opus-4-6"),
        (json!({"provider": "openai"}), "openai", "gpt-4o"),
        (json!({"provider": "azure_openai"}), "azure_openai", "gpt-4o"),
        (json!({"provider": "azure"}), "azure_openai", "gpt-4o"),
        (json!({"provider": "gemini"}), "gemini", "gemini-2.5-pro"),
        (json!({"provider": "google"}), "gemini", "gemini-2.5-pro"),
        (json!({"model": "gpt-4o"}), "openai", "gpt-4o"),
        (json!({"model": "gpt-4o-mini"}), "openai", "gpt-4o-mini"),
        (json!({"model": "gpt-4o", "provider": "azure"}), "azure_openai", "gpt-4o"),
        (json!({"model": "deployed", "provider": "azure"}), "azure_openai", "gpt-4o"),
        (json!({"model": "azure/deployed"}), "azure_openai", "gpt-4o"),
        (json!({"model": "azure_openai/gpt-4o"}), "azure_openai", "gpt-4o"),
        (json!({"model": "google/gemini-2.5-flash"}), "gemini", "gemini-2.5-flash"),
        (json!({"model": "openai/gpt-4o", "provider": "openai"}), "openai", "gpt-4o"),
    ] {
        for (dialect, delivery) in WAYS {
            if dialect != Dialect::Native && fields.get("provider").is_some() {
                continue;
            }
            let mut body = dialect.ask("", "say: hi", delivery);
            body.as_object_mut().expect("an object").remove("model");
            body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
            let reply = gateway.post(dialect.path(), &body).await;
            let got = (reply.header("x-gateway-provider"), reply.header("x-gateway-model"));
            assert_eq!((reply.status, got), (200, (provider, model)), "{dialect:?} {fields}");
        }
    }
}

#[tokio::test]
async fn the_operator_says_who_is_asked_first_and_for_what() {
    let gateway = Setup::new()
        .env("PROVIDER_PRIORITY", "google,azure")
        .env("GEMINI_DEFAULT_MODEL", "gemini-2.5-flash")
        .start()
        .await;
    for (model, provider, served) in
        [(Value::Null, "gemini", "gemini-2.5-flash"), (json!("gpt-4o"), "azure_openai", "gpt-4o")]
    {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "hi"}]});
        let reply = gateway.post("/v1/chat/completions", &body).await;
        assert_eq!(reply.header("x-gateway-provider"), provider, "{model}");
        assert_eq!(reply.header("x-gateway-model"), served, "{model}");
    }
    let status = gateway.get("/v1/providers/status").await.json();
    let order: Vec<_> = status["providers"]
        .as_array()
        .expect("providers")
        .iter()
        .map(|entry| entry["name"].clone())
        .collect();
    assert_eq!(order, ["gemini", "azure_openai", "anthropic", "openai"]);
}

#[tokio::test]
async fn a_team_named_in_the_body_changes_nothing_but_is_told() {
    let gateway = Gateway::start().await;
    for (team, want) in [
        ("engineering-team", json!([])),
        ("finance-team", json!(["`team_id` differs from the key's team: the key decides"])),
    ] {
        let mut body = Dialect::Native.ask("gpt-4o", "hi", Delivery::Json);
        body["team_id"] = team.into();
        assert_eq!(gateway.post("/v1/complete", &body).await.json()["warnings"], want, "{team}");
    }
}

#[tokio::test]
async fn models_are_listed_once_each_and_found_by_name() {
    let gateway = Gateway::start().await;
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().expect("a list");
    for (name, owner) in
        [("claude-opus-4-6", "anthropic"), ("gpt-4o", "openai"), ("gemini-2.5-pro", "gemini")]
    {
        let found: Vec<_> = models.iter().filter(|model| model["id"] == name).collect();
        let want = json!({"id": name, "object": "model", "created": 0, "owned_by": owner});
        assert_eq!(found, [&want]);
        for id in [name.to_owned(), format!("{owner}/{name}")] {
            let reply = gateway.get(&format!("/v1/models/{id}")).await;
            assert_eq!(
                (reply.status, &reply.json()["id"], &reply.json()["owned_by"]),
                (200, &json!(id), &json!(owner))
            );
        }
    }
    for unknown in ["gpt-99", "openai/claude-opus-4-6", "nowhere/gpt-4o", "%00"] {
        let reply = gateway.get(&format!("/v1/models/{unknown}")).await;
        assert_eq!(reply.status, 404, "{unknown}");
        assert_eq!(reply.json()["error"]["code"], "model_not_found", "{unknown}");
        assert_eq!(reply.json()["error"]["param"], "model", "{unknown}");
    }
}

#[tokio::test]
async fn the_status_of_each_provider_is_told_in_priority_order() {
    let gateway = Gateway::start().await;
    let status = gateway.get("/v1/providers/status").await.json();
    assert!(status["replica"].as_str().is_some_and(|replica| !replica.is_empty()));
    let providers = status["providers"].as_array().expect("providers");
    let names: Vec<_> = providers.iter().map(|entry| entry["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["anthropic", "openai", "azure_openai", "gemini"]);
    for entry in providers {
        let fields: Vec<_> = entry.as_object().expect("an object").keys().collect();
        let mut want = vec!["name", "state", "since", "reason", "next_probe_at", "consecutive_failures"];
        want.extend(["in_flight", "error_rate", "latency_ms", "mailbox", "restarts", "models", "changes"]);
        assert_eq!(fields, want);
        assert_eq!((&entry["state"], &entry["in_flight"]), (&json!("closed"), &json!(0)), "{entry}");
    }
    let actors = status["actors"].as_array().expect("actors");
    let names: Vec<_> = actors.iter().map(|actor| actor["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["anthropic", "openai", "azure_openai", "gemini", "budget", "audit", "scanner"]);
    assert!(actors.iter().all(|actor| actor["alive"] == true), "{actors:?}");
}

#[tokio::test]
async fn health_is_open_and_tells_nothing_secret() {
    let gateway = Gateway::start().await;
    let all_closed =
        json!({"anthropic": "closed", "openai": "closed", "azure_openai": "closed", "gemini": "closed"});
    let budget = json!({"state": "ready", "warnings": []});
    eventually("the budget store was asked", async || {
        gateway.get("/health/ready").await.json()["budget"] == budget
    })
    .await;
    for (path, want) in [
        ("/health", json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})),
        ("/health/live", json!({"status": "ok"})),
        (
            "/health/ready",
            json!({"status": "ready", "providers": all_closed, "audit": "writable", "open_exchanges": 0, "held_bytes": 0}),
        ),
    ] {
        let reply = Reply::of(gateway.anonymous(Method::GET, path)).await;
        let mut told = reply.json();
        // Of the store it says a word, and warnings without an address.
        if let Some(budget) = told.as_object_mut().expect("an object").remove("budget") {
            assert!(budget["state"].is_string() && budget["warnings"].is_array(), "{budget}");
        }
        assert_eq!((reply.status, told), (200, want), "{path}");
    }
}

#[tokio::test]
async fn a_compatible_server_is_an_upstream_like_any_other() {
    let server = Simulator::start(SimulatorOptions::default()).expect("a simulator");
    let file = format!(
        r#"
        [upstreams.local]
        kind = "openai_compatible"
        base_url = "{url}/v1"
        api_key = "env:LOCAL_KEY"
        models = ["tiny-7b"]

        [upstreams.older]
        kind = "openai_compatible"
        base_url = "{url}/v1"
        api_key = "a-key-of-the-older-one"
        models = {{ "wire-name" = "small-3b" }}
        include_usage = false

        [models."tiny-7b"]
        input = "0.10"
        output = "0.40"

        [models."small-3b"]
        input = "1"
        output = "2"
        window = 4096
        "#,
        url = server.url()
    );
    let gateway = Setup::new().file("gateway.toml", &file).env("LOCAL_KEY", "local-key-0001").start().await;
    for model in ["tiny-7b", "local/tiny-7b"] {
        for (dialect, delivery) in WAYS {
            let reply = gateway.post(dialect.path(), &dialect.ask(model, "say: hello", delivery)).await;
            assert_eq!((reply.status, dialect.text(&reply)), (200, "hello".to_owned()), "{reply:?}");
            assert_eq!(reply.header("x-gateway-provider"), "local");
            // "say: hello" is 3 tokens and 7 around it at 100 nano-USD, "hello" 2 at 400.
            assert!(reply.is_stream() || reply.header("x-gateway-cost-usd") == "0.000001800");
            let request = server.faults().requests().pop().expect("a request came in");
            assert_eq!(request.path, "/v1/chat/completions");
            assert_eq!(request.header("authorization"), Some("Bearer local-key-0001"));
            let body: Value = serde_json::from_str(&request.body).expect("JSON");
            assert_eq!((&body["model"], &body["max_tokens"]), (&json!("tiny-7b"), &json!(8192)));
            let asked = json!({"include_usage": true});
            assert_eq!(body["stream_options"], if reply.is_stream() { asked } else { Value::Null });
        }
    }
    // A server that refuses `stream_options` tells no usage: what we can see is priced, and marked.
    let reply =
        gateway.post("/v1/complete", &Dialect::Native.ask("small-3b", "say: hello", Delivery::Stream)).await;
    let request = server.faults().requests().pop().expect("a request came in");
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!((&body["model"], body.get("stream_options")), (&json!("wire-name"), None));
    let done = closing(Dialect::Native, &reply);
    assert_eq!((&done["model_used"], &done["usage"]["cost_is_estimate"]), (&json!("small-3b"), &json!(true)));
    // 10 bytes in, and 96 tokens at most around them, at 1,000 nano-USD; 5 bytes out at 2,000: no tokenizer makes
    // more tokens than bytes.
    assert!(reply.text().contains("\"estimated_cost_usd\":0.000116000"), "{done}");
}

#[tokio::test]
async fn tls_speaks_both_versions_of_http() {
    let (certificate, key) = self_signed();
    let gateway = Setup::new()
        .file("tls.crt", certificate)
        .file("tls.key", key)
        .env("GATEWAY_TLS_CERT", "tls.crt")
        .env("GATEWAY_TLS_KEY", "tls.key")
        .launch()
        .await;
    // Made here for its crypto provider.
    crate::client::http();
    let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    for version in [reqwest::Version::HTTP_11, reqwest::Version::HTTP_2] {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted.clone()]);
        let client = if version == reqwest::Version::HTTP_11 { client.http1_only() } else { client };
        let client = client.build().expect("a client");
        for (dialect, delivery) in WAYS {
            let url = format!("https://{}{}", gateway.address(), dialect.path());
            let request = client.post(url).bearer_auth(crate::gateway::TEAM_KEY);
            let response = request.json(&dialect.ask("gpt-4o", "say: hi", delivery)).send().await;
            let response = response.expect("the gateway answers");
            assert_eq!(response.version(), version);
            let reply = Reply::read(response).await;
            assert_eq!((reply.status, dialect.text(&reply).as_str()), (200, "hi"), "{version:?} {dialect:?}");
        }
        let refused = client.get(format!("https://{}/v1/models", gateway.address())).send().await;
        assert_eq!(refused.expect("the gateway answers").status(), 401);
    }
}
