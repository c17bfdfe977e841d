//! Writes a stream as OpenAI does: chunks, the usage chunk where it was asked for, `[DONE]`.

use super::ids::call_id;
use super::response;
use crate::dialect::{Encode, ErrorBody, Facts, MAX_CHOICES, Opening};
use crate::sse;
use crate::write::Json;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason, Text};

/// What follows a delta.
const TAIL: &[u8] = b",\"logprobs\":null,\"finish_reason\":null}]}\n\n";
/// What follows a text, which closes its delta.
const TEXT_TAIL: &[u8] = b"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";

/// Keeps the part of a chunk that is the same in each, so that a chunk costs three copies.
pub(super) struct Writer {
    opening: Opening,
    /// `data: {"id":…,"object":…,"created":…,"model":…,"choices":[{"index":`
    head: Vec<u8>,
    /// The same up to the text of the first choice, which most chunks bring.
    text_head: Vec<u8>,
    /// Bits by index: choices that had their first chunk, those that refused in words.
    begun: u128,
    refused: u128,
    /// Thoughts under way: their text is told once more, whole, beside the signature.
    thoughts: Vec<Thinking>,
    /// Reasons wait for `close`: usage, and so the cost, comes after them.
    stops: Vec<(u32, StopReason)>,
}

const _: () = assert!(MAX_CHOICES <= u128::BITS, "a choice has a bit");

/// What a choice thinks.
struct Thinking {
    choice: u32,
    /// Blocks that are over.
    blocks: u64,
    /// The raw content of the literals that told the block at hand.
    text: Vec<u8>,
}

impl Writer {
    pub(super) fn new(opening: Opening) -> Writer {
        Writer {
            opening,
            head: Vec::new(),
            text_head: Vec::new(),
            begun: 1,
            refused: 0,
            thoughts: Vec::new(),
            stops: Vec::new(),
        }
    }

    fn begin(&mut self, facts: &Facts) {
        self.head = Vec::with_capacity(192);
        self.head.extend_from_slice(b"data: {\"id\":");
        self.head.extend_from_slice(response::id(&self.opening.request_id).as_bytes());
        self.head.extend_from_slice(b",\"object\":\"chat.completion.chunk\",\"created\":");
        crate::write::integer(self.opening.created, &mut self.head);
        self.head.extend_from_slice(b",\"model\":");
        crate::write::string(facts.model, &mut self.head);
        self.head.extend_from_slice(b",\"choices\":[");
        self.text_head = [&self.head[..], b"{\"index\":0,\"delta\":{\"content\":"].concat();
    }

    /// A chunk up to its delta, which stands in these pieces.
    fn choice(&self, index: u32, delta: &[&[u8]], out: &mut BytesMut) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":");
        integer(u64::from(index), out);
        out.extend_from_slice(b",\"delta\":");
        for piece in delta {
            out.extend_from_slice(piece);
        }
    }

    fn role(&self, index: u32, out: &mut BytesMut) {
        self.choice(index, &[br#"{"role":"assistant","content":"","refusal":null}"#, TAIL], out);
    }

    /// Further choices begin with their role, as the first does.
    fn begin_choice(&mut self, choice: u32, out: &mut BytesMut) {
        if self.begun & (1 << choice) == 0 {
            self.begun |= 1 << choice;
            self.role(choice, out);
        }
    }

    fn call(
        &self,
        (choice, index): (u32, u32),
        (id, name, signature): (Option<&Text>, &Text, Option<&Text>),
        out: &mut BytesMut,
    ) {
        let made = id.is_none().then(|| call_id(&self.opening.request_id, choice, index));
        let mut call = Vec::with_capacity(160);
        let mut json = Json::object(&mut call);
        json.integer("index", u64::from(index));
        if let Some(id) = id.or(made.as_ref()) {
            json.text("id", id);
        }
        json.raw("type", br#""function""#);
        let mut function = Json::object(json.field("function"));
        function.text("name", name);
        function.raw("arguments", br#""""#);
        function.end();
        if let Some(signature) = signature {
            response::write_signature(signature, json.field("extra_content"));
        }
        json.end();
        self.choice(choice, &[b"{\"tool_calls\":[", &call, b"]}", TAIL], out);
    }

    fn arguments(&self, choice: u32, index: u32, piece: &Text, out: &mut BytesMut) {
        self.choice(choice, &[b"{\"tool_calls\":[{\"index\":"], out);
        integer(u64::from(index), out);
        out.extend_from_slice(b",\"function\":{\"arguments\":");
        out.extend_from_slice(piece.json());
        out.extend_from_slice(b"}}]}");
        out.extend_from_slice(TAIL);
    }

    fn thinking(&mut self, choice: u32, text: &Text, out: &mut BytesMut) {
        self.choice(choice, &[b"{\"reasoning_content\":", text.json(), TEXT_TAIL], out);
        self.thought(choice).text.extend_from_slice(text.json_inner());
    }

    /// A block that its provider signed, whole, for the caller to send back.
    fn thinking_end(
        &mut self,
        choice: u32,
        signature: Option<&Text>,
        redacted: Option<&Text>,
        out: &mut BytesMut,
    ) {
        let thought = self.thought(choice);
        let block = thought.blocks;
        thought.blocks += 1;
        // A redacted block stands by itself; a text told before it is of another, not yet over.
        let text = if redacted.is_some() { Vec::new() } else { std::mem::take(&mut thought.text) };
        if signature.is_none() && redacted.is_none() {
            return;
        }
        let mut json = Vec::with_capacity(text.len() + 512);
        let mut fields = Json::object(&mut json);
        // The SDKs add up lists by `index`.
        fields.integer("index", block);
        response::write_block(std::iter::once(&text[..]), signature, redacted, &mut fields);
        fields.end();
        self.choice(choice, &[b"{\"thinking_blocks\":[", &json, b"]}", TAIL], out);
    }

    fn thought(&mut self, choice: u32) -> &mut Thinking {
        let at = match self.thoughts.iter().position(|thought| thought.choice == choice) {
            Some(at) => at,
            None => {
                self.thoughts.push(Thinking { choice, blocks: 0, text: Vec::new() });
                self.thoughts.len() - 1
            }
        };
        &mut self.thoughts[at]
    }

    /// A choice's last chunk; the stream's last has our own words on it.
    fn stop(&self, choice: u32, reason: StopReason, facts: Option<&Facts>, out: &mut BytesMut) {
        self.choice(choice, &[b"{},\"logprobs\":null,\"finish_reason\":"], out);
        let has_refusal = self.refused & (1 << choice) != 0;
        out.extend_from_slice(response::finish_reason(Some(reason), has_refusal).as_bytes());
        out.extend_from_slice(b"}]");
        if let Some(facts) = facts {
            let mut gateway = Vec::with_capacity(256);
            response::write_gateway(facts, &mut gateway);
            out.extend_from_slice(b",\"gateway\":");
            out.extend_from_slice(&gateway);
        }
        out.extend_from_slice(b"}\n\n");
    }
}

fn integer(value: u64, out: &mut BytesMut) {
    match u8::try_from(value) {
        Ok(digit @ 0..=9) => out.extend_from_slice(&[b'0' + digit]),
        _ => out.extend_from_slice(value.to_string().as_bytes()),
    }
}

impl Encode for Writer {
    fn open(&mut self, facts: &Facts, out: &mut BytesMut) {
        self.begin(facts);
        self.role(0, out);
    }

    fn event(&mut self, event: &Event, out: &mut BytesMut) {
        match event {
            Event::Text { choice: 0, text } => {
                out.reserve(self.text_head.len() + text.json().len() + TEXT_TAIL.len());
                out.extend_from_slice(&self.text_head);
                out.extend_from_slice(text.json());
                out.extend_from_slice(TEXT_TAIL);
            }
            Event::Text { choice, text } => {
                self.begin_choice(*choice, out);
                self.choice(*choice, &[b"{\"content\":", text.json(), TEXT_TAIL], out);
            }
            Event::Thinking { choice, text } => {
                self.begin_choice(*choice, out);
                self.thinking(*choice, text, out);
            }
            Event::ThinkingEnd { choice, signature, redacted } => {
                self.begin_choice(*choice, out);
                self.thinking_end(*choice, signature.as_ref(), redacted.as_ref(), out);
            }
            Event::Refusal { choice, text } => {
                self.begin_choice(*choice, out);
                self.refused |= 1 << choice;
                self.choice(*choice, &[b"{\"refusal\":", text.json(), TEXT_TAIL], out);
            }
            Event::ToolCall { choice, index, id, name, signature } => {
                self.begin_choice(*choice, out);
                self.call((*choice, *index), (id.as_ref(), name, signature.as_ref()), out);
            }
            Event::Arguments { choice, index, piece } => self.arguments(*choice, *index, piece, out),
            Event::Stop { choice, reason } => {
                self.begin_choice(*choice, out);
                self.stops.push((*choice, *reason));
            }
            Event::Start { .. } | Event::Usage(_) | Event::Failed(_) | Event::End => {}
        }
    }

    fn close(&mut self, facts: &Facts, out: &mut BytesMut) {
        let stops = std::mem::take(&mut self.stops);
        for (position, (choice, reason)) in stops.iter().enumerate() {
            let is_last = position + 1 == stops.len();
            self.stop(*choice, *reason, is_last.then_some(facts), out);
        }
        if self.opening.include_usage {
            let mut usage = Vec::with_capacity(192);
            response::write_usage(facts.usage, &mut usage);
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            out.extend_from_slice(&usage);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        // The SDKs raise on a chunk with `error`; `[DONE]` after it would say that all went well.
        sse::write(None, &response::error(error), out);
    }
}
