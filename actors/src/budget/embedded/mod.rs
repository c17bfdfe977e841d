//! The ledger of a gateway that runs alone: the books in memory, moved by core's rule, and a durable
//! copy in SQLite, all on one thread of its own. One transaction holds whatever was waiting, and while much is going
//! on that thread lets it wait for a moment; an answer is given after the commit, so that a kill of the process
//! loses nothing that was answered.

mod books;
mod disk;
mod pace;
mod rows;
#[cfg(test)]
mod tests;

use gateway_core::clock::Clock;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Answer, Health, Ledger, LedgerError, Op, Pending};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

use books::Books;
use disk::Disk;
use pace::Pace;

const FILE: &str = "ledger.sqlite";
const LOCK: &str = "ledger.lock";
/// Questions that wait for the thread, more than all the requests that a gateway takes at once; full: the asker is
/// told so.
const QUEUE: usize = 16_384;

/// When a commit is on the disk itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Handed to the system: survives a kill of the process, not a power cut.
    #[default]
    Normal,
    /// Survives a power cut.
    Full,
}

/// The local ledger. Dropped, it finishes what is waiting and frees its directory.
pub struct EmbeddedLedger {
    asks: Option<SyncSender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

enum Ask {
    Ops(Vec<Op>, oneshot::Sender<Vec<Result<Answer, LedgerError>>>),
    Teams(oneshot::Sender<Vec<TeamId>>),
    Health(oneshot::Sender<Result<Health, LedgerError>>),
}

impl Ask {
    fn questions(&self) -> usize {
        match self {
            Ask::Ops(ops, _) => ops.len(),
            Ask::Teams(_) | Ask::Health(_) => 0,
        }
    }

    /// Nobody waits for the answer any more.
    fn is_over(&self) -> bool {
        match self {
            Ask::Ops(_, answer) => answer.is_closed(),
            Ask::Teams(answer) => answer.is_closed(),
            Ask::Health(answer) => answer.is_closed(),
        }
    }
}

impl EmbeddedLedger {
    /// Opens or makes the books in `directory`, which must be there. Waits for the disk: call it before
    /// the port opens. A second process on the same directory, and a file that holds something else,
    /// are refused.
    pub fn open(directory: &Path, sync: Sync, clock: Arc<dyn Clock>) -> Result<EmbeddedLedger, LedgerError> {
        let lock = lock(directory)?;
        let disk = Disk::open(&directory.join(FILE), sync)?;
        let mut books = Books::load(disk, clock.clone())?;
        let (asks, waiting) = mpsc::sync_channel::<Ask>(QUEUE);
        let work = move || {
            let _lock = lock;
            let mut pace = Pace::new(clock.now());
            while let Ok(first) = waiting.recv() {
                let wait = pace.wait(clock.now());
                if !wait.is_zero() {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "the thread is its own, and nothing is waited for"
                    )]
                    std::thread::sleep(wait);
                }
                let asks = std::iter::once(first).chain(waiting.try_iter().take(QUEUE));
                // Who gave up waiting is not asked for: no herd after a disk that stood still.
                let asks: Vec<Ask> = asks.filter(|ask| !ask.is_over()).collect();
                pace.begin(clock.now(), asks.iter().map(Ask::questions).sum());
                books.serve(asks);
            }
        };
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(work);
        let thread = thread.map_err(|error| LedgerError::Unavailable { reason: error.to_string() })?;
        Ok(EmbeddedLedger { asks: Some(asks), thread: Some(thread) })
    }

    async fn put<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, LedgerError> {
        let unavailable = |reason: &str| LedgerError::Unavailable { reason: reason.to_owned() };
        let (answer, answered) = oneshot::channel();
        let asks = self.asks.as_ref().ok_or_else(|| unavailable("it is closed"))?;
        asks.try_send(ask(answer)).map_err(|refused| match refused {
            TrySendError::Full(_) => unavailable("its queue is full"),
            TrySendError::Disconnected(_) => unavailable("its thread has ended"),
        })?;
        answered.await.map_err(|_| unavailable("its thread has ended"))
    }
}

impl Ledger for EmbeddedLedger {
    fn ask(&self, ops: Vec<Op>) -> Pending<'_, Vec<Result<Answer, LedgerError>>> {
        Box::pin(async move {
            let count = ops.len();
            match self.put(|answer| Ask::Ops(ops, answer)).await {
                Ok(answers) => answers,
                Err(error) => vec![Err(error); count],
            }
        })
    }

    fn teams(&self) -> Pending<'_, Result<Vec<TeamId>, LedgerError>> {
        Box::pin(self.put(Ask::Teams))
    }

    fn is_near(&self) -> bool {
        true
    }

    /// Asks the thread, which answers if it lives; while nothing could be written, it tries to write.
    fn health(&self) -> Pending<'_, Result<Health, LedgerError>> {
        Box::pin(async move { self.put(Ask::Health).await? })
    }
}

impl Drop for EmbeddedLedger {
    fn drop(&mut self) {
        drop(self.asks.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the ledger's thread had died");
        }
    }
}

/// Held while the file is open; the system frees it however the process ends.
fn lock(directory: &Path) -> Result<File, LedgerError> {
    let place = directory.join(LOCK);
    let unavailable =
        |error: std::io::Error| LedgerError::Unavailable { reason: format!("{}: {error}", place.display()) };
    let file = File::options().create(true).truncate(false).write(true).open(&place).map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse { place: directory.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(unavailable(error)),
    }
}
