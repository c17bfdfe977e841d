//! Reads what OpenAI, Azure and compatible servers answer: whole bodies and chunks.

use crate::dialect::{Decode, MAX_CHOICES};
use crate::json;
use crate::sse::Frame;
use crate::template::Template;
use bytes::Bytes;
use gateway_core::catalog::ServiceTier;
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
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
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
    finish_reason: Option<&'a RawValue>,
}

/// A message, or a piece of one.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    /// DeepSeek, xAI, z.ai and others; OpenAI itself shows no thinking.
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    /// The same at Groq and OpenRouter.
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<CallBody<'a>>>,
    /// The form before tools; still in recorded traffic.
    #[serde(borrow, default)]
    function_call: Option<FunctionBody<'a>>,
}

#[derive(Deserialize)]
struct CallBody<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function: Option<FunctionBody<'a>>,
    #[serde(borrow, default)]
    extra_content: Option<Extra<'a>>,
}

#[derive(Deserialize)]
struct FunctionBody<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Extra<'a> {
    #[serde(borrow, default)]
    google: Option<Google<'a>>,
}

#[derive(Deserialize)]
struct Google<'a> {
    #[serde(borrow, default)]
    thought_signature: Option<&'a RawValue>,
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
    let read: Body = json::read(body).ok_or_else(broken)?;
    if let Some(error) = read.error {
        return Err(super::fault::within_answer(error.get()));
    }
    let mut events = Vec::with_capacity(5);
    push_start(&read, body, &mut events);
    let tier = read.service_tier.and_then(service_tier);
    let choices = read.choices.unwrap_or_default();
    if choices.is_empty() {
        return Err(broken());
    }
    let mut calls = Calls::default();
    for choice in choices {
        let index = index(choice.index)?;
        let message = choice.message.ok_or_else(broken)?;
        if push_message(index, message, body, &mut calls, &mut events)? {
            events.push(Event::ThinkingEnd { choice: index, signature: None, redacted: None });
        }
        // A whole answer without a reason is one that was cut.
        let reason = stop_reason(choice.finish_reason.ok_or_else(broken)?)?;
        calls.complete(index, &mut events);
        events.push(Event::Stop { choice: index, reason });
    }
    if let Some(usage) = read.usage {
        events.push(Event::Usage(usage.normalised(tier)));
    }
    events.push(Event::End);
    Ok(events)
}

/// Reads the chunks of one stream.
#[derive(Debug, Default)]
pub(super) struct Reader {
    template: Option<(u32, Template)>,
    calls: Calls,
    /// Choices whose thinking is not over yet.
    thinking: Vec<u32>,
    tier: Option<ServiceTier>,
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
        let read: Body = json::read(&frame.data).ok_or_else(broken)?;
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
        self.tier = read.service_tier.and_then(service_tier).or(self.tier);
        for choice in read.choices.unwrap_or_default() {
            let index = index(choice.index)?;
            if let Some(delta) = choice.delta {
                self.delta(index, delta, &frame.data, out)?;
            }
            if let Some(reason) = choice.finish_reason {
                self.stopped = true;
                self.end_thinking(index, out);
                self.calls.complete(index, out);
                out.push(Event::Stop { choice: index, reason: stop_reason(reason)? });
            }
        }
        if let Some(usage) = read.usage {
            out.push(Event::Usage(usage.normalised(self.tier)));
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
    /// Thinking is over when something else follows it: this dialect has no mark for it.
    fn delta(
        &mut self,
        choice: u32,
        delta: Message,
        body: &Bytes,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let before = out.len();
        let thinks = push_message(choice, delta, body, &mut self.calls, out)?;
        if thinks && !self.thinking.contains(&choice) {
            self.thinking.push(choice);
        }
        let speaks = out[before..].iter().position(|event| !event.is_thinking());
        if let (Some(at), true) = (speaks, self.thinking.contains(&choice)) {
            self.thinking.retain(|open| *open != choice);
            out.insert(before + at, Event::ThinkingEnd { choice, signature: None, redacted: None });
        }
        Ok(())
    }

    fn end_thinking(&mut self, choice: u32, out: &mut Vec<Event>) {
        if self.thinking.contains(&choice) {
            self.thinking.retain(|open| *open != choice);
            out.push(Event::ThinkingEnd { choice, signature: None, redacted: None });
        }
    }

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

/// What a message, or a piece of one, says. `true` where it brought thinking.
fn push_message(
    choice: u32,
    message: Message,
    body: &Bytes,
    calls: &mut Calls,
    out: &mut Vec<Event>,
) -> Result<bool, Fault> {
    let thought = message.reasoning_content.or(message.reasoning);
    let thought = thought.and_then(|raw| literal(raw, body)).filter(|text| !text.is_empty());
    let thinks = thought.is_some();
    out.extend(thought.map(|text| Event::Thinking { choice, text }));
    if let Some(raw) = message.content {
        let text = match literal(raw, body) {
            Some(text) => text,
            // Some compatible servers (Mistral) answer in parts.
            None => parts_text(raw)?,
        };
        out.extend((!text.is_empty()).then_some(Event::Text { choice, text }));
    }
    if let Some(raw) = message.refusal {
        let text = literal(raw, body).ok_or_else(broken)?;
        out.extend((!text.is_empty()).then_some(Event::Refusal { choice, text }));
    }
    for call in message.tool_calls.into_iter().flatten() {
        calls.push(choice, call, body, out)?;
    }
    // Some servers write every field that the dialect ever had, empty.
    let is_blank = |raw: Option<&RawValue>| raw.is_none_or(|raw| matches!(raw.get(), "\"\"" | "null"));
    let function = message.function_call.filter(|f| !(is_blank(f.name) && is_blank(f.arguments)));
    if let Some(function) = function {
        let call = CallBody { index: Some(0), id: None, function: Some(function), extra_content: None };
        calls.push(choice, call, body, out)?;
    }
    Ok(thinks)
}

fn literal(raw: &RawValue, body: &Bytes) -> Option<Text> {
    Text::from_json(body.slice_ref(raw.get().as_bytes()))
}

/// A choice's calls so far. Providers number them, name them by id, or do neither (Mistral sends each whole).
#[derive(Debug, Default)]
struct Calls(Vec<Begun>);

#[derive(Debug)]
struct Begun {
    choice: u32,
    /// The provider's own number.
    number: Option<u32>,
    id: Option<Text>,
    /// Ours: from 0 in each choice.
    index: u32,
    has_arguments: bool,
}

impl Calls {
    fn push(&mut self, choice: u32, call: CallBody, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
        let id = call.id.and_then(|raw| literal(raw, body)).filter(|id| !id.is_empty());
        let function = call.function;
        let name = function
            .as_ref()
            .and_then(|f| f.name)
            .and_then(|raw| literal(raw, body))
            .filter(|n| !n.is_empty());
        let at = match self.known(choice, call.index, id.as_ref(), name.is_some()) {
            Some(at) => at,
            None => {
                // A call that begins without a name cannot be made.
                let name = name.ok_or_else(broken)?;
                let index = self.0.iter().filter(|begun| begun.choice == choice).count() as u32;
                if index >= MAX_CHOICES {
                    return Err(broken());
                }
                let google = call.extra_content.and_then(|extra| extra.google);
                let signature =
                    google.and_then(|google| google.thought_signature).and_then(|raw| literal(raw, body));
                out.push(Event::ToolCall { choice, index, id: id.clone(), name, signature });
                self.0.push(Begun { choice, number: call.index, id, index, has_arguments: false });
                self.0.len() - 1
            }
        };
        let begun = &mut self.0[at];
        let piece = match function.and_then(|function| function.arguments) {
            None => return Ok(()),
            Some(raw) => match literal(raw, body) {
                Some(piece) => piece,
                // A few compatible servers send the object itself.
                None if raw.get().starts_with('{') => Text::new(raw.get()),
                None => return Err(broken()),
            },
        };
        if !piece.is_empty() {
            begun.has_arguments = true;
            out.push(Event::Arguments { choice, index: begun.index, piece });
        }
        Ok(())
    }

    /// The call that a piece belongs to; `None` where it begins one.
    fn known(&self, choice: u32, number: Option<u32>, id: Option<&Text>, named: bool) -> Option<usize> {
        let own = |begun: &Begun| begun.choice == choice;
        match (number, id) {
            (Some(number), id) => self.0.iter().position(|begun| {
                own(begun)
                    && begun.number == Some(number)
                    && (id.is_none() || begun.id.as_ref() == id || begun.id.is_none())
            }),
            (None, Some(id)) => self.0.iter().position(|begun| own(begun) && begun.id.as_ref() == Some(id)),
            (None, None) if named => None,
            (None, None) => self.0.iter().rposition(own),
        }
    }

    /// Calls without a word of arguments have none: `{}`.
    fn complete(&mut self, choice: u32, out: &mut Vec<Event>) {
        for begun in self.0.iter_mut().filter(|begun| begun.choice == choice && !begun.has_arguments) {
            begun.has_arguments = true;
            out.push(Event::Arguments { choice, index: begun.index, piece: Text::new("{}") });
        }
    }
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

fn stop_reason(reason: &RawValue) -> Result<StopReason, Fault> {
    Ok(match reason.get() {
        "\"stop\"" | "\"eos\"" => StopReason::End,
        "\"length\"" | "\"model_length\"" => StopReason::Length,
        "\"tool_calls\"" | "\"function_call\"" => StopReason::ToolCalls,
        "\"content_filter\"" => StopReason::ContentFilter,
        word if word.starts_with('"') => StopReason::Other,
        _ => return Err(broken()),
    })
}

/// The tier that was served and is billed; `default` and whatever has no price of its own is standard.
fn service_tier(raw: &RawValue) -> Option<ServiceTier> {
    match raw.get() {
        "\"flex\"" => Some(ServiceTier::Flex),
        "\"priority\"" => Some(ServiceTier::Priority),
        "\"default\"" => Some(ServiceTier::Standard),
        _ => None,
    }
}

impl UsageBody {
    /// Cached and written tokens stand inside `prompt_tokens`, reasoning inside `completion_tokens`;
    /// xAI counts reasoning outside, which the total shows.
    fn normalised(self, service_tier: Option<ServiceTier>) -> Usage {
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
            service_tier,
        }
    }
}
