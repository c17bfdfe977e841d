//! What a dialect is: [`Inbound`] for callers, [`Outbound`] for providers, and the values in between.

use crate::embeddings::Embeds;
use crate::metadata::Metadata;
use crate::sse::Frame;
use bytes::{Bytes, BytesMut};
use gateway_core::catalog::{Abilities, Ability, Efforts};
use gateway_core::conversation::{Conversation, Event, StopReason, Text};
use gateway_core::fault::Fault;
use gateway_core::finding::Summary;
use gateway_core::ids::ProviderKind;
use gateway_core::money::NanoUsd;
use gateway_core::routing::{Capability, RouteReason};
use gateway_core::usage::Usage;
use std::borrow::Cow;

/// A dialect that callers speak to us.
pub trait Inbound: Send + Sync {
    /// Reads a request body, `application/json`.
    fn decode(&self, body: &Bytes) -> Result<Asked, Malformed>;
    /// Reads what stands in headers of the dialect's own. `header` looks one up by lower-case name; of several, the
    /// values are joined by commas.
    ///
    /// # Errors
    /// A version of the dialect that we do not speak.
    fn headers(&self, header: &dyn Fn(&str) -> Option<String>, asked: &mut Asked) -> Result<(), Malformed> {
        let _ = (header, asked);
        Ok(())
    }
    /// Writes a whole answer.
    fn answer(&self, whole: &Whole, facts: &Facts) -> Vec<u8>;
    /// Begins a stream of server-sent events.
    fn stream(&self, opening: Opening) -> Box<dyn Encode + Send>;
    /// Whether this dialect shows what a model thinks: then thinking is content, and no other candidate may
    /// answer after it.
    fn shows_thinking(&self) -> bool;
    /// Writes an error body in the envelope that this dialect's SDKs expect.
    fn error(&self, error: &ErrorBody) -> Vec<u8>;
    /// The header in which this dialect's SDKs look for a request's id, where it is not `x-request-id`.
    fn id_header(&self) -> Option<&'static str> {
        None
    }
}

/// Writes an answer's events as frames of a caller's dialect. Calls come in the order
/// `open`, `event`…, then one of `close` and `fail`.
pub trait Encode {
    /// The frames that stand before content.
    fn open(&mut self, facts: &Facts, out: &mut BytesMut);
    fn event(&mut self, event: &Event, out: &mut BytesMut);
    /// The frames that end a good answer.
    fn close(&mut self, facts: &Facts, out: &mut BytesMut);
    /// One well-formed error event; nothing may follow it.
    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut);
}

/// A dialect that we speak to providers.
pub trait Outbound: Send + Sync {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call;
    /// Reads a whole answer of status 200; its events in the order of a stream, `End` last.
    fn answer(&self, body: &Bytes) -> Result<Vec<Event>, Fault>;
    fn stream(&self) -> Box<dyn Decode + Send>;
    /// Sorts an answer of any other status. `header` looks up a response header by lower-case name.
    fn fault(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Fault;
    /// How this provider is asked for vectors, if it makes any.
    fn embeds(&self) -> Option<&'static dyn Embeds> {
        None
    }
    /// How this provider counts a prompt's tokens, if it does.
    fn counts(&self) -> Option<&'static dyn Counts> {
        None
    }
}

/// A provider's own count of what a prompt holds.
pub trait Counts: Send + Sync {
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call;
    /// Tokens, of an answer of status 200.
    fn read(&self, body: &Bytes) -> Result<u64, Fault>;
}

/// Reads the frames of one streamed answer.
pub trait Decode {
    /// Adds the events of one frame. An `Err` is an answer that cannot be understood.
    fn frame(&mut self, frame: &Frame, out: &mut Vec<Event>) -> Result<(), Fault>;
    /// The body is over. `Ok` where the answer was complete, and adds `End` if no frame said so.
    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault>;
}

/// A decoded request.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub conversation: Conversation,
    /// As the caller wrote it, a provider prefix included.
    pub model: Option<String>,
    pub provider: Option<String>,
    /// What a model is wanted for, where none is named (native dialect).
    pub capability: Option<Capability>,
    pub stream: bool,
    /// Whether the caller wants the usage chunk of an OpenAI stream.
    pub include_usage: bool,
    /// `Some(false)`: the first candidate alone may answer.
    pub fallback: Option<bool>,
    /// Fields that we do not know: JSON paths without indices, for `x-gateway-dropped-params`.
    pub dropped: Vec<Cow<'static, str>>,
    /// What the caller should know (native dialect).
    pub warnings: Vec<String>,
    /// Until [`Asked::take_metadata`] says what of it is taken.
    pub metadata: Option<Metadata>,
    /// A `team_id` in the body (native): never decides, a different one is named in `warnings`.
    pub team_id: Option<String>,
}

/// Why a body is not a request. Holds field paths and rules, never a value of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the body is not valid JSON at line {line}, column {column}: {problem}")]
    Json { line: usize, column: usize, problem: Cow<'static, str> },
    #[error("`{field}`: {problem}")]
    Field { field: String, problem: Cow<'static, str> },
    #[error("`{field}` is not supported{mend}")]
    Unsupported { field: String, mend: Cow<'static, str> },
}

/// Where a request goes: one route's facts, as far as a codec needs them.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The model's (Azure: the deployment's) name on the wire.
    pub model: &'a str,
    /// Tokens; always sent, so that a worst case exists.
    pub output_bound: u64,
    pub kind: ProviderKind,
    pub abilities: Abilities,
    pub efforts: Efforts,
    pub stream: bool,
    /// Ask an OpenAI-style stream for its usage; off for compatible servers that refuse it.
    pub stream_usage: bool,
    /// Azure's `api-version`.
    pub api_version: &'a str,
}

impl Target<'_> {
    /// A reasoning model: OpenAI wants `max_completion_tokens` and no `stop` there.
    pub fn reasons(&self) -> bool {
        self.abilities.known(Ability::Reasoning) == Some(true)
    }

    /// False where the model refuses temperature, top_p and top_k.
    pub fn takes_sampling(&self) -> bool {
        self.abilities.known(Ability::SamplingParams) != Some(false)
    }
}

/// A request as a provider expects it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Begins with `/`, joined to the upstream's base URL; may hold a query, never a key.
    pub path: String,
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Vec<u8>,
    /// Hints that this provider does not know, as the caller named them.
    pub dropped: Vec<&'static str>,
    /// Tools whose names this provider would refuse: the name on the wire, and the caller's own.
    /// [`crate::names::restore`] maps them back in the answer.
    pub renamed: Vec<(String, Text)>,
}

/// A whole answer, collected from its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    pub choices: Vec<Choice>,
    pub usage: Usage,
    /// The model name that the provider answered with.
    pub upstream_model: Option<Text>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Pieces, in order; one in most answers.
    pub texts: Vec<Text>,
    pub thinking: Vec<Thought>,
    pub refusals: Vec<Text>,
    pub calls: Vec<CallMade>,
    pub stop: Option<StopReason>,
}

/// A block of thinking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thought {
    pub texts: Vec<Text>,
    pub signature: Option<Text>,
    pub redacted: Option<Text>,
    /// The provider ended it; what comes after is another.
    over: bool,
}

/// A tool call of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct CallMade {
    pub id: Option<Text>,
    pub name: Text,
    /// Pieces of the arguments' JSON text, each a string literal.
    pub arguments: Vec<Text>,
    pub signature: Option<Text>,
}

impl Whole {
    /// Takes one event in. Events of failure are the reader's business and change nothing here.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Start { model, .. } => {
                if model.is_some() {
                    self.upstream_model = model;
                }
            }
            Event::Text { choice, text } => self.choice(choice).texts.push(text),
            Event::Refusal { choice, text } => self.choice(choice).refusals.push(text),
            Event::Thinking { choice, text } => self.choice(choice).thought().texts.push(text),
            Event::ThinkingEnd { choice, signature, redacted } => {
                let choice = self.choice(choice);
                if redacted.is_some() {
                    choice.thinking.push(Thought { redacted, over: true, ..Thought::default() });
                } else {
                    let thought = choice.thought();
                    thought.signature = signature;
                    thought.over = true;
                }
            }
            Event::ToolCall { choice, id, name, signature, .. } => {
                self.choice(choice).calls.push(CallMade { id, name, arguments: Vec::new(), signature });
            }
            Event::Arguments { choice, index, piece } => {
                // Decoders number a choice's calls as they begin, so the call is there.
                if let Some(call) = self.choice(choice).calls.get_mut(index as usize) {
                    call.arguments.push(piece);
                }
            }
            Event::Stop { choice, reason } => self.choice(choice).stop = Some(reason),
            Event::Usage(usage) => self.usage.replace_with(&usage),
            Event::Failed(_) | Event::End => {}
        }
    }

    /// Bytes of all that it shows: an upper bound of its tokens.
    pub fn text_bytes(&self) -> u64 {
        let texts = self.choices.iter().flat_map(|choice| {
            let calls = choice.calls.iter().flat_map(|call| call.arguments.iter().chain([&call.name]));
            let thinking = choice.thinking.iter().flat_map(|thought| &thought.texts);
            choice.texts.iter().chain(&choice.refusals).chain(thinking).chain(calls)
        });
        texts.map(|text| text.json_len() as u64).sum()
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        // Decoders refuse an index over their bound, so this cannot grow without limit.
        let index = index as usize;
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Choice::default);
        }
        &mut self.choices[index]
    }
}

impl Choice {
    fn thought(&mut self) -> &mut Thought {
        if self.thinking.last().is_none_or(|thought| thought.over) {
            self.thinking.push(Thought::default());
        }
        self.thinking.last_mut().expect("one was pushed if there was none")
    }
}

/// The most choices that an answer may have; OpenAI's own limit of `n`.
pub const MAX_CHOICES: u32 = 128;
/// The most tool calls that a choice may make; an answer with more is no answer.
pub const MAX_CALLS: u32 = 128;

/// What is known of a stream before its first event.
#[derive(Clone, Debug)]
pub struct Opening {
    pub request_id: String,
    /// Unix seconds.
    pub created: u64,
    pub include_usage: bool,
}

/// What the gateway itself tells about an answer.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub request_id: &'a str,
    /// Unix seconds.
    pub created: u64,
    pub provider: &'a str,
    /// The route's catalog name.
    pub model: &'a str,
    /// Why these candidates, where the caller's own words did not say it.
    pub route_reason: Option<RouteReason>,
    pub fallback: bool,
    pub attempts: &'a [Attempt],
    pub usage: &'a Usage,
    pub cost: NanoUsd,
    pub cost_is_estimate: bool,
    /// Set where we bounded the output.
    pub max_output: Option<u64>,
    pub dropped: &'a [Cow<'static, str>],
    pub warnings: &'a [String],
    /// What was found in the request; `None` where it was not searched.
    pub pii: Option<&'a Summary>,
    /// How the team's budget stands; `None` where nobody knows.
    pub budget: Option<Budget>,
    pub latency_ms: u64,
    /// Our own time, waiting for the upstream excluded.
    pub overhead_us: u64,
}

/// A team's budget after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Of the tighter window; `None`: unlimited.
    pub remaining: Option<NanoUsd>,
}

/// One try of one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub provider: String,
    pub model: String,
    /// `ok`, or the word of the fault or refusal.
    pub outcome: &'static str,
    pub status: Option<u16>,
    pub ms: u64,
}

/// An error as a caller shall see it; one table in `src/http/error.rs` makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorBody {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    pub field: Option<String>,
    pub retry_after_s: Option<u64>,
    pub request_id: String,
    /// Each candidate's outcome, where several were tried.
    pub attempts: Vec<Attempt>,
}
