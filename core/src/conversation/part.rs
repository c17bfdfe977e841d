//! What a turn is made of.

use super::text::{RawJson, Text};
use crate::ids::ProviderKind;
use bytes::Bytes;

/// A piece of a turn.
#[derive(Clone, Debug)]
pub struct Part {
    pub content: Content,
    /// Anthropic's mark: the provider keeps the prompt up to here in its cache.
    pub cache: Option<CacheTtl>,
}

/// How long a provider keeps a marked prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheTtl {
    FiveMinutes,
    OneHour,
}

#[derive(Clone, Debug)]
pub enum Content {
    Text(Text),
    Image(Media),
    /// A PDF or a plain text file.
    Document(Media),
    Audio(Media),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    Thinking(Thinking),
    /// The model's own refusal in an earlier turn; text to every dialect but OpenAI's.
    Refusal(Text),
}

#[derive(Clone, Debug)]
pub struct Media {
    pub source: Source,
    /// A file's name or a document's title.
    pub name: Option<Text>,
    /// OpenAI's `detail` of an image.
    pub detail: Option<Text>,
}

#[derive(Clone)]
pub enum Source {
    /// `media_type` like `image/png`; `data` is base64 without line ends or JSON escapes.
    Base64 { media_type: String, data: Bytes },
    /// An address that the provider fetches; the gateway never does.
    Url { media_type: Option<String>, url: Text },
    /// A plain text document.
    Plain(Text),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Base64 { media_type, data } => write!(f, "Base64({media_type} *** {} bytes)", data.len()),
            Source::Url { .. } => f.write_str("Url(***)"),
            Source::Plain(text) => write!(f, "Plain({text:?})"),
        }
    }
}

/// The model asked for a tool.
#[derive(Clone, Debug)]
pub struct ToolCall {
    /// Absent where neither provider nor caller gave one.
    pub id: Option<Text>,
    pub name: Text,
    pub arguments: Arguments,
    /// Gemini's `thoughtSignature`, which must come back beside the call.
    pub signature: Option<Text>,
}

/// A call's arguments, as their dialect writes them.
#[derive(Clone, Debug)]
pub enum Arguments {
    /// OpenAI: JSON within a string. It may be anything that a model wrote.
    Encoded(Text),
    /// Anthropic, Gemini, native: an object.
    Object(RawJson),
}

#[derive(Clone, Debug)]
pub struct ToolResult {
    /// The id of the call that it answers.
    pub call_id: Text,
    /// The tool's name, where the dialect gives it (Gemini); else [`super::Conversation::called_tool`] knows.
    pub name: Option<Text>,
    /// Texts, images and documents; empty is an empty result.
    pub content: Vec<Part>,
    pub is_error: bool,
}

/// What a model thought before it spoke. Opaque: it goes back byte for byte, to its own dialect only.
#[derive(Clone, Debug)]
pub struct Thinking {
    /// The dialect that it came from.
    pub origin: ProviderKind,
    /// The thought; empty where it is redacted.
    pub text: Text,
    pub signature: Option<Text>,
    /// Anthropic's `redacted_thinking`: encrypted, in place of the text.
    pub redacted: Option<Text>,
}

impl Part {
    pub fn new(content: Content) -> Part {
        Part { content, cache: None }
    }

    pub fn text(text: Text) -> Part {
        Part::new(Content::Text(text))
    }

    /// The text, where that is all it is.
    pub fn as_text(&self) -> Option<&Text> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Its own text, or those of a tool's result.
    pub(super) fn plain_texts(&self) -> impl Iterator<Item = &Text> {
        let parts = match &self.content {
            Content::ToolResult(result) => &result.content[..],
            _ => std::slice::from_ref(self),
        };
        parts.iter().filter_map(Part::as_text)
    }

    pub(super) fn media_len(&self) -> usize {
        match &self.content {
            Content::Image(media) | Content::Document(media) | Content::Audio(media) => match &media.source {
                Source::Base64 { data, .. } => data.len(),
                Source::Url { url, .. } => url.json_len(),
                Source::Plain(_) => 0,
            },
            Content::ToolResult(result) => result.content.iter().map(Part::media_len).sum(),
            _ => 0,
        }
    }

    pub(super) fn signed_len(&self) -> usize {
        let signature = match &self.content {
            Content::ToolCall(call) => &call.signature,
            Content::Thinking(thinking) => &thinking.signature,
            _ => &None,
        };
        signature.as_ref().map_or(0, Text::json_len)
    }

    pub(super) fn text_len(&self) -> usize {
        match &self.content {
            Content::Text(text) | Content::Refusal(text) => text.json_len(),
            Content::Image(media) | Content::Document(media) | Content::Audio(media) => media.text_len(),
            Content::ToolCall(call) => call.name.json_len() + call.arguments.json_len(),
            Content::ToolResult(result) => result.content.iter().map(Part::text_len).sum(),
            Content::Thinking(thinking) => {
                thinking.text.json_len() + thinking.redacted.as_ref().map_or(0, Text::json_len)
            }
        }
    }
}

impl Media {
    fn text_len(&self) -> usize {
        let name = self.name.as_ref().map_or(0, Text::json_len);
        match &self.source {
            Source::Plain(text) => name + text.json_len(),
            Source::Base64 { .. } | Source::Url { .. } => name,
        }
    }
}

impl Arguments {
    fn json_len(&self) -> usize {
        match self {
            Arguments::Encoded(text) => text.json_len(),
            Arguments::Object(object) => object.json().len(),
        }
    }

    /// The arguments as an object's JSON: what they are decoded from their string, `{}` where that is
    /// blank. `None` where a model wrote something else.
    pub fn object(&self) -> Option<Bytes> {
        let text = match self {
            Arguments::Object(object) => return Some(object.bytes().clone()),
            Arguments::Encoded(text) => text.decoded(),
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Some(Bytes::from_static(b"{}"));
        }
        let is_object =
            trimmed.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(trimmed).is_ok();
        is_object.then(|| Bytes::copy_from_slice(trimmed.as_bytes()))
    }
}
