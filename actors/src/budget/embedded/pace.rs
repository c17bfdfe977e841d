//! How close commits may follow each other. A commit costs more than what is in it: where much is asked, it waits for
//! a moment and takes more along; where little is, nobody waits for it.

use std::time::{Duration, Instant};

/// How far apart commits begin while much is asked.
const APART: Duration = Duration::from_micros(400);
/// So many questions within a window are much: three for each commit.
const WINDOW: Duration = Duration::from_millis(4);
const MUCH: usize = 30;

/// What was asked of late.
pub(super) struct Pace {
    /// When the last commit began.
    begun: Instant,
    /// The window that is open, and what was asked in it and in the one before.
    since: Instant,
    asked: usize,
    before: usize,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { begun: now, since: now, asked: 0, before: 0 }
    }

    /// How long the next commit should wait.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.turn(now);
        if self.before.max(self.asked) < MUCH {
            return Duration::ZERO;
        }
        (self.begun + APART).saturating_duration_since(now).min(APART)
    }

    /// A commit begins with so many questions.
    pub(super) fn begin(&mut self, now: Instant, questions: usize) {
        self.turn(now);
        self.begun = now;
        self.asked += questions;
    }

    fn turn(&mut self, now: Instant) {
        let open = now.saturating_duration_since(self.since);
        if open >= WINDOW {
            self.before = if open < 2 * WINDOW { self.asked } else { 0 };
            (self.since, self.asked) = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use gateway_core::clock::Clock;

    #[test]
    fn commits_wait_while_much_is_asked_and_only_then() {
        let mut now = TestClock::shared().now();
        let mut pace = Pace::new(now);
        let mut commit = |questions: usize, after: Duration| {
            now += after;
            let wait = pace.wait(now);
            now += wait;
            pace.begin(now, questions);
            wait
        };
        for _ in 0..100 {
            assert_eq!(commit(1, Duration::from_micros(300)), Duration::ZERO, "3,000 a second");
        }
        let waits: Vec<_> = (0..100).map(|_| commit(4, Duration::from_micros(100))).collect();
        assert_eq!(waits[0], Duration::ZERO);
        assert!(waits[20..].iter().all(|wait| *wait == Duration::from_micros(300)), "{waits:?}");
        assert_eq!(commit(1, Duration::from_millis(20)), Duration::ZERO, "it is quiet again at once");
    }
}
