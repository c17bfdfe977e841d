//! The most that a request can cost on a route: what is reserved before it is sent. Cheap: no tokenizer, for
//! none makes more tokens of a text than the text has bytes. Where that would refuse it, plain texts may be counted
//! ([`Prompt::counted`]).

#![deny(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

use super::{Ability, Price, Rates, ServiceTier, Tokenizer};
use crate::conversation::{CacheTtl, Content, Conversation, Media, Output, Part, Reasoning, Source, Text};
use crate::embedding::Embedding;
use crate::ids::ProviderKind;
use crate::money::{NanoUsd, PicoUsdPerToken};
use crate::routing::{Candidate, Route};

/// Tokens around a message: its role and the marks between. OpenAI's cookbook counts 3, and 3 for the answer.
const PER_MESSAGE: u64 = 16;
/// Marks around a part: a call's id, a result's.
const PER_PART: u64 = 64;
/// What a provider writes around a tool's definition.
const PER_TOOL: u64 = 64;
/// Marks of beginning and end around each input of embeddings.
const PER_INPUT: u64 = 8;
/// The system prompt that a provider adds for tools, or for an output schema. Anthropic's longest is 530.
const PROMPT_OF_THE_PROVIDER: u64 = 1_024;
/// The dearest picture that the vendors' formulas allow: Anthropic 4,784, OpenAI's patches 3,779, Gemini's
/// tiles 7,740 for one that is ten times as wide as high.
const IMAGE: u64 = 8_192;
/// The same where OpenAI does not scale it down first (`detail` is `original`, which newer models take for `auto`,
/// too): 10,000 patches, at 1.62 tokens each.
const IMAGE_UNSCALED: u64 = 16_384;
/// `gpt-4o-mini`: 2,833 and 5,667 for each of at most eight tiles.
const IMAGE_OF_4O_MINI: u64 = 48_169;
/// Speech at 750 bytes a second is hardly one; Gemini counts 32 tokens a second.
const AUDIO_BYTES_PER_TOKEN: u64 = 16;
/// Tokens of what can't be seen from here (a PDF's pages, a file by its address), where no window is listed.
const WIDEST_WINDOW: u64 = 2_097_152;

/// What a request holds, as far as its bound depends on it: counted once, for all candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Text and everything around it, in tokens at most.
    tokens: u64,
    /// Of them, the bytes of what a tokenizer can count.
    plain: u64,
    /// By which they were counted, and how many tokens they are at most.
    counted: Option<(Tokenizer, u64)>,
    images: u64,
    /// Of them, those that a provider may take in their full size.
    unscaled: u64,
    audio: u64,
    /// A PDF, or something that the provider fetches: its tokens can't be told.
    unseen: bool,
    cached_5m: bool,
    cached_1h: bool,
    /// Whether the caller asked for thinking.
    thinks: bool,
    choices: u64,
    /// How often the window may be filled: once in a talk, by each of several inputs of embeddings.
    windows: u64,
}

/// The worst case of one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer, all choices together.
    pub output: u64,
    pub cost: NanoUsd,
    /// The part of `cost` that is the prompt's.
    pub input_cost: NanoUsd,
    /// The model may think where nobody sees it: an answer that broke off cost more than its text.
    pub thinks_unseen: bool,
}

impl Prompt {
    /// Of the conversation as it will be sent, after redaction.
    pub fn of(conversation: &Conversation) -> Prompt {
        let mut prompt = Prompt {
            tokens: conversation
                .text_bytes()
                .saturating_add(conversation.signed_bytes())
                .saturating_add(PER_MESSAGE),
            plain: conversation.plain_texts().map(|text| text.json_len() as u64).sum(),
            choices: u64::from(conversation.sampling.choices.unwrap_or(1)),
            thinks: !matches!(conversation.reasoning, None | Some(Reasoning::Off)),
            windows: 1,
            ..Prompt::default()
        };
        for turn in &conversation.turns {
            prompt.add(PER_MESSAGE);
            turn.parts.iter().for_each(|part| prompt.part(part));
        }
        for tool in &conversation.tools {
            prompt.add(PER_TOOL);
            prompt.cached(tool.cache);
        }
        if !conversation.tools.is_empty() {
            prompt.add(PROMPT_OF_THE_PROVIDER);
        }
        if let Output::JsonSchema(schema) = &conversation.output {
            let words = [&schema.name, &schema.description].into_iter().flatten();
            prompt.add(PROMPT_OF_THE_PROVIDER + words.map(|word| word.json_len() as u64).sum::<u64>());
        }
        prompt
    }

    /// Of inputs that are to become vectors, after redaction.
    pub fn of_inputs(embedding: &Embedding) -> Prompt {
        let inputs = embedding.inputs.len();
        let around = inputs.saturating_mul(PER_INPUT);
        Prompt {
            tokens: embedding.most_tokens().saturating_add(around),
            windows: inputs,
            ..Prompt::default()
        }
    }

    /// By which tokenizer its plain texts ([`Conversation::plain_texts`]) can be counted, so that its bound on this
    /// route may be smaller. `None`: it can't, or they are counted.
    pub fn countable(&self, route: &Route) -> Option<Tokenizer> {
        let tokenizer = Tokenizer::of(route.kind, &route.model)?;
        let is_counted = self.counted.is_some_and(|(by, _)| by == tokenizer);
        (self.plain > 0 && !self.unseen && !is_counted).then_some(tokenizer)
    }

    /// The same, where its plain texts are so many tokens at most, whatever stands between them. All that is around
    /// them, and what a provider writes in a form of its own, is reckoned as before.
    #[must_use]
    pub fn counted(self, by: Tokenizer, tokens: u64) -> Prompt {
        Prompt { counted: Some((by, tokens.min(self.plain))), ..self }
    }

    fn add(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
    }

    fn part(&mut self, part: &Part) {
        self.add(PER_PART);
        self.cached(part.cache);
        match &part.content {
            Content::Image(media) => self.image(media),
            Content::Document(media) => self.unseen |= !matches!(media.source, Source::Plain(_)),
            Content::Audio(media) => self.audio(media),
            Content::ToolResult(result) => result.content.iter().for_each(|part| self.part(part)),
            Content::Text(_) | Content::Refusal(_) | Content::ToolCall(_) | Content::Thinking(_) => {}
        }
    }

    fn image(&mut self, media: &Media) {
        self.images += 1;
        let detail = media.detail.as_ref().map(Text::decoded);
        if !matches!(detail.as_deref(), Some("low" | "high")) {
            self.unscaled += 1;
        }
    }

    fn audio(&mut self, media: &Media) {
        match &media.source {
            Source::Base64 { data, .. } => {
                self.audio = self.audio.saturating_add(data.len() as u64 / AUDIO_BYTES_PER_TOKEN + 1);
            }
            Source::Url { .. } | Source::Plain(_) => self.unseen = true,
        }
    }

    fn cached(&mut self, mark: Option<CacheTtl>) {
        self.cached_5m |= mark == Some(CacheTtl::FiveMinutes);
        self.cached_1h |= mark == Some(CacheTtl::OneHour);
    }

    fn input(&self, candidate: &Candidate) -> u64 {
        let window = candidate.route.window;
        if self.unseen {
            return window.unwrap_or(WIDEST_WINDOW);
        }
        let texts = match self.counted {
            Some((by, tokens)) if Tokenizer::of(candidate.route.kind, &candidate.route.model) == Some(by) => {
                self.tokens.saturating_sub(self.plain).saturating_add(tokens)
            }
            _ => self.tokens,
        };
        let tokens = texts.saturating_add(self.images(&candidate.route)).saturating_add(self.audio);
        window.map_or(tokens, |window| tokens.min(window.saturating_mul(self.windows)))
    }

    fn images(&self, route: &Route) -> u64 {
        // A router's name for it begins with the vendor's: `openai/gpt-4o-mini`.
        let model = route.model.as_str().rsplit('/').next().unwrap_or_default();
        let is_of_openai = !matches!(route.kind, ProviderKind::Anthropic | ProviderKind::Gemini);
        let (scaled, unscaled) = match model {
            mini if mini.starts_with("gpt-4o-mini") => (IMAGE_OF_4O_MINI, IMAGE_OF_4O_MINI),
            // Older than images in their full size.
            old if old.starts_with("gpt-4") => (IMAGE, IMAGE),
            _ if is_of_openai => (IMAGE, IMAGE_UNSCALED),
            _ => (IMAGE, IMAGE),
        };
        let small = self.images.saturating_sub(self.unscaled);
        small.saturating_mul(scaled).saturating_add(self.unscaled.saturating_mul(unscaled))
    }

    /// The dearest that a token of the prompt can be.
    fn dearest_input(&self, rates: &Rates, kind: ProviderKind) -> PicoUsdPerToken {
        let mut dearest = rates.input.max(rates.cache_read);
        // Anthropic writes to a cache where it is told to; others as they see fit.
        if self.cached_5m || kind != ProviderKind::Anthropic {
            dearest = dearest.max(rates.cache_write_5m);
        }
        if self.cached_1h {
            dearest = dearest.max(rates.cache_write_1h);
        }
        if self.audio > 0 || self.unseen {
            dearest = dearest.max(rates.audio_input);
        }
        dearest
    }
}

/// The most that one attempt on this route can cost, if it is asked for `tier`.
pub fn bound(candidate: &Candidate, prompt: &Prompt, tier: Option<ServiceTier>) -> Bound {
    let route = &candidate.route;
    let input = prompt.input(candidate);
    let output = candidate.output_bound.saturating_mul(prompt.choices.max(1));
    let (mut of_input, mut of_output) = (PicoUsdPerToken(0), PicoUsdPerToken(0));
    // The provider may serve the standard tier instead of the one that was asked for, or its operator's choice.
    let tiers = [Some(ServiceTier::Standard), tier, route.unasked(tier)];
    for tier in tiers.into_iter().flatten() {
        for rates in reachable(&route.price, input, tier) {
            of_input = of_input.max(prompt.dearest_input(&rates, route.kind));
            of_output = of_output.max(rates.output).max(rates.reasoning);
        }
    }
    let input_pico = u128::from(input) * u128::from(of_input.0);
    let pico = input_pico.saturating_add(u128::from(output) * u128::from(of_output.0));
    let reasons = route.abilities.known(Ability::Reasoning) == Some(true);
    Bound {
        input,
        output,
        cost: NanoUsd::from_pico(pico),
        input_cost: NanoUsd::from_pico(input_pico),
        // Anthropic's models think where they are told to; others by themselves.
        thinks_unseen: reasons && (prompt.thinks || route.kind != ProviderKind::Anthropic),
    }
}

/// The rates of every prompt length up to `input`: no list promises that a long prompt is the dearer one.
fn reachable(price: &Price, input: u64, tier: ServiceTier) -> impl Iterator<Item = Rates> {
    let steps = price.long.iter().map(|step| step.above_prompt_tokens.saturating_add(1));
    let steps = steps.filter(move |prompt| *prompt <= input);
    std::iter::once(0).chain(steps).map(move |prompt| price.rates(prompt, tier))
}

#[cfg(test)]
mod tests;
