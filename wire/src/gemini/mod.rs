//! Gemini generateContent, outbound. Source: ai.google.dev/api/generate-content, and recorded traffic.

mod fault;
mod request;
mod response;
mod stream;

use crate::dialect::{Call, Decode, Outbound, Target};
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Event};
use gateway_core::fault::Fault;

/// The dialect as the Gemini API speaks it; the base URL has no version path.
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

impl Outbound for Gemini {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        let (body, dropped) = request::write_body(conversation, target);
        Call { path: request::path(target), headers: &[], body, dropped, renamed: Vec::new() }
    }

    fn answer(&self, body: &Bytes) -> Result<Vec<Event>, Fault> {
        response::answer(body)
    }

    fn stream(&self) -> Box<dyn Decode + Send> {
        Box::new(stream::Reader::default())
    }

    fn fault(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Fault {
        fault::fault(status, header, body)
    }
}

#[cfg(test)]
mod tests;
