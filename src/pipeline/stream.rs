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
use gateway_core::usage::Usage;
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
pub struct Answering {
    gateway: Arc<Gateway>,
    request_id: String,
    phase: Phase,
    encoder: Box<dyn Encode + Send>,
    out: BytesMut,
    turn: Turn,
    last_sent: Instant,
    timer: Pin<Box<Sleep>>,
    /// Wakes this stream when the grace of a shutdown is over.
    stopping: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

enum Phase {
    Searching(Searching),
    Flowing(Box<Flowing>),
    /// Whole, and being recorded; then the closing frames go out.
    Closing(Pin<Box<dyn Future<Output = ()>>>, BytesMut),
    Over,
}

struct Flowing {
    calling: Box<Calling>,
    exchange: Exchange,
    live: Live,
    restoring: Option<Restoring>,
    usage: Usage,
    /// Bytes of text passed on.
    received: u64,
    /// Since when we wait for the upstream, and after how many frames; none while the caller is the slower one.
    waiting: Option<(Instant, u64)>,
}

impl Flowing {
    fn cut_short(&mut self, failure: &Failure) {
        let Flowing { calling, exchange, .. } = self;
        exchange.note(|record| {
            record::served(record, calling, true);
            record::failed(record, failure);
        });
        exchange.ends(Ending::CutShort);
    }
}

impl Drop for Flowing {
    /// Cut off or left, it costs what was seen of it.
    fn drop(&mut self) {
        self.exchange.bill.saw(&self.usage, self.received);
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
            timer: Box::pin(tokio::time::sleep_until((now + KEEP_ALIVE).into())),
            stopping: None,
        }
    }

    fn flow(&mut self, calling: Box<Calling>, exchange: Exchange, live: Live) {
        self.gateway.metrics.first_token(&calling.candidate().route, exchange.elapsed());
        self.encoder.open(&calling.facts(&exchange, &Charge::NOTHING), &mut self.out);
        let restoring = calling.restoring();
        let usage = Usage::default();
        let flowing = Flowing { calling, exchange, live, restoring, usage, received: 0, waiting: None };
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
                let Found { calling, mut exchange, result } = ready!(searching.as_mut().poll(cx));
                match result {
                    Ok(live) => self.flow(calling, exchange, live),
                    Err(failure) => {
                        exchange.ends(Ending::Failed(error::status(&failure)));
                        exchange.note(|record| {
                            record::served(record, &calling, false);
                            record::failed(record, &failure);
                        });
                        self.fail(&failure);
                    }
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
            Event::Usage(usage) => flowing.usage.replace_with(&usage),
            Event::Failed(fault) => self.cut(&fault),
            Event::End => {
                if self.restored(Event::End).is_ok() {
                    self.close();
                }
            }
            event => {
                flowing.received += event.shown_bytes();
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
            if let Some(restoring) = &flowing.restoring {
                flowing.calling.inspected.withheld(restoring.withheld());
            }
            let charge = flowing.exchange.bill.charge(&flowing.usage, flowing.received);
            let facts = flowing.calling.facts(&flowing.exchange, &charge);
            let mut closing = BytesMut::with_capacity(1024);
            self.encoder.close(&facts, &mut closing);
            let Flowing { calling, exchange, .. } = &mut *flowing;
            exchange.note(|record| record::served(record, calling, true));
            exchange.ends(Ending::Answered);
            let recorded = Box::pin(async move { flowing.exchange.finish().await });
            self.phase = Phase::Closing(recorded, closing);
        }
    }

    /// The upstream broke off after content: one error event, never a second answer.
    fn cut(&mut self, fault: &Fault) {
        if let Phase::Flowing(flowing) = &mut self.phase {
            flowing.live.permit.report(Outcome::Faulted(fault.clone()));
            flowing.cut_short(&Failure::CutShort { class: fault.class.clone() });
        }
        self.fail(&Failure::CutShort { class: fault.class.clone() });
    }

    /// The grace of a shutdown is over.
    fn stop(&mut self) {
        match &mut self.phase {
            Phase::Over | Phase::Closing(..) => return,
            Phase::Searching(_) => {}
            Phase::Flowing(flowing) => flowing.cut_short(&Failure::Stopping),
        }
        self.fail(&Failure::Stopping);
    }

    fn fail(&mut self, failure: &Failure) {
        self.phase = Phase::Over;
        self.encoder.fail(&error::describe(failure, &self.request_id), &mut self.out);
    }

    /// Nothing to send, and the upstream (or the search) is silent: look at the clocks.
    fn poll_silence(&mut self, cx: &mut Context) {
        // The record has a deadline of its own, and wakes this stream.
        if matches!(self.phase, Phase::Closing(..)) {
            return;
        }
        if self.stopping.is_none() {
            let gateway = Arc::clone(&self.gateway);
            self.stopping = Some(Box::pin(async move { gateway.shutdown.grace_over().await }));
        }
        if self.stopping.as_mut().is_some_and(|told| told.as_mut().poll(cx).is_ready()) {
            return self.stop();
        }
        let now = self.gateway.clock.now();
        if now.saturating_duration_since(self.last_sent) >= KEEP_ALIVE {
            return self.out.extend_from_slice(sse::KEEP_ALIVE);
        }
        let mut next = self.last_sent + KEEP_ALIVE;
        if let Phase::Flowing(flowing) = &mut self.phase {
            let frames = flowing.live.frames();
            let since = match flowing.waiting {
                Some((since, seen)) if seen == frames => since,
                _ => now,
            };
            flowing.waiting = Some((since, frames));
            let limit = flowing.calling.deadline().min(since + self.gateway.config.calls.first_byte_timeout);
            if now >= limit {
                return self.cut(&Fault::new(FaultClass::Timeout, None));
            }
            next = next.min(limit);
        }
        if tokio::time::Instant::from_std(next) != self.timer.deadline() {
            self.timer.as_mut().reset(next.into());
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            // It came due between the look at the clock and here: look again at once.
            cx.waker().wake_by_ref();
        }
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
                this.poll_silence(cx);
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
