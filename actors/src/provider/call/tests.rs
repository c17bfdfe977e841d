use super::*;
use std::sync::Mutex;

use actix::prelude::*;
use gateway_core::breaker::Rule;
use gateway_core::clock::Clock;
use gateway_core::ids::{ModelName, UpstreamName};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::super::{Outcome, Permit, Provider};
use crate::testing::{NoDice, WallClock, spawn, until};

const LONG: Duration = Duration::from_secs(5);

/// What the server does once it has read a request; after the last step it closes.
#[derive(Clone)]
enum Step {
    Write(String),
    Wait(Duration),
    /// Reads on until the caller closes.
    AwaitClose,
}

fn write(text: impl Into<String>) -> Step {
    Step::Write(text.into())
}

/// A server for one connection, by hand, so that it can cut and stall where it likes.
struct Server {
    port: u16,
    request: Arc<Mutex<String>>,
    closed: oneshot::Receiver<()>,
}

async fn serve(steps: Vec<Step>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let request = Arc::new(Mutex::new(String::new()));
    let (closed_tx, closed) = oneshot::channel();
    let seen = request.clone();
    spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let text = read_request(&mut socket).await;
        *seen.lock().unwrap() = text;
        for step in steps {
            match step {
                Step::Write(text) => socket.write_all(text.as_bytes()).await.unwrap(),
                Step::Wait(time) => tokio::time::sleep(time).await,
                Step::AwaitClose => while socket.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) {},
            }
        }
        drop(socket);
        closed_tx.send(()).ok();
    });
    Server { port, request, closed }
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let n = socket.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if n == 0 || body.len() >= length.map_or(0, |n| n.parse().unwrap()) {
                return text;
            }
        }
    }
}

fn json(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

fn settings(port: u16) -> UpstreamSettings {
    UpstreamSettings {
        name: UpstreamName::new("openai").unwrap(),
        base_url: format!("http://127.0.0.1:{port}/v1"),
        credential: Credential::Header {
            name: "authorization",
            prefix: "Bearer ",
            secret: SecretString::from("sk-planted"),
        },
        breaker: Rule::default(),
        max_in_flight: 8,
        max_body_bytes: 64,
    }
}

fn provider(port: u16) -> Provider {
    let control = Arbiter::current();
    Provider::start(settings(port), &control, Arc::new(WallClock), Arc::new(NoDice)).unwrap()
}

fn permit(port: u16) -> Permit {
    provider(port).acquire(&ModelName::new("gpt-4o")).unwrap()
}

fn worker() -> Client {
    install_crypto();
    let settings = ClientSettings { connect_timeout: LONG, ca_pem: None, use_system_proxy: true };
    client(&settings).unwrap()
}

fn call() -> Call {
    Call { path: "/chat/completions".into(), headers: Vec::new(), body: Bytes::from_static(b"{}") }
}

fn within(total: Duration) -> Limits {
    Limits { first_byte: None, total: WallClock.now() + total }
}

async fn reply(server: &Server) -> Result<Reply, Fault> {
    permit(server.port).send(&worker(), call(), &within(LONG)).await
}

async fn whole(server: &Server) -> Result<String, Fault> {
    let body = reply(server).await?.whole(usize::MAX, WallClock.now() + LONG).await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[actix::test]
async fn the_request_is_what_the_call_says_and_the_settings_add() {
    let server = serve(vec![write(json("{}"))]).await;
    let call = Call {
        path: "/models/m:generate?alt=sse".into(),
        headers: vec![("anthropic-version", "2023-06-01".into())],
        body: Bytes::from_static(b"{\"a\":1}"),
    };
    let reply = permit(server.port).send(&worker(), call, &within(LONG)).await.unwrap();
    assert_eq!((reply.status(), reply.header("content-type")), (200, Some("application/json")));
    let request = server.request.lock().unwrap().clone();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"a\":1}");
    for want in [
        "POST /v1/models/m:generate?alt=sse HTTP/1.1",
        "content-type: application/json",
        "anthropic-version: 2023-06-01",
        "authorization: Bearer sk-planted",
        "content-length: 7",
    ] {
        assert!(head.lines().any(|line| line == want), "{want} in\n{head}");
    }
}

#[actix::test]
async fn a_json_body_comes_whole_or_not_at_all() {
    let broken = || Err(Fault::new(FaultClass::Broken, Some(200)));
    let too_large = || Err(Fault::new(FaultClass::TooLarge, Some(200)));
    let pause = Step::Wait(Duration::from_millis(20));
    let (long, announced) = ("x".repeat(65), json(&"x".repeat(65)));
    for (case, steps, want) in [
        ("in one piece", vec![write(json("{\"a\":1}"))], Ok("{\"a\":1}")),
        ("empty", vec![write(json(""))], Ok("")),
        (
            "in pieces",
            vec![
                write(STREAM),
                write(chunk("ab")),
                pause.clone(),
                write(chunk("cd")),
                pause.clone(),
                write(chunk("e")),
                write("0\r\n\r\n"),
            ],
            Ok("abcde"),
        ),
        ("cut by length", vec![write(json("{\"a\":1}").replace("}", ""))], broken()),
        ("cut in chunks", vec![write(STREAM), write(chunk("ab"))], broken()),
        ("longer than allowed, as announced", vec![write(announced)], too_large()),
        (
            "longer than allowed, in one piece",
            vec![write(STREAM), write(chunk(&long)), write("0\r\n\r\n")],
            too_large(),
        ),
        (
            "longer than allowed, in pieces",
            vec![write(STREAM), write(chunk("a")), pause, write(chunk(&long)), write("0\r\n\r\n")],
            too_large(),
        ),
    ] {
        let server = serve(steps).await;
        assert_eq!(whole(&server).await, want.map(str::to_owned), "{case}");
    }
}

#[actix::test]
async fn a_stream_comes_as_it_was_sent() {
    let pause = Step::Wait(Duration::from_millis(20));
    let steps = vec![
        write(STREAM),
        write(chunk("data: a\n\n")),
        pause,
        write(chunk("data: b\n\n")),
        write("0\r\n\r\n"),
    ];
    let server = serve(steps).await;
    let mut reply = reply(&server).await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = reply.chunk().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    assert_eq!(text, "data: a\n\ndata: b\n\n");
}

#[actix::test]
async fn a_cut_stream_ends_in_a_fault_and_not_in_silence() {
    let server = serve(vec![write(STREAM), write(chunk("data: a\n\n"))]).await;
    let mut reply = reply(&server).await.unwrap();
    assert!(reply.chunk().await.unwrap().is_ok());
    assert_eq!(reply.chunk().await, Some(Err(Fault::new(FaultClass::Broken, Some(200)))));
}

#[actix::test]
async fn what_goes_wrong_has_its_class_and_is_remembered() {
    let silent = serve(vec![Step::AwaitClose]).await;
    let also_silent = serve(vec![Step::AwaitClose]).await;
    let closing = serve(vec![]).await;
    let garbage = serve(vec![write("SSH-2.0-OpenSSH\r\n")]).await;
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let quick = Duration::from_millis(50);
    let first_byte = Limits { first_byte: Some(quick), ..within(LONG) };
    for (case, port, limits, want) in [
        ("nobody listens", refusing, within(LONG), FaultClass::Connect),
        ("no first byte", silent.port, first_byte, FaultClass::Timeout),
        ("the total is over", also_silent.port, within(quick), FaultClass::Timeout),
        ("the total was over before", silent.port, within(Duration::ZERO), FaultClass::Timeout),
        ("closed without an answer", closing.port, within(LONG), FaultClass::Broken),
        ("no HTTP", garbage.port, within(LONG), FaultClass::Broken),
    ] {
        let mut permit = permit(port);
        let answer = permit.send(&worker(), call(), &limits).await;
        let fault = Fault::new(want, None);
        assert_eq!(answer.err(), Some(fault.clone()), "{case}");
        assert_eq!(permit.outcome, Outcome::Faulted(fault), "{case}");
    }
}

#[actix::test]
async fn a_body_that_stalls_is_late() {
    let server = serve(vec![write(json("{}").replace("{}", "")), Step::AwaitClose]).await;
    let mut reply = reply(&server).await.unwrap();
    let late = reply.whole(1_000, WallClock.now() + Duration::from_millis(50)).await;
    assert_eq!(late, Err(Fault::new(FaultClass::Timeout, Some(200))));
}

#[actix::test]
async fn a_redirect_is_not_followed() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let server = serve(vec![write(moved)]).await;
    assert_eq!(reply(&server).await.unwrap().status(), 302);
}

#[actix::test]
async fn a_dropped_reply_frees_the_upstream() {
    let server = serve(vec![write(STREAM), write(chunk("data: a\n\n")), Step::AwaitClose]).await;
    let worker = worker();
    let mut reply = permit(server.port).send(&worker, call(), &within(LONG)).await.unwrap();
    assert!(reply.chunk().await.unwrap().is_ok());
    drop(reply);
    tokio::time::timeout(Duration::from_secs(1), server.closed).await.expect("closed at once").unwrap();
}

#[actix::test]
async fn latency_is_counted_once_a_good_answer() {
    let upstream = provider(1);
    let count = || upstream.shared.gate.tally().latencies.iter().sum::<u32>();
    for (case, text, want) in [
        ("a good answer", json("{}"), 1),
        ("an error", json("{}").replace("200 OK", "500 No"), 1),
        ("another good one", json("{}"), 2),
    ] {
        let server = serve(vec![write(text)]).await;
        let mut reply = reply(&server).await.unwrap();
        reply.shared = upstream.shared.clone();
        reply.whole(10, WallClock.now() + LONG).await.unwrap();
        assert_eq!(count(), want, "{case}");
    }
}

#[actix::test]
async fn what_cannot_be_sent_is_refused_and_no_failure() {
    for (case, headers) in [
        ("a line break", vec![("traceparent", "a\r\nb".to_owned())]),
        ("no header's name", vec![("trace parent", "a".to_owned())]),
    ] {
        let answer = permit(1).send(&worker(), Call { headers, ..call() }, &within(LONG)).await;
        assert_eq!(answer.err(), Some(Fault::new(FaultClass::Refused { field: None }, None)), "{case}");
    }
}

#[actix::test]
async fn the_breaker_hears_of_the_network() {
    let upstream = provider(1);
    let worker = worker();
    for _ in 0..5 {
        let mut permit = upstream.acquire(&ModelName::new("m")).unwrap();
        permit.send(&worker, call(), &within(LONG)).await.err().expect("nobody listens on port 1");
    }
    until(|| upstream.status().state == super::super::State::Open).await;
}

#[actix::test]
async fn settings_that_no_call_could_be_made_with() {
    let start =
        |settings| Provider::start(settings, &Arbiter::current(), Arc::new(WallClock), Arc::new(NoDice));
    for (case, base_url, want) in [
        ("plain", "https://api.openai.com/v1", true),
        ("a port", "http://[::1]:8080", true),
        ("a slash at the end", "https://api.openai.com/v1/", true),
        ("another scheme", "ftp://api.openai.com", false),
        ("no scheme", "api.openai.com", false),
        ("a password", "https://me:secret@api.openai.com", false),
        ("a query", "https://api.openai.com/?key=secret", false),
        ("a fragment", "https://api.openai.com/#a", false),
    ] {
        let made = start(UpstreamSettings { base_url: base_url.into(), ..settings(1) });
        assert_eq!(made.is_ok(), want, "{case}");
    }
    let secret = SecretString::from("sk-planted\n");
    let credential = Credential::Header { name: "x-api-key", prefix: "", secret };
    let error = start(UpstreamSettings { credential, ..settings(1) }).err().expect("no such header");
    assert!(!format!("{error} {error:?}").contains("sk-planted"));
}

#[test]
fn a_ca_file_must_hold_a_certificate() {
    install_crypto();
    for pem in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let ca_pem = Some(pem.as_bytes().to_vec());
        assert!(
            client(&ClientSettings { connect_timeout: LONG, ca_pem, use_system_proxy: false }).is_err(),
            "{pem}"
        );
    }
}

#[test]
fn loopback_hosts() {
    for (host, want) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("127.9.9.9", true),
        ("[::1]", true),
        ("api.openai.com", false),
        ("10.0.0.1", false),
        ("localhost.example", false),
    ] {
        assert_eq!(is_loopback(host), want, "{host}");
    }
}
