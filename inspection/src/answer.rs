//! Personal data in an answer that did not come from the caller, masked while the answer streams by.
//!
//! It reads what the model wrote, before the caller's own values are put back: placeholders are left alone.

use crate::engine::Engine;
use crate::placeholder::{self, Begins};
use crate::redact::policy::Policy;
use crate::restore::Mode;
use gateway_core::finding::{Action, Finding};
use std::ops::Range;

/// Bytes that wait at most for what follows, as long as no find goes on.
const HELD: usize = 512;
/// Bytes that stay behind when some go out: longer than most values.
const KEPT: usize = 256;
/// Bytes before, which are context for what follows.
const CONTEXT: usize = 96;
/// Bytes of a find that is waited for.
const LONGEST: usize = 16 << 10;
/// Characters of a masked value that stay.
const SHOWN: usize = 4;

/// The way of one text of an answer. Pieces may be cut anywhere.
pub struct Masker {
    json: bool,
    /// Context that went out, then what waits.
    text: String,
    /// Bytes of it that went out.
    gone: usize,
    /// Bytes that wait when it is searched next.
    next: usize,
    /// Where in a JSON document what waits begins.
    state: Json,
    masked: u32,
}

#[derive(Clone, Copy, Default)]
struct Json {
    string: bool,
    escaped: bool,
}

impl Masker {
    pub fn new(mode: Mode) -> Masker {
        let json = mode != Mode::Text;
        Masker { json, text: String::new(), gone: 0, next: HELD, state: Json::default(), masked: 0 }
    }

    /// Takes the next piece, and adds what can be told by now.
    pub fn push(&mut self, piece: &str, engine: &Engine, policy: &Policy, out: &mut String) {
        self.text.push_str(piece);
        if self.text.len() - self.gone >= self.next {
            self.release(engine, policy, false, out);
        }
    }

    /// Adds what waits: what it belongs to is over.
    pub fn finish(&mut self, engine: &Engine, policy: &Policy, out: &mut String) {
        self.release(engine, policy, true, out);
    }

    /// Values that were masked.
    pub fn masked(&self) -> u32 {
        self.masked
    }

    fn release(&mut self, engine: &Engine, policy: &Policy, last: bool, out: &mut String) {
        let finds = self.finds(engine, policy);
        let waiting = self.text.len() - self.gone;
        let mut end = self.text.len();
        if !last && waiting < LONGEST {
            end = floor(&self.text, end - KEPT.min(waiting));
            if let Some(across) = finds.iter().find(|find| find.start < end && end < find.end) {
                end = across.start.max(self.gone);
            }
        }
        let mut at = self.gone;
        for find in finds.iter().filter(|find| find.start < end) {
            self.pass(at..find.start, out);
            at = self.mask(find.clone(), out);
        }
        let end = end.max(at);
        self.pass(at..end, out);
        self.gone = end;
        let context = floor(&self.text, self.gone.saturating_sub(CONTEXT));
        self.text.drain(..context);
        self.gone -= context;
        self.next = (self.text.len() - self.gone + KEPT).max(HELD);
    }

    /// Spans of what waits that are to be masked, in order and apart from each other.
    fn finds(&self, engine: &Engine, policy: &Policy) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        engine.scan(&self.text, &mut found);
        found.retain(|find| policy.action(find.kind) != Action::Allow && !self.is_placeholder(find));
        found.sort_by_key(|find| find.start);
        let mut spans: Vec<Range<usize>> = Vec::new();
        for find in found {
            match spans.last_mut() {
                Some(last) if find.start < last.end => last.end = last.end.max(find.end),
                _ => spans.push(find.span()),
            }
        }
        spans.retain_mut(|span| {
            // The sign of a number belongs to it.
            let signed = self.json && self.text[..span.start].ends_with('-');
            span.start = (span.start - usize::from(signed)).max(self.gone);
            span.start < span.end
        });
        spans
    }

    /// A find that holds a placeholder is the caller's own value, or is none.
    fn is_placeholder(&self, find: &Finding) -> bool {
        let text = self.text.as_bytes();
        let start = find.start.saturating_sub(placeholder::LONGEST);
        (start..find.end).filter(|at| text[*at] == b'[').any(|at| match placeholder::read(&text[at..]) {
            Begins::Placeholder(written) => at + written.length > find.start,
            Begins::Perhaps | Begins::Other => false,
        })
    }

    fn pass(&mut self, span: Range<usize>, out: &mut String) {
        if self.json {
            self.text.as_bytes()[span.clone()].iter().for_each(|byte| self.state.step(*byte));
        }
        out.push_str(&self.text[span]);
    }

    /// Writes asterisks in place of a value; tells where the text goes on.
    fn mask(&mut self, span: Range<usize>, out: &mut String) -> usize {
        self.masked += 1;
        let value = &self.text[span.clone()];
        let length = value.chars().count();
        let hidden = length - SHOWN.min(length / 4);
        if self.json && !self.state.string {
            // A number. Its digits may go on beyond what was found.
            let rest = self.text[span.end..].bytes().take_while(|byte| is_number(*byte)).count();
            if value.bytes().all(is_number) {
                out.push('"');
                out.extend(std::iter::repeat_n('*', length));
                out.push('"');
                return span.end + rest;
            }
            // Nothing but structure and numbers stands there in a document: these are words in its place.
            if value.contains(['"', '{', '}', '[', ']', ',']) {
                self.pass(span.clone(), out);
                return span.end;
            }
        }
        let mut state = self.state;
        for (at, character) in value.chars().enumerate() {
            // Quotes and escapes stay what they are, so that a document stays one.
            let syntax = self.json && (state.escaped || matches!(character, '"' | '\\'));
            let shown = syntax || at >= hidden || !character.is_alphanumeric() && self.json;
            out.push(if shown { character } else { '*' });
            if self.json && character.is_ascii() {
                state.step(character as u8);
            }
        }
        self.state = state;
        span.end
    }
}

impl Json {
    fn step(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = self.string,
            b'"' => self.string = !self.string,
            _ => {}
        }
    }
}

fn is_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Settings;
    use proptest::prelude::*;

    fn masked(mode: Mode, text: &str, every: usize) -> (String, u32) {
        let engine = Engine::new(&Settings::default()).expect("the defaults are valid");
        let policy = Policy::default();
        let mut masker = Masker::new(mode);
        let mut out = String::new();
        let characters: Vec<char> = text.chars().collect();
        for piece in characters.chunks(every) {
            masker.push(&piece.iter().collect::<String>(), &engine, &policy, &mut out);
        }
        masker.finish(&engine, &policy, &mut out);
        (out, masker.masked())
    }

    #[test]
    fn what_the_caller_did_not_send_is_masked() {
        for (mode, text, want, count) in [
            (Mode::Text, "write to ann@example.org now", "write to ************org now", 1),
            (Mode::Text, "[EMAIL_ADDRESS_1] and 536-22-8726", "[EMAIL_ADDRESS_1] and *********26", 1),
            (Mode::Text, "password=[SECRET_1]", "password=[SECRET_1]", 0),
            (Mode::Json, r#"{"a":"x\nann@example.org"}"#, r#"{"a":"x\n***@*******.org"}"#, 1),
            (Mode::Json, r#"{"card":4111111111111111}"#, r#"{"card":"****************"}"#, 1),
            (Mode::Text, "nothing of it is anybody's", "nothing of it is anybody's", 0),
            (Mode::Json, "No, ask ann@example.org.", "No, ask ***@*******.org.", 1),
            (Mode::Json, "Of 536-22-8726:\n{\"a\": 1}", "Of \"***********\":\n{\"a\": 1}", 1),
        ] {
            for every in [1, 7, 1_000] {
                assert_eq!(masked(mode, text, every), (want.to_owned(), count), "{text} by {every}");
            }
        }
    }

    #[test]
    fn a_long_answer_is_masked_wherever_it_is_cut() {
        let line = "the order of ann.miller@example.org, card 4111 1111 1111 1111, is on its way; ";
        let text = line.repeat(60);
        let whole = masked(Mode::Text, &text, text.len());
        assert_eq!(whole.1, 120);
        assert!(!whole.0.contains("ann.miller") && !whole.0.contains("4111"));
        for every in [1, 13, 255, 600] {
            assert_eq!(masked(Mode::Text, &text, every), whole, "by {every}");
        }
    }

    proptest! {
        #[test]
        fn a_document_stays_one_and_other_text_stays_as_it_is(
            strings in prop::collection::vec(any::<String>(), 0..6),
            numbers in prop::collection::vec(any::<i64>(), 0..4),
            every in 1usize..40,
        ) {
            let text = serde_json::json!({ "s": strings, "n": numbers, "mail": "ann@example.org" }).to_string();
            let (out, count) = masked(Mode::Json, &text, every);
            prop_assert!(count > 0);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
        }
    }
}
