//! The ways in which a text can be read: as it is seen, and, where something in it decodes, decoded.

use super::cipher::deciphered;
use super::disguise::decoded;
use super::normal::normal;
use super::vocabulary::Common;

/// Layers of encodings that are undone.
const DEPTH: usize = 12;

/// Calls `found` with each reading, the plain one first, and whether it was decoded.
pub fn views(text: &str, common: &Common, found: &mut impl FnMut(&str, bool)) {
    let normal = normal(text);
    found(&normal.text, false);
    if normal.unseen.trim().len() >= 6 {
        found(&normal.unseen, true);
    }
    // What all layers together may come to: a text that grows as it decodes is left.
    let mut room = text.len().saturating_mul(4) + 1024;
    let mut last = normal.text.into_owned();
    for _ in 0..DEPTH {
        let Some(plain) = decoded(&last).filter(|plain| *plain != last && plain.len() <= room) else { break };
        room -= plain.len();
        let plain = super::normal::normal(&plain).text.into_owned();
        found(&plain, true);
        last = plain;
    }
    if let Some(plain) = deciphered(&last, common) {
        let plain = decoded(&plain).unwrap_or(plain);
        found(&plain, true);
    }
}
