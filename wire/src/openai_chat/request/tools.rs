//! Tools, and which of them may be called.

use super::Request;
use crate::write::{Json, array};
use gateway_core::catalog::Ability;
use gateway_core::conversation::{Conversation, Tool, ToolChoice};

impl Request<'_> {
    pub(super) fn tools(&mut self, conversation: &Conversation, json: &mut Json) {
        if conversation.tools.is_empty() {
            return;
        }
        array(&conversation.tools, json.field("tools"), |tool, out| self.tool(tool, out));
        match &conversation.tool_choice {
            None => {}
            Some(ToolChoice::Auto) => json.raw("tool_choice", br#""auto""#),
            Some(ToolChoice::None) => json.raw("tool_choice", br#""none""#),
            Some(ToolChoice::Required) => json.raw("tool_choice", br#""required""#),
            Some(ToolChoice::Named(name)) => {
                let mut choice = Json::object(json.field("tool_choice"));
                choice.raw("type", br#""function""#);
                let mut function = Json::object(choice.field("function"));
                self.names.write(name, function.field("name"));
                function.end();
                choice.end();
            }
        }
        // Models that call one tool at a time refuse the field, whatever it says.
        let one_at_a_time = self.target.abilities.known(Ability::ParallelTools) == Some(false);
        match conversation.parallel_tools {
            Some(true) if one_at_a_time => self.drop_field("parallel_tool_calls"),
            Some(parallel) if !one_at_a_time => json.bool("parallel_tool_calls", parallel),
            _ => {}
        }
    }

    fn tool(&mut self, tool: &Tool, out: &mut Vec<u8>) {
        if tool.cache.is_some() {
            self.drop_field("tools.cache_control");
        }
        let mut json = Json::object(out);
        json.raw("type", br#""function""#);
        let mut function = Json::object(json.field("function"));
        self.names.write(&tool.name, function.field("name"));
        if let Some(description) = &tool.description {
            function.text("description", description);
        }
        if let Some(parameters) = &tool.parameters {
            function.raw("parameters", parameters.json());
        }
        if let Some(strict) = tool.strict {
            function.bool("strict", strict);
        }
        function.end();
        json.end();
    }
}
