//! Reads the frames of a stream: `message_start`, blocks one after the other, `message_delta`, `message_stop`.

use super::counters::Counters;
use super::{
    Block, BlockKind, Reason, broken, input, optional, push_call, push_redacted, push_text, push_thinking,
    start, text,
};
use crate::anthropic_messages::fault;
use crate::dialect::Decode;
use crate::json;
use crate::sse::Frame;
use bytes::Bytes;
use gateway_core::conversation::{Event, Text};
use gateway_core::fault::Fault;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(rename = "type")]
    kind: Kind,
    /// Which block, counted from 0.
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

/// The delta of a block (`type` and more) or of the message (`stop_reason`).
#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(rename = "type")]
    kind: Option<DeltaKind>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
    stop_reason: Option<Reason>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum DeltaKind {
    TextDelta,
    ThinkingDelta,
    SignatureDelta,
    InputJsonDelta,
    /// `citations_delta`, `compaction_delta` and what may come.
    #[serde(other)]
    Unknown,
}

/// The block that has begun and not ended.
#[derive(Debug)]
enum Open {
    Text,
    Thinking {
        signature: Option<Text>,
    },
    /// `input` is what the block began with: its arguments, if no delta brings any.
    Call {
        index: u32,
        input: Option<Text>,
    },
    Skipped,
}

/// Where one streamed answer stands.
#[derive(Debug, Default)]
pub(in crate::anthropic_messages) struct Reader {
    counters: Counters,
    begun: bool,
    open: Option<(u64, Open)>,
    /// The least index that the next block may have.
    next: u64,
    calls: u32,
    /// How the open block's texts come.
    plain: Option<PlainDelta>,
    stopped: bool,
    ended: bool,
}

impl Decode for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        if let Some(text) = self.plain.as_ref().and_then(|plain| plain.read(&frame.data)) {
            out.extend((!text.is_empty()).then_some(Event::Text { choice: 0, text }));
            return Ok(());
        }
        let Some(step) = read(&frame.data)? else { return Ok(()) };
        match step.kind {
            Kind::MessageStart => self.start(step.message.ok_or_else(broken)?, &frame.data, out),
            Kind::ContentBlockStart => {
                self.block(step.index, step.content_block.ok_or_else(broken)?, &frame.data, out)
            }
            Kind::ContentBlockDelta => {
                self.piece(step.index, step.delta.ok_or_else(broken)?, &frame.data, out)
            }
            Kind::ContentBlockStop => self.block_end(step.index, out),
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
    /// A second start before any block says the same again (relays have sent it twice). Later it is
    /// another answer, spliced onto this one: what was told of this one cannot be taken back.
    fn start(&mut self, message: Message, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.next > 0 || self.stopped {
            return Err(broken());
        }
        self.begun = true;
        out.push(start(message.id, message.model, data)?);
        if let Some(mut counters) = message.usage {
            // It is 1 or so here, long before the answer is made: a stream that is cut would be billed by it.
            counters.output_tokens = None;
            self.counters = counters;
            out.push(Event::Usage(self.counters.usage()));
        }
        Ok(())
    }

    /// Blocks come one after the other; an index may be left out (relays drop blocks), but never repeated.
    fn block(
        &mut self,
        index: Option<u64>,
        block: Block,
        data: &Bytes,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let index = index.filter(|index| *index >= self.next).ok_or_else(broken)?;
        if !self.begun || self.stopped || self.open.is_some() {
            return Err(broken());
        }
        self.next = index.checked_add(1).ok_or_else(broken)?;
        let open = match block.kind {
            BlockKind::Text => {
                push_text(block.text, data, out)?;
                Open::Text
            }
            BlockKind::Thinking => {
                push_thinking(block.thinking, data, out)?;
                Open::Thinking { signature: optional(block.signature, data)? }
            }
            BlockKind::RedactedThinking => {
                push_redacted(&block, data, out)?;
                Open::Skipped
            }
            BlockKind::ToolUse => {
                let input = Some(input(&block)?);
                Open::Call { index: push_call(&block, &mut self.calls, data, out)?, input }
            }
            BlockKind::Unknown => Open::Skipped,
        };
        self.open = Some((index, open));
        Ok(())
    }

    fn piece(
        &mut self,
        index: Option<u64>,
        delta: Delta,
        data: &Bytes,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let open = match &mut self.open {
            Some((at, open)) if Some(*at) == index && !self.stopped => open,
            _ => return Err(broken()),
        };
        let Some(kind) = delta.kind else { return Err(broken()) };
        match (open, kind) {
            (Open::Skipped, _) | (_, DeltaKind::Unknown) => {}
            (Open::Text, DeltaKind::TextDelta) => {
                push_text(delta.text, data, out)?;
                if let Some(Event::Text { text, .. }) = out.last() {
                    self.plain = PlainDelta::learn(data, text);
                }
            }
            (Open::Thinking { .. }, DeltaKind::ThinkingDelta) => push_thinking(delta.thinking, data, out)?,
            (Open::Thinking { signature }, DeltaKind::SignatureDelta) => {
                *signature = optional(delta.signature, data)?;
            }
            (Open::Call { index, input }, DeltaKind::InputJsonDelta) => {
                let piece = text(delta.partial_json.ok_or_else(broken)?, data)?;
                if !piece.is_empty() {
                    *input = None;
                    out.push(Event::Arguments { choice: 0, index: *index, piece });
                }
            }
            _ => return Err(broken()),
        }
        Ok(())
    }

    fn block_end(&mut self, index: Option<u64>, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.plain = None;
        match self.open.take() {
            Some((at, open)) if Some(at) == index => match open {
                Open::Thinking { signature } => {
                    out.push(Event::ThinkingEnd { choice: 0, signature, redacted: None });
                }
                Open::Call { index, input: Some(piece) } => {
                    out.push(Event::Arguments { choice: 0, index, piece });
                }
                Open::Call { input: None, .. } | Open::Text | Open::Skipped => {}
            },
            _ => return Err(broken()),
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
            if self.open.is_some() {
                return Err(broken());
            }
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

/// The text deltas of a block differ in their text and in the blanks that pad them. So a frame with the
/// bytes of one that was read in full up to a plain text, and with nothing but closing braces after it, means
/// the same and need not be parsed.
#[derive(Debug)]
struct PlainDelta {
    /// Up to the text, its quote included.
    head: Bytes,
}

impl PlainDelta {
    /// Learns from a frame whose whole meaning is `text`; `None` where that is no slice of it, or more
    /// than braces follows.
    fn learn(frame: &Bytes, text: &Text) -> Option<PlainDelta> {
        let from = (text.json().as_ptr() as usize).checked_sub(frame.as_ptr() as usize)? + 1;
        let end = from + text.json_len();
        let is_slice = frame.get(from - 1..=end)? == text.json();
        let learnt = PlainDelta { head: frame.slice(..from) };
        (is_slice && frame.len() <= 4096 && end_of_text(frame) == Some(end)).then_some(learnt)
    }

    fn read(&self, frame: &Bytes) -> Option<Text> {
        if !frame.starts_with(&self.head) {
            return None;
        }
        let end = end_of_text(frame)?;
        let content = frame.get(self.head.len()..end)?;
        // Without quote, backslash and control characters these bytes are a literal's content, if they
        // are UTF-8; any other goes to the parser.
        let plain = content.iter().all(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1F));
        if !plain || std::str::from_utf8(content).is_err() {
            return None;
        }
        Text::from_json(frame.slice(self.head.len() - 1..=end))
    }
}

/// Where the quote stands that ends the text, if nothing but two braces, blanks between, follows it.
fn end_of_text(frame: &[u8]) -> Option<usize> {
    let mut delta = frame.strip_suffix(b"}")?;
    while let Some(less) = delta.strip_suffix(b" ") {
        delta = less;
    }
    Some(delta.strip_suffix(b"\"}")?.len())
}
