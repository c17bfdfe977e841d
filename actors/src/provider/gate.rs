//! The gate of one upstream: atomics that all workers share. It lets calls pass or not by what the actor
//! last published, and counts; it decides nothing that lasts. In the good case a call costs a few atomic
//! operations here, no clock, no lock, no allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use gateway_core::breaker::{Breaker, Cause, Phase, Ticket};
use gateway_core::clock::Clock;
use gateway_core::cooldown::Cooldowns;
use gateway_core::fault::Fault;
use gateway_core::ids::ModelName;

use super::window::{BUCKETS, Tally, bucket_of};

/// A retry costs 50 units, a call brings 10: retries stay at 20 % of calls.
const UNITS_PER_RETRY: u32 = 50;
const UNITS_PER_CALL: u64 = 10;
/// The floor: a quiet upstream gets ten retries at once, and one a second after that.
const UNITS_PER_TICK: u64 = 5;
const UNITS_AT_REST: u64 = 500;
/// However many calls the last minute had, no more than 2,000 retries are saved up.
const MOST_UNITS: u64 = 100_000;

/// Why a call may not be made now. `until` is when it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The breaker is open, or half-open with its probe out.
    Open { until: Instant },
    /// The upstream asked us to leave this model alone.
    CoolingDown { until: Instant },
    /// Our credentials or address are wrong there.
    Misconfigured { until: Instant },
    /// As many calls as allowed are in flight.
    Full,
    /// The gateway is leaving.
    Stopping,
}

/// What the actor decided, for the slow paths and for status. It is also what a new actor goes on with
/// when the old one panicked.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub breaker: Breaker,
    pub cooldowns: Cooldowns,
    /// Unix time of the last change of state.
    pub since: Duration,
    pub reason: Option<Fault>,
    /// When the breaker last closed; calls before it say nothing about its failure rate.
    pub closed_at: Instant,
    pub error_rate: f64,
    pub latency: Option<super::Latency>,
    /// The last changes of state, the oldest first.
    pub moves: Arc<Vec<super::Move>>,
}

pub(super) struct Gate {
    rules: Rules,
    flow: Flow,
    pub(super) clock: Arc<dyn Clock>,
    base: Instant,
    cap: u32,
}

/// Written by the actor, read by every call.
#[repr(align(128))]
struct Rules {
    /// The breaker in one word: epoch above, [`Pass`] below.
    word: AtomicU64,
    /// Nanoseconds since `base`; holds while the word says [`Pass::Open`].
    until: AtomicU64,
    /// When the last cooling model is back, in nanoseconds since `base`; 0: none cools.
    cooling_until: AtomicU64,
    stopping: AtomicBool,
    published: ArcSwap<Published>,
}

/// Written by every call. On cache lines of its own, so that the rules stay readable.
#[repr(align(128))]
struct Flow {
    in_flight: AtomicU32,
    /// 0, or 1 + the epoch that a probe is out under.
    probe: AtomicU64,
    retry_units: AtomicU32,
    answered: AtomicU64,
    failed: AtomicU64,
    latencies: [AtomicU32; BUCKETS],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// A success is no news.
    Clean = 0,
    /// Closed, with failures counted: a success is news.
    Counting = 1,
    /// Open, or half-open: a probe may pass once `until` is over.
    Open = 2,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Word {
    epoch: u32,
    pass: Pass,
}

impl Word {
    fn of(breaker: &Breaker) -> Word {
        let pass = match breaker.phase() {
            Phase::Closed { failures: 0 } => Pass::Clean,
            Phase::Closed { .. } => Pass::Counting,
            Phase::Open { .. } | Phase::HalfOpen { .. } => Pass::Open,
        };
        Word { epoch: breaker.epoch(), pass }
    }

    fn pack(self) -> u64 {
        u64::from(self.epoch) << 8 | self.pass as u64
    }

    fn unpack(word: u64) -> Word {
        let pass = match word & 0xff {
            0 => Pass::Clean,
            1 => Pass::Counting,
            _ => Pass::Open,
        };
        Word { epoch: (word >> 8) as u32, pass }
    }
}

/// Leave to make one call.
pub(super) struct Admission {
    pub ticket: Ticket,
    pub probe: bool,
}

impl Gate {
    pub(super) fn new(cap: u32, clock: Arc<dyn Clock>) -> Gate {
        let base = clock.now();
        let published = Published {
            breaker: Breaker::default(),
            cooldowns: Cooldowns::default(),
            since: clock.unix(),
            reason: None,
            closed_at: base,
            error_rate: 0.0,
            latency: None,
            moves: Arc::default(),
        };
        let rules = Rules {
            word: AtomicU64::new(Word::of(&published.breaker).pack()),
            until: AtomicU64::new(0),
            cooling_until: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            published: ArcSwap::from_pointee(published),
        };
        let flow = Flow {
            in_flight: AtomicU32::new(0),
            probe: AtomicU64::new(0),
            retry_units: AtomicU32::new(UNITS_AT_REST as u32),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latencies: [const { AtomicU32::new(0) }; BUCKETS],
        };
        Gate { rules, flow, clock, base, cap }
    }

    /// Asks for leave to call `model`. Whoever gets it must give the place back by [`Gate::leave`].
    pub(super) fn enter(&self, model: &ModelName) -> Result<Admission, Refusal> {
        if self.rules.stopping.load(Ordering::Acquire) {
            return Err(Refusal::Stopping);
        }
        self.check_cooldown(model)?;
        let word = Word::unpack(self.rules.word.load(Ordering::Acquire));
        let closed = word.pass != Pass::Open;
        if !closed {
            self.check_until(word)?;
        }
        self.take_place()?;
        if closed {
            return Ok(Admission { ticket: Ticket { epoch: word.epoch }, probe: false });
        }
        self.take_probe(word).inspect_err(|_| self.leave())
    }

    fn check_cooldown(&self, model: &ModelName) -> Result<(), Refusal> {
        let cooling_until = self.rules.cooling_until.load(Ordering::Acquire);
        if cooling_until == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        if self.nanos(now) >= cooling_until {
            return Ok(());
        }
        match self.rules.published.load().cooldowns.until(model, now) {
            Some(until) => Err(Refusal::CoolingDown { until }),
            None => Ok(()),
        }
    }

    fn check_until(&self, word: Word) -> Result<(), Refusal> {
        let until = self.rules.until.load(Ordering::Acquire);
        if self.nanos(self.clock.now()) < until || self.flow.probe.load(Ordering::Acquire) != 0 {
            return Err(self.closed_door(word));
        }
        Ok(())
    }

    /// The refusal while open, by what is published: who asks again after `until` finds a probe's answer.
    fn closed_door(&self, word: Word) -> Refusal {
        let published = self.rules.published.load();
        let until = self.base + Duration::from_nanos(self.rules.until.load(Ordering::Acquire));
        match published.breaker.phase() {
            Phase::Open { cause: Cause::Misconfigured, .. }
            | Phase::HalfOpen { cause: Cause::Misconfigured }
                if published.breaker.epoch() == word.epoch =>
            {
                Refusal::Misconfigured { until }
            }
            _ => Refusal::Open { until },
        }
    }

    fn take_place(&self) -> Result<(), Refusal> {
        // Compare-and-swap, not add-and-look: the count never passes the cap, not even for a moment.
        self.flow
            .in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| (n < self.cap).then_some(n + 1))
            .map(|_| ())
            .map_err(|_| Refusal::Full)
    }

    fn take_probe(&self, word: Word) -> Result<Admission, Refusal> {
        let mine = 1 + u64::from(word.epoch);
        if self.flow.probe.compare_exchange(0, mine, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Err(self.closed_door(word));
        }
        // The actor publishes before it frees the slot. So where the word is still the one that we read,
        // no other probe of this epoch has reported in between.
        if self.rules.word.load(Ordering::Acquire) != word.pack() {
            self.free_probe(word.epoch);
            return Err(self.closed_door(word));
        }
        Ok(Admission { ticket: Ticket { epoch: word.epoch }, probe: true })
    }

    /// Gives a place in flight back.
    pub(super) fn leave(&self) {
        self.flow.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Frees the probe slot, if the probe of `epoch` holds it.
    pub(super) fn free_probe(&self, epoch: u32) {
        // Another's hold stays: then this probe was already written off by a restart.
        let mine = 1 + u64::from(epoch);
        self.flow.probe.compare_exchange(mine, 0, Ordering::AcqRel, Ordering::Relaxed).ok();
    }

    /// The epoch of the probe that is out.
    pub(super) fn probe(&self) -> Option<u32> {
        self.flow.probe.load(Ordering::Acquire).checked_sub(1).map(|epoch| epoch as u32)
    }

    /// Frees the slot whoever holds it; for a restarted actor.
    pub(super) fn forget_probe(&self) {
        self.flow.probe.store(0, Ordering::Release);
    }

    /// Whether the actor has to hear of a success.
    pub(super) fn success_is_news(&self) -> bool {
        Word::unpack(self.rules.word.load(Ordering::Acquire)).pass != Pass::Clean
    }

    pub(super) fn count_answered(&self) {
        self.flow.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_failed(&self) {
        self.flow.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_latency(&self, latency: Duration) {
        if let Some(bucket) = self.flow.latencies.get(bucket_of(latency)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All counts since the gate was made.
    pub(super) fn tally(&self) -> Tally {
        let mut latencies = [0; BUCKETS];
        for (copy, bucket) in latencies.iter_mut().zip(&self.flow.latencies) {
            *copy = bucket.load(Ordering::Relaxed);
        }
        Tally {
            answered: self.flow.answered.load(Ordering::Relaxed),
            failed: self.flow.failed.load(Ordering::Relaxed),
            latencies,
        }
    }

    /// Takes one retry from the budget, if it has one.
    pub(super) fn take_retry(&self) -> bool {
        self.flow
            .retry_units
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |units| units.checked_sub(UNITS_PER_RETRY))
            .is_ok()
    }

    /// One tick's income of the retry budget: `calls` since the last tick, `lately` in the last minute.
    pub(super) fn earn_retries(&self, calls: u64, lately: u64) {
        let earned = calls.saturating_mul(UNITS_PER_CALL).saturating_add(UNITS_PER_TICK);
        let most = UNITS_AT_REST.saturating_add(lately.saturating_mul(UNITS_PER_CALL)).min(MOST_UNITS);
        let add = |units: u32| Some(u64::from(units).saturating_add(earned).min(most) as u32);
        // `add` always has an answer, so the update always happens.
        self.flow.retry_units.fetch_update(Ordering::AcqRel, Ordering::Relaxed, add).ok();
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.flow.in_flight.load(Ordering::Acquire)
    }

    pub(super) fn published(&self) -> Arc<Published> {
        self.rules.published.load_full()
    }

    /// Makes what the actor decided hold for all calls from here on.
    pub(super) fn publish(&self, decided: Published, now: Instant) {
        if let Phase::Open { until, .. } = decided.breaker.phase() {
            self.rules.until.store(self.nanos(until), Ordering::Release);
        }
        let cooling = decided.cooldowns.latest(now).map_or(0, |until| self.nanos(until));
        let word = Word::of(&decided.breaker).pack();
        self.rules.published.store(Arc::new(decided));
        self.rules.cooling_until.store(cooling, Ordering::Release);
        self.rules.word.store(word, Ordering::Release);
    }

    pub(super) fn stop(&self) {
        self.rules.stopping.store(true, Ordering::Release);
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX)
    }
}
