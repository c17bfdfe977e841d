//! Reads what Gemini answers. A whole answer and a stream's event have one shape, so both go through
//! [`Tally`], which knows what has come so far.

use super::fault;
use crate::dialect::MAX_CHOICES;
use bytes::Bytes;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    model_version: Option<&'a RawValue>,
    #[serde(borrow)]
    candidates: Option<Vec<Candidate<'a>>>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<Counters>,
    error: Option<Value>,
}

/// A blocked one has `content: {}`, or none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    finish_reason: Option<Reason>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<Vec<Part<'a>>>,
}

/// Only text is read: thoughts, calls, code and kinds still unknown have no place in an answer yet.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<Value>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Reason {
    Stop,
    MaxTokens,
    Safety,
    Recitation,
    Blocklist,
    ProhibitedContent,
    Spii,
    ModelArmor,
    ImageSafety,
    /// `MALFORMED_FUNCTION_CALL`, `UNEXPECTED_TOOL_CALL`, `OTHER` and what may come.
    #[serde(other)]
    Unknown,
}

impl From<Reason> for StopReason {
    fn from(reason: Reason) -> StopReason {
        match reason {
            Reason::Stop => StopReason::End,
            Reason::MaxTokens => StopReason::Length,
            Reason::Safety
            | Reason::Recitation
            | Reason::Blocklist
            | Reason::ProhibitedContent
            | Reason::Spii
            | Reason::ModelArmor
            | Reason::ImageSafety => StopReason::ContentFilter,
            Reason::Unknown => StopReason::Other,
        }
    }
}

fn broken() -> Fault {
    Fault::new(FaultClass::Broken, Some(200))
}

pub(super) fn answer(body: &Bytes) -> Result<Vec<Event>, Fault> {
    let mut tally = Tally::default();
    let mut events = Vec::with_capacity(6);
    tally.read(body, &mut events)?;
    if let Some(Event::Failed(fault)) = events.last() {
        return Err(fault.clone());
    }
    tally.finish(&mut events)?;
    Ok(events)
}

/// What has come of one answer.
#[derive(Debug, Default)]
pub(super) struct Tally {
    started: bool,
    failed: bool,
    /// By choice: `None` until it has a reason to stop.
    choices: Vec<Option<StopReason>>,
    counters: Counters,
    usage: Usage,
}

impl Tally {
    /// Takes one event's data, or a whole body; either may be wrapped in an array.
    pub(super) fn read(&mut self, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        if data.trim_ascii_start().starts_with(b"[") {
            let chunks: Vec<Chunk> = serde_json::from_slice(data).map_err(|_| broken())?;
            return chunks.into_iter().try_for_each(|chunk| self.chunk(chunk, data, out));
        }
        let chunk = serde_json::from_slice(data).map_err(|_| broken())?;
        self.chunk(chunk, data, out)
    }

    /// The body is over. There is no end mark: the answer is whole where every choice has its reason.
    /// Only then do they go out, since Gemini may name one and go on.
    pub(super) fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.failed || self.choices.is_empty() || self.choices.contains(&None) {
            return Err(broken());
        }
        let stops = (0..).zip(self.choices.iter().flatten());
        out.extend(stops.map(|(choice, reason)| Event::Stop { choice, reason: *reason }));
        if self.usage.input.is_some() && self.usage.output.is_none() {
            // A counter of zero is left out of their JSON. Before the end its absence may mean "not yet".
            self.usage.output = Some(0);
            out.push(Event::Usage(self.usage));
        }
        out.push(Event::End);
        Ok(())
    }

    fn chunk(&mut self, chunk: Chunk, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.failed {
            return Ok(());
        }
        if let Some(error) = chunk.error {
            self.fail(fault::within_answer(&error), out);
            return Ok(());
        }
        if !self.started {
            self.started = true;
            let text = |raw: Option<&RawValue>| raw.map(|raw| text(raw, data)).transpose();
            out.push(Event::Start { id: text(chunk.response_id)?, model: text(chunk.model_version)? });
        }
        for candidate in chunk.candidates.into_iter().flatten() {
            self.candidate(candidate, data, out)?;
        }
        if let Some(counters) = chunk.usage_metadata {
            self.count(counters, out);
        }
        if chunk.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
            self.block(out);
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: Candidate, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        let choice = candidate.index.unwrap_or(0);
        if choice >= MAX_CHOICES {
            return Err(broken());
        }
        let index = choice as usize;
        if self.choices.len() <= index {
            self.choices.resize(index + 1, None);
        }
        let parts = candidate.content.and_then(|content| content.parts).into_iter().flatten();
        for raw in parts.filter(|part| !part.thought).filter_map(|part| part.text) {
            let text = text(raw, data)?;
            if !text.is_empty() {
                out.push(Event::Text { choice, text });
            }
        }
        if let Some(reason) = candidate.finish_reason {
            self.choices[index] = Some(reason.into());
        }
        Ok(())
    }

    fn count(&mut self, counters: Counters, out: &mut Vec<Event>) {
        self.counters.replace_with(counters);
        let usage = self.counters.usage();
        if usage != self.usage {
            self.usage = usage;
            out.push(Event::Usage(usage));
        }
    }

    /// The prompt was blocked: a refusal where nothing has been answered, else the end of what was.
    fn block(&mut self, out: &mut Vec<Event>) {
        if self.choices.is_empty() {
            self.fail(Fault::new(FaultClass::ContentFiltered, Some(200)), out);
        }
        self.choices.fill(Some(StopReason::ContentFilter));
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        self.failed = true;
        out.push(Event::Failed(fault));
    }
}

/// A string of the body, shared with it and not copied.
fn text(raw: &RawValue, body: &Bytes) -> Result<Text, Fault> {
    Text::from_json(body.slice_ref(raw.get().as_bytes())).ok_or_else(broken)
}

/// The counters as Gemini names them: cached within the prompt, thoughts and tool use beside the others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counters {
    prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    prompt_tokens_details: Option<Vec<Detail>>,
    cache_tokens_details: Option<Vec<Detail>>,
    candidates_tokens_details: Option<Vec<Detail>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    modality: Option<Modality>,
    #[serde(default)]
    token_count: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Modality {
    Audio,
    #[serde(other)]
    Unknown,
}

impl Counters {
    /// Takes every counter that `later` names. Each event has them all so far, but for one recorded last
    /// event that lacks what earlier ones had: that stays.
    fn replace_with(&mut self, later: Counters) {
        fn take<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        take(&mut self.prompt_token_count, later.prompt_token_count);
        take(&mut self.cached_content_token_count, later.cached_content_token_count);
        take(&mut self.tool_use_prompt_token_count, later.tool_use_prompt_token_count);
        take(&mut self.candidates_token_count, later.candidates_token_count);
        take(&mut self.thoughts_token_count, later.thoughts_token_count);
        take(&mut self.prompt_tokens_details, later.prompt_tokens_details);
        take(&mut self.cache_tokens_details, later.cache_tokens_details);
        take(&mut self.candidates_tokens_details, later.candidates_tokens_details);
    }

    fn usage(&self) -> Usage {
        let cached = self.cached_content_token_count.unwrap_or(0);
        let audio = audio(&self.prompt_tokens_details).saturating_sub(audio(&self.cache_tokens_details));
        let tools = self.tool_use_prompt_token_count.unwrap_or(0);
        let input = |prompt: u64| prompt.saturating_sub(cached).saturating_sub(audio).saturating_add(tools);
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
            audio_input: some(audio),
            audio_output: some(self::audio(&self.candidates_tokens_details)),
            web_searches: None,
            service_tier: None,
        }
    }
}

fn audio(details: &Option<Vec<Detail>>) -> u64 {
    let audio = details.iter().flatten().filter(|detail| detail.modality == Some(Modality::Audio));
    audio.fold(0, |sum, detail| sum.saturating_add(detail.token_count))
}
