//! A message as a turn.

use super::Dialect;
use super::parts::{cache, parts};
use super::tools;
use crate::body::{LEAVE_OUT, Object, Reading, Str, list, path, unsupported, wrong};
use crate::dialect::Malformed;
use gateway_core::conversation::{Content, Part, Role, Text, Thinking, ToolResult, Turn};
use gateway_core::ids::ProviderKind;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A message's fields as they stand; `null`, and an empty list of calls, is absent.
#[derive(Default)]
pub(super) struct Message<'a> {
    role: Option<Cow<'a, str>>,
    content: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    tool_calls: Option<&'a RawValue>,
    tool_call_id: Option<&'a RawValue>,
    refusal: Option<&'a RawValue>,
    thinking_blocks: Option<&'a RawValue>,
    /// The field that tells a thought without its signature.
    unsigned_thought: Option<&'static str>,
    cache_control: Option<&'a RawValue>,
    unsupported: Option<(&'static str, &'static str)>,
    unknown: Vec<Cow<'static, str>>,
}

impl<'de> serde::Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Message<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a message object with `role` and `content`")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Message<'de>, M::Error> {
                let mut message = Message::default();
                while let Some(Str(key)) = map.next_key()? {
                    match &*key {
                        "role" => message.role = map.next_value::<Option<Str>>()?.map(|s| s.0),
                        "content" => message.content = map.next_value()?,
                        "name" => message.name = map.next_value()?,
                        "tool_calls" => {
                            let calls: Option<&RawValue> = map.next_value()?;
                            message.tool_calls = calls.filter(|calls| calls.get() != "[]");
                        }
                        "tool_call_id" => message.tool_call_id = map.next_value()?,
                        key => message.rare(key, &mut map)?,
                    }
                }
                Ok(message)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

impl<'de> Message<'de> {
    fn rare<M: MapAccess<'de>>(&mut self, key: &str, map: &mut M) -> Result<(), M::Error> {
        match key {
            "refusal" => self.refusal = map.next_value()?,
            "thinking_blocks" => {
                let blocks: Option<&RawValue> = map.next_value()?;
                self.thinking_blocks = blocks.filter(|blocks| blocks.get() != "[]");
            }
            "cache_control" => self.cache_control = map.next_value()?,
            "reasoning_content" | "reasoning" => {
                if map.next_value::<Option<IgnoredAny>>()?.is_some() {
                    let name =
                        if key == "reasoning" { "messages.reasoning" } else { "messages.reasoning_content" };
                    self.unsigned_thought = Some(name);
                }
            }
            "function_call" => {
                let mend = ": send `tool_calls`, and `tools`, in its place";
                let is_set = map.next_value::<Option<IgnoredAny>>()?.is_some();
                self.unsupported = self.unsupported.or(is_set.then_some(("function_call", mend)));
            }
            "audio" => {
                let is_set = map.next_value::<Option<IgnoredAny>>()?.is_some();
                self.unsupported = self.unsupported.or(is_set.then_some(("audio", LEAVE_OUT)));
            }
            key => {
                map.next_value::<IgnoredAny>()?;
                self.unknown.push(path("messages", key));
            }
        }
        Ok(())
    }
}

impl Message<'_> {
    pub(super) fn into_turn(
        mut self,
        index: usize,
        dialect: Dialect,
        reading: &mut Reading,
    ) -> Result<Turn, Malformed> {
        let at = |field: &str| format!("messages[{index}].{field}");
        if let Some((field, mend)) = self.unsupported {
            return Err(unsupported(at(field), mend));
        }
        let role = self.role(index)?;
        if let Some(field) = self.misplaced(role) {
            return Err(wrong(at(field), "is not allowed in a message of this role"));
        }
        for name in std::mem::take(&mut self.unknown) {
            reading.drop_field(name);
        }
        let mut parts = match role {
            Role::Tool => self.result(index, reading)?,
            Role::Assistant => self.said(index, dialect, reading)?,
            Role::System | Role::Developer | Role::User => self.content(index, role, reading)?,
        };
        if let (Some(mark), Some(last)) = (self.cache_control, parts.last_mut()) {
            last.cache = Some(cache(mark, || at("cache_control"))?);
        }
        // A tool's name stands in its result.
        let name = self.name.filter(|_| role != Role::Tool);
        let name = name.map(|raw| reading.text(raw, || at("name"))).transpose()?;
        Ok(Turn { role, parts, name })
    }

    fn role(&self, index: usize) -> Result<Role, Malformed> {
        let at = || format!("messages[{index}].role");
        match self.role.as_deref() {
            Some("user") => Ok(Role::User),
            Some("assistant") => Ok(Role::Assistant),
            Some("system") => Ok(Role::System),
            Some("developer") => Ok(Role::Developer),
            Some("tool") => Ok(Role::Tool),
            Some("function") => Err(unsupported(at(), " as `function`: send `tools`, and results as `tool`")),
            Some(_) => Err(wrong(at(), "must be one of system, developer, user, assistant, tool")),
            None => Err(wrong(at(), "is missing: system, developer, user, assistant or tool")),
        }
    }

    /// A field that another role has.
    fn misplaced(&self, role: Role) -> Option<&'static str> {
        let assistants = [
            ("tool_calls", self.tool_calls),
            ("refusal", self.refusal),
            ("thinking_blocks", self.thinking_blocks),
        ];
        let tools = [("tool_call_id", self.tool_call_id)];
        let foreign = assistants
            .into_iter()
            .filter(|_| role != Role::Assistant)
            .chain(tools.into_iter().filter(|_| role != Role::Tool));
        foreign.filter_map(|(name, value)| value.map(|_| name)).next()
    }

    fn content(&self, index: usize, role: Role, reading: &mut Reading) -> Result<Vec<Part>, Malformed> {
        let at = || format!("messages[{index}].content");
        match self.content {
            Some(raw) if raw.get().starts_with('"') => Ok(vec![Part::text(reading.text(raw, at)?)]),
            Some(raw) => parts(raw, index, role, reading),
            None => Err(wrong(at(), "must be a string or a list of parts")),
        }
    }

    /// What a model said: thoughts, words, calls, in this order, as its provider wants them back.
    fn said(&self, index: usize, dialect: Dialect, reading: &mut Reading) -> Result<Vec<Part>, Malformed> {
        let mut said = Vec::with_capacity(1);
        match (self.thinking_blocks, self.unsigned_thought) {
            // What `reasoning_content` says stands in the blocks too.
            (Some(blocks), _) => thoughts(blocks, index, reading, &mut said)?,
            (None, Some(field)) => reading.drop_field(field),
            (None, None) => {}
        }
        let has_more = self.tool_calls.is_some() || self.refusal.is_some() || !said.is_empty();
        if self.content.is_some() || !has_more {
            said.append(&mut self.content(index, Role::Assistant, reading)?);
        }
        if let Some(refusal) = self.refusal {
            let text = reading.text(refusal, || format!("messages[{index}].refusal"))?;
            said.push(Part::new(Content::Refusal(text)));
        }
        if let Some(calls) = self.tool_calls {
            said.append(&mut tools::calls(calls, index, dialect, reading)?);
        }
        Ok(said)
    }

    /// A tool's result. A mark within it is the whole result's: not every provider has one deeper down.
    fn result(&self, index: usize, reading: &mut Reading) -> Result<Vec<Part>, Malformed> {
        let at = |field: &str| format!("messages[{index}].{field}");
        let Some(id) = self.tool_call_id else {
            return Err(wrong(at("tool_call_id"), "is missing: name the call that this is the result of"));
        };
        let call_id = reading.text(id, || at("tool_call_id"))?;
        let name = self.name.map(|raw| reading.text(raw, || at("name"))).transpose()?;
        let mut content = self.content(index, Role::Tool, reading)?;
        let marks = content.iter_mut().filter_map(|part| part.cache.take());
        let cache = marks.last();
        let result = ToolResult { call_id, name, content, is_error: false };
        Ok(vec![Part { content: Content::ToolResult(result), cache }])
    }
}

/// `thinking_blocks`: Anthropic's own blocks, as our answers show them.
fn thoughts(
    raw: &RawValue,
    message: usize,
    reading: &mut Reading,
    parts: &mut Vec<Part>,
) -> Result<(), Malformed> {
    let field = format!("messages[{message}].thinking_blocks");
    for (n, item) in list(raw, || field.clone())?.into_iter().enumerate() {
        let thinking = thought(item, &format!("{field}[{n}]"), reading)?;
        parts.push(Part::new(Content::Thinking(thinking)));
    }
    Ok(())
}

fn thought(raw: &RawValue, field: &str, reading: &mut Reading) -> Result<Thinking, Malformed> {
    let mut object = Object::read(raw, || field.to_owned())?;
    let kind = object.take_word("type");
    // A block's place in a stream's chunk; clients that add chunks up leave it there.
    object.take("index");
    let mut take = |name: &str| {
        let missing = || wrong(format!("{field}.{name}"), "is missing: send the block as it came");
        object.take(name).ok_or_else(missing)
    };
    let at = |name: &str| format!("{field}.{name}");
    let origin = ProviderKind::Anthropic;
    let thinking = match kind.as_deref() {
        Some("thinking") => {
            let text = reading.text(take("thinking")?, || at("thinking"))?;
            let signature = reading.opaque(take("signature")?, || at("signature"))?;
            Thinking { origin, text, signature: Some(signature), redacted: None }
        }
        Some("redacted_thinking") => {
            let redacted = Some(reading.opaque(take("data")?, || at("data"))?);
            Thinking { origin, text: Text::new(""), signature: None, redacted }
        }
        _ => return Err(wrong(format!("{field}.type"), "must be thinking or redacted_thinking")),
    };
    reading.drop_rest(object, "messages.thinking_blocks");
    Ok(thinking)
}
