//! `scheme://user:password@host` (RFC 3986 §3.2.1), and `--user name:password` of command lines.

use gateway_core::finding::{Finding, Kind};

/// Bytes of the longest user and password.
const LONGEST: usize = 300;

/// What such a place is told by.
pub(super) const MARKS: [&str; 3] = ["://", "--user ", " -u "];

pub(super) fn at(text: &str, mark: std::ops::Range<usize>, found: &mut Vec<Finding>) {
    let (span, score) = match &text[mark.clone()] {
        "://" => (user_info(text, mark.end), 99),
        _ => (pair(text, mark.end), 98),
    };
    if let Some(span) = span {
        found.push(Finding::new(Kind::SECRET, span, score));
    }
}

fn user_info(text: &str, start: usize) -> Option<std::ops::Range<usize>> {
    let rest = &text.as_bytes()[start..];
    let stop = rest
        .iter()
        .take(LONGEST)
        .position(|byte| {
            byte.is_ascii_whitespace()
                || matches!(byte, b'/' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'?' | b'#')
        })
        .unwrap_or(rest.len().min(LONGEST));
    let at = rest[..stop].iter().rposition(|byte| *byte == b'@')?;
    let info = text.get(start..start + at)?;
    let (_, password) = info.split_once(':')?;
    let reference = password.starts_with(['$', '{', '<', '%', '*', '[', '(']) && !password.starts_with("%")
        || password.contains("${")
        || password.contains("{{");
    let stand_in = ["password", "pass", "pwd", "secret", "xxx", "xxxx"]
        .contains(&password.to_ascii_lowercase().as_str());
    (!password.is_empty() && !reference && !stand_in).then_some(start..start + at)
}

fn pair(text: &str, start: usize) -> Option<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut from = start + bytes[start..].iter().take_while(|byte| **byte == b' ').count();
    let quote = bytes.get(from).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    from += usize::from(quote.is_some());
    let stops = |byte: &u8| match quote {
        Some(quote) => *byte == quote || *byte == b'\n',
        None => byte.is_ascii_whitespace(),
    };
    let length =
        bytes[from..].iter().take(LONGEST).position(stops).unwrap_or(bytes.len().min(from + LONGEST) - from);
    let value = text.get(from..from + length)?;
    // The user may stand before the quotes of the password.
    let (user, password) = value.split_once(':')?;
    let variable = value
        .split('$')
        .skip(1)
        .any(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase() || matches!(c, '{' | '(')));
    let short = user.len() + password.len() < 5;
    let reference = variable || value.contains(['<', '{', '(', '[', '/']) || short;
    (!reference).then_some(from..from + length)
}
