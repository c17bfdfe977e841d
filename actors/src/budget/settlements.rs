//! Settles on their way to the ledger, each behind its record: the record's ack sends it, once. What gets no
//! answer is left to the [`super::Cursor`] over the records, which is the queue that outlives this process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_core::ledger::{Found, ReservationId, Settle, Settled};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use super::{Budget, BudgetError, Hold};
use crate::audit::Behind;

/// Settles that travel together, and how far apart batches begin at least: nobody waits for them.
const BATCH: usize = 256;
const PACE: Duration = Duration::from_millis(1);
/// Settles that wait here, and holds of what the cursor was left. Full: the cursor takes it, from the file.
const MOST_WAITING: usize = 16_384;
/// Numbers of settled records that the cursor need not send again. Full: it sends them, which changes nothing.
const MOST_SETTLED: usize = 65_536;

/// All of one replica.
#[derive(Clone, Default)]
pub struct Settlements(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    more: Notify,
    /// Something that waited was answered, or given up.
    moved: Notify,
    rewound: Notify,
}

#[derive(Default)]
struct State {
    /// Made, and neither answered nor left to the cursor.
    open: usize,
    waiting: VecDeque<Waiting>,
    /// The numbers of those that wait, or travel.
    numbers: BTreeSet<u64>,
    settled: BTreeSet<u64>,
    /// What the cursor settles: renewed until then.
    left: BTreeMap<u64, (ReservationId, Hold)>,
    /// How far the cursor is to go back.
    rewind: Option<Duration>,
}

struct Waiting {
    /// Of its record; `None`: that one is lost.
    number: Option<u64>,
    settle: Settle,
    hold: Option<Hold>,
}

/// Goes along with its record, and is sent once that is written. Where it is dropped before, the record is lost:
/// money is settled all the same.
pub struct Due {
    settlements: Settlements,
    owed: Option<(Settle, Option<Hold>)>,
}

impl Behind for Due {
    fn written(mut self: Box<Self>, seq: u64) {
        self.send(Some(seq));
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        self.send(None);
    }
}

impl Due {
    fn send(&mut self, number: Option<u64>) {
        if let Some((settle, hold)) = self.owed.take() {
            self.settlements.push(Waiting { number, settle, hold });
        }
    }
}

impl Settlements {
    /// The hold is renewed until the ledger has answered.
    pub fn due(&self, settle: Settle, hold: Option<Hold>) -> Due {
        self.state().open += 1;
        Due { settlements: self.clone(), owed: Some((settle, hold)) }
    }

    /// Never waits: it stands in a `Drop`.
    fn push(&self, waiting: Waiting) {
        let mut state = self.state();
        if state.waiting.len() >= MOST_WAITING {
            state.leave(waiting);
            drop(state);
            self.0.moved.notify_waiters();
            return;
        }
        state.numbers.extend(waiting.number);
        state.waiting.push_back(waiting);
        drop(state);
        self.0.more.notify_one();
    }

    /// Sends what waits, until it is dropped. Each settle once: a second try is the cursor's.
    pub async fn run(&self, budget: &Budget) {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let woken = self.0.more.notified();
            if self.state().waiting.is_empty() {
                woken.await;
                continue;
            }
            pace.tick().await;
            let batch: Vec<Waiting> = {
                let mut state = self.state();
                let some = state.waiting.len().min(BATCH);
                state.waiting.drain(..some).collect()
            };
            let answers =
                budget.settle_all(batch.iter().map(|waiting| waiting.settle.clone()).collect()).await;
            let mut state = self.state();
            for (waiting, answer) in batch.into_iter().zip(answers) {
                tell(&waiting.settle, &answer);
                match answer {
                    Ok(_) => state.done(waiting.number),
                    Err(_) => state.leave(waiting),
                }
            }
            drop(state);
            self.0.moved.notify_waiters();
        }
    }

    /// How many are neither settled nor left to the cursor; those whose records wait to be written too.
    pub fn open(&self) -> usize {
        self.state().open
    }

    /// Waits until none is.
    pub async fn settled(&self) {
        self.until(|state| state.open == 0).await;
    }

    /// Whether an id is still to be settled by this replica.
    pub fn knows(&self, id: ReservationId) -> bool {
        let state = self.state();
        state.waiting.iter().any(|waiting| waiting.settle.id == id)
            || state.left.values().any(|(left, _)| *left == id)
    }

    /// The store may have lost what it answered within `by` of now: the cursor goes back so far.
    pub fn rewind(&self, by: Duration) {
        let mut state = self.state();
        state.settled.clear();
        state.rewind = Some(state.rewind.unwrap_or_default().max(by));
        drop(state);
        self.0.rewound.notify_one();
    }

    /// Waits until the cursor has to go back.
    pub(super) async fn rewound(&self) {
        self.0.rewound.notified().await;
    }

    pub(super) fn take_rewind(&self) -> Option<Duration> {
        self.state().rewind.take()
    }

    /// Whether the record of this number was settled from here; waits while it is on its way.
    pub(super) async fn was_settled(&self, number: u64) -> bool {
        self.until(|state| !state.numbers.contains(&number)).await;
        self.state().settled.remove(&number)
    }

    /// The cursor has done with it.
    pub(super) fn passed(&self, number: u64) {
        self.state().left.remove(&number);
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        loop {
            // Made before the look, so that the last one's end can't fall between.
            let woken = self.0.moved.notified();
            if is_so(&self.state()) {
                return;
            }
            woken.await;
        }
    }

    /// A state is whole whoever panicked beside it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn done(&mut self, number: Option<u64>) {
        self.open = self.open.saturating_sub(1);
        let Some(number) = number else { return };
        self.numbers.remove(&number);
        self.settled.insert(number);
        if self.settled.len() > MOST_SETTLED {
            self.settled.pop_first();
        }
    }

    /// To the cursor, which finds it in the records.
    fn leave(&mut self, Waiting { number, settle, hold }: Waiting) {
        self.open = self.open.saturating_sub(1);
        let Some(number) = number else {
            let id = settle.id.uuid();
            log::error!(request_id:% = id, cost:% = settle.cost; "neither recorded nor settled: its bound will be charged");
            return;
        };
        self.numbers.remove(&number);
        if let Some(hold) = hold.filter(|_| self.left.len() < MOST_WAITING) {
            self.left.insert(number, (settle.id, hold));
        }
    }
}

/// What an operator should know of an answer.
pub(super) fn tell(settle: &Settle, answer: &Result<Settled, BudgetError>) {
    let (id, cost) = (settle.id.uuid(), settle.cost);
    match answer {
        Ok(Settled { found: Found::Open { hold }, .. }) if cost > *hold => {
            log::error!(request_id:% = id, cost:%, hold:%; "cost above its bound: the bound must be mended");
        }
        Ok(Settled { found: Found::Void, .. }) => {
            log::warn!(request_id:% = id, cost:%; "too late to be settled: where it was not settled before, nothing is charged");
        }
        Ok(_) => {}
        Err(error) => log::debug!(request_id:% = id, error:%; "a settle waits for the budget store"),
    }
}
