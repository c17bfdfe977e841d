//! The records are the ledger's outbox: this cursor goes over this replica's own and settles again whatever the
//! ledger has not answered. It stands where all before it is settled, so that a restart goes on there.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gateway_core::audit::{Record, RecordedBy};
use gateway_core::clock::Clock;
use gateway_core::ledger::{LedgerError, MESSAGE_LIFE, Settle, due};

use super::settlements::{Settlements, tell};
use super::{Budget, BudgetError, Neighbours, Unclosed};
use crate::audit::{Entry, Outbox, Position};

/// Records that are read, and settled, together.
const BATCH: usize = 256;
/// How long to wait for a store that gives no answer.
const PAUSE: Duration = Duration::from_millis(500);
/// How long to wait for a disk that can't be read or written.
const DISK_PAUSE: Duration = Duration::from_secs(5);
/// How far back it goes at a start: what the store acknowledged last may be lost with it.
pub(super) const BACK: Duration = Duration::from_secs(60);
/// How often its place is written: what is between is sent again after a crash, and changes nothing.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// How often is tried again what the books of one team refuse.
const ASIDE_EVERY: Duration = Duration::from_secs(30);
/// Records set aside. One more, and the oldest is given up.
const MOST_ASIDE: usize = 4_096;

/// Moves records into the ledger.
pub struct Cursor {
    trail: Outbox,
    settlements: Settlements,
    budget: Budget,
    neighbours: Arc<dyn Neighbours>,
    clock: Arc<dyn Clock>,
    /// Behind the last record that was done with, or set aside.
    at: Position,
    committed: (Position, Instant),
    /// What the books of one team refuse, by number: records of others do not wait for it.
    aside: BTreeMap<u64, (Owed, Instant)>,
    aside_tried: Instant,
}

/// A record that is to be settled.
struct Owed {
    number: u64,
    /// Before it.
    place: Position,
    settle: Settle,
}

impl Cursor {
    pub fn new(
        trail: Outbox,
        settlements: Settlements,
        budget: Budget,
        neighbours: Arc<dyn Neighbours>,
        clock: Arc<dyn Clock>,
    ) -> Cursor {
        let (at, now) = (trail.position(), clock.now());
        Cursor {
            trail,
            settlements,
            budget,
            neighbours,
            clock,
            at,
            committed: (at, now),
            aside: BTreeMap::new(),
            aside_tried: now,
        }
    }

    /// Runs until it is dropped. `unclosed`: what was served without the ledger before a crash. It waits for the
    /// disk, so that it wants a thread of its own.
    pub async fn run(mut self, unclosed: Vec<Unclosed>) {
        while let Err(error) = self.record(&unclosed).await {
            log::error!("what was served without the budget store can't be recorded yet: {error}");
            tokio::time::sleep(DISK_PAUSE).await;
        }
        self.go_back(BACK);
        loop {
            match self.round().await {
                Ok(true) => {}
                Ok(false) => {
                    tokio::select! {
                        () = self.trail.more() => {}
                        () = self.settlements.rewound() => {}
                        () = tokio::time::sleep(COMMIT_EVERY) => {}
                    }
                }
                Err(error) => {
                    log::error!("the audit trail can't be read for the budgets: {error}");
                    tokio::time::sleep(DISK_PAUSE).await;
                }
            }
            self.commit();
            if let Some(by) = self.settlements.take_rewind() {
                self.go_back(by);
            }
        }
    }

    /// Settles the next records; whether there were any.
    async fn round(&mut self) -> io::Result<bool> {
        self.try_aside().await;
        let entries = self.trail.next(BATCH)?;
        let Some(last) = entries.last() else { return Ok(false) };
        let end = last.end;
        let (mut owed, mut place) = (Vec::new(), self.at);
        for entry in &entries {
            if !self.settlements.was_settled(entry.seq).await
                && let Some(settle) = self.owed(entry)
            {
                owed.push(Owed { number: entry.seq, place, settle });
            }
            place = entry.end;
        }
        self.settle(owed).await;
        self.at = end;
        Ok(true)
    }

    fn owed(&self, entry: &Entry) -> Option<Settle> {
        let limits = |team: &_| (self.neighbours.limits(team), self.neighbours.key_rates(team));
        match entry.read().ok()?.record()? {
            Record::Request(record) => due(&record, limits),
            Record::Admin(_) => None,
        }
    }

    /// Until each has its answer. A store that is away holds all of them up; one team's books only their own.
    async fn settle(&mut self, mut owed: Vec<Owed>) {
        while !owed.is_empty() {
            owed = self.send(owed).await;
            if !owed.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Those that got no answer.
    async fn send(&mut self, owed: Vec<Owed>) -> Vec<Owed> {
        let sent = owed.iter().map(|one| self.budget.settle(one.settle.clone()));
        let answers = futures_util::future::join_all(sent).await;
        let mut unanswered = Vec::new();
        for (one, answer) in owed.into_iter().zip(answers) {
            tell(&one.settle, &answer);
            match answer {
                Ok(_) => self.settlements.passed(one.number),
                Err(BudgetError::Ledger(error @ (LedgerError::Corrupt { .. } | LedgerError::Invalid(_)))) => {
                    self.set_aside(one, &error);
                }
                Err(_) => unanswered.push(one),
            }
        }
        unanswered
    }

    fn set_aside(&mut self, owed: Owed, error: &LedgerError) {
        let (id, cost) = (owed.settle.id.uuid(), owed.settle.cost);
        log::error!(request_id:% = id, cost:%, error:%; "a record can't be settled, and is set aside");
        self.aside.insert(owed.number, (owed, self.clock.now()));
        if self.aside.len() > MOST_ASIDE
            && let Some((_, (oldest, _))) = self.aside.pop_first()
        {
            self.give_up(&oldest);
        }
    }

    /// Now and then, for as long as an unknown id may be settled.
    async fn try_aside(&mut self) {
        let now = self.clock.now();
        let due = now.saturating_duration_since(self.aside_tried) >= ASIDE_EVERY;
        if self.aside.is_empty() || !due {
            return;
        }
        self.aside_tried = now;
        for (number, (owed, since)) in std::mem::take(&mut self.aside) {
            if self.budget.settle(owed.settle.clone()).await.is_ok() {
                self.settlements.passed(number);
            } else if now.saturating_duration_since(since) >= MESSAGE_LIFE {
                self.give_up(&owed);
            } else {
                self.aside.insert(number, (owed, since));
            }
        }
    }

    fn give_up(&self, owed: &Owed) {
        let (id, cost) = (owed.settle.id.uuid(), owed.settle.cost);
        log::error!(request_id:% = id, cost:%; "a record was not settled, and is given up: its cost is in no budget");
        self.settlements.passed(owed.number);
    }

    /// Where everything before is settled, or given up.
    fn commit(&mut self) {
        let now = self.clock.now();
        let settled = self.aside.values().next().map_or(self.at, |(owed, _)| owed.place);
        let (committed, since) = self.committed;
        if settled.seq <= committed.seq || now.saturating_duration_since(since) < COMMIT_EVERY {
            return;
        }
        if let Err(error) = self.trail.commit(settled) {
            log::warn!("the place of the budgets in the audit trail can't be written: {error}");
        }
        self.committed = (settled, now);
    }

    fn go_back(&mut self, by: Duration) {
        if let Err(error) = self.trail.go_back(by) {
            log::error!("the audit trail can't be read for the budgets: {error}");
        }
        self.at = self.trail.position();
    }

    /// Records what was served without the ledger and ended by a crash, unless a record tells of it already: that
    /// one then knows what it cost.
    async fn record(&mut self, unclosed: &[Unclosed]) -> io::Result<()> {
        let mut untold: BTreeSet<_> = unclosed.iter().map(|gone| gone.id.uuid()).collect();
        while !untold.is_empty() {
            let entries = self.trail.next(BATCH)?;
            if entries.is_empty() {
                break;
            }
            let records = entries.iter().filter_map(|entry| entry.read().ok()?.record());
            for record in records.filter(|record| record.recorded_by() == RecordedBy::Owner) {
                untold.remove(&record.id().uuid());
            }
        }
        self.trail.again();
        for gone in unclosed.iter().filter(|gone| untold.contains(&gone.id.uuid())) {
            self.neighbours.unclosed(gone).await?;
        }
        Ok(())
    }
}
