//! Placeholders in free text.

use super::origins::Next;
use super::{Facts, Overgrown, Verdict};
use crate::escape;
use crate::placeholder::{self, Begins, Written};
use crate::vault::Value;
use std::borrow::Cow;

/// What of a text waits: the beginning of what may be a placeholder.
#[derive(Default)]
pub(super) struct Plain {
    held: String,
}

impl Plain {
    pub(super) fn passes(&mut self, piece: &str, facts: &mut Facts) -> bool {
        let free = self.held.is_empty() && memchr::memchr2(b'[', b'\\', piece.as_bytes()).is_none();
        if free {
            facts.passed(piece);
        }
        free
    }

    pub(super) fn push(
        &mut self,
        piece: &str,
        last: bool,
        facts: &mut Facts,
        out: &mut String,
    ) -> Result<(), Overgrown> {
        let mut held = std::mem::take(&mut self.held);
        let text = if held.is_empty() {
            piece
        } else {
            held.push_str(piece);
            held.as_str()
        };
        let mut at = 0;
        while let Some(step) = memchr::memchr2(b'[', b'\\', &text.as_bytes()[at..]) {
            let start = at + step;
            facts.passed(&text[at..start]);
            out.push_str(&text[at..start]);
            let rest = &text[start..];
            match placeholder::read(rest.as_bytes()) {
                Begins::Perhaps if !last => {
                    self.held = rest.to_owned();
                    return Ok(());
                }
                Begins::Placeholder(written) => match place(&written, rest, last, Form::Plain, facts, out)? {
                    Some(length) => at = start + length,
                    None => {
                        self.held = rest.to_owned();
                        return Ok(());
                    }
                },
                Begins::Perhaps | Begins::Other => {
                    facts.passed(&rest[..1]);
                    out.push_str(&rest[..1]);
                    at = start + 1;
                }
            }
        }
        facts.passed(&text[at..]);
        out.push_str(&text[at..]);
        Ok(())
    }
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// As a value of a JSON document: a string, or the number that it was.
    Json,
    /// As a key of one.
    Key,
}

impl Form {
    fn of(self, value: Value<'_>) -> Cow<'_, str> {
        match self {
            Form::Plain => Cow::Borrowed(value.text),
            Form::Json if value.is_number() => Cow::Borrowed(value.text),
            Form::Json | Form::Key => Cow::Owned(format!("\"{}\"", escape::encode(value.text))),
        }
    }
}

/// Writes what stands for a placeholder that `rest` begins with. Tells how much of it is dealt with; `None`
/// where that depends on what follows.
pub(super) fn place(
    written: &Written,
    rest: &str,
    last: bool,
    form: Form,
    facts: &mut Facts,
    out: &mut String,
) -> Result<Option<usize>, Overgrown> {
    let stays = !written.exact && glued(&facts.before);
    let next = match rest[written.length..].chars().next() {
        Some(next) => Next::Char(next),
        None if last => Next::End,
        None => Next::NotYet,
    };
    let name = placeholder::write(written.kind, written.number);
    let verdict = if stays { Verdict::Stays } else { facts.verdict(written, &name, next) };
    match verdict {
        Verdict::Later => Ok(None),
        Verdict::Value(value) => {
            let value = form.of(value);
            out.push_str(&value);
            let grown = value.len().saturating_sub(written.length);
            facts.passed(&name);
            facts.grow(grown)?;
            Ok(Some(written.length))
        }
        Verdict::Stays => {
            let known = facts.vault.value(written.kind, written.number).is_some();
            facts.withheld += u32::from(known && !stays);
            // All of it at once, so that nothing within is read again.
            out.push_str(&rest[..written.length]);
            facts.passed(&rest[..written.length]);
            Ok(Some(written.length))
        }
    }
}

/// Whether a word, or what reads like code, stands right before: then another spelling is no placeholder.
pub(super) fn glued(before: &str) -> bool {
    before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ')' | ']'))
}
