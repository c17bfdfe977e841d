//! Whether the ledger's store can be asked. One that gives no answers is left alone for a while: questions are then
//! refused at once, and one at a time tries whether it is back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use gateway_core::breaker::{Breaker, Change, Event, Phase, Rule, Ticket};
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ledger::{Answer, LedgerError, Warning};

use super::{BudgetError, RETRY_AFTER};

/// Failures in a row after which the store is left alone, and for how long at first.
const FAILURES: u32 = 3;
const COOLDOWN: Duration = Duration::from_millis(500);

/// What is known of the store, for readiness and status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreState {
    /// `None` until it was looked at.
    pub term: Option<u64>,
    /// Why it can't be used; for the log and the operator.
    pub error: Option<String>,
    pub warnings: Vec<Warning>,
}

/// One for all threads that ask; survives them.
#[derive(Clone)]
pub(super) struct Reach(Arc<Inner>);

struct Inner {
    breaker: Mutex<Breaker>,
    rule: Rule,
    state: ArcSwap<StoreState>,
    clock: Arc<dyn Clock>,
    dice: Arc<dyn Dice>,
}

/// Leave to ask once. Dropped without a word, it tells that nothing was learned.
pub(super) struct Leave {
    reach: Reach,
    ticket: Ticket,
    is_weighed: bool,
}

/// What an answer, or none, tells of the store.
pub(super) enum News {
    Reached,
    /// Why it was not; `None`: nothing came in time.
    Lost(Option<String>),
}

impl News {
    /// Of what came back, `None` for nothing in time. Questions of which none was answered tell that it is lost.
    pub(super) fn of(heard: Option<&[Result<Answer, LedgerError>]>) -> News {
        match heard {
            None => News::Lost(None),
            Some([first @ Err(LedgerError::Unavailable { .. }), others @ ..])
                if others.iter().all(|said| matches!(said, Err(LedgerError::Unavailable { .. }))) =>
            {
                News::Lost(first.as_ref().err().map(LedgerError::to_string))
            }
            Some(_) => News::Reached,
        }
    }
}

impl Reach {
    pub(super) fn new(clock: Arc<dyn Clock>, dice: Arc<dyn Dice>) -> Reach {
        let rule = Rule { failures: FAILURES, rate: None, cooldown: COOLDOWN, longest: COOLDOWN * 8 };
        let (breaker, state) = (Mutex::default(), ArcSwap::default());
        Reach(Arc::new(Inner { breaker, rule, state, clock, dice }))
    }

    /// # Errors
    /// The store is left alone; the error says until when.
    pub(super) fn enter(&self) -> Result<Leave, BudgetError> {
        let now = self.0.clock.now();
        let mut breaker = self.breaker();
        let (next, leave) = breaker.admit(now);
        *breaker = next;
        match leave {
            Ok(ticket) => Ok(Leave { reach: self.clone(), ticket, is_weighed: false }),
            Err(until) => {
                let wait = until.map_or(RETRY_AFTER, |until| until.saturating_duration_since(now));
                Err(BudgetError::Unavailable { retry_after: wait.max(RETRY_AFTER) })
            }
        }
    }

    pub(super) fn state(&self) -> Arc<StoreState> {
        self.0.state.load_full()
    }

    pub(super) fn publish(&self, state: StoreState) {
        self.0.state.store(Arc::new(state));
    }

    fn step(&self, ticket: Ticket, event: Event) -> Option<Change> {
        let mut breaker = self.breaker();
        if event == Event::Succeeded && breaker.phase() == Phase::default() {
            // Closed without a failure, as before.
            return None;
        }
        let (now, roll) = (self.0.clock.now(), self.0.dice.roll());
        let (next, change) = breaker.step(ticket, event, now, &self.0.rule, roll);
        *breaker = next;
        change
    }

    fn note(&self, error: Option<String>) {
        self.publish(StoreState { error, ..StoreState::clone(&self.state()) });
    }

    /// A breaker is whole whoever panicked beside it.
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.0.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave {
    /// Whether the store was reached.
    pub(super) fn weigh(mut self, news: News) -> bool {
        self.is_weighed = true;
        let (event, reason) = match news {
            News::Reached => (Event::Succeeded, None),
            News::Lost(reason) => (Event::Failed, reason),
        };
        match self.reach.step(self.ticket, event) {
            Some(Change::Opened(_)) => {
                let reason = reason.unwrap_or_else(|| "the budget store gave no answer in time".to_owned());
                log::error!(reason = reason.as_str(); "the budget store is left alone for a moment");
                self.reach.note(Some(reason));
            }
            Some(Change::Closed) => {
                log::info!("the budget store answers again");
                self.reach.note(None);
            }
            Some(Change::Reopened(_) | Change::HalfOpened) | None => {}
        }
        event == Event::Succeeded
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if !self.is_weighed {
            self.reach.step(self.ticket, Event::Abandoned);
        }
    }
}
