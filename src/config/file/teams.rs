//! `[teams.ID]` as it was written.

use super::injection::{self, InjectionTable};
use super::pii::{self, PiiTable};
use super::{At, Section, Settings};

/// `[teams.ID]`. Numbers are still text.
pub(in crate::config) struct TeamTable {
    pub name: At<String>,
    pub pii: Option<PiiTable>,
    pub injection: Option<InjectionTable>,
    pub daily: Option<At<String>>,
    pub monthly: Option<At<String>>,
    pub rates: RatesTable,
    /// Models that it may use; absent for all.
    pub models: Option<Vec<At<String>>>,
    /// `[teams.ID.per_key]`.
    pub per_key: RatesTable,
}

/// `[keys.ID]`.
pub(in crate::config) struct KeyTable {
    pub id: At<String>,
    pub models: Option<Vec<At<String>>>,
}

pub(in crate::config) const KEY_KEYS: [&str; 1] = ["models"];

/// How fast a team, or each of its keys, may ask.
#[derive(Default)]
pub(in crate::config) struct RatesTable {
    pub requests_per_minute: Option<At<String>>,
    pub tokens_per_minute: Option<At<String>>,
    pub max_parallel: Option<At<String>>,
}

/// Beside the tables `pii` and `per_key`.
pub(in crate::config) const TEAM_KEYS: [&str; 9] = [
    "daily_limit_usd",
    "monthly_limit_usd",
    "requests_per_minute",
    "tokens_per_minute",
    "max_parallel",
    "models",
    "pii",
    "injection",
    "per_key",
];

const RATE_KEYS: [&str; 3] = ["requests_per_minute", "tokens_per_minute", "max_parallel"];

/// `[teams.ID]`, in the file's order.
pub(super) fn teams(settings: &mut Settings<'_>, root: &mut Section<'_>) -> Vec<TeamTable> {
    let mut teams = Vec::new();
    for mut section in root.sections(settings, "teams") {
        let per_key = section.section(settings, "per_key").map(|mut section| {
            let rates = rates(settings, &mut section);
            section.refuse_unknown(settings, &RATE_KEYS);
            rates
        });
        let table = TeamTable {
            name: section.name.clone(),
            pii: pii::of_team(settings, &mut section),
            injection: injection::injection(settings, &mut section),
            daily: section.usd(settings, "daily_limit_usd"),
            monthly: section.usd(settings, "monthly_limit_usd"),
            rates: rates(settings, &mut section),
            models: section.list(settings, "models"),
            per_key: per_key.unwrap_or_default(),
        };
        section.refuse_unknown(settings, &TEAM_KEYS);
        teams.push(table);
    }
    teams
}

/// `[keys.ID]`, in the file's order.
pub(super) fn keys(settings: &mut Settings<'_>, root: &mut Section<'_>) -> Vec<KeyTable> {
    let mut keys = Vec::new();
    for mut section in root.sections(settings, "keys") {
        let models = section.list(settings, "models");
        keys.push(KeyTable { id: section.name.clone(), models });
        section.refuse_unknown(settings, &KEY_KEYS);
    }
    keys
}

fn rates(settings: &mut Settings<'_>, section: &mut Section<'_>) -> RatesTable {
    RatesTable {
        requests_per_minute: section.count(settings, "requests_per_minute"),
        tokens_per_minute: section.count(settings, "tokens_per_minute"),
        max_parallel: section.count(settings, "max_parallel"),
    }
}
