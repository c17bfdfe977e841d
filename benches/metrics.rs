//! What metrics cost: counting one audit record, alone and with threads that count at the same time, and writing
//! the page once many teams and models were seen. `cargo bench -p ai-gateway --bench metrics`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement: its report is its output, its clock is real"
)]

use ai_gateway::assembly;
use ai_gateway::config::Config;
use ai_gateway::metrics::Metrics;
use ai_gateway::metrics::exposition::{Format, Page};
use ai_gateway::metrics::places::Places;
use gateway_actors::audit::Observer;
use gateway_core::audit::{Attempt, Few, Named, Outcome, Record, RequestId, RequestRecord, Time};
use gateway_core::ids::TeamId;
use gateway_core::money::NanoUsd;
use gateway_core::usage::Usage;
use std::hint::black_box;
use std::time::{Duration, Instant};

const TEAMS: usize = 50;
const RECORDS: u32 = 2_000_000;

fn main() {
    let keys = ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"].map(|name| (name, "x"));
    let environment = keys.into_iter().chain([("GATEWAY_DEMO_KEYS", "true")]).collect();
    let [router, _] = assembly::routers(&Config::load(&environment, None).unwrap()).unwrap();
    let teams: Vec<TeamId> = (0..TEAMS).map(|n| TeamId::new(&format!("team-{n}")).unwrap()).collect();
    let places = Places::new(&teams, router.models().map(|route| &**route));
    let metrics = Metrics::new(places);
    let routes: Vec<(String, String)> = router
        .models()
        .step_by(3)
        .take(20)
        .map(|route| (route.upstream.to_string(), route.model.to_string()))
        .collect();
    let record = |team: &TeamId, (provider, model): &(String, String)| answered(team, provider, model);
    for threads in [1, 2, 4] {
        let took = counted(&metrics, &record(&teams[0], &routes[0]), threads);
        println!(
            "a record, {threads} at a time: {} ns of a thread's time",
            took.as_nanos() / u128::from(RECORDS)
        );
    }
    for team in &teams {
        routes.iter().for_each(|route| metrics.recorded(&record(team, route)));
    }
    let began = Instant::now();
    let mut page = Page::new(Format::OpenMetrics);
    metrics.write(&mut page);
    let page = page.finish();
    let (lines, kib, ms) = (page.lines().count(), page.len() >> 10, began.elapsed().as_millis());
    println!("a page of {TEAMS} teams and {} models: {lines} lines, {kib} KiB, {ms} ms", routes.len());
}

fn answered(team: &TeamId, provider: &str, model: &str) -> Record {
    let id = RequestId::parse("01a20c47-1458-701f-bd68-31dfabdfe433").unwrap();
    let endpoint = Named::cleaned("/v1/chat/completions");
    let begun = RequestRecord::begun(id, Time::from_unix_millis(0), Named::cleaned("r"), endpoint);
    let attempt = Attempt {
        provider: Named::cleaned(provider),
        model: Named::cleaned(model),
        outcome: Named::cleaned("ok"),
        status: Some(200),
        ms: 800,
        cost_usd: NanoUsd::ZERO,
    };
    let record = RequestRecord {
        team_id: Some(Named::from(team)),
        provider_used: Some(Named::cleaned(provider)),
        model_used: Some(Named::cleaned(model)),
        attempts: Few::from_iter([attempt]),
        outcome: Outcome::Answered,
        usage: Usage { input: Some(120), output: Some(300), ..Usage::NONE },
        cost_usd: NanoUsd(3_300_000),
        latency_ms: 800,
        overhead_us: 60,
        ..begun
    };
    record.into()
}

/// Time that this thread was on a processor, as Linux tells it (proc(5)): others that want one do not count.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// How long one thread took for all of its records, on the average.
fn counted(metrics: &Metrics, record: &Record, threads: u32) -> Duration {
    let count = || {
        let began = on_processor();
        for _ in 0..RECORDS {
            metrics.recorded(black_box(record));
        }
        on_processor() - began
    };
    let took: Duration = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    took / threads
}
