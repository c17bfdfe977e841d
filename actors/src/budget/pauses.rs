//! Who was told to come back later: until then a request of theirs is refused without asking the ledger, and before
//! any work is put into it. Only requests a minute are remembered: how much of another limit the next request
//! takes, or gives back by its end, is not known before.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gateway_core::ids::{KeyId, TeamId};
use gateway_core::ledger::{RateLimit, RateLimited, Scope};

/// Teams and keys that are remembered. Full: those whose pause is over make room, else the ledger is asked.
const MOST: usize = 4_096;
/// A pause is believed for so long: an administrator may have raised the limit meanwhile.
const LONGEST: Duration = Duration::from_secs(2);

#[derive(Clone, Default)]
pub(super) struct Pauses(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: Mutex<HashMap<Who, Pause>>,
    /// As many as are known: who finds none takes no lock.
    count: AtomicUsize,
}

/// `None`: the whole team.
type Who = (TeamId, Option<KeyId>);

#[derive(Clone, Copy)]
struct Pause {
    /// When the limit allows the next one.
    until: Instant,
    believed: Instant,
    limited: RateLimited,
}

impl Pauses {
    pub(super) fn note(&self, team: &TeamId, key: &KeyId, limited: &RateLimited, now: Instant) {
        let (RateLimit::RequestsPerMinute, Some(wait)) = (limited.which, limited.retry_after) else { return };
        let key = (limited.scope == Scope::Key).then(|| key.clone());
        let mut known = self.known();
        if known.len() >= MOST {
            known.retain(|_, pause| now < pause.until.min(pause.believed));
        }
        if known.len() < MOST {
            let pause = Pause { until: now + wait, believed: now + LONGEST, limited: *limited };
            known.insert((team.clone(), key), pause);
        }
        self.0.count.store(known.len(), Ordering::Release);
    }

    /// What a request of this key would be told.
    pub(super) fn of(&self, team: &TeamId, key: &KeyId, now: Instant) -> Option<RateLimited> {
        if self.0.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut known = self.known();
        let pause = [None, Some(key.clone())].into_iter().find_map(|key| {
            let who = (team.clone(), key);
            let pause = known.get(&who).copied()?;
            if now < pause.until.min(pause.believed) {
                return Some(pause);
            }
            known.remove(&who);
            None
        });
        self.0.count.store(known.len(), Ordering::Release);
        let Pause { until, limited, .. } = pause?;
        Some(RateLimited { retry_after: Some(until.saturating_duration_since(now)), ..limited })
    }

    /// Its limits were changed here.
    pub(super) fn forget(&self, team: &TeamId) {
        let mut known = self.known();
        known.retain(|(of, _), _| of != team);
        self.0.count.store(known.len(), Ordering::Release);
    }

    /// A map is whole whoever panicked beside it.
    fn known(&self) -> MutexGuard<'_, HashMap<Who, Pause>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClock;
    use gateway_core::clock::Clock;

    fn limited(scope: Scope, which: RateLimit, millis: u64) -> RateLimited {
        RateLimited { scope, which, limit: 1, retry_after: Some(Duration::from_millis(millis)) }
    }

    #[test]
    fn a_pause_is_known_until_it_is_over() {
        let clock = TestClock::shared();
        let (team, key, other) = (TeamId::new("t").unwrap(), KeyId::new("k"), KeyId::new("o"));
        let wait = |pauses: &Pauses, key: &KeyId| {
            pauses.of(&team, key, clock.now()).and_then(|limited| limited.retry_after)
        };
        let millis = |millis| Some(Duration::from_millis(millis));
        let pauses = Pauses::default();
        for (which, scope) in
            [(RateLimit::TokensPerMinute, Scope::Team), (RateLimit::MaxParallel, Scope::Team)]
        {
            pauses.note(&team, &key, &limited(scope, which, 500), clock.now());
            assert_eq!(wait(&pauses, &key), None, "{which:?}: the next one may pass");
        }
        pauses.note(&team, &key, &limited(Scope::Key, RateLimit::RequestsPerMinute, 500), clock.now());
        assert_eq!((wait(&pauses, &key), wait(&pauses, &other)), (millis(500), None));
        pauses.note(&team, &key, &limited(Scope::Team, RateLimit::RequestsPerMinute, 60_000), clock.now());
        assert_eq!((wait(&pauses, &key), wait(&pauses, &other)), (millis(60_000), millis(60_000)));
        clock.pass(Duration::from_millis(1_999));
        assert_eq!(wait(&pauses, &other), millis(58_001));
        clock.pass(Duration::from_millis(1));
        assert_eq!((wait(&pauses, &key), wait(&pauses, &other)), (None, None), "asked again");
        assert_eq!(pauses.0.count.load(Ordering::Relaxed), 0);
        pauses.note(&team, &key, &limited(Scope::Team, RateLimit::RequestsPerMinute, 500), clock.now());
        pauses.forget(&team);
        assert_eq!(wait(&pauses, &key), None);
    }

    #[test]
    fn no_more_are_known_than_there_is_room() {
        let clock = TestClock::shared();
        let pauses = Pauses::default();
        let team = TeamId::new("t").unwrap();
        let told = limited(Scope::Key, RateLimit::RequestsPerMinute, 100);
        for n in 0..2 * MOST {
            pauses.note(&team, &KeyId::new(&n.to_string()), &told, clock.now());
        }
        assert_eq!(pauses.known().len(), MOST);
        clock.pass(Duration::from_secs(1));
        pauses.note(&team, &KeyId::new("new"), &told, clock.now());
        assert_eq!(pauses.known().len(), 1);
    }
}
