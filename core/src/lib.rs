//! Words and decisions that every other room uses: no IO, no async runtime, no clock of its own.
//!
//! | module | holds |
//! |---|---|
//! | [`conversation`] | the inner form of a request and of an answer, in no dialect |
//! | [`embedding`] | texts that are to become vectors, and the vectors |
//! | [`audit`] | what the audit trail records, and the chain that holds its lines together |
//! | [`usage`] | what an answer consumed, counted once and the same for every provider |
//! | [`finding`] | what was found in a text: kinds of personal data and secrets, and where |
//! | [`fault`] | what can go wrong with an upstream, by what it means for us |
//! | [`breaker`], [`cooldown`] | when an upstream is left alone: it fails, or it asked us to wait |
//! | [`money`] | amounts and prices in integers |
//! | [`catalog`] | the models: prices, windows, abilities; what an answer cost |
//! | [`ledger`] | what teams may spend, have reserved and have spent: the rule that every store obeys |
//! | [`routing`] | who can serve a request, in which order |
//! | [`clock`], [`dice`] | time and chance, as they are handed in |
//! | [`ids`] | names that cannot be mixed up |
//! | [`keys`] | keys that administrators make, and what their store must do |

pub mod audit;
pub mod breaker;
pub mod catalog;
pub mod clock;
pub mod conversation;
pub mod cooldown;
pub mod dice;
pub mod embedding;
pub mod fault;
pub mod finding;
pub mod ids;
pub mod keys;
pub mod ledger;
pub mod money;
pub mod routing;
pub mod usage;
