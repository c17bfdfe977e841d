//! The audit trail of requests: one record of each, whichever way it ends.

use crate::client::{Delivery, Dialect, Reply, http};
use crate::gateway::{ADMIN_KEY, Gateway, OTHER_TEAM_KEY, Setup, TEAM_KEY, eventually};
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};

/// What is recorded, newest first; of a pair, of both together where they see each other's, else first of the one,
/// then of the other.
pub async fn records(gateway: &Gateway) -> Vec<Value> {
    let mut all = Vec::new();
    for url in gateway.urls("/v1/audit/recent?limit=1000") {
        let reply = Reply::of(http().get(url).header("x-api-key", ADMIN_KEY)).await;
        let page = reply.json();
        all.extend(page["entries"].as_array().expect("entries").clone());
        if page["replicas"] == "all" {
            break;
        }
    }
    all
}

/// The one record of a request, once it is there.
pub async fn record(gateway: &Gateway, id: &str) -> Value {
    eventually("the record", async || records(gateway).await.iter().any(|record| record["request_id"] == id))
        .await;
    let all = records(gateway).await;
    let mut own = all.into_iter().filter(|record| record["request_id"] == id);
    let record = own.next().expect("it is there");
    assert!(own.next().is_none(), "a second record of {id}");
    record
}

#[tokio::test]
async fn each_way_that_a_request_ends_leaves_one_record() {
    let gateway = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 1_000).start().await;
    let ask = |model: &str, delivery| Dialect::OpenAi.ask(model, "say: hello", delivery);
    let path = Dialect::OpenAi.path();
    for (case, body, rules, outcome, status) in [
        ("an answer", ask("gpt-4o", Delivery::Json), vec![], "answered", 200),
        ("a stream", ask("gpt-4o", Delivery::Stream), vec![], "answered", 200),
        (
            "a fallback",
            ask("gpt-4o", Delivery::Json),
            vec![Rule::new(Failure::Status { code: 503, retry_after_ms: None }).on(Provider::OpenAi)],
            "answered",
            200,
        ),
        ("a wrong field", json!({"model": "gpt-4o", "messages": []}), vec![], "denied", 400),
        ("no such model", ask("mArKeR-model", Delivery::Json), vec![], "denied", 404),
        ("no such model here", ask("mArKeR text/gpt-4o", Delivery::Json), vec![], "denied", 404),
        ("no JSON", Value::String("no".to_owned()), vec![], "denied", 400),
        (
            "all fail",
            ask("gpt-4o", Delivery::Json),
            vec![Rule::new(Failure::Status { code: 503, retry_after_ms: None })],
            "failed",
            503,
        ),
        (
            "all fail in a stream",
            ask("gpt-4o", Delivery::Stream),
            vec![Rule::new(Failure::Status { code: 503, retry_after_ms: None })],
            "failed",
            503,
        ),
    ] {
        gateway.faults().set_all(rules);
        let reply = gateway.post(path, &body).await;
        assert_eq!(reply.status, status, "{case}: {}", reply.text());
        let record = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!(
            (&record["outcome"], &record["status"]),
            (&json!(outcome), &json!(status)),
            "{case}: {record}"
        );
        assert_eq!(record["team_id"], "engineering-team", "{case}");
        assert_eq!(record["endpoint"], path, "{case}");
        assert_eq!(record["recorded_by"], "owner", "{case}");
        assert_eq!(record["stream"], body["stream"] == true, "{case}");
        assert_eq!(record["fallback_triggered"], case == "a fallback", "{case}");
        assert_eq!(
            record["cost_usd"].as_f64().expect("a cost") > 0.0,
            outcome == "answered",
            "{case}: {record}"
        );
        assert_eq!(record["code"].is_null(), outcome == "answered", "{case}: {record}");
        assert!(!record.to_string().contains("mArKeR"), "{case}: {record}");
    }
    assert_eq!(records(&gateway).await.len(), 9);
    let stranger = gateway.anonymous(Method::POST, path).json(&ask("gpt-4o", Delivery::Json));
    assert_eq!(Reply::of(stranger).await.status, 401);
    assert_eq!(records(&gateway).await.len(), 9, "a stranger leaves none");
}

#[tokio::test]
async fn a_caller_s_own_id_is_kept_unless_it_says_whose_it_is() {
    let file = "[teams.finance-team.pii]\nenabled = false\n";
    let gateway = Setup::new().file("gateway.toml", file).start().await;
    let kept = async |key: &str, id: &str, model: &str| {
        let body = Dialect::OpenAi.ask(model, "hello", Delivery::Json);
        let request = gateway.anonymous(Method::POST, "/v1/chat/completions").header("x-api-key", key);
        let reply = Reply::of(request.header("x-request-id", id).json(&body)).await;
        let told = record(&gateway, reply.header("x-request-id")).await;
        (told["client_request_id"].as_str().expect("it is kept").to_owned(), reply)
    };
    let far = format!("{}/zora.quill@example.org", "x".repeat(110));
    for (id, kind) in [
        ("zora.quill@example.org", "EMAIL_ADDRESS"),
        ("536-90-4399", "US_SSN"),
        (concat!("sk-", "proj-Zx81kQvT0pLmW3nR5sYb7dFhJ2gK4aC6eU9iO1qP8rT3wV5yB7nM0zX2c4"), "SECRET"),
        (&far, "EMAIL_ADDRESS"),
    ] {
        // Refused ones are kept likewise.
        for model in ["gpt-4o", "no-such-model"] {
            let (told, _) = kept(TEAM_KEY, id, model).await;
            let hash = told.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')).unwrap_or_default();
            assert!(hash.len() == 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{id}: {told}");
            assert_eq!(kept(TEAM_KEY, id, model).await.0, told, "it is the same each time");
        }
    }
    for id in ["req-88", "01a20c47-1458-701f-bd68-31dfabdfe433", "4bf92f3577b34da6a3ce929d0e0e4736"] {
        assert_eq!(kept(TEAM_KEY, id, "gpt-4o").await.0, id);
    }
    assert_eq!(kept(OTHER_TEAM_KEY, "zora.quill@example.org", "gpt-4o").await.0, "zora.quill@example.org");

    // What names no model is told to whoever wrote it, unless it says more than a name does.
    for (model, shown) in [("gpt-99", true), ("zora.quill@example.org", false), ("ssn:536-90-4399", false)] {
        let (_, reply) = kept(TEAM_KEY, "req-88", model).await;
        assert_eq!(reply.status, 404, "{}", reply.text());
        assert_eq!(reply.text().contains(model), shown, "{}", reply.text());
    }
    let (_, reply) = kept(OTHER_TEAM_KEY, "req-88", "536-90-4399").await;
    assert!(reply.text().contains("536-90-4399"), "{}", reply.text());
}

#[tokio::test]
async fn a_caller_that_leaves_is_recorded() {
    let gateway = Gateway::start().await;
    let body = Dialect::OpenAi.ask("gpt-4o", "count: 1000 delay: 50", Delivery::Stream);
    gateway.faults().set(Rule::new(Failure::Stall(Point::Headers)));
    let mut asking = tokio::task::JoinSet::new();
    asking.spawn(gateway.request(Method::POST, Dialect::OpenAi.path()).json(&body).send());
    eventually("the call", async || !gateway.faults().requests().is_empty()).await;
    asking.abort_all();
    eventually("the record", async || !records(&gateway).await.is_empty()).await;
    let all = records(&gateway).await;
    assert_eq!((&all[0]["outcome"], &all[0]["status"]), (&json!("cancelled"), &json!(499)), "{all:?}");
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn a_trace_is_kept_and_passed_on_and_no_text_with_it() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";
    let gateway = Gateway::start().await;
    let parent = format!("00-{TRACE}-{SPAN}-01");
    for (case, sent, passed) in [
        ("a trace", Some(&*parent), Some(&*parent)),
        ("none", None, None),
        ("text", Some("mArKeR"), None),
        ("text behind", Some(&*format!("{parent}-mArKeR")), None),
        ("a newer version, text behind", Some(&*format!("cc{}-mArKeR", &parent[2..])), Some(&*parent)),
    ] {
        for (dialect, delivery) in crate::client::WAYS {
            let body = dialect.ask("gpt-4o", "say: hello", delivery);
            let mut request = gateway.request(Method::POST, dialect.path()).header("tracestate", "mArKeR=1");
            if let Some(sent) = sent {
                request = request.header("traceparent", sent);
            }
            let reply = Reply::of(request.json(&body)).await;
            assert_eq!(reply.status, 200, "{case}: {}", reply.text());
            let record = record(&gateway, reply.header("x-request-id")).await;
            let ids = passed.map(|_| (TRACE, SPAN)).unzip();
            assert_eq!((record["trace_id"].as_str(), record["span_id"].as_str()), ids, "{case}: {record}");
            let call = gateway.faults().requests().pop().expect("a call");
            let header = |name: &str| call.headers.iter().find(|(known, _)| known == name);
            assert_eq!(header("traceparent").map(|(_, value)| value.as_str()), passed, "{case}");
            assert!(header("tracestate").is_none(), "{case}");
        }
    }
    gateway.until_idle().await;
    let log = gateway.stop().await.log;
    assert!(log.contains(TRACE), "{log}");
    assert!(!log.contains("mArKeR"), "{log}");
}
