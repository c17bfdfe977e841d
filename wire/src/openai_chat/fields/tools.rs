//! Tools that the caller offers, which of them the model may call, and the calls of earlier turns.

use super::Dialect;
use super::parts::cache;
use crate::body::{Object, Reading, list, unsupported, word, wrong};
use crate::dialect::Malformed;
use gateway_core::conversation::{Arguments, Part, Text, Tool, ToolCall, ToolChoice};
use gateway_core::conversation::{CacheTtl, Content};
use serde_json::value::RawValue;

/// OpenAI's rule for the names of tools and schemas.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

const ONLY_FUNCTIONS: &str = " but for `function`: what other tools cost has no bound";

/// `tools`; an empty list is none.
pub(super) fn offered(raw: Option<&RawValue>, reading: &mut Reading) -> Result<Vec<Tool>, Malformed> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let items = list(raw, || "tools".to_owned())?;
    let mut tools: Vec<Tool> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let tool = tool(item, index, reading)?;
        if tools.iter().any(|known| known.name == tool.name) {
            return Err(wrong(format!("tools[{index}].function.name"), "is the name of another tool too"));
        }
        tools.push(tool);
    }
    Ok(tools)
}

fn tool(raw: &RawValue, index: usize, reading: &mut Reading) -> Result<Tool, Malformed> {
    let at = |field: &str| format!("tools[{index}].{field}");
    let mut outer = Object::read(raw, || format!("tools[{index}]"))?;
    match outer.take_word("type").as_deref() {
        Some("function") => {}
        Some(_) => return Err(unsupported(at("type"), ONLY_FUNCTIONS)),
        None => return Err(wrong(at("type"), "is missing: send `function`")),
    }
    let Some(function) = outer.take("function") else {
        return Err(wrong(at("function"), "is missing: it holds `name`, `description` and `parameters`"));
    };
    let mut object = Object::read(function, || at("function"))?;
    let text =
        |raw: Option<&RawValue>, field: &str| raw.map(|raw| reading.text(raw, || at(field))).transpose();
    let name = text(object.take("name"), "function.name")?;
    let name = name.ok_or_else(|| wrong(at("function.name"), "is missing: a tool has a name"))?;
    if !is_name(&name.decoded()) {
        return Err(wrong(at("function.name"), "must be 1 to 64 letters, digits, `_` or `-`"));
    }
    let description = text(object.take("description"), "function.description")?;
    let parameters = object.take("parameters");
    let parameters =
        parameters.map(|raw| reading.json_object(raw, || at("function.parameters"))).transpose()?;
    let strict = object.take_plain("strict", || at("function.strict"), "must be true or false")?;
    let cache = tool_cache(&mut outer, &mut object, index)?;
    reading.drop_rest(outer, "tools");
    reading.drop_rest(object, "tools.function");
    Ok(Tool { name, description, parameters, strict, cache })
}

/// OpenRouter reads the mark beside `function`, LiteLLM within it too.
fn tool_cache(
    outer: &mut Object,
    function: &mut Object,
    index: usize,
) -> Result<Option<CacheTtl>, Malformed> {
    let inner = function.take("cache_control");
    let mark = outer.take("cache_control").or(inner);
    mark.map(|raw| cache(raw, || format!("tools[{index}].cache_control"))).transpose()
}

/// `tool_choice`. Without tools there is nothing to choose, so `auto` and `none` ask for nothing then.
pub(super) fn choice(
    raw: Option<&RawValue>,
    tools: &[Tool],
    reading: &mut Reading,
) -> Result<Option<ToolChoice>, Malformed> {
    let Some(raw) = raw else { return Ok(None) };
    let choice = if raw.get().starts_with('{') {
        ToolChoice::Named(named(raw, reading)?)
    } else {
        match &*word(raw) {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" => ToolChoice::Required,
            _ => {
                return Err(wrong("tool_choice", "must be auto, none, required or an object naming a tool"));
            }
        }
    };
    match &choice {
        ToolChoice::Auto | ToolChoice::None if tools.is_empty() => return Ok(None),
        ToolChoice::Required if tools.is_empty() => {
            return Err(wrong("tool_choice", "forces a tool call: send `tools` too"));
        }
        ToolChoice::Named(name) if !tools.iter().any(|tool| tool.name.decoded() == name.decoded()) => {
            return Err(wrong("tool_choice.function.name", "must be the name of one of `tools`"));
        }
        _ => {}
    }
    Ok(Some(choice))
}

fn named(raw: &RawValue, reading: &mut Reading) -> Result<Text, Malformed> {
    let at = || "tool_choice.function".to_owned();
    let mut object = Object::read(raw, || "tool_choice".to_owned())?;
    match object.take_word("type").as_deref() {
        Some("function") => {}
        Some(_) => {
            return Err(unsupported("tool_choice.type", " but for `function`: name one tool, or `required`"));
        }
        None => return Err(wrong("tool_choice.type", "is missing: send `function`")),
    }
    let function = object.take("function").ok_or_else(|| wrong(at(), "is missing: it holds `name`"))?;
    reading.drop_rest(object, "tool_choice");
    let mut function = Object::read(function, at)?;
    let name = function.take("name");
    let name = name.ok_or_else(|| wrong("tool_choice.function.name", "is missing: name a tool"))?;
    reading.drop_rest(function, "tool_choice.function");
    reading.text(name, || "tool_choice.function.name".to_owned())
}

/// An assistant message's `tool_calls`.
pub(super) fn calls(
    raw: &RawValue,
    message: usize,
    dialect: Dialect,
    reading: &mut Reading,
) -> Result<Vec<Part>, Malformed> {
    let items = list(raw, || format!("messages[{message}].tool_calls"))?;
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let call = call(item, &format!("messages[{message}].tool_calls[{index}]"), dialect, reading)?;
        parts.push(Part::new(Content::ToolCall(call)));
    }
    Ok(parts)
}

fn call(raw: &RawValue, field: &str, dialect: Dialect, reading: &mut Reading) -> Result<ToolCall, Malformed> {
    let at = |name: &str| format!("{field}.{name}");
    let mut object = Object::read(raw, || field.to_owned())?;
    // Answers of compatible servers, sent back, may lack the type.
    match object.take_word("type").as_deref() {
        Some("function") | None => {}
        Some(_) => return Err(unsupported(at("type"), ONLY_FUNCTIONS)),
    }
    // A call's place in a stream's chunk; clients that add chunks up leave it there.
    object.take("index");
    let id = object.take("id").ok_or_else(|| wrong(at("id"), "is missing: its result names it"))?;
    let id = Some(reading.text(id, || at("id"))?);
    let function = object.take("function");
    let function =
        function.ok_or_else(|| wrong(at("function"), "is missing: it holds `name` and `arguments`"))?;
    let signature = match object.take("extra_content") {
        Some(extra) => thought_signature(extra, &at("extra_content"), reading)?,
        None => None,
    };
    reading.drop_rest(object, "messages.tool_calls");
    let mut function = Object::read(function, || at("function"))?;
    let name = function.take("name").ok_or_else(|| wrong(at("function.name"), "is missing"))?;
    let name = reading.text(name, || at("function.name"))?;
    if name.is_empty() {
        return Err(wrong(at("function.name"), "is empty: name the tool that was called"));
    }
    let arguments = arguments(function.take("arguments"), &at("function.arguments"), dialect, reading)?;
    reading.drop_rest(function, "messages.tool_calls.function");
    Ok(ToolCall { id, name, arguments, signature })
}

/// OpenAI's are a string; the native dialect's an object, or the string that a model wrote in its place.
fn arguments(
    raw: Option<&RawValue>,
    field: &str,
    dialect: Dialect,
    reading: &Reading,
) -> Result<Arguments, Malformed> {
    let is_native = dialect == Dialect::Native;
    match raw {
        Some(raw) if raw.get().starts_with('"') => {
            Ok(Arguments::Encoded(reading.text(raw, || field.to_owned())?))
        }
        Some(raw) if is_native => Ok(Arguments::Object(reading.json_object(raw, || field.to_owned())?)),
        Some(_) => Err(wrong(field, "must be a string that holds a JSON object")),
        None if is_native => Err(wrong(field, "is missing: a call without arguments has `{}`")),
        None => Err(wrong(field, "is missing: a call without arguments has `\"{}\"`")),
    }
}

/// Google's own place for Gemini's signature in OpenAI's dialect: `extra_content.google.thought_signature`.
fn thought_signature(raw: &RawValue, field: &str, reading: &mut Reading) -> Result<Option<Text>, Malformed> {
    let mut extra = Object::read(raw, || field.to_owned())?;
    let Some(google) = extra.take("google") else {
        reading.drop_rest(extra, "messages.tool_calls.extra_content");
        return Ok(None);
    };
    let mut google = Object::read(google, || format!("{field}.google"))?;
    let signature = google.take("thought_signature");
    reading.drop_rest(extra, "messages.tool_calls.extra_content");
    reading.drop_rest(google, "messages.tool_calls.extra_content.google");
    signature.map(|raw| reading.opaque(raw, || format!("{field}.google.thought_signature"))).transpose()
}
