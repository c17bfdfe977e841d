//! Every string of a conversation that a model would read, in one order: what the system says first, tools,
//! turns, then all else that is sent or kept. What looks into a request, or changes it, goes over these and misses nothing.
//!
//! Left out, since they are opaque: signatures, encrypted thinking, and thinking that is signed.

use super::part::{Arguments, Content, Media, Part, Source, Thinking, ToolCall, ToolResult};
use super::{Conversation, Output, Role, Tool, ToolChoice, Turn};
use super::{RawJson, Text};
use bytes::Bytes;

/// A string or a JSON value, where it stands, and to which message it belongs.
pub struct Leaf<'c> {
    pub place: Place,
    /// Leaves of one message (a turn, a tool, or what stands beside them) share a number and follow each other.
    pub message: usize,
    /// It goes on where the leaf before it ends: two text parts of one turn.
    pub joined: bool,
    pub value: Value<'c>,
}

/// Who brought a text here, as far as trust goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    System,
    /// The definition of a tool.
    Tool,
    User,
    Assistant,
    /// What a tool answered.
    Result,
    Document,
    /// Stop sequences, hints, identifiers.
    Beside,
}

impl Place {
    /// Whether somebody else than operator, caller and model may have written it.
    pub fn is_untrusted(self) -> bool {
        matches!(self, Place::Result | Place::Document)
    }
}

/// What may be done with it.
pub enum Value<'c> {
    /// Free text.
    Text(&'c mut Text),
    /// A JSON value.
    Json(&'c mut RawJson),
    /// JSON within a string, as OpenAI writes arguments; it may be anything that a model wrote.
    Encoded(&'c mut Text),
    /// A JSON schema: its properties' names are what a model must write.
    Schema(&'c mut RawJson),
    /// A JSON value of a hint, a string or an object.
    Hint { name: &'static str, json: &'c mut Bytes },
    /// The name of a tool or schema.
    Name(&'c mut Text),
    /// What names the caller's own user, cache or session.
    Identifier(&'c mut Text),
    /// The id of a tool call; the same one stands in the call and in its result.
    CallId(&'c mut Text),
    /// A file, base64.
    File { media: MediaKind, media_type: &'c str, data: &'c mut Bytes },
    /// The address of a file that the provider fetches.
    FileUrl { media: MediaKind, url: &'c mut Text },
    /// A text as its tokens' numbers, which only its model can read.
    Tokens,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Document,
    Audio,
    /// A text that came as tokens.
    Tokens,
}

impl MediaKind {
    /// The request's field that holds it.
    pub fn field(self) -> &'static str {
        match self {
            MediaKind::Image | MediaKind::Document | MediaKind::Audio => "messages",
            MediaKind::Tokens => "input",
        }
    }
}

impl Conversation {
    /// All of them, to be looked at and changed.
    pub fn leaves(&mut self) -> Vec<Leaf<'_>> {
        let mut walk =
            Walk { leaves: Vec::with_capacity(self.turns.len() + 4), place: Place::System, message: 0 };
        // An instruction that was added later stays among the turns, so that what came before keeps its place.
        let leading = self.turns.iter().take_while(|turn| turn.role.is_instruction()).count();
        let (instructions, talk) = self.turns.split_at_mut(leading);
        instructions.iter_mut().for_each(|turn| walk.turn(turn));
        self.tools.iter_mut().for_each(|tool| walk.tool(tool));
        talk.iter_mut().for_each(|turn| walk.turn(turn));
        walk.begin(Place::Beside);
        if let Some(ToolChoice::Named(name)) = &mut self.tool_choice {
            walk.add(Value::Name(name));
        }
        if let Output::JsonSchema(schema) = &mut self.output {
            schema.name.iter_mut().for_each(|name| walk.add(Value::Name(name)));
            schema.description.iter_mut().for_each(|text| walk.add(Value::Text(text)));
            walk.add(Value::Schema(&mut schema.schema));
        }
        let sampling = &mut self.sampling;
        sampling.stop.iter_mut().for_each(|stop| walk.add(Value::Text(stop)));
        sampling.user.iter_mut().for_each(|user| walk.add(Value::Identifier(user)));
        for hint in &mut sampling.hints {
            walk.add(Value::Hint { name: hint.name, json: &mut hint.json });
        }
        for (_, value) in &mut self.tags {
            // One is no context for another.
            walk.begin(Place::Beside);
            walk.add(Value::Identifier(value));
        }
        walk.leaves
    }
}

struct Walk<'c> {
    leaves: Vec<Leaf<'c>>,
    place: Place,
    message: usize,
}

impl<'c> Walk<'c> {
    fn begin(&mut self, place: Place) {
        self.place = place;
        self.message += 1;
    }

    fn add(&mut self, value: Value<'c>) {
        self.leaves.push(Leaf { place: self.place, message: self.message, joined: false, value });
    }

    fn tool(&mut self, tool: &'c mut Tool) {
        self.begin(Place::Tool);
        self.add(Value::Name(&mut tool.name));
        tool.description.iter_mut().for_each(|text| self.add(Value::Text(text)));
        tool.parameters.iter_mut().for_each(|schema| self.add(Value::Schema(schema)));
    }

    fn turn(&mut self, turn: &'c mut Turn) {
        self.begin(match turn.role {
            Role::System | Role::Developer => Place::System,
            Role::User => Place::User,
            Role::Assistant => Place::Assistant,
            Role::Tool => Place::Result,
        });
        turn.name.iter_mut().for_each(|name| self.add(Value::Text(name)));
        self.parts(&mut turn.parts);
    }

    fn parts(&mut self, parts: &'c mut [Part]) {
        let mut after_text = false;
        for part in parts {
            let is_text = matches!(part.content, Content::Text(_));
            let first = self.leaves.len();
            self.content(&mut part.content);
            if is_text && after_text {
                self.leaves[first].joined = true;
            }
            after_text = is_text;
        }
    }

    fn content(&mut self, content: &'c mut Content) {
        match content {
            Content::Text(text) | Content::Refusal(text) => self.add(Value::Text(text)),
            Content::Image(media) => self.media(MediaKind::Image, media),
            Content::Document(media) => self.media(MediaKind::Document, media),
            Content::Audio(media) => self.media(MediaKind::Audio, media),
            Content::ToolCall(call) => self.call(call),
            Content::ToolResult(result) => self.result(result),
            Content::Thinking(thinking) => self.thinking(thinking),
        }
    }

    fn media(&mut self, media: MediaKind, file: &'c mut Media) {
        let before = self.place;
        if media == MediaKind::Document {
            self.place = Place::Document;
        }
        file.name.iter_mut().for_each(|name| self.add(Value::Text(name)));
        file.detail.iter_mut().for_each(|detail| self.add(Value::Text(detail)));
        match &mut file.source {
            Source::Plain(text) => self.add(Value::Text(text)),
            Source::Url { url, .. } => self.add(Value::FileUrl { media, url }),
            Source::Base64 { media_type, data } => self.add(Value::File { media, media_type, data }),
        }
        self.place = before;
    }

    fn call(&mut self, call: &'c mut ToolCall) {
        call.id.iter_mut().for_each(|id| self.add(Value::CallId(id)));
        self.add(Value::Name(&mut call.name));
        self.add(match &mut call.arguments {
            Arguments::Encoded(text) => Value::Encoded(text),
            Arguments::Object(object) => Value::Json(object),
        });
    }

    /// A result is the tool's word, in whosever turn it stands.
    fn result(&mut self, result: &'c mut ToolResult) {
        let before = std::mem::replace(&mut self.place, Place::Result);
        self.add(Value::CallId(&mut result.call_id));
        result.name.iter_mut().for_each(|name| self.add(Value::Name(name)));
        self.parts(&mut result.content);
        self.place = before;
    }

    fn thinking(&mut self, thinking: &'c mut Thinking) {
        if thinking.signature.is_none() && thinking.redacted.is_none() {
            self.add(Value::Text(&mut thinking.text));
        }
    }
}

#[cfg(test)]
mod tests;
