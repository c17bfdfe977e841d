//! Whose names may stand in labels: teams and routes that the configuration knows, in bounded number. Whatever
//! else comes is `other`.

use gateway_core::audit::Named;
use gateway_core::ids::{ProviderKind, TeamId};
use gateway_core::routing::Route;
use std::collections::HashMap;

/// Teams with labels of their own.
pub const MOST_TEAMS: usize = 256;
/// Routes with labels of their own.
pub const MOST_ROUTES: usize = 2_048;

const OTHER: &str = "other";
const NONE: &str = "none";

/// Labels by place. The last team, and the last route but one, are `other`; the last route is `none`.
pub struct Places {
    known: Vec<TeamId>,
    teams: Vec<String>,
    routes: Vec<Labels>,
    by_team: HashMap<String, usize>,
    /// By provider, then by model, as audit records have them.
    by_route: HashMap<String, HashMap<String, usize>>,
}

/// What is told of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The upstream's name.
    pub provider: String,
    pub model: String,
    /// Its name in the semantic conventions, where they have one for its kind.
    pub well_known: String,
}

impl Places {
    pub fn new<'a>(
        teams: impl IntoIterator<Item = &'a TeamId>,
        routes: impl IntoIterator<Item = &'a Route>,
    ) -> Places {
        let mut places = Places {
            known: Vec::new(),
            teams: Vec::new(),
            routes: Vec::new(),
            by_team: HashMap::new(),
            by_route: HashMap::new(),
        };
        for team in teams.into_iter().take(MOST_TEAMS) {
            places.by_team.insert(Named::from(team).as_str().to_owned(), places.teams.len());
            places.teams.push(team.as_str().to_owned());
            places.known.push(team.clone());
        }
        places.teams.push(OTHER.to_owned());
        for route in routes.into_iter().take(MOST_ROUTES) {
            let provider = Named::from(&route.upstream).as_str().to_owned();
            let model = Named::from(&route.model).as_str().to_owned();
            places.by_route.entry(provider).or_default().entry(model).or_insert(places.routes.len());
            places.routes.push(Labels::of(route));
        }
        for word in [OTHER, NONE] {
            let [provider, model, well_known] = [word; 3].map(str::to_owned);
            places.routes.push(Labels { provider, model, well_known });
        }
        places
    }

    /// The place of a team.
    pub fn team(&self, name: Option<&str>) -> usize {
        name.and_then(|name| self.by_team.get(name).copied()).unwrap_or(self.teams.len() - 1)
    }

    /// The place of a route, by names as records have them.
    pub fn route(&self, names: Option<(&str, &str)>) -> usize {
        let Some((provider, model)) = names else { return self.routes.len() - 1 };
        let known = self.by_route.get(provider).and_then(|models| models.get(model));
        known.copied().unwrap_or(self.routes.len() - 2)
    }

    /// Teams with labels of their own.
    pub fn known(&self) -> &[TeamId] {
        &self.known
    }

    pub fn teams(&self) -> &[String] {
        &self.teams
    }

    pub fn routes(&self) -> &[Labels] {
        &self.routes
    }
}

impl Labels {
    fn of(route: &Route) -> Labels {
        // Registered values of `gen_ai.provider.name`.
        let well_known = match route.kind {
            ProviderKind::Anthropic => "anthropic",
            ProviderKind::OpenAi => "openai",
            ProviderKind::AzureOpenAi => "azure.ai.openai",
            ProviderKind::Gemini => "gcp.gemini",
            ProviderKind::OpenAiCompatible => route.upstream.as_str(),
        };
        Labels {
            provider: route.upstream.to_string(),
            model: route.model.to_string(),
            well_known: well_known.to_owned(),
        }
    }
}
