//! How close commits may follow each other. A commit costs more than what is in it: where much is asked by many, it
//! waits for a moment and takes more along; where little is, or by one after the other, nobody waits for it.

use std::time::{Duration, Instant};

/// How far apart commits begin while much is asked.
const APART: Duration = Duration::from_micros(400);
/// So many questions that somebody waits for are much within a window; they are many callers' where so many came
/// together.
const WINDOW: Duration = Duration::from_millis(4);
const MUCH: usize = 16;
const TOGETHER: usize = 4;

/// What was asked of late.
pub(super) struct Pace {
    /// When the last commit began.
    begun: Instant,
    /// The window that is open, and the one before.
    since: Instant,
    open: Asked,
    before: Asked,
}

/// What was asked within a window.
#[derive(Clone, Copy, Default)]
struct Asked {
    questions: usize,
    /// The most of one commit.
    together: usize,
}

impl Asked {
    fn is_much(self) -> bool {
        self.questions >= MUCH && self.together >= TOGETHER
    }
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { begun: now, since: now, open: Asked::default(), before: Asked::default() }
    }

    /// How long the next commit should wait.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.turn(now);
        if self.before.is_much() || self.open.is_much() {
            return (self.begun + APART).saturating_duration_since(now).min(APART);
        }
        Duration::ZERO
    }

    /// A commit begins with so many questions that somebody waits for.
    pub(super) fn begin(&mut self, now: Instant, questions: usize) {
        self.turn(now);
        self.begun = now;
        self.open.questions += questions;
        self.open.together = self.open.together.max(questions);
    }

    fn turn(&mut self, now: Instant) {
        let open = now.saturating_duration_since(self.since);
        if open >= WINDOW {
            self.before = if open < 2 * WINDOW { self.open } else { Asked::default() };
            (self.since, self.open) = (now, Asked::default());
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
        for _ in 0..200 {
            assert_eq!(
                commit(2, Duration::from_micros(100)),
                Duration::ZERO,
                "one caller, as fast as it can"
            );
        }
        let waits: Vec<_> = (0..100).map(|_| commit(4, Duration::from_micros(100))).collect();
        assert_eq!(waits[0], Duration::ZERO);
        assert!(waits[20..].iter().all(|wait| *wait == Duration::from_micros(300)), "{waits:?}");
        assert_eq!(commit(1, Duration::from_millis(20)), Duration::ZERO, "it is quiet again at once");
    }
}
