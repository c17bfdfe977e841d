//! A row of digit groups with what separates them: `+49 (0)30 1234-567`, `4111 1111 1111 1111`, `1 2 3 4`.

use std::ops::Range;

/// Groups that a row is read for. A longer one is read on as another row.
const MOST: usize = 24;
/// Bytes that may stand between two groups.
const SEPARATOR: usize = 4;

/// A row within a text, and which of its groups are still nobody's.
#[derive(Clone)]
pub(crate) struct Numbers<'t> {
    pub text: &'t str,
    groups: [(usize, usize); MOST],
    length: usize,
    taken: u32,
}

/// Digits without what separates them; bounded, so that no value of interest is longer.
#[derive(Clone, Copy)]
pub(crate) struct Digits {
    bytes: [u8; 24],
    length: usize,
}

impl Digits {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<'t> Numbers<'t> {
    pub(crate) fn new(text: &'t str, first: Range<usize>) -> Numbers<'t> {
        let bytes = text.as_bytes();
        let mut numbers = Numbers { text, groups: [(0, 0); MOST], length: 1, taken: 0 };
        numbers.groups[0] = (first.start, first.end);
        let mut end = first.end;
        while numbers.length < MOST {
            let gap = bytes[end..].iter().take(SEPARATOR + 1).take_while(|byte| is_separator(**byte)).count();
            let start = end + gap;
            let digits =
                bytes[start.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            let next = bytes.get(start + digits);
            let lines = bytes[end..start].iter().filter(|byte| **byte == b'\n').count();
            if gap == 0
                || gap > SEPARATOR
                || digits == 0
                || lines > 1
                || next.is_some_and(u8::is_ascii_alphabetic) && !is_extension(&bytes[start + digits..])
            {
                break;
            }
            end = start + digits;
            numbers.groups[numbers.length] = (start, end);
            numbers.length += 1;
        }
        numbers
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn end(&self) -> usize {
        self.groups[self.length - 1].1
    }

    pub(crate) fn group(&self, index: usize) -> &'t str {
        &self.text[self.groups[index].0..self.groups[index].1]
    }

    /// What stands before a group that is not the first.
    pub(crate) fn gap(&self, index: usize) -> &'t str {
        &self.text[self.groups[index - 1].1..self.groups[index].0]
    }

    /// The span of groups `from..to`.
    pub(crate) fn span(&self, groups: Range<usize>) -> Range<usize> {
        self.groups[groups.start].0..self.groups[groups.end - 1].1
    }

    pub(crate) fn is_free(&self, groups: &Range<usize>) -> bool {
        groups.clone().all(|index| self.taken & 1 << index == 0)
    }

    pub(crate) fn take(&mut self, groups: Range<usize>) {
        groups.for_each(|index| self.taken |= 1 << index);
    }

    /// `None` where they are too many for any value.
    pub(crate) fn digits(&self, groups: Range<usize>) -> Option<Digits> {
        let mut digits = Digits { bytes: [0; 24], length: 0 };
        for index in groups {
            let group = self.group(index).as_bytes();
            digits.bytes.get_mut(digits.length..digits.length + group.len())?.copy_from_slice(group);
            digits.length += group.len();
        }
        Some(digits)
    }

    /// How many digits the groups have.
    pub(crate) fn count(&self, groups: Range<usize>) -> usize {
        groups.map(|index| self.group(index).len()).sum()
    }

    /// Runs of groups of one digit each, which are one number spelled out.
    pub(crate) fn spaced(&self, from: usize) -> Range<usize> {
        let run = (from..self.length).take_while(|index| self.group(*index).len() == 1).count();
        from..from + run
    }

    /// Whether a span is no part of a longer word, number, version, path or identifier.
    pub(crate) fn stands_free(&self, span: &Range<usize>) -> bool {
        let mut before = self.text[..span.start].chars().rev();
        let free_before = match before.next() {
            None => true,
            Some(c) if c.is_alphanumeric() || c == '_' => false,
            // A name and its value: `ssn=536-90-4399`.
            Some('=' | ':' | '#') if before.clone().next().is_some_and(char::is_alphabetic) => true,
            Some('-' | '.' | '/' | ':' | '#' | '$' | '=' | '@' | '\\' | '+' | '%' | '&') => {
                // Two in a row, or a blank between, belong to the sentence.
                !before.next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ')'))
            }
            Some(_) => true,
        };
        let mut after = self.text[span.end..].chars();
        let free_after = match after.next() {
            None => true,
            Some(c) if c.is_alphanumeric() || c == '_' => false,
            // A word behind a dash is a remark: `555-0100-Fax`.
            Some('-') => !after.next().is_some_and(char::is_numeric),
            Some('.' | '/' | ':' | '@' | '\\' | ',') => !after.next().is_some_and(char::is_alphanumeric),
            Some('%' | '=') => false,
            Some(_) => true,
        };
        free_before && free_after
    }
}

/// What may stand between two groups of one number.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/' | b'\n' | b'\r')
}

/// `x4508`, as numbers of offices end.
fn is_extension(bytes: &[u8]) -> bool {
    let digits = bytes[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ends = !bytes.get(1 + digits).is_some_and(u8::is_ascii_alphanumeric);
    matches!(bytes[0], b'x' | b'X') && (1..=6).contains(&digits) && ends
}

/// The check of Luhn (ISO/IEC 7812-1, annex B).
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(digit - b'0');
            match at % 2 {
                1 if digit > 4 => digit * 2 - 9,
                1 => digit * 2,
                _ => digit,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}
