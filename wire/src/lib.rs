//! The dialects: bytes to [`Conversation`](gateway_core::conversation::Conversation) and
//! [`Event`](gateway_core::conversation::Event), and back. Pure: no IO, no clock.
//!
//! | module | holds |
//! |---|---|
//! | [`dialect`] | the pair of traits that a dialect implements, and the values that pass through them |
//! | [`sse`] | the incremental parser of server-sent events, and their writer |
//! | [`json`] | the one pass over a body before it is decoded: depth, repeated keys, broken escapes |
//! | [`openai_chat`] | OpenAI chat completions, both ways; [`azure`] is the same with other paths |
//! | [`anthropic_messages`] | Anthropic messages, both ways |
//! | [`gemini`] | Gemini generateContent, outbound |
//! | `metadata` | what a caller says of its request beside the conversation |
//! | [`embeddings`] | OpenAI's embeddings for callers; OpenAI's, Azure's and Gemini's for providers |
//! | [`native`] | the gateway's own dialect, inbound |
//!
//! A dialect has the same three rooms wherever it has something to put there: `request`, `response`, `stream`.

pub mod anthropic_messages;
pub mod azure;
mod body;
mod braces;
pub mod dialect;
pub mod embeddings;
pub mod gemini;
pub mod json;
mod metadata;
pub mod names;
pub mod native;
pub mod openai_chat;
mod path;
pub mod sse;
mod template;
mod upstream_error;
mod write;

pub use dialect::{
    Asked, Attempt, Budget, Call, Counts, Decode, Encode, ErrorBody, Facts, Inbound, Malformed, Opening,
    Outbound, Target, Whole,
};
pub use metadata::Metadata;
