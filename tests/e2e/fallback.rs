//! Upstreams that fail: who answers then, what the caller is told, and how breakers come and go.

use crate::client::{Delivery, Dialect, Reading, Reply, WAYS, attempts};
use crate::gateway::{Gateway, Setup, eventually};
use gateway_simulator::{Failure, Point, Provider, Rule, When};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::time::Instant;

const ANSWER: &str = "The answer.";
const ASK: &str = "say: The answer.";

fn ask(dialect: Dialect, delivery: Delivery) -> Value {
    dialect.ask("gpt-4o", ASK, delivery)
}

/// Deadlines of one second, so that a time-out does not take long.
fn hurried() -> Setup {
    Setup::new().env("UPSTREAM_FIRST_BYTE_TIMEOUT_S", 1).env("UPSTREAM_TOTAL_TIMEOUT_S", 1)
}

/// OpenAI is asked first for `gpt-4o` and fails; Azure has the same model.
async fn falls_back_to_azure(gateway: &Gateway, (dialect, delivery): (Dialect, Delivery), outcomes: &[&str]) {
    let reply = gateway.post(dialect.path(), &ask(dialect, delivery)).await;
    let case = format!("{dialect:?} {delivery:?} after {outcomes:?}: {reply:?}");
    assert_eq!(reply.status, 200, "{case}");
    assert_eq!(dialect.text(&reply), ANSWER, "{case}");
    let tries = (outcomes.len() + 1).to_string();
    for (header, want) in [
        ("x-gateway-provider", "azure_openai"),
        ("x-gateway-model", "gpt-4o"),
        ("x-gateway-fallback", "true"),
        ("x-gateway-attempts", &tries),
    ] {
        assert_eq!(reply.header(header), want, "{header}, {case}");
    }
    if dialect == Dialect::Native {
        let mut want: Vec<String> = outcomes.iter().map(|outcome| format!("openai:{outcome}")).collect();
        want.push("azure_openai:ok".to_owned());
        assert_eq!(dialect.attempts(&reply), want, "{case}");
        let told = if reply.is_stream() { reply.last_event().json() } else { reply.json() };
        assert_eq!(told["fallback_triggered"], true, "{case}");
        assert_eq!(told["provider_used"], "azure_openai", "{case}");
    }
}

/// A gateway of its own for each way of asking: a breaker or a cooldown of one must not meet another.
async fn each_way_falls_back(failure: Failure, outcome: &str) {
    for way in WAYS {
        let gateway = hurried().start().await;
        gateway.faults().set(Rule::new(failure.clone()).on(Provider::OpenAi));
        falls_back_to_azure(&gateway, way, &[outcome]).await;
    }
}

fn status(code: u16, retry_after_ms: Option<u64>) -> Failure {
    Failure::Status { code, retry_after_ms }
}

#[tokio::test]
async fn statuses_fall_back() {
    for (code, outcome) in [
        (500, "unavailable"),
        (502, "unavailable"),
        (503, "unavailable"),
        (529, "unavailable"),
        (429, "rate_limited"),
        (404, "model_not_found"),
        // A country that OpenAI does not serve: no request of this account gets through.
        (403, "misconfigured"),
    ] {
        each_way_falls_back(status(code, None), outcome).await;
    }
}

#[tokio::test]
async fn a_refused_key_falls_back() {
    each_way_falls_back(Failure::WrongKey, "misconfigured").await;
}

#[tokio::test]
async fn silence_falls_back_at_the_deadline() {
    each_way_falls_back(Failure::Stall(Point::Headers), "timeout").await;
}

#[tokio::test]
async fn broken_connections_fall_back() {
    each_way_falls_back(Failure::Reset(Point::Headers), "broken_answer").await;
    each_way_falls_back(Failure::Cut(Point::Headers), "broken_answer").await;
}

#[tokio::test]
async fn a_refused_connection_is_tried_once_more_and_falls_back() {
    for way in WAYS {
        // Bound and never listening: the port refuses, and nobody else can take it meanwhile.
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = socket.local_addr().expect("bound");
        let setup = Setup::new().env("OPENAI_BASE_URL", format!("http://{address}/v1"));
        let gateway = setup.start().await;
        falls_back_to_azure(&gateway, way, &["connect_error", "connect_error"]).await;
    }
}

#[tokio::test]
async fn answers_that_are_none_fall_back() {
    let both = [Failure::ContentType("text/html".to_owned()), Failure::ErrorBody];
    for failure in both {
        let outcome = if failure == Failure::ErrorBody {
            ["unavailable", "broken_answer"]
        } else {
            ["broken_answer"; 2]
        };
        for (dialect, delivery) in WAYS {
            let gateway = Gateway::start().await;
            gateway.faults().set(Rule::new(failure.clone()).on(Provider::OpenAi));
            // A stream's body is not read where its type says that it is none.
            let outcome = outcome[usize::from(delivery == Delivery::Stream)];
            falls_back_to_azure(&gateway, (dialect, delivery), &[outcome]).await;
        }
    }
    for (failure, outcome) in [
        (Failure::GarbageJson, "broken_answer"),
        (Failure::Cut(Point::AfterContent), "broken_answer"),
        (Failure::HugeLine(3 << 20), "answer_too_large"),
    ] {
        for dialect in [Dialect::Native, Dialect::OpenAi, Dialect::Anthropic] {
            let gateway = Setup::new().env("UPSTREAM_MAX_BODY_BYTES", 2 << 20).start().await;
            gateway.faults().set(Rule::new(failure.clone()).on(Provider::OpenAi));
            falls_back_to_azure(&gateway, (dialect, Delivery::Json), &[outcome]).await;
        }
    }
}

#[tokio::test]
async fn every_provider_is_fallen_back_from_and_to() {
    let gateway = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 100).start().await;
    let body = json!({"messages": [{"role": "user", "content": ASK}]});
    let streamed = json!({"messages": [{"role": "user", "content": ASK}], "stream": true});
    let order = [Provider::Anthropic, Provider::OpenAi, Provider::AzureOpenAi, Provider::Gemini];
    for (position, provider) in order.into_iter().enumerate() {
        for body in [&body, &streamed] {
            let reply = gateway.post(Dialect::Native.path(), body).await;
            assert_eq!(reply.header("x-gateway-provider"), provider.name(), "{reply:?}");
            assert_eq!(reply.header("x-gateway-attempts"), (position + 1).to_string(), "{reply:?}");
            assert_eq!(Dialect::Native.text(&reply), ANSWER, "{reply:?}");
        }
        gateway.faults().set(Rule::status(503).on(provider));
    }
}

#[tokio::test]
async fn a_named_model_has_a_tail_of_defaults_in_the_native_dialect_only() {
    let gateway = Gateway::start().await;
    gateway.faults().set(Rule::status(503).on(Provider::Anthropic));
    for delivery in [Delivery::Json, Delivery::Stream] {
        let body = Dialect::Native.ask("claude-opus-4-6", ASK, delivery);
        let reply = gateway.post(Dialect::Native.path(), &body).await;
        assert_eq!(reply.header("x-gateway-provider"), "openai", "{reply:?}");
        assert_eq!(reply.header("x-gateway-model"), "gpt-4o", "{reply:?}");
        let body = Dialect::OpenAi.ask("claude-opus-4-6", ASK, delivery);
        let reply = gateway.post(Dialect::OpenAi.path(), &body).await;
        assert_eq!((reply.status, Dialect::OpenAi.code(&reply.json())), (502, "upstream_failed"));
    }
}

#[tokio::test]
async fn a_callers_mistake_is_told_and_tried_nowhere_else() {
    for (dialect, delivery) in WAYS {
        let gateway = Gateway::start().await;
        gateway.faults().set(Rule::status(400).on(Provider::OpenAi));
        let reply = gateway.post(dialect.path(), &ask(dialect, delivery)).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        let body = reply.json();
        assert_eq!(dialect.code(&body), "invalid_field", "{body}");
        assert_eq!(gateway.seen(Provider::OpenAi).requests, 1);
        assert_eq!(gateway.seen(Provider::AzureOpenAi).requests, 0);
        assert_eq!(gateway.status_of(Provider::OpenAi).await["consecutive_failures"], 0);
    }
}

#[tokio::test]
async fn fallback_can_be_turned_off() {
    for (dialect, delivery) in WAYS {
        let gateway = Gateway::start().await;
        gateway.faults().set(Rule::status(503).on(Provider::OpenAi));
        let plain = ask(dialect, delivery);
        let mut written = plain.clone();
        written["fallback"] = false.into();
        let by_header = |body: &Value| {
            let request = gateway.request(Method::POST, dialect.path());
            request.header("x-gateway-fallback", "off").json(body)
        };
        let mut requests = vec![by_header(&plain)];
        if dialect == Dialect::Native {
            requests.push(gateway.request(Method::POST, dialect.path()).json(&written));
        }
        for request in requests {
            let reply = Reply::of(request).await;
            assert_eq!((reply.status, dialect.code(&reply.json())), (502, "upstream_failed"));
        }
        assert_eq!(gateway.seen(Provider::AzureOpenAi).requests, 0);
    }
}

#[tokio::test]
async fn a_breaker_opens_skips_probes_and_closes() {
    let setup = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 3).env("CIRCUIT_BREAKER_COOLDOWN_S", 1);
    let gateway = setup.start().await;
    let way = (Dialect::Native, Delivery::Json);
    gateway.faults().set(Rule::status(503).on(Provider::OpenAi));
    for _ in 0..3 {
        falls_back_to_azure(&gateway, way, &["unavailable"]).await;
    }
    gateway.until_state(Provider::OpenAi, "open").await;
    let told = gateway.status_of(Provider::OpenAi).await;
    assert_eq!(told["reason"], "unavailable (status 503)", "{told}");
    assert!(told["next_probe_at"].is_string(), "{told}");
    eventually("the error rate is counted", async || {
        gateway.status_of(Provider::OpenAi).await["error_rate"].as_f64() > Some(0.0)
    })
    .await;

    falls_back_to_azure(&gateway, way, &["breaker_open"]).await;
    assert_eq!(gateway.seen(Provider::OpenAi).requests, 3, "an open breaker lets nothing pass");

    gateway.until_state(Provider::OpenAi, "half_open").await;
    falls_back_to_azure(&gateway, way, &["unavailable"]).await;
    gateway.until_state(Provider::OpenAi, "open").await;
    assert_eq!(gateway.seen(Provider::OpenAi).requests, 4, "one probe");

    gateway.faults().clear();
    gateway.until_state(Provider::OpenAi, "half_open").await;
    let reply = gateway.post(way.0.path(), &ask(way.0, way.1)).await;
    assert_eq!(way.0.attempts(&reply), ["openai:ok"]);
    gateway.until_state(Provider::OpenAi, "closed").await;
    assert_eq!(gateway.status_of(Provider::OpenAi).await["reason"], Value::Null);
}

#[tokio::test]
async fn only_one_probe_goes_at_a_time() {
    let setup = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 1).env("CIRCUIT_BREAKER_COOLDOWN_S", 1);
    let gateway = setup.start().await;
    gateway.faults().set(Rule::status(503).on(Provider::OpenAi));
    falls_back_to_azure(&gateway, (Dialect::OpenAi, Delivery::Json), &["unavailable"]).await;
    gateway.until_state(Provider::OpenAi, "open").await;
    gateway.faults().set(Rule { latency_ms: 500, ..Rule::default().on(Provider::OpenAi) });
    gateway.until_state(Provider::OpenAi, "half_open").await;
    let body = ask(Dialect::OpenAi, Delivery::Json);
    let asks = (0..6).map(|_| gateway.post(Dialect::OpenAi.path(), &body));
    let replies = futures_util::future::join_all(asks).await;
    let by = |name: &str| replies.iter().filter(|reply| reply.header("x-gateway-provider") == name).count();
    assert_eq!((by("openai"), by("azure_openai")), (1, 5), "{replies:?}");
}

#[tokio::test]
async fn a_rate_limit_cools_its_model_for_as_long_as_it_says() {
    let gateway = Gateway::start().await;
    let limited = Rule::new(status(429, Some(2_000))).on(Provider::OpenAi).when(When::First(1));
    gateway.faults().set(limited);
    let began = Instant::now();
    let way = (Dialect::Native, Delivery::Json);
    falls_back_to_azure(&gateway, way, &["rate_limited"]).await;
    gateway.until_state(Provider::OpenAi, "cooldown").await;
    falls_back_to_azure(&gateway, way, &["cooling_down"]).await;
    let told = gateway.status_of(Provider::OpenAi).await;
    assert_eq!((&told["state"], &told["consecutive_failures"]), (&json!("cooldown"), &json!(0)), "{told}");

    let other = gateway.post(way.0.path(), &way.0.ask("gpt-4.1", ASK, way.1)).await;
    assert_eq!(way.0.attempts(&other), ["openai:ok"], "another model is served meanwhile");

    eventually("the model is back", async || {
        let reply = gateway.post(way.0.path(), &ask(way.0, way.1)).await;
        way.0.attempts(&reply) == ["openai:ok"]
    })
    .await;
    let waited = began.elapsed();
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(4), "{waited:?}");
}

#[tokio::test]
async fn a_refused_account_is_skipped_and_shown_and_its_words_go_nowhere() {
    let gateway = Setup::new().env("CIRCUIT_BREAKER_COOLDOWN_S", 1).start().await;
    let faults = gateway.faults();
    let everyone = [Provider::OpenAi, Provider::AzureOpenAi, Provider::Anthropic, Provider::Gemini];
    for provider in everyone {
        faults.set(Rule::new(Failure::WrongKey).on(provider));
    }
    let first = gateway.post("/v1/complete", &ask(Dialect::Native, Delivery::Json)).await;
    assert_eq!(first.status, 503, "{first:?}");
    for provider in everyone {
        gateway.until_state(provider, "misconfigured").await;
    }
    let second = gateway.post("/v1/complete", &ask(Dialect::Native, Delivery::Json)).await;
    let skipped = attempts(&second.json()["error"]["attempts"]);
    assert!(skipped.iter().all(|attempt| attempt.ends_with(":misconfigured")), "{skipped:?}");
    assert!(everyone.iter().all(|provider| gateway.seen(*provider).requests == 1), "nobody is asked again");

    faults.clear();
    eventually("the account is tried again", async || {
        gateway.post("/v1/complete", &ask(Dialect::Native, Delivery::Json)).await.status == 200
    })
    .await;
    let ended = gateway.stop().await;
    // As the simulated providers word it, OpenAI with a part of the key.
    for words in ["Incorrect API key", "sk-proj", "invalid x-api-key", "Access denied", "API key not valid"] {
        assert!(!ended.log.contains(words), "{words} is in the log");
        assert!(!first.text().contains(words) && !second.text().contains(words), "{words} was told");
    }
}

/// What one caller asks for and the account may not have is that caller's failure alone.
#[tokio::test]
async fn a_file_that_may_not_be_read_takes_no_provider_away() {
    let gateway = Setup::new().only(&[Provider::Gemini]).env("CIRCUIT_BREAKER_FAILURES", 1).start().await;
    let file = "https://generativelanguage.googleapis.com/v1beta/files/abc-123";
    for delivery in [Delivery::Json, Delivery::Stream] {
        let mut body = Dialect::Native.ask("gemini-2.5-pro", ASK, delivery);
        body["messages"][0]["content"] = json!([
            {"type": "text", "text": ASK}, {"type": "image_url", "image_url": {"url": file}},
        ]);
        let reply = gateway.post("/v1/complete", &body).await;
        let error = reply.json()["error"].clone();
        assert_eq!((reply.status, &error["code"]), (400, &json!("invalid_field")), "{error}");
        assert_eq!(error["field"], "messages", "{error}");
        assert!(!reply.text().contains("abc-123"), "{error}");
    }
    for _ in 0..3 {
        gateway.faults().set(Rule::status(403).when(When::First(1)));
        let body = Dialect::Native.ask("gemini-2.5-pro", ASK, Delivery::Json);
        assert_eq!(gateway.post("/v1/complete", &body).await.status, 502);
        let reply = gateway.post("/v1/complete", &body).await;
        assert_eq!(reply.status, 200, "another caller: {reply:?}");
    }
    assert_eq!(gateway.status_of(Provider::Gemini).await["state"], "closed");
}

/// A stream may last for minutes; it need not end to show that its provider is well again.
#[tokio::test]
async fn the_first_words_of_a_stream_close_the_breaker() {
    let setup = Setup::new().only(&[Provider::OpenAi]).env("CIRCUIT_BREAKER_FAILURES", 1);
    let gateway = setup.env("CIRCUIT_BREAKER_COOLDOWN_S", 1).start().await;
    gateway.faults().set(Rule::status(503).when(When::First(1)));
    let body = ask(Dialect::Native, Delivery::Json);
    assert_eq!(gateway.post("/v1/complete", &body).await.status, 502);
    gateway.until_state(Provider::OpenAi, "half_open").await;
    gateway.faults().set(Rule::new(Failure::Stall(Point::AfterContent)));
    let probe = Dialect::Native.ask("gpt-4o", "words: 40", Delivery::Stream);
    let mut probe = Reading::open(gateway.request(Method::POST, "/v1/complete").json(&probe)).await;
    probe.until_text(Dialect::Native).await;
    gateway.until_state(Provider::OpenAi, "closed").await;
    gateway.faults().clear();
    let reply = gateway.post("/v1/complete", &body).await;
    assert_eq!(reply.status, 200, "beside the stream: {reply:?}");
    assert_eq!(gateway.status_of(Provider::OpenAi).await["in_flight"], 1, "which is still open");
}

#[tokio::test]
async fn where_none_is_left_the_answer_says_why_and_when_to_come_back() {
    for (dialect, delivery) in WAYS {
        let gateway = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 1).start().await;
        let faults = gateway.faults();
        faults.set(Rule::status(503).on(Provider::Anthropic));
        faults.set(Rule::new(status(429, Some(7_000))).on(Provider::OpenAi));
        faults.set(Rule::new(Failure::WrongKey).on(Provider::AzureOpenAi));
        faults.set(Rule::status(500).on(Provider::Gemini));
        let reply = gateway.post(dialect.path(), &ask(dialect, delivery)).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        let body = reply.json();
        assert_eq!(dialect.code(&body), "no_provider_available", "{body}");
        let seconds: u64 = reply.header("retry-after").parse().expect("seconds");
        assert!((1..=7).contains(&seconds), "{reply:?}");
        let message = body["error"]["message"].as_str().expect("a message");
        for reason in ["openai/gpt-4o: rate_limited", "azure_openai/gpt-4o: misconfigured"] {
            assert!(message.contains(reason), "{message}");
        }
        if dialect == Dialect::Native {
            let want = [
                "openai:rate_limited",
                "azure_openai:misconfigured",
                "anthropic:unavailable",
                "gemini:unavailable",
            ];
            assert_eq!(attempts(&body["error"]["attempts"]), want);
        }
    }
}

#[tokio::test]
async fn open_breakers_alone_are_a_503_too() {
    let setup = Setup::new().only(&[Provider::OpenAi]).env("CIRCUIT_BREAKER_FAILURES", 1);
    let gateway = setup.start().await;
    gateway.faults().set(Rule::status(503));
    for (dialect, delivery) in WAYS {
        gateway.post(dialect.path(), &ask(dialect, delivery)).await;
        gateway.until_state(Provider::OpenAi, "open").await;
        let reply = gateway.post(dialect.path(), &ask(dialect, delivery)).await;
        assert_eq!((reply.status, dialect.code(&reply.json())), (503, "no_provider_available"));
        let seconds: u64 = reply.header("retry-after").parse().expect("seconds");
        assert!((1..=33).contains(&seconds), "30 s, and a tenth more at most: {seconds}");
    }
}

#[tokio::test]
async fn one_candidate_alone_is_a_bad_gateway_or_a_time_out() {
    for (failure, status, code) in [
        (status(500, None), 502, "upstream_failed"),
        (status(529, None), 502, "upstream_failed"),
        (Failure::WrongKey, 502, "upstream_misconfigured"),
        (status(403, None), 502, "upstream_misconfigured"),
        (Failure::Reset(Point::Headers), 502, "upstream_failed"),
        (Failure::ErrorBody, 502, "upstream_failed"),
        (Failure::Stall(Point::Headers), 504, "upstream_timeout"),
    ] {
        for (dialect, delivery) in WAYS {
            let gateway = hurried().only(&[Provider::OpenAi]).start().await;
            gateway.faults().set(Rule::new(failure.clone()));
            let reply = gateway.post(dialect.path(), &ask(dialect, delivery)).await;
            let case = format!("{failure:?} {dialect:?} {delivery:?}: {reply:?}");
            assert_eq!((reply.status, dialect.code(&reply.json())), (status, code), "{case}");
        }
    }
}
