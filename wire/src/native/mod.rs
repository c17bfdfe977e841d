//! The gateway's own dialect, inbound only: `POST /v1/complete` (docs/api.md). Requests are OpenAI's
//! with a few fields more; answers say who served them, after which attempts, and what it cost.

mod response;
mod stream;
#[cfg(test)]
mod tests;

use crate::dialect::{Asked, Encode, ErrorBody, Facts, Inbound, Malformed, Opening, Whole};
use crate::openai_chat::{self, Dialect};
use bytes::Bytes;

#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Inbound for Native {
    fn decode(&self, body: &Bytes) -> Result<Asked, Malformed> {
        openai_chat::decode(body, Dialect::Native)
    }

    fn answer(&self, whole: &Whole, facts: &Facts) -> Vec<u8> {
        response::answer(whole, facts)
    }

    fn stream(&self, opening: Opening) -> Box<dyn Encode + Send> {
        Box::new(stream::Writer::new(opening))
    }

    fn shows_thinking(&self) -> bool {
        false
    }

    fn error(&self, error: &ErrorBody) -> Vec<u8> {
        response::error(error)
    }
}
