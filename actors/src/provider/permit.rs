//! A permit: leave to make one call. [`Permit::send`] is the only way to an upstream, its drop the only
//! report of how the call ended. So no call is made without a permit, and none is reported twice or never.

use std::sync::Arc;

use gateway_core::breaker::Ticket;
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::ids::ModelName;

use super::Shared;
use super::call::{Call, Client, Limits, Reply, call_upstream};
use super::messages::{Ending, Report};

/// Leave to make one call of one model. Dropped without a [`Permit::report`] it counts as abandoned.
pub struct Permit {
    pub(super) shared: Arc<Shared>,
    pub(super) model: ModelName,
    pub(super) ticket: Ticket,
    pub(super) probe: bool,
    pub(super) outcome: Outcome,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Succeeded,
    /// By its class a failure, a cooldown, a misconfiguration, or (where the upstream answered and the
    /// request was at fault) a success in the breaker's eyes.
    Faulted(Fault),
    /// It says nothing about the upstream: the caller left, or nothing was sent.
    Abandoned,
}

impl Permit {
    /// Calls the upstream and waits for the head of its answer, within `limits`. A fault is remembered as
    /// the outcome, until `report` says otherwise. After a connect error nothing was sent, and the same
    /// permit may be used again where [`super::Provider::may_retry`] allows it.
    pub async fn send(&mut self, client: &Client, call: Call, limits: &Limits) -> Result<Reply, Fault> {
        let answer = call_upstream(&self.shared, client, call, limits).await;
        if let Err(fault) = &answer {
            self.outcome = Outcome::Faulted(fault.clone());
        }
        answer
    }

    /// Remembers how the call ended; the last word counts, and goes out when the permit is dropped.
    pub fn report(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// The upstream answers: content has begun. Where this call is a probe, others may pass from here on; a stream
    /// can last for minutes. How the call ends is reported all the same.
    pub fn proved(&mut self) {
        if std::mem::take(&mut self.probe) {
            self.tell(true, Ending::Answered, None);
        }
    }

    fn tell(&self, probe: bool, ending: Ending, place: Option<Place>) {
        let report = Report { ticket: self.ticket, probe, model: self.model.clone(), ending, place };
        self.shared.mailbox.deliver(report);
    }

    /// Whether this call tests an upstream that was left alone until now.
    pub fn is_probe(&self) -> bool {
        self.probe
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let gate = &self.shared.gate;
        let outcome = std::mem::replace(&mut self.outcome, Outcome::Abandoned);
        let (ending, news) = match outcome {
            Outcome::Abandoned => (Ending::Abandoned, false),
            Outcome::Faulted(fault) if is_news(&fault) => {
                if fault.is_failure() {
                    gate.count_failed();
                } else {
                    gate.count_answered();
                }
                (Ending::Faulted(fault), true)
            }
            Outcome::Succeeded | Outcome::Faulted(_) => {
                gate.count_answered();
                (Ending::Answered, gate.success_is_news())
            }
        };
        if !self.probe && !news {
            gate.leave();
            return;
        }
        self.tell(self.probe, ending, Some(Place(self.shared.clone())));
    }
}

fn is_news(fault: &Fault) -> bool {
    fault.is_failure() || matches!(fault.class, FaultClass::RateLimited { .. } | FaultClass::Misconfigured)
}

/// A place in flight on its way back.
pub(super) struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.gate.leave();
    }
}
