//! What an operator sees of an upstream, read from what is published: no message, no waiting.

use std::sync::Arc;
use std::time::Duration;

use gateway_core::breaker::{Cause, Phase};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::ids::UpstreamName;

use super::Provider;
use crate::supervision::Vitals;

/// One upstream at this moment. Times are since the Unix epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub name: UpstreamName,
    pub state: State,
    pub since: Duration,
    /// What brought it into this state; none while it is closed.
    pub reason: Option<Fault>,
    /// When a probe may go, or the first of the cooling models is back.
    pub next_probe_at: Option<Duration>,
    pub consecutive_failures: u32,
    pub in_flight: u32,
    /// Failures by the breaker's measure ÷ calls, last minute.
    pub error_rate: f64,
    /// Of answers in the last minute, to the head for streams, to the end for JSON.
    pub latency: Option<Latency>,
    /// The last [`MOST_MOVES`] changes of state since the start, the oldest first.
    pub moves: Arc<Vec<Move>>,
    /// The actor's mailbox, restarts and last death.
    pub actor: Vitals,
}

/// Changes of state that are remembered of each upstream; older ones are in the log.
pub const MOST_MOVES: usize = 64;

/// One change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Since the Unix epoch.
    pub at: Duration,
    pub to: State,
    /// What brought it there; none where it became well.
    pub reason: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    pub p50: Duration,
    pub p95: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Closed,
    Open,
    /// The next call is a probe, or one is out.
    HalfOpen,
    /// At least one model is rate-limited; the others are served.
    Cooldown,
    Misconfigured,
}

impl State {
    /// The word that status and logs use.
    pub fn word(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open => "open",
            State::HalfOpen => "half_open",
            State::Cooldown => "cooldown",
            State::Misconfigured => "misconfigured",
        }
    }
}

impl Provider {
    /// The state of this upstream now.
    pub fn status(&self) -> Status {
        let gate = &self.shared.gate;
        let published = gate.published();
        let (now, unix) = (gate.clock.now(), gate.clock.unix());
        let cooling = published.cooldowns.soonest(now);
        let (state, next) = match published.breaker.phase() {
            Phase::Closed { .. } if cooling.is_some() => (State::Cooldown, cooling),
            Phase::Closed { .. } => (State::Closed, None),
            Phase::Open { until, cause: Cause::Misconfigured } => (State::Misconfigured, Some(until)),
            Phase::Open { until, .. } if now < until => (State::Open, Some(until)),
            Phase::Open { until, .. } => (State::HalfOpen, Some(until)),
            Phase::HalfOpen { cause: Cause::Misconfigured } => (State::Misconfigured, None),
            Phase::HalfOpen { .. } => (State::HalfOpen, None),
        };
        let reason = match state {
            State::Closed => None,
            State::Cooldown => Some(Fault::new(FaultClass::RateLimited { retry_after: None }, Some(429))),
            State::Open | State::HalfOpen | State::Misconfigured => published.reason.clone(),
        };
        Status {
            name: self.shared.name.clone(),
            state,
            since: published.since,
            reason,
            next_probe_at: next.map(|at| unix + at.saturating_duration_since(now)),
            consecutive_failures: published.breaker.consecutive_failures(),
            in_flight: gate.in_flight(),
            error_rate: published.error_rate,
            latency: published.latency,
            moves: Arc::clone(&published.moves),
            actor: self.shared.mailbox.vitals(),
        }
    }
}
