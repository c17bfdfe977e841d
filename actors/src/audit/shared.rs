//! What the handle, the actor and the readers hold together: the queue, which outlives an actor that
//! panicked, and whether the trail can be written.

use std::collections::VecDeque;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway_core::audit::{Body, Time};
use gateway_core::clock::Clock;
use tokio::sync::oneshot;

use super::cursor::Cursors;
use super::disk::Disk;
use super::durable::Durable;
use super::journal::{Journal, Rules};
use super::{OnFailure, Settings, StartError, Written};

/// Why nothing can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Full,
    ReadOnly,
    Denied,
    Failed,
}

impl Trouble {
    const ALL: [Trouble; 4] = [Trouble::Full, Trouble::ReadOnly, Trouble::Denied, Trouble::Failed];

    pub(super) fn of(error: &io::Error) -> Trouble {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Trouble::Full
            }
            io::ErrorKind::ReadOnlyFilesystem => Trouble::ReadOnly,
            io::ErrorKind::PermissionDenied => Trouble::Denied,
            _ => Trouble::Failed,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Trouble::Full => "disk_full",
            Trouble::ReadOnly => "read_only",
            Trouble::Denied => "permission_denied",
            Trouble::Failed => "io_error",
        }
    }
}

/// A record that waits to be written.
pub(super) struct Waiting {
    pub body: Body,
    pub done: Option<oneshot::Sender<Written>>,
    /// Told, or dropped, when it is written.
    pub slot: Box<dyn Behind>,
}

impl Waiting {
    /// Its request goes on without it, and is settled: what goes along with it is dropped untold.
    fn let_go(&mut self) {
        // In this order: who is told has its slot back.
        self.slot = Box::new(());
        self.done = None;
    }
}

/// What goes along with a record until it is written. Dropped untold where it need not wait for that any more.
pub trait Behind: Send + 'static {
    /// The record is in the trail, under this number.
    fn written(self: Box<Self>, _seq: u64) {}
}

impl Behind for () {}

/// A slot that is shared: given back by its drop.
impl<T: Send + Sync + 'static> Behind for Arc<T> {}

impl AsRef<Body> for Waiting {
    fn as_ref(&self) -> &Body {
        &self.body
    }
}

pub(super) struct Shared {
    pub settings: Settings,
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub durable: Durable,
    pub cursors: Cursors,
    queue: Mutex<VecDeque<Waiting>>,
    /// What the actor is at; kept here, so that one which dies loses nothing.
    in_hand: Mutex<Vec<Waiting>>,
    /// Both together.
    queued: AtomicUsize,
    woken: AtomicBool,
    /// 0: none, else one more than its place in [`Trouble::ALL`].
    trouble: AtomicU8,
    /// Unix milliseconds.
    trouble_since: AtomicU64,
    /// Records that a full queue turned away.
    dropped: AtomicU64,
    opened: Mutex<Option<Journal>>,
    /// Held for as long as this process may write.
    locks: Mutex<Vec<File>>,
}

impl Shared {
    /// Makes the folder, takes it for this process alone, and opens the journal.
    pub(super) fn new(
        settings: Settings,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Shared, StartError> {
        let folder = settings.folder.clone();
        let failed = |source| StartError::Folder { folder: folder.clone(), source };
        std::fs::create_dir_all(&settings.folder).map_err(failed)?;
        if let Some(state) = settings.head.parent() {
            std::fs::create_dir_all(state).map_err(failed)?;
        }
        let locks =
            vec![lock(&settings.folder.join("audit.lock"))?, lock(&settings.head.with_extension("lock"))?];
        let durable = Durable::start(&settings, disk.clone(), clock.clone())
            .map_err(|source| StartError::Thread { source })?;
        let shared = Shared {
            settings,
            disk,
            clock,
            durable,
            cursors: Cursors::default(),
            queue: Mutex::default(),
            in_hand: Mutex::default(),
            queued: AtomicUsize::new(0),
            woken: AtomicBool::new(false),
            trouble: AtomicU8::new(0),
            trouble_since: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            opened: Mutex::default(),
            locks: Mutex::new(locks),
        };
        match shared.open_journal(shared.now()) {
            Ok(journal) => *held(&shared.opened) = Some(journal),
            Err(error) if matches!(Trouble::of(&error), Trouble::Denied | Trouble::ReadOnly) => {
                return Err(StartError::Folder { folder, source: error });
            }
            Err(error) => shared.trouble(&error),
        }
        Ok(shared)
    }

    pub(super) fn now(&self) -> Time {
        self.clock.unix().into()
    }

    pub(super) fn open_journal(&self, now: Time) -> io::Result<Journal> {
        let rules = Rules {
            folder: self.settings.folder.clone(),
            replica: self.settings.replica.clone(),
            key: self.settings.key.clone(),
            segment_bytes: self.settings.segment_bytes,
        };
        let journal = Journal::open(self.disk.clone(), rules, self.durable.remembered(), now)?;
        self.durable.sync_now(&journal)?;
        self.durable.written(journal.mark());
        Ok(journal)
    }

    pub(super) fn take_opened(&self) -> Option<Journal> {
        held(&self.opened).take()
    }

    /// Nothing is written from here on: another process may take the folder.
    pub(super) fn release(&self) {
        for lock in held(&self.locks).drain(..) {
            // Said aloud: a process that was forked off a moment ago may hold the same file still.
            if let Err(error) = lock.unlock() {
                log::warn!("the audit trail's lock could not be given back: {error}");
            }
        }
    }

    /// Queues a record. `None` where the queue is full; true where the actor has to be woken.
    pub(super) fn push(&self, mut waiting: Waiting) -> Option<bool> {
        if self.goes_unrecorded() {
            waiting.let_go();
        }
        let before = self.queued.fetch_add(1, Ordering::AcqRel);
        if before >= self.settings.most_queued {
            self.queued.fetch_sub(1, Ordering::AcqRel);
            let dropped = 1 + self.dropped.fetch_add(1, Ordering::AcqRel);
            // Now and then: they may be thousands a second.
            if dropped.is_power_of_two() {
                log::error!(dropped; "too many audit records wait: more are lost");
            }
            return None;
        }
        held(&self.queue).push_back(waiting);
        Some(!self.woken.swap(true, Ordering::AcqRel))
    }

    /// From here on a record that comes wakes the actor again.
    pub(super) fn asleep(&self) {
        self.woken.store(false, Ordering::Release);
    }

    /// Locked by the actor alone.
    pub(super) fn in_hand(&self) -> MutexGuard<'_, Vec<Waiting>> {
        held(&self.in_hand)
    }

    /// Moves what waits into `batch`, up to `most`.
    pub(super) fn take_into(&self, batch: &mut Vec<Waiting>, most: usize) {
        let mut queue = held(&self.queue);
        let room = most.saturating_sub(batch.len()).min(queue.len());
        batch.extend(queue.drain(..room));
    }

    /// Tells those who wait for the first of them, which has this number, and for those that follow.
    pub(super) fn answer(&self, batch: &mut Vec<Waiting>, first_seq: u64) {
        self.queued.fetch_sub(batch.len(), Ordering::AcqRel);
        for (Waiting { done, slot, .. }, seq) in batch.drain(..).zip(first_seq..) {
            slot.written(seq);
            if let Some(done) = done {
                // Who no longer waits was told that the record is late.
                done.send(Written { seq }).ok();
            }
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Acquire)
    }

    pub(super) fn trouble(&self, error: &io::Error) {
        let trouble = Trouble::of(error);
        let word = 1 + Trouble::ALL.iter().position(|known| *known == trouble).unwrap_or_default() as u8;
        let before = self.trouble.swap(word, Ordering::AcqRel);
        if before == 0 {
            self.trouble_since.store(self.now().unix_millis(), Ordering::Release);
        }
        if before != word {
            log::error!(
                reason = trouble.word(), queued = self.queued();
                "the audit trail can't be written: {error}"
            );
        }
    }

    /// Whether requests are served that can't be recorded now: then nothing may wait for the trail.
    fn goes_unrecorded(&self) -> bool {
        self.settings.on_failure == OnFailure::Allow && self.trouble.load(Ordering::Acquire) != 0
    }

    /// These and all others that wait could not be written, and stay.
    pub(super) fn stuck(&self, batch: &mut [Waiting], error: &io::Error) {
        self.trouble(error);
        if self.goes_unrecorded() {
            batch.iter_mut().for_each(Waiting::let_go);
            held(&self.queue).iter_mut().for_each(Waiting::let_go);
        }
    }

    pub(super) fn well(&self) {
        if self.trouble.swap(0, Ordering::AcqRel) != 0 {
            log::info!("the audit trail is written again");
        }
    }

    /// What is the matter, and since when.
    pub(super) fn trouble_now(&self) -> Option<(Trouble, Time)> {
        let word = self.trouble.load(Ordering::Acquire);
        let trouble = Trouble::ALL.get(usize::from(word).checked_sub(1)?)?;
        Some((*trouble, Time::from_unix_millis(self.trouble_since.load(Ordering::Acquire))))
    }
}

fn lock(path: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::Folder { folder: path.to_owned(), source };
    let file =
        File::options().create(true).truncate(false).read(true).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::Taken { lock: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// A queue is whole whatever panicked beside it.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
