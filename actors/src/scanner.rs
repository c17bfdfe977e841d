//! Where texts are searched, and their tokens counted: small ones where they are, large ones on threads of their
//! own, so that no other request waits behind them. Who asks can't tell.
//!
//! A hop to the pool costs 12 to 40 µs, searching 1 KB a few. A panic of the search fails its own request
//! and nothing else.

use actix::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

use crate::supervision::Vitals;

/// How long a search may take, its wait for a thread included.
const WAIT: Duration = Duration::from_secs(60);

/// How texts are searched.
#[derive(Clone, Copy, Debug)]
pub struct ScannerSettings {
    pub threads: usize,
    /// Bytes that may wait for the pool or be searched there, at any time.
    pub most_bytes: usize,
    /// Texts up to here are searched where they are.
    pub in_place: usize,
}

/// Why a text was not searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    #[error("too many bytes wait to be searched")]
    Overloaded,
    #[error("the search failed")]
    Failed,
    #[error("the search took too long")]
    Late,
}

/// The way to the pool.
pub struct Scanner {
    pool: Addr<Worker>,
    settings: ScannerSettings,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    bytes: AtomicUsize,
    jobs: AtomicUsize,
    panics: AtomicU32,
    lost: AtomicBool,
}

/// Bytes that a search holds until it is over, wherever it ends.
struct Held {
    tally: Arc<Tally>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.tally.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.tally.jobs.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Scanner {
    /// Starts the pool. Must be called within an actix system.
    pub fn start(settings: ScannerSettings) -> Scanner {
        let pool = SyncArbiter::start(settings.threads.max(1), || Worker);
        Scanner { pool, settings, tally: Arc::default() }
    }

    /// Runs a search of `bytes` bytes.
    ///
    /// # Errors
    /// [`ScanError::Overloaded`] at once where the pool has its fill; a single text may be larger than that.
    pub async fn run<R: Send + 'static>(
        &self,
        bytes: usize,
        search: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, ScanError> {
        self.run_slower(bytes, 1, search).await
    }

    /// The same for a search that takes so many times as long: less of it is done in place.
    ///
    /// # Errors
    /// As of [`Scanner::run`].
    pub async fn run_slower<R: Send + 'static>(
        &self,
        bytes: usize,
        times: usize,
        search: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, ScanError> {
        if bytes.saturating_mul(times) <= self.settings.in_place {
            return self.caught(search).ok_or(ScanError::Failed);
        }
        self.run_away(bytes, search).await
    }

    /// The same for work that is not done in place however little it is: its first time it has more to do.
    ///
    /// # Errors
    /// As of [`Scanner::run`].
    pub async fn run_away<R: Send + 'static>(
        &self,
        bytes: usize,
        search: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, ScanError> {
        let held = self.hold(bytes).ok_or(ScanError::Overloaded)?;
        let (tell, told) = oneshot::channel();
        let tally = Arc::clone(&self.tally);
        let job: Box<dyn FnOnce() + Send> = Box::new(move || {
            // Nobody waits any more: the work would be for nothing.
            let found = (!tell.is_closed()).then(|| caught(&tally, search));
            drop(held);
            if let Some(found) = found {
                // A caller that left meanwhile does not miss it.
                tell.send(found).ok();
            }
        });
        if self.pool.try_send(Job(job)).is_err() {
            self.tally.lost.store(true, Ordering::Release);
            return Err(ScanError::Failed);
        }
        match tokio::time::timeout(WAIT, told).await {
            Ok(Ok(found)) => found.ok_or(ScanError::Failed),
            Ok(Err(_)) => Err(ScanError::Failed),
            Err(_) => Err(ScanError::Late),
        }
    }

    /// Runs a small search where it is: a piece of an answer on its way.
    ///
    /// # Errors
    /// [`ScanError::Failed`] where it panicked.
    pub fn here<R>(&self, search: impl FnOnce() -> R) -> Result<R, ScanError> {
        self.caught(search).ok_or(ScanError::Failed)
    }

    fn caught<R>(&self, search: impl FnOnce() -> R) -> Option<R> {
        caught(&self.tally, search)
    }

    fn hold(&self, bytes: usize) -> Option<Held> {
        let before = self.tally.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.tally.jobs.fetch_add(1, Ordering::AcqRel);
        let held = Held { tally: Arc::clone(&self.tally), bytes };
        (before == 0 || before + bytes <= self.settings.most_bytes).then_some(held)
    }

    /// `restarts` counts searches that panicked.
    pub fn vitals(&self) -> Vitals {
        Vitals {
            name: "scanner".to_owned(),
            alive: !self.tally.lost.load(Ordering::Acquire),
            queue: self.tally.jobs.load(Ordering::Acquire),
            restarts: self.tally.panics.load(Ordering::Acquire),
            last_error_at: None,
        }
    }
}

/// A search holds nothing that a panic could leave half changed: its texts go down with it.
fn caught<R>(tally: &Tally, search: impl FnOnce() -> R) -> Option<R> {
    let result = catch_unwind(AssertUnwindSafe(search));
    if result.is_err() {
        tally.panics.fetch_add(1, Ordering::AcqRel);
        log::error!("work on a request's texts panicked");
    }
    result.ok()
}

/// A thread of the pool.
struct Worker;

impl Actor for Worker {
    type Context = SyncContext<Self>;
}

struct Job(Box<dyn FnOnce() + Send>);

impl Message for Job {
    type Result = ();
}

impl Handler<Job> for Worker {
    type Result = ();

    fn handle(&mut self, job: Job, _: &mut Self::Context) {
        // Whatever gets through here would cost this thread for good.
        if catch_unwind(AssertUnwindSafe(job.0)).is_err() {
            log::error!("work on a request's texts panicked outside its guard");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: ScannerSettings = ScannerSettings { threads: 2, most_bytes: 1_000, in_place: 10 };

    fn on_system(test: impl Future<Output = ()> + 'static) {
        System::new().block_on(test);
    }

    #[test]
    fn small_texts_stay_on_their_thread_and_large_ones_leave_it() {
        on_system(async {
            let scanner = Scanner::start(SMALL);
            let here = std::thread::current().id();
            let on = || std::thread::current().id();
            assert_eq!(scanner.run(10, on).await, Ok(here));
            assert_ne!(scanner.run(11, on).await, Ok(here));
            assert_eq!(scanner.run_slower(5, 2, on).await, Ok(here));
            assert_ne!(scanner.run_slower(6, 2, on).await, Ok(here));
            assert_ne!(scanner.run_away(1, on).await, Ok(here));
        });
    }

    #[test]
    fn a_panic_fails_its_own_search_alone() {
        on_system(async {
            let scanner = Scanner::start(SMALL);
            for _ in 0..10 {
                for bytes in [1, 100] {
                    let panics = || -> u8 { Vec::<u8>::new()[1] };
                    assert_eq!(scanner.run(bytes, panics).await, Err(ScanError::Failed));
                }
            }
            assert_eq!(scanner.run(100, || 7).await, Ok(7));
            let vitals = scanner.vitals();
            assert_eq!((vitals.alive, vitals.restarts, vitals.queue), (true, 20, 0));
        });
    }

    #[test]
    fn over_its_bytes_it_refuses_at_once_and_takes_more_when_they_are_back() {
        on_system(async {
            let scanner = Arc::new(Scanner::start(SMALL));
            let (release, wait) = std::sync::mpsc::channel::<()>();
            let holding = Arc::clone(&scanner);
            let held = actix::Arbiter::current().spawn(async move {
                // The test holds the other end until it has seen the refusal.
                holding.run(900, move || wait.recv().ok()).await.ok();
            });
            assert!(held);
            while scanner.vitals().queue == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(scanner.run(101, || ()).await, Err(ScanError::Overloaded));
            assert_eq!(scanner.run(100, || ()).await, Ok(()));
            drop(release);
            while scanner.vitals().queue > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(scanner.run(5_000, || ()).await, Ok(()), "one alone may be larger");
        });
    }
}
