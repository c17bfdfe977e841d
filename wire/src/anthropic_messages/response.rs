//! Reads a whole answer, and what answers and streams have in common: reasons and counters.

use super::fault;
use crate::dialect::MAX_CHOICES;
use crate::json;
use bytes::Bytes;
use gateway_core::catalog::ServiceTier;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// `message` or `error`; what we do not use is skipped.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<Vec<Block<'a>>>,
    stop_reason: Option<Reason>,
    usage: Option<Counters>,
    error: Option<Value>,
}

/// A block of content. Blocks of server tools, and of kinds still unknown, are skipped: their outcome
/// stands in the text that follows them.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type")]
    pub(super) kind: BlockKind,
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) signature: Option<&'a RawValue>,
    /// Of `redacted_thinking`.
    #[serde(borrow)]
    pub(super) data: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum BlockKind {
    Text,
    Thinking,
    RedactedThinking,
    ToolUse,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    EndTurn,
    StopSequence,
    MaxTokens,
    ModelContextWindowExceeded,
    Refusal,
    ToolUse,
    /// `pause_turn`, `compaction` and what may come: without an equal in other dialects.
    #[serde(other)]
    Unknown,
}

impl From<Reason> for StopReason {
    fn from(reason: Reason) -> StopReason {
        match reason {
            Reason::EndTurn => StopReason::End,
            Reason::StopSequence => StopReason::StopSequence,
            Reason::MaxTokens | Reason::ModelContextWindowExceeded => StopReason::Length,
            Reason::Refusal => StopReason::Refusal,
            Reason::ToolUse => StopReason::ToolCalls,
            Reason::Unknown => StopReason::Other,
        }
    }
}

pub(super) fn broken() -> Fault {
    Fault::new(FaultClass::Broken, Some(200))
}

pub(super) fn answer(body: &Bytes) -> Result<Vec<Event>, Fault> {
    let read: Answer = json::read(body).ok_or_else(broken)?;
    if let Some(error) = read.error {
        return Err(fault::within_answer(&error));
    }
    // A whole answer without content or reason is one that was cut.
    let content = read.content.ok_or_else(broken)?;
    let reason = read.stop_reason.ok_or_else(broken)?;
    let mut events = Vec::with_capacity(content.len() + 4);
    events.push(start(read.id, read.model, body)?);
    let mut calls = 0;
    for block in &content {
        push_block(block, body, &mut calls, &mut events)?;
    }
    events.push(Event::Stop { choice: 0, reason: reason.into() });
    if let Some(counters) = read.usage {
        events.push(Event::Usage(counters.usage()));
    }
    events.push(Event::End);
    Ok(events)
}

/// A whole block. `calls` counts the tool calls so far.
fn push_block(block: &Block, body: &Bytes, calls: &mut u32, out: &mut Vec<Event>) -> Result<(), Fault> {
    match block.kind {
        BlockKind::Text => push_text(block.text, body, out)?,
        BlockKind::Thinking => {
            let thought = text(block.thinking.ok_or_else(broken)?, body)?;
            let signature = block.signature.map(|raw| text(raw, body)).transpose()?;
            out.extend((!thought.is_empty()).then_some(Event::Thinking { choice: 0, text: thought }));
            out.push(Event::ThinkingEnd { choice: 0, signature, redacted: None });
        }
        BlockKind::RedactedThinking => out.push(redacted(block, body)?),
        BlockKind::ToolUse => {
            out.push(tool_use(block, *calls, body)?);
            let piece = Text::new(block.input.map_or("{}", RawValue::get));
            out.push(Event::Arguments { choice: 0, index: *calls, piece });
            *calls += 1;
        }
        BlockKind::Unknown => {}
    }
    Ok(())
}

pub(super) fn redacted(block: &Block, body: &Bytes) -> Result<Event, Fault> {
    let data = text(block.data.ok_or_else(broken)?, body)?;
    Ok(Event::ThinkingEnd { choice: 0, signature: None, redacted: Some(data) })
}

/// The beginning of a call. One without a name cannot be made, and `input` is an object or nothing.
pub(super) fn tool_use(block: &Block, index: u32, body: &Bytes) -> Result<Event, Fault> {
    if index >= MAX_CHOICES || block.input.is_some_and(|input| !input.get().starts_with('{')) {
        return Err(broken());
    }
    let name = text(block.name.ok_or_else(broken)?, body)?;
    let id = block.id.map(|raw| text(raw, body)).transpose()?;
    Ok(Event::ToolCall { choice: 0, index, id, name, signature: None })
}

pub(super) fn start(id: Option<&RawValue>, model: Option<&RawValue>, body: &Bytes) -> Result<Event, Fault> {
    let text = |raw: Option<&RawValue>| raw.map(|raw| text(raw, body)).transpose();
    Ok(Event::Start { id: text(id)?, model: text(model)? })
}

/// Adds a block's or delta's text; an empty one says nothing.
pub(super) fn push_text(raw: Option<&RawValue>, body: &Bytes, out: &mut Vec<Event>) -> Result<(), Fault> {
    let text = text(raw.ok_or_else(broken)?, body)?;
    if !text.is_empty() {
        out.push(Event::Text { choice: 0, text });
    }
    Ok(())
}

/// A string of the body, shared with it and not copied.
pub(super) fn text(raw: &RawValue, body: &Bytes) -> Result<Text, Fault> {
    Text::from_json(body.slice_ref(raw.get().as_bytes())).ok_or_else(broken)
}

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
    iterations: Option<Vec<Counters>>,
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

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tier {
    Standard,
    Priority,
    Batch,
    #[serde(other)]
    Unknown,
}

impl Tier {
    fn priced(self) -> Option<ServiceTier> {
        match self {
            Tier::Standard => Some(ServiceTier::Standard),
            Tier::Priority => Some(ServiceTier::Priority),
            Tier::Batch => Some(ServiceTier::Batch),
            Tier::Unknown => None,
        }
    }
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
            service_tier: self.service_tier.and_then(Tier::priced),
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
