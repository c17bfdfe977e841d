//! From what a caller asks to an ordered list of candidates.

use std::sync::Arc;

use super::capability::{Auto, Capability, How, RouteReason};
use super::error::{NotServed, PlanError, shown};
use super::fit::lacks;
use super::lists::Resolved;
use super::router::{Chain, Entry, RouteId, Router, vendor};
use super::task::{Rule, classify};
use super::{AUTO, Ask, Candidate, Fallback, Plan, Route, Tail};
use crate::catalog::Mode;

/// Text has about four bytes a token, rarely more than six: at eight it is surely too long. Whether a
/// shorter one fits, only the provider can say.
const BYTES_PER_TOKEN_AT_MOST: u64 = 8;

/// What the caller's words point at.
enum Named<'a> {
    Route(RouteId),
    Model(&'a Chain),
}

/// Routes, none twice.
#[derive(Default)]
struct Order {
    routes: Vec<RouteId>,
    /// How many of the first ones are what was asked for; the rest may only stand in.
    asked: usize,
    reason: Option<RouteReason>,
}

impl Order {
    fn push(&mut self, ids: &[RouteId]) {
        for id in ids {
            if !self.routes.contains(id) {
                self.routes.push(*id);
            }
        }
    }

    fn asked(&mut self, ids: &[RouteId]) {
        self.push(ids);
        self.asked = self.routes.len();
    }
}

impl Router {
    /// The candidates, and why it is these.
    ///
    /// # Errors
    /// See [`PlanError`]: the words point at nothing, at nothing that the caller may use, or at nothing that could
    /// take the prompt.
    pub fn plan(&self, ask: &Ask<'_>) -> Result<Plan, PlanError> {
        let Order { routes: mut order, asked, reason } = self.order(ask)?;
        let is_open = |id: &RouteId| ask.allowed.admits(&self.routes[*id].route);
        if !order.iter().take(asked).any(is_open) {
            return Err(closed(ask));
        }
        order.retain(is_open);
        if ask.fallback == Fallback::Off && reason.is_none() {
            // Before the window test: another model is never the first choice just because it fits.
            order.truncate(1);
        }
        let lacking = order.first().and_then(|id| lacks(&self.routes[*id].route, ask.needs));
        order.retain(|id| lacks(&self.routes[*id].route, ask.needs).is_none());
        if let (true, Some(need)) = (order.is_empty(), lacking) {
            return Err(PlanError::Unable { model: model_in_words(ask), need });
        }
        let need = ask.prompt_bytes / BYTES_PER_TOKEN_AT_MOST;
        let fitting = order.iter().map(|id| &self.routes[*id]);
        let fitting = fitting.filter(|entry| entry.route.window.is_none_or(|window| need <= window));
        let mut candidates: Vec<_> =
            fitting.map(|entry| Candidate::new(entry.upstream, &entry.route, ask.max_output)).collect();
        if candidates.is_empty() {
            return Err(self.too_long(&order, need));
        }
        if ask.fallback == Fallback::Off {
            candidates.truncate(1);
        }
        Ok(Plan { candidates, reason })
    }

    /// Whether these words point at something that is served, whether or not it could take a certain prompt.
    pub fn knows(&self, provider: Option<&str>, model: &str) -> bool {
        let seat = provider.map(|name| self.configured(name)).transpose();
        let is_choice = match Auto::read(model) {
            Some(auto) => auto != Auto::Unknown,
            None => self.lists.aliases.contains_key(model),
        };
        is_choice || seat.and_then(|seat| self.named(seat, provider, model)).is_ok()
    }

    /// At least one route.
    fn order(&self, ask: &Ask<'_>) -> Result<Order, PlanError> {
        let seat = ask.provider.map(|name| self.configured(name)).transpose()?;
        if let Some(capability) = ask.capability {
            return match ask.model {
                None | Some(AUTO) => self.of_capability(ask, seat, capability, None),
                Some(_) => Err(PlanError::CapabilityAndModel),
            };
        }
        let Some(model) = ask.model else { return self.without_model(seat) };
        // Requests for vectors have no such words.
        match Auto::read(model).filter(|_| self.mode == Mode::Chat) {
            Some(Auto::Task) => {
                let classified = ask.conversation.map(|talk| classify(talk, ask.needs, ask.prompt_bytes));
                let rule = classified.unwrap_or(Rule::Plain);
                return self.of_capability(ask, seat, rule.capability(), Some(rule));
            }
            Some(Auto::For(capability)) => return self.of_capability(ask, seat, capability, None),
            Some(Auto::Unknown) => return Err(PlanError::NoSuchCapability { model: shown(model) }),
            None => {}
        }
        if let Some(list) = self.lists.aliases.get(model) {
            return self.of_alias(ask, seat, list);
        }
        self.of_model(ask, seat, model)
    }

    fn without_model(&self, seat: Option<usize>) -> Result<Order, PlanError> {
        let mut order = Order::default();
        if let Some(seat) = seat {
            let own = self.defaults.iter().find(|id| self.routes[**id].upstream == seat);
            order.asked(&[*own.ok_or(PlanError::NoDefault)?]);
            order.push(&self.defaults);
        } else {
            order.asked(&self.defaults);
        }
        if order.routes.is_empty() { Err(PlanError::NoDefault) } else { Ok(order) }
    }

    fn of_model(&self, ask: &Ask<'_>, seat: Option<usize>, model: &str) -> Result<Order, PlanError> {
        let mut order = Order::default();
        let chain = match self.named(seat, ask.provider, model)? {
            Named::Model(chain) => {
                order.asked(&chain.own);
                Some(chain)
            }
            Named::Route(id) => {
                order.asked(&[id]);
                let Entry { upstream, route } = &self.routes[id];
                let chain = self.chains.get(&route.model);
                // Another deployment of that upstream is nearer to what was asked than another upstream.
                let own = chain.iter().flat_map(|chain| &chain.own);
                own.filter(|id| self.routes[**id].upstream == *upstream).for_each(|id| order.push(&[*id]));
                chain
            }
        };
        if let Some(chain) = chain {
            order.push(&chain.own);
            order.push(&chain.equivalents);
        }
        if ask.tail == Tail::Defaults {
            order.push(&self.defaults);
        }
        Ok(order)
    }

    /// Its models, and what may stand in for each; then as for a model that is named.
    fn of_alias(&self, ask: &Ask<'_>, seat: Option<usize>, list: &Resolved) -> Result<Order, PlanError> {
        let mut order = self.listed(ask, seat, list)?;
        for id in list.routes() {
            if let Some(chain) = self.chains.get(&self.routes[id].route.model) {
                order.push(&chain.equivalents);
            }
        }
        if ask.tail == Tail::Defaults {
            order.push(&self.defaults);
        }
        order.reason = Some(RouteReason { how: How::Alias, split: list.is_split() });
        Ok(order)
    }

    /// The capability's list. Where a rule found it out, the defaults too: the caller left the choice to us.
    fn of_capability(
        &self,
        ask: &Ask<'_>,
        seat: Option<usize>,
        capability: Capability,
        rule: Option<Rule>,
    ) -> Result<Order, PlanError> {
        let list = self.lists.capabilities.get(&capability).filter(|list| !list.is_empty());
        let mut order = match (list, rule) {
            (Some(list), None) => self.listed(ask, seat, list)?,
            (Some(list), Some(_)) => self.listed(ask, seat, list).or_else(|_| self.without_model(seat))?,
            (None, Some(_)) => self.without_model(seat)?,
            (None, None) => return Err(PlanError::NothingListed(capability)),
        };
        let how = match rule {
            Some(rule) => {
                order.asked(&self.defaults);
                How::Auto(capability, rule)
            }
            None => How::Capability(capability),
        };
        let split = list.is_some_and(Resolved::is_split);
        order.reason = Some(RouteReason { how, split });
        Ok(order)
    }

    /// A list in its order, that upstream's own first where one is named.
    fn listed(&self, ask: &Ask<'_>, seat: Option<usize>, list: &Resolved) -> Result<Order, PlanError> {
        let drawn = list.drawn(ask.roll);
        let (own, others): (Vec<_>, Vec<_>) =
            drawn.into_iter().partition(|id| seat.is_none_or(|seat| self.routes[*id].upstream == seat));
        let mut order = Order::default();
        if own.is_empty() {
            let provider = ask.provider.map(shown).unwrap_or_default();
            return Err(PlanError::NothingThere { provider, wanted: wanted(ask) });
        }
        order.asked(&own);
        order.push(&others);
        Ok(order)
    }

    /// A slash may part an upstream from its model, or belong to the model's name.
    fn named(
        &self,
        seat: Option<usize>,
        provider: Option<&str>,
        model: &str,
    ) -> Result<Named<'_>, PlanError> {
        if let Some(id) = seat.and_then(|seat| self.seats[seat].names.get(model)) {
            return Ok(Named::Route(*id));
        }
        let bare = || self.chains.get(model).filter(|chain| !chain.own.is_empty()).map(Named::Model);
        let Some((prefix, rest)) = model.split_once('/') else {
            return match seat {
                Some(seat) => Err(self.not_served_by(seat, model)),
                None => bare().ok_or_else(|| self.not_served(model)),
            };
        };
        match (seat, provider, self.seat_named(prefix)) {
            (Some(seat), _, Some(prefixed)) if seat == prefixed => self.served_by(seat, rest),
            (Some(_), Some(provider), prefixed) if prefixed.is_some() || vendor(prefix).is_some() => {
                Err(PlanError::Contradiction { provider: shown(provider), prefix: shown(prefix) })
            }
            (Some(seat), ..) => Err(self.not_served_by(seat, model)),
            // A server may list a model under another vendor's prefix, which counts where that has no such model.
            (None, _, Some(prefixed)) => self.served_by(prefixed, rest).or_else(|error| bare().ok_or(error)),
            (None, _, None) if vendor(prefix).is_some() => bare().ok_or_else(|| self.unconfigured(prefix)),
            (None, _, None) => bare().ok_or_else(|| self.not_served(model)),
        }
    }

    fn served_by(&self, seat: usize, model: &str) -> Result<Named<'_>, PlanError> {
        let route = self.seats[seat].names.get(model);
        route.map(|id| Named::Route(*id)).ok_or_else(|| self.not_served_by(seat, model))
    }

    fn configured(&self, provider: &str) -> Result<usize, PlanError> {
        self.seat_named(provider).ok_or_else(|| self.unconfigured(provider))
    }

    fn unconfigured(&self, provider: &str) -> PlanError {
        let names: Vec<_> = self.seats.iter().map(|seat| seat.upstream.name.as_str()).collect();
        PlanError::ProviderNotFound { provider: shown(provider), configured: names.join(", ") }
    }

    /// Why that upstream has no route for the model.
    fn not_served_by(&self, seat: usize, model: &str) -> PlanError {
        let upstream = &self.seats[seat].upstream;
        let mode = self.catalog.find(upstream.place(), model).map(|known| known.mode);
        match mode.unwrap_or(self.mode) {
            mode if mode == self.mode && upstream.models.is_empty() => {
                PlanError::Unpriced { upstream: upstream.name.clone(), model: shown(model) }
            }
            mode if mode == self.mode => not_found(model, NotServed::Unknown),
            _ if self.mode == Mode::Embedding => not_found(model, NotServed::NotEmbedding),
            other => not_found(model, NotServed::NotChat(other)),
        }
    }

    /// Why no upstream has a route for the model.
    fn not_served(&self, model: &str) -> PlanError {
        if self.chains.contains_key(model) {
            return not_found(model, NotServed::WhereNamed);
        }
        let known = |seat: &usize| self.catalog.find(self.seats[*seat].upstream.place(), model).is_some();
        let seat = (0..self.seats.len()).find(known);
        seat.map_or_else(|| not_found(model, NotServed::Unknown), |seat| self.not_served_by(seat, model))
    }

    fn too_long(&self, order: &[RouteId], need: u64) -> PlanError {
        let routes = order.iter().map(|id| &self.routes[*id].route);
        let widest =
            routes.max_by_key(|route| route.window.unwrap_or(u64::MAX)).expect("an order is never empty");
        PlanError::TooLong { model: widest.model.clone(), need, window: widest.window.unwrap_or(u64::MAX) }
    }
}

/// Why nothing that was asked for is open to the caller.
fn closed(ask: &Ask<'_>) -> PlanError {
    match ask.model {
        Some(model) if ask.capability.is_none() && Auto::read(model).is_none() => {
            not_found(model, NotServed::NotAllowed)
        }
        _ => PlanError::NoneAllowed { wanted: wanted(ask) },
    }
}

/// The model as a refusal names it.
fn model_in_words(ask: &Ask<'_>) -> Option<String> {
    let capability = ask.capability.map(|capability| format!("{AUTO}:{}", capability.word()));
    capability.or_else(|| ask.model.map(shown))
}

/// What was asked for, in the caller's own words.
fn wanted(ask: &Ask<'_>) -> String {
    match (ask.capability, ask.model) {
        (Some(capability), _) => format!("`capability` {}", capability.word()),
        (None, Some(model)) => format!("`model` {}", shown(model)),
        (None, None) => "requests that name none".to_owned(),
    }
}

fn not_found(model: &str, why: NotServed) -> PlanError {
    PlanError::ModelNotFound { model: shown(model), why }
}

impl Candidate {
    fn new(upstream: usize, route: &Arc<Route>, asked: Option<u64>) -> Candidate {
        let output_bound = asked.unwrap_or(route.default_output_bound).min(route.max_output);
        let output_was_bounded = asked != Some(output_bound);
        Candidate { upstream, route: Arc::clone(route), output_bound, output_was_bounded }
    }
}
