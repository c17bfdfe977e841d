//! Who can serve a request, and in which order.
//!
//! A **route** is a model at an upstream. [`Router`] knows all of them, made once from the configuration;
//! [`Router::plan`] turns what a caller asks into an ordered list of candidates. Pure: whether a candidate
//! is healthy is asked later, of its gate.
//!
//! | file | holds |
//! |---|---|
//! | [`router`](Router) | the routes and the order among them |
//! | [`plan`](Router::plan) | a request's candidates, or why there are none |
//! | `fit` | whether a route can do what is asked |
//! | `error` | what stands in the way, said to the caller or the operator |

mod error;
mod fit;
mod plan;
mod router;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use error::{NotServed, PlanError, RoutingMistake};
pub use router::Router;

use crate::catalog::{Abilities, Efforts, Price};
use crate::conversation::Needs;
use crate::ids::{ModelName, ProviderKind, UpstreamName};

/// An upstream as the configuration describes it.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub name: UpstreamName,
    pub kind: ProviderKind,
    /// Absent: the first of `models`, else the vendor's usual one.
    pub default_model: Option<ModelName>,
    /// Azure: its deployments; a compatible server: the models it serves. Empty for the other vendors:
    /// all that the catalog has of theirs.
    pub models: Vec<ServedModel>,
    /// Chooses among the catalog's price lists.
    pub region: Option<String>,
}

/// A model under the name that its upstream knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedModel {
    /// Azure: the deployment.
    pub wire_name: String,
    /// The catalog's name. Azure: the deployment's base model.
    pub model: ModelName,
}

/// A model at an upstream, with all that a call and its price need.
#[derive(Clone, Debug)]
pub struct Route {
    pub upstream: UpstreamName,
    pub kind: ProviderKind,
    /// The catalog's name.
    pub model: ModelName,
    /// The upstream's own name for it; Azure's deployment.
    pub wire_model: String,
    pub price: Price,
    /// Tokens; `None` where it is not listed.
    pub window: Option<u64>,
    /// Tokens.
    pub max_output: u64,
    /// Tokens, where the caller names no bound; at most `max_output`.
    pub default_output_bound: u64,
    pub abilities: Abilities,
    pub efforts: Efforts,
}

/// Whether another than the first candidate may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    On,
    Off,
}

/// What may follow where a model is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Each upstream's default model: the native dialect, whose answer says what served it.
    Defaults,
    /// That model and its configured equivalents.
    NamedOnly,
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub provider: Option<&'a str>,
    /// May carry its upstream in front, `anthropic/claude-opus-4-6`.
    pub model: Option<&'a str>,
    pub fallback: Fallback,
    pub tail: Tail,
    /// UTF-8 bytes of all that the model would read.
    pub prompt_bytes: u64,
    /// Tokens, the caller's own bound.
    pub max_output: Option<u64>,
    /// What the model must be able to do.
    pub needs: Needs,
}

/// A route that may serve the request.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Index in priority order.
    pub upstream: usize,
    pub route: Arc<Route>,
    /// Tokens: the bound to send upstream.
    pub output_bound: u64,
    /// The bound is ours: the caller gave none, or one that the model can't reach.
    pub output_was_bounded: bool,
}
