//! Which ledger keeps the books: of a lone gateway in its own directory, of replicas on Redis.

use std::path::Path;
use std::sync::Arc;

use gateway_core::clock::Clock;
use gateway_core::ledger::{Ledger, LedgerError};
use gateway_redis::{RedisLedger, Settings};

use super::embedded::{EmbeddedLedger, Sync};

pub use gateway_redis::{Target, TargetError};

/// The ledger in `directory`, which must be there.
///
/// # Errors
/// Another process has it, its file is not ours, or the disk fails.
pub fn embedded(directory: &Path, sync: Sync, clock: Arc<dyn Clock>) -> Result<Arc<dyn Ledger>, LedgerError> {
    Ok(Arc::new(EmbeddedLedger::open(directory, sync, clock)?))
}

/// The ledger on Redis, which need not be there yet. A grant counts once `wait_replicas` have it.
pub fn shared(target: Target, wait_replicas: u32, clock: Arc<dyn Clock>) -> Arc<dyn Ledger> {
    Arc::new(RedisLedger::new(Settings { target, wait_replicas }, clock))
}
