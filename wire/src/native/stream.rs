//! Writes a stream of the native dialect: `start`, `delta`…, `tool_call`…, then `done` or `error`.

use super::response;
use crate::dialect::{CallMade, Encode, ErrorBody, Facts, Opening};
use crate::openai_chat::call_id_of;
use crate::sse;
use crate::write::Json;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason};

pub(super) struct Writer {
    opening: Opening,
    stop: Option<StopReason>,
    has_refusal: bool,
    /// Calls whose arguments may still come; each is told whole.
    calls: Vec<CallMade>,
    /// Calls that were told.
    told: u32,
}

impl Writer {
    pub(super) fn new(opening: Opening) -> Writer {
        Writer { opening, stop: None, has_refusal: false, calls: Vec::new(), told: 0 }
    }

    fn tell_calls(&mut self, out: &mut BytesMut) {
        for call in std::mem::take(&mut self.calls) {
            let mut data = Vec::with_capacity(256);
            let mut json = Json::object(&mut data);
            json.integer("index", u64::from(self.told));
            json.text("id", &call_id_of(&call, &self.opening.request_id, 0, self.told));
            response::write_function(&call, &mut json);
            json.end();
            sse::write(Some("tool_call"), &data, out);
            self.told += 1;
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
            // The native dialect asks for one choice, so there is no other. A refusal stands in the text's place.
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                self.has_refusal |= matches!(event, Event::Refusal { .. });
                out.extend_from_slice(b"event: delta\ndata: {\"text\":");
                out.extend_from_slice(text.json());
                out.extend_from_slice(b"}\n\n");
            }
            Event::ToolCall { choice: 0, id, name, .. } => self.calls.push(CallMade {
                id: id.clone(),
                name: name.clone(),
                arguments: Vec::new(),
                signature: None,
            }),
            Event::Arguments { choice: 0, index, piece } => {
                // Arguments never come before their call, nor after the choice's end.
                if let Some(call) = self.calls.get_mut(*index as usize) {
                    call.arguments.push(piece.clone());
                }
            }
            Event::Stop { choice: 0, reason } => {
                self.tell_calls(out);
                self.stop = Some(*reason);
            }
            Event::Text { .. }
            | Event::Refusal { .. }
            | Event::ToolCall { .. }
            | Event::Arguments { .. }
            | Event::Stop { .. }
            | Event::Thinking { .. }
            | Event::ThinkingEnd { .. }
            | Event::Start { .. }
            | Event::Usage(_)
            | Event::Failed(_)
            | Event::End => {}
        }
    }

    fn close(&mut self, facts: &Facts, out: &mut BytesMut) {
        let mut data = Vec::with_capacity(512);
        let mut json = Json::object(&mut data);
        json.string("id", facts.request_id);
        response::write_outcome(response::stop_of(self.stop, self.has_refusal), facts, &mut json);
        json.end();
        sse::write(Some("done"), &data, out);
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        sse::write(Some("error"), &response::error(error), out);
    }
}
