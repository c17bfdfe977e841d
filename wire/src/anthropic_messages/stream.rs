//! Writes a stream as Anthropic does: `message_start`, blocks one after the other, `message_delta`,
//! `message_stop`.

use super::response;
use crate::dialect::{Encode, ErrorBody, Facts, Opening};
use crate::openai_chat::{call_id, write_gateway};
use crate::sse;
use crate::write::{Json, integer};
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason, Text};

/// What is written into the block that has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    Call(u32),
}

pub(super) struct Writer {
    opening: Opening,
    open: Option<Open>,
    /// Blocks that have begun.
    blocks: u64,
    has_calls: bool,
    /// Whether the open call has arguments yet.
    is_bare: bool,
    /// Calls that ended without any.
    bare: Vec<u32>,
    stop: Option<StopReason>,
    /// `event: content_block_delta`, up to the open block's text.
    text_head: Vec<u8>,
    /// An error was told; nothing may follow it.
    failed: bool,
}

impl Writer {
    pub(super) fn new(opening: Opening) -> Writer {
        Writer {
            opening,
            open: None,
            blocks: 0,
            has_calls: false,
            is_bare: false,
            bare: Vec::new(),
            stop: None,
            text_head: Vec::with_capacity(128),
            failed: false,
        }
    }
}

impl Encode for Writer {
    fn open(&mut self, facts: &Facts, out: &mut BytesMut) {
        let mut data = Vec::with_capacity(384);
        let mut json = Json::object(&mut data);
        json.raw("type", b"\"message_start\"");
        let mut message = Json::object(json.field("message"));
        message.raw("id", response::id(&self.opening.request_id).as_bytes());
        message.raw("type", b"\"message\"");
        message.raw("role", b"\"assistant\"");
        message.string("model", facts.model);
        message.raw("content", b"[]");
        message.raw("stop_reason", b"null");
        message.raw("stop_sequence", b"null");
        response::write_usage(facts.usage, message.field("usage"));
        message.end();
        json.end();
        sse::write(Some("message_start"), &data, out);
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        if self.failed {
            return;
        }
        // The dialect asks for one choice, so there is no other.
        match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => self.text(text, out),
            Event::Thinking { choice: 0, text } => {
                self.begin(Open::Thinking, THINKING, out);
                self.delta("thinking_delta", "thinking", text, out);
            }
            Event::ThinkingEnd { choice: 0, redacted: Some(data), .. } => self.redacted(data, out),
            Event::ThinkingEnd { choice: 0, signature, .. } => {
                self.begin(Open::Thinking, THINKING, out);
                if let Some(signature) = signature {
                    self.delta("signature_delta", "signature", signature, out);
                }
                self.end_block(out);
            }
            Event::ToolCall { choice: 0, index, id, name, .. } => self.call(*index, id.as_ref(), name, out),
            Event::Arguments { choice: 0, index, piece } => self.arguments(*index, piece, out),
            Event::Stop { choice: 0, reason } => self.stop = Some(*reason),
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::Thinking { .. }
            | Event::ThinkingEnd { .. }
            | Event::ToolCall { .. }
            | Event::Arguments { .. }
            | Event::Stop { .. }
            | Event::Start { .. }
            | Event::Usage(_)
            | Event::Failed(_)
            | Event::End => {}
        }
    }

    fn close(&mut self, facts: &Facts, out: &mut BytesMut) {
        if self.failed {
            return;
        }
        self.end_block(out);
        let mut data = Vec::with_capacity(512);
        let mut json = Json::object(&mut data);
        json.raw("type", b"\"message_delta\"");
        let mut delta = Json::object(json.field("delta"));
        delta.raw("stop_reason", response::stop_reason(self.stop, self.has_calls).as_bytes());
        delta.raw("stop_sequence", b"null");
        delta.end();
        response::write_usage(facts.usage, json.field("usage"));
        write_gateway(facts, json.field("gateway"));
        json.end();
        sse::write(Some("message_delta"), &data, out);
        sse::write(Some("message_stop"), br#"{"type":"message_stop"}"#, out);
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        if !self.failed {
            sse::write(Some("error"), &response::error(error), out);
        }
        self.failed = true;
    }
}

const TEXT: &[u8] = br#"{"type":"text","text":""}"#;
const THINKING: &[u8] = br#"{"type":"thinking","thinking":"","signature":""}"#;
const DELTA: &[u8] = b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";

impl Writer {
    fn text(&mut self, text: &Text, out: &mut BytesMut) {
        self.begin(Open::Text, TEXT, out);
        out.reserve(self.text_head.len() + text.json().len() + 4);
        out.extend_from_slice(&self.text_head);
        out.extend_from_slice(text.json());
        out.extend_from_slice(b"}}\n\n");
    }

    /// Begins a block, unless one of that kind is open.
    fn begin(&mut self, kind: Open, block: &[u8], out: &mut BytesMut) {
        if self.open == Some(kind) {
            return;
        }
        self.end_block(out);
        let mut data = Vec::with_capacity(block.len() + 64);
        let mut json = Json::object(&mut data);
        json.raw("type", b"\"content_block_start\"");
        json.integer("index", self.blocks);
        json.raw("content_block", block);
        json.end();
        sse::write(Some("content_block_start"), &data, out);
        self.open = Some(kind);
        self.blocks += 1;
        if kind == Open::Text {
            self.text_head.clear();
            self.text_head.extend_from_slice(DELTA);
            integer(self.blocks - 1, &mut self.text_head);
            self.text_head.extend_from_slice(b",\"delta\":{\"type\":\"text_delta\",\"text\":");
        }
    }

    fn end_block(&mut self, out: &mut BytesMut) {
        if let Some(open) = self.open.take() {
            if let Open::Call(index) = open
                && self.is_bare
            {
                self.bare.push(index);
            }
            let mut data = Vec::with_capacity(48);
            let mut json = Json::object(&mut data);
            json.raw("type", b"\"content_block_stop\"");
            json.integer("index", self.blocks - 1);
            json.end();
            sse::write(Some("content_block_stop"), &data, out);
        }
    }

    /// A delta of the open block.
    fn delta(&mut self, kind: &str, field: &str, piece: &Text, out: &mut BytesMut) {
        let mut digits = Vec::with_capacity(4);
        integer(self.blocks.saturating_sub(1), &mut digits);
        let (kind, field) = (kind.as_bytes(), field.as_bytes());
        let pieces: [&[u8]; 9] = [
            DELTA,
            &digits,
            b",\"delta\":{\"type\":\"",
            kind,
            b"\",\"",
            field,
            b"\":",
            piece.json(),
            b"}}\n\n",
        ];
        pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    }

    /// It comes whole, with its block.
    fn redacted(&mut self, data: &Text, out: &mut BytesMut) {
        let mut block = Vec::with_capacity(data.json().len() + 48);
        let mut json = Json::object(&mut block);
        json.raw("type", b"\"redacted_thinking\"");
        json.text("data", data);
        json.end();
        self.end_block(out);
        self.begin(Open::Thinking, &block, out);
        self.end_block(out);
    }

    fn call(&mut self, index: u32, id: Option<&Text>, name: &Text, out: &mut BytesMut) {
        let mut block = Vec::with_capacity(160);
        let mut json = Json::object(&mut block);
        json.raw("type", b"\"tool_use\"");
        match id {
            Some(id) => json.text("id", id),
            None => json.text("id", &call_id(&self.opening.request_id, 0, index)),
        }
        json.text("name", name);
        json.raw("input", b"{}");
        json.end();
        self.begin(Open::Call(index), &block, out);
        (self.has_calls, self.is_bare) = (true, true);
    }

    fn arguments(&mut self, index: u32, piece: &Text, out: &mut BytesMut) {
        if self.open == Some(Open::Call(index)) {
            self.is_bare = false;
            return self.delta("input_json_delta", "partial_json", piece, out);
        }
        // A call without arguments may be told so late; its block has said the same.
        if piece.json() == b"\"{}\"" && self.bare.contains(&index) {
            return;
        }
        // A closed block takes no more. No provider writes its calls in turns; of one that did, the caller
        // would run a call with half of its arguments.
        let error = ErrorBody {
            status: 502,
            code: "upstream_failed",
            message: "the provider wrote the arguments of several tool calls at once".to_owned(),
            field: None,
            retry_after_s: None,
            request_id: self.opening.request_id.clone(),
            attempts: Vec::new(),
        };
        self.fail(&error, out);
    }
}
