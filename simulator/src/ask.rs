//! What a request of any dialect asks for, as far as an answer depends on it.

use serde_json::Value;

/// The answer wanted, read from a checked request.
#[derive(Debug, Default)]
pub(crate) struct Ask {
    pub model: String,
    /// The text of the last turn that is a user's own words.
    pub prompt: String,
    /// Characters of everything that a model would read.
    pub prompt_chars: usize,
    pub images: usize,
    pub max_tokens: Option<u64>,
    pub stops: Vec<String>,
    pub delivery: Delivery,
    pub tools: Vec<Tool>,
    pub choice: ToolChoice,
    pub calls: Calls,
    pub format: Format,
    pub thinking: Thinking,
    /// OpenAI's `n`, Gemini's `candidateCount`; 0 reads as 1.
    pub choices: usize,
    /// The last turn holds results of tools, so a tool that was merely offered is not called again.
    pub after_tool: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Delivery {
    #[default]
    Json,
    Sse {
        /// A closing usage chunk was asked for; only OpenAI's dialect has the choice.
        usage: bool,
    },
    /// Gemini's stream without `alt=sse`.
    JsonArray,
}

#[derive(Debug)]
pub(crate) struct Tool {
    pub name: String,
    pub schema: Value,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    #[default]
    Auto,
    Never,
    Required,
    Named(String),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Calls {
    #[default]
    Parallel,
    OneByOne,
}

#[derive(Debug, Default)]
pub(crate) enum Format {
    #[default]
    Text,
    Object,
    Schema(Value),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Thinking {
    #[default]
    Off,
    /// Counted, not shown.
    Hidden,
    /// Counted and part of the answer.
    Shown,
}

impl Ask {
    pub(crate) fn choices(&self) -> usize {
        self.choices.max(1)
    }
}
