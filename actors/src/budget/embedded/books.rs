//! All teams' books in memory, and the order of things: move, write, commit, answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gateway_core::clock::Clock;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Answer, Health, LedgerError, Op, StoreTime, Team, step};

use super::Ask;
use super::disk::Disk;

pub(super) struct Books {
    teams: BTreeMap<TeamId, Team>,
    disk: Disk,
    clock: Arc<dyn Clock>,
    /// A commit failed: memory is ahead of the disk until it is read again.
    stale: bool,
    /// No commit has succeeded since one failed.
    failing: bool,
}

type Answers = Vec<Result<Answer, LedgerError>>;

impl Books {
    pub(super) fn load(disk: Disk, clock: Arc<dyn Clock>) -> Result<Books, LedgerError> {
        let teams = disk.load()?;
        Ok(Books { teams, disk, clock, stale: false, failing: false })
    }

    /// Answers all of them after one commit; none of the questions, where that fails.
    pub(super) fn serve(&mut self, batch: Vec<Ask>) {
        let mut moved = BTreeSet::new();
        let (mut done, mut looks) = (Vec::new(), Vec::new());
        let ready = self.refresh();
        for ask in batch {
            match ask {
                Ask::Ops(ops, answer) => {
                    let answers = match &ready {
                        Ok(()) => ops.into_iter().map(|op| self.apply(op, &mut moved)).collect(),
                        Err(error) => vec![Err(error.clone()); ops.len()],
                    };
                    done.push((answers, answer));
                }
                // Who no longer waits needs no answer.
                Ask::Teams(answer) => drop(answer.send(self.teams.keys().cloned().collect())),
                Ask::Health(answer) => looks.push(answer),
            }
        }
        let written = self.write(&moved);
        for (answers, answer) in done {
            let answers: Answers = match &written {
                Ok(()) => answers,
                Err(error) => vec![Err(error.clone()); answers.len()],
            };
            drop(answer.send(answers));
        }
        for look in looks {
            drop(look.send(self.health()));
        }
    }

    fn health(&mut self) -> Result<Health, LedgerError> {
        if self.failing {
            self.refresh()?;
            let tried = self.disk.try_write();
            self.note(&tried);
            tried?;
        }
        Ok(Health::default())
    }

    fn apply(&mut self, op: Op, moved: &mut BTreeSet<TeamId>) -> Result<Answer, LedgerError> {
        let op = op.checked()?;
        let now = StoreTime::from_unix(self.clock.unix());
        let team = self.teams.remove(op.team()).unwrap_or_default();
        let (team, answer) = step(team, &op, now);
        self.teams.insert(op.team().clone(), team);
        moved.insert(op.team().clone());
        Ok(answer)
    }

    fn write(&mut self, moved: &BTreeSet<TeamId>) -> Result<(), LedgerError> {
        let teams = &mut self.teams;
        let changed = moved.iter().filter_map(|name| {
            let team = teams.get_mut(name)?;
            let changes = team.take_changes();
            (changes != Default::default()).then_some((name.clone(), changes))
        });
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        let written = self.disk.write(&changed, &self.teams);
        self.stale |= written.is_err();
        self.note(&written);
        written
    }

    /// Said once, however many commits fail.
    fn note(&mut self, written: &Result<(), LedgerError>) {
        match written {
            Err(error) if !self.failing => {
                log::error!(error:%; "the ledger can't be written: its questions are refused until it can");
            }
            Ok(()) if self.failing => log::info!("the ledger can be written again"),
            _ => {}
        }
        self.failing = written.is_err();
    }

    /// After a failed commit the disk is right, and memory is not.
    fn refresh(&mut self) -> Result<(), LedgerError> {
        if self.stale {
            self.teams = self.disk.load()?;
            self.stale = false;
        }
        Ok(())
    }
}
