//! What lives: state that outlasts a request, reached by messages, and the waiting on disks and networks.
//!
//! | module | holds |
//! |---|---|
//! | [`alerts`] | alerts of budgets on their way to a webhook |
//! | [`audit`] | the audit trail: one writer, files that show tampering, delivery to the SIEM |
//! | [`budget`] | what teams may spend: the way to the ledger, and the local ledger |
//! | [`keys`] | the keys that administrators made, held to their store |
//! | [`provider`] | one actor per upstream, the gate that its calls pass, and the only way to the network |
//! | [`scanner`] | where texts are searched |
//! | [`supervision`] | bounded mailboxes, restart of what panicked, tasks that shutdown waits for |

pub mod alerts;
pub mod audit;
pub mod budget;
pub mod keys;
pub mod provider;
pub mod scanner;
pub mod supervision;

#[cfg(test)]
mod testing;
