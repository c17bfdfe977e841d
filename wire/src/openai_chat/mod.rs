//! OpenAI chat completions, both ways. Source: the API reference at platform.openai.com, and recorded traffic.

mod decode;
mod fault;
mod fields;
mod ids;
mod request;
mod response;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use fields::{Dialect, decode};
pub(crate) use ids::call_id;
pub(crate) use request::{Written, write_body};
pub(crate) use response::{call_id_of, finish_reason, write_gateway, write_pii, write_texts};

use crate::dialect::{
    Asked, Call, Decode, Encode, ErrorBody, Facts, Inbound, Malformed, Opening, Outbound, Target, Whole,
};
use crate::embeddings::{self, Embeds};
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Event};
use gateway_core::fault::Fault;

/// The dialect as OpenAI and compatible servers speak it; the base URL carries the version path.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiChat;

impl Inbound for OpenAiChat {
    fn decode(&self, body: &Bytes) -> Result<Asked, Malformed> {
        fields::decode(body, Dialect::OpenAi)
    }

    fn answer(&self, whole: &Whole, facts: &Facts) -> Vec<u8> {
        response::answer(whole, facts)
    }

    fn stream(&self, opening: Opening) -> Box<dyn Encode + Send> {
        Box::new(stream::Writer::new(opening))
    }

    /// As `reasoning_content`, the field that compatible servers and their clients agreed on.
    fn shows_thinking(&self) -> bool {
        true
    }

    fn error(&self, error: &ErrorBody) -> Vec<u8> {
        response::error(error)
    }
}

impl Outbound for OpenAiChat {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        let Written { body, dropped, renamed } = write_body(conversation, target);
        Call { path: "/chat/completions".to_owned(), headers: &[], body, dropped, renamed }
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

    fn embeds(&self) -> Option<&'static dyn Embeds> {
        Some(&embeddings::OpenAi)
    }
}
