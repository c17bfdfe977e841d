//! Histograms, words and cells as atomics: a request that is counted takes no lock and, once its cell is there,
//! no memory.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of buckets, rising, as whole units of the tenth power `-digits`.
#[derive(Debug, PartialEq, Eq)]
pub struct Bounds {
    pub digits: u32,
    pub limits: &'static [u64],
}

/// Of calls to upstreams and of whole requests: what the semantic conventions give for
/// `gen_ai.client.operation.duration`.
pub static OPERATION: Bounds = Bounds {
    digits: 3,
    limits: &[10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 20_480, 40_960, 81_920],
};

/// Of our own work, which is counted in microseconds.
pub static OVERHEAD: Bounds = Bounds {
    digits: 6,
    limits: &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000],
};

/// Up to the first content: the conventions' bounds, without those that no provider is fast enough for, and
/// with some for models that think first.
pub static FIRST_TOKEN: Bounds = Bounds {
    digits: 3,
    limits: &[10, 20, 40, 60, 80, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000, 30_000, 60_000],
};

/// What the conventions give for `gen_ai.client.token.usage`.
pub static TOKENS: Bounds = Bounds {
    digits: 0,
    limits: &[
        1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216,
        67_108_864,
    ],
};

/// Of one request, in nano-USD: from a thousandth of a cent to 10 dollars.
pub static COST: Bounds = Bounds {
    digits: 9,
    limits: &[
        10_000,
        100_000,
        1_000_000,
        5_000_000,
        10_000_000,
        50_000_000,
        100_000_000,
        500_000_000,
        1_000_000_000,
        10_000_000_000,
    ],
};

/// Counts of what was observed, by bucket.
pub struct Histogram {
    bounds: &'static Bounds,
    /// One more than bounds: what lies above them all.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram at one moment, cumulative as it is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Bound, and how many were at most as large.
    pub buckets: Vec<(u64, u64)>,
    pub digits: u32,
    pub sum: u64,
    pub count: u64,
}

impl Histogram {
    pub fn new(bounds: &'static Bounds) -> Histogram {
        let counts = (0..=bounds.limits.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// In units of the bounds.
    pub fn observe(&self, value: u64) {
        let at = self.bounds.limits.partition_point(|limit| *limit < value);
        if let Some(bucket) = self.counts.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(value, Ordering::Relaxed);
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut below = 0;
        let counts = self.bounds.limits.iter().zip(&self.counts);
        let buckets = counts.map(|(limit, bucket)| {
            below += bucket.load(Ordering::Relaxed);
            (*limit, below)
        });
        let buckets = buckets.collect();
        let above = self.counts.last().map_or(0, |bucket| bucket.load(Ordering::Relaxed));
        let (digits, sum) = (self.bounds.digits, self.sum.load(Ordering::Relaxed));
        Snapshot { buckets, digits, sum, count: below + above }
    }
}

/// A bounded row of things that are made when they are first needed.
pub struct Cells<T>(Box<[OnceLock<Box<T>>]>);

impl<T> Cells<T> {
    pub fn new(most: usize) -> Cells<T> {
        Cells((0..most).map(|_| OnceLock::new()).collect())
    }

    /// `at` beyond the last is the last.
    pub fn at(&self, at: usize, make: impl FnOnce() -> T) -> Option<&T> {
        let cell = self.0.get(at.min(self.0.len().checked_sub(1)?))?;
        Some(cell.get_or_init(|| Box::new(make())))
    }

    /// Those that were needed, each with its place.
    pub fn made(&self) -> impl Iterator<Item = (usize, &T)> {
        self.0.iter().enumerate().filter_map(|(at, cell)| Some((at, &**cell.get()?)))
    }
}

/// Words that the house uses for something, learnt as they come, in bounded number: what comes after them is
/// `other`. No word of a caller gets here.
pub struct Words(Box<[OnceLock<Box<str>>]>);

impl Words {
    pub fn new(most: usize) -> Words {
        Words((0..most).map(|_| OnceLock::new()).collect())
    }

    /// How many places there are, that of `other` included.
    pub fn places(&self) -> usize {
        self.0.len() + 1
    }

    /// The place of a word. A word that is new takes the next free one.
    pub fn place(&self, word: &str) -> usize {
        self.0.iter().position(|known| **known.get_or_init(|| word.into()) == *word).unwrap_or(self.0.len())
    }

    pub fn word(&self, place: usize) -> &str {
        self.0.get(place).and_then(OnceLock::get).map_or("other", |word| word)
    }
}

/// Counters in a row.
pub struct Counts(Box<[AtomicU64]>);

impl Counts {
    pub fn new(places: usize) -> Counts {
        Counts((0..places).map(|_| AtomicU64::new(0)).collect())
    }

    pub fn add(&self, place: usize, count: u64) {
        if let (true, Some(counter)) = (count > 0, self.0.get(place)) {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub fn get(&self, place: usize) -> u64 {
        self.0.get(place).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Those above zero, each with its place.
    pub fn counted(&self) -> impl Iterator<Item = (usize, u64)> {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        counts.enumerate().filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_rise() {
        for bounds in [&OPERATION, &OVERHEAD, &FIRST_TOKEN, &TOKENS, &COST] {
            assert!(bounds.limits.is_sorted_by(|a, b| a < b), "{bounds:?}");
        }
    }

    #[test]
    fn words_are_learnt_up_to_their_number() {
        let words = Words::new(2);
        let learnt = ["a", "b", "a", "c", "d", "b"].map(|word| words.place(word));
        assert_eq!(learnt, [0, 1, 0, 2, 2, 1]);
        assert_eq!([0, 1, 2].map(|place| words.word(place)), ["a", "b", "other"]);
        assert_eq!(words.places(), 3);
    }

    #[test]
    fn cells_are_made_once_and_their_number_holds() {
        let cells: Cells<u8> = Cells::new(2);
        let got = [(0, 5), (0, 6), (7, 8)].map(|(at, make)| cells.at(at, || make).copied());
        assert_eq!(got, [Some(5), Some(5), Some(8)]);
        assert_eq!(cells.made().map(|(at, cell)| (at, *cell)).collect::<Vec<_>>(), [(0, 5), (1, 8)]);
        assert_eq!(Cells::<u8>::new(0).at(0, || 1), None);
    }

    proptest! {
        #[test]
        fn each_value_counts_in_every_bucket_that_holds_it(values in proptest::collection::vec(0_u64..200_000, 0..40)) {
            let histogram = Histogram::new(&OPERATION);
            values.iter().for_each(|value| histogram.observe(*value));
            let seen = histogram.snapshot();
            for (bound, below) in seen.buckets {
                let want = values.iter().filter(|value| **value <= bound).count() as u64;
                prop_assert_eq!(below, want, "le {}", bound);
            }
            prop_assert_eq!(seen.count, values.len() as u64);
            prop_assert_eq!(seen.sum, values.iter().sum::<u64>());
        }
    }
}
