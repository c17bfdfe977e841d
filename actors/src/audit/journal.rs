//! The pen: appends lines to the last segment, begins a new one by size and day, mends a torn end. Each
//! append is whole or did not happen; waiting for the disk is somebody else's.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway_core::audit::chain::{HeadFile, Signature, SigningKey, signature};
use gateway_core::audit::line::{Repair, RepairReason, SegmentHead};
use gateway_core::audit::{Body, Link, Named, Time};

use super::disk::{Disk, DiskFile, Syncer};
use super::segment::{self, Tail};

/// How the trail is written.
#[derive(Clone)]
pub(super) struct Rules {
    pub folder: PathBuf,
    pub replica: Named,
    pub key: Option<SigningKey>,
    /// A segment that is longer is not written to again.
    pub segment_bytes: u64,
}

/// How far the trail goes: the end of a whole line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The first number of the segment.
    pub segment: u64,
    /// Bytes from the segment's start.
    pub offset: u64,
    pub last: Link,
}

impl Mark {
    pub(super) const NOWHERE: Mark = Mark { segment: 0, offset: 0, last: Link::START };
    /// All that is there, of a trail that another process writes.
    pub(super) const END: Mark =
        Mark { segment: u64::MAX, offset: u64::MAX, last: Link { seq: u64::MAX, ..Link::START } };
}

pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    rules: Rules,
    file: Box<dyn DiskFile>,
    syncer: Arc<dyn Syncer>,
    /// Counted from 1.
    segment: u64,
    began: Time,
    mark: Mark,
    /// The file may be longer than `mark`, and could not be cut: nothing is appended until it is opened anew.
    uncertain: bool,
}

impl Journal {
    /// Opens the last segment behind its last good line, or begins the first one. What was mended is noted in
    /// the chain. `head` is the end that was remembered: lines up to it were durable once.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        rules: Rules,
        head: Option<HeadFile>,
        now: Time,
    ) -> io::Result<Journal> {
        let remembered = head.map(|head| head.last);
        let Some(Last { path, first_seq, tail, last }) = last_segment(&rules.folder, remembered)? else {
            let last = remembered.unwrap_or(Link::START);
            let mut journal = Journal::begin(disk, rules, 1, last, now)?;
            if last != Link::START {
                journal.note(RepairReason::LinesMissing, 0, Some(last.seq), now)?;
            }
            return Ok(journal);
        };
        let ordinal = tail.head.as_ref().map_or(1, |head| head.segment);
        let mut file = disk.open(&path)?;
        if tail.torn > 0 {
            file.truncate(tail.good)?;
            log::warn!("{}: a torn end of {} bytes is cut off", path.display(), tail.torn);
        }
        // What is broken already shall show for ever: the chain goes on from the link that was remembered.
        let broken = remembered.filter(|link| link.seq > last.seq || tail.contradicts);
        let usable = tail.head.is_some() && is_signed_by(&tail.head_line, rules.key.as_ref());
        let mut journal = if broken.is_some() || !usable {
            let link = broken.filter(|link| link.seq >= last.seq).unwrap_or(last);
            Journal::begin(disk, rules, ordinal + 1, link, now)?
        } else {
            let mark = Mark { segment: first_seq, offset: tail.good, last };
            let began = tail.head.map_or(now, |head| head.time);
            let syncer = file.syncer()?;
            Journal { disk, rules, file, syncer, segment: ordinal, began, mark, uncertain: false }
        };
        if tail.torn > 0 {
            journal.note(RepairReason::TornLine, tail.torn, None, now)?;
        }
        if let Some(link) = broken {
            let missing = link.seq > last.seq;
            let reason = if missing { RepairReason::LinesMissing } else { RepairReason::LineChanged };
            log::error!(
                "{}: the audit trail is not as it was: line {} is {}; `ai-gateway audit verify` shows where",
                path.display(),
                link.seq,
                if missing { "missing" } else { "another" }
            );
            journal.note(reason, 0, missing.then_some(link.seq), now)?;
        }
        Ok(journal)
    }

    /// A new segment with its head behind `last`.
    fn begin(disk: Arc<dyn Disk>, rules: Rules, segment: u64, last: Link, now: Time) -> io::Result<Journal> {
        let first_seq = last.seq + 1;
        let path = segment::path(&rules.folder, first_seq);
        let mut file = disk.create(&path)?;
        let mut mark = Mark { segment: first_seq, offset: 0, last };
        let head = SegmentHead { segment, replica: rules.replica.clone(), time: now };
        let mut line = Vec::new();
        mark.last.append_signed(&head.body(), rules.key.as_ref(), &mut line);
        let written = write_whole(&mut *file, &line).and_then(|()| file.syncer());
        match written {
            Ok(syncer) => {
                mark.offset = line.len() as u64;
                Ok(Journal { disk, rules, file, syncer, segment, began: now, mark, uncertain: false })
            }
            Err(error) => {
                drop(file);
                remove_unborn(&path);
                Err(error)
            }
        }
    }

    fn note(
        &mut self,
        reason: RepairReason,
        bytes: u64,
        missing_to: Option<u64>,
        now: Time,
    ) -> io::Result<()> {
        let repair = Repair { time: now, reason, bytes, missing_to };
        self.append(&[repair.body()])
    }

    /// Whether the next lines belong into a new segment.
    pub(super) fn is_full(&self, now: Time) -> bool {
        self.mark.offset >= self.rules.segment_bytes || now.day() > self.began.day()
    }

    /// Begins the next segment. The one before is left as it is.
    pub(super) fn rotate(&mut self, now: Time) -> io::Result<()> {
        let next =
            Journal::begin(self.disk.clone(), self.rules.clone(), self.segment + 1, self.mark.last, now)?;
        *self = next;
        Ok(())
    }

    /// Writes all of them, or none.
    pub(super) fn append<B: AsRef<Body>>(&mut self, bodies: &[B]) -> io::Result<()> {
        if self.uncertain {
            return Err(io::Error::other("the end of the segment is not known"));
        }
        let mut last = self.mark.last;
        let mut lines = Vec::with_capacity(bodies.iter().map(|body| body.as_ref().len() + 128).sum());
        bodies.iter().for_each(|body| last.append(body.as_ref(), &mut lines));
        if let Err(error) = write_whole(&mut *self.file, &lines) {
            self.uncertain = self.file.truncate(self.mark.offset).is_err();
            return Err(error);
        }
        self.mark = Mark { offset: self.mark.offset + lines.len() as u64, last, ..self.mark };
        Ok(())
    }

    /// Takes back what was appended since `mark`, of this same segment.
    pub(super) fn take_back(&mut self, mark: Mark) {
        self.uncertain = self.file.truncate(mark.offset).is_err();
        self.mark = mark;
    }

    pub(super) fn is_uncertain(&self) -> bool {
        self.uncertain
    }

    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    pub(super) fn syncer(&self) -> Arc<dyn Syncer> {
        self.syncer.clone()
    }
}

struct Last {
    path: PathBuf,
    first_seq: u64,
    tail: Tail,
    last: Link,
}

/// The last segment that has a line. One without any was born in the crash; it is put aside, so that its name
/// is free again.
fn last_segment(folder: &Path, remembered: Option<Link>) -> io::Result<Option<Last>> {
    for found in segment::segments(folder)?.into_iter().rev() {
        let tail = segment::tail(&found.path, remembered)?;
        if let Some(last) = tail.last {
            return Ok(Some(Last { path: found.path, first_seq: found.first_seq, tail, last }));
        }
        let aside = found.path.with_extension("broken");
        std::fs::rename(&found.path, &aside)?;
        log::warn!("{}: a segment without a line, put aside", aside.display());
    }
    Ok(None)
}

/// A head that another key signed, or none where there is one now, begins a new segment.
fn is_signed_by(head: &[u8], key: Option<&SigningKey>) -> bool {
    matches!((signature(head, key), key), (Signature::Right, Some(_)) | (Signature::Absent, None))
}

fn write_whole(file: &mut dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written.min(bytes.len())..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A segment whose head could not be written: with it in place the next try could not create the file.
fn remove_unborn(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        log::warn!("{}: the segment that could not be begun stays: {error}", path.display());
    }
}
