//! Metrics: who may read them, whether they are well formed, whether they agree with the audit trail and the
//! ledger.

use crate::budgets::{hello, nano};
use crate::client::{Delivery, Dialect, Reply, WAYS};
use crate::exposition::{Page, Sample};
use crate::gateway::{ADMIN_KEY, Gateway, OTHER_TEAM_KEY, Setup, TEAM_KEY, eventually};
use gateway_simulator::{Failure, Point, Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1";

impl Gateway {
    /// All metrics, checked against the specification of OpenMetrics.
    pub async fn metrics(&self) -> Page {
        let asked = self.anonymous(Method::GET, "/metrics").header("x-api-key", ADMIN_KEY);
        let reply = Reply::of(asked.header("accept", OPEN_METRICS)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        Page::read(reply.text())
    }
}

/// Every kind of request: answers in each dialect, a fallback, refusals, failures, personal data, a stranger.
pub async fn traffic(gateway: &Gateway) {
    for (dialect, delivery) in WAYS {
        assert_eq!(gateway.post(dialect.path(), &hello(dialect, delivery)).await.status, 200);
    }
    let unavailable = || Rule::new(Failure::Status { code: 503, retry_after_ms: None });
    let ask = |text: &str| Dialect::OpenAi.ask("gpt-4o", text, Delivery::Json);
    for (case, rules, text, key, status) in [
        ("a fallback", vec![unavailable().on(Provider::OpenAi)], "say: hello", TEAM_KEY, 200),
        ("all fail", vec![unavailable()], "say: hello", TEAM_KEY, 503),
        ("another team, an address", vec![], "say: mail a@example.org", OTHER_TEAM_KEY, 200),
        ("a wrong field", vec![], "", TEAM_KEY, 400),
        ("a stranger", vec![], "say: hello", "no-key-of-this-gateway", 401),
    ] {
        gateway.faults().clear();
        gateway.faults().set_all(rules);
        let mut body = ask(text);
        if text.is_empty() {
            body["messages"] = json!([]);
        }
        let request = gateway.anonymous(Method::POST, Dialect::OpenAi.path()).header("x-api-key", key);
        assert_eq!(Reply::of(request.json(&body)).await.status, status, "{case}");
    }
    gateway.faults().clear();
    gateway.as_admin(Method::PUT, "/v1/budget/finance-team", Some(json!({"daily_limit_usd": 5}))).await;
    gateway.until_idle().await;
    gateway.spent().await;
}

/// What costs something without an answer, or an answer that is no chat.
async fn odd_traffic(gateway: &Gateway) {
    let cut = |point| Rule::new(Failure::Cut(point)).on(Provider::OpenAi);
    for (case, rule, delivery) in [
        ("a lost attempt, then a fallback", cut(Point::BeforeContent), Delivery::Json),
        ("broken off after content", cut(Point::AfterContent), Delivery::Stream),
    ] {
        gateway.faults().clear();
        gateway.faults().set(rule);
        let body = Dialect::OpenAi.ask("gpt-4o", "say: one two three four", delivery);
        assert_eq!(gateway.post(Dialect::OpenAi.path(), &body).await.status, 200, "{case}");
    }
    gateway.faults().clear();
    let words = json!({"model": "text-embedding-3-small", "input": "some words"});
    assert_eq!(gateway.post("/v1/embeddings", &words).await.status, 200);
    gateway.until_idle().await;
    gateway.spent().await;
}

#[tokio::test]
async fn metrics_are_for_scrapers_and_administrators() {
    let closed = Gateway::start().await;
    let asked = |key: &str| closed.anonymous(Method::GET, "/metrics").header("x-api-key", key);
    for (case, request, status) in [
        ("nobody", closed.anonymous(Method::GET, "/metrics"), 401),
        ("a team", asked(TEAM_KEY), 403),
        ("the administrator", asked(ADMIN_KEY), 200),
    ] {
        assert_eq!(Reply::of(request).await.status, status, "{case}");
    }
    let open = Setup::new().env("METRICS_OPEN", "true").start().await;
    for (accept, kind) in [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        (OPEN_METRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ] {
        let reply = Reply::of(open.anonymous(Method::GET, "/metrics").header("accept", accept)).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, kind));
    }
}

/// Values of one metric, summed by the label `by`.
fn sums(samples: &[Sample], name: &str, by: &str) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name == name) {
        let label = sample.labels.get(by).cloned().unwrap_or_default();
        *sums.entry(label).or_default() += sample.nano();
    }
    sums
}

/// What `each` makes of every record, summed by team.
fn by_team(records: &[Value], each: impl Fn(&Value) -> i64) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for record in records.iter().filter(|record| record["type"] == "request") {
        let team = record["team_id"].as_str().expect("a team").to_owned();
        *sums.entry(team).or_default() += each(record);
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

const ONE: i64 = 1_000_000_000;

#[tokio::test]
async fn metrics_trail_and_ledger_agree() {
    let gateway = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 1_000).start().await;
    traffic(&gateway).await;
    odd_traffic(&gateway).await;
    let page = gateway.metrics().await;
    let recent = gateway.as_admin(Method::GET, "/v1/audit/recent?limit=1000", None).await.json();
    let records = recent["entries"].as_array().expect("entries").as_slice();
    let sums = |name: &str| sums(&page.samples, name, "team");
    let count = |value: &Value| value.as_i64().unwrap_or(0) * ONE;
    assert_eq!(sums("gateway_requests_total"), by_team(records, |_| ONE));
    assert_eq!(sums("gateway_cost_usd_total"), by_team(records, |record| nano(&record["cost_usd"])));
    let all_tokens = ["input_tokens", "cache_read_tokens", "output_tokens"];
    let tokens = |record: &Value| all_tokens.iter().map(|kind| count(&record["usage"][kind])).sum();
    assert_eq!(sums("gateway_tokens_total"), by_team(records, tokens));
    let failed = |record: &Value| if record["code"].is_null() { 0 } else { ONE };
    assert_eq!(sums("gateway_request_errors_total"), by_team(records, failed));
    let fell_back = |record: &Value| if record["fallback_triggered"] == true { ONE } else { 0 };
    assert_eq!(sums("gateway_fallbacks_total"), by_team(records, fell_back));
    let found = |record: &Value| count(&record["pii"]["by_type"]["EMAIL_ADDRESS"]);
    assert_eq!(sums("gateway_redactions_total"), by_team(records, found));
    let usage = "/v1/usage?group_by=day,team,provider,model";
    let usage = gateway.as_admin(Method::GET, usage, None).await.json();
    let mut settled = BTreeMap::new();
    for row in usage["rows"].as_array().expect("rows") {
        let labels =
            ["team_id", "provider", "model"].map(|field| row[field].as_str().expect("a name").to_owned());
        let cost = nano(&row["cost_usd"]);
        if cost > 0 {
            settled.insert(labels, cost);
        }
    }
    let of_costs = page.samples.iter().filter(|sample| sample.name == "gateway_cost_usd_total");
    let labels = |sample: &Sample| ["team", "provider", "model"].map(|label| sample.labels[label].clone());
    let costs: BTreeMap<_, _> = of_costs.map(|sample| (labels(sample), sample.nano())).collect();
    assert_eq!(costs, settled, "the ledger, route by route: {usage}");
    for (team, spent) in sums("gateway_cost_usd_total") {
        let balance = page.value("gateway_budget_spent_usd", &[("team", &team), ("window", "day")]);
        assert_eq!(balance, spent, "{team}");
    }
    let embedded = |sample: &&Sample| {
        sample.labels.get("gen_ai_operation_name").is_some_and(|name| name == "embeddings")
    };
    let operations =
        page.samples.iter().filter(|sample| sample.name == "gen_ai_client_operation_duration_seconds_count");
    assert_eq!(operations.filter(embedded).map(Sample::nano).sum::<i64>(), ONE);
    let attempts =
        records.iter().flat_map(|record| record["attempts"].as_array().cloned().unwrap_or_default());
    let counted: i64 = sums_of(&page, "gateway_attempts_total");
    assert_eq!(counted, attempts.count() as i64 * ONE);
    assert_eq!(sums_of(&page, "gateway_unauthenticated_requests_total"), ONE);
    assert_eq!(page.value("gateway_audit_head_sequence", &[]), records_head(records));
    assert_eq!(
        page.value("gateway_admin_actions_total", &[("action", "budget_override"), ("status", "200")]),
        ONE
    );
}

fn sums_of(page: &Page, name: &str) -> i64 {
    page.samples.iter().filter(|sample| sample.name == name).map(Sample::nano).sum()
}

fn records_head(records: &[Value]) -> i64 {
    records.iter().filter_map(|record| record["seq"].as_i64()).max().expect("a record") * ONE
}

#[tokio::test]
async fn each_part_tells_of_itself() {
    let gateway = Setup::new().env("CIRCUIT_BREAKER_FAILURES", 2).start().await;
    traffic(&gateway).await;
    gateway.faults().set(Rule::new(Failure::Status { code: 503, retry_after_ms: None }).on(Provider::OpenAi));
    eventually("an open breaker", async || {
        gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await;
        gateway.status_of(Provider::OpenAi).await["state"] == "open"
    })
    .await;
    eventually("the store was looked at", async || {
        gateway.metrics().await.value("gateway_budget_store_up", &[]) == ONE
    })
    .await;
    let page = gateway.metrics().await;
    for (name, labels, want) in [
        ("gateway_upstream_state", &[("provider", "openai"), ("state", "open")][..], ONE),
        ("gateway_upstream_state", &[("provider", "openai"), ("state", "closed")], 0),
        ("gateway_upstream_state", &[("provider", "gemini"), ("state", "closed")], ONE),
        ("gateway_budget_limit_usd", &[("team", "engineering-team"), ("window", "day")], 10 * ONE),
        ("gateway_budget_limit_usd", &[("team", "finance-team"), ("window", "day")], 5 * ONE),
        ("gateway_budget_store_up", &[], ONE),
        ("gateway_audit_writable", &[], ONE),
        ("gateway_audit_dropped_records_total", &[], 0),
        ("gateway_actor_up", &[("actor", "scanner")], ONE),
        ("gateway_actor_restarts_total", &[("actor", "budget")], 0),
        ("gateway_max_in_flight_requests", &[], 8_192 * ONE),
        ("gateway_in_flight_requests", &[], 0),
    ] {
        assert_eq!(page.value(name, labels), want, "{name} {labels:?}");
    }
    let streams: i64 = sums_of(&page, "gen_ai_server_time_to_first_token_seconds_count");
    let asked = WAYS.iter().filter(|(_, delivery)| *delivery == Delivery::Stream).count();
    assert_eq!(streams, asked as i64 * ONE);
    for name in ["process_resident_memory_bytes", "process_start_time_seconds", "process_open_fds"] {
        assert!(page.value(name, &[]) > ONE, "{name}");
    }
}

#[tokio::test]
async fn no_caller_writes_a_label() {
    const MARK: &str = "mArKeR";
    let gateway = Gateway::start().await;
    for (path, model) in [(Dialect::OpenAi.path(), MARK), (Dialect::Native.path(), "openai/mArKeR")] {
        let mut body = Dialect::OpenAi.ask(model, "say: mArKeR@example.org", Delivery::Json);
        body["user"] = json!(MARK);
        body["metadata"] = json!({MARK: MARK});
        let request = gateway.request(Method::POST, path).header("x-request-id", MARK).header("accept", MARK);
        assert!(Reply::of(request.json(&body)).await.status >= 400);
    }
    let text = gateway.as_admin(Method::GET, "/metrics", None).await;
    assert!(text.text().contains("gateway_request_errors_total{"), "{}", text.text());
    assert!(!text.text().contains(MARK), "{}", text.text());
    for secret in [TEAM_KEY, ADMIN_KEY, crate::gateway::UPSTREAM_KEY] {
        assert!(!text.text().contains(secret));
    }
}
