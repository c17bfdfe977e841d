//! All replicas' newest records, where there is a Redis: each replica adds what it has written, and any of them
//! can be asked. People look at it; sinks and the ledger read each replica's own trail.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use gateway_core::audit::{Line, one_per_id};
use gateway_redis::{EntryId, RECENT_LINES, RecentError, RecentLines};
use tokio::sync::watch;

use super::cursor::{Cursor, Cursors};
use super::journal::Mark;
use super::reader::{self, Most};
use super::recent::{Found, Page, Place, Query, takes};
use super::shared::Shared;

/// Lines that travel together: Redis answers nobody else while it takes them, a millisecond or so.
const BATCH: Most = Most { records: 250, bytes: 512 << 10 };
/// What is written within it travels together: at most ten batches a second.
const GATHER: Duration = Duration::from_millis(100);
/// Until Redis is asked again.
const BREATH: Duration = Duration::from_secs(1);
/// No sink can have this name, so its file is no sink's.
const NAME: &str = "replicas.recent";
/// Entries that one question brings, and questions for one page: the whole stream, once.
const ENTRIES: usize = 500;
const QUESTIONS: usize = RECENT_LINES / ENTRIES + 2;

/// Adds what is written, in its order, from where it was the last time. Ends with its thread.
pub(super) async fn tell(lines: Arc<RecentLines>, shared: Arc<Shared>, mut written: watch::Receiver<Mark>) {
    // Its own list of cursors: nothing is kept for the sake of this view.
    let opened = Cursor::open(&shared.settings.folder, NAME, shared.disk.clone(), Cursors::default());
    let mut cursor = match opened {
        Ok(cursor) => cursor,
        Err(error) => {
            log::error!("other replicas will not see this one's newest records: {error}");
            return;
        }
    };
    let mut is_away = false;
    loop {
        let until = *written.borrow_and_update();
        match step(&lines, &shared, &mut cursor, until).await {
            Ok(false) => {
                if std::mem::take(&mut is_away) {
                    log::info!("other replicas see this one's newest records again");
                }
                if written.changed().await.is_err() {
                    return;
                }
                tokio::time::sleep(GATHER).await;
            }
            Ok(true) => {}
            Err(error) => {
                // Once, not every second.
                if !std::mem::replace(&mut is_away, true) {
                    log::warn!("other replicas don't see this one's newest records: {error}");
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// One batch. Whether there is more.
async fn step(lines: &RecentLines, shared: &Shared, cursor: &mut Cursor, until: Mark) -> io::Result<bool> {
    if cursor.position().seq > until.last.seq {
        // Another trail than the one that it was of.
        cursor.move_to(Default::default());
    }
    let batch = reader::read(&shared.settings.folder, cursor.position(), until, BATCH)?;
    if batch.end == cursor.position() {
        return Ok(false);
    }
    let behind = until.last.seq.saturating_sub(batch.end.seq);
    // What the stream would cut off again at once is not sent.
    if behind < RECENT_LINES as u64 && !batch.entries.is_empty() {
        let these: Vec<&[u8]> = batch.entries.iter().map(|entry| entry.line.as_slice()).collect();
        lines.add(&these).await.map_err(io::Error::other)?;
    }
    // A cursor that can't be written costs repeats after a restart, which readers bear.
    if cursor.commit(batch.end).is_err() {
        cursor.move_to(batch.end);
    }
    Ok(true)
}

/// All replicas' newest records; `before` is an entry's place.
///
/// # Errors
/// Redis gives no answer.
pub(super) async fn recent(
    lines: &RecentLines,
    query: &Query,
    before: Option<EntryId>,
) -> Result<Page, RecentError> {
    let mut page = Page { of_all_replicas: true, ..Page::default() };
    let mut before = before;
    let mut foreign = 0;
    'looking: for _ in 0..QUESTIONS {
        let entries = lines.page(before, ENTRIES).await?;
        if entries.is_empty() {
            before = None;
            break;
        }
        for (id, line) in entries {
            before = Some(id);
            match Line::read(&line).ok().and_then(|read| Some((read.seq, read.record()?))) {
                Some((seq, record)) if takes(query, &record) => {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    page.entries.push(Found { seq, line, record });
                }
                Some(_) => {}
                None => foreign += 1,
            }
            if page.entries.len() >= query.limit {
                break 'looking;
            }
        }
    }
    if foreign > 0 {
        log::warn!(foreign; "entries among the replicas' newest records are none that this version writes");
    }
    page.next = before.map(Place::All);
    page.entries = one_per_id(page.entries, |found| (found.record.id(), found.record.recorded_by()));
    Ok(page)
}
