use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use actix::Arbiter;
use gateway_core::audit::settlement::{Settlement, Share};
use gateway_core::audit::{Few, Named, RequestId, RequestRecord, Time};
use gateway_core::ids::{ModelName, UpstreamName};
use gateway_core::ledger::{Found, Health, Least, Limit, Route, StoreTime, Team, step};

use super::*;
use crate::testing::{NoDice, TestClock, spawn, until};

mod files;
mod travel;

const UP: u8 = 0;
const DOWN: u8 = 1;
const HANGS: u8 = 2;
const PANICS: u8 = 3;

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
            PANICS => panic!("as the test asked"),
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
            least: None,
            limits: limits(),
            key_rates: Rates::UNLIMITED,
            route: Route { provider: UpstreamName::new("openai").unwrap(), model: ModelName::new("m") },
            tags: Vec::new(),
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
            tags: Vec::new(),
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
    let bench = Bench::new(Outage::Deny(None));
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
async fn where_a_tighter_bound_may_fit_nothing_is_held_and_the_same_id_asks_again() {
    let bench = Bench::new(Outage::Deny(None));
    let hold = bench.grant(1, 60).await;
    let loose =
        |least| Admit { least: Some(Least { bound: NanoUsd(least), tokens: 0 }), ..bench.admit(2, 41) };
    let refused = bench.budget.admit(loose(41)).await;
    assert!(matches!(refused, Ok(Admitted::Refused(_))), "{refused:?}");
    let tighten = bench.budget.admit(loose(40)).await;
    assert!(matches!(tighten, Ok(Admitted::Tighten)), "{tighten:?}");
    assert_eq!(bench.balance().await, (0, 60));
    let granted = bench.budget.admit(bench.admit(2, 40)).await;
    assert!(matches!(granted, Ok(Admitted::Granted { .. })), "{granted:?}");
    assert_eq!(bench.balance().await, (0, 100));
    drop(hold);
}

#[actix::test]
async fn leases_are_renewed_while_they_are_held_and_reaped_when_not() {
    let bench = Bench::new(Outage::Deny(None));
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
    let bench = Bench::new(Outage::Deny(None));
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
