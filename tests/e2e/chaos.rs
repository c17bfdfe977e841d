//! Three gateways on one Redis, 64 clients, and whatever can go wrong at once: upstreams that fail, callers that
//! hang up, a gateway and the Redis killed in the middle. The provider's own bill keeps to the limit, and the
//! books agree with the records.

use crate::audit::State;
use crate::budgets::{HELLO_BOUND, hello, nano, usd};
use crate::client::{Delivery, Dialect, WAYS, http};
use crate::gateway::{Gateway, Setup, TEAM_KEY, within};
use crate::shared_budgets::Redis;
use futures_util::future::join_all;
use gateway_simulator::{Failure, Faults, Point, Provider, Rule, Running, Simulator, SimulatorOptions, When};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CLIENTS: usize = 64;
const ROUNDS: usize = 38;
/// About half of what all of them ask for.
const LIMIT: i64 = 150_000_000;
/// A reservation without an owner, and the reapers' round after that, with time to spare.
const LEASE: Duration = Duration::from_secs(90);

/// What the clients share.
struct Field {
    urls: Mutex<Vec<String>>,
    http: reqwest::Client,
    sent: AtomicUsize,
    served: AtomicUsize,
    refused: AtomicUsize,
    away: AtomicUsize,
}

impl Field {
    fn url(&self, replica: usize) -> String {
        self.urls.lock().expect("no client panics with it")[replica].clone()
    }

    fn moved(&self, replica: usize, gateway: &Gateway) {
        self.urls.lock().expect("no client panics with it")[replica] = gateway.url("");
    }

    async fn until_sent(&self, count: usize) {
        let sent = within(LEASE, async || self.sent.load(Ordering::Relaxed) >= count).await;
        assert!(sent, "{count} requests");
    }

    /// One request; whether it has to be asked again.
    async fn ask(&self, client: usize, round: usize, attempt: usize) -> bool {
        let number = client + round;
        let (path, body) = request(number);
        let url = self.url((number + attempt) % 3) + path;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let sending = self.http.post(url).header("x-api-key", TEAM_KEY).json(&body).send();
        // A caller that hangs up on a call in one piece.
        let patience = if number % 8 == 7 { Duration::from_millis(8) } else { Duration::from_secs(60) };
        let Ok(sent) = tokio::time::timeout(patience, sending).await else { return false };
        let Ok(mut reply) = sent else { return true };
        match reply.status().as_u16() {
            200 => self.served.fetch_add(1, Ordering::Relaxed),
            402 => self.refused.fetch_add(1, Ordering::Relaxed),
            503 => {
                self.away.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            other => panic!("{other}"),
        };
        if number % 8 == 5 {
            // A caller that hangs up on a stream.
            reply.chunk().await.ok();
        } else {
            // Broken off where its gateway was killed.
            while let Ok(Some(_)) = reply.chunk().await {}
        }
        false
    }
}

/// Texts in each dialect and delivery, tools, long streams.
fn request(number: usize) -> (&'static str, Value) {
    let (dialect, delivery) = WAYS[number % WAYS.len()];
    match number % 8 {
        4 => {
            let mut body = Dialect::OpenAi.ask("openai/gpt-4o", "weather in Bonn", Delivery::Json);
            let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
            body["tools"] = json!([{"type": "function",
                "function": {"name": "get_weather", "description": "A city.", "parameters": parameters}}]);
            body["max_tokens"] = json!(40);
            (Dialect::OpenAi.path(), body)
        }
        5 => {
            let mut body = Dialect::OpenAi.ask("openai/gpt-4o", "words: 30", Delivery::Stream);
            body["max_tokens"] = json!(60);
            (Dialect::OpenAi.path(), body)
        }
        7 => (Dialect::Native.path(), hello(Dialect::Native, Delivery::Json)),
        _ => (dialect.path(), hello(dialect, delivery)),
    }
}

fn faults(simulator: &Running) -> Faults {
    let faults = simulator.faults();
    faults.set_all(vec![
        Rule::status(503).on(Provider::OpenAi).when(When::Every(9)),
        Rule::new(Failure::Cut(Point::AfterContent)).on(Provider::OpenAi).when(When::Every(31)),
        Rule { latency_ms: 4, gap_ms: 2, ..Rule::default() },
    ]);
    faults
}

fn setup(redis: &Redis, simulator: &Running, state: &State) -> Setup {
    let url = simulator.url();
    redis
        .setup(LIMIT)
        .only(&[Provider::OpenAi, Provider::AzureOpenAi])
        .env("GATEWAY_STATE_DIR", state.path().display())
        .env("OPENAI_BASE_URL", format!("{url}/v1"))
        .env("AZURE_OPENAI_ENDPOINT", url)
        .env("CIRCUIT_BREAKER_FAILURES", 1_000)
        .env("RUST_LOG", "info")
}

/// Kills a gateway, then the Redis, and brings each back.
async fn havoc(
    field: &Field,
    redis: &mut Redis,
    gateways: &mut Vec<Gateway>,
    again: impl AsyncFn(&Redis) -> Gateway,
) {
    field.until_sent(500).await;
    drop(gateways.remove(0)); // SIGKILL
    field.until_sent(800).await;
    let back = again(redis).await;
    field.moved(0, &back);
    gateways.insert(0, back);
    field.until_sent(1_100).await;
    redis.kill();
    field.until_sent(1_300).await;
    redis.start_again().await;
}

/// What all trails tell together: of each request its cost, and whether that is an estimate. An owner's record beats
/// a reaper's.
fn recorded(states: &[State]) -> BTreeMap<String, (i64, bool)> {
    let mut records: BTreeMap<String, (bool, i64, bool)> = BTreeMap::new();
    for path in states.iter().flat_map(State::segments) {
        let text = std::fs::read_to_string(path).expect("a segment");
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).expect("a line");
            if record["type"] != "request" {
                continue;
            }
            let id = record["request_id"].as_str().expect("an id").to_owned();
            let owner = record["recorded_by"] == "owner";
            let told = (owner, nano(&record["cost_usd"]), record["cost_is_estimate"] == true);
            if owner || !records.contains_key(&id) {
                records.insert(id, told);
            }
        }
    }
    records.into_iter().map(|(id, (_, cost, estimate))| (id, (cost, estimate))).collect()
}

#[tokio::test]
async fn the_bill_keeps_to_the_limit_whatever_dies() {
    let simulator = Simulator::start(SimulatorOptions::default()).expect("a simulator");
    let faults = faults(&simulator);
    let mut redis = Redis::start().await;
    let states = [State::new(), State::new(), State::new()];
    let mut gateways = Vec::new();
    for state in &states {
        gateways.push(setup(&redis, &simulator, state).start().await);
    }
    let field = Field {
        urls: Mutex::new(gateways.iter().map(|gateway| gateway.url("")).collect()),
        http: http(),
        sent: AtomicUsize::new(0),
        served: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        away: AtomicUsize::new(0),
    };
    let client = async |client: usize| {
        for round in 0..ROUNDS {
            let mut attempt = 0;
            while field.ask(client, round, attempt).await {
                attempt += 1;
                // As `retry-after` would have it, only sooner.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    let again = async |redis: &Redis| setup(redis, &simulator, &states[0]).start().await;
    tokio::join!(join_all((0..CLIENTS).map(client)), havoc(&field, &mut redis, &mut gateways, again));

    let gateway = &gateways[1];
    let released = within(LEASE, async || nano(&gateway.daily().await["reserved_usd"]) == 0).await;
    assert!(released, "reserved after its lease: {}", gateway.daily().await);
    // What is left is used up by one caller.
    faults.set_all(vec![Rule::default().on(Provider::OpenAi), Rule::default()]);
    let body = hello(Dialect::Native, Delivery::Json);
    while gateway.post("/v1/complete", &body).await.status == 200 {
        gateway.spent().await;
    }
    let spent = gateway.spent().await;
    for gateway in gateways.drain(..) {
        assert!(gateway.stop().await.status.success());
    }
    judge(&field, &faults, &states, spent);
}

fn judge(field: &Field, faults: &Faults, states: &[State], spent: i64) {
    let stats = faults.stats().providers;
    let billed = |provider: Provider| {
        let seen = &stats[provider.name()];
        let price = |tokens: u64, each: i64| i64::try_from(tokens).expect("a small count") * each;
        price(seen.billed_input_tokens, 2_500) + price(seen.billed_output_tokens, 10_000)
    };
    let bill: i64 = [Provider::OpenAi, Provider::AzureOpenAi].into_iter().map(billed).sum();
    let records = recorded(states);
    let sum = |wanted: bool| {
        let some = records.values().filter(|(cost, estimate)| *estimate == wanted && *cost > 0);
        some.fold((0, 0), |(count, sum), (cost, _)| (count + 1, sum + cost))
    };
    let ((exact, of_exact), (estimated, of_estimated)) = (sum(false), sum(true));
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let told = format!(
        "{} requests: {} answered, {} over budget, {} without the store; limit {}, spent {} = {exact} records {} + \
         {estimated} estimates {}; the provider bills {}",
        count(&field.sent),
        count(&field.served),
        count(&field.refused),
        count(&field.away),
        usd(LIMIT),
        usd(spent),
        usd(of_exact),
        usd(of_estimated),
        usd(bill)
    );
    // Past the test runner's capture: how much was tried is a part of the result.
    writeln!(std::io::stdout().lock(), "chaos: {told}").expect("standard output");
    let asked = count(&field.sent) - count(&field.away);
    assert!(asked >= 2_000 && count(&field.refused) >= 200 && count(&field.served) >= 500, "{told}");
    assert!(bill <= LIMIT && spent <= LIMIT, "{told}");
    assert_eq!(spent, of_exact + of_estimated, "the books are the records': {told}");
    assert!((of_exact..=spent).contains(&bill), "only estimates are more than their bill: {told}");
    assert!(spent > LIMIT - HELLO_BOUND, "more than 95 % of it is used: {told}");
}
