//! Writes a conversation as Anthropic reads it.
//!
//! | module | writes |
//! |---|---|
//! | [`messages`] | `system` and `messages`: who speaks in which order |
//! | [`blocks`] | what messages are made of |
//! | [`tools`] | `tools`, `tool_choice` |
//! | [`thinking`] | how much the model may think |
//! | [`ids`] | ids and names within Anthropic's rule |

mod blocks;
mod ids;
mod messages;
mod thinking;
mod tools;

use crate::dialect::{Call, Target};
use crate::names::Names;
use crate::write::{self, Json};
use gateway_core::catalog::ServiceTier;
use gateway_core::conversation::{Beta, Conversation, Output, Sampling, Text};
use messages::Messages;

/// Room for the fields besides the texts, and for each turn's blocks.
const FRAME_BYTES: usize = 512;
const TURN_BYTES: usize = 96;

/// The headers of a call.
type Headers = &'static [(&'static str, &'static str)];

const VERSION: (&str, &str) = ("anthropic-version", super::fields::VERSION);
const BETA: &str = "anthropic-beta";

/// By what is asked for: 1 thoughts between calls, 2 arguments as they are made, 4 the fast mode.
const HEADERS: [Headers; 8] = [
    &[VERSION],
    &[VERSION, (BETA, "interleaved-thinking-2025-05-14")],
    &[VERSION, (BETA, "fine-grained-tool-streaming-2025-05-14")],
    &[VERSION, (BETA, "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14")],
    &[VERSION, (BETA, "fast-mode-2026-02-01")],
    &[VERSION, (BETA, "interleaved-thinking-2025-05-14,fast-mode-2026-02-01")],
    &[VERSION, (BETA, "fine-grained-tool-streaming-2025-05-14,fast-mode-2026-02-01")],
    &[
        VERSION,
        (BETA, "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,fast-mode-2026-02-01"),
    ],
];

fn headers(sampling: &Sampling) -> Headers {
    let flag = |set: bool, bit: usize| if set { bit } else { 0 };
    let betas = sampling.betas;
    HEADERS[flag(betas.has(Beta::InterleavedThinking), 1)
        + flag(betas.has(Beta::FineGrainedTools), 2)
        + flag(sampling.service_tier == Some(ServiceTier::Fast), 4)]
}

pub(super) fn encode(conversation: &Conversation, target: &Target) -> Call {
    let mut request = Request { target, names: Names::new(conversation, ids::is_legal), dropped: Vec::new() };
    let body = request.body(conversation);
    let headers = headers(&conversation.sampling);
    let Request { names, dropped, .. } = request;
    Call { path: "/v1/messages".to_owned(), headers, body, dropped, renamed: names.into_renamed() }
}

/// The same prompt, to be counted: what makes an answer stays away, since Anthropic refuses it there.
pub(super) fn encode_count(conversation: &Conversation, target: &Target) -> Call {
    let mut request = Request { target, names: Names::new(conversation, ids::is_legal), dropped: Vec::new() };
    let mut body = Vec::new();
    let messages = Messages::of(conversation, &mut request);
    let thinking = thinking::plan(conversation, &messages, &mut request);
    let mut json = Json::object(&mut body);
    json.string("model", target.model);
    thinking.write(&mut json);
    request.output_config(&conversation.output, thinking.effort, &mut json);
    request.tools(conversation, &mut json);
    request.messages(&messages, &mut json);
    json.end();
    let Request { names, dropped, .. } = request;
    let path = "/v1/messages/count_tokens".to_owned();
    Call { path, headers: &[VERSION], body, dropped, renamed: names.into_renamed() }
}

/// A request that is being written.
struct Request<'a> {
    target: &'a Target<'a>,
    names: Names,
    /// What Anthropic has no place for, in the words of OpenAI's dialect.
    dropped: Vec<&'static str>,
}

impl Request<'_> {
    fn drop_field(&mut self, name: &'static str) {
        if !self.dropped.contains(&name) {
            self.dropped.push(name);
        }
    }

    fn body(&mut self, conversation: &Conversation) -> Vec<u8> {
        let texts = usize::try_from(conversation.text_bytes()).unwrap_or(0);
        let parts = conversation.turns.iter().flat_map(|turn| &turn.parts);
        let media: usize = parts.map(blocks::media_bytes).sum();
        // Arguments that OpenAI's dialect escapes become shorter, plain documents are escaped alike.
        let room = texts + media + conversation.turns.len() * TURN_BYTES + FRAME_BYTES;
        let mut body = Vec::with_capacity(room);
        let messages = Messages::of(conversation, self);
        let thinking = thinking::plan(conversation, &messages, self);
        let mut json = Json::object(&mut body);
        json.string("model", self.target.model);
        json.integer("max_tokens", self.target.output_bound);
        if self.target.stream {
            json.bool("stream", true);
        }
        thinking.write(&mut json);
        self.output_config(&conversation.output, thinking.effort, &mut json);
        self.sampling(&conversation.sampling, thinking.is_on(), &mut json);
        self.tools(conversation, &mut json);
        self.messages(&messages, &mut json);
        json.end();
        body
    }

    fn output_config(&mut self, output: &Output, effort: Option<&str>, json: &mut Json) {
        let schema = match output {
            Output::JsonSchema(schema) => Some(schema),
            // The planner keeps this away from here.
            Output::JsonObject => {
                self.drop_field("response_format");
                None
            }
            Output::Text => None,
        };
        if schema.is_none() && effort.is_none() {
            return;
        }
        let mut config = Json::object(json.field("output_config"));
        if let Some(effort) = effort {
            config.string("effort", effort);
        }
        if let Some(schema) = schema {
            // Anthropic's has no name, and is always strict.
            if schema.description.is_some() {
                self.drop_field("response_format.json_schema.description");
            }
            let mut format = Json::object(config.field("format"));
            format.raw("type", b"\"json_schema\"");
            format.raw("schema", schema.schema.json());
            format.end();
        }
        config.end();
    }

    fn sampling(&mut self, sampling: &Sampling, thinks: bool, json: &mut Json) {
        let taken = self.target.takes_sampling();
        // Anthropic counts from 0 to 1 and refuses what is over it; beside thinking 1 alone.
        let temperature = sampling.temperature.filter(|t| taken && *t <= 1.0 && (!thinks || *t >= 1.0));
        // Newer models refuse both together, and thinking low values.
        let top_p = sampling.top_p.filter(|p| taken && temperature.is_none() && (!thinks || *p >= 0.95));
        let top_k = sampling.top_k.filter(|_| taken && !thinks);
        if let Some(temperature) = temperature {
            json.number("temperature", temperature);
        }
        if let Some(top_p) = top_p {
            json.number("top_p", top_p);
        }
        if let Some(top_k) = top_k {
            json.integer("top_k", top_k);
        }
        let stop: Vec<&Text> = sampling.stop.iter().filter(|text| !blocks::is_blank(text)).collect();
        if !stop.is_empty() {
            write::array(&stop, json.field("stop_sequences"), |text, out| {
                out.extend_from_slice(text.json());
            });
        }
        if let Some(user) = &sampling.user {
            let mut metadata = Json::object(json.field("metadata"));
            metadata.text("user_id", user);
            metadata.end();
        }
        let has_tier = self.service_tier(sampling.service_tier, json);
        for (name, is_lost) in [
            ("temperature", sampling.temperature.is_some() && temperature.is_none()),
            ("top_p", sampling.top_p.is_some() && top_p.is_none()),
            ("top_k", sampling.top_k.is_some() && top_k.is_none()),
            ("stop", stop.len() < sampling.stop.len()),
            ("seed", sampling.seed.is_some()),
            ("presence_penalty", sampling.presence_penalty.is_some()),
            ("frequency_penalty", sampling.frequency_penalty.is_some()),
            ("n", sampling.choices.is_some_and(|choices| choices > 1)),
            ("service_tier", !has_tier),
        ] {
            if is_lost {
                self.drop_field(name);
            }
        }
        sampling.hints.iter().for_each(|hint| self.drop_field(hint.name));
    }

    /// Whether Anthropic has such a tier to ask for. Priority is not asked for but bought.
    fn service_tier(&self, tier: Option<ServiceTier>, json: &mut Json) -> bool {
        match tier {
            None => {}
            Some(ServiceTier::Standard) => json.raw("service_tier", b"\"standard_only\""),
            Some(ServiceTier::Fast) => json.raw("speed", b"\"fast\""),
            Some(ServiceTier::Batch | ServiceTier::Flex | ServiceTier::Priority) => return false,
        }
        true
    }
}
