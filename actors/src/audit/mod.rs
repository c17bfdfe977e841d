//! The audit trail: one record of every request and every administrator's act, in files that show whether
//! anybody changed them, delivered to where a company looks for such records.
//!
//! | file | holds |
//! |---|---|
//! | `actor` | group commit: one write for all that wait |
//! | `shared` | the queue, and whether the trail can be written |
//! | `journal` | appending, new segments, mending a torn end |
//! | `segment` | files and their lines |
//! | `durable` | the thread that waits for the disk; the remembered end |
//! | `disk` | the disk, as tests may replace it |
//! | `retention` | what may go |
//! | `cursor`, `reader`, `outbox` | readers that lose nothing |
//! | `recent`, `replicas` | the newest records, for people: of this replica, of all |
//! | `verify`, `export`, `tail` | what the command line does with a folder |
//! | [`sinks`] | delivery to Splunk, Elastic, Datadog and webhooks |
//! | `status` | what an operator sees |

mod actor;
mod cursor;
pub mod disk;
mod durable;
mod export;
mod journal;
mod outbox;
mod reader;
mod recent;
mod replicas;
mod retention;
mod segment;
mod shared;
pub mod sinks;
mod status;
mod tail;
mod verify;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use gateway_core::audit::chain::SigningKey;
use gateway_core::audit::{Named, Record, Time};
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_redis::{RecentLines, Target};
use tokio::sync::oneshot;

pub use cursor::Position;
pub use export::{Format, Span, export};
pub use journal::Mark;
pub use outbox::Outbox;
pub use reader::Entry;
pub use recent::{Found, Page, Place, Query, StatusFilter};
pub use retention::Retention;
pub use shared::{Behind, Trouble};
pub use status::Status;
pub use tail::Tail;
pub use verify::verify;

use crate::supervision::{Mailbox, SendError, Vitals};
use actor::{AuditActor, Drain, Wake};
use disk::Disk;
use shared::{Shared, Waiting};
use sinks::{SinkError, SinkSettings, Sinks, Tools};

/// The only messages are one to wake the actor and one to end it.
const MAILBOX: usize = 16;

/// When a record counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncMode {
    /// Once the system has it: the death of the process takes nothing, a power cut at most 200 ms.
    #[default]
    Interval,
    /// Once the disk has it.
    Always,
}

/// What becomes of requests that could not be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They are refused.
    #[default]
    Deny,
    /// They are served, and nothing waits for their records. What the queue can't hold goes unrecorded, and is
    /// counted.
    Allow,
}

/// How the trail is kept.
#[derive(Clone)]
pub struct Settings {
    /// Where the segments are. Taken by one process at a time.
    pub folder: PathBuf,
    /// The file that remembers the chain's end; better on another disk or in other hands.
    pub head: PathBuf,
    pub replica: Named,
    pub sync: SyncMode,
    pub on_failure: OnFailure,
    /// Signs heads.
    pub key: Option<SigningKey>,
    pub segment_bytes: u64,
    pub retention: Retention,
    /// Records that may wait to be written: the slots of all exchanges, and some more.
    pub most_queued: usize,
    /// How long [`Audit::record`] waits.
    pub patience: Duration,
    pub sinks: Vec<SinkSettings>,
    /// Where replicas show each other their newest records.
    pub replicas: Option<Target>,
}

/// Why the trail can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("another process holds {}: give each its own AUDIT_DIR and GATEWAY_STATE_DIR, or stop the other", lock.display())]
    Taken { lock: PathBuf },
    #[error("{} can't be written: {source}: let this user write there, or set AUDIT_DIR to another folder", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("no thread for the audit trail: {source}")]
    Thread { source: io::Error },
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// A record is in the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number in the chain.
    pub seq: u64,
}

/// Why a record is not known to be in the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// It waits on, and will be written once that is possible.
    #[error("the record was not written in time")]
    Late,
    /// Likewise; with [`OnFailure::Allow`] nothing waits for it.
    #[error("the trail can't be written")]
    Unwritable,
    #[error("too many records wait: this one is lost, and counted")]
    Full,
}

/// No new work should be taken: its record could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail can't be written: {}", reason.word())]
pub struct Unwritable {
    pub reason: Trouble,
    pub since: Time,
}

/// Who is told of each record as it is handed in, in the thread that hands it in: it must not wait.
pub trait Observer: Send + Sync {
    fn recorded(&self, record: &Record);
}

/// The handle, cheap to clone.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
    observer: Option<Arc<dyn Observer>>,
    mailbox: Mailbox<AuditActor>,
    sinks: Arc<Sinks>,
    replicas: Option<Arc<RecentLines>>,
    /// Of the actor and of the sinks: a slow disk holds up no delivery, and no delivery a write.
    arbiters: [ArbiterHandle; 2],
}

/// The actor has to be woken; its drop does, so that it can't be forgotten.
struct Knock(Mailbox<AuditActor>);

impl Drop for Knock {
    fn drop(&mut self) {
        self.0.deliver(Wake);
    }
}

impl Audit {
    /// Takes the folder, mends a torn end, and starts the actor and the sinks on threads of their own. Within an
    /// actix system.
    ///
    /// # Errors
    /// Another process has the folder, this user may not write there, or a sink can't be reached by any means. A full disk is no error: the trail is
    /// then unwritable until there is room.
    pub fn start(
        settings: Settings,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
    ) -> Result<Audit, StartError> {
        let shared = Arc::new(Shared::new(settings, disk.clone(), clock.clone())?);
        let arbiters = [(); 2].map(|()| Arbiter::new().handle());
        let tools = Tools {
            folder: shared.settings.folder.clone(),
            disk,
            cursors: shared.cursors.clone(),
            clock: clock.clone(),
            dice,
            synced: shared.durable.watch_synced(),
        };
        let sinks = Arc::new(Sinks::start(&shared.settings.sinks, &tools, &arbiters[1])?);
        let replicas = shared.settings.replicas.clone().map(|target| Arc::new(RecentLines::new(target)));
        if let Some(lines) = &replicas {
            // Nothing waits for it: what it has not told stands in the trail, and is told at the next start.
            let written = shared.durable.watch_written();
            arbiters[1].spawn(replicas::tell(lines.clone(), shared.clone(), written));
        }
        let of_actor = shared.clone();
        let make = move || AuditActor::resume(of_actor.clone());
        let mailbox = Mailbox::start("audit", MAILBOX, &arbiters[0], clock, make);
        Ok(Audit { shared, observer: None, mailbox, sinks, replicas, arbiters })
    }

    /// The same trail, whose records `observer` is told of where they come by this handle or a clone of it.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Audit {
        Audit { observer: Some(observer), ..self }
    }

    /// Whether new work may be taken. Costs an atomic load.
    ///
    /// # Errors
    /// Its record could not be written now.
    pub fn accepting(&self) -> Result<(), Unwritable> {
        if self.shared.settings.on_failure == OnFailure::Allow {
            return Ok(());
        }
        match self.shared.trouble_now() {
            None => Ok(()),
            Some((reason, since)) => Err(Unwritable { reason, since }),
        }
    }

    /// Queues a record at once, and waits until it is written. It is written also where nobody waits.
    ///
    /// # Errors
    /// It is not written yet, or there was no room for it in the queue.
    pub fn record(&self, record: Record) -> impl Future<Output = Result<Written, AuditError>> + use<> {
        self.record_holding(record, ())
    }

    /// Likewise; `slot` is dropped once the record is written, be it late: where no exchange opens without one,
    /// the slots bound the queue. With [`OnFailure::Allow`] and a trail that can't be written it is dropped at once.
    ///
    /// # Errors
    /// As for [`Audit::record`].
    pub fn record_holding<S: Behind>(
        &self,
        record: Record,
        slot: S,
    ) -> impl Future<Output = Result<Written, AuditError>> + use<S> {
        self.observe(&record);
        let (done, written) = oneshot::channel();
        let waiting = Waiting { body: record.body(), done: Some(done), slot: Box::new(slot) };
        let queued = self.push(waiting);
        let patience = self.shared.settings.patience;
        async move {
            if let Some(knock) = queued? {
                // What else this thread is about to queue goes along.
                tokio::task::yield_now().await;
                drop(knock);
            }
            match tokio::time::timeout(patience, written).await {
                Ok(Ok(written)) => Ok(written),
                // Who let it go has told why.
                Ok(Err(_)) => Err(AuditError::Unwritable),
                Err(_) => Err(AuditError::Late),
            }
        }
    }

    /// Queues a record with its slot, for who can't wait: a `Drop`.
    pub fn record_detached(&self, record: Record, slot: impl Behind) {
        self.observe(&record);
        let waiting = Waiting { body: record.body(), done: None, slot: Box::new(slot) };
        // What finds no room is counted, and told.
        self.push(waiting).ok();
    }

    fn observe(&self, record: &Record) {
        if let Some(observer) = &self.observer {
            observer.recorded(record);
        }
    }

    fn push(&self, waiting: Waiting) -> Result<Option<Knock>, AuditError> {
        match self.shared.push(waiting) {
            None => Err(AuditError::Full),
            // One at a time: the next is due once this one was heard.
            Some(is_due) => Ok(is_due.then(|| Knock(self.mailbox.clone()))),
        }
    }

    /// The newest records: of all replicas where they show each other theirs and that can be read, else of this
    /// one, which a thread of its own reads.
    ///
    /// # Errors
    /// Of reading the segments; of going on where all replicas' can't be read any more.
    pub async fn recent(&self, query: Query) -> io::Result<Page> {
        let of_all = match (&self.replicas, query.before) {
            (Some(lines), None) => Some((lines, None)),
            (Some(lines), Some(Place::All(id))) => Some((lines, Some(id))),
            (None, Some(Place::All(_))) => return Ok(Page::default()),
            (_, Some(Place::Own(_))) | (None, None) => None,
        };
        if let Some((lines, before)) = of_all {
            match replicas::recent(lines, &query, before).await {
                Ok(page) => return Ok(page),
                Err(error) if before.is_some() => return Err(io::Error::other(error)),
                Err(error) => log::warn!("this replica's own records are shown alone: {error}"),
            }
        }
        let shared = self.shared.clone();
        let read = move || recent::recent(&shared.settings.folder, shared.durable.written_mark(), &query);
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }

    /// A reader that must not lose a record, with its cursor from the last time. One for each name.
    ///
    /// # Errors
    /// Its cursor can't be read or written.
    pub fn outbox(&self, name: &str) -> io::Result<Outbox> {
        Outbox::open(self.shared.clone(), name)
    }

    /// The number of the last line that was written; 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.shared.durable.written_mark().last.seq
    }

    /// Of the actor alone.
    pub fn vitals(&self) -> Vitals {
        self.mailbox.vitals()
    }

    /// How it is. Lists the folder.
    pub fn status(&self) -> Status {
        let shared = &self.shared;
        let found = segment::segments(&shared.settings.folder).unwrap_or_default();
        let length =
            |segment: &segment::Segment| std::fs::metadata(&segment.path).map_or(0, |file| file.len());
        Status {
            unwritable: shared.trouble_now().map(|(reason, since)| Unwritable { reason, since }),
            head: shared.durable.written_mark().last,
            first_seq: shared.durable.first_seq(),
            queued: shared.queued(),
            dropped: shared.dropped(),
            last_sync: shared.durable.last_sync(),
            synced_seq: shared.durable.synced_mark().last.seq,
            bytes: found.iter().map(length).sum(),
            segments: found.len(),
            sinks: self.sinks.status(),
            actor: self.vitals(),
        }
    }

    /// Writes and makes durable all that is queued, lets the sinks deliver what they take at once, then ends;
    /// `wait` at the longest for each. To be called when no exchange is open.
    ///
    /// # Errors
    /// The actor did not end in time, or had died.
    pub async fn drain(&self, wait: Duration) -> Result<(), SendError> {
        let ended = self.mailbox.send_last(Drain, wait).await;
        if self.sinks.drain(wait).await.is_err() {
            log::warn!("sinks that did not end in time are cut off: they go on at the next start");
        }
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        if ended.is_ok() {
            self.shared.release();
        }
        ended
    }
}

#[cfg(test)]
mod tests;
