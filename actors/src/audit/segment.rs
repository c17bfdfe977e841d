//! Segments on the disk: their names, their lines, the end of the last one.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use gateway_core::audit::chain::{Hash, Link, Opening};
use gateway_core::audit::line::{self, Content, LONGEST_LINE, Line, SegmentHead};

/// A file of the trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of its first line, which its name holds.
    pub first_seq: u64,
    pub path: PathBuf,
}

pub(super) fn path(folder: &Path, first_seq: u64) -> PathBuf {
    folder.join(format!("audit-{first_seq:012}.jsonl"))
}

fn first_seq(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("audit-")?.strip_suffix(".jsonl")?.parse().ok()
}

/// All segments of a folder, the oldest first. Other files are not looked at.
pub fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(first_seq) = first_seq(&path) {
            found.push(Segment { first_seq, path });
        }
    }
    found.sort_by_key(|segment| segment.first_seq);
    Ok(found)
}

/// What a reader of lines meets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Without its line end.
    Line(&'a [u8]),
    /// More bytes without a line end than any line has; what follows up to the next line end is left out.
    TooLong,
    /// Behind the last line end.
    Torn(&'a [u8]),
}

/// Calls `each` for every piece of a file, with the offset behind it. Memory is that of the longest line.
pub(super) fn each_piece(file: File, mut each: impl FnMut(Piece<'_>, u64)) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut buffer = Vec::new();
    let mut offset = 0;
    loop {
        buffer.clear();
        let read = reader.by_ref().take(LONGEST_LINE as u64).read_until(b'\n', &mut buffer)?;
        offset += read as u64;
        match buffer.split_last() {
            None => return Ok(()),
            Some((b'\n', line)) => each(Piece::Line(line), offset),
            Some(_) if read == LONGEST_LINE => {
                offset += skip_line(&mut reader)?;
                each(Piece::TooLong, offset);
            }
            Some(_) => each(Piece::Torn(&buffer), offset),
        }
    }
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let available = reader.fill_buf()?;
        let end = available.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(available.len(), |at| at + 1);
        reader.consume(used);
        skipped += used as u64;
        if end.is_some() || used == 0 {
            return Ok(skipped);
        }
    }
}

/// Where a segment's good lines end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// The head, where the first line is one.
    pub head: Option<SegmentHead>,
    /// The first line as it stands.
    pub head_line: Vec<u8>,
    /// The last line that is one; `None` where there is none.
    pub last: Option<Link>,
    /// The length up to and with that line.
    pub good: u64,
    /// Bytes behind it: the torn end of a write.
    pub torn: u64,
    /// The line that was remembered is there, and is another one.
    pub contradicts: bool,
}

/// Reads the whole file: some tens of milliseconds for a full segment. `remembered` is a line that was
/// durable once.
pub(super) fn tail(path: &Path, remembered: Option<Link>) -> io::Result<Tail> {
    let mut found = Tail::default();
    let mut last_line = Vec::new();
    let mut end = 0;
    each_piece(File::open(path)?, |piece, offset| {
        end = offset;
        let Piece::Line(line) = piece else { return };
        let Some((opening, _)) = Opening::read(line).filter(|_| line::kind(line).is_some()) else { return };
        if let Some(link) = remembered.filter(|link| link.seq == opening.seq) {
            found.contradicts = link.hash != Hash::of(line);
        }
        if found.good == 0
            && let Ok(Content::Segment(head)) = Line::read(line).map(|line| line.content)
        {
            found.head = Some(head);
            line.clone_into(&mut found.head_line);
        }
        found.good = offset;
        line.clone_into(&mut last_line);
    })?;
    found.torn = end - found.good;
    found.last =
        Opening::read(&last_line).map(|(opening, _)| Link { seq: opening.seq, hash: Hash::of(&last_line) });
    Ok(found)
}

/// The first line of a segment, where it is a head.
pub(super) fn head(path: &Path) -> io::Result<Option<SegmentHead>> {
    let mut line = Vec::new();
    BufReader::new(File::open(path)?.take(LONGEST_LINE as u64)).read_until(b'\n', &mut line)?;
    Ok(match Line::read(line.trim_ascii_end()).map(|line| line.content) {
        Ok(Content::Segment(head)) => Some(head),
        _ => None,
    })
}
