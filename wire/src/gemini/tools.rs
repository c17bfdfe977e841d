//! Writes the functions that the model may call, and whether it may or must.

use super::request::Dropped;
use crate::names::Names;
use crate::write::{Json, array};
use gateway_core::conversation::{Conversation, Tool, ToolChoice};

/// Bytes that a function's name may have.
const MAX_NAME: usize = 64;

/// Whether Gemini takes a name: one that it refuses fails the whole request. Colons are taken by some of
/// its versions only, so they count as refused.
pub(super) fn fits(name: &str) -> bool {
    let is_start = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_rest = |byte: u8| is_start(byte) || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    name.len() <= MAX_NAME && name.bytes().next().is_some_and(is_start) && name.bytes().all(is_rest)
}

/// Writes `tools` and `toolConfig`, where there are any tools.
pub(super) fn write(conversation: &Conversation, names: &Names, json: &mut Json, dropped: &mut Dropped) {
    if conversation.parallel_tools == Some(false) {
        dropped.name("parallel_tool_calls");
    }
    if conversation.tools.is_empty() {
        return;
    }
    for tool in &conversation.tools {
        if tool.strict == Some(true) {
            dropped.name("tools.function.strict");
        }
        if tool.cache.is_some() {
            dropped.name("tools.cache_control");
        }
    }
    array([&conversation.tools], json.field("tools"), |tools, out| {
        let mut json = Json::object(out);
        array(tools, json.field("functionDeclarations"), |tool, out| write_tool(tool, names, out));
        json.end();
    });
    if let Some(choice) = &conversation.tool_choice {
        let mut config = Json::object(json.field("toolConfig"));
        write_choice(choice, names, config.field("functionCallingConfig"));
        config.end();
    }
}

fn write_tool(tool: &Tool, names: &Names, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    names.write(&tool.name, json.field("name"));
    match &tool.description {
        Some(description) => json.text("description", description),
        // The field is required.
        None => json.string("description", ""),
    }
    if let Some(schema) = &tool.parameters {
        json.raw("parametersJsonSchema", schema.json());
    }
    json.end();
}

fn write_choice(choice: &ToolChoice, names: &Names, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    let mode = match choice {
        ToolChoice::Auto => "AUTO",
        ToolChoice::None => "NONE",
        ToolChoice::Required | ToolChoice::Named(_) => "ANY",
    };
    json.string("mode", mode);
    if let ToolChoice::Named(name) = choice {
        array([name], json.field("allowedFunctionNames"), |name, out| names.write(name, out));
    }
    json.end();
}
