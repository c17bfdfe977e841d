//! What is left of a batch after each answer: the same again, halves of it, one event set aside.

use std::collections::VecDeque;
use std::time::Duration;

use super::verdict::{Fate, Verdict};
use super::{Event, SinkState};

/// So many events set aside without one that was taken are no bad events, but a sink that takes nothing.
const MOST_DEAD_IN_A_ROW: u32 = 16;

/// What is left of a batch.
pub(super) struct Work {
    /// In the trail's order; none is empty.
    pub chunks: VecDeque<Vec<Event>>,
    /// Events set aside since the last one that was taken.
    pub dead_in_a_row: u32,
}

/// What follows from one verdict.
#[derive(Default)]
pub(super) struct Step {
    pub delivered: u64,
    pub refused: Vec<(Event, String)>,
    pub wait: Option<Wait>,
}

pub(super) struct Wait {
    pub after: Option<Duration>,
    pub state: SinkState,
    pub why: String,
}

impl Work {
    pub(super) fn new(events: Vec<Event>, dead_in_a_row: u32) -> Work {
        let chunks = if events.is_empty() { VecDeque::new() } else { VecDeque::from([events]) };
        Work { chunks, dead_in_a_row }
    }

    /// Puts back what is to be sent again, in pieces where that helps.
    pub(super) fn judge(&mut self, chunk: Vec<Event>, verdict: Verdict) -> Step {
        match verdict {
            // Asked for already; one that is not is as good as taken.
            Verdict::Delivered | Verdict::Taken(_) => self.delivered(chunk.len()),
            Verdict::Again { after, why } => self.again(chunk, after, SinkState::Failing, why),
            Verdict::Misconfigured { why } => self.again(chunk, None, SinkState::Misconfigured, why),
            Verdict::TooLarge => self.in_pieces(chunk, None, "it is too large".to_owned()),
            Verdict::Refused { at, why } => self.in_pieces(chunk, at, why),
            Verdict::Each(fates) => self.each(chunk, fates),
        }
    }

    /// Events of the chunk that was judged last, which are not done with after all.
    pub(super) fn put_back(&mut self, mut events: Vec<Event>) {
        let last = events.iter().map(|event| event.end.seq).max().unwrap_or_default();
        // What else is left of that chunk stands among them.
        if let Some(rest) = self.chunks.pop_front_if(|rest| rest[0].end.seq < last) {
            events.extend(rest);
        }
        events.sort_by_key(|event| event.end.seq);
        self.chunks.push_front(events);
    }

    fn delivered(&mut self, events: usize) -> Step {
        self.dead_in_a_row = 0;
        Step { delivered: events as u64, ..Step::default() }
    }

    fn again(&mut self, chunk: Vec<Event>, after: Option<Duration>, state: SinkState, why: String) -> Step {
        self.chunks.push_front(chunk);
        Step { wait: Some(Wait { after, state, why }), ..Step::default() }
    }

    /// Halves, or what stands before, at and behind the event that is named; one alone is set aside.
    fn in_pieces(&mut self, mut chunk: Vec<Event>, at: Option<usize>, why: String) -> Step {
        if chunk.len() == 1 {
            if self.dead_in_a_row >= MOST_DEAD_IN_A_ROW {
                return self.again(chunk, None, SinkState::Misconfigured, why);
            }
            self.dead_in_a_row += 1;
            let refused = chunk.drain(..).map(|event| (event, why.clone())).collect();
            return Step { refused, ..Step::default() };
        }
        let mut pieces = Vec::new();
        match at {
            Some(at) if at < chunk.len() => {
                let behind = chunk.split_off(at + 1);
                let named = chunk.split_off(at);
                pieces.extend([chunk, named, behind]);
            }
            _ => {
                let second = chunk.split_off(chunk.len() / 2);
                pieces.extend([chunk, second]);
            }
        }
        for piece in pieces.into_iter().rev().filter(|piece| !piece.is_empty()) {
            self.chunks.push_front(piece);
        }
        Step::default()
    }

    fn each(&mut self, chunk: Vec<Event>, fates: Vec<Fate>) -> Step {
        let mut step = Step::default();
        let mut again = Vec::new();
        for (event, fate) in chunk.into_iter().zip(fates) {
            match fate {
                Fate::Delivered => {
                    step.delivered += 1;
                    self.dead_in_a_row = 0;
                }
                Fate::Again => again.push(event),
                Fate::Refused if self.dead_in_a_row >= MOST_DEAD_IN_A_ROW => again.push(event),
                Fate::Refused => {
                    self.dead_in_a_row += 1;
                    step.refused.push((event, "the sink refused it within its batch".to_owned()));
                }
            }
        }
        if !again.is_empty() {
            self.chunks.push_front(again);
            let why = "the sink could not take a part of a batch".to_owned();
            step.wait = Some(Wait { after: None, state: SinkState::Failing, why });
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audit::cursor::Position;
    use crate::audit::tests::record;

    fn events(count: u64) -> Vec<Event> {
        let event = |seq| Event {
            record: record(seq),
            line: Vec::new(),
            end: Position { seq, ..Position::default() },
        };
        (1..=count).map(event).collect()
    }

    /// What a sink may say of a chunk, some of it nonsense.
    fn any_verdict() -> impl Strategy<Value = Verdict> {
        let why = || "why".to_owned();
        let fate = prop_oneof![Just(Fate::Delivered), Just(Fate::Again), Just(Fate::Refused)];
        prop_oneof![
            Just(Verdict::Delivered),
            Just(Verdict::TooLarge),
            Just(Verdict::Again { after: None, why: why() }),
            Just(Verdict::Misconfigured { why: why() }),
            prop::option::of(0usize..12).prop_map(move |at| Verdict::Refused { at, why: "why".to_owned() }),
            prop::collection::vec(fate, 12).prop_map(Verdict::Each),
        ]
    }

    proptest! {
        /// Whatever a sink answers, and whether or not what it refused can be set aside: each event is delivered,
        /// set aside or still there, once, and in order.
        #[test]
        fn no_answer_loses_an_event(
            count in 1u64..12, verdicts in prop::collection::vec((any_verdict(), any::<bool>()), 1..40),
        ) {
            let mut work = Work::new(events(count), 0);
            let mut done = 0;
            for (verdict, can_set_aside) in verdicts {
                let Some(chunk) = work.chunks.pop_front() else { break };
                let step = work.judge(chunk, verdict);
                done += step.delivered;
                if can_set_aside {
                    done += step.refused.len() as u64;
                } else if !step.refused.is_empty() {
                    work.put_back(step.refused.into_iter().map(|(event, _)| event).collect());
                }
                let left: Vec<u64> = work.chunks.iter().flatten().map(|event| event.end.seq).collect();
                prop_assert_eq!(done + left.len() as u64, count);
                prop_assert!(left.is_sorted(), "{:?}", left);
                prop_assert!(work.chunks.iter().all(|chunk| !chunk.is_empty()));
            }
        }
    }
}
