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
    /// What is known `now`; `look` sees it anew where that is too old. Who comes while another looks gets what was
    /// seen before: `None` where that is nothing.
    pub(super) async fn seen(&self, now: Instant, look: impl AsyncFnOnce() -> Seen) -> Option<Arc<Seen>> {
        let known = self.seen.load_full();
        let fresh = |seen: &Arc<Seen>| now.saturating_duration_since(seen.at) < FRESH;
        if known.as_ref().is_some_and(fresh) || self.looking.swap(true, Ordering::AcqRel) {
            return known;
        }
        let looking = Looking(&self.looking);
        let seen = Arc::new(look().await);
        self.seen.store(Some(Arc::clone(&seen)));
        drop(looking);
        Some(seen)
    }
}

/// Each question to the store has its own deadline.
pub(super) async fn look(gateway: &Gateway, teams: &[TeamId]) -> Seen {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::SystemClock;
    use gateway_core::clock::Clock;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn seen(at: Instant) -> Seen {
        Seen { at, budgets: Vec::new(), audit: None, process: Process::default() }
    }

    /// What an answer that needs no waiting is.
    fn now<T>(answer: impl Future<Output = T>) -> T {
        match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn what_is_fresh_is_told_again() {
        let standing = Standing::default();
        let begin = SystemClock.now();
        for (after_ms, looked_at_ms) in [(0, 0), (999, 0), (1_000, 1_000), (1_001, 1_000), (9_000, 9_000)] {
            let at = begin + Duration::from_millis(after_ms);
            let told = now(standing.seen(at, async || seen(at))).expect("something was seen");
            assert_eq!(told.at - begin, Duration::from_millis(looked_at_ms), "after {after_ms} ms");
        }
    }

    #[test]
    fn one_looks_and_who_leaves_lets_the_next_one_look() {
        let standing = Standing::default();
        let begin = SystemClock.now();
        {
            let mut first = pin!(standing.seen(begin, async || std::future::pending().await));
            let mut context = Context::from_waker(Waker::noop());
            assert!(first.as_mut().poll(&mut context).is_pending());
            assert!(now(standing.seen(begin, async || seen(begin))).is_none(), "another looks");
        }
        assert!(now(standing.seen(begin, async || seen(begin))).is_some(), "it was left");
    }
}
