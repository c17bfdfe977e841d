//! CREDIT_CARD: length and prefix of an issuer (ISO/IEC 7812; the networks' published ranges), and Luhn's check.

use super::Recognizers;
use super::numbers::{Numbers, luhn};
use gateway_core::finding::{Finding, Kind};
use std::ops::Range;

pub(crate) const WORDS: [&str; 24] = [
    "card",
    "cards",
    "credit",
    "debit",
    "visa",
    "mastercard",
    "amex",
    "american express",
    "discover",
    "diners",
    "jcb",
    "maestro",
    "cc",
    "ccn",
    "pan",
    "card number",
    "payment",
    "billing",
    "kreditkarte",
    "karte",
    "tarjeta",
    "carte",
    "carta",
    "charged",
];

pub(crate) fn find(numbers: &mut Numbers<'_>, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    let mut first = 0;
    while first < numbers.len() {
        match longest(numbers, first, recognizers) {
            Some((groups, score)) => {
                found.push(Finding::new(Kind::CREDIT_CARD, numbers.span(groups.clone()), score));
                first = groups.end;
                numbers.take(groups);
            }
            None => first += 1,
        }
    }
}

fn longest(numbers: &Numbers<'_>, first: usize, recognizers: &Recognizers) -> Option<(Range<usize>, u8)> {
    let spaced = numbers.spaced(first);
    if spaced.len() > 1 {
        // A number spelled out begins where its digits begin.
        let begins = first == 0 || numbers.group(first - 1).len() > 1;
        return begins.then(|| judge(numbers, spaced, recognizers)).flatten();
    }
    let mut count = 0;
    let mut best = None;
    for end in first + 1..=numbers.len().min(first + 6) {
        count += numbers.group(end - 1).len();
        if count > 19 {
            break;
        }
        if count >= 12 && numbers.is_free(&(first..end)) {
            best = judge(numbers, first..end, recognizers).or(best);
        }
    }
    best
}

fn judge(
    numbers: &Numbers<'_>,
    groups: Range<usize>,
    recognizers: &Recognizers,
) -> Option<(Range<usize>, u8)> {
    let digits = numbers.digits(groups.clone())?;
    let digits = digits.as_slice();
    let span = numbers.span(groups.clone());
    let said = || recognizers.card_words.near(numbers.text, &span);
    if !luhn(digits) || !numbers.stands_free(&span) || !(groups.len() == 1 || is_grouped(numbers, &groups)) {
        return None;
    }
    if !is_one_number(numbers, &groups) && !said() {
        return None;
    }
    let score = match (issuer(digits), digits.len()) {
        (true, 14..=16) => 96,
        (true, _) if groups.len() > 1 || said() => 90,
        (true, _) => 62,
        (false, 12..=19) if said() => 70,
        _ => return None,
    };
    Some((groups, score))
}

/// Groups as cards have them: of four, or 4-6-5, or 4-6-4; or all of one digit; or a line end somewhere in it.
fn is_grouped(numbers: &Numbers<'_>, groups: &Range<usize>) -> bool {
    let lengths: Vec<usize> = groups.clone().map(|index| numbers.group(index).len()).collect();
    let Some((last, rest)) = lengths.split_last() else { return false };
    let fours = rest.iter().all(|length| *length == 4) && (1..=4).contains(last);
    let amex = lengths == [4, 6, 5] || lengths == [4, 6, 4];
    let spaced = lengths.iter().all(|length| *length == 1);
    let slashes = (groups.start + 1..groups.end).any(|index| numbers.gap(index).contains(['/', '(', ')']));
    !slashes && (fours || amex || spaced || rest.iter().all(|length| length.is_multiple_of(4)))
}

/// Whether groups stand on one line, or are separated alike and over one line end: others are numbers in a
/// column or a table, one in ten of which passes Luhn's check.
fn is_one_number(numbers: &Numbers<'_>, groups: &Range<usize>) -> bool {
    let gaps = || (groups.start + 1..groups.end).map(|index| numbers.gap(index));
    let lines = gaps().filter(|gap| gap.contains('\n')).count();
    let mut within = gaps().filter(|gap| !gap.contains('\n'));
    let first = within.next();
    lines == 0 || lines == 1 && within.all(|gap| Some(gap) == first)
}

/// Whether a network issues cards with this beginning and length.
fn issuer(digits: &[u8]) -> bool {
    let prefix = |length: usize| {
        digits.iter().take(length).fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let length = digits.len();
    if length < 12 {
        return false;
    }
    match digits[0] {
        b'4' => matches!(length, 13 | 16 | 18 | 19),
        b'5' => match prefix(2) {
            51..=55 => length == 16,
            50 | 56..=58 => (12..=19).contains(&length),
            _ => false,
        },
        b'2' => length == 16 && ((2221..=2720).contains(&prefix(4)) || (2200..=2204).contains(&prefix(4))),
        b'3' => match prefix(2) {
            34 | 37 => length == 15,
            36 | 38 | 39 => (14..=19).contains(&length),
            30 => (300..=305).contains(&prefix(3)) && (14..=19).contains(&length) || prefix(3) == 309,
            35 => (3528..=3589).contains(&prefix(4)) && (16..=19).contains(&length),
            _ => false,
        },
        b'6' => (12..=19).contains(&length),
        b'1' => prefix(4) == 1800 && length == 15,
        b'8' => matches!(prefix(2), 81) && (16..=19).contains(&length),
        b'9' => (9792 == prefix(4) || (979..=981).contains(&prefix(3))) && length == 16,
        _ => false,
    }
}
