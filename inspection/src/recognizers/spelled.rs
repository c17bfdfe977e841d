//! EMAIL_ADDRESS in words: `ann at example dot org`, `ann[at]example[dot]org`, `ann (at) example.org`.

use gateway_core::finding::{Finding, Kind};
use regex::Regex;
use std::ops::Range;

/// Bytes around a mark in which the whole address stands.
const AROUND: usize = 120;

/// What such an address is told by.
pub(crate) const MARKS: [&str; 16] = [
    "[at", "(at", "{at", "<at", "[@]", "(@)", " dot ", "[dot", "(dot", "{dot", "[.]", "(.)", "[ at", "( at",
    "[ dot", "( dot",
];

pub(crate) struct Spelled {
    form: Regex,
}

impl Spelled {
    pub(crate) fn new() -> Spelled {
        let form = concat!(
            r"(?i)[a-z0-9][a-z0-9._%+-]*",
            r"(?:\s{0,2}[\[({<]\s?(?:at|@)\s?[\])}>]\s{0,2}|\s{1,2}at\s{1,2}|\s?@\s?)",
            r"[a-z0-9][a-z0-9-]*",
            r"(?:(?:\.|\s{0,2}[\[({<]\s?(?:dot|\.)\s?[\])}>]\s{0,2}|\s{1,2}dot\s{1,2})[a-z0-9][a-z0-9-]*)*",
            r"(?:\.|\s{0,2}[\[({<]\s?(?:dot|\.)\s?[\])}>]\s{0,2}|\s{1,2}dot\s{1,2})[a-z]{2,24}",
        );
        Spelled { form: Regex::new(form).expect("a constant pattern, built in every test") }
    }

    /// The address around a mark.
    pub(crate) fn at(&self, text: &str, mark: &Range<usize>, found: &mut Vec<Finding>) {
        let same = |last: &Finding| last.kind == Kind::EMAIL_ADDRESS && last.span().contains(&mark.start);
        if found.last().is_some_and(same) {
            return;
        }
        let from = boundary(text, mark.start.saturating_sub(AROUND));
        let to = boundary(text, (mark.end + AROUND).min(text.len()));
        for hit in self.form.find_iter(&text[from..to]) {
            let span = from + hit.start()..from + hit.end();
            // Without a word for a sign it is the plain form's business.
            if span.contains(&mark.start) && crate::engine::patterns::stands_alone(text, &span) {
                found.push(Finding::new(Kind::EMAIL_ADDRESS, span, 85));
            }
        }
    }
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_words_are_found() {
        let spelled = Spelled::new();
        for (text, want) in [
            ("write ann.b at example dot org now", &["ann.b at example dot org"][..]),
            ("ann[at]mail[dot]example[dot]org", &["ann[at]mail[dot]example[dot]org"]),
            ("ann (at) example.org, or", &["ann (at) example.org"]),
            ("ANN AT EXAMPLE DOT ORG", &["ANN AT EXAMPLE DOT ORG"]),
            ("look at the dot, on the map", &[]),
            ("ann@example.org", &[]),
        ] {
            let mut found = Vec::new();
            for mark in MARKS.iter().flat_map(|mark| {
                text.to_ascii_lowercase()
                    .match_indices(mark)
                    .map(|(at, m)| at..at + m.len())
                    .collect::<Vec<_>>()
            }) {
                spelled.at(text, &mark, &mut found);
            }
            found.dedup();
            let told: Vec<&str> = found.iter().map(|find| &text[find.span()]).collect();
            assert_eq!(told, want, "{text}");
        }
    }
}
