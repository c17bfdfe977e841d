//! Writes a conversation as Anthropic reads it.

use crate::dialect::Target;
use crate::write::{self, Json};
use gateway_core::conversation::{Conversation, Part, Role, Text, Turn};

/// Room for the fields besides the texts, and for each text's block around it.
const FRAME_BYTES: usize = 512;
const BLOCK_BYTES: usize = 64;

/// The body, and the hints that Anthropic does not know.
pub(super) fn write_body(conversation: &Conversation, target: &Target) -> (Vec<u8>, Vec<&'static str>) {
    let texts = usize::try_from(conversation.text_bytes()).unwrap_or(0);
    let mut body = Vec::with_capacity(texts + conversation.turns.len() * BLOCK_BYTES + FRAME_BYTES);
    let mut dropped = Vec::new();
    let mut json = Json::object(&mut body);
    json.string("model", target.model);
    json.integer("max_tokens", target.output_bound);
    if target.stream {
        json.bool("stream", true);
    }
    write_sampling(conversation, target, &mut json, &mut dropped);
    write_system(conversation, &mut json);
    write_messages(conversation, &mut json);
    json.end();
    if conversation.turns.iter().any(|turn| turn.name.is_some()) {
        dropped.push("messages.name");
    }
    dropped.extend(conversation.sampling.hints.iter().map(|hint| hint.name));
    (body, dropped)
}

fn write_sampling(
    conversation: &Conversation,
    target: &Target,
    json: &mut Json,
    dropped: &mut Vec<&'static str>,
) {
    let sampling = &conversation.sampling;
    // Anthropic counts from 0 to 1 and refuses what is over it.
    let temperature = sampling.temperature.filter(|t| target.takes_sampling() && *t <= 1.0);
    // Newer models refuse both together.
    let top_p = sampling.top_p.filter(|_| target.takes_sampling() && temperature.is_none());
    let top_k = sampling.top_k.filter(|_| target.takes_sampling());
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
    ] {
        if is_lost {
            dropped.push(name);
        }
    }
}

/// Instructions stand at the top, wherever the caller put them.
fn write_system(conversation: &Conversation, json: &mut Json) {
    let texts: Vec<&Text> = conversation.instructions().flat_map(spoken).collect();
    if !texts.is_empty() {
        write_content(texts.into_iter(), json.field("system"));
    }
}

/// Turns of one role that follow each other become one message; so does what an empty turn parted.
fn write_messages(conversation: &Conversation, json: &mut Json) {
    let said: Vec<(Role, &Text)> =
        conversation.talk().flat_map(|turn| spoken(turn).map(|text| (turn.role, text))).collect();
    write::array(said.chunk_by(|a, b| a.0 == b.0), json.field("messages"), |message, out| {
        let role = if message[0].0 == Role::Assistant { "assistant" } else { "user" };
        let mut json = Json::object(out);
        json.string("role", role);
        write_content(message.iter().map(|(_, text)| *text), json.field("content"));
        json.end();
    });
}

/// A single text as a string, several as blocks.
fn write_content<'a>(mut texts: impl ExactSizeIterator<Item = &'a Text>, out: &mut Vec<u8>) {
    if texts.len() == 1 {
        if let Some(text) = texts.next() {
            out.extend_from_slice(text.json());
        }
        return;
    }
    write::array(texts, out, |text, out| {
        let mut json = Json::object(out);
        json.raw("type", b"\"text\"");
        json.text("text", text);
        json.end();
    });
}

/// A turn's texts but for blank ones, which Anthropic refuses and which say nothing.
fn spoken(turn: &Turn) -> impl Iterator<Item = &Text> {
    let texts = turn.parts.iter().filter_map(Part::as_text);
    texts.filter(|text| !is_blank(text))
}

fn is_blank(text: &Text) -> bool {
    match text.json_inner().first() {
        None => true,
        // Only blanks, escapes and characters outside ASCII can begin a blank text.
        Some(b' ' | b'\\' | 0x80..=0xFF) => text.decoded().trim().is_empty(),
        Some(_) => false,
    }
}
