//! Reads what OpenAI, Azure and compatible servers answer: whole bodies and chunks.

use crate::dialect::{Decode, MAX_CHOICES};
use crate::sse::Frame;
use crate::template::Template;
use bytes::Bytes;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A chunk or a whole answer; what we do not use is skipped.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    usage: Option<UsageBody>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    delta: Option<Message<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct UsageBody {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    total_tokens: Option<u64>,
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Default, Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
    #[serde(default)]
    audio_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
    #[serde(default)]
    audio_tokens: Option<u64>,
}

fn broken() -> Fault {
    Fault::new(FaultClass::Broken, None)
}

pub(super) fn answer(body: &Bytes) -> Result<Vec<Event>, Fault> {
    let read: Body = serde_json::from_slice(body).map_err(|_| broken())?;
    if let Some(error) = read.error {
        return Err(super::fault::within_answer(error.get()));
    }
    let mut events = Vec::with_capacity(5);
    push_start(&read, body, &mut events);
    let choices = read.choices.unwrap_or_default();
    if choices.is_empty() {
        return Err(broken());
    }
    for choice in choices {
        let index = index(choice.index)?;
        let message = choice.message.ok_or_else(broken)?;
        push_text(index, &message, body, &mut events)?;
        // A whole answer without a reason is one that was cut.
        let reason = choice.finish_reason.ok_or_else(broken)?;
        events.push(Event::Stop { choice: index, reason: stop_reason(&reason) });
    }
    if let Some(usage) = read.usage {
        events.push(Event::Usage(usage.normalised()));
    }
    events.push(Event::End);
    Ok(events)
}

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    template: Option<(u32, Template)>,
    started: bool,
    stopped: bool,
    ended: bool,
}

impl Decode for Reader {
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended {
            return Ok(());
        }
        let unnamed = self.template.as_ref().filter(|_| frame.event.is_none());
        let known = unnamed.and_then(|(choice, template)| Some((*choice, template.read(&frame.data)?)));
        if let Some((choice, text)) = known {
            out.extend((!text.is_empty()).then_some(Event::Text { choice, text }));
            return Ok(());
        }
        if frame.data.trim_ascii() == b"[DONE]" {
            return self.finish(out);
        }
        let before = out.len();
        let read: Body = serde_json::from_slice(&frame.data).map_err(|_| broken())?;
        let is_error_event = frame.event.as_deref() == Some(b"error");
        if read.error.is_some() || is_error_event {
            // An `event: error` without an `error` tells of it in its own fields.
            let whole = std::str::from_utf8(&frame.data).unwrap_or_default();
            let error = read.error.map_or(whole, RawValue::get);
            out.push(Event::Failed(super::fault::within_answer(error)));
            return Ok(());
        }
        // Azure's first chunk has filter results and an empty model: no sign of life of the model itself.
        let has_choices = read.choices.as_ref().is_some_and(|choices| !choices.is_empty());
        if !self.started && has_choices {
            self.started = true;
            push_start(&read, &frame.data, out);
        }
        for choice in read.choices.unwrap_or_default() {
            let index = index(choice.index)?;
            if let Some(delta) = choice.delta {
                push_text(index, &delta, &frame.data, out)?;
            }
            if let Some(reason) = choice.finish_reason {
                self.stopped = true;
                out.push(Event::Stop { choice: index, reason: stop_reason(&reason) });
            }
        }
        if let Some(usage) = read.usage {
            out.push(Event::Usage(usage.normalised()));
        }
        if let [Event::Text { choice, text }] = &out[before..] {
            self.template = Template::learn(&frame.data, text).map(|template| (*choice, template));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { self.finish(out) }
    }
}

impl Reader {
    /// `[DONE]`, or the body's end where a server sends none: whole only once a reason was given.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Fault> {
        if !self.stopped {
            return Err(broken());
        }
        self.ended = true;
        out.push(Event::End);
        Ok(())
    }
}

fn push_start(read: &Body, body: &Bytes, out: &mut Vec<Event>) {
    let text = |raw: Option<&RawValue>| {
        raw.and_then(|raw| Text::from_json(body.slice_ref(raw.get().as_bytes())))
            .filter(|text| !text.is_empty())
    };
    out.push(Event::Start { id: text(read.id), model: text(read.model) });
}

/// Text, or the refusal that stands in its place.
fn push_text(choice: u32, message: &Message, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    for raw in [message.content, message.refusal].into_iter().flatten() {
        let text = match Text::from_json(body.slice_ref(raw.get().as_bytes())) {
            Some(text) => text,
            // Some compatible servers (Mistral) answer in parts.
            None => parts_text(raw)?,
        };
        if !text.is_empty() {
            out.push(Event::Text { choice, text });
        }
    }
    Ok(())
}

fn parts_text(raw: &RawValue) -> Result<Text, Fault> {
    #[derive(Deserialize)]
    struct PartBody<'a> {
        #[serde(borrow, default)]
        text: Option<Cow<'a, str>>,
    }
    let parts: Vec<PartBody> = serde_json::from_str(raw.get()).map_err(|_| broken())?;
    let joined: String = parts.into_iter().filter_map(|part| part.text).collect();
    Ok(Text::new(&joined))
}

fn index(index: Option<u32>) -> Result<u32, Fault> {
    let index = index.unwrap_or(0);
    if index < MAX_CHOICES { Ok(index) } else { Err(broken()) }
}

fn stop_reason(reason: &str) -> StopReason {
    match reason {
        "stop" | "eos" => StopReason::End,
        "length" | "model_length" => StopReason::Length,
        "content_filter" => StopReason::ContentFilter,
        _ => StopReason::Other,
    }
}

impl UsageBody {
    /// Cached and written tokens stand inside `prompt_tokens`, reasoning inside `completion_tokens`;
    /// xAI counts reasoning outside, which the total shows.
    fn normalised(self) -> Usage {
        let prompt = self.prompt_tokens_details.unwrap_or_default();
        let completion = self.completion_tokens_details.unwrap_or_default();
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
            cache_write_1h: None,
            output: self.completion_tokens.map(|tokens| tokens.saturating_add(outside)),
            reasoning: completion.reasoning_tokens,
            audio_input: prompt.audio_tokens.filter(|tokens| *tokens > 0),
            audio_output: completion.audio_tokens.filter(|tokens| *tokens > 0),
            web_searches: None,
            service_tier: None,
        }
    }
}
