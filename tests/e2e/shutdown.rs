//! SIGTERM: new work is refused, what is open has its grace, and nothing is left behind.

use crate::client::{Delivery, Dialect, Reading, Reply};
use crate::gateway::{Ended, Gateway, Setup, eventually};
use futures_util::future::join_all;
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::{Method, RequestBuilder};
use std::time::Duration;
use tokio::time::Instant;

const DIALECTS: [Dialect; 3] = [Dialect::Native, Dialect::OpenAi, Dialect::Anthropic];

fn ask(gateway: &Gateway, dialect: Dialect, text: &str, delivery: Delivery) -> RequestBuilder {
    gateway.request(Method::POST, dialect.path()).json(&dialect.ask("gpt-4o", text, delivery))
}

/// SIGTERM, once these upstream calls are under way, and until it is seen.
async fn terminate_at(gateway: &Gateway, calls: u64) {
    eventually("the calls are under way", async || gateway.seen(Provider::OpenAi).in_flight == calls).await;
    gateway.terminate();
    gateway.until_logged("stopping: no new work is taken").await;
}

/// Left with code 0, in order, and with nothing open.
fn assert_orderly(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.status);
    assert!(ended.log.contains("stopped"), "the last line is missing");
    assert!(!ended.log.contains("left behind"), "something was left behind");
    assert!(!ended.log.contains("did not end"), "an actor did not end");
    assert!(!ended.log.contains("panicked"), "something panicked");
}

#[tokio::test]
async fn an_idle_gateway_leaves_at_once() {
    let gateway = Gateway::start().await;
    // A connection that is kept open must not hold it back.
    assert_eq!(gateway.get("/health").await.status, 200);
    let began = Instant::now();
    let ended = gateway.stop().await;
    assert_orderly(&ended);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn within_the_grace_new_work_is_refused_and_open_work_ends_well() {
    let gateway = Gateway::start().await;
    gateway.faults().set(Rule { gap_ms: 25, latency_ms: 1_500, ..Rule::default() });
    let stream = async |dialect: Dialect| {
        let reading = Reading::open(ask(&gateway, dialect, "words: 150", Delivery::Stream)).await;
        let events = reading.rest().await;
        assert!(dialect.is_end(events.last().expect("events")), "{dialect:?}: {events:?}");
    };
    let json = async |dialect: Dialect| {
        let reply = Reply::of(ask(&gateway, dialect, "say: whole", Delivery::Json)).await;
        assert_eq!((reply.status, dialect.text(&reply)), (200, "whole".to_owned()), "{dialect:?}");
    };
    let refused = async {
        terminate_at(&gateway, 6).await;
        let ready = gateway.get("/health/ready").await;
        assert_eq!((ready.status, &ready.json()["status"]), (503, &"stopping".into()));
        assert_eq!(gateway.get("/health/live").await.status, 200, "it still lives");
        for dialect in DIALECTS {
            for delivery in [Delivery::Json, Delivery::Stream] {
                let reply = Reply::of(ask(&gateway, dialect, "hello", delivery)).await;
                assert_eq!((reply.status, dialect.code(&reply.json())), (503, "overloaded"));
                assert_eq!(reply.header("retry-after"), "1");
            }
        }
        assert_eq!(gateway.seen(Provider::OpenAi).requests, 6, "no new work");
    };
    let each = async |dialect: Dialect| tokio::join!(stream(dialect), json(dialect));
    let flowing = join_all(DIALECTS.map(each));
    tokio::join!(flowing, refused);
    assert_orderly(&gateway.ended().await);
}

#[tokio::test]
async fn after_the_grace_a_stream_ends_in_one_error_event() {
    let setup = Setup::new().env("GATEWAY_SHUTDOWN_GRACE_S", 1);
    let gateway = setup.start().await;
    // One that goes on and one that stands still.
    gateway.faults().set(Rule { gap_ms: 20, ..Rule::default() });
    let mut flowing = Reading::open(ask(&gateway, Dialect::OpenAi, "words: 9000", Delivery::Stream)).await;
    flowing.until_text(Dialect::OpenAi).await;
    gateway.faults().set(Rule::new(Failure::Stall(Point::AfterContent)));
    let mut stalled = Reading::open(ask(&gateway, Dialect::Native, "words: 40", Delivery::Stream)).await;
    stalled.until_text(Dialect::Native).await;
    terminate_at(&gateway, 2).await;
    let (flowing, stalled) = tokio::join!(flowing.rest(), stalled.rest());
    for (dialect, events) in [(Dialect::OpenAi, flowing), (Dialect::Native, stalled)] {
        let (last, others) = events.split_last().expect("events");
        let error = dialect.error_of(last).unwrap_or_else(|| panic!("{dialect:?} ends in {last:?}"));
        assert_eq!(dialect.code(&error), "overloaded", "{error}");
        let ended = others.iter().filter(|event| dialect.is_end(event) || dialect.error_of(event).is_some());
        assert_eq!(ended.count(), 0, "{dialect:?}: {events:?}");
    }
    eventually("the upstream is free", async || gateway.seen(Provider::OpenAi).streams_open == 0).await;
    let ended = gateway.ended().await;
    assert_orderly(&ended);
    assert!(ended.log.contains("the grace is over"), "the operator is told");
}

#[tokio::test]
async fn after_the_grace_what_has_no_answer_yet_is_refused() {
    let setup = Setup::new().env("GATEWAY_SHUTDOWN_GRACE_S", 1);
    let gateway = setup.start().await;
    gateway.faults().set(Rule::new(Failure::Stall(Point::BeforeContent)));
    let open = async |dialect: Dialect, delivery: Delivery| {
        let reply = Reply::of(ask(&gateway, dialect, "hello", delivery)).await;
        let case = format!("{dialect:?} {delivery:?} {reply:?}");
        assert_eq!((reply.status, dialect.code(&reply.json())), (503, "overloaded"), "{case}");
    };
    let each =
        async |dialect: Dialect| tokio::join!(open(dialect, Delivery::Json), open(dialect, Delivery::Stream));
    tokio::join!(join_all(DIALECTS.map(each)), terminate_at(&gateway, 6));
    let began = Instant::now();
    assert_orderly(&gateway.ended().await);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
