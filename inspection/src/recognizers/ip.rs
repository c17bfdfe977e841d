//! IP_ADDRESS: version 4 (RFC 791, four numbers of at most 255) and 6 (RFC 4291), told from versions and names.

use super::numbers::Numbers;
use gateway_core::finding::{Finding, Kind};
use std::net::Ipv6Addr;
use std::ops::Range;

pub(crate) fn find_v4(numbers: &mut Numbers<'_>, found: &mut Vec<Finding>) {
    let mut first = 0;
    while first + 4 <= numbers.len() {
        let groups = first..first + 4;
        let dotted = (first + 1..first + 4).all(|index| numbers.gap(index) == ".");
        let longer = first + 4 < numbers.len() && numbers.gap(first + 4) == "."
            || first > 0 && numbers.gap(first) == ".";
        if dotted && !longer && groups.clone().all(|index| is_octet(numbers.group(index))) {
            let span = numbers.span(groups.clone());
            numbers.take(groups);
            if !is_version(numbers, &span, first) {
                found.push(Finding::new(Kind::IP_ADDRESS, span, 90));
            }
            first += 4;
        } else {
            first += 1;
        }
    }
    leave_versions(numbers);
}

/// Numbers with single dots between, of no address, are a version or a section.
fn leave_versions(numbers: &mut Numbers<'_>) {
    let mut first = 0;
    while first < numbers.len() {
        let dots = (first + 1..numbers.len()).take_while(|index| numbers.gap(*index) == ".").count();
        let groups = first..first + dots + 1;
        let short = groups.clone().filter(|index| numbers.group(*index).len() <= 2).count();
        if dots >= 3
            && short * 2 > groups.len()
            && groups.clone().any(|index| numbers.group(index).len() == 1)
        {
            numbers.take(groups.clone());
        }
        first = groups.end;
    }
}

fn is_octet(group: &str) -> bool {
    let plain = group.len() == 1 || !group.starts_with('0');
    group.len() <= 3 && plain && group.parse::<u16>().is_ok_and(|number| number <= 255)
}

/// Whether what stands around says that it is a version.
fn is_version(numbers: &Numbers<'_>, span: &Range<usize>, first: usize) -> bool {
    let text = numbers.text;
    let before = &text[..span.start];
    let last = before.chars().next_back();
    if last.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        return true;
    }
    // `Chrome/120.0.0.0`, but not `http://10.0.0.1`.
    let wide = (first..first + 4).filter(|index| numbers.group(*index).len() > 1).count() >= 3
        && numbers.group(first + 3) != "0";
    if last == Some('/')
        && !wide
        && before[..before.len() - 1].chars().next_back().is_some_and(char::is_alphanumeric)
    {
        return true;
    }
    if text[span.end..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return true;
    }
    let near: String = before
        .chars()
        .rev()
        .take(24)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect::<String>()
        .to_ascii_lowercase();
    let said = [
        "version", "ver.", " v.", "release", "build", "==", "~=", ">=", "<=", "^", "section", "chapter",
        "oid",
    ];
    if said.iter().any(|word| near.contains(word)) {
        return true;
    }
    let small = (first..first + 4).all(|index| numbers.group(index).len() == 1);
    small && !near.contains("ip") && !near.contains("dns") && !near.contains("host") && !near.contains("//")
}

/// Around a group of hexadecimal digits.
pub(crate) fn find_v6(text: &str, group: &Range<usize>, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let beside =
        group.start.checked_sub(1).is_some_and(|at| bytes[at] == b':') || bytes.get(group.end) == Some(&b':');
    if group.len() > 4 || !beside {
        return;
    }
    let part = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b':';
    let start = group.start - bytes[..group.start].iter().rev().take(45).take_while(part).count();
    if found
        .last()
        .is_some_and(|last| last.kind == Kind::IP_ADDRESS && last.end > group.start && last.start <= start)
    {
        return;
    }
    let mut end = group.end + bytes[group.end..].iter().take(45).take_while(part).count();
    // `::ffff:192.0.2.1`
    let dotted =
        end + bytes[end..].iter().take(16).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    if text[start..dotted].trim_end_matches('.').parse::<Ipv6Addr>().is_ok() {
        end = start + text[start..dotted].trim_end_matches('.').len();
    }
    // Cut in the middle of what is no address.
    if text[end..].starts_with('.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        return;
    }
    let word = |at: Option<char>| at.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if word(text[..start].chars().next_back()) || word(text[end..].chars().next()) {
        return;
    }
    let trimmed = text[start..end].trim_end_matches(':');
    let candidate = if trimmed.parse::<Ipv6Addr>().is_ok() { trimmed } else { &text[start..end] };
    let groups = candidate.split([':', '.']).filter(|group| !group.is_empty()).count();
    let known = ["::1", "fe80", "fd", "fc", "ff0", "200", "2a0", "240", "260", "64:ff9b", "::ffff"];
    let likely = groups >= 4 || known.iter().any(|prefix| candidate.to_ascii_lowercase().starts_with(prefix));
    if likely && candidate.parse::<Ipv6Addr>().is_ok() {
        found.push(Finding::new(Kind::IP_ADDRESS, start..start + candidate.len(), 92));
    }
}
