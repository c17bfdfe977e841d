//! Reads a whole answer, and what answers and streams have in common: reasons and counters.

use super::fault;
use bytes::Bytes;
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

/// A block of content. Only text is read: the others (thinking, tool calls, results of server tools and
/// kinds still unknown) have no place in an answer yet.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type")]
    pub(super) kind: BlockKind,
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum BlockKind {
    Text,
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
    /// `tool_use`, `pause_turn`, `compaction` and what may come: without an equal in other dialects.
    #[serde(other)]
    Unknown,
}

impl From<Reason> for StopReason {
    fn from(reason: Reason) -> StopReason {
        match reason {
            Reason::EndTurn => StopReason::End,
            Reason::StopSequence => StopReason::StopSequence,
            Reason::MaxTokens | Reason::ModelContextWindowExceeded => StopReason::Length,
            Reason::Refusal => StopReason::ContentFilter,
            Reason::Unknown => StopReason::Other,
        }
    }
}

pub(super) fn broken() -> Fault {
    Fault::new(FaultClass::Broken, Some(200))
}

pub(super) fn answer(body: &Bytes) -> Result<Vec<Event>, Fault> {
    let read: Answer = serde_json::from_slice(body).map_err(|_| broken())?;
    if let Some(error) = read.error {
        return Err(fault::within_answer(&error));
    }
    // A whole answer without content or reason is one that was cut.
    let content = read.content.ok_or_else(broken)?;
    let reason = read.stop_reason.ok_or_else(broken)?;
    let mut events = Vec::with_capacity(content.len() + 4);
    events.push(start(read.id, read.model, body)?);
    for block in content.iter().filter(|block| block.kind == BlockKind::Text) {
        push_text(block.text, body, &mut events)?;
    }
    events.push(Event::Stop { choice: 0, reason: reason.into() });
    if let Some(counters) = read.usage {
        events.push(Event::Usage(counters.usage()));
    }
    events.push(Event::End);
    Ok(events)
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
fn text(raw: &RawValue, body: &Bytes) -> Result<Text, Fault> {
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
            service_tier: None,
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
