//! What is made of the metrics: Prometheus's own checker and a real Prometheus take them, each alert fires, and the
//! dashboard asks for what is there.

use crate::client::WAYS;
use crate::gateway::{ADMIN_KEY, Gateway, Scratch, Setup, eventually};
use crate::metrics::traffic;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const MISSING: &str = "is missing: install it (apt-get install prometheus); without it metrics and alert rules \
                       are not checked";

/// A file below `deploy/`.
fn deployed(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(deployed(name)).expect(name)
}

/// Prometheus's own checker.
fn promtool(arguments: &[&str], input: &str) -> Output {
    let started = Command::new("promtool")
        .args(arguments)
        .current_dir(deployed("prometheus"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started.unwrap_or_else(|error| panic!("promtool ({error}) {MISSING}"));
    // It may close its input before it has read all: then it has something to say.
    child.stdin.take().expect("piped").write_all(input.as_bytes()).ok();
    child.wait_with_output().expect("a child can be waited for")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn its_checker_takes_the_metrics() {
    let gateway = Gateway::start().await;
    traffic(&gateway).await;
    let metrics = gateway.as_admin(Method::GET, "/metrics", None).await;
    let checked = promtool(&["check", "metrics"], metrics.text());
    assert!(checked.status.success() && told(&checked).is_empty(), "{}", told(&checked));
}

#[test]
fn its_checker_takes_the_rules_and_each_alert_fires() {
    for arguments in
        [["check", "rules", "ai-gateway.rules.yml"], ["test", "rules", "ai-gateway.rules.test.yml"]]
    {
        let checked = promtool(&arguments, "");
        assert!(checked.status.success(), "{}", told(&checked));
    }
    let names = |text: &str, key: &str| -> BTreeSet<String> {
        let words = text.split_whitespace().zip(text.split_whitespace().skip(1));
        let named = words.filter(|(word, _)| *word == key).map(|(_, name)| name.trim_end_matches(','));
        named.map(str::to_owned).collect()
    };
    let alerts = names(&text("prometheus/ai-gateway.rules.yml"), "alert:");
    assert!(alerts.len() >= 20, "{alerts:?}");
    let tested = names(&text("prometheus/ai-gateway.rules.test.yml"), "alertname:");
    assert_eq!(tested, alerts, "each alert has a test");
}

/// The dashboard's panels that show something.
fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&text("grafana/ai-gateway.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    panels.iter().filter(|panel| panel["type"] != "row").cloned().collect()
}

fn expressions(panel: &Value) -> Vec<String> {
    let targets = panel["targets"].as_array().expect("targets").iter();
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

/// Names of metrics in an expression.
fn names_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |name: &&str| ["gateway_", "gen_ai_", "process_"].iter().any(|begin| name.starts_with(begin));
    // Labels of the semantic conventions begin so too.
    let label = |name: &&str| {
        let labels = ["operation_name", "provider_name", "request_model", "token_type"];
        name.strip_prefix("gen_ai_").is_some_and(|rest| labels.contains(&rest))
    };
    words.filter(ours).filter(|name| !label(name)).map(str::to_owned).collect()
}

#[tokio::test]
async fn dashboard_and_rules_ask_for_metrics_that_are_there() {
    let gateway = Setup::new().env("SIEM_WEBHOOK_URL", "http://127.0.0.1:9/hook").start().await;
    let page = gateway.metrics().await;
    let mut asked = names_in(&text("prometheus/ai-gateway.rules.yml"));
    for panel in panels() {
        let title = &panel["title"];
        for expression in expressions(&panel) {
            let names = names_in(&expression);
            assert!(!names.is_empty(), "{title}");
            asked.extend(names);
        }
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "a unit: {title}");
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 3), "what it shows: {title}");
    }
    let missing: Vec<_> = asked.iter().filter(|name| !page.serves(name)).collect();
    assert!(missing.is_empty(), "not in /metrics: {missing:?}");
}

/// A Prometheus that scrapes a gateway each second, with the rules of `deploy/`.
struct Prometheus {
    child: Child,
    url: String,
    _folder: Scratch,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Prometheus {
    fn start(gateway: &Gateway) -> Prometheus {
        let folder = Scratch::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        // JSON is YAML.
        let settings = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [deployed("prometheus/ai-gateway.rules.yml")],
            "scrape_configs": [{
                "job_name": "ai-gateway",
                "authorization": {"credentials": ADMIN_KEY},
                "static_configs": [{"targets": [gateway.address().to_string()]}],
            }],
        });
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, settings.to_string()).expect("a file in the scratch directory");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus ({error}) {MISSING}"));
        Prometheus { child, url: format!("http://{address}"), _folder: folder }
    }

    async fn api(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), query).ok()?;
        let answer = crate::client::http().get(url).send().await.ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    /// What an expression gives now.
    async fn query(&self, expression: &str) -> Value {
        let answer = self.api("query", &[("query", expression)]).await.expect("it answers");
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].clone()
    }
}

#[tokio::test]
async fn a_real_one_scrapes_and_every_panel_asks_what_it_understands() {
    let gateway = Setup::new().env("SIEM_WEBHOOK_URL", "http://127.0.0.1:9/hook").start().await;
    traffic(&gateway).await;
    let prometheus = Prometheus::start(&gateway);
    let mut target = Value::Null;
    eventually("a scrape", async || {
        let targets = prometheus.api("targets", &[]).await.unwrap_or_default();
        target = targets["data"]["activeTargets"][0].clone();
        target["health"] == "up" || target["health"] == "down"
    })
    .await;
    assert_eq!((&target["health"], &target["lastError"]), (&json!("up"), &json!("")), "{target}");
    let answered = r#"sum(gateway_requests_total{team="engineering-team",outcome="answered"})"#;
    // Each way, and a fallback.
    let expected = (WAYS.len() + 1).to_string();
    eventually("samples", async || prometheus.query(answered).await[0]["value"][1] == expected).await;
    let variables = |expression: &str| {
        let filled = expression.replace("$__rate_interval", "1m");
        ["$instance", "$team", "$provider"].iter().fold(filled, |text, name| text.replace(name, ".*"))
    };
    let mut empty = Vec::new();
    for panel in panels() {
        for expression in expressions(&panel).iter().map(|expression| variables(expression)) {
            // Rates need two samples, so they may be empty still; a balance or a state may not.
            let found = prometheus.query(&expression).await;
            let rated = ["rate(", "increase("].iter().any(|rated| expression.contains(rated));
            if !rated && found.as_array().is_none_or(Vec::is_empty) {
                empty.push(expression);
            }
        }
    }
    // No record was delivered anywhere, and nobody's budget is limited by more than the two windows.
    assert!(empty.is_empty(), "{empty:#?}");
    let rules = prometheus.api("rules", &[]).await.expect("it answers");
    let rules = rules["data"]["groups"][0]["rules"].as_array().expect("rules").clone();
    assert!(rules.len() >= 20 && rules.iter().all(|rule| rule["health"] != "err"), "{rules:#?}");
}
