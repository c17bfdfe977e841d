//! A streamed answer on its way to the caller. No task and no channel: the server polls the body, so a
//! stalled reader stops the reading by itself.

use super::call::Calling;
use super::exchange::{Ending, Exchange};
use super::failure::Failure;
use super::live::{self, Live};
use super::record;
use super::restore::Restoring;
use super::settle::Charge;
use crate::gateway::Gateway;
use crate::http::error;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use gateway_actors::provider::Outcome;
use gateway_core::conversation::Event;
use gateway_core::fault::{Fault, FaultClass};
use gateway_wire::{Encode, sse};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// A caller that hears nothing for this long gets a comment, so that nobody between gives up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Beyond a request's time: for the record of its end, and for a search to come to its own.
const PATIENCE: Duration = Duration::from_secs(5);
/// Ready events are joined up to here into one write.
const WRITE: usize = 16 << 10;

/// The search for a candidate: it ends at the first content, or when none is left.
pub(super) type Searching = Pin<Box<dyn Future<Output = Found>>>;

pub(super) struct Found {
    pub calling: Box<Calling>,
    pub exchange: Exchange,
    pub result: Result<Live, Failure>,
}

pub(super) fn search(mut calling: Box<Calling>, exchange: Exchange) -> Searching {
    Box::pin(async move {
        let (exchange, result) = calling.first(exchange, live::open).await;
        Found { calling, exchange, result }
    })
}

/// Waits for the search as long as a caller may be left without a byte. `Err` is a search that goes on.
pub(super) async fn within_patience(mut searching: Searching) -> Result<Found, Searching> {
    match tokio::time::timeout(KEEP_ALIVE, &mut searching).await {
        Ok(found) => Ok(found),
        Err(_) => Err(searching),
    }
}

/// The body of a streamed answer.
pub(super) struct Answering {
    gateway: Arc<Gateway>,
    request_id: String,
    phase: Phase,
    encoder: Box<dyn Encode + Send>,
    out: BytesMut,
    turn: Turn,
    last_sent: Instant,
    /// By then it has ended by itself, or nobody polls it.
    until: Instant,
    timer: Pin<Box<Sleep>>,
    /// Wakes this stream when the grace of a shutdown is over.
    stopping: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

enum Phase {
    Searching(Searching),
    Flowing(Box<Flowing>),
    /// Over, whole or not, and being recorded; then the closing frames go out.
    Closing(Pin<Box<dyn Future<Output = ()>>>, BytesMut),
    Over,
}

struct Flowing {
    calling: Box<Calling>,
    exchange: Exchange,
    live: Live,
    restoring: Option<Restoring>,
    /// Since when we wait for the upstream, and after how many frames; none while the caller is the slower one.
    waiting: Option<(Instant, u64)>,
}

impl Flowing {
    fn note_restored(&mut self) {
        let Flowing { calling, exchange, restoring, .. } = self;
        if let Some(restoring) = restoring {
            calling.inspected.restored(restoring);
            exchange.note(|record| record::restored(record, &calling.inspected));
        }
    }
}

/// The upstream's connection hands over one chunk each time it runs. So a write that is ready waits for
/// one turn of the other tasks, and goes out when that brought nothing more.
enum Turn {
    Fresh,
    Given(Pin<Box<dyn Future<Output = ()>>>),
}

impl Answering {
    /// A stream whose candidate is known: its first events are already there.
    pub(super) fn flowing(
        gateway: &Arc<Gateway>,
        found: (Box<Calling>, Exchange, Live),
        encoder: Box<dyn Encode + Send>,
    ) -> Answering {
        let (calling, exchange, live) = found;
        let mut answering = Answering::new(gateway, encoder, exchange.id.clone(), Phase::Over);
        answering.flow(calling, exchange, live);
        answering
    }

    /// A stream that still looks for its candidate; the caller is sent comments meanwhile.
    pub(super) fn held(
        gateway: &Arc<Gateway>,
        searching: Searching,
        encoder: Box<dyn Encode + Send>,
        request_id: String,
    ) -> Answering {
        let mut answering = Answering::new(gateway, encoder, request_id, Phase::Searching(searching));
        answering.out.extend_from_slice(sse::KEEP_ALIVE);
        answering
    }

    fn new(
        gateway: &Arc<Gateway>,
        encoder: Box<dyn Encode + Send>,
        request_id: String,
        phase: Phase,
    ) -> Answering {
        let now = gateway.clock.now();
        Answering {
            gateway: Arc::clone(gateway),
            request_id,
            phase,
            encoder,
            out: BytesMut::with_capacity(2048),
            turn: Turn::Fresh,
            last_sent: now,
            until: now + gateway.config.calls.request_timeout + PATIENCE,
            timer: Box::pin(tokio::time::sleep_until((now + KEEP_ALIVE).into())),
            stopping: None,
        }
    }

    fn flow(&mut self, calling: Box<Calling>, mut exchange: Exchange, live: Live) {
        exchange.content_begins();
        self.gateway.metrics.first_token(&calling.candidate().route, exchange.elapsed());
        self.encoder.open(&calling.facts(&exchange, &Charge::NOTHING), &mut self.out);
        let restoring = calling.restoring();
        let flowing = Flowing { calling, exchange, live, restoring, waiting: None };
        self.phase = Phase::Flowing(Box::new(flowing));
    }

    /// One step: a search's end, or one event. Nothing more comes once the phase is `Over`.
    fn poll_step(&mut self, cx: &mut Context) -> Poll<()> {
        match &mut self.phase {
            Phase::Over => {}
            Phase::Closing(recorded, closing) => {
                ready!(recorded.as_mut().poll(cx));
                self.out.unsplit(std::mem::take(closing));
                self.phase = Phase::Over;
            }
            Phase::Searching(searching) => {
                let Found { calling, exchange, result } = ready!(searching.as_mut().poll(cx));
                match result {
                    Ok(live) => self.flow(calling, exchange, live),
                    // The caller has the status of the stream's head.
                    Err(failure) => self.fail(exchange, Ending::Failed(200), &failure),
                }
            }
            Phase::Flowing(flowing) => match ready!(flowing.live.poll_event(cx)) {
                Ok(Some(event)) => {
                    flowing.waiting = None;
                    self.pass_on(event);
                }
                Ok(None) => self.cut(&Fault::new(FaultClass::Broken, None)),
                Err(fault) => self.cut(&fault),
            },
        }
        Poll::Ready(())
    }

    fn pass_on(&mut self, event: Event) {
        let Phase::Flowing(flowing) = &mut self.phase else { return };
        match event {
            Event::Usage(_) => flowing.exchange.bill.sees(&event),
            Event::Failed(fault) => self.cut(&fault),
            Event::End => {
                if self.restored(Event::End).is_ok() {
                    self.close();
                }
            }
            event => {
                flowing.exchange.bill.sees(&event);
                // Where it fails, the stream has ended with an error.
                self.restored(event).ok();
            }
        }
    }

    /// Writes an event with the caller's own values in it. `Err` is an answer that ended here.
    fn restored(&mut self, event: Event) -> Result<(), ()> {
        let Phase::Flowing(flowing) = &mut self.phase else { return Err(()) };
        let Answering { encoder, out, .. } = self;
        let Some(restoring) = &mut flowing.restoring else {
            encoder.event(&event, out);
            return Ok(());
        };
        let result = restoring.event(event, &mut |event| encoder.event(&event, out));
        result.map_err(|_| self.cut(&Fault::new(FaultClass::Broken, None)))
    }

    /// The answer is whole.
    fn close(&mut self) {
        if let Phase::Flowing(mut flowing) = std::mem::replace(&mut self.phase, Phase::Over) {
            flowing.live.permit.report(Outcome::Succeeded);
            flowing.note_restored();
            let charge = flowing.exchange.bill.charge_seen();
            let facts = flowing.calling.facts(&flowing.exchange, &charge);
            let mut closing = BytesMut::with_capacity(1024);
            self.encoder.close(&facts, &mut closing);
            let mut exchange = flowing.exchange;
            exchange.ends(Ending::Answered);
            let recorded = Box::pin(async move { exchange.finish().await });
            self.phase = Phase::Closing(recorded, closing);
        }
    }

    /// The upstream broke off after content.
    fn cut(&mut self, fault: &Fault) {
        if let Phase::Flowing(mut flowing) = std::mem::replace(&mut self.phase, Phase::Over) {
            flowing.live.permit.report(Outcome::Faulted(fault.clone()));
            flowing.exchange.attempts.breaks(fault.word());
            flowing.note_restored();
            let failure = Failure::CutShort { class: fault.class.clone() };
            self.fail(flowing.exchange, Ending::CutShort, &failure);
        }
    }

    /// The request's time is over, however much of the answer is still to come: that the upstream is still at it, or
    /// the caller has not read it yet, is no sign of ill health.
    fn expire(&mut self) {
        if let Phase::Flowing(mut flowing) = std::mem::replace(&mut self.phase, Phase::Over) {
            flowing.live.permit.report(Outcome::Abandoned);
            flowing.note_restored();
            let failure = Failure::CutShort { class: FaultClass::Timeout };
            self.fail(flowing.exchange, Ending::CutShort, &failure);
        }
    }

    /// Looked at beside the server's polls ([`super::watch`]). What is not taken is ended, and what is not taken
    /// then either is given up: its exchange says the rest when it is dropped. Whether it is over.
    pub(super) fn is_over_at(&mut self, now: Instant) -> bool {
        match &mut self.phase {
            Phase::Over => return true,
            Phase::Flowing(flowing) => {
                if now >= flowing.calling.deadline() {
                    self.expire();
                }
            }
            Phase::Closing(_, closing) if now >= self.until => {
                self.out.unsplit(std::mem::take(closing));
                self.phase = Phase::Over;
            }
            Phase::Searching(_) if now >= self.until => self.phase = Phase::Over,
            Phase::Closing(..) | Phase::Searching(_) => {}
        }
        false
    }

    /// The grace of a shutdown is over. Whether this ends here: a search ends by itself, and what is being
    /// recorded is over.
    fn stop(&mut self) -> bool {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Flowing(mut flowing) => {
                flowing.note_restored();
                self.fail(flowing.exchange, Ending::CutShort, &Failure::Stopping);
                true
            }
            phase => {
                self.phase = phase;
                false
            }
        }
    }

    /// One error event, once the end is recorded; never a second answer.
    fn fail(&mut self, mut exchange: Exchange, ending: Ending, failure: &Failure) {
        exchange.ends(ending);
        exchange.note(|record| record::failed(record, failure));
        let mut closing = BytesMut::with_capacity(512);
        self.encoder.fail(&error::describe(failure, &self.request_id), &mut closing);
        self.phase = Phase::Closing(Box::pin(async move { exchange.finish().await }), closing);
    }

    /// Nothing to send, and the upstream (or the search) is silent: look at the clocks. `Ready` is the end of the
    /// stream, whose steps are still to be taken.
    fn poll_silence(&mut self, cx: &mut Context) -> Poll<()> {
        // The record has a deadline of its own, and wakes this stream.
        if matches!(self.phase, Phase::Closing(..)) {
            return Poll::Pending;
        }
        if self.stopping.is_none() {
            let gateway = Arc::clone(&self.gateway);
            self.stopping = Some(Box::pin(async move { gateway.shutdown.grace_over().await }));
        }
        // Once it is over a search goes on for a moment, and this is not to be polled again.
        let told = self.stopping.as_mut().filter(|_| !self.gateway.shutdown.is_grace_over());
        if told.is_some_and(|told| told.as_mut().poll(cx).is_ready()) && self.stop() {
            return Poll::Ready(());
        }
        let now = self.gateway.clock.now();
        if now.saturating_duration_since(self.last_sent) >= KEEP_ALIVE {
            self.out.extend_from_slice(sse::KEEP_ALIVE);
            return Poll::Pending;
        }
        let mut next = self.last_sent + KEEP_ALIVE;
        if let Phase::Flowing(flowing) = &mut self.phase {
            let frames = flowing.live.frames();
            let since = match flowing.waiting {
                Some((since, seen)) if seen == frames => since,
                _ => now,
            };
            flowing.waiting = Some((since, frames));
            let (silent, over) =
                (since + self.gateway.config.calls.first_byte_timeout, flowing.calling.deadline());
            if now >= silent {
                self.cut(&Fault::new(FaultClass::Timeout, None));
                return Poll::Ready(());
            }
            if now >= over {
                self.expire();
                return Poll::Ready(());
            }
            next = next.min(silent).min(over);
        }
        if tokio::time::Instant::from_std(next) != self.timer.deadline() {
            self.timer.as_mut().reset(next.into());
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            // It came due between the look at the clock and here: look again at once.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Stream for Answering {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.gateway.shutdown.is_grace_over() {
            this.stop();
        }
        while !matches!(this.phase, Phase::Over) && this.out.len() < WRITE {
            if this.poll_step(cx).is_ready() {
                this.turn = Turn::Fresh;
                continue;
            }
            if this.out.is_empty() {
                if this.poll_silence(cx).is_ready() {
                    continue;
                }
                if this.out.is_empty() {
                    return Poll::Pending;
                }
                break;
            }
            if matches!(this.turn, Turn::Fresh) {
                this.turn = Turn::Given(Box::pin(tokio::task::yield_now()));
            }
            if let Turn::Given(turn) = &mut this.turn {
                ready!(turn.as_mut().poll(cx));
                break;
            }
        }
        this.turn = Turn::Fresh;
        if this.out.is_empty() {
            return Poll::Ready(None);
        }
        this.last_sent = this.gateway.clock.now();
        Poll::Ready(Some(Ok(this.out.split().freeze())))
    }
}
