//! `ai-gateway audit verify`: reads a whole trail, also one that a gateway writes at the moment.

use std::fs::File;
use std::io;
use std::path::Path;

use gateway_core::audit::chain::{HeadFile, SigningKey};
use gateway_core::audit::check::{Checker, Report};

use super::segment::{self, Piece};

/// Reads all segments of a folder. `head` is what was remembered of the chain's end.
///
/// # Errors
/// The folder or a file can't be read. What is wrong with the trail is in the report.
pub fn verify(folder: &Path, key: Option<&SigningKey>, head: Option<HeadFile>) -> io::Result<Report> {
    let mut checker = Checker::new(key, head);
    let segments = segment::segments(folder)?;
    for (number, found) in segments.iter().enumerate() {
        let name = found.path.file_name().unwrap_or_default().to_string_lossy();
        checker.segment(&name);
        let is_last = number + 1 == segments.len();
        segment::each_piece(File::open(&found.path)?, |piece, _| match piece {
            Piece::Line(line) => checker.line(line),
            Piece::TooLong => checker.line(b""),
            Piece::Torn(_) => checker.torn(is_last),
        })?;
    }
    Ok(checker.finish())
}
