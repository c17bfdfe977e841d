//! All routes, and the order among them: made once, so that a plan only reads.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::allow::{Allowed, fits, is_like};
use super::capability::AUTO;
use super::error::RoutingMistake;
use super::lists::{Lists, Resolved};
use super::{Route, ServedModel, Upstream};
use crate::catalog::{Catalog, Mode, Model, Place};
use crate::ids::{ModelName, ProviderKind};

/// Every route of the configured upstreams.
pub struct Router {
    pub(super) catalog: Catalog,
    /// Which kind of call its routes answer.
    pub(super) mode: Mode,
    /// In priority order.
    pub(super) seats: Vec<Seat>,
    /// Upstream by upstream; a [`RouteId`] is an index here.
    pub(super) routes: Vec<Entry>,
    /// By the catalog's name, and by an upstream's own name where the catalog has none like it.
    pub(super) chains: HashMap<ModelName, Chain>,
    /// Each upstream's default model, in priority order.
    pub(super) defaults: Vec<RouteId>,
    /// Aliases, and what serves each capability.
    pub(super) lists: Lists,
}

pub(super) type RouteId = usize;

/// An upstream and what it serves, by the names under which it may be asked there.
pub(super) struct Seat {
    pub upstream: Upstream,
    pub names: HashMap<String, RouteId>,
}

pub(super) struct Entry {
    /// Index in priority order.
    pub upstream: usize,
    pub route: Arc<Route>,
}

/// Who serves a model.
#[derive(Default)]
pub(super) struct Chain {
    /// In priority order. Empty where the upstream has to be named.
    pub own: Vec<RouteId>,
    /// Configured equivalents, in priority order.
    pub equivalents: Vec<RouteId>,
}

impl Router {
    /// `upstreams` in priority order.
    ///
    /// # Errors
    /// Every mistake that was found, each with its mend.
    pub fn new(upstreams: Vec<Upstream>, catalog: Catalog) -> Result<Router, Vec<RoutingMistake>> {
        let mut router = Router::empty(catalog, Mode::Chat);
        let mut mistakes = Vec::new();
        let mut equivalents = Vec::new();
        for upstream in upstreams {
            router.seat(upstream, &mut equivalents, &mut mistakes);
        }
        router.chain_wire_names();
        for (model, names) in equivalents {
            router.chain_equivalents(&model, &names, &mut mistakes);
        }
        router.lists.capabilities = router.usual_lists();
        if mistakes.is_empty() { Ok(router) } else { Err(mistakes) }
    }

    /// The same upstreams' models that make embeddings. No default, and no equivalents: the vectors of two models
    /// can't be compared. Mistakes that [`Router::new`] tells are not told again.
    ///
    /// # Errors
    /// Models that the operator lists and that have no price.
    pub fn of_embeddings(upstreams: Vec<Upstream>, catalog: Catalog) -> Result<Router, Vec<RoutingMistake>> {
        let mut router = Router::empty(catalog, Mode::Embedding);
        let mut mistakes = Vec::new();
        for upstream in upstreams {
            router.seat(upstream, &mut Vec::new(), &mut mistakes);
        }
        router.chain_wire_names();
        if mistakes.is_empty() { Ok(router) } else { Err(mistakes) }
    }

    fn empty(catalog: Catalog, mode: Mode) -> Router {
        let (seats, routes, defaults) = (Vec::new(), Vec::new(), Vec::new());
        Router { catalog, mode, seats, routes, chains: HashMap::new(), defaults, lists: Lists::default() }
    }

    /// Every route, upstream by upstream in priority order.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter().map(|entry| &entry.route)
    }

    /// Whether a pattern of an allow-list speaks of a route here, or of a vendor's model that waits for its key.
    pub fn admits_something(&self, pattern: &str) -> bool {
        let bare = match pattern.split_once('/') {
            Some((prefix, rest)) if vendor(prefix).is_some() => rest,
            _ => pattern,
        };
        let names = |kind: &ProviderKind| Catalog::builtin_names(*kind).iter();
        self.models().any(|route| fits(pattern, route))
            || ProviderKind::VENDORS.iter().flat_map(names).any(|name| is_like(bare, name))
    }

    /// Names of the configuration's own, and `auto`, that find a model in `allowed`.
    pub fn names_beside_models(&self, allowed: Allowed<'_>) -> Vec<String> {
        let is_open = |routes: &Resolved| routes.routes().any(|id| allowed.admits(&self.routes[id].route));
        let aliases = self.lists.aliases.iter().filter(|(_, routes)| is_open(routes));
        let aliases = aliases.map(|(name, _)| name.clone());
        let capabilities = self.lists.capabilities.iter().filter(|(_, routes)| is_open(routes));
        let capabilities = capabilities.map(|(capability, _)| format!("{AUTO}:{}", capability.word()));
        let auto = self.defaults.iter().any(|id| allowed.admits(&self.routes[*id].route));
        aliases.chain(auto.then(|| AUTO.to_owned())).chain(capabilities).collect()
    }

    /// Takes in an upstream with its routes and its default.
    fn seat(
        &mut self,
        upstream: Upstream,
        equivalents: &mut Vec<(ModelName, Vec<String>)>,
        mistakes: &mut Vec<RoutingMistake>,
    ) {
        if self.seats.iter().any(|seat| seat.upstream.name == upstream.name) {
            mistakes.push(RoutingMistake::TwiceNamed(upstream.name));
            return;
        }
        let of_chat = self.mode == Mode::Chat;
        if of_chat {
            mistakes.extend(region_mistake(&upstream));
        }
        let mut names = HashMap::new();
        let first = self.routes.len();
        for (served, offer) in self.served(&upstream) {
            let model = self.catalog.find(upstream.place(), served.model.as_str());
            // A model that nobody knows is one of chat: that it has no price is told with those.
            if model.as_ref().map_or(Mode::Chat, |model| model.mode) != self.mode {
                continue;
            }
            let Some(route) = model.as_ref().and_then(|model| Route::of(&upstream, &served, model)) else {
                // What the operator lists must be priced; the table's own gaps are only not served.
                if offer == Offer::Configured {
                    let (upstream, model) = (upstream.name.clone(), served.model);
                    mistakes.push(RoutingMistake::Unpriced { upstream, model });
                }
                continue;
            };
            let id = self.routes.len();
            names.entry(served.model.as_str().to_owned()).or_insert(id);
            let chain = self.chains.entry(served.model.clone()).or_default();
            if offer != Offer::WhereNamed {
                chain.own.push(id);
            }
            equivalents.extend(model.map(|model| (served.model, model.equivalents)));
            self.routes.push(Entry { upstream: self.seats.len(), route: Arc::new(route) });
        }
        for (id, entry) in self.routes.iter().enumerate().skip(first) {
            names.entry(entry.route.wire_model.clone()).or_insert(id);
        }
        if of_chat {
            if first == self.routes.len() && upstream.models.is_empty() {
                mistakes.push(RoutingMistake::ServesNothing(upstream.name.clone()));
            }
            match default_route(&upstream, &names, first..self.routes.len()) {
                Ok(default) => self.defaults.extend(default),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        self.seats.push(Seat { upstream, names });
    }

    /// What an upstream offers, in its own order.
    fn served(&self, upstream: &Upstream) -> Vec<(ServedModel, Offer)> {
        let same = |name: &str| ServedModel { wire_name: name.to_owned(), model: ModelName::new(name) };
        if !upstream.models.is_empty() {
            return upstream.models.iter().map(|served| (served.clone(), Offer::Configured)).collect();
        }
        // Azure knows deployments alone, and only the operator knows those.
        if upstream.kind == ProviderKind::AzureOpenAi {
            return Vec::new();
        }
        let listed: BTreeSet<&str> = self.catalog.names(upstream.place()).collect();
        // A bare `[models."NAME"]` says what a model costs, not who has it.
        let bare = self.catalog.override_names().filter(|name| !name.contains('/'));
        let priced = bare.filter(|name| !listed.contains(name));
        let priced: Vec<_> = priced.map(|name| (same(name), Offer::WhereNamed)).collect();
        listed.iter().map(|name| (same(name), Offer::Listed)).chain(priced).collect()
    }

    /// Lets a deployment be asked by its own name, where no model has that name.
    fn chain_wire_names(&mut self) {
        let mut by_wire: HashMap<ModelName, Chain> = HashMap::new();
        for (id, entry) in self.routes.iter().enumerate() {
            let wire = ModelName::new(&entry.route.wire_model);
            if !self.chains.contains_key(&wire) {
                by_wire.entry(wire).or_default().own.push(id);
            }
        }
        self.chains.extend(by_wire);
    }

    fn chain_equivalents(&mut self, model: &ModelName, names: &[String], mistakes: &mut Vec<RoutingMistake>) {
        let mut found = Vec::new();
        for name in names {
            let routes = self.routes_of(name);
            if routes.is_empty() && !is_vendors(name) {
                let (model, equivalent) = (model.clone(), name.clone());
                mistakes.push(RoutingMistake::UnknownEquivalent { model, equivalent });
            }
            found.extend(routes);
        }
        let Some(chain) = self.chains.get_mut(model) else { return };
        found.retain(|id| !chain.own.contains(id));
        chain.equivalents.extend(found);
        // Stable: within an upstream, the order in which they were written.
        chain.equivalents.sort_by_key(|id| self.routes[*id].upstream);
        let mut seen = BTreeSet::new();
        chain.equivalents.retain(|id| seen.insert(*id));
    }

    /// The routes of a name that may carry its upstream in front.
    pub(super) fn routes_of(&self, name: &str) -> Vec<RouteId> {
        let prefixed = name.split_once('/').and_then(|(prefix, rest)| {
            let seat = self.seat_named(prefix)?;
            self.seats[seat].names.get(rest)
        });
        match prefixed {
            Some(id) => vec![*id],
            None => self.chains.get(name).map_or_else(Vec::new, |chain| chain.own.clone()),
        }
    }

    /// The upstream of that name, else the first of the vendor of that name or alias.
    pub(super) fn seat_named(&self, name: &str) -> Option<usize> {
        let exact = self.seats.iter().position(|seat| seat.upstream.name.as_str() == name);
        exact.or_else(|| {
            let vendor = vendor(name)?;
            self.seats.iter().position(|seat| seat.upstream.kind == vendor)
        })
    }
}

/// Where a model at an upstream comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// The upstream's own `models`.
    Configured,
    /// The catalog.
    Listed,
    /// Nobody lists it, but it has a price: it is served where the caller names the upstream.
    WhereNamed,
}

impl Upstream {
    pub(super) fn place(&self) -> Place<'_> {
        Place { upstream: &self.name, kind: self.kind, region: self.region.as_deref() }
    }
}

impl Route {
    /// `None` without a price.
    fn of(upstream: &Upstream, served: &ServedModel, model: &Model) -> Option<Route> {
        Some(Route {
            upstream: upstream.name.clone(),
            kind: upstream.kind,
            model: served.model.clone(),
            wire_model: served.wire_name.clone(),
            price: model.price.clone()?,
            window: model.window,
            max_output: model.max_output,
            default_output_bound: model.default_output_bound,
            abilities: model.abilities,
            efforts: model.efforts,
        })
    }
}

/// A vendor by name or alias.
pub(super) fn vendor(name: &str) -> Option<ProviderKind> {
    ProviderKind::parse(name).filter(|kind| *kind != ProviderKind::OpenAiCompatible)
}

/// Whether some vendor has that model, configured here or not: such an equivalent may wait for its key.
pub(super) fn is_vendors(name: &str) -> bool {
    let bare = match name.split_once('/') {
        Some((prefix, rest)) if vendor(prefix).is_some() => rest,
        _ => name,
    };
    ProviderKind::VENDORS.iter().any(|kind| Catalog::builtin_names(*kind).contains(&bare))
}

fn region_mistake(upstream: &Upstream) -> Option<RoutingMistake> {
    let region = upstream.region.as_ref()?;
    let known = Catalog::regions(upstream.kind);
    (!known.contains(&region.as_str())).then(|| RoutingMistake::UnknownRegion {
        upstream: upstream.name.clone(),
        region: region.clone(),
        known: known.join(", "),
    })
}

/// The route of the configured default, else of the first listed model, else of the vendor's usual one.
fn default_route(
    upstream: &Upstream,
    names: &HashMap<String, RouteId>,
    routes: std::ops::Range<RouteId>,
) -> Result<Option<RouteId>, RoutingMistake> {
    if let Some(model) = &upstream.default_model {
        let found = names.get(model.as_str()).copied().map(Some);
        return found.ok_or_else(|| RoutingMistake::DefaultNotServed {
            upstream: upstream.name.clone(),
            model: model.clone(),
        });
    }
    if !upstream.models.is_empty() {
        return Ok(routes.clone().next());
    }
    Ok(usual_model(upstream.kind).and_then(|name| names.get(name).copied()))
}

/// The model that a vendor answers with where nothing names one.
fn usual_model(kind: ProviderKind) -> Option<&'static str> {
    match kind {
        ProviderKind::Anthropic => Some("claude-opus-4-6"),
        ProviderKind::OpenAi => Some("gpt-4o"),
        ProviderKind::Gemini => Some("gemini-2.5-pro"),
        ProviderKind::AzureOpenAi | ProviderKind::OpenAiCompatible => None,
    }
}
