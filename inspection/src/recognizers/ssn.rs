//! US_SSN: area, group and serial (Social Security Administration's rules: no area 000, 666 or 9xx, no
//! group 00, no serial 0000).

use super::Recognizers;
use super::numbers::Numbers;
use gateway_core::finding::{Finding, Kind};
use std::ops::Range;

pub(crate) const WORDS: [&str; 10] = [
    "ssn",
    "ssns",
    "ssn#",
    "social security",
    "social",
    "social security number",
    "soc sec",
    "taxpayer",
    "itin",
    "ss#",
];

pub(crate) fn find(numbers: &mut Numbers<'_>, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    let mut first = 0;
    while first < numbers.len() {
        match at(numbers, first, recognizers) {
            Some((groups, score)) => {
                found.push(Finding::new(Kind::US_SSN, numbers.span(groups.clone()), score));
                first = groups.end;
                numbers.take(groups);
            }
            None => first += 1,
        }
    }
}

fn at(numbers: &Numbers<'_>, first: usize, recognizers: &Recognizers) -> Option<(Range<usize>, u8)> {
    let spaced = numbers.spaced(first);
    let groups = if spaced.len() == 9 && (first == 0 || numbers.group(first - 1).len() > 1) {
        spaced
    } else if numbers.group(first).len() == 9 {
        first..first + 1
    } else if first + 3 <= numbers.len() && (0..3).all(|at| numbers.group(first + at).len() == [3, 2, 4][at])
    {
        first..first + 3
    } else {
        return None;
    };
    let digits = numbers.digits(groups.clone())?;
    let span = numbers.span(groups.clone());
    let signed = numbers.text[..span.start].ends_with('+');
    if signed || !numbers.is_free(&groups) || !in_range(digits.as_slice()) || !numbers.stands_free(&span) {
        return None;
    }
    let said = recognizers.ssn_words.near(numbers.text, &span);
    let score = match groups.len() {
        1 | 9 if said => 88,
        1 | 9 => return None,
        _ => {
            let gaps = [numbers.gap(first + 1), numbers.gap(first + 2)];
            match gaps.iter().all(|gap| gap.trim() == "-" || *gap == " " || gap.trim().is_empty()) {
                true => 92,
                false if said => 85,
                false if gaps[0] == gaps[1] && gaps[0] != "/" => 65,
                false => return None,
            }
        }
    };
    Some((groups, score))
}

fn in_range(digits: &[u8]) -> bool {
    let same = digits.iter().all(|digit| *digit == digits[0]);
    let area = &digits[..3];
    !same
        && area != b"000"
        && area != b"666"
        && area[0] != b'9'
        && &digits[3..5] != b"00"
        && &digits[5..] != b"0000"
}
