//! The suites of ledger and keys against what one server is not: a Cluster of three nodes, and a master with a
//! replica behind three Sentinels that fails over in the middle. Starts and stops all of them by itself;
//! needs `redis-server` and `redis-cli`.
//!
//! `cargo run -p gateway-redis --features suite --example topologies`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test of its own, with a report and a real clock"
)]

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use gateway_core::clock::Clock;
use gateway_core::ids::{KeyId, ModelName, TeamId, UpstreamName};
use gateway_core::keys::suite::holds;
use gateway_core::ledger::suite::{Subject, conform, history, replay};
use gateway_core::ledger::{
    Admission, Admit, Announce, Answer, Found, Granted, Ledger, Limit, Limits, Op, Rates, ReservationId,
    Route, Settle, StoreTime,
};
use gateway_core::money::NanoUsd;
use gateway_redis::{RedisKeys, RedisLedger, Settings, Target};

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix(&self) -> Duration {
        SystemTime::UNIX_EPOCH.elapsed().unwrap()
    }
}

/// A ledger whose time the suite sets.
struct Timed {
    ledger: RedisLedger,
    now: Arc<AtomicU64>,
}

impl Timed {
    fn new(url: &str) -> Timed {
        let now = Arc::new(AtomicU64::new(0));
        let read = now.clone();
        let time = Box::new(move || read.load(Ordering::SeqCst).to_string());
        Timed { ledger: RedisLedger::with_time(settings(url), Arc::new(WallClock), time), now }
    }
}

impl Subject for Timed {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn set_time(&self, now: StoreTime) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

fn settings(url: &str) -> Settings {
    Settings { target: Target::parse(url).unwrap(), wait_replicas: 0 }
}

/// A process of ours, gone with its handle.
struct Server {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Server {
    fn start(arguments: &[String]) -> Server {
        Server::start_with(arguments, None)
    }

    fn start_with(arguments: &[String], config: Option<&str>) -> Server {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("gateway-topology-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let mut command = Command::new("redis-server");
        if let Some(config) = config {
            let file = folder.join("redis.conf");
            std::fs::write(&file, config).unwrap();
            command.arg(file);
        }
        command
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"])
            .arg(&folder)
            .args(arguments);
        let child = command.stdout(Stdio::null()).spawn().expect("redis-server is installed");
        let server = Server { child, folder, port };
        eventually("a server answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        server
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn cli(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// Below 50,000: a Cluster's bus listens 10,000 above.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + u16::try_from(uuid::Uuid::new_v4().as_u128() % 30_000).unwrap();
        let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "in 30 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    cluster().await;
    sentinel().await;
}

async fn suite(name: &str, url: &str) {
    let timed = Timed::new(url);
    let cases = conform(&timed).await.unwrap();
    let mut steps = 0;
    for round in 0..40u32 {
        let seeds: Vec<u16> =
            (0..13).flat_map(|_| uuid::Uuid::new_v4().into_bytes()).map(|b| u16::from(b) * 257).collect();
        let history = history(&format!("h{round}"), &seeds).unwrap();
        steps += history.len();
        replay(&timed, &history).await.unwrap();
    }
    println!("{name}: {cases} cases conform; {steps} answers of 40 histories are the rule's");
    let keys = || RedisKeys::new(Target::parse(url).unwrap());
    holds(&keys(), &keys()).await.unwrap();
    println!("{name}: a key that one replica makes or revokes is made or revoked for another");
}

async fn cluster() {
    let arguments = words(&["--cluster-enabled", "yes", "--appendonly", "yes", "--save", ""]);
    let nodes: Vec<Server> = (0..3).map(|_| Server::start(&arguments)).collect();
    let addresses: Vec<String> = nodes.iter().map(Server::address).collect();
    let made = Command::new("redis-cli")
        .args(["--cluster", "create"])
        .args(&addresses)
        .arg("--cluster-yes")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
    eventually("the cluster is whole", || {
        nodes.iter().all(|node| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
    });
    let url = format!("redis+cluster://{}", addresses.join(","));
    suite("Cluster, three nodes", &url).await;
    let ledger = RedisLedger::new(settings(&url), Arc::new(WallClock));
    assert_eq!(ledger.health().await.unwrap().warnings, []);
    let spread = nodes.iter().filter(|node| node.cli(&["DBSIZE"]).trim() != "0").count();
    println!("Cluster: teams live on {spread} of 3 nodes");
}

async fn sentinel() {
    let aof = words(&["--appendonly", "yes", "--save", ""]);
    let mut main = Server::start(&aof);
    let replica =
        Server::start(&[&aof[..], &words(&["--replicaof", "127.0.0.1", &main.port.to_string()])].concat());
    eventually("the replica follows", || {
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
    });
    let config = format!(
        "sentinel monitor main 127.0.0.1 {} 2\nsentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n",
        main.port
    );
    let sentinels: Vec<Server> =
        (0..3).map(|_| Server::start_with(&words(&["--sentinel"]), Some(&config))).collect();
    eventually("the Sentinels know each other", || {
        sentinels.iter().all(|sentinel| {
            let info = sentinel.cli(&["INFO", "sentinel"]);
            info.contains("slaves=1") && info.contains("sentinels=3")
        })
    });
    let addresses: Vec<String> = sentinels.iter().map(Server::address).collect();
    let url = format!("redis+sentinel://{}/main", addresses.join(","));
    suite("Sentinel, master and replica", &url).await;
    fail_over(&url, &mut main).await;
}

const REQUESTS: usize = 400;
/// Settles that the master acknowledges after its replica was cut off from it.
const UNREPLICATED: usize = 30;
const COST: i64 = 7;

fn limits() -> Limits {
    let most = Limit::AtMost(NanoUsd(1_000_000));
    Limits { daily: most, monthly: most, rates: Rates::UNLIMITED }
}

fn team() -> TeamId {
    TeamId::new("failover").unwrap()
}

fn route() -> Route {
    Route { provider: UpstreamName::new("openai").unwrap(), model: ModelName::new("m") }
}

fn admit(id: ReservationId) -> Op {
    Op::Admit(Admit {
        id,
        team: team(),
        key: KeyId::new("k"),
        bound: NanoUsd(10),
        tokens: 0,
        least: None,
        limits: limits(),
        key_rates: Rates::UNLIMITED,
        route: route(),
        tags: Vec::new(),
    })
}

fn settle(id: ReservationId) -> Op {
    Op::Settle(Settle {
        id,
        team: team(),
        key: KeyId::new("k"),
        cost: NanoUsd(COST),
        tokens: 0,
        unreserved: false,
        limits: limits(),
        key_rates: Rates::UNLIMITED,
        usage: Vec::new(),
        tags: Vec::new(),
    })
}

/// Asks until there is an answer, as the cursor does; how long that took.
async fn insist(ledger: &RedisLedger, op: Op) -> (Answer, Duration) {
    let began = Instant::now();
    loop {
        if let Some(Ok(answer)) = ledger.ask(vec![op.clone()]).await.pop() {
            return (answer, began.elapsed());
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no answer in 30 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The replica's connection is broken, and it can't make another.
fn cut_off(main: &Server) {
    main.cli(&["CONFIG", "SET", "requirepass", "nobody-knows-it"]);
    let killed =
        main.cli(&["-a", "nobody-knows-it", "--no-auth-warning", "CLIENT", "KILL", "TYPE", "replica"]);
    assert_eq!(killed.trim(), "1", "its replica's connection");
}

/// Half of the requests are settled, the last of them unknown to the replica, when the master dies; the others are in
/// flight.
async fn fail_over(url: &str, main: &mut Server) {
    let ledger = RedisLedger::new(settings(url), Arc::new(WallClock));
    let term = ledger.health().await.unwrap().term;
    let mut open = Vec::new();
    for _ in 0..REQUESTS {
        let id = ReservationId::new(uuid::Uuid::now_v7()).unwrap();
        match insist(&ledger, admit(id)).await.0 {
            Answer::Admit(Admission::Granted(Granted { granted_at, .. })) => open.push((id, granted_at)),
            other => panic!("{other:?}"),
        }
    }
    let (settled, in_flight) = open.split_at(REQUESTS / 2);
    let mut longest = Duration::ZERO;
    for (place, (id, _)) in settled.iter().enumerate() {
        if place + UNREPLICATED == settled.len() / 2 {
            cut_off(main);
        }
        if place == settled.len() / 2 {
            main.kill();
        }
        longest = longest.max(insist(&ledger, settle(*id)).await.1);
    }
    assert_ne!(ledger.health().await.unwrap().term, term, "the change of role is noticed");
    for (id, granted_at) in in_flight {
        let announce = Announce {
            id: *id,
            team: team(),
            key: KeyId::new("k"),
            total: NanoUsd(10),
            tokens: 0,
            granted_at: *granted_at,
            route: route(),
        };
        insist(&ledger, Op::Announce(announce)).await;
    }
    let mut lost = 0;
    for (id, _) in settled {
        if let (Answer::Settle(said), _) = insist(&ledger, settle(*id)).await {
            lost += usize::from(said.found != Found::Closed);
        }
    }
    assert_eq!(lost, UNREPLICATED, "no more than what the replica never had");
    for (id, _) in in_flight {
        insist(&ledger, settle(*id)).await;
    }
    let status = insist(&ledger, Op::Status { team: team(), limits: limits(), key: None }).await.0;
    let Answer::Status(status) = status else { panic!("{status:?}") };
    let bill = COST * i64::try_from(REQUESTS).unwrap();
    println!(
        "Sentinel, fail-over: no answer for {} ms; {lost} of {} acknowledged settles were lost and settled again; \
         spent {} for a bill of {bill}, reserved {}",
        longest.as_millis(),
        settled.len(),
        status.day.spent.0,
        status.day.reserved.0
    );
    assert_eq!((status.day.spent.0, status.day.reserved.0, status.parallel), (bill, 0, 0));
}
