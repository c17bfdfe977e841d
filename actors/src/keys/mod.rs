//! The keys that administrators made, as this process knows them: a table in memory, held to the store by asking
//! several times a second whether anything has changed.
//!
//! | file | holds |
//! |---|---|
//! | `embedded` | the store of a gateway that runs alone |
//! | `table` | the keys in memory |
//!
//! The store of replicas is `gateway_redis`'s.

mod embedded;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use gateway_core::audit::{Named, Time};
use gateway_core::clock::Clock;
use gateway_core::ids::{KeyId, TeamId};
use gateway_core::keys::{Entry, Fingerprint, KeyStore, KeyStoreError, MadeKey, changed};
use gateway_redis::RedisKeys;
use tokio::sync::Mutex;

pub use embedded::EmbeddedKeys;
pub use gateway_redis::Target;
use table::{Table, prefix};

/// How often the store is asked. A revoked key is refused everywhere after this and a reading of the keys.
pub const POLL: Duration = Duration::from_millis(250);
/// How long a key is good without the store, counted from its last answer.
pub const TRUST: Duration = Duration::from_secs(60);
/// How long a reading of all keys, or a change, may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// The keys in `directory`, which must be there.
///
/// # Errors
/// The disk fails, or the file is not ours.
pub fn embedded(directory: &Path) -> Result<Arc<dyn KeyStore>, KeyStoreError> {
    Ok(Arc::new(EmbeddedKeys::open(directory)?))
}

/// The keys on Redis, which need not be there yet.
pub fn shared(target: Target) -> Arc<dyn KeyStore> {
    Arc::new(RedisKeys::new(target))
}

/// What is known of a key that somebody shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The caller compares the whole fingerprint.
    Key(Arc<MadeKey>),
    Expired,
    Unknown,
    /// The store has not answered for [`TRUST`]: the key may be good, or revoked.
    Unverified,
}

/// Made keys in memory, and their store.
pub struct Registry {
    store: Arc<dyn KeyStore>,
    /// Written for as long as a change takes, which moves few keys.
    table: RwLock<Table>,
    clock: Arc<dyn Clock>,
    started: Instant,
    /// When the store last said that the table holds, in ms since `started`, and one more; 0: never.
    confirmed: AtomicU64,
    /// One looks at a time, so that an older table never takes a newer one's place.
    looking: Mutex<()>,
    is_away: AtomicBool,
}

impl Registry {
    pub fn new(store: Arc<dyn KeyStore>, clock: Arc<dyn Clock>) -> Registry {
        Registry {
            store,
            table: RwLock::default(),
            started: clock.now(),
            clock,
            confirmed: AtomicU64::new(0),
            looking: Mutex::new(()),
            is_away: AtomicBool::new(false),
        }
    }

    /// The key whose fingerprint begins like this one: no store is asked.
    pub fn find(&self, fingerprint: &Fingerprint) -> Found {
        self.at(fingerprint.prefix())
    }

    fn at(&self, prefix: [u8; 6]) -> Found {
        if !self.is_trusted() {
            return Found::Unverified;
        }
        match self.table().get(prefix) {
            None => Found::Unknown,
            Some(key) if key.expires_at.is_some_and(|end| Time::from(self.clock.unix()) >= end) => {
                Found::Expired
            }
            Some(key) => Found::Key(key.clone()),
        }
    }

    /// Whether the store has answered within [`TRUST`].
    pub fn is_trusted(&self) -> bool {
        let Some(confirmed) = self.confirmed.load(Ordering::Acquire).checked_sub(1) else { return false };
        let passed = self.clock.now().saturating_duration_since(self.started);
        passed.saturating_sub(Duration::from_millis(confirmed)) < TRUST
    }

    /// Whether the key with this id is good now.
    pub fn is_good(&self, id: &KeyId) -> bool {
        prefix(id.as_str()).is_some_and(|prefix| matches!(self.at(prefix), Found::Key(_)))
    }

    /// All that this process knows of, the newest first.
    pub fn all(&self) -> Vec<Arc<MadeKey>> {
        self.table().listed()
    }

    /// Whose key this is, expired or not.
    pub fn team_of(&self, id: &KeyId) -> Option<TeamId> {
        self.table().get(prefix(id.as_str())?).map(|key| key.team.clone())
    }

    /// A change is whole or was not begun: nothing in it fails half-way.
    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        change(&mut self.table.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Teams that have one of them.
    pub fn teams(&self) -> BTreeSet<TeamId> {
        self.table().teams()
    }

    /// Keeps a key; this process knows it when this is done, others within a second.
    ///
    /// # Errors
    /// The store's. After [`KeyStoreError::Unavailable`] the key may be kept all the same.
    pub async fn add(&self, key: &MadeKey, mark: &str) -> Result<(), KeyStoreError> {
        within(self.store.add(key, mark)).await?;
        self.look_again().await;
        Ok(())
    }

    /// Forgets a key: this process at once, others within a second. `false`: there was none.
    ///
    /// # Errors
    /// The store's. After [`KeyStoreError::Unavailable`] the key may be gone all the same.
    pub async fn remove(&self, id: &KeyId, mark: &str) -> Result<bool, KeyStoreError> {
        let was_there = within(self.store.remove(id, mark)).await?;
        self.look_again().await;
        Ok(was_there)
    }

    /// After a change, which holds however this ends: the next look sees it.
    async fn look_again(&self) {
        if let Err(error) = self.refresh().await {
            log::debug!(error:%; "a change of keys is seen with the next look");
        }
    }

    /// Asks whether anything has changed, and reads it.
    ///
    /// # Errors
    /// The store's: the table stays as it was.
    pub async fn refresh(&self) -> Result<(), KeyStoreError> {
        let _looking = self.looking.lock().await;
        // Before the question: the answer is no younger than this.
        let asked = self.clock.now();
        let mark = within(self.store.mark()).await?;
        let is_first = self.confirmed.load(Ordering::Acquire) == 0;
        let seen = self.table().mark.clone();
        if is_first || seen != mark {
            let ids = match (&seen, &mark) {
                (Some(seen), Some(mark)) if !is_first => changed(seen, mark),
                _ => None,
            };
            // Read after the mark: what changes meanwhile is read again.
            match ids {
                Some(ids) => {
                    let entries = within(self.store.some(&ids)).await?;
                    let keys = entries.iter().filter_map(read).collect();
                    self.change(|table| table.change(mark, &ids, keys));
                }
                None => {
                    let entries = within(self.store.all()).await?;
                    // Many keys take a while, and others wait for this thread.
                    let read = move || Table::new(mark, entries.iter().filter_map(read));
                    let ended = |_| KeyStoreError::Unavailable { reason: "its reader has ended".to_owned() };
                    let table = tokio::task::spawn_blocking(read).await.map_err(ended)?;
                    drop(self.change(|before| std::mem::replace(before, table)));
                }
            }
        }
        let passed = asked.saturating_duration_since(self.started).as_millis();
        self.confirmed.store(u64::try_from(passed).unwrap_or(u64::MAX - 1) + 1, Ordering::Release);
        Ok(())
    }

    /// Looks at the store for as long as somebody awaits this.
    pub async fn follow(&self) {
        loop {
            match self.refresh().await {
                Ok(()) if self.is_away.swap(false, Ordering::Relaxed) => {
                    log::info!("the store of keys answers again");
                }
                Ok(()) => {}
                // Once, not four times a second.
                Err(error) if !self.is_away.swap(true, Ordering::Relaxed) => {
                    let trust_s = TRUST.as_secs();
                    log::warn!(error:%, trust_s; "made keys can't be looked at: those that are known are good for a while");
                }
                Err(_) => {}
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, KeyStoreError>>) -> Result<T, KeyStoreError> {
    let late = |_| KeyStoreError::Unavailable { reason: "it gave no answer in time".to_owned() };
    tokio::time::timeout(DEADLINE, answer).await.map_err(late)?
}

/// An entry that can't be read opens nothing, and harms no other.
fn read((id, text): &Entry) -> Option<Arc<MadeKey>> {
    match MadeKey::decode(id, text) {
        Ok(key) => Some(Arc::new(key)),
        Err(error) => {
            log::error!(key_id:% = Named::cleaned(id), error:%; "a made key can't be read, and opens nothing: revoke it by its id, and make another");
            None
        }
    }
}
