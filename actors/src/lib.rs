//! What lives: state that outlasts a request, reached by messages, and the waiting on networks.
//!
//! | module | holds |
//! |---|---|
//! | [`budget`] | what teams may spend: the way to the ledger, and the local ledger |
//! | [`provider`] | one actor per upstream, the gate that its calls pass, and the only way to the network |
//! | [`supervision`] | bounded mailboxes, restart of what panicked, tasks that shutdown waits for |

pub mod budget;
pub mod provider;
pub mod supervision;

#[cfg(test)]
mod testing;
