//! PHONE_NUMBER: international by its calling code and length (ITU-T E.164), national by the shape of its
//! groups, local in context. Behind it an extension.

use super::Recognizers;
use super::numbers::Numbers;
use gateway_core::finding::{Finding, Kind};
use std::ops::Range;

pub(crate) const WORDS: [&str; 45] = [
    "phone",
    "phones",
    "telephone",
    "tel",
    "tel.",
    "mobile",
    "mob",
    "cell",
    "cellphone",
    "call",
    "called",
    "calling",
    "calls",
    "dial",
    "fax",
    "sms",
    "whatsapp",
    "contact",
    "hotline",
    "telefon",
    "telefonnummer",
    "téléphone",
    "teléfono",
    "telefono",
    "móvil",
    "celular",
    "cellulare",
    "telefone",
    "telefoon",
    "telefonnr",
    "puhelin",
    "landline",
    "answering",
    "voicemail",
    "rückruf",
    "anrufen",
    "desk",
    "office",
    "registered",
    "number is",
    "reach me",
    "text me",
    "phone number",
    "phone no",
    "telephone number",
];

/// What numbers are called that are no phone's.
pub(crate) const OTHERS: [&str; 30] = [
    "id",
    "order",
    "invoice",
    "ticket",
    "account",
    "policy",
    "case",
    "reference",
    "ref",
    "serial",
    "version",
    "build",
    "port",
    "pid",
    "size",
    "bytes",
    "timestamp",
    "sha",
    "commit",
    "isbn",
    "issn",
    "zip",
    "postal",
    "tracking",
    "amount",
    "total",
    "price",
    "year",
    "years",
    "page",
];

/// Digits of a whole number, its calling code among them.
const E164: std::ops::RangeInclusive<usize> = 8..=15;

pub(crate) fn find(numbers: &mut Numbers<'_>, recognizers: &Recognizers, found: &mut Vec<Finding>) {
    let mut first = 0;
    while first < numbers.len() {
        match longest(numbers, first, recognizers) {
            Some((groups, score)) => {
                let span = with_edges(numbers, numbers.span(groups.clone()));
                found.push(Finding::new(Kind::PHONE_NUMBER, span, score));
                first = groups.end;
                numbers.take(groups);
            }
            None => first += 1,
        }
    }
}

fn longest(numbers: &Numbers<'_>, first: usize, recognizers: &Recognizers) -> Option<(Range<usize>, u8)> {
    let spaced = numbers.spaced(first);
    if spaced.len() > 2 {
        // A number spelled out is tried whole, from where its digits begin.
        let begins = first == 0 || numbers.group(first - 1).len() > 1;
        let whole = begins && numbers.is_free(&spaced);
        return whole.then(|| judge(numbers, &spaced, recognizers).map(|score| (spaced, score))).flatten();
    }
    let most = (first + 1..=numbers.len().min(first + 15))
        .take_while(|end| numbers.count(first..*end) <= 17 && numbers.is_free(&(*end - 1..*end)))
        .last()?;
    let on_line = (first + 1..=most)
        .take_while(|end| *end == first + 1 || !numbers.gap(*end - 1).contains('\n'))
        .last()
        .unwrap_or(first + 1);
    // What stands on one line is tried before what is broken over two.
    let lengths = (first + 1..=on_line).rev().chain((on_line + 1..=most).rev());
    lengths.into_iter().find_map(|end| {
        let groups = first..end;
        judge(numbers, &groups, recognizers).map(|score| (groups, score))
    })
}

fn judge(numbers: &Numbers<'_>, groups: &Range<usize>, recognizers: &Recognizers) -> Option<u8> {
    let count = numbers.count(groups.clone());
    if !(6..=17).contains(&count) {
        return None;
    }
    let digits = numbers.digits(groups.clone())?;
    let digits = digits.as_slice();
    let span = numbers.span(groups.clone());
    let plus = is_plus(numbers.text, span.start);
    let edges = with_edges(numbers, span.clone());
    if !numbers.stands_free(&edges) {
        return None;
    }
    if plus {
        return is_international(digits).then_some(93);
    }
    let abroad = digits.strip_prefix(b"00").or_else(|| digits.strip_prefix(b"011"));
    if groups.len() > 1 && abroad.is_some_and(is_international) {
        return Some(80);
    }
    let american = is_north_american(numbers, groups, digits);
    let shape = shape(numbers, groups);
    if !american && shape == Shape::Odd {
        return None;
    }
    let said = recognizers.phone_words.near(numbers.text, &edges);
    if american {
        return Some(if said { 90 } else { 78 });
    }
    let other = recognizers.other_words.before(numbers.text, &edges, 20);
    match (said, shape) {
        (true, _) if other && groups.len() == 1 => None,
        (true, Shape::Grouped) if (7..=15).contains(&count) => Some(80),
        (true, Shape::Plain) if (7..=15).contains(&count) => Some(72),
        (false, Shape::Grouped) if !other && is_national(numbers, groups, digits) => Some(64),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Plain,
    Grouped,
    /// Groups that no phone number has.
    Odd,
}

fn shape(numbers: &Numbers<'_>, groups: &Range<usize>) -> Shape {
    if groups.len() == 1 {
        return Shape::Plain;
    }
    let single = groups.clone().filter(|index| numbers.group(*index).len() == 1).count();
    let all_single = single == groups.len();
    let long = groups.clone().any(|index| numbers.group(index).len() > 9);
    let lines = (groups.start + 1..groups.end).filter(|index| numbers.gap(*index).contains('\n')).count();
    let lengths: Vec<usize> = groups.clone().map(|index| numbers.group(index).len()).collect();
    let gaps: Vec<&str> = (groups.start + 1..groups.end).map(|index| numbers.gap(index).trim()).collect();
    // A postal code with its route, a decimal number, a fraction.
    let zip = lengths == [5, 4] && gaps == ["-"];
    let decimal = gaps == ["."];
    let fraction = gaps.contains(&"/") && !numbers.group(groups.start).starts_with('0')
        || gaps.len() > 1 && gaps.iter().filter(|gap| **gap == "/").count() > 1;
    let odd = long || lines > 1 || single > 2 && !all_single || zip || decimal || fraction;
    if odd { Shape::Odd } else { Shape::Grouped }
}

/// `+`, with at most a bracket or a blank behind it.
fn is_plus(text: &str, start: usize) -> bool {
    let before = text[..start].trim_end_matches(['(', ' ']);
    text.len() >= start && start - before.len() <= 2 && before.ends_with('+')
}

/// NPA-NXX-XXXX (North American Numbering Plan): area and exchange begin with 2 to 9.
fn is_north_american(numbers: &Numbers<'_>, groups: &Range<usize>, digits: &[u8]) -> bool {
    let (digits, first) = match digits {
        [b'1', rest @ ..] if digits.len() == 11 => {
            (rest, groups.start + usize::from(numbers.group(groups.start).len() == 1))
        }
        _ => (digits, groups.start),
    };
    let plan = digits.len() == 10 && digits[0] >= b'2' && digits[3] >= b'2' && digits[1] != b'9';
    let lengths: Vec<usize> = (first..groups.end).map(|index| numbers.group(index).len()).collect();
    plan && matches!(lengths[..], [3, 3, 4] | [3, 7] | [6, 4]) && groups.len() > 1
}

/// A national number as it is written elsewhere: a trunk zero, or groups in brackets, or three groups and more.
fn is_national(numbers: &Numbers<'_>, groups: &Range<usize>, digits: &[u8]) -> bool {
    let trunk = digits[0] == b'0' && digits.get(1) != Some(&b'0') && (9..=12).contains(&digits.len());
    let lengths: Vec<usize> = groups.clone().map(|index| numbers.group(index).len()).collect();
    let one_gap = (groups.start + 1..groups.end).all(|index| numbers.gap(index).trim().len() <= 1);
    let start = numbers.span(groups.clone()).start;
    let bracket = numbers.text[..start].ends_with('(') && numbers.gap(groups.start + 1).contains(')');
    let even = lengths.iter().all(|length| (2..=4).contains(length));
    one_gap
        && (trunk && lengths[0] <= 5
            || bracket && digits.len() >= 8
            || even && lengths.len() >= 3 && (8..=12).contains(&digits.len()) && is_usual(&lengths))
}

/// Groups as numbers are written: of two and three, or one longer at an end.
fn is_usual(lengths: &[usize]) -> bool {
    matches!(
        lengths,
        [3, 3, 3]
            | [2, 3, 2, 2]
            | [3, 2, 2, 2]
            | [2, 2, 2, 2, 2]
            | [3, 3, 2, 2]
            | [2, 4, 4]
            | [3, 4, 4]
            | [2, 3, 3]
            | [3, 3, 4]
            | [4, 3, 3]
            | [2, 2, 2, 2]
            | [3, 4, 3]
    )
}

/// A calling code in use, and a length that its plan allows (ITU-T E.164, list of assigned country codes).
fn is_international(digits: &[u8]) -> bool {
    if !E164.contains(&digits.len()) {
        return false;
    }
    match digits[0] {
        b'1' => digits.len() == 11 && digits[1] >= b'2',
        b'7' => digits.len() == 11,
        b'2' | b'3' | b'4' | b'5' | b'6' | b'8' | b'9' => {
            let code = (digits[0] - b'0') * 10 + (digits[1] - b'0');
            !matches!(code, 28 | 83 | 89 | 99) || digits.len() >= 10
        }
        _ => false,
    }
}

/// A span with its opening `+` or bracket, and with an extension behind.
fn with_edges(numbers: &Numbers<'_>, span: Range<usize>) -> Range<usize> {
    let text = numbers.text;
    let mut start = span.start;
    let opened = text[..start].ends_with('(') && text[start..span.end].contains(')');
    if opened {
        start -= 1;
    }
    let before = text[..start].trim_end_matches(' ');
    if before.ends_with('+') && start - before.len() <= 1 {
        start = before.len() - 1;
    } else if text[..start].ends_with("+(") {
        start -= 2;
    }
    start..span.end + extension(&text[span.end..])
}

/// Bytes of `x4508`, `ext. 12`, `#12` that a text begins with.
fn extension(text: &str) -> usize {
    let blanks = text.len() - text.trim_start_matches(' ').len();
    let rest = &text[blanks..];
    let marks = ["extension", "ext.", "ext", "Ext.", "Ext", "x", "X", "#", "durchwahl"];
    let Some(mark) = marks.iter().find(|mark| rest.starts_with(**mark)) else { return 0 };
    let behind = &rest[mark.len()..];
    let gap = behind.len() - behind.trim_start_matches([' ', ':', '.']).len();
    let digits = behind[gap..].bytes().take_while(u8::is_ascii_digit).count();
    let ends = !behind[gap + digits..].starts_with(|c: char| c.is_alphanumeric());
    if blanks <= 2 && gap <= 2 && (1..=6).contains(&digits) && ends {
        blanks + mark.len() + gap + digits
    } else {
        0
    }
}
