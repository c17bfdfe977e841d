//! Tools that the caller offers, and which of them the model may call.

use super::blocks::cache;
use crate::body::{LEAVE_OUT, Object, Reading, list, unsupported, wrong};
use crate::dialect::Malformed;
use gateway_core::conversation::{Text, Tool, ToolChoice};
use serde_json::value::RawValue;

/// `tools`; an empty list is none.
pub(super) fn offered(raw: Option<&RawValue>, reading: &mut Reading) -> Result<Vec<Tool>, Malformed> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    let items = list(raw, || "tools".to_owned())?;
    let mut tools: Vec<Tool> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let tool = tool(item, index, reading)?;
        if tools.iter().any(|known| known.name.decoded() == tool.name.decoded()) {
            return Err(wrong(format!("tools[{index}].name"), "is the name of another tool too"));
        }
        tools.push(tool);
    }
    Ok(tools)
}

fn tool(raw: &RawValue, index: usize, reading: &mut Reading) -> Result<Tool, Malformed> {
    let at = |field: &str| format!("tools[{index}].{field}");
    let mut object = Object::read(raw, || format!("tools[{index}]"))?;
    if object.take_word("type").is_some_and(|kind| kind != "custom") {
        return Err(unsupported(at("type"), " but for `custom`: what hosted tools cost has no bound"));
    }
    // A tool that only a hosted search finds.
    if object.take("defer_loading").is_some_and(|raw| raw.get() != "false") {
        return Err(unsupported(at("defer_loading"), LEAVE_OUT));
    }
    let text = |raw: Option<&RawValue>, name: &str| raw.map(|raw| reading.text(raw, || at(name))).transpose();
    let name = text(object.take("name"), "name")?.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| wrong(at("name"), "is missing: a tool has a name"))?;
    let description = text(object.take("description"), "description")?;
    let schema = object.take("input_schema");
    let schema = schema.ok_or_else(|| wrong(at("input_schema"), "is missing: send a JSON schema"))?;
    let parameters = Some(reading.json_object(schema, || at("input_schema"))?);
    let strict = object.take_plain("strict", || at("strict"), "must be true or false")?;
    let cache = object.take("cache_control").map(|raw| cache(raw, || at("cache_control"))).transpose()?;
    reading.drop_rest(object, "tools");
    Ok(Tool { name, description, parameters, strict, cache })
}

/// `tool_choice`, and whether several tools may be called at once.
pub(super) fn choice(
    raw: Option<&RawValue>,
    tools: &[Tool],
    reading: &mut Reading,
) -> Result<(Option<ToolChoice>, Option<bool>), Malformed> {
    let Some(raw) = raw else { return Ok((None, None)) };
    let mut object = Object::read(raw, || "tool_choice".to_owned())?;
    let choice = match object.take_word("type").as_deref() {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("any") => ToolChoice::Required,
        Some("tool") => ToolChoice::Named(named(object.take("name"), tools, reading)?),
        _ => return Err(wrong("tool_choice.type", "must be auto, any, tool or none")),
    };
    let at = "tool_choice.disable_parallel_tool_use";
    let one_at_a_time: Option<bool> =
        object.take_plain("disable_parallel_tool_use", || at.to_owned(), "must be true or false")?;
    reading.drop_rest(object, "tool_choice");
    // Without tools there is nothing to choose.
    match &choice {
        ToolChoice::Auto | ToolChoice::None if tools.is_empty() => Ok((None, None)),
        ToolChoice::Required if tools.is_empty() => {
            Err(wrong("tool_choice", "forces a tool call: send `tools` too"))
        }
        _ => Ok((Some(choice), one_at_a_time.map(|one| !one))),
    }
}

fn named(raw: Option<&RawValue>, tools: &[Tool], reading: &Reading) -> Result<Text, Malformed> {
    let at = "tool_choice.name";
    let raw = raw.ok_or_else(|| wrong(at, "is missing: name a tool"))?;
    let name = reading.text(raw, || at.to_owned())?;
    // The offered tool's own literal: later steps compare them as they stand.
    let offered = tools.iter().find(|tool| tool.name.decoded() == name.decoded());
    offered.map(|tool| tool.name.clone()).ok_or_else(|| wrong(at, "must be the name of one of `tools`"))
}
