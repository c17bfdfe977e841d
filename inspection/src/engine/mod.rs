//! The search: text in, finds out. Linear in the text; nothing is kept between texts.
//!
//! The text is searched as it stands, and once more for each disguise that is in it: folded to ASCII,
//! with its escapes undone, and each run of base64 or hexadecimal decoded. A find in a disguise is the span as it stood.
//!
//! | module | holds |
//! |---|---|
//! | `walk`, `triggers`, `seek` | one pass over the bytes that finds where candidates could be |
//! | `fold` | look-alikes, other scripts' digits, what can't be seen |
//! | `decode` | percent, entities, `\u` |
//! | `runs` | base64, hexadecimal |
//! | [`patterns`] | what a configuration adds |

pub(crate) mod decode;
pub(crate) mod fold;
mod offsets;
pub mod patterns;
mod regions;
pub(crate) mod runs;
mod seek;
pub(crate) mod triggers;
mod walk;

use crate::recognizers::Recognizers;
use decode::Escaped;
use fold::Folded;
use gateway_core::finding::Finding;
use offsets::Map;
use patterns::Patterns;
pub use patterns::{Invalid, Pattern, Settings};
use std::ops::Range;

/// Disguises within disguises that are undone.
const DEPTH: usize = 3;

/// All that searches. Immutable, and shared by all threads.
pub struct Engine {
    recognizers: Recognizers,
    patterns: Patterns,
}

impl Engine {
    /// # Errors
    /// [`Invalid`] names the pattern that is none.
    pub fn new(settings: &Settings) -> Result<Engine, Invalid> {
        Ok(Engine { recognizers: Recognizers::new(), patterns: Patterns::new(settings)? })
    }

    /// Adds what is found in a text: spans at character boundaries, which may overlap.
    pub fn scan(&self, text: &str, found: &mut Vec<Finding>) {
        let before = found.len();
        self.search(text, DEPTH, found);
        self.patterns.allow(text, found, before);
    }

    fn search(&self, text: &str, depth: usize, found: &mut Vec<Finding>) {
        walk::walk(text, &self.recognizers, found);
        self.patterns.find(text, found);
        if depth == 0 {
            return;
        }
        for region in fold::regions(text).iter() {
            let folded = fold::fold(&text[region.clone()]);
            // Tags may cut a value apart, or say one.
            for Folded { text: plain, map } in
                [Some(folded), fold::tagged(&text[region.clone()])].into_iter().flatten()
            {
                self.within(text, region.clone(), &plain, &map, depth - 1, found);
            }
        }
        for region in decode::regions(text).iter() {
            let Escaped { text: plain, map } = decode::unescape(&text[region.clone()]);
            self.within(text, region, &plain, &map, depth - 1, found);
        }
        runs::encoded_runs(text, &mut |span, plain| {
            // In its place, so that the words around count; all of the run is the value, for nobody sees where
            // in it the value stands.
            let (from, to) = around(text, &span);
            let place = [&text[from..span.start], plain, &text[span.end..to]].concat();
            let inner = span.start - from..span.start - from + plain.len();
            let mut within = Vec::new();
            self.search(&place, depth - 1, &mut within);
            within.retain(|find| find.start < inner.end && find.end > inner.start);
            found.extend(within.into_iter().map(|find| Finding::new(find.kind, span.clone(), find.score)));
        });
    }

    /// Searches a region of the text in another form, and maps the finds back.
    fn within(
        &self,
        text: &str,
        region: Range<usize>,
        plain: &str,
        map: &Map,
        depth: usize,
        found: &mut Vec<Finding>,
    ) {
        let before = found.len();
        self.search(plain, depth, found);
        for find in &mut found[before..] {
            let span = map.back(&text[region.clone()], find.span());
            (find.start, find.end) = (region.start + span.start, region.start + span.end);
        }
    }
}

/// What stands around a span, as far as its words count for it.
fn around(text: &str, span: &Range<usize>) -> (usize, usize) {
    let mut from = span.start.saturating_sub(48);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let mut to = (span.end + 16).min(text.len());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    (from.min(span.start), to.max(span.end))
}

#[cfg(test)]
mod tests;
