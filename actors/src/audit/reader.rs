//! Reads the trail forward from a position, up to what is durable: a line that a power cut could take again
//! is shown to nobody.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use gateway_core::audit::chain::Opening;
use gateway_core::audit::line::{self, Kind, LONGEST_LINE};
use gateway_core::audit::{Line, LineError};

use super::cursor::Position;
use super::journal::Mark;
use super::segment::{self, Segment};

/// A record's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub seq: u64,
    /// Without its line end.
    pub line: Vec<u8>,
    /// Behind it: where to go on once it is done with.
    pub end: Position,
}

impl Entry {
    /// # Errors
    /// A line of a later version, or one that was changed.
    pub fn read(&self) -> Result<Line, LineError> {
        Line::read(&self.line)
    }
}

/// How much is read at once; at least one record in any case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub records: usize,
    pub bytes: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub entries: Vec<Entry>,
    /// Behind all that was looked at, lines of the trail's own too.
    pub end: Position,
    /// Lines that are gone although nobody had read them.
    pub lost: u64,
}

/// Records behind `from`, in their order.
pub(super) fn read(folder: &Path, from: Position, until: Mark, most: Most) -> io::Result<Batch> {
    let mut batch = Batch { end: from, ..Batch::default() };
    if from.seq >= until.last.seq {
        return Ok(batch);
    }
    let mut bytes = 0;
    for Segment { first_seq, path } in segment::segments(folder)? {
        // Segments that end before the position, and those begun after the mark was set.
        if first_seq < from.segment || first_seq > until.segment {
            continue;
        }
        if first_seq != batch.end.segment {
            // Who has read nothing yet has missed nothing.
            if from != Position::default() {
                batch.lost += first_seq.saturating_sub(batch.end.seq + 1);
            }
            batch.end = Position { segment: first_seq, offset: 0, ..batch.end };
        }
        let mut file = File::open(&path)?;
        let length = file.metadata()?.len();
        let end = if first_seq == until.segment { until.offset.min(length) } else { length };
        if batch.end.offset > end {
            // Not the file that the position was of: all of it is looked at, what is known is left out.
            batch.end.offset = 0;
        }
        file.seek(SeekFrom::Start(batch.end.offset))?;
        let mut lines = BufReader::with_capacity(256 << 10, file.take(end - batch.end.offset));
        while batch.entries.len() < most.records && bytes < most.bytes {
            let mut line = Vec::new();
            let read = lines.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut line)?;
            if read == 0 {
                break;
            }
            let is_whole = line.pop_if(|last| *last == b'\n').is_some();
            if !is_whole && read < LONGEST_LINE {
                // The rest is still to be written, or never was.
                break;
            }
            batch.end.offset += read as u64;
            if is_whole {
                bytes += take(line, &mut batch);
            }
        }
        if batch.entries.len() >= most.records || bytes >= most.bytes {
            break;
        }
    }
    Ok(batch)
}

/// Keeps the line where it is a record that was not read before; the number of its bytes.
fn take(line: Vec<u8>, batch: &mut Batch) -> usize {
    let Some((Opening { seq, .. }, _)) = Opening::read(&line) else { return 0 };
    if seq <= batch.end.seq {
        return 0;
    }
    batch.end.seq = seq;
    if !matches!(line::kind(&line), Some(Kind::Request | Kind::Admin)) {
        return 0;
    }
    let bytes = line.len();
    batch.entries.push(Entry { seq, line, end: batch.end });
    bytes
}
