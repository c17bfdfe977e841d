//! Finds what was done to a trail: lines that were changed, removed, inserted or moved, segments that are
//! gone or cut. Fed line by line; holds a bounded number of finds and nothing of the lines.

use std::fmt;

use super::chain::{Hash, HeadFile, Link, Opening, Signature, SigningKey, signature};
use super::line::{Content, Kind, Line, RepairReason, kind};

/// Finds beyond these are counted only.
pub const MOST_FINDS: usize = 100;

/// Where something is: file, line from 1, and the number that the line has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: u64,
    pub seq: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.seq.map_or(Ok(()), |seq| write!(f, " (seq {seq})"))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Find {
    pub place: Place,
    pub what: Wrong,
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("the line was changed: it is none that the gateway writes")]
    NoLine,
    #[error("the line was changed: its hash is not the one that the next line holds")]
    Changed,
    #[error("before it, lines {from} to {to} are missing: they were removed")]
    Removed { from: u64, to: u64 },
    #[error("the line stands out of order: it was moved or swapped")]
    Moved,
    #[error("its number is there already: a line was inserted")]
    Inserted,
    #[error("before it, {segments} segment(s) with lines {from} to {to} are missing: they were removed")]
    SegmentRemoved { segments: u64, from: u64, to: u64 },
    #[error("the segment was cut behind this line: lines up to {to} are missing")]
    Truncated { to: u64 },
    #[error("the segment does not begin with its head: its first lines were removed")]
    NoHead,
    #[error("the segment's head has a wrong signature: it was changed, or signed with another key")]
    WrongSignature,
    #[error("the segment's head is not signed, though an earlier one is")]
    NotSigned,
    #[error("the trail ends here, though it went up to line {to} once: its end was cut off")]
    EndMissing { to: u64 },
    #[error("the trail begins here, though it should from line {from} on: older segments were removed")]
    StartMissing { from: u64 },
    #[error("this line is another than the one that was remembered as the chain's head")]
    OtherHead,
    #[error("lines up to {to} were missing already when the gateway started")]
    WasMissing { to: u64 },
    #[error("a line before this one had been changed already when the gateway started")]
    WasChanged,
}

/// What was read, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub segments: u64,
    /// Requests and acts.
    pub records: u64,
    /// The first and the last line.
    pub first_seq: Option<u64>,
    pub last: Option<Link>,
    /// Torn ends that a start has mended: no request that was answered was in them.
    pub repairs: u64,
    /// The last line of all has no end: a write was under way, or was cut off by a crash.
    pub torn_end: bool,
    pub signed_segments: u64,
    pub finds: Vec<Find>,
    /// All, also those that are not in `finds`.
    pub wrong: u64,
}

/// Reads a trail in the order of its segments.
pub struct Checker<'k> {
    key: Option<&'k SigningKey>,
    head: Option<HeadFile>,
    report: Report,
    file: String,
    line: u64,
    last: Option<Seen>,
    ordinal: Option<u64>,
    signed_before: bool,
    /// Numbers that are missing so far; one of them that comes later was moved.
    gap: Option<Gap>,
}

struct Seen {
    link: Link,
    place: Place,
    /// Of a line with the same number that came after.
    twin: Option<Hash>,
    /// Something about it was told already.
    told: bool,
}

struct Gap {
    from: u64,
    to: u64,
    find: Option<usize>,
}

impl<'k> Checker<'k> {
    /// `key` checks signatures; `head` is what was remembered beside the trail.
    pub fn new(key: Option<&'k SigningKey>, head: Option<HeadFile>) -> Checker<'k> {
        Checker {
            key,
            head,
            report: Report::default(),
            file: String::new(),
            line: 0,
            last: None,
            ordinal: None,
            signed_before: false,
            gap: None,
        }
    }

    /// The next file, by its name.
    pub fn segment(&mut self, file: &str) {
        file.clone_into(&mut self.file);
        self.line = 0;
        self.report.segments += 1;
    }

    /// A whole line, without its line end.
    pub fn line(&mut self, line: &[u8]) {
        self.line += 1;
        let kind = kind(line);
        let (Some((opening, _)), Some(kind)) = (Opening::read(line), kind) else {
            self.no_line(line);
            return;
        };
        if matches!(kind, Kind::Request | Kind::Admin) {
            self.report.records += 1;
        }
        let link = Link { seq: opening.seq, hash: Hash::of(line) };
        if self.line == 1 {
            self.segment_head(line, kind, opening);
        }
        self.link(opening, link);
        self.compare_with_head(link);
        if kind == Kind::Repair {
            self.repair(line);
        }
    }

    /// What stands behind the last line end of the segment just read; the last segment may have such an end.
    pub fn torn(&mut self, is_last_segment: bool) {
        if is_last_segment {
            self.report.torn_end = true;
        } else {
            let place = Place { file: self.file.clone(), line: self.line + 1, seq: None };
            self.find(place, Wrong::NoLine);
        }
    }

    /// The verdict, once every segment was read.
    pub fn finish(mut self) -> Report {
        let last = self.last.as_ref().map(|seen| (seen.link, seen.place.clone()));
        self.report.last = last.as_ref().map(|(link, _)| *link);
        if let Some(head) = self.head {
            let end = last.as_ref().map_or(0, |(link, _)| link.seq);
            if end < head.last.seq {
                let nowhere = Place { file: "no segment".to_owned(), line: 0, seq: None };
                let place = last.map_or(nowhere, |(_, place)| place);
                self.find(place, Wrong::EndMissing { to: head.last.seq });
            }
        }
        self.report
    }

    fn here(&self, seq: Option<u64>) -> Place {
        Place { file: self.file.clone(), line: self.line, seq }
    }

    fn find(&mut self, place: Place, what: Wrong) -> Option<usize> {
        self.report.wrong += 1;
        let room = self.report.finds.len() < MOST_FINDS;
        room.then(|| {
            self.report.finds.push(Find { place, what });
            self.report.finds.len() - 1
        })
    }

    /// It stands where the next number would, so that the lines after it are still judged.
    fn no_line(&mut self, line: &[u8]) {
        let seq = self.last.as_ref().map_or(1, |seen| seen.link.seq + 1);
        let place = self.here(None);
        self.find(place.clone(), Wrong::NoLine);
        self.report.first_seq.get_or_insert(seq);
        self.last = Some(Seen { link: Link { seq, hash: Hash::of(line) }, place, twin: None, told: true });
    }

    fn segment_head(&mut self, line: &[u8], kind: Kind, opening: Opening) {
        let place = self.here(Some(opening.seq));
        let head = match (kind, Line::read(line).map(|line| line.content)) {
            (Kind::Segment, Ok(Content::Segment(head))) => head,
            _ => {
                self.find(place, Wrong::NoHead);
                return;
            }
        };
        match signature(line, self.key) {
            Signature::Right => {
                self.report.signed_segments += 1;
                self.signed_before = true;
            }
            Signature::Wrong => drop(self.find(place.clone(), Wrong::WrongSignature)),
            Signature::Absent if self.signed_before => drop(self.find(place.clone(), Wrong::NotSigned)),
            Signature::Absent => {}
        }
        let gone = self.ordinal.map_or(0, |before| head.segment.saturating_sub(before + 1));
        self.ordinal = Some(head.segment);
        let Some(seen) = &self.last else { return };
        let expected = seen.link.seq + 1;
        if opening.seq <= expected {
            return;
        }
        let to = opening.seq - 1;
        let end = seen.place.clone();
        if gone > 0 {
            self.find(place, Wrong::SegmentRemoved { segments: gone, from: expected, to });
        } else {
            self.find(end, Wrong::Truncated { to });
        }
        // Told; what follows is judged from here on.
        let before = Link { seq: to, hash: opening.prev };
        self.last = Some(Seen { link: before, place: self.here(Some(to)), twin: None, told: true });
    }

    fn link(&mut self, opening: Opening, link: Link) {
        let place = self.here(Some(opening.seq));
        let seen = Seen { link, place: place.clone(), twin: None, told: false };
        let Some(before) = &mut self.last else {
            self.report.first_seq = Some(opening.seq);
            if let Some(head) = self.head.filter(|head| head.first_seq < opening.seq) {
                self.find(place, Wrong::StartMissing { from: head.first_seq });
            }
            self.last = Some(seen);
            return;
        };
        let expected = before.link.seq + 1;
        if opening.seq == expected {
            let fits = opening.prev == before.link.hash || before.twin == Some(opening.prev);
            if !fits && !before.told {
                let place = before.place.clone();
                self.find(place, Wrong::Changed);
            }
            self.last = Some(seen);
        } else if opening.seq > expected {
            let to = opening.seq - 1;
            let find = self.find(place, Wrong::Removed { from: expected, to });
            self.gap = Some(Gap { from: expected, to, find });
            self.last = Some(seen);
        } else {
            if opening.seq == before.link.seq {
                before.twin = Some(link.hash);
                before.told = true;
            }
            self.late(opening.seq, place);
        }
    }

    /// A number that is not above the last one: a line of the gap before, or one too many.
    fn late(&mut self, seq: u64, place: Place) {
        let gap = self.gap.take_if(|gap| (gap.from..=gap.to).contains(&seq));
        let Some(gap) = gap else {
            self.find(place, Wrong::Inserted);
            return;
        };
        // Not removed, then, but moved here; what else was missing stays so.
        if let Some(find) = gap.find.and_then(|at| self.report.finds.get_mut(at)) {
            *find = Find { place, what: Wrong::Moved };
        }
        for (from, to) in [(gap.from, seq - 1), (seq + 1, gap.to)] {
            if from <= to {
                let place = self.here(Some(seq));
                let find = self.find(place, Wrong::Removed { from, to });
                self.gap = Some(Gap { from, to, find });
            }
        }
    }

    fn compare_with_head(&mut self, link: Link) {
        if self.head.is_some_and(|head| head.last.seq == link.seq && head.last.hash != link.hash) {
            let place = self.here(Some(link.seq));
            self.find(place, Wrong::OtherHead);
        }
    }

    fn repair(&mut self, line: &[u8]) {
        let Ok(Content::Repair(repair)) = Line::read(line).map(|line| line.content) else { return };
        match (repair.reason, repair.missing_to) {
            (RepairReason::LinesMissing, Some(to)) => {
                let place = self.here(None);
                self.find(place, Wrong::WasMissing { to });
            }
            (RepairReason::LineChanged, _) => {
                let place = self.here(None);
                self.find(place, Wrong::WasChanged);
            }
            _ => self.report.repairs += 1,
        }
    }
}

#[cfg(test)]
mod tests;
