//! Reads a request as callers of Anthropic's dialect send it.
//!
//! | module | reads |
//! |---|---|
//! | [`messages`] | `system` and `messages`, turn by turn |
//! | [`blocks`] | what they are made of |
//! | [`tools`] | `tools`, `tool_choice` |
//! | [`headers`] | the version, and betas |
//! | [`thinking`] | `thinking`, `output_config`, `output_format` |

mod blocks;
mod headers;
mod messages;
mod thinking;
mod tools;

pub(super) use headers::{VERSION, read as headers};

use crate::body::{LEAVE_OUT, Object, Reading, list, object, unsupported, wrong};
use crate::dialect::{Asked, Malformed};
use bytes::Bytes;
use gateway_core::catalog::ServiceTier;
use gateway_core::conversation::{Conversation, Sampling, Text};
use serde_json::value::RawValue;

/// Fields whose meaning we know and do not serve.
const UNSUPPORTED: [&str; 4] = ["container", "inference_geo", "mcp_servers", "fallbacks"];

const WHOLE: &str = "must be a whole number, not negative";
const NUMBER: &str = "must be a number";

/// Decodes a body; every text in the result is a slice of it.
pub(super) fn decode(body: &Bytes) -> Result<Asked, Malformed> {
    let mut fields = object(body)?;
    let mut reading = Reading::new(body);
    for name in UNSUPPORTED {
        // An empty list asks for nothing.
        if fields.take(name).is_some_and(|raw| raw.get() != "[]") {
            return Err(unsupported(name, LEAVE_OUT));
        }
    }
    if let Some(raw) = fields.take("context_management") {
        context_management(raw, &mut reading)?;
    }
    let mut asked = Asked { conversation: conversation(&mut fields, &mut reading)?, ..Asked::default() };
    let model = fields.take("model").map(|raw| reading.text(raw, || "model".to_owned())).transpose()?;
    asked.model = model.map(|model| model.decoded().into_owned());
    if asked.model.as_deref() == Some("") {
        return Err(wrong("model", "is empty: name a model, or leave the field out"));
    }
    asked.stream = plain(&mut fields, "stream", "must be true or false")?.unwrap_or(false);
    reading.drop_rest(fields, "");
    asked.dropped = reading.dropped;
    Ok(asked)
}

/// An edit that clears is a leave to forget, which is not taken: the model reads more, and answers as well. One that
/// compacts changes the answer.
fn context_management(raw: &RawValue, reading: &mut Reading) -> Result<(), Malformed> {
    let field = "context_management";
    let mut object = Object::read(raw, || field.to_owned())?;
    let edits = object.take("edits").map(|raw| list(raw, || format!("{field}.edits"))).transpose()?;
    for (n, edit) in edits.unwrap_or_default().into_iter().enumerate() {
        let at = || format!("{field}.edits[{n}]");
        let kind = Object::read(edit, at)?.take_word("type");
        if !kind.is_some_and(|kind| kind.starts_with("clear_")) {
            return Err(unsupported(format!("{}.type", at()), LEAVE_OUT));
        }
    }
    reading.drop_field(field);
    Ok(())
}

fn conversation(fields: &mut Object, reading: &mut Reading) -> Result<Conversation, Malformed> {
    let mut turns = Vec::new();
    if let Some(raw) = fields.take("system") {
        turns.extend(messages::system(raw, reading)?);
    }
    messages::read(fields.take("messages"), reading, &mut turns)?;
    if let Some(raw) = fields.take("cache_control") {
        let mark = blocks::cache(raw, || "cache_control".to_owned())?;
        // The mark of the whole request stands for one at its end.
        let last = turns.last_mut().and_then(|turn| turn.parts.last_mut());
        last.into_iter().for_each(|part| part.cache = part.cache.or(Some(mark)));
    }
    let tools = tools::offered(fields.take("tools"), reading)?;
    let (tool_choice, parallel_tools) = tools::choice(fields.take("tool_choice"), &tools, reading)?;
    let (output, reasoning) = thinking::read(fields, reading)?;
    let sampling = sampling(fields, reading)?;
    let tags = Vec::new();
    Ok(Conversation { turns, tools, tool_choice, parallel_tools, output, reasoning, sampling, tags })
}

fn plain<'a, T: serde::Deserialize<'a>>(
    fields: &mut Object<'a>,
    name: &str,
    must_be: &'static str,
) -> Result<Option<T>, Malformed> {
    fields.take_plain(name, || name.to_owned(), must_be)
}

fn sampling(fields: &mut Object, reading: &mut Reading) -> Result<Sampling, Malformed> {
    let max_output = plain(fields, "max_tokens", WHOLE)?;
    if max_output == Some(0) {
        return Err(wrong("max_tokens", "must be at least 1"));
    }
    let stop = fields.take("stop_sequences").map(|raw| stop(raw, reading)).transpose()?;
    Ok(Sampling {
        max_output,
        temperature: fraction(fields, "temperature")?,
        top_p: fraction(fields, "top_p")?,
        top_k: plain(fields, "top_k", WHOLE)?,
        stop: stop.unwrap_or_default(),
        user: fields.take("metadata").map(|raw| user(raw, reading)).transpose()?.flatten(),
        service_tier: service_tier(fields)?,
        ..Sampling::default()
    })
}

/// A number from 0 to 1.
fn fraction(fields: &mut Object, name: &str) -> Result<Option<f64>, Malformed> {
    let number = plain::<f64>(fields, name, NUMBER)?;
    if number.is_some_and(|number| !(0.0..=1.0).contains(&number)) {
        return Err(wrong(name, "must be a number from 0 to 1"));
    }
    Ok(number)
}

fn stop(raw: &RawValue, reading: &Reading) -> Result<Vec<Text>, Malformed> {
    let items = list(raw, || "stop_sequences".to_owned())?.into_iter().enumerate();
    items.map(|(n, item)| reading.text(item, || format!("stop_sequences[{n}]"))).collect()
}

fn user(raw: &RawValue, reading: &mut Reading) -> Result<Option<Text>, Malformed> {
    let mut metadata = Object::read(raw, || "metadata".to_owned())?;
    let user = metadata.take("user_id");
    reading.drop_rest(metadata, "metadata");
    user.map(|raw| reading.text(raw, || "metadata.user_id".to_owned())).transpose()
}

/// `service_tier` and `speed` are one price to us.
fn service_tier(fields: &mut Object) -> Result<Option<ServiceTier>, Malformed> {
    let tier = match fields.take_word("service_tier").as_deref() {
        None | Some("auto") => None,
        Some("standard_only") => Some(ServiceTier::Standard),
        Some(_) => return Err(wrong("service_tier", "must be auto or standard_only")),
    };
    match fields.take_word("speed").as_deref() {
        None | Some("standard") => Ok(tier),
        Some("fast") => Ok(Some(ServiceTier::Fast)),
        Some(_) => Err(wrong("speed", "must be standard or fast")),
    }
}
