//! How requests end, and what their records say of it: docs/audit-schema.md has the table.

use crate::audit::State;
use crate::budgets::nano;
use crate::client::{Delivery, Dialect, Reading, Reply, attempts};
use crate::gateway::{Gateway, Setup, eventually};
use crate::records::{record, records};
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn patient() -> Setup {
    Setup::new().env("CIRCUIT_BREAKER_FAILURES", 1_000)
}

fn asking(gateway: &Gateway, text: &str, delivery: Delivery) -> RequestBuilder {
    let body = Dialect::OpenAi.ask("gpt-4o", text, delivery);
    gateway.request(Method::POST, Dialect::OpenAi.path()).json(&body)
}

/// `outcome status code`.
fn ending(record: &Value) -> String {
    let code = record["code"].as_str().unwrap_or("-");
    format!("{} {} {code}", record["outcome"].as_str().expect("an outcome"), record["status"])
}

/// What holds of every record.
fn assert_sound(record: &Value, case: &str) {
    let each = record["attempts"].as_array().expect("attempts");
    let of_attempts: i64 = each.iter().map(|attempt| nano(&attempt["cost_usd"])).sum();
    assert_eq!(of_attempts, nano(&record["cost_usd"]), "{case}: {record}");
    let (own, all) = (record["overhead_us"].as_u64(), record["latency_ms"].as_u64());
    assert!(own <= all.map(|ms| (ms + 1) * 1_000), "{case}: {record}");
}

#[tokio::test]
async fn what_is_refused_or_fails_is_told_apart() {
    let plain = async || patient().start().await;
    let blocking = "[pii]\nactions = { EMAIL_ADDRESS = \"block\" }\n";
    let gateways = [
        ("plain", plain().await),
        ("blocking", patient().file("gateway.toml", blocking).start().await),
        ("poor", patient().env("DEFAULT_TEAM_DAILY_BUDGET_USD", "0").start().await),
        ("slow", patient().env("DEFAULT_TEAM_REQUESTS_PER_MINUTE", 1).start().await),
        ("storeless", patient().env("REDIS_URL", "redis://127.0.0.1:1").launch().await),
    ];
    asking(&gateways[3].1, "say: hello", Delivery::Json).send().await.expect("the one of this minute");
    let json = Delivery::Json;
    let stream = Delivery::Stream;
    let refused = |code| vec![Rule::new(Failure::Status { code, retry_after_ms: None })];
    let one = |code| vec![Rule::new(Failure::Status { code, retry_after_ms: None }).on(Provider::OpenAi)];
    for (case, on, text, delivery, rules, want, tried) in [
        ("an answer", "plain", "hello", json, vec![], "answered 200 -", &["openai:ok"][..]),
        ("a stream", "plain", "hello", stream, vec![], "answered 200 -", &["openai:ok"]),
        (
            "a fallback",
            "plain",
            "hello",
            json,
            one(503),
            "answered 200 -",
            &["openai:unavailable", "azure_openai:ok"],
        ),
        (
            "a fallback of a stream",
            "plain",
            "hello",
            stream,
            one(503),
            "answered 200 -",
            &["openai:unavailable", "azure_openai:ok"],
        ),
        (
            "the provider's word",
            "plain",
            "hello",
            json,
            refused(400),
            "failed 400 invalid_field",
            &["openai:refused"],
        ),
        (
            "its word to a stream",
            "plain",
            "hello",
            stream,
            refused(400),
            "failed 400 invalid_field",
            &["openai:refused"],
        ),
        (
            "nobody answers",
            "plain",
            "hello",
            json,
            refused(503),
            "failed 503 no_provider_available",
            &["openai:unavailable", "azure_openai:unavailable"],
        ),
        (
            "nor a stream",
            "plain",
            "hello",
            stream,
            refused(503),
            "failed 503 no_provider_available",
            &["openai:unavailable", "azure_openai:unavailable"],
        ),
        ("a policy", "blocking", "a@example.org", json, vec![], "denied 400 content_blocked", &[]),
        ("no money", "poor", "hello", json, vec![], "denied 402 budget_exceeded", &[]),
        ("too many", "slow", "hello", stream, vec![], "denied 429 rate_limited", &[]),
        ("no store", "storeless", "hello", stream, vec![], "denied 503 budget_unavailable", &[]),
    ] {
        let (_, gateway) = gateways.iter().find(|(name, _)| *name == on).expect("there is one");
        gateway.faults().reset();
        gateway.faults().set_all(rules);
        let reply = Reply::of(asking(gateway, text, delivery)).await;
        let record = record(gateway, reply.header("x-request-id")).await;
        assert_eq!(ending(&record), want, "{case}: {record}");
        assert_eq!(record["status"], reply.status, "{case}: {record}");
        assert_eq!(attempts(&record["attempts"]), tried, "{case}: {record}");
        assert_sound(&record, case);
        let answered = record["outcome"] == "answered";
        for field in ["provider_used", "model_used", "model_answered"] {
            assert_eq!(record[field].is_string(), answered, "{case}: {field} of {record}");
        }
        assert_eq!(record["usage"]["output_tokens"].is_u64(), answered, "{case}: {record}");
        if on == "blocking" {
            let want = json!({"by_type": {"EMAIL_ADDRESS": 1}, "action": "block"});
            assert_eq!(record["pii"], want, "{case}");
        }
    }
}

#[tokio::test]
async fn a_model_is_recorded_as_it_was_named() {
    let gateway = Gateway::start().await;
    for (asked, want) in [
        ("gpt-4o", Some("gpt-4o")),
        ("azure_openai/gpt-4o", Some("azure_openai/gpt-4o")),
        ("azure/gpt-4o", Some("azure/gpt-4o")),
        ("deployed", Some("deployed")),
        ("azure_openai/deployed", Some("azure_openai/deployed")),
        ("mArKeR", None),
        ("openai/mArKeR", None),
    ] {
        let body = Dialect::OpenAi.ask(asked, "say: hello", Delivery::Json);
        let reply = gateway.post(Dialect::OpenAi.path(), &body).await;
        let record = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!(record["model_requested"].as_str(), want, "{asked}: {record}");
        if asked.contains("deployed") {
            assert_eq!((&record["model_used"], reply.status), (&json!("gpt-4o"), 200), "{record}");
        }
    }
}

#[tokio::test]
async fn over_its_slots_it_says_so_in_the_record() {
    let gateway = patient().env("GATEWAY_MAX_IN_FLIGHT", 1).start().await;
    gateway.faults().set(Rule::new(Failure::Stall(Point::Headers)));
    let mut holding = tokio::task::JoinSet::new();
    holding.spawn(asking(&gateway, "hello", Delivery::Json).send());
    eventually("the call", async || gateway.seen(Provider::OpenAi).in_flight == 1).await;
    let reply = Reply::of(asking(&gateway, "hello", Delivery::Json)).await;
    let record = record(&gateway, reply.header("x-request-id")).await;
    assert_eq!(ending(&record), "denied 503 overloaded", "{record}");
    assert_eq!(record["attempts"], json!([]), "{record}");
}

#[tokio::test]
async fn a_stream_that_breaks_is_recorded_before_its_end_is_told() {
    let gateway = patient().env("UPSTREAM_FIRST_BYTE_TIMEOUT_S", 1).start().await;
    for (failure, want, tried) in [
        (Failure::Cut(Point::AfterContent), "cut_short 200 upstream_failed", "openai:broken_answer"),
        (Failure::StreamError(Point::AfterContent), "cut_short 200 upstream_failed", "openai:unavailable"),
        (Failure::Stall(Point::AfterContent), "cut_short 200 upstream_timeout", "openai:timeout"),
    ] {
        let case = format!("{failure:?}");
        gateway.faults().set(Rule::new(failure));
        let reading = Reading::open(asking(&gateway, "words: 40", Delivery::Stream)).await;
        let id = reading.header("x-request-id").to_owned();
        reading.rest().await;
        // Not awaited: it is there.
        let all = records(&gateway).await;
        let record = all.iter().find(|record| record["request_id"] == id.as_str());
        let record = record.unwrap_or_else(|| panic!("{case}: no record yet"));
        assert_eq!(ending(record), want, "{case}: {record}");
        assert_eq!(attempts(&record["attempts"]), [tried], "{case}: {record}");
        assert_eq!(record["provider_used"], "openai", "{case}: {record}");
        assert_eq!(record["cost_is_estimate"], true, "{case}: {record}");
        assert!(nano(&record["cost_usd"]) > 0, "{case}: {record}");
        assert_eq!(
            record["usage"],
            json!({}),
            "{case}: what was charged by its bound was not reported: {record}"
        );
        assert_sound(record, &case);
    }
}

#[tokio::test]
async fn a_held_stream_that_fails_is_recorded() {
    let gateway = patient().env("UPSTREAM_FIRST_BYTE_TIMEOUT_S", 16).only(&[Provider::OpenAi]).start().await;
    gateway.faults().set(Rule::new(Failure::Stall(Point::BeforeContent)));
    let reading = Reading::open(asking(&gateway, "hello", Delivery::Stream)).await;
    assert_eq!(reading.header("x-gateway-stream"), "held");
    let id = reading.header("x-request-id").to_owned();
    reading.rest().await;
    let record = record(&gateway, &id).await;
    assert_eq!(ending(&record), "failed 200 upstream_timeout", "{record}");
    assert_eq!(attempts(&record["attempts"]), ["openai:timeout"], "{record}");
    assert!(record["overhead_us"].as_u64() < Some(5_000_000), "waiting is the provider's: {record}");
    assert_sound(&record, "held");
}

#[tokio::test]
async fn whoever_leaves_is_recorded_with_what_was_tried() {
    let gateway = patient().start().await;
    let only = async |what: &str| {
        let mut found = Value::Null;
        eventually(what, async || {
            found = records(&gateway).await.first().cloned().unwrap_or_default();
            found["client_request_id"] == what
        })
        .await;
        assert_eq!(ending(&found), "cancelled 499 -", "{what}: {found}");
        assert_sound(&found, what);
        found
    };
    let named = |what: &str, delivery| asking(&gateway, "words: 400", delivery).header("x-request-id", what);

    gateway.faults().set(Rule::new(Failure::Stall(Point::BeforeContent)));
    let mut asked = tokio::task::JoinSet::new();
    asked.spawn(named("before-content", Delivery::Stream).send());
    eventually("the call", async || gateway.seen(Provider::OpenAi).streams_open == 1).await;
    asked.abort_all();
    let record = only("before-content").await;
    assert_eq!(attempts(&record["attempts"]), ["openai:cancelled"], "{record}");
    assert_eq!(record["provider_used"], Value::Null, "{record}");

    gateway.faults().reset();
    gateway.faults().set(Rule { gap_ms: 20, ..Rule::default() });
    let mut reading = Reading::open(named("after-content", Delivery::Stream)).await;
    reading.until_text(Dialect::OpenAi).await;
    drop(reading);
    let record = only("after-content").await;
    assert_eq!(attempts(&record["attempts"]), ["openai:ok"], "{record}");
    assert_eq!(
        (&record["provider_used"], &record["cost_is_estimate"]),
        (&json!("openai"), &json!(true)),
        "{record}"
    );

    gateway.faults().reset();
    gateway.faults().set(Rule { latency_ms: 700, ..Rule::default() });
    asked.spawn(named("a-json-call", Delivery::Json).send());
    eventually("the call", async || gateway.seen(Provider::OpenAi).in_flight == 1).await;
    asked.abort_all();
    let record = only("a-json-call").await;
    assert_eq!(attempts(&record["attempts"]), ["openai:ok"], "it went on for its usage: {record}");
    assert_eq!(
        (&record["provider_used"], &record["cost_is_estimate"]),
        (&json!("openai"), &json!(false)),
        "{record}"
    );
    assert!(record["usage"]["output_tokens"].as_u64() > Some(0), "{record}");
    assert!(record["latency_ms"].as_u64() >= Some(700), "{record}");
    assert!(record["overhead_us"].as_u64() < Some(600_000), "waiting is the provider's: {record}");
}

#[tokio::test]
async fn what_a_shutdown_cuts_is_interrupted() {
    let state = State::new();
    let gateway = state.setup().env("GATEWAY_SHUTDOWN_GRACE_S", 1).start().await;
    let named = |what: &str, delivery| asking(&gateway, "words: 9000", delivery).header("x-request-id", what);
    gateway.faults().set(Rule { gap_ms: 20, ..Rule::default() });
    let mut flowing = Reading::open(named("flowing", Delivery::Stream)).await;
    flowing.until_text(Dialect::OpenAi).await;
    gateway.faults().reset();
    gateway.faults().set(Rule::new(Failure::Stall(Point::AfterContent)));
    let mut stalled = Reading::open(named("stalled", Delivery::Stream)).await;
    stalled.until_text(Dialect::OpenAi).await;
    gateway.faults().reset();
    gateway.faults().set(Rule::new(Failure::Stall(Point::BeforeContent)));
    let search = async { Reply::of(named("search", Delivery::Stream)).await };
    let json = async { Reply::of(named("json", Delivery::Json)).await };
    let stop = async {
        let open = async || gateway.get("/health/ready").await.json()["open_exchanges"] == 4;
        eventually("four open exchanges", open).await;
        gateway.terminate();
    };
    let (_, _, search, json, ()) = tokio::join!(flowing.rest(), stalled.rest(), search, json, stop);
    assert_eq!((search.status, json.status), (503, 503));
    assert!(gateway.ended().await.status.success());
    let exported = state.audit(&["export"]).out;
    let all: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    for (what, want, tried) in [
        ("flowing", "interrupted 200 overloaded", "openai:ok"),
        ("stalled", "interrupted 200 overloaded", "openai:ok"),
        ("search", "interrupted 503 overloaded", "openai:interrupted"),
        ("json", "interrupted 503 overloaded", "openai:interrupted"),
    ] {
        let own: Vec<&Value> = all.iter().filter(|record| record["client_request_id"] == what).collect();
        assert_eq!(own.len(), 1, "{what}: {all:?}");
        assert_eq!(ending(own[0]), want, "{what}: {}", own[0]);
        assert_eq!(attempts(&own[0]["attempts"]), [tried], "{what}: {}", own[0]);
        assert!(nano(&own[0]["cost_usd"]) > 0, "it may have been served: {}", own[0]);
        assert_sound(own[0], what);
    }
    assert!(state.audit(&["verify"]).status.success());
}
