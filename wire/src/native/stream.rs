//! Writes a stream of the native dialect: `start`, `delta`…, then `done` or `error`.

use super::response;
use crate::dialect::{CallMade, Encode, ErrorBody, Facts, Opening};
use crate::openai_chat::call_id;
use crate::sse;
use crate::write::Json;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason};

pub(super) struct Writer {
    opening: Opening,
    stop: Option<StopReason>,
    calls: Vec<CallMade>,
}

impl Writer {
    pub(super) fn new(opening: Opening) -> Writer {
        Writer { opening, stop: None, calls: Vec::new() }
    }

    /// Tells of each call, whole. Pieces of several may come in any order, so none is whole before the stop.
    fn tell_calls(&mut self, out: &mut BytesMut) {
        for (index, call) in (0u32..).zip(std::mem::take(&mut self.calls)) {
            let mut data = Vec::with_capacity(256);
            let mut json = Json::object(&mut data);
            json.integer("index", u64::from(index));
            match &call.id {
                Some(id) => json.text("id", id),
                None => json.string("id", &call_id(&self.opening.request_id, 0, index)),
            }
            json.text("name", &call.name);
            response::write_arguments(&call.arguments, json.field("arguments"));
            json.end();
            sse::write(Some("tool_call"), &data, out);
        }
    }
}

impl Encode for Writer {
    fn open(&mut self, facts: &Facts, out: &mut BytesMut) {
        let mut data = Vec::with_capacity(160);
        let mut json = Json::object(&mut data);
        json.string("request_id", &self.opening.request_id);
        json.string("provider_used", facts.provider);
        json.string("model_used", facts.model);
        json.end();
        sse::write(Some("start"), &data, out);
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            // The native dialect asks for one choice, so there is no other.
            Event::Text { choice: 0, text } => {
                out.extend_from_slice(b"event: delta\ndata: {\"text\":");
                out.extend_from_slice(text.json());
                out.extend_from_slice(b"}\n\n");
            }
            Event::Refusal { choice: 0, text } => {
                self.event(&Event::Text { choice: 0, text: text.clone() }, out)
            }
            Event::ToolCall { choice: 0, id, name, signature, .. } => {
                let (id, name, signature) = (id.clone(), name.clone(), signature.clone());
                self.calls.push(CallMade { id, name, arguments: Vec::new(), signature });
            }
            Event::Arguments { choice: 0, index, piece } => {
                // Decoders number calls as they begin, so the call is there.
                if let Some(call) = self.calls.get_mut(*index as usize) {
                    call.arguments.push(piece.clone());
                }
            }
            Event::Stop { choice: 0, reason } => {
                self.tell_calls(out);
                self.stop = Some(*reason);
            }
            // Thinking is not carried, and there is one choice.
            _ => {}
        }
    }

    fn close(&mut self, facts: &Facts, out: &mut BytesMut) {
        let mut data = Vec::with_capacity(512);
        let mut json = Json::object(&mut data);
        json.string("id", facts.request_id);
        response::write_outcome(self.stop, facts, &mut json);
        json.end();
        sse::write(Some("done"), &data, out);
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        sse::write(Some("error"), &response::error(error), out);
    }
}
