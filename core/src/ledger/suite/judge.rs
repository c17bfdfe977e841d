//! What must hold of a history: at each answer, and once everybody is back and all is delivered.

use super::super::answer::{Admission, Answer, Found, Raised, Window};
use super::super::team::Entry;
use super::super::window::{Day, Hour, Windows};
use super::super::{Counter, Op, Reap, ReservationId};
use super::history::{START, World};
use super::replicas::{Message, Phase, REPLICAS, Request};
use crate::money::NanoUsd;

/// Rounds in which the end must come: each delivers, records, reaps.
const LAST_ROUNDS: usize = 40;

impl World<'_> {
    /// What a raise finds reserved for its request.
    pub(super) fn held(&self, op: &Op) -> NanoUsd {
        let Op::Raise(raise) = op else { return NanoUsd::ZERO };
        match self.oracle.teams.get(op.team()).and_then(|team| team.kept(raise.id)) {
            Some(Entry::Open(open)) => open.hold,
            _ => NanoUsd::ZERO,
        }
    }

    /// At every answer. A raise to what was `held` already grants nothing, so a limit that was lowered meanwhile is
    /// no matter to it.
    pub(super) fn look(&self, message: &Message, answer: &Answer, held: NanoUsd) -> Result<(), String> {
        let team = &self.oracle.teams[message.op.team()];
        let granted = match (&message.op, answer) {
            (Op::Admit(admit), Answer::Admit(Admission::Granted(granted))) => {
                Some((admit.limits, granted.granted_at))
            }
            (Op::Raise(raise), Answer::Raise(Raised::Granted)) if !message.applied => {
                team.kept(raise.id).and_then(|entry| match entry {
                    Entry::Open(open) if open.hold > held => Some((raise.limits, open.granted_at)),
                    _ => None,
                })
            }
            _ => None,
        };
        if let Some((limits, granted_at)) = granted {
            let limits = limits.with(team.word().as_ref());
            for window in Windows::at(granted_at).both() {
                let account = team.account(window);
                let limit = window.limit(&limits).amount();
                if account.spent.0 + account.reserved.0 > limit.0 {
                    return Err(format!("granted beyond the limit: {account:?} of {limit}"));
                }
            }
        }
        if let (Answer::Settle(settled), Some(request)) = (answer, message.request)
            && settled.found == Found::Void
            && !self.requests[request].reaper_records.is_empty()
            && !self.was_settled(self.requests[request].id)
        {
            return Err("the owner's settle of a reaped request came to nothing".to_owned());
        }
        for request in self.requests.iter().filter(|request| request.team == self.team_place(message)) {
            if let Some(Entry::Open(open)) = team.kept(request.id)
                && open.hold.0 > request.total
            {
                return Err(format!("{:?} holds {}, more than all its attempts", request.id, open.hold));
            }
        }
        Ok(())
    }

    /// A settle did something before: one that is sent again, after its marker is gone, does nothing.
    fn was_settled(&self, id: ReservationId) -> bool {
        self.steps.iter().any(|step| match (&step.op, &step.want) {
            (Op::Settle(settle), Answer::Settle(settled)) => settle.id == id && settled.found != Found::Void,
            _ => false,
        })
    }

    fn team_place(&self, message: &Message) -> usize {
        self.teams.iter().position(|team| team == message.op.team()).unwrap_or(0)
    }

    /// Everybody is back, every message arrives, every lease runs out.
    pub(super) fn end(&mut self) -> Result<(), String> {
        for replica in 0..REPLICAS {
            if self.replicas[replica].down {
                self.restart(replica);
            }
        }
        for _ in 0..LAST_ROUNDS {
            while !self.wire.is_empty() {
                self.deliver(0, false)?;
            }
            for place in 0..self.requests.len() {
                // Whose answer was lost gives up now: nothing is on its way any more.
                match self.requests[place].phase {
                    Phase::Admitting => self.give_up_reserve(place),
                    Phase::Raising => self.requests[place].phase = Phase::Recording,
                    _ => self.progress(place),
                }
            }
            for replica in 0..REPLICAS {
                for gone in std::mem::take(&mut self.replicas[replica].handed) {
                    self.record_interrupted(replica, &gone);
                }
            }
            if self.wire.is_empty() && !self.requests.iter().any(Request::is_live) {
                self.now += 61;
                for team in self.teams.clone() {
                    self.send(1, None, Op::Reap(Reap { team, limits: self.limits() }));
                }
            }
        }
        for team in self.teams.clone() {
            let (from, to, tag) = (Hour(0), Hour(u32::MAX), Some(World::tag()));
            self.ask(&Op::Usage { team, from, to, tag });
        }
        self.judge()
    }

    fn judge(&self) -> Result<(), String> {
        for (place, name) in self.teams.iter().enumerate() {
            let Some(team) = self.oracle.teams.get(name) else { continue };
            let mut audited = 0;
            for request in self.requests.iter().filter(|request| request.team == place) {
                audited += self.judge_request(request)?;
                if let Some(Entry::Open(_)) = team.kept(request.id) {
                    return Err(format!("{:?} is reserved for ever", request.id));
                }
            }
            let days = (START / 86_400 - 1)..=(self.now / 86_400 + 1);
            let day = |day| Window::Day(Day(u32::try_from(day).unwrap_or(0)));
            let (mut spent, mut reserved) = (0, 0);
            for account in days.map(|n| team.account(day(n))) {
                spent += account.spent.0;
                reserved += account.reserved.0;
            }
            let rows = team.usage(Hour(0), Hour(u32::MAX));
            let counted: i64 = rows.map(|(.., tally)| tally.get(&Counter::Cost)).sum();
            // By tag stands what owners recorded; what a reaper had to end has none.
            let tag = World::tag();
            let tagged = team.tagged(&tag, Hour(0), Hour(u32::MAX));
            let tagged: i64 = tagged.map(|(.., tally)| tally.get(&Counter::Cost)).sum();
            let of_team = self.requests.iter().filter(|request| request.team == place);
            let recorded = of_team.filter(|request| !self.tags(request).is_empty());
            let recorded: i64 = recorded.filter_map(|request| request.record).map(|(cost, _)| cost).sum();
            if tagged != recorded {
                return Err(format!("{name}: {tagged} counted by tag; the audit says {recorded}"));
            }
            if (spent, reserved, counted, team.pace(None).open) != (audited, 0, audited, 0) {
                let open = team.pace(None).open;
                return Err(format!(
                    "{name}: spent {spent}, reserved {reserved}, counted {counted}, open {open}; the audit says {audited}"
                ));
            }
        }
        Ok(())
    }

    /// What the audit says of one request, if that covers the true bill.
    fn judge_request(&self, request: &Request) -> Result<i64, String> {
        let audited = request.audited()?;
        let cost = audited.unwrap_or(0);
        if cost < request.bill {
            return Err(format!("{:?}: audited {audited:?}, the true bill is {}", request.id, request.bill));
        }
        if request.record.is_some() && request.seen && cost != request.bill {
            return Err(format!("{:?}: usage seen, yet {cost} for a bill of {}", request.id, request.bill));
        }
        Ok(cost)
    }
}
