//! Fake upstreams of OpenAI, Azure OpenAI, Anthropic and Gemini, and a fake SIEM, over real HTTP, all on one
//! port: for the demo, for tests and for benchmarks. It shares no code with the gateway: requests are checked
//! and answers written as the providers do it, by hand, so that a mistake on the gateway's side can't cancel out.
//!
//! | path | key in | |
//! |---|---|---|
//! | `POST /v1/chat/completions`, `GET /v1/models` | `authorization: Bearer` | OpenAI |
//! | `POST /openai/deployments/{d}/chat/completions?api-version=…` | `api-key` | Azure OpenAI |
//! | `POST /v1/messages`, `/v1/messages/count_tokens` | `x-api-key` | Anthropic |
//! | `POST /v1beta/models/{m}:generateContent`, `…:streamGenerateContent?alt=sse` | `x-goog-api-key` | Gemini |
//! | `POST /v1/embeddings`, `/openai/deployments/{d}/embeddings`, `…:batchEmbedContents`, `…:countTokens` | likewise | OpenAI, Azure, Gemini |
//!
//! Each answers JSON and SSE, and refuses what the provider would refuse in the provider's own envelope. Any
//! key works but `bad-key` (and those of [`SimulatorOptions::refused_keys`]); any model exists whose name does
//! not contain `does-not-exist`.
//!
//! **The answer depends on the last user text alone**, and never repeats it:
//!
//! | the text contains | the answer |
//! |---|---|
//! | `say: XYZ` | exactly XYZ, up to the end of the line; also as the strings of tool arguments and JSON |
//! | `words: N` | N words |
//! | `think: N` | N reasoning tokens, where the model thinks (64 otherwise, at most half of the limit) |
//! | `weather` | with tools: a call of the first one (of the first two with `both`) |
//! | else | one of twelve paragraphs |
//!
//! Tools that `tool_choice` requires are called; a JSON schema gets an object that fits it. Limits, stop
//! sequences and usage (four characters a token) are kept.
//!
//! **Faults** are [`Rule`]s, set by [`Faults`] or over HTTP: `POST /__set` (a rule or an array of them),
//! `POST /__reset`, `GET /__stats`, `GET /__requests`.
//!
//! ```sh
//! curl localhost:9000/__set -d '{"provider":"openai","failure":{"status":{"code":503}},"when":{"every":5}}'
//! curl localhost:9000/__set -d '{"provider":"anthropic","failure":{"cut":"after_content"},"gap_ms":20}'
//! curl localhost:9000/__set -d '{"failure":{"stall":{"events":3}},"latency_ms":200}'
//! ```
//!
//! **A SIEM** takes records at `/services/collector/event` (Splunk), `/_bulk` and `/{index}/_bulk` (Elastic),
//! `/api/v2/logs` (Datadog) and `/hook`, keeps them, and fails by a [`SiemFault`]: `POST /__siem` sets one, `null`
//! mends, `GET /__siem` counts.
//!
//! In a program:
//!
//! ```no_run
//! # async fn shown() -> std::io::Result<()> {
//! use gateway_simulator::{Provider, Rule, Simulator, SimulatorOptions, When};
//! let simulator = Simulator::start(SimulatorOptions::default())?;
//! simulator.faults().set(Rule::status(503).on(Provider::OpenAi).when(When::First(2)));
//! assert_eq!(simulator.faults().stats().providers["openai"].failed, 0);
//! simulator.stop().await
//! # }
//! ```

mod answer;
mod ask;
mod control;
mod dialect;
mod faults;
mod playback;
mod provider;
mod schema;
mod server;
mod service;
mod siem;
mod traffic;

pub use faults::{Failure, Point, Rule, When};
pub use provider::Provider;
pub use server::{Faults, Running, Simulator, SimulatorOptions};
pub use siem::{Siem, SiemFault, SiemStats, Taken};
pub use traffic::{Captured, ProviderStats, Stats};
