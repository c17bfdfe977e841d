use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gateway_core::ledger::suite::{Step, Subject, conform, history, replay, seeds};
use gateway_core::ledger::{Health, StoreTime};
use proptest::prelude::*;

use super::*;

/// Goes where the suite sets it.
struct SetClock {
    micros: AtomicU64,
}

impl Clock for SetClock {
    fn now(&self) -> Instant {
        crate::testing::WallClock.now()
    }

    fn unix(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("gateway-ledger-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A ledger in a folder of its own, which can be closed and opened again.
struct Local {
    ledger: EmbeddedLedger,
    clock: Arc<SetClock>,
    folder: Folder,
}

impl Local {
    fn new(sync: Sync) -> Local {
        let (folder, clock) = (Folder::new(), Arc::new(SetClock { micros: AtomicU64::new(0) }));
        let ledger = EmbeddedLedger::open(&folder.0, sync, clock.clone()).unwrap();
        Local { ledger, clock, folder }
    }

    fn again(self) -> Local {
        let Local { ledger, clock, folder } = self;
        drop(ledger);
        let ledger = EmbeddedLedger::open(&folder.0, Sync::Normal, clock.clone()).unwrap();
        Local { ledger, clock, folder }
    }
}

impl Subject for Local {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn set_time(&self, now: StoreTime) {
        self.clock.micros.store(now.0, Ordering::SeqCst);
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn it_conforms() {
    for sync in [Sync::Normal, Sync::Full] {
        let count = block_on(conform(&Local::new(sync))).unwrap();
        told(&format!("embedded ({sync:?}): {count} cases conform"));
    }
}

/// Past the test runner's capture: how much was tried is a part of the result.
fn told(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap();
}

const HISTORIES: u32 = 48;
static ANSWERS: AtomicUsize = AtomicUsize::new(0);
static TRIED: AtomicU32 = AtomicU32::new(0);

proptest! {
    #![proptest_config(ProptestConfig { cases: HISTORIES, failure_persistence: None, ..ProptestConfig::default() })]

    /// Closed and opened again anywhere, it goes on as if nothing had been.
    #[test]
    fn it_answers_as_the_rule_does(seeds in seeds(), cuts in prop::collection::vec(0usize..60, 0..3)) {
        let steps = history("h", &seeds).unwrap();
        let mut rest: &[Step] = &steps;
        let mut local = Local::new(Sync::Normal);
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            prop_assert_eq!(block_on(replay(&local, now)), Ok(()));
            local = local.again();
            rest = later;
        }
        prop_assert_eq!(block_on(replay(&local, rest)), Ok(()));
        let answers = ANSWERS.fetch_add(steps.len(), Ordering::Relaxed) + steps.len();
        if TRIED.fetch_add(1, Ordering::Relaxed) + 1 == HISTORIES {
            told(&format!("embedded: {answers} answers of {HISTORIES} histories, with restarts, are the rule's"));
        }
    }
}

#[test]
fn many_at_once_get_exactly_what_fits() {
    let Some(Step { op: Op::Admit(admit), at, .. }) =
        history("h", &[0, 0, 0, 0, 0, 0, 2, 0]).unwrap().first().cloned()
    else {
        panic!("a history begins with an admit");
    };
    let local = Local::new(Sync::Normal);
    local.set_time(at);
    let answers = block_on(async {
        let asks = (0..200u64).map(|n| {
            let id = uuid::Builder::from_unix_timestamp_millis(at.as_millis(), &[n as u8; 10]).into_uuid();
            let id = gateway_core::ledger::ReservationId::new(id).unwrap();
            let mut admit = admit.clone();
            admit.id = id;
            admit.bound.0 = 1;
            admit.tokens = 0;
            admit.limits.rates = gateway_core::ledger::Rates::UNLIMITED;
            admit.limits.daily = gateway_core::ledger::Limit::AtMost(gateway_core::money::NanoUsd(37));
            admit.limits.monthly = gateway_core::ledger::Limit::Unlimited;
            local.ledger.ask(vec![Op::Admit(admit)])
        });
        futures_util::future::join_all(asks).await
    });
    let granted = |answer: &Vec<Result<Answer, LedgerError>>| {
        use gateway_core::ledger::Admission::Granted;
        matches!(answer.as_slice(), [Ok(Answer::Admit(Granted(_)))])
    };
    assert_eq!(answers.iter().filter(|answer| granted(answer)).count(), 37);
}

#[test]
fn a_second_gateway_and_foreign_files_are_refused() {
    let local = Local::new(Sync::Normal);
    let open = |folder: &Path| {
        EmbeddedLedger::open(folder, Sync::Normal, local.clock.clone()).err().expect("it is refused")
    };
    assert!(matches!(open(&local.folder.0), LedgerError::InUse { .. }));
    let folder = Folder::new();
    std::fs::write(folder.0.join(FILE), b"no database, but long enough to look like one".repeat(40)).unwrap();
    assert!(matches!(open(&folder.0), LedgerError::Corrupt { .. }));
    let folder = Folder::new();
    let other = rusqlite::Connection::open(folder.0.join(FILE)).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    drop(other);
    assert!(matches!(open(&folder.0), LedgerError::Corrupt { .. }));
    assert!(matches!(open(Path::new("/no/such/folder")), LedgerError::Unavailable { .. }));
}

#[test]
fn rows_that_nobody_here_wrote_are_refused() {
    for row in [
        "INSERT INTO account VALUES ('NOT A TEAM', 'day', 1, 1, 0)",
        "INSERT INTO account VALUES ('a', 'week', 1, 1, 0)",
        "INSERT INTO account VALUES ('a', 'day', -1, 1, 0)",
        "INSERT INTO usage VALUES ('a', 1, 'nonsense', 1)",
        "INSERT INTO tagged VALUES ('a', 1, 'cost', 'a b', 'openai/m|requests', 1)",
        "INSERT INTO bucket VALUES ('a', '', -1, 0)",
        "INSERT INTO entry VALUES ('a', x'00', 'closed', 1, NULL, NULL, NULL, NULL, NULL, 1)",
        "INSERT INTO entry VALUES ('a', x'01b97a69034072028202020202020202', 'closed', -1, NULL, NULL, NULL, NULL, NULL, 1)",
        "INSERT INTO entry VALUES ('a', x'01b97a69034072028202020202020202', 'lost', 1, NULL, NULL, NULL, NULL, NULL, 1)",
        "INSERT INTO entry VALUES ('a', x'01b97a69034072028202020202020202', 'open', 1, 0, NULL, NULL, NULL, NULL, 1)",
    ] {
        let Local { ledger, clock, folder } = Local::new(Sync::Normal);
        drop(ledger);
        rusqlite::Connection::open(folder.0.join(FILE)).unwrap().execute_batch(row).unwrap();
        let error = EmbeddedLedger::open(&folder.0, Sync::Normal, clock).err();
        assert!(matches!(error, Some(LedgerError::Corrupt { .. })), "{row}: {error:?}");
    }
}

/// A file from before there were tags has no table for them.
#[test]
fn an_older_file_gets_what_it_lacks() {
    let Local { ledger, clock, folder } = Local::new(Sync::Normal);
    drop(ledger);
    let file = rusqlite::Connection::open(folder.0.join(FILE)).unwrap();
    file.execute_batch("DROP TABLE tagged; INSERT INTO account VALUES ('a', 'day', 1, 1, 0)").unwrap();
    drop(file);
    let ledger = EmbeddedLedger::open(&folder.0, Sync::Normal, clock.clone()).unwrap();
    assert_eq!(block_on(ledger.teams()), Ok(vec![TeamId::new("a").unwrap()]));
    assert!(block_on(conform(&Local { ledger, clock, folder })).is_ok());
}

/// A commit that fails answers nobody, and leaves no trace in memory either.
#[test]
fn a_disk_that_fails_loses_and_makes_no_money() {
    let local = Local::new(Sync::Normal);
    let steps = history("h", &[0, 0, 0, 0, 0, 0, 2, 0]).unwrap();
    let blocker = Mutex::new(rusqlite::Connection::open(local.folder.0.join(FILE)).unwrap());
    let blocker = blocker.lock().unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    local.set_time(steps[0].at);
    let answers = block_on(local.ledger.ask(vec![steps[0].op.clone()]));
    assert!(matches!(answers.as_slice(), [Err(LedgerError::Unavailable { .. })]), "{answers:?}");
    let looked = block_on(local.ledger.health());
    assert!(matches!(looked, Err(LedgerError::Unavailable { .. })), "{looked:?}");
    blocker.execute_batch("ROLLBACK").unwrap();
    assert_eq!(block_on(local.ledger.health()), Ok(Health::default()), "it tried, and could write");
    assert_eq!(block_on(replay(&local, &steps)), Ok(()));
}

/// Names the folder to the process that is to be killed.
const VICTIM: &str = "GATEWAY_TEST_LEDGER";

/// The test plays both: started by itself with a folder named, it settles and says so until it is killed.
#[test]
fn a_kill_loses_nothing_that_was_answered() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        settle_for_ever(Path::new(&folder));
    }
    let local = Local::new(Sync::Normal);
    let Local { ledger, clock, folder } = local;
    drop(ledger);
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "budget::embedded::tests::a_kill_loses_nothing_that_was_answered", "--nocapture"])
        .env(VICTIM, &folder.0)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut settled = std::io::BufRead::lines(said).filter_map(|line| line.unwrap().parse::<i64>().ok());
    let some = settled.by_ref().take(500).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let answered = settled.last().unwrap_or(some);
    let ledger = EmbeddedLedger::open(&folder.0, Sync::Normal, clock.clone()).unwrap();
    clock.micros.store(1_000_000_000_000, Ordering::SeqCst);
    let answers = block_on(ledger.ask(vec![status_of_victim()]));
    let [Ok(Answer::Status(status))] = answers.as_slice() else { panic!("{answers:?}") };
    let spent = status.month.spent.0;
    assert!((answered..=answered + 1).contains(&spent), "{spent} spent, {answered} answered");
    drop(ledger);
}

fn settle_for_ever(folder: &Path) -> ! {
    let clock = Arc::new(SetClock { micros: AtomicU64::new(1_000_000_000_000) });
    let ledger = EmbeddedLedger::open(folder, Sync::Normal, clock).unwrap();
    let Op::Status { team, limits, .. } = status_of_victim() else { unreachable!("it is one") };
    for n in 1u64.. {
        let random: [u8; 10] = u128::from(n).to_be_bytes()[6..].try_into().unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(1_000_000_000, &random).into_uuid();
        let settle = gateway_core::ledger::Settle {
            id: gateway_core::ledger::ReservationId::new(id).unwrap(),
            team: team.clone(),
            key: gateway_core::ids::KeyId::new("k"),
            cost: gateway_core::money::NanoUsd(1),
            tokens: 0,
            unreserved: false,
            limits,
            key_rates: gateway_core::ledger::Rates::UNLIMITED,
            usage: Vec::new(),
            tags: Vec::new(),
        };
        assert!(block_on(ledger.ask(vec![Op::Settle(settle)]))[0].is_ok());
        println!("\n{n}");
    }
    unreachable!("it is killed long before")
}

fn status_of_victim() -> Op {
    use gateway_core::ledger::{Limit, Limits, Rates};
    let limits = Limits { daily: Limit::Unlimited, monthly: Limit::Unlimited, rates: Rates::UNLIMITED };
    Op::Status { team: TeamId::new("victim").unwrap(), limits, key: None }
}
