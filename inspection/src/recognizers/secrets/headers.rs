//! Secrets that travel with a request: `Authorization` schemes, the user option of command lines, signatures of
//! addresses.

use super::tokens::starts_here;
use super::values::{LONGEST, Shape, is_stand_in};
use super::{Finds, NAMED, PROVEN};
use memchr::memmem;
use std::ops::Range;

/// Bytes around a user option in which a call of the web must show.
const COMMAND: usize = 200;
/// Bytes of the longest `user:password`.
const LONGEST_PAIR: usize = 256;

/// `Bearer <token>` (RFC 6750), `Basic <user:password in base64>` (RFC 7617).
pub fn scheme(finds: &mut Finds<'_>, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let basic = bytes[mark.start] == b'B';
    let before = if basic { mark.start } else { mark.start.checked_sub(1)? };
    if !starts_here(bytes, before) || !(basic || matches!(bytes[before], b'b' | b'B')) {
        return None;
    }
    let gap = bytes[mark.end..].iter().take(4).take_while(|byte| matches!(byte, b' ' | b':')).count();
    if !basic && gap == 0 {
        return None;
    }
    let at = mark.end + gap;
    let within = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    let end = at + bytes[at..].iter().take(4 * LONGEST).take_while(within).count();
    let value = finds.text[at..end].trim_end_matches('.');
    let shape = Shape::of(value.as_bytes());
    let fits = match basic {
        true => {
            value.len() >= 8
                && value.len().is_multiple_of(4)
                && shape.upper > 0
                && shape.lower > 0
                && shape.random_or_mixed()
        }
        false => value.len() >= 16 && shape.random_or_mixed(),
    };
    let end = at + value.len();
    (fits && !is_stand_in(value)).then(|| finds.add(at..end, NAMED))
}

/// `curl -u user:password`, `--user "user:password"`: the pair with its quotes.
pub fn user_option(finds: &mut Finds<'_>, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let gap = bytes[mark.end..].iter().take(8).take_while(|byte| matches!(byte, b' ' | b'=')).count();
    if bytes[mark.end - 1] != b' ' && gap == 0 {
        return None;
    }
    let at = mark.end + gap;
    let end = at + word(&bytes[at..]);
    let pair = &finds.text[at..end];
    let (user, password) = pair.split_once(':')?;
    let bare = |part: &str| part.trim_matches(['"', '\'']).to_owned();
    let (user, password) = (bare(user), bare(password));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let open = |part: &str| {
        part.is_empty() || is_stand_in(part) || part.contains("$(") || part.contains('$') && part.len() < 3
    };
    // A key may stand alone on either side.
    let placeholder = open(&password) && (!password.is_empty() || user.len() < 10 || is_stand_in(&user));
    if pair.contains("//")
        || is_stand_in(pair)
        || placeholder
        || (digits(&user) && digits(&password))
        || password.starts_with('$')
    {
        return None;
    }
    let from = super::values::floor(finds.text, mark.start.saturating_sub(COMMAND));
    let to = (end + COMMAND).min(bytes.len());
    let web = [&b"curl"[..], b"wget", b"://", b"http"]
        .iter()
        .any(|word| memmem::find(&bytes[from..to], word).is_some());
    web.then(|| finds.add(at..end, PROVEN))
}

/// How far a shell's word reaches, quotes included.
fn word(bytes: &[u8]) -> usize {
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate().take(LONGEST_PAIR) {
        match (quote, byte) {
            (_, b'\n') => return at,
            (None, byte) if byte.is_ascii_whitespace() || matches!(byte, b'|' | b';') => return at,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    let most = bytes.len().min(LONGEST_PAIR);
    // Only a whole word counts: one that is cut may end within a character.
    if most == bytes.len() && quote.is_none() { most } else { 0 }
}

/// `sig=` of a shared access signature (Azure): base64 of 32 bytes, percent-encoded.
pub fn signature(finds: &mut Finds<'_>, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    if !matches!(mark.start.checked_sub(1).map(|at| bytes[at]), Some(b'&' | b'?' | b';')) {
        return None;
    }
    let within =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'-' | b'_' | b'+' | b'/' | b'=');
    let end = mark.end + bytes[mark.end..].iter().take(120).take_while(within).count();
    let fits = (40..=110).contains(&(end - mark.end)) && Shape::of(&bytes[mark.end..end]).random();
    fits.then(|| finds.add(mark.end..end, NAMED))
}
