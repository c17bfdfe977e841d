//! Alerts of budgets: a log line, a metric and a webhook for each threshold, once in its window.

use crate::budgets::{HELLO, hello, usd};
use crate::client::{Delivery, Dialect};
use crate::gateway::{Gateway, Scratch, Setup, eventually};
use crate::shared_budgets::Redis;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A webhook that takes all, and keeps it.
struct Hook {
    url: String,
    got: Arc<Mutex<Vec<Value>>>,
    _listening: JoinSet<()>,
}

impl Hook {
    async fn start() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
        let got: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&got);
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut text = String::new();
                let mut chunk = [0; 4_096];
                // The message ends with the object's bracket; the answer closes the connection.
                while !text.ends_with('}') {
                    let read = stream.read(&mut chunk).await.expect("a message");
                    assert!(read > 0, "it breaks off: {text}");
                    text.push_str(std::str::from_utf8(&chunk[..read]).expect("ASCII"));
                }
                let (_, body) = text.split_once("\r\n\r\n").expect("a head");
                kept.lock().expect("nobody panics").push(serde_json::from_str(body).expect("JSON"));
                let answer = b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).await.expect("an answer");
            }
        });
        Hook { url, got, _listening: listening }
    }

    /// `window percent` of each, sorted.
    fn told(&self) -> Vec<String> {
        let got = self.got.lock().expect("nobody panics");
        let word =
            |alert: &Value| format!("{} {}", alert["window"].as_str().expect("a window"), alert["percent"]);
        let mut told: Vec<String> = got.iter().map(word).collect();
        told.sort();
        told
    }
}

async fn spend(gateway: &Gateway, requests: usize) {
    for _ in 0..requests {
        let reply = gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        // What one reserved is free for the next.
        gateway.spent().await;
    }
}

#[tokio::test]
async fn each_threshold_is_told_once_over_restarts_too() {
    let hook = Hook::start().await;
    let state = Scratch::new();
    // Forty answers fit into the day; the bound of one has room up to the 32nd.
    let setup = || {
        Setup::new()
            .env("GATEWAY_STATE_DIR", state.path().display())
            .env("DEFAULT_TEAM_DAILY_BUDGET_USD", usd(40 * HELLO))
            .env("DEFAULT_TEAM_MONTHLY_BUDGET_USD", usd(1_000 * HELLO))
            .env("BUDGET_ALERT_WEBHOOK_URL", &hook.url)
    };
    let gateway = setup().start().await;
    spend(&gateway, 19).await;
    assert_eq!(hook.told(), Vec::<String>::new(), "47 %");
    spend(&gateway, 1).await;
    eventually("an alert", async || hook.told() == ["day 50"]).await;
    let alert = hook.got.lock().expect("nobody panics")[0].clone();
    assert_eq!(alert["team_id"], "engineering-team", "{alert}");
    assert!(alert["text"].as_str().expect("a text").contains("50 %"), "{alert}");
    gateway.until_logged("a budget's threshold is crossed").await;
    let labels = [("team", "engineering-team"), ("window", "day"), ("percent", "50")];
    assert_eq!(gateway.metrics().await.value("gateway_budget_alerts_total", &labels), 1_000_000_000);
    assert!(gateway.stop().await.status.success());
    let again = setup().start().await;
    spend(&again, 1).await;
    assert_eq!(hook.told(), ["day 50"], "52 %, after a restart");
    spend(&again, 11).await;
    eventually("the next one", async || hook.told() == ["day 50", "day 80"]).await;
    eventually("it is counted", async || {
        let page = again.metrics().await;
        page.value("gateway_budget_alert_deliveries_total", &[("outcome", "delivered")]) == 1_000_000_000
    })
    .await;
}

#[tokio::test]
async fn replicas_tell_a_threshold_once_between_them() {
    let hook = Hook::start().await;
    let redis = Redis::start().await;
    let replica = async || {
        let setup = redis.setup(18 * HELLO).env("DEFAULT_TEAM_MONTHLY_BUDGET_USD", usd(1_000 * HELLO));
        setup.env("BUDGET_ALERT_WEBHOOK_URL", &hook.url).start().await
    };
    let replicas = [replica().await, replica().await];
    for round in 0..5 {
        spend(&replicas[0], 1).await;
        spend(&replicas[1], 1).await;
        let told = if round < 4 { 0 } else { 1 };
        eventually("an alert", async || hook.told().len() == told).await;
    }
    assert_eq!(hook.told(), ["day 50"]);
    let mut counted = 0;
    for replica in &replicas {
        let page = replica.metrics().await;
        counted += page.samples.iter().filter(|sample| sample.name == "gateway_budget_alerts_total").count();
    }
    assert_eq!(counted, 1, "by the one that told it");
}

#[tokio::test]
async fn a_webhook_that_is_away_holds_no_request_up() {
    let gateway = Setup::new()
        .env("DEFAULT_TEAM_DAILY_BUDGET_USD", usd(18 * HELLO))
        // The discard port: nobody listens.
        .env("BUDGET_ALERT_WEBHOOK_URL", "http://127.0.0.1:9/secret-in-the-path")
        .start()
        .await;
    spend(&gateway, 9).await;
    gateway.until_logged("an alert of a budget is sent again").await;
    spend(&gateway, 1).await;
    let ended = gateway.stop().await;
    assert!(!ended.log.contains("secret-in-the-path"), "{}", ended.log);
}
