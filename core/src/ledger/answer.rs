//! What a ledger answers. Amounts are as they stood when it answered.

use std::time::Duration;

use super::limits::{Limit, Limits, Override, Rates};
use super::op::ReservationId;
use super::rate::Meter;
use super::tally::{Route, UsageRow};
use super::window::{Day, Month, StoreTime};
use crate::ids::KeyId;
use crate::money::NanoUsd;

/// One answer per [`super::Op`], of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Admit(Admission),
    Raise(Raised),
    Renew(Vec<Lease>),
    Announce(Lease),
    Settle(Settled),
    Reap(Reaped),
    Recorded,
    Override(Box<Status>),
    Status(Box<Status>),
    Usage(Vec<UsageRow>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    Granted(Granted),
    Refused(Refused),
    RateLimited(RateLimited),
    /// It does not fit, but [`super::Admit::least`] would. Nothing is reserved and no refusal is counted: ask again
    /// with a tighter bound, or with the same and no `least`.
    Tighten,
    /// The id was settled before this reserve arrived, or is no longer (or not yet) an id of this hour:
    /// nobody waits for this answer, or a clock is wrong.
    Void,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub granted_at: StoreTime,
    /// What is left in the tighter window, after this reservation.
    pub remaining: Limit<NanoUsd>,
    /// The tighter of team's and key's.
    pub requests: Option<Meter>,
    pub tokens: Option<Meter>,
}

/// A window that the bound does not fit into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub window: Window,
    pub limit: NanoUsd,
    pub spent: NanoUsd,
    pub reserved: NanoUsd,
    pub need: NanoUsd,
    pub resets_at: StoreTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimited {
    pub scope: Scope,
    pub which: RateLimit,
    pub limit: u64,
    /// `None`: it asks for more than the limit ever allows at once.
    pub retry_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    Day(Day),
    Month(Month),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Team,
    Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    RequestsPerMinute,
    TokensPerMinute,
    MaxParallel,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raised {
    Granted,
    Refused(Refused),
    /// Only an open reservation can be raised, and this is none.
    Void,
}

/// What has become of a reservation that its owner believes to be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    Open,
    /// Closed, reaped, unknown or too old.
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub found: Found,
    /// What the books hold for this id now: of a closed one, what was charged before.
    pub charged: NanoUsd,
    pub alerts: Vec<Alert>,
}

/// What a settle found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Cost above the hold: the bound was wrong and must be mended.
    Open {
        hold: NanoUsd,
    },
    /// The reaper's charge was replaced.
    Reaped {
        charge: NanoUsd,
    },
    Closed,
    /// Charged all the same: the store lost the reservation, or the reserve is still on its way.
    Unknown,
    /// Unknown and older than any message: nothing was charged.
    Void,
}

/// A share of a window's limit is spent, told once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    pub window: Window,
    /// 50, 80 or 100.
    pub percent: u8,
    pub spent: NanoUsd,
    pub limit: NanoUsd,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Oldest id first; at most [`super::op::REAP_BATCH`] a call.
    pub interrupted: Vec<Interrupted>,
    pub alerts: Vec<Alert>,
}

/// A request that its owner did not end, charged at its bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupted {
    pub id: ReservationId,
    pub key: KeyId,
    pub route: Route,
    pub granted_at: StoreTime,
    pub charge: NanoUsd,
}

/// A team's books at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub day: Balance,
    pub month: Balance,
    /// With the override in them.
    pub limits: Limits,
    pub word: Option<Override>,
    pub requests: Option<Meter>,
    pub tokens: Option<Meter>,
    /// Open reservations.
    pub parallel: u64,
    pub key: Option<KeyStatus>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    pub limit: Limit<NanoUsd>,
    pub spent: NanoUsd,
    pub reserved: NanoUsd,
    pub resets_at: StoreTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    pub rates: Rates,
    pub requests: Option<Meter>,
    pub tokens: Option<Meter>,
    pub parallel: u64,
}

impl Balance {
    /// Never negative: what was charged above a bound leaves nothing.
    pub fn remaining(&self) -> Limit<NanoUsd> {
        match self.limit {
            Limit::Unlimited => Limit::Unlimited,
            Limit::AtMost(limit) => {
                let left = limit.0.saturating_sub(self.spent.0).saturating_sub(self.reserved.0);
                Limit::AtMost(NanoUsd(left.max(0)))
            }
        }
    }
}
