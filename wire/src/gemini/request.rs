//! Writes a conversation as Gemini reads it, and the path that names the model.

use crate::dialect::Target;
use crate::path::push_encoded;
use crate::write::{self, Json};
use gateway_core::conversation::{Conversation, Part, Role, Text, Turn};

/// Gemini refuses more stop sequences than this.
const MAX_STOPS: usize = 5;
/// Room for the fields besides the texts, and for each text's part around it.
const FRAME_BYTES: usize = 512;
const PART_BYTES: usize = 48;

pub(super) fn path(target: &Target) -> String {
    let method = if target.stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let mut path = "/v1beta/models/".to_owned();
    push_encoded(target.model, &mut path);
    path.push(':');
    path.push_str(method);
    path
}

/// The body, and the hints that Gemini does not know.
pub(super) fn write_body(conversation: &Conversation, target: &Target) -> (Vec<u8>, Vec<&'static str>) {
    let texts = usize::try_from(conversation.text_bytes()).unwrap_or(0);
    let mut body = Vec::with_capacity(texts + conversation.turns.len() * PART_BYTES + FRAME_BYTES);
    let mut dropped = Vec::new();
    let mut json = Json::object(&mut body);
    let instructions: Vec<&Text> = conversation.instructions().flat_map(spoken).collect();
    if !instructions.is_empty() {
        let mut system = Json::object(json.field("systemInstruction"));
        write_parts(instructions, system.field("parts"));
        system.end();
    }
    write_contents(conversation, &mut json);
    write_config(conversation, target, json.field("generationConfig"), &mut dropped);
    json.end();
    if conversation.turns.iter().any(|turn| turn.name.is_some()) {
        dropped.push("messages.name");
    }
    dropped.extend(conversation.sampling.hints.iter().map(|hint| hint.name));
    (body, dropped)
}

/// Turns of one role that follow each other become one content; so does what an empty turn parted.
fn write_contents(conversation: &Conversation, json: &mut Json) {
    let said: Vec<(Role, &Text)> =
        conversation.talk().flat_map(|turn| spoken(turn).map(|text| (turn.role, text))).collect();
    write::array(said.chunk_by(|a, b| a.0 == b.0), json.field("contents"), |content, out| {
        let role = if content[0].0 == Role::Assistant { "model" } else { "user" };
        let mut json = Json::object(out);
        json.string("role", role);
        write_parts(content.iter().map(|(_, text)| *text), json.field("parts"));
        json.end();
    });
}

fn write_parts<'a>(texts: impl IntoIterator<Item = &'a Text>, out: &mut Vec<u8>) {
    write::array(texts, out, |text, out| {
        let mut json = Json::object(out);
        json.text("text", text);
        json.end();
    });
}

/// A turn's texts but for empty ones, which Gemini takes for a missing part.
fn spoken(turn: &Turn) -> impl Iterator<Item = &Text> {
    let texts = turn.parts.iter().filter_map(Part::as_text);
    texts.filter(|text| !text.is_empty())
}

fn write_config(
    conversation: &Conversation,
    target: &Target,
    out: &mut Vec<u8>,
    dropped: &mut Vec<&'static str>,
) {
    let sampling = &conversation.sampling;
    let mut json = Json::object(out);
    json.integer("maxOutputTokens", target.output_bound);
    for (ours, theirs, value) in
        [("temperature", "temperature", sampling.temperature), ("top_p", "topP", sampling.top_p)]
    {
        match value {
            Some(value) if target.takes_sampling() => json.number(theirs, value),
            Some(_) => dropped.push(ours),
            None => {}
        }
    }
    match sampling.top_k {
        Some(top_k) if target.takes_sampling() => json.integer("topK", top_k),
        Some(_) => dropped.push("top_k"),
        None => {}
    }
    let stops = sampling.stop.iter().filter(|text| !text.is_empty()).take(MAX_STOPS);
    let kept = stops.clone().count();
    if kept > 0 {
        write::array(stops, json.field("stopSequences"), |text, out| out.extend_from_slice(text.json()));
    }
    if kept < sampling.stop.len() {
        dropped.push("stop");
    }
    // Their `seed` has 32 bits.
    match sampling.seed.map(i32::try_from) {
        Some(Ok(seed)) => json.raw("seed", seed.to_string().as_bytes()),
        Some(Err(_)) => dropped.push("seed"),
        None => {}
    }
    if let Some(penalty) = sampling.presence_penalty {
        json.number("presencePenalty", penalty);
    }
    if let Some(penalty) = sampling.frequency_penalty {
        json.number("frequencyPenalty", penalty);
    }
    if sampling.user.is_some() {
        dropped.push("user");
    }
    json.end();
}
