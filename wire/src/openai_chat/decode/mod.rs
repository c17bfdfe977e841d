//! Reads what OpenAI, Azure and compatible servers answer: whole bodies and chunks.
//!
//! | module | reads |
//! |---|---|
//! | [`body`] | the JSON of both, as far as it is used |
//! | [`choices`] | what a choice says, thinks and calls; it keeps what the next chunk needs |
//! | [`usage`] | the counters |

mod body;
mod choices;
mod usage;

use crate::braces::Braced;
use crate::dialect::{Decode, MAX_CHOICES};
use crate::sse::Frame;
use crate::template::Template;
use body::{Body, string};
use bytes::Bytes;
use choices::Choices;
use gateway_core::conversation::{Event, Text};
use gateway_core::fault::{Fault, FaultClass};
use serde_json::value::RawValue;

fn broken() -> Fault {
    Fault::new(FaultClass::Broken, None)
}

pub(super) fn answer(body: &Bytes) -> Result<Vec<Event>, Fault> {
    let read = parse(body)?;
    if let Some(error) = read.error {
        return Err(super::fault::within_answer(error.get()));
    }
    let mut events = Vec::with_capacity(5);
    events.push(start(&read, body)?);
    let usage = read.usage()?;
    let mut choices = Choices::default();
    for (position, Braced(choice)) in read.choices.unwrap_or_default().into_iter().enumerate() {
        let index = index(choice.index.or(u32::try_from(position).ok()))?;
        let Braced(mut message) = choice.message.ok_or_else(broken)?;
        // Each is whole here, whatever its id says.
        for (number, Braced(call)) in (0..).zip(message.tool_calls.iter_mut().flatten()) {
            call.index = Some(number);
        }
        choices.say(index, message, body, &mut events)?;
        // A whole answer without a reason is one that was cut.
        choices.stop(index, choice.finish_reason.ok_or_else(broken)?, &mut events)?;
    }
    if !choices.are_whole() {
        return Err(broken());
    }
    events.extend(usage.map(Event::Usage));
    events.push(Event::End);
    Ok(events)
}

/// Text is checked once, as a whole: cheaper than each string by itself.
fn parse(data: &[u8]) -> Result<Body<'_>, Fault> {
    let text = std::str::from_utf8(data).map_err(|_| broken())?;
    let Braced(body) = serde_json::from_str(text).map_err(|_| broken())?;
    Ok(body)
}

/// Reads the chunks of one stream.
#[derive(Default)]
pub(super) struct Reader {
    template: Option<(Kind, u32, Template)>,
    choices: Choices,
    started: bool,
    ended: bool,
}

/// What a chunk of a known form brings.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Thinking,
}

impl Decode for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended || self.known(frame, out) {
            return Ok(());
        }
        if frame.data.trim_ascii() == b"[DONE]" {
            return self.finish(out);
        }
        let before = out.len();
        let read = parse(&frame.data)?;
        let is_error_event = frame.event.as_deref() == Some(b"error");
        if read.error.is_some() || is_error_event {
            // An `event: error` without an `error` tells of it in its own fields.
            let whole = std::str::from_utf8(&frame.data).unwrap_or_default();
            let error = read.error.map_or(whole, RawValue::get);
            out.push(Event::Failed(super::fault::within_answer(error)));
            return Ok(());
        }
        self.chunk(read, &frame.data, out)?;
        self.template = match &out[before..] {
            [Event::Text { choice, text }] => learn(Kind::Text, *choice, &frame.data, text),
            [Event::Thinking { choice, text }] => learn(Kind::Thinking, *choice, &frame.data, text),
            _ => return Ok(()),
        };
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { self.finish(out) }
    }
}

fn learn(kind: Kind, choice: u32, data: &Bytes, text: &Text) -> Option<(Kind, u32, Template)> {
    Template::learn(data, text).map(|template| (kind, choice, template))
}

impl Reader {
    /// Reads a chunk that differs from an earlier one in its text alone.
    fn known(&self, frame: &Frame, out: &mut Vec<Event>) -> bool {
        let unnamed = self.template.as_ref().filter(|_| frame.event.is_none());
        let found = unnamed.and_then(|(kind, choice, template)| {
            let is_open = self.choices.is_open(*choice);
            Some((*kind, *choice, is_open.then(|| template.read(&frame.data))??))
        });
        let Some((kind, choice, text)) = found else { return false };
        if !text.is_empty() {
            out.push(match kind {
                Kind::Text => Event::Text { choice, text },
                Kind::Thinking => Event::Thinking { choice, text },
            });
        }
        true
    }

    fn chunk(&mut self, read: Body, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        // Azure's first chunk has filter results and an empty model: no sign of life of the model itself.
        let has_choices = read.choices.as_ref().is_some_and(|choices| !choices.is_empty());
        if !self.started && has_choices {
            self.started = true;
            out.push(start(&read, data)?);
        }
        let usage = read.usage()?;
        for Braced(choice) in read.choices.unwrap_or_default() {
            let index = index(choice.index)?;
            if let Some(Braced(delta)) = choice.delta {
                self.choices.say(index, delta, data, out)?;
            }
            if let Some(reason) = choice.finish_reason {
                self.choices.stop(index, reason, out)?;
            }
        }
        out.extend(usage.map(Event::Usage));
        Ok(())
    }

    /// `[DONE]`, or the body's end where a server sends none: whole only once every choice had its reason.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if !self.choices.are_whole() {
            return Err(broken());
        }
        self.ended = true;
        out.push(Event::End);
        Ok(())
    }
}

/// Azure's and some compatible servers' `id` and `model` may be empty.
fn start(read: &Body, body: &Bytes) -> Result<Event, Fault> {
    let text = |raw: Option<&RawValue>| -> Result<_, Fault> {
        Ok(raw.map(|raw| string(raw, body)).transpose()?.filter(|text| !text.is_empty()))
    };
    Ok(Event::Start { id: text(read.id)?, model: text(read.model)? })
}

fn index(index: Option<u32>) -> Result<u32, Fault> {
    let index = index.unwrap_or(0);
    if index < MAX_CHOICES { Ok(index) } else { Err(broken()) }
}
