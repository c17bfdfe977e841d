//! The bill of one request: what its attempts may cost while they are under way, and what they did cost in the
//! end. It is settled once, however the request ends.

use gateway_actors::budget::{self, Hold, Settlements};
use gateway_core::audit::settlement::{Settlement, Share};
use gateway_core::audit::{Named, RequestRecord};
use gateway_core::catalog::{Bound, ServiceTier, cost};
use gateway_core::conversation::{Event, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::ledger::{self, Limits, Meter, Rates, Route};
use gateway_core::money::NanoUsd;
use gateway_core::routing;
use gateway_core::usage::Usage;
use std::sync::Arc;

/// Lost attempts that a record tells of, each; no more are made.
const MOST_LOST: usize = 32;

/// What an answer consumed and costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    /// Of it, what the provider reported.
    pub reported: Usage,
    pub usage: Usage,
    pub cost: NanoUsd,
    /// The provider did not report all of it.
    pub estimate: bool,
}

impl Charge {
    pub(super) const NOTHING: Charge =
        Charge { reported: Usage::NONE, usage: Usage::NONE, cost: NanoUsd::ZERO, estimate: true };
}

/// What was received of an answer.
pub(super) trait Consumed {
    /// What its cost depends on: what the provider reported, and the bytes of what the model made.
    fn consumed(&self) -> (Usage, u64);

    /// The name of the model that the provider answered with, where it says one.
    fn model(&self) -> Option<&Text> {
        None
    }
}

/// An answer's events, as far as they were received.
pub(super) trait Events {
    fn events(&self) -> impl Iterator<Item = &Event>;
}

impl<T: Events> Consumed for T {
    fn consumed(&self) -> (Usage, u64) {
        let (mut reported, mut received) = (Usage::NONE, 0u64);
        for event in self.events() {
            received = received.saturating_add(event.shown_bytes());
            if let Event::Usage(usage) = event {
                reported.replace_with(usage);
            }
        }
        (reported, received)
    }

    fn model(&self) -> Option<&Text> {
        let told = self.events().filter_map(|event| match event {
            Event::Start { model, .. } => model.as_ref(),
            _ => None,
        });
        told.last()
    }
}

impl Events for Vec<Event> {
    fn events(&self) -> impl Iterator<Item = &Event> {
        self.iter()
    }
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
}

struct Due {
    settlements: Settlements,
    hold: Option<Hold>,
    limits: (Limits, Rates),
    first: Route,
    reserved: NanoUsd,
    standing: Option<Standing>,
}

impl Bill {
    /// From here on the request is settled when the bill is: before the ledger is asked, for its answer may get
    /// lost.
    pub(super) fn open(&mut self, settlements: Settlements, limits: (Limits, Rates), first: Route) {
        let (hold, reserved, standing) = (None, NanoUsd::ZERO, None);
        self.due = Some(Due { settlements, hold, limits, first, reserved, standing });
    }

    pub(super) fn granted(&mut self, hold: Hold, reserved: NanoUsd, standing: Option<Standing>) {
        if let Some(due) = &mut self.due {
            (due.hold, due.reserved, due.standing) = (Some(hold), reserved, standing);
        }
    }

    /// The ledger refused, and holds nothing for this request.
    pub(super) fn refused(&mut self) {
        self.due = None;
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
    pub(super) fn begins(&mut self, attempt: UnderWay) {
        self.under_way = Some(attempt);
        self.seen = (Usage::default(), 0);
    }

    /// It gave no answer. What it costs all the same.
    pub(super) fn failed(&mut self, fault: &Fault) -> NanoUsd {
        let Some(attempt) = self.under_way.take().filter(|_| was_served(fault)) else { return NanoUsd::ZERO };
        let charge = attempt.broken(&self.seen.0, self.seen.1);
        self.lost.push((attempt.name(), charge));
        charge.cost
    }

    /// More of a stream has come.
    pub(super) fn sees(&mut self, event: &Event) {
        match event {
            Event::Usage(usage) => self.seen.0.replace_with(usage),
            event => self.seen.1 = self.seen.1.saturating_add(event.shown_bytes()),
        }
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

    /// Likewise, of a stream that has been seen to its end.
    pub(super) fn charge_seen(&mut self) -> Charge {
        let (reported, received) = self.seen;
        self.charge(&reported, received)
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
            record.usage = charge.reported;
        }
        record.settlement = self.due.as_ref().map(|due| self.settlement(due));
    }

    /// What goes along with the record that was told. Once; a second call has nothing.
    pub(super) fn settles(&mut self, record: &RequestRecord) -> Option<budget::Due> {
        let Due { settlements, hold, limits, .. } = self.due.take()?;
        Some(settlements.due(ledger::due(record, |_| limits)?, hold))
    }

    fn settlement(&self, due: &Due) -> Settlement {
        let lost = self.lost.iter().map(|(route, charge)| share(route, charge));
        let counted = match &self.charged {
            Some((route, charge)) => share(route, charge),
            None => share(&due.first, &Charge::NOTHING),
        };
        Settlement {
            unreserved: due.hold.as_ref().is_some_and(Hold::is_unreserved),
            shares: lost.take(MOST_LOST).chain([counted]).collect(),
        }
    }

    fn lost_cost(&self) -> NanoUsd {
        self.lost.iter().fold(NanoUsd::ZERO, |sum, (_, charge)| sum.saturating_add(charge.cost))
    }
}

fn share(route: &Route, charge: &Charge) -> Share {
    Share {
        provider: Named::cleaned(route.provider.as_str()),
        model: Named::cleaned(route.model.as_str()),
        input_tokens: charge.usage.prompt_total(),
        output_tokens: charge.usage.output.unwrap_or(0),
        cost_usd: charge.cost,
    }
}

/// Whether the provider may have worked, and bills it: an error that it answers costs nothing with any of them.
fn was_served(fault: &Fault) -> bool {
    let unknown = matches!(fault.class, FaultClass::Timeout | FaultClass::Broken | FaultClass::TooLarge);
    unknown && fault.status.is_none_or(|status| status == 200)
}

impl UnderWay {
    fn name(&self) -> Route {
        Route { provider: self.route.upstream.clone(), model: self.route.model.clone() }
    }

    /// As reported, else as much of it as we can see, at its bound.
    fn answered(&self, reported: &Usage, received: u64) -> Charge {
        if reported.is_reported() && self.counts_the_prompt(reported) {
            let cost = self.cost(reported);
            return Charge { reported: *reported, usage: *reported, cost, estimate: false };
        }
        self.estimated(reported, reported.output.unwrap_or_else(|| self.made(received)))
    }

    /// Cut off, or left: counters that were reported on the way tell of a part alone.
    fn broken(&self, reported: &Usage, received: u64) -> Charge {
        if !self.stream {
            let usage =
                Usage { input: Some(self.bound.input), output: Some(self.bound.output), ..Usage::NONE };
            return Charge { reported: *reported, usage, cost: self.bound.cost, estimate: true };
        }
        self.estimated(reported, self.made(received).max(reported.output.unwrap_or(0)))
    }

    /// Tokens of the answer, where nobody reported them: none has fewer bytes than one, and the provider was told to
    /// stop at the bound. More would take the team past its limit for tokens that were never made.
    fn made(&self, received: u64) -> u64 {
        if self.bound.thinks_unseen { self.bound.output } else { self.bound.output.min(received) }
    }

    /// A counter of zero is a provisional one, or that of a server which does not count: no prompt has no tokens, but
    /// where none is billed.
    fn counts_the_prompt(&self, reported: &Usage) -> bool {
        reported.input.is_some() && (reported.prompt_total() > 0 || self.bound.input == 0)
    }

    fn estimated(&self, reported: &Usage, output: u64) -> Charge {
        let usage = Usage { output: Some(output), ..*reported };
        if self.counts_the_prompt(reported) {
            return Charge { reported: *reported, usage, cost: self.cost(&usage), estimate: true };
        }
        // Nobody told how much of the prompt was written to a cache: the dearest, as it was reserved.
        let service_tier = reported.service_tier;
        let usage =
            Usage { input: Some(self.bound.input), output: Some(output), service_tier, ..Usage::NONE };
        let prompt = Usage { output: Some(0), ..usage };
        let of_output = NanoUsd(self.cost(&usage).0.saturating_sub(self.cost(&prompt).0));
        let cost = self.bound.input_cost.saturating_add(of_output);
        Charge { reported: *reported, usage, cost, estimate: true }
    }

    /// In the tier that the provider says it served; where it says none, in the dearer of the two that it may have.
    fn cost(&self, usage: &Usage) -> NanoUsd {
        let served_as = |tier| cost(&self.route.price, usage, tier);
        let asked = self.tier.unwrap_or(ServiceTier::Standard);
        match usage.service_tier {
            Some(told) => served_as(told),
            None => served_as(ServiceTier::Standard).max(served_as(asked)),
        }
    }
}

#[cfg(test)]
mod tests;
