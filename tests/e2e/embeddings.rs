//! Embeddings, to each provider that makes them: forms of input and of vectors, money, the record, personal
//! data, fallback, and what is refused.

use crate::client::{Delivery, Dialect, Reply};
use crate::gateway::{Gateway, Setup};
use crate::records::record;
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};

/// Azure with a deployment of the model that OpenAI has too.
const FILE: &str = "[upstreams.azure_openai]\nmodels = { \"deployed\" = \"gpt-4o\", \"embed\" = \"text-embedding-3-small\" }\n";

/// Provider, model as asked for, catalog's name, nano-USD for a million tokens.
const ROUTES: [(Provider, &str, &str, u64); 4] = [
    (Provider::OpenAi, "text-embedding-3-small", "text-embedding-3-small", 20_000_000),
    (Provider::AzureOpenAi, "azure_openai/embed", "text-embedding-3-small", 22_000_000),
    (Provider::Gemini, "gemini-embedding-2", "gemini-embedding-2", 200_000_000),
    (Provider::Gemini, "gemini/gemini-embedding-001", "gemini-embedding-001", 150_000_000),
];

async fn with_azure() -> Gateway {
    Setup::new().file("gateway.toml", FILE).start().await
}

async fn embed(gateway: &Gateway, body: &Value) -> Reply {
    gateway.post("/v1/embeddings", body).await
}

fn vectors(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let body = reply.json();
    assert_eq!(body["object"], "list");
    let data = body["data"].as_array().expect("data");
    for (index, item) in data.iter().enumerate() {
        assert_eq!((&item["object"], &item["index"]), (&json!("embedding"), &json!(index)), "{item}");
    }
    data.iter().map(|item| item["embedding"].clone()).collect()
}

#[tokio::test]
async fn each_provider_makes_vectors_and_is_paid_for_them() {
    let gateway = with_azure().await;
    let mut spent = 0;
    for (provider, asked, model, price) in ROUTES {
        let body = json!({"model": asked, "input": ["red", "a green field é", "red"]});
        let reply = embed(&gateway, &body).await;
        let case = format!("{provider:?} {asked}: {reply:?}");
        let found = vectors(&reply);
        assert_eq!(found.len(), 3, "{case}");
        assert!(found[0] == found[2] && found[0] != found[1], "{case}");
        assert_eq!(found[0].as_array().map(Vec::len), Some(16), "{case}");
        assert_eq!(reply.json()["model"], model, "{case}");
        assert_eq!(reply.header("x-gateway-provider"), provider.name(), "{case}");
        assert_eq!(reply.header("x-gateway-model"), model, "{case}");
        assert_eq!(reply.header("x-gateway-max-output-tokens"), "", "{case}");
        // The simulator counts four characters a token; the first of Gemini's models counts none: each byte is
        // one then, with what may stand around an input.
        let is_silent = asked.ends_with("001");
        let tokens = if is_silent { 3 + 16 + 3 + 3 * 8 } else { 1 + 4 + 1 };
        assert_eq!(reply.json()["usage"], json!({"prompt_tokens": tokens, "total_tokens": tokens}), "{case}");
        let nano = (tokens * price).div_ceil(1_000_000);
        assert_eq!(reply.header("x-gateway-cost-usd"), format!("0.{nano:09}"), "{case}");
        spent += i64::try_from(nano).expect("small");
        let told = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!((&told["endpoint"], &told["outcome"]), (&json!("/v1/embeddings"), &json!("answered")));
        assert_eq!((&told["provider_used"], &told["model_used"]), (&json!(provider.name()), &json!(model)));
        let named = if provider == Provider::Gemini { Value::Null } else { json!(told_model(asked)) };
        assert_eq!(told["model_answered"], named, "{told}");
        assert_eq!(told["cost_is_estimate"], is_silent, "{told}");
        // What the provider counted; and what is charged.
        assert_eq!(
            told["usage"]["input_tokens"],
            if is_silent { Value::Null } else { json!(tokens) },
            "{told}"
        );
        assert_eq!(told["settlement"]["shares"][0]["input_tokens"], tokens, "{told}");
    }
    assert_eq!(gateway.spent().await, spent, "settled as told");
}

/// The simulator answers with the name that it was asked by.
fn told_model(asked: &str) -> &str {
    asked.rsplit_once('/').map_or(asked, |(_, name)| name)
}

#[tokio::test]
async fn inputs_and_vectors_come_in_each_form() {
    let gateway =
        Setup::new().file("gateway.toml", &format!("{FILE}[pii]\ntokens = \"allow\"\n")).start().await;
    for (provider, asked, ..) in ROUTES {
        for (input, count) in [(json!("red"), 1), (json!(["red", "blue"]), 2)] {
            let case = format!("{provider:?} {input}");
            let body = |format: Value| json!({"model": asked, "input": input, "dimensions": 8, "encoding_format": format, "user": "u-1"});
            let numbers = embed(&gateway, &body(json!("float"))).await;
            let text = embed(&gateway, &body(json!("base64"))).await;
            let dropped = if provider == Provider::Gemini { "user" } else { "" };
            assert_eq!(numbers.header("x-gateway-dropped-params"), dropped, "{case}");
            let (numbers, text) = (vectors(&numbers), vectors(&text));
            assert_eq!((numbers.len(), text.len()), (count, count), "{case}");
            for (numbers, text) in numbers.iter().zip(&text) {
                assert_eq!(numbers.as_array().map(Vec::len), Some(8), "{case}");
                // 8 floats of 4 bytes.
                assert_eq!(text.as_str().map(str::len), Some(44), "{case}: {text}");
            }
        }
    }
    // Tokens are their own model's.
    for input in [json!([1, 2, 3]), json!([[1, 2], [3]])] {
        let body = json!({"model": "text-embedding-3-small", "input": input});
        let reply = embed(&gateway, &body).await;
        assert_eq!(reply.json()["usage"]["prompt_tokens"], 3, "{}", reply.text());
        let reply = embed(&gateway, &json!({"model": "gemini-embedding-001", "input": input})).await;
        let error = reply.json()["error"].clone();
        assert_eq!((&error["code"], &error["param"]), (&json!("unsupported"), &json!("input")), "{error}");
    }
}

#[tokio::test]
async fn what_is_found_in_an_input_stays_inside() {
    let gateway = with_azure().await;
    let mail = "write to zora.quill@example.org about 4111 1111 1111 1111";
    for (_, asked, ..) in ROUTES {
        gateway.faults().reset();
        let reply = embed(&gateway, &json!({"model": asked, "input": ["hello", mail, mail, "hello ann@example.org"], "user": "bob@example.org"})).await;
        let found = vectors(&reply);
        let sent = gateway.faults().requests().pop().expect("a request came in").body;
        for value in ["zora.quill", "4111", "ann@", "bob@"] {
            assert!(!sent.contains(value), "{sent}");
        }
        // Each input is numbered by itself, so equal texts are equal vectors, whatever stands before them.
        assert_eq!(sent.matches("write to [EMAIL_ADDRESS_1] about [CREDIT_CARD_1]").count(), 2, "{sent}");
        assert!(sent.contains("hello [EMAIL_ADDRESS_1]"), "{sent}");
        assert_eq!(found[1], found[2]);
        let told = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!(told["pii"]["by_type"]["EMAIL_ADDRESS"], 4, "{told}");
        assert_eq!(reply.header("x-gateway-pii-redacted"), "6");
    }
    // What can't be searched does not go out.
    let seen = gateway.seen(Provider::OpenAi).requests;
    let reply = embed(&gateway, &json!({"model": "text-embedding-3-small", "input": [1, 2]})).await;
    let error = reply.json()["error"].clone();
    assert_eq!((reply.status, &error["code"]), (400, &json!("content_blocked")), "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("`input`")), "{error}");
    assert_eq!(gateway.seen(Provider::OpenAi).requests, seen);
}

#[tokio::test]
async fn the_same_model_elsewhere_answers_and_no_other() {
    let gateway = with_azure().await;
    gateway.faults().set(Rule::status(503).on(Provider::OpenAi));
    let body = json!({"model": "text-embedding-3-small", "input": "red"});
    let reply = embed(&gateway, &body).await;
    assert_eq!(vectors(&reply).len(), 1);
    let told =
        ["x-gateway-provider", "x-gateway-fallback", "x-gateway-attempts"].map(|name| reply.header(name));
    assert_eq!(told, ["azure_openai", "true", "2"]);
    let alone = gateway.request(Method::POST, "/v1/embeddings").header("x-gateway-fallback", "off");
    let reply = Reply::of(alone.json(&body)).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (502, &json!("upstream_failed")));
    let reply = embed(&gateway, &json!({"model": "text-embedding-3-large", "input": "red"})).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (502, &json!("upstream_failed")));
    for (failure, outcome) in [
        (Failure::GarbageJson, "broken_answer"),
        (Failure::Cut(Point::AfterContent), "broken_answer"),
        (Failure::ContentType("text/html".to_owned()), "broken_answer"),
        (Failure::WrongKey, "misconfigured"),
    ] {
        let gateway = with_azure().await;
        gateway.faults().set(Rule::new(failure.clone()).on(Provider::OpenAi));
        let reply = embed(&gateway, &body).await;
        assert_eq!(reply.header("x-gateway-provider"), "azure_openai", "{failure:?}: {reply:?}");
        let told = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!(told["attempts"][0]["outcome"], outcome, "{failure:?}: {told}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_by_its_field_and_goes_nowhere() {
    let gateway = Setup::new().env("DEFAULT_TEAM_DAILY_BUDGET_USD", "0.000001").start().await;
    let model = "text-embedding-3-small";
    for (case, body, status, code, param) in [
        ("many", json!({"model": model, "input": vec!["a"; 100_000]}), 400, "invalid_field", json!("input")),
        (
            "many for Gemini",
            json!({"model": "gemini-embedding-001", "input": vec!["a"; 101]}),
            400,
            "unsupported",
            json!("input"),
        ),
        ("nothing", json!({"model": model, "input": []}), 400, "invalid_field", json!("input")),
        ("no model", json!({"input": "a"}), 400, "invalid_field", json!("model")),
        ("a model of chat", json!({"model": "gpt-4o", "input": "a"}), 404, "model_not_found", json!("model")),
        ("no such model", json!({"model": "no-such", "input": "a"}), 404, "model_not_found", json!("model")),
        (
            "over the budget",
            json!({"model": model, "input": "a".repeat(100)}),
            402,
            "budget_exceeded",
            Value::Null,
        ),
    ] {
        let reply = embed(&gateway, &body).await;
        let error = reply.json()["error"].clone();
        assert_eq!(
            (reply.status, error["code"].as_str(), &error["param"]),
            (status, Some(code), &param),
            "{case}: {error}"
        );
        let told = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!((&told["code"], told["cost_usd"].as_f64()), (&json!(code), Some(0.0)), "{case}: {told}");
    }
    let reply = gateway.post("/v1/chat/completions", &Dialect::OpenAi.ask(model, "hi", Delivery::Json)).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!("model_not_found")));
    assert!(reply.text().contains("/v1/embeddings"), "{}", reply.text());
    assert_eq!(gateway.seen(Provider::OpenAi).requests + gateway.seen(Provider::Gemini).requests, 0);
    let listed = gateway.get(&format!("/v1/models/{model}")).await;
    assert_eq!((listed.status, &listed.json()["owned_by"]), (200, &json!("openai")));
}

#[tokio::test]
async fn the_limits_of_a_team_hold_for_vectors_too() {
    let file = format!("{FILE}[teams.engineering-team]\nrequests_per_minute = 2\n");
    let gateway = Setup::new().file("gateway.toml", &file).start().await;
    let body = json!({"model": "text-embedding-3-small", "input": "red"});
    for _ in 0..2 {
        assert_eq!(embed(&gateway, &body).await.status, 200);
    }
    for _ in 0..2 {
        let reply = embed(&gateway, &body).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (429, &json!("rate_limited")));
        let wait: u64 = reply.header("retry-after").parse().expect("seconds");
        assert!((1..=30).contains(&wait), "{wait}");
    }
    assert_eq!(gateway.seen(Provider::OpenAi).requests, 2);
}
