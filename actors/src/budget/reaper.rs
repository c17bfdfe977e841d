//! Chores that keep the books whole: leases are renewed, what nobody ended is reaped and recorded, and
//! the store is looked at. They go one round at a time, and stay away while the store is left alone.

use std::time::{Duration, Instant};

use actix::prelude::*;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Answer, Health, Lease, LedgerError, MESSAGE_LIFE, Op, Reap, ReservationId};

use super::actor::{BudgetActor, Post};
use super::cursor::BACK;
use super::reach::{News, StoreState};

/// How often it is looked whether a chore is due.
pub(super) const TICK: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const REAP_EVERY: Duration = Duration::from_secs(5);
/// A quarter of a lease: three renewals may be lost.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// Questions of one chore that travel together; a renewal names so many ids.
const TOGETHER: usize = 200;
const PATIENCE: Duration = Duration::from_secs(2);

/// When each chore was last begun.
pub(super) struct Chores {
    busy: bool,
    looked: Option<Instant>,
    /// When the store was last found well.
    well: Option<Instant>,
    reaped: Instant,
    renewed: Instant,
}

/// What a round is to do.
struct Round {
    post: Post,
    /// When the store was last found well.
    well: Option<Instant>,
    renew: bool,
    reap: bool,
}

impl Chores {
    pub(super) fn new(now: Instant) -> Chores {
        Chores { busy: false, looked: None, well: None, reaped: now, renewed: now }
    }

    fn due(&mut self, now: Instant, post: &Post) -> Option<Round> {
        let over = |since: Instant, every| now.saturating_duration_since(since) >= every;
        if self.busy || self.looked.is_some_and(|looked| !over(looked, LOOK_EVERY)) {
            return None;
        }
        let round = Round {
            post: post.clone(),
            well: self.well,
            renew: over(self.renewed, RENEW_EVERY),
            reap: over(self.reaped, REAP_EVERY),
        };
        self.looked = Some(now);
        self.renewed = if round.renew { now } else { self.renewed };
        self.reaped = if round.reap { now } else { self.reaped };
        Some(round)
    }
}

impl BudgetActor {
    /// Begins a round, if one is due and the store is not left alone. A round is a probe, too.
    pub(super) fn do_chores(&mut self, ctx: &mut Context<Self>) {
        let now = self.post.clock.now();
        let Some(round) = self.chores.due(now, &self.post) else { return };
        let Ok(leave) = self.post.reach.enter() else { return };
        self.chores.busy = true;
        let done = async move {
            let looked = round.look().await;
            let healthy = looked.is_ok();
            if healthy {
                round.work().await;
            }
            looked
        };
        ctx.spawn(done.into_actor(self).map(move |looked, actor, _| {
            actor.chores.busy = false;
            if looked.is_ok() {
                actor.chores.well = Some(now);
            }
            leave.weigh(match looked {
                Err(error @ LedgerError::Unavailable { .. }) => News::Lost(Some(error.to_string())),
                Ok(()) | Err(_) => News::Reached,
            });
        }));
    }
}

impl Round {
    async fn look(&self) -> Result<(), LedgerError> {
        let known = self.post.reach.state();
        let health = within(self.post.ledger.health()).await;
        let state = match &health {
            Ok(Health { term, warnings }) => {
                StoreState { term: Some(*term), error: None, warnings: warnings.clone() }
            }
            Err(error) => StoreState { error: Some(error.to_string()), ..StoreState::clone(&known) },
        };
        if state != *known {
            state
                .warnings
                .iter()
                .filter(|new| !known.warnings.contains(new))
                .for_each(|new| log::warn!("{}", new.logged));
            if let Some(error) = state.error.as_ref().filter(|_| known.error.is_none()) {
                log::error!(error = error.as_str(); "the budget store is not ready");
            }
            let changed = known.term.is_some() && state.term != known.term;
            self.post.reach.publish(state);
            if changed {
                log::warn!(
                    "the budget store changed its role or was restarted: open reservations are announced again"
                );
                self.announce(None).await;
                self.post.neighbours.rewind(self.lost());
            }
        }
        health.map(|_| ())
    }

    /// How far back the answers may be lost of the node that was asked before: its last ones came after the last
    /// look that found it well.
    fn lost(&self) -> Duration {
        let now = self.post.clock.now();
        let away = self.well.map_or(Duration::ZERO, |well| now.saturating_duration_since(well));
        (BACK + away).min(MESSAGE_LIFE)
    }

    async fn work(&self) {
        if self.renew {
            self.renew().await;
        }
        if self.reap {
            self.reap().await;
        }
    }

    /// What is gone is announced: if the store lost it, that mends it; if it is closed, it stays so.
    async fn renew(&self) {
        for (team, ids) in self.post.leases.ids() {
            for some in ids.chunks(TOGETHER) {
                let op = Op::Renew { team: team.clone(), ids: some.to_vec() };
                let Ok(Answer::Renew(leases)) = self.ask_one(op).await else { continue };
                let gone = some.iter().zip(leases).filter(|(_, lease)| *lease == Lease::Gone);
                let gone: Vec<ReservationId> = gone.map(|(id, _)| *id).collect();
                if !gone.is_empty() {
                    self.announce(Some(&gone)).await;
                }
            }
        }
    }

    async fn announce(&self, ids: Option<&[ReservationId]>) {
        let all = self.post.leases.announcements(ids);
        for some in all.chunks(TOGETHER) {
            let ops = some.iter().cloned().map(Op::Announce).collect();
            let answers = within(async { Ok(self.post.ledger.ask(ops).await) }).await.unwrap_or_default();
            let gone = answers.iter().filter(|said| **said == Ok(Answer::Announce(Lease::Gone))).count();
            if gone > 0 {
                log::warn!(gone; "open requests whose reservations were reaped: their records settle them");
            }
        }
    }

    async fn reap(&self) {
        match within(self.post.ledger.teams()).await {
            Ok(teams) => {
                for team in teams {
                    self.reap_team(&team).await;
                }
            }
            Err(error) => log::warn!(error:%; "nothing can be reaped"),
        }
    }

    async fn reap_team(&self, team: &TeamId) {
        let neighbours = &self.post.neighbours;
        let op = Op::Reap(Reap { team: team.clone(), limits: neighbours.limits(team) });
        let reaped = match self.ask_one(op).await {
            Ok(Answer::Reap(reaped)) => reaped,
            Ok(_) => return,
            Err(error) => return log::warn!(team:%, error:%; "a team can't be reaped"),
        };
        reaped.alerts.iter().for_each(|alert| neighbours.alert(team, alert));
        if reaped.interrupted.is_empty() {
            return;
        }
        let count = reaped.interrupted.len();
        log::warn!(team:%, count; "requests whose gateway did not end them: charged at their bounds");
        let ids = neighbours.interrupted(team, &reaped.interrupted).await;
        if !ids.is_empty() && self.ask_one(Op::Recorded { team: team.clone(), ids }).await.is_err() {
            log::debug!(team:%; "what is recorded will be handed out once more");
        }
    }

    async fn ask_one(&self, op: Op) -> Result<Answer, LedgerError> {
        let mut answers = within(async { Ok(self.post.ledger.ask(vec![op]).await) }).await?;
        answers.pop().unwrap_or_else(|| Err(late()))
    }
}

async fn within<T>(work: impl Future<Output = Result<T, LedgerError>>) -> Result<T, LedgerError> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> LedgerError {
    LedgerError::Unavailable { reason: "it gave no answer in time".to_owned() }
}
