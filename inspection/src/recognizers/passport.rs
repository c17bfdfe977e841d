//! US_PASSPORT of nine digits, beside words that say so (the newer form with a letter is a national id's).

use super::Recognizers;
use super::numbers::Numbers;
use gateway_core::finding::{Finding, Kind};

pub(crate) const WORDS: [&str; 5] =
    ["passport", "passport number", "passport no", "travel document", "passports"];

pub(crate) fn find(numbers: &mut Numbers<'_>, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    for index in 0..numbers.len() {
        let groups = index..index + 1;
        let span = numbers.span(groups.clone());
        let fits = numbers.group(index).len() == 9 && numbers.is_free(&groups) && numbers.stands_free(&span);
        if fits && recognizers.passport_words.before(numbers.text, &span, 24) {
            found.push(Finding::new(Kind::US_PASSPORT, span, 80));
            numbers.take(groups);
        }
    }
}
