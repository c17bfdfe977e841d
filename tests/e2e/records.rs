//! The audit trail of requests: one record of each, whichever way it ends, with nothing of what was said in it.

use crate::audit::State;
use crate::client::{Delivery, Dialect, Reply, http};
use crate::gateway::{ADMIN_KEY, Gateway, Setup, eventually};
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is recorded, newest first.
async fn records(gateway: &Gateway) -> Vec<Value> {
    let asked = gateway.anonymous(Method::GET, "/v1/audit/recent?limit=1000").header("x-api-key", ADMIN_KEY);
    Reply::of(asked).await.json()["entries"].as_array().expect("entries").clone()
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
async fn what_was_answered_is_recorded_though_the_process_is_killed() {
    let state = State::new();
    let mut answered = Vec::new();
    for round in 0..20 {
        let gateway = state.setup().start().await;
        let client = http();
        let asking = (0..16).map(|_| {
            let body = Dialect::Native.ask("gpt-4o", "say: hello", Delivery::Json);
            let request =
                client.post(gateway.url("/v1/complete")).header("x-api-key", crate::gateway::TEAM_KEY);
            request.json(&body).send()
        });
        let asking: Vec<_> = asking.collect();
        let mut running = tokio::task::JoinSet::new();
        asking.into_iter().for_each(|one| {
            running.spawn(one);
        });
        // Killed in the middle: after some answers, another number each time.
        let mut left = 1 + round % 12;
        while let Some(done) = running.join_next().await {
            if let Ok(Ok(response)) = done
                && response.status() == 200
                && let Some(id) = response.headers().get("x-request-id")
            {
                answered.push(id.to_str().expect("an id").to_owned());
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        drop(gateway);
        while let Some(done) = running.join_next().await {
            if let Ok(Ok(response)) = done
                && response.status() == 200
                && let Some(id) = response.headers().get("x-request-id")
            {
                answered.push(id.to_str().expect("an id").to_owned());
            }
        }
    }
    state.setup().start().await.stop().await;
    let verified = state.audit(&["verify"]);
    assert!(verified.status.success(), "{}{}", verified.out, verified.err);
    let exported = state.audit(&["export"]).out;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in exported.lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        *counts.entry(record["request_id"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    assert!(answered.len() >= 20, "{}", answered.len());
    let lost: Vec<&String> = answered.iter().filter(|id| counts.get(*id) != Some(&1)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

#[tokio::test]
async fn nothing_that_was_said_is_in_the_trail() {
    const MARK: &str = "mArKeR";
    let state = State::new();
    let gateway = state.setup().start().await;
    let body = json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": format!("{MARK} system")},
            {"role": "user", "name": MARK, "content": [{"type": "text", "text": format!("{MARK} first")}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": format!("{MARK}-call"), "type": "function",
                 "function": {"name": format!("{MARK}_tool"), "arguments": json!({MARK: MARK}).to_string()}}
            ]},
            {"role": "tool", "tool_call_id": format!("{MARK}-call"), "content": format!("{MARK} result")},
            {"role": "user", "content": format!("say: {MARK} answer {MARK}@example.org password={MARK}x1")},
        ],
        "tools": [{"type": "function", "function": {"name": format!("{MARK}_tool"), "description": MARK}}],
        "stop": [MARK.repeat(3)],
        "user": MARK,
    });
    let reply = gateway.post(Dialect::OpenAi.path(), &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(Dialect::OpenAi.text(&reply).contains(MARK));
    record(&gateway, reply.header("x-request-id")).await;
    gateway.stop().await;
    for segment in state.segments() {
        let text = std::fs::read_to_string(&segment).expect("a segment");
        assert!(text.contains("\"by_type\":{\"EMAIL_ADDRESS\""), "{text}");
        assert!(!text.contains(MARK), "{text}");
    }
}
