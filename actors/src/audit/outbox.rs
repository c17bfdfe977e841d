//! The trail as the ledger's outbox: each record is given out until its reader says that it is done, after a
//! restart again from a minute before. Repeats are the reader's to bear: settling is by id.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::audit::{Record, Time};
use tokio::sync::watch;

use super::cursor::{Cursor, Position};
use super::journal::Mark;
use super::reader::{self, Entry, Most};
use super::recent::{self, Query};
use super::segment;
use super::shared::Shared;

const MOST_BYTES: usize = 4 << 20;

/// A reader with a cursor of its own. While it lives, retention takes nothing that it has not committed.
pub struct Outbox {
    shared: Arc<Shared>,
    cursor: Cursor,
    /// Behind what was given out.
    at: Position,
    synced: watch::Receiver<Mark>,
}

impl Outbox {
    pub(super) fn open(shared: Arc<Shared>, name: &str) -> io::Result<Outbox> {
        let folder = shared.settings.folder.clone();
        let mut cursor = Cursor::open(&folder, name, shared.disk.clone(), shared.cursors.clone())?;
        let synced = shared.durable.watch_synced();
        if cursor.position().seq > synced.borrow().last.seq {
            // Another trail than the one that it was of.
            log::warn!("the cursor {name} is further on than the audit trail: all is read again");
            cursor.commit(Position::default())?;
        }
        Ok(Outbox { at: cursor.position(), shared, cursor, synced })
    }

    /// Behind what was given out.
    pub fn position(&self) -> Position {
        self.at
    }

    /// The next records, `most` at the most; none where all durable ones were given out.
    pub fn next(&mut self, most: usize) -> io::Result<Vec<Entry>> {
        let until = *self.synced.borrow_and_update();
        let most = Most { records: most, bytes: MOST_BYTES };
        let batch = reader::read(&self.shared.settings.folder, self.at, until, most)?;
        if batch.lost > 0 {
            log::error!(lost = batch.lost; "records were taken away from the audit trail before they were read");
        }
        self.at = batch.end;
        Ok(batch.entries)
    }

    /// Waits until more is durable than at the last [`Outbox::next`].
    pub async fn more(&mut self) {
        if self.synced.changed().await.is_err() {
            // The trail has ended: nothing will ever come.
            std::future::pending::<()>().await;
        }
    }

    /// All up to this place is done with.
    pub fn commit(&mut self, done: Position) -> io::Result<()> {
        self.cursor.commit(done)
    }

    /// Everything since the last commit is given out again.
    pub fn again(&mut self) {
        self.at = self.cursor.position();
    }

    /// Gives out again all that ended within `by` of now (after a pause: of the newest record), or was not committed.
    pub fn go_back(&mut self, by: Duration) -> io::Result<()> {
        let folder = &self.shared.settings.folder;
        let newest = recent::recent(folder, *self.synced.borrow(), &Query { limit: 1, ..Query::default() })?;
        let newest = newest.entries.first().map(|found| ended(&found.record));
        let now = self.shared.now();
        let since = newest.map_or(now, |newest| newest.min(now)).back(by);
        let committed = self.cursor.position();
        let mut start = Position::default();
        for found in segment::segments(&self.shared.settings.folder)? {
            let is_before = segment::head(&found.path)?.is_some_and(|head| head.time <= since);
            if found.first_seq > committed.segment || !is_before {
                break;
            }
            start = Position { segment: found.first_seq, offset: 0, seq: found.first_seq - 1 };
        }
        let until = *self.synced.borrow();
        let most = Most { records: 1_024, bytes: MOST_BYTES };
        self.at = 'found: loop {
            let batch = reader::read(&self.shared.settings.folder, start, until, most)?;
            if batch.entries.is_empty() {
                break committed;
            }
            for entry in &batch.entries {
                if entry.seq > committed.seq {
                    break 'found committed;
                }
                let ended = entry.read().ok().and_then(|line| line.record()).map(|record| ended(&record));
                if ended.is_some_and(|ended| ended >= since) {
                    break 'found start;
                }
                start = entry.end;
            }
        };
        Ok(())
    }
}

/// About when a record was written: requests are recorded at their end.
fn ended(record: &Record) -> Time {
    match record {
        Record::Request(request) => {
            Time::from_unix_millis(request.time.unix_millis().saturating_add(request.latency_ms))
        }
        Record::Admin(admin) => admin.time,
    }
}
