//! `POST /v1/messages/count_tokens`, both ways. Source: docs.anthropic.com/en/api/messages-count-tokens.

use super::request;
use crate::dialect::{Call, Counts, Target};
use crate::json;
use crate::write::Json;
use bytes::Bytes;
use gateway_core::conversation::Conversation;
use gateway_core::fault::{Fault, FaultClass};
use serde::Deserialize;

/// Anthropic's own count; it costs nothing.
pub(super) struct Counting;

impl Counts for Counting {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        request::encode_count(conversation, target)
    }

    fn read(&self, body: &Bytes) -> Result<u64, Fault> {
        let counted: Option<Counted> = json::read(body);
        counted.map(|counted| counted.input_tokens).ok_or_else(|| Fault::new(FaultClass::Broken, Some(200)))
    }
}

#[derive(Deserialize)]
struct Counted {
    input_tokens: u64,
}

/// The answer to a caller. `is_estimate` stands there where no provider counted.
pub fn counted(tokens: u64, is_estimate: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut json = Json::object(&mut out);
    json.integer("input_tokens", tokens);
    if is_estimate {
        json.bool("is_estimate", true);
    }
    json.end();
    out
}
