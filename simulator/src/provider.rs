//! The providers that the simulator plays.

use serde::{Deserialize, Serialize};

/// A provider, by the names that the gateway's configuration uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    #[serde(rename = "openai")]
    OpenAi,
    #[serde(rename = "azure_openai", alias = "azure")]
    AzureOpenAi,
    Anthropic,
    #[serde(alias = "google")]
    Gemini,
}

impl Provider {
    pub const ALL: [Self; 4] = [Self::OpenAi, Self::AzureOpenAi, Self::Anthropic, Self::Gemini];

    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::AzureOpenAi => "azure_openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}
