//! What teams may spend and how fast, and where the books are kept: `DEFAULT_TEAM_…`, `[teams.ID]`, `REDIS_URL`,
//! `BUDGET_STORE_…`, `LEDGER_SYNC`.

use std::collections::BTreeMap;

use gateway_actors::budget::embedded::Sync;
use gateway_actors::budget::store::Target;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Limit, Limits, MOST, MOST_PER_MINUTE, Rates};
use gateway_core::money::NanoUsd;
use secrecy::{ExposeSecret, SecretString};

use super::audit;
use super::file::{RatesTable, TeamTable};
use super::mistakes::{Mistake, shown};
use super::settings::{At, Range, Settings};

const UNLIMITED: &str = "unlimited";
/// A replica that waits for more has more to lose by waiting.
const REPLICAS: Range = Range::new(0, 16, "replicas");

/// Limits of teams and their keys, and the store of the books.
#[derive(Clone, Debug)]
pub struct Budgets {
    /// Of teams without a table of their own.
    pub limits: Limits,
    pub teams: BTreeMap<TeamId, TeamBudget>,
    pub store: BudgetStore,
    /// While the store is away, serve from a local allowance.
    pub serve_without_store: bool,
    /// Where thresholds are told; many a webhook's address is its key.
    pub alert_url: Option<SecretString>,
}

/// `[teams.ID]`, with the defaults where it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TeamBudget {
    pub limits: Limits,
    /// Of each of its keys.
    pub key_rates: Rates,
}

/// Where the books are kept.
#[derive(Clone, Debug)]
pub enum BudgetStore {
    /// In the state directory of this gateway alone.
    Embedded { sync: Sync },
    /// Shared by replicas.
    Redis { target: Box<Target>, wait_replicas: u32 },
}

impl Budgets {
    pub fn of(&self, team: &TeamId) -> TeamBudget {
        let default = TeamBudget { limits: self.limits, key_rates: Rates::UNLIMITED };
        self.teams.get(team).copied().unwrap_or(default)
    }
}

pub(super) fn budgets(settings: &mut Settings<'_>, tables: &[TeamTable]) -> Budgets {
    let usd = |settings: &mut Settings<'_>, name, default: i64| match settings.at(name) {
        Some(at) => settings.keep(amount(&at)).unwrap_or(Limit::Unlimited),
        None => Limit::AtMost(NanoUsd(default * 1_000_000_000)),
    };
    let rate = |settings: &mut Settings<'_>, name| match settings.at(name) {
        Some(at) => settings.keep(per_minute(&at)).unwrap_or(Limit::Unlimited),
        None => Limit::Unlimited,
    };
    let limits = Limits {
        daily: usd(settings, "DEFAULT_TEAM_DAILY_BUDGET_USD", 10),
        monthly: usd(settings, "DEFAULT_TEAM_MONTHLY_BUDGET_USD", 200),
        rates: Rates {
            requests_per_minute: rate(settings, "DEFAULT_TEAM_REQUESTS_PER_MINUTE"),
            tokens_per_minute: rate(settings, "DEFAULT_TEAM_TOKENS_PER_MINUTE"),
            max_parallel: rate(settings, "DEFAULT_TEAM_MAX_PARALLEL"),
        },
    };
    let teams = tables.iter().filter_map(|table| {
        let own = team(settings, &limits, table);
        Some((team_id(settings, &table.name)?, own))
    });
    let teams = teams.collect();
    Budgets {
        limits,
        teams,
        store: store(settings),
        serve_without_store: settings.choice("BUDGET_STORE_FAILURE", &[("deny", false), ("allow", true)]),
        alert_url: alert_url(settings),
    }
}

fn alert_url(settings: &mut Settings<'_>) -> Option<SecretString> {
    let raw = settings.at("BUDGET_ALERT_WEBHOOK_URL")?;
    let url = audit::webhook_url(settings, &raw)?;
    Some(SecretString::from(String::from(url)))
}

fn team_id(settings: &mut Settings<'_>, name: &At<String>) -> Option<TeamId> {
    let id = TeamId::new(&name.value);
    if id.is_none() {
        settings.wrong(
            &name.place,
            "the team's name is out of pattern",
            "use [a-z0-9][a-z0-9._-]{0,62}: lower case, digits, and . _ - after the first",
        );
    }
    id
}

fn team(settings: &mut Settings<'_>, base: &Limits, table: &TeamTable) -> TeamBudget {
    let mut usd = |at: &Option<At<String>>, base| match at {
        Some(at) => settings.keep(amount(at)).unwrap_or(base),
        None => base,
    };
    let daily = usd(&table.daily, base.daily);
    let monthly = usd(&table.monthly, base.monthly);
    let limits = Limits { daily, monthly, rates: rates(settings, &base.rates, &table.rates) };
    TeamBudget { limits, key_rates: rates(settings, &Rates::UNLIMITED, &table.per_key) }
}

fn rates(settings: &mut Settings<'_>, base: &Rates, table: &RatesTable) -> Rates {
    let mut rate = |at: &Option<At<String>>, base| match at {
        Some(at) => settings.keep(per_minute(at)).unwrap_or(base),
        None => base,
    };
    Rates {
        requests_per_minute: rate(&table.requests_per_minute, base.requests_per_minute),
        tokens_per_minute: rate(&table.tokens_per_minute, base.tokens_per_minute),
        max_parallel: rate(&table.max_parallel, base.max_parallel),
    }
}

/// Dollars, as decimal digits; 0 blocks.
fn amount(at: &At<String>) -> Result<Limit<NanoUsd>, Mistake> {
    const MEND: &str = "write US dollars like 250.00, at most 9000000, 0 to block, or unlimited";
    if at.value == UNLIMITED {
        return Ok(Limit::Unlimited);
    }
    let wrong = |what: &str| Mistake::new(&at.place, format!("{} {what}", shown(&at.value)), MEND);
    match NanoUsd::parse(&at.value) {
        Ok(amount) if amount <= MOST => Ok(Limit::AtMost(amount)),
        Ok(_) => Err(wrong("is too much")),
        Err(_) => Err(wrong("is no amount")),
    }
}

fn per_minute(at: &At<String>) -> Result<Limit<u64>, Mistake> {
    if at.value == UNLIMITED {
        return Ok(Limit::Unlimited);
    }
    let range = Range::new(0, MOST_PER_MINUTE, "0 blocks; or write unlimited");
    range.read(&at.value, &at.place).map(Limit::AtMost)
}

fn store(settings: &mut Settings<'_>) -> BudgetStore {
    let sync = settings.choice("LEDGER_SYNC", &[("normal", Sync::Normal), ("full", Sync::Full)]);
    let replicas = settings.number("BUDGET_STORE_WAIT_REPLICAS", 0, REPLICAS);
    let Some(raw) = settings.at("REDIS_URL") else {
        if replicas > 0 {
            settings.wrong(
                "BUDGET_STORE_WAIT_REPLICAS",
                "is set, but REDIS_URL is not",
                "set both, or take it out: a lone gateway has no replicas",
            );
        }
        return BudgetStore::Embedded { sync };
    };
    let target = settings.secret(&raw).and_then(|url| {
        // The reason never repeats the address, which may hold a password.
        let parsed = Target::parse(url.expose_secret());
        settings.keep(parsed.map_err(|error| {
            Mistake::new("REDIS_URL", error.to_string(), "write redis://HOST:6379, for one")
        }))
    });
    match target {
        Some(target) => {
            let wait_replicas = u32::try_from(replicas).unwrap_or(u32::MAX);
            BudgetStore::Redis { target: Box::new(target), wait_replicas }
        }
        // There is a mistake, so nothing will be started with this.
        None => BudgetStore::Embedded { sync },
    }
}
