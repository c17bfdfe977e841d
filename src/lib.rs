//! The gateway's front: HTTP, configuration, identity, and the walk of a request.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the commands |
//! | [`assembly`] | where parts are made and joined, and taken apart again |
//! | [`gateway`] | the parts that every request uses |
//! | [`budget`] | what the budgets need of the rest |
//! | [`pipeline`] | the walk |
//! | [`http`] | the door |
//! | [`guards`] | which guard covers which endpoint |
//! | [`identity`] | who calls |
//! | [`config`] | what was configured |
//! | [`metrics`] | what operators measure |
//! | [`state`] | what is kept in the state directory |
//! | [`logging`] | how lines are written |
//! | [`demo`] | the gateway on simulated upstreams |

pub mod assembly;
pub mod budget;
pub mod cli;
pub mod config;
pub mod demo;
pub mod gateway;
pub mod guards;
pub mod http;
pub mod identity;
pub mod logging;
pub mod metrics;
pub mod pipeline;
pub mod state;
