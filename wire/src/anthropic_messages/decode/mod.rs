//! Reads whole answers, and what they have in common with streams: blocks, reasons, strings.

mod counters;
mod stream;

pub(super) use stream::Reader;

use super::fault;
use crate::dialect::MAX_CALLS;
use crate::json;
use bytes::Bytes;
use counters::Counters;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// `message` or `error`; what we do not use is skipped.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<Vec<Block<'a>>>,
    stop_reason: Option<Reason>,
    usage: Option<Counters>,
    error: Option<Value>,
}

/// A block of content. Work that the provider's own tools did (`server_tool_use`, their results, `compaction`,
/// `fallback`) and kinds still unknown are skipped: what came of them stands in the text.
#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: BlockKind,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    signature: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum BlockKind {
    Text,
    Thinking,
    RedactedThinking,
    ToolUse,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    EndTurn,
    StopSequence,
    MaxTokens,
    ModelContextWindowExceeded,
    ToolUse,
    Refusal,
    /// `pause_turn`, `compaction` and what may come: without an equal in other dialects.
    #[serde(other)]
    Unknown,
}

impl From<Reason> for StopReason {
    fn from(reason: Reason) -> StopReason {
        match reason {
            Reason::EndTurn => StopReason::End,
            Reason::StopSequence => StopReason::StopSequence,
            Reason::MaxTokens | Reason::ModelContextWindowExceeded => StopReason::Length,
            Reason::ToolUse => StopReason::ToolCalls,
            Reason::Refusal => StopReason::Refusal,
            Reason::Unknown => StopReason::Other,
        }
    }
}

fn broken() -> Fault {
    Fault::new(FaultClass::Broken, None)
}

pub(super) fn answer(body: &Bytes) -> Result<Vec<Event>, Fault> {
    let read: Answer = json::read(body).ok_or_else(broken)?;
    if let Some(error) = read.error {
        return Err(fault::within_answer(&error));
    }
    // A whole answer without content or reason is one that was cut.
    let content = read.content.ok_or_else(broken)?;
    let reason = read.stop_reason.ok_or_else(broken)?;
    let mut events = Vec::with_capacity(content.len() + 4);
    events.push(start(read.id, read.model, body)?);
    let mut calls = 0;
    for block in &content {
        push_block(block, &mut calls, body, &mut events)?;
    }
    events.push(Event::Stop { choice: 0, reason: reason.into() });
    if let Some(counters) = read.usage {
        events.push(Event::Usage(counters.usage()));
    }
    events.push(Event::End);
    Ok(events)
}

/// Adds the events of a whole block; `calls` are those before it.
fn push_block(block: &Block, calls: &mut u32, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    match block.kind {
        BlockKind::Text => push_text(block.text, body, out)?,
        BlockKind::Thinking => {
            push_thinking(block.thinking, body, out)?;
            let signature = optional(block.signature, body)?;
            out.push(Event::ThinkingEnd { choice: 0, signature, redacted: None });
        }
        BlockKind::RedactedThinking => push_redacted(block, body, out)?,
        BlockKind::ToolUse => {
            let index = push_call(block, calls, body, out)?;
            out.push(Event::Arguments { choice: 0, index, piece: input(block)? });
        }
        BlockKind::Unknown => {}
    }
    Ok(())
}

fn start(id: Option<&RawValue>, model: Option<&RawValue>, body: &Bytes) -> Result<Event, Fault> {
    Ok(Event::Start { id: optional(id, body)?, model: optional(model, body)? })
}

/// Adds a block's or delta's text; an empty one says nothing.
fn push_text(raw: Option<&RawValue>, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    let text = text(raw.ok_or_else(broken)?, body)?;
    if !text.is_empty() {
        out.push(Event::Text { choice: 0, text });
    }
    Ok(())
}

fn push_thinking(raw: Option<&RawValue>, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    let text = text(raw.ok_or_else(broken)?, body)?;
    if !text.is_empty() {
        out.push(Event::Thinking { choice: 0, text });
    }
    Ok(())
}

fn push_redacted(block: &Block, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    let redacted = Some(text(block.data.ok_or_else(broken)?, body)?);
    out.push(Event::ThinkingEnd { choice: 0, signature: None, redacted });
    Ok(())
}

/// Begins a call, and says which one of the answer's it is.
fn push_call(block: &Block, calls: &mut u32, body: &Bytes, out: &mut Vec<Event>) -> Result<u32, Fault> {
    let index = *calls;
    if index >= MAX_CALLS {
        return Err(broken());
    }
    *calls += 1;
    let name = text(block.name.ok_or_else(broken)?, body)?;
    if name.is_empty() {
        return Err(broken());
    }
    out.push(Event::ToolCall { choice: 0, index, id: optional(block.id, body)?, name, signature: None });
    Ok(index)
}

/// A call's arguments as one piece; they are an object, and an absent one is empty.
fn input(block: &Block) -> Result<Text, Fault> {
    let object = block.input.map_or("{}", RawValue::get);
    if object.starts_with('{') { Ok(Text::new(object)) } else { Err(broken()) }
}

/// A string of the body, shared with it and not copied.
fn text(raw: &RawValue, body: &Bytes) -> Result<Text, Fault> {
    Text::from_json(body.slice_ref(raw.get().as_bytes())).ok_or_else(broken)
}

/// The same where it may be absent; an empty one is.
fn optional(raw: Option<&RawValue>, body: &Bytes) -> Result<Option<Text>, Fault> {
    let text = raw.map(|raw| text(raw, body)).transpose()?;
    Ok(text.filter(|text| !text.is_empty()))
}
