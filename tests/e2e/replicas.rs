//! Two gateways on one Redis behind one address that gives each connection to the next of them. The suites of
//! money and audit pass as they are; and when one dies in the middle, no answer is without its record and the
//! books hold what was answered.

use crate::budgets::{HELLO, HELLO_BOUND, hello, nano, usd};
use crate::client::{WAYS, header};
use crate::gateway::{Setup, TEAM_KEY, eventually};
use crate::sdk::succeeded;
use crate::shared_budgets::Redis;
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Set: every gateway that a test starts is a pair.
const PAIRS: &str = "E2E_PAIRS";

/// The suites that a pair has to pass, and how many tests they have at least.
const SUITES: [&str; 4] = ["budgets::", "bounds::", "records::", "audit::"];
const LEAST: usize = 17;
/// About one process, its files and its own store.
const OF_ONE: [&str; 9] = [
    // Two of them on a machine of two cores keep Redis from its own.
    "bounds::many_that_are_refused_stall_no_others",
    "shared_budgets::",
    "budgets::what_was_spent_outlives_a_kill",
    "audit::each_deed_is_named_with_its_place",
    "audit::replicas_show_each_other_their_newest_records",
    "audit::a_trail_is_verified_and_a_tampered_one_is_not",
    "audit::one_process_keeps_a_trail",
    "audit::records_are_exported",
    // Starts two of its own.
    "audit::replicas_show_each_other_their_newest_records",
];

#[expect(clippy::disallowed_methods, reason = "how a test run tells the tests that it starts")]
pub fn are_wanted() -> bool {
    std::env::var(PAIRS).is_ok()
}

/// A client that opens a connection for each request, so that each goes to the next replica.
pub fn http() -> reqwest::Client {
    crate::client::http_of(|builder| builder.pool_max_idle_per_host(0))
}

/// What stands around two replicas.
pub struct Pair {
    redis: Redis,
    listener: TcpListener,
    closed: Arc<AtomicBool>,
}

impl Pair {
    pub async fn new() -> Pair {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        // Nothing here kills Redis, so no write has to wait for the disk.
        let redis = Redis::with(&["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]).await;
        Pair { redis, listener, closed: Arc::default() }
    }

    pub fn redis_url(&self) -> String {
        self.redis.url()
    }

    /// Gives each connection to the next of them, or to one that takes it. The address to call.
    pub fn stand_before(&self, replicas: Vec<SocketAddr>) -> SocketAddr {
        let listener = self.listener.try_clone().expect("a second handle");
        let (closed, turn) = (self.closed.clone(), AtomicUsize::new(0));
        std::thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                if closed.load(Ordering::Acquire) {
                    break;
                }
                let first = turn.fetch_add(1, Ordering::Relaxed);
                let mut order = (0..replicas.len()).map(|next| replicas[(first + next) % replicas.len()]);
                // With none of them there the caller is hung up on.
                if let Some(replica) = order.find_map(|address| TcpStream::connect(address).ok()) {
                    join(&caller, &replica).expect("two sockets have handles enough");
                }
            }
        });
        self.address()
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        // Wakes the thread, which then ends.
        TcpStream::connect(self.address()).ok();
    }
}

/// Carries bytes both ways; the end of one side is the other's.
fn join(caller: &TcpStream, replica: &TcpStream) -> io::Result<()> {
    for (from, to) in [(caller, replica), (replica, caller)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        to.set_nodelay(true)?;
        std::thread::spawn(move || {
            // A connection that breaks is an end too.
            io::copy(&mut from, &mut to).ok();
            for side in [to, from] {
                side.shutdown(Shutdown::Both).ok();
            }
        });
    }
    Ok(())
}

#[test]
fn the_suites_of_money_and_audit_pass_behind_one_address() {
    let mut run = Command::new(std::env::current_exe().expect("this test has a file"));
    run.args(SUITES).args(["--test-threads", "2"]).env(PAIRS, "1");
    OF_ONE.iter().for_each(|one| {
        run.args(["--skip", one]);
    });
    let output = run.output().expect("a test can start another");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    succeeded(output, "a suite does not hold for two replicas");
    let passed = told.lines().filter(|line| line.starts_with("test ") && line.ends_with(" ok")).count();
    assert!(passed >= LEAST, "{passed} tests, where {LEAST} were expected:\n{told}");
}

/// What one caller saw: ids of whole answers, and requests that broke off.
type Seen = (BTreeSet<String>, i64);

/// Asks some times, in each way; `answered` counts for all callers together.
async fn caller(number: usize, url: &str, answered: &AtomicUsize) -> Seen {
    let (client, mut ids, mut broken) = (http(), BTreeSet::new(), 0);
    for round in 0..6 {
        let (dialect, delivery) = WAYS[(number + round) % WAYS.len()];
        let request = client.post(format!("{url}{}", dialect.path())).header("x-api-key", TEAM_KEY);
        let whole = async {
            let response = request.json(&hello(dialect, delivery)).send().await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await?;
            Ok::<_, reqwest::Error>((status, header(&headers, "x-request-id").to_owned(), body))
        };
        // Only who has read it to its end was promised a record.
        match whole.await {
            Ok((200, id, _)) => {
                answered.fetch_add(1, Ordering::Relaxed);
                ids.insert(id);
            }
            Ok((402, ..)) => {}
            // A machine that is busy lets Redis answer late: whether it had reserved is then for its leases.
            Ok((503, _, body)) if String::from_utf8_lossy(&body).contains("budget_unavailable") => {
                broken += 1
            }
            Ok((status, _, body)) => panic!("{status}: {body:?}"),
            Err(_) => broken += 1,
        }
    }
    (ids, broken)
}

/// How many records of an answer there are of each request, in the trail of a process that may be dead.
fn answers_in(trail: &Path) -> BTreeMap<String, usize> {
    let lines = |path: &PathBuf| std::fs::read_to_string(path).expect("a segment");
    let mut counts = BTreeMap::new();
    let entries = std::fs::read_dir(trail).expect("the trail's folder");
    let mut segments: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    segments.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    for line in segments.iter().map(lines).collect::<String>().lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        if record["outcome"] == "answered" {
            *counts.entry(record["request_id"].as_str().expect("an id").to_owned()).or_default() += 1;
        }
    }
    counts
}

#[tokio::test]
async fn when_one_dies_no_answer_is_without_its_record_and_the_limit_holds() {
    const LIMIT: i64 = 10_000_000;
    let mut gateway = Setup::new().env("DEFAULT_TEAM_DAILY_BUDGET_USD", usd(LIMIT)).pair().await;
    gateway.until_ready().await;
    let (url, answered) = (gateway.url(""), AtomicUsize::new(0));
    let trails = gateway.directories().into_iter().map(|directory| directory.join("state/audit"));
    let trails: Vec<PathBuf> = trails.collect();
    let death = async {
        eventually("they are at work", async || answered.load(Ordering::Relaxed) >= 60).await;
        gateway.kill(0);
    };
    let callers = join_all((0..48).map(|number| caller(number, &url, &answered)));
    let (seen, ()) = tokio::join!(callers, death);
    let ids: BTreeSet<&String> = seen.iter().flat_map(|(ids, _)| ids).collect();
    let broken: i64 = seen.iter().map(|(_, broken)| broken).sum();
    let whole = i64::try_from(ids.len()).expect("a small count");
    assert!(whole > 60, "the other went on: {whole}");

    let records: Vec<_> = trails.iter().map(|trail| answers_in(trail)).collect();
    for id in &ids {
        let count: usize = records.iter().filter_map(|of_one| of_one.get(*id)).sum();
        assert_eq!(count, 1, "records of {id}");
    }
    assert!(records.iter().all(|of_one| !of_one.is_empty()), "both had answered");
    for trail in &trails {
        let verified = Setup::new().arguments(&["audit", "verify", &trail.to_string_lossy()]).run();
        assert!(verified.status.success(), "{}{}", verified.out, verified.err);
    }
    // What the dead one had not settled stays reserved until its lease is over.
    let daily = gateway.daily().await;
    let (spent, reserved) = (nano(&daily["spent_usd"]), nano(&daily["reserved_usd"]));
    assert!(spent + reserved <= LIMIT, "{daily}");
    assert_eq!((spent % HELLO, reserved % HELLO_BOUND), (0, 0), "each answer once: {daily}");
    let counted = spent / HELLO + reserved / HELLO_BOUND;
    assert!((whole..=whole + broken).contains(&counted), "{whole} answers, {broken} broke: {daily}");
}
