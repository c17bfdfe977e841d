//! Writings that decode exactly: runs of base64, base32, base85, hex, bits, character codes and Morse signs,
//! letters set apart, and escapes. Each run is replaced where it stands, so that the words around it still count.

use super::codes;
use crate::engine::decode::{escaped, escapes, unescape};
use crate::engine::runs::encoded_runs;
use std::ops::Range;

/// A text decoded once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// With what decodes in it decoded.
    pub text: String,
    /// What decoded, alone.
    pub hidden: String,
}

/// A text with what decodes in it decoded once. `None` where nothing does.
pub fn decoded(text: &str) -> Option<Decoded> {
    let mut runs: Vec<(Range<usize>, String)> = Vec::new();
    encoded_runs(text, &mut |span, plain| {
        // Words of prose can be read as base64: what comes out of those has no blanks.
        if reads(plain) {
            runs.push((span, plain.to_owned()));
        }
    });
    codes::groups(text, &mut runs);
    codes::dense(text, &mut runs);
    apart(text, &mut runs);
    let replaced = replace(text, runs);
    let source = replaced.as_ref().map_or(text, |replaced| &replaced.text);
    if escaped(source) >= ESCAPES {
        let mut hidden = behind_escapes(source);
        if let Some(replaced) = &replaced {
            hidden.push_str(&unescape(&replaced.hidden).text);
        }
        return Some(Decoded { text: unescape(source).text, hidden });
    }
    replaced
}

/// Fewer escapes than these hide nothing: ordinary text has some.
const ESCAPES: usize = 3;

/// The words of which letters or blanks are escaped that need not be.
fn behind_escapes(text: &str) -> String {
    let mut hidden = String::new();
    let mut count = 0;
    for word in text.split_ascii_whitespace() {
        let mut here = 0;
        escapes(word, |at, character| {
            here += usize::from(at.len() > 2 && (character.is_ascii_alphanumeric() || character == ' '));
        });
        if here > 0 {
            count += here;
            hidden.push_str(&unescape(word).text);
            hidden.push(' ');
        }
    }
    if count >= ESCAPES { hidden } else { String::new() }
}

/// Whether decoded bytes are a text: mostly letters, with blanks where it is long.
pub(super) fn reads(plain: &str) -> bool {
    let (mut letters, mut all) = (0_usize, 0_usize);
    for character in plain.chars() {
        if character.is_control() && !character.is_whitespace() {
            return false;
        }
        all += 1;
        letters += usize::from(character.is_alphabetic() || character == ' ');
    }
    all >= 6 && letters * 10 >= all * 6
}

fn replace(text: &str, mut runs: Vec<(Range<usize>, String)>) -> Option<Decoded> {
    if runs.is_empty() {
        return None;
    }
    runs.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut out = Decoded { text: String::with_capacity(text.len()), hidden: String::new() };
    let mut copied = 0;
    for (span, plain) in runs {
        if span.start >= copied {
            out.text.push_str(&text[copied..span.start]);
            out.text.push_str(&plain);
            out.hidden.push_str(&plain);
            out.hidden.push('\n');
            copied = span.end;
        }
    }
    out.text.push_str(&text[copied..]);
    Some(out)
}

/// Letters set apart by one sign each: `i g n o r e`, `i-g-n-o-r-e`. Two or three signs are a word's end.
fn apart(text: &str, runs: &mut Vec<(Range<usize>, String)>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Seven letters cover 13 bytes, so six of those begin at a place that is looked at.
    while at + 6 <= bytes.len() {
        let sign = |step: usize| SEPARATES[usize::from(bytes[at + step])];
        let (a, b, c) = (sign(0), sign(1), sign(2));
        let each_other = a != b && a == c && b == sign(3) && a == sign(4) && b == sign(5);
        // Letters of two bytes.
        let two_bytes = (bytes[at] | bytes[at + 1] | bytes[at + 2]) >= 0x80
            && (a ^ b ^ c)
            && !(a && b)
            && (sign(3), sign(4), sign(5)) == (a, b, c);
        at = if each_other || two_bytes { spelled(text, at, runs).max(at + 8) } else { at + 8 };
    }
}

/// Reads the letters set apart around a place, and tells where they end.
fn spelled(text: &str, around: usize, runs: &mut Vec<(Range<usize>, String)>) -> usize {
    const LETTERS: usize = 7;
    let around = (0..=around).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (mut start, mut close) = (around, 0);
    for (at, character) in text[..around].char_indices().rev() {
        close = if separates(character) { 0 } else { close + 1 };
        if close == 2 {
            break;
        }
        start = at;
    }
    let mut before = text[..start].chars().next_back().unwrap_or(' ');
    let (mut first, mut end) = (start, text.len());
    let mut plain = String::new();
    let mut letters = 0;
    let mut chars = text[start..].char_indices().peekable();
    while let Some((offset, character)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if separates(character) {
            if letters > 0 && before == character && !plain.ends_with(' ') {
                plain.push(' ');
            }
        } else if !character.is_whitespace() && next.is_none_or(separates) && separates(before) {
            if letters == 0 {
                first = start + offset;
            }
            plain.push(character);
            letters += 1;
        } else if letters > 0 || start + offset > around {
            end = start + offset;
            break;
        }
        before = character;
    }
    if letters >= LETTERS && plain.chars().filter(|c| c.is_alphabetic()).count() * 3 >= plain.len() {
        runs.push((first..end, format!("{plain} ")));
    }
    end
}

static SEPARATES: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 8 {
        table[b" .-_*|/\n"[at] as usize] = true;
        at += 1;
    }
    table
};

const SEPARATORS: [char; 7] = [' ', '.', '-', '_', '*', '|', '/'];

fn separates(character: char) -> bool {
    SEPARATORS.contains(&character) || character == '\n'
}
