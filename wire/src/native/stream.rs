//! Writes a stream of the native dialect: `start`, `delta`…, then `done` or `error`.

use super::response;
use crate::dialect::{Encode, ErrorBody, Facts, Opening};
use crate::sse;
use crate::write::Json;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason};

pub(super) struct Writer {
    opening: Opening,
    stop: Option<StopReason>,
}

impl Writer {
    pub(super) fn new(opening: Opening) -> Writer {
        Writer { opening, stop: None }
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
            Event::Stop { choice: 0, reason } => self.stop = Some(*reason),
            Event::Text { .. } | Event::Stop { .. } => {}
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
