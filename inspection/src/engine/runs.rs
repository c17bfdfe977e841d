//! Runs of letters that say a text: base64 (RFC 4648, in lines as RFC 2045 has them too) and hexadecimal.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::ops::Range;

/// Characters of the shortest run that is decoded, and of the longest: larger ones are files.
const SHORTEST: usize = 12;
const LONGEST: usize = 256 << 10;
/// Characters of the shortest line that another may go on from.
const LINE: usize = 20;

/// Calls `found` with each run that says a text, and the text.
pub(crate) fn encoded_runs(text: &str, found: &mut dyn FnMut(Range<usize>, &str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + SHORTEST <= bytes.len() {
        // A run of this length covers one of these places.
        let probe = at + SHORTEST - 1;
        if !IN_RUN[usize::from(bytes[probe])] {
            at = probe + 1;
            continue;
        }
        let start =
            at + bytes[at..probe].iter().rposition(|byte| !IN_RUN[usize::from(*byte)]).map_or(0, |p| p + 1);
        let end = run_end(bytes, probe);
        at = end.max(start + 1);
        if end - start >= SHORTEST
            && let Some(last) = run(text, start..end, found)
        {
            at = last;
        }
    }
}

fn run_end(bytes: &[u8], start: usize) -> usize {
    start + bytes[start..].iter().take_while(|byte| IN_RUN[usize::from(**byte)]).count()
}

static IN_RUN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    table
};

/// Reads a run as what it may be. Tells where what was read ends.
fn run(text: &str, span: Range<usize>, found: &mut dyn FnMut(Range<usize>, &str)) -> Option<usize> {
    let body = &text.as_bytes()[span.clone()];
    if body.len() > LONGEST {
        return None;
    }
    if let Some(plain) = hexadecimal(body) {
        found(span.clone(), &plain);
        return Some(span.end);
    }
    if let Some((end, plain)) = lines(text.as_bytes(), &span) {
        found(span.start..end, &plain);
        return Some(end);
    }
    // The parts of a path are runs of their own.
    memchr::memchr(b'/', body)?;
    let mut start = span.start;
    for part in text[span.clone()].split('/') {
        let at = start..start + part.len();
        start = at.end + 1;
        if part.len() >= SHORTEST
            && let Some((end, plain)) = lines(text.as_bytes(), &at)
        {
            found(at.start..end, &plain);
        }
    }
    None
}

/// A text in hexadecimal, with `0x` before it or not. A digest fails at its first bytes.
fn hexadecimal(body: &[u8]) -> Option<String> {
    let digits = body.strip_prefix(b"0x").unwrap_or(body);
    if !digits.len().is_multiple_of(2) || !matches!(digits[0], b'2'..=b'7' | b'c'..=b'f' | b'C'..=b'F') {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    let mut plain = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks_exact(2) {
        let byte = u8::try_from(value(pair[0])? * 16 + value(pair[1])?).ok()?;
        if byte < b' ' && !byte.is_ascii_whitespace() {
            return None;
        }
        plain.push(byte);
    }
    readable(plain)
}

/// A text in base64, and where it ends, padding included: on one line, or on lines that are whole fours each.
fn lines(bytes: &[u8], first: &Range<usize>) -> Option<(usize, String)> {
    let body = &bytes[first.clone()];
    if !first_bytes_read(body) {
        return None;
    }
    let url_safe = memchr::memchr2(b'-', b'_', body).is_some();
    let mut plain = decoded(body, url_safe)?;
    let mut end = first.end;
    let mut length = body.len();
    while length >= LINE && length.is_multiple_of(4) && plain.len() < LONGEST {
        let gap = match bytes[end..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => break,
        };
        let next = end + gap..run_end(bytes, end + gap);
        if next.is_empty() || next.len() > length {
            break;
        }
        let Some(more) = decoded(&bytes[next.clone()], url_safe).filter(|more| are_words(more)) else {
            break;
        };
        plain.extend_from_slice(&more);
        (end, length) = (next.end, next.len());
    }
    let padding = bytes[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
    Some((end + padding, readable(plain)?))
}

fn decoded(body: &[u8], url_safe: bool) -> Option<Vec<u8>> {
    let whole = body.len() - usize::from(body.len() % 4 == 1);
    engine(url_safe).decode(&body[..whole]).ok()
}

/// Whether bytes are ones of a text that may be cut within a character.
fn are_words(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte >= b' ' && *byte != 0x7F || byte.is_ascii_whitespace())
}

fn readable(bytes: Vec<u8>) -> Option<String> {
    let plain = String::from_utf8(bytes).ok()?;
    plain.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()).then_some(plain)
}

/// Whether the first six bytes that a run says are ones of a text: words of prose fail here.
fn first_bytes_read(body: &[u8]) -> bool {
    let url_safe = memchr::memchr2(b'-', b'_', &body[..8]).is_some();
    let mut plain = [0; 6];
    let decoded = engine(url_safe).decode_slice(&body[..8], &mut plain);
    decoded.is_ok()
        && plain.iter().all(|byte| {
            (0x20..0x7F).contains(byte) || *byte >= 0xC2 || *byte == b'\n' || (0x80..0xC0).contains(byte)
        })
        && plain.iter().filter(|byte| byte.is_ascii()).count() >= 3
}

fn engine(url_safe: bool) -> &'static GeneralPurpose {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    static URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    if url_safe { &URL_SAFE } else { &STANDARD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_say_a_text_are_decoded_whole() {
        for (text, want) in [
            ("SSN: NzYxLTI5LTIzNDk=.", &[("NzYxLTI5LTIzNDk=", "761-29-2349")][..]),
            ("an internationalisation of words", &[]),
            ("MTIzLTQ1LTY3ODk", &[("MTIzLTQ1LTY3ODk", "123-45-6789")]),
            ("d41d8cd98f00b204e9800998ecf8427e", &[]),
            ("4111111111111111", &[]),
            ("/files/MTIzLTQ1LTY3ODk=/get", &[("MTIzLTQ1LTY3ODk=", "123-45-6789")]),
            (
                "616e6e40782e6f7267 and 0x616E6E40782E6F7267",
                &[("616e6e40782e6f7267", "ann@x.org"), ("0x616E6E40782E6F7267", "ann@x.org")],
            ),
            (
                "YW5uLm1pbGxlckBleGFt\ncGxlLm9yZyBpcyBoZXJl\nbm93",
                &[("YW5uLm1pbGxlckBleGFt\ncGxlLm9yZyBpcyBoZXJl\nbm93", "ann.miller@example.org is herenow")],
            ),
            ("YW5uLm1pbGxlckBleGFt\nplainlyotherwords", &[("YW5uLm1pbGxlckBleGFt", "ann.miller@exam")]),
        ] {
            let mut found = Vec::new();
            encoded_runs(text, &mut |span, plain| found.push((text[span].to_owned(), plain.to_owned())));
            let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(found, want, "{text}");
        }
    }
}
