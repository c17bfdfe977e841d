//! Three replicas as the ledger's protocol sees them: requests with their attempts and true bills,
//! durable records, what crashes lose, and messages on their way.

use std::collections::BTreeSet;

use super::super::answer::Interrupted;
use super::super::{Op, ReservationId, StoreTime};

pub(super) const REPLICAS: usize = 3;
/// One attempt's bound.
pub(super) const BOUND: i64 = 4;
/// What a bound that was not worked at is above it.
pub(super) const LOOSE: i64 = 2;
pub(super) const MOST_ATTEMPTS: i64 = 3;

/// Where a request is at its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The reserve is on its way, and somebody waits.
    Admitting,
    /// Refused by its loose bound alone: it works at a tighter one.
    Tightening,
    /// May send its next attempt upstream.
    Going,
    /// An attempt is out.
    Upstream,
    /// The raise is on its way, and somebody waits.
    Raising,
    /// The outcome is known; the record is not yet written.
    Recording,
    /// Its record is written, or it was refused and has none.
    Ended,
    /// Its owner died of a crash before the record was written.
    Dead,
}

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub id: ReservationId,
    pub team: usize,
    pub owner: usize,
    pub phase: Phase,
    /// The hold asked for: all attempts together.
    pub total: i64,
    /// What the upstreams bill, whoever knows of it.
    pub bill: i64,
    /// What the owner knows: as seen, or at the bound.
    pub cost: i64,
    /// When the store granted it, by the store's clock.
    pub granted_at: Option<StoreTime>,
    /// Every attempt's usage was seen.
    pub seen: bool,
    /// Served without the store; known durably, as the local allowance is.
    pub unreserved: bool,
    /// The owner's record: its cost, and when it was written.
    pub record: Option<(i64, u64)>,
    /// What reapers recorded, whichever replica.
    pub reaper_records: BTreeSet<(usize, i64)>,
    /// The owner's cursor is past its record.
    pub acked: bool,
}

impl Request {
    /// In the memory of its owner alone.
    pub fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Ended | Phase::Dead)
    }

    /// What its owner believes to hold; nothing while that is not certain.
    pub fn held(&self) -> Option<(i64, StoreTime)> {
        let hold = match self.phase {
            Phase::Going | Phase::Upstream => self.total,
            Phase::Raising => self.total - BOUND,
            _ => return None,
        };
        self.granted_at.map(|at| (hold, at))
    }

    /// What the audit says it cost: the owner's record beats a reaper's. `None`: nothing was recorded.
    /// `Err`: readers could find different costs.
    pub fn audited(&self) -> Result<Option<i64>, String> {
        if let Some((cost, _)) = self.record {
            return Ok(Some(cost));
        }
        let costs: BTreeSet<i64> = self.reaper_records.iter().map(|(_, cost)| *cost).collect();
        match costs.len() {
            0 | 1 => Ok(costs.first().copied()),
            _ => Err(format!("{:?}: reapers recorded different costs {costs:?}", self.id)),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Replica {
    pub down: bool,
    /// Serves without the store where a reserve gets no answer.
    pub allows: bool,
    /// A message of an earlier life finds nobody who waits for its answer.
    pub life: u32,
    /// What reap handed out and is not yet recorded here.
    pub handed: Vec<Interrupted>,
}

/// A question on its way to the store.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub from: usize,
    pub life: u32,
    /// Which request it is about, where it is about one.
    pub request: Option<usize>,
    pub op: Op,
    /// It was applied before.
    pub applied: bool,
}
