//! What an answer consumed. Each provider's habit of counting is its codec's business; here no token
//! stands in two counters.

use crate::catalog::ServiceTier;

/// Token counters of one answer. `None`: the provider did not say (zero is an answer, and stays zero).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens at the full price: neither read from nor written to a cache.
    pub input: Option<u64>,
    /// Prompt tokens read from the provider's cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens written to a cache that lives 5 minutes (or to one of the provider's own choosing).
    pub cache_write_5m: Option<u64>,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_1h: Option<u64>,
    /// Tokens made, reasoning included.
    pub output: Option<u64>,
    /// Of `output`, those spent on reasoning.
    pub reasoning: Option<u64>,
    /// Of the input, audio tokens; they stand in no other input counter.
    pub audio_input: Option<u64>,
    /// Of `output`, audio tokens.
    pub audio_output: Option<u64>,
    /// Searches that the provider bills by the piece.
    pub web_searches: Option<u64>,
    /// The tier that the provider says it served, and bills; it may differ from the one asked for.
    pub service_tier: Option<ServiceTier>,
}

impl Usage {
    /// Nothing was reported.
    pub const NONE: Usage = Usage {
        input: None,
        cache_read: None,
        cache_write_5m: None,
        cache_write_1h: None,
        output: None,
        reasoning: None,
        audio_input: None,
        audio_output: None,
        web_searches: None,
        service_tier: None,
    };

    /// Takes every counter that `later` names; the rest stays. Usage in streams is cumulative.
    pub fn replace_with(&mut self, later: &Usage) {
        let take = |mine: &mut Option<u64>, theirs: Option<u64>| {
            if theirs.is_some() {
                *mine = theirs;
            }
        };
        take(&mut self.input, later.input);
        take(&mut self.cache_read, later.cache_read);
        take(&mut self.cache_write_5m, later.cache_write_5m);
        take(&mut self.cache_write_1h, later.cache_write_1h);
        take(&mut self.output, later.output);
        take(&mut self.reasoning, later.reasoning);
        take(&mut self.audio_input, later.audio_input);
        take(&mut self.audio_output, later.audio_output);
        take(&mut self.web_searches, later.web_searches);
        self.service_tier = later.service_tier.or(self.service_tier);
    }

    /// Every prompt token, from whichever source it came: what decides on long-context prices.
    pub fn prompt_total(&self) -> u64 {
        [self.input, self.cache_read, self.cache_write_5m, self.cache_write_1h, self.audio_input]
            .iter()
            .flatten()
            .fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Whether the two counters that every answer has were both reported.
    pub fn is_reported(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_counters_replace_and_zero_is_a_value() {
        let mut usage = Usage { input: Some(10), output: Some(5), ..Usage::default() };
        usage.replace_with(&Usage { output: Some(0), cache_read: Some(3), ..Usage::default() });
        assert_eq!(
            usage,
            Usage { input: Some(10), output: Some(0), cache_read: Some(3), ..Usage::default() }
        );
        assert_eq!(usage.prompt_total(), 13);
    }
}
