//! Writes a request as OpenAI, Azure and compatible servers expect it.

use crate::dialect::Target;
use crate::names::Names;
use crate::write::{Json, array, string};
use gateway_core::catalog::{Effort, Fact, ServiceTier};
use gateway_core::conversation::{
    Arguments, Content, Conversation, Media, Output, Part, Reasoning, Role, Schema, Source, Text, Tool,
    ToolCall, ToolChoice, ToolResult, Turn,
};
use gateway_core::ids::ProviderKind;

/// A request's body, what it had no place for, and the tools whose names had to change.
pub(crate) struct Written {
    pub body: Vec<u8>,
    pub dropped: Vec<&'static str>,
    pub renamed: Vec<(String, Text)>,
}

struct Writer<'a> {
    conversation: &'a Conversation,
    target: &'a Target<'a>,
    names: Names,
    dropped: Vec<&'static str>,
}

pub(crate) fn write_body(conversation: &Conversation, target: &Target) -> Written {
    let size =
        conversation.text_bytes() as usize + conversation.media_bytes() + 64 * conversation.turns.len() + 256;
    let mut body = Vec::with_capacity(size);
    let names = Names::new(conversation, fits);
    let mut writer = Writer { conversation, target, names, dropped: Vec::new() };
    let mut json = Json::object(&mut body);
    json.string("model", target.model);
    writer.messages(&mut json);
    writer.tools(&mut json);
    writer.output(&mut json);
    writer.reasoning(&mut json);
    writer.sampling(&mut json);
    if target.stream {
        json.bool("stream", true);
        if target.stream_usage {
            json.raw("stream_options", br#"{"include_usage":true}"#);
        }
    }
    json.end();
    Written { body, dropped: writer.dropped, renamed: writer.names.into_renamed() }
}

/// OpenAI's rule for the names of functions.
fn fits(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(legal)
}

impl Writer<'_> {
    fn drop(&mut self, name: &'static str) {
        if !self.dropped.contains(&name) {
            self.dropped.push(name);
        }
    }

    fn messages(&mut self, json: &mut Json) {
        let out = json.field("messages");
        out.push(b'[');
        let conversation = self.conversation;
        for turn in &conversation.turns {
            if turn.role == Role::Tool {
                let results = turn.parts.iter().filter_map(|part| match &part.content {
                    Content::ToolResult(result) => Some(result),
                    _ => None,
                });
                results.for_each(|result| self.result(result, out));
            } else {
                self.message(turn, out);
            }
        }
        if out.last() == Some(&b',') {
            out.pop();
        }
        out.push(b']');
    }

    fn message(&mut self, turn: &Turn, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        json.raw("role", role(turn.role));
        let shown = turn
            .parts
            .iter()
            .filter(|part| !matches!(part.content, Content::ToolCall(_) | Content::Thinking(_)));
        let shown: Vec<&Part> = shown.collect();
        let calls = turn.parts.iter().filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        });
        let calls: Vec<&ToolCall> = calls.collect();
        if turn.parts.iter().any(|part| matches!(part.content, Content::Thinking(_))) {
            self.drop("messages.thinking_blocks");
        }
        if turn.parts.iter().any(|part| part.cache.is_some()) {
            self.drop("messages.content.cache_control");
        }
        match &shown[..] {
            [] if calls.is_empty() => json.raw("content", b"\"\""),
            [] => json.raw("content", b"null"),
            [part] => match &part.content {
                Content::Text(text) => json.text("content", text),
                Content::Refusal(text) => {
                    json.raw("content", b"null");
                    json.text("refusal", text);
                }
                _ => array(shown, json.field("content"), write_part),
            },
            _ => array(shown, json.field("content"), write_part),
        }
        if !calls.is_empty() {
            array(calls.into_iter().enumerate(), json.field("tool_calls"), |(index, call), out| {
                self.call(index, call, out)
            });
        }
        if let Some(name) = &turn.name {
            json.text("name", name);
        }
        json.end();
        out.push(b',');
    }

    fn call(&mut self, index: usize, call: &ToolCall, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        match &call.id {
            Some(id) => json.text("id", id),
            None => json.string("id", &format!("call_{index}")),
        }
        json.raw("type", br#""function""#);
        let mut function = Json::object(json.field("function"));
        self.names.write(&call.name, function.field("name"));
        match &call.arguments {
            Arguments::Encoded(text) if text.is_empty() => function.raw("arguments", b"\"{}\""),
            Arguments::Encoded(text) => function.text("arguments", text),
            Arguments::Object(object) => {
                string(&String::from_utf8_lossy(object.json()), function.field("arguments"));
            }
        }
        function.end();
        match (&call.signature, self.target.kind) {
            // Google's OpenAI-compatible API reads it back from here; OpenAI itself refuses what it does not know.
            (Some(signature), ProviderKind::OpenAiCompatible) => {
                let mut extra = Json::object(json.field("extra_content"));
                let mut google = Json::object(extra.field("google"));
                google.text("thought_signature", signature);
                google.end();
                extra.end();
            }
            (Some(_), _) => self.drop("messages.tool_calls.extra_content"),
            (None, _) => {}
        }
        json.end();
    }

    fn result(&mut self, result: &ToolResult, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        json.raw("role", br#""tool""#);
        json.text("tool_call_id", &result.call_id);
        match &result.content[..] {
            [] => json.raw("content", b"\"\""),
            [part] if part.as_text().is_some() => {
                part.as_text().into_iter().for_each(|text| json.text("content", text))
            }
            parts => array(parts, json.field("content"), write_part),
        }
        json.end();
        out.push(b',');
    }

    fn tools(&mut self, json: &mut Json) {
        let conversation = self.conversation;
        if conversation.tools.is_empty() {
            return;
        }
        if conversation.tools.iter().any(|tool| tool.cache.is_some()) {
            self.drop("tools.cache_control");
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
        if let Some(parallel) = conversation.parallel_tools {
            json.bool("parallel_tool_calls", parallel);
        }
    }

    fn tool(&mut self, tool: &Tool, out: &mut Vec<u8>) {
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

    fn output(&mut self, json: &mut Json) {
        match &self.conversation.output {
            Output::Text => {}
            Output::JsonObject => json.raw("response_format", br#"{"type":"json_object"}"#),
            Output::JsonSchema(Schema { name, description, schema, strict }) => {
                let mut format = Json::object(json.field("response_format"));
                format.raw("type", br#""json_schema""#);
                let mut inner = Json::object(format.field("json_schema"));
                match name {
                    Some(name) => inner.text("name", name),
                    None => inner.raw("name", br#""answer""#),
                }
                if let Some(description) = description {
                    inner.text("description", description);
                }
                inner.raw("schema", schema.json());
                if let Some(strict) = strict {
                    inner.bool("strict", *strict);
                }
                inner.end();
                format.end();
            }
        }
    }

    /// A level that the model is known not to take is dropped: OpenAI refuses the whole request for it.
    fn reasoning(&mut self, json: &mut Json) {
        let effort = match self.conversation.reasoning {
            None | Some(Reasoning::Adaptive) => return,
            Some(Reasoning::Off) => Effort::None,
            Some(Reasoning::Effort(effort)) => effort,
            Some(Reasoning::Budget(_)) => return self.drop("thinking.budget_tokens"),
        };
        let known = self.target.efforts.known(effort);
        let takes = match effort {
            // Only some models can be kept from thinking; those that never think need not be.
            Effort::None => known == Some(true),
            _ => self.target.reasons() && known != Some(false),
        };
        let word = Effort::ALL.iter().find(|(level, _)| *level == effort).map(|(_, word)| *word);
        match word {
            Some(word) if takes || self.target.kind == ProviderKind::OpenAiCompatible => {
                json.string("reasoning_effort", word);
            }
            _ => self.drop("reasoning_effort"),
        }
    }

    /// A tier without a price is not asked for: its cost would not be known.
    fn tier_goes(&mut self, tier: ServiceTier) -> bool {
        let goes = self.target.tier_is_priced && matches!(tier, ServiceTier::Flex | ServiceTier::Priority);
        if !goes && tier != ServiceTier::Standard {
            self.drop("service_tier");
        }
        goes
    }

    fn sampling(&mut self, json: &mut Json) {
        let sampling = &self.conversation.sampling;
        let target = self.target;
        // Reasoning models refuse the older name, older compatible servers do not know the newer one.
        let bound = if target.reasons() { "max_completion_tokens" } else { "max_tokens" };
        json.integer(bound, target.output_bound);
        let numbers = [
            ("temperature", sampling.temperature),
            ("top_p", sampling.top_p),
            ("presence_penalty", sampling.presence_penalty),
            ("frequency_penalty", sampling.frequency_penalty),
        ];
        for (name, value) in numbers {
            match value {
                Some(number) if target.takes_sampling() => json.number(name, number),
                Some(_) => self.drop(name),
                None => {}
            }
        }
        if let Some(seed) = sampling.seed {
            json.raw("seed", seed.to_string().as_bytes());
        }
        if sampling.top_k.is_some() {
            self.drop("top_k");
        }
        if let Some(choices) = sampling.choices.filter(|choices| *choices > 1) {
            json.integer("n", u64::from(choices));
        }
        match sampling.service_tier.filter(|tier| self.tier_goes(*tier)) {
            Some(ServiceTier::Flex) => json.raw("service_tier", br#""flex""#),
            Some(ServiceTier::Priority) => json.raw("service_tier", br#""priority""#),
            _ => {}
        }
        if !sampling.stop.is_empty() {
            if target.reasons() {
                self.drop("stop");
            } else {
                array(&sampling.stop, json.field("stop"), |text, out| out.extend_from_slice(text.json()));
            }
        }
        if let Some(user) = &sampling.user {
            json.text("user", user);
        }
        for hint in &sampling.hints {
            json.raw(hint.name, &hint.json);
        }
    }
}

fn role(role: Role) -> &'static [u8] {
    match role {
        Role::System => br#""system""#,
        Role::Developer => br#""developer""#,
        Role::User => br#""user""#,
        Role::Assistant => br#""assistant""#,
        Role::Tool => br#""tool""#,
    }
}

fn write_part(part: &Part, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    match &part.content {
        Content::Text(text) => {
            json.raw("type", br#""text""#);
            json.text("text", text);
        }
        Content::Refusal(text) => {
            json.raw("type", br#""refusal""#);
            json.text("refusal", text);
        }
        Content::Image(media) => {
            json.raw("type", br#""image_url""#);
            let mut image = Json::object(json.field("image_url"));
            address(&media.source, image.field("url"));
            if let Some(detail) = &media.detail {
                image.text("detail", detail);
            }
            image.end();
        }
        Content::Document(media) => document(media, &mut json),
        Content::Audio(media) => {
            json.raw("type", br#""input_audio""#);
            let mut audio = Json::object(json.field("input_audio"));
            if let Source::Base64 { media_type, data } = &media.source {
                audio.field("data").extend_from_slice(&[b"\"", &data[..], b"\""].concat());
                audio.string("format", if media_type == "audio/wav" { "wav" } else { "mp3" });
            }
            audio.end();
        }
        // Written by their own message fields.
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Thinking(_) => {}
    }
    json.end();
}

/// A file part; plain text is a text part, for OpenAI takes PDF files alone.
fn document(media: &Media, json: &mut Json) {
    if let Source::Plain(text) = &media.source {
        json.raw("type", br#""text""#);
        return json.text("text", text);
    }
    json.raw("type", br#""file""#);
    let mut file = Json::object(json.field("file"));
    match &media.name {
        Some(name) => file.text("filename", name),
        None => file.raw("filename", br#""document.pdf""#),
    }
    address(&media.source, file.field("file_data"));
    file.end();
}

/// An address as it stands, or a data URL.
fn address(source: &Source, out: &mut Vec<u8>) {
    match source {
        Source::Url { url, .. } => out.extend_from_slice(url.json()),
        Source::Base64 { media_type, data } => {
            out.extend_from_slice(b"\"data:");
            out.extend_from_slice(media_type.as_bytes());
            out.extend_from_slice(b";base64,");
            out.extend_from_slice(data);
            out.push(b'"');
        }
        Source::Plain(text) => out.extend_from_slice(text.json()),
    }
}
