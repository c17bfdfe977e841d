//! What replicas share: the ledger on Redis. It answers as core's rule does, question by question, in one
//! script each; Redis's own clock is the ledger's.
//!
//! | file | holds |
//! |---|---|
//! | `ledger` | the [`RedisLedger`]: questions out, answers back, each team known to all replicas |
//! | `connection` | where Redis is: one server, behind Sentinels, a Cluster; what is lost and found again |
//! | `health` | which node answers, and whether it is fit for money |
//! | `scripts` | the scripts, as they are sent |
//! | `encode`, `decode` | questions as a script's words, and its words as answers |
//! | `made_keys` | the keys that administrators made |
//! | `recent` | all replicas' newest audit records |
//! | `keys` | the names of all keys |

mod connection;
mod decode;
mod encode;
mod health;
mod keys;
mod ledger;
mod made_keys;
mod recent;
mod scripts;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use connection::{Target, TargetError};
pub use ledger::{RedisLedger, Settings};
pub use made_keys::RedisKeys;
pub use recent::{EntryId, RECENT_LINES, RecentError, RecentLines};
