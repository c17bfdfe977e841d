//! EMAIL_ADDRESS in words: `ann at example dot org`, `ann[at]example[dot]org`, `ann (at) example.org`.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use gateway_core::finding::{Finding, Kind};
use regex::Regex;

/// Bytes around a mark in which the whole address stands.
const AROUND: usize = 120;

pub(crate) struct Spelled {
    marks: AhoCorasick,
    form: Regex,
}

impl Spelled {
    pub(crate) fn new() -> Spelled {
        let marks = [
            "[at", "(at", "{at", "<at", "[@", "(@", " dot ", "[dot", "(dot", "{dot", "[.]", "(.)", "[ at",
            "( at", "[ dot", "( dot",
        ];
        let form = concat!(
            r"(?i)[a-z0-9][a-z0-9._%+-]*",
            r"(?:\s{0,2}[\[({<]\s?(?:at|@)\s?[\])}>]\s{0,2}|\s{1,2}at\s{1,2}|\s?@\s?)",
            r"[a-z0-9][a-z0-9-]*",
            r"(?:(?:\.|\s{0,2}[\[({<]\s?(?:dot|\.)\s?[\])}>]\s{0,2}|\s{1,2}dot\s{1,2})[a-z0-9][a-z0-9-]*)*",
            r"(?:\.|\s{0,2}[\[({<]\s?(?:dot|\.)\s?[\])}>]\s{0,2}|\s{1,2}dot\s{1,2})[a-z]{2,24}",
        );
        Spelled {
            marks: AhoCorasickBuilder::new()
                .ascii_case_insensitive(true)
                .build(marks)
                .expect("a short list of words"),
            form: Regex::new(form).expect("a constant pattern, built in every test"),
        }
    }

    pub(crate) fn find(&self, text: &str, found: &mut Vec<Finding>) {
        let mut searched = 0;
        for mark in self.marks.find_iter(text) {
            if mark.start() < searched {
                continue;
            }
            let from = boundary(text, mark.start().saturating_sub(AROUND).max(searched));
            let to = boundary(text, (mark.end() + AROUND).min(text.len()));
            for hit in self.form.find_iter(&text[from..to]) {
                let span = from + hit.start()..from + hit.end();
                // Without a word for a sign it is the plain form's business.
                if self.marks.is_match(hit.as_str()) && crate::engine::patterns::stands_alone(text, &span) {
                    searched = span.end;
                    found.push(Finding::new(Kind::EMAIL_ADDRESS, span, 85));
                }
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
            spelled.find(text, &mut found);
            let told: Vec<&str> = found.iter().map(|find| &text[find.span()]).collect();
            assert_eq!(told, want, "{text}");
        }
    }
}
