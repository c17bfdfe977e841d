//! Writes a request as OpenAI, Azure and compatible servers expect it.

mod messages;
mod tools;

use super::fields::is_name;
use crate::dialect::Target;
use crate::names::Names;
use crate::write::{Json, array};
use gateway_core::catalog::{Ability, Effort, Fact, ServiceTier};
use gateway_core::conversation::{Conversation, Hint, Output, Reasoning, Sampling, Schema, Text};
use gateway_core::ids::ProviderKind;

/// A request's body, what of the caller's it does not hold, and the tools that go by other names in it.
pub(crate) struct Written {
    pub body: Vec<u8>,
    pub dropped: Vec<&'static str>,
    pub renamed: Vec<(String, Text)>,
}

pub(crate) fn write_body(conversation: &Conversation, target: &Target) -> Written {
    let media: usize = conversation.turns.iter().flat_map(|turn| &turn.parts).map(messages::media_len).sum();
    let text = conversation.text_bytes() as usize;
    let mut body = Vec::with_capacity(text + text / 8 + media + 64 * conversation.turns.len() + 256);
    let mut request = Request {
        target,
        names: Names::new(conversation, is_name),
        is_compatible: target.kind == ProviderKind::OpenAiCompatible,
        dropped: Vec::new(),
    };
    let mut json = Json::object(&mut body);
    json.string("model", target.model);
    request.messages(&conversation.turns, json.field("messages"));
    request.tools(conversation, &mut json);
    request.output(&conversation.output, &mut json);
    request.reasoning(conversation.reasoning, &mut json);
    request.sampling(&conversation.sampling, &mut json);
    if target.stream {
        json.bool("stream", true);
        if target.stream_usage {
            json.raw("stream_options", br#"{"include_usage":true}"#);
        }
    }
    json.end();
    Written { body, dropped: request.dropped, renamed: request.names.into_renamed() }
}

/// A request that is being written.
struct Request<'a> {
    target: &'a Target<'a>,
    names: Names,
    /// No server of OpenAI's or Azure's: less is known of what it takes.
    is_compatible: bool,
    dropped: Vec<&'static str>,
}

impl Request<'_> {
    fn drop_field(&mut self, name: &'static str) {
        if !self.dropped.contains(&name) {
            self.dropped.push(name);
        }
    }

    fn output(&mut self, output: &Output, json: &mut Json) {
        match output {
            Output::Text => {}
            Output::JsonObject => json.raw("response_format", br#"{"type":"json_object"}"#),
            Output::JsonSchema(schema) => {
                let mut format = Json::object(json.field("response_format"));
                format.raw("type", br#""json_schema""#);
                json_schema(schema, format.field("json_schema"));
                format.end();
            }
        }
    }

    /// A model that is not known to think, or not at this level, would refuse the whole request.
    fn reasoning(&mut self, reasoning: Option<Reasoning>, json: &mut Json) {
        let (name, effort) = match reasoning {
            // As the model sees fit: what it does unasked.
            None | Some(Reasoning::Adaptive) => return,
            Some(Reasoning::Off) => ("reasoning_effort", Effort::None),
            Some(Reasoning::Effort(effort)) => ("reasoning_effort", effort),
            Some(Reasoning::Budget(tokens)) => ("thinking", effort_of(tokens)),
        };
        let is_known = self.target.efforts.known(effort);
        let is_taken = match effort {
            _ if self.is_compatible => is_known != Some(false),
            // Few models can be told not to think at all.
            Effort::None => self.target.reasons() && is_known == Some(true),
            _ => self.target.reasons() && is_known != Some(false),
        };
        if is_taken {
            json.string("reasoning_effort", effort.word());
        } else if !(effort == Effort::None && self.target.abilities.known(Ability::Reasoning) == Some(false))
        {
            self.drop_field(name);
        }
    }

    fn sampling(&mut self, sampling: &Sampling, json: &mut Json) {
        // Reasoning models refuse the older name, older compatible servers do not know the newer one.
        let bound =
            if self.target.reasons() && !self.is_compatible { "max_completion_tokens" } else { "max_tokens" };
        json.integer(bound, self.target.output_bound);
        self.numbers(sampling, json);
        if let Some(seed) = sampling.seed {
            json.raw("seed", seed.to_string().as_bytes());
        }
        if sampling.top_k.is_some() {
            self.drop_field("top_k");
        }
        if let Some(choices) = sampling.choices.filter(|choices| *choices > 1) {
            json.integer("n", u64::from(choices));
        }
        self.stop(&sampling.stop, json);
        if let Some(user) = &sampling.user {
            json.text("user", user);
        }
        if let Some(tier) = sampling.service_tier {
            self.service_tier(tier, json);
        }
        if !sampling.betas.is_empty() {
            self.drop_field("anthropic-beta");
        }
        for hint in &sampling.hints {
            self.hint(hint, json);
        }
    }

    /// Reasoning models of OpenAI's refuse all of them, but for a temperature of 1, which is what they have.
    fn numbers(&mut self, sampling: &Sampling, json: &mut Json) {
        let known = self.target.abilities.known(Ability::SamplingParams);
        let is_taken = known.unwrap_or(self.is_compatible || !self.target.reasons());
        let numbers = [
            ("temperature", sampling.temperature),
            ("top_p", sampling.top_p),
            ("presence_penalty", sampling.presence_penalty),
            ("frequency_penalty", sampling.frequency_penalty),
        ];
        for (name, value) in numbers {
            let is_default = known.is_none() && name == "temperature" && value == Some(1.0);
            match value {
                Some(number) if is_taken || is_default => json.number(name, number),
                Some(_) => self.drop_field(name),
                None => {}
            }
        }
    }

    /// Reasoning models of OpenAI's take none, the others four at most.
    fn stop(&mut self, stop: &[Text], json: &mut Json) {
        let most = match (self.is_compatible, self.target.reasons()) {
            (true, _) => stop.len(),
            (false, true) => 0,
            (false, false) => 4,
        };
        if stop.len() > most {
            self.drop_field("stop");
        }
        let taken = &stop[..stop.len().min(most)];
        if !taken.is_empty() {
            array(taken, json.field("stop"), |text, out| out.extend_from_slice(text.json()));
        }
    }

    fn service_tier(&mut self, tier: ServiceTier, json: &mut Json) {
        match tier {
            ServiceTier::Standard => json.raw("service_tier", br#""default""#),
            ServiceTier::Flex => json.raw("service_tier", br#""flex""#),
            ServiceTier::Priority => json.raw("service_tier", br#""priority""#),
            ServiceTier::Batch | ServiceTier::Fast => self.drop_field("service_tier"),
        }
    }

    /// Compatible servers may refuse a field that they do not know; `logit_bias` is as old as the dialect.
    fn hint(&mut self, hint: &Hint, json: &mut Json) {
        let is_taken = match hint.name {
            "verbosity" => !self.is_compatible && self.target.reasons(),
            "logit_bias" => true,
            _ => !self.is_compatible,
        };
        if is_taken {
            json.raw(hint.name, &hint.json);
        } else {
            self.drop_field(hint.name);
        }
    }
}

fn json_schema(schema: &Schema, out: &mut Vec<u8>) {
    let mut json = Json::object(out);
    match &schema.name {
        Some(name) => json.text("name", name),
        // Required here, absent in other dialects.
        None => json.raw("name", br#""response""#),
    }
    if let Some(description) = &schema.description {
        json.text("description", description);
    }
    json.raw("schema", schema.schema.json());
    if let Some(strict) = schema.strict {
        json.bool("strict", strict);
    }
    json.end();
}

/// Anthropic's budget, in tokens, as the nearest level.
fn effort_of(budget: u64) -> Effort {
    match budget {
        ..4_096 => Effort::Low,
        4_096..16_384 => Effort::Medium,
        16_384.. => Effort::High,
    }
}
