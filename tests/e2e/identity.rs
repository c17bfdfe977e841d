//! Zero trust: who may call what. Everything here is decided by the head of a request, before its body.

use crate::client::{Delivery, Dialect, Reply, raw};
use crate::gateway::{ADMIN_KEY, Gateway, OTHER_TEAM_KEY, PATIENCE, Setup, TEAM_KEY};
use gateway_simulator::Provider;
use reqwest::Method;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Paths that want a team's key, with their method.
const GUARDED: [(Method, &str); 5] = [
    (Method::POST, "/v1/complete"),
    (Method::POST, "/v1/chat/completions"),
    (Method::GET, "/v1/models"),
    (Method::GET, "/v1/models/gpt-4o"),
    (Method::GET, "/v1/providers/status"),
];

/// Those of operators, and those whose answer depends on whose key it is.
const OPERATORS: [(Method, &str); 13] = [
    (Method::GET, "/v1/keys"),
    (Method::POST, "/v1/keys"),
    (Method::DELETE, "/v1/keys/0123456789ab"),
    (Method::GET, "/v1/budgets"),
    (Method::GET, "/v1/budget/engineering-team"),
    (Method::PUT, "/v1/budget/engineering-team"),
    (Method::DELETE, "/v1/budget/engineering-team"),
    (Method::GET, "/v1/usage"),
    (Method::GET, "/v1/audit/recent"),
    (Method::GET, "/v1/audit/status"),
    (Method::GET, "/v1/events"),
    (Method::GET, "/metrics"),
    (Method::POST, "/v1/estimate"),
];

const OPEN: [&str; 5] = ["/health", "/health/live", "/health/ready", "/openapi.json", "/docs/"];

const METHODS: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS];

/// The status and the code of an error, in whichever envelope.
fn refusal(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    (reply.status, body["error"]["code"].as_str().expect("a code").to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn nothing_but_health_and_the_description_answers_without_a_key() {
    let gateway = Gateway::start().await;
    for (method, path) in GUARDED.into_iter().chain(OPERATORS) {
        let reply = Reply::of(gateway.anonymous(method.clone(), path)).await;
        assert_eq!(refusal(&reply), refused(401, "invalid_api_key"), "{method} {path}");
        assert_eq!(reply.header("www-authenticate"), "Bearer", "{method} {path}");
        assert_eq!(reply.header("x-request-id").len(), 36, "{method} {path}");
    }
    for path in OPEN {
        assert_eq!(Reply::of(gateway.anonymous(Method::GET, path)).await.status, 200, "{path}");
    }
    let unknown = ["/", "/v1", "/v1/", "/v1/complete/", "/v1/key", "/v1/admin/reload", "/healthz"];
    for path in unknown {
        for method in METHODS {
            let without = Reply::of(gateway.anonymous(method.clone(), path)).await;
            assert_eq!(refusal(&without), refused(401, "invalid_api_key"), "{method} {path}");
            let with = Reply::of(gateway.request(method.clone(), path)).await;
            assert_eq!(refusal(&with), refused(404, "not_found"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn another_method_is_a_405_that_names_the_right_one() {
    let gateway = Gateway::start().await;
    let open = OPEN[..3].iter().map(|path| (Method::GET, *path));
    for (right, path) in GUARDED.into_iter().chain(open) {
        for method in METHODS.into_iter().filter(|method| *method != right) {
            let without = Reply::of(gateway.anonymous(method.clone(), path)).await;
            assert_eq!(refusal(&without), refused(401, "invalid_api_key"), "{method} {path}");
            let with = Reply::of(gateway.request(method.clone(), path)).await;
            assert_eq!(refusal(&with), refused(405, "not_found"), "{method} {path}");
            assert_eq!(with.header("allow"), right.as_str(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_key_may_come_in_the_header_of_any_sdk() {
    let gateway = Gateway::start().await;
    let bearer = format!("Bearer {TEAM_KEY}");
    for (case, headers) in [
        ("ours", &[("X-API-Key", TEAM_KEY)][..]),
        ("OpenAI's", &[("Authorization", &bearer)]),
        ("any case", &[("authorization", &format!("bEARER   {TEAM_KEY}"))]),
        ("Azure's", &[("api-key", TEAM_KEY)]),
        ("Google's", &[("x-goog-api-key", TEAM_KEY)]),
        ("two that agree", &[("X-API-Key", TEAM_KEY), ("Authorization", &bearer)]),
        ("another team's", &[("X-API-Key", OTHER_TEAM_KEY)]),
        ("the administrator's", &[("X-API-Key", ADMIN_KEY)]),
    ] {
        for (method, path) in GUARDED {
            let mut request = gateway.anonymous(method.clone(), path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if method == Method::POST {
                request = request.json(&Dialect::Native.ask("gpt-4o", "say: hi", Delivery::Json));
            }
            assert_eq!(Reply::of(request).await.status, 200, "{case}: {method} {path}");
        }
    }
}

#[tokio::test]
async fn whoever_is_not_known_is_refused_and_nothing_is_repeated() {
    let gateway = Gateway::start().await;
    let bearer = format!("Bearer {TEAM_KEY}");
    let long = "k".repeat(5_000);
    for (case, headers, says) in [
        ("none", &[][..], "no key"),
        ("unknown", &[("X-API-Key", "marker-key-of-nobody")], "`x-api-key` is not known here"),
        ("a beginning", &[("X-API-Key", &TEAM_KEY[..20])], "is not known here"),
        ("one more", &[("X-API-Key", &format!("{TEAM_KEY}1"))], "is not known here"),
        ("upper case", &[("X-API-Key", &TEAM_KEY.to_uppercase())], "is not known here"),
        ("empty", &[("X-API-Key", "")], "`x-api-key` is empty"),
        ("a team's name", &[("X-API-Key", "engineering-team")], "is not known here"),
        ("built in, while those are off", &[("X-API-Key", "sk-gateway-admin-001")], "is not known here"),
        ("an upstream's", &[("X-API-Key", "upstream-key-7c1e5a9d3f")], "is not known here"),
        ("basic", &[("Authorization", "Basic marker")], "`Authorization` is not understood"),
        ("no scheme", &[("Authorization", TEAM_KEY)], "`Authorization` is not understood"),
        ("too long", &[("X-API-Key", &long)], "longer than 4096 bytes"),
        ("a cookie", &[("Cookie", &format!("x-api-key={TEAM_KEY}"))], "no key"),
        (
            "two that differ",
            &[("X-API-Key", TEAM_KEY), ("Authorization", "Bearer marker-key")],
            "`x-api-key` and `authorization` carry different keys",
        ),
        (
            "two good ones that differ",
            &[("X-API-Key", OTHER_TEAM_KEY), ("Authorization", &bearer)],
            "`x-api-key` and `authorization` carry different keys",
        ),
        (
            "one header twice",
            &[("X-API-Key", TEAM_KEY), ("X-API-Key", "marker-key")],
            "`x-api-key` is there twice",
        ),
    ] {
        for (method, path) in GUARDED.into_iter().chain(OPERATORS) {
            let mut request = gateway.anonymous(method, path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let reply = Reply::of(request).await;
            assert_eq!(refusal(&reply), refused(401, "invalid_api_key"), "{case}: {path}");
            assert!(reply.text().contains(says), "{case}: {}", reply.text());
            for secret in ["marker", TEAM_KEY, OTHER_TEAM_KEY, "engineering", &long] {
                assert!(!reply.text().contains(secret), "{case} repeats {secret}: {}", reply.text());
            }
        }
    }
    for path in ["/v1/models?key=", "/v1/models?api-key=", "/v1/models?api_key=", "/v1/models/"] {
        let reply = Reply::of(gateway.anonymous(Method::GET, &format!("{path}{TEAM_KEY}"))).await;
        assert_eq!(reply.status, 401, "a key in the URL: {path}");
    }
    for provider in Provider::ALL {
        assert_eq!(gateway.seen(provider).requests, 0);
    }
}

/// The status line's number; the last one, where `100 Continue` went before.
fn status(answer: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    let last = lines.next_back().unwrap_or_else(|| panic!("no answer in {text:?}"));
    last[..3].parse().expect("a status")
}

/// What comes back for a head alone; the connection is closed after it, though the body never comes.
async fn answer_before_the_end(address: SocketAddr, head: &str) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).await.expect("connect");
    socket.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // The last field of an error's body.
    while !String::from_utf8_lossy(&answer).contains("\"request_id\"") {
        let read = tokio::time::timeout(PATIENCE, socket.read_buf(&mut answer)).await;
        assert_ne!(read.expect("an answer in time").expect("readable"), 0, "closed without an answer");
    }
    // Nobody waits for the body that was refused: a stranger could send it for ever.
    while tokio::time::timeout(PATIENCE, socket.read_buf(&mut answer))
        .await
        .expect("closed in time")
        .is_ok_and(|n| n > 0)
    {}
    answer
}

#[tokio::test]
async fn a_refusal_comes_before_the_body() {
    let gateway = Gateway::start().await;
    for (case, body) in [
        ("announced", "content-length: 30000000"),
        ("larger than any limit", "content-length: 99999999999999"),
        ("expected to be asked for", "content-length: 1000\r\nexpect: 100-continue"),
        ("chunked", "transfer-encoding: chunked"),
    ] {
        for path in ["/v1/complete", "/v1/chat/completions", "/v1/unknown"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n{body}\r\n\r\n",
                gateway.address()
            );
            // Not a byte of the body is ever sent, and the answer is there.
            let answer = answer_before_the_end(gateway.address(), &head).await;
            assert_eq!(status(&answer), 401, "{case}: {path}");
        }
    }
    gateway.until_idle().await;
}

#[tokio::test]
async fn built_in_keys_serve_this_machine_alone() {
    let gateway = Setup::new().without("GATEWAY_API_KEYS").env("GATEWAY_DEMO_KEYS", "true").start().await;
    for key in [
        "sk-gateway-finance-001",
        "sk-gateway-engineering-001",
        "sk-gateway-marketing-001",
        "sk-gateway-default-001",
        "sk-gateway-admin-001",
        ADMIN_KEY,
    ] {
        let request = gateway.anonymous(Method::GET, "/v1/models").bearer_auth(key);
        assert_eq!(Reply::of(request).await.status, 200, "{key}");
    }
    let port = gateway.address().port();
    for (host, want) in [
        (Some("localhost".to_owned()), 200),
        (Some(format!("localhost:{port}")), 200),
        (Some("127.0.0.1".to_owned()), 200),
        (Some("[::1]:8000".to_owned()), 200),
        (Some("evil.example".to_owned()), 403),
        (Some(format!("evil.example:{port}")), 403),
        (Some("localhost.evil.example".to_owned()), 403),
        (Some("localhost:80@evil.example".to_owned()), 403),
        (Some(String::new()), 403),
        // RFC 9112 §3.2: HTTP/1.1 without a host is no request.
        (None, 400),
    ] {
        for path in ["/v1/models", "/health", "/v1/unknown"] {
            let host = host.as_ref().map(|host| format!("host: {host}\r\n")).unwrap_or_default();
            let head = format!(
                "GET {path} HTTP/1.1\r\n{host}connection: close\r\nx-api-key: sk-gateway-default-001\r\n\r\n"
            );
            let answer = raw(gateway.address(), head.as_bytes()).await;
            let want = if want == 200 && path == "/v1/unknown" { 404 } else { want };
            assert_eq!(status(&answer), want, "{head:?}: {}", String::from_utf8_lossy(&answer));
        }
    }
}

#[tokio::test]
async fn without_built_in_keys_any_host_is_served() {
    let gateway = Gateway::start().await;
    let head = format!(
        "GET /v1/models HTTP/1.1\r\nhost: gateway.corp.example\r\nconnection: close\r\nx-api-key: {TEAM_KEY}\r\n\r\n"
    );
    assert_eq!(status(&raw(gateway.address(), head.as_bytes()).await), 200);
}

/// Ways by which other gateways let strangers in: a path that one reader takes for another, headers that
/// stand for the path, the host or the method, and heads that no library would send.
#[tokio::test]
async fn no_odd_head_opens_a_door() {
    let gateway = Gateway::start().await;
    let paths = [
        "//v1/models",
        "/./v1/models",
        "/v1//models",
        "/V1/MODELS",
        "/v1/models/",
        "/v1/models/.",
        "/v1/models?/health",
        "/v1/models;/health",
        "/v1/models%2f",
        "/v1%2fmodels",
        "/%76%31/models",
        "/v1/models%00/health",
        "/health/../v1/models",
        "/health/..%2fv1/models",
        "/health%2f..%2fv1%2fmodels",
        "/docs/../v1/models",
        "/docs/..%2fv1/models",
        "/docs/%2e%2e/%2e%2e/etc/passwd",
        "/openapi.json/../v1/models",
        "http://localhost/v1/models",
        "http://health/v1/models",
        "*",
        "/v1/models\u{202e}",
    ];
    let headers = [
        "",
        "X-Original-URL: /health\r\n",
        "X-Rewrite-URL: /health\r\n",
        "X-Forwarded-Host: localhost\r\nX-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n",
        "X-HTTP-Method-Override: GET\r\n",
        "X-Api-Key: \r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer null\r\n",
        "Authorization: Bearer undefined\r\n",
        "Authorization: Bearer ' OR '1'='1\r\n",
        "X-Api-Key: *\r\n",
        "X-Api-Key: \u{ff53}\u{ff4b}\r\n",
        "X-Team-Id: engineering-team\r\nX-Scopes: admin\r\n",
    ];
    for path in paths {
        for header in headers {
            let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
            let answer = raw(gateway.address(), head.as_bytes()).await;
            assert!((400..500).contains(&status(&answer)), "{head:?}: {}", String::from_utf8_lossy(&answer));
        }
    }
    for (case, head) in [
        ("a header of 1 MB", format!("GET /v1/models HTTP/1.1\r\nx-api-key: {}\r\n\r\n", "k".repeat(1 << 20))),
        ("a path of 1 MB", format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20))),
        ("a thousand headers", format!("GET /v1/models HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000))),
        ("a folded header", "GET /v1/models HTTP/1.1\r\nx-api-key: a\r\n b\r\n\r\n".to_owned()),
        ("a blank before the colon", "GET /v1/models HTTP/1.1\r\nx-api-key : a\r\n\r\n".to_owned()),
        ("a NUL", "GET /v1/models HTTP/1.1\r\nx-api-key: a\0b\r\n\r\n".to_owned()),
        ("two lengths", "POST /v1/complete HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned()),
        (
            "a length and chunks",
            "POST /v1/complete HTTP/1.1\r\nconnection: close\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
        ),
        ("no version", "GET /v1/models\r\n\r\n".to_owned()),
        ("HTTP/2 without its preface", "GET /v1/models HTTP/2.0\r\n\r\n".to_owned()),
    ] {
        let answer = raw(gateway.address(), head.as_bytes()).await;
        let text = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{case}: {text}");
    }
    let answer: Value = gateway.get("/health").await.json();
    assert_eq!(answer["status"], "ok", "it still answers");
}
