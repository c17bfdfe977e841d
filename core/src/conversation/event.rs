//! What a model answers, as a row of events; a JSON answer is the same events in one piece.

use super::Text;
use crate::fault::Fault;
use crate::usage::Usage;

/// One step of an answer, in no dialect. Order of a whole answer: `Start`, texts and stops, `Usage`, `End`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The provider began: its own id and the model name that it answered with. May come more than once.
    Start { id: Option<Text>, model: Option<Text> },
    /// More of a choice's text.
    Text { choice: u32, text: Text },
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
    /// Whether the caller can see it, so that no other candidate may answer any more.
    pub fn is_content(&self) -> bool {
        matches!(self, Event::Text { text, .. } if !text.is_empty())
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
    /// The provider withheld the rest, or the model refused.
    ContentFilter,
    /// A reason that has no equal in the other dialects.
    Other,
}
