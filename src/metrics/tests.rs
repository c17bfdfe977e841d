//! Counting of records: what is counted where, what stays out of labels, what a count costs.

use super::exposition::{Format, Page};
use super::*;
use gateway_core::audit::{Few, Injection, Named, RequestId, Time};
use gateway_core::ids::TeamId;
use gateway_core::ledger::StoreTime;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn metrics() -> Metrics {
    let teams = ["dev", "ops"].map(|team| TeamId::new(team).unwrap());
    let routes = crate::assembly::routers(
        &crate::config::Config::load(
            &[
                ("OPENAI_API_KEY", "x"),
                ("AZURE_OPENAI_API_KEY", "x"),
                ("AZURE_OPENAI_ENDPOINT", "http://localhost"),
                ("AZURE_OPENAI_DEPLOYMENT", "gpt-4o"),
                ("GATEWAY_DEMO_KEYS", "true"),
            ]
            .into_iter()
            .collect(),
            None,
        )
        .unwrap(),
    );
    let [router, _] = routes.unwrap();
    Metrics::new(Places::new(&teams, router.models().map(|route| &**route)), Duration::from_secs(1))
}

fn named(text: &str) -> Named {
    Named::cleaned(text)
}

fn attempt(provider: &str, outcome: &str, status: Option<u16>, nano: i64) -> Attempt {
    Attempt {
        provider: named(provider),
        model: named("gpt-4o"),
        outcome: named(outcome),
        status,
        ms: 30,
        cost_usd: NanoUsd(nano),
    }
}

fn begun() -> RequestRecord {
    let id = RequestId::parse("01a20c47-1458-701f-bd68-31dfabdfe433").unwrap();
    let record = RequestRecord::begun(id, Time::from_unix_millis(0), named("r"), named("/v1/complete"));
    RequestRecord { team_id: Some(named("ops")), ..record }
}

fn answered() -> RequestRecord {
    RequestRecord {
        outcome: Outcome::Answered,
        provider_used: Some(named("azure_openai")),
        model_used: Some(named("gpt-4o")),
        attempts: Few::from_iter([
            attempt("openai", "timeout", Some(200), 0),
            attempt("azure_openai", "ok", Some(200), 0),
        ]),
        fallback_triggered: true,
        usage: Usage { input: Some(7), cache_read: Some(2), output: Some(3), ..Usage::NONE },
        cost_usd: NanoUsd(45_000),
        latency_ms: 31,
        overhead_us: 400,
        ..begun()
    }
}

/// Samples by name and labels. Buckets are left out.
fn samples(metrics: &Metrics) -> BTreeMap<String, String> {
    let mut page = Page::new(Format::OpenMetrics);
    metrics.write(&mut page);
    let page = page.finish();
    let lines = page.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket{"));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn above_zero(metrics: &Metrics) -> Vec<String> {
    let of_answers = |name: &String| !name.starts_with("gen_ai") && !name.contains("_seconds_");
    let samples = samples(metrics).into_iter().filter(|(name, value)| value != "0" && of_answers(name));
    samples.map(|(name, value)| format!("{name} {value}")).collect()
}

#[test]
fn an_answer_is_counted_where_it_belongs() {
    let metrics = metrics();
    metrics.recorded(&answered().into());
    assert_eq!(
        above_zero(&metrics),
        [
            r#"gateway_attempts_total{provider="azure_openai",model="gpt-4o",outcome="ok"} 1"#,
            r#"gateway_attempts_total{provider="openai",model="gpt-4o",outcome="timeout"} 1"#,
            r#"gateway_cost_usd_total{team="ops",provider="azure_openai",model="gpt-4o"} 0.000045"#,
            r#"gateway_fallbacks_total{team="ops",provider="azure_openai",model="gpt-4o"} 1"#,
            r#"gateway_request_cost_usd_count{provider="azure_openai",model="gpt-4o"} 1"#,
            r#"gateway_request_cost_usd_sum{provider="azure_openai",model="gpt-4o"} 0.000045"#,
            r#"gateway_requests_total{team="ops",provider="azure_openai",model="gpt-4o",outcome="answered"} 1"#,
            r#"gateway_tokens_total{team="ops",provider="azure_openai",model="gpt-4o",type="cache_read"} 2"#,
            r#"gateway_tokens_total{team="ops",provider="azure_openai",model="gpt-4o",type="input"} 7"#,
            r#"gateway_tokens_total{team="ops",provider="azure_openai",model="gpt-4o",type="output"} 3"#,
        ]
    );
    let samples = samples(&metrics);
    let of = |name: &str, labels: &str| samples.get(&format!("{name}{{{labels}}}")).map(String::as_str);
    let azure = r#"gen_ai_operation_name="chat",gen_ai_provider_name="azure.ai.openai",gen_ai_request_model="gpt-4o""#;
    let input = format!(r#"{azure},gen_ai_token_type="input",provider="azure_openai""#);
    assert_eq!(of("gen_ai_client_token_usage_sum", &input), Some("9"), "cached tokens are input too");
    let ok = format!(r#"{azure},provider="azure_openai""#);
    assert_eq!(of("gen_ai_client_operation_duration_seconds_sum", &ok), Some("0.03"));
    let door = r#"endpoint="/v1/complete",stream="false""#;
    assert_eq!(of("gateway_request_duration_seconds_sum", door), Some("0.031"));
    assert_eq!(of("gateway_overhead_seconds_sum", door), Some("0.0004"));
}

#[test]
fn other_ends_and_finds_are_counted_too() {
    let team = |name: &str| Some(named(name));
    let pii = gateway_core::audit::Pii {
        by_type: [(named("EMAIL_ADDRESS"), 2)].into_iter().collect(),
        withheld: 1,
        unscanned: 3,
        ..gateway_core::audit::Pii::default()
    };
    let verdict = Injection { score: 90, verdict: named("block"), reasons: Few::default() };
    let blocked = RequestRecord {
        outcome: Outcome::Denied,
        code: team("content_blocked"),
        injection: Some(verdict),
        pii,
        ..begun()
    };
    let lost = RequestRecord {
        outcome: Outcome::Cancelled,
        cost_usd: NanoUsd(5),
        attempts: Few::from_iter([attempt("openai", "ok", Some(200), 0)]),
        ..begun()
    };
    // Each attempt's own cost where it is told; what is left is the answer's.
    let two = RequestRecord {
        cost_usd: NanoUsd(7),
        attempts: Few::from_iter([
            attempt("openai", "timeout", None, 4),
            attempt("azure_openai", "ok", Some(200), 2),
        ]),
        fallback_triggered: false,
        usage: Usage::NONE,
        ..answered()
    };
    for (case, record, want) in [
        (
            "blocked",
            blocked,
            &[
                r#"gateway_injection_verdicts_total{team="ops",verdict="block"} 1"#,
                r#"gateway_placeholders_withheld_total{team="ops"} 1"#,
                r#"gateway_redactions_total{team="ops",type="EMAIL_ADDRESS"} 2"#,
                r#"gateway_request_errors_total{team="ops",code="content_blocked"} 1"#,
                r#"gateway_requests_total{team="ops",provider="none",model="none",outcome="denied"} 1"#,
                r#"gateway_unscanned_parts_total{team="ops"} 3"#,
            ][..],
        ),
        (
            "left",
            lost,
            &[
                r#"gateway_attempts_total{provider="openai",model="gpt-4o",outcome="ok"} 1"#,
                r#"gateway_cost_usd_total{team="ops",provider="openai",model="gpt-4o"} 0.000000005"#,
                r#"gateway_requests_total{team="ops",provider="none",model="none",outcome="cancelled"} 1"#,
            ],
        ),
        (
            "two attempts with a cost",
            two,
            &[
                r#"gateway_attempts_total{provider="azure_openai",model="gpt-4o",outcome="ok"} 1"#,
                r#"gateway_attempts_total{provider="openai",model="gpt-4o",outcome="timeout"} 1"#,
                r#"gateway_cost_usd_total{team="ops",provider="azure_openai",model="gpt-4o"} 0.000000003"#,
                r#"gateway_cost_usd_total{team="ops",provider="openai",model="gpt-4o"} 0.000000004"#,
                r#"gateway_request_cost_usd_count{provider="azure_openai",model="gpt-4o"} 1"#,
                r#"gateway_request_cost_usd_sum{provider="azure_openai",model="gpt-4o"} 0.000000007"#,
                r#"gateway_requests_total{team="ops",provider="azure_openai",model="gpt-4o",outcome="answered"} 1"#,
            ],
        ),
    ] {
        let metrics = metrics();
        metrics.recorded(&record.into());
        assert_eq!(above_zero(&metrics), want, "{case}");
    }
}

#[test]
fn attempts_that_were_no_calls_have_no_duration() {
    for (outcome, status, called) in [
        ("ok", Some(200), true),
        ("connect_error", None, true),
        ("misconfigured", Some(401), true),
        ("misconfigured", None, false),
        ("breaker_open", None, false),
        ("budget_exceeded", None, false),
        ("cancelled", None, true),
    ] {
        assert_eq!(was_called(&attempt("openai", outcome, status, 0)), called, "{outcome} {status:?}");
    }
}

#[test]
fn alerts_are_counted_by_window_and_threshold() {
    let metrics = metrics();
    let windows = gateway_core::ledger::Windows::at(StoreTime::from_millis(0));
    for percent in [50, 80] {
        let (spent, limit) = (NanoUsd(8), NanoUsd(10));
        metrics.alerted("ops", &Alert { window: Window::Month(windows.month), percent, spent, limit });
    }
    let counted: Vec<_> =
        samples(&metrics).into_iter().filter(|(name, _)| name.starts_with("gateway_budget_alerts")).collect();
    let name =
        |percent| format!(r#"gateway_budget_alerts_total{{team="ops",window="month",percent="{percent}"}}"#);
    assert_eq!(counted, [(name(50), "1".to_owned()), (name(80), "1".to_owned())]);
}

proptest! {
    /// Whatever names records bring, only those of the configuration become labels, and sums hold.
    #[test]
    fn no_foreign_name_becomes_a_label(names in proptest::collection::vec(("[a-z]{1,8}", "[a-z]{1,8}", 0_i64..1_000), 1..20)) {
        let metrics = metrics();
        let mut sum = 0;
        for (team, model, nano) in &names {
            let record = RequestRecord {
                team_id: Some(named(&format!("foreign-{team}"))),
                model_used: Some(named(&format!("foreign-{model}"))),
                endpoint: named(&format!("/foreign/{model}")),
                cost_usd: NanoUsd(*nano),
                ..answered()
            };
            sum += nano;
            metrics.recorded(&record.into());
        }
        let samples = samples(&metrics);
        prop_assert!(!samples.keys().any(|name| name.contains("foreign")));
        let requests = r#"gateway_requests_total{team="other",provider="other",model="other",outcome="answered"}"#;
        prop_assert_eq!(&samples[requests], &names.len().to_string());
        let cost = samples.get(r#"gateway_cost_usd_total{team="other",provider="other",model="other"}"#);
        let want = (sum > 0).then(|| super::exposition::Number::nano(sum).to_string());
        prop_assert_eq!(cost, want.as_ref());
    }
}
