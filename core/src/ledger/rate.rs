//! GCRA, the leaky bucket that is one number: when it will be empty again. A bucket holds one minute's
//! limit and leaks evenly. Integers only; a share of a microsecond is rounded against the caller.

use std::time::Duration;

use super::limits::Limit;
use super::window::StoreTime;

/// What a full bucket takes to run empty.
pub const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_MICROS: u64 = 60_000_000;
/// A bucket is never fuller than this. What a request used beyond its bound, or a store's clock that
/// stepped back, makes nobody wait longer than a minute more than a burst would.
const MOST_DEBT_MICROS: u64 = 2 * MINUTE_MICROS;
/// The largest limit, so that a minute of microseconds times it is exact in a Lua number.
pub const MOST_PER_MINUTE: u64 = 100_000_000;

/// One bucket: the moment it is empty again. In the past: it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    pub empty_at: StoreTime,
}

/// What is left in a minute, as callers are told in `x-ratelimit-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    pub limit: u64,
    pub remaining: u64,
    /// Until all of the limit is there again.
    pub reset_after: Duration,
}

impl Bucket {
    /// Puts `units` in. `Err`: they do not fit; the wait after which they would, or `None` where they
    /// are more than the bucket holds.
    pub fn pour(self, units: u64, limit: Limit<u64>, now: StoreTime) -> Result<Bucket, Option<Duration>> {
        let Limit::AtMost(limit) = limit else { return Ok(self) };
        let Some(share) = share(units, limit) else { return Err(None) };
        let fill = self.fill(now);
        match (fill + share).checked_sub(MINUTE_MICROS) {
            None | Some(0) => Ok(Bucket { empty_at: StoreTime(now.0.saturating_add(fill + share)) }),
            Some(over) if share <= MINUTE_MICROS => Err(Some(Duration::from_micros(over))),
            Some(_) => Err(None),
        }
    }

    /// Replaces the `poured` of `since` by what was `used`, more or less. At most what can't have leaked
    /// since then comes back: a unit that has leaked has been another's to use.
    #[must_use]
    pub fn correct(
        self,
        poured: u64,
        used: u64,
        since: StoreTime,
        limit: Limit<u64>,
        now: StoreTime,
    ) -> Bucket {
        let Limit::AtMost(limit) = limit else { return self };
        let most = MOST_DEBT_MICROS;
        let (was, is) =
            (share(poured, limit).unwrap_or(most).min(most), share(used, limit).unwrap_or(most).min(most));
        let fill = self.fill(now);
        let leaked = now.0.saturating_sub(since.0);
        let back = was.saturating_sub(is).min(was.saturating_sub(leaked));
        let fill = (fill + is.saturating_sub(was)).saturating_sub(back).min(most);
        Bucket { empty_at: StoreTime(now.0.saturating_add(fill)) }
    }

    /// `None` where there is no limit.
    pub fn meter(self, limit: Limit<u64>, now: StoreTime) -> Option<Meter> {
        let Limit::AtMost(limit) = limit else { return None };
        let fill = self.fill(now);
        // At most 60,000,000 × 100,000,000: no overflow.
        let remaining = MINUTE_MICROS.saturating_sub(fill) * limit.min(MOST_PER_MINUTE) / MINUTE_MICROS;
        Some(Meter { limit, remaining, reset_after: Duration::from_micros(fill) })
    }

    /// Microseconds until it is empty.
    fn fill(self, now: StoreTime) -> u64 {
        self.empty_at.0.saturating_sub(now.0).min(MOST_DEBT_MICROS)
    }
}

/// How long `units` take to leak, rounded up. `None` where nothing ever leaks and there is something.
fn share(units: u64, limit: u64) -> Option<u64> {
    if units == 0 {
        return Some(0);
    }
    let micros = (u128::from(units) * u128::from(MINUTE_MICROS))
        .checked_add(u128::from(limit.checked_sub(1)?))?
        / u128::from(limit);
    Some(u64::try_from(micros).unwrap_or(u64::MAX / 4).min(u64::MAX / 4))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: StoreTime = StoreTime(1_800_000_000_000_000);

    fn later(micros: u64) -> StoreTime {
        StoreTime(NOW.0 + micros)
    }

    #[test]
    fn a_burst_of_one_minute_passes_then_one_each_share() {
        let limit = Limit::AtMost(6);
        let mut bucket = Bucket::default();
        for _ in 0..6 {
            bucket = bucket.pour(1, limit, NOW).unwrap();
        }
        assert_eq!(bucket.pour(1, limit, NOW), Err(Some(Duration::from_secs(10))));
        assert_eq!(bucket.meter(limit, NOW).map(|meter| meter.remaining), Some(0));
        assert!(bucket.pour(1, limit, later(9_999_999)).is_err());
        assert!(bucket.pour(1, limit, later(10_000_000)).is_ok());
    }

    #[test]
    fn edges() {
        let empty = Bucket::default();
        for (case, units, limit, want) in [
            ("no limit", u64::MAX, Limit::Unlimited, Ok(())),
            ("nothing", 0, Limit::AtMost(0), Ok(())),
            ("blocked", 1, Limit::AtMost(0), Err(None)),
            ("all of it", 7, Limit::AtMost(7), Ok(())),
            ("more than ever fits", 8, Limit::AtMost(7), Err(None)),
            ("far more", u64::MAX, Limit::AtMost(1), Err(None)),
        ] {
            assert_eq!(empty.pour(units, limit, NOW).map(|_| ()), want, "{case}");
        }
        let ahead = Bucket { empty_at: later(3_600_000_000) };
        assert_eq!(
            ahead.pour(1, Limit::AtMost(60), NOW),
            Err(Some(Duration::from_secs(61))),
            "a clock that stepped back an hour"
        );
    }

    #[test]
    fn what_has_leaked_does_not_come_back() {
        let limit = Limit::AtMost(60);
        let full = Bucket::default().pour(60, limit, NOW).unwrap();
        assert_eq!(full.correct(60, 0, NOW, limit, NOW).meter(limit, NOW).unwrap().remaining, 60);
        let then = later(60_000_000);
        let second = full.pour(60, limit, then).unwrap();
        let corrected = second.correct(60, 0, NOW, limit, then);
        assert_eq!(corrected.meter(limit, then).unwrap().remaining, 0, "the first minute is over");
        let more = Bucket::default().correct(0, 90, NOW, limit, NOW);
        assert_eq!(more.pour(1, limit, NOW), Err(Some(Duration::from_secs(31))), "debt");
    }

    proptest! {
        /// Whatever is poured and corrected, no minute passes more true units than twice the limit: a
        /// burst, and what leaks within that minute.
        #[test]
        fn no_minute_passes_more_than_burst_and_leak(
            limit in 1u64..50,
            calls in prop::collection::vec((0u64..2_000_000, 1u64..20, 0u64..20, 0u64..5_000_000), 1..80),
        ) {
            let cap = Limit::AtMost(limit);
            let (mut bucket, mut now) = (Bucket::default(), NOW);
            let mut open: Vec<(StoreTime, u64, u64, StoreTime)> = Vec::new();
            let mut passed: Vec<(StoreTime, u64)> = Vec::new();
            for (pause, units, used, ends) in calls {
                now = StoreTime(now.0 + pause);
                for (until, poured, used, since) in open.extract_if(.., |call| call.0 <= now) {
                    let _ = until;
                    bucket = bucket.correct(poured, used, since, cap, now);
                }
                if let Ok(next) = bucket.pour(units, cap, now) {
                    bucket = next;
                    let used = used.min(units);
                    open.push((StoreTime(now.0 + ends), units, used, now));
                    passed.push((now, used));
                }
            }
            for (start, _) in &passed {
                let within = passed.iter().filter(|(at, _)| at >= start && at.since(*start) < MINUTE);
                prop_assert!(within.map(|(_, used)| used).sum::<u64>() <= 2 * limit);
            }
        }

        #[test]
        fn no_numbers_make_it_panic(at: u64, units: u64, used: u64, limit: u64, since: u64, now: u64) {
            let bucket = Bucket { empty_at: StoreTime(at) };
            let (limit, now) = (Limit::AtMost(limit), StoreTime(now));
            let _ = bucket.pour(units, limit, now);
            let _ = bucket.correct(units, used, StoreTime(since), limit, now);
            let _ = bucket.meter(limit, now);
        }
    }
}
