//! The actor of one upstream: it owns breaker, cooldowns and the window of the last minute, hears what
//! went wrong, and publishes what it decides to the gate. It never calls the upstream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use gateway_core::breaker::{Cause, Change, Event, Phase, Rule};
use gateway_core::dice::Dice;
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::ids::UpstreamName;

use super::gate::{Gate, Published};
use super::messages::{Drain, Ending, Report};
use super::window::{Tally, Window, percentile};
use super::{Latency, MOST_MOVES, Move, State};
use crate::supervision::Counted;

/// How often tallies are read. A failure rate is judged, and status refreshed, as often.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// What an actor needs to begin, or to go on after another died.
#[derive(Clone)]
pub(super) struct Post {
    pub name: UpstreamName,
    pub rule: Rule,
    pub gate: Arc<Gate>,
    pub dice: Arc<dyn Dice>,
}

pub(super) struct ProviderActor {
    post: Post,
    decided: Published,
    window: Window,
    seen: Tally,
    last_failure: Option<Fault>,
}

impl ProviderActor {
    /// Goes on with what the gate has published; a probe that was out is written off.
    pub(super) fn resume(post: Post) -> ProviderActor {
        let gate = &post.gate;
        let now = gate.clock.now();
        let mut decided = Published::clone(&gate.published());
        decided.breaker = decided.breaker.resumed(now);
        // First the slot, then the new epoch: a call that takes the slot in between holds the old epoch,
        // so no second probe can pass until it has reported.
        gate.forget_probe();
        gate.publish(decided.clone(), now);
        let (window, seen) = (Window::new(now), gate.tally());
        ProviderActor { decided, window, seen, last_failure: None, post }
    }

    fn hear(&mut self, report: &Report, now: Instant) {
        self.notice_probe(now);
        let event = match &report.ending {
            Ending::Answered => Event::Succeeded,
            Ending::Abandoned => Event::Abandoned,
            Ending::Faulted(fault) => self.weigh(fault, report, now),
        };
        let (rule, roll) = (&self.post.rule, self.post.dice.roll());
        let (breaker, change) = self.decided.breaker.step(report.ticket, event, now, rule, roll);
        self.decided.breaker = breaker;
        if let Some(change) = change {
            self.announce(change, now);
        }
        self.publish(now);
    }

    fn weigh(&mut self, fault: &Fault, report: &Report, now: Instant) -> Event {
        match fault.class {
            FaultClass::RateLimited { retry_after } => {
                self.cool(fault, report, retry_after, now);
                // The upstream is well enough to say no: as a probe that is a success.
                if report.probe { Event::Succeeded } else { Event::Abandoned }
            }
            FaultClass::Misconfigured => {
                self.last_failure = Some(fault.clone());
                Event::Misconfigured
            }
            _ if fault.is_failure() => {
                self.last_failure = Some(fault.clone());
                Event::Failed
            }
            _ => Event::Succeeded,
        }
    }

    fn cool(&mut self, fault: &Fault, report: &Report, retry_after: Option<Duration>, now: Instant) {
        let began = self.decided.cooldowns.latest(now).is_none();
        let until = self.decided.cooldowns.limit(&report.model, retry_after, now);
        if began && matches!(self.decided.breaker.phase(), Phase::Closed { .. }) {
            self.decided.since = self.post.gate.clock.unix();
            self.decided.reason = Some(fault.clone());
            self.decided.remember(State::Cooldown);
            let wait_ms = (until - now).as_millis() as u64;
            log::warn!(upstream:% = self.post.name, model:% = report.model, wait_ms; "rate-limited: cooling down");
        }
    }

    /// The gate let a probe pass: the breaker is half-open now.
    fn notice_probe(&mut self, now: Instant) {
        if self.post.gate.probe() == Some(self.decided.breaker.epoch())
            && let Phase::Open { until, .. } = self.decided.breaker.phase()
        {
            // The gate saw a time at or past `until`, even if this thread's reading is a hair older.
            self.decided.breaker = self.decided.breaker.admit(now.max(until)).0;
            self.announce(Change::HalfOpened, now);
            self.publish(now);
        }
    }

    fn tick(&mut self) {
        let now = self.post.gate.clock.now();
        self.notice_probe(now);
        let tally = self.post.gate.tally();
        let fresh = tally.since(&self.seen);
        self.seen = tally;
        self.window.add(&fresh, now);
        self.judge(now);
        let minute = self.window.sum(now);
        let calls = minute.answered + minute.failed;
        self.post.gate.earn_retries(fresh.answered + fresh.failed, calls);
        self.refresh(&minute, now);
    }

    fn judge(&mut self, now: Instant) {
        let Some(rate) = self.post.rule.rate else { return };
        let start = now.checked_sub(rate.window).unwrap_or(self.decided.closed_at);
        let (calls, failed) = self.window.outcomes(start.max(self.decided.closed_at), now);
        let (rule, roll) = (&self.post.rule, self.post.dice.roll());
        let (breaker, change) = self.decided.breaker.judge(calls, failed, now, rule, roll);
        if let Some(change) = change {
            self.decided.breaker = breaker;
            self.announce(change, now);
            self.publish(now);
        }
    }

    /// Publishes what status shows, where it moved.
    fn refresh(&mut self, minute: &Tally, now: Instant) {
        let calls = minute.answered + minute.failed;
        let error_rate = if calls == 0 { 0.0 } else { minute.failed as f64 / calls as f64 };
        let latency = match (percentile(&minute.latencies, 50), percentile(&minute.latencies, 95)) {
            (Some(p50), Some(p95)) => Some(Latency { p50, p95 }),
            _ => None,
        };
        let cooled = self.decided.cooldown_is_over(now);
        if cooled || error_rate != self.decided.error_rate || latency != self.decided.latency {
            self.decided.error_rate = error_rate;
            self.decided.latency = latency;
            if cooled {
                self.decided.since = self.post.gate.clock.unix();
                self.decided.reason = None;
                self.decided.remember(State::Closed);
                log::info!(upstream:% = self.post.name; "no longer rate-limited");
            }
            self.publish(now);
        }
    }

    fn publish(&self, now: Instant) {
        self.post.gate.publish(self.decided.clone(), now);
    }

    fn announce(&mut self, change: Change, now: Instant) {
        let upstream = &self.post.name;
        let reason = self.last_failure.as_ref().map_or("", Fault::word);
        let status = self.last_failure.as_ref().and_then(|fault| fault.status);
        self.decided.since = self.post.gate.clock.unix();
        match change {
            Change::Opened(Cause::Failures) => {
                log::warn!(upstream:%, reason, status; "breaker opened");
            }
            Change::Opened(Cause::Misconfigured) => {
                log::error!(upstream:%, reason, status; "upstream refuses our credentials or address: mend its key and base URL");
            }
            Change::Reopened(_) => {
                log::warn!(upstream:%, reason, status; "the probe failed: breaker open again")
            }
            Change::HalfOpened => log::info!(upstream:%; "breaker half-open: one probe is out"),
            Change::Closed => {
                log::info!(upstream:%; "breaker closed");
                self.decided.closed_at = now;
                self.last_failure = None;
            }
        }
        if change != Change::HalfOpened {
            self.decided.reason = self.last_failure.clone();
        }
        self.decided.remember(match change {
            Change::Opened(Cause::Failures) | Change::Reopened(Cause::Failures) => State::Open,
            Change::Opened(Cause::Misconfigured) | Change::Reopened(Cause::Misconfigured) => {
                State::Misconfigured
            }
            Change::HalfOpened => State::HalfOpen,
            Change::Closed => State::Closed,
        });
    }
}

impl Published {
    /// Keeps what `since` and `reason` say now as the last change of state.
    fn remember(&mut self, to: State) {
        let moves = Arc::make_mut(&mut self.moves);
        if moves.len() >= MOST_MOVES {
            moves.remove(0);
        }
        moves.push(Move { at: self.since, to, reason: self.reason.clone() });
    }

    /// Whether a cooldown is shown that is over.
    fn cooldown_is_over(&self, now: Instant) -> bool {
        let shown = matches!(self.reason, Some(Fault { class: FaultClass::RateLimited { .. }, .. }));
        shown && matches!(self.breaker.phase(), Phase::Closed { .. }) && self.cooldowns.latest(now).is_none()
    }
}

impl Actor for ProviderActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TICK, |actor, _| actor.tick());
    }
}

impl Handler<Counted<Report>> for ProviderActor {
    type Result = ();

    fn handle(&mut self, report: Counted<Report>, _: &mut Self::Context) {
        let report = report.open();
        let now = self.post.gate.clock.now();
        self.hear(&report, now);
        if report.probe {
            self.post.gate.free_probe(report.ticket.epoch);
        }
        drop(report.place);
    }
}

impl Handler<Counted<Drain>> for ProviderActor {
    type Result = ();

    fn handle(&mut self, drain: Counted<Drain>, ctx: &mut Self::Context) {
        drain.open();
        ctx.stop();
    }
}
