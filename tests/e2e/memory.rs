//! What requests may hold at the same time: places, and bytes of their bodies, whichever endpoint takes them.

use crate::client::{Delivery, Dialect, Reply};
use crate::gateway::{Gateway, Setup, TEAM_KEY, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Every kind of endpoint that takes a body of any length.
const PATHS: [&str; 6] = [
    "/v1/complete",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/v1/estimate",
    "/v1/redact",
    "/v1/guard",
];

/// A request of which so much has come, and no more does.
async fn unfinished(gateway: &Gateway, path: &str, sent: usize) -> TcpStream {
    let mut socket = TcpStream::connect(gateway.address()).await.expect("connect");
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {TEAM_KEY}\r\ncontent-length: {}\r\n\r\n{{",
        sent + 1_000
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket.write_all(&vec![b' '; sent]).await.expect("sent");
    socket
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Reply {
    Reply::of(gateway.request(Method::POST, path).json(body)).await
}

fn is_overloaded(reply: &Reply) -> bool {
    if reply.status != 503 {
        return false;
    }
    assert_eq!(reply.json()["error"]["code"], "overloaded", "{reply:?}");
    assert_eq!(reply.header("retry-after"), "1", "{reply:?}");
    true
}

#[tokio::test]
async fn bodies_share_a_bound_of_bytes() {
    let setup =
        Setup::new().env("GATEWAY_MAX_BODY_BYTES", 100_000).env("GATEWAY_MAX_IN_FLIGHT_BYTES", 100_000);
    let gateway = setup.env("RUST_LOG", "info").start().await;
    let large =
        Dialect::Native.ask("gpt-4o", &format!("say: hi\n{}", "word ".repeat(10_000)), Delivery::Json);
    let small = Dialect::Native.ask("gpt-4o", "say: hi", Delivery::Json);
    for path in PATHS {
        let unfinished = unfinished(&gateway, path, 60_000).await;
        let held = async || gateway.get("/health/ready").await.json()["held_bytes"].clone();
        eventually(&format!("{path}: its bytes are there"), async || held().await == 60_001).await;
        assert!(is_overloaded(&post(&gateway, "/v1/complete", &large).await), "{path}");
        assert!(is_overloaded(&post(&gateway, "/v1/redact", &json!({"text": "word ".repeat(10_000)})).await));
        assert_eq!(post(&gateway, "/v1/complete", &small).await.status, 200, "{path}: what fits goes on");
        drop(unfinished);
        eventually(&format!("{path}: its bytes are given back"), async || held().await == 0).await;
        assert_eq!(post(&gateway, "/v1/complete", &large).await.status, 200, "{path}");
        gateway.until_idle().await;
    }
}

#[tokio::test]
async fn every_work_takes_a_place() {
    let gateway = Setup::new().env("GATEWAY_MAX_IN_FLIGHT", 1).env("RUST_LOG", "info").start().await;
    for path in PATHS {
        let held = unfinished(&gateway, path, 10).await;
        eventually(&format!("{path}: it has the one place"), async || {
            gateway.get("/health/ready").await.json()["open_exchanges"] == 1
        })
        .await;
        for other in PATHS {
            assert!(is_overloaded(&post(&gateway, other, &json!({})).await), "{other} beside {path}");
        }
        drop(held);
        gateway.until_idle().await;
    }
    assert_eq!(post(&gateway, "/v1/redact", &json!({"text": "hi"})).await.status, 200);
}
