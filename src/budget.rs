//! What the budgets need of the rest of the house, and what they are told by it: limits, alerts, records of
//! what nobody ended, and the settlements on their way to the ledger.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{Budgets, TeamBudget};
use crate::metrics::Metrics;
use gateway_actors::alerts::{Alerts, Notice};
use gateway_actors::audit::Audit;
use gateway_actors::budget::{Hold, Neighbours, Outbox, Position, Unclosed};
use gateway_core::audit::{Few, Named, Outcome, Record, RecordedBy, RequestId, RequestRecord, Time};
use gateway_core::clock::Clock;
use gateway_core::ids::{KeyId, TeamId};
use gateway_core::ledger::{Alert, Interrupted, Limits, Pending, ReservationId, Settle, Window};
use gateway_core::money::NanoUsd;
use tokio::sync::Notify;

/// Settlements that may wait. Full: a release is left to the reaper, which charges its bound; what was spent
/// waits in any case, for no more requests are let through than the ledger, or the allowance, grants.
const MOST_WAITING: usize = 65_536;

/// What the endings of exchanges cost, each with its hold, until the ledger has answered.
#[derive(Clone, Default)]
pub struct Settlements(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    queue: Mutex<Queue>,
    more: Notify,
    none: Notify,
}

#[derive(Default)]
struct Queue {
    last: u64,
    due: VecDeque<(Position, Settle, Option<Hold>)>,
}

impl Settlements {
    /// Never waits, and fails nobody: it stands in a `Drop`. The hold is renewed until the ledger has answered.
    pub fn push(&self, settle: Settle, hold: Option<Hold>) {
        let mut queue = self.queue();
        if settle.cost == NanoUsd::ZERO && queue.due.len() >= MOST_WAITING {
            let id = settle.id.uuid();
            log::warn!(request_id:% = id; "too many settlements wait: this release is left to the reaper");
            return;
        }
        queue.last += 1;
        let position = Position(queue.last);
        queue.due.push_back((position, settle, hold));
        drop(queue);
        self.0.more.notify_one();
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.queue().due.len()
    }

    /// Waits until none does.
    pub async fn settled(&self) {
        loop {
            // Made before the count is read, so that the last one's end can't fall between.
            let woken = self.0.none.notified();
            if self.waiting() == 0 {
                return;
            }
            woken.await;
        }
    }

    /// A queue is whole whoever panicked beside it.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbox for Settlements {
    fn next(&self, most: usize) -> Pending<'_, Vec<(Position, Settle)>> {
        Box::pin(async move {
            loop {
                let woken = self.0.more.notified();
                let due: Vec<_> = self
                    .queue()
                    .due
                    .iter()
                    .take(most)
                    .map(|(position, settle, _)| (*position, settle.clone()))
                    .collect();
                if !due.is_empty() {
                    return due;
                }
                woken.await;
            }
        })
    }

    fn acked(&self, upto: Position) {
        let mut queue = self.queue();
        while queue.due.front().is_some_and(|(position, ..)| *position <= upto) {
            queue.due.pop_front();
        }
        if queue.due.is_empty() {
            self.0.none.notify_waiters();
        }
    }
}

/// The rest of the house, as the budgets see it.
pub struct House {
    pub budgets: Budgets,
    pub audit: Audit,
    pub replica: Named,
    pub metrics: Arc<Metrics>,
    /// Where thresholds are told, if anywhere.
    pub alerts: Option<Alerts>,
    pub clock: Arc<dyn Clock>,
}

impl Neighbours for House {
    fn limits(&self, team: &TeamId) -> Limits {
        self.budgets.of(team).limits
    }

    fn alert(&self, team: &TeamId, alert: &Alert) {
        self.metrics.alerted(team.as_str(), alert);
        if let Some(alerts) = &self.alerts {
            let time = Time::from(self.clock.unix());
            alerts.push(Notice { team: team.clone(), alert: *alert, replica: self.replica.clone(), time });
        }
        let Alert { window, percent, spent, limit } = alert;
        let window = match window {
            Window::Day(_) => "day",
            Window::Month(_) => "month",
        };
        log::warn!(team:%, window, percent, spent_usd:% = spent, limit_usd:% = limit; "a budget's threshold is crossed");
    }

    fn interrupted<'a>(
        &'a self,
        team: &'a TeamId,
        gone: &'a [Interrupted],
    ) -> Pending<'a, Vec<ReservationId>> {
        Box::pin(async move {
            let records = gone.iter().map(|one| async move {
                match self.audit.record(interrupted(team, one, &self.replica)).await {
                    Ok(_) => Some(one.id),
                    Err(error) => {
                        log::warn!(request_id:% = one.id.uuid(), error:%; "an interrupted request is not recorded yet");
                        None
                    }
                }
            });
            futures_util::future::join_all(records).await.into_iter().flatten().collect()
        })
    }

    /// What waits here is settled anyway.
    fn rewind(&self) {
        log::warn!("the budget store may have lost what it acknowledged last");
    }
}

/// What was served without the ledger and not ended before a crash costs its bound.
pub fn settle_unclosed(gone: &Unclosed, budgets: &Budgets) -> Settle {
    let TeamBudget { limits, key_rates } = budgets.of(&gone.team);
    Settle {
        id: gone.id,
        team: gone.team.clone(),
        // The allowance does not keep it, and a key's rates are not moved by what is so long past.
        key: KeyId::new("unknown"),
        cost: gone.bound,
        tokens: 0,
        unreserved: true,
        limits,
        key_rates,
        usage: Vec::new(),
    }
}

/// A reaper's record, which the owner's own always beats.
fn interrupted(team: &TeamId, gone: &Interrupted, replica: &Named) -> Record {
    let since_epoch = |millis| Time::from(Duration::from_millis(millis));
    let id = RequestId::new(gone.id.uuid());
    let endpoint = Named::new("unknown").expect("a plain word");
    let begun =
        RequestRecord::begun(id, since_epoch(gone.id.made_at().as_millis()), replica.clone(), endpoint);
    let attempt = gateway_core::audit::Attempt {
        provider: Named::cleaned(gone.route.provider.as_str()),
        model: Named::cleaned(gone.route.model.as_str()),
        outcome: Named::cleaned("interrupted"),
        status: None,
        ms: 0,
        cost_usd: gone.charge,
    };
    let record = RequestRecord {
        team_id: Some(Named::from(team)),
        key_id: Some(Named::cleaned(gone.key.as_str())),
        attempts: Few::from_iter([attempt]),
        outcome: Outcome::Interrupted,
        cost_usd: gone.charge,
        cost_is_estimate: true,
        recorded_by: RecordedBy::Reaper,
        ..begun
    };
    record.into()
}
