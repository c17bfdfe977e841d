//! The caller's own values put back into an answer, and others masked where the policy says so: each choice's text,
//! thinking, refusal and tool calls on a way of their own, emptied before what it belongs to ends.

use gateway_actors::scanner::ScanError;
use gateway_core::conversation::{Event, Text};
use gateway_core::ids::ProviderKind;
use gateway_inspection::answer::Masker;
use gateway_inspection::restore::{Mode, Overgrown, Restorer};
use std::sync::Arc;

use super::failure::Failure;
use super::inspect::{Answers, Inspected, Taken};

/// The way of one answer's events to the caller.
pub(super) struct Restoring {
    taken: Option<Arc<Taken>>,
    answers: Option<Answers>,
    json_output: bool,
    /// Thinking that its provider signs comes back byte for byte.
    opaque_thinking: bool,
    /// What is said comes in blocks, each ended before the next begins. Elsewhere calls may be told in turns.
    blocks: bool,
    choices: Vec<Choice>,
    scratch: String,
}

#[derive(Default)]
struct Choice {
    saying: Option<Saying>,
    /// What was said so far, each with its own state.
    ways: Vec<(Saying, Way)>,
}

/// What a text goes through: first masked, then restored, so that what is put back is not searched.
struct Way {
    masker: Option<Masker>,
    restorer: Option<Restorer>,
    masked: String,
    /// Of a call's arguments.
    document: Document,
}

/// How far a JSON document has come.
#[derive(Default)]
struct Document {
    begun: bool,
    open: u32,
    string: bool,
    escaped: bool,
}

impl Document {
    fn read(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.string,
                b'"' => self.string = !self.string,
                b'{' | b'[' if !self.string => (self.begun, self.open) = (true, self.open.saturating_add(1)),
                b'}' | b']' if !self.string => self.open = self.open.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.begun && self.open == 0 && !self.string
    }
}

/// Why an answer ends early.
#[derive(Debug)]
pub(super) enum Unfit {
    Overgrown(Overgrown),
    Unsearched(ScanError),
}

impl From<Overgrown> for Unfit {
    fn from(overgrown: Overgrown) -> Unfit {
        Unfit::Overgrown(overgrown)
    }
}

impl From<ScanError> for Unfit {
    fn from(error: ScanError) -> Unfit {
        Unfit::Unsearched(error)
    }
}

impl From<Unfit> for Failure {
    fn from(unfit: Unfit) -> Failure {
        match unfit {
            Unfit::Overgrown(overgrown) => overgrown.into(),
            Unfit::Unsearched(error) => error.into(),
        }
    }
}

impl Way {
    /// Whether a piece goes by as it is. A yes counts as having passed it.
    fn passes(&mut self, piece: &str) -> bool {
        self.masker.is_none() && self.restorer.as_mut().is_none_or(|restorer| restorer.passes(piece))
    }

    fn push(&mut self, piece: &str, answers: Option<&Answers>, out: &mut String) -> Result<(), Unfit> {
        let Way { masker, restorer, masked, .. } = self;
        let piece = match (masker, answers) {
            (Some(masker), Some(answers)) => {
                masked.clear();
                answers.search(|engine, policy| masker.push(piece, engine, policy, masked))?;
                masked.as_str()
            }
            _ => piece,
        };
        match restorer {
            Some(restorer) => restorer.push(piece, out)?,
            None => out.push_str(piece),
        }
        Ok(())
    }

    fn finish(&mut self, answers: Option<&Answers>, out: &mut String) -> Result<(), Unfit> {
        let Way { masker, restorer, masked, .. } = self;
        if let (Some(masker), Some(answers)) = (masker, answers) {
            masked.clear();
            answers.search(|engine, policy| masker.finish(engine, policy, masked))?;
            match restorer {
                Some(restorer) => restorer.push(masked, out)?,
                None => out.push_str(masked),
            }
        }
        if let Some(restorer) = restorer {
            restorer.finish(out)?;
        }
        Ok(())
    }
}

/// What is being said. A change of it ends what was said before, but for arguments that are not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    Text,
    Thinking,
    Refusal,
    Call(u32),
}

impl Restoring {
    /// `None` where nothing was taken out, and answers are not searched.
    pub(super) fn new(inspected: &Inspected, kind: ProviderKind) -> Option<Restoring> {
        let Inspected { taken, answers, json_output, .. } = inspected;
        (taken.is_some() || answers.is_some()).then(|| Restoring {
            taken: taken.clone(),
            answers: answers.clone(),
            json_output: *json_output,
            opaque_thinking: kind == ProviderKind::Anthropic,
            blocks: kind == ProviderKind::Anthropic,
            choices: Vec::new(),
            scratch: String::new(),
        })
    }

    /// Passes an event on, restored; what may be the beginning of a placeholder waits.
    ///
    /// # Errors
    /// An answer that would grow without bound, or could not be searched.
    pub(super) fn event(&mut self, event: Event, next: &mut dyn FnMut(Event)) -> Result<(), Unfit> {
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
            Event::ThinkingEnd { choice, .. } => {
                self.turn_to(choice, None, next)?;
                next(event);
            }
            Event::Stop { choice, .. } => {
                self.over(choice, next)?;
                next(event);
            }
            Event::Failed(_) | Event::End => {
                for choice in 0..self.choices.len() {
                    self.over(u32::try_from(choice).unwrap_or(u32::MAX), next)?;
                }
                next(event);
            }
            Event::Start { .. } | Event::Usage(_) => next(event),
        }
        Ok(())
    }

    /// Values that were kept out of addresses, so far.
    pub(super) fn withheld(&self) -> u32 {
        self.ways().filter_map(|way| way.restorer.as_ref()).map(Restorer::withheld).sum()
    }

    /// Values that did not come from the caller, so far.
    pub(super) fn masked(&self) -> u32 {
        self.ways().filter_map(|way| way.masker.as_ref()).map(Masker::masked).sum()
    }

    fn ways(&self) -> impl Iterator<Item = &Way> {
        self.choices.iter().flat_map(|choice| &choice.ways).map(|(_, way)| way)
    }

    fn way(&self, saying: Saying) -> Way {
        let mode = mode(saying, self.json_output);
        Way {
            masker: self.answers.as_ref().map(|_| Masker::new(mode)),
            restorer: self.taken.as_ref().map(|taken| taken.restorer(mode)),
            masked: String::new(),
            document: Document::default(),
        }
    }

    fn piece(
        &mut self,
        choice: u32,
        saying: Saying,
        text: Text,
        next: &mut dyn FnMut(Event),
    ) -> Result<(), Unfit> {
        self.turn_to(choice, Some(saying), next)?;
        let known = self.choices[choice as usize].ways.iter().position(|(of, _)| *of == saying);
        let at = match known {
            Some(at) => at,
            None => {
                let way = self.way(saying);
                self.choices[choice as usize].ways.push((saying, way));
                self.choices[choice as usize].ways.len() - 1
            }
        };
        let way = &mut self.choices[choice as usize].ways[at].1;
        let plain = text.decoded();
        if matches!(saying, Saying::Call(_)) {
            way.document.read(&plain);
        }
        if way.passes(&plain) {
            next(said(choice, saying, text));
            return Ok(());
        }
        self.scratch.clear();
        way.push(&plain, self.answers.as_ref(), &mut self.scratch)?;
        if !self.scratch.is_empty() {
            next(said(choice, saying, Text::new(&self.scratch)));
        }
        Ok(())
    }

    /// What was being said is over: what waited of it goes out. Of a call whose arguments may go on, it waits.
    fn turn_to(
        &mut self,
        choice: u32,
        saying: Option<Saying>,
        next: &mut dyn FnMut(Event),
    ) -> Result<(), Unfit> {
        let index = choice as usize;
        // Decoders refuse an index over their bound.
        if self.choices.len() <= index {
            self.choices.resize_with(index + 1, Choice::default);
        }
        let Choice { saying: now, ways } = &mut self.choices[index];
        let before = std::mem::replace(now, saying);
        let Some(before) = before.filter(|before| Some(*before) != saying) else { return Ok(()) };
        let ends = |way: &Way| self.blocks || !matches!(before, Saying::Call(_)) || way.document.is_whole();
        match ways.iter().position(|(of, way)| *of == before && ends(way)) {
            Some(at) => self.finish(choice, at, next),
            None => Ok(()),
        }
    }

    /// A choice is over, and all that was said in it.
    fn over(&mut self, choice: u32, next: &mut dyn FnMut(Event)) -> Result<(), Unfit> {
        let Some(Choice { saying, ways }) = self.choices.get_mut(choice as usize) else { return Ok(()) };
        *saying = None;
        (0..ways.len()).try_for_each(|at| self.finish(choice, at, next))
    }

    fn finish(&mut self, choice: u32, at: usize, next: &mut dyn FnMut(Event)) -> Result<(), Unfit> {
        let (saying, way) = &mut self.choices[choice as usize].ways[at];
        self.scratch.clear();
        way.finish(self.answers.as_ref(), &mut self.scratch)?;
        if !self.scratch.is_empty() {
            next(said(choice, *saying, Text::new(&self.scratch)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::conversation::StopReason;
    use gateway_core::finding::Kind;
    use gateway_inspection::restore::Origins;
    use gateway_inspection::vault::{Stood, Vault};

    fn restoring(kind: ProviderKind) -> Restoring {
        let mut vault = Vault::default();
        vault.number(Kind::EMAIL_ADDRESS, "ann@x.org", Stood::Text).expect("there is room");
        let taken = Some(Arc::new(Taken::new(vault, Origins::default())));
        Restoring::new(&Inspected { taken, ..Inspected::default() }, kind).expect("something was taken out")
    }

    fn call(index: u32) -> Event {
        let name = Text::new("send");
        Event::ToolCall { choice: 0, index, id: None, name, signature: None }
    }

    fn piece(index: u32, piece: &str) -> Event {
        Event::Arguments { choice: 0, index, piece: Text::new(piece) }
    }

    const STOP: Event = Event::Stop { choice: 0, reason: StopReason::ToolCalls };

    /// Each call's arguments, and by how many of the events each had come whole.
    fn told(kind: ProviderKind, events: Vec<Event>) -> [(String, usize); 2] {
        let mut restoring = restoring(kind);
        let mut told = [(String::new(), 0), (String::new(), 0)];
        for (number, event) in events.into_iter().enumerate() {
            let next = &mut |event| {
                if let Event::Arguments { index, piece, .. } = event {
                    let (arguments, at) = &mut told[index as usize];
                    arguments.push_str(&piece.decoded());
                    *at = number;
                }
            };
            restoring.event(event, next).expect("it is small");
        }
        told
    }

    #[test]
    fn calls_that_are_told_in_turns_are_restored_each_by_itself() {
        let events = vec![
            call(0),
            call(1),
            piece(0, "{\"to\":\"[EMAIL_ADD"),
            piece(1, "{\"to\":\"x"),
            piece(0, "RESS_1]\"}"),
            piece(1, " [EMAIL_ADDRESS_1"),
            piece(0, " "),
            piece(1, "]\"}"),
            STOP,
        ];
        let [(one, _), (other, _)] = told(ProviderKind::OpenAi, events);
        assert_eq!(one, "{\"to\":\"ann@x.org\"} ");
        assert_eq!(other, "{\"to\":\"x ann@x.org\"}");
    }

    #[test]
    fn what_waits_of_a_call_goes_out_before_what_it_belongs_to_ends() {
        let half = || vec![call(0), piece(0, "{\"to\":\"[EMAIL_ADD"), call(1), piece(1, "{}"), STOP];
        let want = "{\"to\":\"[EMAIL_ADD";
        let [(arguments, at), _] = told(ProviderKind::OpenAi, half());
        assert_eq!((arguments.as_str(), at), (want, 4), "it may go on until the choice stops");
        let [(arguments, at), _] = told(ProviderKind::Anthropic, half());
        assert_eq!((arguments.as_str(), at), (want, 2), "its block ends with the next one's begin");
    }
}
