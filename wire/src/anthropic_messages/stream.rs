//! Reads the frames of a stream: `message_start`, blocks, `message_delta`, `message_stop`.

use super::fault;
use super::response::{
    Block, BlockKind, Counters, Reason, broken, push_text, redacted, start, text, tool_use,
};
use crate::dialect::Decode;
use crate::json;
use crate::sse::Frame;
use crate::template::Template;
use gateway_core::conversation::{Event, Text};
use gateway_core::fault::Fault;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(rename = "type")]
    kind: Kind,
    index: Option<u64>,
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
    ContentBlockStop,
    MessageDelta,
    MessageStop,
    Error,
    /// `ping` and what may come.
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
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    stop_reason: Option<Reason>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum DeltaKind {
    TextDelta,
    InputJsonDelta,
    ThinkingDelta,
    SignatureDelta,
    #[serde(other)]
    Unknown,
}

/// Where one streamed answer stands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    template: Option<Template>,
    counters: Counters,
    begun: bool,
    open: Option<Open>,
    calls: u32,
    stopped: bool,
    ended: bool,
}

/// The block whose deltas come now: blocks follow each other, they never mix.
#[derive(Debug)]
struct Open {
    index: Option<u64>,
    kind: BlockKind,
    signature: Option<Text>,
    /// Of a call: the input that stood in its start, until a delta brings another.
    input: Option<Text>,
}

impl Decode for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let in_text = self.open.as_ref().is_some_and(|open| open.kind == BlockKind::Text);
        if let Some(text) =
            self.template.as_ref().filter(|_| in_text).and_then(|template| template.read(&frame.data))
        {
            out.extend((!text.is_empty()).then_some(Event::Text { choice: 0, text }));
            return Ok(());
        }
        let Some(step) = read(&frame.data)? else { return Ok(()) };
        match step.kind {
            Kind::MessageStart => self.start(step.message.ok_or_else(broken)?, frame, out),
            Kind::ContentBlockStart => {
                self.open(step.index, &step.content_block.ok_or_else(broken)?, frame, out)
            }
            Kind::ContentBlockDelta => {
                self.block_delta(step.index, &step.delta.ok_or_else(broken)?, frame, out)
            }
            Kind::ContentBlockStop => self.close(step.index, out),
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
    match json::read(data) {
        Some(step) => Ok(Some(step)),
        None => match json::read(data) {
            Some(OnlyKind { kind: Kind::Unknown }) => Ok(None),
            _ => Err(broken()),
        },
    }
}

impl Reader {
    /// A second start begins anew: relays have sent it twice, and spliced a retry's stream onto the first.
    /// Whoever has passed on what came before must break off ([`Event::Start`]).
    fn start(&mut self, message: Message, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.stopped {
            return Err(broken());
        }
        *self = Reader { begun: true, ..Reader::default() };
        out.push(start(message.id, message.model, &frame.data)?);
        if let Some(mut counters) = message.usage {
            // It is 1 or so here, long before the answer is made: a stream that is cut would be billed by it.
            counters.output_tokens = None;
            self.counters = counters;
            out.push(Event::Usage(self.counters.usage()));
        }
        Ok(())
    }

    fn open(
        &mut self,
        index: Option<u64>,
        block: &Block,
        frame: &Frame,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        if !self.begun || self.stopped || self.open.is_some() {
            return Err(broken());
        }
        let mut open = Open { index, kind: block.kind, signature: None, input: None };
        match block.kind {
            BlockKind::Text => push_text(block.text, &frame.data, out)?,
            BlockKind::Thinking => self.think(block.thinking, frame, out)?,
            BlockKind::RedactedThinking => out.push(redacted(block, &frame.data)?),
            BlockKind::ToolUse => {
                out.push(tool_use(block, self.calls, &frame.data)?);
                open.input = Some(Text::new(block.input.map_or("{}", RawValue::get)));
                self.calls += 1;
            }
            BlockKind::Unknown => {}
        }
        self.template = None;
        self.open = Some(open);
        Ok(())
    }

    fn block_delta(
        &mut self,
        index: Option<u64>,
        delta: &Delta,
        frame: &Frame,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let Some(open) = &mut self.open else { return Err(broken()) };
        if open.index != index {
            return Err(broken());
        }
        let before = out.len();
        match (delta.kind, open.kind) {
            (Some(DeltaKind::TextDelta), BlockKind::Text) => {
                push_text(delta.text, &frame.data, out)?;
                if let [Event::Text { text, .. }] = &out[before..] {
                    self.template = Template::learn(&frame.data, text);
                }
            }
            (Some(DeltaKind::InputJsonDelta), BlockKind::ToolUse) => {
                let piece = text(delta.partial_json.ok_or_else(broken)?, &frame.data)?;
                if !piece.is_empty() {
                    open.input = None;
                    out.push(Event::Arguments { choice: 0, index: self.calls - 1, piece });
                }
            }
            (Some(DeltaKind::ThinkingDelta), BlockKind::Thinking) => {
                self.think(delta.thinking, frame, out)?
            }
            (Some(DeltaKind::SignatureDelta), BlockKind::Thinking) => {
                open.signature = Some(text(delta.signature.ok_or_else(broken)?, &frame.data)?);
            }
            // Citations, input of server tools, and what may come.
            (Some(DeltaKind::Unknown) | None, _) | (_, BlockKind::Unknown) => {}
            // A delta of one kind in a block of another: two answers were mixed.
            _ => return Err(broken()),
        }
        Ok(())
    }

    fn think(&mut self, raw: Option<&RawValue>, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        let text = text(raw.ok_or_else(broken)?, &frame.data)?;
        out.extend((!text.is_empty()).then_some(Event::Thinking { choice: 0, text }));
        Ok(())
    }

    fn close(&mut self, index: Option<u64>, out: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(open) = self.open.take_if(|open| open.index == index) else { return Err(broken()) };
        match open.kind {
            BlockKind::Thinking => {
                out.push(Event::ThinkingEnd { choice: 0, signature: open.signature, redacted: None });
            }
            // Without a delta the input is the one that stood in the start, `{}` for a tool without any.
            BlockKind::ToolUse => {
                let index = self.calls - 1;
                out.extend(open.input.map(|piece| Event::Arguments { choice: 0, index, piece }));
            }
            BlockKind::Text | BlockKind::RedactedThinking | BlockKind::Unknown => {}
        }
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
        if !self.stopped || self.open.is_some() {
            return Err(broken());
        }
        self.ended = true;
        out.push(Event::End);
        Ok(())
    }
}
