//! Tool names that a provider would refuse, mapped to ones that it takes, and back in its answer.

use gateway_core::conversation::{Content, Conversation, Event, Text};
use std::collections::{HashMap, HashSet};

/// Names as they go out: the caller's own where the provider takes it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The name on the wire by the caller's literal; empty in most requests.
    by_own: HashMap<Text, String>,
}

impl Names {
    /// Looks at every tool that is offered or was called. `fits` says which names the provider takes; any
    /// other goes out as one that every provider takes.
    pub(crate) fn new(conversation: &Conversation, fits: fn(&str) -> bool) -> Names {
        let offered = conversation.tools.iter().map(|tool| &tool.name);
        let called =
            conversation.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.content {
                Content::ToolCall(call) => Some(&call.name),
                _ => None,
            });
        let all = || offered.clone().chain(called.clone());
        let mut names = Names::default();
        if all().all(|name| fits(&name.decoded())) {
            return names;
        }
        let mut taken: HashSet<String> = all().map(|name| name.decoded().into_owned()).collect();
        for name in all() {
            if !fits(&name.decoded()) && !names.by_own.contains_key(name) {
                let wire = free(&name.decoded(), names.by_own.len(), &taken);
                taken.insert(wire.clone());
                names.by_own.insert(name.clone(), wire);
            }
        }
        names
    }

    /// The literal to write for a tool's name.
    pub(crate) fn write(&self, name: &Text, out: &mut Vec<u8>) {
        match self.by_own.get(name) {
            Some(wire) => crate::write::string(wire, out),
            None => out.extend_from_slice(name.json()),
        }
    }

    /// The name on the wire, and the caller's own.
    pub(crate) fn into_renamed(self) -> Vec<(String, Text)> {
        self.by_own.into_iter().map(|(own, wire)| (wire, own)).collect()
    }
}

/// A name that every provider takes and that no other tool has: the caller's with what is foreign replaced,
/// and numbered where that is taken.
fn free(name: &str, number: usize, taken: &HashSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    let base: String = "t_".chars().chain(name.chars().map(plain)).take(50).collect();
    let numbered = (number..).map(|n| format!("{base}_{n}"));
    std::iter::once(base.clone()).chain(numbered).find(|candidate| !taken.contains(candidate)).unwrap_or(base)
}

/// Puts the caller's names back into an answer.
pub fn restore(event: &mut Event, renamed: &[(String, Text)]) {
    if renamed.is_empty() {
        return;
    }
    if let Event::ToolCall { name, .. } = event {
        let own = renamed.iter().find(|(wire, _)| name.decoded() == wire.as_str());
        if let Some((_, own)) = own {
            *name = own.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::conversation::Tool;

    fn tool(name: &str) -> Tool {
        Tool { name: Text::new(name), description: None, parameters: None, strict: None, cache: None }
    }

    #[test]
    fn a_refused_name_goes_out_as_another_and_comes_back() {
        let tools = vec![tool("ok"), tool("1.weird name"), tool("t_1_weird_name"), tool("1 weird.name")];
        let conversation = Conversation { tools, ..Conversation::default() };
        let names = Names::new(&conversation, |name| {
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !name.starts_with('1')
        });
        let written = |name: &str| {
            let mut out = Vec::new();
            names.write(&Text::new(name), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written("ok"), "\"ok\"");
        assert_eq!(written("1.weird name"), "\"t_1_weird_name_0\"");
        assert_eq!(written("1 weird.name"), "\"t_1_weird_name_1\"");
        for own in ["ok", "1.weird name", "1 weird.name"] {
            let name = Text::from_json(written(own).into_bytes().into()).unwrap();
            let mut event = Event::ToolCall { choice: 0, index: 0, id: None, name, signature: None };
            restore(&mut event, &names.clone().into_renamed());
            assert!(matches!(event, Event::ToolCall { name, .. } if name.decoded() == own), "{own}");
        }
    }
}
