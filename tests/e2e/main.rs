//! End to end: the real binary, simulated providers over real HTTP, and callers as they are. Nothing of
//! the gateway's own code is used here.
//!
//! | module | shows |
//! |---|---|
//! | [`gateway`], [`client`] | the process under test; requests and answers |
//! | [`fallback`] | who answers when upstreams fail, breakers, what a caller is told |
//! | [`streams`] | what a stream looks like when its upstream, or its caller, breaks off |
//! | [`pings`] | an upstream that is slow but alive |
//! | [`shutdown`] | SIGTERM |
//! | [`dialects`] | each provider in each dialect: text, usage, cost, headers; TLS |
//! | [`identity`] | who may call what, before a body is read |
//! | [`inputs`] | requests that are wrong, and what their callers are told |
//! | [`budgets`], [`shared_budgets`] | what teams may spend: one gateway, two on one Redis |
//! | [`audit`] | the audit trail: command line, newest records |
//! | [`config`] | the command line and mistakes in the configuration |
//! | [`sdk_tools`] | tools, schemas, images and reasoning with the SDKs of three makers |
//! | [`sdk`] | the official SDKs against the demo |
//! | [`tools`] | tools, images, schemas and thinking, to each provider |
//! | [`records`] | one record of each request |
//! | [`personal_data`] | personal data stays inside, and comes back |
//! | [`guard`] | attacks on the model are seen, and refused where a team wants it |
//! | [`leaks`] | no secret and no prompt text in logs or errors |

#![expect(clippy::panic, reason = "a test fails by a panic, in its harness too")]

mod audit;
mod budgets;
mod client;
mod config;
mod dialects;
mod fallback;
mod gateway;
mod guard;
mod identity;
mod inputs;
mod leaks;
mod personal_data;
mod pings;
mod records;
mod sdk;
mod sdk_tools;
mod shared_budgets;
mod shutdown;
mod streams;
mod tools;
