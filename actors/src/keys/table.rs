//! Made keys in memory: found by their first bytes, listed by age. A change moves what has changed and nothing else,
//! however many there are.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use gateway_core::audit::Time;
use gateway_core::ids::{KeyId, TeamId};
use gateway_core::keys::{MadeKey, is_id};

#[derive(Default)]
pub(super) struct Table {
    /// `None`: as long as nothing was read, or nothing was ever written.
    pub mark: Option<String>,
    by_prefix: HashMap<[u8; 6], Arc<MadeKey>>,
    listed: BTreeMap<Place, Arc<MadeKey>>,
    /// How many of the keys each has.
    teams: BTreeMap<TeamId, usize>,
}

/// Where a key stands in the list: the newest first.
#[derive(PartialEq, Eq)]
struct Place {
    created_at: Time,
    id: KeyId,
}

impl Place {
    fn of(key: &MadeKey) -> Place {
        Place { created_at: key.created_at, id: key.id.clone() }
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Place) -> Ordering {
        #[cfg(test)]
        super::tests::COMPARED.with(|count| count.set(count.get() + 1));
        (Reverse(self.created_at), &self.id).cmp(&(Reverse(other.created_at), &other.id))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Place) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Table {
    pub(super) fn new(mark: Option<String>, keys: impl IntoIterator<Item = Arc<MadeKey>>) -> Table {
        let mut table = Table { mark, ..Table::default() };
        keys.into_iter().for_each(|key| table.put(key));
        table
    }

    /// After these ids have changed; those that are not among the keys are gone.
    pub(super) fn change(&mut self, mark: Option<String>, ids: &[String], keys: Vec<Arc<MadeKey>>) {
        self.mark = mark;
        ids.iter().filter_map(|id| prefix(id)).for_each(|prefix| self.take(prefix));
        keys.into_iter().for_each(|key| self.put(key));
    }

    fn put(&mut self, key: Arc<MadeKey>) {
        let prefix = key.fingerprint.prefix();
        self.take(prefix);
        *self.teams.entry(key.team.clone()).or_default() += 1;
        self.listed.insert(Place::of(&key), Arc::clone(&key));
        self.by_prefix.insert(prefix, key);
    }

    fn take(&mut self, prefix: [u8; 6]) {
        let Some(key) = self.by_prefix.remove(&prefix) else { return };
        self.listed.remove(&Place::of(&key));
        if let Some(count) = self.teams.get_mut(&key.team) {
            *count -= 1;
            if *count == 0 {
                self.teams.remove(&key.team);
            }
        }
    }

    pub(super) fn get(&self, prefix: [u8; 6]) -> Option<&Arc<MadeKey>> {
        self.by_prefix.get(&prefix)
    }

    pub(super) fn listed(&self) -> Vec<Arc<MadeKey>> {
        self.listed.values().cloned().collect()
    }

    pub(super) fn teams(&self) -> BTreeSet<TeamId> {
        self.teams.keys().cloned().collect()
    }
}

/// The first bytes of the fingerprint that an id was made of.
pub(super) fn prefix(id: &str) -> Option<[u8; 6]> {
    let number = u64::from_str_radix(id, 16).ok().filter(|_| is_id(id))?;
    let mut prefix = [0; 6];
    prefix.copy_from_slice(&number.to_be_bytes()[2..]);
    Some(prefix)
}
