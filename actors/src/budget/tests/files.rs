//! What stands in files: the allowance, and the trail that the cursor follows.

use std::path::PathBuf;

use gateway_core::audit::Named;
use gateway_core::ledger::{Found, Window, due};

use super::super::known::Share;
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

#[actix::test]
async fn no_more_is_served_without_the_store_than_a_part_of_what_was_left() {
    let folder = Folder::new();
    let bench = Bench::new(Outage::Allow(folder.open().0));
    let hold = bench.grant(1, 60).await;
    let share = |of_day, of_rest| Some(Share { of_day: NanoUsd(of_day), of_rest: NanoUsd(of_rest) });
    let heard = |budget: &Budget| budget.known.share(&team(), &limits(), &Rates::UNLIMITED);
    assert_eq!(heard(&bench.budget), share(10, 10), "by the configuration, until the books were read");
    bench.clock.pass(Duration::from_secs(5));
    until(|| heard(&bench.budget) == share(10, 4)).await;
    bench.set(DOWN);
    let Ok(Admitted::Allowed { hold: served }) = bench.budget.admit(bench.admit(3, 4)).await else {
        panic!("allowed")
    };
    let spent = bench.budget.admit(bench.admit(2, 1)).await.err();
    assert_eq!(spent, Some(BudgetError::Allowance(AllowanceError::Spent { allowed: NanoUsd(4) })));
    bench.set(UP);
    bench.budget.settle(bench.settle(served.id(), 4, true)).await.unwrap();
    bench.grant(5, 26).await;
    assert_eq!(heard(&bench.budget), share(10, 1), "100 less 60, 4 and 26");
    let word = Override { daily: Some(Limit::AtMost(NanoUsd::ZERO)), ..Override::default() };
    bench.budget.set_override(team(), limits(), Some(word)).await.unwrap();
    assert_eq!(heard(&bench.budget), None, "an administrator's word holds");
    bench.set(DOWN);
    assert!(bench.budget.admit(bench.admit(6, 0)).await.is_err());
    drop(hold);
}

#[actix::test]
async fn each_limit_of_the_configuration_bounds_what_is_served_of_an_unknown_team() {
    let known = super::super::known::Known::default();
    let (most, nothing) = (Limit::AtMost(NanoUsd(100)), Limit::AtMost(NanoUsd::ZERO));
    let of = |daily, monthly, rates: Rates, key_rates: Rates| {
        known.share(&team(), &Limits { daily, monthly, rates }, &key_rates).map(|share| share.of_rest)
    };
    let none = Rates::UNLIMITED;
    let zero = Rates { requests_per_minute: Limit::AtMost(0), ..none };
    assert_eq!(of(Limit::Unlimited, most, none, none), Some(NanoUsd(10)));
    assert_eq!(of(most, Limit::Unlimited, none, none), Some(NanoUsd(10)));
    assert_eq!(of(most, nothing, none, none), None);
    assert_eq!(of(most, most, zero, none), None);
    assert_eq!(of(most, most, none, zero), None);
}

#[test]
fn a_line_that_was_torn_takes_no_other_with_it() {
    let folder = Folder::new();
    let (allowance, _) = folder.open();
    let share = Some(Share { of_day: NanoUsd(10), of_rest: NanoUsd(10) });
    let clock = TestClock::shared();
    let ids = [1, 2].map(|n: u8| {
        let random = [0, 0, 0, 0, 0, 0, 0, 0, 0, n];
        let id =
            uuid::Builder::from_unix_timestamp_millis(clock.unix().as_millis() as u64, &random).into_uuid();
        ReservationId::new(id).unwrap()
    });
    allowance.take(ids[0], &team(), NanoUsd(1), share, clock.unix()).unwrap();
    allowance.tear("open 0198");
    allowance.take(ids[1], &team(), NanoUsd(2), share, clock.unix()).unwrap();
    let (_, unclosed) = folder.open();
    assert_eq!(unclosed.iter().map(|left| left.id).collect::<Vec<_>>(), ids);
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
