//! The inner form: a conversation on its way to a model ([`Conversation`]), and what comes back ([`Event`]).
//!
//! Every caller's dialect decodes into it and every provider's dialect is encoded from it, so that
//! plan, inspection, money and fallback are written once.
//!
//! | module | holds |
//! |---|---|
//! | [`part`] | what a turn is made of: text, media, tool calls and results, thinking |
//! | [`wish`] | tools, output format, reasoning, sampling: how the model is to answer |
//! | [`needs`] | what a model must be able to do for it |
//! | [`event`] | the answer |
//! | [`text`] | strings and JSON as they stood |
//! | [`texts`] | every string that a model would read |

mod event;
mod needs;
mod part;
mod text;
mod texts;
mod wish;

pub use event::{Event, StopReason};
pub use needs::{Need, Needs};
pub use part::{Arguments, CacheTtl, Content, Media, Part, Source, Thinking, ToolCall, ToolResult};
pub use text::{RawJson, Text};
pub use texts::{Leaf, MediaKind, Place, Value};
pub use wish::{Beta, Betas, Hint, Output, Reasoning, Sampling, Schema, Tool, ToolChoice};

use crate::ids::TagName;

/// What a model is asked, in the order in which it was said.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// Never empty once decoded. System and developer turns stand where the caller put them.
    pub turns: Vec<Turn>,
    pub tools: Vec<Tool>,
    /// `None`: the caller did not say, so the provider decides.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several tools may be called at once; `None` as above.
    pub parallel_tools: Option<bool>,
    pub output: Output,
    pub reasoning: Option<Reasoning>,
    pub sampling: Sampling,
    /// What the caller counts it under. No provider is told.
    pub tags: Vec<(TagName, Text)>,
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
    /// Results of tool calls, and nothing else. Providers differ in whose turn that is.
    Tool,
}

impl Role {
    /// Whether the operator speaks (system or developer), rather than one of the talkers.
    pub fn is_instruction(self) -> bool {
        matches!(self, Role::System | Role::Developer)
    }
}

impl Conversation {
    /// Turns of system and developer, in order: for providers that keep them apart from the talk.
    pub fn instructions(&self) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(|turn| turn.role.is_instruction())
    }

    /// Turns of user, assistant and tools, in order.
    pub fn talk(&self) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(|turn| !turn.role.is_instruction())
    }

    /// The name of the tool that the call with this id was made to; results name the id alone.
    pub fn called_tool(&self, id: &Text) -> Option<&Text> {
        let parts = self.turns.iter().flat_map(|turn| &turn.parts);
        let calls = parts.filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        });
        calls.filter(|call| call.id.as_ref().is_some_and(|known| known == id)).last().map(|call| &call.name)
    }

    /// UTF-8 bytes of all that a model would read as text: an upper bound of its text tokens, since no
    /// byte-level tokenizer yields more tokens than bytes. Escapes make it larger, never smaller. Media
    /// are counted apart (they cost by size and kind, not by their base64).
    pub fn text_bytes(&self) -> u64 {
        let turns = self.turns.iter().map(|turn| {
            turn.name.as_ref().map_or(0, Text::json_len)
                + turn.parts.iter().map(Part::text_len).sum::<usize>()
        });
        let tools = self.tools.iter().map(Tool::text_len);
        let total = turns.sum::<usize>() + tools.sum::<usize>() + self.output.text_len();
        total as u64
    }

    /// What a model reads as it stands, text by text: of all that [`Conversation::text_bytes`] counts, what was said
    /// and what tools answered. Names, tools, arguments, documents, thoughts and refusals are written by a provider
    /// in forms of its own.
    pub fn plain_texts(&self) -> impl Iterator<Item = &Text> {
        self.turns.iter().flat_map(|turn| &turn.parts).flat_map(Part::plain_texts)
    }

    /// Bytes of signatures: a provider reads out of them what it signed, the whole thought, where the text beside is
    /// a summary of it, or empty. Nobody else can read them.
    pub fn signed_bytes(&self) -> u64 {
        let parts = self.turns.iter().flat_map(|turn| &turn.parts);
        parts.map(Part::signed_len).sum::<usize>() as u64
    }

    /// Bytes of media as they stand, base64: for buffers, not for prices.
    pub fn media_bytes(&self) -> usize {
        self.turns.iter().flat_map(|turn| &turn.parts).map(Part::media_len).sum()
    }

    /// What a model must be able to do to serve it.
    pub fn needs(&self) -> Needs {
        needs::of(self)
    }
}
