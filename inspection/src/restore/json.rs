//! Placeholders in a JSON document: matched on what its strings say, put back escaped for where they stand.
//! A model that was asked for one may write words all the same, alone or around it: those are read as text.

use super::origins::Next;
use super::text::{Form, glued, place};
use super::{Facts, Overgrown, Verdict};
use crate::escape::{self, Decoded};
use crate::placeholder::{self, Begins, Written};
use crate::vault::{Stood, Value};

/// Where in the document the text is.
#[derive(Default)]
pub(super) struct Json {
    /// A bare name that is a whole string counts.
    bare: bool,
    /// Of each open array and object: whether it is an object.
    open: Vec<bool>,
    /// The next string is a key.
    key: bool,
    /// The last byte outside of strings that is no blank.
    behind: u8,
    /// What stood outside of strings so far is no JSON alone.
    prose: bool,
    string: Option<Inside>,
    /// Text that is not yet decided.
    held: String,
}

/// Within a string.
#[derive(Clone, Copy)]
struct Inside {
    key: bool,
    /// The string itself is a JSON document.
    nested: bool,
    /// A string of that document is open.
    within: bool,
    /// Nothing of it was written yet, its opening quote neither.
    untouched: bool,
}

/// How far one step came.
struct Step {
    /// Bytes that are dealt with.
    done: usize,
    /// More is needed to tell what follows.
    waits: bool,
}

/// What stands for a whole string.
enum Whole {
    /// This, quotes included if it has any.
    Is(String),
    Not,
    Waits,
}

impl Json {
    pub(super) fn new(bare: bool) -> Json {
        Json { bare, ..Json::default() }
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
        while at < text.len() {
            let step = match self.string {
                None => self.outside(&text[at..], last, facts, out)?,
                Some(inside) => self.inside(inside, &text[at..], last, facts, out)?,
            };
            at += step.done;
            if step.waits {
                self.held = text[at..].to_owned();
                break;
            }
        }
        if last && self.string.is_some_and(|inside| inside.untouched) {
            // The quote of a string that was cut off.
            out.push('"');
            self.string = self.string.map(|inside| Inside { untouched: false, ..inside });
        }
        Ok(())
    }

    /// Up to the next string, whose opening quote waits, or to what may be a placeholder.
    fn outside(
        &mut self,
        text: &str,
        last: bool,
        facts: &mut Facts,
        out: &mut String,
    ) -> Result<Step, Overgrown> {
        let end = memchr::memchr3(b'"', b'[', b'\\', text.as_bytes()).unwrap_or(text.len());
        self.pass(&text[..end], facts, out);
        let rest = &text[end..];
        if rest.starts_with('"') {
            self.string = Some(Inside { key: self.key, nested: false, within: false, untouched: true });
            self.behind = b'"';
            if self.prose {
                facts.passed("\"");
            } else {
                // An address ends with its string.
                facts.before.clear();
            }
            return Ok(Step { done: end + 1, waits: false });
        }
        let read = if rest.is_empty() { Begins::Other } else { placeholder::read(rest.as_bytes()) };
        let done = match read {
            Begins::Perhaps if !last => None,
            Begins::Placeholder(written) => {
                let done = place(&written, rest, last, self.form(), facts, out)?;
                self.behind = if done.is_some() { b']' } else { self.behind };
                done
            }
            Begins::Perhaps | Begins::Other => {
                let first = &rest[..rest.len().min(1)];
                self.pass(first, facts, out);
                Some(first.len())
            }
        };
        Ok(Step { done: end + done.unwrap_or(0), waits: done.is_none() })
    }

    /// Passes on what is neither a string nor a placeholder.
    fn pass(&mut self, structure: &str, facts: &mut Facts, out: &mut String) {
        for byte in structure.bytes() {
            self.prose |= !may_stand_outside(byte, self.open.is_empty());
            match byte {
                b'{' | b'[' => {
                    self.key = byte == b'{';
                    self.open.push(self.key);
                }
                b'}' | b']' => {
                    self.open.pop();
                    self.key = false;
                }
                b',' => self.key = self.open.last() == Some(&true),
                b':' => self.key = false,
                _ => {}
            }
            if !byte.is_ascii_whitespace() {
                self.behind = byte;
            }
        }
        out.push_str(structure);
        facts.passed(structure);
    }

    /// How a value is written that stands here, outside of strings.
    fn form(&self) -> Form {
        let in_document = !self.open.is_empty() && matches!(self.behind, b'{' | b'[' | b',' | b':');
        match (in_document, self.key) {
            (false, _) => Form::Plain,
            (true, false) => Form::Json,
            (true, true) => Form::Key,
        }
    }

    fn inside(
        &mut self,
        mut inside: Inside,
        text: &str,
        last: bool,
        facts: &mut Facts,
        out: &mut String,
    ) -> Result<Step, Overgrown> {
        let (raw, closed) = content(text, last);
        if raw.is_empty() && !closed {
            return Ok(Step { done: 0, waits: true });
        }
        let decoded = escape::decode(raw);
        let over = closed || last;
        if inside.untouched {
            match whole(&decoded.text, over, self.bare && !inside.key, inside.key, facts) {
                Whole::Waits => return Ok(Step { done: 0, waits: true }),
                Whole::Is(with) => {
                    facts.grow(with.len().saturating_sub(raw.len()))?;
                    out.push_str(&with);
                    facts.passed("\"");
                    self.string = None;
                    return Ok(Step { done: raw.len() + 1, waits: false });
                }
                Whole::Not => {}
            }
            out.push('"');
            inside.untouched = false;
            inside.nested = begins_document(&decoded.text);
        }
        let mut writing = Writing { raw, decoded, inside: &mut inside, over, facts, out };
        let done = writing.run()?;
        let waits = done < raw.len();
        self.string = Some(inside);
        if closed && !waits {
            out.push('"');
            facts.passed("\"");
            self.string = None;
            return Ok(Step { done: raw.len() + 1, waits: false });
        }
        Ok(Step { done, waits: waits || raw.len() < text.len() })
    }
}

/// Whether a document may have that byte outside of its strings: structure, numbers, `true`, `false` and `null`;
/// before it and after it blanks alone.
fn may_stand_outside(byte: u8, of_all: bool) -> bool {
    match byte {
        b'{' | b'[' | b' ' | b'\n' | b'\r' | b'\t' => true,
        b'}' | b']' | b',' | b':' | b'0'..=b'9' | b'+' | b'-' | b'.' | b'E' => !of_all,
        b'a' | b'e' | b'f' | b'l' | b'n' | b'r' | b's' | b't' | b'u' => !of_all,
        _ => false,
    }
}

/// The content of a string that `text` goes on with, as far as its escapes are whole, and whether it ends there.
fn content(text: &str, last: bool) -> (&str, bool) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(step) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        at += step;
        if bytes[at] == b'"' {
            return (&text[..at], true);
        }
        match escape::length(&bytes[at..]) {
            Some(length) => at += length,
            None if last => return (text, false),
            None => return (&text[..at], false),
        }
    }
    (text, false)
}

/// A string that begins like a document and not like a placeholder.
fn begins_document(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(['{', '[']) && !matches!(placeholder::read(text.as_bytes()), Begins::Placeholder(_))
}

/// Blanks that may stand before a document within a string, for it to be seen as one.
const MOST_BLANKS: usize = 64;

/// Looks at a string from its first character: it may be nothing but a placeholder.
fn whole(text: &str, over: bool, bare: bool, key: bool, facts: &mut Facts) -> Whole {
    let bytes = text.as_bytes();
    if text.is_empty() {
        return if over { Whole::Not } else { Whole::Waits };
    }
    let trimmed = text.trim_start();
    let blanks = text.len() - trimmed.len();
    let undecided = trimmed.is_empty() || placeholder::read(trimmed.as_bytes()) == Begins::Perhaps;
    if !over && blanks < MOST_BLANKS && undecided {
        return Whole::Waits;
    }
    match placeholder::read(bytes) {
        Begins::Placeholder(written) if written.length == text.len() => {
            let value = facts.vault.value(written.kind, written.number);
            match value {
                Some(value) if value.is_number() && !key && over => Whole::Is(value.text.to_owned()),
                Some(value) if value.is_number() && !key => Whole::Waits,
                _ => Whole::Not,
            }
        }
        Begins::Perhaps if !over => Whole::Waits,
        _ if bare && over => bare_name(text, facts),
        _ if bare && placeholder::may_become_bare(bytes) => Whole::Waits,
        _ => Whole::Not,
    }
}

fn bare_name(text: &str, facts: &Facts) -> Whole {
    let Some(written) = placeholder::read_bare(text.as_bytes()) else { return Whole::Not };
    let value = facts.vault.value(written.kind, written.number);
    match value.filter(|_| !facts.origins.stood_bare(text)) {
        Some(Value { text, stood: Stood::Number }) => Whole::Is(text.to_owned()),
        Some(Value { text, .. }) => Whole::Is(format!("\"{}\"", escape::encode(text))),
        None => Whole::Not,
    }
}

/// A stretch of a string on its way out.
struct Writing<'w> {
    raw: &'w str,
    decoded: Decoded<'w>,
    inside: &'w mut Inside,
    /// Nothing of the string follows.
    over: bool,
    facts: &'w mut Facts,
    out: &'w mut String,
}

impl Writing<'_> {
    /// Tells how much of the raw text is dealt with; the rest waits.
    fn run(&mut self) -> Result<usize, Overgrown> {
        let mut at = 0;
        while let Some(start) = self.next(at) {
            self.copy(at, start);
            let text = self.decoded.text[start..].as_bytes();
            // A quote of a document within: it may be that of a string that is a number's placeholder.
            let quoted = usize::from(text[0] == b'"' && !self.inside.within);
            let begins = if text[0] == b'"' && quoted == 0 {
                Begins::Other
            } else {
                placeholder::read(&text[quoted..])
            };
            match begins {
                Begins::Perhaps if !self.over => return Ok(self.decoded.raw(start)),
                Begins::Placeholder(written) => match self.place(start, quoted, &written)? {
                    Some(end) => at = end,
                    None => return Ok(self.decoded.raw(start)),
                },
                Begins::Perhaps | Begins::Other => match self.character(start) {
                    Some(end) => at = end,
                    None => return Ok(self.decoded.raw(start)),
                },
            }
        }
        self.copy(at, self.decoded.text.len());
        Ok(self.raw.len())
    }

    /// Passes a bracket, backslash or quote on. `None` where what follows is needed.
    fn character(&mut self, start: usize) -> Option<usize> {
        let text = &self.decoded.text[start..];
        let escape = self.inside.within && text.starts_with('\\');
        let end = match text.chars().nth(1) {
            None if escape && !self.over => return None,
            // The escaped character of a document within ends no string.
            Some(next) if escape => start + 1 + next.len_utf8(),
            _ => start + 1,
        };
        if self.inside.nested && text.starts_with('"') {
            self.inside.within = !self.inside.within;
        }
        self.copy(start, end);
        Some(end)
    }

    fn next(&self, at: usize) -> Option<usize> {
        let bytes = &self.decoded.text.as_bytes()[at..];
        let step = match self.inside.nested {
            true => memchr::memchr3(b'[', b'\\', b'"', bytes),
            false => memchr::memchr2(b'[', b'\\', bytes),
        };
        step.map(|step| at + step)
    }

    /// Passes decoded text on as it stood.
    fn copy(&mut self, from: usize, to: usize) {
        self.out.push_str(&self.raw[self.decoded.raw(from)..self.decoded.raw(to)]);
        self.facts.passed(&self.decoded.text[from..to]);
    }

    /// Writes what stands for a placeholder; tells where the text goes on, `None` where that is not known yet.
    fn place(&mut self, start: usize, quoted: usize, written: &Written) -> Result<Option<usize>, Overgrown> {
        let end = start + quoted + written.length;
        let next = match self.decoded.text[end..].chars().next() {
            Some(next) => Next::Char(next),
            None if self.over => Next::End,
            None => Next::NotYet,
        };
        let value = self.facts.vault.value(written.kind, written.number);
        if quoted > 0 {
            return Ok(self.number_within(
                start,
                end,
                value.is_some_and(|value| value.is_number()),
                next,
                written,
            ));
        }
        let name = placeholder::write(written.kind, written.number);
        let stays = !written.exact && glued(&self.facts.before);
        let verdict = if stays { Verdict::Stays } else { self.facts.verdict(written, &name, next) };
        match verdict {
            Verdict::Later => return Ok(None),
            Verdict::Stays => {
                self.facts.withheld += u32::from(value.is_some() && !stays);
                self.copy(start, end);
            }
            Verdict::Value(value) => {
                let text = escaped(value, self.inside.within);
                self.out.push_str(&text);
                let grown = text.len().saturating_sub(written.length);
                self.facts.passed(&name);
                self.facts.grow(grown)?;
            }
        }
        Ok(Some(end))
    }

    /// `"[US_SSN_1]"` in a document within a string, for a number: the quotes go too.
    fn number_within(
        &mut self,
        start: usize,
        end: usize,
        numeric: bool,
        next: Next,
        written: &Written,
    ) -> Option<usize> {
        match next {
            Next::NotYet if numeric => None,
            Next::Char('"') if numeric => {
                let value = self.facts.vault.value(written.kind, written.number)?;
                self.out.push_str(value.text);
                self.facts.passed(" ");
                Some(end + 1)
            }
            _ => self.character(start),
        }
    }
}

/// A value as a string's content: once more where the string is a document, unless the value stands in a
/// string of it as it is. One that stood in such a document always does so twice.
fn escaped(value: Value<'_>, nested: bool) -> String {
    let once = escape::encode(value.text);
    let fits = || serde_json::from_str::<serde::de::IgnoredAny>(&format!("\"{}\"", value.text)).is_ok();
    let twice = nested && (value.stood == Stood::Nested || !fits());
    if twice { escape::encode(&once).into_owned() } else { once.into_owned() }
}
