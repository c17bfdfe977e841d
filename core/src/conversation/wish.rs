//! How the model is to answer: with which tools, in which form, after how much thought.

use super::text::{RawJson, Text};
use bytes::Bytes;
use std::fmt;

use super::part::CacheTtl;
use crate::catalog::{Effort, ServiceTier};

/// A function that the caller offers. Tools that providers host are not among them: their cost has no bound.
#[derive(Clone, Debug)]
pub struct Tool {
    pub name: Text,
    pub description: Option<Text>,
    /// A JSON schema object; absent for a tool without arguments.
    pub parameters: Option<RawJson>,
    /// OpenAI's and Anthropic's `strict`.
    pub strict: Option<bool>,
    pub cache: Option<CacheTtl>,
}

#[derive(Clone, Debug)]
pub enum ToolChoice {
    Auto,
    None,
    /// Any of them, but one.
    Required,
    Named(Text),
}

/// The form of the answer.
#[derive(Clone, Debug, Default)]
pub enum Output {
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    JsonSchema(Schema),
}

#[derive(Clone, Debug)]
pub struct Schema {
    /// OpenAI requires a name; other dialects have none.
    pub name: Option<Text>,
    pub description: Option<Text>,
    pub schema: RawJson,
    pub strict: Option<bool>,
}

/// How much a model may think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    Effort(Effort),
    /// Tokens, at most.
    Budget(u64),
    /// As the model sees fit (Anthropic `adaptive`, Gemini `-1`).
    Adaptive,
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
    /// Answers to make (OpenAI `n`, Gemini `candidateCount`); `None` is one.
    pub choices: Option<u32>,
    /// A tier with prices of its own; `None` is the standard one.
    pub service_tier: Option<ServiceTier>,
    /// Hints that only OpenAI's dialect has, under their names there.
    pub hints: Vec<Hint>,
    /// Of Anthropic's dialect alone.
    pub betas: Betas,
}

/// A beta of Anthropic's that changes how an answer comes, and neither its cost nor what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Beta {
    /// Thoughts between calls of tools.
    InterleavedThinking,
    /// Arguments of calls as they are made, not only once they are whole.
    FineGrainedTools,
}

/// A set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Betas(u8);

impl Betas {
    #[must_use]
    pub fn with(self, beta: Beta) -> Betas {
        Betas(self.0 | 1 << beta as u8)
    }

    pub fn has(self, beta: Beta) -> bool {
        self.0 & (1 << beta as u8) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
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

impl Tool {
    pub(super) fn text_len(&self) -> usize {
        let description = self.description.as_ref().map_or(0, Text::json_len);
        self.name.json_len() + description + self.parameters.as_ref().map_or(0, |schema| schema.json().len())
    }
}

impl Output {
    pub(super) fn text_len(&self) -> usize {
        match self {
            Output::JsonSchema(schema) => schema.schema.json().len(),
            Output::Text | Output::JsonObject => 0,
        }
    }
}
