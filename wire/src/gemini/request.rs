//! Writes a conversation as Gemini reads it, and the path that names the model.

use super::{contents, thinking, tools};
use crate::dialect::{Call, Target};
use crate::names::Names;
use crate::path::push_encoded;
use crate::write::{self, Json};
use gateway_core::conversation::{Conversation, Output, Text};

/// Gemini refuses more stop sequences than this.
const MAX_STOPS: usize = 5;
/// Room for the fields besides the texts, and for each text's part around it.
const FRAME_BYTES: usize = 512;
const PART_BYTES: usize = 48;

/// Hints that could not be sent, each named once.
#[derive(Debug, Default)]
pub(super) struct Dropped(Vec<&'static str>);

impl Dropped {
    pub(super) fn name(&mut self, hint: &'static str) {
        if !self.0.contains(&hint) {
            self.0.push(hint);
        }
    }

    pub(super) fn into_names(self) -> Vec<&'static str> {
        self.0
    }
}

pub(super) fn encode(conversation: &Conversation, target: &Target) -> Call {
    let names = Names::new(conversation, tools::fits);
    let texts = usize::try_from(conversation.text_bytes()).unwrap_or(0);
    let room = texts + contents::media_bytes(conversation);
    let mut body = Vec::with_capacity(room + conversation.turns.len() * PART_BYTES + FRAME_BYTES);
    let mut dropped = Dropped::default();
    let mut json = Json::object(&mut body);
    contents::write(conversation, target, &names, &mut json, &mut dropped);
    tools::write(conversation, &names, &mut json, &mut dropped);
    write_config(conversation, target, json.field("generationConfig"), &mut dropped);
    json.end();
    if conversation.turns.iter().any(|turn| turn.name.is_some()) {
        dropped.name("messages.name");
    }
    if !conversation.sampling.betas.is_empty() {
        dropped.name("anthropic-beta");
    }
    conversation.sampling.hints.iter().for_each(|hint| dropped.name(hint.name));
    Call { path: path(target), headers: &[], body, dropped: dropped.0, renamed: names.into_renamed() }
}

fn path(target: &Target) -> String {
    let method = if target.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let mut path = "/v1beta/models/".to_owned();
    push_encoded(target.model, &mut path);
    path.push(':');
    path.push_str(method);
    path
}

fn write_config(conversation: &Conversation, target: &Target, out: &mut Vec<u8>, dropped: &mut Dropped) {
    let mut json = Json::object(out);
    json.integer("maxOutputTokens", target.output_bound);
    write_sampling(conversation, target, &mut json, dropped);
    write_output(&conversation.output, &mut json, dropped);
    if let Some(wish) = conversation.reasoning {
        thinking::write(wish, target, &mut json, dropped);
    }
    json.end();
}

fn write_sampling(conversation: &Conversation, target: &Target, json: &mut Json, dropped: &mut Dropped) {
    let sampling = &conversation.sampling;
    for (ours, theirs, value) in
        [("temperature", "temperature", sampling.temperature), ("top_p", "topP", sampling.top_p)]
    {
        match value {
            Some(value) if target.takes_sampling() => json.number(theirs, value),
            Some(_) => dropped.name(ours),
            None => {}
        }
    }
    match sampling.top_k {
        Some(top_k) if target.takes_sampling() => json.integer("topK", top_k),
        Some(_) => dropped.name("top_k"),
        None => {}
    }
    write_stops(&sampling.stop, json, dropped);
    // Their `seed` has 32 bits.
    match sampling.seed.map(i32::try_from) {
        Some(Ok(seed)) => json.raw("seed", seed.to_string().as_bytes()),
        Some(Err(_)) => dropped.name("seed"),
        None => {}
    }
    if let Some(penalty) = sampling.presence_penalty {
        json.number("presencePenalty", penalty);
    }
    if let Some(penalty) = sampling.frequency_penalty {
        json.number("frequencyPenalty", penalty);
    }
    if let Some(choices) = sampling.choices {
        json.integer("candidateCount", u64::from(choices));
    }
    if sampling.user.is_some() {
        dropped.name("user");
    }
    if sampling.service_tier.is_some() {
        dropped.name("service_tier");
    }
}

fn write_stops(stops: &[Text], json: &mut Json, dropped: &mut Dropped) {
    let sent = stops.iter().filter(|text| !text.is_empty()).take(MAX_STOPS);
    let kept = sent.clone().count();
    if kept > 0 {
        write::array(sent, json.field("stopSequences"), |text, out| out.extend_from_slice(text.json()));
    }
    if kept < stops.len() {
        dropped.name("stop");
    }
}

/// A schema's name says nothing to the model here, and is strict in any case; its description would.
fn write_output(output: &Output, json: &mut Json, dropped: &mut Dropped) {
    match output {
        Output::Text => {}
        Output::JsonObject => json.string("responseMimeType", "application/json"),
        Output::JsonSchema(schema) => {
            json.string("responseMimeType", "application/json");
            json.raw("responseJsonSchema", schema.schema.json());
            if schema.description.is_some() {
                dropped.name("response_format.json_schema.description");
            }
        }
    }
}
