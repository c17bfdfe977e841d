//! A text cut into sentences, rows and lines of code, and where each stands.

use super::features::Setting;
use std::ops::Range;

/// A part of a text that is measured by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    pub span: Range<usize>,
    pub setting: Setting,
}

/// Bytes of a sentence: shorter ones are joined to the next, longer ones are cut.
const SHORT: usize = 48;
const LONG: usize = 240;

/// Cuts a text: in order, without overlap, blank parts left out.
pub fn sentences(text: &str) -> Vec<Sentence> {
    let mut cut = Cut { text, made: Vec::new() };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let span = at..at + line.len();
        at = span.end;
        cut.line(span);
    }
    let data: usize =
        cut.made.iter().filter(|made| made.setting == Setting::Data).map(|made| made.span.len()).sum();
    let all: usize = cut.made.iter().map(|made| made.span.len()).sum();
    let plain = match (data * 2 >= all, about_prompts(text)) {
        (true, _) => Setting::Odd,
        (false, true) => Setting::Told,
        (false, false) => Setting::Plain,
    };
    for made in cut.made.iter_mut().filter(|made| made.setting == Setting::Plain) {
        made.setting = plain;
    }
    cut.made
}

/// Bytes from which a text is a document.
const DOCUMENT: usize = 300;
/// What a document is set with, and what is typed to a model is not.
const MARKS: [&str; 6] = ["\n# ", "\n## ", "\n### ", "```", "](", "**"];

/// Whether a longer text is about prompts and attacks, and so may quote them.
pub fn about_prompts(text: &str) -> bool {
    const NAMES: [&str; 5] = ["rompt", "LLM", "ailbreak", "njection", "anguage model"];
    let named =
        || NAMES.into_iter().any(|name| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some());
    let marked = || text.starts_with("# ") || MARKS.into_iter().any(|mark| text.contains(mark));
    text.len() >= DOCUMENT && named() && marked()
}

struct Cut<'a> {
    text: &'a str,
    made: Vec<Sentence>,
}

impl Cut<'_> {
    fn line(&mut self, span: Range<usize>) {
        let line = &self.text[span.clone()];
        let bars = memchr::memchr_iter(b'|', line.as_bytes()).count();
        if bars < 2 {
            self.piece(span, prose(line));
            return;
        }
        // A row of a table: its cells are data, unless one says a sentence.
        let mut at = span.start;
        for cell in line.split_inclusive('|') {
            let cell_span = at..at + cell.len();
            at = cell_span.end;
            let words = cell.split_ascii_whitespace().filter(|word| word.len() > 1).count();
            self.piece(cell_span, words >= 5 && !cell.ends_with('|') && prose(cell));
        }
    }

    fn piece(&mut self, span: Range<usize>, prose: bool) {
        if self.text[span.clone()].trim().is_empty() {
            return;
        }
        if !prose {
            self.add(span, Setting::Data);
            return;
        }
        let bytes = &self.text.as_bytes()[..span.end];
        let wide = !bytes[span.start..].is_ascii();
        let mut start = span.start;
        let mut at = start;
        while let Some(step) = stop(&bytes[at..], wide) {
            at += step;
            let end = match bytes[at] {
                0xE3 | 0xEF => at + if wide_stop(&bytes[at..]) { 3 } else { 0 },
                _ if bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace) => at + 1,
                _ => at,
            };
            if end > at && end - start >= SHORT {
                self.add(start..end, Setting::Plain);
                start = end;
            }
            at += 1;
        }
        if !self.text[start..span.end].trim().is_empty() {
            self.add(start..span.end, Setting::Plain);
        }
    }

    /// Adds a part: to the last where both are short, in several where it is long.
    fn add(&mut self, span: Range<usize>, setting: Setting) {
        if let Some(last) = self.made.last_mut() {
            let room = if setting == Setting::Data { LONG } else { SHORT };
            let fits = last.span.len() < room && last.span.len() + span.len() <= LONG;
            if last.setting == setting && last.span.end == span.start && fits {
                last.span.end = span.end;
                return;
            }
        }
        let mut start = span.start;
        while span.end - start > LONG {
            let end = boundary(self.text, start, start + LONG);
            self.made.push(Sentence { span: start..end, setting });
            start = end;
        }
        self.made.push(Sentence { span: start..span.end, setting });
    }
}

/// Where a sentence may end.
fn stop(bytes: &[u8], wide: bool) -> Option<usize> {
    if wide {
        return bytes.iter().position(|byte| matches!(byte, b'.' | b'!' | b'?' | 0xE3 | 0xEF));
    }
    memchr::memchr3(b'.', b'!', b'?', bytes)
}

/// `。`, `！`, `？`.
fn wide_stop(bytes: &[u8]) -> bool {
    matches!(bytes.get(..3), Some([0xE3, 0x80, 0x82] | [0xEF, 0xBC, 0x81 | 0x9F]))
}

/// The last blank before `to`, else the last character's start.
fn boundary(text: &str, from: usize, to: usize) -> usize {
    let bytes = text.as_bytes();
    if let Some(back) = bytes[from + SHORT..to].iter().rposition(u8::is_ascii_whitespace) {
        return from + SHORT + back + 1;
    }
    let mut end = to;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Whether a line reads as words, not as data or code.
fn prose(line: &str) -> bool {
    let [letters, blanks, stops] = counted(line.as_bytes());
    let others = line.len() - letters - blanks - stops;
    if letters == 0 || others * 8 > letters {
        return false;
    }
    // A line of code ends so, and a row of data has commas without blanks.
    let trimmed = line.trim_ascii();
    let within = blanks.saturating_sub(line.len() - trimmed.len());
    let ends = matches!(trimmed.as_bytes().last(), Some(b';' | b'{' | b'}' | b'>'));
    let indented = line.starts_with("    ") || line.starts_with('\t');
    stops <= within + 3 && !(others > 2 && (ends || indented))
}

/// Letters, blanks and stops: compared as many at a time as the processor can.
fn counted(line: &[u8]) -> [usize; 3] {
    let mut all = [0; 3];
    for part in line.chunks(255) {
        let (mut letters, mut blanks, mut stops) = (0_u8, 0_u8, 0_u8);
        for byte in part {
            letters += u8::from((byte | 0x20).wrapping_sub(b'a') < 26) | byte >> 7;
            blanks += u8::from(matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
            stops += u8::from(matches!(byte, b'.' | b',' | b'!' | b'?' | b'\'' | b'"' | b'-'));
        }
        for (sum, count) in all.iter_mut().zip([letters, blanks, stops]) {
            *sum += usize::from(count);
        }
    }
    all
}
