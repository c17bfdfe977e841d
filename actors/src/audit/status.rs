//! What an operator sees of the trail, and metrics are made of.

use gateway_core::audit::{Link, Time};

use super::Unwritable;
use super::sinks::SinkStatus;
use crate::supervision::Vitals;

/// The trail at this moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Why it can't be written, where it can't.
    pub unwritable: Option<Unwritable>,
    /// The last line that was written.
    pub head: Link,
    /// The oldest line that is kept.
    pub first_seq: u64,
    /// Records that wait to be written.
    pub queued: usize,
    /// Records that a full queue turned away.
    pub dropped: u64,
    /// When the disk last had all that was written before.
    pub last_sync: Option<Time>,
    /// The last line that is durable.
    pub synced_seq: u64,
    /// Bytes of all segments, and their number.
    pub bytes: u64,
    pub segments: usize,
    pub sinks: Vec<SinkStatus>,
    pub actor: Vitals,
}
