use super::*;
use crate::conversation::{CacheTtl, Hint, Schema, Thinking};
use crate::ids::{ProviderKind, TagName};

fn text(marker: &str) -> Text {
    Text::new(marker)
}

fn json(marker: &str) -> RawJson {
    RawJson::new(format!(r#"{{"k":"{marker}"}}"#).into())
}

fn media(marker: &str) -> Media {
    Media { source: Source::Plain(text(marker)), name: Some(text("name")), detail: None }
}

fn part(content: Content) -> Part {
    Part { content, cache: Some(CacheTtl::FiveMinutes) }
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts, name: None }
}

fn thinking(signature: Option<Text>) -> Content {
    Content::Thinking(Thinking {
        origin: ProviderKind::Anthropic,
        text: text(if signature.is_some() { "signed" } else { "unsigned" }),
        signature,
        redacted: None,
    })
}

fn whole() -> Conversation {
    Conversation {
        turns: vec![
            turn(Role::System, vec![part(Content::Text(text("system")))]),
            turn(
                Role::User,
                vec![
                    part(Content::Text(text("first"))),
                    part(Content::Text(text("second"))),
                    part(Content::Document(media("document"))),
                ],
            ),
            turn(
                Role::Assistant,
                vec![
                    part(thinking(None)),
                    part(thinking(Some(text("s")))),
                    part(Content::ToolCall(ToolCall {
                        id: Some(text("id")),
                        name: text("tool"),
                        arguments: Arguments::Object(json("argument")),
                        signature: Some(text("signature")),
                    })),
                ],
            ),
            turn(
                Role::Tool,
                vec![part(Content::ToolResult(ToolResult {
                    call_id: text("id"),
                    name: Some(text("tool")),
                    content: vec![part(Content::Text(text("result")))],
                    is_error: false,
                }))],
            ),
            turn(Role::Developer, vec![part(Content::Text(text("later")))]),
        ],
        tools: vec![Tool {
            name: text("tool"),
            description: Some(text("description")),
            parameters: Some(json("schema")),
            strict: None,
            cache: None,
        }],
        tool_choice: Some(ToolChoice::Named(text("choice"))),
        output: Output::JsonSchema(Schema {
            name: Some(text("schema name")),
            description: Some(text("schema description")),
            schema: json("output"),
            strict: None,
        }),
        sampling: crate::conversation::Sampling {
            stop: vec![text("stop")],
            user: Some(text("user")),
            hints: vec![Hint { name: "prompt_cache_key", json: Bytes::from_static(b"\"hint\"") }],
            ..Default::default()
        },
        tags: vec![(TagName::new("cost_center").unwrap(), text("tag"))],
        ..Conversation::default()
    }
}

fn content(value: &Value) -> String {
    match value {
        Value::Text(text)
        | Value::Encoded(text)
        | Value::Name(text)
        | Value::Identifier(text)
        | Value::CallId(text) => text.decoded().into_owned(),
        Value::FileUrl { url, .. } => url.decoded().into_owned(),
        Value::Json(json) | Value::Schema(json) => String::from_utf8_lossy(json.json()).into_owned(),
        Value::Hint { json, .. } => String::from_utf8_lossy(json).into_owned(),
        Value::File { data, .. } => String::from_utf8_lossy(data).into_owned(),
        Value::Tokens => String::new(),
    }
}

#[test]
fn every_string_is_met_once_system_first_then_tools_then_turns() {
    let mut conversation = whole();
    let met: Vec<_> =
        conversation.leaves().iter().map(|leaf| (leaf.place, leaf.joined, content(&leaf.value))).collect();
    let want = [
        (Place::System, false, "system"),
        (Place::Tool, false, "tool"),
        (Place::Tool, false, "description"),
        (Place::Tool, false, r#"{"k":"schema"}"#),
        (Place::User, false, "first"),
        (Place::User, true, "second"),
        (Place::Document, false, "name"),
        (Place::Document, false, "document"),
        (Place::Assistant, false, "unsigned"),
        (Place::Assistant, false, "id"),
        (Place::Assistant, false, "tool"),
        (Place::Assistant, false, r#"{"k":"argument"}"#),
        (Place::Result, false, "id"),
        (Place::Result, false, "tool"),
        (Place::Result, false, "result"),
        (Place::System, false, "later"),
        (Place::Beside, false, "choice"),
        (Place::Beside, false, "schema name"),
        (Place::Beside, false, "schema description"),
        (Place::Beside, false, r#"{"k":"output"}"#),
        (Place::Beside, false, "stop"),
        (Place::Beside, false, "user"),
        (Place::Beside, false, "\"hint\""),
        (Place::Beside, false, "tag"),
    ];
    let want: Vec<_> =
        want.into_iter().map(|(place, joined, text)| (place, joined, text.to_owned())).collect();
    assert_eq!(met, want);
}

#[test]
fn leaves_of_a_message_follow_each_other_under_one_number() {
    let mut conversation = whole();
    let numbers: Vec<usize> = conversation.leaves().iter().map(|leaf| leaf.message).collect();
    assert!(numbers.is_sorted());
    assert_eq!(numbers.last(), Some(&8), "system, a tool, four turns, what stands beside, a tag by itself");
}
