//! Lists of models in the order of preference: aliases, and what serves each capability.

use std::collections::BTreeMap;

use super::capability::{Capability, is_reserved};
use super::error::RoutingMistake;
use super::router::{RouteId, Router, is_vendors};
use crate::catalog::Mode;

/// The configuration's `[aliases]` and `[capabilities]`.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    pub aliases: Vec<(String, List)>,
    /// In place of the built-in ones.
    pub capabilities: Vec<(Capability, List)>,
}

/// Steps in the order in which they are to be tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List(pub Vec<Step>);

/// One model, or several that take turns by weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step(pub Vec<Share>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Perhaps with its upstream in front.
    pub model: String,
    /// Against the sum of its step's; at least 1.
    pub weight: u32,
}

/// A list with its models' routes.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    steps: Vec<Vec<(u32, Vec<RouteId>)>>,
}

/// All lists of a router.
#[derive(Default)]
pub(super) struct Lists {
    pub aliases: BTreeMap<String, Resolved>,
    pub capabilities: BTreeMap<Capability, Resolved>,
}

/// Numbers out of one roll of the dice: the roll itself, then SplitMix64 of it.
struct Chance(u64);

impl Chance {
    /// Uniform below `bound`, as `Dice::below`.
    fn below(&mut self, bound: u64) -> u64 {
        let number = ((u128::from(self.0) * u128::from(bound)) >> 64) as u64;
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0 = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        self.0 = (self.0 ^ (self.0 >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        self.0 ^= self.0 >> 31;
        number
    }
}

impl Resolved {
    /// Every route, step by step. Of a split the first is drawn by weight, then the next of those that are left:
    /// they follow one another as each other's fallbacks. A route may be there twice.
    pub(super) fn drawn(&self, roll: u64) -> Vec<RouteId> {
        let mut chance = Chance(roll);
        let mut routes = Vec::new();
        for step in &self.steps {
            let mut left: Vec<_> = step.iter().collect();
            while !left.is_empty() {
                let total = left.iter().map(|(weight, _)| u64::from(*weight)).sum();
                let mut ticket = if left.len() == 1 { 0 } else { chance.below(total) };
                let drawn = left.iter().position(|(weight, _)| {
                    let is_it = ticket < u64::from(*weight);
                    ticket = ticket.saturating_sub(u64::from(*weight));
                    is_it
                });
                routes.extend(&left.remove(drawn.unwrap_or(0)).1);
            }
        }
        routes
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = RouteId> {
        self.steps.iter().flatten().flat_map(|(_, routes)| routes).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.routes().next().is_none()
    }

    pub(super) fn is_split(&self) -> bool {
        self.steps.iter().any(|step| step.len() > 1)
    }

    fn of(routes: impl IntoIterator<Item = RouteId>) -> Resolved {
        Resolved { steps: routes.into_iter().map(|id| vec![(1, vec![id])]).collect() }
    }
}

impl Router {
    /// Takes the configuration's lists in. Of embeddings an alias stands for one model alone, since the vectors of
    /// two can't be compared, and there are no capabilities.
    ///
    /// # Errors
    /// Names that are nowhere, and lists of which nothing is served; told by the router of chat alone.
    pub fn with(mut self, choices: &Choices) -> Result<Router, Vec<RoutingMistake>> {
        let mut mistakes = Vec::new();
        for (name, list) in &choices.aliases {
            let place = || format!("aliases.{name}");
            let mut resolved = self.resolved(list, &place, &mut mistakes);
            if self.mode == Mode::Embedding {
                self.keep_first_model(&mut resolved);
            }
            if is_reserved(name) {
                mistakes.push(RoutingMistake::Reserved { name: name.clone() });
            }
            if !resolved.is_empty() {
                self.lists.aliases.insert(name.clone(), resolved);
            }
        }
        if self.mode == Mode::Chat {
            for (capability, list) in &choices.capabilities {
                let place = || format!("capabilities.{}", capability.word());
                let resolved = self.resolved(list, &place, &mut mistakes);
                self.lists.capabilities.insert(*capability, resolved);
            }
        }
        if mistakes.is_empty() || self.mode == Mode::Embedding { Ok(self) } else { Err(mistakes) }
    }

    fn resolved(
        &self,
        list: &List,
        place: &dyn Fn() -> String,
        mistakes: &mut Vec<RoutingMistake>,
    ) -> Resolved {
        let known = mistakes.len();
        let models = || list.0.iter().flat_map(|step| &step.0).map(|share| share.model.as_str());
        for model in models().filter(|name| self.routes_of(name).is_empty() && !self.is_elsewhere(name)) {
            mistakes.push(RoutingMistake::UnknownInList { list: place(), model: model.to_owned() });
        }
        let share = |share: &Share| (share.weight, self.routes_of(&share.model));
        let step = |step: &Step| {
            let shares = step.0.iter().map(share);
            shares.filter(|(_, routes)| !routes.is_empty()).collect::<Vec<_>>()
        };
        let steps = list.0.iter().map(step).filter(|step| !step.is_empty()).collect();
        let resolved = Resolved { steps };
        if resolved.is_empty() && mistakes.len() == known && !models().any(|name| self.is_embedding(name)) {
            mistakes.push(RoutingMistake::ListServesNothing { list: place() });
        }
        resolved
    }

    /// A vendor's model that waits for its key, or one that another router serves.
    fn is_elsewhere(&self, name: &str) -> bool {
        is_vendors(name) || self.is_embedding(name)
    }

    fn is_embedding(&self, name: &str) -> bool {
        let bare = name.split_once('/').map_or(name, |(_, rest)| rest);
        [name, bare].iter().any(|name| {
            let found = self.seats.iter().filter_map(|seat| self.catalog.find(seat.upstream.place(), name));
            found.into_iter().any(|model| model.mode == Mode::Embedding)
        })
    }

    fn keep_first_model(&self, resolved: &mut Resolved) {
        let Some(first) = resolved.routes().next() else { return };
        let model = &self.routes[first].route.model;
        let routes: Vec<_> = resolved.routes().filter(|id| self.routes[*id].route.model == *model).collect();
        *resolved = Resolved::of(routes);
    }

    /// What serves each capability where the configuration does not say.
    pub(super) fn usual_lists(&self) -> BTreeMap<Capability, Resolved> {
        let usual = |capability| (capability, Resolved::of(self.usual(capability)));
        Capability::ALL.into_iter().map(usual).collect()
    }

    /// Row by row, and by priority within a row; the cheap ones by price.
    fn usual(&self, capability: Capability) -> Vec<RouteId> {
        let mut routes = Vec::new();
        for row in rows(capability) {
            let mut found: Vec<_> = row.iter().flat_map(|name| self.routes_of(name)).collect();
            found.sort_by_key(|id| self.routes[*id].upstream);
            routes.extend(found);
        }
        if capability == Capability::Cheap {
            // What an operator lists it means to be used, and a server of its own is often the cheapest.
            let listed = |id: &RouteId| !self.seats[self.routes[*id].upstream].upstream.models.is_empty();
            routes.extend((0..self.routes.len()).filter(listed));
            routes.sort_by_key(|id| self.blend(*id));
        }
        let mut seen = std::collections::BTreeSet::new();
        routes.retain(|id| seen.insert(*id));
        routes
    }

    /// Three tokens read for one that is written.
    fn blend(&self, id: RouteId) -> u64 {
        let rates = &self.routes[id].route.price.base;
        rates.input.0.saturating_mul(3).saturating_add(rates.output.0)
    }
}

/// The catalog's models for each, the better ones in the first row (docs/routing.md).
pub(super) fn rows(capability: Capability) -> &'static [&'static [&'static str]] {
    match capability {
        Capability::Code => {
            &[&["claude-opus-4-6", "gpt-5.1", "gemini-2.5-pro"], &["claude-sonnet-4-6", "gpt-4.1", "gpt-4o"]]
        }
        Capability::Reasoning => {
            &[&["claude-opus-4-6", "gpt-5.1", "gemini-2.5-pro"], &["claude-sonnet-4-6", "o3"]]
        }
        Capability::Vision => &[
            &["claude-opus-4-6", "gpt-4o", "gemini-2.5-pro"],
            &["claude-sonnet-4-6", "gpt-4.1", "gemini-2.5-flash"],
        ],
        Capability::LongContext => &[
            &["claude-sonnet-4-6", "gpt-4.1", "gemini-2.5-pro"],
            &["claude-opus-4-6", "gpt-4.1-mini", "gemini-2.5-flash"],
        ],
        Capability::Fast => &[
            &["claude-haiku-4-5", "gpt-4.1-mini", "gemini-2.5-flash"],
            &["gpt-4o-mini", "gemini-2.5-flash-lite"],
        ],
        Capability::Cheap => &[&[
            "claude-haiku-4-5",
            "gpt-4.1-nano",
            "gpt-4.1-mini",
            "gpt-4o-mini",
            "gpt-5-nano",
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
        ]],
    }
}
