//! The inner form: a conversation on its way to a model ([`Conversation`]), and what comes back ([`Event`]).
//!
//! Every caller's dialect decodes into it and every provider's dialect is encoded from it, so that
//! plan, inspection, money and fallback are written once.

mod event;
mod text;

use bytes::Bytes;
use std::fmt;

pub use event::{Event, StopReason};
pub use text::Text;

/// What a model is asked, in the order in which it was said.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// Never empty once decoded. System and developer turns stand where the caller put them.
    pub turns: Vec<Turn>,
    pub sampling: Sampling,
}

#[derive(Clone, Debug)]
pub struct Turn {
    pub role: Role,
    pub parts: Vec<Part>,
    /// The participant's name (OpenAI's `name`); a hint that some providers do not know.
    pub name: Option<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    System,
    /// OpenAI's newer word for [`Role::System`]; kept apart because some models refuse one of the two.
    Developer,
    User,
    Assistant,
}

impl Role {
    /// Whether the operator speaks (system or developer), rather than one of the two talkers.
    pub fn is_instruction(self) -> bool {
        matches!(self, Role::System | Role::Developer)
    }
}

#[derive(Clone, Debug)]
pub enum Part {
    Text(Text),
}

/// How the model is to speak. Everything absent is the provider's own default.
#[derive(Clone, Debug, Default)]
pub struct Sampling {
    /// Tokens, the caller's own bound on the output (`max_tokens`, `max_completion_tokens`).
    pub max_output: Option<u64>,
    /// 0 to 2 as OpenAI and Gemini count; Anthropic knows 0 to 1.
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub stop: Vec<Text>,
    pub seed: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    /// The caller's end-user id (OpenAI `user`, Anthropic `metadata.user_id`).
    pub user: Option<Text>,
    /// Hints that only OpenAI's dialect has, under their names there.
    pub hints: Vec<Hint>,
}

/// A hint of one dialect: copied where the provider speaks that dialect, dropped and named elsewhere.
#[derive(Clone)]
pub struct Hint {
    pub name: &'static str,
    /// Valid JSON, as the caller wrote it.
    pub json: Bytes,
}

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hint({} *** {} bytes)", self.name, self.json.len())
    }
}

impl Conversation {
    /// Turns of system and developer, in order: for providers that keep them apart from the talk.
    pub fn instructions(&self) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(|turn| turn.role.is_instruction())
    }

    /// Turns of user and assistant, in order.
    pub fn talk(&self) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(|turn| !turn.role.is_instruction())
    }

    /// UTF-8 bytes of all that a model would read: an upper bound of its text tokens, since no
    /// byte-level tokenizer yields more tokens than bytes. Escapes make it larger, never smaller.
    pub fn text_bytes(&self) -> u64 {
        let parts = self.turns.iter().map(|turn| {
            let name = turn.name.as_ref().map_or(0, Text::json_len);
            name + turn.parts.iter().map(Part::json_len).sum::<usize>()
        });
        parts.sum::<usize>() as u64
    }
}

impl Part {
    fn json_len(&self) -> usize {
        match self {
            Part::Text(text) => text.json_len(),
        }
    }
}
