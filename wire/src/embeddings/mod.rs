//! Embeddings: OpenAI's request and answer for callers, and what providers speak. Sources: the API references at
//! platform.openai.com and ai.google.dev/api/embeddings, and recorded traffic.
//!
//! | module | holds |
//! |---|---|
//! | `request` | a caller's request read |
//! | `response` | the answer written, its vectors in the form that the caller asked for |
//! | `openai` | OpenAI, servers like it, and Azure |
//! | `gemini` | Gemini's batches |
//! | `form` | vectors as numbers and as base64 |

mod form;
mod gemini;
mod openai;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub(crate) use gemini::Gemini;
pub use openai::told_format;
pub(crate) use openai::{Azure, OpenAi};
pub use request::{Asked, decode};
pub use response::answer;

use crate::dialect::{Call, Target};
use bytes::Bytes;
use gateway_core::embedding::{Embedding, Vectors};
use gateway_core::fault::Fault;

/// A provider's dialect for vectors.
pub trait Embeds: Send + Sync {
    fn encode(&self, embedding: &Embedding, target: &Target) -> Call;
    /// Reads an answer of status 200 to so many inputs. An `Err` is an answer that cannot be understood, or that
    /// lacks a vector.
    fn read(&self, body: &Bytes, inputs: u64) -> Result<Vectors, Fault>;
}
