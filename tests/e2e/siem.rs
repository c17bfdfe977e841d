//! The trail on its way to the company's SIEM, through the whole gateway: all of it arrives, whatever dies or is
//! away meanwhile, and nothing that was said is in it.

use crate::audit::State;
use crate::client::{Delivery, Dialect, Reading, Reply, WAYS, http};
use crate::gateway::{Gateway, Setup, TEAM_KEY, eventually, within};
use gateway_simulator::{Failure, Point, Rule, Running, Siem, SiemFault, Simulator, SimulatorOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Those that take a record in a batch, by the names that the fake SIEM has for them.
const KINDS: [&str; 4] = ["splunk_hec", "elastic", "datadog", "webhook"];

fn a_siem() -> Running {
    Simulator::start(SimulatorOptions::default()).expect("a simulator")
}

/// One sink of each kind.
fn delivering(setup: Setup, siem: &Running) -> Setup {
    let url = siem.url();
    let file = format!(
        "[[sinks]]\nkind = \"splunk_hec\"\nurl = \"{url}\"\ntoken = \"env:SIEM_KEY\"\n\
         [[sinks]]\nkind = \"elastic\"\nurl = \"{url}\"\ntoken = \"env:SIEM_KEY\"\n\
         [[sinks]]\nkind = \"datadog\"\nurl = \"{url}\"\ntoken = \"env:SIEM_KEY\"\n"
    );
    setup
        .env("SIEM_KEY", "the-key-of-the-siem-1")
        .env("SIEM_WEBHOOK_URL", format!("{url}/hook"))
        .file("gateway.toml", &file)
}

fn id(record: &Value) -> String {
    record["request_id"].as_str().unwrap_or_else(|| panic!("no id in {record}")).to_owned()
}

/// The ids of all records in the trail, each of which stands there once.
fn in_the_trail(state: &State) -> BTreeSet<String> {
    let exported = state.audit(&["export"]).out;
    let ids: Vec<String> =
        exported.lines().map(|line| id(&serde_json::from_str(line).expect("a record"))).collect();
    let distinct: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), distinct.len(), "a record stands there twice");
    distinct
}

/// The ids of what one kind of sink has taken.
fn taken(siem: &Siem, kind: &str) -> BTreeSet<String> {
    siem.taken().iter().filter(|taken| taken.sink == kind).map(|taken| id(&taken.record)).collect()
}

async fn until_delivered(siem: &Siem, want: &BTreeSet<String>, patience: Duration) {
    // Cheaper to ask than what came; repeats may let it be true too early.
    let counted = want.len() as u64 * KINDS.len() as u64;
    within(patience, async || siem.stats().records >= counted).await;
    for kind in KINDS {
        let all = within(patience, async || taken(siem, kind).is_superset(want)).await;
        let found = taken(siem, kind);
        assert!(all, "{kind}: {} of {} have come", found.intersection(want).count(), want.len());
        assert_eq!(found.difference(want).count(), 0, "{kind}: records that are in no trail");
    }
    let documents: BTreeSet<String> = siem.documents().into_keys().collect();
    assert_eq!(&documents, want, "by id, each exactly once");
}

#[tokio::test]
async fn each_record_reaches_every_sink_though_the_process_is_killed() {
    let state = State::new();
    let siem = a_siem();
    let mut answered = BTreeSet::new();
    for round in 0..20 {
        let gateway = delivering(state.setup(), &siem).start().await;
        let client = http();
        let mut running = tokio::task::JoinSet::new();
        for number in 0..16 {
            let (dialect, delivery) = WAYS[number % WAYS.len()];
            let request = client.post(gateway.url(dialect.path())).header("x-api-key", TEAM_KEY);
            let request = request.json(&dialect.ask("gpt-4o", "say: hello", delivery));
            running.spawn(async move {
                let response = request.send().await.ok()?;
                let id = response.headers().get("x-request-id")?.to_str().ok()?.to_owned();
                let body = response.bytes().await.ok()?;
                // A stream's end mark is its last byte.
                (delivery == Delivery::Json || body.ends_with(b"\n\n")).then_some(id)
            });
        }
        // Killed in the middle: after some answers, another number each time.
        let mut left = 1 + round % 12;
        while left > 0
            && let Some(done) = running.join_next().await
        {
            answered.extend(done.expect("no panic"));
            left -= 1;
        }
        if round % 4 == 3 {
            // Sometimes in the middle of a batch too, or after one that was not acknowledged.
            eventually("a batch", async || siem.siem().stats().batches > 0).await;
        }
        drop(gateway);
        while let Some(done) = running.join_next().await {
            answered.extend(done.expect("no panic"));
        }
    }
    let gateway = delivering(state.setup(), &siem).start().await;
    let all = in_the_trail(&state);
    assert!(answered.len() >= 20, "{}", answered.len());
    let lost: Vec<&String> = answered.difference(&all).collect();
    assert!(lost.is_empty(), "answered, and not in the trail: {lost:?}");
    until_delivered(&siem.siem(), &all, Duration::from_secs(60)).await;
    assert!(gateway.stop().await.status.success());
    let verified = state.audit(&["verify"]);
    assert!(verified.status.success(), "{}{}", verified.out, verified.err);
}

/// `SIEM_AWAY_S=600` makes it ten minutes (docs/performance.md).
#[expect(clippy::disallowed_methods, reason = "a switch of this test's own")]
fn away() -> Duration {
    let told = std::env::var("SIEM_AWAY_S").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(30))
}

/// Eight requests at a time, twenty times a second at the most. How many were served, and the slowest eight.
async fn load(gateway: &Gateway, time: Duration) -> (u64, Duration) {
    let (began, mut asked_for, mut served, mut longest) = (Instant::now(), 0, 0, Duration::ZERO);
    let mut pace = tokio::time::interval(Duration::from_millis(50));
    while began.elapsed() < time {
        pace.tick().await;
        let asked = (0..8).map(|number| {
            let (dialect, delivery) = WAYS[number % WAYS.len()];
            let body = dialect.ask("gpt-4o", "say: hello", delivery);
            gateway.request(Method::POST, dialect.path()).json(&body)
        });
        let batch = Instant::now();
        let replies = futures_util::future::join_all(asked.map(Reply::of)).await;
        longest = longest.max(batch.elapsed());
        served += replies.iter().filter(|reply| reply.status == 200).count() as u64;
        asked_for += 8;
    }
    // On a machine that is busy with other things the budgets may be late now and then.
    assert!(served * 100 >= asked_for * 95, "{served} of {asked_for}");
    (served, longest)
}

#[tokio::test]
async fn a_siem_that_is_away_holds_nobody_up() {
    let state = State::new();
    let siem = a_siem();
    let setup = state.setup().env("RUST_LOG", "info").env("DEFAULT_TEAM_DAILY_BUDGET_USD", "1000");
    let gateway = delivering(setup, &siem).start().await;
    load(&gateway, Duration::from_secs(2)).await;
    siem.siem().fail(SiemFault::Status { code: 503, retry_after_s: None });
    load(&gateway, Duration::from_secs(5)).await;
    let before = gateway.memory_kib();
    let (served, longest) = load(&gateway, away() - Duration::from_secs(5)).await;
    let grown = gateway.memory_kib().saturating_sub(before);
    // Who waited for a sink would wait until it is back.
    assert!(longest < Duration::from_secs(10), "no request waits for a sink: {longest:?}");
    // What waits is on the disk, not in memory.
    assert!(grown < 16 << 10, "{grown} KiB more after {served} requests");
    siem.siem().mend();
    let back = Instant::now();
    let all = in_the_trail(&state);
    assert!(all.len() as u64 >= served, "{} of {served}", all.len());
    println!(
        "away for {:?} under load: {served} requests, the slowest eight together {longest:?}, {grown} KiB more",
        away()
    );
    // The longest pause between two tries is a minute; then there is what has come together.
    until_delivered(&siem.siem(), &all, Duration::from_secs(90) + away()).await;
    println!("all {} records at each of four sinks {:?} after its return", all.len(), back.elapsed());
    let came = siem.siem().taken();
    for kind in KINDS {
        let seqs = came.iter().filter(|taken| taken.sink == kind).map(|taken| taken.record["seq"].as_u64());
        assert!(seqs.is_sorted(), "{kind}: in order");
    }
    assert!(gateway.stop().await.status.success());
}

/// A mark wherever a caller or a model can put words.
const MARK: &str = "mArKeR";

/// One body for each dialect and delivery, with the mark in every place that its caller fills.
fn marked(dialect: Dialect, delivery: Delivery, tools: bool) -> Value {
    if dialect == Dialect::Anthropic {
        return marked_for_anthropic(delivery, tools);
    }
    let mut body = json!({
        "model": "gpt-4o",
        "stream": delivery == Delivery::Stream,
        "messages": [
            {"role": "system", "content": format!("{MARK} system")},
            {"role": "user", "content": [{"type": "text", "text": format!("{MARK} first")}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": format!("{MARK}-call"), "type": "function",
                 "function": {"name": format!("{MARK}_tool"), "arguments": json!({MARK: MARK}).to_string()}}
            ]},
            {"role": "tool", "tool_call_id": format!("{MARK}-call"), "content": format!("{MARK} result")},
            {"role": "user", "content": said()},
        ],
        "tools": [{"type": "function", "function": {
            "name": format!("{MARK}_tool"), "description": MARK,
            "parameters": {"type": "object", "properties": {
                format!("{MARK}_property"): {"type": "string", "description": MARK, "enum": [MARK]}
            }},
        }}],
        "tool_choice": if tools { "required" } else { "none" },
        format!("{MARK}_field"): MARK,
    });
    if dialect == Dialect::OpenAi {
        body["messages"][1]["name"] = MARK.into();
        body["stop"] = json!([MARK.repeat(3)]);
        body["user"] = MARK.into();
    } else {
        body["metadata"] = json!({MARK: MARK});
        // Its arguments are an object.
        body["messages"][2]["tool_calls"][0]["function"]["arguments"] = json!({MARK: MARK});
    }
    body
}

fn marked_for_anthropic(delivery: Delivery, tools: bool) -> Value {
    let call = format!("{MARK}-call");
    json!({
        "model": "gpt-4o",
        "max_tokens": 4_000,
        "stream": delivery == Delivery::Stream,
        "system": [{"type": "text", "text": format!("{MARK} system")}],
        "messages": [
            {"role": "user", "content": format!("{MARK} first")},
            {"role": "assistant", "content": [
                {"type": "text", "text": format!("{MARK} then")},
                {"type": "tool_use", "id": call, "name": format!("{MARK}_tool"), "input": {MARK: MARK}}
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": call, "content": format!("{MARK} result")},
                {"type": "text", "text": said()},
            ]},
        ],
        "tools": [{"name": format!("{MARK}_tool"), "description": MARK, "input_schema": {
            "type": "object", "properties": {format!("{MARK}_property"): {"type": "string", "enum": [MARK]}},
        }}],
        "tool_choice": {"type": if tools { "any" } else { "none" }},
        "stop_sequences": [MARK.repeat(3)],
        "metadata": {"user_id": MARK},
        format!("{MARK}_field"): MARK,
    })
}

/// What the simulator answers with.
fn said() -> String {
    format!("say: {MARK} answer {MARK}@example.org password={MARK}x1 weather")
}

#[tokio::test]
async fn nothing_that_was_said_leaves_the_request() {
    let state = State::new();
    let siem = a_siem();
    let gateway = delivering(state.setup().env("CIRCUIT_BREAKER_FAILURES", 1_000), &siem).start().await;
    let ask = |dialect: Dialect, body: &Value| {
        let path = format!("{}?{MARK}={MARK}", dialect.path());
        let request = gateway.request(Method::POST, &path).header("user-agent", MARK);
        request
            .header("traceparent", format!("00-{MARK}-{MARK}-01"))
            .header("accept-language", MARK)
            .json(body)
    };
    // Every second record that is a 400 goes into dead letters, where the sink names it.
    siem.siem().fail(SiemFault::RefuseContaining("\"status\":400".to_owned()));
    for (dialect, delivery) in WAYS {
        for tools in [false, true] {
            let reply = Reply::of(ask(dialect, &marked(dialect, delivery, tools))).await;
            assert_eq!(reply.status, 200, "{dialect:?} {delivery:?}: {}", reply.text());
            assert!(reply.text().contains(MARK), "{dialect:?} {delivery:?}: it came back: {}", reply.text());
        }
        let wrong = json!({"model": MARK, MARK: [MARK], "messages": MARK});
        assert_eq!(Reply::of(ask(dialect, &wrong)).await.status, 400);
        let unknown = dialect.ask(MARK, MARK, delivery);
        assert_eq!(Reply::of(ask(dialect, &unknown)).await.status, 404);
    }
    gateway.faults().set(Rule::new(Failure::Cut(Point::AfterContent)));
    let text = format!("say: {}", format!("{MARK} ").repeat(40));
    let cut =
        Reading::open(ask(Dialect::OpenAi, &Dialect::OpenAi.ask("gpt-4o", &text, Delivery::Stream))).await;
    cut.rest().await;
    gateway.faults().reset();
    gateway.faults().set(Rule::status(400));
    let refused = Reply::of(ask(Dialect::Native, &marked(Dialect::Native, Delivery::Stream, false))).await;
    assert_eq!(refused.status, 400);
    let all = in_the_trail(&state);
    assert_eq!(all.len(), WAYS.len() * 4 + 2);
    let refused = WAYS.len() + 1;
    let dead = state.path().join("audit/elastic.dead");
    eventually("dead letters", async || lines(&dead) == refused).await;
    let kept = all.len() - refused;
    eventually("all others", async || KINDS.iter().all(|kind| taken(&siem.siem(), kind).len() == kept)).await;
    assert!(gateway.stop().await.status.success());

    let mut files = Vec::new();
    walk(state.path(), &mut files);
    for kind in ["jsonl", "cursor", "dead"] {
        let found = files.iter().filter(|path| path.extension().is_some_and(|end| end == kind));
        assert!(found.count() > 0, "a {kind}");
    }
    for path in files {
        let bytes = std::fs::read(&path).expect("a file of the state");
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        assert!(!text.contains(&MARK.to_lowercase()), "{} holds what was said", path.display());
    }
    for taken in siem.siem().taken() {
        assert!(!taken.record.to_string().contains(MARK), "{taken:?}");
    }
    for (id, document) in siem.siem().documents() {
        assert!(!document.to_string().contains(MARK), "{id}: {document}");
    }
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}

impl Gateway {
    /// Resident, in KiB.
    fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}
