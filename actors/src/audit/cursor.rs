//! How far a reader has come: kept in a small file beside the segments, so that a restart goes on there, and
//! in memory, so that retention takes nothing that somebody still needs.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::shared::held;

/// A place between two lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The first number of the segment; 0: before all.
    pub segment: u64,
    /// Bytes from the segment's start.
    pub offset: u64,
    /// The number of the line before it; 0: none.
    pub seq: u64,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    segment: u64,
    offset: u64,
    seq: u64,
}

const VERSION: u32 = 1;

/// All readers that must not lose a line, with the last one that each has done with.
#[derive(Clone, Default)]
pub(super) struct Cursors(Arc<Mutex<BTreeMap<String, u64>>>);

impl Cursors {
    /// Lines up to this one are needed by nobody; `None` where nobody reads.
    pub(super) fn least(&self) -> Option<u64> {
        held(&self.0).values().min().copied()
    }

    /// Lines behind this one are needed by the reader of this name.
    pub(super) fn moved(&self, name: &str, seq: u64) {
        held(&self.0).insert(name.to_owned(), seq);
    }
}

/// One reader's cursor and its file.
pub(super) struct Cursor {
    name: String,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    cursors: Cursors,
    position: Position,
}

impl Cursor {
    /// Where the reader of this name was last; a new one is before all. A file that is no cursor is told, and
    /// everything is read again: at least once is the promise.
    pub(super) fn open(
        folder: &std::path::Path,
        name: &str,
        disk: Arc<dyn Disk>,
        cursors: Cursors,
    ) -> io::Result<Cursor> {
        let path = folder.join(format!("{name}.cursor"));
        let position = match std::fs::read(&path) {
            Ok(text) => decode(&text).unwrap_or_else(|| {
                log::error!("{}: not a cursor: all that is there is read again", path.display());
                Position::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Position::default(),
            Err(error) => return Err(error),
        };
        cursors.moved(name, position.seq);
        Ok(Cursor { name: name.to_owned(), path, disk, cursors, position })
    }

    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Moves, also back. Durable against the death of the process; a power cut may bring an older one back.
    pub(super) fn commit(&mut self, position: Position) -> io::Result<()> {
        let Position { segment, offset, seq } = position;
        let text = serde_json::to_vec(&Stored { v: VERSION, segment, offset, seq })?;
        self.disk.replace(&self.path, &text)?;
        self.move_to(position);
        Ok(())
    }

    /// Moves for as long as the process lives.
    pub(super) fn move_to(&mut self, position: Position) {
        self.position = position;
        self.cursors.moved(&self.name, position.seq);
    }
}

fn decode(text: &[u8]) -> Option<Position> {
    let Stored { v, segment, offset, seq } = serde_json::from_slice(text).ok()?;
    (v == VERSION).then_some(Position { segment, offset, seq })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_cursor_kept_is_read() {
        let text = br#"{"v":1,"segment":7,"offset":1834,"seq":9}"#;
        assert_eq!(decode(text), Some(Position { segment: 7, offset: 1_834, seq: 9 }));
        for text in ["", "{}", r#"{"v":2,"segment":7,"offset":1834,"seq":9}"#] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
