//! The last minute of one upstream: how many calls, how many failed, how long they took. Fed by the
//! actor's tick from the gate's tallies; no atomics here.

use std::time::{Duration, Instant};

/// One second each.
const SLOTS: usize = 60;
/// Four to an octave from 64 µs to 18 minutes, so a percentile is off by an eighth at most; the first
/// holds all that is quicker.
pub(super) const BUCKETS: usize = 97;

/// The bucket that a latency falls into.
pub(super) fn bucket_of(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    if micros < 64 {
        return 0;
    }
    let octave = 63 - micros.leading_zeros() as usize;
    let quarter = (micros >> (octave - 2)) as usize & 3;
    (1 + (octave - 6) * 4 + quarter).min(BUCKETS - 1)
}

/// The middle of a bucket.
fn latency_of(bucket: usize) -> Duration {
    let Some(at) = bucket.checked_sub(1) else { return Duration::from_micros(32) };
    let (octave, quarter) = (6 + at / 4, (at % 4) as u64);
    let width = 1u64 << (octave - 2);
    Duration::from_micros((4 + quarter) * width + width / 2)
}

/// What came in since the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// Calls that the upstream answered, refusals included.
    pub answered: u64,
    /// Calls that failed in the breaker's sense.
    pub failed: u64,
    pub latencies: [u32; BUCKETS],
}

impl Tally {
    pub(super) const ZERO: Tally = Tally { answered: 0, failed: 0, latencies: [0; BUCKETS] };

    /// What `self` has more than `earlier`.
    pub(super) fn since(&self, earlier: &Tally) -> Tally {
        let mut latencies = self.latencies;
        for (now, then) in latencies.iter_mut().zip(earlier.latencies) {
            *now = now.wrapping_sub(then);
        }
        Tally {
            answered: self.answered.wrapping_sub(earlier.answered),
            failed: self.failed.wrapping_sub(earlier.failed),
            latencies,
        }
    }

    fn add(&mut self, more: &Tally) {
        self.answered += more.answered;
        self.failed += more.failed;
        for (sum, one) in self.latencies.iter_mut().zip(more.latencies) {
            *sum = sum.saturating_add(one);
        }
    }
}

pub(super) struct Window {
    base: Instant,
    slots: Vec<Slot>,
}

struct Slot {
    second: u64,
    tally: Tally,
}

impl Window {
    pub(super) fn new(base: Instant) -> Window {
        let slots = (0..SLOTS).map(|_| Slot { second: 0, tally: Tally::ZERO }).collect();
        Window { base, slots }
    }

    pub(super) fn add(&mut self, more: &Tally, now: Instant) {
        let second = self.second(now);
        let at = second as usize % SLOTS;
        if let Some(slot) = self.slots.get_mut(at) {
            if slot.second != second {
                *slot = Slot { second, tally: Tally::ZERO };
            }
            slot.tally.add(more);
        }
    }

    /// Calls and failures from `since` on, by whole seconds.
    pub(super) fn outcomes(&self, since: Instant, now: Instant) -> (u64, u64) {
        let first = self.second(since);
        self.live(now).filter(|slot| slot.second >= first).fold((0, 0), |(calls, failed), slot| {
            (calls + slot.tally.answered + slot.tally.failed, failed + slot.tally.failed)
        })
    }

    /// The whole minute in one piece.
    pub(super) fn sum(&self, now: Instant) -> Tally {
        let mut sum = Tally::ZERO;
        for slot in self.live(now) {
            sum.add(&slot.tally);
        }
        sum
    }

    fn live(&self, now: Instant) -> impl Iterator<Item = &Slot> {
        let second = self.second(now);
        self.slots.iter().filter(move |slot| second < slot.second + SLOTS as u64)
    }

    fn second(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.base).as_secs()
    }
}

/// The latency that `percent` of the calls stayed within; `None` without a call.
pub(super) fn percentile(latencies: &[u32; BUCKETS], percent: u64) -> Option<Duration> {
    let total: u64 = latencies.iter().map(|n| u64::from(*n)).sum();
    let rank = (total * percent).div_ceil(100);
    let mut seen = 0;
    let bucket = latencies.iter().position(|n| {
        seen += u64::from(*n);
        seen >= rank
    })?;
    (total > 0).then(|| latency_of(bucket))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn tally(answered: u64, failed: u64) -> Tally {
        Tally { answered, failed, ..Tally::ZERO }
    }

    #[test]
    fn calls_leave_after_a_minute() {
        let base = start();
        let at = |s: u64| base + Duration::from_secs(s);
        let mut window = Window::new(base);
        window.add(&tally(3, 1), at(0));
        window.add(&tally(2, 2), at(30));
        for (case, since, now, want) in [
            ("all", 0, 30, (8, 3)),
            ("the later half", 1, 30, (4, 2)),
            ("the first is gone", 0, 60, (4, 2)),
            ("both are gone", 0, 90, (0, 0)),
        ] {
            assert_eq!(window.outcomes(at(since), at(now)), want, "{case}");
        }
    }

    #[test]
    fn percentiles_by_rank() {
        let mut latencies = [0; BUCKETS];
        assert_eq!(percentile(&latencies, 50), None);
        for ms in 1..=100u64 {
            latencies[bucket_of(Duration::from_millis(ms))] += 1;
        }
        for (percent, want_ms) in [(50, 50.0), (95, 95.0)] {
            let got = percentile(&latencies, percent).unwrap().as_secs_f64() * 1e3;
            assert!((got - want_ms).abs() < want_ms / 8.0, "p{percent}: {got}");
        }
    }

    proptest! {
        #[test]
        fn a_bucket_is_within_an_eighth(micros in 64u64..1_000_000_000) {
            let middle = latency_of(bucket_of(Duration::from_micros(micros))).as_micros() as f64;
            prop_assert!((middle - micros as f64).abs() <= micros as f64 / 8.0 + 1.0);
        }

        #[test]
        fn buckets_rise(a: u64, b: u64) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(bucket_of(Duration::from_nanos(low)) <= bucket_of(Duration::from_nanos(high)));
        }
    }
}
