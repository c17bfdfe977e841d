//! One request of a known caller, from identify to its end: the guard that holds a slot and says once
//! how it ended, whichever way that is.

use super::attempts::Attempts;
use super::failure::Failure;
use super::receive::{self, Held};
use super::record;
use super::settle::{Bill, Consumed};
use super::trace::TraceParent;
use super::words;
use crate::gateway::{Gateway, Shutdown};
use crate::identity::Principal;
use actix_web::http::header::HeaderMap;
use actix_web::web::Payload;
use bytes::Bytes;
use gateway_actors::audit::{Audit, AuditError, Behind};
use gateway_actors::budget::Due;
use gateway_core::audit::{Record, RequestRecord};
use gateway_core::clock::Clock;
use gateway_core::fault::Fault;
use gateway_core::ledger::{self, Tag};
use gateway_core::money::NanoUsd;
use gateway_core::routing::{Route, RouteReason};
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

    /// `None` where every slot is taken.
    pub(super) fn take(self: &Arc<Slots>) -> Option<Slot> {
        let before = self.open.fetch_add(1, Ordering::AcqRel);
        let slot = Slot { slots: Arc::clone(self) };
        // An over-full count is given back by the slot's own drop.
        (before < self.most).then_some(slot)
    }
}

/// The place of one request, from its beginning to its end.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.slots.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.slots.idle.notify_waiters();
        }
    }
}

/// What is left of an exchange until its record is written: then it is settled, and its slot given back.
struct Closed {
    due: Option<Due>,
    _slot: Option<Slot>,
}

impl Behind for Closed {
    fn written(self: Box<Self>, seq: u64) {
        if let Some(due) = self.due {
            Box::new(due).written(seq);
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
    /// Settled behind the record.
    pub bill: Bill,
    /// Of the caller, where it gave a valid one.
    pub(super) trace: Option<TraceParent>,
    pub attempts: Attempts,
    /// Why it is routed as it is, where the caller's own words did not say it.
    pub(super) route_reason: Option<RouteReason>,
    clock: Arc<dyn Clock>,
    shutdown: Arc<Shutdown>,
    ending: Ending,
    stream: bool,
    /// Of the gateway's own time, that before a stream's first content.
    before_content: Option<Duration>,
    audit: Audit,
    /// Of the audit trail, until it is told.
    record: Option<Box<RequestRecord>>,
    /// What its body takes of the memory.
    body: Option<Held>,
    /// Goes with the record: no more exchanges than slots wait to be recorded.
    slot: Option<Slot>,
}

impl Exchange {
    pub(super) fn open(
        gateway: &Gateway,
        id: String,
        principal: Principal,
        slot: Slot,
        record: Option<Box<RequestRecord>>,
    ) -> Exchange {
        let clock = Arc::clone(&gateway.clock);
        Exchange {
            id,
            principal,
            started: clock.now(),
            started_unix: clock.unix(),
            bill: Bill::default(),
            attempts: Attempts::default(),
            route_reason: None,
            trace: None,
            clock,
            shutdown: Arc::clone(&gateway.shutdown),
            ending: Ending::Cancelled,
            stream: false,
            before_content: None,
            body: None,
            slot: Some(slot),
            audit: gateway.audit.clone(),
            record,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.started)
    }

    /// Why its candidates are these.
    pub(super) fn routed(&mut self, reason: Option<RouteReason>) {
        self.route_reason = reason;
        if let Some(reason) = reason {
            self.note(|record| record::routed(record, reason));
        }
    }

    /// The request's body. Its way here takes its caller's time, not the gateway's.
    pub(super) async fn receive(
        &mut self,
        gateway: &Gateway,
        payload: &mut Payload,
        headers: &HeaderMap,
    ) -> Result<Bytes, Failure> {
        let began = self.clock.now();
        let received = receive::body(gateway, payload, headers).await;
        self.attempts.waits(self.clock.now().saturating_duration_since(began));
        let (body, held) = received?;
        self.body = Some(held);
        Ok(body)
    }

    /// The gateway's own time so far; of a stream, up to its first content.
    pub(super) fn overhead(&self) -> Duration {
        self.before_content.unwrap_or_else(|| self.elapsed().saturating_sub(self.attempts.waited()))
    }

    /// The first content of a stream is there. What comes now takes as long as its provider and its reader do.
    pub(super) fn content_begins(&mut self) {
        self.before_content = Some(self.overhead());
    }

    /// What came of the attempt under way, and how long it was waited for.
    pub(super) fn came<T: Consumed>(
        &mut self,
        gateway: &Gateway,
        result: &Result<T, Fault>,
        waited: Duration,
        (route, is_fallback): (&Route, bool),
    ) {
        match result {
            Ok(answer) => {
                self.attempts.ends("ok", Some(200), NanoUsd::ZERO, waited);
                let team = &self.principal.team;
                let model = answer.model().and_then(|name| words::model(gateway, team, &name.decoded()));
                self.note(|record| record::answered(record, route, is_fallback, model));
            }
            Err(fault) => {
                let cost = self.bill.failed(fault);
                self.attempts.ends(fault.word(), fault.status, cost, waited);
            }
        }
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

    /// What it is counted under.
    pub(super) fn tags(&self) -> Vec<Tag> {
        self.record.as_deref().map(ledger::tags).unwrap_or_default()
    }

    /// Nothing was begun, and nothing can be written: to wait for its record would only hold its slot.
    pub fn unrecorded(&mut self) {
        self.record = None;
    }

    /// The normal end: recorded before the last byte goes out. A record that can't be written now waits on; the
    /// answer has been made, and goes out.
    pub async fn finish(&mut self) {
        let Some((record, told)) = self.closed() else { return };
        match self.audit.record_holding(record, told).await {
            Ok(_) => {}
            // Told once, not for each request.
            Err(error @ AuditError::Unwritable) => {
                log::debug!(request_id = self.id.as_str(), error:%; "this request is not recorded yet");
            }
            Err(error @ (AuditError::Late | AuditError::Full)) => {
                log::warn!(request_id = self.id.as_str(), error:%; "this request is not recorded yet");
            }
        }
    }

    /// The record with its end, and what waits for it to be written. Once.
    fn closed(&mut self) -> Option<(Record, Closed)> {
        let mut record = self.record.take()?;
        record.stream = self.stream;
        self.bill.tell(&mut record);
        record.attempts = self.attempts.recorded(record.cost_usd);
        record::ended(&mut record, self.ending, self.elapsed(), self.overhead());
        let due = self.bill.settles(&record);
        Some((Record::Request(record), Closed { due, _slot: self.slot.take() }))
    }

    /// Nobody said how it ended: the caller vanished, the process stops, or the walk panicked.
    fn abandoned(&mut self) {
        let interrupted = self.shutdown.is_grace_over();
        self.attempts.stops(if interrupted { "interrupted" } else { "cancelled" }, self.clock.now());
        if std::thread::panicking() {
            self.ends(Ending::Failed(500));
            self.note(record::panicked);
        } else if interrupted {
            self.ends(Ending::Failed(503));
            self.note(|record| record::failed(record, &Failure::Stopping));
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.ending == Ending::Cancelled {
            self.abandoned();
        }
        if let Some((record, told)) = self.closed() {
            self.audit.record_detached(record, told);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::SystemClock;
    use crate::identity::Scopes;
    use gateway_actors::audit::disk::RealDisk;
    use gateway_actors::audit::{OnFailure, Query, Retention, Settings, SyncMode};
    use gateway_core::audit::{Named, Outcome, RequestId, Time};
    use gateway_core::dice::Dice;
    use gateway_core::ids::{KeyId, TeamId};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    struct NoDice;

    impl Dice for NoDice {
        fn roll(&self) -> u64 {
            0
        }
    }

    fn settings(folder: std::path::PathBuf) -> Settings {
        Settings {
            head: folder.join("head"),
            folder,
            replica: Named::cleaned("r"),
            sync: SyncMode::Interval,
            on_failure: OnFailure::Deny,
            key: None,
            segment_bytes: 1 << 20,
            retention: Retention::default(),
            most_queued: 10,
            patience: Duration::from_secs(5),
            sinks: Vec::new(),
            replicas: None,
        }
    }

    fn exchange(audit: &Audit, shutdown: &Arc<Shutdown>) -> Exchange {
        let id = uuid::Uuid::now_v7().to_string();
        let name = Named::cleaned;
        let request_id = RequestId::parse(&id).unwrap();
        let record =
            RequestRecord::begun(request_id, Time::from_unix_millis(1), name("r"), name("/v1/complete"));
        let team = TeamId::new("ops").unwrap();
        Exchange {
            id,
            principal: Principal {
                team,
                key_id: KeyId::new("k"),
                scopes: Scopes::INFER,
                limits: Default::default(),
            },
            started: SystemClock.now(),
            started_unix: SystemClock.unix(),
            bill: Bill::default(),
            route_reason: None,
            trace: None,
            attempts: Attempts::default(),
            clock: Arc::new(SystemClock),
            shutdown: Arc::clone(shutdown),
            ending: Ending::Cancelled,
            stream: false,
            before_content: None,
            audit: audit.clone(),
            record: Some(Box::new(record)),
            body: None,
            slot: Slots::new(1).take(),
        }
    }

    #[actix_web::test]
    async fn nobody_says_how_it_ended() {
        let folder = std::env::temp_dir().join(format!("gateway-exchange-{}", std::process::id()));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let audit =
            Audit::start(settings(folder.clone()), Arc::new(RealDisk), clock, Arc::new(NoDice)).unwrap();
        let shutdown = Arc::new(Shutdown::default());
        drop(exchange(&audit, &shutdown));
        let panicking = AssertUnwindSafe(exchange(&audit, &shutdown));
        catch_unwind(move || {
            let _held = panicking;
            panic!("as the test asked");
        })
        .unwrap_err();
        shutdown.end_grace();
        drop(exchange(&audit, &shutdown));
        // Behind the three in the queue.
        exchange(&audit, &shutdown).finish().await;
        let page = audit.recent(Query { limit: 10, ..Query::default() }).await.unwrap();
        let told = page.entries.iter().rev().map(|found| match &found.record {
            Record::Request(record) => {
                (record.outcome, record.status, record.code.as_ref().map(|code| code.to_string()))
            }
            Record::Admin(_) => panic!("nobody administers here"),
        });
        let code = |word: &str| Some(word.to_owned());
        assert_eq!(
            told.take(3).collect::<Vec<_>>(),
            [
                (Outcome::Cancelled, 499, None),
                (Outcome::Failed, 500, code("internal")),
                (Outcome::Interrupted, 503, code("overloaded")),
            ]
        );
        audit.drain(Duration::from_secs(5)).await.unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
