//! Streams that break, stall or are left, on either side.

use crate::client::{Delivery, Dialect, Event, Reading, Reply};
use crate::gateway::{ADMIN_KEY, Gateway, Setup, TEAM_KEY, eventually, self_signed, within};
use crate::records::records;
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

const DIALECTS: [Dialect; 3] = [Dialect::Native, Dialect::OpenAi, Dialect::Anthropic];

/// A model of each provider, named so that this provider is asked first.
const ROUTES: [(Provider, &str); 4] = [
    (Provider::OpenAi, "openai/gpt-4o"),
    (Provider::AzureOpenAi, "azure_openai/gpt-4o"),
    (Provider::Anthropic, "anthropic/claude-opus-4-6"),
    (Provider::Gemini, "gemini/gemini-2.5-pro"),
];

/// Silence is over after a second, also on a route that may think before it speaks.
fn hurried() -> Setup {
    Setup::new()
        .env("UPSTREAM_FIRST_BYTE_TIMEOUT_S", 1)
        .env("UPSTREAM_TOTAL_TIMEOUT_S", 5)
        .env("CIRCUIT_BREAKER_FAILURES", 1_000)
}

fn streamed(gateway: &Gateway, dialect: Dialect, model: &str, text: &str) -> RequestBuilder {
    gateway.request(Method::POST, dialect.path()).json(&dialect.ask(model, text, Delivery::Stream))
}

/// A whole stream: text, one end mark, which is the last event, and no error.
fn assert_whole(dialect: Dialect, events: &[Event], case: &str) {
    let (last, others) = events.split_last().unwrap_or_else(|| panic!("no event, {case}"));
    assert!(dialect.is_end(last), "{case}: {events:?}");
    let ended = others.iter().filter(|event| dialect.is_end(event) || dialect.error_of(event).is_some());
    assert_eq!(ended.count(), 0, "{case}: {events:?}");
}

/// A broken stream: text, then one error event of the dialect, then nothing.
fn assert_broken(dialect: Dialect, events: &[Event], codes: &[&str], case: &str) {
    let (last, others) = events.split_last().unwrap_or_else(|| panic!("no event, {case}"));
    let error = dialect.error_of(last).unwrap_or_else(|| panic!("{case}: ends in {last:?}"));
    assert!(codes.contains(&dialect.code(&error)), "{case}: {error}");
    assert!(error["error"]["message"].is_string(), "{case}: {error}");
    let ended = others.iter().filter(|event| dialect.is_end(event) || dialect.error_of(event).is_some());
    assert_eq!(ended.count(), 0, "{case}: {events:?}");
    assert!(others.iter().any(|event| dialect.text_of(event).is_some()), "{case}: no text before the error");
}

#[tokio::test]
async fn what_breaks_before_content_falls_back() {
    let failures = [
        Failure::Cut(Point::Headers),
        Failure::Cut(Point::BeforeContent),
        Failure::Reset(Point::BeforeContent),
        Failure::End(Point::Headers),
        Failure::End(Point::BeforeContent),
        Failure::StreamError(Point::BeforeContent),
        Failure::Stall(Point::BeforeContent),
    ];
    for failure in failures {
        let gateway = hurried().start().await;
        gateway.faults().set(Rule::new(failure.clone()).on(Provider::OpenAi));
        for dialect in DIALECTS {
            let case = format!("{failure:?} {dialect:?}");
            let reply = Reply::of(streamed(&gateway, dialect, "gpt-4o", "say: whole")).await;
            assert_eq!(reply.status, 200, "{case}");
            assert_eq!(reply.header("x-gateway-provider"), "azure_openai", "{case}: {reply:?}");
            assert_eq!(reply.header("x-gateway-attempts"), "2", "{case}");
            assert_eq!(dialect.text(&reply), "whole", "{case}");
            assert_whole(dialect, &reply.events(), &case);
        }
    }
}

#[tokio::test]
async fn each_provider_is_left_before_its_content() {
    for failure in [Failure::Cut(Point::BeforeContent), Failure::StreamError(Point::BeforeContent)] {
        for (provider, model) in ROUTES {
            let gateway = hurried().start().await;
            gateway.faults().set(Rule::new(failure.clone()).on(provider));
            let reply = Reply::of(streamed(&gateway, Dialect::Native, model, "say: whole")).await;
            let case = format!("{failure:?} {provider:?} {reply:?}");
            assert_eq!(Dialect::Native.text(&reply), "whole", "{case}");
            let attempts = Dialect::Native.attempts(&reply);
            assert_eq!(attempts.len(), 2, "{case}");
            assert!(attempts[0].starts_with(provider.name()) && attempts[1].ends_with(":ok"), "{case}");
        }
    }
}

#[tokio::test]
async fn what_breaks_after_content_is_one_error_event() {
    let gateway = hurried().start().await;
    for failure in [
        Failure::Cut(Point::AfterContent),
        Failure::Reset(Point::AfterContent),
        Failure::End(Point::AfterContent),
        Failure::StreamError(Point::AfterContent),
        Failure::GarbageJson,
        Failure::Stall(Point::AfterContent),
    ] {
        for (provider, model) in ROUTES {
            gateway.faults().reset();
            gateway.faults().set(Rule::new(failure.clone()));
            for dialect in DIALECTS {
                let case = format!("{failure:?} {provider:?} {dialect:?}");
                let began = Instant::now();
                let reading = Reading::open(streamed(&gateway, dialect, model, "words: 40")).await;
                assert_eq!(reading.header("x-gateway-provider"), provider.name(), "{case}");
                let code =
                    if matches!(failure, Failure::Stall(_)) { "upstream_timeout" } else { "upstream_failed" };
                assert_broken(dialect, &reading.rest().await, &[code], &case);
                assert!(began.elapsed() < Duration::from_secs(4), "{case}: {:?}", began.elapsed());
            }
            let asked: u64 = gateway.faults().stats().providers.values().map(|stats| stats.requests).sum();
            assert_eq!(asked, 3, "{failure:?} {provider:?}: never a second answer");
        }
    }
    gateway.until_idle().await;
}

#[tokio::test]
async fn a_breaker_counts_what_breaks_after_content() {
    let setup = hurried().env("CIRCUIT_BREAKER_FAILURES", 2).env("CIRCUIT_BREAKER_COOLDOWN_S", 60);
    let gateway = setup.start().await;
    gateway.faults().set(Rule::new(Failure::Cut(Point::AfterContent)).on(Provider::OpenAi));
    for _ in 0..2 {
        Reading::open(streamed(&gateway, Dialect::OpenAi, "gpt-4o", "words: 40")).await.rest().await;
    }
    gateway.until_state(Provider::OpenAi, "open").await;
    let reply = Reply::of(streamed(&gateway, Dialect::OpenAi, "gpt-4o", "words: 40")).await;
    assert_eq!(reply.header("x-gateway-provider"), "azure_openai");
}

/// One test for all that waits for the 15 s after which a silent stream gets a comment.
#[tokio::test]
async fn a_silent_stream_is_kept_alive_by_comments() {
    let patient = || Setup::new().env("UPSTREAM_FIRST_BYTE_TIMEOUT_S", 17);
    let held = async |dialect: Dialect, only: &[Provider]| {
        let gateway = patient().only(only).start().await;
        gateway.faults().set(Rule::new(Failure::Stall(Point::BeforeContent)).on(Provider::OpenAi));
        let began = Instant::now();
        let mut reading = Reading::open(streamed(&gateway, dialect, "gpt-4o", "say: late")).await;
        let waited = began.elapsed();
        assert!(waited > Duration::from_secs(14) && waited < Duration::from_secs(17), "{waited:?}");
        assert_eq!(reading.header("x-gateway-stream"), "held");
        assert_eq!(reading.header("x-request-id").len(), 36, "a UUID");
        assert_eq!(reading.header("x-gateway-provider"), "", "nobody knows yet");
        let comment = reading.block().await.expect("a comment");
        assert!(comment.starts_with(':'), "{comment}");
        (gateway, reading)
    };
    let native = async {
        let (_gateway, reading) = held(Dialect::Native, &Provider::ALL).await;
        let events = reading.rest().await;
        assert_whole(Dialect::Native, &events, "native");
        let done = events.last().expect("checked").json();
        assert_eq!(crate::client::attempts(&done["attempts"]), ["openai:timeout", "azure_openai:ok"]);
    };
    let openai = async {
        let (_gateway, reading) = held(Dialect::OpenAi, &Provider::ALL).await;
        let events = reading.rest().await;
        assert_whole(Dialect::OpenAi, &events, "openai");
        let told = events.iter().rev().find(|event| event.data.contains("\"gateway\"")).expect("an account");
        assert_eq!(told.json()["gateway"]["provider"], "azure_openai", "{told:?}");
    };
    let alone = async {
        let (_gateway, reading) = held(Dialect::OpenAi, &[Provider::OpenAi]).await;
        let events = reading.rest().await;
        assert_eq!(events.len(), 1, "{events:?}");
        let error = Dialect::OpenAi.error_of(&events[0]).expect("an error");
        assert_eq!(Dialect::OpenAi.code(&error), "upstream_timeout");
    };
    let after_content = async {
        let gateway = patient().start().await;
        gateway.faults().set(Rule::new(Failure::Stall(Point::AfterContent)));
        let mut reading = Reading::open(streamed(&gateway, Dialect::OpenAi, "gpt-4o", "words: 40")).await;
        let mut blocks = Vec::new();
        while let Some(block) = reading.block().await {
            blocks.push(block);
        }
        let comments = blocks.iter().filter(|block| block.starts_with(':')).count();
        assert_eq!(comments, 1, "{blocks:?}");
        assert!(blocks.last().is_some_and(|block| block.contains("upstream_timeout")), "{blocks:?}");
    };
    tokio::join!(native, openai, alone, after_content);
}

#[tokio::test]
async fn a_caller_that_leaves_a_stream_frees_its_upstream() {
    let gateway = Gateway::start().await;
    let second = Duration::from_secs(1);
    gateway.faults().set(Rule { gap_ms: 30, ..Rule::default() });
    for (round, (provider, model)) in ROUTES.into_iter().enumerate() {
        let dialect = DIALECTS[round % 2];
        let mut reading = Reading::open(streamed(&gateway, dialect, model, "words: 3000")).await;
        reading.until_text(dialect).await;
        assert_eq!(gateway.seen(provider).streams_open, 1);
        drop(reading);
        let freed = within(second, async || gateway.seen(provider).streams_aborted == 1).await;
        assert!(freed, "{provider:?}: {:?}", gateway.seen(provider));
    }
    gateway.until_idle().await;
    let states = gateway.get("/v1/providers/status").await.json();
    for provider in states["providers"].as_array().expect("providers") {
        assert_eq!((&provider["state"], &provider["in_flight"]), (&"closed".into(), &0.into()), "{provider}");
    }
}

#[tokio::test]
async fn a_caller_that_leaves_before_content_frees_its_upstream() {
    let gateway = Gateway::start().await;
    gateway.faults().set(Rule::new(Failure::Stall(Point::BeforeContent)));
    tokio::select! {
        response = streamed(&gateway, Dialect::OpenAi, "gpt-4o", "hello").send() => panic!("{response:?}"),
        () = eventually("the upstream is asked", async || gateway.seen(Provider::OpenAi).streams_open == 1) => {}
    }
    let second = Duration::from_secs(1);
    let freed = within(second, async || gateway.seen(Provider::OpenAi).streams_aborted == 1).await;
    assert!(freed, "{:?}", gateway.seen(Provider::OpenAi));
    gateway.until_idle().await;
    assert_eq!(gateway.seen(Provider::AzureOpenAi).requests, 0, "nobody is left to answer");
}

#[tokio::test]
async fn a_json_call_whose_caller_left_goes_on_for_its_usage() {
    let gateway = Gateway::start().await;
    for dialect in DIALECTS {
        gateway.faults().set(Rule { latency_ms: 700, ..Rule::default() });
        let before = gateway.seen(Provider::OpenAi);
        let body = dialect.ask("gpt-4o", "hello", Delivery::Json);
        tokio::select! {
            response = gateway.request(Method::POST, dialect.path()).json(&body).send() => panic!("{response:?}"),
            () = eventually("the upstream is asked", async || gateway.seen(Provider::OpenAi).in_flight == 1) => {}
        }
        eventually("the upstream has answered", async || {
            gateway.seen(Provider::OpenAi).ended == before.ended + 1
        })
        .await;
        gateway.until_idle().await;
        assert_eq!(gateway.seen(Provider::OpenAi).aborted, 0);
        let status = gateway.status_of(Provider::OpenAi).await;
        assert_eq!((&status["state"], &status["in_flight"]), (&"closed".into(), &0.into()), "{status}");
    }
}

#[tokio::test]
async fn a_paced_stream_keeps_its_pace() {
    let gateway = Gateway::start().await;
    gateway.faults().set(Rule { gap_ms: 20, ..Rule::default() });
    let mut seen = Vec::new();
    // A busy machine may spoil one run; a delay of the sockets' own (Nagle, 40 ms) would spoil them all.
    for _ in 0..5 {
        let gaps = gaps(&gateway).await;
        let joined = gaps.iter().filter(|gap| gap.as_millis() < 5).count();
        let late = gaps.iter().filter(|gap| gap.as_millis() >= 38).count();
        let median = gaps[gaps.len() / 2];
        if joined <= 2 && late <= 2 && (15..=30).contains(&median.as_millis()) {
            return;
        }
        seen.push(gaps);
    }
    panic!("no run kept the pace of 20 ms: {seen:?}");
}

/// Times between reads of 20 events, the shortest first, by a caller that is slow to acknowledge what it
/// got: only then does a socket that waits for acknowledgements show it.
async fn gaps(gateway: &Gateway) -> Vec<Duration> {
    let body = Dialect::OpenAi.ask("gpt-4o", "words: 60", Delivery::Stream).to_string();
    let mut socket = TcpStream::connect(gateway.address()).await.expect("connect");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {TEAM_KEY}\r\ncontent-length: {}\r\n\r\n",
        Dialect::OpenAi.path(),
        body.len()
    );
    socket.write_all((head + &body).as_bytes()).await.expect("sent");
    let (mut arrivals, mut buffer) = (Vec::new(), vec![0; 4096]);
    while arrivals.len() < 20 {
        // The system turns quick acknowledgements on again by itself. Elsewhere there is no such option.
        #[cfg(target_os = "linux")]
        socket.set_quickack(false).expect("a socket option");
        let read = socket.read(&mut buffer).await.expect("the stream goes on");
        assert_ne!(read, 0, "the stream ends too early");
        arrivals.push(Instant::now());
    }
    let mut gaps: Vec<Duration> = arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort();
    gaps
}

/// A caller whose buffers are small asks for a stream that is larger than all that the system keeps on the way.
async fn asks_for_more_than_it_takes(gateway: &Gateway) -> TcpStream {
    let mut body = Dialect::OpenAi.ask("gpt-4.1", "words: 200000", Delivery::Stream);
    body["max_tokens"] = 32_768.into();
    let body = body.to_string();
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a socket option");
    let mut socket = socket.connect(gateway.address()).await.expect("connect");
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {TEAM_KEY}\r\ncontent-length: {}\r\n\r\n",
        Dialect::OpenAi.path(),
        body.len()
    );
    socket.write_all((head + &body).as_bytes()).await.expect("sent");
    socket
}

async fn streams_recorded(gateway: &Gateway) -> Vec<Value> {
    let mut all = records(gateway).await;
    all.retain(|record| record["stream"] == true);
    all
}

#[tokio::test]
async fn a_caller_that_takes_nothing_loses_its_place() {
    let setup = Setup::new().env("GATEWAY_WRITE_TIMEOUT_S", 2).env("GATEWAY_MAX_IN_FLIGHT", 1);
    let gateway = setup.env("RUST_LOG", "info").start().await;
    let socket = asks_for_more_than_it_takes(&gateway).await;
    eventually("it has the one place", async || {
        gateway.get("/health/ready").await.json()["open_exchanges"] == 1
    })
    .await;
    let body = Dialect::OpenAi.ask("gpt-4o", "say: whole", Delivery::Json);
    let ask = async || gateway.post(Dialect::OpenAi.path(), &body).await.status;
    assert_eq!(ask().await, 503, "the place is taken");
    eventually("the place is free", async || ask().await == 200).await;
    let all = streams_recorded(&gateway).await;
    let told: Vec<_> = all.iter().map(|record| (&record["outcome"], &record["status"])).collect();
    assert_eq!(told, [(&"cancelled".into(), &499.into())], "{all:?}");
    let status = gateway.status_of(Provider::OpenAi).await;
    assert_eq!((&status["consecutive_failures"], &status["in_flight"]), (&0.into(), &0.into()), "{status}");
    drop(socket);
}

/// HTTP/2 has a window for each stream: here the connection is well, and the answer has no room to go to.
#[tokio::test]
async fn a_stream_of_http_2_that_nobody_takes_is_ended() {
    let (certificate, key) = self_signed();
    let setup = Setup::new().file("tls.crt", certificate).file("tls.key", key);
    let setup = setup.env("GATEWAY_TLS_CERT", "tls.crt").env("GATEWAY_TLS_KEY", "tls.key");
    let setup = setup.env("GATEWAY_MAX_IN_FLIGHT", 1).env("REQUEST_TOTAL_TIMEOUT_S", 2);
    let gateway = setup.env("RUST_LOG", "info").launch().await;
    // Made for its crypto provider.
    drop(crate::client::http());
    let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    let http = || reqwest::Client::builder().no_proxy().tls_certs_only([trusted.clone()]).build();
    let (other, http) = (http().expect("a client"), http().expect("a client"));
    let url = |path: &str| format!("https://{}{path}", gateway.address());
    let mut body = Dialect::OpenAi.ask("gpt-4.1", "words: 200000", Delivery::Stream);
    body["max_tokens"] = 32_768.into();
    let post = |http: &reqwest::Client, body: &Value| {
        http.post(url(Dialect::OpenAi.path())).bearer_auth(TEAM_KEY).json(body).send()
    };
    let unread = post(&other, &body).await.expect("the gateway answers");
    assert_eq!((unread.status().as_u16(), unread.version()), (200, reqwest::Version::HTTP_2));
    let small = Dialect::OpenAi.ask("gpt-4o", "say: whole", Delivery::Json);
    let ask = async || post(&http, &small).await.expect("the gateway answers").status().as_u16();
    assert_eq!(ask().await, 503, "it has the one place");
    eventually("the place is free", async || ask().await == 200).await;
    let recent = http.get(url("/v1/audit/recent?limit=1000")).bearer_auth(ADMIN_KEY).send().await;
    let page: Value = recent.expect("the gateway answers").json().await.expect("JSON");
    let mut streams = page["entries"].as_array().expect("entries").clone();
    streams.retain(|record| record["stream"] == true);
    let told: Vec<_> = streams.iter().map(|record| (&record["outcome"], &record["code"])).collect();
    assert_eq!(told, [(&"cut_short".into(), &"upstream_timeout".into())], "{streams:?}");
    drop(unread);
}

/// It takes a little again and again, so that the system never gives it up.
#[tokio::test]
async fn a_slow_caller_has_as_long_as_a_request_may_take() {
    let setup = Setup::new().env("REQUEST_TOTAL_TIMEOUT_S", 2).env("CIRCUIT_BREAKER_FAILURES", 1);
    let gateway = setup.env("RUST_LOG", "info").start().await;
    let mut socket = asks_for_more_than_it_takes(&gateway).await;
    let mut answer = Vec::new();
    eventually("its time is over", async || {
        let mut piece = [0; 2_048];
        let read = socket.read(&mut piece).await.expect("the stream goes on");
        answer.extend_from_slice(&piece[..read]);
        !streams_recorded(&gateway).await.is_empty()
    })
    .await;
    while !answer.ends_with(b"0\r\n\r\n") {
        assert_ne!(socket.read_buf(&mut answer).await.expect("readable"), 0, "it ends as a body should");
    }
    let text = String::from_utf8_lossy(&answer);
    assert_eq!(text.matches("\"upstream_timeout\"").count(), 1, "one error event at the end");
    assert!(!text.contains("[DONE]"));
    let all = streams_recorded(&gateway).await;
    assert_eq!((all.len(), &all[0]["outcome"]), (1, &"cut_short".into()), "{all:?}");
    assert_eq!(all[0]["code"], "upstream_timeout");
    let status = gateway.status_of(Provider::OpenAi).await;
    assert_eq!((&status["state"], &status["error_rate"]), (&"closed".into(), &0.0.into()), "{status}");
}

#[tokio::test]
async fn bytes_split_anywhere_are_the_same_stream() {
    let gateway = Gateway::start().await;
    for split_bytes in [1, 2, 7] {
        gateway.faults().set(Rule { split_bytes, ..Rule::default() });
        for (provider, model) in ROUTES {
            for dialect in DIALECTS {
                let case = format!("{split_bytes} {provider:?} {dialect:?}");
                let reply = Reply::of(streamed(&gateway, dialect, model, "say: é😀漢 \"quoted\"")).await;
                assert_eq!(reply.header("x-gateway-provider"), provider.name(), "{case}");
                assert_eq!(dialect.text(&reply), "é😀漢 \"quoted\"", "{case}");
                assert_whole(dialect, &reply.events(), &case);
            }
        }
    }
}

#[tokio::test]
async fn an_endless_line_is_a_broken_answer() {
    let gateway = hurried().start().await;
    gateway.faults().set(Rule::new(Failure::HugeLine(17 << 20)).on(Provider::OpenAi));
    for dialect in DIALECTS {
        let reply = Reply::of(streamed(&gateway, dialect, "gpt-4o", "say: whole")).await;
        assert_eq!(reply.header("x-gateway-provider"), "azure_openai", "{reply:?}");
        assert_eq!(dialect.text(&reply), "whole");
    }
}
