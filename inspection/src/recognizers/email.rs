//! EMAIL_ADDRESS by form (RFC 5321, RFC 6531): a local part, `@`, a name with a dot in it.

use gateway_core::finding::{Finding, Kind};

/// Bytes of the longest local part and name (RFC 5321 §4.5.3.1).
const LOCAL: usize = 64;
const NAME: usize = 255;

/// Endings of files whose names hold a sign: `icon@2x.png`.
const FILES: [&str; 12] =
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "json", "html", "xml"];

pub(crate) fn find(text: &str, found: &mut Vec<Finding>) {
    for at in memchr::memchr_iter(b'@', text.as_bytes()) {
        let Some(start) = local_start(text, at) else { continue };
        if let Some(end) = name_end(text, at + 1) {
            let name = text[at + 1..end].to_ascii_lowercase();
            let sure = psl::suffix(name.as_bytes());
            let score = if sure.is_some_and(|suffix| suffix.is_known()) { 95 } else { 75 };
            let top = name.rsplit('.').next().unwrap_or_default();
            if &text[start..at] != "git" && !FILES.contains(&top) {
                found.push(Finding::new(Kind::EMAIL_ADDRESS, start..end, score));
            }
        }
    }
}

fn local_start(text: &str, at: usize) -> Option<usize> {
    let mut start = at;
    for (index, character) in text[..at].char_indices().rev() {
        // Scripts without blanks between words would lend it their neighbours.
        let fits = character.is_alphanumeric() && u32::from(character) < 0x590
            || matches!(
                character,
                '.' | '_'
                    | '%'
                    | '+'
                    | '-'
                    | '\''
                    | '!'
                    | '#'
                    | '$'
                    | '&'
                    | '*'
                    | '='
                    | '?'
                    | '^'
                    | '{'
                    | '}'
                    | '~'
                    | '|'
            );
        if !fits || at - index > LOCAL {
            break;
        }
        start = index;
    }
    let local = &text[start..at];
    // Marks that open a sentence or an attribute are not the address's.
    let marks = ['.', '\'', '*', '=', '{', '}', '|', '#', '&', '?', '!', '~', '$', '-', '%', '+', '^'];
    let trimmed = local.trim_start_matches(marks);
    let from_value = trimmed.rfind(['=', '{', '|', '?', '&']).map_or(0, |mark| mark + 1);
    let trimmed = &trimmed[from_value..];
    let ends_well = trimmed
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.'));
    (ends_well && trimmed.chars().any(char::is_alphanumeric)).then(|| at - trimmed.len())
}

/// Where a name ends that begins at `start`: labels with dots between, the last one of letters.
fn name_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let label = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'-' || (0x80..0xD7).contains(*byte);
    let mut at = start;
    let mut end = None;
    let mut labels = 0;
    loop {
        let length = bytes[at..].iter().take_while(label).count();
        // A label may begin or end with no hyphen.
        let text_of = &bytes[at..at + length];
        let kept = length - text_of.iter().rev().take_while(|byte| **byte == b'-').count();
        if kept == 0 || text_of[0] == b'-' || at + kept - start > NAME {
            break;
        }
        labels += 1;
        let last = &bytes[at..at + kept];
        let is_top = last.len() >= 2
            && (last.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
                || last.starts_with(b"xn--"));
        if labels > 1 && is_top {
            end = Some(at + kept);
        } else if labels > 1 {
            // A number behind the name is no part of it, and a name of numbers is a version.
            if end.is_none() && last.iter().all(u8::is_ascii_digit) && labels == 2 {
                break;
            }
        }
        at += kept;
        if kept < length || bytes.get(at) != Some(&b'.') {
            break;
        }
        at += 1;
    }
    let mut end = end?;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_and_what_looks_alike_is_not() {
        for (text, want) in [
            ("to ann.b+x@mail.example.org.", &["ann.b+x@mail.example.org"][..]),
            ("<mailto:ann@x.co.uk>", &["ann@x.co.uk"]),
            ("Müller:jörg@bücher.example", &["jörg@bücher.example"]),
            ("ann@host.internal", &["ann@host.internal"]),
            ("**ann@x.org**", &["ann@x.org"]),
            ("?mail=ann@x.org&b=1", &["ann@x.org"]),
            ("react@18.2.0 @app.route user@host a@b", &[]),
            ("git@github.com:x/y", &[]),
            ("@", &[]),
        ] {
            let mut found = Vec::new();
            find(text, &mut found);
            let told: Vec<&str> = found.iter().map(|find| &text[find.span()]).collect();
            assert_eq!(told, want, "{text}");
        }
    }
}
