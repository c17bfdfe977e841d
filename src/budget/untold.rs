//! Records of requests that nobody ended, until they are written: the store hands such a request out until it is
//! recorded, and a trail that is stuck is not given the same record again and again.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_actors::audit::{Audit, AuditError, Behind};
use gateway_core::audit::Record;
use gateway_core::ledger::ReservationId;

/// Records that wait at once. The next are handed in when the store tells of them again: the queue has only so many
/// places beside those of open requests.
const MOST: usize = 128;
/// Ids that are kept, those of written records included.
const MOST_KEPT: usize = 1_024;
/// How long a record is waited for while the last one came late: leases are renewed by who waits here.
const WHILE_STUCK: Duration = Duration::from_millis(100);

/// What was handed in, by id; each with whether it is done with.
#[derive(Default)]
pub struct Untold {
    handed_in: Mutex<BTreeMap<ReservationId, Arc<AtomicBool>>>,
    /// The last record that was waited for came late.
    stuck: AtomicBool,
}

/// Goes with a record. It is dropped when the record is written; or before, where nothing is to wait for that.
struct Mark(Arc<AtomicBool>);

impl Behind for Mark {}

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Untold {
    /// Hands the record in, unless it was before, and waits for it.
    ///
    /// # Errors
    /// It is not written yet, or could not be handed in.
    pub(super) async fn record(
        &self,
        audit: &Audit,
        id: ReservationId,
        record: impl FnOnce() -> Record,
    ) -> Result<(), AuditError> {
        let done = match self.enter(id)? {
            Entered::Done => return Ok(()),
            Entered::New(done) => done,
        };
        let result = self.patient(audit.record_holding(record(), Mark(done))).await;
        self.stuck.store(matches!(result, Err(AuditError::Late)), Ordering::Release);
        if matches!(result, Ok(_) | Err(AuditError::Full)) {
            self.held().remove(&id);
        }
        result
    }

    fn enter(&self, id: ReservationId) -> Result<Entered, AuditError> {
        let mut handed_in = self.held();
        let is_done = |done: &Arc<AtomicBool>| done.load(Ordering::Acquire);
        if let Some(done) = handed_in.get(&id) {
            if !is_done(done) {
                return Err(AuditError::Late);
            }
            handed_in.remove(&id);
            return Ok(Entered::Done);
        }
        if handed_in.len() >= MOST_KEPT {
            // Nobody asked for them again: they were recorded by others, too.
            handed_in.retain(|_, done| !is_done(done));
        }
        if handed_in.values().filter(|done| !is_done(done)).count() >= MOST {
            return Err(AuditError::Late);
        }
        let done = Arc::new(AtomicBool::new(false));
        handed_in.insert(id, Arc::clone(&done));
        Ok(Entered::New(done))
    }

    async fn patient<T>(
        &self,
        written: impl Future<Output = Result<T, AuditError>>,
    ) -> Result<(), AuditError> {
        if !self.stuck.load(Ordering::Acquire) {
            return written.await.map(drop);
        }
        tokio::time::timeout(WHILE_STUCK, written).await.unwrap_or(Err(AuditError::Late)).map(drop)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<ReservationId, Arc<AtomicBool>>> {
        self.handed_in.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered {
    New(Arc<AtomicBool>),
    Done,
}

#[cfg(test)]
mod tests;
