//! No secret and no prompt text is in any log or error. Every key and every text here holds one mark; the
//! whole log, at its most talkative, and every error is searched for it.

use crate::client::{Delivery, Dialect, Reply, WAYS, http};
use crate::gateway::{Ended, Gateway, Setup, key_variable, self_signed};
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

const MARK: &str = "lEaKmArK";
const KEY: &str = "lEaKmArK-team-key-0001";
const ADMIN_KEY: &str = "lEaKmArK-admin-key-0001";

fn marked() -> Setup {
    let mut setup = Setup::new()
        .env("GATEWAY_API_KEYS", format!("engineering-team:{KEY}"))
        .env("GATEWAY_ADMIN_KEY", ADMIN_KEY)
        .env("CIRCUIT_BREAKER_FAILURES", 1_000);
    for provider in Provider::ALL {
        setup = setup.env(key_variable(provider), format!("{MARK}-upstream-{}", provider.name()));
    }
    setup
}

fn post(gateway: &Gateway, dialect: Dialect) -> RequestBuilder {
    gateway.anonymous(Method::POST, dialect.path()).header("x-api-key", KEY)
}

/// A request that is fine, with a mark in each of its texts.
fn good(dialect: Dialect, model: &str, delivery: Delivery) -> Value {
    if dialect == Dialect::Anthropic {
        return json!({
            "model": model,
            "stream": delivery == Delivery::Stream,
            "system": [{"type": "text", "text": format!("{MARK}-system")}],
            "messages": [
                {"role": "user", "content": format!("{MARK}-first"), "name": format!("{MARK}-name")},
                {"role": "assistant", "content": format!("{MARK}-assistant")},
                {"role": "user", "content": [{"type": "text", "text": format!("say: {MARK}-answer \\ \" é😀")}]},
            ],
            "stop_sequences": [format!("{MARK}-stop")],
            "metadata": {"user_id": format!("{MARK}-user")},
        });
    }
    json!({
        "model": model,
        "stream": delivery == Delivery::Stream,
        "messages": [
            {"role": "system", "content": format!("{MARK}-system")},
            {"role": "user", "content": format!("{MARK}-first"), "name": format!("{MARK}-name")},
            {"role": "assistant", "content": format!("{MARK}-assistant")},
            {"role": "user", "content": [{"type": "text", "text": format!("say: {MARK}-answer \\ \" é😀")}]},
        ],
        "stop": [format!("{MARK}-stop")],
        (if dialect == Dialect::OpenAi { "user" } else { "unknown_field" }): format!("{MARK}-user"),
    })
}

/// The log of a process that has ended, free of marks. `wire` is the crate whose lines must be there.
fn assert_silent(ended: &Ended, wire: &str, case: &str) {
    assert!(ended.log.contains("TRACE") && ended.log.contains(wire), "{case}: not the whole log");
    let told: Vec<&str> = ended.log.lines().filter(|line| line.contains(MARK)).collect();
    assert!(told.is_empty(), "{case}: {told:#?}");
    assert!(ended.status.success(), "{case}: {:?}", ended.status);
}

/// An answer that is no answer, free of marks in its body and its headers.
fn assert_discreet(reply: &Reply, case: &str) {
    assert!(reply.status >= 400, "{case}: {reply:?}");
    assert!(!reply.text().contains(MARK), "{case}: {}", reply.text());
    assert!(!format!("{:?}", reply.headers).contains(MARK), "{case}: {:?}", reply.headers);
}

async fn answers(gateway: &Gateway) {
    for model in ["gpt-4o", "azure_openai/gpt-4o", "anthropic/claude-opus-4-6", "gemini/gemini-2.5-pro"] {
        for (dialect, delivery) in WAYS {
            let reply = Reply::of(post(gateway, dialect).json(&good(dialect, model, delivery))).await;
            assert_eq!(reply.status, 200, "{model} {dialect:?}: {}", reply.text());
            assert!(
                dialect.text(&reply).contains(&format!("{MARK}-answer")),
                "{model} {dialect:?} {delivery:?}"
            );
        }
    }
}

async fn mistakes(gateway: &Gateway) {
    let bodies = [
        format!(r#"{{"messages": [{{"role": "user", "content": "{MARK}"#),
        format!(r#"{{"{MARK}": 1, "{MARK}": 2}}"#),
        format!(r#"{{"messages": "{MARK}"}}"#),
        format!(r#"{{"messages": [{{"role": "{MARK}", "content": "x"}}]}}"#),
        format!(r#"{{"messages": [{{"role": "user", "content": {{"{MARK}": 1}}}}]}}"#),
        format!(r#"{{"messages": [{{"role": "user", "content": [{{"type": "{MARK}"}}]}}]}}"#),
        format!(r#"{{"messages": [{{"role": "tool", "content": "{MARK}", "tool_call_id": "{MARK}"}}]}}"#),
        format!(r#"{{"messages": [{{"role": "user", "content": "{MARK}"}}], "temperature": "{MARK}"}}"#),
        format!(r#"{{"messages": [{{"role": "user", "content": "{MARK}"}}], "stop": {{"{MARK}": 1}}}}"#),
        format!(r#"{{"messages": [{{"role": "user", "content": "{MARK}"}}], "stream": "{MARK}"}}"#),
        format!(
            r#"{{"messages": [{{"role": "user", "content": "{MARK}"}}], "tools": [{{"type": "{MARK}"}}]}}"#
        ),
        format!(r#"{{"messages": [{{"role": "user", "content": "{MARK}"}}], "response_format": "{MARK}"}}"#),
        format!(r#"{{"messages": [{{"role": "user", "content": "{MARK}"}}], "model": ["{MARK}"]}}"#),
        MARK.to_owned(),
        format!("\"{MARK}\""),
        "[".repeat(200) + MARK,
    ];
    for dialect in [Dialect::Native, Dialect::OpenAi, Dialect::Anthropic] {
        let send =
            |bytes: Vec<u8>| post(gateway, dialect).header(CONTENT_TYPE, "application/json").body(bytes);
        // Fields by the names that they have there.
        let named = |body: &String| match dialect {
            Dialect::Anthropic => {
                body.replace("\"stop\"", "\"stop_sequences\"").replace("response_format", "output_config")
            }
            Dialect::Native | Dialect::OpenAi => body.clone(),
        };
        for body in bodies.iter().map(named) {
            assert_discreet(&Reply::of(send(body.clone().into_bytes())).await, &body);
        }
        let mut invalid = format!(r#"{{"messages": "{MARK}"#).into_bytes();
        invalid.extend([0xff, 0xfe]);
        assert_discreet(&Reply::of(send(invalid)).await, "no UTF-8");
        let wrong_type = post(gateway, dialect).header(CONTENT_TYPE, format!("text/{MARK}")).body(MARK);
        assert_discreet(&Reply::of(wrong_type).await, "another media type");
    }
}

/// The gateway's own endpoints that take a body: what can be tried, and what administrators write.
async fn own_mistakes(gateway: &Gateway) {
    let bodies = [
        MARK.to_owned(),
        format!("\"{MARK}\""),
        format!("[\"{MARK}\"]"),
        format!(r#"{{"text": "{MARK}"#),
        format!(r#"{{"{MARK}": 1}}"#),
        format!(r#"{{"{MARK}": 1, "{MARK}": 2}}"#),
        format!(r#"{{"text": "x", "{MARK}": 1}}"#),
        format!(r#"{{"text": ["{MARK}"]}}"#),
        format!(r#"{{"text": {{"{MARK}": 1}}}}"#),
        format!(r#"{{"messages": "{MARK}"}}"#),
        format!(r#"{{"messages": {{"{MARK}": "{MARK}"}}}}"#),
        format!(r#"{{"limits": {{"{MARK}": 1}}, "daily_limit_usd": "{MARK}"}}"#),
    ];
    for (method, path) in [
        (Method::POST, "/v1/redact"),
        (Method::POST, "/v1/guard"),
        (Method::POST, "/v1/estimate"),
        (Method::POST, "/v1/keys"),
        (Method::PUT, "/v1/budget/engineering-team"),
    ] {
        let send = |body: String| {
            let request = gateway.anonymous(method.clone(), path).header("x-api-key", ADMIN_KEY);
            Reply::of(request.header(CONTENT_TYPE, "application/json").body(body))
        };
        for body in &bodies {
            assert_discreet(&send(body.clone()).await, &format!("{path}: {body}"));
        }
        // A number is quoted as it reads.
        for body in [r#"{"text": 536904399}"#, "536904399", r#"{"messages": 536904399}"#] {
            let reply = send(body.to_owned()).await;
            assert!(reply.status >= 400 && !reply.text().contains("536904399"), "{path}: {}", reply.text());
        }
    }
}

async fn strangers(gateway: &Gateway) {
    let secret = format!("{MARK}-of-a-stranger");
    for (name, value) in [
        ("x-api-key", secret.clone()),
        ("authorization", format!("Bearer {secret}")),
        ("authorization", format!("Basic {secret}")),
        ("authorization", secret.clone()),
        ("api-key", secret.clone()),
        ("cookie", format!("session={secret}")),
    ] {
        for path in [
            "/v1/complete",
            "/v1/chat/completions",
            "/v1/messages",
            "/v1/models",
            "/v1/providers/status",
            "/nothing",
        ] {
            let body = json!({"messages": [{"role": "user", "content": MARK}]});
            let request = gateway.anonymous(Method::POST, path).header(name, &value).json(&body);
            assert_discreet(&Reply::of(request).await, &format!("{name} at {path}"));
        }
    }
    for path in [format!("/v1/{MARK}"), format!("/v1/models/{MARK}"), format!("/v1/complete?key={MARK}")] {
        for method in [Method::GET, Method::PATCH] {
            let request = gateway.anonymous(method, &path).header(AUTHORIZATION, format!("Bearer {KEY}"));
            assert_discreet(&Reply::of(request).await, &path);
        }
    }
}

/// Names of models and providers may be repeated to who wrote them, where they read like names; in no log.
async fn names(gateway: &Gateway) {
    let long = format!("{MARK}{}", "x".repeat(300));
    for dialect in [Dialect::Native, Dialect::OpenAi, Dialect::Anthropic] {
        for model in [format!("openai/{long}"), format!("{long}/gpt-4o"), long.clone()] {
            let reply =
                Reply::of(post(gateway, dialect).json(&dialect.ask(&model, MARK, Delivery::Json))).await;
            assert!((400..500).contains(&reply.status), "{reply:?}");
            assert!(!reply.text().contains(&long), "{}", reply.text());
        }
    }
}

/// Failures of every kind, of which callers are told and operators read.
async fn failures(gateway: &Gateway) {
    for failure in [
        Failure::Status { code: 500, retry_after_ms: None },
        Failure::Status { code: 400, retry_after_ms: None },
        Failure::GarbageJson,
        Failure::StreamError(Point::AfterContent),
        Failure::Cut(Point::AfterContent),
        Failure::Reset(Point::BeforeContent),
    ] {
        gateway.faults().set(Rule::new(failure));
        for (dialect, delivery) in WAYS {
            let reply = Reply::of(post(gateway, dialect).json(&good(dialect, "gpt-4o", delivery))).await;
            if reply.status == 200 {
                let last = reply.last_event();
                assert!(dialect.error_of(&last).is_some() && !last.data.contains(MARK), "{last:?}");
            } else {
                assert_discreet(&reply, "a failed upstream");
            }
        }
    }
    gateway.faults().clear();
}

#[tokio::test]
async fn nothing_private_is_logged_or_told() {
    for format in ["text", "json"] {
        let gateway = marked().env("LOG_FORMAT", format).start().await;
        answers(&gateway).await;
        mistakes(&gateway).await;
        own_mistakes(&gateway).await;
        strangers(&gateway).await;
        names(&gateway).await;
        failures(&gateway).await;
        let ended = gateway.stop().await;
        assert_silent(&ended, "actix_http::h1", format);
        if format == "json" {
            let lines = ended.log.lines().map(serde_json::from_str::<Value>);
            assert!(lines.into_iter().all(|line| line.is_ok_and(|line| line["level"].is_string())));
        }
    }
}

#[tokio::test]
async fn nothing_private_is_logged_over_tls_and_http_2() {
    // Made for its crypto provider.
    drop(http());
    let (certificate, key) = self_signed();
    let setup = marked().file("tls.crt", certificate).file("tls.key", key);
    let setup = setup.env("GATEWAY_TLS_CERT", "tls.crt").env("GATEWAY_TLS_KEY", "tls.key");
    let gateway = setup.launch().await;
    let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().expect("a client");
    for (dialect, delivery) in WAYS {
        let url = format!("https://{}{}", gateway.address(), dialect.path());
        for key in [KEY, "lEaKmArK-of-a-stranger"] {
            let body = good(dialect, "gpt-4o", delivery);
            let request = client.post(&url).header("x-api-key", key).bearer_auth(key).json(&body);
            let response = request.send().await.expect("the gateway answers");
            assert_eq!(response.version(), reqwest::Version::HTTP_2);
            let reply = Reply::read(response).await;
            assert_eq!(reply.status, if key == KEY { 200 } else { 401 }, "{reply:?}");
        }
    }
    drop(client);
    assert_silent(&gateway.stop().await, "h2::", "HTTP/2");
}

/// What an [`Echo`] does with a request.
#[derive(Clone, Copy, Debug)]
enum Echoed {
    /// An error of this status, with all that was sent in each of its words.
    Status(u16),
    /// The same as an event of a stream.
    Event,
    /// No JSON.
    Garbage,
}

/// An upstream that repeats all that it is sent, keys among it, wherever an error has room for words.
/// Its thread ends with the test's process.
fn echo(how: Echoed) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // One that breaks off is the gateway's doing, and shows there.
            stream.and_then(|stream| repeat(stream, how)).ok();
        }
    });
    address
}

fn repeat(mut stream: TcpStream, how: Echoed) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut said = String::new();
    while !said.ends_with("\r\n\r\n") && reader.read_line(&mut said)? > 0 {}
    let lower = said.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    said.push_str(&String::from_utf8_lossy(&body));
    let error = json!({
        "type": "error",
        "message": said,
        "detail": said,
        "error": {
            "message": said, "type": said, "code": said, "param": said, "status": said,
            "details": [{"reason": said, "retryDelay": said}], "innererror": {"code": said},
        },
    });
    let (status, kind, body) = match how {
        Echoed::Status(status) => (status, "application/json", error.to_string()),
        Echoed::Event => (200, "text/event-stream", format!("event: error\ndata: {error}\n\n")),
        Echoed::Garbage => (200, "application/json", said),
    };
    write!(
        stream,
        "HTTP/1.1 {status} {MARK}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\
         retry-after: {MARK}\r\nx-request-id: {MARK}\r\nset-cookie: {MARK}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn an_upstream_that_repeats_keys_and_prompts_is_not_quoted() {
    let statuses = [400, 401, 404, 413, 422, 429, 500, 529].map(Echoed::Status);
    for how in statuses.into_iter().chain([Echoed::Status(200), Echoed::Event, Echoed::Garbage]) {
        let address = echo(how);
        let setup = marked()
            .env("ANTHROPIC_BASE_URL", format!("http://{address}"))
            .env("OPENAI_BASE_URL", format!("http://{address}/v1"))
            .env("AZURE_OPENAI_ENDPOINT", format!("http://{address}"))
            .env("GEMINI_BASE_URL", format!("http://{address}"));
        let gateway = setup.start().await;
        for provider in Provider::ALL {
            for (dialect, delivery) in WAYS {
                let model = match provider {
                    Provider::Anthropic => "anthropic/claude-opus-4-6",
                    Provider::OpenAi => "openai/gpt-4o",
                    Provider::AzureOpenAi => "azure_openai/gpt-4o",
                    Provider::Gemini => "gemini/gemini-2.5-pro",
                };
                let body = good(dialect, model, delivery);
                let request = post(&gateway, dialect).header("x-gateway-fallback", "off").json(&body);
                let reply = Reply::of(request).await;
                assert_discreet(&reply, &format!("{how:?} {provider:?} {dialect:?} {delivery:?}"));
            }
        }
        let status =
            Reply::of(gateway.anonymous(Method::GET, "/v1/providers/status").header("x-api-key", KEY));
        assert!(!status.await.text().contains(MARK), "{how:?}: told in the status");
        assert_silent(&gateway.stop().await, "actix_http::h1", &format!("{how:?}"));
    }
}
