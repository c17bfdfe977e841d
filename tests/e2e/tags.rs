//! Usage by tag: as many rows as values, the same as the audit trail says, on every replica, after a restart; and
//! no personal data in it.

use crate::budgets::{HELLO, hello, nano};
use crate::client::{Delivery, Dialect, Reply, WAYS, http};
use crate::gateway::{ADMIN_KEY, Gateway, OTHER_TEAM_KEY, Scratch, Setup, eventually};
use crate::records::{record, records};
use gateway_simulator::Rule;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TAGS: &str = "[usage]\ntags = [\"cost_center\", \"project\"]\n";

async fn tagged(gateway: &Gateway, key: Option<&str>, tags: &str, way: (Dialect, Delivery)) -> Reply {
    let (dialect, delivery) = way;
    let request = match key {
        Some(key) => gateway.anonymous(Method::POST, dialect.path()).header("x-api-key", key),
        None => gateway.request(Method::POST, dialect.path()),
    };
    Reply::of(request.header("x-gateway-tags", tags).json(&hello(dialect, delivery))).await
}

/// Value (or none) → requests, refused, errors, cost, tokens.
type Sums = BTreeMap<Option<String>, [i64; 5]>;

async fn usage(url: &str) -> Sums {
    let reply = Reply::of(http().get(url).header("x-api-key", ADMIN_KEY)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let number = |row: &Value, name: &str| row[name].as_i64().expect("a count");
    let row = |row: &Value| {
        let tokens = number(row, "input_tokens") + number(row, "output_tokens");
        let counts = ["requests", "refused", "errors"].map(|name| number(row, name));
        let value = row["tag"].as_str().map(str::to_owned);
        (value, [counts[0], counts[1], counts[2], nano(&row["cost_usd"]), tokens])
    };
    reply.json()["rows"].as_array().expect("rows").iter().map(row).collect()
}

/// The same out of the trail.
fn audited(records: &[Value], tag: &str) -> Sums {
    let mut sums = Sums::new();
    for record in records.iter().filter(|record| record["type"] == "request") {
        let shares = record["settlement"]["shares"].as_array().cloned().unwrap_or_default();
        let tokens = shares.iter().flat_map(|share| [&share["input_tokens"], &share["output_tokens"]]);
        let refused = i64::from(record["code"] == "budget_exceeded");
        let failed = i64::from(refused == 0 && record["outcome"] != "answered");
        let one =
            [1 - refused, refused, failed, nano(&record["cost_usd"]), tokens.filter_map(Value::as_i64).sum()];
        let sum = sums.entry(record["tags"][tag].as_str().map(str::to_owned)).or_default();
        sum.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
    }
    sums
}

async fn traffic(gateway: &Gateway) {
    for way in WAYS {
        for tags in ["cost_center=4711", "cost_center=4712, project=apollo", "project=apollo"] {
            let reply = tagged(gateway, None, tags, way).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let reply = gateway.post(way.0.path(), &hello(way.0, way.1)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    for dialect in [Dialect::Native, Dialect::OpenAi] {
        let mut body = hello(dialect, Delivery::Json);
        body["metadata"] = json!({"cost_center": "4711"});
        assert_eq!(gateway.post(dialect.path(), &body).await.status, 200);
    }
    gateway.faults().set(Rule::status(503));
    assert_eq!(tagged(gateway, None, "cost_center=4711", WAYS[0]).await.status, 503);
    gateway.faults().reset();
    let none = json!({"daily_limit_usd": 0});
    assert_eq!(gateway.as_admin(Method::PUT, "/v1/budget/finance-team", Some(none)).await.status, 200);
    assert_eq!(tagged(gateway, Some(OTHER_TEAM_KEY), "cost_center=4711", WAYS[0]).await.status, 402);
    let embedding = json!({"model": "text-embedding-3-small", "input": "hello"});
    let request = gateway.request(Method::POST, "/v1/embeddings").header("x-gateway-tags", "project=apollo");
    assert_eq!(Reply::of(request.json(&embedding)).await.status, 200);
}

/// Each replica's usage by each tag, once it is what the trail says.
async fn agreed(gateway: &Gateway) -> BTreeMap<&'static str, Sums> {
    let mut told = BTreeMap::new();
    for tag in ["cost_center", "project"] {
        for url in gateway.urls(&format!("/v1/usage?group_by=tag:{tag}")) {
            let (mut by_tag, mut in_trail) = (Sums::new(), Sums::new());
            eventually("usage is what the trail says", async || {
                by_tag = usage(&url).await;
                in_trail = audited(&records(gateway).await, tag);
                by_tag == in_trail
            })
            .await;
            told.insert(tag, by_tag);
        }
    }
    told
}

#[tokio::test]
async fn usage_by_tag_is_the_sum_of_the_records_and_outlives_a_kill() {
    let state = Scratch::new();
    let setup = || Setup::new().env("GATEWAY_STATE_DIR", state.path().display()).file("gateway.toml", TAGS);
    let gateway = setup().start().await;
    traffic(&gateway).await;
    let before = agreed(&gateway).await;
    let ways = i64::try_from(WAYS.len()).expect("a few");
    let [requests, refused, errors, cost, _] = before["cost_center"][&Some("4711".to_owned())];
    assert_eq!((requests, refused, errors, cost), (ways + 3, 1, 1, (ways + 2) * HELLO));
    assert_eq!(before["cost_center"][&Some("4712".to_owned())][0], ways);
    assert_eq!(before["project"][&Some("apollo".to_owned())][0], 2 * ways + 1);
    assert_eq!(before["project"].len(), 2, "one value, and what has none: {before:?}");

    // By model too; what a team sees is its own.
    let by_model = gateway.get("/v1/usage?group_by=model,tag:cost_center").await.json();
    assert_eq!(by_model["group_by"], json!(["model", "tag:cost_center"]));
    let rows = by_model["rows"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["refused"] == 0), "another team's: {by_model}");
    let row = rows.iter().find(|row| row["tag"] == "4712").unwrap_or_else(|| panic!("{by_model}"));
    assert_eq!((&row["model"], row["requests"].as_i64()), (&json!("gpt-4o"), Some(ways)));

    drop(gateway); // SIGKILL
    let gateway = setup().start().await;
    assert_eq!(agreed(&gateway).await, before);
}

#[tokio::test]
async fn two_gateways_tell_the_same_usage_by_tag() {
    let gateway = Setup::new().file("gateway.toml", TAGS).pair().await;
    traffic(&gateway).await;
    let told = agreed(&gateway).await;
    let mut urls = gateway.urls("/v1/usage?group_by=hour,model,provider,team,tag:cost_center").into_iter();
    let (one, other) = (urls.next().expect("a replica"), urls.next().expect("another"));
    let all =
        async |url| Reply::of(http().get(url).header("x-api-key", ADMIN_KEY)).await.json()["rows"].clone();
    assert_eq!(all(one).await, all(other).await);
    assert_eq!(told["cost_center"].len(), 3, "{told:?}");
}

#[tokio::test]
async fn personal_data_in_a_tag_is_nowhere() {
    const MAIL: &str = "ann.lee@example.org";
    let gateway = Setup::new().file("gateway.toml", TAGS).start().await;
    let mut values = Vec::new();
    for way in WAYS {
        let reply = tagged(&gateway, None, &format!("cost_center={MAIL}"), way).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(!format!("{reply:?}").contains(MAIL), "{reply:?}");
        let record = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!(record["pii"]["by_type"], json!({"EMAIL_ADDRESS": 1}), "{record}");
        values.push(record["tags"]["cost_center"].as_str().expect("a value").to_owned());
    }
    let mut body = hello(Dialect::OpenAi, Delivery::Json);
    body["metadata"] = json!({"cost_center": MAIL});
    assert_eq!(gateway.post(Dialect::OpenAi.path(), &body).await.status, 200);
    let input = json!({"model": "text-embedding-3-small", "input": "hello"});
    let request = gateway.request(Method::POST, "/v1/embeddings");
    let request = request.header("x-gateway-tags", format!("cost_center={MAIL}"));
    assert_eq!(Reply::of(request.json(&input)).await.status, 200);
    let value = &values[0];
    assert!(value.starts_with("EMAIL_ADDRESS:") && values.iter().all(|other| other == value), "{values:?}");
    let told = agreed(&gateway).await;
    let ways = i64::try_from(WAYS.len()).expect("a few");
    assert_eq!(told["cost_center"][&Some(value.clone())][0], ways + 2);
    assert_eq!(told["cost_center"].len(), 1, "{told:?}");

    for kept in gateway.directories().iter().flat_map(|folder| files(folder)) {
        let bytes = std::fs::read(&kept).unwrap_or_default();
        let found = bytes.windows(MAIL.len()).any(|part| part == MAIL.as_bytes());
        assert!(!found, "in {}", kept.display());
    }
    let sent = gateway.faults().requests();
    assert!(sent.iter().all(|sent| !format!("{sent:?}").contains("cost_center")), "no provider is told");
    let ended = gateway.stop().await;
    assert!(ended.log.contains("TRACE") && !ended.log.contains(MAIL), "in the log");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn a_policy_may_refuse_it_and_what_can_t_be_counted_is_told() {
    let file = format!("{TAGS}[pii]\nactions = {{ EMAIL_ADDRESS = \"block\" }}\n");
    let gateway = Setup::new().file("gateway.toml", &file).start().await;
    let way = (Dialect::OpenAi, Delivery::Json);
    for (case, tags, status, told) in [
        ("blocked", "cost_center=ann.lee@example.org", 400, "EMAIL_ADDRESS"),
        ("a blank", "cost_center=two words", 400, "x-gateway-tags: cost_center"),
        ("two values", "project=a,project=b", 400, "stands twice"),
        ("no pair", "4711", 400, "NAME=VALUE"),
    ] {
        let reply = tagged(&gateway, None, tags, way).await;
        assert_eq!(reply.status, status, "{case}: {}", reply.text());
        assert!(reply.text().contains(told) && !reply.text().contains("ann.lee"), "{case}: {}", reply.text());
        let record = record(&gateway, reply.header("x-request-id")).await;
        assert_eq!(record["tags"], Value::Null, "{case}: what was not searched is not recorded");
    }
    let reply = tagged(&gateway, None, "team=x, project=a", way).await;
    assert_eq!((reply.status, reply.header("x-gateway-dropped-params")), (200, "x-gateway-tags.team"));
    for (metadata, status, code) in [
        (json!({"project": "a", "else": "b"}), 400, "unsupported"),
        (json!({"project": 7}), 400, "invalid_field"),
        (json!({"project": "a"}), 200, ""),
    ] {
        let mut body = hello(way.0, way.1);
        body["metadata"] = metadata;
        let reply = gateway.post(way.0.path(), &body).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(code.is_empty() || way.0.code(&reply.json()) == code, "{}", reply.text());
    }
    for (group, told) in [("tag:else", "not counted"), ("tag:project,tag:cost_center", "two tags")] {
        let reply = gateway.get(&format!("/v1/usage?group_by={group}")).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.text().contains(told), "{}", reply.text());
    }
}
