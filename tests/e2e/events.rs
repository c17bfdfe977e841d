//! `/v1/events`: who may listen, what is told and when, and how it ends. And the demo's own callers, whom the
//! dashboard shows.

use crate::client::{Delivery, Dialect, Event, Reading, Reply};
use crate::gateway::{ADMIN_KEY, Gateway, Setup, TEAM_KEY, eventually, within};
use gateway_simulator::{Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

async fn listen(gateway: &Gateway, key: &str) -> Reading {
    Reading::open(gateway.anonymous(Method::GET, "/v1/events").header("x-api-key", key)).await
}

/// The next event that fits; those before it are passed over.
async fn until(reading: &mut Reading, fits: impl Fn(&Event) -> bool) -> Event {
    loop {
        let event = reading.event().await.expect("the stream goes on");
        if fits(&event) {
            return event;
        }
    }
}

fn state_of(event: &Event, provider: Provider) -> Option<String> {
    let told: Value = (event.name == "providers").then(|| event.json())?;
    let providers = told["providers"].as_array()?;
    let found = providers.iter().find(|entry| entry["name"] == provider.name())?;
    found["state"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_key_is_greeted_by_what_it_may_do() {
    let gateway = Gateway::start().await;
    let nobody = Reply::of(gateway.anonymous(Method::GET, "/v1/events")).await;
    assert_eq!(nobody.status, 401);
    for (key, team, scopes) in
        [(TEAM_KEY, "engineering-team", json!(["infer"])), (ADMIN_KEY, "default", json!(["infer", "admin"]))]
    {
        let mut reading = listen(&gateway, key).await;
        assert_eq!(reading.header("content-type"), "text/event-stream; charset=utf-8");
        assert_eq!(reading.header("x-accel-buffering"), "no");
        let hello = reading.event().await.expect("a greeting");
        assert_eq!(hello.name, "hello");
        assert_eq!((&hello.json()["team_id"], &hello.json()["scopes"]), (&json!(team), &scopes));
        let status = until(&mut reading, |event| event.name == "providers").await;
        let providers = status.json()["providers"].as_array().map(Vec::len);
        assert_eq!(providers, Some(4), "{team}");
    }
}

#[tokio::test]
async fn a_breaker_that_opens_and_closes_is_told_within_two_seconds() {
    let gateway = Setup::new().env("CIRCUIT_BREAKER_COOLDOWN_S", 1).start().await;
    let mut reading = listen(&gateway, TEAM_KEY).await;
    until(&mut reading, |event| state_of(event, Provider::OpenAi).as_deref() == Some("closed")).await;

    gateway.faults().set(Rule::status(503).on(Provider::OpenAi));
    let ask = Dialect::OpenAi.ask("openai/gpt-4o", "say: hi", Delivery::Json);
    for _ in 0..5 {
        gateway.post("/v1/chat/completions", &ask).await;
    }
    let opens = until(&mut reading, |event| state_of(event, Provider::OpenAi).as_deref() == Some("open"));
    tokio::time::timeout(Duration::from_secs(2), opens).await.expect("told within two seconds");

    gateway.faults().clear();
    let (mut answered, gateway) = (false, &gateway);
    eventually("a probe goes through", async || {
        answered = gateway.post("/v1/chat/completions", &ask).await.header("x-gateway-provider") == "openai";
        answered
    })
    .await;
    let closed =
        until(&mut reading, |event| state_of(event, Provider::OpenAi).as_deref() == Some("closed")).await;
    let told = closed.json();
    let openai = told["providers"].as_array().into_iter().flatten().find(|entry| entry["name"] == "openai");
    let changes = openai.expect("openai")["changes"].as_array().expect("changes").clone();
    let states: Vec<&str> = changes.iter().filter_map(|change| change["state"].as_str()).collect();
    assert_eq!(states, ["open", "half_open", "closed"]);
    assert_eq!(changes[0]["reason"], "unavailable (status 503)");
    assert_eq!(changes[2]["reason"], Value::Null);
}

#[tokio::test]
async fn new_records_are_told_and_a_shutdown_ends_it() {
    let gateway = Gateway::start().await;
    let mut reading = listen(&gateway, TEAM_KEY).await;
    until(&mut reading, |event| event.name == "providers").await;
    gateway.post("/v1/complete", &Dialect::Native.ask("gpt-4o", "say: hi", Delivery::Json)).await;
    let told = until(&mut reading, |event| event.name == "records").await;
    assert!(told.json()["last_seq"].as_u64() >= Some(1), "{told:?}");

    gateway.terminate();
    // Nothing is cut: the stream ends by itself.
    reading.rest().await;
    assert!(gateway.ended().await.status.success());
}

#[tokio::test]
async fn one_team_does_not_take_all_places() {
    let gateway = Gateway::start().await;
    let mut open = Vec::new();
    for number in 0..33 {
        let request = gateway.anonymous(Method::GET, "/v1/events").header("x-api-key", TEAM_KEY);
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), if number < 32 { 200 } else { 503 }, "{number}");
        open.push(response);
    }
    listen(&gateway, ADMIN_KEY).await;
    // Who leaves makes room.
    open.clear();
    eventually("a place is free", async || {
        let request = gateway.anonymous(Method::GET, "/v1/events").header("x-api-key", TEAM_KEY);
        request.send().await.expect("an answer").status() == 200
    })
    .await;
}

#[tokio::test]
async fn the_demo_comes_to_life_by_itself() {
    let demo = Setup::new().arguments(&["demo", "--traffic"]).start().await;
    demo.until_logged("Ctrl-C stops it").await;
    let usage = async || {
        let request = demo.anonymous(Method::GET, "/v1/usage?group_by=team");
        Reply::of(request.header("x-api-key", "sk-gateway-admin-001")).await.json()["rows"].clone()
    };
    let mut rows = Value::Null;
    let alive = within(Duration::from_secs(10), async || {
        rows = usage().await;
        let rows = rows.as_array().expect("rows");
        let some = |count: &str| rows.iter().any(|row| row[count].as_u64() > Some(0));
        let found =
            rows.iter().any(|row| row["redactions_by_type"].as_object().is_some_and(|it| !it.is_empty()));
        rows.len() >= 3 && found && some("requests") && some("fallbacks") && some("errors")
    });
    assert!(alive.await, "not alive after 10 s: {rows}");
    assert!(demo.stop().await.status.success(), "and it stops");
}
