//! What tokens cost: a model's price in all its variants, and the cost of one answer.

#![deny(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use crate::money::{NanoUsd, PicoUsdPerToken};
use crate::usage::Usage;

/// One model's price at one provider and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    pub base: Rates,
    /// By rising threshold. The highest one exceeded replaces the base for the whole request.
    pub long: Box<[LongContext]>,
    /// Only those that the provider lists.
    pub tiers: Box<[(ServiceTier, Rates)]>,
    /// One search that the provider bills by the piece; `None` where no price is listed.
    pub web_search: Option<NanoUsd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongContext {
    /// Tokens of the whole prompt, cached ones included.
    pub above_prompt_tokens: u64,
    pub rates: Rates,
}

/// Under which terms the provider serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceTier {
    Standard,
    Batch,
    Flex,
    Priority,
    /// Anthropic's `speed: "fast"`.
    Fast,
}

impl ServiceTier {
    pub const ALL: [ServiceTier; 5] = [
        ServiceTier::Standard,
        ServiceTier::Batch,
        ServiceTier::Flex,
        ServiceTier::Priority,
        ServiceTier::Fast,
    ];

    /// The word that stands for it in the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            ServiceTier::Standard => "standard",
            ServiceTier::Batch => "batch",
            ServiceTier::Flex => "flex",
            ServiceTier::Priority => "priority",
            ServiceTier::Fast => "fast",
        }
    }
}

/// The price of a token of each kind that [`Usage`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub input: PicoUsdPerToken,
    pub output: PicoUsdPerToken,
    pub cache_read: PicoUsdPerToken,
    pub cache_write_5m: PicoUsdPerToken,
    pub cache_write_1h: PicoUsdPerToken,
    pub reasoning: PicoUsdPerToken,
    pub audio_input: PicoUsdPerToken,
    pub audio_output: PicoUsdPerToken,
}

/// Prices as a list gives them, some of them absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListedRates {
    pub input: PicoUsdPerToken,
    pub output: PicoUsdPerToken,
    pub cache_read: Option<PicoUsdPerToken>,
    pub cache_write_5m: Option<PicoUsdPerToken>,
    pub cache_write_1h: Option<PicoUsdPerToken>,
    pub reasoning: Option<PicoUsdPerToken>,
    pub audio_input: Option<PicoUsdPerToken>,
    pub audio_output: Option<PicoUsdPerToken>,
}

impl ListedRates {
    /// An absent cache or audio price is the input's, an absent 1-hour write the 5-minute one's.
    pub fn complete(&self) -> Rates {
        self.complete_beside(&ListedRates::default())
    }

    /// The same for a variant of `base` (long context, a service tier): what only the base lists is
    /// never cheaper here than there, so that a gap in the list can't make a bound too low.
    pub fn complete_beside(&self, base: &ListedRates) -> Rates {
        let or =
            |listed: Option<PicoUsdPerToken>, instead: PicoUsdPerToken, beside: Option<PicoUsdPerToken>| {
                listed.unwrap_or_else(|| instead.max(beside.unwrap_or_default()))
            };
        let cache_write_5m = or(self.cache_write_5m, self.input, base.cache_write_5m);
        Rates {
            input: self.input,
            output: self.output,
            cache_read: or(self.cache_read, self.input, base.cache_read),
            cache_write_5m,
            cache_write_1h: or(self.cache_write_1h, cache_write_5m, base.cache_write_1h),
            reasoning: or(self.reasoning, self.output, base.reasoning),
            audio_input: or(self.audio_input, self.input, base.audio_input),
            audio_output: or(self.audio_output, self.output, base.audio_output),
        }
    }
}

impl Rates {
    /// Each price through `change`; the second argument is the same price in `other`.
    fn zip(
        &self,
        other: &Rates,
        change: impl Fn(PicoUsdPerToken, PicoUsdPerToken) -> PicoUsdPerToken,
    ) -> Rates {
        Rates {
            input: change(self.input, other.input),
            output: change(self.output, other.output),
            cache_read: change(self.cache_read, other.cache_read),
            cache_write_5m: change(self.cache_write_5m, other.cache_write_5m),
            cache_write_1h: change(self.cache_write_1h, other.cache_write_1h),
            reasoning: change(self.reasoning, other.reasoning),
            audio_input: change(self.audio_input, other.audio_input),
            audio_output: change(self.audio_output, other.audio_output),
        }
    }

    fn times(&self, thousandths: u32) -> Rates {
        self.zip(self, |rate, _| rate.times(thousandths))
    }
}

impl Price {
    /// A price that is the same for every prompt and service tier.
    pub fn flat(rates: Rates) -> Price {
        Price { base: rates, long: Box::default(), tiers: Box::default(), web_search: None }
    }

    /// All token prices times a factor in thousandths, each rounded up. Searches keep their price.
    #[must_use]
    pub fn times(&self, thousandths: u32) -> Price {
        let long = |step: &LongContext| LongContext { rates: step.rates.times(thousandths), ..*step };
        Price {
            base: self.base.times(thousandths),
            long: self.long.iter().map(long).collect(),
            tiers: self.tiers.iter().map(|(tier, rates)| (*tier, rates.times(thousandths))).collect(),
            web_search: self.web_search,
        }
    }

    /// Whether the tier has a price of its own here.
    pub fn lists(&self, tier: ServiceTier) -> bool {
        self.tiers.iter().any(|(listed, _)| *listed == tier)
    }

    /// What holds for a prompt of that size in that service tier. A tier that is not listed costs the
    /// standard price; where a long prompt meets a listed tier, the dearer of the two, kind by kind,
    /// since no list says what both together cost.
    pub fn rates(&self, prompt_tokens: u64, tier: ServiceTier) -> Rates {
        let long = self.long.iter().rev().find(|step| prompt_tokens > step.above_prompt_tokens);
        let served = self.tiers.iter().find(|(listed, _)| *listed == tier);
        match (long, served) {
            (None, None) => self.base,
            (Some(step), None) => step.rates,
            (None, Some((_, rates))) => *rates,
            (Some(step), Some((_, rates))) => step.rates.zip(rates, Ord::max),
        }
    }
}

/// What an answer cost, in integers, rounded up once at the end. A counter that the provider left out
/// counts as zero here: whether that may be believed ([`Usage::is_reported`]) is the caller's question.
pub fn cost(price: &Price, usage: &Usage, tier: ServiceTier) -> NanoUsd {
    let rates = price.rates(usage.prompt_total(), tier);
    let count = |counter: Option<u64>| counter.unwrap_or(0);
    let (reasoning, audio) = (count(usage.reasoning), count(usage.audio_output));
    let text = count(usage.output).saturating_sub(reasoning).saturating_sub(audio);
    let pico = [
        (count(usage.input), rates.input),
        (count(usage.cache_read), rates.cache_read),
        (count(usage.cache_write_5m), rates.cache_write_5m),
        (count(usage.cache_write_1h), rates.cache_write_1h),
        (count(usage.audio_input), rates.audio_input),
        (text, rates.output),
        (reasoning, rates.reasoning),
        (audio, rates.audio_output),
    ]
    .into_iter()
    // A product of two u64 fits a u128; their sum may not.
    .fold(0u128, |sum, (tokens, rate)| sum.saturating_add(u128::from(tokens) * u128::from(rate.0)));
    let search = i128::from(price.web_search.unwrap_or_default().0).unsigned_abs();
    let searches = u128::from(count(usage.web_searches)) * search;
    NanoUsd::from_pico(pico.saturating_add(searches * 1_000))
}
