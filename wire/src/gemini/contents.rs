//! Writes the turns: what the operator said apart, then who spoke in which order, calls and results included.

use super::request::Dropped;
use super::thinking;
use crate::dialect::Target;
use crate::names::Names;
use crate::write::{Json, array};
use gateway_core::conversation::{
    Content, Conversation, Media, Part, Role, Source, Text, ToolCall, ToolResult, Turn,
};
use std::collections::HashMap;

/// Google's documented signature for a call whose own was not kept (or that another provider's model made).
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Media types by the ending of a URL's path, for those that Gemini reads.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("aac", "audio/aac"),
    ("aiff", "audio/aiff"),
    ("csv", "text/csv"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("html", "text/html"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("md", "text/markdown"),
    ("mp3", "audio/mp3"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webp", "image/webp"),
];

/// Whose content a piece stands in. Results are the user's, but in a content of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Model,
    User,
    Tools,
}

/// A part that is sent.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'a Text),
    Media(&'a Media),
    Call(&'a ToolCall),
    Result(&'a ToolResult),
}

/// Bytes of the media in a conversation.
pub(super) fn media_bytes(conversation: &Conversation) -> usize {
    let parts = conversation.turns.iter().flat_map(|turn| &turn.parts);
    let media = parts.filter_map(|part| match &part.content {
        Content::Image(media) | Content::Document(media) | Content::Audio(media) => Some(media),
        _ => None,
    });
    media
        .map(|media| match &media.source {
            Source::Base64 { data, .. } => data.len(),
            Source::Url { url, .. } => url.json_len(),
            Source::Plain(_) => 0,
        })
        .sum()
}

/// Writes `systemInstruction` and `contents`. Where nobody but the operator spoke, that is the user's
/// content, since Gemini wants one.
pub(super) fn write(
    conversation: &Conversation,
    target: &Target,
    names: &Names,
    json: &mut Json,
    dropped: &mut Dropped,
) {
    let mut instructions = pieces(conversation.instructions(), dropped);
    let mut talk = pieces(conversation.talk(), dropped);
    if talk.is_empty() {
        talk = std::mem::take(&mut instructions);
    }
    let mut writer = Writer {
        conversation,
        names,
        signs: thinking::is_third_generation(target.model),
        calls: Vec::new(),
        dropped,
    };
    if !instructions.is_empty() {
        let mut system = Json::object(json.field("systemInstruction"));
        array(&instructions, system.field("parts"), |(_, piece), out| writer.part(*piece, false, out));
        system.end();
    }
    // Pieces of one speaker that follow each other become one content; so does what an empty turn parted.
    array(talk.chunk_by(|a, b| a.0 == b.0), json.field("contents"), |content, out| {
        writer.content(content, out);
    });
}

/// What is said in the turns; what Gemini has no place for is named.
fn pieces<'a>(turns: impl Iterator<Item = &'a Turn>, dropped: &mut Dropped) -> Vec<(Speaker, Piece<'a>)> {
    let mut pieces = Vec::new();
    for turn in turns {
        for part in &turn.parts {
            if part.cache.is_some() {
                dropped.name("messages.content.cache_control");
            }
            let Some(piece) = piece(part, dropped) else { continue };
            let speaker = match (turn.role, piece) {
                (_, Piece::Result(_)) => Speaker::Tools,
                (Role::Assistant, _) => Speaker::Model,
                _ => Speaker::User,
            };
            pieces.push((speaker, piece));
        }
    }
    pieces
}

fn piece<'a>(part: &'a Part, dropped: &mut Dropped) -> Option<Piece<'a>> {
    match &part.content {
        // Gemini takes an empty text for a missing part.
        Content::Text(text) | Content::Refusal(text) => (!text.is_empty()).then_some(Piece::Text(text)),
        Content::Image(media) | Content::Document(media) | Content::Audio(media) => {
            if media.detail.is_some() {
                dropped.name("messages.content.image_url.detail");
            }
            if media.name.is_some() {
                dropped.name("messages.content.file.filename");
            }
            Some(match &media.source {
                Source::Plain(text) if text.is_empty() => return None,
                Source::Plain(text) => Piece::Text(text),
                Source::Base64 { .. } | Source::Url { .. } => Piece::Media(media),
            })
        }
        Content::ToolCall(call) => Some(Piece::Call(call)),
        Content::ToolResult(result) => Some(Piece::Result(result)),
        Content::Thinking(_) => {
            dropped.name("messages.thinking_blocks");
            None
        }
    }
}

struct Writer<'a, 'b> {
    conversation: &'a Conversation,
    names: &'a Names,
    /// Whether the model wants a signature beside the first call of each step.
    signs: bool,
    /// The calls of the latest content that had any: results follow in their order.
    calls: Vec<&'a ToolCall>,
    dropped: &'b mut Dropped,
}

impl<'a> Writer<'a, '_> {
    fn content(&mut self, content: &[(Speaker, Piece<'a>)], out: &mut Vec<u8>) {
        let speaker = content[0].0;
        let mut json = Json::object(out);
        json.string("role", if speaker == Speaker::Model { "model" } else { "user" });
        let parts = json.field("parts");
        if speaker == Speaker::Tools {
            self.results(content, parts);
        } else {
            let mut calls = Vec::new();
            array(content, parts, |(_, piece), out| {
                self.part(*piece, calls.is_empty(), out);
                if let Piece::Call(call) = piece {
                    calls.push(*call);
                }
            });
            if !calls.is_empty() {
                self.calls = calls;
            }
        }
        json.end();
    }

    fn part(&mut self, piece: Piece<'a>, has_no_call_yet: bool, out: &mut Vec<u8>) {
        let mut json = Json::object(out);
        match piece {
            Piece::Text(text) => json.text("text", text),
            Piece::Media(media) => write_media(media, &mut json),
            Piece::Call(call) => self.call(call, has_no_call_yet, &mut json),
            Piece::Result(result) => self.result(result, None, &mut json),
        }
        json.end();
    }

    fn call(&mut self, call: &ToolCall, is_first: bool, json: &mut Json) {
        let mut inner = Json::object(json.field("functionCall"));
        self.names.write(&call.name, inner.field("name"));
        // Routing keeps arguments that are no object away from here.
        let arguments = call.arguments.object();
        inner.raw("args", arguments.as_deref().unwrap_or(b"{}"));
        inner.end();
        match &call.signature {
            Some(signature) => json.text("thoughtSignature", signature),
            None if self.signs && is_first => json.string("thoughtSignature", NO_SIGNATURE),
            None => {}
        }
    }

    /// All results of a step, in the order of its calls, whichever order the caller has them in.
    fn results(&mut self, content: &[(Speaker, Piece<'a>)], out: &mut Vec<u8>) {
        let mut places: HashMap<&[u8], usize> = HashMap::with_capacity(self.calls.len());
        for (place, call) in self.calls.iter().enumerate() {
            if let Some(id) = &call.id {
                places.entry(id.json()).or_insert(place);
            }
        }
        let results = content.iter().filter_map(|(_, piece)| match piece {
            Piece::Result(result) => Some((places.get(result.call_id.json()).copied(), *result)),
            _ => None,
        });
        let mut results: Vec<(Option<usize>, &ToolResult)> = results.collect();
        results.sort_by_key(|(place, _)| place.unwrap_or(usize::MAX));
        array(results, out, |(place, result), out| {
            let called = place.and_then(|place| self.calls.get(place)).map(|call| &call.name);
            let mut json = Json::object(out);
            self.result(result, called, &mut json);
            json.end();
        });
    }

    fn result(&mut self, result: &ToolResult, called: Option<&Text>, json: &mut Json) {
        let name = result.name.as_ref().or(called).or_else(|| self.conversation.called_tool(&result.call_id));
        let mut inner = Json::object(json.field("functionResponse"));
        match name {
            Some(name) => self.names.write(name, inner.field("name")),
            // A result without its call is refused there.
            None => inner.string("name", "unknown"),
        }
        if result.content.iter().any(|part| part.as_text().is_none()) {
            self.dropped.name("messages.content");
        }
        write_response(result, inner.field("response"));
        inner.end();
    }
}

/// A response must be an object: a text that is one goes as it is, any other stands in `result` or `error`.
fn write_response(result: &ToolResult, out: &mut Vec<u8>) {
    let texts: Vec<&Text> = result.content.iter().filter_map(Part::as_text).collect();
    let field = if result.is_error { "error" } else { "result" };
    if let [text] = texts[..]
        && !result.is_error
        && let Some(object) = object_in(text)
    {
        out.extend_from_slice(object.as_bytes());
        return;
    }
    let mut json = Json::object(out);
    match texts[..] {
        [] => json.string(field, ""),
        [text] => json.text(field, text),
        _ => array(texts, json.field(field), |text, out| out.extend_from_slice(text.json())),
    }
    json.end();
}

/// The JSON object that a text is, if every reader reads the same in it.
fn object_in(text: &Text) -> Option<String> {
    let plain = text.decoded();
    let trimmed = plain.trim();
    let is_object = trimmed.starts_with('{')
        && crate::json::check(trimmed.as_bytes()).is_ok()
        && serde_json::from_str::<serde::de::IgnoredAny>(trimmed).is_ok();
    is_object.then(|| trimmed.to_owned())
}

fn write_media(media: &Media, json: &mut Json) {
    match &media.source {
        Source::Base64 { media_type, data } => {
            let mut inner = Json::object(json.field("inlineData"));
            inner.string("mimeType", media_type);
            let out = inner.field("data");
            out.push(b'"');
            out.extend_from_slice(data);
            out.push(b'"');
            inner.end();
        }
        Source::Url { media_type, url } => {
            let mut inner = Json::object(json.field("fileData"));
            if let Some(media_type) = media_type.as_deref().or_else(|| media_type_of(&url.decoded())) {
                inner.string("mimeType", media_type);
            }
            inner.text("fileUri", url);
            inner.end();
        }
        // Became a text.
        Source::Plain(text) => json.text("text", text),
    }
}

fn media_type_of(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit('/').next()?.rsplit_once('.')?;
    MEDIA_TYPES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(ending))
        .map(|(_, media_type)| *media_type)
}
