//! Reads the request body that OpenAI's dialect and the native one share: the fields by hand, so that an
//! unknown one is named, a known one that we cannot serve is refused, and an error names its path.

use crate::dialect::{Asked, Malformed};
use crate::json::{self, Flaw};
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Hint, Part, Role, Text, Turn};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Which of the two is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenAi,
    Native,
}

/// Decodes a body; every text in the result is a slice of it.
pub(crate) fn decode(body: &Bytes, dialect: Dialect) -> Result<Asked, Malformed> {
    json::check(body).map_err(|flaw| flawed(body, &flaw))?;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = BodySeed { dialect }.deserialize(&mut reader).and_then(|raw| reader.end().map(|()| raw));
    match read {
        Ok(raw) => raw.into_asked(body, dialect),
        Err(error) => Err(explain(body, dialect, &error)),
    }
}

fn flawed(body: &[u8], flaw: &Flaw) -> Malformed {
    let (line, column) = json::position(body, flaw.at());
    Malformed::Json { line, column, problem: flaw.to_string().into() }
}

/// Turns a parser's error into ours. Reads the body a second time to learn the path, which the fast
/// reading does not keep; a value never enters the message.
fn explain(body: &[u8], dialect: Dialect, error: &serde_json::Error) -> Malformed {
    if !error.is_data() {
        let full = error.to_string();
        let problem = full.split(" at line ").next().unwrap_or("it does not parse").to_owned();
        return Malformed::Json { line: error.line(), column: error.column(), problem: problem.into() };
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let _already_failed = BodySeed { dialect }.deserialize(tracked);
    let field = match track.path().to_string() {
        path if path == "." => "body".to_owned(),
        path => path,
    };
    Malformed::Field { field, problem: expectation(&error.to_string()).into() }
}

/// serde's `invalid type: string "…", expected f64 at line 1 column 9` without the value, which is the caller's.
fn expectation(message: &str) -> String {
    let expected = message.rfind("expected ").map(|at| &message[at + "expected ".len()..]);
    let expected = expected.map(|rest| rest.rsplit_once(" at line ").map_or(rest, |(what, _)| what));
    let expected = match expected {
        Some("f64") => "a number",
        Some("u64") => "a whole number, not negative",
        Some("i64") => "a whole number",
        Some("a boolean") => "true or false",
        Some("a sequence") => "a list",
        Some(other) => other,
        None => "a value of the documented type",
    };
    format!("must be {expected}")
}

/// The body's fields as they stand; checked by [`Raw::into_asked`].
#[derive(Default)]
struct Raw<'a> {
    messages: Option<Vec<Message<'a>>>,
    model: Option<Cow<'a, str>>,
    provider: Option<Cow<'a, str>>,
    team_id: Option<Cow<'a, str>>,
    fallback: Option<bool>,
    stream: Option<bool>,
    include_usage: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    seed: Option<i64>,
    stop: Option<&'a RawValue>,
    user: Option<&'a RawValue>,
    hints: Vec<(&'static str, &'a RawValue)>,
    metadata: bool,
    unsupported: Option<&'static str>,
    unknown: Vec<Cow<'static, str>>,
}

struct Message<'a> {
    role: Option<Cow<'a, str>>,
    content: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    unsupported: Option<&'static str>,
    unknown: Vec<Cow<'static, str>>,
}

#[derive(Clone, Copy)]
struct BodySeed {
    dialect: Dialect,
}

impl<'de> DeserializeSeed<'de> for BodySeed {
    type Value = Raw<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BodySeed {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Raw<'de>, M::Error> {
        let mut raw = Raw::default();
        while let Some(Key(key)) = map.next_key()? {
            match &*key {
                "messages" => raw.messages = map.next_value()?,
                "model" => raw.model = map.next_value::<Option<Str>>()?.map(|s| s.0),
                "stream" => raw.stream = map.next_value()?,
                "max_tokens" => raw.max_tokens = map.next_value()?,
                "temperature" => raw.temperature = map.next_value()?,
                "top_p" => raw.top_p = map.next_value()?,
                "presence_penalty" => raw.presence_penalty = map.next_value()?,
                "frequency_penalty" => raw.frequency_penalty = map.next_value()?,
                "seed" => raw.seed = map.next_value()?,
                "stop" => raw.stop = map.next_value()?,
                "user" => raw.user = map.next_value()?,
                key => self.rare(key, &mut raw, &mut map)?,
            }
        }
        Ok(raw)
    }
}

/// Fields of OpenAI's request that a later version brings, with the value that asks for nothing.
const UNSUPPORTED: [(&str, &[&str]); 24] = [
    ("tools", &[]),
    ("tool_choice", &["\"none\""]),
    ("parallel_tool_calls", &[]),
    ("functions", &[]),
    ("function_call", &["\"none\""]),
    ("response_format", &[]),
    ("reasoning_effort", &[]),
    ("reasoning", &[]),
    ("thinking", &[]),
    ("modalities", &["[\"text\"]"]),
    ("audio", &[]),
    ("logprobs", &["false"]),
    ("top_logprobs", &["0"]),
    ("n", &["1"]),
    ("prediction", &[]),
    ("service_tier", &["\"auto\"", "\"default\""]),
    ("verbosity", &["\"medium\""]),
    ("web_search_options", &[]),
    ("store", &["false"]),
    ("moderation", &[]),
    ("prompt_cache_retention", &[]),
    ("prompt_cache_options", &[]),
    ("capability", &[]),
    ("plugins", &[]),
];

impl BodySeed {
    fn rare<'de, M: MapAccess<'de>>(
        self,
        key: &str,
        raw: &mut Raw<'de>,
        map: &mut M,
    ) -> Result<(), M::Error> {
        let native = self.dialect == Dialect::Native;
        match key {
            "max_completion_tokens" => raw.max_completion_tokens = map.next_value()?,
            "stream_options" => raw.stream_options(map.next_value()?),
            "logit_bias" => raw.hint("logit_bias", map.next_value()?),
            "safety_identifier" => raw.hint("safety_identifier", map.next_value()?),
            "prompt_cache_key" => raw.hint("prompt_cache_key", map.next_value()?),
            "provider" if native => raw.provider = map.next_value::<Option<Str>>()?.map(|s| s.0),
            "team_id" if native => raw.team_id = map.next_value::<Option<Str>>()?.map(|s| s.0),
            "fallback" if native => raw.fallback = map.next_value()?,
            "metadata" => {
                let value: Option<&RawValue> = map.next_value()?;
                match value {
                    Some(_) if native => raw.metadata = true,
                    Some(_) => raw.unsupported = raw.unsupported.or(Some("metadata")),
                    None => {}
                }
            }
            key => match UNSUPPORTED.iter().find(|(name, _)| *name == key) {
                Some((name, neutral)) => {
                    let value: Option<&RawValue> = map.next_value()?;
                    if value.is_some_and(|v| !is_neutral(name, v, neutral)) {
                        raw.unsupported = raw.unsupported.or(Some(name));
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    raw.unknown.push(path("", key));
                }
            },
        }
        Ok(())
    }
}

fn is_neutral(name: &str, value: &RawValue, neutral: &[&str]) -> bool {
    if neutral.contains(&value.get()) {
        return true;
    }
    let compact: String = value.get().chars().filter(|c| !c.is_ascii_whitespace()).collect();
    neutral.contains(&compact.as_str()) || (name == "response_format" && compact == r#"{"type":"text"}"#)
}

impl<'a> Raw<'a> {
    fn hint(&mut self, name: &'static str, value: Option<&'a RawValue>) {
        self.hints.extend(value.map(|value| (name, value)));
    }

    fn stream_options(&mut self, options: Option<StreamOptions>) {
        if let Some(options) = options {
            self.include_usage = options.include_usage.unwrap_or(false);
            self.unknown.extend(options.unknown);
        }
    }

    fn into_asked(self, body: &Bytes, dialect: Dialect) -> Result<Asked, Malformed> {
        if let Some(field) = self.unsupported {
            return Err(unsupported(field.to_owned()));
        }
        let mut asked = Asked { dropped: self.unknown, ..Asked::default() };
        let messages =
            self.messages.ok_or_else(|| wrong("messages", "is missing: send at least one message"))?;
        if messages.is_empty() {
            return Err(wrong("messages", "is empty: send at least one message"));
        }
        asked.conversation =
            Conversation { turns: Vec::with_capacity(messages.len()), ..Conversation::default() };
        for (index, message) in messages.into_iter().enumerate() {
            let turn = message.into_turn(index, body, &mut asked.dropped)?;
            asked.conversation.turns.push(turn);
        }
        let sampling = &mut asked.conversation.sampling;
        sampling.max_output = bound(self.max_tokens, self.max_completion_tokens)?;
        sampling.temperature = within("temperature", self.temperature, 0.0, 2.0)?;
        sampling.top_p = within("top_p", self.top_p, 0.0, 1.0)?;
        sampling.presence_penalty = within("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        sampling.frequency_penalty = within("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?;
        sampling.seed = self.seed;
        sampling.stop = stop(self.stop, body)?;
        sampling.user = self.user.map(|raw| text(raw, body, || "user".to_owned())).transpose()?;
        for (name, raw) in self.hints {
            sampling.hints.push(hint(name, raw, body)?);
        }
        asked.model = self.model.map(Cow::into_owned);
        if asked.model.as_deref() == Some("") {
            return Err(wrong("model", "is empty: name a model, or leave the field out"));
        }
        asked.provider = self.provider.map(Cow::into_owned);
        asked.team_id = self.team_id.map(Cow::into_owned);
        asked.fallback = self.fallback;
        asked.stream = self.stream.unwrap_or(false);
        asked.include_usage = self.include_usage;
        if self.metadata {
            asked.dropped.push("metadata".into());
            asked.warnings.push("`metadata` is not recorded by this version".to_owned());
        }
        if dialect == Dialect::Native {
            let unknown = asked.dropped.iter().filter(|name| *name != "metadata");
            asked
                .warnings
                .extend(unknown.map(|name| format!("`{name}` is not a known field and was dropped")));
        }
        Ok(asked)
    }
}

/// The newer name wins over the older where both stand.
fn bound(max_tokens: Option<u64>, max_completion_tokens: Option<u64>) -> Result<Option<u64>, Malformed> {
    for (field, value) in [("max_tokens", max_tokens), ("max_completion_tokens", max_completion_tokens)] {
        if value == Some(0) {
            return Err(wrong(field, "must be at least 1"));
        }
    }
    Ok(max_completion_tokens.or(max_tokens))
}

fn within(field: &str, value: Option<f64>, low: f64, high: f64) -> Result<Option<f64>, Malformed> {
    match value {
        Some(number) if !(low..=high).contains(&number) => {
            Err(wrong(field, format!("must be a number from {low} to {high}")))
        }
        value => Ok(value),
    }
}

/// OpenAI takes one string or up to four.
fn stop(raw: Option<&RawValue>, body: &Bytes) -> Result<Vec<Text>, Malformed> {
    let Some(raw) = raw else { return Ok(Vec::new()) };
    if raw.get().starts_with('"') {
        return Ok(vec![text(raw, body, || "stop".to_owned())?]);
    }
    let items: Vec<&RawValue> = serde_json::from_str(raw.get())
        .map_err(|_| wrong("stop", "must be a string or a list of strings"))?;
    if items.len() > 4 {
        return Err(wrong("stop", "has more than 4 sequences"));
    }
    items.into_iter().enumerate().map(|(n, item)| text(item, body, || format!("stop[{n}]"))).collect()
}

fn hint(name: &'static str, raw: &RawValue, body: &Bytes) -> Result<Hint, Malformed> {
    let (first, must_be) = match name {
        "logit_bias" => ('{', "must be an object of token ids and numbers"),
        _ => ('"', "must be a string"),
    };
    if !raw.get().starts_with(first) {
        return Err(wrong(name, must_be));
    }
    Ok(Hint { name, json: body.slice_ref(raw.get().as_bytes()) })
}

impl<'a> Message<'a> {
    fn into_turn(
        self,
        index: usize,
        body: &Bytes,
        dropped: &mut Vec<Cow<'static, str>>,
    ) -> Result<Turn, Malformed> {
        let at = |field: &str| format!("messages[{index}].{field}");
        if let Some(field) = self.unsupported {
            return Err(unsupported(at(field)));
        }
        let role = match self.role.as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            Some("tool" | "function") => return Err(unsupported(at("role"))),
            Some(_) => return Err(wrong(at("role"), "must be one of system, developer, user, assistant")),
            None => return Err(wrong(at("role"), "is missing: system, developer, user or assistant")),
        };
        for name in self.unknown {
            if !dropped.contains(&name) {
                dropped.push(name);
            }
        }
        let parts = match self.content {
            Some(raw) if raw.get().starts_with('"') => vec![Part::text(text(raw, body, || at("content"))?)],
            Some(raw) => parts(raw, index, body, dropped)?,
            None => return Err(wrong(at("content"), "must be a string or a list of text parts")),
        };
        let name = self.name.map(|raw| text(raw, body, || at("name"))).transpose()?;
        Ok(Turn { role, parts, name })
    }
}

fn parts(
    raw: &RawValue,
    message: usize,
    body: &Bytes,
    dropped: &mut Vec<Cow<'static, str>>,
) -> Result<Vec<Part>, Malformed> {
    let field = format!("messages[{message}].content");
    let items: Vec<ContentPart> = serde_json::from_str(raw.get()).map_err(|_| {
        wrong(field.as_str(), "must be a string or a list of parts, each an object with a `type`")
    })?;
    if items.is_empty() {
        return Err(wrong(field, "is empty: send a string or at least one part"));
    }
    let mut parts = Vec::with_capacity(items.len());
    for (n, item) in items.into_iter().enumerate() {
        let field = format!("{field}[{n}]");
        match item.kind.as_deref() {
            Some("text") => {}
            Some(_) => return Err(unsupported(format!("{field}.type"))),
            None => return Err(wrong(format!("{field}.type"), "is missing: send `text`")),
        }
        let Some(found) = item.text else {
            return Err(wrong(format!("{field}.text"), "is missing: a text part has a string `text`"));
        };
        parts.push(Part::text(text(found, body, || format!("{field}.text"))?));
        for name in item.unknown {
            if !dropped.contains(&name) {
                dropped.push(name);
            }
        }
    }
    Ok(parts)
}

fn text(raw: &RawValue, body: &Bytes, field: impl Fn() -> String) -> Result<Text, Malformed> {
    Text::from_json(body.slice_ref(raw.get().as_bytes())).ok_or_else(|| wrong(field(), "must be a string"))
}

fn wrong(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Malformed {
    Malformed::Field { field: field.into(), problem: problem.into() }
}

fn unsupported(field: String) -> Malformed {
    Malformed::Unsupported { field, mend: " by this version of the gateway: leave it out".into() }
}

/// A field's path for `x-gateway-dropped-params`. A key is the caller's text: one that does not look
/// like a field's name is not repeated.
fn path(parent: &str, key: &str) -> Cow<'static, str> {
    let plain = !key.is_empty()
        && key.len() <= 64
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let key = if plain { key } else { "?" };
    if parent.is_empty() { key.to_owned().into() } else { format!("{parent}.{key}").into() }
}

/// An object's key, borrowed where it has no escape.
struct Key<'a>(Cow<'a, str>);

/// A string value, borrowed where it has no escape.
struct Str<'a>(Cow<'a, str>);

struct CowVisitor;

impl<'de> Visitor<'de> for CowVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, s: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(s))
    }

    fn visit_str<E: Error>(self, s: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(s.to_owned()))
    }
}

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(CowVisitor).map(Key)
    }
}

impl<'de> serde::Deserialize<'de> for Str<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(CowVisitor).map(Str)
    }
}

/// Message fields of later versions; `null` (and an empty list, which SDKs send) asks for nothing.
const MESSAGE_UNSUPPORTED: [&str; 7] =
    ["tool_calls", "tool_call_id", "function_call", "audio", "refusal", "reasoning_content", "reasoning"];

impl<'de> serde::Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Message<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a message object with `role` and `content`")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Message<'de>, M::Error> {
                let mut message =
                    Message { role: None, content: None, name: None, unsupported: None, unknown: Vec::new() };
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "role" => message.role = map.next_value::<Option<Str>>()?.map(|s| s.0),
                        "content" => message.content = map.next_value()?,
                        "name" => message.name = map.next_value()?,
                        key => match MESSAGE_UNSUPPORTED.iter().find(|name| **name == key) {
                            Some(name) => {
                                let value: Option<&RawValue> = map.next_value()?;
                                if value.is_some_and(|v| v.get() != "[]") {
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

struct ContentPart<'a> {
    kind: Option<Cow<'a, str>>,
    text: Option<&'a RawValue>,
    unknown: Vec<Cow<'static, str>>,
}

impl<'de> serde::Deserialize<'de> for ContentPart<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = ContentPart<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a content part: an object with a `type`")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ContentPart<'de>, M::Error> {
                let mut part = ContentPart { kind: None, text: None, unknown: Vec::new() };
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "type" => part.kind = map.next_value::<Option<Str>>()?.map(|s| s.0),
                        "text" => part.text = map.next_value()?,
                        key => {
                            map.next_value::<IgnoredAny>()?;
                            part.unknown.push(path("messages.content", key));
                        }
                    }
                }
                Ok(part)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

struct StreamOptions {
    include_usage: Option<bool>,
    unknown: Vec<Cow<'static, str>>,
}

impl<'de> serde::Deserialize<'de> for StreamOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = StreamOptions;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object with `include_usage`")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<StreamOptions, M::Error> {
                let mut options = StreamOptions { include_usage: None, unknown: Vec::new() };
                while let Some(Key(key)) = map.next_key()? {
                    match &*key {
                        "include_usage" => options.include_usage = map.next_value()?,
                        // Padding against traffic analysis, of the provider's own stream; ours has none.
                        key => {
                            map.next_value::<IgnoredAny>()?;
                            options.unknown.push(path("stream_options", key));
                        }
                    }
                }
                Ok(options)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
