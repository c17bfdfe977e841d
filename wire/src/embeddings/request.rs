//! Reads a request as OpenAI's SDKs send it.

use crate::body::{Reading, object, wrong};
use crate::dialect::Malformed;
use bytes::Bytes;
use gateway_core::embedding::{Embedding, Inputs, Tokens, VectorFormat};
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// OpenAI's own limit of inputs.
const MOST_INPUTS: usize = 2_048;

const SHAPE: &str = "must be a string, a list of strings, a list of tokens, or a list of such lists";
const TOO_MANY: &str = "holds more than 2048 inputs: send them in several requests";
const EMPTY: &str = "is empty: send at least one input";

/// A decoded request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub embedding: Embedding,
    /// As the caller wrote it, a provider prefix included.
    pub model: String,
    /// Fields that we do not know.
    pub dropped: Vec<Cow<'static, str>>,
}

/// Decodes a body; every text in the result is a slice of it.
///
/// # Errors
/// What is wrong with it, by its field.
pub fn decode(body: &Bytes) -> Result<Asked, Malformed> {
    let mut fields = object(body)?;
    let mut reading = Reading::new(body);
    let model = fields.take("model").ok_or_else(|| wrong("model", "is missing: name a model"))?;
    let model = reading.text(model, || "model".to_owned())?.decoded().into_owned();
    if model.is_empty() {
        return Err(wrong("model", "is empty: name a model"));
    }
    let input = fields.take("input").ok_or_else(|| wrong("input", "is missing: send a string or a list"))?;
    let inputs = inputs(input, &reading)?;
    let rule = "must be a whole number of at least 1";
    let dimensions: Option<u64> = fields.take_plain("dimensions", || "dimensions".to_owned(), rule)?;
    if dimensions == Some(0) {
        return Err(wrong("dimensions", rule));
    }
    let format = match fields.take_word("encoding_format").as_deref() {
        None => None,
        Some("float") => Some(VectorFormat::Floats),
        Some("base64") => Some(VectorFormat::Base64),
        Some(_) => return Err(wrong("encoding_format", "must be float or base64")),
    };
    let user = fields.take("user").map(|raw| reading.text(raw, || "user".to_owned())).transpose()?;
    reading.drop_rest(fields, "");
    let embedding = Embedding { inputs, dimensions, format, user, tags: Vec::new() };
    Ok(Asked { embedding, model, dropped: reading.dropped })
}

fn inputs(raw: &RawValue, reading: &Reading) -> Result<Inputs, Malformed> {
    if raw.get().starts_with('"') {
        return Ok(Inputs::Texts(vec![reading.text(raw, || "input".to_owned())?]));
    }
    let mut problem = SHAPE;
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let items = Items { problem: &mut problem }.deserialize(&mut json);
    match items.map_err(|_| wrong("input", problem))? {
        Listed::Strings(texts) => {
            let texts = texts.into_iter().enumerate();
            let texts = texts.map(|(at, item)| reading.text(item, || format!("input[{at}]")));
            Ok(Inputs::Texts(texts.collect::<Result<_, _>>()?))
        }
        Listed::Tokens(count) => Ok(Inputs::Tokens(vec![Tokens { json: reading.slice(raw), count }])),
        Listed::Lists(lists) => {
            let tokens = lists.into_iter().enumerate().map(|(at, item)| {
                let field = || format!("input[{at}]");
                let mut problem = SHAPE;
                let mut json = serde_json::Deserializer::from_str(item.get());
                match (Items { problem: &mut problem }).deserialize(&mut json) {
                    Ok(Listed::Tokens(count)) => Ok(Tokens { json: reading.slice(item), count }),
                    Ok(_) => Err(wrong(field(), "must be a list of tokens")),
                    Err(_) => Err(wrong(field(), problem)),
                }
            });
            Ok(Inputs::Tokens(tokens.collect::<Result<_, _>>()?))
        }
    }
}

/// What a list holds; its first item decides what the others have to be.
enum Listed<'a> {
    Strings(Vec<&'a RawValue>),
    /// So many.
    Tokens(u64),
    Lists(Vec<&'a RawValue>),
}

/// Reads a list no further than the most inputs that there may be, and tells why it stopped.
struct Items<'p> {
    problem: &'p mut &'static str,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = Listed<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Listed<'de>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Listed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Listed<'de>, A::Error> {
        let Some(first) = seq.next_element::<&RawValue>()? else {
            *self.problem = EMPTY;
            return Err(A::Error::custom(""));
        };
        if serde_json::from_str::<u32>(first.get()).is_ok() {
            let mut count = 1;
            while seq.next_element::<u32>()?.is_some() {
                count += 1;
            }
            return Ok(Listed::Tokens(count));
        }
        let mut items = vec![first];
        while let Some(item) = seq.next_element()? {
            if items.len() == MOST_INPUTS {
                *self.problem = TOO_MANY;
                return Err(A::Error::custom(""));
            }
            items.push(item);
        }
        match first.get().as_bytes().first() {
            Some(b'"') => Ok(Listed::Strings(items)),
            Some(b'[') => Ok(Listed::Lists(items)),
            _ => Err(A::Error::custom("")),
        }
    }
}
