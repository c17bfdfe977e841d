//! Who speaks in which order: `system` and `messages`.
//!
//! Anthropic wants the speakers in turn, every call answered at the beginning of the very next message, and
//! no blank text.

use super::Request;
use super::blocks::{is_blank, text_of};
use crate::write::{Json, array};
use gateway_core::catalog::Ability;
use gateway_core::conversation::{Content, Conversation, Part, Role, Text, Turn};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    User,
    Assistant,
    /// The operator, in the middle of the talk.
    System,
}

#[derive(Debug)]
pub(super) struct Message<'a> {
    pub speaker: Speaker,
    /// Never empty.
    pub parts: Vec<&'a Part>,
}

/// What is sent of a conversation's turns.
pub(super) struct Messages<'a> {
    system: Vec<&'a Part>,
    pub talk: Vec<Message<'a>>,
}

impl<'a> Messages<'a> {
    pub(super) fn of(conversation: &'a Conversation, request: &mut Request) -> Messages<'a> {
        let in_place = request.target.abilities.known(Ability::MidConversationSystem) == Some(true);
        let mut messages = Messages { system: Vec::new(), talk: Vec::new() };
        // Instructions that wait for their place: after a user's message, and before the model's or the end.
        let mut held: Vec<&Part> = Vec::new();
        for turn in &conversation.turns {
            let parts = request.sent(turn);
            if parts.is_empty() {
                continue;
            }
            let speaker = match turn.role {
                Role::System | Role::Developer if in_place && !messages.talk.is_empty() => {
                    held.extend(parts);
                    continue;
                }
                Role::System | Role::Developer => {
                    messages.system.extend(parts);
                    continue;
                }
                Role::User | Role::Tool => Speaker::User,
                Role::Assistant => Speaker::Assistant,
            };
            if speaker == Speaker::Assistant {
                messages.place(&mut held);
            }
            messages.say(speaker, parts);
        }
        messages.place(&mut held);
        messages.system.append(&mut held);
        if messages.talk.is_empty() && !messages.system.is_empty() {
            // Nobody but the operator spoke, and Anthropic wants a message.
            let parts = std::mem::take(&mut messages.system);
            messages.say(Speaker::User, parts);
        }
        messages.order_results();
        messages
    }

    /// Turns of one speaker that follow each other become one message; so does what an empty turn parted.
    fn say(&mut self, speaker: Speaker, parts: Vec<&'a Part>) {
        match self.talk.last_mut() {
            Some(last) if last.speaker == speaker => last.parts.extend(parts),
            _ => self.talk.push(Message { speaker, parts }),
        }
    }

    fn place(&mut self, held: &mut Vec<&'a Part>) {
        let after_user = self.talk.last().is_some_and(|last| last.speaker == Speaker::User);
        if after_user && !held.is_empty() {
            self.say(Speaker::System, std::mem::take(held));
        }
    }

    /// Results stand first in their message, in the order of the calls; those of unknown calls behind them.
    fn order_results(&mut self) {
        for at in 0..self.talk.len() {
            let (before, rest) = self.talk.split_at_mut(at);
            let Some(message) = rest.first_mut().filter(|message| message.speaker == Speaker::User) else {
                continue;
            };
            let calls: Vec<&Text> = before
                .last()
                .into_iter()
                .flat_map(|message| &message.parts)
                .filter_map(|part| match &part.content {
                    Content::ToolCall(call) => call.id.as_ref(),
                    _ => None,
                })
                .collect();
            message.parts.sort_by_key(|part| match &part.content {
                Content::ToolResult(result) => {
                    let call = calls.iter().position(|id| id.decoded() == result.call_id.decoded());
                    (false, call.unwrap_or(usize::MAX))
                }
                _ => (true, 0),
            });
        }
    }

    /// Whether the last message answers calls of a message that does not begin with its thought.
    pub(super) fn answer_a_thoughtless_turn(&self) -> bool {
        let talk = match &self.talk[..] {
            [talk @ .., last] if last.speaker == Speaker::System => talk,
            talk => talk,
        };
        let [.., calls, results] = talk else { return false };
        let is_answer = results.parts.iter().any(|part| matches!(part.content, Content::ToolResult(_)));
        let is_thought = calls.parts.first().is_some_and(|part| matches!(part.content, Content::Thinking(_)));
        is_answer && calls.speaker == Speaker::Assistant && !is_thought
    }
}

impl Request<'_> {
    /// A turn's parts but for those that Anthropic refuses or has no place for.
    fn sent<'a>(&mut self, turn: &'a Turn) -> Vec<&'a Part> {
        if turn.name.is_some() {
            self.drop_field("messages.name");
        }
        turn.parts.iter().filter(|part| self.is_sent(part)).collect()
    }

    pub(super) fn messages(&mut self, messages: &Messages, json: &mut Json) {
        if !messages.system.is_empty() {
            self.content(&messages.system, json.field("system"));
        }
        let last = messages.talk.len().saturating_sub(1);
        array(messages.talk.iter().enumerate(), json.field("messages"), |(at, message), out| {
            let role = match message.speaker {
                Speaker::User => "user",
                Speaker::Assistant => "assistant",
                Speaker::System => "system",
            };
            let mut json = Json::object(out);
            json.string("role", role);
            match prefill(message).filter(|_| at == last) {
                Some(trimmed) => {
                    let mut parts = message.parts.clone();
                    parts.pop();
                    parts.push(&trimmed);
                    self.content(&parts, json.field("content"));
                }
                None => self.content(&message.parts, json.field("content")),
            }
            json.end();
        });
    }

    /// A single text as a string, anything else as blocks.
    pub(super) fn content(&mut self, parts: &[&Part], out: &mut Vec<u8>) {
        match parts {
            [part] if part.cache.is_none() && text_of(part).is_some() => {
                out.extend(text_of(part).into_iter().flat_map(|text| text.json()));
            }
            _ => array(parts, out, |part, out| self.block(part, out)),
        }
    }
}

/// The end of an answer that the model is to go on with, where it ends in blanks: "final assistant content
/// cannot end with trailing whitespace".
fn prefill(message: &Message) -> Option<Part> {
    let part = message.parts.last().filter(|_| message.speaker == Speaker::Assistant)?;
    let text = text_of(part).filter(|text| !is_blank(text))?;
    let plain = text.decoded();
    let trimmed = plain.trim_end();
    (trimmed.len() < plain.len())
        .then(|| Part { content: Content::Text(Text::new(trimmed)), cache: part.cache })
}
