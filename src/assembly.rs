//! The only place where actors, clients, clock and dice are made and joined, and where they are taken
//! apart again in order.
//!
//! | module | holds |
//! |---|---|
//! | `books` | the ledger, its actor, and keys that were made |
//! | `door` | the listener |
//! | `machine` | the machine's clocks and dice |

mod books;
mod door;
mod machine;

pub(crate) use books::key_store;
pub(crate) use machine::{SystemClock, SystemDice};

use crate::budget::{House, Untold};
use crate::config::{self, BudgetStore, Config, Engines};
use crate::gateway::{Analyzer, Gateway, Inspector, Shutdown, Upstream};
use crate::http::events::Listeners;
use crate::identity::Keys;
use crate::metrics::Metrics;
use crate::metrics::places::Places;
use crate::pipeline::{Room, Slots, turns};
use crate::state;
use actix_rt::Arbiter;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use gateway_actors::alerts::{Alerts, Told};
use gateway_actors::audit::disk::RealDisk;
use gateway_actors::audit::sinks::SinkError;
use gateway_actors::audit::{self, Audit};
use gateway_actors::budget::Settlements;
use gateway_actors::keys::Registry;
use gateway_actors::provider::{self, Credential, Provider, UpstreamSettings};
use gateway_actors::scanner::{Scanner, ScannerSettings};
use gateway_actors::supervision::Tasks;
use gateway_core::audit::{Named, SigningKey};
use gateway_core::breaker::Rule;
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::{ModelName, ProviderKind, UpstreamName};
use gateway_core::keys::KeyStoreError;
use gateway_core::ledger::LedgerError;
use gateway_core::routing::{self, Router, RoutingMistake, ServedModel};
use gateway_inspection::engine::{self, Engine};
use gateway_inspection::injection::Guard;
use gateway_inspection::presidio::Wanted;
use gateway_inspection::redact::HashKey;
use gateway_wire::Outbound;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::azure::AzureOpenAi;
use gateway_wire::gemini::Gemini;
use gateway_wire::openai_chat::OpenAiChat;
use secrecy::ExposeSecret;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

/// After the grace: for connections to close, then for exchanges to end, then for each actor to hear it all.
const CLOSING: Duration = Duration::from_secs(5);
/// How long an answer waits for its record. Then it goes out: the record waits on.
const RECORD: Duration = Duration::from_secs(5);
/// A file grows beyond its limit (signal(7); the number on every system that this runs on).
const SIGXFSZ: i32 = 25;
/// Records that may be queued beside those of open exchanges …
const SPARE_RECORDS: usize = 1_024;
/// … and of them those of requests that got no slot. The rest is the house's own: administrators' acts, and what
/// nobody ended.
const REFUSALS: usize = 768;

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{}", list(.0))]
    Routing(Vec<RoutingMistake>),
    #[error(transparent)]
    Client(#[from] provider::ClientError),
    #[error(transparent)]
    Upstream(#[from] provider::SettingsError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    #[error("the local allowance in {} (GATEWAY_STATE_DIR) can't be kept: {source}", path.display())]
    Allowance { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Audit(#[from] audit::StartError),
    #[error("BUDGET_ALERT_WEBHOOK_URL: {0}")]
    Alerts(#[source] SinkError),
    #[error("GATEWAY_TLS_CERT and GATEWAY_TLS_KEY do not make a TLS server: {0}")]
    Tls(String),
    #[error("cannot listen on {address} (GATEWAY_BIND): {source}")]
    Bind { address: SocketAddr, source: std::io::Error },
    #[error("the built-in words of the injection guard can't be read: {0}")]
    Guard(String),
    #[error("the patterns of [pii] do not make an engine: {0}")]
    Patterns(#[from] engine::Invalid),
    #[error(transparent)]
    HashKey(#[from] state::HashKeyError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn list(mistakes: &[RoutingMistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect();
    format!("{} in the configuration{}", mistakes.len(), lines.concat())
}

/// A gateway that takes requests.
pub struct Serving {
    pub addresses: Vec<SocketAddr>,
    gateway: Data<Gateway>,
    server: actix_web::dev::Server,
    /// Of the actors, and of the budgets' cursor over the audit trail.
    arbiters: [Arbiter; 2],
    tasks: Tasks,
}

/// The routers of chat and of embeddings. Checks all that can be checked without opening a port.
pub fn routers(config: &Config) -> Result<[Router; 2], StartError> {
    let choices = &config.routing.choices;
    let chat = Router::new(upstreams_of(config), config.catalog()).and_then(|router| router.with(choices));
    let embeddings = Router::of_embeddings(upstreams_of(config), config.catalog());
    let embeddings = embeddings.and_then(|router| router.with(choices));
    let routers = [chat.map_err(StartError::Routing)?, embeddings.map_err(StartError::Routing)?];
    let lists = config.routing.allow_lists();
    let patterns = lists.flat_map(|(owner, list)| list.patterns().map(move |one| (owner.clone(), one)));
    let mistakes: Vec<_> = patterns
        .filter(|(_, pattern)| !routers.iter().any(|router| router.admits_something(pattern)))
        .map(|(owner, pattern)| RoutingMistake::AllowsNothing { owner, pattern: pattern.to_owned() })
        .collect();
    if mistakes.is_empty() { Ok(routers) } else { Err(StartError::Routing(mistakes)) }
}

fn upstreams_of(config: &Config) -> Vec<routing::Upstream> {
    let upstreams = config.upstreams.iter().map(|upstream| routing::Upstream {
        name: upstream.name.clone(),
        kind: upstream.kind,
        default_model: upstream.default_model.clone(),
        models: upstream
            .models
            .iter()
            .map(|(wire, model)| ServedModel { wire_name: wire.clone(), model: model.clone() })
            .collect(),
        region: upstream.region.clone(),
    });
    upstreams.collect()
}

/// Makes every part and opens the port. Must be called within an actix system.
pub async fn start(config: Config) -> Result<Serving, StartError> {
    provider::install_crypto();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dice: Arc<dyn Dice> = Arc::new(SystemDice);
    let control = Arbiter::new();
    let [router, embeddings] = routers(&config)?;
    let upstreams = config
        .upstreams
        .iter()
        .map(|upstream| start_upstream(upstream, &config, &control, &clock, &dice))
        .collect::<Result<_, _>>()?;
    let analyzer = start_analyzer(&config, &control, &clock, &dice)?;
    let replica = format!("{:08x}", dice.roll() >> 32);
    let made_keys = books::open_keys(&config, &control, &clock).await?;
    let keys = Keys::from_config(&config.access).beside(Arc::clone(&made_keys));
    let metrics = metrics(&config, &keys, &made_keys, [&router, &embeddings]);
    let audit = start_audit(&config, &replica, &clock, &dice)?.observed_by(metrics.clone());
    let settlements = Settlements::default();
    let ledger = books::open_ledger(&config, &control, &clock).await?;
    let alerts = start_alerts(&config, &metrics, &control, &clock)?;
    let house = House {
        budgets: config.budgets.clone(),
        audit: audit.clone(),
        settlements: settlements.clone(),
        replica: Named::cleaned(&replica),
        metrics: Arc::clone(&metrics),
        alerts: alerts.clone(),
        clock: Arc::clone(&clock),
        untold: Untold::default(),
    };
    let books = Arbiter::new();
    let budget = books::start_budget(ledger, house, &config, [&control, &books], (&clock, &dice))?;
    let gateway = Data::new(Gateway {
        audit,
        budget,
        settlements,
        metrics,
        alerts,
        keys,
        made_keys,
        router,
        embeddings,
        upstreams,
        inspector: inspector(&config, analyzer)?,
        slots: Slots::new(config.listen.max_in_flight),
        refusals: Arc::new(Semaphore::new(REFUSALS)),
        bodies: Room::new(config.listen.max_bodies),
        shutdown: Arc::new(Shutdown::default()),
        listeners: Listeners::default(),
        started: clock.unix(),
        replica,
        clock,
        dice,
        config,
    });
    let tasks = Tasks::default();
    let (server, addresses) = door::listen(&gateway, &tasks)?;
    Ok(Serving { addresses, gateway, server, arbiters: [control, books], tasks })
}

/// Where thresholds of budgets are told, if somewhere.
fn start_alerts(
    config: &Config,
    metrics: &Arc<Metrics>,
    control: &Arbiter,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Alerts>, StartError> {
    let Some(url) = &config.budgets.alert_url else { return Ok(None) };
    let metrics = Arc::clone(metrics);
    let told: Told = Arc::new(move |fate| metrics.delivery(fate));
    let url = url.expose_secret().to_owned();
    let alerts = Alerts::start(url, &control.handle(), Arc::clone(clock), told);
    alerts.map(Some).map_err(StartError::Alerts)
}

/// Labels are the names that the configuration knows.
fn metrics(config: &Config, keys: &Keys, made_keys: &Registry, routers: [&Router; 2]) -> Arc<Metrics> {
    let of_made_keys = made_keys.teams();
    let teams: BTreeSet<_> = config.budgets.teams.keys().chain(keys.teams()).chain(&of_made_keys).collect();
    let routes = routers.into_iter().flat_map(Router::models).map(|route| &**route);
    Arc::new(Metrics::new(Places::new(teams, routes)))
}

/// The analyzer's own gate, breaker and actor: it is one more thing that can fail.
fn start_analyzer(
    config: &Config,
    control: &Arbiter,
    clock: &Arc<dyn Clock>,
    dice: &Arc<dyn Dice>,
) -> Result<Option<Analyzer>, StartError> {
    let wanted = match config.pii.engine {
        Engines::Builtin => return Ok(None),
        Engines::Presidio => Wanted::All,
        Engines::Both => Wanted::Names,
    };
    let Some(url) = &config.pii.presidio_url else { return Ok(None) };
    let settings = UpstreamSettings {
        name: UpstreamName::new("presidio").expect("a constant that keeps to the pattern"),
        base_url: url.as_str().trim_end_matches('/').to_owned(),
        credential: Credential::None,
        breaker: Rule::new(config.calls.breaker_failures, Duration::from_secs(5)),
        max_in_flight: ANALYSES,
        max_body_bytes: config.calls.max_body,
    };
    let provider = Provider::start(settings, &control.handle(), Arc::clone(clock), Arc::clone(dice))?;
    Ok(Some(Analyzer { provider, model: ModelName::new("analyze"), wanted }))
}

/// Calls to an analyzer at the same time: it works on one core for each.
const ANALYSES: u32 = 64;

/// Bytes up to which a request is searched where it is: the hop to the pool costs as much as a few KB.
const IN_PLACE: usize = 32 << 10;

/// Engine, key and threads for what is searched.
fn inspector(config: &Config, analyzer: Option<Analyzer>) -> Result<Inspector, StartError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let settings =
        ScannerSettings { threads, most_bytes: 8 * config.listen.max_body.max(1 << 20), in_place: IN_PLACE };
    let key = match &config.pii.hash_key {
        Some(key) => key.expose_secret().as_bytes().to_vec(),
        None if config.pii.is_on() => state::hash_key(&config.state_dir)?,
        // Nothing is searched, so nothing is hashed.
        None => Vec::new(),
    };
    let builtin = config.pii.engine != Engines::Presidio;
    Ok(Inspector {
        engine: builtin.then(|| Engine::new(&config.pii.settings)).transpose()?,
        analyzer,
        guard: Guard::built_in().map_err(StartError::Guard)?,
        hash_key: HashKey::new(key),
        scanner: Scanner::start(settings),
        counts: turns(threads),
    })
}

pub(crate) fn start_audit(
    config: &Config,
    replica: &str,
    clock: &Arc<dyn Clock>,
    dice: &Arc<dyn Dice>,
) -> Result<Audit, StartError> {
    let kept = &config.audit;
    let settings = audit::Settings {
        folder: kept.dir.clone(),
        head: kept.head.clone(),
        replica: Named::cleaned(replica),
        sync: kept.sync,
        on_failure: kept.on_failure,
        key: kept.hmac_key.as_ref().map(|key| SigningKey::new(key.expose_secret().as_bytes())),
        segment_bytes: kept.segment_bytes,
        retention: kept.retention,
        most_queued: config.listen.max_in_flight + SPARE_RECORDS,
        patience: RECORD,
        sinks: kept.sinks.clone(),
        replicas: match &config.budgets.store {
            BudgetStore::Redis { target, .. } => Some((**target).clone()),
            BudgetStore::Embedded { .. } => None,
        },
    };
    Ok(Audit::start(settings, Arc::new(RealDisk), Arc::clone(clock), Arc::clone(dice))?)
}

fn start_upstream(
    upstream: &config::Upstream,
    config: &Config,
    control: &Arbiter,
    clock: &Arc<dyn Clock>,
    dice: &Arc<dyn Dice>,
) -> Result<Upstream, StartError> {
    let settings = UpstreamSettings {
        name: upstream.name.clone(),
        base_url: upstream.base_url.clone(),
        credential: credential(upstream),
        breaker: Rule::new(config.calls.breaker_failures, config.calls.breaker_cooldown),
        max_in_flight: upstream.max_in_flight,
        max_body_bytes: config.calls.max_body,
    };
    let provider = Provider::start(settings, &control.handle(), Arc::clone(clock), Arc::clone(dice))?;
    Ok(Upstream {
        provider,
        codec: codec(upstream.kind),
        api_version: upstream.api_version.clone().unwrap_or_default(),
        stream_usage: upstream.include_usage,
    })
}

/// Which dialect an upstream of this kind speaks.
fn codec(kind: ProviderKind) -> &'static dyn Outbound {
    match kind {
        ProviderKind::Anthropic => &AnthropicMessages,
        ProviderKind::OpenAi | ProviderKind::OpenAiCompatible => &OpenAiChat,
        ProviderKind::AzureOpenAi => &AzureOpenAi,
        ProviderKind::Gemini => &Gemini,
    }
}

/// Always a header, never a part of the URL, so that no error text can hold it.
fn credential(upstream: &config::Upstream) -> Credential {
    let Some(secret) = upstream.api_key.clone() else { return Credential::None };
    let (name, prefix) = match upstream.kind {
        ProviderKind::Anthropic => ("x-api-key", ""),
        ProviderKind::OpenAi | ProviderKind::OpenAiCompatible => ("authorization", "Bearer "),
        ProviderKind::AzureOpenAi => ("api-key", ""),
        ProviderKind::Gemini => ("x-goog-api-key", ""),
    };
    Credential::Header { name, prefix, secret }
}

impl Serving {
    /// For what runs beside the server until it stops: tasks are waited for.
    pub fn parts(&self) -> (Data<Gateway>, Tasks) {
        (self.gateway.clone(), self.tasks.clone())
    }

    /// Serves until SIGTERM or SIGINT, then leaves in order: new work is refused, open exchanges have their
    /// grace, then streams end with an error event, connections close, and actors hear what is queued.
    pub async fn until_stopped(self) -> Result<(), StartError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // With a handler in place, who writes beyond a file's limit gets an error instead of being killed.
        let _too_large = signal(SignalKind::from_raw(SIGXFSZ))?;
        let handle = self.server.handle();
        #[expect(clippy::disallowed_methods, reason = "the server is awaited below, by name")]
        let server = actix_rt::spawn(self.server);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop(&self.gateway, &handle, &self.tasks).await;
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
        server.await.map_err(std::io::Error::other)??;
        Ok(())
    }
}

async fn stop(gateway: &Gateway, handle: &ServerHandle, tasks: &Tasks) {
    let grace = gateway.config.listen.shutdown_grace;
    log::info!(open_exchanges = gateway.slots.open(), grace_s = grace.as_secs(); "stopping: no new work is taken");
    gateway.shutdown.begin();
    if tokio::time::timeout(grace, gateway.slots.idle()).await.is_err() {
        log::warn!(open_exchanges = gateway.slots.open(); "the grace is over: open exchanges end now");
    }
    gateway.shutdown.end_grace();
    // Callers read their last event before their connections close.
    tokio::time::timeout(Duration::from_secs(1), gateway.slots.idle()).await.ok();
    handle.stop(true).await;
    if let Err(open) = tasks.wait_idle(CLOSING).await {
        log::error!(open; "tasks were left behind");
    }
    if tokio::time::timeout(CLOSING, gateway.slots.idle()).await.is_err() {
        log::error!(open_exchanges = gateway.slots.open(); "exchanges were left behind");
    }
    if tokio::time::timeout(CLOSING, gateway.settlements.settled()).await.is_err() {
        log::error!(open = gateway.settlements.open(); "settlements were left behind: the next start sends them");
    }
    if let Err(error) = gateway.budget.drain(CLOSING).await {
        log::error!("the budgets' actor did not end: {error}");
    }
    if let Some(alerts) = &gateway.alerts
        && let Err(waiting) = alerts.drain(CLOSING).await
    {
        log::error!(waiting; "alerts of budgets were left behind");
    }
    if let Err(error) = gateway.audit.drain(CLOSING).await {
        log::error!("the audit trail's actor did not end: {error}");
    }
    for upstream in &gateway.upstreams {
        if let Err(error) = upstream.provider.drain(CLOSING).await {
            log::error!(upstream = upstream.provider.name().as_str(); "its actor did not end: {error}");
        }
    }
    log::info!("stopped");
}
