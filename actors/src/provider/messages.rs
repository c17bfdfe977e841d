//! What a [`super::actor::ProviderActor`] is told.

use actix::Message;
use gateway_core::breaker::Ticket;
use gateway_core::fault::Fault;
use gateway_core::ids::ModelName;

use super::permit::Place;

/// How a call ended, where that is news.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Report {
    pub ticket: Ticket,
    pub probe: bool,
    pub model: ModelName,
    pub ending: Ending,
    /// The call's place in flight, so that in-flight calls bound the queue of reports too. `None` where the call
    /// goes on: a probe that has proved itself, which no call tells twice.
    pub place: Option<Place>,
}

pub(super) enum Ending {
    Answered,
    Faulted(Fault),
    Abandoned,
}

/// Stop after what is already queued.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Drain;
