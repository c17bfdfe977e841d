//! Secrets behind a name that says what follows: in code, settings, documents, command lines and prose.

use super::value::{Name, Writing, is_secret};
use gateway_core::finding::{Finding, Kind};
use std::ops::Range;

/// Stems of names, the longer ones of those that begin alike first.
const STEMS: [(&str, Name); 31] = [
    ("password", Name::Password),
    ("passwort", Name::Password),
    ("passphrase", Name::Password),
    ("passcode", Name::Password),
    ("passwd", Name::Password),
    ("pass", Name::Password),
    ("pwd", Name::Password),
    ("networkcredential", Name::Password),
    ("credentials", Name::Token),
    ("credential", Name::Token),
    ("secret", Name::Token),
    ("token", Name::Token),
    ("apikey", Name::Token),
    ("api_key", Name::Token),
    ("api-key", Name::Token),
    ("api key", Name::Token),
    ("accesskey", Name::Token),
    ("access_key", Name::Token),
    ("access-key", Name::Token),
    ("access key", Name::Token),
    ("privatekey", Name::Token),
    ("private_key", Name::Token),
    ("bearer", Name::Token),
    ("basic", Name::Token),
    ("authorization", Name::Token),
    ("_api", Name::Token),
    ("signature", Name::Weak),
    ("login", Name::Weak),
    ("auth", Name::Weak),
    ("sig", Name::Weak),
    ("key", Name::Weak),
];

/// Endings that a name may have behind its stem.
const ENDINGS: [&str; 14] = [
    "", "s", "_value", "value", "_id", "id", "_hash", "string", "_string", "base64", "_b64", "_base64", "1",
    "2",
];

/// Bytes between a name and its value.
const GAP: usize = 24;

/// All stems.
pub(super) fn stems() -> impl Iterator<Item = (&'static str, Name)> {
    STEMS.into_iter()
}

/// The secret behind a name that has this stem, if one is there.
pub(super) fn at(text: &str, name: Name, stem: Range<usize>, found: &mut Vec<Finding>) {
    if let Some(span) = behind(text, stem, name) {
        found.push(Finding::new(Kind::SECRET, span, 88));
    }
}

/// The value behind a stem, if the name ends there and a value follows.
fn behind(text: &str, stem: Range<usize>, name: Name) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let tail = bytes[stem.end..].iter().take(16).take_while(word).count();
    let ending = text[stem.end..stem.end + tail].to_ascii_lowercase();
    if !ENDINGS.contains(&ending.as_str()) {
        return None;
    }
    let scheme =
        tail == 0 && ["bearer", "basic"].iter().any(|word| text[stem.clone()].eq_ignore_ascii_case(word));
    let (at, writing) = gap(text, stem.end + tail, scheme, is_flag(text, stem.start))?;
    let value = value_at(text, at, writing)?;
    let quoted = value.start > 0 && matches!(bytes[value.start - 1], b'"' | b'\'' | b'`');
    let writing = if quoted { Writing::Quoted } else { writing };
    let before = &bytes[stem.start.saturating_sub(8)..stem.start];
    if before.windows(6).any(|word| word.eq_ignore_ascii_case(b"public")) {
        return None;
    }
    let name = if scheme { Name::Token } else { strengthened(text, &stem, name) };
    is_secret(&text[value.clone()], name, writing).then_some(value)
}

/// `key` and `auth` say more where their name says more: `STRIPE_KEY`, `x-auth`.
fn strengthened(text: &str, stem: &Range<usize>, name: Name) -> Name {
    if name != Name::Weak {
        return name;
    }
    let bytes = text.as_bytes();
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'-' | b'.');
    let length = bytes[..stem.start].iter().rev().take(48).take_while(part).count();
    let before = text[stem.start - length..stem.start].to_ascii_lowercase();
    let says = [
        "api",
        "access",
        "secret",
        "private",
        "auth",
        "account",
        "encrypt",
        "sign",
        "shared",
        "subscription",
        "service",
        "client",
        "license",
        "deploy",
        "query",
        "master",
        "app",
        "aws",
        "azure",
        "stripe",
        "unseal",
        "ingest",
        "write",
        "read",
        "admin",
        "consumer",
        "integration",
        "io_",
        "sonar",
        "session",
        "crypt",
        "token",
        "webhook",
        "license",
    ];
    if says.iter().any(|word| before.contains(word)) { Name::Token } else { Name::Weak }
}

/// `--password`, `-p`: a blank is enough behind it. So it is in prose that says `password is`.
fn is_flag(text: &str, start: usize) -> bool {
    let bytes = text.as_bytes();
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'-');
    let length = bytes[..start].iter().rev().take(32).take_while(part).count();
    text[start - length..].starts_with("--")
}

/// Where the value begins, and how it is written; `None` where something else follows the name.
fn gap(text: &str, from: usize, scheme: bool, flag: bool) -> Option<(usize, Writing)> {
    let bytes = text.as_bytes();
    let (mut at, mut sign, mut blanks, mut closed) = (from, false, 0, false);
    while at < bytes.len() && at - from < GAP {
        match bytes[at] {
            b' ' | b'\t' => blanks += 1,
            b'=' | b':' => sign = true,
            b'>' if sign || closed => {}
            b'>' => sign = true,
            b',' if closed => sign = true,
            b'"' | b'\'' | b'`' if sign || blanks > 0 && (scheme || flag) => {
                return Some((at + 1, Writing::Plain));
            }
            b'"' | b'\'' | b'`' if !closed => {
                if blanks > 0 {
                    return Some((at + 1, Writing::Plain));
                }
                closed = true;
            }
            b'"' | b'\'' | b'`' => return Some((at + 1, Writing::Plain)),
            b']' | b')' if !sign => closed = true,
            b'\\' if !sign => {}
            b'(' if !sign && blanks == 0 => closed = true,
            b'\n' | b'\r' => return None,
            _ => break,
        }
        at += 1;
    }
    if at == from {
        return None;
    }
    if sign || scheme || flag {
        return Some((at, Writing::Plain));
    }
    // XML: `key="Password" value="…"`.
    let rest = &text[at..];
    for word in ["value=\"", "value='", "Value=\""] {
        if rest.starts_with(word) {
            return Some((at + word.len(), Writing::Plain));
        }
    }
    // Prose: `the password is …`, and pairs as in .netrc.
    let said = ["is: ", "is ", "was ", "of ", "to ", "ist ", "est ", "es "];
    let skipped = said.iter().find(|word| rest.starts_with(**word)).map_or(0, |word| word.len());
    (blanks > 0).then_some((at + skipped, Writing::Loose))
}

fn value_at(text: &str, at: usize, writing: Writing) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let quote =
        at.checked_sub(1).map(|before| bytes[before]).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let mut from = at;
    if quote.is_none() && bytes.get(at).is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`')) {
        from += 1;
    }
    let mut end = match quote.or_else(|| (from > at).then(|| bytes[at])) {
        Some(quote) => {
            from + bytes[from..]
                .iter()
                .take(700)
                .position(|byte| *byte == quote || *byte == b'\n')
                .unwrap_or(bytes.len().min(from + 700) - from)
        }
        None => {
            let stops = |byte: &u8| {
                byte.is_ascii_whitespace()
                    || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | b';' | b'&' | b'|')
            };
            from + bytes[from..]
                .iter()
                .take(700)
                .position(stops)
                .unwrap_or(bytes.len().min(from + 700) - from)
        }
    };
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let value = &text[from..end];
    // `Bearer` and `Basic` between a name and its value are no part of it.
    for scheme in ["Bearer ", "bearer ", "Basic ", "basic ", "Token ", "token "] {
        if let Some(rest) = value.strip_prefix(scheme) {
            from = end - rest.len();
        }
    }
    if quote.is_none() {
        let trimmed = text[from..end].trim_end_matches(['.', ')', ']', '}', ':', '!', '?', '\\']);
        end = from
            + if writing == Writing::Loose {
                trimmed.len()
            } else {
                text[from..end].trim_end_matches([')', ']', '}', '\\', '.']).len()
            };
    }
    (end > from).then_some(from..end)
}
