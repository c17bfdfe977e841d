//! The actor that keeps the books whole while requests come and go: on its tick it does its chores.

use std::sync::Arc;

use actix::prelude::*;
use gateway_core::clock::Clock;
use gateway_core::ledger::Ledger;

use super::Neighbours;
use super::leases::Leases;
use super::reach::Reach;
use super::reaper::{Chores, TICK};
use crate::supervision::Counted;

/// What an actor needs to begin, or to go on after another died.
#[derive(Clone)]
pub(super) struct Post {
    pub ledger: Arc<dyn Ledger>,
    pub neighbours: Arc<dyn Neighbours>,
    pub leases: Leases,
    pub reach: Reach,
    pub clock: Arc<dyn Clock>,
}

pub(super) struct BudgetActor {
    pub(super) post: Post,
    pub(super) chores: Chores,
}

/// Stop; a round of chores that is under way is given up.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

impl BudgetActor {
    pub(super) fn new(post: Post) -> BudgetActor {
        BudgetActor { chores: Chores::new(post.clock.now()), post }
    }
}

impl Actor for BudgetActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TICK, BudgetActor::do_chores);
    }
}

impl Handler<Counted<Stop>> for BudgetActor {
    type Result = ();

    fn handle(&mut self, stop: Counted<Stop>, ctx: &mut Self::Context) {
        stop.open();
        ctx.stop();
    }
}
