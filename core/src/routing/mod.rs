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
//! | `capability`, `task` | what is wanted instead of a model, and what a conversation is about |
//! | `lists` | aliases, splits, and what serves each capability |
//! | `allow` | which models a team or a key may use |
//! | `fit` | whether a route can do what is asked |
//! | `tier` | under which terms it is asked to, and what it may bill |
//! | `error` | what stands in the way, said to the caller or the operator |

mod allow;
mod capability;
mod error;
mod fit;
mod lists;
mod plan;
mod router;
mod task;
#[cfg(test)]
mod tests;
mod tier;

use std::sync::Arc;

pub use allow::{AllowList, Allowed};
pub use capability::{AUTO, Capability, How, RouteReason, is_reserved};
pub use error::{NotServed, PlanError, RoutingMistake};
pub use lists::{Choices, List, Share, Step};
pub use router::Router;
pub use task::Rule;

use crate::catalog::{Abilities, Efforts, Price};
use crate::conversation::{Conversation, Needs};
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

/// What a caller asks for, and may have.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub provider: Option<&'a str>,
    /// May carry its upstream in front, `anthropic/claude-opus-4-6`.
    /// `auto` and `auto:CAPABILITY` leave the choice to the gateway, an alias to the configuration.
    pub model: Option<&'a str>,
    /// As `auto:CAPABILITY`; beside it `model` may say `auto` alone.
    pub capability: Option<Capability>,
    pub fallback: Fallback,
    pub tail: Tail,
    /// UTF-8 bytes of all that the model would read.
    pub prompt_bytes: u64,
    /// Tokens, the caller's own bound.
    pub max_output: Option<u64>,
    /// What the model must be able to do.
    pub needs: Needs,
    /// What `auto` is classified by. `None` where there is none to read: then it is a plain request.
    pub conversation: Option<&'a Conversation>,
    pub allowed: Allowed<'a>,
    /// One roll of the dice, for splits.
    pub roll: u64,
}

/// Who is to be tried.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In the order in which they are to be tried: at least one, none twice.
    pub candidates: Vec<Candidate>,
    /// `None` where the caller's own words said it.
    pub reason: Option<RouteReason>,
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
