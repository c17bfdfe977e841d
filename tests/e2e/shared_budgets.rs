//! Two gateways on one real Redis: one budget, one word of the administrator, and what happens while it is away.

use crate::audit::State;
use crate::budgets::{HELLO, HELLO_BOUND, hello, nano, usd};
use crate::client::{Delivery, Dialect, Reading, WAYS};
use crate::gateway::{Gateway, Scratch, Setup, eventually};
use futures_util::future::join_all;
use gateway_simulator::{Provider, Rule};
use reqwest::Method;
use serde_json::json;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// A server with a durable log, which can be killed and started again.
pub struct Redis {
    child: Child,
    port: u16,
    folder: Scratch,
    flags: Vec<String>,
}

impl Redis {
    pub async fn start() -> Redis {
        Redis::with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// With flags of its own, beside port and folder.
    pub async fn with(flags: &[&str]) -> Redis {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let folder = Scratch::new();
        let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let child = spawn(port, &folder, &flags);
        let redis = Redis { child, port, folder, flags };
        redis.until_there().await;
        redis
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
    }

    /// It hangs: connections stay, and nothing answers, as in `DEBUG SLEEP`.
    fn hang(&self) {
        self.signal("-STOP");
    }

    fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill").success(), "{name}");
    }

    pub async fn start_again(&mut self) {
        self.child = spawn(self.port, &self.folder, &self.flags);
        self.until_there().await;
    }

    async fn until_there(&self) {
        eventually("redis-server", async || TcpStream::connect(("127.0.0.1", self.port)).is_ok()).await;
    }

    /// A command, by `redis-cli`.
    pub fn command(&self, words: &[&str]) {
        let done = Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(words).output();
        let done = done.expect("redis-cli is missing: install it (apt-get install redis-tools)");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn setup(&self, limit: i64) -> Setup {
        Setup::new().env("REDIS_URL", self.url()).env("DEFAULT_TEAM_DAILY_BUDGET_USD", usd(limit))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn spawn(port: u16, folder: &Scratch, flags: &[String]) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(flags)
        .arg("--dir")
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is missing: install it (apt-get install redis-server)")
}

async fn ask(gateway: &Gateway, number: usize) -> u16 {
    let (dialect, delivery) = WAYS[number % WAYS.len()];
    gateway.post(dialect.path(), &hello(dialect, delivery)).await.status
}

#[tokio::test]
async fn two_gateways_share_one_budget() {
    const LIMIT: i64 = 10_000_000;
    let redis = Redis::start().await;
    let gateways = [redis.setup(LIMIT).start().await, redis.setup(LIMIT).start().await];
    let client = async |number: usize| {
        let mut served = 0;
        for round in 0..8 {
            let status = ask(&gateways[(number + round) % 2], number / 2 + round).await;
            // On a machine that stalls, the store may be late: refused, and nothing spent.
            assert!(matches!(status, 200 | 402 | 503), "{status}");
            served += i64::from(status == 200);
        }
        served
    };
    let mut served: i64 = join_all((0..64).map(client)).await.into_iter().sum();
    while ask(&gateways[0], 0).await == 200 {
        served += 1;
        gateways[0].spent().await;
    }
    let spent = gateways[0].spent().await;
    assert_eq!(spent, served * HELLO, "each answer once, and nothing else");
    assert!(spent <= LIMIT && spent > LIMIT - HELLO_BOUND, "{spent} of {LIMIT}");
    assert_eq!(gateways[1].spent().await, spent);
    let own = "/v1/budget/engineering-team";
    let more = json!({"daily_limit_usd": 1});
    assert_eq!(gateways[0].as_admin(Method::PUT, own, Some(more)).await.status, 200);
    assert_eq!(gateways[1].get(own).await.json()["source"], "override");
    assert_eq!(ask(&gateways[1], 0).await, 200, "both see it");
}

#[tokio::test]
async fn without_its_store_nothing_is_spent() {
    let mut redis = Redis::start().await;
    let gateway = redis.setup(1_000_000_000).start().await;
    assert_eq!(ask(&gateway, 0).await, 200);
    assert_eq!(gateway.spent().await, HELLO);
    redis.kill();
    for number in 0..8 {
        let (dialect, delivery) = WAYS[number % WAYS.len()];
        let began = Instant::now();
        let reply = gateway.post(dialect.path(), &hello(dialect, delivery)).await;
        assert_eq!((reply.status, dialect.code(&reply.json())), (503, "budget_unavailable"), "{reply:?}");
        assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
        assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|wait| wait >= 1));
    }
    eventually("ready tells it", async || {
        gateway.get("/health/ready").await.json()["budget"]["state"] == "unavailable"
    })
    .await;
    redis.start_again().await;
    eventually("it serves again", async || ask(&gateway, 0).await == 200).await;
    assert_eq!(gateway.spent().await % HELLO, 0, "what was refused costs nothing");
    assert!(gateway.stop().await.status.success());
}

#[tokio::test]
async fn what_is_served_without_the_store_is_charged_when_it_is_back() {
    let mut redis = Redis::start().await;
    // A tenth of it is enough for three bounds.
    let setup = redis.setup(10 * 3 * HELLO_BOUND).env("BUDGET_STORE_FAILURE", "allow");
    let gateway = setup.start().await;
    redis.kill();
    let mut served = 0;
    while served < 3 {
        assert_eq!(ask(&gateway, served).await, 200, "{served}");
        served += 1;
    }
    let reply = gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await;
    assert_eq!(reply.status, 503, "the allowance is used up: {reply:?}");
    redis.start_again().await;
    eventually("the budget is asked again", async || {
        gateway.get("/v1/budget/engineering-team").await.status == 200
    })
    .await;
    eventually("it is charged", async || gateway.spent().await == 3 * HELLO).await;
}

#[tokio::test]
async fn a_store_that_hangs_harms_no_open_stream() {
    let redis = Redis::start().await;
    let gateway = redis.setup(1_000_000_000).start().await;
    gateway.faults().set(Rule { gap_ms: 40, ..Rule::default() });
    let mut body = Dialect::OpenAi.ask("openai/gpt-4o", "words: 30", Delivery::Stream);
    body["max_tokens"] = json!(100);
    let request = gateway.request(Method::POST, Dialect::OpenAi.path()).json(&body);
    let mut reading = Reading::open(request).await;
    reading.until_text(Dialect::OpenAi).await;
    redis.hang();
    let began = Instant::now();
    let reply = gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    let (mut events, mut last, mut longest) = (Vec::new(), Instant::now(), Duration::ZERO);
    while let Some(event) = reading.event().await {
        longest = longest.max(last.elapsed());
        last = Instant::now();
        events.push(event);
    }
    assert!(events.last().is_some_and(|event| Dialect::OpenAi.is_end(event)), "{events:?}");
    assert!(longest < Duration::from_millis(400), "the words come as they were made: {longest:?}");
    redis.go_on();
    eventually("it serves again", async || ask(&gateway, 0).await == 200).await;
    let spent = gateway.spent().await;
    assert!(spent > 4 * HELLO, "the one answer, and thirty words: {spent}");
}

#[tokio::test]
async fn what_a_kill_left_of_the_allowance_is_recorded_and_charged() {
    // Also where an operator has turned it off since.
    for after in ["allow", "deny"] {
        what_a_kill_left_is_charged_under(after).await;
    }
}

async fn what_a_kill_left_is_charged_under(after: &str) {
    let mut redis = Redis::start().await;
    let state = State::new();
    let setup = |redis: &Redis, policy: &str| {
        let shared = redis.setup(100 * HELLO_BOUND).env("BUDGET_STORE_FAILURE", policy);
        shared.env("GATEWAY_STATE_DIR", state.path().display())
    };
    let gateway = setup(&redis, "allow").start().await;
    redis.kill();
    assert_eq!(ask(&gateway, 0).await, 200, "recorded, and not settled yet");
    gateway.faults().set(Rule { latency_ms: 60_000, ..Rule::default() });
    let mut asking = tokio::task::JoinSet::new();
    let body = hello(Dialect::Native, Delivery::Json);
    asking.spawn(gateway.request(Method::POST, "/v1/complete").json(&body).send());
    eventually("the call", async || gateway.seen(Provider::OpenAi).in_flight == 1).await;
    drop(gateway); // SIGKILL
    redis.start_again().await;
    let gateway = setup(&redis, after).start().await;
    eventually("both are charged", async || gateway.spent().await == HELLO + HELLO_BOUND).await;
    let records = gateway.as_admin(Method::GET, "/v1/audit/recent", None).await.json();
    let costs = [("interrupted", HELLO_BOUND), ("answered", HELLO)];
    for (outcome, cost) in costs {
        let mut entries = records["entries"].as_array().expect("entries").iter();
        let told = entries.find(|entry| entry["outcome"] == outcome).expect("a record");
        assert_eq!((nano(&told["cost_usd"]), &told["recorded_by"]), (cost, &json!("owner")), "{told}");
    }
}
