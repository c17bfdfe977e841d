//! The audit trail as values: what a record holds, how lines are chained, what a broken chain looks like.
//! Files, sinks and threads are the business of whoever keeps it.
//!
//! | module | holds |
//! |---|---|
//! | [`named`] | the only kinds of text that a record can hold: bounded, of few characters |
//! | [`time`] | moments as they are written |
//! | [`record`] | requests and administrators' acts |
//! | [`settlement`] | what a record owes to the budgets |
//! | [`line`] | a line of a segment, written and read |
//! | [`chain`] | each line holds the hash of the one before; signatures |
//! | [`check`] | finds what was changed, removed, inserted or moved |
//! | [`dedup`] | one record per request: the owner's beats a reaper's |

pub mod chain;
pub mod check;
pub mod dedup;
pub mod line;
pub mod named;
pub mod record;
pub mod settlement;
pub mod time;

pub use chain::{Hash, HeadFile, Link, SigningKey};
pub use dedup::{one_per_id, replaces};
pub use line::{Body, Content, Line, LineError, Repair, SegmentHead};
pub use named::{Few, Named, RequestId, Table};
pub use record::{
    AdminAction, AdminRecord, Attempt, Injection, Outcome, Pii, Record, RecordedBy, RequestRecord,
};
pub use time::Time;

#[cfg(test)]
mod samples;
