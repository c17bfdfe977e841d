//! What a budget costs: admit and settle of one request through the actor, for each store, with one and
//! with 64 requests in flight, beside a bare Redis round trip in the same run. Starts a `redis-server`
//! of its own. `cargo bench -p gateway-actors --bench budget`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a measurement: its report is its output, its clock is real"
)]

use std::cell::RefCell;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use actix::{Arbiter, System};
use futures_util::future::join_all;
use gateway_actors::budget::embedded::{EmbeddedLedger, Sync};
use gateway_actors::budget::{Admitted, Budget, Neighbours, Outage, Unclosed};
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::{KeyId, ModelName, TeamId, UpstreamName};
use gateway_core::ledger::{
    Admit, Alert, Counter, Interrupted, Ledger, Limit, Limits, Pending, Rates, ReservationId, Route, Settle,
    Tally,
};
use gateway_core::money::NanoUsd;
use gateway_redis::{RedisLedger, Settings, Target};

const WARM: Duration = Duration::from_millis(500);
const MEASURE: Duration = Duration::from_secs(4);

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix(&self) -> Duration {
        SystemTime::UNIX_EPOCH.elapsed().unwrap()
    }
}

struct NoDice;

impl Dice for NoDice {
    fn roll(&self) -> u64 {
        0
    }
}

struct House;

impl Neighbours for House {
    fn limits(&self, _: &TeamId) -> Limits {
        limits()
    }

    fn key_rates(&self, _: &TeamId) -> Rates {
        limits().rates
    }

    fn alert(&self, _: &TeamId, _: &Alert) {}

    fn interrupted<'a>(&'a self, _: &'a TeamId, gone: &'a [Interrupted]) -> Pending<'a, Vec<ReservationId>> {
        Box::pin(async move { gone.iter().map(|gone| gone.id).collect() })
    }

    fn unclosed<'a>(&'a self, _: &'a Unclosed) -> Pending<'a, std::io::Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn rewind(&self, _: Duration) {}
}

/// Every rule is at work, and none refuses.
fn limits() -> Limits {
    let most = Limit::AtMost(NanoUsd(8_000_000_000_000_000));
    let rate = Limit::AtMost(100_000_000);
    let rates = Rates { requests_per_minute: rate, tokens_per_minute: rate, max_parallel: rate };
    Limits { daily: most, monthly: most, rates }
}

fn team() -> TeamId {
    TeamId::new("bench").unwrap()
}

fn route() -> Route {
    Route { provider: UpstreamName::new("openai").unwrap(), model: ModelName::new("gpt-4o") }
}

async fn request(budget: &Budget) {
    let id = ReservationId::new(uuid::Uuid::now_v7()).unwrap();
    let admit = Admit {
        id,
        team: team(),
        key: KeyId::new("0123456789ab"),
        bound: NanoUsd(9_000_000),
        tokens: 10,
        least: None,
        limits: limits(),
        key_rates: Rates::UNLIMITED,
        route: route(),
        tags: Vec::new(),
    };
    let admitted = budget.admit(admit).await;
    let Ok(Admitted::Granted { hold, .. }) = admitted else { panic!("{admitted:?}") };
    let tally = Tally::default()
        .with(Counter::Requests, 1)
        .with(Counter::InputTokens, 500)
        .with(Counter::OutputTokens, 100)
        .with(Counter::Cost, 1_234_567)
        .with(Counter::latency(Duration::from_millis(800)), 1);
    let settle = Settle {
        id,
        team: team(),
        key: KeyId::new("0123456789ab"),
        cost: NanoUsd(1_234_567),
        tokens: 5,
        unreserved: false,
        limits: limits(),
        key_rates: Rates::UNLIMITED,
        usage: vec![(route(), tally)],
        tags: Vec::new(),
    };
    budget.settle(settle).await.unwrap();
    drop(hold);
}

struct Figures {
    wall: f64,
    p50: f64,
    p99: f64,
    cpu: f64,
    redis_cpu: f64,
}

/// Loops `work` in so many tasks at once; µs per turn.
async fn measure<F: Future<Output = ()>>(
    in_flight: usize,
    redis: Option<u32>,
    work: impl Fn() -> F,
) -> Figures {
    let turns = Rc::new(RefCell::new(Vec::new()));
    let run = async |time: Duration| {
        turns.borrow_mut().clear();
        let end = Instant::now() + time;
        let loops = (0..in_flight).map(|_| async {
            while Instant::now() < end {
                let began = Instant::now();
                work().await;
                turns.borrow_mut().push(began.elapsed());
            }
        });
        join_all(loops).await;
    };
    run(WARM).await;
    let (began, own, other) = (Instant::now(), cpu(std::process::id()), redis.map(cpu));
    run(MEASURE).await;
    let (wall, own) = (began.elapsed(), cpu(std::process::id()) - own);
    let other = redis.map(cpu).zip(other).map_or(0.0, |(after, before)| after - before);
    let mut turns = turns.borrow_mut();
    turns.sort();
    let (count, micros) = (turns.len() as f64, 1e6);
    let at = |part: usize| turns[(turns.len() - 1) * part / 100].as_secs_f64() * micros;
    Figures {
        wall: wall.as_secs_f64() * micros / count,
        p50: at(50),
        p99: at(99),
        cpu: own * micros / count,
        redis_cpu: other * micros / count,
    }
}

/// Seconds of user and system time.
fn cpu(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

fn print(case: &str, in_flight: usize, figures: &Figures) {
    println!(
        "| {case} | {in_flight} | {:.1} | {:.0} | {:.0} | {:.1} | {:.1} |",
        figures.wall, figures.p50, figures.p99, figures.cpu, figures.redis_cpu
    );
}

fn budget(ledger: Arc<dyn Ledger>, control: &Arbiter) -> Budget {
    Budget::start(
        ledger,
        Arc::new(House),
        Outage::Deny(None),
        &control.handle(),
        Arc::new(WallClock),
        Arc::new(NoDice),
    )
}

struct Redis {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Redis {
    fn start() -> Redis {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = folder();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "yes",
                "--dir",
            ])
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Redis { child, folder, port }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("gateway-bench-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&folder).unwrap();
    folder
}

fn main() {
    System::new().block_on(async {
        println!("| case | in flight | µs a turn | p50 µs | p99 µs | our CPU µs | Redis's CPU µs |");
        println!("|---|---|---|---|---|---|---|");
        let redis = Redis::start();
        let url = format!("redis://127.0.0.1:{}", redis.port);
        let process = redis.child.id();
        let bare =
            redis::Client::open(url.as_str()).unwrap().get_multiplexed_async_connection().await.unwrap();
        for in_flight in [1, 64] {
            let ping = || {
                let mut bare = bare.clone();
                async move { redis::cmd("PING").query_async::<()>(&mut bare).await.unwrap() }
            };
            print("a bare round trip (PING)", in_flight, &measure(in_flight, Some(process), ping).await);
        }
        let control = Arbiter::new();
        let settings = Settings { target: Target::parse(&url).unwrap(), wait_replicas: 0 };
        let shared = budget(Arc::new(RedisLedger::new(settings, Arc::new(WallClock))), &control);
        for in_flight in [1, 64] {
            let figures = measure(in_flight, Some(process), || request(&shared)).await;
            print("admit + settle, Redis", in_flight, &figures);
        }
        for (case, sync) in
            [("admit + settle, embedded", Sync::Normal), ("admit + settle, embedded, sync=full", Sync::Full)]
        {
            let place = folder();
            let ledger = EmbeddedLedger::open(&place, sync, Arc::new(WallClock)).unwrap();
            let local = budget(Arc::new(ledger), &control);
            for in_flight in [1, 64] {
                print(case, in_flight, &measure(in_flight, None, || request(&local)).await);
            }
            local.drain(Duration::from_secs(1)).await.unwrap();
            drop(local);
            std::fs::remove_dir_all(&place).ok();
        }
        control.stop();
    });
}
