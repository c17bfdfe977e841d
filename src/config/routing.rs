//! Which models stand for a capability or an alias, and which a team or a key may use: `[capabilities]`, `[aliases]`,
//! `[teams.ID] models`, `[keys.ID] models`. Whether their names are served is the router's question.

use std::collections::BTreeMap;

use gateway_core::ids::{KeyId, TeamId};
use gateway_core::routing::{AllowList, Allowed, Capability, Choices, List, Share, Step};

use super::file::{KeyTable, ListTable, ShareTable, TeamTable};
use super::mistakes::did_you_mean;
use super::settings::{At, Range, Settings};
use crate::identity::Principal;

const WEIGHTS: Range = Range::new(1, 1_000_000, "its share against the others'");

/// What routing is told beside upstreams and models.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    pub choices: Choices,
    teams: BTreeMap<TeamId, AllowList>,
    /// By the key's id, as audit records have it.
    keys: BTreeMap<String, AllowList>,
}

impl Routing {
    /// What a caller may use.
    pub fn allowed(&self, principal: &Principal) -> Allowed<'_> {
        let key: &KeyId = &principal.key_id;
        Allowed { team: self.teams.get(&principal.team), key: self.keys.get(key.as_str()) }
    }

    /// Every allow-list, with the table that it stands in.
    pub fn allow_lists(&self) -> impl Iterator<Item = (String, &AllowList)> {
        let teams = self.teams.iter().map(|(team, list)| (format!("teams.{team}"), list));
        teams.chain(self.keys.iter().map(|(key, list)| (format!("keys.{key}"), list)))
    }
}

pub(super) fn routing(
    settings: &mut Settings<'_>,
    (aliases, capabilities): (Vec<ListTable>, Vec<ListTable>),
    teams: &[TeamTable],
    keys: &[KeyTable],
) -> Routing {
    let aliases = aliases.into_iter().map(|table| (table.name.value.clone(), list(settings, table)));
    let aliases = aliases.collect();
    let capabilities = capabilities.into_iter().filter_map(|table| {
        let capability = capability(settings, &table.name);
        let list = list(settings, table);
        Some((capability?, list))
    });
    let choices = Choices { aliases, capabilities: capabilities.collect() };
    // A team's name that is none is told where its limits are read.
    let of_team =
        |table: &TeamTable| Some((TeamId::new(&table.name.value)?, allowed(table.models.as_deref()?)));
    let of_key = |table: &KeyTable| {
        key_id(settings, &table.id)?;
        Some((table.id.value.clone(), allowed(table.models.as_deref()?)))
    };
    Routing {
        choices,
        teams: teams.iter().filter_map(of_team).collect(),
        keys: keys.iter().filter_map(of_key).collect(),
    }
}

fn capability(settings: &mut Settings<'_>, name: &At<String>) -> Option<Capability> {
    let found = Capability::parse(&name.value);
    if found.is_none() {
        let known = Capability::ALL.map(Capability::word);
        settings.wrong(&name.place, "is not known", did_you_mean(&name.value, known));
    }
    found
}

fn list(settings: &mut Settings<'_>, table: ListTable) -> List {
    let place = &table.name.place;
    if table.steps.is_empty() {
        settings.wrong(place, "is an empty list", "name a model, or take the line out");
    }
    let mut step = |shares: Vec<ShareTable>| {
        let share = |share: ShareTable| {
            let weight = share.weight.map_or(Ok(1), |weight| WEIGHTS.read(&weight, place));
            let weight = settings.keep(weight).unwrap_or(1);
            Share { model: share.model, weight: u32::try_from(weight).unwrap_or(u32::MAX) }
        };
        Step(shares.into_iter().map(share).collect())
    };
    List(table.steps.into_iter().map(&mut step).collect())
}

fn allowed(models: &[At<String>]) -> AllowList {
    AllowList::new(models.iter().map(|at| at.value.clone()).collect())
}

/// The first twelve hex digits of the key's SHA-256.
fn key_id(settings: &mut Settings<'_>, id: &At<String>) -> Option<()> {
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let is_id = id.value.len() == 12 && id.value.bytes().all(is_hex);
    if !is_id {
        settings.wrong(
            &id.place,
            "is no id of a key",
            "write the 12 hex digits that audit records have as `key_id`: `printf %s KEY | sha256sum | cut -c1-12`",
        );
    }
    is_id.then_some(())
}
