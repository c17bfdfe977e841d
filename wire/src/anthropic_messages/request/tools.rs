//! The tools that the caller offers, and which of them the model may call.

use super::Request;
use super::blocks::write_cache;
use crate::write::{Json, array};
use gateway_core::catalog::Ability;
use gateway_core::conversation::{Conversation, RawJson, Tool, ToolChoice};
use serde::Deserialize;
use serde::de::IgnoredAny;

impl Request<'_> {
    pub(super) fn tools(&mut self, conversation: &Conversation, json: &mut Json) {
        if conversation.tools.is_empty() {
            return;
        }
        array(&conversation.tools, json.field("tools"), |tool, out| self.tool(tool, out));
        let one_at_a_time = conversation.parallel_tools == Some(false);
        let kind = match &conversation.tool_choice {
            Some(ToolChoice::None) => "none",
            Some(ToolChoice::Required) => "any",
            Some(ToolChoice::Named(_)) => "tool",
            Some(ToolChoice::Auto) => "auto",
            None if one_at_a_time => "auto",
            None => return,
        };
        let mut choice = Json::object(json.field("tool_choice"));
        choice.string("type", kind);
        if let Some(ToolChoice::Named(name)) = &conversation.tool_choice {
            self.names.write(name, choice.field("name"));
        }
        // Where no tool may be called, the field is unknown.
        if one_at_a_time && kind != "none" {
            choice.bool("disable_parallel_tool_use", true);
        }
        choice.end();
    }

    fn tool(&mut self, tool: &Tool, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        self.names.write(&tool.name, json.field("name"));
        if let Some(description) = &tool.description {
            json.text("description", description);
        }
        write_schema(tool.parameters.as_ref(), json.field("input_schema"));
        // Models without structured output refuse the field.
        if tool.strict == Some(true) {
            if self.target.abilities.known(Ability::JsonSchema) == Some(true) {
                json.bool("strict", true);
            } else {
                self.drop_field("tools.function.strict");
            }
        }
        write_cache(tool.cache, &mut json);
        json.end();
    }
}

/// The schema as it stood; Anthropic wants its `type` said.
fn write_schema(schema: Option<&RawJson>, out: &mut Vec<u8>) {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "type")]
        kind: Option<IgnoredAny>,
    }
    let json = schema.map_or(&b"{}"[..], RawJson::json);
    let has_type = serde_json::from_slice(json).is_ok_and(|head: Head| head.kind.is_some());
    match json.strip_prefix(b"{") {
        Some(rest) if !has_type => {
            out.extend_from_slice(b"{\"type\":\"object\"");
            if rest.trim_ascii_start() != b"}" {
                out.push(b',');
            }
            out.extend_from_slice(rest);
        }
        _ => out.extend_from_slice(json),
    }
}
