//! The way from a text in another form back to the text as it stood.

use std::ops::Range;

/// After each place where the two differ: the offset in the other form, and in the text as it stood. A body has at
/// most 1 GiB.
#[derive(Debug, Default)]
pub(super) struct Map(Vec<(u32, u32)>);

impl Map {
    pub(super) fn changed(&mut self, plain: usize, raw: usize) {
        let (plain, raw) = (short(plain), short(raw));
        match self.0.last_mut() {
            // Of what can't be seen, the last one counts.
            Some((at, last)) if *at == plain => *last = raw,
            _ => self.0.push((plain, raw)),
        }
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
        let before = self.0.partition_point(|(at, _)| *at as usize <= plain);
        match before.checked_sub(1).map(|last| self.0[last]) {
            Some((at, raw)) => raw as usize + (plain - at as usize),
            None => plain,
        }
    }
}

fn short(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
