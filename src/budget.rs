//! What the budgets need of the rest of the house, and what they are told by it: limits, alerts, records of
//! what nobody ended.

mod untold;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Budgets;
use crate::metrics::Metrics;
use gateway_actors::alerts::{Alerts, Notice};
use gateway_actors::audit::Audit;
use gateway_actors::budget::{Neighbours, Settlements, Unclosed};
use gateway_core::audit::settlement::{Settlement, Share};
use gateway_core::audit::{Attempt, Few, Named, Outcome, Record, RecordedBy, RequestId, RequestRecord, Time};
use gateway_core::clock::Clock;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Alert, Interrupted, Limits, Pending, Rates, ReservationId, Window};

pub use untold::Untold;

/// The rest of the house, as the budgets see it.
pub struct House {
    pub budgets: Budgets,
    pub audit: Audit,
    pub settlements: Settlements,
    pub replica: Named,
    pub metrics: Arc<Metrics>,
    /// Where thresholds are told, if anywhere.
    pub alerts: Option<Alerts>,
    pub clock: Arc<dyn Clock>,
    /// What was handed in for requests that nobody ended.
    pub untold: Untold,
}

impl Neighbours for House {
    fn limits(&self, team: &TeamId) -> Limits {
        self.budgets.of(team).limits
    }

    fn key_rates(&self, team: &TeamId) -> Rates {
        self.budgets.of(team).key_rates
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
            // What its own record will settle is handed out again until it has.
            let gone = gone.iter().filter(|one| !self.settlements.knows(one.id));
            let records = gone.map(|one| async move {
                let record = || interrupted(team, one, &self.replica);
                match self.untold.record(&self.audit, one.id, record).await {
                    Ok(()) => Some(one.id),
                    Err(error) => {
                        log::warn!(request_id:% = one.id.uuid(), error:%; "an interrupted request is not recorded yet");
                        None
                    }
                }
            });
            futures_util::future::join_all(records).await.into_iter().flatten().collect()
        })
    }

    fn unclosed<'a>(&'a self, gone: &'a Unclosed) -> Pending<'a, io::Result<()>> {
        Box::pin(async move {
            log::warn!(request_id:% = gone.id.uuid(), team:% = gone.team; "served without the budget store, and not ended: charged at its bound");
            let record = || unclosed(gone, &self.replica);
            self.untold.record(&self.audit, gone.id, record).await.map_err(io::Error::other)
        })
    }

    fn rewind(&self, by: Duration) {
        log::warn!(seconds = by.as_secs(); "what the budget store was told last is told again");
        self.settlements.rewind(by);
    }
}

/// The word for what nobody knows any more.
fn unknown() -> Named {
    Named::new("unknown").expect("a plain word")
}

/// Of a request that a process did not live to end.
fn begun(id: ReservationId, team: &TeamId, replica: &Named) -> RequestRecord {
    let made = Time::from(Duration::from_millis(id.made_at().as_millis()));
    let begun = RequestRecord::begun(RequestId::new(id.uuid()), made, replica.clone(), unknown());
    RequestRecord {
        team_id: Some(Named::from(team)),
        outcome: Outcome::Interrupted,
        cost_is_estimate: true,
        ..begun
    }
}

/// This replica's own, from before it was killed. The allowance keeps neither key nor route.
fn unclosed(gone: &Unclosed, replica: &Named) -> Record {
    let cost_usd = gone.bound;
    let share = Share { provider: unknown(), model: unknown(), input_tokens: 0, output_tokens: 0, cost_usd };
    let record = RequestRecord {
        key_id: Some(unknown()),
        cost_usd,
        settlement: Some(Settlement { unreserved: true, shares: Few::from_iter([share]) }),
        ..begun(gone.id, &gone.team, replica)
    };
    record.into()
}

/// A reaper's record, which the owner's own always beats.
fn interrupted(team: &TeamId, gone: &Interrupted, replica: &Named) -> Record {
    let attempt = Attempt {
        provider: Named::cleaned(gone.route.provider.as_str()),
        model: Named::cleaned(gone.route.model.as_str()),
        outcome: Named::cleaned("interrupted"),
        status: None,
        ms: 0,
        cost_usd: gone.charge,
    };
    let record = RequestRecord {
        key_id: Some(Named::cleaned(gone.key.as_str())),
        attempts: Few::from_iter([attempt]),
        cost_usd: gone.charge,
        recorded_by: RecordedBy::Reaper,
        ..begun(gone.id, team, replica)
    };
    record.into()
}
