//! The records are the ledger's outbox: what is durable is settled again until the ledger has answered.
//! Where records live, and how far the cursor is, is the outbox's business.

use std::time::Duration;

use gateway_core::ledger::{Found, Pending, Settle};

use super::{Budget, BudgetError};

/// Settles that travel together.
const BATCH: usize = 64;
/// How long to wait for a store that gives no answer.
const PAUSE: Duration = Duration::from_millis(500);

/// A record's place among this replica's: `seq`, rising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// Durable records that have to be settled.
pub trait Outbox: Send + Sync + 'static {
    /// The oldest that are not acked, in order, `most` at the most; waits until there is one. Records
    /// that settle nothing (reaper's, admin's, refusals) are not among them.
    fn next(&self, most: usize) -> Pending<'_, Vec<(Position, Settle)>>;

    /// All up to here are settled. Keeping this durable may lag: a repeat changes nothing.
    fn acked(&self, upto: Position);
}

/// Moves an outbox into the ledger.
pub struct Cursor<O> {
    outbox: O,
    budget: Budget,
}

impl<O: Outbox> Cursor<O> {
    pub fn new(outbox: O, budget: Budget) -> Cursor<O> {
        Cursor { outbox, budget }
    }

    /// Runs until it is dropped.
    pub async fn run(&self) {
        loop {
            let batch = self.outbox.next(BATCH).await;
            if let Err(error) = self.settle(batch).await {
                log::debug!(error:%; "settles wait for the budget store");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// In order, up to the first without an answer; what is before it is acked.
    async fn settle(&self, batch: Vec<(Position, Settle)>) -> Result<(), BudgetError> {
        let sent = batch.into_iter().map(|(position, settle)| async move {
            let (id, cost) = (settle.id.uuid(), settle.cost);
            (position, id, cost, self.budget.settle(settle).await)
        });
        // Sent together: the actor makes one batch of them.
        let answers = futures_util::future::join_all(sent).await;
        for (position, id, cost, answer) in answers {
            let settled = match answer {
                // A store that holds what is not ours answers so each time: the record stays, and tells.
                Err(BudgetError::Ledger(error)) => {
                    log::error!(request_id:% = id, cost:%, error:%; "a record can't be settled");
                    return Err(BudgetError::Ledger(error));
                }
                other => other?,
            };
            match settled.found {
                Found::Open { hold } if cost > hold => {
                    log::error!(request_id:% = id, cost:%, hold:%; "cost above its bound: the bound must be mended");
                }
                Found::Void => {
                    log::error!(request_id:% = id, cost:%; "settled too late: nothing was charged")
                }
                _ => {}
            }
            self.outbox.acked(position);
        }
        Ok(())
    }
}
