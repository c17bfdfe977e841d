//! The newest records, read backward from the end of the trail. The work of one call is bounded; its answer
//! says where the next one goes on.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use gateway_core::audit::line::{Content, LONGEST_LINE};
use gateway_core::audit::{Line, Named, Outcome, Record, Time, one_per_id};

use gateway_redis::EntryId;

use super::journal::Mark;
use super::segment;

/// Bytes that one call looks at.
const MOST_BYTES: u64 = 32 << 20;
const BLOCK: u64 = 256 << 10;
/// A record is written at its request's end, and stands behind younger ones that ended before.
const LONGEST_REQUEST: Duration = Duration::from_secs(3_600);

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Of this team alone.
    pub team: Option<Named>,
    /// Begun then or later.
    pub since: Option<Time>,
    pub status: Option<StatusFilter>,
    /// The `next` of the page before.
    pub before: Option<Place>,
    pub limit: usize,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before this line of the replica's own trail.
    Own(u64),
    /// Before this entry of all replicas'.
    All(EntryId),
}

impl Place {
    /// As it is written: `842`, or `1732440600125-0`.
    pub fn parse(text: &str) -> Option<Place> {
        text.parse().ok().map(Place::Own).or_else(|| EntryId::parse(text).map(Place::All))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Own(seq) => write!(f, "{seq}"),
            Place::All(id) => write!(f, "{id}"),
        }
    }
}

/// How requests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// One HTTP status.
    Status(u16),
    /// The statuses of one class: 4 for 4xx.
    Class(u16),
    Outcome(Outcome),
}

impl StatusFilter {
    /// `429`, `4xx`, or an outcome's word.
    pub fn parse(text: &str) -> Option<StatusFilter> {
        if let Some(class) = text.strip_suffix("xx") {
            return class.parse().ok().filter(|class| (1..=5).contains(class)).map(StatusFilter::Class);
        }
        if let Ok(status) = text.parse() {
            return (100..=599).contains(&status).then_some(StatusFilter::Status(status));
        }
        let outcomes = [
            Outcome::Answered,
            Outcome::Denied,
            Outcome::Failed,
            Outcome::Cancelled,
            Outcome::CutShort,
            Outcome::Interrupted,
        ];
        outcomes.into_iter().find(|outcome| outcome.word() == text).map(StatusFilter::Outcome)
    }

    fn takes(self, record: &Record) -> bool {
        match (self, record) {
            (StatusFilter::Status(status), _) => record.status() == status,
            (StatusFilter::Class(class), _) => record.status() / 100 == class,
            (StatusFilter::Outcome(outcome), Record::Request(request)) => request.outcome == outcome,
            (StatusFilter::Outcome(_), Record::Admin(_)) => false,
        }
    }
}

/// The newest records first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<Found>,
    /// Where an older page begins; `None` where there is nothing older.
    pub next: Option<Place>,
    /// Not of the replica that was asked alone.
    pub of_all_replicas: bool,
}

#[derive(Clone, Debug)]
pub struct Found {
    pub seq: u64,
    /// The line as it stands in the trail, a JSON object.
    pub line: String,
    pub record: Record,
}

/// Of the records for one id within the page the owner's alone.
pub(super) fn recent(folder: &Path, written: Mark, query: &Query) -> io::Result<Page> {
    let mut page = Page::default();
    let mut looked_at = 0;
    let mut oldest = match query.before {
        Some(Place::Own(seq)) => seq,
        _ => u64::MAX,
    };
    let mut segments = segment::segments(folder)?;
    segments.retain(|found| found.first_seq <= written.segment && found.first_seq < oldest);
    let mut complete = false;
    for found in segments.iter().rev() {
        let file = File::open(&found.path)?;
        let length = file.metadata()?.len();
        let end = if found.first_seq == written.segment { written.offset.min(length) } else { length };
        let flow = backward(file, end, |line| {
            looked_at += line.len() as u64 + 1;
            let Ok(line_read) = Line::read(line) else { return ControlFlow::Continue(()) };
            if line_read.seq >= oldest {
                return ControlFlow::Continue(());
            }
            oldest = line_read.seq;
            if let Content::Record(record) = line_read.content {
                if query.since.is_some_and(|since| record.time() < since.back(LONGEST_REQUEST)) {
                    complete = true;
                    return ControlFlow::Break(());
                }
                if takes(query, &record) {
                    let line = String::from_utf8_lossy(line).into_owned();
                    page.entries.push(Found { seq: line_read.seq, line, record });
                }
            }
            let full = page.entries.len() >= query.limit || looked_at >= MOST_BYTES;
            if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if flow.is_break() {
            break;
        }
    }
    let first = segments.first().map_or(1, |segment| segment.first_seq);
    page.next = (!complete && oldest != u64::MAX && oldest > first).then_some(Place::Own(oldest));
    page.entries = one_per_id(page.entries, |found| (found.record.id(), found.record.recorded_by()));
    Ok(page)
}

pub(super) fn takes(query: &Query, record: &Record) -> bool {
    query.team.as_ref().is_none_or(|team| record.team() == Some(team))
        && query.since.is_none_or(|since| record.time() >= since)
        && query.status.is_none_or(|status| status.takes(record))
}

/// The lines of the first `end` bytes of a file, the last one first.
fn backward(
    mut file: File,
    end: u64,
    mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let mut start = end;
    // What stands before the first line end of the block read last: the end of a line.
    let mut rest: Vec<u8> = Vec::new();
    while start > 0 {
        let size = start.min(BLOCK);
        start -= size;
        file.seek(SeekFrom::Start(start))?;
        let mut block = Vec::with_capacity(size as usize + rest.len());
        file.by_ref().take(size).read_to_end(&mut block)?;
        block.append(&mut rest);
        let mut lines = block.rsplit(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_none() && start > 0 {
                rest = line.to_vec();
                // No line is so long: its beginning is not looked for.
                rest.truncate(LONGEST_LINE);
            } else if !line.is_empty() && each(line).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}
