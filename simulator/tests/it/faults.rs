//! Each fault, as a client sees it.

use std::thread;
use std::time::Duration;

use gateway_simulator::Provider::{self, Anthropic, AzureOpenAi, Gemini, OpenAi};
use gateway_simulator::{Failure, Point, Rule, Running, Stats, When};
use serde_json::{Value, json};

use crate::asks::{self, ask, streamed_text, text};
use crate::client::{self, End, Reply, SOON, send};
use crate::simulator;

const TEXT: &str = "say: one two three four";

fn hurried(simulator: &Running, provider: Provider, streamed: bool) -> Reply {
    client::read(&mut opened(simulator, provider, TEXT, streamed), SOON)
}

fn opened(simulator: &Running, provider: Provider, text: &str, streamed: bool) -> std::net::TcpStream {
    let headers = asks::headers(provider, "k");
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let body = asks::body(provider, text, streamed, &Value::Null).to_string();
    client::open(simulator.address(), "POST", asks::path(provider, streamed), &headers, &body)
}

/// Waits until the counters say so.
fn until(simulator: &Running, what: &str, holds: impl Fn(&Stats) -> bool) {
    for _ in 0..200 {
        if holds(&simulator.faults().stats()) {
            return;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    panic!("{what}: {:?}", simulator.faults().stats());
}

#[test]
fn statuses_come_in_the_providers_envelope() {
    let simulator = simulator();
    for (provider, code, pointer, want) in [
        (OpenAi, 500, "/error/type", json!("server_error")),
        (OpenAi, 429, "/error/code", json!("rate_limit_exceeded")),
        (OpenAi, 400, "/error/type", json!("invalid_request_error")),
        (AzureOpenAi, 429, "/error/code", json!("RateLimitReached")),
        (AzureOpenAi, 400, "/error/code", json!("content_filter")),
        (Anthropic, 529, "/error/type", json!("overloaded_error")),
        (Anthropic, 403, "/error/type", json!("permission_error")),
        (Gemini, 503, "/error/status", json!("UNAVAILABLE")),
        (Gemini, 429, "/error/status", json!("RESOURCE_EXHAUSTED")),
    ] {
        simulator.faults().set(Rule::status(code).on(provider));
        for streamed in [false, true] {
            let reply = ask(&simulator, provider, "hi", streamed, &Value::Null);
            assert_eq!(
                (reply.status, reply.json().pointer(pointer)),
                (code, Some(&want)),
                "{provider:?} {code}"
            );
        }
    }
}

#[test]
fn waits_stand_where_the_provider_puts_them() {
    let simulator = simulator();
    simulator.faults().set(Rule::new(Failure::Status { code: 429, retry_after_ms: Some(1500) }));
    let reply = |provider| ask(&simulator, provider, "hi", false, &Value::Null);
    for (provider, seconds, milliseconds) in [
        (OpenAi, Some("2"), None),
        (Anthropic, Some("2"), None),
        (AzureOpenAi, Some("2"), Some("0")),
        (Gemini, None, None),
    ] {
        let reply = reply(provider);
        assert_eq!(reply.header("retry-after"), seconds, "{provider:?}");
        assert_eq!(reply.header("retry-after-ms"), milliseconds, "{provider:?}");
    }
    assert_eq!(reply(Gemini).json()["error"]["details"][1]["retryDelay"], "1.5s");
}

#[test]
fn streams_break_where_asked() {
    let simulator = simulator();
    for provider in Provider::ALL {
        for (case, failure, status, end, some_text) in [
            ("reset at once", Failure::Reset(Point::Headers), 0, End::Reset, false),
            ("reset before content", Failure::Reset(Point::BeforeContent), 200, End::Reset, false),
            ("reset after content", Failure::Reset(Point::AfterContent), 200, End::Reset, true),
            ("no head", Failure::Stall(Point::Headers), 0, End::Silent, false),
            ("stall before content", Failure::Stall(Point::BeforeContent), 200, End::Silent, false),
            ("stall after content", Failure::Stall(Point::AfterContent), 200, End::Silent, true),
            ("cut after the head", Failure::Cut(Point::Headers), 200, End::Cut, false),
            ("cut before content", Failure::Cut(Point::BeforeContent), 200, End::Cut, false),
            ("cut after content", Failure::Cut(Point::AfterContent), 200, End::Cut, true),
            ("ended before content", Failure::End(Point::BeforeContent), 200, End::Whole, false),
            ("ended after content", Failure::End(Point::AfterContent), 200, End::Whole, true),
        ] {
            simulator.faults().set(Rule::new(failure));
            let reply = hurried(&simulator, provider, true);
            assert_eq!(reply.status, status, "{provider:?} {case}");
            assert_eq!(reply.end, end, "{provider:?} {case}");
            assert_eq!(!streamed_text(provider, &reply.data()).is_empty(), some_text, "{provider:?} {case}");
            for end_mark in ["[DONE]", "message_stop"] {
                assert!(!reply.text().contains(end_mark), "{provider:?} {case}");
            }
        }
    }
}

#[test]
fn whole_answers_break_too() {
    let simulator = simulator();
    for (case, failure, status, end) in [
        ("reset at once", Failure::Reset(Point::Headers), 0, End::Reset),
        ("reset within", Failure::Reset(Point::AfterContent), 200, End::Reset),
        ("no head", Failure::Stall(Point::Headers), 0, End::Silent),
        ("stall within", Failure::Stall(Point::AfterContent), 200, End::Silent),
        ("cut within", Failure::Cut(Point::AfterContent), 200, End::Cut),
    ] {
        simulator.faults().set(Rule::new(failure));
        let reply = hurried(&simulator, OpenAi, false);
        assert_eq!((reply.status, reply.end), (status, end), "{case}");
        assert!(serde_json::from_slice::<Value>(&reply.body).is_err(), "{case}");
    }
}

#[test]
fn errors_come_within_streams() {
    let simulator = simulator();
    for provider in Provider::ALL {
        for (point, some_text) in [(Point::BeforeContent, false), (Point::AfterContent, true)] {
            simulator.faults().set(Rule::new(Failure::StreamError(point)));
            let reply = ask(&simulator, provider, TEXT, true, &Value::Null);
            assert_eq!((reply.status, reply.end), (200, End::Whole));
            assert!(reply.data().last().unwrap()["error"].is_object(), "{provider:?} {}", reply.text());
            assert_eq!(
                !streamed_text(provider, &reply.data()).is_empty(),
                some_text,
                "{provider:?} {point:?}"
            );
            let whole = ask(&simulator, provider, TEXT, false, &Value::Null);
            assert!(whole.status == 200 && whole.json()["error"].is_object(), "{provider:?}");
        }
    }
}

#[test]
fn bodies_are_not_what_they_should_be() {
    let simulator = simulator();
    let set = |failure| simulator.faults().set(Rule::new(failure));
    for provider in Provider::ALL {
        let ask = |streamed| ask(&simulator, provider, TEXT, streamed, &Value::Null);
        set(Failure::GarbageJson);
        assert!(serde_json::from_slice::<Value>(&ask(false).body).is_err());
        assert!(
            ask(true)
                .data()
                .iter()
                .any(|event| event.as_str().is_some_and(|line| line.contains("<not json")))
        );
        set(Failure::ContentType("text/html".into()));
        for streamed in [false, true] {
            let reply = ask(streamed);
            assert_eq!(reply.header("content-type"), Some("text/html"));
            assert!(reply.text().starts_with("<html>"));
        }
        set(Failure::ErrorBody);
        for streamed in [false, true] {
            let reply = ask(streamed);
            assert!(reply.status == 200 && reply.json()["error"].is_object());
        }
        set(Failure::HugeLine(300_000));
        assert_eq!(ask(false).body.len(), 300_000);
        assert!(ask(true).text().lines().any(|line| line.len() == 300_006));
    }
}

#[test]
fn slow_answers_are_slow() {
    let simulator = simulator();
    simulator.faults().set(Rule { latency_ms: 400, ..Rule::default() });
    let mut socket = opened(&simulator, OpenAi, TEXT, false);
    assert_eq!(client::read(&mut socket, SOON).end, End::Silent);
    assert_eq!(client::read(&mut socket, Duration::from_secs(5)).status, 200);

    simulator.faults().set(Rule { gap_ms: 400, ..Rule::default() });
    let reply = hurried(&simulator, OpenAi, true);
    assert_eq!((reply.end, reply.data().len()), (End::Silent, 1), "one event, then a gap");
}

#[test]
fn streams_can_be_cut_into_odd_pieces() {
    let simulator = simulator();
    simulator.faults().set(Rule { split_bytes: 7, ..Rule::default() });
    for provider in Provider::ALL {
        let reply = ask(&simulator, provider, "say: é😀漢", true, &Value::Null);
        assert_eq!(streamed_text(provider, &reply.data()), "é😀漢", "{provider:?}");
    }
}

#[test]
fn some_fail_and_others_do_not() {
    let simulator = simulator();
    let model = Rule { model: Some("gpt-4o".into()), ..Rule::status(503).when(When::Every(2)) };
    simulator.faults().set(model);
    let status = |provider, extra: Value| ask(&simulator, provider, "hi", false, &extra).status;
    let of_model: Vec<u16> = (0..4).map(|_| status(OpenAi, json!({}))).collect();
    assert_eq!(of_model, [200, 503, 200, 503]);
    assert_eq!(status(OpenAi, json!({"model": "gpt-4.1"})), 200);
    assert_eq!(status(Anthropic, json!({})), 200);
    simulator.faults().clear();
    assert_eq!(status(OpenAi, json!({})), 200);
}

#[test]
fn clients_that_leave_are_noticed_at_once() {
    let simulator = simulator();
    simulator.faults().set(Rule { gap_ms: 60_000, ..Rule::default() });
    let stream = opened(&simulator, Anthropic, TEXT, true);
    until(&simulator, "a stream", |stats| stats.providers["anthropic"].streams_open == 1);
    drop(stream);
    until(&simulator, "left", |stats| {
        let provider = stats.providers["anthropic"];
        (provider.streams_open, provider.streams_aborted, provider.in_flight, stats.connections_open)
            == (0, 1, 0, 0)
    });
    simulator.faults().set(Rule { latency_ms: 60_000, ..Rule::default() });
    let call = opened(&simulator, OpenAi, TEXT, false);
    until(&simulator, "a call", |stats| stats.providers["openai"].in_flight == 1);
    drop(call);
    until(&simulator, "left", |stats| {
        let provider = stats.providers["openai"];
        (provider.in_flight, provider.aborted, provider.streams_aborted) == (0, 1, 0)
    });
}

#[test]
fn control_works_over_http() {
    let simulator = simulator();
    let control = |method, path, body: &str| send(&simulator, method, path, &[], body);
    let rules = r#"[{"provider":"openai","failure":{"status":{"code":529}},"when":{"first":1}},{"provider":"openai","failure":"wrong_key"}]"#;
    assert_eq!(control("POST", "/__set", rules).status, 204);
    let statuses: Vec<u16> =
        (0..2).map(|_| ask(&simulator, OpenAi, TEXT, false, &Value::Null).status).collect();
    assert_eq!(statuses, [529, 401]);
    let mistake = control("POST", "/__set", r#"{"provider":"cohere"}"#);
    assert!(mistake.status == 400 && mistake.text().contains("provider"), "{}", mistake.text());

    let stats = control("GET", "/__stats", "").json();
    assert_eq!(
        (&stats["providers"]["openai"]["requests"], &stats["providers"]["openai"]["failed"]),
        (&json!(2), &json!(2))
    );
    let requests = control("GET", "/__requests", "").json();
    assert_eq!(requests.as_array().map(Vec::len), Some(2));
    assert_eq!(requests[0]["path"], "/v1/chat/completions");
    assert_eq!(
        requests[0]["headers"].as_array().unwrap().iter().filter(|h| h[1] == "Bearer a-key").count(),
        1
    );
    assert!(requests[0]["body"].as_str().unwrap().contains(TEXT));

    assert_eq!(control("POST", "/__reset", "").status, 204);
    assert!(simulator.faults().requests().is_empty());
    let answer = ask(&simulator, OpenAi, TEXT, false, &Value::Null);
    assert_eq!(text(OpenAi, &answer.json()), "one two three four");
    assert_eq!(simulator.faults().requests()[0].header("authorization"), Some("Bearer a-key"));
}

#[actix_web::test]
async fn several_run_beside_each_other_and_stop() {
    let (first, second) = (simulator(), simulator());
    first.faults().set(Rule::status(500));
    assert_eq!(ask(&first, OpenAi, TEXT, false, &Value::Null).status, 500);
    assert_eq!(ask(&second, OpenAi, TEXT, false, &Value::Null).status, 200);
    second.faults().set(Rule::new(Failure::Stall(Point::AfterContent)));
    let address = second.address();
    let mut open = opened(&second, OpenAi, TEXT, true);
    until(&second, "a stream", |stats| stats.providers["openai"].streams_open == 1);
    second.stop().await.unwrap();
    assert_eq!(client::read(&mut open, Duration::from_secs(5)).end, End::Cut);
    assert!(std::net::TcpStream::connect(address).is_err());
    first.stop().await.unwrap();
}
