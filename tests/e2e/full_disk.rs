//! A disk without room for the audit trail, as the whole gateway meets it: the process may not let a file grow.
//! Budgets are on Redis here, so that the trail is the only file that wants to.

use crate::audit::State;
use crate::client::{Delivery, Dialect, Reading, Reply};
use crate::gateway::{Gateway, eventually};
use crate::shared_budgets::Redis;
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::Method;
use std::process::Command;
use std::time::Duration;
use tokio::time::Instant;

async fn ask(gateway: &Gateway, delivery: Delivery) -> Reply {
    gateway.post(Dialect::OpenAi.path(), &Dialect::OpenAi.ask("gpt-4o", "say: hello", delivery)).await
}

/// No file of the process grows beyond this many bytes, until another word.
fn limit_files(gateway: &Gateway, bytes: &str) {
    let pid = gateway.pid().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
    assert!(done.expect("prlimit is missing: install it (apt-get install util-linux)").success());
}

/// The trail's one segment is as long as it may be.
fn fill(state: &State, gateway: &Gateway) {
    let segment = state.segments().remove(0);
    let bytes = std::fs::metadata(segment).expect("a segment").len();
    // A part of a record still fits, and has to be taken back.
    limit_files(gateway, &(bytes + 100).to_string());
}

/// All of these are in the trail once, and it is whole.
fn assert_recorded(state: &State, answered: &[String]) {
    let exported = state.audit(&["export"]).out;
    for id in answered {
        assert_eq!(exported.matches(id.as_str()).count(), 1, "{id}");
    }
    let verified = state.audit(&["verify"]);
    assert!(verified.status.success(), "{}{}", verified.out, verified.err);
}

#[tokio::test]
async fn a_full_disk_has_requests_refused_before_anything_is_spent() {
    let (state, redis) = (State::new(), Redis::start().await);
    let gateway = state.setup().env("REDIS_URL", redis.url()).start().await;
    let mut answered = Vec::new();
    for delivery in [Delivery::Json, Delivery::Stream] {
        answered.push(ask(&gateway, delivery).await.header("x-request-id").to_owned());
    }
    fill(&state, &gateway);
    // The one that finds out: its answer was made, and its record waits.
    let reply = ask(&gateway, Delivery::Json).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    answered.push(reply.header("x-request-id").to_owned());
    let sent = gateway.seen(Provider::OpenAi).requests;
    for delivery in [Delivery::Json, Delivery::Stream] {
        let reply = ask(&gateway, delivery).await;
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert_eq!(Dialect::OpenAi.code(&reply.json()), "audit_unavailable");
        assert_eq!(reply.header("retry-after"), "1");
    }
    assert_eq!(gateway.seen(Provider::OpenAi).requests, sent, "nothing was spent");
    gateway.until_logged("the audit trail can't be written").await;
    limit_files(&gateway, "unlimited");
    eventually("room is noticed", async || {
        let reply = ask(&gateway, Delivery::Json).await;
        let served = reply.status == 200;
        answered.extend(served.then(|| reply.header("x-request-id").to_owned()));
        served
    })
    .await;
    assert!(gateway.stop().await.status.success());
    assert_recorded(&state, &answered);
}

/// More of them than the records beside those of open requests that may wait: 1,024.
#[tokio::test]
async fn who_is_turned_away_takes_no_place_from_the_record_of_an_answer() {
    let (state, redis) = (State::new(), Redis::start().await);
    let setup = state.setup().env("REDIS_URL", redis.url()).env("GATEWAY_MAX_IN_FLIGHT", 4);
    let gateway = setup.start().await;
    gateway.faults().set(Rule::new(Failure::Stall(Point::AfterContent)));
    let mut open = Vec::new();
    for _ in 0..4 {
        let body = Dialect::OpenAi.ask("gpt-4o", "words: 40", Delivery::Stream);
        open.push(Reading::open(gateway.request(Method::POST, Dialect::OpenAi.path()).json(&body)).await);
    }
    let billed: Vec<String> = open.iter().map(|reading| reading.header("x-request-id").to_owned()).collect();
    fill(&state, &gateway);
    for _ in 0..1_100 {
        let reply = ask(&gateway, Delivery::Json).await;
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert_eq!(Dialect::OpenAi.code(&reply.json()), "overloaded");
    }
    gateway.until_logged("the audit trail can't be written").await;
    drop(open);
    eventually("the four are over", async || gateway.seen(Provider::OpenAi).in_flight == 0).await;
    limit_files(&gateway, "unlimited");
    gateway.until_logged("the audit trail is written again").await;
    gateway.faults().clear();
    eventually("their slots are free", async || ask(&gateway, Delivery::Json).await.status == 200).await;
    assert!(gateway.stop().await.status.success());
    assert_recorded(&state, &billed);
}

#[tokio::test]
async fn where_it_is_allowed_a_full_disk_slows_nobody_down() {
    let (state, redis) = (State::new(), Redis::start().await);
    let setup = state.setup().env("REDIS_URL", redis.url()).env("AUDIT_FAILURE", "allow");
    let gateway = setup.env("GATEWAY_MAX_IN_FLIGHT", 4).start().await;
    let mut answered = vec![ask(&gateway, Delivery::Json).await.header("x-request-id").to_owned()];
    fill(&state, &gateway);
    let began = Instant::now();
    // More than there are slots: none is held by a record that waits.
    for number in 0..12 {
        let delivery = if number % 2 == 0 { Delivery::Json } else { Delivery::Stream };
        let reply = ask(&gateway, delivery).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        answered.push(reply.header("x-request-id").to_owned());
    }
    assert!(began.elapsed() < Duration::from_secs(10), "twelve waits of five seconds: {:?}", began.elapsed());
    gateway.until_logged("the audit trail can't be written").await;
    limit_files(&gateway, "unlimited");
    gateway.until_logged("the audit trail is written again").await;
    assert!(gateway.stop().await.status.success());
    assert_recorded(&state, &answered);
}
