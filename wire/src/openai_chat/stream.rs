//! Writes a stream as OpenAI does: chunks, the usage chunk where it was asked for, `[DONE]`.

use super::response;
use crate::dialect::{Encode, ErrorBody, Facts, Opening};
use crate::sse;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason};

/// What follows a text.
const TEXT_TAIL: &[u8] = b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

/// Keeps the part of a chunk that is the same in each, so that a chunk costs three copies.
pub(super) struct Writer {
    opening: Opening,
    /// `data: {"id":…,"object":…,"created":…,"model":…,"choices":[{"index":`
    head: Vec<u8>,
    /// The same up to the text of the first choice, which most chunks bring.
    text_head: Vec<u8>,
    /// Reasons wait for `close`: usage, and so the cost, comes after them.
    stops: Vec<(u32, StopReason)>,
}

impl Writer {
    pub(super) fn new(opening: Opening) -> Writer {
        Writer { opening, head: Vec::new(), text_head: Vec::new(), stops: Vec::new() }
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
            Event::Stop { choice, reason } => self.stops.push((*choice, *reason)),
            Event::Thinking { .. }
            | Event::ThinkingEnd { .. }
            | Event::Refusal { .. }
            | Event::ToolCall { .. }
            | Event::Arguments { .. }
            | Event::Start { .. }
            | Event::Usage(_)
            | Event::Failed(_)
            | Event::End => {}
        }
    }

    fn close(&mut self, facts: &Facts, out: &mut BytesMut) {
        let stops = std::mem::take(&mut self.stops);
        for (position, (choice, reason)) in stops.iter().enumerate() {
            self.choice(*choice, &[b"{}"], out);
            out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
            out.extend_from_slice(response::finish_reason(Some(*reason)).as_bytes());
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
