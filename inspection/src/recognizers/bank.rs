//! US_BANK_NUMBER: 6 to 17 digits beside words that say so.

use super::Recognizers;
use super::numbers::Numbers;
use gateway_core::finding::{Finding, Kind};

pub(crate) const WORDS: [&str; 12] = [
    "account number",
    "bank account",
    "account no",
    "account #",
    "acct",
    "acct no",
    "checking",
    "savings account",
    "bank number",
    "a/c",
    "kontonummer",
    "acct number",
];

pub(crate) fn find(numbers: &mut Numbers<'_>, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    for index in 0..numbers.len() {
        let groups = index..index + 1;
        let span = numbers.span(groups.clone());
        let fits = (8..=17).contains(&numbers.group(index).len()) && numbers.is_free(&groups);
        if fits && numbers.stands_free(&span) && recognizers.bank_words.before(numbers.text, &span, 32) {
            found.push(Finding::new(Kind::US_BANK_NUMBER, span, 70));
            numbers.take(groups);
        }
    }
}
