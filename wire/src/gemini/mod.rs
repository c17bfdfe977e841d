//! Gemini generateContent, outbound. Source: ai.google.dev/api/generate-content, and recorded traffic.
//!
//! | module | holds |
//! |---|---|
//! | `request` | the body's frame and its generation config |
//! | `contents`, `tools`, `thinking` | the turns; the functions; how much the model may think |
//! | `response` | what an answer says so far; `call` the function calls in it, `usage` the counters |
//! | `stream` | the frames of a stream; `form` reads those that differ in text and counters alone |
//! | `fault` | errors |
//!
//! Calls have no ids here: they and their results are matched by order, and the ids that newer models
//! give are not sent back.

mod call;
mod contents;
mod fault;
mod form;
mod request;
mod response;
mod stream;
mod thinking;
mod tools;
mod usage;

use crate::dialect::{Call, Decode, Outbound, Target};
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Event};
use gateway_core::fault::Fault;

/// The dialect as the Gemini API speaks it; the base URL has no version path.
#[derive(Clone, Copy, Debug)]
pub struct Gemini;

impl Outbound for Gemini {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        request::encode(conversation, target)
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
