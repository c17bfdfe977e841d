//! The models: what each costs, how much it can read and write, what it can do.
//!
//! Built in is the vendors' table (`prices.toml`, made by `convert.py`); the configuration lays its
//! `[models."NAME"]` over it. Which upstream serves a model is `routing`'s question.

mod bound;
mod facts;
mod price;
mod table;
#[cfg(test)]
mod tests;
mod tokenizer;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use bound::{Bound, Prompt, bound};
pub use facts::{Abilities, Ability, Effort, Efforts, Fact, Facts};
pub use price::{ListedRates, LongContext, Price, Rates, ServiceTier, cost};
pub use table::Mode;
pub use tokenizer::Tokenizer;

use crate::ids::{ModelName, ProviderKind, UpstreamName};
use table::{Row, Table};

/// Output tokens where neither the caller nor the catalog bounds them.
const DEFAULT_OUTPUT: u64 = 8_192;
/// The same for models that think before they speak: thinking counts as output.
const DEFAULT_REASONING_OUTPUT: u64 = 16_384;

/// Every model that is known here. Cheap to clone.
#[derive(Clone, Default)]
pub struct Catalog {
    overrides: Arc<BTreeMap<String, Override>>,
}

/// One model at one place.
#[derive(Clone, Debug)]
pub struct Model {
    pub name: ModelName,
    pub mode: Mode,
    /// Region's factor included. `None`: not listed, so a budget can't let it pass.
    pub price: Option<Price>,
    /// Tokens; `None` where it is not listed.
    pub window: Option<u64>,
    /// Tokens.
    pub max_output: u64,
    /// Tokens, for a caller that names no bound; at most `max_output`.
    pub default_output_bound: u64,
    pub abilities: Abilities,
    pub efforts: Efforts,
    /// Names (perhaps prefixed) of models that may answer in this one's place.
    pub equivalents: Vec<String>,
}

/// `[models."NAME"]` of the configuration: each field that is given replaces the catalog's.
#[derive(Clone, Debug, Default)]
pub struct Override {
    /// Which kind of call it answers, where the catalog does not know it.
    pub mode: Option<Mode>,
    /// One flat price: long-context steps, service tiers and the region's factor fall away with the
    /// listed price.
    pub price: Option<ListedRates>,
    pub window: Option<u64>,
    pub max_output: Option<u64>,
    pub default_output_bound: Option<u64>,
    pub equivalents: Option<Vec<String>>,
    pub abilities: Vec<(Ability, bool)>,
}

/// Where a model is served.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub upstream: &'a UpstreamName,
    pub kind: ProviderKind,
    /// A price list of that provider (Azure `eu`, `us` …), or a region with a factor on the prices.
    pub region: Option<&'a str>,
}

impl Catalog {
    /// The table that is compiled in.
    pub fn builtin() -> Catalog {
        Catalog::default()
    }

    /// The same with the configuration's `[models]`, by name as written there: a bare model name, or one
    /// with an upstream or vendor in front (`azure_openai/gpt-4o`), which holds there alone and wins.
    #[must_use]
    pub fn with(self, overrides: impl IntoIterator<Item = (String, Override)>) -> Catalog {
        let mut all = (*self.overrides).clone();
        all.extend(overrides);
        Catalog { overrides: Arc::new(all) }
    }

    /// What is known of that model at that place. A region without a list of its own for this model has
    /// the default list's price, times the region's factor where the table names one.
    pub fn find(&self, place: Place<'_>, model: &str) -> Option<Model> {
        let row = Table::builtin().row(place.kind, place.region, model);
        let layers: Vec<_> = self.layers(place, model).collect();
        let is_known = row.is_some() || !layers.is_empty();
        is_known.then(|| Model::join(model, row.unwrap_or_default(), place.region, &layers))
    }

    /// Every name that this place serves by the table, or by an override with its own prefix.
    pub fn names<'a>(&'a self, place: Place<'a>) -> impl Iterator<Item = &'a str> {
        let prefixed = self.overrides.keys().filter_map(move |key| {
            let name = place.strip_prefix(key)?;
            (!Catalog::builtin_names(place.kind).contains(&name)).then_some(name)
        });
        Catalog::builtin_names(place.kind).iter().copied().chain(prefixed)
    }

    /// Every name that the table has of that provider.
    pub fn builtin_names(kind: ProviderKind) -> &'static [&'static str] {
        Table::builtin().names(kind)
    }

    /// The names of `[models]` as they are written in the configuration.
    pub fn override_names(&self) -> impl Iterator<Item = &str> {
        self.overrides.keys().map(String::as_str)
    }

    /// The regions that have a price list of their own, or a factor, with that provider.
    pub fn regions(kind: ProviderKind) -> Vec<&'static str> {
        let table = Table::builtin();
        let factors = table.names(kind).iter().filter_map(|name| table.row(kind, None, name));
        let factors = factors.flat_map(|row| row.factors).map(|(region, _)| region);
        let mut regions: Vec<_> = table.regions(kind).chain(factors).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }

    /// The overrides for one model at one place, the most specific last.
    fn layers<'a>(&'a self, place: Place<'a>, model: &'a str) -> impl Iterator<Item = &'a Override> {
        let bare = self.overrides.get(model);
        let by = move |prefix: &str| self.overrides.get(&format!("{prefix}/{model}"));
        let upstream = place.upstream.as_str();
        let kind = [place.kind.alias(), Some(place.kind.name())].into_iter().flatten();
        let kind = kind.filter(move |word| *word != upstream).filter_map(by);
        bare.into_iter().chain(kind).chain(by(upstream))
    }
}

impl<'a> Place<'a> {
    /// `NAME` of `upstream/NAME` or `vendor/NAME`.
    fn strip_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let (prefix, name) = key.split_once('/')?;
        let is_here = prefix == self.upstream.as_str() || ProviderKind::parse(prefix) == Some(self.kind);
        is_here.then_some(name)
    }
}

impl Model {
    /// The row with the layers over it, the last on top.
    fn join(name: &str, row: Row, region: Option<&str>, layers: &[&Override]) -> Model {
        let factor = row.factors.iter().find(|(listed, _)| Some(*listed) == region);
        let listed = match factor {
            Some((_, thousandths)) => row.price.map(|price| price.times(*thousandths)),
            None => row.price,
        };
        let web_search = listed.as_ref().and_then(|price| price.web_search);
        let flat = |rates: ListedRates| Price { web_search, ..Price::flat(rates.complete()) };
        let mut abilities = row.abilities;
        for (ability, truth) in layers.iter().flat_map(|layer| &layer.abilities) {
            abilities.learn(*ability, *truth);
        }
        let max_output = top(layers, |layer| layer.max_output).or(row.max_output).unwrap_or(DEFAULT_OUTPUT);
        let usual = match abilities.known(Ability::Reasoning) {
            Some(true) => DEFAULT_REASONING_OUTPUT,
            _ => DEFAULT_OUTPUT,
        };
        let default_output_bound = top(layers, |layer| layer.default_output_bound).unwrap_or(usual);
        Model {
            name: ModelName::new(name),
            mode: top(layers, |layer| layer.mode).unwrap_or(row.mode),
            price: top(layers, |layer| layer.price).map(flat).or(listed),
            window: top(layers, |layer| layer.window).or(row.window),
            max_output,
            default_output_bound: default_output_bound.min(max_output),
            abilities,
            efforts: row.efforts,
            equivalents: top(layers, |layer| layer.equivalents.clone()).unwrap_or_default(),
        }
    }
}

/// A field of the topmost layer that gives it.
fn top<T>(layers: &[&Override], field: impl Fn(&Override) -> Option<T>) -> Option<T> {
    layers.iter().rev().find_map(|layer| field(layer))
}
