//! What a power cut would leave: a thread that waits for the disk so that nobody else has to, and the file
//! that remembers the chain's end beside the trail.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use gateway_core::audit::Time;
use gateway_core::audit::chain::{HeadFile, SigningKey};
use gateway_core::clock::Clock;
use tokio::sync::watch;

use super::Settings;
use super::disk::{Disk, Syncer};
use super::journal::{Journal, Mark};
use super::segment::segments;
use super::shared::held;

/// The segment of the moment, and one that was closed meanwhile.
const JOBS: usize = 4;

/// The end of what is written and of what is durable, and the way from one to the other.
pub(super) struct Durable {
    state: Arc<State>,
    jobs: SyncSender<Job>,
}

struct State {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    head_path: PathBuf,
    key: Option<SigningKey>,
    written: watch::Sender<Mark>,
    synced: watch::Sender<Mark>,
    /// A job is with the thread.
    pending: AtomicBool,
    failed: AtomicBool,
    /// Unix milliseconds; 0: never.
    last_sync: AtomicU64,
    first_seq: AtomicU64,
    /// The head that is in the file.
    head: Mutex<Option<HeadFile>>,
    /// The last try to write it failed.
    head_failed: AtomicBool,
}

struct Job {
    syncer: Arc<dyn Syncer>,
    mark: Mark,
}

impl Durable {
    pub(super) fn start(
        settings: &Settings,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Durable> {
        let key = settings.key.clone();
        let head = read_head(&settings.head, key.as_ref());
        let oldest = segments(&settings.folder)?.first().map_or(1, |segment| segment.first_seq);
        let state = Arc::new(State {
            disk,
            clock,
            head_path: settings.head.clone(),
            key,
            written: watch::Sender::new(Mark::NOWHERE),
            synced: watch::Sender::new(Mark::NOWHERE),
            pending: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            last_sync: AtomicU64::new(0),
            first_seq: AtomicU64::new(head.map_or(oldest, |head| head.first_seq)),
            head: Mutex::new(head),
            head_failed: AtomicBool::new(false),
        });
        let (jobs, queue) = sync_channel(JOBS);
        let of_thread = state.clone();
        std::thread::Builder::new().name("audit-sync".to_owned()).spawn(move || of_thread.work(&queue))?;
        Ok(Durable { state, jobs })
    }

    /// The chain's end as it was remembered last.
    pub(super) fn remembered(&self) -> Option<HeadFile> {
        *held(&self.state.head)
    }

    pub(super) fn written(&self, mark: Mark) {
        self.state.written.send_replace(mark);
    }

    pub(super) fn written_mark(&self) -> Mark {
        *self.state.written.borrow()
    }

    /// Changes whenever more is written.
    pub(super) fn watch_written(&self) -> watch::Receiver<Mark> {
        self.state.written.subscribe()
    }

    pub(super) fn synced_mark(&self) -> Mark {
        *self.state.synced.borrow()
    }

    /// Changes whenever more is durable.
    pub(super) fn watch_synced(&self) -> watch::Receiver<Mark> {
        self.state.synced.subscribe()
    }

    /// Lets the thread make durable what is written; returns at once. Not twice at a time for one segment.
    pub(super) fn sync_later(&self, journal: &Journal) {
        let mark = journal.mark();
        if mark == self.synced_mark() || self.state.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        self.send(Job { syncer: journal.syncer(), mark });
    }

    /// Likewise for a segment that is left: it is never asked for again.
    pub(super) fn sync_left(&self, journal: &Journal) {
        self.send(Job { syncer: journal.syncer(), mark: journal.mark() });
    }

    fn send(&self, job: Job) {
        match self.jobs.try_send(job) {
            Ok(()) => {}
            // The disk is four jobs behind: the writers wait for it now.
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => self.state.run(&job),
        }
    }

    /// Waits for the disk, and remembers the end.
    pub(super) fn sync_now(&self, journal: &Journal) -> io::Result<()> {
        self.state.sync(&Job { syncer: journal.syncer(), mark: journal.mark() })
    }

    /// Writes the end that is durable into its file.
    pub(super) fn remember(&self) {
        self.state.remember();
    }

    /// Whether a sync failed since this was asked last. What the disk keeps of the segment is then not known.
    pub(super) fn take_failure(&self) -> bool {
        self.state.failed.swap(false, Ordering::AcqRel)
    }

    pub(super) fn fail(&self) {
        self.state.failed.store(true, Ordering::Release);
    }

    pub(super) fn last_sync(&self) -> Option<Time> {
        let millis = self.state.last_sync.load(Ordering::Acquire);
        (millis > 0).then(|| Time::from_unix_millis(millis))
    }

    /// Retention left nothing older.
    pub(super) fn begins_at(&self, first_seq: u64) {
        self.state.first_seq.store(first_seq, Ordering::Release);
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.state.first_seq.load(Ordering::Acquire)
    }
}

impl State {
    /// Until the last handle is gone.
    fn work(&self, queue: &Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            self.run(&job);
            self.pending.store(false, Ordering::Release);
        }
    }

    fn run(&self, job: &Job) {
        match self.sync(job) {
            Ok(()) => self.remember(),
            Err(error) => {
                log::error!("the audit trail could not be made durable: {error}");
                self.failed.store(true, Ordering::Release);
            }
        }
    }

    fn sync(&self, job: &Job) -> io::Result<()> {
        job.syncer.sync()?;
        self.last_sync.store(Time::from(self.clock.unix()).unix_millis(), Ordering::Release);
        self.synced.send_if_modified(|mark| {
            let further = job.mark.last.seq > mark.last.seq || *mark == Mark::NOWHERE;
            if further {
                *mark = job.mark;
            }
            further
        });
        Ok(())
    }

    fn remember(&self) {
        let last = self.synced.borrow().last;
        let head = HeadFile { first_seq: self.first_seq.load(Ordering::Acquire), last };
        let mut stored = held(&self.head);
        if *stored == Some(head) || stored.is_some_and(|stored| stored.last.seq > last.seq) {
            return;
        }
        let text = head.encode(self.key.as_ref());
        match self.disk.replace(&self.head_path, text.as_bytes()) {
            Ok(()) => {
                *stored = Some(head);
                self.head_failed.store(false, Ordering::Release);
            }
            // Once, not five times a second.
            Err(error) if !self.head_failed.swap(true, Ordering::AcqRel) => {
                log::warn!("{}: can't be written: {error}", self.head_path.display());
            }
            Err(_) => {}
        }
    }
}

/// A head that can't be used is told, and the trail taken as it is.
fn read_head(path: &std::path::Path, key: Option<&SigningKey>) -> Option<HeadFile> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            log::error!("{}: the remembered end of the audit trail can't be read: {error}", path.display());
            return None;
        }
    };
    HeadFile::decode(&text, key)
        .inspect_err(|error| log::error!("{}: not the audit trail's remembered end: {error}", path.display()))
        .ok()
}
