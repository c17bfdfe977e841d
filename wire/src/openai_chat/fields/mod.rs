//! Reads the request body that OpenAI's dialect and the native one share: the fields by hand, so that an
//! unknown one is named, a known one that we cannot serve is refused, and an error names its path.

//!
//! | module | reads |
//! |---|---|
//! | `messages` | roles, parts, tool calls and results |
//! | `wishes` | tools, output format, reasoning |
//! | `object` | nested objects in general |

mod messages;
mod object;
mod wishes;

use crate::dialect::{Asked, Malformed};
use crate::json::{self, Flaw};
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Hint, Text, ToolChoice};
use messages::{Message, Reading};
use object::text;
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
    let text = json::check(body).map_err(|flaw| flawed(body, &flaw))?;
    let mut reader = serde_json::Deserializer::from_str(text);
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
    tools: Option<&'a RawValue>,
    tool_choice: Option<&'a RawValue>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<&'a RawValue>,
    reasoning_effort: Option<&'a RawValue>,
    service_tier: Option<&'a RawValue>,
    n: Option<u64>,
    top_k: Option<u64>,
    metadata: bool,
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
                "tools" => raw.tools = map.next_value()?,
                "tool_choice" => raw.tool_choice = map.next_value()?,
                "response_format" => raw.response_format = map.next_value()?,
                "user" => raw.user = map.next_value()?,
                key => self.rare(key, &mut raw, &mut map)?,
            }
        }
        Ok(raw)
    }
}

/// Fields of OpenAI's request that a later version brings, with the value that asks for nothing.
const UNSUPPORTED: [(&str, &[&str]); 16] = [
    ("functions", &[]),
    ("function_call", &["\"none\""]),
    ("reasoning", &[]),
    ("thinking", &[]),
    ("modalities", &["[\"text\"]"]),
    ("audio", &[]),
    ("logprobs", &["false"]),
    ("top_logprobs", &["0"]),
    ("prediction", &[]),
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
            "parallel_tool_calls" => raw.parallel_tool_calls = map.next_value()?,
            "reasoning_effort" => raw.reasoning_effort = map.next_value()?,
            "service_tier" => raw.service_tier = map.next_value()?,
            "n" => raw.n = map.next_value()?,
            "top_k" => raw.top_k = map.next_value()?,
            "verbosity" => raw.hint("verbosity", map.next_value()?),
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
                    if value.is_some_and(|v| !is_neutral(v, neutral)) {
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

fn is_neutral(value: &RawValue, neutral: &[&str]) -> bool {
    if neutral.contains(&value.get()) {
        return true;
    }
    let compact: String = value.get().chars().filter(|c| !c.is_ascii_whitespace()).collect();
    neutral.contains(&compact.as_str())
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
        let mut dropped = Dropped(self.unknown);
        let messages =
            self.messages.ok_or_else(|| wrong("messages", "is missing: send at least one message"))?;
        if messages.is_empty() {
            return Err(wrong("messages", "is empty: send at least one message"));
        }
        let mut conversation =
            Conversation { turns: Vec::with_capacity(messages.len()), ..Conversation::default() };
        let mut reading = Reading { body, dialect, dropped: &mut dropped };
        for (index, message) in messages.into_iter().enumerate() {
            conversation.turns.push(message.into_turn(index, &mut reading)?);
        }
        if let Some(raw) = self.tools {
            conversation.tools = wishes::tools(raw, body, &mut dropped)?;
        }
        conversation.tool_choice = self.tool_choice.map(|raw| wishes::tool_choice(raw, body)).transpose()?;
        conversation.parallel_tools = self.parallel_tool_calls;
        if let Some(raw) = self.response_format {
            conversation.output = wishes::response_format(raw, body, &mut dropped)?;
        }
        conversation.reasoning = self.reasoning_effort.map(wishes::reasoning_effort).transpose()?;
        if conversation.tools.is_empty() && conversation.tool_choice.as_ref().is_some_and(asks_for_a_call) {
            return Err(wrong("tool_choice", "asks for a tool, and `tools` offers none"));
        }
        let sampling = &mut conversation.sampling;
        sampling.max_output = bound(self.max_tokens, self.max_completion_tokens)?;
        sampling.temperature = within("temperature", self.temperature, 0.0, 2.0)?;
        sampling.top_p = within("top_p", self.top_p, 0.0, 1.0)?;
        sampling.presence_penalty = within("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        sampling.frequency_penalty = within("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?;
        sampling.seed = self.seed;
        sampling.top_k = self.top_k;
        sampling.choices = choices(self.n, dialect)?;
        sampling.service_tier = self.service_tier.map(wishes::service_tier).transpose()?.flatten();
        sampling.stop = stop(self.stop, body)?;
        sampling.user = self.user.map(|raw| text(raw, body, || "user".to_owned())).transpose()?;
        for (name, raw) in self.hints {
            sampling.hints.push(hint(name, raw, body)?);
        }
        let mut asked = Asked { conversation, dropped: dropped.0, ..Asked::default() };
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

fn asks_for_a_call(choice: &ToolChoice) -> bool {
    matches!(choice, ToolChoice::Required | ToolChoice::Named(_))
}

/// OpenAI makes up to 128 choices; the native dialect has a place for one.
fn choices(n: Option<u64>, dialect: Dialect) -> Result<Option<u32>, Malformed> {
    match n {
        None | Some(1) => Ok(None),
        Some(n @ 2..=128) if dialect == Dialect::OpenAi => Ok(u32::try_from(n).ok()),
        Some(_) if dialect == Dialect::Native => Err(unsupported("n".to_owned())),
        Some(_) => Err(wrong("n", "must be a whole number from 1 to 128")),
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

fn wrong(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Malformed {
    Malformed::Field { field: field.into(), problem: problem.into() }
}

fn unsupported(field: String) -> Malformed {
    Malformed::Unsupported { field, mend: " by this version of the gateway: leave it out".into() }
}

/// Names of fields that are not passed on, each once.
pub(super) struct Dropped(Vec<Cow<'static, str>>);

impl Dropped {
    fn name(&mut self, parent: &str, key: &str) {
        self.all([path(parent, key)]);
    }

    fn all(&mut self, names: impl IntoIterator<Item = Cow<'static, str>>) {
        for name in names {
            if !self.0.contains(&name) {
                self.0.push(name);
            }
        }
    }
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
