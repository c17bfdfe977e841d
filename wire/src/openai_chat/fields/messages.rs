//! The messages of a request: roles, parts, tool calls and their results.

use super::object::{Members, list, name, raw_object, refuse, text, word};
use super::wishes::cache_control;
use super::{Dialect, Dropped, Key, Str, path, unsupported, wrong};
use crate::dialect::Malformed;
use bytes::Bytes;
use gateway_core::conversation::{
    Arguments, Content, Media, Part, Role, Source, Text, Thinking, ToolCall, ToolResult, Turn,
};
use gateway_core::ids::ProviderKind;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A message's fields as they stand.
#[derive(Default)]
pub(super) struct Message<'a> {
    role: Option<Cow<'a, str>>,
    content: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    tool_calls: Option<&'a RawValue>,
    tool_call_id: Option<&'a RawValue>,
    refusal: Option<&'a RawValue>,
    thinking_blocks: Option<&'a RawValue>,
    unsupported: Option<&'static str>,
    unknown: Vec<Cow<'static, str>>,
}

/// Fields that this dialect had or has and that we cannot serve; `null` asks for nothing.
const UNSUPPORTED: [&str; 2] = ["function_call", "audio"];

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
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "role" => message.role = map.next_value::<Option<Str>>()?.map(|s| s.0),
                        "content" => message.content = map.next_value()?,
                        "name" => message.name = map.next_value()?,
                        "tool_calls" => message.tool_calls = map.next_value()?,
                        "tool_call_id" => message.tool_call_id = map.next_value()?,
                        "refusal" => message.refusal = map.next_value()?,
                        "thinking_blocks" => message.thinking_blocks = map.next_value()?,
                        key => match UNSUPPORTED.iter().find(|name| **name == key) {
                            Some(name) => {
                                if map.next_value::<Option<&RawValue>>()?.is_some() {
                                    message.unsupported = message.unsupported.or(Some(name));
                                }
                            }
                            None => {
                                map.next_value::<IgnoredAny>()?;
                                message.unknown.push(path("messages", key));
                            }
                        },
                    }
                }
                Ok(message)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// What reading a message needs to know beside it.
pub(super) struct Reading<'a> {
    pub body: &'a Bytes,
    pub dialect: Dialect,
    pub dropped: &'a mut Dropped,
}

impl Message<'_> {
    pub(super) fn into_turn(mut self, index: usize, reading: &mut Reading) -> Result<Turn, Malformed> {
        let at = |field: &str| format!("messages[{index}].{field}");
        if let Some(field) = self.unsupported {
            return Err(unsupported(at(field)));
        }
        let role = match self.role.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            Some("tool") => Role::Tool,
            Some("function") => return Err(unsupported(at("role"))),
            Some(_) => {
                return Err(wrong(at("role"), "must be one of system, developer, user, assistant, tool"));
            }
            None => return Err(wrong(at("role"), "is missing: system, developer, user, assistant or tool")),
        };
        reading.dropped.all(std::mem::take(&mut self.unknown));
        let content = match self.content {
            Some(raw) if raw.get().starts_with('"') => {
                Some(vec![Part::text(text(raw, reading.body, || at("content"))?)])
            }
            Some(raw) => Some(parts(raw, &at("content"), role, reading)?),
            None => None,
        };
        let mut parts = match role {
            Role::Assistant => self.spoken(&at, content, reading)?,
            Role::Tool => vec![self.result(&at, content, reading)?],
            _ => {
                self.only_for_assistants(&at)?;
                content.ok_or_else(|| wrong(at("content"), "must be a string or a list of parts"))?
            }
        };
        parts.shrink_to_fit();
        let name = self.name.map(|raw| text(raw, reading.body, || at("name"))).transpose()?;
        Ok(Turn { role, parts, name })
    }

    /// An assistant's turn: thinking first, then words, then calls.
    fn spoken(
        &self,
        at: &dyn Fn(&str) -> String,
        content: Option<Vec<Part>>,
        reading: &mut Reading,
    ) -> Result<Vec<Part>, Malformed> {
        let mut all = Vec::new();
        if let Some(raw) = self.thinking_blocks {
            thinking_blocks(raw, &at("thinking_blocks"), reading, &mut all)?;
        }
        all.extend(content.into_iter().flatten());
        if let Some(raw) = self.refusal {
            all.push(Part::new(Content::Refusal(text(raw, reading.body, || at("refusal"))?)));
        }
        if let Some(raw) = self.tool_calls {
            for (n, raw) in list(raw, &at("tool_calls"))?.into_iter().enumerate() {
                all.push(tool_call(raw, &format!("{}[{n}]", at("tool_calls")), reading)?);
            }
        }
        if self.tool_call_id.is_some() {
            return Err(wrong(at("tool_call_id"), "belongs to a message of role tool"));
        }
        if all.is_empty() {
            return Err(wrong(
                at("content"),
                "must be a string or a list of parts, or `tool_calls` must be there",
            ));
        }
        Ok(all)
    }

    fn result(
        &self,
        at: &dyn Fn(&str) -> String,
        content: Option<Vec<Part>>,
        reading: &mut Reading,
    ) -> Result<Part, Malformed> {
        let Some(id) = self.tool_call_id else {
            return Err(wrong(at("tool_call_id"), "is missing: name the call that this is the result of"));
        };
        let Some(content) = content else {
            return Err(wrong(at("content"), "must be a string or a list of parts"));
        };
        let call_id = text(id, reading.body, || at("tool_call_id"))?;
        Ok(Part::new(Content::ToolResult(ToolResult { call_id, name: None, content, is_error: false })))
    }

    fn only_for_assistants(&self, at: &dyn Fn(&str) -> String) -> Result<(), Malformed> {
        let fields = [
            ("tool_calls", self.tool_calls.filter(|raw| raw.get() != "[]")),
            ("refusal", self.refusal),
            ("thinking_blocks", self.thinking_blocks),
        ];
        if let Some((name, _)) = fields.iter().find(|(_, value)| value.is_some()) {
            return Err(wrong(at(name), "belongs to a message of role assistant"));
        }
        if self.tool_call_id.is_some() {
            return Err(wrong(at("tool_call_id"), "belongs to a message of role tool"));
        }
        Ok(())
    }
}

fn tool_call(raw: &RawValue, at: &str, reading: &mut Reading) -> Result<Part, Malformed> {
    let (mut id, mut kind, mut function, mut signature) = (None, None, None, None);
    for (key, value) in Members::read(raw, at)?.each() {
        match &*key {
            "id" => id = Some(text(value, reading.body, || format!("{at}.id"))?),
            "type" => kind = Some(word(value, &format!("{at}.type"))?),
            "function" => function = Some(value),
            "extra_content" => signature = thought_signature(value, at, reading)?,
            // Streams number their calls, and some clients send the number back.
            "index" => {}
            key => reading.dropped.name("messages.tool_calls", key),
        }
    }
    if kind.as_deref().is_some_and(|kind| kind != "function") {
        return refuse(at, "type");
    }
    let Some(id) = id else { return Err(wrong(format!("{at}.id"), "is missing")) };
    let Some(function) = function else { return Err(wrong(format!("{at}.function"), "is missing")) };
    let (mut called, mut arguments) = (None, None);
    for (key, value) in Members::read(function, &format!("{at}.function"))?.each() {
        match &*key {
            "name" => called = Some(name(value, reading.body, &format!("{at}.function.name"))?),
            "arguments" => {
                arguments = Some(self::arguments(value, &format!("{at}.function.arguments"), reading)?)
            }
            key => reading.dropped.name("messages.tool_calls.function", key),
        }
    }
    let Some(name) = called else { return Err(wrong(format!("{at}.function.name"), "is missing")) };
    let arguments = arguments.unwrap_or_else(|| Arguments::Encoded(Text::new("")));
    Ok(Part::new(Content::ToolCall(ToolCall { id: Some(id), name, arguments, signature })))
}

/// OpenAI writes JSON into a string, the native dialect an object; the native one takes both.
fn arguments(raw: &RawValue, at: &str, reading: &Reading) -> Result<Arguments, Malformed> {
    if reading.dialect == Dialect::Native && raw.get().starts_with('{') {
        return raw_object(raw, reading.body, at).map(Arguments::Object);
    }
    text(raw, reading.body, || at.to_owned()).map(Arguments::Encoded)
}

/// Where Google's own OpenAI-compatible API keeps the signature that must come back.
fn thought_signature(raw: &RawValue, at: &str, reading: &mut Reading) -> Result<Option<Text>, Malformed> {
    let at = format!("{at}.extra_content");
    let mut signature = None;
    for (key, value) in Members::read(raw, &at)?.each() {
        if key != "google" {
            reading.dropped.name("messages.tool_calls.extra_content", &key);
            continue;
        }
        for (key, value) in Members::read(value, &format!("{at}.google"))?.each() {
            match &*key {
                "thought_signature" => {
                    signature = Some(text(value, reading.body, || format!("{at}.google.thought_signature"))?);
                }
                key => reading.dropped.name("messages.tool_calls.extra_content.google", key),
            }
        }
    }
    Ok(signature)
}

/// Anthropic's thinking as earlier answers of ours carried it.
fn thinking_blocks(
    raw: &RawValue,
    at: &str,
    reading: &mut Reading,
    all: &mut Vec<Part>,
) -> Result<(), Malformed> {
    for (n, raw) in list(raw, at)?.into_iter().enumerate() {
        let at = format!("{at}[{n}]");
        let (mut kind, mut thought, mut signature, mut data) = (None, None, None, None);
        for (key, value) in Members::read(raw, &at)?.each() {
            let member = || format!("{at}.{key}");
            match &*key {
                "type" => kind = Some(word(value, &member())?),
                "thinking" => thought = Some(text(value, reading.body, member)?),
                "signature" => signature = Some(text(value, reading.body, member)?),
                "data" => data = Some(text(value, reading.body, member)?),
                key => reading.dropped.name("messages.thinking_blocks", key),
            }
        }
        let thinking = match (kind.as_deref(), thought, data) {
            (Some("thinking"), Some(text), _) => {
                Thinking { origin: ProviderKind::Anthropic, text, signature, redacted: None }
            }
            (Some("redacted_thinking"), _, Some(data)) => Thinking {
                origin: ProviderKind::Anthropic,
                text: Text::new(""),
                signature: None,
                redacted: Some(data),
            },
            _ => return Err(wrong(at, "must be a block as it was answered: thinking or redacted_thinking")),
        };
        all.push(Part::new(Content::Thinking(thinking)));
    }
    Ok(())
}

fn parts(raw: &RawValue, field: &str, role: Role, reading: &mut Reading) -> Result<Vec<Part>, Malformed> {
    let items: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|_| wrong(field, "must be a string or a list of parts, each an object with a `type`"))?;
    if items.is_empty() {
        return Err(wrong(field, "is empty: send a string or at least one part"));
    }
    items
        .into_iter()
        .enumerate()
        .map(|(n, item)| part(item, &format!("{field}[{n}]"), role, reading))
        .collect()
}

fn part(raw: &RawValue, at: &str, role: Role, reading: &mut Reading) -> Result<Part, Malformed> {
    let (mut kind, mut value, mut cache) = (None, None, None);
    let mut others = Vec::new();
    for (key, member) in Members::read(raw, at)
        .map_err(|_| wrong(at, "must be a content part: an object with a `type`"))?
        .each()
    {
        match &*key {
            "type" => kind = Some(word(member, &format!("{at}.type"))?),
            "cache_control" => cache = Some(cache_control(member, at)?),
            "text" | "image_url" | "file" | "input_audio" | "refusal" if value.is_none() => {
                value = Some((key, member))
            }
            _ => others.push(key),
        }
    }
    for key in others {
        reading.dropped.name("messages.content", &key);
    }
    let Some(kind) = kind else { return Err(wrong(format!("{at}.type"), "is missing: send `text`")) };
    let member = value.filter(|(key, _)| *key == kind).map(|(_, member)| member);
    let needed = |what: &str| wrong(format!("{at}.{kind}"), format!("is missing: a {kind} part has {what}"));
    let content = match (&*kind, role) {
        ("text", _) => {
            let member = member.ok_or_else(|| needed("a string `text`"))?;
            Content::Text(text(member, reading.body, || format!("{at}.text"))?)
        }
        ("refusal", Role::Assistant) => {
            let member = member.ok_or_else(|| needed("a string `refusal`"))?;
            Content::Refusal(text(member, reading.body, || format!("{at}.refusal"))?)
        }
        ("image_url", Role::User | Role::Tool) => {
            image(member.ok_or_else(|| needed("an object `image_url` with a `url`"))?, at, reading)?
        }
        ("file", Role::User) => {
            file(member.ok_or_else(|| needed("an object `file` with `file_data`"))?, at, reading)?
        }
        ("input_audio", Role::User) => audio(
            member.ok_or_else(|| needed("an object `input_audio` with `data` and `format`"))?,
            at,
            reading,
        )?,
        _ => return refuse(at, "type"),
    };
    Ok(Part { content, cache })
}

fn image(raw: &RawValue, at: &str, reading: &mut Reading) -> Result<Content, Malformed> {
    let at = format!("{at}.image_url");
    let (mut url, mut detail) = (None, None);
    for (key, value) in Members::read(raw, &at)?.each() {
        match &*key {
            "url" => url = Some(text(value, reading.body, || format!("{at}.url"))?),
            "detail" => detail = Some(text(value, reading.body, || format!("{at}.detail"))?),
            key => reading.dropped.name("messages.content.image_url", key),
        }
    }
    let Some(url) = url else { return Err(wrong(format!("{at}.url"), "is missing")) };
    let source = source(url, &format!("{at}.url"))?;
    Ok(Content::Image(Media { source, name: None, detail }))
}

fn file(raw: &RawValue, at: &str, reading: &mut Reading) -> Result<Content, Malformed> {
    let at = format!("{at}.file");
    let (mut data, mut name) = (None, None);
    for (key, value) in Members::read(raw, &at)?.each() {
        match &*key {
            "file_data" => data = Some(text(value, reading.body, || format!("{at}.file_data"))?),
            "filename" => name = Some(text(value, reading.body, || format!("{at}.filename"))?),
            // A file kept at one provider: no other has it, and nobody could look into it.
            "file_id" => return refuse(&at, "file_id"),
            key => reading.dropped.name("messages.content.file", key),
        }
    }
    let Some(data) = data else {
        return Err(wrong(format!("{at}.file_data"), "is missing: send a data URL"));
    };
    match source(data, &format!("{at}.file_data"))? {
        source @ Source::Base64 { .. } => Ok(Content::Document(Media { source, name, detail: None })),
        _ => Err(wrong(format!("{at}.file_data"), "must be a data URL, like data:application/pdf;base64,…")),
    }
}

fn audio(raw: &RawValue, at: &str, reading: &mut Reading) -> Result<Content, Malformed> {
    let at = format!("{at}.input_audio");
    let (mut data, mut format) = (None, None);
    for (key, value) in Members::read(raw, &at)?.each() {
        match &*key {
            "data" => data = Some(text(value, reading.body, || format!("{at}.data"))?),
            "format" => format = Some(word(value, &format!("{at}.format"))?),
            key => reading.dropped.name("messages.content.input_audio", key),
        }
    }
    let media_type = match format.as_deref() {
        Some("wav") => "audio/wav",
        Some("mp3") => "audio/mp3",
        _ => return Err(wrong(format!("{at}.format"), "must be wav or mp3")),
    };
    let Some(data) = data else { return Err(wrong(format!("{at}.data"), "is missing")) };
    let data = base64(&data).ok_or_else(|| wrong(format!("{at}.data"), "must be base64"))?;
    let source = Source::Base64 { media_type: media_type.to_owned(), data };
    Ok(Content::Audio(Media { source, name: None, detail: None }))
}

/// A data URL (RFC 2397, base64 only) taken apart, or an address that the provider fetches.
fn source(url: Text, at: &str) -> Result<Source, Malformed> {
    let plain = url.decoded();
    let Some(rest) = plain.strip_prefix("data:") else {
        return if plain.starts_with("https://") || plain.starts_with("http://") {
            drop(plain);
            Ok(Source::Url { media_type: None, url })
        } else {
            Err(wrong(at, "must be an http(s) address or a data URL"))
        };
    };
    let malformed =
        || wrong(at, "must be a data URL with a media type and base64, like data:image/png;base64,…");
    let (media_type, encoded) = rest.split_once(";base64,").ok_or_else(malformed)?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'+' | b'.');
    if media_type.is_empty() || !media_type.bytes().all(legal) {
        return Err(malformed());
    }
    let skip = plain.len() - encoded.len();
    let data = match &plain {
        // Without escapes the data is a slice of the literal.
        Cow::Borrowed(_) => url.inner_bytes().slice(skip..),
        Cow::Owned(_) => Bytes::copy_from_slice(encoded.as_bytes()),
    };
    if is_base64(&data) {
        Ok(Source::Base64 { media_type: media_type.to_owned(), data })
    } else {
        Err(malformed())
    }
}

fn base64(text: &Text) -> Option<Bytes> {
    let data = match text.decoded() {
        Cow::Borrowed(_) => text.inner_bytes(),
        Cow::Owned(plain) => Bytes::from(plain),
    };
    is_base64(&data).then_some(data)
}

fn is_base64(data: &[u8]) -> bool {
    data.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_'))
}
