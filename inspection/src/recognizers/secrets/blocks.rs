//! Secrets of several parts or lines: PEM and PGP private keys, PuTTY's, JSON web tokens, hashes of passwords.

use super::tokens::{Scan, starts_here};
use super::values::{LONGEST, Shape, floor};
use super::{Finds, PROVEN};
use memchr::memmem;
use std::ops::Range;

/// Bytes of the longest block of lines.
const LONGEST_BLOCK: usize = 64 * 1024;
/// Bytes of the longest JSON web token.
const LONGEST_JWT: usize = 16 * 1024;

/// Where the next mark of one kind stands, kept so that the text is searched for it once, however many blocks
/// begin.
#[derive(Default)]
pub struct Ends {
    next: Option<usize>,
}

impl Ends {
    /// The first `mark` from `at` on.
    fn after(&mut self, bytes: &[u8], mark: &[u8], at: usize) -> Option<usize> {
        let known = self.next.filter(|next| *next >= at);
        let next =
            known.unwrap_or_else(|| memmem::find(&bytes[at..], mark).map_or(bytes.len(), |found| at + found));
        self.next = Some(next);
        (next < bytes.len()).then_some(next)
    }
}

/// `-----BEGIN … PRIVATE KEY…-----` and all up to its end mark (RFC 7468, RFC 9580); of a text that is cut off,
/// up to where the lines stop to be base64.
pub fn pem(finds: &mut Finds<'_>, scan: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let body = mark.end + private_title(&bytes[mark.end..])?;
    let close = scan.blocks.after(bytes, b"-----END ", body).filter(|close| close - body <= LONGEST_BLOCK);
    let end = close.and_then(|close| Some(close + 9 + private_title(&bytes[close + 9..])?));
    let end = end.unwrap_or_else(|| lines_end(bytes, body));
    holds_base64(&bytes[body..end]).then(|| finds.add(mark.start..end, PROVEN))
}

/// Bytes of the rest of a mark that names a private key, its closing dashes included.
fn private_title(rest: &[u8]) -> Option<usize> {
    let title = &rest[..rest.len().min(48)];
    let title = &title[..memmem::find(title, b"-----")?];
    memmem::find(title, b"PRIVATE KEY")?;
    Some(title.len() + 5)
}

/// A body has at least one long run of base64; what prose says between two marks has none.
fn holds_base64(body: &[u8]) -> bool {
    const RUN: usize = 16;
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    body.split(|byte| !base64(byte)).any(|run| run.len() >= RUN)
}

/// Where lines of base64 end that begin at `at`.
fn lines_end(bytes: &[u8], at: usize) -> usize {
    let limit = bytes.len().min(at + LONGEST_BLOCK);
    let base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n' | b'\\')
    };
    let run = bytes[at..limit].iter().take_while(|byte| base64(byte)).count();
    at + run
}

/// Base64 of a PEM block: the run of base64, if it is a private key's.
pub fn encoded_pem(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    if !starts_here(bytes, mark.start) {
        return None;
    }
    // "PRIVATE KEY" at each of the three alignments, as far as whole letters reach.
    let title = &bytes[mark.start..base64_end(bytes, mark.end, 96)];
    let private = [&b"UFJJVkFURSBLRV"[..], b"BSSVZBVEUgS0VZ", b"QUklWQVRFIEtFW"];
    if title.len() < 60 || !private.iter().any(|part| memmem::find(title, part).is_some()) {
        return None;
    }
    Some(finds.add(mark.start..base64_end(bytes, mark.end, LONGEST_BLOCK), PROVEN))
}

fn base64_end(bytes: &[u8], at: usize, most: usize) -> usize {
    let base64 =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    at + bytes[at..].iter().take(most).take_while(base64).count()
}

/// PuTTY's key file: from its first line to the line of its MAC.
pub fn putty(finds: &mut Finds<'_>, scan: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let limit = floor(finds.text, (mark.end + LONGEST_BLOCK).min(bytes.len()));
    let block = &bytes[mark.start..limit];
    let private = scan.putty.after(bytes, b"Private-Lines:", mark.end).filter(|at| *at < limit)? - mark.start;
    let mac = memmem::find(&block[private..], b"Private-MAC:").map_or(private, |at| private + at);
    let line = block[mac..].iter().position(|byte| *byte == b'\n').map_or(block.len(), |at| mac + at);
    Some(finds.add(mark.start..mark.start + line, PROVEN))
}

/// A JSON web token (RFC 7519): two or three base64url parts of which the first is a JSON object. Grafana's old
/// keys are such an object alone.
pub fn jwt(finds: &mut Finds<'_>, scan: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    if !starts_here(bytes, mark.start) {
        return None;
    }
    let limit = bytes.len().min(mark.start + LONGEST_JWT);
    let part = |at: usize| at + bytes[at..limit].iter().take_while(|byte| url64(**byte)).count();
    let mut end = part(mark.start);
    let mut parts = 1;
    while parts < 5 && bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(|byte| url64(*byte)) {
        end = part(end + 1);
        parts += 1;
    }
    let alone = parts == 1 && end - mark.start >= 60 && bytes[mark.end..].starts_with(b"rIjoi");
    let long =
        end - mark.start >= 36 && Shape::of(&bytes[mark.start..end.min(mark.start + LONGEST)]).random();
    if !(parts >= 2 || alone) || !long {
        scan.read_in_vain(end);
        return None;
    }
    Some(finds.add(mark.start..end, PROVEN))
}

fn url64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// A stored password: bcrypt, argon2, SHA-512-crypt (`$id$parameters$salt$hash`).
pub fn hash(finds: &mut Finds<'_>, _: &mut Scan, mark: Range<usize>) -> Option<usize> {
    let bytes = finds.bytes();
    let within = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/' | b'$' | b'+' | b'=' | b',' | b'-')
    };
    let most = if bytes[mark.start + 1] == b'2' { 60 } else { 300 };
    let run = bytes[mark.end..].iter().take(most).take_while(within).count();
    let tail =
        bytes[mark.end..mark.end + run].iter().rev().take_while(|byte| matches!(byte, b',' | b'$')).count();
    let end = mark.end + run - tail;
    let body = &bytes[mark.end..end];
    let fits = match bytes[mark.start + 1] {
        b'2' => body.len() == 56 && body[0].is_ascii_digit() && body[1].is_ascii_digit() && body[2] == b'$',
        b'6' => body.len() >= 88,
        _ => body.len() >= 60,
    };
    fits.then(|| finds.add(mark.start..end, PROVEN))
}
