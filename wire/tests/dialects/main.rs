//! Every chat exchange that was recorded from a provider passes: its answer decodes and says what an
//! independent reading of the JSON says, however its stream is cut; its request is taken or refused for a
//! known reason, goes to every other provider that can carry it, and breaks none of that provider's rules;
//! its answer is written for callers of each dialect in a form that their SDKs read; and what is broken is
//! told as broken.
//!
//! The recordings lie outside the repository: `GATEWAY_SHARED_DATA` names the folder that holds
//! `wire/<provider>/*.json`. Without it the few fixtures beside this folder are read.
//!
//! | module | holds |
//! |---|---|
//! | [`cases`] | the files |
//! | [`reading`] | what an answer says, read plainly and without the codecs |
//! | [`answers`] | answers decode, whole and streamed, cut anywhere |
//! | [`requests`], [`rules`] | requests go on to the other providers, within their rules |
//! | [`callers`], [`shapes`] | answers as callers get them |
//! | [`broken`] | answers that are damaged |
//! | [`features`], [`compatibility`] | `docs/compatibility.md` |
//! | [`snapshots`] | one rich input for each target |
//! | [`side`] | embeddings and counts of tokens |
//! | [`table`] | every file is counted |
//! | [`targets`] | the providers behind one planner |

#![allow(clippy::panic, clippy::print_stdout, reason = "a test: it fails by panics and prints its table")]

mod answers;
mod broken;
mod callers;
mod cases;
mod compatibility;
mod features;
mod reading;
mod requests;
mod rules;
mod shapes;
mod side;
mod snapshots;
mod table;
mod targets;

use gateway_wire::Outbound;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::azure::AzureOpenAi;
use gateway_wire::gemini::Gemini;
use gateway_wire::openai_chat::OpenAiChat;

/// Folders of the recordings, and the codec of each.
const PROVIDERS: [(&str, &(dyn Outbound + Sync)); 5] = [
    ("anthropic", &AnthropicMessages),
    ("gemini", &Gemini),
    ("azure", &AzureOpenAi),
    ("openai", &OpenAiChat),
    ("openai_compatible", &OpenAiChat),
];

fn codec(provider: &str) -> &'static dyn Outbound {
    let found = PROVIDERS.iter().find(|(name, _)| *name == provider);
    found.expect("one of the folders").1
}
