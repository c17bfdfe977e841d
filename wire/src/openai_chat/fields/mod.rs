//! Reads the request body that OpenAI's dialect and the native one share: the fields by hand, so that an
//! unknown one is named, a known one that we cannot serve is refused, and an error names its path.
//!
//! | module | reads |
//! |---|---|
//! | [`body`] | the body's own fields |
//! | [`messages`], [`parts`] | `messages`, and what their `content` is made of |
//! | [`tools`] | `tools`, `tool_choice`, the calls of earlier turns |
//! | [`output`] | `response_format` and how the model is to answer |
//! | [`mistake`] | what a parser's error says to the caller |

mod body;
mod messages;
mod mistake;
mod output;
mod parts;
mod tools;

pub(crate) use tools::is_name;

use crate::dialect::{Asked, Malformed};
use crate::json;
use bytes::Bytes;
use serde::de::DeserializeSeed;

/// Which of the two is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Native,
}

/// Decodes a body; every text in the result is a slice of it.
pub(crate) fn decode(body: &Bytes, dialect: Dialect) -> Result<Asked, Malformed> {
    let text = json::check(body).map_err(|flaw| mistake::flawed(body, &flaw))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = body::Seed { dialect };
    let read = seed.deserialize(&mut reader).and_then(|raw| reader.end().map(|()| raw));
    match read {
        Ok(raw) => raw.into_asked(body, dialect),
        Err(error) => Err(mistake::explain(body, dialect, &error)),
    }
}
