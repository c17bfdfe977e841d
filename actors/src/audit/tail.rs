//! `ai-gateway audit tail`: the last records of a folder, then those that come, without the process that writes
//! them.

use std::io;
use std::path::{Path, PathBuf};

use super::cursor::Position;
use super::journal::Mark;
use super::reader::{self, Entry, Most};
use super::recent::{Query, recent};
use super::segment::segments;

/// Where a person looks at a trail.
pub struct Tail {
    folder: PathBuf,
    at: Position,
}

const MOST: Most = Most { records: 1_000, bytes: 4 << 20 };

impl Tail {
    /// The last `records` lines of records, the oldest of them first, and the place behind them.
    pub fn last(folder: &Path, records: usize) -> io::Result<(Tail, Vec<String>)> {
        let page = recent(folder, Mark::END, &Query { limit: records.max(1), ..Query::default() })?;
        let newest = page.entries.first().map_or(0, |found| found.seq);
        let mut lines: Vec<String> = page.entries.into_iter().take(records).map(|found| found.line).collect();
        lines.reverse();
        let of_newest = segments(folder)?.into_iter().rev().find(|segment| segment.first_seq <= newest);
        let segment = of_newest.map_or(0, |segment| segment.first_seq);
        let at = Position { segment, offset: 0, seq: newest };
        Ok((Tail { folder: folder.to_owned(), at }, lines))
    }

    /// What was written since.
    pub fn more(&mut self) -> io::Result<Vec<Entry>> {
        let batch = reader::read(&self.folder, self.at, Mark::END, MOST)?;
        self.at = batch.end;
        Ok(batch.entries)
    }
}
