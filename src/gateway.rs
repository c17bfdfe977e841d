//! The parts that every request uses, joined once by `assembly`.

use crate::config::Config;
use crate::http::events::Listeners;
use crate::identity::Keys;
use crate::metrics::Metrics;
use crate::pipeline::{Room, Slots, Watch};
use gateway_actors::alerts::Alerts;
use gateway_actors::audit::Audit;
use gateway_actors::budget::{Budget, Settlements};
use gateway_actors::keys::Registry;
use gateway_actors::provider::{Client, Provider};
use gateway_actors::scanner::Scanner;
use gateway_actors::supervision::Tasks;
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::ModelName;
use gateway_core::routing::{Allowed, Route, Router};
use gateway_inspection::engine::Engine;
use gateway_inspection::injection::Guard;
use gateway_inspection::presidio::Wanted;
use gateway_inspection::redact::HashKey;
use gateway_wire::Outbound;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// One per process.
pub struct Gateway {
    pub config: Config,
    pub keys: Keys,
    /// The keys among them that administrators made.
    pub made_keys: Arc<Registry>,
    pub router: Router,
    /// Of requests for embeddings; the same upstreams in the same order.
    pub embeddings: Router,
    /// In the router's order: a candidate's index finds its upstream here.
    pub upstreams: Vec<Upstream>,
    pub inspector: Inspector,
    pub slots: Arc<Slots>,
    /// Places among the records for requests that got no slot.
    pub refusals: Arc<Semaphore>,
    /// What requests' bodies may take of the memory.
    pub bodies: Arc<Room>,
    pub audit: Audit,
    pub budget: Budget,
    pub settlements: Settlements,
    pub metrics: Arc<Metrics>,
    pub alerts: Option<Alerts>,
    pub shutdown: Arc<Shutdown>,
    /// Who listens to `/v1/events`.
    pub listeners: Listeners,
    pub clock: Arc<dyn Clock>,
    pub dice: Arc<dyn Dice>,
    /// Since the Unix epoch.
    pub started: Duration,
    /// Told apart in status answers where several replicas stand behind one address.
    pub replica: String,
}

impl Gateway {
    /// Every route, of either kind.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.router.models().chain(self.embeddings.models())
    }

    /// Names of the configuration's own, and `auto`, that find a model in `allowed`.
    pub fn names_beside_models(&self, allowed: Allowed<'_>) -> Vec<String> {
        let names = [&self.router, &self.embeddings].map(|router| router.names_beside_models(allowed));
        names.concat()
    }
}

/// What searches requests for personal data, and for orders to the model.
pub struct Inspector {
    /// `None` where an analyzer alone searches.
    pub engine: Option<Engine>,
    pub analyzer: Option<Analyzer>,
    pub guard: Guard,
    pub hash_key: HashKey,
    pub scanner: Scanner,
    /// Turns for requests whose tokens are counted.
    pub counts: Semaphore,
}

/// A Presidio analyzer.
pub struct Analyzer {
    pub provider: Provider,
    /// What its gate calls the one thing that it does.
    pub model: ModelName,
    pub wanted: Wanted,
}

/// An upstream as the walk sees it.
pub struct Upstream {
    pub provider: Provider,
    pub codec: &'static dyn Outbound,
    pub api_version: String,
    pub stream_usage: bool,
}

/// One per worker thread: no upstream connection crosses threads.
pub struct Worker {
    pub client: Client,
    pub tasks: Tasks,
    /// Over the streams that it has open.
    pub watch: Rc<Watch>,
}

/// What SIGTERM sets in motion, seen by requests.
#[derive(Default)]
pub struct Shutdown {
    begun: AtomicBool,
    grace_over: AtomicBool,
    over: Notify,
}

impl Shutdown {
    /// From here on new work is refused and ready is red.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// The grace is over: every stream ends now, with one error event.
    pub fn end_grace(&self) {
        self.grace_over.store(true, Ordering::Release);
        self.over.notify_waiters();
    }

    pub fn is_grace_over(&self) -> bool {
        self.grace_over.load(Ordering::Acquire)
    }

    /// Waits until the grace is over.
    pub async fn grace_over(&self) {
        // Made before the flag is read, so that the news can't fall between.
        let told = self.over.notified();
        if !self.is_grace_over() {
            told.await;
        }
    }
}

/// A UUIDv7: time in front, so that ids sort, chance behind.
pub fn request_id(clock: &dyn Clock, dice: &dyn Dice) -> String {
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&dice.roll().to_le_bytes());
    chance[8..].copy_from_slice(&dice.roll().to_le_bytes()[..2]);
    let millis = u64::try_from(clock.unix().as_millis()).unwrap_or(u64::MAX);
    uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid().to_string()
}
