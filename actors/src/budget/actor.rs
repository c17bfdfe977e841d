//! The actor in front of the ledger. One question goes at once; what arrives while it travels waits and
//! goes together. A store that gives no answers is left alone for a while: its questions are then
//! refused at once, and one at a time tries whether it is back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use arc_swap::ArcSwap;
use gateway_core::breaker::{Breaker, Change, Event, Rule, Ticket};
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Answer, Ledger, LedgerError, Op, Warning};
use tokio::sync::oneshot;

use super::leases::Leases;
use super::messages::{Drain, Question};
use super::reaper::{Chores, TICK};
use super::{BudgetError, DEADLINE, Neighbours, RETRY_AFTER};
use crate::supervision::Counted;

/// Questions that travel together.
const BATCH: usize = 256;
/// Batches that travel at once: while one is answered the next is on its way.
const TRAVELLING: usize = 2;
/// Failures in a row after which the store is left alone, and for how long at first.
const FAILURES: u32 = 3;
const COOLDOWN: Duration = Duration::from_millis(500);

/// What is known of the store, for readiness and status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreState {
    /// `None` until it was looked at.
    pub term: Option<u64>,
    /// Why it can't be used; for the log and the operator.
    pub error: Option<String>,
    pub warnings: Vec<Warning>,
}

pub(super) type Published = Arc<ArcSwap<StoreState>>;

/// What an actor needs to begin, or to go on after another died.
#[derive(Clone)]
pub(super) struct Post {
    pub ledger: Arc<dyn Ledger>,
    pub neighbours: Arc<dyn Neighbours>,
    pub leases: Leases,
    pub state: Published,
    pub clock: Arc<dyn Clock>,
    pub dice: Arc<dyn Dice>,
}

pub(super) struct BudgetActor {
    pub(super) post: Post,
    pub(super) chores: Chores,
    waiting: VecDeque<Waiting>,
    travelling: usize,
    breaker: Breaker,
    rule: Rule,
    drained: Vec<oneshot::Sender<()>>,
}

struct Waiting {
    question: Question,
    answer: oneshot::Sender<Result<Answer, BudgetError>>,
}

type Answers = Vec<Result<Answer, LedgerError>>;

impl BudgetActor {
    pub(super) fn new(post: Post) -> BudgetActor {
        let longest = COOLDOWN * 8;
        BudgetActor {
            chores: Chores::new(post.clock.now()),
            post,
            waiting: VecDeque::new(),
            travelling: 0,
            breaker: Breaker::default(),
            rule: Rule { failures: FAILURES, rate: None, cooldown: COOLDOWN, longest },
            drained: Vec::new(),
        }
    }

    /// Sends what waits, as far as may travel.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        let now = self.post.clock.now();
        while self.travelling < TRAVELLING {
            self.drop_late(now);
            if self.waiting.is_empty() {
                break;
            }
            let Some(ticket) = self.enter(now) else { break };
            let batch: Vec<_> = self.waiting.drain(..self.waiting.len().min(BATCH)).collect();
            self.send(batch, ticket, ctx);
        }
        self.end_if_drained(ctx);
    }

    /// Who has stopped waiting is not asked for any more: no herd when the store comes back.
    fn drop_late(&mut self, now: Instant) {
        self.waiting.retain(|waiting| now < waiting.question.deadline && !waiting.answer.is_closed());
    }

    /// Leave to ask the store; without it all that waits is refused.
    pub(super) fn enter(&mut self, now: Instant) -> Option<Ticket> {
        let (breaker, leave) = self.breaker.admit(now);
        self.breaker = breaker;
        leave
            .map_err(|until| {
                let wait = until.map_or(RETRY_AFTER, |until| until.saturating_duration_since(now));
                let retry_after = wait.max(RETRY_AFTER);
                for waiting in self.waiting.drain(..) {
                    waiting.answer.send(Err(BudgetError::Unavailable { retry_after })).ok();
                }
            })
            .ok()
    }

    fn send(&mut self, batch: Vec<Waiting>, ticket: Ticket, ctx: &mut Context<Self>) {
        self.travelling += 1;
        let ledger = self.post.ledger.clone();
        let (ops, answers): (Vec<Op>, Vec<_>) =
            batch.into_iter().map(|waiting| (waiting.question.op, waiting.answer)).unzip();
        let teams: Vec<_> = ops.iter().map(|op| op.team().clone()).collect();
        let asked = async move { tokio::time::timeout(DEADLINE, ledger.ask(ops)).await.ok() };
        ctx.spawn(asked.into_actor(self).map(move |heard, actor, ctx| {
            actor.travelling -= 1;
            actor.weigh(ticket, heard.as_ref());
            let mut heard = heard.unwrap_or_default().into_iter();
            for (team, answer) in teams.iter().zip(answers) {
                answer.send(said(team, heard.next(), &*actor.post.neighbours)).ok();
            }
            actor.flush(ctx);
        }));
    }

    /// A batch of which nothing was answered is a failure.
    pub(super) fn weigh(&mut self, ticket: Ticket, heard: Option<&Answers>) {
        let lost = |said: &Result<_, _>| matches!(said, Err(LedgerError::Unavailable { .. }));
        let event = match heard {
            Some(answers) if answers.is_empty() || !answers.iter().all(lost) => Event::Succeeded,
            _ => Event::Failed,
        };
        let reason = match heard.and_then(|answers| answers.first()) {
            Some(Err(error)) => error.to_string(),
            _ => "the budget store gave no answer in time".to_owned(),
        };
        let (now, roll) = (self.post.clock.now(), self.post.dice.roll());
        let (breaker, change) = self.breaker.step(ticket, event, now, &self.rule, roll);
        self.breaker = breaker;
        match change {
            Some(Change::Opened(_)) => {
                log::error!(reason = reason.as_str(); "the budget store is left alone for a moment");
                self.publish(Some(reason));
            }
            Some(Change::Closed) => {
                log::info!("the budget store answers again");
                self.publish(None);
            }
            Some(Change::Reopened(_) | Change::HalfOpened) | None => {}
        }
    }

    fn publish(&self, error: Option<String>) {
        let known = self.post.state.load_full();
        self.post.state.store(Arc::new(StoreState { error, ..StoreState::clone(&known) }));
    }

    fn end_if_drained(&mut self, ctx: &mut Context<Self>) {
        if !self.drained.is_empty() && self.waiting.is_empty() && self.travelling == 0 {
            for drained in self.drained.drain(..) {
                drained.send(()).ok();
            }
            ctx.stop();
        }
    }
}

/// What a caller is told; alerts go where they belong.
pub(super) fn said(
    team: &TeamId,
    heard: Option<Result<Answer, LedgerError>>,
    neighbours: &dyn Neighbours,
) -> Result<Answer, BudgetError> {
    let late = BudgetError::Unavailable { retry_after: RETRY_AFTER };
    let answer = heard.ok_or(late)?.map_err(told)?;
    if let Answer::Settle(settled) = &answer {
        settled.alerts.iter().for_each(|alert| neighbours.alert(team, alert));
    }
    Ok(answer)
}

/// What of a ledger's error a caller is told; the rest goes to the log, once here.
fn told(error: LedgerError) -> BudgetError {
    match error {
        LedgerError::Unavailable { .. } => BudgetError::Unavailable { retry_after: RETRY_AFTER },
        LedgerError::Invalid(_) => BudgetError::Ledger(error),
        LedgerError::Corrupt { .. } | LedgerError::InUse { .. } | LedgerError::Unfit { .. } => {
            log::error!(error:%; "the ledger can't be used");
            BudgetError::Ledger(error)
        }
    }
}

impl Actor for BudgetActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TICK, |actor, ctx| {
            actor.flush(ctx);
            actor.do_chores(ctx);
        });
    }
}

impl Handler<Counted<Question>> for BudgetActor {
    type Result = ResponseFuture<Result<Answer, BudgetError>>;

    fn handle(&mut self, question: Counted<Question>, ctx: &mut Self::Context) -> Self::Result {
        let (answer, answered) = oneshot::channel();
        self.waiting.push_back(Waiting { question: question.open(), answer });
        self.flush(ctx);
        Box::pin(async move {
            // Dropped with its batch's question: it was late before it was sent.
            answered.await.unwrap_or(Err(BudgetError::Unavailable { retry_after: RETRY_AFTER }))
        })
    }
}

impl Handler<Counted<Drain>> for BudgetActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, drain: Counted<Drain>, ctx: &mut Self::Context) -> Self::Result {
        drain.open();
        let (done, drained) = oneshot::channel();
        self.drained.push(done);
        self.flush(ctx);
        Box::pin(async move { drained.await.unwrap_or(()) })
    }
}
