//! Reads what Gemini answers. A whole answer and a stream's event have one shape, so both go through
//! [`Tally`], which knows what has come so far.

use super::call::{Calls, FunctionCall};
use super::fault;
use super::usage::Counters;
use crate::dialect::MAX_CHOICES;
use bytes::Bytes;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde::de::IgnoredAny;
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

/// Code that the provider ran, its own tools and kinds still unknown are skipped: they tell how the answer
/// came about. A file that the model made is the answer itself, and has no place in ours.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(default)]
    thought: bool,
    #[serde(borrow)]
    thought_signature: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<FunctionCall<'a>>,
    inline_data: Option<IgnoredAny>,
    file_data: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<Value>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
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
    /// A whole call to a function that was not offered. The caller sees it as other providers would show
    /// it, and can tell the model so.
    UnexpectedToolCall,
    /// `MALFORMED_FUNCTION_CALL`, `OTHER` and what may come.
    #[serde(other)]
    Unknown,
}

impl Reason {
    /// Gemini has no reason of its own for an answer that waits for its calls.
    fn stop(self, has_calls: bool) -> StopReason {
        match self {
            Reason::Stop | Reason::UnexpectedToolCall if has_calls => StopReason::ToolCalls,
            Reason::Stop => StopReason::End,
            Reason::MaxTokens => StopReason::Length,
            Reason::Safety
            | Reason::Recitation
            | Reason::Blocklist
            | Reason::ProhibitedContent
            | Reason::Spii
            | Reason::ModelArmor
            | Reason::ImageSafety => StopReason::ContentFilter,
            Reason::UnexpectedToolCall | Reason::Unknown => StopReason::Other,
        }
    }

    /// Whether what came before it is all there; else a call without its end was cut.
    fn is_whole(self) -> bool {
        matches!(self, Reason::Stop | Reason::UnexpectedToolCall)
    }
}

pub(super) fn broken() -> Fault {
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
    choices: Vec<Choice>,
    counters: Counters,
    usage: Usage,
    /// The counters of the latest chunk, where it had one candidate of one part that is no call.
    plain: Option<Counters>,
}

#[derive(Debug, Default)]
struct Choice {
    calls: Calls,
    is_thinking: bool,
    reason: Option<Reason>,
}

impl Choice {
    fn end_thought(&mut self, choice: u32, out: &mut Vec<Event>) {
        if std::mem::take(&mut self.is_thinking) {
            out.push(Event::ThinkingEnd { choice, signature: None, redacted: None });
        }
    }

    fn part(&mut self, part: Part, choice: u32, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        if part.inline_data.is_some() || part.file_data.is_some() {
            return Err(broken());
        }
        let said = part.text.map(|raw| text(raw, data)).transpose()?.filter(|said| !said.is_empty());
        match said {
            Some(text) if part.thought => {
                self.is_thinking = true;
                out.push(Event::Thinking { choice, text });
            }
            Some(text) => {
                self.end_thought(choice, out);
                out.push(Event::Text { choice, text });
            }
            None => {}
        }
        if let Some(call) = part.function_call {
            self.end_thought(choice, out);
            self.calls.take(call, part.thought_signature, choice, data, out)?;
        }
        Ok(())
    }

    /// The last part of a call that was streamed may be missing.
    fn end_calls(&mut self, choice: u32, out: &mut Vec<Event>) {
        if self.reason.is_some_and(Reason::is_whole) {
            self.calls.finish(choice, out);
        }
    }
}

impl Tally {
    /// Takes one event's data, or a whole body; either may be wrapped in an array.
    pub(super) fn read(&mut self, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        self.plain = None;
        // Once for all strings in it.
        let json = std::str::from_utf8(data).map_err(|_| broken())?;
        if json.trim_ascii_start().starts_with('[') {
            let chunks: Vec<Chunk> = serde_json::from_str(json).map_err(|_| broken())?;
            chunks.into_iter().try_for_each(|chunk| self.chunk(chunk, data, out))?;
            self.plain = None;
            return Ok(());
        }
        let chunk = serde_json::from_str(json).map_err(|_| broken())?;
        self.chunk(chunk, data, out)
    }

    /// The counters of the latest chunk, where it said a text and went on.
    pub(super) fn plain_counters(&self) -> Option<Counters> {
        let goes_on = self.choices.first().is_some_and(|choice| choice.reason.is_none());
        self.plain.filter(|_| goes_on)
    }

    /// Takes a text of the first choice, and the counters that came with it.
    pub(super) fn text(&mut self, text: Text, counters: &Counters, out: &mut Vec<Event>) {
        out.push(Event::Text { choice: 0, text });
        self.count(counters, out);
    }

    /// The body is over. There is no end mark: the answer is whole where every choice has its reason.
    /// Only then do they go out, since Gemini may name one and go on.
    pub(super) fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.failed || self.choices.is_empty() {
            return Err(broken());
        }
        for (index, choice) in (0..).zip(&mut self.choices) {
            choice.end_calls(index, out);
            choice.end_thought(index, out);
            let reason = choice.reason.ok_or_else(broken)?.stop(choice.calls.any());
            out.push(Event::Stop { choice: index, reason });
        }
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
        let candidates = chunk.candidates.unwrap_or_default();
        if let [Candidate { content: Some(Content { parts: Some(parts) }), .. }] = &candidates[..]
            && let [Part { function_call: None, .. }] = parts[..]
        {
            self.plain = Some(chunk.usage_metadata.unwrap_or_default());
        }
        for candidate in candidates {
            self.candidate(candidate, data, out)?;
        }
        if let Some(counters) = chunk.usage_metadata {
            self.count(&counters, out);
        }
        if chunk.prompt_feedback.is_some_and(|feedback| feedback.block_reason.is_some()) {
            self.block(out);
        }
        Ok(())
    }

    fn candidate(&mut self, candidate: Candidate, data: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        let index = candidate.index.unwrap_or(0);
        if index >= MAX_CHOICES {
            return Err(broken());
        }
        if self.choices.len() <= index as usize {
            self.choices.resize_with(index as usize + 1, Choice::default);
        }
        let choice = &mut self.choices[index as usize];
        for part in candidate.content.and_then(|content| content.parts).into_iter().flatten() {
            choice.part(part, index, data, out)?;
        }
        if candidate.finish_reason.is_some() {
            choice.reason = candidate.finish_reason;
            choice.end_calls(index, out);
        }
        Ok(())
    }

    fn count(&mut self, counters: &Counters, out: &mut Vec<Event>) {
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
        self.choices.iter_mut().for_each(|choice| choice.reason = Some(Reason::Safety));
    }

    fn fail(&mut self, fault: Fault, out: &mut Vec<Event>) {
        self.failed = true;
        out.push(Event::Failed(fault));
    }
}

/// A string of the body, shared with it and not copied.
pub(super) fn text(raw: &RawValue, body: &Bytes) -> Result<Text, Fault> {
    Text::from_json(body.slice_ref(raw.get().as_bytes())).ok_or_else(broken)
}
