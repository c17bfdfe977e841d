//! What a record costs, and how long a million of them take to check: `cargo bench -p gateway-actors --bench audit`.
//! Writes to `AUDIT_BENCH_DIR`, else to the system's temporary folder; a figure is that folder's disk's.
#![expect(clippy::print_stdout, reason = "its output is the figures")]
#![allow(clippy::unwrap_used, reason = "a bench stops at the first thing that is wrong")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use gateway_actors::audit::disk::RealDisk;
use gateway_actors::audit::sinks::{SinkKind, SinkSettings};
use gateway_actors::audit::{
    Audit, Format, OnFailure, Query, Retention, Settings, Span, SyncMode, export, verify,
};
use gateway_actors::provider::install_crypto;
use gateway_core::audit::{
    Attempt, HeadFile, Named, Outcome, Record, RequestId, RequestRecord, SigningKey, Time,
};
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::money::NanoUsd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const MILLION: u64 = 1_000_000;
const KEY: &[u8] = b"the-key-of-the-bench";

struct Real;

impl Clock for Real {
    #[expect(clippy::disallowed_methods, reason = "a bench has no assembly to get the time from")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "a bench has no assembly to get the time from")]
    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }
}

impl Dice for Real {
    fn roll(&self) -> u64 {
        7
    }
}

fn settings(folder: &Path, sync: SyncMode) -> Settings {
    Settings {
        folder: folder.join("audit"),
        head: folder.join("audit-head"),
        replica: Named::cleaned("bench"),
        sync,
        on_failure: OnFailure::Deny,
        key: Some(SigningKey::new(KEY)),
        segment_bytes: 64 << 20,
        retention: Retention::default(),
        most_queued: 100_000,
        patience: Duration::from_secs(60),
        sinks: Vec::new(),
        replicas: None,
    }
}

/// As a usual request's: one attempt, some personal data.
fn record(n: u64) -> Record {
    let name = Named::cleaned;
    let id = RequestId::parse(&format!("01a20c47-0000-7000-8000-{n:012x}")).unwrap();
    let mut record =
        RequestRecord::begun(id, Time::from(Real.unix()), name("ed864d8c"), name("/v1/chat/completions"));
    record.team_id = Some(name("finance-team"));
    record.key_id = Some(name("07c801c42155"));
    record.model_requested = Some(name("gpt-4o"));
    record.provider_used = Some(name("openai"));
    record.model_used = Some(name("gpt-4o"));
    let attempt = Attempt {
        provider: name("openai"),
        model: name("gpt-4o"),
        outcome: name("ok"),
        status: Some(200),
        ms: 812,
        cost_usd: NanoUsd(480_000),
    };
    record.attempts.push(attempt);
    record.outcome = Outcome::Answered;
    record.status = 200;
    record.usage.input = Some(120);
    record.usage.output = Some(18);
    record.cost_usd = NanoUsd(480_000);
    record.pii.by_type.insert(name("EMAIL_ADDRESS"), 2);
    record.latency_ms = 815;
    record.overhead_us = 388;
    record.into()
}

fn main() {
    let base = std::env::var_os("AUDIT_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let base = base.join(format!("gateway-audit-bench-{}", std::process::id()));
    actix::System::new().block_on(async {
        for (word, sync) in [("interval", SyncMode::Interval), ("always", SyncMode::Always)] {
            let folder = base.join(word);
            std::fs::create_dir_all(&folder).unwrap();
            let audit = start(&folder, sync);
            one_by_one(&audit, word).await;
            for together in [16, 256] {
                many(&audit, word, together, Duration::from_secs(3)).await;
            }
            audit.drain(Duration::from_secs(60)).await.unwrap();
        }
        let folder = base.join("million");
        std::fs::create_dir_all(&folder).unwrap();
        let audit = start(&folder, SyncMode::Interval);
        fill(&audit).await;
        let began = Real.now();
        let page = audit.recent(Query { limit: 50, ..Query::default() }).await.unwrap();
        println!("the 50 newest: {:.2} ms", began.elapsed().as_secs_f64() * 1e3);
        assert_eq!(page.entries.len(), 50);
        audit.drain(Duration::from_secs(60)).await.unwrap();
        check(&folder);
        let folder = base.join("outage");
        std::fs::create_dir_all(&folder).unwrap();
        outage(&folder).await;
    });
    std::fs::remove_dir_all(&base).unwrap();
}

fn start(folder: &Path, sync: SyncMode) -> Audit {
    Audit::start(settings(folder, sync), Arc::new(RealDisk), Arc::new(Real), Arc::new(Real)).unwrap()
}

/// What a request waits for where no other is recorded.
async fn one_by_one(audit: &Audit, word: &str) {
    let mut times = Vec::new();
    for n in 0..2_000 {
        let began = Real.now();
        audit.record(record(n)).await.unwrap();
        times.push(began.elapsed());
        // As requests come, not back to back: each wakes the writer.
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_micros();
    println!("{word}, one by one: p50 {} µs, p95 {} µs, p99 {} µs", at(0.5), at(0.95), at(0.99));
}

/// So many writers, each with its next record as soon as the last one is acknowledged.
async fn many(audit: &Audit, word: &str, together: u64, time: Duration) {
    let count = Arc::new(AtomicU64::new(0));
    let began = Real.now();
    let writers: Vec<_> = (0..together)
        .map(|_| {
            let (audit, count) = (audit.clone(), count.clone());
            spawn(async move {
                while began.elapsed() < time {
                    let n = count.fetch_add(1, Ordering::Relaxed);
                    audit.record(record(n)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let rate = count.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    println!("{word}, {together} at a time: {rate:.0} records/s");
}

async fn fill(audit: &Audit) {
    let next = Arc::new(AtomicU64::new(0));
    let began = Real.now();
    let writers: Vec<_> = (0..1_000)
        .map(|_| {
            let (audit, next) = (audit.clone(), next.clone());
            spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= MILLION {
                        return;
                    }
                    audit.record(record(n)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let status = audit.status();
    println!(
        "1,000,000 records written in {:.1} s: {} MiB in {} segments",
        began.elapsed().as_secs_f64(),
        status.bytes >> 20,
        status.segments
    );
}

fn check(folder: &Path) {
    let key = SigningKey::new(KEY);
    let head = std::fs::read(folder.join("audit-head")).unwrap();
    let head = HeadFile::decode(&head, Some(&key)).unwrap();
    let began = Real.now();
    let report = verify(&folder.join("audit"), Some(&key), Some(head)).unwrap();
    println!("{} records verified in {:.2} s", report.records, began.elapsed().as_secs_f64());
    assert_eq!((report.records, report.wrong), (MILLION, 0));
    let began = Real.now();
    let mut lines = std::io::sink();
    export(&folder.join("audit"), Span::default(), Format::Csv, &mut lines).unwrap();
    println!("and exported in {:.2} s", began.elapsed().as_secs_f64());
}

/// A million records while the SIEM is away, then it is back.
async fn outage(folder: &Path) {
    install_crypto();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let sink = SinkSettings::new(Named::cleaned("siem"), SinkKind::Webhook, url);
    let settings = Settings { sinks: vec![sink], ..settings(folder, SyncMode::Interval) };
    let audit = Audit::start(settings, Arc::new(RealDisk), Arc::new(Real), Arc::new(Real)).unwrap();
    // Once warm: threads, buffers and the allocator's own.
    many(&audit, "a sink is away", 256, Duration::from_secs(1)).await;
    let before = resident_kib();
    fill(&audit).await;
    println!("memory over a million records of outage: {} KiB more", resident_kib() - before);
    let server = spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            spawn(take_all(stream));
        }
    });
    let began = Real.now();
    let lag = audit.status().sinks[0].lag;
    while audit.status().sinks[0].lag > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rate = lag as f64 / began.elapsed().as_secs_f64();
    println!("drained: {rate:.0} records/s, {} KiB more", resident_kib() - before);
    server.abort();
    audit.drain(Duration::from_secs(60)).await.unwrap();
}

/// A SIEM that takes whatever comes.
async fn take_all(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let length = head.and_then(|end| {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let (_, rest) = head.split_once("content-length: ")?;
            Some(end + 4 + rest.split("\r\n").next()?.parse::<usize>().ok()?)
        });
        if length.is_some_and(|length| bytes.len() >= length) {
            bytes.clear();
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                return;
            }
        }
        if !matches!(stream.read_buf(&mut bytes).await, Ok(read) if read > 0) {
            return;
        }
    }
}

/// `VmRSS` of this process (proc(5)).
fn resident_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn spawn(work: impl Future<Output = ()> + 'static) -> tokio::task::JoinHandle<()> {
    #[expect(clippy::disallowed_methods, reason = "awaited by its caller")]
    actix::spawn(work)
}
