//! Runs of letters that say a text: base64 (RFC 4648, in lines as RFC 2045 has them too) and hexadecimal; in
//! base64 also UTF-16, as PowerShell takes its commands.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::ops::Range;

/// Characters of the shortest run that is decoded.
const SHORTEST: usize = 12;
/// Bytes that lines say together, and then the next ones are a text of their own.
const LONGEST: usize = 256 << 10;
/// Characters of a run that are read as one; of a longer one, piece by piece. Whole groups of four that say an even
/// number of bytes, and short enough to be one value (the vault's bound).
const PIECE: usize = 32 << 10;
/// Characters on either side that a piece is read with, so that nothing is cut apart unseen.
const OVERLAP: usize = 1 << 10;
const _: () =
    assert!(PIECE.is_multiple_of(8) && OVERLAP.is_multiple_of(8), "a piece begins with a character");
/// Words glued to a run by `-` or `_` that are looked behind.
const GLUED: usize = 4;
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
            at = at.max(last);
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
    if let Some(end) = whole(text, &span, found) {
        return Some(end);
    }
    memchr::memchr3(b'/', b'-', b'_', &text.as_bytes()[span.clone()])?;
    if let Some(end) = behind(text, &span, found) {
        return Some(end);
    }
    // The parts of a path are runs of their own, and so are words that are glued together.
    let (mut read, mut start) = (None, span.start);
    for part in text[span.clone()].split('/') {
        let at = start..start + part.len();
        start = at.end + 1;
        if part.len() >= SHORTEST {
            let of_path = (at != span).then(|| whole(text, &at, found).or_else(|| behind(text, &at, found)));
            read = of_path.flatten().or_else(|| words(text, &at, found)).or(read);
        }
    }
    read
}

/// Reads what the first words of a run are glued to: `export_…`, `id-…`.
fn behind(text: &str, run: &Range<usize>, found: &mut dyn FnMut(Range<usize>, &str)) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'-', b'_', &bytes[run.clone()])
        .take(GLUED)
        .map(|mark| run.start + mark + 1..run.end)
        .filter(|rest| may_say_ascii(&bytes[rest.clone()]))
        .find_map(|rest| whole(text, &rest, found))
}

/// Reads each word of a part by itself.
fn words(text: &str, part: &Range<usize>, found: &mut dyn FnMut(Range<usize>, &str)) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut read, mut start) = (None, part.start);
    let marks = memchr::memchr2_iter(b'-', b'_', &bytes[part.clone()]).map(|mark| part.start + mark);
    for end in marks.chain([part.end]) {
        let word = start..end;
        start = end + 1;
        if word != *part && may_say_ascii(&bytes[word.clone()]) {
            read = whole(text, &word, found).or(read);
        }
    }
    read
}

/// Whether a run may say what begins in ASCII: base64 then begins each of its groups with one of these letters. Most
/// words fail here, which most names in code are made of.
fn may_say_ascii(body: &[u8]) -> bool {
    let begins = |byte: u8| matches!(byte, b'I'..=b'Z' | b'a'..=b'f' | b'2'..=b'7' | b'0' | b'A' | b'C');
    body.len() >= SHORTEST && begins(body[0]) && (begins(body[4]) || body[0].is_ascii_hexdigit())
}

/// Reads all of a run, in whichever way it says a text. Tells where it ends.
fn whole(text: &str, at: &Range<usize>, found: &mut dyn FnMut(Range<usize>, &str)) -> Option<usize> {
    let bytes = text.as_bytes();
    if at.len() > PIECE {
        return pieces(bytes, at, found);
    }
    if let Some(plain) = hexadecimal(&bytes[at.clone()]) {
        found(at.clone(), &plain);
        return Some(at.end);
    }
    let (end, plain) = lines(bytes, at)?;
    found(at.start..end, &plain);
    Some(end)
}

/// Reads a run that is too long for one value. Each piece that says a text is told by itself.
fn pieces(bytes: &[u8], at: &Range<usize>, found: &mut dyn FnMut(Range<usize>, &str)) -> Option<usize> {
    let body = &bytes[at.clone()];
    let is_hexadecimal = || digits_read(body.strip_prefix(b"0x").unwrap_or(body).get(..LINE)?);
    let form = is_hexadecimal().map(|_| Form::Hexadecimal).or_else(|| Form::of(body))?;
    for start in at.clone().step_by(PIECE) {
        let end = (start + PIECE).min(at.end);
        let around = start.saturating_sub(OVERLAP).max(at.start)..(end + OVERLAP).min(at.end);
        if let Some(plain) = form.read(&bytes[around]) {
            found(start..end, &plain);
        }
    }
    Some(at.end + padding(bytes, at.end))
}

/// A text in hexadecimal, with `0x` before it or not. A digest fails at its first bytes.
fn hexadecimal(body: &[u8]) -> Option<String> {
    let digits = body.strip_prefix(b"0x").unwrap_or(body);
    let begins = matches!(digits[0], b'2'..=b'7' | b'c'..=b'f' | b'C'..=b'F');
    begins.then(|| readable(String::from_utf8(digits_read(digits)?).ok()?)).flatten()
}

fn digits_read(digits: &[u8]) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
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
    Some(plain)
}

/// A text in base64, and where it ends, padding included: on one line, or on lines that are whole fours each.
fn lines(bytes: &[u8], first: &Range<usize>) -> Option<(usize, String)> {
    let body = &bytes[first.clone()];
    let form = Form::of(body)?;
    let url_safe = is_url_safe(body);
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
        let Some(more) = decoded(&bytes[next.clone()], url_safe).filter(|more| form.goes_on(more)) else {
            break;
        };
        plain.extend_from_slice(&more);
        (end, length) = (next.end, next.len());
    }
    Some((end + padding(bytes, end), form.text(plain)?))
}

fn padding(bytes: &[u8], end: usize) -> usize {
    bytes[end..].iter().take(2).take_while(|byte| **byte == b'=').count()
}

fn is_url_safe(body: &[u8]) -> bool {
    memchr::memchr2(b'-', b'_', body).is_some()
}

fn decoded(body: &[u8], url_safe: bool) -> Option<Vec<u8>> {
    let whole = body.len() - usize::from(body.len() % 4 == 1);
    engine(url_safe).decode(&body[..whole]).ok()
}

/// How a run says its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Utf8,
    /// Little-endian.
    Utf16,
    Hexadecimal,
}

impl Form {
    /// By the first six bytes that a run says in base64: of words of prose they are ones of no text.
    fn of(body: &[u8]) -> Option<Form> {
        let mut plain = [0; 6];
        engine(is_url_safe(&body[..8])).decode_slice(&body[..8], &mut plain).ok()?;
        let is_text = |byte: &u8| (0x20..0x7F).contains(byte) || *byte >= 0x80 || *byte == b'\n';
        if plain.iter().all(|byte| is_text(byte) && !matches!(byte, 0xC0 | 0xC1)) {
            return (plain.iter().filter(|byte| byte.is_ascii()).count() >= 3).then_some(Form::Utf8);
        }
        let is_wide = |pair: &[u8]| (0x20..0x7F).contains(&pair[0]) && pair[1] == 0;
        plain.chunks_exact(2).all(is_wide).then_some(Form::Utf16)
    }

    /// Whether bytes are ones of a text that may be cut within a character.
    fn goes_on(self, bytes: &[u8]) -> bool {
        let is_word = |byte: &u8| *byte >= b' ' && *byte != 0x7F || byte.is_ascii_whitespace();
        self == Form::Utf16 || bytes.iter().all(is_word)
    }

    fn text(self, bytes: Vec<u8>) -> Option<String> {
        if self != Form::Utf16 {
            return readable(String::from_utf8(bytes).ok()?);
        }
        let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        readable(char::decode_utf16(units).collect::<Result<_, _>>().ok()?)
    }

    /// A piece out of a longer run, without the halves of characters at its ends.
    fn read(self, piece: &[u8]) -> Option<String> {
        let bytes = match self {
            Form::Hexadecimal => digits_read(piece.strip_prefix(b"0x").unwrap_or(piece))?,
            Form::Utf8 | Form::Utf16 => decoded(piece, is_url_safe(piece))?,
        };
        if self == Form::Utf16 {
            return self.text(bytes);
        }
        let start = bytes.iter().take(3).take_while(|byte| matches!(byte, 0x80..0xC0)).count();
        let bytes = &bytes[start..];
        let end = match std::str::from_utf8(bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len(),
        };
        readable(String::from_utf8(bytes[..end].to_vec()).ok()?)
    }
}

fn readable(text: String) -> Option<String> {
    text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()).then_some(text)
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
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

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
            ("msg-MTIzLTQ1LTY3ODk=", &[("MTIzLTQ1LTY3ODk=", "123-45-6789")]),
            ("my_export_2024_MTIzLTQ1LTY3ODk", &[("MTIzLTQ1LTY3ODk", "123-45-6789")]),
            ("id-616e6e40782e6f7267", &[("616e6e40782e6f7267", "ann@x.org")]),
            ("MTIzLTQ1LTY3ODk-from-here", &[("MTIzLTQ1LTY3ODk", "123-45-6789")]),
            ("msg-Pz8/YW5uQHgub3JnPz8/", &[("Pz8/YW5uQHgub3JnPz8/", "???ann@x.org???")]),
            ("/a/msg-YW5uQHgub3Jn/get", &[("YW5uQHgub3Jn", "ann@x.org")]),
            ("NwA2ADEALQAyADkALQAyADMANAA5AA==", &[("NwA2ADEALQAyADkALQAyADMANAA5AA==", "761-29-2349")]),
            (
                "powershell -e YQBuAG4AQAB4AC4AbwByAGcAIADpAA==",
                &[("YQBuAG4AQAB4AC4AbwByAGcAIADpAA==", "ann@x.org é")],
            ),
            ("a-long-name-of_several_plain-words", &[]),
        ] {
            let mut found = Vec::new();
            encoded_runs(text, &mut |span, plain| found.push((text[span].to_owned(), plain.to_owned())));
            let found: Vec<(&str, &str)> = found.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn a_long_run_is_read_in_pieces_and_nothing_is_cut_apart() {
        let words: String = (0..60_000).map(|n| format!("{n:06}é ")).collect();
        assert!(words.len() > 2 * LONGEST);
        let wide: Vec<u8> = words.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hexadecimal: String = words.bytes().map(|byte| format!("{byte:02x}")).collect();
        for (case, text) in [
            ("base64", STANDARD.encode(&words)),
            ("for addresses, glued", format!("export_{}", URL_SAFE.encode(&words))),
            ("of UTF-16", STANDARD.encode(wide)),
            ("hexadecimal", hexadecimal),
        ] {
            let (mut at, mut seen) = (None, vec![false; 60_000]);
            encoded_runs(&text, &mut |span, plain| {
                assert!(span.len() <= PIECE, "{case}");
                assert_eq!(span.start, at.unwrap_or(span.start), "{case}: the pieces follow each other");
                at = Some(span.end);
                for number in plain
                    .split("é ")
                    .filter(|word| word.len() == 6)
                    .filter_map(|word| word.parse::<usize>().ok())
                {
                    seen[number] = true;
                }
            });
            let left = seen.iter().filter(|seen| !**seen).count();
            // A number whose beginning stands in the piece before reads as another one, at most.
            assert_eq!(left, 0, "{case}");
            assert_eq!(at, Some(text.trim_end_matches('=').len()), "{case}");
        }
        let mut found = 0;
        encoded_runs(
            &STANDARD.encode([0x25, 0x50, 0x44, 0x46, 0x2D, 0x31, 0xFF].repeat(100_000)),
            &mut |_, _| {
                found += 1;
            },
        );
        assert_eq!(found, 0, "a file says no text");
    }
}
