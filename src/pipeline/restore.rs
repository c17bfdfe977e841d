//! The caller's own values put back into an answer: each choice's text, thinking, refusal and tool calls by a
//! [`Restorer`] of their own, emptied before what it belongs to ends.

use gateway_core::conversation::{Event, Text};
use gateway_core::ids::ProviderKind;
use gateway_inspection::restore::{Mode, Overgrown, Restorer};
use std::sync::Arc;

use super::inspect::Taken;

/// The way of one answer's events to the caller.
pub(super) struct Restoring {
    taken: Arc<Taken>,
    /// Thinking that its provider signs comes back byte for byte.
    opaque_thinking: bool,
    choices: Vec<Choice>,
    scratch: String,
}

#[derive(Default)]
struct Choice {
    saying: Option<Saying>,
    /// What was said so far, each with its own state.
    restorers: Vec<(Saying, Restorer)>,
}

/// What is being said. A change of it ends what was said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    Text,
    Thinking,
    Refusal,
    Call(u32),
}

impl Restoring {
    /// `None` where nothing was taken out.
    pub(super) fn new(taken: Option<&Arc<Taken>>, kind: ProviderKind) -> Option<Restoring> {
        Some(Restoring {
            taken: Arc::clone(taken?),
            opaque_thinking: kind == ProviderKind::Anthropic,
            choices: Vec::new(),
            scratch: String::new(),
        })
    }

    /// Passes an event on, restored; what may be the beginning of a placeholder waits.
    ///
    /// # Errors
    /// An answer that would grow without bound.
    pub(super) fn event(&mut self, event: Event, next: &mut dyn FnMut(Event)) -> Result<(), Overgrown> {
        match event {
            Event::Thinking { .. } if self.opaque_thinking => next(event),
            Event::Text { choice, text } => self.piece(choice, Saying::Text, text, next)?,
            Event::Thinking { choice, text } => self.piece(choice, Saying::Thinking, text, next)?,
            Event::Refusal { choice, text } => self.piece(choice, Saying::Refusal, text, next)?,
            Event::Arguments { choice, index, piece } => {
                self.piece(choice, Saying::Call(index), piece, next)?;
            }
            Event::ToolCall { choice, index, .. } => {
                self.turn_to(choice, Some(Saying::Call(index)), next)?;
                next(event);
            }
            Event::ThinkingEnd { choice, .. } | Event::Stop { choice, .. } => {
                self.turn_to(choice, None, next)?;
                next(event);
            }
            Event::Failed(_) | Event::End => {
                for choice in 0..self.choices.len() {
                    self.turn_to(u32::try_from(choice).unwrap_or(u32::MAX), None, next)?;
                }
                next(event);
            }
            Event::Start { .. } | Event::Usage(_) => next(event),
        }
        Ok(())
    }

    /// Values that were kept out of addresses, so far.
    pub(super) fn withheld(&self) -> u32 {
        self.choices
            .iter()
            .flat_map(|choice| &choice.restorers)
            .map(|(_, restorer)| restorer.withheld())
            .sum()
    }

    fn piece(
        &mut self,
        choice: u32,
        saying: Saying,
        text: Text,
        next: &mut dyn FnMut(Event),
    ) -> Result<(), Overgrown> {
        self.turn_to(choice, Some(saying), next)?;
        let restorers = &mut self.choices[choice as usize].restorers;
        let known = restorers.iter().position(|(of, _)| *of == saying);
        let at = known.unwrap_or_else(|| {
            restorers.push((saying, self.taken.restorer(mode(saying, self.taken.json_output))));
            restorers.len() - 1
        });
        let restorer = &mut restorers[at].1;
        let plain = text.decoded();
        if restorer.passes(&plain) {
            next(said(choice, saying, text));
            return Ok(());
        }
        self.scratch.clear();
        restorer.push(&plain, &mut self.scratch)?;
        if !self.scratch.is_empty() {
            next(said(choice, saying, Text::new(&self.scratch)));
        }
        Ok(())
    }

    /// What was being said is over: what waited of it goes out.
    fn turn_to(
        &mut self,
        choice: u32,
        saying: Option<Saying>,
        next: &mut dyn FnMut(Event),
    ) -> Result<(), Overgrown> {
        let index = choice as usize;
        // Decoders refuse an index over their bound.
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Choice::default);
        }
        let at = &mut self.choices[index];
        let before = std::mem::replace(&mut at.saying, saying);
        let Some(before) = before.filter(|before| Some(*before) != saying) else { return Ok(()) };
        if let Some((_, restorer)) = at.restorers.iter_mut().find(|(of, _)| *of == before) {
            self.scratch.clear();
            restorer.finish(&mut self.scratch)?;
            if !self.scratch.is_empty() {
                next(said(choice, before, Text::new(&self.scratch)));
            }
        }
        Ok(())
    }
}

fn mode(saying: Saying, json_output: bool) -> Mode {
    match saying {
        Saying::Call(_) => Mode::Arguments,
        Saying::Text if json_output => Mode::Json,
        Saying::Text | Saying::Thinking | Saying::Refusal => Mode::Text,
    }
}

fn said(choice: u32, saying: Saying, text: Text) -> Event {
    match saying {
        Saying::Text => Event::Text { choice, text },
        Saying::Thinking => Event::Thinking { choice, text },
        Saying::Refusal => Event::Refusal { choice, text },
        Saying::Call(index) => Event::Arguments { choice, index, piece: text },
    }
}
