//! An upstream that says nothing but pings for longer than the idle deadline is alive.

use crate::client::{Delivery, Dialect, Reply};
use crate::gateway::Setup;
use reqwest::Method;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const OPENING: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",",
    "\"model\":\"claude-opus-4-6\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"before \"}}\n\n",
);
const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
const CLOSING: &str = concat!(
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"after\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":4}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

/// An Anthropic that begins, pings ten times at a pace, and ends. Serves one call.
async fn slow_thinker(listener: TcpListener) {
    let (socket, _) = listener.accept().await.expect("one call");
    answer(socket).await.expect("the gateway stays to the end");
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        socket.read_buf(&mut request).await?;
    }
    socket.write_all(format!("{HEAD}{OPENING}").as_bytes()).await?;
    let mut pace = tokio::time::interval(Duration::from_millis(300));
    for _ in 0..10 {
        pace.tick().await;
        socket.write_all(PING.as_bytes()).await?;
    }
    socket.write_all(CLOSING.as_bytes()).await
}

#[tokio::test]
async fn pings_keep_a_stream_alive_beyond_the_idle_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let upstream = listener.local_addr().expect("bound");
    let gateway = Setup::new()
        .env("ANTHROPIC_BASE_URL", format!("http://{upstream}"))
        .env("UPSTREAM_FIRST_BYTE_TIMEOUT_S", 1)
        .start()
        .await;
    let ask = Dialect::OpenAi.ask("claude-opus-4-6", "think", Delivery::Stream);
    let request = gateway.request(Method::POST, Dialect::OpenAi.path()).json(&ask);
    let (reply, ()) = tokio::join!(Reply::of(request), slow_thinker(listener));
    assert_eq!(Dialect::OpenAi.text(&reply), "before after");
    assert!(Dialect::OpenAi.is_end(&reply.last_event()), "{}", reply.text());
    gateway.until_idle().await;
}
