//! What is kept beside the requests: the ledger, its actor, and the keys that administrators made.

use super::StartError;
use crate::budget::House;
use crate::config::{BudgetStore, Config};
use actix_rt::Arbiter;
use gateway_actors::budget::{Allowance, Budget, Cursor, Outage, Unclosed, store};
use gateway_actors::keys::{self, Registry};
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::keys::KeyStore;
use gateway_core::ledger::{Ledger, LedgerError};
use std::sync::Arc;
use std::time::Duration;

/// How long the start waits for a look at a store.
const LOOK: Duration = Duration::from_secs(1);
/// In the state directory: what was served while the budget store was away.
const ALLOWANCE: &str = "allowance";

/// The books. A Redis that is away does not keep a gateway from starting; one that would lose books does.
pub(super) async fn open_ledger(
    config: &Config,
    control: &Arbiter,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Ledger>, StartError> {
    let ledger = match &config.budgets.store {
        BudgetStore::Embedded { sync } => {
            std::fs::create_dir_all(&config.state_dir)?;
            store::embedded(&config.state_dir, *sync, Arc::clone(clock))?
        }
        BudgetStore::Redis { target, wait_replicas } => {
            store::shared((**target).clone(), *wait_replicas, Arc::clone(clock))
        }
    };
    // Asked where the actor will be, so that a connection is made there.
    let (answer, answered) = tokio::sync::oneshot::channel();
    let asked = Arc::clone(&ledger);
    control.spawn(async move {
        // With the start given up there is nobody to tell.
        answer.send(tokio::time::timeout(LOOK, asked.health()).await).ok();
    });
    match answered.await {
        Ok(Ok(Err(unfit @ LedgerError::Unfit { .. }))) => return Err(unfit.into()),
        Ok(Ok(Err(error))) => log::warn!("{error}"),
        Ok(Ok(Ok(health))) => {
            health.warnings.iter().for_each(|warning| log::warn!("budget store: {}", warning.logged))
        }
        Ok(Err(_)) | Err(_) => log::warn!("the budget store gives no answer yet"),
    }
    Ok(ledger)
}

/// The keys that administrators made, read once where their store answers, and followed from then on.
pub(super) async fn open_keys(
    config: &Config,
    control: &Arbiter,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Registry>, StartError> {
    let registry = Arc::new(Registry::new(key_store(config)?, Arc::clone(clock)));
    let (answer, answered) = tokio::sync::oneshot::channel();
    let followed = Arc::clone(&registry);
    // Ends with the arbiter; nothing is lost with it.
    control.spawn(async move {
        // With the start given up there is nobody to tell.
        answer.send(followed.refresh().await).ok();
        followed.follow().await;
    });
    match tokio::time::timeout(LOOK, answered).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => log::warn!("made keys are not known yet: {error}"),
        Ok(Err(_)) | Err(_) => log::warn!("made keys are not known yet: their store gives no answer"),
    }
    Ok(registry)
}

/// Beside the books.
pub(crate) fn key_store(config: &Config) -> Result<Arc<dyn KeyStore>, StartError> {
    match &config.budgets.store {
        BudgetStore::Embedded { .. } => {
            std::fs::create_dir_all(&config.state_dir)?;
            Ok(keys::embedded(&config.state_dir)?)
        }
        BudgetStore::Redis { target, .. } => Ok(keys::shared((**target).clone())),
    }
}

/// What is served while the store is away, and what was served so and never ended. A file that is there is read whatever
/// the configuration says now: what an earlier one let pass is owed all the same.
fn open_allowance(config: &Config) -> Result<(Outage, Vec<Unclosed>), StartError> {
    let path = config.state_dir.join(ALLOWANCE);
    let serves =
        matches!(&config.budgets.store, BudgetStore::Redis { .. }) && config.budgets.serve_without_store;
    if !serves && !path.exists() {
        return Ok((Outage::Deny(None), Vec::new()));
    }
    let opened = std::fs::create_dir_all(&config.state_dir).and_then(|()| Allowance::open(&path));
    let (allowance, unclosed) = opened.map_err(|source| StartError::Allowance { path, source })?;
    let allowance = Arc::new(allowance);
    Ok((if serves { Outage::Allow(allowance) } else { Outage::Deny(Some(allowance)) }, unclosed))
}

pub(super) fn start_budget(
    ledger: Arc<dyn Ledger>,
    house: House,
    config: &Config,
    [control, books]: [&Arbiter; 2],
    (clock, dice): (&Arc<dyn Clock>, &Arc<dyn Dice>),
) -> Result<Budget, StartError> {
    let (outage, unclosed) = open_allowance(config)?;
    let (trail, settlements) = (house.audit.outbox("ledger")?, house.settlements.clone());
    let house = Arc::new(house);
    let (clock, dice) = (Arc::clone(clock), Arc::clone(dice));
    let budget = Budget::start(ledger, house.clone(), outage, &control.handle(), Arc::clone(&clock), dice);
    let cursor = Cursor::new(trail, settlements.clone(), budget.clone(), house, clock);
    // May be lost at any time: the next start goes on where it stood.
    books.spawn(cursor.run(unclosed));
    let of_settlements = budget.clone();
    // Shutdown waits until nothing is left for it to do.
    control.spawn(async move { settlements.run(&of_settlements).await });
    Ok(budget)
}
