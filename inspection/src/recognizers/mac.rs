//! MAC_ADDRESS: six octets (IEEE 802, EUI-48) as `00:1A:2B:3C:4D:5E`, with `-`, or `001A.2B3C.4D5E`.

use gateway_core::finding::{Finding, Kind};
use std::ops::Range;

pub(crate) fn find(text: &str, group: &Range<usize>, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let (width, count, marks): (usize, usize, &[u8]) = match group.len() {
        2 => (2, 6, b":-"),
        4 => (4, 3, b"."),
        _ => return,
    };
    let beside =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).copied().filter(|byte| marks.contains(byte));
    let Some(mark) = beside(Some(group.end)).or_else(|| beside(group.start.checked_sub(1))) else { return };
    let step = width + 1;
    let hex = |from: usize| {
        bytes.get(from..from + width).is_some_and(|part| part.iter().all(u8::is_ascii_hexdigit))
    };
    let mut start = group.start;
    while start >= step && bytes[start - 1] == mark && hex(start - step) && group.start - start < step * count
    {
        start -= step;
    }
    let end = start + step * count - 1;
    let whole = (0..count)
        .all(|index| hex(start + index * step) && (index == 0 || bytes[start + index * step - 1] == mark));
    let free = |at: Option<&u8>| !at.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == mark);
    let again = found.last().is_some_and(|last| last.kind == Kind::MAC_ADDRESS && last.start == start);
    if whole && !again && free(start.checked_sub(1).map(|at| &bytes[at])) && free(bytes.get(end)) {
        found.push(Finding::new(Kind::MAC_ADDRESS, start..end, 95));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_found_whole() {
        for (text, at, want) in [
            ("mac ab:cd:ef:12:34:56.", 13, Some("ab:cd:ef:12:34:56")),
            ("00-1A-2B-3C-4D-5E", 0, Some("00-1A-2B-3C-4D-5E")),
            ("001A.2B3C.4D5E", 0, Some("001A.2B3C.4D5E")),
            ("12:34:56", 0, None),
            ("00:1A:2B:3C:4D:5E:6F", 0, None),
        ] {
            let width = if text.contains('.') && !text.contains(':') { 4 } else { 2 };
            let mut found = Vec::new();
            find(text, &(at..at + width), &mut found);
            assert_eq!(found.first().map(|find| &text[find.span()]), want, "{text}");
        }
    }
}
