//! Which tokenizer a model reads its prompt with, where its vendor has said so.

use crate::ids::{ModelName, ProviderKind};

/// A tokenizer that is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokenizer {
    /// OpenAI's, since GPT-4o.
    O200kBase,
}

/// Families of models that read by [`Tokenizer::O200kBase`]: a name is one of these, or goes on after it with a mark.
/// GPT-4, GPT-3.5 and the models for embeddings have an older one.
const O200K_BASE: [&str; 9] =
    ["gpt-4o", "chatgpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "gpt-oss", "o1", "o3", "o4"];

impl Tokenizer {
    /// Of a model by its catalog's name, as OpenAI and Azure serve it. What a compatible server makes of a model that
    /// it calls by the same name is its own business; what the other vendors count with is not public. `None`: not
    /// known.
    pub fn of(kind: ProviderKind, model: &ModelName) -> Option<Tokenizer> {
        if !matches!(kind, ProviderKind::OpenAi | ProviderKind::AzureOpenAi) {
            return None;
        }
        // `eu/gpt-5`, a region's own; `ft:gpt-4o-2024-08-06:…`, trained further.
        let name = model.as_str().rsplit('/').next().unwrap_or_default();
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let is_of = |family: &&str| {
            let rest = name.strip_prefix(*family);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', ':']))
        };
        O200K_BASE.iter().any(is_of).then_some(Tokenizer::O200kBase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_is_known_for_families_of_openai_at_openai_and_azure_alone() {
        use ProviderKind::{Anthropic, AzureOpenAi, Gemini, OpenAi, OpenAiCompatible};
        for (kind, model, want) in [
            (OpenAi, "gpt-4o", true),
            (OpenAi, "gpt-4o-mini-2024-07-18", true),
            (OpenAi, "ft:gpt-4o-2024-08-06:acme::a1", true),
            (OpenAi, "chatgpt-4o-latest", true),
            (OpenAi, "gpt-4.1-nano", true),
            (OpenAi, "gpt-4.5-preview", true),
            (OpenAi, "gpt-5", true),
            (OpenAi, "gpt-5.6-sol", true),
            (OpenAi, "o1", true),
            (OpenAi, "o3-mini-2025-01-31", true),
            (OpenAi, "o4-mini", true),
            (AzureOpenAi, "gpt-4o", true),
            (AzureOpenAi, "gpt-oss-120b", true),
            (AzureOpenAi, "eu/gpt-5.1", true),
            (OpenAi, "gpt-4", false),
            (OpenAi, "gpt-4-turbo", false),
            (OpenAi, "gpt-3.5-turbo", false),
            (OpenAi, "ft:gpt-4-0613", false),
            (OpenAi, "text-embedding-3-small", false),
            (OpenAi, "gpt-6-sol", false),
            (OpenAi, "gpt-50", false),
            (OpenAi, "o10", false),
            (OpenAi, "omni", false),
            (OpenAiCompatible, "gpt-4o", false),
            (OpenAiCompatible, "openai/gpt-oss-20b", false),
            (Anthropic, "claude-opus-4-6", false),
            (Gemini, "gemini-2.5-pro", false),
        ] {
            let known = Tokenizer::of(kind, &ModelName::new(model));
            assert_eq!(known, want.then_some(Tokenizer::O200kBase), "{model} at {}", kind.name());
        }
    }
}
