//! The checked configuration: what the environment, `.env` and `gateway.toml` say together, or every mistake
//! in them at once. Nothing further in checks a setting again.
//!
//! | module | holds |
//! |---|---|
//! | [`env`] | the environment as a map: the only reader of it |
//! | `names` | every environment name, and whether it has an effect |
//! | `file` | the tables of `gateway.toml`, with their lines |
//! | `settings` | readers of single values |
//! | `secrets` | `env:NAME` and `file:PATH` looked up |
//! | [`process`] | listener, log, deadlines |
//! | [`injection`] | what becomes of requests that look like attacks |
//! | [`pii`] | what is looked for in requests, and what becomes of it |
//! | [`access`] | callers' keys as configured |
//! | `door` | where a running gateway is reached, and with which key |
//! | [`upstreams`], `vendors`, `base_url` | who answers calls, in which order |
//! | [`budgets`] | what teams may spend and how fast, and where the books are kept |
//! | `usage` | what usage is counted by |
//! | [`routing`] | what stands for aliases and capabilities, and who may use which models |
//! | `audit` | the audit trail and its sinks |
//! | `models` | prices over the catalog's |
//! | [`mistakes`] | what is wrong, where, and the mend |

pub mod access;
mod audit;
mod base_url;
pub mod budgets;
mod door;
pub mod env;
mod file;
pub mod injection;
pub mod mistakes;
mod models;
mod names;
pub mod pii;
pub mod process;
pub mod routing;
mod secrets;
mod settings;
pub mod upstreams;
mod usage;
mod vendors;

use std::path::{Path, PathBuf};

use gateway_core::catalog::{Catalog, Override};
use gateway_core::ids::TeamId;

pub use access::{Access, TeamKey};
pub use audit::{Audit, AuditPlace};
pub use budgets::{BudgetStore, Budgets, TeamBudget};
pub use door::AdminDoor;
pub use env::Environment;
pub use injection::Injection;
pub use mistakes::{Mistake, Mistakes};
pub use pii::{Engines, Pii};
pub use process::{Calls, Listen, Log, LogFormat, TlsFiles, bind_address};
pub use routing::Routing;
pub use upstreams::Upstream;
pub use usage::Usage;

use mistakes::did_you_mean;
use names::{Effect, NAMES};
use settings::Settings;

/// Everything that was configured, checked. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: Listen,
    /// Where ledger and audit live.
    pub state_dir: PathBuf,
    pub log: Log,
    pub access: Access,
    /// `METRICS_OPEN`: metrics are told to who shows no key.
    pub metrics_open: bool,
    pub calls: Calls,
    pub pii: Pii,
    pub injection: Injection,
    pub audit: Audit,
    pub budgets: Budgets,
    pub usage: Usage,
    /// In the order of `PROVIDER_PRIORITY`; at least one.
    pub upstreams: Vec<Upstream>,
    /// `[models]`, for [`Catalog::with`].
    pub models: Vec<(String, Override)>,
    pub routing: Routing,
    /// Variables that are set and have no effect in this version: to be told loudly at the start.
    pub not_yet: Vec<&'static str>,
}

impl Config {
    /// Reads `environment` and the file that is named here, else by `GATEWAY_CONFIG`, else `gateway.toml` in
    /// the working directory where there is one.
    ///
    /// # Errors
    /// Every mistake in all of them, in one list.
    pub fn load(environment: &Environment, file: Option<&Path>) -> Result<Config, Mistakes> {
        let mut settings = Settings { environment, mistakes: environment.unread().to_vec() };
        let tables = file::read(&mut settings, file);
        let listen = process::listen(&mut settings);
        let models = models::models(&mut settings, tables.models);
        let catalog = Catalog::builtin().with(models.iter().cloned());
        let state_dir = audit::state_dir(&settings);
        let config = Config {
            audit: audit::audit(&mut settings, &state_dir, &tables.audit, tables.sinks),
            state_dir,
            log: process::log(&mut settings),
            access: access::access(&mut settings, &listen),
            metrics_open: settings.flag("METRICS_OPEN"),
            budgets: budgets::budgets(&mut settings, &tables.teams),
            usage: usage::usage(&mut settings, tables.usage),
            calls: process::calls(&mut settings),
            pii: pii::pii(&mut settings, tables.pii, &tables.teams),
            injection: injection::injection(&mut settings, &tables.injection, &tables.teams),
            routing: routing::routing(
                &mut settings,
                (tables.aliases, tables.capabilities),
                &tables.teams,
                &tables.keys,
            ),
            upstreams: upstreams::upstreams(&mut settings, tables.upstreams, &catalog),
            models,
            not_yet: not_yet(environment),
            listen,
        };
        refuse_names(&mut settings);
        Mistakes::unless_any(settings.mistakes, config)
    }

    /// Teams that have a table.
    pub fn teams(&self) -> impl Iterator<Item = &TeamId> {
        self.budgets.teams.keys().chain(self.pii.teams.keys())
    }

    /// The built-in catalog with `[models]` over it.
    pub fn catalog(&self) -> Catalog {
        Catalog::builtin().with(self.models.iter().cloned())
    }
}

/// Names that are set, have no effect yet, and ask for something.
fn not_yet(environment: &Environment) -> Vec<&'static str> {
    let asks = |(name, effect): &(&'static str, Effect)| match (effect, environment.value(name)) {
        (Effect::Later { off }, Some(value)) => (*off != Some(value)).then_some(*name),
        _ => None,
    };
    NAMES.iter().filter_map(asks).collect()
}

/// Typing errors in our own family of names, and proxies where the HTTP client would not see them.
fn refuse_names(settings: &mut Settings<'_>) {
    let environment = settings.environment;
    let known = NAMES.iter().map(|(name, _)| *name).filter(|name| name.starts_with("GATEWAY_"));
    for name in environment.names().filter(|name| name.starts_with("GATEWAY_")) {
        let value = environment.value(name).unwrap_or_default();
        if !known.clone().any(|known| known == name) && !names::is_service_link(name, value) {
            settings.wrong(name, "is not known", did_you_mean(name, known.clone()));
        }
    }
    for name in environment.proxies_out_of_sight() {
        settings.wrong(name, "has no effect in `.env`", "set it in the environment that starts the gateway");
    }
}

#[cfg(test)]
mod tests;
