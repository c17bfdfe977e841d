//! The body's own fields.

use super::messages::Message;
use super::{Dialect, output, tools};
use crate::body::{LEAVE_OUT, Reading, Str, path, unsupported, wrong};
use crate::dialect::{Asked, Malformed};
use crate::metadata::{Metadata, Others};
use bytes::Bytes;
use gateway_core::conversation::Sampling;
use gateway_core::routing::Capability;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The body's fields as they stand; checked by [`Raw::into_asked`].
#[derive(Default)]
pub(super) struct Raw<'a> {
    messages: Option<Vec<Message<'a>>>,
    model: Option<Cow<'a, str>>,
    provider: Option<Cow<'a, str>>,
    capability: Option<Cow<'a, str>>,
    team_id: Option<Cow<'a, str>>,
    fallback: Option<bool>,
    stream: Option<bool>,
    include_usage: bool,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    seed: Option<i64>,
    n: Option<u64>,
    stop: Option<&'a RawValue>,
    user: Option<&'a RawValue>,
    tools: Option<&'a RawValue>,
    tool_choice: Option<&'a RawValue>,
    parallel_tool_calls: Option<bool>,
    response_format: Option<&'a RawValue>,
    reasoning_effort: Option<Cow<'a, str>>,
    service_tier: Option<Cow<'a, str>>,
    hints: Vec<(&'static str, &'a RawValue)>,
    metadata: Option<&'a RawValue>,
    unsupported: Option<(&'static str, &'static str)>,
    unknown: Vec<Cow<'static, str>>,
}

#[derive(Clone, Copy)]
pub(super) struct Seed {
    pub dialect: Dialect,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Raw<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Raw<'de>, M::Error> {
        let mut raw = Raw::default();
        while let Some(Str(key)) = map.next_key()? {
            match &*key {
                "messages" => raw.messages = map.next_value()?,
                "model" => raw.model = string(&mut map)?,
                "stream" => raw.stream = map.next_value()?,
                "stream_options" => raw.stream_options(map.next_value()?),
                "max_tokens" => raw.max_tokens = map.next_value()?,
                "max_completion_tokens" => raw.max_completion_tokens = map.next_value()?,
                "temperature" => raw.temperature = map.next_value()?,
                "top_p" => raw.top_p = map.next_value()?,
                "top_k" => raw.top_k = map.next_value()?,
                "presence_penalty" => raw.presence_penalty = map.next_value()?,
                "frequency_penalty" => raw.frequency_penalty = map.next_value()?,
                "seed" => raw.seed = map.next_value()?,
                "n" => raw.n = map.next_value()?,
                "stop" => raw.stop = map.next_value()?,
                "user" => raw.user = map.next_value()?,
                "tools" => raw.tools = map.next_value()?,
                "tool_choice" => raw.tool_choice = map.next_value()?,
                "parallel_tool_calls" => raw.parallel_tool_calls = map.next_value()?,
                "response_format" => raw.response_format = map.next_value()?,
                "reasoning_effort" => raw.reasoning_effort = string(&mut map)?,
                "service_tier" => raw.service_tier = string(&mut map)?,
                key => self.rare(key, &mut raw, &mut map)?,
            }
        }
        Ok(raw)
    }
}

/// A string or null.
fn string<'de, M: MapAccess<'de>>(map: &mut M) -> Result<Option<Cow<'de, str>>, M::Error> {
    Ok(map.next_value::<Option<Str>>()?.map(|text| text.0))
}

/// Hints that only OpenAI's dialect has; each is copied as it stands.
const HINTS: [&str; 5] =
    ["logit_bias", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "verbosity"];

const USE_TOOLS: &str = ": send `tools` and `tool_choice` in its place";
const USE_AUTO: &str = ": send `model` as `auto:code`, for one, in its place";
const USE_EFFORT: &str = ": send `reasoning_effort` in its place";

/// Fields whose meaning we know and do not serve: the values that ask for nothing, and how to do without.
const UNSUPPORTED: [(&str, &[&str], &str); 15] = [
    ("functions", &["[]"], USE_TOOLS),
    ("function_call", &["\"none\""], USE_TOOLS),
    ("reasoning", &[], USE_EFFORT),
    ("thinking", &[], USE_EFFORT),
    ("modalities", &["[\"text\"]"], LEAVE_OUT),
    ("audio", &[], LEAVE_OUT),
    ("logprobs", &["false"], LEAVE_OUT),
    ("top_logprobs", &["0"], LEAVE_OUT),
    ("prediction", &[], LEAVE_OUT),
    ("web_search_options", &[], LEAVE_OUT),
    ("store", &["false"], LEAVE_OUT),
    ("moderation", &[], LEAVE_OUT),
    ("prompt_cache_options", &[], LEAVE_OUT),
    ("capability", &[], USE_AUTO),
    ("plugins", &[], LEAVE_OUT),
];

impl Seed {
    fn rare<'de, M: MapAccess<'de>>(
        self,
        key: &str,
        raw: &mut Raw<'de>,
        map: &mut M,
    ) -> Result<(), M::Error> {
        let native = self.dialect == Dialect::Native;
        match key {
            "provider" if native => raw.provider = string(map)?,
            "capability" if native => raw.capability = string(map)?,
            "team_id" if native => raw.team_id = string(map)?,
            "fallback" if native => raw.fallback = map.next_value()?,
            "metadata" => raw.metadata = map.next_value()?,
            key => self.listed(key, raw, map)?,
        }
        Ok(())
    }

    /// A field that one of the lists names, or nobody.
    fn listed<'de, M: MapAccess<'de>>(
        self,
        key: &str,
        raw: &mut Raw<'de>,
        map: &mut M,
    ) -> Result<(), M::Error> {
        if let Some(name) = HINTS.iter().find(|name| **name == key) {
            let value: Option<&RawValue> = map.next_value()?;
            raw.hints.extend(value.map(|value| (*name, value)));
        } else if let Some((name, neutral, mend)) = UNSUPPORTED.iter().find(|(name, ..)| *name == key) {
            let value: Option<&RawValue> = map.next_value()?;
            if value.is_some_and(|value| !is_neutral(value, neutral)) {
                raw.refuse(name, mend);
            }
        } else {
            map.next_value::<IgnoredAny>()?;
            raw.unknown.push(path("", key));
        }
        Ok(())
    }
}

fn is_neutral(value: &RawValue, neutral: &[&str]) -> bool {
    let compact: String = value.get().chars().filter(|c| !c.is_ascii_whitespace()).collect();
    neutral.contains(&compact.as_str())
}

impl<'a> Raw<'a> {
    /// The first one is told; the others wait for the caller's next try.
    fn refuse(&mut self, field: &'static str, mend: &'static str) {
        self.unsupported = self.unsupported.or(Some((field, mend)));
    }

    fn stream_options(&mut self, options: Option<StreamOptions>) {
        if let Some(options) = options {
            self.include_usage = options.include_usage.unwrap_or(false);
            self.unknown.extend(options.unknown);
        }
    }

    pub(super) fn into_asked(mut self, body: &Bytes, dialect: Dialect) -> Result<Asked, Malformed> {
        if let Some((field, mend)) = self.unsupported {
            return Err(unsupported(field, mend));
        }
        let dropped = std::mem::take(&mut self.unknown);
        let mut reading = Reading { body, dropped };
        let mut asked = Asked::default();
        let messages = match self.messages.take() {
            Some(messages) if messages.is_empty() => {
                return Err(wrong("messages", "is empty: send at least one message"));
            }
            Some(messages) => messages,
            None => return Err(wrong("messages", "is missing: send at least one message")),
        };
        let conversation = &mut asked.conversation;
        conversation.turns.reserve_exact(messages.len());
        for (index, message) in messages.into_iter().enumerate() {
            conversation.turns.push(message.into_turn(index, dialect, &mut reading)?);
        }
        conversation.tools = tools::offered(self.tools, &mut reading)?;
        conversation.tool_choice = tools::choice(self.tool_choice, &conversation.tools, &mut reading)?;
        conversation.parallel_tools = self.parallel_tool_calls.filter(|_| !conversation.tools.is_empty());
        conversation.output = output::format(self.response_format, &mut reading)?;
        conversation.reasoning = output::reasoning(self.reasoning_effort.as_deref())?;
        conversation.sampling = self.sampling(dialect, &reading)?;
        self.address(&mut asked)?;
        if let Some(raw) = self.metadata {
            let others = if dialect == Dialect::Native { Others::Dropped } else { Others::Refused };
            asked.metadata = Some(Metadata::new(reading.slice(raw), others));
        }
        asked.dropped = reading.dropped;
        if dialect == Dialect::Native {
            let warnings =
                asked.dropped.iter().map(|name| format!("`{name}` is not a known field and was dropped"));
            asked.warnings.extend(warnings);
        }
        Ok(asked)
    }

    /// Whom the caller wants to answer, and how the answer is to travel.
    fn address(&mut self, asked: &mut Asked) -> Result<(), Malformed> {
        asked.model = self.model.take().map(Cow::into_owned);
        if asked.model.as_deref() == Some("") {
            return Err(wrong("model", "is empty: name a model, or leave the field out"));
        }
        asked.provider = self.provider.take().map(Cow::into_owned);
        asked.capability = self.capability.take().map(|word| capability(&word)).transpose()?;
        asked.team_id = self.team_id.take().map(Cow::into_owned);
        asked.fallback = self.fallback;
        asked.stream = self.stream.unwrap_or(false);
        asked.include_usage = self.include_usage;
        Ok(())
    }

    fn sampling(&mut self, dialect: Dialect, reading: &Reading) -> Result<Sampling, Malformed> {
        let mut sampling = Sampling {
            max_output: bound(self.max_tokens, self.max_completion_tokens)?,
            temperature: within("temperature", self.temperature, 0.0, 2.0)?,
            top_p: within("top_p", self.top_p, 0.0, 1.0)?,
            top_k: self.top_k,
            presence_penalty: within("presence_penalty", self.presence_penalty, -2.0, 2.0)?,
            frequency_penalty: within("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?,
            seed: self.seed,
            stop: output::stop(self.stop, reading)?,
            choices: output::choices(self.n, dialect)?,
            service_tier: output::service_tier(self.service_tier.as_deref())?,
            ..Sampling::default()
        };
        sampling.user = self.user.map(|raw| reading.text(raw, || "user".to_owned())).transpose()?;
        for (name, raw) in self.hints.drain(..) {
            sampling.hints.push(output::hint(name, raw, reading)?);
        }
        Ok(sampling)
    }
}

fn capability(word: &str) -> Result<Capability, Malformed> {
    let known = Capability::parse(word);
    known.ok_or_else(|| wrong("capability", format!("must be one of {}", Capability::words())))
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
                while let Some(Str(key)) = map.next_key()? {
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
