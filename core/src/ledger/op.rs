//! What a ledger is asked: one verb and team each, with all that deciding takes.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use super::limits::{Limits, MOST, Override, Rates, checked};
use super::rate::MOST_PER_MINUTE;
use super::tally::{MOST_TAGS, Route, Tag, Tally};
use super::window::{Hour, StoreTime};
use super::{Invalid, LedgerError};
use crate::ids::{KeyId, TagName, TeamId};
use crate::money::NanoUsd;

/// A request's id, a UUIDv7: it tells when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationId(Uuid);

impl ReservationId {
    /// After every other.
    pub(super) const LAST: ReservationId = ReservationId(Uuid::max());

    /// `None` where it is no UUIDv7.
    pub fn new(id: Uuid) -> Option<ReservationId> {
        (id.get_version_num() == 7).then_some(ReservationId(id))
    }

    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// By the clock of the replica that made it: the first 48 bits are milliseconds (RFC 9562 §5.7).
    pub fn made_at(self) -> StoreTime {
        let [a, b, c, d, e, f, ..] = *self.0.as_bytes();
        StoreTime::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

/// A reservation lives so long after its last renewal.
pub const LEASE: Duration = Duration::from_secs(60);
/// A closed id is remembered, and an unknown one still taken, for so long. No message is later.
pub const MESSAGE_LIFE: Duration = Duration::from_hours(1);
/// What was reaped, or served without the store, may still be settled so long after its month.
pub const AFTER_MONTH: Duration = Duration::from_hours(24);
/// Most ids in one [`Op::Reap`]'s answer, and so in its work.
pub const REAP_BATCH: usize = 100;

/// One thing asked of one team's books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Admit(Admit),
    Raise(Raise),
    Renew {
        team: TeamId,
        ids: Vec<ReservationId>,
    },
    Announce(Announce),
    Settle(Settle),
    Reap(Reap),
    /// The reaper wrote the `interrupted` records of these.
    Recorded {
        team: TeamId,
        ids: Vec<ReservationId>,
    },
    /// Replaces the whole override; `None`, or one that says nothing, goes back to the configuration.
    Override {
        team: TeamId,
        limits: Limits,
        word: Option<Override>,
    },
    Status {
        team: TeamId,
        limits: Limits,
        key: Option<(KeyId, Rates)>,
    },
    /// Both hours included. With a tag, also by its values.
    Usage {
        team: TeamId,
        from: Hour,
        to: Hour,
        tag: Option<TagName>,
    },
}

/// Rate limits and reservation together, for what will really be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admit {
    pub id: ReservationId,
    pub team: TeamId,
    pub key: KeyId,
    /// The attempt about to be made, at its bound.
    pub bound: NanoUsd,
    /// Input and output at their bounds, for tokens a minute.
    pub tokens: u64,
    /// What more work could take both to, at best. Where they do not fit and this would, nothing is counted, since
    /// the same id comes again: [`super::Admission::Tighten`].
    pub least: Option<Least>,
    /// The configuration's; an override in the ledger goes before them.
    pub limits: Limits,
    pub key_rates: Rates,
    /// Where refusals, and what nobody settles, are counted.
    pub route: Route,
    /// Where refusals are counted too.
    pub tags: Vec<Tag>,
}

/// No bound of the same request is smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Least {
    pub bound: NanoUsd,
    pub tokens: u64,
}

/// A fallback: the same reservation, now for all attempts together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raise {
    pub id: ReservationId,
    pub team: TeamId,
    /// The new total, so that a repeat changes nothing.
    pub total: NanoUsd,
    pub limits: Limits,
}

/// What an owner tells again after the store changed its role: it may have lost the reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announce {
    pub id: ReservationId,
    pub team: TeamId,
    pub key: KeyId,
    pub total: NanoUsd,
    pub tokens: u64,
    pub granted_at: StoreTime,
    pub route: Route,
}

/// The true cost in place of the reservation. A release is a settle of zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settle {
    pub id: ReservationId,
    pub team: TeamId,
    pub key: KeyId,
    pub cost: NanoUsd,
    /// Input and output as used, for tokens a minute.
    pub tokens: u64,
    /// Served from the local allowance, without a reservation: charged even when it is late.
    pub unreserved: bool,
    /// For the thresholds and the correction of rates.
    pub limits: Limits,
    pub key_rates: Rates,
    /// Counted into the hour in which the request's id was made.
    pub usage: Vec<(Route, Tally)>,
    /// Likewise by these: [`MOST_TAGS`], each name once; more are left out.
    pub tags: Vec<Tag>,
}

/// Charges what is past its lease, and hands out what is reaped and not yet recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reap {
    pub team: TeamId,
    pub limits: Limits,
}

impl Op {
    pub fn team(&self) -> &TeamId {
        match self {
            Op::Admit(Admit { team, .. })
            | Op::Raise(Raise { team, .. })
            | Op::Announce(Announce { team, .. })
            | Op::Settle(Settle { team, .. })
            | Op::Reap(Reap { team, .. })
            | Op::Renew { team, .. }
            | Op::Recorded { team, .. }
            | Op::Override { team, .. }
            | Op::Status { team, .. }
            | Op::Usage { team, .. } => team,
        }
    }

    /// What both stores take, or the field that is wrong. A settle is never refused, or it would be sent
    /// again for ever: its amounts are cut to what the books can hold.
    pub fn checked(mut self) -> Result<Op, LedgerError> {
        let tokens = |tokens: u64| {
            if tokens <= MOST_PER_MINUTE { Ok(()) } else { Err(Invalid::Rate { field: "tokens" }) }
        };
        match &mut self {
            Op::Admit(admit) => {
                checked(admit.bound, "bound")?;
                tokens(admit.tokens)?;
                if let Some(least) = &admit.least {
                    checked(least.bound, "least")?;
                    tokens(least.tokens)?;
                }
                admit.limits.check()?;
                admit.key_rates.check()?;
                named(&admit.key, &admit.route)?;
                few(&mut admit.tags);
            }
            Op::Raise(raise) => {
                checked(raise.total, "total")?;
                raise.limits.check()?;
            }
            Op::Announce(announce) => {
                checked(announce.total, "total")?;
                tokens(announce.tokens)?;
                named(&announce.key, &announce.route)?;
            }
            Op::Settle(settle) => {
                settle.cost = settle.cost.clamp(NanoUsd::ZERO, MOST);
                settle.tokens = settle.tokens.min(MOST_PER_MINUTE);
                settle.usage.iter_mut().for_each(|(_, tally)| tally.clamp(MOST.0));
                few(&mut settle.tags);
            }
            Op::Reap(reap) => reap.limits.check()?,
            Op::Override { word, limits, .. } => {
                limits.check()?;
                word.as_ref().map_or(Ok(()), Override::check)?;
                *word = word.filter(|word| *word != Override::default());
            }
            Op::Status { limits, key, .. } => {
                limits.check()?;
                key.as_ref().map_or(Ok(()), |(_, rates)| rates.check())?;
            }
            Op::Usage { from, to, .. } => {
                if from > to {
                    return Err(Invalid::Range.into());
                }
            }
            Op::Renew { .. } | Op::Recorded { .. } => {}
        }
        Ok(self)
    }
}

/// Each name once.
fn few(tags: &mut Vec<Tag>) {
    let mut known = BTreeSet::new();
    tags.retain(|tag| known.insert(tag.name.clone()));
    tags.truncate(MOST_TAGS);
}

/// Stores keep them in lines.
fn named(key: &KeyId, route: &Route) -> Result<(), Invalid> {
    let is_plain = |name: &str| !name.is_empty() && !name.contains(char::is_control);
    if !is_plain(key.as_str()) {
        return Err(Invalid::Name { field: "key" });
    }
    if is_plain(route.model.as_str()) { Ok(()) } else { Err(Invalid::Name { field: "model" }) }
}
