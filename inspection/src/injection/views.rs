//! The ways in which a text can be read: as it is seen, and, where something in it decodes, decoded.

use super::cipher::deciphered;
use super::disguise::{Decoded, decoded};
use super::normal::normal;
use super::vocabulary::Common;

/// What a reading shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The text as it is seen.
    Seen,
    /// The text with what decodes in it decoded.
    Decoded,
    /// Only what was hidden.
    Hidden,
}

/// Layers of encodings that are undone.
const DEPTH: usize = 12;

/// Bytes from which a hidden text says something, and up to which it is taken for an order: whole documents are
/// sent in base64 every day, and are read as they would be in plain.
const SAYS: usize = 6;
pub const SAYS_MOST: usize = 600;

fn says(hidden: &str) -> bool {
    (SAYS..=SAYS_MOST).contains(&hidden.trim().len())
}

/// Calls `found` with each reading, the one as it is seen first.
pub fn views(text: &str, common: &Common, found: &mut impl FnMut(&str, View)) {
    let normal = normal(text);
    found(&normal.text, View::Seen);
    for hidden in [&normal.unseen, &normal.disguised] {
        if says(hidden) {
            found(hidden, View::Hidden);
        }
    }
    let mut tell = |plain: &Decoded| {
        found(&plain.text, View::Decoded);
        if says(&plain.hidden) {
            found(&plain.hidden, View::Hidden);
        }
    };
    // What all layers together may come to: a text that grows as it decodes is left.
    let mut room = text.len().saturating_mul(4) + 1024;
    let mut last = normal.text;
    for _ in 0..DEPTH {
        let Some(mut plain) = decoded(&last).filter(|plain| plain.text != last && plain.text.len() <= room)
        else {
            break;
        };
        room -= plain.text.len();
        plain.fold();
        tell(&plain);
        last = plain.text.into();
    }
    if let Some(plain) = deciphered(&last, common) {
        let plain = decoded(&plain.text).unwrap_or(plain);
        tell(&plain);
    }
}

impl Decoded {
    fn fold(&mut self) {
        for text in [&mut self.text, &mut self.hidden] {
            if !text.is_ascii() {
                *text = normal(text).text.into_owned();
            }
        }
    }
}
