//! What a model answers, as a row of events; a JSON answer is the same events in one piece.

use super::Text;
use crate::fault::Fault;
use crate::usage::Usage;

/// One step of an answer, in no dialect. Order of a whole answer: `Start`, content, stops, `Usage`, `End`.
/// `choice` counts from 0 and is below the codecs' bound.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The provider began: its own id and the model name that it answered with. May come again before content.
    Start { id: Option<Text>, model: Option<Text> },
    /// More of a choice's text.
    Text { choice: u32, text: Text },
    /// More of what the model thinks.
    Thinking { choice: u32, text: Text },
    /// The thought that was told is over and signed; a `redacted` one comes whole, and unsigned.
    ThinkingEnd { choice: u32, signature: Option<Text>, redacted: Option<Text> },
    /// More of a refusal in the model's own words.
    Refusal { choice: u32, text: Text },
    /// A tool call begins. `index` counts a choice's calls from 0; `id` is absent where the provider has
    /// none; `signature` is Gemini's thought signature.
    ToolCall { choice: u32, index: u32, id: Option<Text>, name: Text, signature: Option<Text> },
    /// More of a call's arguments: a piece of the JSON text, itself as a string literal.
    Arguments { choice: u32, index: u32, piece: Text },
    /// A choice is over.
    Stop { choice: u32, reason: StopReason },
    /// Counters so far: cumulative, so a later event replaces what it names.
    Usage(Usage),
    /// An error inside a stream that had begun with status 200.
    Failed(Fault),
    /// The provider's own end mark. A body that ends without it was cut, unless the dialect has none.
    End,
}

impl Event {
    /// Whether every caller can see it, so that no other candidate may answer any more.
    pub fn is_content(&self) -> bool {
        match self {
            Event::Text { text, .. } | Event::Refusal { text, .. } => !text.is_empty(),
            Event::ToolCall { .. } | Event::Arguments { .. } => true,
            _ => false,
        }
    }

    /// Bytes of what the model made in it: an upper bound of its tokens.
    pub fn shown_bytes(&self) -> u64 {
        match self {
            Event::Text { text, .. } | Event::Thinking { text, .. } | Event::Refusal { text, .. } => {
                text.json_len() as u64
            }
            Event::ToolCall { name, .. } => name.json_len() as u64,
            Event::Arguments { piece, .. } => piece.json_len() as u64,
            _ => 0,
        }
    }

    /// Whether it tells of thinking, which counts as content where the caller's dialect shows it.
    pub fn is_thinking(&self) -> bool {
        matches!(self, Event::Thinking { .. } | Event::ThinkingEnd { .. })
    }
}

/// Why a choice ended, in the field's common words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The model was done.
    End,
    /// A stop sequence of the caller's was met.
    StopSequence,
    /// The bound on output tokens, or the context window, was reached.
    Length,
    /// The model waits for the results of its tool calls.
    ToolCalls,
    /// The provider withheld the rest.
    ContentFilter,
    /// The model refused; its words, if any, came as [`Event::Refusal`] or text.
    Refusal,
    /// A reason that has no equal in the other dialects.
    Other,
}
