//! Turns as messages: a turn is one, and each tool's result is one of its own.

use super::Request;
use crate::openai_chat::ids;
use crate::write::{Json, array, string};
use gateway_core::conversation::{
    Arguments, Content, Media, Part, Role, Source, Text, ToolCall, ToolResult, Turn,
};

/// Bytes that a part's media take in the body.
pub(super) fn media_len(part: &Part) -> usize {
    match &part.content {
        Content::Image(media) | Content::Document(media) | Content::Audio(media) => match &media.source {
            Source::Base64 { data, .. } => data.len() + 128,
            Source::Url { url, .. } => url.json_len() + 64,
            Source::Plain(_) => 64,
        },
        _ => 0,
    }
}

impl Request<'_> {
    pub(super) fn messages(&mut self, turns: &[Turn], out: &mut Vec<u8>) {
        out.push(b'[');
        for turn in turns {
            let mut has_more = turn.parts.is_empty();
            for part in &turn.parts {
                match &part.content {
                    Content::ToolResult(result) => {
                        self.note_cache(part);
                        separate(out);
                        self.result(result, out);
                    }
                    _ => has_more = true,
                }
            }
            if has_more {
                separate(out);
                self.message(turn, out);
            }
        }
        out.push(b']');
    }

    /// All of a turn but the results of tools.
    fn message(&mut self, turn: &Turn, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        json.string("role", self.role(turn.role));
        let said = |part: &&Part| {
            !matches!(
                part.content,
                Content::ToolResult(_) | Content::ToolCall(_) | Content::Refusal(_) | Content::Thinking(_)
            )
        };
        let mut parts = turn.parts.iter().filter(said);
        let refusals = turn.parts.iter().filter(|part| matches!(part.content, Content::Refusal(_)));
        let calls = turn.parts.iter().filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        });
        turn.parts.iter().for_each(|part| self.note_cache(part));
        if turn.parts.iter().any(|part| matches!(part.content, Content::Thinking(_))) {
            self.drop_field("messages.thinking_blocks");
        }
        match (parts.next(), parts.next()) {
            (Some(Part { content: Content::Text(text), .. }), None) => json.text("content", text),
            (Some(_), _) => array(turn.parts.iter().filter(said), json.field("content"), |part, out| {
                self.part(part, out);
            }),
            (None, _) if calls.clone().next().is_some() || refusals.clone().next().is_some() => {
                json.raw("content", b"null");
            }
            (None, _) => json.raw("content", br#""""#),
        }
        self.refusals(refusals, &mut json);
        if calls.clone().next().is_some() {
            array(calls, json.field("tool_calls"), |call, out| self.call(call, out));
        }
        if let Some(name) = &turn.name {
            json.text("name", name);
        }
        json.end();
    }

    /// Compatible servers know the older word alone.
    fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Developer if !self.is_compatible => "developer",
            Role::System | Role::Developer => "system",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        }
    }

    /// OpenAI keeps a prompt in its cache by itself.
    fn note_cache(&mut self, part: &Part) {
        if part.cache.is_some() {
            self.drop_field("messages.content.cache_control");
        }
    }

    fn refusals<'p>(&self, refusals: impl Iterator<Item = &'p Part>, json: &mut Json) {
        let mut refusals = refusals.peekable();
        if refusals.peek().is_none() {
            return;
        }
        let out = json.field("refusal");
        out.push(b'"');
        for part in refusals {
            if let Content::Refusal(text) = &part.content {
                out.extend_from_slice(text.json_inner());
            }
        }
        out.push(b'"');
    }

    fn result(&mut self, result: &ToolResult, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        json.raw("role", br#""tool""#);
        ids::write(&result.call_id, self.target.model, json.field("tool_call_id"));
        result.content.iter().for_each(|part| self.note_cache(part));
        match &result.content[..] {
            [] => json.raw("content", br#""""#),
            [Part { content: Content::Text(text), .. }] => json.text("content", text),
            parts if self.is_compatible && parts.iter().all(|part| part.as_text().is_some()) => {
                joined(parts.iter().filter_map(Part::as_text), json.field("content"));
            }
            parts => array(parts, json.field("content"), |part, out| self.part(part, out)),
        }
        json.end();
    }

    fn call(&mut self, call: &ToolCall, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        match &call.id {
            Some(id) => ids::write(id, self.target.model, json.field("id")),
            None => json.raw("id", br#""call_0""#),
        }
        json.raw("type", br#""function""#);
        let mut function = Json::object(json.field("function"));
        self.names.write(&call.name, function.field("name"));
        match &call.arguments {
            Arguments::Encoded(text) => function.text("arguments", text),
            Arguments::Object(object) => {
                string(&String::from_utf8_lossy(object.json()), function.field("arguments"));
            }
        }
        function.end();
        if let Some(signature) = &call.signature {
            self.signature(signature, &mut json);
        }
        json.end();
    }

    /// Gemini's own, so for Gemini alone: Google serves it in this dialect too.
    fn signature(&mut self, signature: &Text, json: &mut Json) {
        if !(self.is_compatible && self.target.model.contains("gemini")) {
            self.drop_field("messages.tool_calls.extra_content");
            return;
        }
        let mut extra = Json::object(json.field("extra_content"));
        let mut google = Json::object(extra.field("google"));
        google.text("thought_signature", signature);
        google.end();
        extra.end();
    }

    fn part(&mut self, part: &Part, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        match &part.content {
            Content::Text(text) => write_text(text, &mut json),
            Content::Image(media) => image(media, &mut json),
            Content::Document(media) => self.document(media, &mut json),
            Content::Audio(media) => audio(media, &mut json),
            // These have places of their own in a message.
            Content::Refusal(_) | Content::Thinking(_) | Content::ToolCall(_) | Content::ToolResult(_) => {}
        }
        json.end();
    }

    /// A PDF is a file; a plain text is a text, since nothing else is taken as a file here.
    fn document(&mut self, media: &Media, json: &mut Json) {
        if let Source::Plain(text) = &media.source {
            if media.name.is_some() {
                self.drop_field("messages.content.title");
            }
            return write_text(text, json);
        }
        json.raw("type", br#""file""#);
        let mut file = Json::object(json.field("file"));
        match &media.name {
            Some(name) => file.text("filename", name),
            None => file.raw("filename", br#""document.pdf""#),
        }
        write_source(&media.source, file.field("file_data"));
        file.end();
    }
}

fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'[') {
        out.push(b',');
    }
}

fn joined<'t>(texts: impl Iterator<Item = &'t Text>, out: &mut Vec<u8>) {
    out.push(b'"');
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\\n");
        }
        out.extend_from_slice(text.json_inner());
    }
    out.push(b'"');
}

fn write_text(text: &Text, json: &mut Json) {
    json.raw("type", br#""text""#);
    json.text("text", text);
}

fn image(media: &Media, json: &mut Json) {
    json.raw("type", br#""image_url""#);
    let mut image = Json::object(json.field("image_url"));
    write_source(&media.source, image.field("url"));
    if let Some(detail) = &media.detail {
        image.text("detail", detail);
    }
    image.end();
}

fn audio(media: &Media, json: &mut Json) {
    json.raw("type", br#""input_audio""#);
    let mut audio = Json::object(json.field("input_audio"));
    if let Source::Base64 { media_type, data } = &media.source {
        let format = match media_type.as_str() {
            "audio/mp3" | "audio/mpeg" => "mp3",
            "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
            other => other.trim_start_matches("audio/"),
        };
        let out = audio.field("data");
        out.push(b'"');
        out.extend_from_slice(data);
        out.push(b'"');
        audio.string("format", format);
    }
    audio.end();
}

/// A URL, or the data as one. Base64 and media types need no escapes.
fn write_source(source: &Source, out: &mut Vec<u8>) {
    match source {
        Source::Base64 { media_type, data } => {
            out.extend_from_slice(b"\"data:");
            out.extend_from_slice(media_type.as_bytes());
            out.extend_from_slice(b";base64,");
            out.extend_from_slice(data);
            out.push(b'"');
        }
        Source::Url { url, .. } => out.extend_from_slice(url.json()),
        Source::Plain(text) => out.extend_from_slice(text.json()),
    }
}
