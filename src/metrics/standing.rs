//! What has to be waited for: balances from the budgets' store, the folder of the audit trail. Looked at once a
//! second at the most, however many ask.

use super::process::Process;
use crate::gateway::Gateway;
use actix_web::web::block;
use arc_swap::ArcSwapOption;
use futures_util::{StreamExt, stream};
use gateway_actors::audit;
use gateway_core::ids::TeamId;
use gateway_core::ledger::Status;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// For so long what was seen is told again.
const FRESH: Duration = Duration::from_secs(1);
/// Teams that are asked for at the same time.
const TOGETHER: usize = 64;

/// What was seen last.
#[derive(Default)]
pub struct Standing {
    seen: ArcSwapOption<Seen>,
    looking: AtomicBool,
}

/// What was seen, and when.
pub(super) struct Seen {
    at: Instant,
    /// Teams whose books could be read.
    pub budgets: Vec<(TeamId, Status)>,
    /// `None` where the folder could not be looked at.
    pub audit: Option<audit::Status>,
    pub process: Process,
}

/// One looks at a time; who goes away meanwhile lets the next one look.
struct Looking<'a>(&'a AtomicBool);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Standing {
    /// What is known now. Who comes while another looks gets what was seen before: `None` where that is nothing.
    pub(super) async fn seen(&self, gateway: &Gateway, teams: &[TeamId]) -> Option<Arc<Seen>> {
        let known = self.seen.load_full();
        let fresh = |seen: &Arc<Seen>| gateway.clock.now().saturating_duration_since(seen.at) < FRESH;
        if known.as_ref().is_some_and(fresh) || self.looking.swap(true, Ordering::AcqRel) {
            return known;
        }
        let looking = Looking(&self.looking);
        let seen = Arc::new(look(gateway, teams).await);
        self.seen.store(Some(Arc::clone(&seen)));
        drop(looking);
        Some(seen)
    }
}

/// Each question to the store has its own deadline.
async fn look(gateway: &Gateway, teams: &[TeamId]) -> Seen {
    let trail = gateway.audit.clone();
    let files = block(move || (trail.status(), Process::read())).await;
    if let Err(error) = &files {
        log::warn!(error:%; "the audit trail's folder could not be looked at for metrics");
    }
    let (audit, process) =
        files.map_or_else(|_| (None, Process::default()), |(audit, process)| (Some(audit), process));
    let asked = stream::iter(teams).map(async |team| {
        let limits = gateway.config.budgets.of(team).limits;
        // Without an answer the team has no figures: the store's own metric says why.
        let status = gateway.budget.status(team.clone(), limits, None).await.ok()?;
        Some((team.clone(), status))
    });
    let budgets = asked.buffered(TOGETHER).filter_map(async |found| found).collect().await;
    Seen { at: gateway.clock.now(), budgets, audit, process }
}
