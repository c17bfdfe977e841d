//! DATE_OF_BIRTH: a date beside a word for birth. Other dates are nobody's.

use super::numbers::Numbers;
use gateway_core::finding::{Finding, Kind};
use regex::Regex;
use std::ops::Range;

/// Bytes behind and before a word for birth in which its date stands.
const BEHIND: usize = 64;
const BEFORE: usize = 40;

/// Words for birth.
pub(crate) const WORDS: [&str; 25] = [
    "birth",
    "dob",
    "d.o.b",
    "born",
    "geboren",
    "geburtsdatum",
    "geb.",
    "naissance",
    "né le",
    "née le",
    "nacimiento",
    "nacido",
    "nacida",
    "nascita",
    "nato il",
    "nata il",
    "nascimento",
    "geboortedatum",
    "fødselsdato",
    "födelsedatum",
    "narození",
    "narozen",
    "urodzenia",
    "urodzon",
    "syntymäaika",
];

pub(crate) struct Births {
    date: Regex,
}

impl Births {
    pub(crate) fn new() -> Births {
        let month = "(?:jan(?:uary|uar)?|feb(?:ruary|ruar)?|mar(?:ch)?|märz|apr(?:il)?|may|mai|june?|juni|july?|juli|aug(?:ust)?|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)";
        let date = [
            r"\b\d{1,4}\s{0,2}[-./]\s{0,2}\d{1,2}\s{0,2}[-./]\s{0,2}\d{2,4}\b".to_owned(),
            format!(r"\b\d{{1,2}}(?:st|nd|rd|th|\.)?[\s-]+(?:of\s+)?{month}\.?,?[\s-]+\d{{2,4}}\b"),
            format!(r"\b{month}\.?[\s-]+\d{{1,2}}(?:st|nd|rd|th)?,?[\s-]+\d{{2,4}}\b"),
            format!(r"\b\d{{4}}[\s-]+{month}[\s-]+\d{{1,2}}\b"),
        ]
        .join("|");
        Births { date: Regex::new(&format!("(?i){date}")).expect("a constant pattern, built in every test") }
    }

    /// The date beside a word.
    pub(crate) fn at(&self, text: &str, word: &Range<usize>, found: &mut Vec<Finding>) {
        // `born` within `stubborn`, `dob` within `adobe`.
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
        let bytes = text.as_bytes();
        if letter(word.start.checked_sub(1).map(|at| &bytes[at])) && word.len() < 6 {
            return;
        }
        let to = (word.end + BEHIND..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let behind =
            self.date.find(&text[word.end..to]).map(|hit| word.end + hit.start()..word.end + hit.end());
        let span = behind.or_else(|| {
            let from = (0..=word.start.saturating_sub(BEFORE)).rev().find(|at| text.is_char_boundary(*at))?;
            let last = self.date.find_iter(&text[from..word.start]).last()?;
            Some(from + last.start()..from + last.end())
        });
        if let Some(span) = span
            && found.last().is_none_or(|last| last.span() != span)
        {
            found.push(Finding::new(Kind::DATE_OF_BIRTH, span, 85));
        }
    }
}

/// Takes dates and times out of a row of numbers, so that they are not read as something else.
pub(crate) fn leave_dates(numbers: &mut Numbers<'_>) {
    let mut first = 0;
    while first + 3 <= numbers.len() {
        let groups = first..first + 3;
        let lengths = [0, 1, 2].map(|at| numbers.group(first + at).len());
        let gaps = [numbers.gap(first + 1), numbers.gap(first + 2)];
        let same = gaps[0] == gaps[1] && matches!(gaps[0], "-" | "/" | "." | " ");
        let value = |at: usize| numbers.group(first + at).parse::<u32>().unwrap_or(u32::MAX);
        let year = |at: usize| (1900..=2100).contains(&value(at));
        let iso = lengths == [4, 2, 2] && year(0) && value(1) <= 12 && value(2) <= 31;
        let short = |at: usize| lengths[at] <= 2;
        let day_first =
            short(0) && short(1) && lengths[2] == 4 && year(2) && value(0) <= 31 && value(1) <= 31;
        if same && (iso || day_first) {
            numbers.take(groups.clone());
            first = groups.end;
        } else {
            first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_counts_beside_a_word_for_birth() {
        let births = Births::new();
        for (text, want) in [
            ("born on April 09, 1970 in Rome", &["April 09, 1970"][..]),
            ("DOB: 1970-04-09", &["1970-04-09"]),
            ("date of birth is 9th of April 1970", &["9th of April 1970"]),
            ("geboren am 9. April 1970", &["9. April 1970"]),
            ("09/04/1970 (birth date)", &["09/04/1970"]),
            ("released on April 09, 2020", &[]),
            ("stubborn 1970-04-09", &[]),
        ] {
            let mut found = Vec::new();
            for word in WORDS {
                for (at, _) in text.to_ascii_lowercase().match_indices(word) {
                    births.at(text, &(at..at + word.len()), &mut found);
                }
            }
            found.dedup();
            let told: Vec<&str> = found.iter().map(|find| &text[find.span()]).collect();
            assert_eq!(told, want, "{text}");
        }
    }
}
