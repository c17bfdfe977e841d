//! Writes a stream as OpenAI does: chunks, the usage chunk where it was asked for, `[DONE]`.

use super::response;
use crate::dialect::{Encode, ErrorBody, Facts, Opening};
use crate::sse;
use crate::write::Json;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason, Text};

/// What follows a text.
const TEXT_TAIL: &[u8] = b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

/// Keeps the part of a chunk that is the same in each, so that a chunk costs three copies.
pub(super) struct Writer {
    opening: Opening,
    /// `data: {"id":…,"object":…,"created":…,"model":…,"choices":[{"index":`
    head: Vec<u8>,
    /// The same up to the text of the first choice, which most chunks bring.
    text_head: Vec<u8>,
    /// Thinking that is not over, by choice: its block is told whole, with its signature.
    thinking: Vec<(u32, Vec<Text>)>,
    /// Choices that refused in words.
    refused: Vec<u32>,
    /// Reasons wait for `close`: usage, and so the cost, comes after them.
    stops: Vec<(u32, StopReason)>,
}

impl Writer {
    pub(super) fn new(opening: Opening) -> Writer {
        Writer {
            opening,
            head: Vec::new(),
            text_head: Vec::new(),
            thinking: Vec::new(),
            refused: Vec::new(),
            stops: Vec::new(),
        }
    }

    fn begin(&mut self, facts: &Facts) {
        self.head = Vec::with_capacity(192);
        self.head.extend_from_slice(b"data: {\"id\":");
        self.head.extend_from_slice(response::id(&self.opening.request_id).as_bytes());
        self.head.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        crate::write::integer(self.opening.created, &mut self.head);
        self.head.extend_from_slice(b",\"model\":");
        crate::write::string(facts.model, &mut self.head);
        self.head.extend_from_slice(b",\"choices\":[");
        self.text_head = [&self.head[..], b"{\"index\":0,\"delta\":{\"content\":"].concat();
    }

    /// A chunk that ends nothing.
    fn delta(&self, choice: u32, delta: &[&[u8]], out: &mut BytesMut) {
        self.choice(choice, delta, out);
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }

    fn thought(&mut self, choice: u32) -> &mut Vec<Text> {
        let at = match self.thinking.iter().position(|(open, _)| *open == choice) {
            Some(at) => at,
            None => {
                self.thinking.push((choice, Vec::new()));
                self.thinking.len() - 1
            }
        };
        &mut self.thinking[at].1
    }

    fn choice(&self, index: u32, delta: &[&[u8]], out: &mut BytesMut) {
        let mut digits = Vec::with_capacity(4);
        crate::write::integer(u64::from(index), &mut digits);
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":");
        out.extend_from_slice(&digits);
        out.extend_from_slice(b",\"delta\":");
        for piece in delta {
            out.extend_from_slice(piece);
        }
    }
}

impl Encode for Writer {
    fn open(&mut self, facts: &Facts, out: &mut BytesMut) {
        self.begin(facts);
        self.choice(0, &[br#"{"role":"assistant","content":"","refusal":null}"#], out);
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Text { choice: 0, text } => {
                out.reserve(self.text_head.len() + text.json().len() + TEXT_TAIL.len());
                out.extend_from_slice(&self.text_head);
                out.extend_from_slice(text.json());
                out.extend_from_slice(TEXT_TAIL);
            }
            Event::Text { choice, text } => {
                self.choice(*choice, &[b"{\"content\":", text.json()], out);
                out.extend_from_slice(TEXT_TAIL);
            }
            Event::Thinking { choice, text } => {
                self.thought(*choice).push(text.clone());
                self.delta(*choice, &[b"{\"reasoning_content\":", text.json(), b"}"], out);
            }
            Event::ThinkingEnd { choice, signature, redacted } => {
                let texts = std::mem::take(self.thought(*choice));
                if signature.is_some() || redacted.is_some() {
                    let mut block = Vec::with_capacity(256);
                    response::write_block(&texts, signature.as_ref(), redacted.as_ref(), &mut block);
                    self.delta(*choice, &[b"{\"thinking_blocks\":[", &block, b"]}"], out);
                }
            }
            Event::Refusal { choice, text } => {
                if !self.refused.contains(choice) {
                    self.refused.push(*choice);
                }
                self.delta(*choice, &[b"{\"refusal\":", text.json(), b"}"], out);
            }
            Event::ToolCall { choice, index, id, name, signature } => {
                let mut call = Vec::with_capacity(160);
                let mut json = Json::object(&mut call);
                json.integer("index", u64::from(*index));
                let minted = response::call_id(&self.opening.request_id, *choice, *index);
                response::write_call_head(id.as_ref(), &minted, &mut json);
                let mut function = Json::object(json.field("function"));
                function.text("name", name);
                function.raw("arguments", b"\"\"");
                function.end();
                response::write_signature(signature.as_ref(), &mut json);
                json.end();
                self.delta(*choice, &[b"{\"tool_calls\":[", &call, b"]}"], out);
            }
            Event::Arguments { choice, index, piece } => {
                let mut number = Vec::with_capacity(4);
                crate::write::integer(u64::from(*index), &mut number);
                let head: &[u8] = b"{\"tool_calls\":[{\"index\":";
                let delta = [head, &number, b",\"function\":{\"arguments\":", piece.json(), b"}}]}"];
                self.delta(*choice, &delta, out);
            }
            Event::Stop { choice, reason } => self.stops.push((*choice, *reason)),
            Event::Start { .. } | Event::Usage(_) | Event::Failed(_) | Event::End => {}
        }
    }

    fn close(&mut self, facts: &Facts, out: &mut BytesMut) {
        let stops = std::mem::take(&mut self.stops);
        for (position, (choice, reason)) in stops.iter().enumerate() {
            self.choice(*choice, &[b"{}"], out);
            out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
            out.extend_from_slice(
                response::finish_reason(Some(*reason), self.refused.contains(choice)).as_bytes(),
            );
            out.extend_from_slice(b"}]");
            if position + 1 == stops.len() {
                let mut gateway = Vec::with_capacity(256);
                response::write_gateway(facts, &mut gateway);
                out.extend_from_slice(b",\"gateway\":");
                out.extend_from_slice(&gateway);
            }
            out.extend_from_slice(b"}\n\n");
        }
        if self.opening.include_usage {
            let mut usage = Vec::with_capacity(192);
            response::write_usage(facts.usage, &mut usage);
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            out.extend_from_slice(&usage);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        // The SDKs raise on a chunk with `error`; `[DONE]` after it would say that all went well.
        sse::write(None, &response::error(error), out);
    }
}
