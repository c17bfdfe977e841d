//! Writes a request as OpenAI, Azure and compatible servers expect it.

use crate::dialect::Target;
use crate::write::{Json, array};
use gateway_core::conversation::{Conversation, Part, Role, Text, Turn};

/// The body, and the hints that this model does not take.
pub(crate) fn write_body(conversation: &Conversation, target: &Target) -> (Vec<u8>, Vec<&'static str>) {
    let mut out =
        Vec::with_capacity(conversation.text_bytes() as usize + 64 * conversation.turns.len() + 256);
    let mut dropped = Vec::new();
    let sampling = &conversation.sampling;
    let mut json = Json::object(&mut out);
    json.string("model", target.model);
    array(&conversation.turns, json.field("messages"), message);
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
            Some(_) => dropped.push(name),
            None => {}
        }
    }
    if let Some(seed) = sampling.seed {
        json.raw("seed", seed.to_string().as_bytes());
    }
    if sampling.top_k.is_some() {
        dropped.push("top_k");
    }
    if !sampling.stop.is_empty() {
        if target.reasons() {
            dropped.push("stop");
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
    if target.stream {
        json.bool("stream", true);
        if target.stream_usage {
            json.raw("stream_options", br#"{"include_usage":true}"#);
        }
    }
    json.end();
    (out, dropped)
}

fn message(turn: &Turn, out: &mut Vec<u8>) {
    let role = match turn.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    let mut json = Json::object(out);
    json.string("role", role);
    let texts: Vec<&Text> = turn.parts.iter().filter_map(Part::as_text).collect();
    match texts[..] {
        [text] => json.text("content", text),
        _ => array(texts, json.field("content"), |text, out| {
            let mut json = Json::object(out);
            json.raw("type", br#""text""#);
            json.text("text", text);
            json.end();
        }),
    }
    if let Some(name) = &turn.name {
        json.text("name", name);
    }
    json.end();
}
