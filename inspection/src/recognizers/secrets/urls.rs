//! Secrets in addresses: user and password before the host, and webhooks, whose path is the secret.

use super::tokens::Scan;
use super::values::{Shape, is_stand_in};
use super::{Finds, NAMED, PROVEN};
use std::ops::Range;

/// Bytes of the longest user-and-password part.
const LONGEST_USERINFO: usize = 512;
/// Bytes of the longest address of a webhook.
const LONGEST_ADDRESS: usize = 512;

/// User names and passwords that every manual uses.
const EXAMPLES: &[&str] =
    &["pass", "password", "pwd", "secret", "user", "username", "token", "x-oauth-basic"];

/// `scheme://user:password@host`: the password; all before the host where a browser would send both (RFC 7617),
/// and a lone user part that is long and random.
pub fn check(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let scheme = bytes[..mark.start].iter().rev().take(16).take_while(|byte| scheme_byte(**byte)).count();
    if scheme == 0 {
        return None;
    }
    let run =
        bytes[mark.end..].iter().take(LONGEST_USERINFO).take_while(|byte| !ends_authority(**byte)).count();
    let at = bytes[mark.end..mark.end + run].iter().rposition(|byte| *byte == b'@')?;
    let info = mark.end..mark.end + at;
    let text = &finds.text[info.clone()];
    match text.split_once(':') {
        Some((user, password)) => {
            if password.is_empty() || is_stand_in(password) || EXAMPLES.contains(&password) {
                return None;
            }
            let web = finds.text[mark.start - scheme..mark.start].to_ascii_lowercase().starts_with("http");
            let both = web && !user.is_empty();
            let start = if both { info.start } else { info.start + user.len() + 1 };
            Some(finds.add(start..info.end, PROVEN))
        }
        None => (text.len() >= 20 && Shape::of(text.as_bytes()).random()).then(|| finds.add(info, NAMED)),
    }
}

fn scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

fn ends_authority(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'/' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'?' | b'\\' | b'|')
}

/// An address of a service where whoever knows it may post: all of it, if its path has a random part.
pub fn webhook(finds: &mut Finds<'_>, scan: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let inside = |byte: &&u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'@' | b':' | b'=' | b'%' | b'~')
    };
    let start = mark.start
        - bytes[..mark.start]
            .iter()
            .rev()
            .take(128)
            .take_while(|byte| **byte != b'=' && inside(byte))
            .count();
    let end = mark.end + bytes[mark.end..].iter().take(LONGEST_ADDRESS).take_while(inside).count();
    let path = &bytes[mark.end..end];
    let secret = path.split(|byte| *byte == b'/').any(|part| part.len() >= 7 && Shape::of(part).random());
    let tail = path.iter().rev().take_while(|byte| matches!(byte, b'.' | b':')).count();
    if !secret || path.len() < 20 {
        scan.read_in_vain(end);
        return None;
    }
    Some(finds.add(start..end - tail, PROVEN))
}
