//! Counters, each server's habit of counting made one.

use crate::braces::Braced;
use gateway_core::usage::Usage;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Counters {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<Braced<PromptDetails>>,
    #[serde(default)]
    completion_tokens_details: Option<Braced<CompletionDetails>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
    #[serde(default)]
    audio_tokens: Option<u64>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
    #[serde(default)]
    audio_tokens: Option<u64>,
}

impl Counters {
    /// Cached and written tokens stand inside `prompt_tokens`, reasoning inside `completion_tokens`;
    /// xAI counts reasoning outside, which the total shows.
    pub(super) fn normalised(&self) -> Usage {
        let prompt = self.prompt_tokens_details.map(|Braced(details)| details).unwrap_or_default();
        let completion = self.completion_tokens_details.map(|Braced(details)| details).unwrap_or_default();
        let cached = prompt.cached_tokens.or(self.prompt_cache_hit_tokens);
        let beside = [cached, prompt.cache_write_tokens, prompt.audio_tokens].into_iter().flatten();
        let beside = beside.fold(0, u64::saturating_add);
        let outside = match (
            self.total_tokens,
            self.prompt_tokens,
            self.completion_tokens,
            completion.reasoning_tokens,
        ) {
            (Some(total), Some(prompt), Some(made), Some(reasoning))
                if reasoning > 0 && total == prompt.saturating_add(made).saturating_add(reasoning) =>
            {
                reasoning
            }
            _ => 0,
        };
        Usage {
            input: self.prompt_tokens.map(|tokens| tokens.saturating_sub(beside)),
            cache_read: cached,
            cache_write_5m: prompt.cache_write_tokens,
            output: self.completion_tokens.map(|tokens| tokens.saturating_add(outside)),
            reasoning: completion.reasoning_tokens,
            audio_input: prompt.audio_tokens.filter(|tokens| *tokens > 0),
            audio_output: completion.audio_tokens.filter(|tokens| *tokens > 0),
            ..Usage::default()
        }
    }
}
