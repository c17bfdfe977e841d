//! Turns: `system` and `messages`.

use super::blocks;
use crate::body::{Object, Reading, list, wrong};
use crate::dialect::Malformed;
use gateway_core::conversation::{Content, Part, Role, Turn};
use serde_json::value::RawValue;

const SHAPE: &str = "must be a string or a list of blocks, each an object with a `type`";

/// The operator's turn; none where it is empty.
pub(super) fn system(raw: &RawValue, reading: &mut Reading) -> Result<Option<Turn>, Malformed> {
    if raw.get() == "[]" {
        return Ok(None);
    }
    let parts = content(raw, "system", "system", Role::System, reading)?;
    Ok(Some(Turn { role: Role::System, parts, name: None }))
}

/// Adds the turns of `messages`.
pub(super) fn read(
    raw: Option<&RawValue>,
    reading: &mut Reading,
    turns: &mut Vec<Turn>,
) -> Result<(), Malformed> {
    let raw = raw.ok_or_else(|| wrong("messages", "is missing: send at least one message"))?;
    let items = list(raw, || "messages".to_owned())?;
    if items.is_empty() {
        return Err(wrong("messages", "is empty: send at least one message"));
    }
    turns.reserve(items.len());
    for (index, item) in items.into_iter().enumerate() {
        message(item, index, reading, turns)?;
    }
    Ok(())
}

/// A user's message that holds tool results is two turns: the results, and what the user said.
fn message(
    raw: &RawValue,
    index: usize,
    reading: &mut Reading,
    turns: &mut Vec<Turn>,
) -> Result<(), Malformed> {
    let at = |field: &str| format!("messages[{index}].{field}");
    let mut object = Object::read(raw, || format!("messages[{index}]"))?;
    let role = match object.take_word("role").as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some(_) => return Err(wrong(at("role"), "must be user, assistant or system")),
        None => return Err(wrong(at("role"), "is missing: user or assistant")),
    };
    let content_raw = object.take("content").ok_or_else(|| wrong(at("content"), SHAPE))?;
    let parts = content(content_raw, &at("content"), "messages.content", role, reading)?;
    reading.drop_rest(object, "messages");
    let is_result = |part: &Part| matches!(part.content, Content::ToolResult(_));
    let (results, said): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(is_result);
    let is_all = said.is_empty() && !results.is_empty();
    if !results.is_empty() {
        turns.push(Turn { role: Role::Tool, parts: results, name: None });
    }
    if !is_all {
        turns.push(Turn { role, parts: said, name: None });
    }
    Ok(())
}

/// A string, or blocks. `path` is `field` without indices, for what is dropped.
pub(super) fn content(
    raw: &RawValue,
    field: &str,
    path: &str,
    role: Role,
    reading: &mut Reading,
) -> Result<Vec<Part>, Malformed> {
    if raw.get().starts_with('"') {
        return Ok(vec![Part::text(reading.text(raw, || field.to_owned())?)]);
    }
    let items = list(raw, String::new).map_err(|_| wrong(field, SHAPE))?;
    let mut parts = Vec::with_capacity(items.len());
    for (n, item) in items.into_iter().enumerate() {
        parts.push(blocks::read(item, &format!("{field}[{n}]"), path, role, reading)?);
    }
    Ok(parts)
}
