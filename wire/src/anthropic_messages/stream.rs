//! Reads the frames of a stream: `message_start`, blocks, `message_delta`, `message_stop`.

use super::fault;
use super::response::{Block, BlockKind, Counters, Reason, broken, push_text, start};
use crate::dialect::Decode;
use crate::sse::Frame;
use gateway_core::conversation::Event;
use gateway_core::fault::Fault;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<Counters>,
    error: Option<Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    MessageDelta,
    MessageStop,
    Error,
    /// `ping`, `content_block_stop` and what may come.
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    usage: Option<Counters>,
}

/// The delta of a block (`type`, `text`) or of the message (`stop_reason`).
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type")]
    kind: Option<DeltaKind>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    stop_reason: Option<Reason>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum DeltaKind {
    TextDelta,
    #[serde(other)]
    Unknown,
}

/// Where one streamed answer stands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    counters: Counters,
    begun: bool,
    has_text: bool,
    stopped: bool,
    ended: bool,
}

impl Decode for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let Some(step) = read(&frame.data)? else { return Ok(()) };
        match step.kind {
            Kind::MessageStart => self.start(step.message.ok_or_else(broken)?, frame, out),
            Kind::ContentBlockStart => {
                let block = step.content_block.ok_or_else(broken)?;
                if block.kind == BlockKind::Text { self.text(block.text, frame, out) } else { Ok(()) }
            }
            Kind::ContentBlockDelta => {
                let delta = step.delta.ok_or_else(broken)?;
                let is_text = delta.kind == Some(DeltaKind::TextDelta);
                if is_text { self.text(delta.text, frame, out) } else { Ok(()) }
            }
            Kind::MessageDelta => self.delta(step.delta, step.usage, out),
            Kind::MessageStop => self.stop(out),
            Kind::Error => {
                out.push(Event::Failed(fault::within_answer(&step.error.unwrap_or_default())));
                Ok(())
            }
            Kind::Unknown => Ok(()),
        }
    }

    fn end(&mut self, _: &mut Vec<Event>) -> Result<(), Fault> {
        // `message_stop` is sent by every good stream (316 of 316 recorded), so its absence is a cut.
        if self.ended { Ok(()) } else { Err(broken()) }
    }
}

/// `None` for a frame of an unknown kind, which may give our field names other shapes.
fn read(data: &[u8]) -> Result<Option<Step<'_>>, Fault> {
    #[derive(Deserialize)]
    struct OnlyKind {
        #[serde(rename = "type")]
        kind: Kind,
    }
    serde_json::from_slice(data).map(Some).or_else(|_| match serde_json::from_slice(data) {
        Ok(OnlyKind { kind: Kind::Unknown }) => Ok(None),
        _ => Err(broken()),
    })
}

impl Reader {
    /// A second start without text in between begins anew (relays have sent it twice, and spliced a
    /// retry's stream onto the first); after text it would join two answers.
    fn start(&mut self, message: Message, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.has_text || self.stopped {
            return Err(broken());
        }
        self.begun = true;
        out.push(start(message.id, message.model, &frame.data)?);
        if let Some(mut counters) = message.usage {
            // It is 1 or so here, long before the answer is made: a stream that is cut would be billed by it.
            counters.output_tokens = None;
            self.counters = counters;
            out.push(Event::Usage(self.counters.usage()));
        }
        Ok(())
    }

    fn text(&mut self, raw: Option<&RawValue>, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if !self.begun || self.stopped {
            return Err(broken());
        }
        let before = out.len();
        push_text(raw, &frame.data, out)?;
        self.has_text |= out.len() > before;
        Ok(())
    }

    /// Comes once or more often, each time with counters that replace those before.
    fn delta(
        &mut self,
        delta: Option<Delta>,
        usage: Option<Counters>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if !self.begun {
            return Err(broken());
        }
        if let Some(reason) = delta.and_then(|delta| delta.stop_reason) {
            if !self.stopped {
                out.push(Event::Stop { choice: 0, reason: reason.into() });
            }
            self.stopped = true;
        }
        if let Some(counters) = usage {
            self.counters.replace_with(counters);
            out.push(Event::Usage(self.counters.usage()));
        }
        Ok(())
    }

    fn stop(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if !self.stopped {
            return Err(broken());
        }
        self.ended = true;
        out.push(Event::End);
        Ok(())
    }
}
