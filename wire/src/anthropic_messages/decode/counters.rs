//! What an answer consumed, as Anthropic counts.

use gateway_core::catalog::ServiceTier;
use gateway_core::usage::Usage;
use serde::Deserialize;

/// The counters as Anthropic names them: `input_tokens` without both cache counters, `output_tokens` with
/// thinking. The same shape serves for each of `iterations`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Counters {
    #[serde(rename = "type")]
    kind: Option<IterationKind>,
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    pub(super) output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
    server_tool_use: Option<ServerToolUse>,
    service_tier: Option<Tier>,
    speed: Option<Speed>,
    iterations: Option<Vec<Counters>>,
}

/// The capacity that served.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tier {
    Standard,
    Priority,
    Batch,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Speed {
    Fast,
    #[serde(other)]
    Unknown,
}

/// How long each part of the cache writes lives; the total stands in `cache_creation_input_tokens`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct CacheCreation {
    #[serde(default)]
    ephemeral_5m_input_tokens: u64,
    #[serde(default)]
    ephemeral_1h_input_tokens: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct OutputDetails {
    thinking_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct ServerToolUse {
    web_search_requests: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum IterationKind {
    Compaction,
    #[serde(other)]
    Unknown,
}

impl Counters {
    /// Takes every counter that `later` names: those of a stream are cumulative.
    pub(super) fn replace_with(&mut self, later: Counters) {
        fn take<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        take(&mut self.input_tokens, later.input_tokens);
        take(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        take(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        take(&mut self.cache_creation, later.cache_creation);
        take(&mut self.output_tokens, later.output_tokens);
        take(&mut self.output_tokens_details, later.output_tokens_details);
        take(&mut self.server_tool_use, later.server_tool_use);
        take(&mut self.service_tier, later.service_tier);
        take(&mut self.speed, later.speed);
        take(&mut self.iterations, later.iterations);
    }

    /// What is billed. The top-level figures leave compaction out, so its iterations are added; those of
    /// other kinds are either inside already or another model's.
    pub(super) fn usage(&self) -> Usage {
        let mut usage = self.own_usage();
        let compactions =
            self.iterations.iter().flatten().filter(|i| i.kind == Some(IterationKind::Compaction));
        for compaction in compactions.map(Counters::own_usage) {
            add(&mut usage.input, compaction.input);
            add(&mut usage.cache_read, compaction.cache_read);
            add(&mut usage.cache_write_5m, compaction.cache_write_5m);
            add(&mut usage.cache_write_1h, compaction.cache_write_1h);
            add(&mut usage.output, compaction.output);
        }
        usage
    }

    fn own_usage(&self) -> Usage {
        let (cache_write_5m, cache_write_1h) = self.cache_writes();
        Usage {
            input: self.input_tokens,
            cache_read: self.cache_read_input_tokens,
            cache_write_5m,
            cache_write_1h,
            output: self.output_tokens,
            reasoning: self.output_tokens_details.and_then(|details| details.thinking_tokens),
            audio_input: None,
            audio_output: None,
            web_searches: self.server_tool_use.and_then(|tools| tools.web_search_requests),
            service_tier: self.tier(),
        }
    }

    /// Fast mode has prices of its own, whichever capacity it ran on.
    fn tier(&self) -> Option<ServiceTier> {
        match (self.speed, self.service_tier) {
            (Some(Speed::Fast), _) => Some(ServiceTier::Fast),
            (_, Some(Tier::Standard)) => Some(ServiceTier::Standard),
            (_, Some(Tier::Priority)) => Some(ServiceTier::Priority),
            (_, Some(Tier::Batch)) => Some(ServiceTier::Batch),
            (_, Some(Tier::Unknown) | None) => None,
        }
    }

    /// Five-minute and one-hour writes. A stream's last total comes without its split, and may be higher
    /// than the first: what was added counts as the kind that was written before, else as five minutes.
    fn cache_writes(&self) -> (Option<u64>, Option<u64>) {
        match (self.cache_creation_input_tokens, self.cache_creation) {
            (total, None) => (total, None),
            (None, Some(split)) => {
                (Some(split.ephemeral_5m_input_tokens), Some(split.ephemeral_1h_input_tokens))
            }
            (Some(total), Some(split)) => {
                let all_1h = split.ephemeral_5m_input_tokens == 0 && split.ephemeral_1h_input_tokens > 0;
                let hour = if all_1h { total } else { split.ephemeral_1h_input_tokens.min(total) };
                (Some(total - hour), Some(hour))
            }
        }
    }
}

fn add(sum: &mut Option<u64>, more: Option<u64>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or(0).saturating_add(more));
    }
}
