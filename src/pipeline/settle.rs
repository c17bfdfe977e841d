//! The bill of one request: what its attempts may cost while they are under way, and what they did cost in the
//! end. It is settled once, however the request ends.

use super::exchange::Ending;
use crate::budget::Settlements;
use gateway_actors::budget::Hold;
use gateway_core::audit::RequestRecord;
use gateway_core::catalog::{Bound, ServiceTier, cost};
use gateway_core::conversation::Event;
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::finding::Summary;
use gateway_core::ledger::{Counter, Meter, Route, Settle, Tally};
use gateway_core::money::NanoUsd;
use gateway_core::routing;
use gateway_core::usage::Usage;
use std::sync::Arc;
use std::time::Duration;

/// What an answer consumed and costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    pub usage: Usage,
    pub cost: NanoUsd,
    /// The provider did not report all of it.
    pub estimate: bool,
}

impl Charge {
    pub(super) const NOTHING: Charge = Charge { usage: Usage::NONE, cost: NanoUsd::ZERO, estimate: true };
}

/// What was received of an answer, as far as its cost depends on it.
pub(super) trait Consumed {
    /// What the provider reported, and the bytes of what the model made.
    fn consumed(&self) -> (Usage, u64);
}

impl Consumed for Vec<Event> {
    fn consumed(&self) -> (Usage, u64) {
        of_events(self)
    }
}

pub(super) fn of_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> (Usage, u64) {
    let (mut reported, mut received) = (Usage::NONE, 0u64);
    for event in events {
        received = received.saturating_add(event.shown_bytes());
        if let Event::Usage(usage) = event {
            reported.replace_with(usage);
        }
    }
    (reported, received)
}

/// What the ledger said when it let the request pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Of the tighter window, with this request reserved. `None`: unlimited.
    pub remaining: Option<NanoUsd>,
    pub requests: Option<Meter>,
    pub tokens: Option<Meter>,
}

/// One attempt that was, or is about to be, sent.
#[derive(Clone)]
pub(super) struct UnderWay {
    pub route: Arc<routing::Route>,
    pub tier: Option<ServiceTier>,
    pub bound: Bound,
    pub stream: bool,
}

/// The bill. Until [`Bill::open`] nothing is owed.
#[derive(Default)]
pub struct Bill {
    due: Option<Due>,
    under_way: Option<UnderWay>,
    /// What a stream has brought so far.
    seen: (Usage, u64),
    lost: Vec<(Route, Charge)>,
    charged: Option<(Route, Charge)>,
    fallback: bool,
    /// What inspection found, by kind.
    inspected: Vec<(Counter, i64)>,
}

struct Due {
    settlements: Settlements,
    hold: Option<Hold>,
    /// As if nothing had been spent.
    settle: Settle,
    first: Route,
    reserved: NanoUsd,
    standing: Option<Standing>,
}

impl Bill {
    /// From here on the request is settled when the bill is: before the ledger is asked, for its answer may get
    /// lost.
    pub(super) fn open(&mut self, settlements: Settlements, settle: Settle, first: Route) {
        let (hold, reserved, standing) = (None, NanoUsd::ZERO, None);
        self.due = Some(Due { settlements, hold, settle, first, reserved, standing });
    }

    pub(super) fn granted(&mut self, hold: Hold, reserved: NanoUsd, standing: Option<Standing>) {
        if let Some(due) = &mut self.due {
            due.settle.unreserved = hold.is_unreserved();
            (due.hold, due.reserved, due.standing) = (Some(hold), reserved, standing);
        }
    }

    /// The ledger refused, and holds nothing for this request.
    pub(super) fn refused(&mut self) {
        self.due = None;
    }

    pub(super) fn searched(&mut self, summary: Option<&Summary>, flagged: bool) {
        let found = summary.into_iter().flat_map(|summary| &summary.by_type);
        let counts = found
            .map(|(kind, count)| (Counter::Redactions(kind.name().to_owned().into()), i64::from(*count)));
        let flagged = flagged.then_some((Counter::InjectionFlagged, 1));
        self.inspected = counts.chain(flagged).collect();
    }

    /// What an attempt with this bound would take the reservation to, where it has to be raised.
    pub(super) fn raise_for(&self, bound: &Bound) -> Option<(&Hold, NanoUsd)> {
        let due = self.due.as_ref()?;
        let total = self.lost_cost().saturating_add(bound.cost);
        due.hold.as_ref().filter(|_| total > due.reserved).map(|hold| (hold, total))
    }

    pub(super) fn raised(&mut self, total: NanoUsd) {
        if let Some(due) = &mut self.due {
            due.reserved = total;
        }
    }

    /// An attempt is about to be sent. Ends the request now, it costs what can't be ruled out.
    pub(super) fn begins(&mut self, attempt: UnderWay, fallback: bool) {
        self.under_way = Some(attempt);
        self.fallback = fallback;
        self.seen = (Usage::default(), 0);
    }

    /// It gave no answer.
    pub(super) fn failed(&mut self, fault: &Fault) {
        let Some(attempt) = self.under_way.take() else { return };
        if was_served(fault) {
            self.lost.push((attempt.name(), attempt.broken(&self.seen.0, self.seen.1)));
        }
    }

    /// What a stream has brought so far.
    pub(super) fn saw(&mut self, reported: &Usage, received: u64) {
        self.seen = (*reported, received);
    }

    /// The answer is whole. What it consumed, and what the request costs: lost attempts before it are a part of that.
    pub(super) fn charge(&mut self, reported: &Usage, received: u64) -> Charge {
        let Some(attempt) = self.under_way.take() else { return Charge::NOTHING };
        let charge = attempt.answered(reported, received);
        self.charged = Some((attempt.name(), charge));
        Charge {
            cost: self.lost_cost().saturating_add(charge.cost),
            estimate: charge.estimate || !self.lost.is_empty(),
            ..charge
        }
    }

    /// What is left to the team, in the tighter window, and how fast it may go on.
    pub(super) fn standing(&self) -> Option<Standing> {
        let due = self.due.as_ref()?;
        let standing = due.standing?;
        let spent = match &self.charged {
            Some((_, charge)) => self.lost_cost().saturating_add(charge.cost),
            None => due.reserved,
        };
        let back =
            |left: NanoUsd| NanoUsd(left.0.saturating_add(due.reserved.0.saturating_sub(spent.0)).max(0));
        Some(Standing { remaining: standing.remaining.map(back), ..standing })
    }

    /// Tells the audit trail what the request cost, as it is settled.
    pub(super) fn tell(&mut self, record: &mut RequestRecord) {
        if let Some(attempt) = self.under_way.take() {
            self.lost.push((attempt.name(), attempt.broken(&self.seen.0, self.seen.1)));
        }
        let costs = self.lost.iter().chain(&self.charged);
        record.cost_usd =
            costs.clone().fold(NanoUsd::ZERO, |sum, (_, charge)| sum.saturating_add(charge.cost));
        record.cost_is_estimate = costs.clone().any(|(_, charge)| charge.estimate);
        if let Some((_, charge)) = costs.last() {
            record.usage = charge.usage;
        }
    }

    /// The request has ended: what it cost goes to the ledger. Once; a second call does nothing.
    pub(super) fn settle(&mut self, ending: Ending, took: Duration) {
        let Some(due) = self.due.take() else { return };
        if let Some(attempt) = self.under_way.take() {
            self.lost.push((attempt.name(), attempt.broken(&self.seen.0, self.seen.1)));
        }
        let Due { settlements, hold, mut settle, first, .. } = due;
        let costs = self.lost.iter().chain(&self.charged);
        settle.cost = costs.clone().fold(NanoUsd::ZERO, |sum, (_, charge)| sum.saturating_add(charge.cost));
        settle.tokens = costs.map(|(_, charge)| tokens(charge)).fold(0, u64::saturating_add);
        settle.usage = self.counted(first, ending, took);
        settlements.push(settle, hold);
    }

    fn lost_cost(&self) -> NanoUsd {
        self.lost.iter().fold(NanoUsd::ZERO, |sum, (_, charge)| sum.saturating_add(charge.cost))
    }

    fn counted(&self, first: Route, ending: Ending, took: Duration) -> Vec<(Route, Tally)> {
        let mut usage: Vec<(Route, Tally)> =
            self.lost.iter().map(|(route, charge)| (route.clone(), consumed(charge))).collect();
        let (route, mut tally) = match &self.charged {
            Some((route, charge)) => (route.clone(), consumed(charge)),
            None => (first, Tally::default()),
        };
        tally.add(Counter::Requests, 1);
        tally.add(Counter::Fallbacks, i64::from(self.fallback && self.charged.is_some()));
        match ending {
            Ending::Answered => tally.add(Counter::latency(took), 1),
            Ending::Failed(_) | Ending::CutShort => tally.add(Counter::Errors, 1),
            Ending::Cancelled => {}
        }
        tally.extend(self.inspected.iter().cloned());
        usage.push((route, tally));
        usage
    }
}

fn tokens(charge: &Charge) -> u64 {
    charge.usage.prompt_total().saturating_add(charge.usage.output.unwrap_or(0))
}

fn consumed(charge: &Charge) -> Tally {
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    Tally::default()
        .with(Counter::InputTokens, count(charge.usage.prompt_total()))
        .with(Counter::OutputTokens, count(charge.usage.output.unwrap_or(0)))
        .with(Counter::Cost, charge.cost.0)
}

/// Whether the provider may have worked, and bills it: an error that it answers costs nothing with any of them.
fn was_served(fault: &Fault) -> bool {
    let unknown = matches!(fault.class, FaultClass::Timeout | FaultClass::Broken);
    unknown && fault.status.is_none_or(|status| status == 200)
}

impl UnderWay {
    fn name(&self) -> Route {
        Route { provider: self.route.upstream.clone(), model: self.route.model.clone() }
    }

    /// As reported, else as much of it as we can see, at its bound.
    fn answered(&self, reported: &Usage, received: u64) -> Charge {
        if reported.is_reported() {
            let cost = self.cost(reported);
            return Charge { usage: *reported, cost, estimate: false };
        }
        self.estimated(reported, reported.output.unwrap_or_else(|| self.made(received)))
    }

    /// Cut off, or left: counters that were reported on the way tell of a part alone.
    fn broken(&self, reported: &Usage, received: u64) -> Charge {
        if !self.stream {
            let usage =
                Usage { input: Some(self.bound.input), output: Some(self.bound.output), ..Usage::NONE };
            return Charge { usage, cost: self.bound.cost, estimate: true };
        }
        self.estimated(reported, self.made(received).max(reported.output.unwrap_or(0)))
    }

    /// Tokens of the answer, where nobody reported them: none has more than bytes.
    fn made(&self, received: u64) -> u64 {
        if self.bound.thinks_unseen { self.bound.output.max(received) } else { received }
    }

    fn estimated(&self, reported: &Usage, output: u64) -> Charge {
        let usage = Usage { output: Some(output), ..*reported };
        if reported.input.is_some() {
            return Charge { usage, cost: self.cost(&usage), estimate: true };
        }
        // Nobody told how much of the prompt was written to a cache: the dearest, as it was reserved.
        let usage = Usage { input: Some(self.bound.input), output: Some(output), ..Usage::NONE };
        let prompt = Usage { output: Some(0), ..usage };
        let of_output = NanoUsd(self.cost(&usage).0.saturating_sub(self.cost(&prompt).0));
        Charge { usage, cost: self.bound.input_cost.saturating_add(of_output), estimate: true }
    }

    fn cost(&self, usage: &Usage) -> NanoUsd {
        let tier = usage.service_tier.or(self.tier).unwrap_or(ServiceTier::Standard);
        cost(&self.route.price, usage, tier)
    }
}

#[cfg(test)]
mod tests;
