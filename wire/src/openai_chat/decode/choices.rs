//! What choices say, think and call, chunk by chunk; a whole message is one chunk.

use super::body::{Call, Function, Message, string};
use super::broken;
use crate::braces::Braced;
use crate::dialect::{MAX_CALLS, MAX_CHOICES};
use bytes::Bytes;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Where each choice of an answer stands.
#[derive(Default)]
pub(super) struct Choices {
    /// Bits by index: choices that were begun, those that are over.
    begun: u128,
    over: u128,
    calls: Vec<Open>,
}

const _: () = assert!(MAX_CHOICES <= u128::BITS, "a choice has a bit");

/// A call whose arguments may still come.
struct Open {
    choice: u32,
    /// Its number within the choice, as events count.
    index: u32,
    /// Its number as the server counts, where it does.
    wire: Option<u32>,
    id: Option<Text>,
    has_arguments: bool,
}

impl Choices {
    /// Whether the choice may still say something.
    pub(super) fn is_open(&self, choice: u32) -> bool {
        self.over & bit(choice) == 0
    }

    /// Whether there was a choice, and each was ended by a reason.
    pub(super) fn are_whole(&self) -> bool {
        self.begun != 0 && self.begun == self.over
    }

    /// Adds what a message, or a piece of one, brings. After a choice's end that can be nothing.
    pub(super) fn say(
        &mut self,
        choice: u32,
        message: Message,
        body: &Bytes,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let before = out.len();
        self.begun |= bit(choice);
        think(choice, &message, body, out)?;
        if let Some(content) = message.content {
            say(choice, content, body, out)?;
        }
        if let Some(refusal) = message.refusal {
            let text = string(refusal, body)?;
            if !text.is_empty() {
                out.push(Event::Refusal { choice, text });
            }
        }
        for Braced(call) in message.tool_calls.unwrap_or_default() {
            self.call(choice, call, body, out)?;
        }
        if let Some(function) = message.function_call {
            let call = Call { index: None, id: None, function: Some(function), extra_content: None };
            self.call(choice, call, body, out)?;
        }
        if !self.is_open(choice) && out.len() > before { Err(broken()) } else { Ok(()) }
    }

    /// Ends a choice. Some servers repeat the reason beside the usage.
    pub(super) fn stop(&mut self, choice: u32, reason: &RawValue, out: &mut Vec<Event>) -> Result<(), Fault> {
        let reason = stop_reason(reason)?;
        self.begun |= bit(choice);
        if !self.is_open(choice) {
            return Ok(());
        }
        self.over |= bit(choice);
        for call in self.calls.iter_mut().filter(|call| call.choice == choice && !call.has_arguments) {
            call.has_arguments = true;
            out.push(Event::Arguments { choice, index: call.index, piece: Text::new("{}") });
        }
        out.push(Event::Stop { choice, reason });
        Ok(())
    }

    fn call(&mut self, choice: u32, call: Call, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        let text = |raw: Option<&RawValue>| -> Result<Option<Text>, Fault> {
            Ok(raw.map(|raw| string(raw, body)).transpose()?.filter(|text| !text.is_empty()))
        };
        let Braced(Function { name, arguments }) = call.function.unwrap_or_default();
        let (id, name) = (text(call.id)?, text(name)?);
        let piece = arguments.map(|raw| piece(raw, body)).transpose()?.filter(|piece| !piece.is_empty());
        if id.is_none() && name.is_none() && piece.is_none() {
            // Some servers fill every field of a message, be it with nothing.
            return Ok(());
        }
        let known = self
            .calls
            .iter()
            .rposition(|open| open.choice == choice && (call.index.is_none() || open.wire == call.index));
        let is_next = |open: &Open| match (&name, &id) {
            (None, _) => false,
            // Servers that count nothing, or count every call as the first, tell calls apart by their ids.
            (Some(_), Some(id)) => open.id.as_ref() != Some(id),
            // One that repeats the name in each chunk has counted; without a count a name is a call.
            (Some(_), None) => call.index.is_none(),
        };
        let at = match known {
            Some(at) if !is_next(&self.calls[at]) => at,
            _ => {
                let signature = call.extra_content.and_then(|Braced(extra)| extra.google);
                let signature = text(signature.and_then(|Braced(google)| google.thought_signature))?;
                let name = name.ok_or_else(broken)?;
                let index = self.open(choice, call.index, id.clone())?;
                out.push(Event::ToolCall { choice, index, id, name, signature });
                self.calls.len() - 1
            }
        };
        if let Some(piece) = piece {
            let open = &mut self.calls[at];
            open.has_arguments = true;
            out.push(Event::Arguments { choice, index: open.index, piece });
        }
        Ok(())
    }

    fn open(&mut self, choice: u32, wire: Option<u32>, id: Option<Text>) -> Result<u32, Fault> {
        let last = self.calls.iter().rfind(|open| open.choice == choice);
        let index = last.map_or(0, |open| open.index + 1);
        if index >= MAX_CALLS {
            return Err(broken());
        }
        self.calls.push(Open { choice, index, wire, id, has_arguments: false });
        Ok(index)
    }
}

fn bit(choice: u32) -> u128 {
    1 << choice
}

/// The thought; servers that fill both fields say the same in both.
fn think(choice: u32, message: &Message, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    for raw in [message.reasoning_content, message.reasoning].into_iter().flatten() {
        let text = string(raw, body)?;
        if !text.is_empty() {
            out.push(Event::Thinking { choice, text });
            break;
        }
    }
    Ok(())
}

/// `content`: a string, or Mistral's parts.
fn say(choice: u32, content: &RawValue, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    if content.get().starts_with('[') {
        return say_parts(choice, content, body, out);
    }
    let text = string(content, body)?;
    if !text.is_empty() {
        out.push(Event::Text { choice, text });
    }
    Ok(())
}

/// Texts, and thoughts that are made of texts again; kinds that nobody asked for (references) are skipped.
fn say_parts(choice: u32, parts: &RawValue, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow, default)]
        text: Option<&'a RawValue>,
        #[serde(borrow, default)]
        thinking: Option<&'a RawValue>,
    }
    let parts: Vec<Braced<Part>> = serde_json::from_str(parts.get()).map_err(|_| broken())?;
    for Braced(part) in parts {
        let thoughts: Vec<Braced<Part>> = match part.thinking {
            Some(raw) if raw.get().starts_with('[') => {
                serde_json::from_str(raw.get()).map_err(|_| broken())?
            }
            Some(_) => vec![Braced(Part { text: part.thinking, thinking: None })],
            None => Vec::new(),
        };
        for thought in thoughts.into_iter().filter_map(|Braced(thought)| thought.text) {
            let text = string(thought, body)?;
            out.extend((!text.is_empty()).then_some(Event::Thinking { choice, text }));
        }
        if let Some(raw) = part.text {
            let text = string(raw, body)?;
            out.extend((!text.is_empty()).then_some(Event::Text { choice, text }));
        }
    }
    Ok(())
}

/// Arguments, a string; some servers send the object itself.
fn piece(raw: &RawValue, body: &Bytes) -> Result<Text, Fault> {
    match raw.get().as_bytes().first() {
        Some(b'"') => string(raw, body),
        Some(b'{') => Ok(Text::new(raw.get())),
        _ => Err(broken()),
    }
}

fn stop_reason(reason: &RawValue) -> Result<StopReason, Fault> {
    Ok(match reason.get() {
        "\"stop\"" | "\"eos\"" | "\"eos_token\"" => StopReason::End,
        "\"stop_sequence\"" => StopReason::StopSequence,
        "\"length\"" | "\"model_length\"" => StopReason::Length,
        "\"tool_calls\"" | "\"function_call\"" => StopReason::ToolCalls,
        "\"content_filter\"" => StopReason::ContentFilter,
        // The server gave up in the middle: DeepSeek's word, and OpenRouter's.
        "\"insufficient_system_resource\"" | "\"error\"" => {
            return Err(Fault::new(FaultClass::Unavailable, Some(200)));
        }
        other if other.starts_with('"') => StopReason::Other,
        _ => return Err(broken()),
    })
}
