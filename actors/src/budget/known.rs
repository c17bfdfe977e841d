//! What was last heard of each team's books, for the time when nobody can ask: what it has left, and what an
//! administrator said of its limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway_core::ids::TeamId;
use gateway_core::ledger::{Balance, Limit, Limits, Rates, Status};
use gateway_core::money::NanoUsd;

/// A replica's part of what a team may be served while the store is away: with so many replicas none passes.
const PART: i64 = 10;

/// Of one replica; as many teams as have books.
#[derive(Clone, Default)]
pub(super) struct Known(Arc<Mutex<BTreeMap<TeamId, Heard>>>);

#[derive(Clone, Copy)]
struct Heard {
    /// With the override in them.
    limits: Limits,
    /// Of the tighter window.
    left: Limit<NanoUsd>,
}

/// What one replica may serve of a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// In a day, over all times that the store was away.
    pub of_day: NanoUsd,
    /// Of what was left when the store was last heard, until it has charged it.
    pub of_rest: NanoUsd,
}

impl Known {
    /// The team's books as they stand.
    pub(super) fn heard(&self, team: &TeamId, status: &Status) {
        let left = |balance: &Balance| match balance.limit {
            Limit::Unlimited => Limit::Unlimited,
            Limit::AtMost(most) => Limit::AtMost(NanoUsd(
                most.0.saturating_sub(balance.spent.0).saturating_sub(balance.reserved.0),
            )),
        };
        let left = tighter(left(&status.day), left(&status.month));
        self.all().insert(team.clone(), Heard { limits: status.limits, left });
    }

    /// What an admission told, between two looks at the books.
    pub(super) fn left(&self, team: &TeamId, left: Limit<NanoUsd>) {
        if let Some(heard) = self.all().get_mut(team) {
            heard.left = left;
        }
    }

    /// Charged since, without having been reserved.
    pub(super) fn charged(&self, team: &TeamId, cost: NanoUsd) {
        if let Some(Heard { left: Limit::AtMost(left), .. }) = self.all().get_mut(team) {
            left.0 = left.0.saturating_sub(cost.0);
        }
    }

    /// `None`: it is blocked. Of a team that was not heard of, the configuration decides.
    pub(super) fn share(&self, team: &TeamId, limits: &Limits, key_rates: &Rates) -> Option<Share> {
        let heard = self.all().get(team).copied();
        let limits = heard.map_or(*limits, |heard| heard.limits);
        let left = heard.map_or(tighter(limits.daily, limits.monthly), |heard| heard.left);
        // A limit of zero blocks what costs nothing, too.
        let is_zero = |limit: Limit<NanoUsd>| limit.amount() <= NanoUsd::ZERO;
        let lets_none = |rates: &Rates| {
            [rates.requests_per_minute, rates.tokens_per_minute, rates.max_parallel]
                .contains(&Limit::AtMost(0))
        };
        let is_blocked = [limits.daily, limits.monthly].into_iter().any(is_zero)
            || lets_none(&limits.rates)
            || lets_none(key_rates);
        let part = |limit: Limit<NanoUsd>| NanoUsd(limit.amount().0.max(0) / PART);
        (!is_blocked).then(|| Share { of_day: part(limits.daily), of_rest: part(left) })
    }

    /// A map is whole whoever panicked beside it.
    fn all(&self) -> MutexGuard<'_, BTreeMap<TeamId, Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tighter(one: Limit<NanoUsd>, other: Limit<NanoUsd>) -> Limit<NanoUsd> {
    if one.amount() <= other.amount() { one } else { other }
}
