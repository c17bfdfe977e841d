//! The rule of the books: `step(books, question, now) -> (books, answer)`. Both stores must answer as it
//! does; it is their oracle.
//!
//! An id's life is `open → closed`, or `open → reaped → closed`. Messages may be late, repeated, or lost
//! after they were applied, so that each verb says what it does with an id in each state:
//!
//! | found | admit | raise | renew | announce | settle | reap |
//! |---|---|---|---|---|---|---|
//! | open | granted again | to the new total, if it fits | lease | lease, the larger total | closed, cost for hold | after its lease: reaped, hold charged |
//! | reaped | void | void | gone | gone | closed, cost for the reaper's charge | handed out until recorded |
//! | closed | void | void | gone | gone | nothing | |
//! | unknown | opened, if it fits; else it stays unknown | void | gone | opened | closed, cost charged | |
//! | unknown and old | void | void | gone | gone | nothing | |

use super::answer::{Admission, Answer, Interrupted, Lease, Raised, Reaped as ReapAnswer, Settled};
use super::op::{Admit, Announce, LEASE, MESSAGE_LIFE, Op, REAP_BATCH, Raise, Reap, ReservationId, Settle};
use super::tally::{Counter, Route, Tally, UsageRow};
use super::team::{Entry, Open, Reaped, Team, settled_until};
use super::window::{Hour, StoreTime, Windows};
use super::{admission, alert, answer::Found, status};
use crate::ids::{TagName, TagValue};
use crate::money::NanoUsd;

/// Which rules hold. Tests take one away to see that it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// A closed id stays as a marker.
    pub marker: bool,
    /// An unknown id older than any message is void.
    pub old_is_void: bool,
    /// A settle of an unknown id is charged.
    pub unknown_is_charged: bool,
    /// A settle replaces what the reaper charged.
    pub reaped_is_replaced: bool,
    /// What is reaped is handed out until it is recorded.
    pub handed_until_recorded: bool,
    /// A raise names the total.
    pub raise_to_total: bool,
    /// A renewal finds an open reservation or does nothing.
    pub renew_never_creates: bool,
    /// Only an open id can be raised.
    pub raise_only_open: bool,
    /// A raise has to fit, as an admit has.
    pub raise_has_to_fit: bool,
    /// What was served without the store is charged however late it is, and remembered as long.
    pub unreserved_is_kept: bool,
}

impl Rules {
    pub const ALL: Rules = Rules {
        marker: true,
        old_is_void: true,
        unknown_is_charged: true,
        reaped_is_replaced: true,
        handed_until_recorded: true,
        raise_to_total: true,
        renew_never_creates: true,
        raise_only_open: true,
        raise_has_to_fit: true,
        unreserved_is_kept: true,
    };
}

/// Answers one question and moves the books. `op` is [`Op::checked`], and is of this team.
pub fn step(team: Team, op: &Op, now: StoreTime) -> (Team, Answer) {
    step_by(Rules::ALL, team, op, now)
}

pub(super) fn step_by(rules: Rules, mut team: Team, op: &Op, now: StoreTime) -> (Team, Answer) {
    team.purge(now);
    let mut books = Books { team: &mut team, rules, now };
    let answer = match op {
        Op::Admit(admit) => Answer::Admit(books.admit(admit)),
        Op::Raise(raise) => Answer::Raise(books.raise(raise)),
        Op::Renew { ids, .. } => Answer::Renew(ids.iter().map(|id| books.renew(*id)).collect()),
        Op::Announce(announce) => Answer::Announce(books.announce(announce)),
        Op::Settle(settle) => Answer::Settle(books.settle(settle)),
        Op::Reap(reap) => Answer::Reap(books.reap(reap)),
        Op::Recorded { ids, .. } => {
            ids.iter().for_each(|id| books.recorded(*id));
            Answer::Recorded
        }
        Op::Override { limits, word, .. } => {
            books.team.set_word(*word);
            alert::lower(books.team, &limits.with(word.as_ref()), now);
            Answer::Override(Box::new(status::read(books.team, limits, None, now)))
        }
        Op::Status { limits, key, .. } => {
            Answer::Status(Box::new(status::read(books.team, limits, key.as_ref(), now)))
        }
        Op::Usage { from, to, tag, .. } => Answer::Usage(books.usage(*from, *to, tag.as_ref())),
    };
    (team, answer)
}

struct Books<'a> {
    team: &'a mut Team,
    rules: Rules,
    now: StoreTime,
}

impl Books<'_> {
    fn admit(&mut self, admit: &Admit) -> Admission {
        let limits = admit.limits.with(self.team.word.as_ref());
        let granted_at = match self.team.entry(admit.id, self.now) {
            Some(Entry::Open(open)) => open.granted_at,
            Some(Entry::Reaped(_) | Entry::Closed { .. }) => return Admission::Void,
            None if self.is_void(admit.id) => return Admission::Void,
            None => {
                if let Err(refusal) = admission::enter(self.team, admit, &limits, self.now) {
                    if refusal != Admission::Tighten {
                        self.count_refused(admit);
                    }
                    return refusal;
                }
                let open = Open {
                    hold: admit.bound,
                    tokens: admit.tokens,
                    key: admit.key.clone(),
                    route: admit.route.clone(),
                    granted_at: self.now,
                    lease_until: self.now.plus(LEASE),
                };
                self.team.put(admit.id, Entry::Open(Box::new(open)));
                self.now
            }
        };
        Admission::Granted(admission::granted(self.team, admit, &limits, granted_at, self.now))
    }

    fn count_refused(&mut self, admit: &Admit) {
        let refused = Tally::default().with(Counter::Refused, 1);
        let hour = admit.id.made_at().hour();
        self.team.count(hour, &admit.route, &refused);
        self.team.count_tagged(hour, &admit.tags, &admit.route, &refused);
    }

    fn raise(&mut self, raise: &Raise) -> Raised {
        let found = self.team.entry(raise.id, self.now);
        let mut open = match (found, self.rules.raise_only_open) {
            (Some(Entry::Open(open)), _) => open.clone(),
            (Some(Entry::Reaped(reaped)), false) => Box::new(reaped.reopened()),
            _ => return Raised::Void,
        };
        let total = if self.rules.raise_to_total {
            open.hold.max(raise.total)
        } else {
            open.hold.saturating_add(raise.total)
        };
        let more = NanoUsd(total.0.saturating_sub(open.hold.0));
        let limits = raise.limits.with(self.team.word.as_ref());
        if more > NanoUsd::ZERO
            && self.rules.raise_has_to_fit
            && let Err(refused) = admission::fits(self.team, Windows::at(open.granted_at), &limits, more)
        {
            return Raised::Refused(refused);
        }
        open.hold = total;
        self.team.put(raise.id, Entry::Open(open));
        Raised::Granted
    }

    fn renew(&mut self, id: ReservationId) -> Lease {
        let mut open = match self.team.entry(id, self.now) {
            Some(Entry::Open(open)) => open.clone(),
            Some(Entry::Reaped(reaped)) if !self.rules.renew_never_creates => Box::new(reaped.reopened()),
            _ => return Lease::Gone,
        };
        open.lease_until = self.now.plus(LEASE);
        self.team.put(id, Entry::Open(open));
        Lease::Open
    }

    fn announce(&mut self, announce: &Announce) -> Lease {
        let hold = match self.team.entry(announce.id, self.now) {
            Some(Entry::Open(open)) => open.hold.max(announce.total),
            None if !self.is_void(announce.id) => announce.total,
            _ => return Lease::Gone,
        };
        let open = match self.team.entry(announce.id, self.now) {
            Some(Entry::Open(open)) => Open { hold, lease_until: self.now.plus(LEASE), ..Open::clone(open) },
            _ => Open {
                hold,
                tokens: announce.tokens,
                key: announce.key.clone(),
                route: announce.route.clone(),
                granted_at: announce.granted_at,
                lease_until: self.now.plus(LEASE),
            },
        };
        self.team.put(announce.id, Entry::Open(Box::new(open)));
        Lease::Open
    }

    fn settle(&mut self, settle: &Settle) -> Settled {
        let entry = self.team.entry(settle.id, self.now).cloned();
        let (found, windows) = match &entry {
            Some(Entry::Open(open)) => (Found::Open { hold: open.hold }, Windows::at(open.granted_at)),
            Some(Entry::Reaped(reaped)) if self.rules.reaped_is_replaced => {
                (Found::Reaped { charge: reaped.charge }, Windows::at(reaped.granted_at))
            }
            Some(Entry::Reaped(reaped)) => return Settled::nothing(Found::Closed, reaped.charge),
            Some(Entry::Closed { charge, .. }) => return Settled::nothing(Found::Closed, *charge),
            None if self.may_charge(settle) => (Found::Unknown, Windows::at(settle.id.made_at())),
            None => return Settled::nothing(Found::Void, NanoUsd::ZERO),
        };
        let limits = settle.limits.with(self.team.word.as_ref());
        match entry {
            Some(Entry::Open(open)) => admission::correct(self.team, &open, settle, &limits, self.now),
            Some(Entry::Reaped(reaped)) => self.uncharge(settle.id, &reaped),
            _ => {}
        }
        self.team.charge(windows, settle.cost.0);
        let hour = settle.id.made_at().hour();
        for (route, tally) in &settle.usage {
            self.team.count(hour, route, tally);
            self.team.count_tagged(hour, &settle.tags, route, tally);
        }
        self.close(settle);
        Settled { found, charged: settle.cost, alerts: alert::crossed(self.team, windows, &limits) }
    }

    fn close(&mut self, settle: &Settle) {
        let mut keep_until = self.now.max(settle.id.made_at()).plus(MESSAGE_LIFE);
        if settle.unreserved && self.rules.unreserved_is_kept {
            let windows = Windows::at(settle.id.made_at());
            keep_until = keep_until.max(settled_until(windows, settle.id));
        }
        if self.rules.marker {
            self.team.put(settle.id, Entry::Closed { charge: settle.cost, keep_until });
        } else {
            self.team.forget(settle.id);
        }
    }

    /// Takes back what the reaper charged and counted.
    fn uncharge(&mut self, id: ReservationId, reaped: &Reaped) {
        self.team.charge(Windows::at(reaped.granted_at), -reaped.charge.0);
        self.team.count(id.made_at().hour(), &reaped.route, &interrupted(reaped.charge, -1));
    }

    fn reap(&mut self, reap: &Reap) -> ReapAnswer {
        self.team.sweep(self.now);
        for id in self.team.overlong(self.now, REAP_BATCH) {
            self.renew(id);
        }
        let limits = reap.limits.with(self.team.word.as_ref());
        let mut alerts = Vec::new();
        for id in self.team.expired(self.now, REAP_BATCH) {
            let Some(Entry::Open(open)) = self.team.entry(id, self.now).cloned() else { continue };
            let windows = Windows::at(open.granted_at);
            self.team.charge(windows, open.hold.0);
            self.team.count(id.made_at().hour(), &open.route, &interrupted(open.hold, 1));
            self.team.put(id, Entry::Reaped(Box::new(Reaped::of(*open, id))));
            alerts.extend(alert::crossed(self.team, windows, &limits));
        }
        let unrecorded = self.team.unrecorded(REAP_BATCH);
        if !self.rules.handed_until_recorded {
            unrecorded.iter().for_each(|(id, _)| self.recorded(*id));
        }
        let interrupted = unrecorded.into_iter().map(|(id, reaped)| reaped.into_answer(id)).collect();
        ReapAnswer { interrupted, alerts }
    }

    fn recorded(&mut self, id: ReservationId) {
        if let Some(Entry::Reaped(reaped)) = self.team.entry(id, self.now).cloned()
            && !reaped.recorded
        {
            self.team.put(id, Entry::Reaped(Box::new(Reaped { recorded: true, ..*reaped })));
        }
    }

    /// First all, hour by hour, then by the tag's values.
    fn usage(&self, from: Hour, to: Hour, tag: Option<&TagName>) -> Vec<UsageRow> {
        let row = |hour, route: &Route, value: Option<&TagValue>, tally: &Tally| UsageRow {
            hour,
            route: route.clone(),
            value: value.cloned(),
            tally: tally.clone(),
        };
        let all = self.team.usage(from, to).map(|(hour, route, tally)| row(hour, route, None, tally));
        let tagged = tag.into_iter().flat_map(|tag| self.team.tagged(tag, from, to));
        let tagged = tagged.map(|(hour, value, route, tally)| row(hour, route, Some(value), tally));
        all.chain(tagged).filter(|row| !row.tally.is_empty()).collect()
    }

    /// An id that is older than any message can be, or that only a wrong clock can have made.
    fn is_void(&self, id: ReservationId) -> bool {
        let made = id.made_at();
        let old = self.rules.old_is_void && made.plus(MESSAGE_LIFE) < self.now;
        old || made > self.now.plus(MESSAGE_LIFE)
    }

    /// Whether the settle of an unknown id is charged.
    fn may_charge(&self, settle: &Settle) -> bool {
        let made = settle.id.made_at();
        let late = settle.unreserved
            && self.rules.unreserved_is_kept
            && made <= self.now.plus(MESSAGE_LIFE)
            && self.now < settled_until(Windows::at(made), settle.id);
        self.rules.unknown_is_charged && (late || !self.is_void(settle.id))
    }
}

/// What the reaper counts for a request that nobody ended, times `sign`.
fn interrupted(charge: NanoUsd, sign: i64) -> Tally {
    let ended = Tally::default().with(Counter::Requests, sign).with(Counter::Errors, sign);
    ended.with(Counter::Cost, charge.0.saturating_mul(sign))
}

impl Settled {
    fn nothing(found: Found, charged: NanoUsd) -> Settled {
        Settled { found, charged, alerts: Vec::new() }
    }
}

impl Reaped {
    fn of(open: Open, id: ReservationId) -> Reaped {
        let keep_until = settled_until(Windows::at(open.granted_at), id);
        let Open { hold: charge, key, route, granted_at, .. } = open;
        Reaped { charge, key, route, granted_at, recorded: false, keep_until }
    }

    /// For a test that takes a rule away.
    fn reopened(&self) -> Open {
        let Reaped { charge: hold, key, route, granted_at, .. } = self.clone();
        Open { hold, tokens: 0, key, route, granted_at, lease_until: granted_at }
    }

    fn into_answer(self, id: ReservationId) -> Interrupted {
        let Reaped { charge, key, route, granted_at, .. } = self;
        Interrupted { id, key, route, granted_at, charge }
    }
}
