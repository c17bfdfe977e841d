//! The table against stores that change, fail and hold foreign things, under a clock that stands still.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gateway_core::audit::Time;
use gateway_core::clock::Clock;
use gateway_core::ids::{KeyId, TeamId};
use gateway_core::keys::suite::a_key;
use gateway_core::keys::{Entry, Fingerprint, KeyStore, KeyStoreError, MOST_KEYS, MadeKey, marked};
use gateway_core::ledger::Pending;

use super::{Found, Registry, TRUST};
use crate::testing::{TestClock, WallClock};

thread_local! {
    /// Comparisons of two places in the list.
    pub(super) static COMPARED: Cell<usize> = const { Cell::new(0) };
}

/// In memory; away while `reason` is there.
#[derive(Default)]
struct Kept {
    entries: BTreeMap<String, Vec<u8>>,
    mark: Option<String>,
    reason: Option<String>,
    readings: usize,
    /// Entries that were handed out.
    told: usize,
}

#[derive(Default)]
struct FakeStore(Mutex<Kept>);

impl FakeStore {
    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn answer<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> Result<T, KeyStoreError> {
        self.with(|kept| match &kept.reason {
            Some(reason) => Err(KeyStoreError::Unavailable { reason: reason.clone() }),
            None => Ok(look(kept)),
        })
    }
}

impl KeyStore for FakeStore {
    fn mark(&self) -> Pending<'_, Result<Option<String>, KeyStoreError>> {
        Box::pin(async { self.answer(|kept| kept.mark.clone()) })
    }

    fn all(&self) -> Pending<'_, Result<Vec<Entry>, KeyStoreError>> {
        Box::pin(async {
            self.answer(|kept| {
                kept.readings += 1;
                kept.told += kept.entries.len();
                kept.entries.clone().into_iter().collect()
            })
        })
    }

    fn some<'a>(&'a self, ids: &'a [String]) -> Pending<'a, Result<Vec<Entry>, KeyStoreError>> {
        Box::pin(async move {
            self.answer(|kept| {
                let there = ids.iter().filter_map(|id| Some((id.clone(), kept.entries.get(id)?.clone())));
                let there: Vec<_> = there.collect();
                kept.told += there.len();
                there
            })
        })
    }

    fn add<'a>(&'a self, key: &'a MadeKey, act: &'a str) -> Pending<'a, Result<(), KeyStoreError>> {
        Box::pin(async {
            self.answer(|kept| {
                kept.entries.insert(key.id.as_str().to_owned(), key.encode().into_bytes());
                kept.mark = Some(marked(kept.mark.as_deref(), act, key.id.as_str()));
            })
        })
    }

    fn remove<'a>(&'a self, id: &'a KeyId, act: &'a str) -> Pending<'a, Result<bool, KeyStoreError>> {
        Box::pin(async {
            self.answer(|kept| {
                kept.mark = Some(marked(kept.mark.as_deref(), act, id.as_str()));
                kept.entries.remove(id.as_str()).is_some()
            })
        })
    }
}

fn registry() -> (Registry, Arc<FakeStore>, Arc<TestClock>) {
    let (store, clock) = (Arc::new(FakeStore::default()), TestClock::shared());
    (Registry::new(store.clone(), clock.clone()), store, clock)
}

fn lasting(byte: u8) -> MadeKey {
    MadeKey { expires_at: None, ..a_key(byte) }
}

fn known(key: MadeKey) -> Found {
    Found::Key(Arc::new(key))
}

#[tokio::test]
async fn what_is_made_or_revoked_holds_at_once_here_and_elsewhere_with_the_next_look() {
    let (here, store, clock) = registry();
    let there = Registry::new(store.clone(), clock);
    let key = lasting(1);
    there.refresh().await.unwrap();
    here.add(&key, "1").await.unwrap();
    assert_eq!(here.find(&key.fingerprint), known(key.clone()));
    assert!(here.is_good(&key.id) && !here.is_good(&lasting(2).id) && !here.is_good(&KeyId::new("k")));
    assert_eq!(there.find(&key.fingerprint), Found::Unknown, "not looked yet");
    there.refresh().await.unwrap();
    assert_eq!(there.find(&key.fingerprint), known(key.clone()));

    assert_eq!(there.remove(&key.id, "2").await, Ok(true));
    assert_eq!(there.find(&key.fingerprint), Found::Unknown);
    here.refresh().await.unwrap();
    assert_eq!(here.find(&key.fingerprint), Found::Unknown);
    assert_eq!(here.remove(&key.id, "3").await, Ok(false));
}

#[tokio::test]
async fn nothing_is_read_while_nothing_changes() {
    let (registry, store, _) = registry();
    registry.add(&lasting(1), "1").await.unwrap();
    let readings = store.with(|kept| kept.readings);
    for _ in 0..5 {
        registry.refresh().await.unwrap();
    }
    assert_eq!(store.with(|kept| kept.readings), readings);
}

#[tokio::test]
async fn what_few_changes_moved_is_read_alone_and_what_many_moved_is_found_too() {
    let (here, store, clock) = registry();
    let there = Registry::new(store.clone(), clock);
    here.add(&lasting(255), "first").await.unwrap();
    there.refresh().await.unwrap();
    let readings = || store.with(|kept| kept.readings);
    for (from, to, reads) in [(1, 10, 0), (10, 60, 1)] {
        let before = readings();
        for byte in from..to {
            here.add(&lasting(byte), &format!("made-{byte}")).await.unwrap();
            here.remove(&lasting(byte - 1).id, &format!("revoked-{byte}")).await.unwrap();
            if to == 10 {
                there.refresh().await.unwrap();
            }
        }
        there.refresh().await.unwrap();
        assert_eq!(readings() - before, reads, "{from} to {to}");
        let known: Vec<u8> = there.all().iter().map(|key| key.fingerprint.0[0]).collect();
        assert_eq!(known.len(), 2, "{known:?}");
        assert!(known.contains(&(to - 1)) && known.contains(&255), "{known:?}");
        assert_eq!(there.all(), here.all());
    }
}

#[tokio::test]
async fn a_known_key_is_good_for_a_minute_without_the_store_and_no_longer() {
    let (registry, store, clock) = registry();
    let key = lasting(1);
    assert_eq!(registry.find(&key.fingerprint), Found::Unverified, "nothing was read yet");
    registry.add(&key, "1").await.unwrap();
    store.with(|kept| kept.reason = Some("away".to_owned()));
    clock.pass(TRUST - Duration::from_millis(1));
    assert!(registry.refresh().await.is_err());
    assert_eq!(registry.find(&key.fingerprint), known(key.clone()));
    clock.pass(Duration::from_millis(1));
    assert_eq!(registry.find(&key.fingerprint), Found::Unverified);
    assert_eq!(registry.find(&lasting(2).fingerprint), Found::Unverified, "it may have been made meanwhile");

    store.with(|kept| kept.reason = None);
    registry.refresh().await.unwrap();
    assert_eq!(registry.find(&key.fingerprint), known(key));
    assert_eq!(registry.find(&lasting(2).fingerprint), Found::Unknown);
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let (registry, _, clock) = registry();
    let end = Time::from(clock.unix() + Duration::from_secs(10));
    let key = MadeKey { expires_at: Some(end), ..a_key(1) };
    registry.add(&key, "1").await.unwrap();
    clock.pass(Duration::from_millis(9_999));
    assert_eq!(registry.find(&key.fingerprint), known(key.clone()));
    clock.pass(Duration::from_millis(1));
    assert_eq!(registry.find(&key.fingerprint), Found::Expired);
    assert!(!registry.is_good(&key.id));
}

#[tokio::test]
async fn a_foreign_entry_opens_nothing_and_harms_no_other() {
    let (registry, store, _) = registry();
    let (good, bad) = (lasting(1), lasting(2));
    registry.add(&good, "1").await.unwrap();
    store.with(|kept| {
        kept.entries.insert(bad.id.as_str().to_owned(), b"junk".to_vec());
        kept.entries.insert("\u{1b}[2J".to_owned(), bad.encode().into_bytes());
        kept.mark = Some("2".to_owned());
    });
    registry.refresh().await.unwrap();
    assert_eq!(registry.find(&bad.fingerprint), Found::Unknown);
    assert_eq!(registry.find(&good.fingerprint), known(good.clone()));
    assert_eq!(registry.all(), [Arc::new(good)]);
    assert_eq!(registry.remove(&bad.id, "3").await, Ok(true), "it can be taken out by its id");
}

#[tokio::test]
async fn keys_are_listed_the_newest_first() {
    let (registry, ..) = registry();
    for (byte, millis) in [(1, 5), (2, 9), (3, 7), (4, 7)] {
        let key = MadeKey { created_at: Time::from_unix_millis(millis), ..lasting(byte) };
        registry.add(&key, &byte.to_string()).await.unwrap();
    }
    let order: Vec<u8> = registry.all().iter().map(|key| key.fingerprint.0[0]).collect();
    assert_eq!(order, [2, 3, 4, 1]);
}

/// What a change takes does not grow with the keys: one is read, and its place is found among 100,000 in some dozen
/// steps. An administrator who makes one, and a replica that sees it, are done long before the second that they have.
#[tokio::test]
async fn among_a_hundred_thousand_a_change_moves_one() {
    let (here, store, clock) = registry();
    store.with(|kept| {
        let keys = (0..MOST_KEYS as u32).map(numbered);
        kept.entries = keys.map(|key| (key.id.as_str().to_owned(), key.encode().into_bytes())).collect();
        kept.mark = Some(marked(None, "first", "000000000000"));
    });
    let there = Registry::new(store.clone(), clock);
    here.refresh().await.unwrap();
    there.refresh().await.unwrap();
    assert_eq!(there.all().len(), MOST_KEYS);

    let told = || store.with(|kept| kept.told);
    let (told_before, compared_before) = (told(), COMPARED.get());
    let began = WallClock.now();
    const CHANGES: u32 = 100;
    for n in 0..CHANGES {
        // Between keys that are there, as by a replica whose clock is behind.
        let (new, old) =
            (MadeKey { team: TeamId::new("new").unwrap(), ..numbered(MOST_KEYS as u32 + n) }, numbered(n));
        here.add(&new, &format!("made-{n}")).await.unwrap();
        assert_eq!(here.remove(&old.id, &format!("revoked-{n}")).await, Ok(true));
        there.refresh().await.unwrap();
        for registry in [&here, &there] {
            assert_eq!(registry.find(&new.fingerprint), known(new.clone()));
            assert_eq!(registry.find(&old.fingerprint), Found::Unknown);
        }
        assert_eq!(here.team_of(&new.id), Some(new.team));
        assert_eq!(here.team_of(&old.id), None);
    }
    let took = WallClock.now() - began;
    let changes = CHANGES as usize;
    assert_eq!(told() - told_before, 2 * changes, "each replica reads the one that is there");
    let each = (COMPARED.get() - compared_before) / (4 * changes);
    assert!(each < 200, "{each} comparisons for a change");
    assert!(took < Duration::from_secs(1) * CHANGES, "{took:?} for {CHANGES} changes");

    let all = there.all();
    assert_eq!((all.len(), here.all() == all), (MOST_KEYS, true));
    assert!(all.is_sorted_by_key(|key| (Reverse(key.created_at), key.id.clone())), "the newest first");
    let teams = ["new", a_key(1).team.as_str()].map(|name| TeamId::new(name).unwrap());
    assert_eq!(there.teams(), BTreeSet::from(teams));
    for n in 0..CHANGES {
        here.remove(&numbered(MOST_KEYS as u32 + n).id, &format!("gone-{n}")).await.unwrap();
    }
    assert_eq!(here.teams().len(), 1, "a team without keys is none");
}

/// One of many, made at a time of its own.
fn numbered(n: u32) -> MadeKey {
    let mut fingerprint = Fingerprint([7; 32]);
    fingerprint.0[..4].copy_from_slice(&n.to_be_bytes());
    let created_at = Time::from_unix_millis(1_000_000 + u64::from(n.reverse_bits() >> 12));
    MadeKey { id: fingerprint.id(), fingerprint, created_at, ..lasting(1) }
}
