//! What teams may spend: limits under concurrency, refusals, what each way of ending costs, overrides, usage.

use crate::client::{Delivery, Dialect, Reading, Reply, WAYS, attempts};
use crate::gateway::{ADMIN_KEY, Gateway, OTHER_TEAM_KEY, Scratch, Setup, eventually};
use futures_util::future::join_all;
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};

/// Of `gpt-4o`, in nano-USD a token.
const INPUT: i64 = 2_500;
const OUTPUT: i64 = 10_000;
/// `say: hello` is 3 tokens and 7 around it; `hello` is 2.
pub const HELLO: i64 = 10 * INPUT + 2 * OUTPUT;
/// Its 10 bytes and what may stand around them, and 10 tokens of an answer.
pub const HELLO_BOUND: i64 = (10 + 96) * INPUT + 10 * OUTPUT;

pub fn hello(dialect: Dialect, delivery: Delivery) -> Value {
    let mut body = dialect.ask("openai/gpt-4o", "say: hello", delivery);
    body["max_tokens"] = json!(10);
    body
}

/// Dollars as nano-dollars. A float has digits enough for these sums.
pub fn nano(usd: &Value) -> i64 {
    (usd.as_f64().unwrap_or_else(|| panic!("no amount: {usd}")) * 1e9).round() as i64
}

pub fn usd(nano: i64) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

impl Gateway {
    pub async fn as_admin(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let request = self.anonymous(method, path).header("x-api-key", ADMIN_KEY);
        Reply::of(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub async fn daily(&self) -> Value {
        self.get("/v1/budget/engineering-team").await.json()["daily"].clone()
    }

    /// Waits until nothing is reserved, and answers what is spent.
    pub async fn spent(&self) -> i64 {
        let mut daily = Value::Null;
        eventually("nothing is reserved", async || {
            daily = self.daily().await;
            nano(&daily["reserved_usd"]) == 0
        })
        .await;
        nano(&daily["spent_usd"])
    }
}

fn limited(nano: i64) -> Setup {
    Setup::new().env("DEFAULT_TEAM_DAILY_BUDGET_USD", usd(nano))
}

#[tokio::test]
async fn a_limit_is_not_passed_in_a_race() {
    const LIMIT: i64 = 10_000_000;
    let gateway = limited(LIMIT).start().await;
    let client = async |number: usize| {
        let mut served = 0;
        for round in 0..8 {
            let (dialect, delivery) = WAYS[(number + round) % WAYS.len()];
            let reply = gateway.post(dialect.path(), &hello(dialect, delivery)).await;
            assert!(matches!(reply.status, 200 | 402), "{reply:?}");
            served += i64::from(reply.status == 200);
        }
        served
    };
    let mut served: i64 = join_all((0..64).map(client)).await.into_iter().sum();
    while gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await.status == 200 {
        served += 1;
        gateway.spent().await;
    }
    let spent = gateway.spent().await;
    assert_eq!(spent, served * HELLO, "each answer once, and nothing else");
    assert!(spent <= LIMIT && spent > LIMIT - HELLO_BOUND, "{spent} of {LIMIT}");
    let billed = gateway.seen(Provider::OpenAi).requests;
    assert_eq!(i64::try_from(billed).expect("a small count"), served, "what is refused is not sent");
}

#[tokio::test]
async fn a_refusal_tells_what_is_short_in_each_dialect() {
    let gateway = limited(HELLO_BOUND - 1).start().await;
    for (dialect, delivery) in WAYS {
        let reply = gateway.post(dialect.path(), &hello(dialect, delivery)).await;
        let body = reply.json();
        assert_eq!((reply.status, dialect.code(&body)), (402, "budget_exceeded"), "{reply:?}");
        assert_eq!(reply.header("x-should-retry"), "false");
        assert_eq!(reply.header("retry-after"), "");
        let message = body["error"]["message"].as_str().expect("a message");
        for part in
            ["daily", "0.000364999 USD", "0.00 USD are spent", "0.000365 USD", "T00:00:00Z", "max_tokens"]
        {
            assert!(message.contains(part), "{part}: {message}");
        }
        if dialect == Dialect::OpenAi {
            assert_eq!(body["error"]["type"], "insufficient_quota");
        }
        if dialect == Dialect::Anthropic {
            assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("billing_error")));
            assert_eq!(body["request_id"], reply.header("request-id"));
        }
    }
    assert_eq!(gateway.seen(Provider::OpenAi).requests, 0);
    assert_eq!(gateway.spent().await, 0);
    let rows = gateway.get("/v1/usage?group_by=model").await.json()["rows"].clone();
    assert_eq!((&rows[0]["model"], &rows[0]["refused"]), (&json!("gpt-4o"), &json!(WAYS.len())), "{rows}");
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let file = "[teams.engineering-team]\nrequests_per_minute = 2\ntokens_per_minute = 1000\n\
                [teams.finance-team.per_key]\nmax_parallel = 0\n";
    let gateway = Setup::new().file("gateway.toml", file).start().await;
    let body = hello(Dialect::OpenAi, Delivery::Json);
    let reply = gateway.post("/v1/chat/completions", &body).await;
    let told = ["limit-requests", "remaining-requests", "limit-tokens"];
    let told = told.map(|name| reply.header(&format!("x-ratelimit-{name}")).to_owned());
    assert_eq!((reply.status, told), (200, ["2", "1", "1000"].map(str::to_owned)));
    assert!(reply.header("x-ratelimit-reset-requests").ends_with('s'));
    assert_eq!(gateway.post("/v1/chat/completions", &body).await.status, 200);
    for (dialect, delivery) in WAYS {
        let reply = gateway.post(dialect.path(), &hello(dialect, delivery)).await;
        assert_eq!((reply.status, dialect.code(&reply.json())), (429, "rate_limited"), "{reply:?}");
        let wait: u64 = reply.header("retry-after").parse().expect("seconds");
        assert!((1..=30).contains(&wait), "{wait}");
        assert_eq!(reply.header("x-ratelimit-remaining-requests"), "0");
        assert!(reply.text().contains("the team's limit of 2 requests a minute"), "{}", reply.text());
    }
    let other = gateway.anonymous(Method::POST, "/v1/complete").header("x-api-key", OTHER_TEAM_KEY);
    let reply = Reply::of(other.json(&hello(Dialect::Native, Delivery::Json))).await;
    assert_eq!(reply.status, 429);
    assert!(reply.text().contains("the key's limit of 0 requests at the same time"), "{}", reply.text());
}

#[tokio::test]
async fn what_is_left_is_told_with_each_answer() {
    let gateway = limited(10_000_000).start().await;
    let reply = gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await;
    let left = usd(10_000_000 - HELLO);
    assert_eq!(reply.header("x-gateway-budget-remaining-usd"), left);
    assert!(reply.text().contains(&format!("\"budget\":{{\"remaining_usd\":{left}}}")), "{}", reply.text());
    gateway.spent().await;
    let reply = gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Stream)).await;
    assert_eq!(reply.header("x-gateway-budget-remaining-usd"), usd(10_000_000 - HELLO - HELLO_BOUND));
    let closing = reply.last_event();
    assert!(closing.data.contains(&usd(10_000_000 - 2 * HELLO)), "{closing:?}");
}

#[tokio::test]
async fn each_way_of_ending_costs_what_it_should() {
    let gateway = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 1_000).start().await;
    let mut before = 0;
    let mut costs = async |case: &str, least: i64, most: i64| {
        let spent = gateway.spent().await;
        let cost = spent - before;
        before = spent;
        assert!((least..=most).contains(&cost), "{case}: {cost}, not {least} to {most}");
    };
    for (dialect, delivery) in WAYS {
        assert_eq!(gateway.post(dialect.path(), &hello(dialect, delivery)).await.status, 200);
        costs(&format!("{dialect:?} {delivery:?}"), HELLO, HELLO).await;
    }
    // The providers answered errors: they bill none.
    gateway.faults().set(Rule::status(503));
    assert_eq!(gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await.status, 503);
    costs("errors", 0, 0).await;
    gateway.faults().reset();
    // One attempt that was sent and gave nothing whole: its bound, beside the one that answered.
    gateway.faults().set(Rule::new(Failure::Cut(Point::AfterContent)).on(Provider::OpenAi));
    let reply = gateway.post("/v1/chat/completions", &hello(Dialect::OpenAi, Delivery::Json)).await;
    assert_eq!(reply.header("x-gateway-provider"), "azure_openai", "{reply:?}");
    assert_eq!(reply.header("x-gateway-cost-usd"), usd(HELLO_BOUND + HELLO));
    costs("a lost attempt", HELLO_BOUND + HELLO, HELLO_BOUND + HELLO).await;
    // A stream that broke off: the prompt at its bound, and what came.
    let mut body = Dialect::OpenAi.ask("openai/gpt-4o", "words: 40", Delivery::Stream);
    body["max_tokens"] = json!(1_000);
    let prompt = (9 + 96) * INPUT;
    gateway.post("/v1/chat/completions", &body).await;
    costs("a broken stream", prompt + OUTPUT, prompt + 400 * OUTPUT).await;
    gateway.faults().reset();
    // A stream that its caller left.
    gateway.faults().set(Rule { gap_ms: 50, ..Rule::default() });
    let request = gateway.request(Method::POST, "/v1/chat/completions").json(&body);
    let mut reading = Reading::open(request).await;
    reading.until_text(Dialect::OpenAi).await;
    drop(reading);
    costs("a stream that was left", prompt, prompt + 400 * OUTPUT).await;
    gateway.faults().reset();
    // A caller that left a JSON call: its answer is waited for.
    gateway.faults().set(Rule { latency_ms: 300, ..Rule::default() });
    let json = hello(Dialect::OpenAi, Delivery::Json);
    let call = gateway.request(Method::POST, "/v1/chat/completions").json(&json).send();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), call).await.is_err());
    costs("a call that was left", HELLO, HELLO).await;
}

#[tokio::test]
async fn a_fallback_stops_where_it_does_not_fit() {
    let gateway = limited(HELLO_BOUND + HELLO_BOUND / 2).start().await;
    gateway.faults().set(Rule::new(Failure::Cut(Point::AfterContent)).on(Provider::OpenAi));
    let reply = gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["error"]["code"]), (503, &json!("no_provider_available")), "{body}");
    let told = attempts(&body["error"]["attempts"]);
    assert_eq!(told.first().map(String::as_str), Some("openai:broken_answer"), "{told:?}");
    assert!(told.last().is_some_and(|last| last.ends_with(":budget_exceeded")), "{told:?}");
    assert_eq!(gateway.spent().await, HELLO_BOUND);
}

#[tokio::test]
async fn what_was_spent_outlives_a_kill() {
    let state = Scratch::new();
    let setup = || limited(2 * HELLO_BOUND).env("GATEWAY_STATE_DIR", state.path().display());
    let gateway = setup().start().await;
    let body = hello(Dialect::Native, Delivery::Json);
    assert_eq!(gateway.post("/v1/complete", &body).await.status, 200);
    assert_eq!(gateway.spent().await, HELLO);
    assert_eq!(
        gateway
            .as_admin(Method::PUT, "/v1/budget/finance-team", Some(json!({"daily_limit_usd": 0})))
            .await
            .status,
        200
    );
    // A call that is under way when the process is killed stays reserved, until its lease is over.
    gateway.faults().set(Rule { latency_ms: 60_000, ..Rule::default() });
    let call = gateway.request(Method::POST, "/v1/complete").json(&body).send();
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), call).await.is_err());
    drop(gateway); // SIGKILL
    let gateway = setup().start().await;
    let daily = gateway.daily().await;
    assert_eq!((nano(&daily["spent_usd"]), nano(&daily["reserved_usd"])), (HELLO, HELLO_BOUND), "{daily}");
    assert_eq!(gateway.post("/v1/complete", &body).await.status, 402);
    let other = gateway.as_admin(Method::GET, "/v1/budget/finance-team", None).await.json();
    assert_eq!((&other["source"], nano(&other["daily"]["limit_usd"])), (&json!("override"), 0), "{other}");
}

#[tokio::test]
async fn an_administrator_sets_limits_and_a_team_sees_its_own() {
    let gateway = Gateway::start().await;
    let own = "/v1/budget/engineering-team";
    let before = gateway.get(own).await.json();
    assert_eq!((&before["source"], nano(&before["daily"]["limit_usd"])), (&json!("default"), 10_000_000_000));
    assert_eq!(before["rate_limits"]["max_parallel"], json!({"limit": null, "in_flight": 0}));
    let limits = json!({"daily_limit_usd": "0.5", "monthly_limit_usd": "unlimited", "max_parallel": 3});
    let set = gateway.as_admin(Method::PUT, own, Some(limits)).await;
    assert_eq!(set.status, 200, "{set:?}");
    let after = gateway.get(own).await;
    assert_eq!(after.json(), set.json());
    assert!(after.text().contains("\"limit_usd\":0.500000000"), "{}", after.text());
    assert_eq!(
        (&after.json()["source"], &after.json()["monthly"]["limit_usd"]),
        (&json!("override"), &json!(null))
    );
    // Replicas see each other's a moment later.
    crate::gateway::eventually("the act's record", async || {
        let acts = crate::records::records(&gateway).await;
        acts.iter().any(|record| record["action"] == "budget_override")
    })
    .await;
    assert_eq!(gateway.as_admin(Method::DELETE, own, None).await.json()["source"], "default");
    let all = gateway.as_admin(Method::GET, "/v1/budgets", None).await.json();
    let teams: Vec<&str> =
        all["budgets"].as_array().expect("a list").iter().filter_map(|one| one["team_id"].as_str()).collect();
    assert_eq!(teams, ["default", "engineering-team", "finance-team"]);
    for (case, method, path, key, body, status) in [
        ("no key", Method::GET, own, None, None, 401),
        ("another team's", Method::GET, "/v1/budget/finance-team", Some("own"), None, 403),
        ("a team writes", Method::PUT, own, Some("own"), Some(json!({"daily_limit_usd": 1})), 403),
        ("a team deletes", Method::DELETE, own, Some("own"), None, 403),
        ("a team reads all", Method::GET, "/v1/budgets", Some("own"), None, 403),
        ("no such team", Method::GET, "/v1/budget/nobody", Some("admin"), None, 404),
        ("no team's name", Method::GET, "/v1/budget/No%20Body", Some("admin"), None, 404),
        ("too fine", Method::PUT, own, Some("admin"), Some(json!({"daily_limit_usd": "0.0000000001"})), 400),
        ("unknown", Method::PUT, own, Some("admin"), Some(json!({"daily": 1})), 400),
        ("another method", Method::POST, own, Some("admin"), None, 405),
        ("usage of another", Method::GET, "/v1/usage?team=finance-team", Some("own"), None, 403),
        ("usage, a bad range", Method::GET, "/v1/usage?from=2020-01-01", Some("own"), None, 400),
    ] {
        let reply = match key {
            Some("admin") => gateway.as_admin(method, path, body).await,
            Some(_) => Reply::of(gateway.request(method, path).json(&body)).await,
            None => Reply::of(gateway.anonymous(method, path)).await,
        };
        assert_eq!(reply.status, status, "{case}: {reply:?}");
    }
}

#[tokio::test]
async fn usage_is_counted_by_model() {
    let gateway = Gateway::start().await;
    gateway.faults().set(Rule::status(503).on(Provider::OpenAi));
    for _ in 0..2 {
        let reply = gateway.post("/v1/chat/completions", &hello(Dialect::OpenAi, Delivery::Json)).await;
        assert_eq!(reply.header("x-gateway-provider"), "azure_openai");
    }
    gateway.spent().await;
    let reply = gateway.get("/v1/usage").await;
    let usage = reply.json();
    let rows = usage["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["provider"] == "azure_openai").unwrap_or_else(|| panic!("{usage}"));
    for (field, want) in [
        ("requests", 2),
        ("fallbacks", 2),
        ("input_tokens", 20),
        ("output_tokens", 4),
        ("errors", 0),
        ("refused", 0),
    ] {
        assert_eq!(row[field], want, "{field}: {usage}");
    }
    assert_eq!((nano(&row["cost_usd"]), &row["team_id"]), (2 * HELLO, &json!(null)));
    assert_eq!(usage["group_by"], json!(["day", "model", "provider"]));
}

#[tokio::test]
async fn an_estimate_tells_what_would_be_reserved_and_spends_nothing() {
    let gateway = limited(HELLO_BOUND).start().await;
    let estimate = gateway.post("/v1/estimate", &hello(Dialect::OpenAi, Delivery::Json)).await;
    let told = estimate.json();
    assert_eq!(
        (estimate.status, nano(&told["bound_usd"]), &told["would_refuse"]),
        (200, HELLO_BOUND, &json!([]))
    );
    let first = &told["candidates"][0];
    assert_eq!(
        (&first["provider"], &first["input_tokens"], &first["output_tokens"]),
        (&json!("openai"), &json!(106), &json!(10)),
        "{told}"
    );
    assert!(estimate.text().contains("\"input\":2.500000,\"output\":10.000000"), "{}", estimate.text());
    let likely = nano(&told["likely_usd"]);
    assert!(likely > 0 && likely < HELLO_BOUND, "{likely}");
    assert_eq!((gateway.spent().await, gateway.seen(Provider::OpenAi).requests), (0, 0));
    assert_eq!(gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await.status, 200);
    gateway.spent().await;
    let told = gateway.post("/v1/estimate", &hello(Dialect::Native, Delivery::Json)).await.json();
    let refusal = &told["would_refuse"][0];
    assert_eq!((&refusal["scope"], &refusal["limit"]), (&json!("team"), &json!("daily_limit_usd")), "{told}");
}

/// The same body, asked for and sent: what is reserved is what was told.
#[tokio::test]
async fn an_estimate_of_any_endpoint_is_what_it_would_reserve() {
    let text = "x".repeat(4_000);
    let system = json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]);
    let said = json!([{"role": "user", "content": "Hello"}]);
    for (endpoint, body) in [
        (
            "/v1/messages",
            json!({"model": "claude-opus-4-6", "max_tokens": 5, "system": system, "messages": said,
                "tools": [{"name": "t", "input_schema": {"type": "object"}}]}),
        ),
        ("/v1/chat/completions", json!({"model": "gpt-4o", "max_tokens": 5, "n": 2, "messages": said})),
        ("/v1/complete", json!({"model": "gpt-4o", "max_tokens": 5, "messages": said})),
        ("/v1/embeddings", json!({"model": "text-embedding-3-small", "input": text})),
    ] {
        let told = Gateway::start().await.post("/v1/estimate", &body).await;
        let bound = nano(&told.json()["bound_usd"]);
        assert_eq!(told.status, 200, "{endpoint}: {}", told.text());
        // A nano less, and it is refused; so much, and it is served.
        let short = limited(bound - 1).start().await;
        assert_eq!(short.post(endpoint, &body).await.status, 402, "{endpoint}: {bound}");
        let enough = limited(bound).start().await;
        assert_eq!(enough.post(endpoint, &body).await.status, 200, "{endpoint}: {bound}");
        let named = enough.post(&format!("/v1/estimate?endpoint={endpoint}"), &body).await.json();
        assert_eq!(nano(&named["bound_usd"]), bound, "{endpoint}");
    }
}
