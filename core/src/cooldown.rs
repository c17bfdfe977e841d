//! Who asked us to wait: a 429 cools one model of one upstream, the others go on. Pure, like
//! [`crate::breaker`].

use std::time::{Duration, Instant};

use crate::ids::ModelName;

/// The wait after a 429 that names none; it doubles while the model stays limited, up to a minute.
const UNNAMED_WAIT: Duration = Duration::from_secs(1);
const LONGEST_UNNAMED_WAIT: Duration = Duration::from_secs(60);
/// An upstream's `retry-after` is kept within these: 0 would mean no wait at all, a day would take the
/// model away until a restart.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// A model that was not limited for so long starts at the first wait again.
const MEMORY: Duration = Duration::from_secs(60);
/// Model names come from configuration, so this many never cool at once; if they did, the one that ends
/// first would go.
const MOST_MODELS: usize = 1_024;

/// The models of one upstream that are, or lately were, rate-limited.
#[derive(Clone, Debug, Default)]
pub struct Cooldowns {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    model: ModelName,
    until: Instant,
    strikes: u32,
}

impl Cooldowns {
    /// Takes in a 429; the answer is when the model may be called again. A wait is never shortened by a
    /// later answer of a call made before it.
    pub fn limit(&mut self, model: &ModelName, retry_after: Option<Duration>, now: Instant) -> Instant {
        self.forget(now);
        let known = self.entries.iter().position(|e| e.model == *model);
        let strikes = match known.and_then(|at| self.entries.get(at)) {
            // Calls that were under way when the first 429 came belong to the same strike.
            Some(entry) if now < entry.until => entry.strikes,
            Some(entry) => entry.strikes.saturating_add(1),
            None => 0,
        };
        let wait = match retry_after {
            Some(wait) => wait.clamp(SHORTEST_WAIT, LONGEST_WAIT),
            None => UNNAMED_WAIT.saturating_mul(1 << strikes.min(6)).min(LONGEST_UNNAMED_WAIT),
        };
        let mut until = now + wait;
        if let Some(at) = known {
            until = until.max(self.entries.swap_remove(at).until);
        }
        self.entries.push(Entry { model: model.clone(), until, strikes });
        until
    }

    /// Until when `model` may not be called; `None` where it may.
    pub fn until(&self, model: &ModelName, now: Instant) -> Option<Instant> {
        self.entries.iter().find(|e| e.model == *model && now < e.until).map(|e| e.until)
    }

    /// When the first of the cooling models is back.
    pub fn soonest(&self, now: Instant) -> Option<Instant> {
        self.entries.iter().map(|e| e.until).filter(|until| now < *until).min()
    }

    /// When the last of the cooling models is back.
    pub fn latest(&self, now: Instant) -> Option<Instant> {
        self.entries.iter().map(|e| e.until).filter(|until| now < *until).max()
    }

    fn forget(&mut self, now: Instant) {
        self.entries.retain(|e| now < e.until + MEMORY);
        if self.entries.len() >= MOST_MODELS
            && let Some(at) = (0..self.entries.len()).min_by_key(|at| self.entries.get(*at).map(|e| e.until))
        {
            self.entries.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn one_model_waits_and_the_others_go_on() {
        let now = start();
        let (hot, cold) = (ModelName::new("hot"), ModelName::new("cold"));
        let mut cooldowns = Cooldowns::default();
        let until = cooldowns.limit(&hot, Some(Duration::from_secs(5)), now);
        assert_eq!(cooldowns.until(&hot, now), Some(until));
        assert_eq!(cooldowns.until(&cold, now), None);
        assert_eq!(cooldowns.until(&hot, until), None);
        assert_eq!(cooldowns.soonest(now), Some(until));
        assert_eq!(cooldowns.latest(until), None);
    }

    #[test]
    fn waits_stay_within_reason() {
        for (case, retry_after, want) in [
            ("none named", None, Duration::from_secs(1)),
            ("named", Some(Duration::from_secs(20)), Duration::from_secs(20)),
            ("nothing", Some(Duration::ZERO), Duration::from_millis(50)),
            ("a day", Some(Duration::from_secs(86_400)), Duration::from_secs(600)),
        ] {
            let now = start();
            let until = Cooldowns::default().limit(&ModelName::new("m"), retry_after, now);
            assert_eq!(until - now, want, "{case}");
        }
    }

    #[test]
    fn unnamed_waits_double_once_a_strike_and_are_forgotten() {
        let mut now = start();
        let model = ModelName::new("m");
        let mut cooldowns = Cooldowns::default();
        for want_s in [1, 2, 4, 8, 16, 32, 60, 60] {
            let until = cooldowns.limit(&model, None, now);
            assert_eq!(until - now, Duration::from_secs(want_s));
            assert_eq!(cooldowns.limit(&model, None, now), until, "a call under way then is no new strike");
            now = until;
        }
        now += MEMORY;
        assert_eq!(cooldowns.limit(&model, None, now) - now, Duration::from_secs(1));
    }

    #[test]
    fn a_wait_is_never_shortened() {
        let now = start();
        let model = ModelName::new("m");
        let mut cooldowns = Cooldowns::default();
        let long = cooldowns.limit(&model, Some(Duration::from_secs(30)), now);
        assert_eq!(cooldowns.limit(&model, Some(Duration::from_secs(1)), now), long);
    }
}
