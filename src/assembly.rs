//! The only place where actors, clients, clock and dice are made and joined, and where they are taken
//! apart again in order.

use crate::budget::House;
use crate::config::{self, BudgetStore, Config, Engines};
use crate::gateway::{Analyzer, Gateway, Inspector, Shutdown, Upstream, Worker};
use crate::http::{self, events::Listeners};
use crate::identity::Keys;
use crate::metrics::Metrics;
use crate::metrics::places::Places;
use crate::pipeline::Slots;
use crate::state;
use actix_rt::Arbiter;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use gateway_actors::alerts::{Alerts, Told};
use gateway_actors::audit::disk::RealDisk;
use gateway_actors::audit::sinks::SinkError;
use gateway_actors::audit::{self, Audit};
use gateway_actors::budget::{Allowance, Budget, Cursor, Outage, Settlements, store};
use gateway_actors::keys::{self, Registry};
use gateway_actors::provider::{self, ClientSettings, Credential, Provider, UpstreamSettings};
use gateway_actors::scanner::{Scanner, ScannerSettings};
use gateway_actors::supervision::Tasks;
use gateway_core::audit::{Named, SigningKey};
use gateway_core::breaker::Rule;
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::{ModelName, ProviderKind, UpstreamName};
use gateway_core::keys::{KeyStore, KeyStoreError};
use gateway_core::ledger::{Ledger, LedgerError};
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
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{SignalKind, signal};

/// How long a connection may stay open without a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);
/// After the grace: for connections to close, then for exchanges to end, then for each actor to hear it all.
const CLOSING: Duration = Duration::from_secs(5);
/// How long an answer waits for its record. Then it goes out: the record waits on.
const RECORD: Duration = Duration::from_secs(5);
/// A file grows beyond its limit (signal(7); the number on every system that this runs on).
const SIGXFSZ: i32 = 25;
/// How long the start waits for a look at the budget store.
const LOOK: Duration = Duration::from_secs(1);
/// In the state directory: what was served while the budget store was away.
const ALLOWANCE: &str = "allowance";
/// Records that may be queued beside those of open exchanges.
const SPARE_RECORDS: usize = 1_024;

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
    let made_keys = open_keys(&config, &control, &clock).await?;
    let keys = Keys::from_config(&config.access).beside(Arc::clone(&made_keys));
    let metrics = metrics(&config, &keys, &made_keys, [&router, &embeddings]);
    let audit = start_audit(&config, &replica, &clock, &dice)?.observed_by(metrics.clone());
    let settlements = Settlements::default();
    let ledger = open_ledger(&config, &control, &clock).await?;
    let alerts = start_alerts(&config, &metrics, &control, &clock)?;
    let house = House {
        budgets: config.budgets.clone(),
        audit: audit.clone(),
        settlements: settlements.clone(),
        replica: Named::cleaned(&replica),
        metrics: Arc::clone(&metrics),
        alerts: alerts.clone(),
        clock: Arc::clone(&clock),
    };
    let books = Arbiter::new();
    let budget = start_budget(ledger, house, &config, [&control, &books], (&clock, &dice))?;
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
        shutdown: Arc::new(Shutdown::default()),
        listeners: Listeners::default(),
        started: clock.unix(),
        replica,
        clock,
        dice,
        config,
    });
    let tasks = Tasks::default();
    let (server, addresses) = listen(&gateway, &tasks)?;
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

/// The books. A Redis that is away does not keep a gateway from starting; one that would lose books does.
async fn open_ledger(
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
            health.warnings.iter().for_each(|warning| log::warn!("budget store: {warning}"))
        }
        Ok(Err(_)) | Err(_) => log::warn!("the budget store gives no answer yet"),
    }
    Ok(ledger)
}

/// The keys that administrators made, read once where their store answers, and followed from then on.
async fn open_keys(
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

fn start_budget(
    ledger: Arc<dyn Ledger>,
    house: House,
    config: &Config,
    [control, books]: [&Arbiter; 2],
    (clock, dice): (&Arc<dyn Clock>, &Arc<dyn Dice>),
) -> Result<Budget, StartError> {
    let mut unclosed = Vec::new();
    let outage = match &config.budgets.store {
        BudgetStore::Redis { .. } if config.budgets.serve_without_store => {
            let path = config.state_dir.join(ALLOWANCE);
            let opened = std::fs::create_dir_all(&config.state_dir).and_then(|()| Allowance::open(&path));
            let (allowance, left) = opened.map_err(|source| StartError::Allowance { path, source })?;
            unclosed = left;
            Outage::Allow(Arc::new(allowance))
        }
        _ => Outage::Deny,
    };
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

fn listen(
    gateway: &Data<Gateway>,
    tasks: &Tasks,
) -> Result<(actix_web::dev::Server, Vec<SocketAddr>), StartError> {
    let listen = &gateway.config.listen;
    let client_settings = ClientSettings {
        connect_timeout: gateway.config.calls.connect_timeout,
        ca_pem: gateway.config.calls.ca_pem.clone(),
        use_system_proxy: true,
    };
    // Made once here, so that a worker's own cannot fail.
    drop(provider::client(&client_settings)?);
    let (parts, tasks) = (gateway.clone(), tasks.clone());
    let server = HttpServer::new(move || {
        let client = provider::client(&client_settings).expect("the same settings made a client before");
        let worker = Worker { client, tasks: tasks.clone() };
        App::new()
            .app_data(parts.clone())
            .app_data(Data::new(worker))
            .configure(|routes| http::routes(routes, parts.config.access.demo_keys))
    })
    .workers(listen.workers)
    .disable_signals()
    .tcp_nodelay(true)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD)
    // A caller that hangs up is then noticed at once (HTTP/1.1).
    .h1_allow_half_closed(false)
    .shutdown_timeout(2);
    let address = listen.bind;
    let bound = match &listen.tls {
        None => server.bind(address),
        Some(files) => server.bind_rustls_0_23(address, tls(files)?),
    };
    let server = bound.map_err(|source| StartError::Bind { address, source })?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

fn tls(files: &config::TlsFiles) -> Result<rustls::ServerConfig, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Tls(error.to_string());
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key).map_err(|error| failed(&error))?;
    rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| failed(&error))
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

/// The machine's clocks.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

/// A generator of each thread's own (SplitMix64), seeded by the system through std's hasher. Good for ids
/// and jitter; no key is made of it.
pub(crate) struct SystemDice;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
}

impl Dice for SystemDice {
    fn roll(&self) -> u64 {
        let state = STATE.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        STATE.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
