//! What stands in files: the allowance, and the trail that the cursor follows.

use std::path::PathBuf;

use gateway_core::audit::Named;
use gateway_core::ledger::{Found, Window, due};

use super::*;
use crate::audit::disk::RealDisk;
use crate::audit::{self, Audit};
use crate::testing::NoDice;

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
    let zero = Limits { daily: Limit::AtMost(NanoUsd::ZERO), ..limits() };
    let blocked = bench.budget.admit(Admit { limits: zero, ..bench.admit(4, 0) }).await.err();
    let nothing = AllowanceError::Spent { allowed: NanoUsd::ZERO };
    assert_eq!(blocked, Some(BudgetError::Allowance(nothing)), "zero blocks what costs nothing, too");
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
    let (bench, trail) = (Bench::new(Outage::Deny(None)), Trail::new());
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
    let (bench, trail) = (Bench::new(Outage::Deny(None)), Trail::new());
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
    let (bench, trail) = (Bench::new(Outage::Deny(None)), Trail::new());
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
    let (bench, trail) = (Bench::new(Outage::Deny(None)), Trail::new());
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
        let day = Window::Day(now.day());
        teams.get(&team()).and_then(|team| team.kept_account(day)).is_some_and(|day| day.spent.0 == want)
    };
    until(spent).await;
}
