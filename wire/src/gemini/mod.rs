//! Gemini generateContent, outbound. Source: ai.google.dev/api/generate-content, and recorded traffic.
//!
//! | module | holds |
//! |---|---|
//! | `request` | the body's frame and its generation config |
//! | `contents`, `tools`, `thinking` | the turns; the functions; how much the model may think |
//! | `response` | what an answer says so far; `call` the function calls in it, `usage` the counters |
//! | `stream` | the frames of a stream; `form` reads those that differ in text and counters alone |
//! | `count` | a prompt's tokens, counted |
//! | `fault` | errors |
//!
//! Calls have no ids here: they and their results are matched by order, and the ids that newer models
//! give are not sent back.

mod call;
mod contents;
mod count;
mod fault;
mod form;
mod request;
mod response;
mod stream;
mod thinking;
mod tools;
mod usage;

use crate::dialect::{Call, Counts, Decode, Outbound, Target};
use crate::embeddings::{self, Embeds};
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

    fn embeds(&self) -> Option<&'static dyn Embeds> {
        Some(&embeddings::Gemini)
    }

    fn counts(&self) -> Option<&'static dyn Counts> {
        Some(&count::Counting)
    }
}

#[cfg(test)]
mod tests;
