//! The counters of an answer.

use gateway_core::catalog::ServiceTier;
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;

/// The counters as Gemini names them: cached within the prompt, thoughts and tool use beside the others.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counters {
    pub(super) prompt_token_count: Option<u64>,
    pub(super) cached_content_token_count: Option<u64>,
    pub(super) tool_use_prompt_token_count: Option<u64>,
    pub(super) candidates_token_count: Option<u64>,
    pub(super) thoughts_token_count: Option<u64>,
    #[serde(rename = "promptTokensDetails")]
    prompt_audio: Option<Audio>,
    #[serde(rename = "cacheTokensDetails")]
    cached_audio: Option<Audio>,
    #[serde(rename = "candidatesTokensDetails")]
    made_audio: Option<Audio>,
    service_tier: Option<Tier>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Tier {
    Standard,
    Flex,
    Priority,
    #[serde(other)]
    Unknown,
}

/// Of a counter's details by modality, the audio tokens: they alone have a price of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Audio(u64);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    modality: Option<Modality>,
    #[serde(default)]
    token_count: u64,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Modality {
    Audio,
    #[serde(other)]
    Unknown,
}

impl<'de> Deserialize<'de> for Audio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Audio, D::Error> {
        struct Sum;
        impl<'de> Visitor<'de> for Sum {
            type Value = Audio;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("counters by modality")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut details: A) -> Result<Audio, A::Error> {
                let mut sum = 0u64;
                while let Some(detail) = details.next_element::<Detail>()? {
                    if detail.modality == Some(Modality::Audio) {
                        sum = sum.saturating_add(detail.token_count);
                    }
                }
                Ok(Audio(sum))
            }
        }
        deserializer.deserialize_seq(Sum)
    }
}

impl Counters {
    /// Takes every counter that `later` names. Each event has them all so far, but for one recorded last
    /// event that lacks what earlier ones had: that stays.
    pub(super) fn replace_with(&mut self, later: &Counters) {
        fn take<T: Copy>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        take(&mut self.prompt_token_count, later.prompt_token_count);
        take(&mut self.cached_content_token_count, later.cached_content_token_count);
        take(&mut self.tool_use_prompt_token_count, later.tool_use_prompt_token_count);
        take(&mut self.candidates_token_count, later.candidates_token_count);
        take(&mut self.thoughts_token_count, later.thoughts_token_count);
        take(&mut self.prompt_audio, later.prompt_audio);
        take(&mut self.cached_audio, later.cached_audio);
        take(&mut self.made_audio, later.made_audio);
        take(&mut self.service_tier, later.service_tier);
    }

    pub(super) fn usage(&self) -> Usage {
        let audio = |counter: Option<Audio>| counter.unwrap_or_default().0;
        let cached = self.cached_content_token_count.unwrap_or(0);
        let audio_input = audio(self.prompt_audio).saturating_sub(audio(self.cached_audio));
        let tools = self.tool_use_prompt_token_count.unwrap_or(0);
        let input =
            |prompt: u64| prompt.saturating_sub(cached).saturating_sub(audio_input).saturating_add(tools);
        let some = |tokens: u64| (tokens > 0).then_some(tokens);
        Usage {
            input: self.prompt_token_count.map(input),
            cache_read: self.cached_content_token_count,
            cache_write_5m: None,
            cache_write_1h: None,
            output: match (self.candidates_token_count, self.thoughts_token_count) {
                (None, None) => None,
                (made, thought) => Some(made.unwrap_or(0).saturating_add(thought.unwrap_or(0))),
            },
            reasoning: self.thoughts_token_count,
            audio_input: some(audio_input),
            audio_output: some(audio(self.made_audio)),
            web_searches: None,
            service_tier: match self.service_tier {
                Some(Tier::Standard) => Some(ServiceTier::Standard),
                Some(Tier::Flex) => Some(ServiceTier::Flex),
                Some(Tier::Priority) => Some(ServiceTier::Priority),
                Some(Tier::Unknown) | None => None,
            },
        }
    }
}
