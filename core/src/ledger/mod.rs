//! The books: what teams may spend, have reserved and have spent, and how fast they ask.
//!
//! | file | holds |
//! |---|---|
//! | `rule` | the pure rule, oracle of every store: `step(books, question, now) -> (books, answer)` |
//! | `admission`, `alert`, `status` | its parts: what fits, which thresholds were crossed, what is read |
//! | `team` | one team's books, and what of them a store has to write |
//! | `op`, `answer` | what is asked and answered |
//! | `due` | what a record of the audit trail makes due |
//! | `limits`, `window`, `rate`, `tally` | limits and overrides, UTC windows, leaky buckets, usage counters |
//! | `suite` | the tests that any [`Ledger`] must pass (feature `suite`) |
//!
//! Integers only. Where the books are kept is each store's business: in memory with a durable copy, or
//! on Redis.

#![deny(
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod admission;
mod alert;
mod answer;
mod due;
mod limits;
mod op;
mod rate;
mod rule;
mod status;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod tally;
mod team;
#[cfg(test)]
mod tests;
mod window;

use std::pin::Pin;

pub use answer::{
    Admission, Alert, Answer, Balance, Found, Granted, Interrupted, KeyStatus, Lease, Raised, RateLimit,
    RateLimited, Reaped, Refused, Scope, Settled, Status, Window,
};
pub use due::{due, tags};
pub use limits::{Limit, Limits, MOST, Override, Rates};
pub use op::{
    AFTER_MONTH, Admit, Announce, LEASE, Least, MESSAGE_LIFE, Op, REAP_BATCH, Raise, Reap, ReservationId,
    Settle,
};
pub use rate::{Bucket, MINUTE, MOST_PER_MINUTE, Meter};
pub use rule::step;
pub use tally::{
    Counter, LATENCY_BUCKETS_MS, MOST_TAGS, Route, TAG_VALUES_A_DAY, Tag, Tally, USAGE_KEPT, UsageRow,
};
pub use team::{Account, Changes, Entry, Open, Pace, Reaped as ReapedEntry, TaggedCounter, Team};
pub use window::{Day, Hour, Month, StoreTime, Windows};

use crate::ids::TeamId;

/// An answer that is waited for.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the books are kept. Every implementation answers as [`step`] does, question by question, and
/// has what it answered by heart: a kill of the process loses none of it.
pub trait Ledger: Send + Sync + 'static {
    /// Asks all at once; the answers are in the questions' order. A question that fails harms no other.
    /// One of a [`LedgerError::Unavailable`] may have been applied all the same.
    fn ask(&self, ops: Vec<Op>) -> Pending<'_, Vec<Result<Answer, LedgerError>>>;

    /// Every team that has books.
    fn teams(&self) -> Pending<'_, Result<Vec<TeamId>, LedgerError>>;

    /// Whether it is in this process, where it can't be out of reach.
    fn is_near(&self) -> bool {
        false
    }

    /// Whether it can be asked, and what an operator should know.
    fn health(&self) -> Pending<'_, Result<Health, LedgerError>>;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Moves whenever another node answers than before, or the same after a restart: it may have lost
    /// what it acknowledged last, so owners announce their reservations again.
    pub term: u64,
    pub warnings: Vec<Warning>,
}

/// What a store is not fit for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// For an operator, who reads the log: it names the node.
    pub logged: String,
    /// For whoever asks whether the gateway is ready: without an address.
    pub shown: String,
}

/// Why a ledger gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Whether the question was applied is not known. The reason is for the log.
    #[error("the ledger's store can't be reached: {reason}")]
    Unavailable { reason: String },
    /// Nothing was changed.
    #[error("the ledger's store holds at {place} what no gateway of this version wrote: {reason}")]
    Corrupt { place: String, reason: String },
    /// Another process keeps these books.
    #[error(
        "the ledger in {place} is in use by another process: give each gateway a state directory of its own, or share one Redis"
    )]
    InUse { place: String },
    /// The store would lose books by its own settings.
    #[error("the ledger's store is not fit for money: {reason}")]
    Unfit { reason: String },
}

/// A question with a number that no ledger takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("`{field}` must be between 0 and 9000000 USD")]
    Amount { field: &'static str },
    #[error("`{field}` must be at most 100000000")]
    Rate { field: &'static str },
    #[error("`{field}` must not be empty, nor hold control characters")]
    Name { field: &'static str },
    #[error("`from` must not be after `to`")]
    Range,
}
