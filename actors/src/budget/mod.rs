//! Budgets: the way from a request to the ledger, wherever it is kept.
//!
//! | file | holds |
//! |---|---|
//! | `courier` | the way to the ledger: a queue of each thread, what waits goes together |
//! | `reach` | whether the store can be asked: its breaker, and what is known of it |
//! | `actor` | who does the chores |
//! | `known` | what was last heard of each team's books, for the time when nobody can ask |
//! | `leases` | what this replica holds open, renewed while somebody holds it |
//! | `pauses` | who was told to come back later |
//! | `reaper` | chores: renew, reap, look at the store, announce again after it changed its role |
//! | `settlements` | settles on their way, each sent by its record's ack |
//! | `cursor` | settles again from the durable records until the ledger has answered |
//! | `allowance` | what may be served while the ledger is away, if anything |
//! | `embedded` | the ledger that a lone gateway keeps |
//! | `store` | which ledger it is |

mod actor;
mod allowance;
mod courier;
mod cursor;
pub mod embedded;
mod known;
mod leases;
mod pauses;
mod reach;
mod reaper;
mod settlements;
pub mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix::ArbiterHandle;
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::{KeyId, TagName, TeamId};
use gateway_core::ledger::{
    Admission, Admit, Alert, Answer, Granted, Hour, Interrupted, Ledger, LedgerError, Limits, Op, Override,
    Pending, Raise, Raised, RateLimited, Rates, Refused, ReservationId, Settle, Settled, Status, UsageRow,
};
use gateway_core::money::NanoUsd;

pub use allowance::{Allowance, AllowanceError, Unclosed};
pub use cursor::Cursor;
pub use leases::Hold;
pub use reach::StoreState;
pub use settlements::{Due, Settlements};

use crate::supervision::{Mailbox, SendError, Vitals};
use actor::{BudgetActor, Post, Stop};
use courier::Courier;
use known::Known;
use leases::{Held, Leases};
use pauses::Pauses;
use reach::Reach;

/// What a caller waits for the ledger. Past it the answer is no.
pub const DEADLINE: Duration = Duration::from_millis(250);
/// Of the actor: it is told to stop, and nothing else.
const QUEUE: usize = 16;
/// What a caller is told to wait where nobody knows better.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What becomes of a request while the ledger is away.
#[derive(Clone)]
pub enum Outage {
    /// With the allowance that an earlier configuration served from, if one was left: what stands open there is still
    /// to be charged.
    Deny(Option<Arc<Allowance>>),
    /// Served from a local allowance, and charged when the ledger is back.
    Allow(Arc<Allowance>),
}

/// What the actor needs from the rest of the house.
pub trait Neighbours: Send + Sync + 'static {
    /// The configuration's limits of that team, for thresholds.
    fn limits(&self, team: &TeamId) -> Limits;

    /// The configuration's rates of each key of that team.
    fn key_rates(&self, team: &TeamId) -> Rates;

    /// A threshold was crossed; told once.
    fn alert(&self, team: &TeamId, alert: &Alert);

    /// Writes an `interrupted` record of each, unless this replica's records already tell of it. Answers
    /// those that are durable now; the others are handed out again.
    fn interrupted<'a>(
        &'a self,
        team: &'a TeamId,
        gone: &'a [Interrupted],
    ) -> Pending<'a, Vec<ReservationId>>;

    /// Writes an `interrupted` record of what was served without the ledger before a crash.
    fn unclosed<'a>(&'a self, gone: &'a Unclosed) -> Pending<'a, std::io::Result<()>>;

    /// The store may have lost what it acknowledged within `by` of now: the cursor over the records goes back.
    fn rewind(&self, by: Duration);
}

/// The handle of the budgets; workers clone it.
#[derive(Clone)]
pub struct Budget {
    mailbox: Mailbox<BudgetActor>,
    ledger: Arc<dyn Ledger>,
    courier: Courier,
    leases: Leases,
    pauses: Pauses,
    outage: Outage,
    known: Known,
    reach: Reach,
    clock: Arc<dyn Clock>,
}

/// What the ledger said to a request.
#[derive(Debug)]
pub enum Admitted {
    Granted {
        granted: Granted,
        hold: Hold,
    },
    /// The ledger is away; the hold says [`Hold::is_unreserved`].
    Allowed {
        hold: Hold,
    },
    Refused(Refused),
    RateLimited(RateLimited),
    /// Only its [`Admit::least`] would fit: nothing is held, and the same id may ask again.
    Tighten,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// It may have been applied all the same: settle the id at zero.
    #[error("the budget store gives no answer")]
    Unavailable { retry_after: Duration },
    /// The reason is for the log.
    #[error(transparent)]
    Ledger(LedgerError),
    /// The id was settled already, or a clock is an hour off.
    #[error(
        "the reservation's id is void: the clocks of gateway and store differ by an hour, or it is a repeat"
    )]
    Void,
    #[error(transparent)]
    Allowance(#[from] AllowanceError),
}

impl Budget {
    /// Starts the actor on `control`. `ledger` need not be reachable yet.
    pub fn start(
        ledger: Arc<dyn Ledger>,
        neighbours: Arc<dyn Neighbours>,
        outage: Outage,
        control: &ArbiterHandle,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
    ) -> Budget {
        let (leases, reach) = (Leases::default(), Reach::new(clock.clone(), dice));
        let courier = Courier::new(ledger.clone(), neighbours.clone(), reach.clone());
        let known = Known::default();
        let post = Post {
            ledger: ledger.clone(),
            neighbours,
            leases: leases.clone(),
            reach: reach.clone(),
            known: matches!(outage, Outage::Allow(_)).then(|| known.clone()),
            clock: clock.clone(),
        };
        let mailbox =
            Mailbox::start("budget", QUEUE, control, clock.clone(), move || BudgetActor::new(post.clone()));
        let pauses = Pauses::default();
        Budget { mailbox, ledger, courier, leases, pauses, outage, known, reach, clock }
    }

    /// Rate limits and reservation together. The hold is renewed while it lives: it goes along with the
    /// request, then with its record, and is dropped once that is settled.
    pub async fn admit(&self, admit: Admit) -> Result<Admitted, BudgetError> {
        let op = Op::Admit(admit.clone());
        match self.ask(op).await {
            Ok(Answer::Admit(Admission::Granted(granted))) => {
                if let Outage::Allow(_) = &self.outage {
                    self.known.left(&admit.team, granted.remaining);
                }
                let held = Held::of(admit, granted.granted_at);
                Ok(Admitted::Granted { granted, hold: self.leases.hold(held) })
            }
            Ok(Answer::Admit(Admission::Refused(refused))) => Ok(Admitted::Refused(refused)),
            Ok(Answer::Admit(Admission::RateLimited(limited))) => {
                self.pauses.note(&admit.team, &admit.key, &limited, self.clock.now());
                Ok(Admitted::RateLimited(limited))
            }
            Ok(Answer::Admit(Admission::Tighten)) => Ok(Admitted::Tighten),
            Ok(_) => Err(BudgetError::Void),
            Err(BudgetError::Unavailable { retry_after }) => match &self.outage {
                Outage::Deny(_) => Err(BudgetError::Unavailable { retry_after }),
                Outage::Allow(allowance) => {
                    let share = self.known.share(&admit.team, &admit.limits, &admit.key_rates);
                    allowance.take(admit.id, &admit.team, admit.bound, share, self.clock.unix())?;
                    Ok(Admitted::Allowed { hold: Hold::unreserved(admit.id) })
                }
            },
            Err(error) => Err(error),
        }
    }

    /// What [`Budget::admit`] told this key a moment ago, and would tell it again. Costs an atomic load where nobody
    /// was told.
    pub fn paused(&self, team: &TeamId, key: &KeyId) -> Option<RateLimited> {
        self.pauses.of(team, key, self.clock.now())
    }

    /// The same reservation for all attempts together, before the next one is made.
    pub async fn raise(
        &self,
        hold: &Hold,
        team: &TeamId,
        total: NanoUsd,
        limits: Limits,
    ) -> Result<Raised, BudgetError> {
        if hold.is_unreserved() {
            let Outage::Allow(allowance) = &self.outage else { return Ok(Raised::Void) };
            let share = self.known.share(team, &limits, &Rates::UNLIMITED);
            return match allowance.take(hold.id(), team, total, share, self.clock.unix()) {
                Ok(()) => Ok(Raised::Granted),
                Err(error) => Err(error.into()),
            };
        }
        let raise = Raise { id: hold.id(), team: team.clone(), total, limits };
        match self.ask(Op::Raise(raise)).await? {
            Answer::Raise(Raised::Granted) => {
                self.leases.raise(hold.id(), total);
                Ok(Raised::Granted)
            }
            Answer::Raise(other) => Ok(other),
            _ => Err(BudgetError::Void),
        }
    }

    /// The true cost, as the durable record has it. After an error it is asked again, by the cursor.
    pub async fn settle(&self, settle: Settle) -> Result<Settled, BudgetError> {
        self.settle_all(vec![settle]).await.pop().unwrap_or(Err(BudgetError::Void))
    }

    /// All in one piece; an answer each.
    pub async fn settle_all(&self, settles: Vec<Settle>) -> Vec<Result<Settled, BudgetError>> {
        let unreserved = settles.iter().map(|one| one.unreserved.then(|| (one.id, one.team.clone())));
        let unreserved: Vec<_> = unreserved.collect();
        let said = self.courier.ask_all(settles.into_iter().map(Op::Settle).collect()).await;
        unreserved.into_iter().zip(said).map(|(unreserved, said)| self.settled(unreserved, said?)).collect()
    }

    fn settled(
        &self,
        unreserved: Option<(ReservationId, TeamId)>,
        said: Answer,
    ) -> Result<Settled, BudgetError> {
        let Answer::Settle(settled) = said else { return Err(BudgetError::Void) };
        let allowance = match &self.outage {
            Outage::Allow(allowance) | Outage::Deny(Some(allowance)) => Some(allowance),
            Outage::Deny(None) => None,
        };
        if let (Some((id, team)), Some(allowance)) = (unreserved, allowance) {
            self.known.charged(&team, settled.charged);
            allowance.close(id, settled.charged)?;
        }
        Ok(settled)
    }

    /// Replaces the team's override; `None` goes back to the configuration.
    pub async fn set_override(
        &self,
        team: TeamId,
        limits: Limits,
        word: Option<Override>,
    ) -> Result<Status, BudgetError> {
        self.pauses.forget(&team);
        match self.ask(Op::Override { team: team.clone(), limits, word }).await? {
            Answer::Override(status) => {
                if let Outage::Allow(_) = &self.outage {
                    self.known.heard(&team, &status);
                }
                Ok(*status)
            }
            _ => Err(BudgetError::Void),
        }
    }

    pub async fn status(
        &self,
        team: TeamId,
        limits: Limits,
        key: Option<(KeyId, Rates)>,
    ) -> Result<Status, BudgetError> {
        match self.ask(Op::Status { team, limits, key }).await? {
            Answer::Status(status) => Ok(*status),
            _ => Err(BudgetError::Void),
        }
    }

    /// Both hours included. With a tag, also by its values.
    pub async fn usage(
        &self,
        team: TeamId,
        (from, to): (Hour, Hour),
        tag: Option<TagName>,
    ) -> Result<Vec<UsageRow>, BudgetError> {
        match self.ask(Op::Usage { team, from, to, tag }).await? {
            Answer::Usage(rows) => Ok(rows),
            _ => Err(BudgetError::Void),
        }
    }

    /// Every team that has books.
    pub async fn teams(&self) -> Result<Vec<TeamId>, BudgetError> {
        match tokio::time::timeout(DEADLINE, self.ledger.teams()).await {
            Ok(Ok(teams)) => Ok(teams),
            Ok(Err(LedgerError::Unavailable { .. })) | Err(_) => {
                Err(BudgetError::Unavailable { retry_after: RETRY_AFTER })
            }
            Ok(Err(error)) => Err(BudgetError::Ledger(error)),
        }
    }

    /// Whether the store answers, as of the last look at it.
    pub fn store(&self) -> Arc<StoreState> {
        self.reach.state()
    }

    /// Of the actor; its queue are the questions that nobody has answered yet.
    pub fn vitals(&self) -> Vitals {
        let vitals = self.mailbox.vitals();
        Vitals { queue: vitals.queue + self.courier.open(), ..vitals }
    }

    /// Takes no more, and ends the actor once what is queued is answered; each waits `wait` at the longest.
    pub async fn drain(&self, wait: Duration) -> Result<(), SendError> {
        let answered = self.courier.close(wait).await;
        self.mailbox.send_last(Stop, wait).await?;
        answered.map_err(|_open| SendError::Late)
    }

    async fn ask(&self, op: Op) -> Result<Answer, BudgetError> {
        self.courier.ask(op).await
    }
}
