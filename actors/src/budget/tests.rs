use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use actix::Arbiter;
use gateway_core::audit::settlement::{Settlement, Share};
use gateway_core::audit::{Few, Named, RequestId, RequestRecord, Time};
use gateway_core::ids::{ModelName, UpstreamName};
use gateway_core::ledger::{Found, Health, Limit, Route, StoreTime, Team, due, step};

use super::*;
use crate::audit::disk::RealDisk;
use crate::audit::{self, Audit};
use crate::testing::{NoDice, TestClock, spawn, until};

const UP: u8 = 0;
const DOWN: u8 = 1;
const HANGS: u8 = 2;

/// The rule itself, as a store that can go away.
struct Store {
    clock: Arc<TestClock>,
    teams: Mutex<BTreeMap<TeamId, Team>>,
    mode: AtomicU8,
    asks: AtomicUsize,
    term: AtomicU64,
    corrupt: Mutex<Option<TeamId>>,
    seen: Mutex<Vec<&'static str>>,
}

impl Store {
    fn apply(&self, op: Op) -> Result<Answer, LedgerError> {
        let op = op.checked()?;
        if self.corrupt.lock().unwrap().as_ref() == Some(op.team()) {
            let (place, reason) = ("a key".to_owned(), "as the test asked".to_owned());
            return Err(LedgerError::Corrupt { place, reason });
        }
        let word = match &op {
            Op::Renew { .. } => "renew",
            Op::Announce(_) => "announce",
            Op::Recorded { .. } => "recorded",
            _ => "other",
        };
        self.seen.lock().unwrap().push(word);
        let mut teams = self.teams.lock().unwrap();
        let team = teams.remove(op.team()).unwrap_or_default();
        let (team, answer) = step(team, &op, StoreTime::from_unix(self.clock.unix()));
        teams.insert(op.team().clone(), team);
        Ok(answer)
    }

    fn saw(&self, word: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|seen| **seen == word).count()
    }

    async fn is_up(&self) -> Result<(), LedgerError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        match self.mode.load(Ordering::SeqCst) {
            UP => Ok(()),
            HANGS => std::future::pending().await,
            _ => Err(LedgerError::Unavailable { reason: "as the test asked".to_owned() }),
        }
    }
}

impl Ledger for Store {
    fn ask(&self, ops: Vec<Op>) -> Pending<'_, Vec<Result<Answer, LedgerError>>> {
        Box::pin(async move {
            self.asks.fetch_add(1, Ordering::SeqCst);
            match self.is_up().await {
                Ok(()) => ops.into_iter().map(|op| self.apply(op)).collect(),
                Err(error) => vec![Err(error); ops.len()],
            }
        })
    }

    fn teams(&self) -> Pending<'_, Result<Vec<TeamId>, LedgerError>> {
        Box::pin(async move {
            self.is_up().await?;
            Ok(self.teams.lock().unwrap().keys().cloned().collect())
        })
    }

    fn health(&self) -> Pending<'_, Result<Health, LedgerError>> {
        Box::pin(async move {
            self.is_up().await?;
            Ok(Health { term: self.term.load(Ordering::SeqCst), warnings: Vec::new() })
        })
    }
}

#[derive(Default)]
struct House {
    alerts: Mutex<Vec<u8>>,
    interrupted: Mutex<Vec<ReservationId>>,
    refuses_records: AtomicUsize,
    rewinds: Mutex<Vec<Duration>>,
    unclosed: Mutex<Vec<ReservationId>>,
}

impl Neighbours for House {
    fn limits(&self, _: &TeamId) -> Limits {
        limits()
    }

    fn key_rates(&self, _: &TeamId) -> Rates {
        Rates::UNLIMITED
    }

    fn alert(&self, _: &TeamId, alert: &Alert) {
        self.alerts.lock().unwrap().push(alert.percent);
    }

    fn interrupted<'a>(&'a self, _: &'a TeamId, gone: &'a [Interrupted]) -> Pending<'a, Vec<ReservationId>> {
        let refused =
            self.refuses_records.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        let ids: Vec<_> = gone.iter().map(|gone| gone.id).collect();
        self.interrupted.lock().unwrap().extend(&ids);
        Box::pin(async move { if refused.is_ok() { Vec::new() } else { ids } })
    }

    fn unclosed<'a>(&'a self, gone: &'a Unclosed) -> Pending<'a, std::io::Result<()>> {
        self.unclosed.lock().unwrap().push(gone.id);
        Box::pin(async { Ok(()) })
    }

    fn rewind(&self, by: Duration) {
        self.rewinds.lock().unwrap().push(by);
    }
}

struct Bench {
    clock: Arc<TestClock>,
    store: Arc<Store>,
    house: Arc<House>,
    budget: Budget,
}

impl Bench {
    fn new(outage: Outage) -> Bench {
        let clock = TestClock::shared();
        let store = Arc::new(Store {
            clock: clock.clone(),
            teams: Mutex::default(),
            mode: AtomicU8::new(UP),
            asks: AtomicUsize::new(0),
            term: AtomicU64::new(1),
            corrupt: Mutex::default(),
            seen: Mutex::default(),
        });
        let house = Arc::new(House::default());
        let control = Arbiter::current();
        let budget =
            Budget::start(store.clone(), house.clone(), outage, &control, clock.clone(), Arc::new(NoDice));
        Bench { clock, store, house, budget }
    }

    fn id(&self, n: u64) -> ReservationId {
        let millis = u64::try_from(self.clock.unix().as_millis()).unwrap();
        let random: [u8; 10] = u128::from(n).to_be_bytes()[6..].try_into().unwrap();
        ReservationId::new(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()).unwrap()
    }

    fn admit(&self, n: u64, bound: i64) -> Admit {
        Admit {
            id: self.id(n),
            team: team(),
            key: KeyId::new("k"),
            bound: NanoUsd(bound),
            tokens: 0,
            limits: limits(),
            key_rates: Rates::UNLIMITED,
            route: Route { provider: UpstreamName::new("openai").unwrap(), model: ModelName::new("m") },
        }
    }

    fn settle(&self, id: ReservationId, cost: i64, unreserved: bool) -> Settle {
        Settle {
            id,
            team: team(),
            key: KeyId::new("k"),
            cost: NanoUsd(cost),
            tokens: 0,
            unreserved,
            limits: limits(),
            key_rates: Rates::UNLIMITED,
            usage: Vec::new(),
        }
    }

    /// The record of a request that answered.
    fn ended(&self, id: ReservationId, team: TeamId, cost: i64) -> RequestRecord {
        let name = Named::cleaned("openai");
        let share = Share {
            provider: name.clone(),
            model: name.clone(),
            input_tokens: 1,
            output_tokens: 1,
            cost_usd: NanoUsd(cost),
        };
        let time = Time::from(self.clock.unix());
        RequestRecord {
            team_id: Some(Named::from(&team)),
            key_id: Named::new("k"),
            cost_usd: NanoUsd(cost),
            settlement: Some(Settlement { unreserved: false, shares: Few::from_iter([share]) }),
            ..RequestRecord::begun(RequestId::new(id.uuid()), time, name.clone(), name)
        }
    }

    async fn grant(&self, n: u64, bound: i64) -> Hold {
        match self.budget.admit(self.admit(n, bound)).await {
            Ok(Admitted::Granted { hold, .. }) => hold,
            other => panic!("not granted: {other:?}"),
        }
    }

    async fn balance(&self) -> (i64, i64) {
        let status = self.budget.status(team(), limits(), None).await.unwrap();
        (status.day.spent.0, status.day.reserved.0)
    }

    fn set(&self, mode: u8) {
        self.store.mode.store(mode, Ordering::SeqCst);
    }
}

fn team() -> TeamId {
    TeamId::new("t").unwrap()
}

fn limits() -> Limits {
    let most = Limit::AtMost(NanoUsd(100));
    Limits { daily: most, monthly: most, rates: Rates::UNLIMITED }
}

#[actix::test]
async fn a_request_is_admitted_raised_and_settled() {
    let bench = Bench::new(Outage::Deny);
    let hold = bench.grant(1, 60).await;
    assert!(matches!(bench.budget.admit(bench.admit(2, 41)).await, Ok(Admitted::Refused(_))));
    assert_eq!(
        bench
            .budget
            .raise(&hold, &team(), NanoUsd(101), limits())
            .await
            .map(|raised| raised == Raised::Granted),
        Ok(false)
    );
    assert_eq!(bench.budget.raise(&hold, &team(), NanoUsd(90), limits()).await, Ok(Raised::Granted));
    assert_eq!(bench.balance().await, (0, 90));
    let settled = bench.budget.settle(bench.settle(hold.id(), 85, false)).await.unwrap();
    assert_eq!(settled.found, Found::Open { hold: NanoUsd(90) });
    assert_eq!(bench.balance().await, (85, 0));
    assert_eq!(*bench.house.alerts.lock().unwrap(), [50, 80, 50, 80], "month and day");
    let void = bench.budget.admit(Admit { id: hold.id(), ..bench.admit(1, 1) }).await;
    assert_eq!(void.err(), Some(BudgetError::Void));
    assert_eq!(bench.budget.teams().await, Ok(vec![team()]));
    let negative = bench.budget.admit(bench.admit(3, -1)).await.err();
    assert!(matches!(negative, Some(BudgetError::Ledger(LedgerError::Invalid(_)))));
}

#[actix::test]
async fn what_waits_goes_together_and_exactly_what_fits_passes() {
    let bench = Bench::new(Outage::Deny);
    let asks: Vec<_> = (0..200)
        .map(|n| {
            let (budget, admit) = (bench.budget.clone(), bench.admit(n, 3));
            spawn(async move { budget.admit(admit).await })
        })
        .collect();
    let mut holds = Vec::new();
    for ask in asks {
        if let Ok(Admitted::Granted { hold, .. }) = ask.await.unwrap() {
            holds.push(hold);
        }
    }
    assert_eq!(holds.len(), 33);
    assert!(
        bench.store.asks.load(Ordering::SeqCst) < 20,
        "{} batches",
        bench.store.asks.load(Ordering::SeqCst)
    );
}

#[actix::test]
async fn a_store_that_is_away_is_told_in_time_then_at_once() {
    for (mode, within) in [(DOWN, 100), (HANGS, 400)] {
        let bench = Bench::new(Outage::Deny);
        let hold = bench.grant(0, 1).await;
        bench.set(mode);
        let refused = |n| bench.budget.admit(bench.admit(n, 1));
        for n in 1..=3 {
            let answer = tokio::time::timeout(Duration::from_millis(within), refused(n)).await.unwrap();
            assert!(matches!(answer, Err(BudgetError::Unavailable { .. })), "{answer:?}");
        }
        until(|| bench.budget.store().error.is_some()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let asked = bench.store.asks.load(Ordering::SeqCst);
        for n in 4..50 {
            let at_once = tokio::time::timeout(Duration::from_millis(50), refused(n)).await.unwrap();
            assert!(matches!(at_once, Err(BudgetError::Unavailable { .. })));
        }
        assert_eq!(bench.store.asks.load(Ordering::SeqCst), asked, "nobody asks it");
        bench.set(UP);
        bench.clock.pass(Duration::from_secs(5));
        bench.grant(51, 1).await;
        assert_eq!(bench.budget.store().error, None);
        assert!(bench.budget.settle(bench.settle(hold.id(), 1, false)).await.is_ok());
    }
}

#[actix::test]
async fn leases_are_renewed_while_they_are_held_and_reaped_when_not() {
    let bench = Bench::new(Outage::Deny);
    bench.house.refuses_records.store(1, Ordering::SeqCst);
    let (kept, left) = (bench.grant(1, 10).await, bench.grant(2, 20).await);
    let left_id = left.id();
    drop(left);
    for _ in 0..6 {
        let renewed = bench.store.saw("renew");
        bench.clock.pass(Duration::from_secs(15));
        until(|| bench.store.saw("renew") > renewed).await;
    }
    until(|| bench.store.saw("recorded") == 1).await;
    assert_eq!(
        *bench.house.interrupted.lock().unwrap(),
        [left_id, left_id],
        "handed out until it is recorded"
    );
    assert_eq!(bench.balance().await, (20, 10));
    assert!(bench.budget.settle(bench.settle(kept.id(), 1, false)).await.is_ok());
    assert_eq!(bench.balance().await, (21, 0));
}

#[actix::test]
async fn after_a_change_of_role_what_is_open_is_announced_and_the_cursor_goes_back() {
    let bench = Bench::new(Outage::Deny);
    let hold = bench.grant(1, 10).await;
    until(|| bench.budget.store().term == Some(1)).await;
    bench.store.teams.lock().unwrap().clear();
    bench.store.term.store(2, Ordering::SeqCst);
    bench.clock.pass(Duration::from_secs(2));
    until(|| bench.house.rewinds.lock().unwrap().len() == 1).await;
    let by = bench.house.rewinds.lock().unwrap()[0];
    assert_eq!(by, Duration::from_secs(62), "a minute before it was last found well");
    assert_eq!(bench.store.saw("announce"), 1);
    assert_eq!(bench.balance().await, (0, 10));
    drop(hold);
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("gateway-allowance-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn open(&self) -> (Arc<Allowance>, Vec<Unclosed>) {
        let (allowance, unclosed) = Allowance::open(&self.0.join("allowance")).unwrap();
        (Arc::new(allowance), unclosed)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[actix::test]
async fn while_the_store_is_away_a_tenth_of_the_day_may_be_served() {
    let folder = Folder::new();
    let (allowance, unclosed) = folder.open();
    assert_eq!(unclosed, []);
    let bench = Bench::new(Outage::Allow(allowance));
    bench.set(DOWN);
    let Ok(Admitted::Allowed { hold }) = bench.budget.admit(bench.admit(1, 4)).await else {
        panic!("allowed")
    };
    assert!(hold.is_unreserved());
    assert_eq!(bench.budget.raise(&hold, &team(), NanoUsd(8), limits()).await, Ok(Raised::Granted));
    let spent = bench.budget.admit(bench.admit(2, 3)).await.err();
    assert_eq!(spent, Some(BudgetError::Allowance(AllowanceError::Spent { allowed: NanoUsd(10) })));
    let Ok(Admitted::Allowed { hold: other }) = bench.budget.admit(bench.admit(3, 2)).await else {
        panic!("allowed")
    };
    assert!(bench.budget.settle(bench.settle(hold.id(), 5, true)).await.is_err());
    bench.set(UP);
    bench.clock.pass(Duration::from_secs(10));
    let settled = bench.budget.settle(bench.settle(hold.id(), 5, true)).await.unwrap();
    assert_eq!(settled.found, Found::Unknown);
    assert_eq!(bench.balance().await, (5, 0));
    // After a kill: what was served and never ended is told at its bound.
    let mut file = std::fs::File::options().append(true).open(folder.0.join("allowance")).unwrap();
    std::io::Write::write_all(&mut file, b"open 0198").unwrap();
    let (_, unclosed) = folder.open();
    assert_eq!(unclosed, [Unclosed { id: other.id(), team: team(), bound: NanoUsd(2) }]);
}

/// The trail of one replica, and what goes on behind it.
struct Trail {
    folder: Folder,
    audit: Audit,
}

impl Trail {
    fn new() -> Trail {
        let folder = Folder::new();
        let audit = start(&folder);
        Trail { folder, audit }
    }

    fn cursor(&self, bench: &Bench, settlements: &Settlements) -> Cursor {
        let trail = self.audit.outbox("ledger").unwrap();
        Cursor::new(
            trail,
            settlements.clone(),
            bench.budget.clone(),
            bench.house.clone(),
            bench.clock.clone(),
        )
    }

    /// As its process would end it: recorded, then settled.
    async fn end(&self, bench: &Bench, settlements: &Settlements, id: ReservationId, cost: i64) {
        let record = bench.ended(id, team(), cost);
        let due = due(&record, |_| (limits(), Rates::UNLIMITED)).unwrap();
        self.audit.record_holding(record.into(), settlements.due(due, None)).await.unwrap();
    }

    async fn again(self) -> Trail {
        self.audit.drain(Duration::from_secs(5)).await.unwrap();
        let Trail { folder, .. } = self;
        let audit = start(&folder);
        Trail { folder, audit }
    }
}

fn start(folder: &Folder) -> Audit {
    let settings = audit::Settings {
        folder: folder.0.join("audit"),
        head: folder.0.join("audit-head"),
        replica: Named::cleaned("r"),
        sync: Default::default(),
        on_failure: Default::default(),
        key: None,
        segment_bytes: 1 << 20,
        retention: Default::default(),
        most_queued: 1_000,
        patience: Duration::from_secs(5),
        sinks: Vec::new(),
        replicas: None,
    };
    Audit::start(settings, Arc::new(RealDisk), TestClock::shared(), Arc::new(NoDice)).unwrap()
}

#[actix::test]
async fn a_records_ack_sends_its_settle_and_what_gets_no_answer_waits_in_the_file() {
    let (bench, trail) = (Bench::new(Outage::Deny), Trail::new());
    let settlements = Settlements::default();
    let (of_run, budget) = (settlements.clone(), bench.budget.clone());
    let acks = spawn(async move { of_run.run(&budget).await });
    let first = bench.grant(1, 10).await;
    trail.end(&bench, &settlements, first.id(), 7).await;
    settlements.settled().await;
    assert_eq!(bench.balance().await, (7, 0));

    let second = bench.grant(2, 10).await;
    bench.set(DOWN);
    trail.end(&bench, &settlements, second.id(), 8).await;
    settlements.settled().await;
    // The process dies; nothing but the file knows of it now.
    acks.abort();
    let trail = trail.again().await;
    bench.set(UP);
    bench.clock.pass(Duration::from_secs(10));
    assert_eq!(bench.balance().await, (7, 10));
    let cursor = spawn(trail.cursor(&bench, &Settlements::default()).run(Vec::new()));
    until_spent(&bench, 15).await;
    cursor.abort();
    assert_eq!(bench.balance().await, (15, 0), "the first one was sent again, and changed nothing");
}

#[actix::test]
async fn one_teams_books_hold_up_no_other() {
    let (bench, trail) = (Bench::new(Outage::Deny), Trail::new());
    *bench.store.corrupt.lock().unwrap() = TeamId::new("broken");
    let id = bench.id(1);
    trail.audit.record(bench.ended(id, TeamId::new("broken").unwrap(), 5).into()).await.unwrap();
    trail.audit.record(bench.ended(bench.id(2), team(), 6).into()).await.unwrap();
    let cursor = spawn(trail.cursor(&bench, &Settlements::default()).run(Vec::new()));
    until_spent(&bench, 6).await;
    *bench.store.corrupt.lock().unwrap() = None;
    bench.clock.pass(Duration::from_secs(31));
    let broken = TeamId::new("broken").unwrap();
    let spent = || bench.store.teams.lock().unwrap().get(&broken).cloned();
    until(|| spent().is_some_and(|team| team.kept(id).is_some())).await;
    cursor.abort();
}

#[actix::test]
async fn after_a_fail_over_the_cursor_goes_back() {
    let (bench, trail) = (Bench::new(Outage::Deny), Trail::new());
    let settlements = Settlements::default();
    let (of_run, budget) = (settlements.clone(), bench.budget.clone());
    let acks = spawn(async move { of_run.run(&budget).await });
    let cursor = spawn(trail.cursor(&bench, &settlements).run(Vec::new()));
    trail.end(&bench, &settlements, bench.id(1), 7).await;
    settlements.settled().await;
    bench.store.teams.lock().unwrap().clear();
    settlements.rewind(Duration::from_secs(60));
    until_spent(&bench, 7).await;
    acks.abort();
    cursor.abort();
}

#[actix::test]
async fn what_was_served_without_the_store_is_recorded_once_after_a_crash() {
    let (bench, trail) = (Bench::new(Outage::Deny), Trail::new());
    let gone = |n, bound| Unclosed { id: bench.id(n), team: team(), bound: NanoUsd(bound) };
    // Of the first one its own record tells, which knows its cost; the second had no time for one.
    trail.audit.record(bench.ended(bench.id(1), team(), 3).into()).await.unwrap();
    let trail = trail.again().await;
    let unclosed = vec![gone(1, 20), gone(2, 30)];
    let cursor = spawn(trail.cursor(&bench, &Settlements::default()).run(unclosed));
    until_spent(&bench, 3).await;
    cursor.abort();
    assert_eq!(*bench.house.unclosed.lock().unwrap(), [bench.id(2)]);
}

async fn until_spent(bench: &Bench, want: i64) {
    let spent = || {
        let teams = bench.store.teams.lock().unwrap();
        let now = StoreTime::from_unix(bench.clock.unix());
        let day = gateway_core::ledger::Window::Day(now.day());
        teams.get(&team()).and_then(|team| team.kept_account(day)).is_some_and(|day| day.spent.0 == want)
    };
    until(spent).await;
}

#[actix::test]
async fn a_drain_answers_what_is_queued() {
    let bench = Bench::new(Outage::Deny);
    let last = spawn({
        let (budget, admit) = (bench.budget.clone(), bench.admit(1, 1));
        async move { budget.admit(admit).await }
    });
    tokio::task::yield_now().await;
    bench.budget.drain(Duration::from_secs(1)).await.unwrap();
    assert!(matches!(last.await.unwrap(), Ok(Admitted::Granted { .. })));
    let after = bench.budget.admit(bench.admit(2, 1)).await.err();
    assert!(matches!(after, Some(BudgetError::Unavailable { .. })));
}
