//! The tests that any [`Ledger`] must pass: cases with their answers written out, and histories of
//! replicas that crash and messages that are late, repeated or lost, which the pure rule has answered.

mod brief;
mod cases;
mod choices;
mod history;
mod judge;
mod replicas;
mod tagged;

use proptest::prelude::*;

pub use cases::{Case, cases};
#[cfg(test)]
pub(super) use history::grow;
pub use history::history;

use super::rule::{Rules, step_by};
use super::window::StoreTime;
use super::{Answer, Ledger, Op, Team};
use crate::ids::TeamId;
use std::collections::BTreeMap;

/// One question at one moment, and what the rule answered.
#[derive(Clone, Debug)]
pub struct Step {
    pub at: StoreTime,
    pub op: Op,
    pub want: Answer,
}

/// A ledger whose time the suite sets.
pub trait Subject {
    fn ledger(&self) -> &dyn Ledger;

    fn set_time(&self, now: StoreTime);
}

/// What a history is grown from: proptest makes it smaller where a test fails.
pub fn seeds() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 20..220)
}

/// Asks step by step. `Err` tells the first answer that differs from the rule's.
pub async fn replay(subject: &dyn Subject, steps: &[Step]) -> Result<(), String> {
    for (place, step) in steps.iter().enumerate() {
        subject.set_time(step.at);
        let got = subject.ledger().ask(vec![step.op.clone()]).await;
        let want = [Ok(step.want.clone())];
        if got.as_slice() != want.as_slice() {
            return Err(format!(
                "step {place} at {:?}\n asked {:?}\n  want {:?}\n   got {got:?}",
                step.at, step.op, want
            ));
        }
    }
    Ok(())
}

/// Runs every case; returns how many there are. `Err` names the first that fails.
pub async fn conform(subject: &dyn Subject) -> Result<usize, String> {
    let cases = cases();
    for case in &cases {
        let steps = case.steps().map_err(|wrong| format!("{}: the rule itself: {wrong}", case.name))?;
        replay(subject, &steps).await.map_err(|wrong| format!("{}: {wrong}", case.name))?;
    }
    Ok(cases.len())
}

/// The rule over several teams' books.
#[derive(Clone, Debug)]
struct Oracle {
    rules: Rules,
    teams: BTreeMap<TeamId, Team>,
}

impl Oracle {
    fn new(rules: Rules) -> Oracle {
        Oracle { rules, teams: BTreeMap::new() }
    }

    fn ask(&mut self, op: &Op, now: StoreTime) -> Answer {
        let team = self.teams.remove(op.team()).unwrap_or_default();
        let (mut team, answer) = step_by(self.rules, team, op, now);
        team.take_changes();
        self.teams.insert(op.team().clone(), team);
        answer
    }
}
