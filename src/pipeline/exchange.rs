//! One request of a known caller, from identify to its end: the guard that holds a slot and says once
//! how it ended, whichever way that is.

use super::record;
use super::settle::Bill;
use super::trace::TraceParent;
use crate::identity::Principal;
use gateway_actors::audit::Audit;
use gateway_core::audit::{Record, RequestRecord};
use gateway_core::clock::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How many exchanges may be open, and how many are.
#[derive(Debug)]
pub struct Slots {
    open: AtomicUsize,
    most: usize,
    idle: Notify,
}

impl Slots {
    pub fn new(most: usize) -> Arc<Slots> {
        Arc::new(Slots { open: AtomicUsize::new(0), most, idle: Notify::new() })
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Waits until none is open.
    pub async fn idle(&self) {
        loop {
            // Made before the count is read, so that the last one's end can't fall between.
            let woken = self.idle.notified();
            if self.open() == 0 {
                return;
            }
            woken.await;
        }
    }

    fn take(self: &Arc<Slots>) -> Option<Slot> {
        let before = self.open.fetch_add(1, Ordering::AcqRel);
        let slot = Slot { slots: Arc::clone(self) };
        // An over-full count is given back by the slot's own drop.
        (before < self.most).then_some(slot)
    }
}

#[derive(Debug)]
struct Slot {
    slots: Arc<Slots>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.slots.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.slots.idle.notify_waiters();
        }
    }
}

/// How an exchange ended. `Cancelled` until something else is known: a caller may vanish at any await.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Cancelled,
    Answered,
    /// The status that the caller was given, or would have been.
    Failed(u16),
    /// After content had begun.
    CutShort,
}

/// The guard. An ending is told once: by [`Exchange::finish`], or else by its drop.
pub struct Exchange {
    pub id: String,
    pub principal: Principal,
    pub started: Instant,
    /// Since the Unix epoch.
    pub started_unix: Duration,
    /// Settled with the ending.
    pub bill: Bill,
    /// Of the caller, where it gave a valid one.
    pub(super) trace: Option<TraceParent>,
    clock: Arc<dyn Clock>,
    ending: Ending,
    stream: bool,
    audit: Audit,
    /// Of the audit trail, until it is told.
    record: Option<Box<RequestRecord>>,
    /// Goes with the record: no more exchanges than slots wait to be recorded.
    slot: Option<Slot>,
}

impl Exchange {
    /// `None` where every slot is taken.
    pub fn open(
        id: String,
        principal: Principal,
        slots: &Arc<Slots>,
        clock: &Arc<dyn Clock>,
        audit: &Audit,
        record: Option<Box<RequestRecord>>,
    ) -> Option<Exchange> {
        Some(Exchange {
            id,
            principal,
            started: clock.now(),
            started_unix: clock.unix(),
            bill: Bill::default(),
            trace: None,
            clock: Arc::clone(clock),
            ending: Ending::Cancelled,
            stream: false,
            slot: Some(slots.take()?),
            audit: audit.clone(),
            record,
        })
    }

    pub fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.started)
    }

    /// The answer is a stream.
    pub fn streams(&mut self) {
        self.stream = true;
    }

    pub fn ends(&mut self, ending: Ending) {
        self.ending = ending;
    }

    /// Adds to what the audit trail will be told.
    pub fn note(&mut self, learnt: impl FnOnce(&mut RequestRecord)) {
        if let Some(record) = &mut self.record {
            learnt(record);
        }
    }

    /// Nothing was begun, and nothing can be written: to wait for its record would only hold its slot.
    pub fn unrecorded(&mut self) {
        self.record = None;
    }

    /// The normal end: recorded before the last byte goes out. A record that can't be written now waits on; the
    /// answer has been made, and goes out.
    pub async fn finish(&mut self) {
        let Some((record, slot)) = self.closed() else { return };
        if let Err(error) = self.audit.record_holding(record, slot).await {
            log::error!(request_id = self.id.as_str(), error:%; "this request is not recorded yet");
        }
    }

    /// The record with its end, and the slot that it holds until it is written. Once.
    fn closed(&mut self) -> Option<(Record, Option<Slot>)> {
        let took = self.elapsed();
        let mut record = self.record.take()?;
        record.stream = self.stream;
        self.bill.tell(&mut record);
        record::ended(&mut record, self.ending, took);
        Some((Record::Request(record), self.slot.take()))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some((record, slot)) = self.closed() {
            self.audit.record_detached(record, slot);
        }
        self.bill.settle(self.ending, self.elapsed());
        log::debug!(
            request_id = self.id.as_str(),
            team = self.principal.team.as_str(),
            key_id = self.principal.key_id.as_str(),
            trace_id = self.trace.as_ref().map_or("", TraceParent::trace_id),
            ending:? = self.ending,
            stream = self.stream,
            ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
            "exchange ended"
        );
    }
}
