//! Tools, tool choice, output format and reasoning of a request.

use super::object::{Members, flag, list, name, raw_object, text, word};
use super::{Dropped, unsupported, wrong};
use crate::dialect::Malformed;
use bytes::Bytes;
use gateway_core::catalog::{Effort, Fact, ServiceTier};
use gateway_core::conversation::{CacheTtl, Output, Reasoning, Schema, Tool, ToolChoice};
use serde_json::value::RawValue;

pub(super) fn tools(raw: &RawValue, body: &Bytes, dropped: &mut Dropped) -> Result<Vec<Tool>, Malformed> {
    let items = list(raw, "tools")?;
    if items.is_empty() {
        return Err(wrong("tools", "is empty: offer at least one, or leave the field out"));
    }
    items.into_iter().enumerate().map(|(n, item)| tool(item, &format!("tools[{n}]"), body, dropped)).collect()
}

fn tool(raw: &RawValue, at: &str, body: &Bytes, dropped: &mut Dropped) -> Result<Tool, Malformed> {
    let (mut kind, mut function, mut cache) = (None, None, None);
    for (key, value) in Members::read(raw, at)?.each() {
        match &*key {
            "type" => kind = Some(word(value, &format!("{at}.type"))?),
            "function" => function = Some(value),
            "cache_control" => cache = Some(cache_control(value, at)?),
            key => dropped.name("tools", key),
        }
    }
    match (kind.as_deref(), function) {
        (Some("function"), Some(function)) => {
            self::function(function, &format!("{at}.function"), body, dropped, cache)
        }
        (Some("function"), None) => Err(wrong(format!("{at}.function"), "is missing")),
        // A tool that the provider hosts has a price of its own, without a bound.
        (Some(_), _) => Err(unsupported(format!("{at}.type"))),
        (None, _) => Err(wrong(format!("{at}.type"), "is missing: send `function`")),
    }
}

fn function(
    raw: &RawValue,
    at: &str,
    body: &Bytes,
    dropped: &mut Dropped,
    cache: Option<CacheTtl>,
) -> Result<Tool, Malformed> {
    let (mut called, mut description, mut parameters, mut strict) = (None, None, None, None);
    for (key, value) in Members::read(raw, at)?.each() {
        match &*key {
            "name" => called = Some(name(value, body, &format!("{at}.name"))?),
            "description" => description = Some(text(value, body, || format!("{at}.description"))?),
            "parameters" => parameters = Some(raw_object(value, body, &format!("{at}.parameters"))?),
            "strict" => strict = Some(flag(value, &format!("{at}.strict"))?),
            key => dropped.name("tools.function", key),
        }
    }
    let Some(name) = called else { return Err(wrong(format!("{at}.name"), "is missing")) };
    Ok(Tool { name, description, parameters, strict, cache })
}

/// Anthropic's mark, as OpenRouter and others carry it in this dialect: `{"type":"ephemeral","ttl":"1h"}`.
pub(super) fn cache_control(raw: &RawValue, at: &str) -> Result<CacheTtl, Malformed> {
    let at = format!("{at}.cache_control");
    let mut ttl = CacheTtl::FiveMinutes;
    for (key, value) in Members::read(raw, &at)?.each() {
        match (&*key, &*word(value, &at)?) {
            ("type", "ephemeral") | ("ttl", "5m") => {}
            ("ttl", "1h") => ttl = CacheTtl::OneHour,
            _ => return Err(wrong(at, "must be {\"type\":\"ephemeral\"} with `ttl` 5m or 1h")),
        }
    }
    Ok(ttl)
}

pub(super) fn tool_choice(raw: &RawValue, body: &Bytes) -> Result<ToolChoice, Malformed> {
    const AT: &str = "tool_choice";
    if raw.get().starts_with('"') {
        return match &*word(raw, AT)? {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            _ => Err(wrong(AT, "must be auto, none, required or a function")),
        };
    }
    let (mut kind, mut function) = (None, None);
    for (key, value) in Members::read(raw, AT)?.each() {
        match &*key {
            "type" => kind = Some(word(value, "tool_choice.type")?),
            "function" => function = Some(value),
            _ => return Err(unsupported(AT.to_owned())),
        }
    }
    let (Some("function"), Some(function)) = (kind.as_deref(), function) else {
        return Err(unsupported("tool_choice.type".to_owned()));
    };
    let called = Members::read(function, "tool_choice.function")?.each().find(|(key, _)| key == "name");
    match called {
        Some((_, value)) => Ok(ToolChoice::Named(name(value, body, "tool_choice.function.name")?)),
        None => Err(wrong("tool_choice.function.name", "is missing")),
    }
}

pub(super) fn response_format(
    raw: &RawValue,
    body: &Bytes,
    dropped: &mut Dropped,
) -> Result<Output, Malformed> {
    const AT: &str = "response_format";
    let (mut kind, mut schema) = (None, None);
    for (key, value) in Members::read(raw, AT)?.each() {
        match &*key {
            "type" => kind = Some(word(value, "response_format.type")?),
            "json_schema" => schema = Some(value),
            key => dropped.name(AT, key),
        }
    }
    match (kind.as_deref(), schema) {
        (Some("text"), _) => Ok(Output::Text),
        (Some("json_object"), _) => Ok(Output::JsonObject),
        (Some("json_schema"), Some(schema)) => self::schema(schema, body, dropped).map(Output::JsonSchema),
        (Some("json_schema"), None) => Err(wrong("response_format.json_schema", "is missing")),
        (Some(_), _) => Err(wrong("response_format.type", "must be text, json_object or json_schema")),
        (None, _) => Err(wrong("response_format.type", "is missing: text, json_object or json_schema")),
    }
}

fn schema(raw: &RawValue, body: &Bytes, dropped: &mut Dropped) -> Result<Schema, Malformed> {
    const AT: &str = "response_format.json_schema";
    let (mut called, mut description, mut schema, mut strict) = (None, None, None, None);
    for (key, value) in Members::read(raw, AT)?.each() {
        match &*key {
            "name" => called = Some(name(value, body, "response_format.json_schema.name")?),
            "description" => description = Some(text(value, body, || format!("{AT}.description"))?),
            "schema" => schema = Some(raw_object(value, body, "response_format.json_schema.schema")?),
            "strict" => strict = Some(flag(value, "response_format.json_schema.strict")?),
            key => dropped.name(AT, key),
        }
    }
    let Some(schema) = schema else { return Err(wrong(format!("{AT}.schema"), "is missing")) };
    Ok(Schema { name: called, description, schema, strict })
}

pub(super) fn reasoning_effort(raw: &RawValue) -> Result<Reasoning, Malformed> {
    match Effort::parse(&word(raw, "reasoning_effort")?) {
        Some(Effort::None) => Ok(Reasoning::Off),
        Some(effort) => Ok(Reasoning::Effort(effort)),
        None => Err(wrong("reasoning_effort", "must be none, minimal, low, medium, high, xhigh or max")),
    }
}

/// `None` is the standard tier, which is what `auto` and `default` ask for.
pub(super) fn service_tier(raw: &RawValue) -> Result<Option<ServiceTier>, Malformed> {
    match &*word(raw, "service_tier")? {
        "auto" | "default" => Ok(None),
        "flex" => Ok(Some(ServiceTier::Flex)),
        "priority" => Ok(Some(ServiceTier::Priority)),
        _ => Err(unsupported("service_tier".to_owned())),
    }
}
