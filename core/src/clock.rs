//! Time as it is handed in. `std`'s own clocks are read in `assembly` alone, so a test drives a day in
//! a millisecond.

use std::time::{Duration, Instant};

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time, for durations and deadlines.
    fn now(&self) -> Instant;
    /// Time since the Unix epoch, for what people and other systems read.
    fn unix(&self) -> Duration;
}
