//! What a record owes to the budgets: with it the trail is the ledger's outbox, and whoever reads a record can
//! settle it as its owner would have.

use serde::{Deserialize, Serialize};

use super::named::{Few, Named};
use crate::money::NanoUsd;

/// Of a request that a budget was asked for. Its cost is the record's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Served from the local allowance while the store was away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unreserved: bool,
    /// Attempts that cost something, in their order. The last one is that under which the request is counted: it
    /// answered, or else was the first candidate.
    #[serde(default)]
    pub shares: Few<Share, 33>,
}

/// What one attempt took of the budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub provider: Named,
    pub model: Named,
    /// As they were charged: reported, or estimated.
    #[serde(default)]
    pub input_tokens: u64,
    #[serde(default)]
    pub output_tokens: u64,
    pub cost_usd: NanoUsd,
}
