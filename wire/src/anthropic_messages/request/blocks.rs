//! What messages are made of.

use super::{Request, ids};
use crate::write::Json;
use gateway_core::conversation::{
    CacheTtl, Content, Media, Part, Source, Text, Thinking, ToolCall, ToolResult,
};
use gateway_core::ids::ProviderKind;

/// Bytes of the media in a part.
pub(super) fn media_bytes(part: &Part) -> usize {
    match &part.content {
        Content::Image(media) | Content::Document(media) => match &media.source {
            Source::Base64 { data, .. } => data.len(),
            Source::Url { url, .. } => url.json_len(),
            Source::Plain(_) => 0,
        },
        Content::ToolResult(result) => result.content.iter().map(media_bytes).sum(),
        _ => 0,
    }
}

/// A part's words, where it has nothing else. A refusal of an earlier turn is text here.
pub(super) fn text_of(part: &Part) -> Option<&Text> {
    match &part.content {
        Content::Text(text) | Content::Refusal(text) => Some(text),
        _ => None,
    }
}

pub(super) fn is_blank(text: &Text) -> bool {
    match text.json_inner().first() {
        None => true,
        // Only blanks, escapes and characters outside ASCII can begin a blank text.
        Some(b' ' | b'\\' | 0x80..=0xFF) => text.decoded().trim().is_empty(),
        Some(_) => false,
    }
}

/// A thought that Anthropic itself made and signed; it takes no other.
fn is_own(thinking: &Thinking) -> bool {
    thinking.origin == ProviderKind::Anthropic
        && (thinking.redacted.is_some()
            || thinking.signature.as_ref().is_some_and(|signature| !signature.is_empty()))
}

/// `cache_control`, as it stands in blocks and tools.
pub(super) fn write_cache(cache: Option<CacheTtl>, json: &mut Json) {
    match cache {
        Some(CacheTtl::FiveMinutes) => json.raw("cache_control", br#"{"type":"ephemeral"}"#),
        Some(CacheTtl::OneHour) => json.raw("cache_control", br#"{"type":"ephemeral","ttl":"1h"}"#),
        None => {}
    }
}

impl Request<'_> {
    /// Whether a part has a place; what is lost without it is named.
    pub(super) fn is_sent(&mut self, part: &Part) -> bool {
        match &part.content {
            Content::Text(text) | Content::Refusal(text) if is_blank(text) => {
                if part.cache.is_some() {
                    self.drop_field("messages.content.cache_control");
                }
                false
            }
            Content::Thinking(thinking) => {
                let is_own = is_own(thinking);
                if !is_own {
                    self.drop_field("messages.thinking_blocks");
                }
                if part.cache.is_some() {
                    self.drop_field("messages.content.cache_control");
                }
                is_own
            }
            // The planner keeps it away from here.
            Content::Audio(_) => {
                self.drop_field("messages.content.input_audio");
                false
            }
            _ => true,
        }
    }

    pub(super) fn block(&mut self, part: &Part, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        match &part.content {
            Content::Text(text) | Content::Refusal(text) => {
                json.raw("type", b"\"text\"");
                json.text("text", text);
            }
            Content::Image(media) => self.media("image", media, &mut json),
            Content::Document(media) | Content::Audio(media) => self.media("document", media, &mut json),
            Content::ToolCall(call) => self.call(call, &mut json),
            Content::ToolResult(result) => self.result(result, &mut json),
            Content::Thinking(thinking) => return write_thinking(thinking, json),
        }
        write_cache(part.cache, &mut json);
        json.end();
    }

    fn media(&mut self, kind: &str, media: &Media, json: &mut Json) {
        json.string("type", kind);
        let mut source = Json::object(json.field("source"));
        match &media.source {
            Source::Base64 { media_type, data } => {
                source.raw("type", b"\"base64\"");
                source.string("media_type", media_type);
                let out = source.field("data");
                out.reserve(data.len() + 2);
                out.push(b'"');
                out.extend_from_slice(data);
                out.push(b'"');
            }
            Source::Url { url, .. } => {
                source.raw("type", b"\"url\"");
                source.text("url", url);
            }
            Source::Plain(text) => {
                source.raw("type", b"\"text\"");
                source.raw("media_type", b"\"text/plain\"");
                source.text("data", text);
            }
        }
        source.end();
        match &media.name {
            Some(name) if kind == "document" && !is_blank(name) => json.text("title", name),
            Some(_) => self.drop_field("messages.content.file.filename"),
            None => {}
        }
        // `auto` asks for nothing.
        if media.detail.as_ref().is_some_and(|detail| detail.decoded() != "auto") {
            self.drop_field("messages.content.image_url.detail");
        }
    }

    fn call(&mut self, call: &ToolCall, json: &mut Json) {
        json.raw("type", b"\"tool_use\"");
        // Every dialect that callers speak has ids; without one the name is the best that a result could name.
        ids::write(call.id.as_ref().unwrap_or(&call.name), json.field("id"));
        self.names.write(&call.name, json.field("name"));
        // The planner keeps arguments that are no object away from here.
        json.raw("input", call.arguments.object().as_deref().unwrap_or(b"{}"));
        if call.signature.is_some() {
            self.drop_field("messages.tool_calls.extra_content");
        }
    }

    fn result(&mut self, result: &ToolResult, json: &mut Json) {
        json.raw("type", b"\"tool_result\"");
        ids::write(&result.call_id, json.field("tool_use_id"));
        let parts: Vec<&Part> = result.content.iter().filter(|part| self.is_sent(part)).collect();
        if !parts.is_empty() {
            self.content(&parts, json.field("content"));
        }
        if result.is_error {
            json.bool("is_error", true);
        }
    }
}

/// Byte for byte as it came: the signature covers it.
fn write_thinking(thinking: &Thinking, mut json: Json) {
    match &thinking.redacted {
        Some(data) => {
            json.raw("type", b"\"redacted_thinking\"");
            json.text("data", data);
        }
        None => {
            json.raw("type", b"\"thinking\"");
            json.text("thinking", &thinking.text);
            if let Some(signature) = &thinking.signature {
                json.text("signature", signature);
            }
        }
    }
    json.end();
}
