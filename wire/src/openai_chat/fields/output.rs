//! How the model is to answer: `response_format`, `reasoning_effort`, `n`, `stop`, `service_tier`, hints.

use super::Dialect;
use super::tools::is_name;
use crate::body::{Object, Reading, list, unsupported, wrong};
use crate::dialect::{MAX_CHOICES, Malformed};
use gateway_core::catalog::{Effort, Fact, ServiceTier};
use gateway_core::conversation::{Hint, Output, Reasoning, Schema, Text};
use serde_json::value::RawValue;

/// `text`, `json_object`, or `json_schema` with the schema beside it.
pub(super) fn format(raw: Option<&RawValue>, reading: &mut Reading) -> Result<Output, Malformed> {
    let Some(raw) = raw else { return Ok(Output::Text) };
    let mut object = Object::read(raw, || "response_format".to_owned())?;
    let output = match object.take_word("type").as_deref() {
        Some("text") => Output::Text,
        Some("json_object") => Output::JsonObject,
        Some("json_schema") => {
            let schema = object.take("json_schema").ok_or_else(|| {
                wrong("response_format.json_schema", "is missing: it holds `name` and `schema`")
            })?;
            Output::JsonSchema(json_schema(schema, reading)?)
        }
        _ => return Err(wrong("response_format.type", "must be text, json_object or json_schema")),
    };
    reading.drop_rest(object, "response_format");
    Ok(output)
}

fn json_schema(raw: &RawValue, reading: &mut Reading) -> Result<Schema, Malformed> {
    let at = |field: &str| format!("response_format.json_schema.{field}");
    let mut object = Object::read(raw, || "response_format.json_schema".to_owned())?;
    let name = object.take("name").map(|raw| reading.text(raw, || at("name"))).transpose()?;
    if name.as_ref().is_some_and(|name| !is_name(&name.decoded())) {
        return Err(wrong(at("name"), "must be 1 to 64 letters, digits, `_` or `-`"));
    }
    let Some(schema) = object.take("schema") else {
        return Err(wrong(at("schema"), "is missing: it is the JSON schema of the answer"));
    };
    let schema = Schema {
        name,
        description: object
            .take("description")
            .map(|raw| reading.text(raw, || at("description")))
            .transpose()?,
        schema: reading.json_object(schema, || at("schema"))?,
        strict: object.take_plain("strict", || at("strict"), "must be true or false")?,
    };
    reading.drop_rest(object, "response_format.json_schema");
    Ok(schema)
}

pub(super) fn reasoning(effort: Option<&str>) -> Result<Option<Reasoning>, Malformed> {
    let Some(effort) = effort else { return Ok(None) };
    match Effort::parse(effort) {
        Some(Effort::None) => Ok(Some(Reasoning::Off)),
        Some(effort) => Ok(Some(Reasoning::Effort(effort))),
        None => Err(wrong("reasoning_effort", "must be none, minimal, low, medium, high, xhigh or max")),
    }
}

/// `None` is one choice.
pub(super) fn choices(n: Option<u64>, dialect: Dialect) -> Result<Option<u32>, Malformed> {
    let in_range = |n: u64| u32::try_from(n).ok().filter(|n| (1..=MAX_CHOICES).contains(n));
    match n.map(in_range) {
        None | Some(Some(1)) => Ok(None),
        Some(Some(_)) if dialect == Dialect::Native => {
            Err(unsupported("n", " over 1 by this dialect, whose answer is one: ask several times"))
        }
        Some(Some(choices)) => Ok(Some(choices)),
        Some(None) => Err(wrong("n", format!("must be a whole number from 1 to {MAX_CHOICES}"))),
    }
}

/// `None` leaves it to the gateway and the provider.
pub(super) fn service_tier(tier: Option<&str>) -> Result<Option<ServiceTier>, Malformed> {
    match tier {
        None | Some("auto") => Ok(None),
        Some("default") => Ok(Some(ServiceTier::Standard)),
        Some("flex") => Ok(Some(ServiceTier::Flex)),
        Some("priority") => Ok(Some(ServiceTier::Priority)),
        Some(_) => Err(unsupported("service_tier", " but for auto, default, flex and priority")),
    }
}

/// OpenAI takes one string or up to four.
pub(super) fn stop(raw: Option<&RawValue>, reading: &Reading) -> Result<Vec<Text>, Malformed> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    if raw.get().starts_with('"') {
        return Ok(vec![reading.text(raw, || "stop".to_owned())?]);
    }
    let items = list(raw, String::new).map_err(|_| wrong("stop", "must be a string or a list of strings"))?;
    if items.len() > 4 {
        return Err(wrong("stop", "has more than 4 sequences"));
    }
    let texts = items.into_iter().enumerate();
    texts.map(|(n, item)| reading.text(item, || format!("stop[{n}]"))).collect()
}

pub(super) fn hint(name: &'static str, raw: &RawValue, reading: &Reading) -> Result<Hint, Malformed> {
    let (first, must_be) = match name {
        "logit_bias" => ('{', "must be an object of token ids and numbers"),
        _ => ('"', "must be a string"),
    };
    if !raw.get().starts_with(first) {
        return Err(wrong(name, must_be));
    }
    Ok(Hint { name, json: reading.slice(raw) })
}
