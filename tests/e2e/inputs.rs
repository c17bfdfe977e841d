//! Requests that are wrong: each gets a 4xx in its dialect's envelope that names the field and the mend and
//! repeats nothing of the body; no upstream hears of it, and the process goes on.

use crate::client::{Delivery, Dialect, Reply, raw};
use crate::gateway::{Gateway, PATIENCE, Setup, TEAM_KEY};
use gateway_simulator::Provider;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Stands for whatever a caller would not like to see repeated.
const MARKER: &str = "marker-4f1d";

const DIALECTS: [Dialect; 2] = [Dialect::Native, Dialect::OpenAi];

async fn send(gateway: &Gateway, dialect: Dialect, body: impl Into<Vec<u8>>) -> Reply {
    let request = gateway.request(Method::POST, dialect.path()).header("content-type", "application/json");
    Reply::of(request.body(body.into())).await
}

/// Checks the envelope, and returns status, code, and the field that is blamed.
fn refusal(dialect: Dialect, reply: &Reply, case: &str) -> (u16, String, Option<String>) {
    assert_eq!(reply.header("content-type"), "application/json", "{case}");
    assert!(!reply.text().contains("marker"), "{case} repeats the body: {}", reply.text());
    let body = reply.json();
    let error = &body["error"];
    assert_eq!(error["request_id"], reply.header("x-request-id"), "{case}");
    let message = error["message"].as_str().unwrap_or_else(|| panic!("{case}: no message in {body}"));
    let field = match dialect {
        Dialect::Native | Dialect::Anthropic => &error["field"],
        Dialect::OpenAi => {
            assert!(error["type"].is_string(), "{case}");
            &error["param"]
        }
    };
    if let Some(field) = field.as_str().filter(|field| *field != "body") {
        let named = message.contains(&format!("`{field}`"));
        assert!(named, "{case}: {message:?} does not name {field}");
    }
    let field = field.as_str().map(str::to_owned);
    (reply.status, error["code"].as_str().expect("a code").to_owned(), field)
}

fn wrong(status: u16, code: &str, field: impl Into<Option<&'static str>>) -> (u16, String, Option<String>) {
    (status, code.to_owned(), field.into().map(str::to_owned))
}

async fn nothing_went_upstream(gateway: &Gateway) {
    for provider in Provider::ALL {
        assert_eq!(gateway.seen(provider).requests, 0, "{provider:?}");
    }
    gateway.until_idle().await;
    assert_eq!(gateway.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let gateway = Gateway::start().await;
    let good = format!(r#"{{"messages":[{{"role":"user","content":"{MARKER}"}}]}}"#);
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"x":{open}{close},"messages":[{{"role":"user","content":"{MARKER}"}}]}}"#)
    };
    let within = |text: &[u8]| [br#"{"messages":[{"role":"user","content":""#, text, br#""}]}"#].concat();
    for (case, body) in [
        ("nothing", Vec::new()),
        ("blanks", b" \n ".to_vec()),
        ("cut", good.as_bytes()[..good.len() - 3].to_vec()),
        ("more after it", format!("{good} {MARKER}").into_bytes()),
        ("two of them", format!("{good}{good}").into_bytes()),
        ("single quotes", good.replace('"', "'").into_bytes()),
        ("a comma too many", good.replace("}]", "},]").into_bytes()),
        ("a comment", format!("{good}// {MARKER}").into_bytes()),
        ("a byte order mark", format!("\u{feff}{good}").into_bytes()),
        ("a form", format!("messages={MARKER}").into_bytes()),
        ("NaN", good.replacen('{', r#"{"temperature":NaN,"#, 1).into_bytes()),
        ("a number beyond all", good.replacen('{', r#"{"temperature":1e999,"#, 1).into_bytes()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("not UTF-8", within(b"marker \xff\xfe")),
        ("an overlong encoding", within(b"marker \xc0\xaf")),
        ("a surrogate as bytes", within(b"marker \xed\xa0\x80")),
        ("half a character", within(b"marker \xe2\x82")),
        ("a raw line end", within(b"marker \n")),
        ("a raw NUL", within(b"marker \0")),
        ("an escape that is none", within(br"marker \x41")),
        ("a lone surrogate", within(br"marker \ud83d")),
        ("surrogates in the wrong order", within(br"marker \ude00\ud83d")),
        ("129 levels", nested(128).into_bytes()),
        ("10,000 levels", nested(10_000).into_bytes()),
        ("a million open brackets", "[".repeat(1_000_000).into_bytes()),
        ("a million open objects", r#"{"a":"#.repeat(1_000_000).into_bytes()),
        ("a key twice", good.replacen('{', r#"{"model":"gpt-4o","model":"marker","#, 1).into_bytes()),
        ("a key twice, once escaped", good.replacen('{', r#"{"x":1,"\u0078":2,"#, 1).into_bytes()),
        ("a key twice, deep within", good.replacen('{', r#"{"x":[{"y":{"a":1,"a":2}}],"#, 1).into_bytes()),
        ("a role twice", good.replace(r#""role":"user""#, r#""role":"user","role":"system""#).into_bytes()),
    ] {
        for dialect in DIALECTS {
            let reply = send(&gateway, dialect, body.clone()).await;
            assert_eq!(refusal(dialect, &reply, case), wrong(400, "invalid_json", None), "{case}");
        }
    }
    for body in ["[]", "\"marker\"", "12", "null", "true"] {
        let reply = send(&gateway, Dialect::Native, body).await;
        assert_eq!(refusal(Dialect::Native, &reply, body), wrong(400, "invalid_field", "body"), "{body}");
    }
    nothing_went_upstream(&gateway).await;
}

/// The type that a field takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    Number,
    Whole,
    Switch,
    List,
    Object,
    TextOrList,
}

#[tokio::test]
async fn every_known_field_refuses_another_type() {
    let gateway = Gateway::start().await;
    let values = [
        (json!(MARKER), &[Takes::Text, Takes::TextOrList][..]),
        (json!(0.5), &[Takes::Number]),
        (json!([MARKER]), &[Takes::List, Takes::TextOrList]),
        (json!({"marker": MARKER}), &[Takes::Object]),
        (json!(true), &[Takes::Switch]),
    ];
    for (field, takes, native_only) in [
        ("model", Takes::Text, false),
        ("messages", Takes::List, false),
        ("stream", Takes::Switch, false),
        ("stream_options", Takes::Object, false),
        ("max_tokens", Takes::Whole, false),
        ("max_completion_tokens", Takes::Whole, false),
        ("temperature", Takes::Number, false),
        ("top_p", Takes::Number, false),
        ("presence_penalty", Takes::Number, false),
        ("frequency_penalty", Takes::Number, false),
        ("seed", Takes::Whole, false),
        ("stop", Takes::TextOrList, false),
        ("user", Takes::Text, false),
        ("logit_bias", Takes::Object, false),
        ("safety_identifier", Takes::Text, false),
        ("prompt_cache_key", Takes::Text, false),
        ("provider", Takes::Text, true),
        ("team_id", Takes::Text, true),
        ("fallback", Takes::Switch, true),
    ] {
        for (value, fits) in values.iter().filter(|(_, fits)| !fits.contains(&takes)) {
            assert!(!fits.is_empty());
            for dialect in DIALECTS.into_iter().filter(|d| *d == Dialect::Native || !native_only) {
                let case = format!("{field} = {value}, {dialect:?}");
                let mut body = json!({"messages": [{"role": "user", "content": MARKER}]});
                body[field] = value.clone();
                let reply = send(&gateway, dialect, body.to_string()).await;
                assert_eq!(refusal(dialect, &reply, &case), wrong(400, "invalid_field", field), "{case}");
            }
        }
    }
    nothing_went_upstream(&gateway).await;
}

#[tokio::test]
async fn a_field_out_of_its_range_is_named() {
    let gateway = Gateway::start().await;
    let message = |message: Value| json!({"messages": [message]});
    for (fields, field) in [
        (json!({"messages": null}), "messages"),
        (json!({"messages": []}), "messages"),
        (message(json!(MARKER)), "messages[0]"),
        (message(json!(null)), "messages[0]"),
        (message(json!({"content": MARKER})), "messages[0].role"),
        (message(json!({"role": MARKER, "content": MARKER})), "messages[0].role"),
        (message(json!({"role": "user"})), "messages[0].content"),
        (message(json!({"role": "user", "content": null})), "messages[0].content"),
        (message(json!({"role": "user", "content": 1})), "messages[0].content"),
        (message(json!({"role": "user", "content": {"type": "text"}})), "messages[0].content"),
        (message(json!({"role": "user", "content": []})), "messages[0].content"),
        (message(json!({"role": "user", "content": [MARKER]})), "messages[0].content"),
        (message(json!({"role": "user", "content": [{"text": MARKER}]})), "messages[0].content[0].type"),
        (message(json!({"role": "user", "content": [{"type": "text"}]})), "messages[0].content[0].text"),
        (message(json!({"role": "user", "content": MARKER, "name": 1})), "messages[0].name"),
        (json!({"model": ""}), "model"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"max_tokens": 1e30}), "max_tokens"),
        (json!({"temperature": 2.01}), "temperature"),
        (json!({"temperature": -0.01}), "temperature"),
        (json!({"top_p": 1.01}), "top_p"),
        (json!({"presence_penalty": -2.01}), "presence_penalty"),
        (json!({"frequency_penalty": 2.01}), "frequency_penalty"),
        (json!({"stop": ["a", "b", "c", "d", MARKER]}), "stop"),
        (json!({"stop": ["a", 1]}), "stop[1]"),
        (json!({"stream_options": {"include_usage": MARKER}}), "stream_options.include_usage"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].function"),
        (json!({"tools": [{"type": "function", "function": {"name": "a b"}}]}), "tools[0].function.name"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": MARKER}}]}),
            "tools[0].function.parameters",
        ),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"tool_choice": MARKER}), "tool_choice"),
        (json!({"response_format": {"type": MARKER}}), "response_format.type"),
        (json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema"),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}),
            "response_format.json_schema.schema",
        ),
        (json!({"reasoning_effort": MARKER}), "reasoning_effort"),
        (message(json!({"role": "tool", "content": MARKER})), "messages[0].tool_call_id"),
        (
            message(json!({"role": "assistant", "content": null, "tool_calls": [{"type": "function"}]})),
            "messages[0].tool_calls[0].id",
        ),
        (
            message(json!({"role": "user", "content": MARKER, "tool_call_id": "c"})),
            "messages[0].tool_call_id",
        ),
        (
            message(
                json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": MARKER}}]}),
            ),
            "messages[0].content[0].image_url.url",
        ),
        (
            message(
                json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}]}),
            ),
            "messages[0].content[0].image_url.url",
        ),
        (
            message(json!({"role": "user", "content": [{"type": "text", "text": MARKER}, {"type": "file"}]})),
            "messages[0].content[1].file",
        ),
    ] {
        for dialect in DIALECTS {
            let case = format!("{fields}, {dialect:?}");
            let mut body = json!({"messages": [{"role": "user", "content": MARKER}]});
            body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
            let reply = send(&gateway, dialect, body.to_string()).await;
            assert_eq!(refusal(dialect, &reply, &case), wrong(400, "invalid_field", field), "{case}");
        }
    }
    nothing_went_upstream(&gateway).await;
}

#[tokio::test]
async fn what_this_version_cannot_do_is_refused_and_never_dropped() {
    let gateway = Gateway::start().await;
    let message = |message: Value| json!({"messages": [message]});
    for (fields, field) in [
        (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
        (json!({"tool_choice": {"type": "allowed_tools"}}), "tool_choice.type"),
        (json!({"functions": [{"name": MARKER}]}), "functions"),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), "thinking"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"service_tier": "batch"}), "service_tier"),
        (json!({"web_search_options": {}}), "web_search_options"),
        (json!({"store": true}), "store"),
        (message(json!({"role": "function", "content": MARKER})), "messages[0].role"),
        (
            message(json!({"role": "assistant", "content": MARKER, "audio": {"id": MARKER}})),
            "messages[0].audio",
        ),
        (
            message(json!({"role": "user", "content": [{"type": "file", "file": {"file_id": MARKER}}]})),
            "messages[0].content[0].file.file_id",
        ),
        (message(json!({"role": "user", "content": [{"type": MARKER}]})), "messages[0].content[0].type"),
    ] {
        for dialect in DIALECTS {
            let case = format!("{fields}, {dialect:?}");
            let mut body = json!({"messages": [{"role": "user", "content": MARKER}]});
            body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
            let reply = send(&gateway, dialect, body.to_string()).await;
            assert_eq!(refusal(dialect, &reply, &case), wrong(400, "unsupported", field), "{case}");
        }
    }
    nothing_went_upstream(&gateway).await;
}

#[tokio::test]
async fn a_model_or_provider_that_is_not_there_is_told_apart() {
    let gateway = Setup::new().without("GEMINI_API_KEY").start().await;
    for (fields, native_only, want) in [
        (json!({"model": "gpt-99"}), false, wrong(404, "model_not_found", "model")),
        (json!({"model": "nowhere/gpt-4o"}), false, wrong(404, "model_not_found", "model")),
        (json!({"model": "text-embedding-3-small"}), false, wrong(404, "model_not_found", "model")),
        (json!({"model": "openai/gpt-99"}), false, wrong(400, "unpriced_model", "model")),
        (json!({"model": "gemini/gemini-2.5-pro"}), false, wrong(400, "provider_not_found", "provider")),
        (json!({"provider": "nowhere"}), true, wrong(400, "provider_not_found", "provider")),
        (json!({"provider": "gemini"}), true, wrong(400, "provider_not_found", "provider")),
        (json!({"provider": ""}), true, wrong(400, "provider_not_found", "provider")),
        (
            json!({"provider": "openai", "model": "anthropic/claude-opus-4-6"}),
            true,
            wrong(400, "invalid_field", "provider"),
        ),
        (json!({"provider": "azure", "model": "gpt-4.1"}), true, wrong(404, "model_not_found", "model")),
    ] {
        for dialect in DIALECTS.into_iter().filter(|d| *d == Dialect::Native || !native_only) {
            let case = format!("{fields}, {dialect:?}");
            let mut body = json!({"messages": [{"role": "user", "content": MARKER}]});
            body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
            let reply = send(&gateway, dialect, body.to_string()).await;
            assert_eq!(refusal(dialect, &reply, &case), want, "{case}");
        }
    }
    let long = "marker ".repeat(200_000);
    let body = Dialect::OpenAi.ask("gpt-4o", &long, Delivery::Json);
    let reply = send(&gateway, Dialect::OpenAi, body.to_string()).await;
    assert_eq!(refusal(Dialect::OpenAi, &reply, "long"), wrong(400, "context_too_long", "messages"));
    nothing_went_upstream(&gateway).await;
}

#[tokio::test]
async fn a_name_that_is_repeated_is_cut_and_cleaned() {
    let gateway = Gateway::start().await;
    let name = format!("{}\u{202e}\n\u{1b}[31m{}", "m".repeat(40), "x".repeat(5_000));
    let reply =
        send(&gateway, Dialect::Native, Dialect::Native.ask(&name, "hi", Delivery::Json).to_string()).await;
    assert_eq!(reply.status, 404);
    let message = reply.json()["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.chars().count() < 300, "{message}");
    assert!(message.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{message:?}");
}

#[tokio::test]
async fn a_media_type_other_than_json_is_a_415() {
    let gateway = Gateway::start().await;
    let body = Dialect::Native.ask("gpt-4o", "say: hi", Delivery::Json).to_string();
    for (kind, want) in [
        (None, 200),
        (Some("application/json"), 200),
        (Some("application/json; charset=utf-8"), 200),
        (Some("APPLICATION/JSON ;charset=UTF-8"), 200),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("multipart/form-data; boundary=x"), 415),
        (Some("application/jsonp"), 415),
        (Some("text/application/json"), 415),
        (Some(""), 415),
    ] {
        for dialect in DIALECTS {
            let mut request = gateway.request(Method::POST, dialect.path()).body(body.clone());
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            let reply = Reply::of(request).await;
            assert_eq!(reply.status, want, "{kind:?} {dialect:?}: {}", reply.text());
            if want == 415 {
                let got = refusal(dialect, &reply, kind.unwrap_or_default());
                assert_eq!(got, wrong(415, "unsupported_media_type", None));
            }
        }
    }
}

fn head(gateway: &Gateway, path: &str, length: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nx-api-key: {TEAM_KEY}\r\ncontent-type: application/json\r\n{length}\r\n\r\n",
        gateway.address()
    )
}

/// Sends bytes, and reads until an error's body has come; the connection stays open meanwhile.
async fn error_for(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.expect("connect");
    socket.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer);
        if text.contains("\"request_id\"") {
            return text.into_owned();
        }
        let read = tokio::time::timeout(PATIENCE, socket.read_buf(&mut answer)).await;
        assert_ne!(read.expect("an answer in time").expect("readable"), 0, "closed without an answer");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_however_it_comes() {
    let gateway = Setup::new().env("GATEWAY_MAX_BODY_BYTES", 2_000).start().await;
    let fits = |bytes: usize| {
        let mut body = Dialect::Native.ask("gpt-4o", "say: hi", Delivery::Json);
        body["user"] = "".into();
        let rest = bytes - body.to_string().len();
        body["user"] = "u".repeat(rest).into();
        body.to_string()
    };
    for dialect in DIALECTS {
        assert_eq!(send(&gateway, dialect, fits(2_000)).await.status, 200);
        let reply = send(&gateway, dialect, fits(2_001)).await;
        assert_eq!(refusal(dialect, &reply, "one more"), wrong(413, "body_too_large", None));
        assert!(reply.text().contains("2000 bytes"), "{}", reply.text());
        // Announced: not a byte has to come. Chunked: refused as soon as it is too much.
        let chunk = format!("3e9\r\n{}\r\n", "x".repeat(1_001));
        let chunked =
            format!("{}{chunk}{chunk}", head(&gateway, dialect.path(), "transfer-encoding: chunked"));
        for request in [
            head(&gateway, dialect.path(), "content-length: 2001"),
            head(&gateway, dialect.path(), "content-length: 18446744073709551615"),
            chunked,
        ] {
            let answer = error_for(gateway.address(), request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
        }
    }
    gateway.until_idle().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_without_end() {
    let gateway = Setup::new().env("GATEWAY_BODY_TIMEOUT_S", 1).start().await;
    for (case, rest) in [
        ("nothing", head(&gateway, "/v1/complete", "content-length: 100")),
        ("its beginning", head(&gateway, "/v1/complete", "content-length: 100") + "{\"messages\":"),
        ("a chunk", head(&gateway, "/v1/complete", "transfer-encoding: chunked") + "2\r\n{\"\r\n"),
    ] {
        let answer = error_for(gateway.address(), rest.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{case}: {answer}");
        assert!(answer.contains("the body did not arrive within 1 s"), "{case}: {answer}");
    }
    gateway.until_idle().await;
    assert_eq!(
        send(&gateway, Dialect::Native, Dialect::Native.ask("gpt-4o", "hi", Delivery::Json).to_string())
            .await
            .status,
        200
    );
}

/// Pseudo-random bytes, the same in each run.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Writes what it can, closes its half, and reads what comes until the end.
async fn junk(address: SocketAddr, bytes: &[u8]) {
    let mut socket = TcpStream::connect(address).await.expect("connect");
    // The gateway may well close the connection before it has read everything.
    socket.write_all(bytes).await.ok();
    socket.shutdown().await.ok();
    let mut answer = Vec::new();
    let end = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
    end.expect("the connection ends").ok();
}

#[tokio::test]
async fn junk_on_the_wire_harms_nobody() {
    let gateway = Gateway::start().await;
    let address = gateway.address();
    let request = head(&gateway, "/v1/complete", "content-length: 2") + "{}";
    let open = request.replace("connection: close\r\n", "");
    for seed in 0..20 {
        junk(address, &noise(seed, 10_000)).await;
        // Junk behind a good request on the same connection.
        junk(address, &[open.as_bytes(), &noise(seed, 1_000)].concat()).await;
        // A head in which some bytes are wrong.
        let mut damaged = request.clone().into_bytes();
        for (at, byte) in noise(seed, 8).into_iter().enumerate() {
            let place = usize::from(byte) * (at + 1) % damaged.len();
            damaged[place] = byte;
        }
        junk(address, &damaged).await;
    }
    for bytes in [
        "GET ".repeat(50_000).into_bytes(),
        "\r\n".repeat(50_000).into_bytes(),
        vec![0; 100_000],
        // The beginning of TLS, and of HTTP/2.
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        open.repeat(200).into_bytes(),
        open.replace("content-length: 2", "content-length: -2").into_bytes(),
        (head(&gateway, "/v1/complete", "transfer-encoding: chunked") + "zz\r\n").into_bytes(),
        (head(&gateway, "/v1/complete", "transfer-encoding: chunked") + "ffffffffffffffffff\r\n")
            .into_bytes(),
    ] {
        junk(address, &bytes).await;
    }
    // Pipelined requests that are in order are all answered.
    let health = format!("GET /health HTTP/1.1\r\nhost: {address}\r\n\r\n").repeat(100);
    let last = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let answers = raw(address, (health + &last).as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&answers).matches("HTTP/1.1 200 OK").count(), 101);
    nothing_went_upstream(&gateway).await;
    let good = Dialect::Native.ask("gpt-4o", "say: still here", Delivery::Json);
    assert_eq!(gateway.post("/v1/complete", &good).await.json()["content"], "still here");
    let ended = gateway.stop().await;
    assert!(ended.status.success());
    assert!(!ended.log.contains("panicked"), "a panic: {}", ended.log);
}
