use std::io::Write;
use std::time::Duration;

use gateway_core::ids::{KeyId, ModelName, TeamId, UpstreamName};
use gateway_core::ledger::suite::{Subject, conform, history, replay, seeds};
use gateway_core::ledger::{
    Admission, Admit, Answer, Counter, Health, Ledger, LedgerError, Limit, Limits, Month, Op, Raised, Rates,
    Reap, ReservationId, Route, Settle, StoreTime, Tally,
};
use gateway_core::money::NanoUsd;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::testing::{Server, Timed};

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn team() -> TeamId {
    TeamId::new("t").unwrap()
}

/// 2030-06-15.
const NOW: StoreTime = StoreTime(1_907_712_000_000_000);

fn id(n: u64) -> ReservationId {
    let bytes = (u128::from(n) << 8).to_be_bytes();
    let random: [u8; 10] = bytes[6..].try_into().unwrap();
    ReservationId::new(uuid::Builder::from_unix_timestamp_millis(NOW.as_millis(), &random).into_uuid())
        .unwrap()
}

fn limits(daily: i64) -> Limits {
    let most = |amount| Limit::AtMost(NanoUsd(amount));
    Limits { daily: most(daily), monthly: most(daily * 2), rates: Rates::UNLIMITED }
}

fn route() -> Route {
    Route { provider: UpstreamName::new("openai").unwrap(), model: ModelName::new("m") }
}

fn admit(n: u64, bound: i64) -> Op {
    Op::Admit(Admit {
        id: id(n),
        team: team(),
        key: KeyId::new("k"),
        bound: NanoUsd(bound),
        tokens: 0,
        least: None,
        limits: limits(100),
        key_rates: Rates::UNLIMITED,
        route: route(),
        tags: Vec::new(),
    })
}

fn settle(n: u64, cost: i64) -> Op {
    Op::Settle(Settle {
        id: id(n),
        team: team(),
        key: KeyId::new("k"),
        cost: NanoUsd(cost),
        tokens: 0,
        unreserved: false,
        limits: limits(100),
        key_rates: Rates::UNLIMITED,
        usage: vec![(route(), Tally::default().with(Counter::Requests, 1))],
        tags: Vec::new(),
    })
}

fn status() -> Op {
    Op::Status { team: team(), limits: limits(100), key: None }
}

async fn one(ledger: &dyn Ledger, op: Op) -> Result<Answer, LedgerError> {
    ledger.ask(vec![op]).await.pop().unwrap()
}

fn is_granted(answer: &Result<Answer, LedgerError>) -> bool {
    matches!(answer, Ok(Answer::Admit(Admission::Granted(_))))
}

const HISTORIES: usize = 64;

/// Past the test runner's capture: how much was tried is a part of the result.
fn told(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap();
}

#[test]
fn it_conforms() {
    let server = Server::start(&[]);
    let count = block_on(conform(&server.ledger())).unwrap();
    told(&format!("Redis, one server: {count} cases conform"));
}

#[test]
fn it_answers_as_the_rule_does() {
    let server = Server::start(&[]);
    block_on(async {
        let ledger = server.ledger();
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        let mut runner = TestRunner::new(config);
        let mut answers = 0;
        for round in 0..HISTORIES {
            let seeds = seeds().new_tree(&mut runner).unwrap().current();
            let steps = history(&format!("h{round}"), &seeds).unwrap();
            if let Err(wrong) = replay(&ledger, &steps).await {
                panic!("round {round}, {seeds:?}: {wrong}");
            }
            answers += steps.len();
        }
        told(&format!("Redis, one server: {answers} answers of {HISTORIES} histories are the rule's"));
    });
}

#[test]
fn its_calendar_is_the_rules() {
    let server = Server::start(&[]);
    block_on(async {
        let ledger = server.ledger();
        for month in (0..1_800).map(Month) {
            for now in [month.start(), StoreTime(month.end().0 - 1)] {
                ledger.set_time(now);
                let Ok(Answer::Status(status)) = one(&ledger.ledger, status()).await else {
                    panic!("{now:?}")
                };
                assert_eq!(status.month.resets_at, month.end(), "{now:?}");
                assert_eq!(status.day.resets_at, now.day().end(), "{now:?}");
            }
        }
    });
}

/// Three replicas at once, by Redis's own clock.
#[test]
fn many_at_once_get_exactly_what_fits() {
    let server = Server::start(&[]);
    block_on(async {
        let ledgers: Vec<Timed> = (0..3).map(|_| server.ledger()).collect();
        ledgers.iter().for_each(|ledger| ledger.set_time(NOW));
        let asks = (0..300).map(|n| one(&ledgers[n as usize % 3].ledger, admit(n, 3)));
        let answers = futures_util::future::join_all(asks).await;
        assert_eq!(answers.iter().filter(|answer| is_granted(answer)).count(), 33);
        assert_eq!(ledgers[0].ledger.teams().await, Ok(vec![team()]));
    });
}

/// Whatever stands at our keys that is not ours is an error, and nothing is changed.
#[test]
fn foreign_and_corrupt_values_are_told_and_left_alone() {
    let server = Server::start(&[]);
    let (day, month) = (NOW.day().0, NOW.month().0);
    let open = id(1).uuid().to_string();
    let (day, month) = (format!("gw:1:{{t}}:day:{day}"), format!("gw:1:{{t}}:month:{month}"));
    let entry = format!("gw:1:{{t}}:id:{open}");
    let hour = format!("gw:1:{{t}}:usage:{}", NOW.hour().0);
    block_on(async {
        let ledger = server.ledger();
        ledger.set_time(NOW);
        for (damage, op) in [
            (vec!["SET", &day, "x"], admit(2, 1)),
            (vec!["HSET", &day, "spent", "1.5"], admit(2, 1)),
            (vec!["HSET", &month, "reserved", "many"], admit(2, 1)),
            (vec!["HSET", &day, "spent", "99999999999999999999999"], settle(1, 1)),
            (vec!["LPUSH", "gw:1:{t}:override", "x"], admit(2, 1)),
            (vec!["HSET", "gw:1:{t}:override", "daily", "much"], admit(2, 1)),
            (vec!["SET", "gw:1:{t}:pace", "x"], admit(2, 1)),
            (vec!["HSET", "gw:1:{t}:pace:k", "open", "NaN"], settle(1, 1)),
            (vec!["SET", "gw:1:{t}:leases", "x"], admit(2, 1)),
            (vec!["SET", "gw:1:{t}:leases", "x"], Op::Renew { team: team(), ids: vec![id(1)] }),
            (vec!["SET", "gw:1:{t}:reaped", "x"], Op::Reap(Reap { team: team(), limits: limits(100) })),
            (vec!["SET", "gw:1:{t}:hours", "x"], settle(1, 1)),
            (vec!["SET", &hour, "x"], settle(1, 1)),
            (vec!["HSET", &hour, "openai/m|requests", "x"], settle(1, 1)),
            (vec!["HSET", &entry, "a", "hash"], settle(1, 1)),
            (vec!["SET", &entry, "x"], settle(1, 1)),
            (vec!["SET", &entry, "lost\n1\n0\n1\n1\nk\nopenai/m"], settle(1, 1)),
            (vec!["SET", &entry, "open\n-1\n0\n1\n1\nk\nopenai/m"], settle(1, 1)),
            (vec!["SET", &entry, "open\n1\n0\n1\n1\n\nopenai/m"], settle(1, 1)),
            (
                vec!["SET", &entry, "open\n1.5\n0\n1\n1\nk\nopenai/m"],
                Op::Reap(Reap { team: team(), limits: limits(100) }),
            ),
        ] {
            server.command::<()>(&["FLUSHALL"]);
            ledger.set_time(NOW);
            assert!(is_granted(&one(&ledger.ledger, admit(1, 10)).await));
            if damage[0] == "SET" || damage[1] == entry {
                server.command::<i64>(&["DEL", damage[1]]);
            }
            server.command::<redis::Value>(&damage);
            let before = dump(&server);
            if matches!(op, Op::Reap(_)) {
                ledger.set_time(NOW.plus(Duration::from_secs(61)));
            }
            let answer = one(&ledger.ledger, op).await;
            assert!(matches!(answer, Err(LedgerError::Corrupt { .. })), "{damage:?}: {answer:?}");
            assert_eq!(dump(&server), before, "{damage:?}");
        }
    });
}

/// Every key with its value, as Redis serialises it.
fn dump(server: &Server) -> Vec<(String, Vec<u8>)> {
    let mut keys: Vec<String> = server.command(&["KEYS", "*"]);
    keys.sort();
    keys.into_iter().map(|key| (key.clone(), server.command(&["DUMP", &key]))).collect()
}

#[test]
fn a_server_that_evicts_is_refused_and_one_without_aof_is_told() {
    let server = Server::start(&[]);
    block_on(async {
        let ledger = server.ledger();
        let health = ledger.ledger.health().await.unwrap();
        assert_eq!(health.warnings.len(), 1, "{health:?}");
        server.command::<()>(&["CONFIG", "SET", "appendonly", "yes"]);
        assert_eq!(ledger.ledger.health().await, Ok(Health { warnings: vec![], ..health }));
        server.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
        assert!(matches!(ledger.ledger.health().await, Err(LedgerError::Unfit { .. })));
    });
}

#[test]
fn a_foreign_name_among_the_teams_holds_up_no_other() {
    let server = Server::start(&[]);
    block_on(async {
        let ledger = server.ledger();
        ledger.set_time(NOW);
        assert!(is_granted(&one(&ledger.ledger, admit(1, 1)).await));
        server.command::<i64>(&["SADD", "gw:1:teams", "BAD TEAM!"]);
        assert_eq!(ledger.ledger.teams().await, Ok(vec![team()]));
    });
}

#[test]
fn a_server_that_is_gone_and_back_is_noticed() {
    let server = Server::start(&[]);
    block_on(async {
        let ledger = server.ledger();
        ledger.set_time(NOW);
        assert!(is_granted(&one(&ledger.ledger, admit(1, 1)).await));
        let term = ledger.ledger.health().await.unwrap().term;
        let port = server.port;
        drop(server);
        let gone = one(&ledger.ledger, admit(2, 1)).await;
        assert!(matches!(gone, Err(LedgerError::Unavailable { .. })), "{gone:?}");
        let server = Server::start_on(port, &[]);
        let mut answer = one(&ledger.ledger, admit(3, 1)).await;
        for _ in 0..50 {
            if is_granted(&answer) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            answer = one(&ledger.ledger, admit(3, 1)).await;
        }
        assert!(is_granted(&answer), "{answer:?}");
        assert_ne!(ledger.ledger.health().await.unwrap().term, term);
        server.command::<()>(&["SCRIPT", "FLUSH"]);
        assert!(is_granted(&one(&ledger.ledger, admit(4, 1)).await), "scripts are loaded again");
    });
}

/// Each thread has its own connection; that all are broken is found out once.
#[test]
fn one_thread_learns_from_another_that_the_server_was_restarted() {
    let server = Server::start(&[]);
    let ledger = server.ledger();
    ledger.set_time(NOW);
    let meet = std::sync::Barrier::new(2);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let runtime = runtime();
            assert!(is_granted(&runtime.block_on(one(&ledger.ledger, admit(1, 1)))));
            meet.wait();
            meet.wait();
            runtime.block_on(one(&ledger.ledger, admit(2, 1)))
        });
        let runtime = runtime();
        assert!(is_granted(&runtime.block_on(one(&ledger.ledger, admit(3, 1)))));
        meet.wait();
        let port = server.port;
        drop(server);
        let _server = Server::start_on(port, &[]);
        let found = runtime.block_on(one(&ledger.ledger, admit(4, 1)));
        assert!(matches!(found, Err(LedgerError::Unavailable { .. })), "{found:?}");
        meet.wait();
        let answer = other.join().unwrap();
        assert!(is_granted(&answer), "{answer:?}");
    });
}

/// A server that hangs is told within the deadline.
#[test]
fn a_server_that_hangs_is_late() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    block_on(async {
        let ledger = server.ledger();
        ledger.set_time(NOW);
        assert!(is_granted(&one(&ledger.ledger, admit(1, 1)).await));
        let port = server.port;
        let sleep = std::thread::spawn(move || {
            let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).unwrap();
            let mut link = client.get_connection().unwrap();
            redis::cmd("DEBUG").arg("SLEEP").arg("1").query::<()>(&mut link).unwrap();
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let late = tokio::time::timeout(Duration::from_millis(600), one(&ledger.ledger, admit(2, 1))).await;
        assert!(matches!(late, Ok(Err(LedgerError::Unavailable { .. }))), "{late:?}");
        sleep.join().unwrap();
    });
}

#[test]
fn a_grant_waits_for_its_replicas() {
    let (main, replica) = (Server::start(&[]), Server::start(&[]));
    block_on(async {
        let ledger = main.ledger_with(1);
        ledger.set_time(NOW);
        let alone = one(&ledger.ledger, admit(1, 1)).await;
        assert!(matches!(alone, Err(LedgerError::Unavailable { .. })), "{alone:?}");
        replica.command::<()>(&["REPLICAOF", "127.0.0.1", &main.port.to_string()]);
        for _ in 0..500 {
            if replica.command::<String>(&["INFO", "replication"]).contains("master_link_status:up") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let granted = one(&ledger.ledger, admit(2, 1)).await;
        assert!(is_granted(&granted), "{granted:?}");
        let raise =
            gateway_core::ledger::Raise { id: id(2), team: team(), total: NanoUsd(2), limits: limits(100) };
        assert_eq!(one(&ledger.ledger, Op::Raise(raise)).await, Ok(Answer::Raise(Raised::Granted)));
    });
}

#[test]
fn a_user_with_what_the_page_lists_is_enough() {
    let page = include_str!("../KEYS.md");
    let listed = page
        .split(|c: char| c.is_whitespace() || "`(),".contains(c))
        .filter(|word| word.len() > 1 && word.starts_with('+'));
    let server = Server::start(&[]);
    let mut words = vec!["ACL", "SETUSER", "gateway", "on", ">secret", "-@all", "~gw:1:*"];
    words.extend(listed);
    assert!(words.len() > 20, "{words:?}");
    server.command::<()>(&words);
    let ledger = Timed::new(&format!("redis://gateway:secret@127.0.0.1:{}", server.port), 0);
    block_on(async {
        assert_eq!(conform(&ledger).await.map(|count| count > 0), Ok(true));
        assert!(ledger.ledger.health().await.is_ok());
        assert!(ledger.ledger.teams().await.is_ok());
        let wrong = Timed::new(&format!("redis://gateway:wrong@127.0.0.1:{}", server.port), 0);
        wrong.set_time(NOW);
        let refused = one(&wrong.ledger, admit(1, 1)).await;
        assert!(
            matches!(&refused, Err(LedgerError::Unavailable { reason }) if !reason.contains("wrong")),
            "{refused:?}"
        );
    });
}
