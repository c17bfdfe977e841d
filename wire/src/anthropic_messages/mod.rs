//! Anthropic messages, both ways. Source: docs.anthropic.com/en/api/messages, and recorded traffic.

mod count;
mod decode;
mod fault;
mod fields;
mod request;
mod response;
mod stream;

pub use count::counted;

use crate::dialect::{
    Asked, Call, Counts, Decode, Encode, ErrorBody, Facts, Inbound, Malformed, Opening, Outbound, Target,
    Whole,
};
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Event};
use gateway_core::fault::Fault;

/// The dialect as Anthropic itself speaks it; the base URL has no version path.
#[derive(Clone, Copy, Debug)]
pub struct AnthropicMessages;

impl Inbound for AnthropicMessages {
    fn decode(&self, body: &Bytes) -> Result<Asked, Malformed> {
        fields::decode(body)
    }

    fn headers(&self, header: &dyn Fn(&str) -> Option<String>, asked: &mut Asked) -> Result<(), Malformed> {
        fields::headers(header, asked)
    }

    fn answer(&self, whole: &Whole, facts: &Facts) -> Vec<u8> {
        response::answer(whole, facts)
    }

    fn stream(&self, opening: Opening) -> Box<dyn Encode + Send> {
        Box::new(stream::Writer::new(opening))
    }

    fn shows_thinking(&self) -> bool {
        true
    }

    fn error(&self, error: &ErrorBody) -> Vec<u8> {
        response::error(error)
    }

    fn id_header(&self) -> Option<&'static str> {
        Some("request-id")
    }
}

impl Outbound for AnthropicMessages {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        request::encode(conversation, target)
    }

    fn answer(&self, body: &Bytes) -> Result<Vec<Event>, Fault> {
        decode::answer(body)
    }

    fn stream(&self) -> Box<dyn Decode + Send> {
        Box::new(decode::Reader::default())
    }

    fn fault(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Fault {
        fault::fault(status, header, body)
    }

    fn counts(&self) -> Option<&'static dyn Counts> {
        Some(&count::Counting)
    }
}

#[cfg(test)]
mod tests;
