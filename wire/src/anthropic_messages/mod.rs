//! Anthropic messages, outbound. Source: docs.anthropic.com/en/api/messages, and recorded traffic.

mod fault;
mod request;
mod response;
mod stream;
mod thinking;

use crate::dialect::{Call, Decode, Outbound, Target};
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Event};
use gateway_core::fault::Fault;

/// The dialect as Anthropic itself speaks it; the base URL has no version path.
#[derive(Clone, Copy, Debug)]
pub struct AnthropicMessages;

impl Outbound for AnthropicMessages {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        let request::Written { body, dropped, renamed } = request::write_body(conversation, target);
        let headers = &[("anthropic-version", "2023-06-01")];
        Call { path: "/v1/messages".to_owned(), headers, body, dropped, renamed }
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
