//! What a conversation asks of a model: a model that cannot do it is no candidate.

use super::{Arguments, Content, Conversation, Media, Output, Part, Source, ToolChoice};

/// One thing that a model or its dialect must be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Need {
    Tools,
    /// A tool call is forced: by name, or any.
    ForcedTool,
    Vision,
    /// Images that the provider fetches.
    ImageUrls,
    /// PDF files.
    Pdf,
    /// Documents that the provider fetches.
    DocumentUrls,
    Audio,
    /// Images or files within a tool's result.
    MediaInResults,
    JsonObject,
    JsonSchema,
    /// More than one choice.
    Choices,
    /// Arguments of an earlier call that are no JSON object: only OpenAI's dialect can carry them.
    LooseArguments,
    /// Vectors instead of an answer.
    Vectors,
    /// More than 100 inputs of one request for embeddings.
    ManyInputs,
    /// Inputs of embeddings as tokens.
    TokenInputs,
}

impl Need {
    pub const ALL: [Need; 15] = [
        Need::Tools,
        Need::ForcedTool,
        Need::Vision,
        Need::ImageUrls,
        Need::Pdf,
        Need::DocumentUrls,
        Need::Audio,
        Need::MediaInResults,
        Need::JsonObject,
        Need::JsonSchema,
        Need::Choices,
        Need::LooseArguments,
        Need::Vectors,
        Need::ManyInputs,
        Need::TokenInputs,
    ];

    /// The request's field that brings it, in OpenAI's words.
    pub fn field(self) -> &'static str {
        match self {
            Need::Tools => "tools",
            Need::ForcedTool => "tool_choice",
            Need::JsonObject | Need::JsonSchema => "response_format",
            Need::Choices => "n",
            Need::Vectors => "model",
            Need::ManyInputs | Need::TokenInputs => "input",
            Need::Vision
            | Need::ImageUrls
            | Need::Pdf
            | Need::DocumentUrls
            | Need::Audio
            | Need::MediaInResults
            | Need::LooseArguments => "messages",
        }
    }

    /// What is needed, as an error says it.
    pub fn words(self) -> &'static str {
        match self {
            Need::Tools => "tools",
            Need::ForcedTool => "a forced tool call",
            Need::Vision => "images",
            Need::ImageUrls => "images by URL (send them as data URLs)",
            Need::Pdf => "PDF files",
            Need::DocumentUrls => "documents by URL (send them as data)",
            Need::Audio => "audio input",
            Need::MediaInResults => "images or files in tool results",
            Need::JsonObject => "JSON object output without a schema",
            Need::JsonSchema => "JSON schema output",
            Need::Choices => "more than one choice",
            Need::LooseArguments => "tool call arguments that are no JSON object",
            Need::Vectors => "requests for embeddings",
            Need::ManyInputs => "more than 100 inputs at once (send fewer)",
            Need::TokenInputs => "inputs as tokens (send texts)",
        }
    }
}

/// A set of needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs(u16);

impl Needs {
    pub const NONE: Needs = Needs(0);

    #[must_use]
    pub const fn with(self, need: Need) -> Needs {
        Needs(self.0 | 1 << need as u8)
    }

    pub const fn has(self, need: Need) -> bool {
        self.0 & (1 << need as u8) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Need> {
        Need::ALL.into_iter().filter(move |need| self.has(*need))
    }
}

pub(super) fn of(conversation: &Conversation) -> Needs {
    let mut needs = Needs::NONE;
    for part in conversation.turns.iter().flat_map(|turn| &turn.parts) {
        needs = of_part(part, needs);
    }
    if !conversation.tools.is_empty() {
        needs = needs.with(Need::Tools);
        if matches!(conversation.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_))) {
            needs = needs.with(Need::ForcedTool);
        }
    }
    match conversation.output {
        Output::Text => {}
        Output::JsonObject => needs = needs.with(Need::JsonObject),
        Output::JsonSchema(_) => needs = needs.with(Need::JsonSchema),
    }
    if conversation.sampling.choices.is_some_and(|choices| choices > 1) {
        needs = needs.with(Need::Choices);
    }
    needs
}

fn of_part(part: &Part, needs: Needs) -> Needs {
    match &part.content {
        Content::Text(_) | Content::Refusal(_) | Content::Thinking(_) => needs,
        Content::Image(media) => {
            let needs = needs.with(Need::Vision);
            if matches!(media.source, Source::Url { .. }) { needs.with(Need::ImageUrls) } else { needs }
        }
        Content::Document(media) => of_document(media, needs),
        Content::Audio(_) => needs.with(Need::Audio),
        Content::ToolCall(call) => match &call.arguments {
            arguments @ Arguments::Encoded(_) if arguments.object().is_none() => {
                needs.with(Need::LooseArguments)
            }
            _ => needs,
        },
        Content::ToolResult(result) => result.content.iter().fold(needs, |needs, part| {
            let needs = of_part(part, needs);
            if part.as_text().is_some() { needs } else { needs.with(Need::MediaInResults) }
        }),
    }
}

fn of_document(media: &Media, needs: Needs) -> Needs {
    match &media.source {
        Source::Plain(_) => needs,
        Source::Base64 { .. } => needs.with(Need::Pdf),
        Source::Url { .. } => needs.with(Need::Pdf).with(Need::DocumentUrls),
    }
}
