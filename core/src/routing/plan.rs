//! From what a caller asks to an ordered list of candidates.

use std::sync::Arc;

use super::error::{NotServed, PlanError, shown};
use super::fit::lacks;
use super::router::{Chain, Entry, RouteId, Router, vendor};
use super::{Ask, Candidate, Fallback, Route, Tail};
use crate::catalog::Mode;

/// Text has about four bytes a token, rarely more than six: at eight it is surely too long. Whether a
/// shorter one fits, only the provider can say.
const BYTES_PER_TOKEN_AT_MOST: u64 = 8;

/// What the caller's words point at.
enum Named<'a> {
    Route(RouteId),
    Model(&'a Chain),
}

impl Router {
    /// The candidates in the order in which they are to be tried: at least one, none twice.
    ///
    /// # Errors
    /// See [`PlanError`]: the words point at nothing, or at nothing that could take the prompt.
    pub fn plan(&self, ask: &Ask<'_>) -> Result<Vec<Candidate>, PlanError> {
        let mut order = self.order(ask)?;
        if ask.fallback == Fallback::Off {
            // Before the window test: another model is never the first choice just because it fits.
            order.truncate(1);
        }
        let lacking = order.first().and_then(|id| lacks(&self.routes[*id].route, ask.needs));
        order.retain(|id| lacks(&self.routes[*id].route, ask.needs).is_none());
        if let (true, Some(need)) = (order.is_empty(), lacking) {
            return Err(PlanError::Unable { model: ask.model.map(shown), need });
        }
        let need = ask.prompt_bytes / BYTES_PER_TOKEN_AT_MOST;
        let fitting = order.iter().map(|id| &self.routes[*id]);
        let fitting = fitting.filter(|entry| entry.route.window.is_none_or(|window| need <= window));
        let candidates: Vec<_> =
            fitting.map(|entry| Candidate::new(entry.upstream, &entry.route, ask.max_output)).collect();
        if candidates.is_empty() { Err(self.too_long(&order, need)) } else { Ok(candidates) }
    }

    /// Whether these words point at something that is served, whether or not it could take a certain prompt.
    pub fn knows(&self, provider: Option<&str>, model: &str) -> bool {
        let seat = provider.map(|name| self.configured(name)).transpose();
        seat.and_then(|seat| self.named(seat, provider, model)).is_ok()
    }

    /// Never empty, none twice.
    fn order(&self, ask: &Ask<'_>) -> Result<Vec<RouteId>, PlanError> {
        let seat = ask.provider.map(|name| self.configured(name)).transpose()?;
        let mut order = Vec::with_capacity(8);
        let mut push = |ids: &[RouteId]| {
            for id in ids {
                if !order.contains(id) {
                    order.push(*id);
                }
            }
        };
        let Some(model) = ask.model else {
            if let Some(seat) = seat {
                let own = self.defaults.iter().find(|id| self.routes[**id].upstream == seat);
                push(&[*own.ok_or(PlanError::NoDefault)?]);
            }
            push(&self.defaults);
            return if order.is_empty() { Err(PlanError::NoDefault) } else { Ok(order) };
        };
        let chain = match self.named(seat, ask.provider, model)? {
            Named::Model(chain) => Some(chain),
            Named::Route(id) => {
                push(&[id]);
                let Entry { upstream, route } = &self.routes[id];
                let chain = self.chains.get(&route.model);
                // Another deployment of that upstream is nearer to what was asked than another upstream.
                let own = chain.iter().flat_map(|chain| &chain.own);
                own.filter(|id| self.routes[**id].upstream == *upstream).for_each(|id| push(&[*id]));
                chain
            }
        };
        if let Some(chain) = chain {
            push(&chain.own);
            push(&chain.equivalents);
        }
        if ask.tail == Tail::Defaults {
            push(&self.defaults);
        }
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
