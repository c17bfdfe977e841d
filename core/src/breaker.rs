//! The circuit breaker as a pure machine: no clock, no dice, no IO. The time comes in as `now`, chance as
//! a number, and what happened as an [`Event`] under the [`Ticket`] that the call was admitted with.
//!
//! ```text
//! Closed ── failures, failure rate, misconfigured ──► Open ── cooldown over ──► HalfOpen (one probe)
//!    ▲                                                 ▲                            │
//!    └───────────────────── success ───────────────────┼────────────────────────────┤
//!                                                      └─ failure (longer), abandoned (at once)
//! ```
//!
//! Each change but that into `HalfOpen` begins a new epoch. A ticket of an older one is a late answer of a
//! call made before the change, and moves nothing.

use std::time::{Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Consecutive failures that open it; 0 counts as 1.
    pub failures: u32,
    /// The failure rate that opens it; `None` leaves consecutive failures alone to decide.
    pub rate: Option<Rate>,
    /// The first cooldown. It doubles with each opening that no success came between.
    pub cooldown: Duration,
    /// The longest cooldown, before jitter.
    pub longest: Duration,
}

/// A share of failed calls within a sliding window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Percent of calls, 1 to 100.
    pub percent: u32,
    /// With fewer calls in the window a rate says nothing.
    pub minimum_calls: u32,
    /// How far back calls count, in whole seconds, 60 at most.
    pub window: Duration,
}

impl Rule {
    /// Opens after `failures` in a row, or where half of at least 20 calls in 30 s failed; the cooldown
    /// grows to 8 × `cooldown`.
    pub fn new(failures: u32, cooldown: Duration) -> Rule {
        let rate = Rate { percent: 50, minimum_calls: 20, window: Duration::from_secs(30) };
        Rule { failures, rate: Some(rate), cooldown, longest: cooldown.saturating_mul(8) }
    }

    /// The cooldown after `trips` openings in a row, up to a tenth longer by `jitter` (any number), so
    /// that replicas do not probe in step.
    pub fn cooldown_after(&self, trips: u32, jitter: u64) -> Duration {
        let grown = self.cooldown.saturating_mul(1u32.checked_shl(trips).unwrap_or(u32::MAX));
        let base = grown.min(self.longest.max(self.cooldown));
        let tenth = base.as_nanos() / 10;
        let extra = (tenth * u128::from(jitter)) >> 64;
        base.saturating_add(Duration::from_nanos(u64::try_from(extra).unwrap_or(u64::MAX)))
    }
}

impl Default for Rule {
    /// 5 failures, 30 s.
    fn default() -> Rule {
        Rule::new(5, Duration::from_secs(30))
    }
}

/// The whole state of one upstream's breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Breaker {
    phase: Phase,
    epoch: u32,
    trips: u32,
    /// Failures since the last success, the probes' among them.
    row: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Calls pass; `failures` came in a row.
    Closed { failures: u32 },
    /// No call passes before `until`.
    Open { until: Instant, cause: Cause },
    /// One probe is out; no other call passes until it reports.
    HalfOpen { cause: Cause },
}

impl Default for Phase {
    fn default() -> Phase {
        Phase::Closed { failures: 0 }
    }
}

/// Why a breaker is not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Failures,
    /// Our credentials or address are wrong there; an operator has to mend it.
    Misconfigured,
}

/// What a call was admitted under; its report carries it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub epoch: u32,
}

/// How a call ended, as the breaker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The upstream answered, be it with a refusal that the caller earned.
    Succeeded,
    Failed,
    Misconfigured,
    /// The call ended before it could tell.
    Abandoned,
}

/// What an operator is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Opened(Cause),
    /// The probe failed: open again, for longer.
    Reopened(Cause),
    HalfOpened,
    Closed,
}

impl Breaker {
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The epoch that a ticket has to name to move anything.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Failures since the last success: those that opened it, and each failed probe.
    pub fn consecutive_failures(&self) -> u32 {
        self.row
    }

    /// Asks to make a call. `Err` says until when the answer stays no, `None` inside it that a probe is
    /// out and nobody knows.
    pub fn admit(self, now: Instant) -> (Breaker, Result<Ticket, Option<Instant>>) {
        let ticket = Ticket { epoch: self.epoch };
        match self.phase {
            Phase::Closed { .. } => (self, Ok(ticket)),
            Phase::Open { until, .. } if now < until => (self, Err(Some(until))),
            Phase::Open { cause, .. } => (Breaker { phase: Phase::HalfOpen { cause }, ..self }, Ok(ticket)),
            Phase::HalfOpen { .. } => (self, Err(None)),
        }
    }

    /// Takes in how a call ended.
    pub fn step(
        self,
        ticket: Ticket,
        event: Event,
        now: Instant,
        rule: &Rule,
        jitter: u64,
    ) -> (Breaker, Option<Change>) {
        if ticket.epoch != self.epoch {
            return (self, None);
        }
        let row = match event {
            Event::Failed => self.row.saturating_add(1),
            Event::Succeeded => 0,
            Event::Misconfigured | Event::Abandoned => self.row,
        };
        let (next, change) = self.moved(event, now, rule, jitter);
        (Breaker { row, ..next }, change)
    }

    fn moved(self, event: Event, now: Instant, rule: &Rule, jitter: u64) -> (Breaker, Option<Change>) {
        match (self.phase, event) {
            (Phase::Closed { failures }, Event::Failed) if failures.saturating_add(1) < rule.failures => {
                (Breaker { phase: Phase::Closed { failures: failures + 1 }, ..self }, None)
            }
            (Phase::Closed { .. }, Event::Failed) => self.open(Cause::Failures, now, rule, jitter),
            (Phase::Closed { .. }, Event::Misconfigured) => {
                self.open(Cause::Misconfigured, now, rule, jitter)
            }
            (Phase::Closed { .. }, Event::Succeeded) => (Breaker { phase: Phase::default(), ..self }, None),
            (Phase::HalfOpen { .. }, Event::Succeeded) => (
                Breaker { phase: Phase::default(), epoch: self.epoch.wrapping_add(1), trips: 0, row: 0 },
                Some(Change::Closed),
            ),
            (Phase::HalfOpen { .. }, Event::Failed) => self.open(Cause::Failures, now, rule, jitter),
            (Phase::HalfOpen { .. }, Event::Misconfigured) => {
                self.open(Cause::Misconfigured, now, rule, jitter)
            }
            (Phase::HalfOpen { .. }, Event::Abandoned) => (self.released(now), None),
            (Phase::Closed { .. }, Event::Abandoned) | (Phase::Open { .. }, _) => (self, None),
        }
    }

    /// Takes in the calls of the rule's window, of which `failed` failed. Count only calls made since
    /// the last [`Change::Closed`], or the failures that opened it would open it again.
    pub fn judge(
        self,
        calls: u64,
        failed: u64,
        now: Instant,
        rule: &Rule,
        jitter: u64,
    ) -> (Breaker, Option<Change>) {
        let over = rule.rate.is_some_and(|rate| {
            failed > 0
                && calls >= u64::from(rate.minimum_calls)
                && failed.saturating_mul(100) >= calls.saturating_mul(u64::from(rate.percent))
        });
        match self.phase {
            Phase::Closed { .. } if over => self.open(Cause::Failures, now, rule, jitter),
            _ => (self, None),
        }
    }

    /// The state to go on with after a restart: whether a probe that was out then is still alive can't be
    /// known, so its answer is void and another may go at once.
    pub fn resumed(self, now: Instant) -> Breaker {
        match self.phase {
            Phase::HalfOpen { .. } => self.released(now),
            Phase::Open { .. } => Breaker { epoch: self.epoch.wrapping_add(1), ..self },
            Phase::Closed { .. } => self,
        }
    }

    fn released(self, now: Instant) -> Breaker {
        match self.phase {
            Phase::HalfOpen { cause } => Breaker {
                row: self.row,
                phase: Phase::Open { until: now, cause },
                epoch: self.epoch.wrapping_add(1),
                trips: self.trips,
            },
            Phase::Closed { .. } | Phase::Open { .. } => self,
        }
    }

    fn open(self, cause: Cause, now: Instant, rule: &Rule, jitter: u64) -> (Breaker, Option<Change>) {
        let change = match self.phase {
            Phase::HalfOpen { .. } => Change::Reopened(cause),
            Phase::Closed { .. } | Phase::Open { .. } => Change::Opened(cause),
        };
        let until = now + rule.cooldown_after(self.trips, jitter);
        let next = Breaker {
            row: self.row,
            phase: Phase::Open { until, cause },
            epoch: self.epoch.wrapping_add(1),
            trips: self.trips.saturating_add(1),
        };
        (next, Some(change))
    }
}

#[cfg(test)]
mod tests;
