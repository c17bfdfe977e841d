//! The parts of a text that have to be read in another form: what stands around each place that differs.

use std::ops::Range;

/// Bytes around a place that may belong to the same value, or be its context.
const AROUND: usize = 96;

/// Regions around places that come in order; they never overlap, and end at character boundaries.
#[derive(Default)]
pub(super) struct Regions(Vec<Range<usize>>);

impl Regions {
    pub(super) fn add(&mut self, text: &str, place: Range<usize>) {
        let mut start = place.start.saturating_sub(AROUND);
        let mut end = (place.end + AROUND).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        // A word is not cut, as far as it is one.
        let bytes = text.as_bytes();
        start -= bytes[..start].iter().rev().take(AROUND).take_while(|byte| byte.is_ascii_graphic()).count();
        end += bytes[end..].iter().take(AROUND).take_while(|byte| byte.is_ascii_graphic()).count();
        match self.0.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => self.0.push(start..end),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.0.iter().cloned()
    }
}
