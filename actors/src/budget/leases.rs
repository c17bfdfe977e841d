//! What this replica holds open in the ledger. A hold is renewed while it lives, so that a request that
//! nobody ends, or that died with its process, runs out by itself and is reaped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway_core::ids::TeamId;
use gateway_core::ledger::{Admit, Announce, ReservationId, StoreTime};
use gateway_core::money::NanoUsd;

/// Survives the actor; bounded by the requests in flight.
#[derive(Clone, Default)]
pub(super) struct Leases(Arc<Mutex<BTreeMap<ReservationId, Held>>>);

/// As it would be announced.
pub(super) struct Held(Announce);

/// One reservation, for as long as somebody may still settle it.
pub struct Hold {
    id: ReservationId,
    /// `None`: nothing is reserved; the local allowance was used.
    leases: Option<Leases>,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hold").field(&self.id).finish()
    }
}

impl Held {
    pub(super) fn of(admit: Admit, granted_at: StoreTime) -> Held {
        let Admit { id, team, key, bound, tokens, route, .. } = admit;
        Held(Announce { id, team, key, total: bound, tokens, granted_at, route })
    }
}

impl Hold {
    pub(super) fn unreserved(id: ReservationId) -> Hold {
        Hold { id, leases: None }
    }

    pub fn id(&self) -> ReservationId {
        self.id
    }

    /// Its settle has to say so.
    pub fn is_unreserved(&self) -> bool {
        self.leases.is_none()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(leases) = &self.leases {
            leases.open().remove(&self.id);
        }
    }
}

impl Leases {
    pub(super) fn hold(&self, held: Held) -> Hold {
        let id = held.0.id;
        self.open().insert(id, held);
        Hold { id, leases: Some(self.clone()) }
    }

    pub(super) fn raise(&self, id: ReservationId, total: NanoUsd) {
        if let Some(held) = self.open().get_mut(&id) {
            held.0.total = total;
        }
    }

    /// Ids by team.
    pub(super) fn ids(&self) -> BTreeMap<TeamId, Vec<ReservationId>> {
        let mut teams: BTreeMap<TeamId, Vec<ReservationId>> = BTreeMap::new();
        for held in self.open().values() {
            teams.entry(held.0.team.clone()).or_default().push(held.0.id);
        }
        teams
    }

    /// Those of these that are still held; all of them for `None`.
    pub(super) fn announcements(&self, ids: Option<&[ReservationId]>) -> Vec<Announce> {
        let open = self.open();
        match ids {
            Some(ids) => ids.iter().filter_map(|id| open.get(id)).map(|held| held.0.clone()).collect(),
            None => open.values().map(|held| held.0.clone()).collect(),
        }
    }

    /// A map is whole whoever panicked beside it.
    fn open(&self) -> MutexGuard<'_, BTreeMap<ReservationId, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
