//! Writes a conversation as Anthropic reads it.

use super::thinking::{self, Plan};
use crate::dialect::Target;
use crate::names::Names;
use crate::write::{self, Json};
use gateway_core::catalog::Ability;
use gateway_core::conversation::{
    CacheTtl, Content, Conversation, Media, Output, Part, Role, Source, Text, Tool, ToolCall, ToolChoice,
    ToolResult,
};
use gateway_core::ids::ProviderKind;

/// Room for the fields besides the texts, and for each text's block around it.
const FRAME_BYTES: usize = 512;
const BLOCK_BYTES: usize = 64;

/// A request's body, what it had no place for, and the tools whose names had to change.
pub(super) struct Written {
    pub body: Vec<u8>,
    pub dropped: Vec<&'static str>,
    pub renamed: Vec<(String, Text)>,
}

struct Writer<'a> {
    conversation: &'a Conversation,
    target: &'a Target<'a>,
    thinking: Plan,
    names: Names,
    dropped: Vec<&'static str>,
}

pub(super) fn write_body(conversation: &Conversation, target: &Target) -> Written {
    let texts = usize::try_from(conversation.text_bytes()).unwrap_or(0) + conversation.media_bytes();
    let mut body = Vec::with_capacity(texts + conversation.turns.len() * BLOCK_BYTES + FRAME_BYTES);
    let thinking = thinking::plan(conversation, target);
    let dropped = thinking.dropped.to_vec();
    let names = Names::new(conversation, fits);
    let mut writer = Writer { conversation, target, thinking, names, dropped };
    let mut json = Json::object(&mut body);
    json.string("model", target.model);
    json.integer("max_tokens", target.output_bound);
    if target.stream {
        json.bool("stream", true);
    }
    writer.sampling(&mut json);
    writer.thinking.write(&mut json);
    writer.output_config(&mut json);
    writer.system(&mut json);
    writer.tools(&mut json);
    writer.messages(&mut json);
    json.end();
    writer.hints();
    Written { body, dropped: writer.dropped, renamed: writer.names.into_renamed() }
}

/// Anthropic's rule for the names of tools.
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

    fn sampling(&mut self, json: &mut Json) {
        let sampling = &self.conversation.sampling;
        let takes = self.target.takes_sampling();
        let thinks = self.thinking.is_on();
        // Anthropic counts from 0 to 1 and refuses what is over it; with thinking it takes 1 alone.
        let temperature = sampling.temperature.filter(|t| takes && *t <= 1.0 && (!thinks || *t >= 1.0));
        // Newer models refuse both together.
        let top_p = sampling.top_p.filter(|_| takes && !thinks && temperature.is_none());
        let top_k = sampling.top_k.filter(|_| takes && !thinks);
        if let Some(temperature) = temperature {
            json.number("temperature", temperature);
        }
        if let Some(top_p) = top_p {
            json.number("top_p", top_p);
        }
        if let Some(top_k) = top_k {
            json.integer("top_k", top_k);
        }
        let stop: Vec<&Text> = sampling.stop.iter().filter(|text| !is_blank(text)).collect();
        if !stop.is_empty() {
            write::array(&stop, json.field("stop_sequences"), |text, out| out.extend_from_slice(text.json()));
        }
        if let Some(user) = &sampling.user {
            let mut metadata = Json::object(json.field("metadata"));
            metadata.text("user_id", user);
            metadata.end();
        }
        for (name, is_lost) in [
            ("temperature", sampling.temperature.is_some() && temperature.is_none()),
            ("top_p", sampling.top_p.is_some() && top_p.is_none()),
            ("top_k", sampling.top_k.is_some() && top_k.is_none()),
            ("stop", stop.len() < sampling.stop.len()),
            ("seed", sampling.seed.is_some()),
            ("presence_penalty", sampling.presence_penalty.is_some()),
            ("frequency_penalty", sampling.frequency_penalty.is_some()),
            ("service_tier", sampling.service_tier.is_some()),
        ] {
            if is_lost {
                self.drop(name);
            }
        }
    }

    /// The answer's form and the effort stand in one object.
    fn output_config(&mut self, json: &mut Json) {
        let schema = match &self.conversation.output {
            Output::JsonSchema(schema) => Some(schema),
            // Planning lets no other form come here.
            Output::Text | Output::JsonObject => None,
        };
        if schema.is_none() && self.thinking.effort.is_none() {
            return;
        }
        let mut config = Json::object(json.field("output_config"));
        if let Some(effort) = self.thinking.effort {
            config.string("effort", effort);
        }
        if let Some(schema) = schema {
            let mut format = Json::object(config.field("format"));
            format.raw("type", br#""json_schema""#);
            format.raw("schema", schema.schema.json());
            format.end();
        }
        config.end();
    }

    /// Whether instructions within the talk stay where they are: newer models take them there.
    fn keeps_instructions(&self) -> bool {
        self.target.abilities.known(Ability::MidConversationSystem) == Some(true)
    }

    /// Instructions stand at the top; those within the talk too, where the model takes them nowhere else.
    fn system(&mut self, json: &mut Json) {
        let turns = &self.conversation.turns;
        let leading = turns.iter().take_while(|turn| turn.role.is_instruction()).count();
        let keeps = self.keeps_instructions();
        let hoisted = turns
            .iter()
            .enumerate()
            .filter(|(n, turn)| turn.role.is_instruction() && (*n < leading || !keeps));
        let parts: Vec<&Part> = hoisted.flat_map(|(_, turn)| &turn.parts).filter(|part| says(part)).collect();
        if !parts.is_empty() {
            self.content(&parts, json.field("system"));
        }
    }

    fn tools(&mut self, json: &mut Json) {
        let conversation = self.conversation;
        if conversation.tools.is_empty() {
            return;
        }
        write::array(&conversation.tools, json.field("tools"), |tool, out| self.tool(tool, out));
        let (kind, name) = match &conversation.tool_choice {
            None if conversation.parallel_tools != Some(false) => return,
            None | Some(ToolChoice::Auto) => ("auto", None),
            Some(ToolChoice::Required) => ("any", None),
            Some(ToolChoice::Named(name)) => ("tool", Some(name)),
            Some(ToolChoice::None) => ("none", None),
        };
        let mut choice = Json::object(json.field("tool_choice"));
        choice.string("type", kind);
        if let Some(name) = name {
            self.names.write(name, choice.field("name"));
        }
        if kind != "none" && conversation.parallel_tools == Some(false) {
            choice.bool("disable_parallel_tool_use", true);
        }
        choice.end();
    }

    fn tool(&mut self, tool: &Tool, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        self.names.write(&tool.name, json.field("name"));
        if let Some(description) = &tool.description {
            json.text("description", description);
        }
        match &tool.parameters {
            Some(schema) => json.raw("input_schema", schema.json()),
            None => json.raw("input_schema", br#"{"type":"object"}"#),
        }
        if tool.strict == Some(true) {
            json.bool("strict", true);
        }
        write_cache(tool.cache, &mut json);
        json.end();
    }

    /// Turns of one side that follow each other become one message; so does what an empty turn parted.
    /// Results of tools are the user's side, and stand before its words: Anthropic wants them first.
    fn messages(&mut self, json: &mut Json) {
        let keeps = self.keeps_instructions();
        let turns = &self.conversation.turns;
        let leading = turns.iter().take_while(|turn| turn.role.is_instruction()).count();
        let talk = turns[leading..].iter().filter(|turn| keeps || !turn.role.is_instruction());
        let mut said: Vec<(Side, &Part)> = talk
            .flat_map(|turn| turn.parts.iter().map(|part| (Side::of(turn.role), part)))
            .filter(|(_, part)| says(part))
            .collect();
        if said.iter().any(
            |(_, part)| matches!(&part.content, Content::Thinking(thought) if !thinking::returns(thought)),
        ) {
            self.drop("messages.thinking_blocks");
            said.retain(|(_, part)| !matches!(&part.content, Content::Thinking(thought) if !thinking::returns(thought)));
        }
        let out = json.field("messages");
        write::array(said.chunk_by(|a, b| a.0 == b.0), out, |message, out| {
            let mut json = Json::object(out);
            json.raw("role", message[0].0.word());
            let is_result = |part: &&Part| matches!(part.content, Content::ToolResult(_));
            let all = || message.iter().map(|(_, part)| *part);
            let parts: Vec<&Part> =
                all().filter(is_result).chain(all().filter(|part| !is_result(part))).collect();
            self.content(&parts, json.field("content"));
            json.end();
        });
    }

    /// A single plain text as a string, anything else as blocks.
    fn content(&mut self, parts: &[&Part], out: &mut Vec<u8>) {
        if let [Part { content: Content::Text(text), cache: None }] = parts {
            return out.extend_from_slice(text.json());
        }
        write::array(parts, out, |part, out| self.block(part, out));
    }

    fn block(&mut self, part: &Part, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => {
                json.raw("type", br#""text""#);
                json.text("text", text);
            }
            Content::Image(media) => {
                json.raw("type", br#""image""#);
                write_source(&media.source, "image/png", json.field("source"));
                if media.detail.is_some() {
                    self.drop("messages.content.image_url.detail");
                }
            }
            Content::Document(media) => write_document(media, &mut json),
            Content::Audio(_) => {}
            Content::ToolCall(call) => self.call(call, &mut json),
            Content::ToolResult(result) => self.result(result, &mut json),
            Content::Thinking(thought) => thinking::write_block(thought, &mut json),
        }
        write_cache(part.cache, &mut json);
        json.end();
    }

    fn call(&mut self, call: &ToolCall, json: &mut Json) {
        json.raw("type", br#""tool_use""#);
        match &call.id {
            Some(id) => write_id(id, json.field("id")),
            None => json.raw("id", br#""call_0""#),
        }
        self.names.write(&call.name, json.field("name"));
        // Planning lets no arguments come here that are no object.
        json.raw("input", &call.arguments.object().unwrap_or_else(|| "{}".into()));
        if call.signature.is_some() {
            self.drop("messages.tool_calls.extra_content");
        }
    }

    fn result(&mut self, result: &ToolResult, json: &mut Json) {
        json.raw("type", br#""tool_result""#);
        write_id(&result.call_id, json.field("tool_use_id"));
        let parts: Vec<&Part> = result.content.iter().filter(|part| says(part)).collect();
        if !parts.is_empty() {
            self.content(&parts, json.field("content"));
        }
        if result.is_error {
            json.bool("is_error", true);
        }
    }

    /// What Anthropic has no word for.
    fn hints(&mut self) {
        if self.conversation.turns.iter().any(|turn| turn.name.is_some()) {
            self.drop("messages.name");
        }
        let hints = &self.conversation.sampling.hints;
        hints.iter().for_each(|hint| self.drop(hint.name));
    }
}

/// Who says a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    System,
    User,
    Assistant,
}

impl Side {
    fn of(role: Role) -> Side {
        match role {
            Role::System | Role::Developer => Side::System,
            Role::User | Role::Tool => Side::User,
            Role::Assistant => Side::Assistant,
        }
    }

    fn word(self) -> &'static [u8] {
        match self {
            Side::System => br#""system""#,
            Side::User => br#""user""#,
            Side::Assistant => br#""assistant""#,
        }
    }
}

fn write_document(media: &Media, json: &mut Json) {
    json.raw("type", br#""document""#);
    match &media.source {
        Source::Plain(text) => {
            let mut source = Json::object(json.field("source"));
            source.raw("type", br#""text""#);
            source.raw("media_type", br#""text/plain""#);
            source.text("data", text);
            source.end();
        }
        source => write_source(source, "application/pdf", json.field("source")),
    }
    if let Some(name) = &media.name {
        json.text("title", name);
    }
}

fn write_source(source: &Source, default: &str, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    match source {
        Source::Url { url, .. } => {
            json.raw("type", br#""url""#);
            json.text("url", url);
        }
        Source::Base64 { media_type, data } => {
            json.raw("type", br#""base64""#);
            json.string("media_type", if media_type.is_empty() { default } else { media_type });
            let field = json.field("data");
            field.push(b'"');
            field.extend_from_slice(data);
            field.push(b'"');
        }
        Source::Plain(text) => json.text("data", text),
    }
    json.end();
}

fn write_cache(cache: Option<CacheTtl>, json: &mut Json) {
    match cache {
        None => {}
        Some(CacheTtl::FiveMinutes) => json.raw("cache_control", br#"{"type":"ephemeral"}"#),
        Some(CacheTtl::OneHour) => json.raw("cache_control", br#"{"type":"ephemeral","ttl":"1h"}"#),
    }
}

/// Ids of other providers may hold what Anthropic refuses: such a one goes out as a digest of itself, the
/// same in the call and in its result.
fn write_id(id: &Text, out: &mut Vec<u8>) {
    if fits(&id.decoded()) {
        return out.extend_from_slice(id.json());
    }
    // FNV-1a in 128 bits: no secret is kept by it, ids only have to stay apart.
    let digest = id.decoded().bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    write::string(&format!("call_{digest:032x}"), out);
}

/// Whether Anthropic would take the part: it refuses blank texts, which say nothing.
fn says(part: &Part) -> bool {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => !is_blank(text),
        Content::Audio(_) => false,
        Content::Thinking(thought) => thought.origin == ProviderKind::Anthropic || !thought.text.is_empty(),
        _ => true,
    }
}

fn is_blank(text: &Text) -> bool {
    match text.json_inner().first() {
        None => true,
        // Only blanks, escapes and characters outside ASCII can begin a blank text.
        Some(b' ' | b'\\' | 0x80..=0xFF) => text.decoded().trim().is_empty(),
        Some(_) => false,
    }
}
