//! What a [`super::actor::BudgetActor`] is told.

use std::time::Instant;

use actix::Message;
use gateway_core::ledger::{Answer, Op};

use super::BudgetError;

/// One question for the ledger.
#[derive(Message)]
#[rtype(result = "Result<Answer, BudgetError>")]
pub(super) struct Question {
    pub op: Op,
    /// Nobody waits any longer than this; a question that is not yet sent by then is not sent.
    pub deadline: Instant,
}

/// Stop after what is already queued.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;
