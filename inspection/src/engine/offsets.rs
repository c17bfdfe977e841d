//! The way from a text in another form back to the text as it stood.

use std::ops::Range;

/// After each place where the two differ: the offset in the other form, and in the text as it stood.
#[derive(Debug, Default)]
pub(super) struct Map(Vec<(usize, usize)>);

impl Map {
    pub(super) fn changed(&mut self, plain: usize, raw: usize) {
        self.0.push((plain, raw));
    }

    /// The span as it stood, whole characters.
    pub(super) fn back(&self, text: &str, span: Range<usize>) -> Range<usize> {
        let mut start = self.raw(span.start).min(text.len());
        let mut end = self.raw(span.end).clamp(start, text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }

    fn raw(&self, plain: usize) -> usize {
        let before = self.0.partition_point(|(at, _)| *at <= plain);
        match before.checked_sub(1).map(|last| self.0[last]) {
            Some((at, raw)) => raw + (plain - at),
            None => plain,
        }
    }
}
