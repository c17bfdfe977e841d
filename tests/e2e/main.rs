//! End to end: the real binary, simulated providers over real HTTP, and callers as they are. Nothing of
//! the gateway's own code is used here.
//!
//! | module | shows |
//! |---|---|
//! | [`gateway`], [`client`] | the process under test; requests and answers |
//! | [`routing`] | who answers where the gateway chooses, and who may use which models |
//! | [`fallback`] | who answers when upstreams fail, breakers, what a caller is told |
//! | [`streams`] | what a stream looks like when its upstream, or its caller, breaks off |
//! | [`pings`] | an upstream that is slow but alive |
//! | [`shutdown`] | SIGTERM |
//! | [`dialects`] | each provider in each dialect: text, usage, cost, headers; TLS |
//! | [`embeddings`], [`count_tokens`] | vectors and counts, to each provider that makes them |
//! | [`matrix`] | every dialect, delivery and provider: leaks, money, the record |
//! | [`messages`] | what is Anthropic's own: an agent's requests, thinking, its headers |
//! | [`identity`] | who may call what, before a body is read |
//! | [`inputs`] | requests that are wrong, and what their callers are told |
//! | [`budgets`], [`shared_budgets`] | what teams may spend: one gateway, two on one Redis |
//! | [`bounds`] | requests that their bytes are too many for, and their tokens are not |
//! | [`tags`] | usage by what callers tag their requests with |
//! | [`limits`] | limits set on the command line; who was told to come back later |
//! | [`chaos`] | three gateways on one Redis while processes die: the bill keeps to the limit |
//! | [`keys`] | keys that administrators make, share and revoke |
//! | [`replicas`] | two on one Redis behind one address: the suites of money and audit once more, and a death |
//! | [`alerts`] | who is told that a budget is nearly used up |
//! | [`audit`] | the audit trail: command line, newest records |
//! | [`full_disk`] | no room for the trail |
//! | [`metrics`], [`exposition`] | metrics, and whether they agree with trail and ledger; a reader of OpenMetrics |
//! | [`prometheus`] | the dashboard and the alert rules that are made of them |
//! | [`config`] | the command line and mistakes in the configuration |
//! | [`deploy`] | `deploy/`: image, compose file, chart, unit |
//! | [`events`] | what changes, told as it changes |
//! | [`dashboard`] | the operators' page in a real browser |
//! | [`sdk_tools`] | tools, schemas, images and reasoning with the SDKs of three makers |
//! | [`sdk`] | the official SDKs against the demo |
//! | [`sdk_anthropic`] | Anthropic's own |
//! | [`sdk_frameworks`] | frameworks that callers build on |
//! | [`tools`] | tools, images, schemas and thinking, to each provider |
//! | [`records`], [`endings`] | one record of each request; what it says, whichever way it ended |
//! | [`siem`] | the trail delivered to a SIEM, be it away, be the gateway killed |
//! | [`personal_data`] | personal data stays inside, and comes back |
//! | [`guard`] | attacks on the model are seen, and refused where a team wants it |
//! | [`leaks`] | no secret and no prompt text in logs or errors |

#![expect(clippy::panic, reason = "a test fails by a panic, in its harness too")]

mod alerts;
mod audit;
mod bounds;
mod budgets;
mod chaos;
mod client;
mod config;
mod count_tokens;
mod dashboard;
mod deploy;
mod dialects;
mod embeddings;
mod endings;
mod events;
mod exposition;
mod fallback;
mod full_disk;
mod gateway;
mod guard;
mod identity;
mod inputs;
mod keys;
mod leaks;
mod limits;
mod matrix;
mod memory;
mod messages;
mod metrics;
mod personal_data;
mod pings;
mod prometheus;
mod records;
mod replicas;
mod routing;
mod sdk;
mod sdk_anthropic;
mod sdk_frameworks;
mod sdk_tools;
mod shared_budgets;
mod shutdown;
mod siem;
mod streams;
mod tags;
mod tools;
