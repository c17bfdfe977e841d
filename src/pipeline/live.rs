//! The upstream's half of a streamed answer: bytes to events, and the wait for the first content.

use super::sending::{Attempting, Sent, accepted};
use super::settle::Events;
use gateway_actors::provider::{Limits, Outcome, Permit, Reply};
use gateway_core::clock::Clock;
use gateway_core::conversation::{Event, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_wire::sse::Parser;
use gateway_wire::{Decode, names};
use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// An upstream's stream whose content has begun.
pub(super) struct Live {
    pub permit: Permit,
    upstream: Upstream,
    /// Decoded and not yet passed on.
    events: VecDeque<Event>,
}

impl Live {
    /// Frames so far, those without an event (pings) among them: each is a sign of life.
    pub(super) fn frames(&self) -> u64 {
        self.upstream.frames
    }

    /// The next event. `None` once the body is over, which a decoder tells by an event before.
    pub(super) fn poll_event(&mut self, cx: &mut Context) -> Poll<Result<Option<Event>, Fault>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Ok(Some(event)));
            }
            if self.upstream.over {
                return Poll::Ready(Ok(None));
            }
            ready!(self.upstream.poll_events(cx, &mut self.events))?;
        }
    }
}

impl Events for Live {
    fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }
}

/// Reads one answer's body.
struct Upstream {
    reply: Reply,
    parser: Parser,
    decoder: Box<dyn Decode + Send>,
    over: bool,
    frames: u64,
    scratch: Vec<Event>,
    renamed: Vec<(String, Text)>,
    shows_thinking: bool,
}

impl Upstream {
    /// Reads what has arrived. `Ready` brings at least one frame, or the end, after which `over` is set.
    fn poll_events(&mut self, cx: &mut Context, events: &mut VecDeque<Event>) -> Poll<Result<(), Fault>> {
        let before = self.frames;
        while !self.over {
            while let Some(frame) = self.parser.next_frame() {
                let frame = frame.map_err(|_| Fault::new(FaultClass::Broken, None))?;
                self.decoder.frame(&frame, &mut self.scratch)?;
                self.frames += 1;
            }
            if self.frames > before {
                break;
            }
            match ready!(self.reply.poll_chunk(cx)) {
                Some(chunk) => self.parser.push(chunk?),
                None => {
                    self.over = true;
                    if let Some(frame) = self.parser.finish() {
                        self.decoder.frame(&frame, &mut self.scratch)?;
                    }
                    self.decoder.end(&mut self.scratch)?;
                }
            }
        }
        for mut event in self.scratch.drain(..) {
            names::restore(&mut event, &self.renamed);
            events.push_back(event);
        }
        Poll::Ready(Ok(()))
    }
}

/// Sends a streamed call and waits for its first content.
pub(super) fn open(attempting: Attempting) -> Sent<Live> {
    Box::pin(async move {
        let Attempting {
            mut permit,
            client,
            codec,
            call,
            limits,
            clock,
            renamed,
            shows_thinking,
            may_be_silent,
            ..
        } = attempting;
        let began = clock.now();
        let opened = async {
            let reply = permit.send(&client, call, &limits).await?;
            let reply = accepted(reply, codec, &limits).await?;
            let is_stream =
                reply.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
            if !is_stream {
                return Err(Fault::new(FaultClass::Broken, Some(200)));
            }
            let decoder = codec.stream();
            let mut upstream = Upstream {
                reply,
                parser: Parser::default(),
                decoder,
                over: false,
                frames: 0,
                scratch: Vec::new(),
                renamed,
                shows_thinking,
            };
            let mut events = VecDeque::with_capacity(8);
            let silence = limits.first_byte.map_or(limits.total, |wait| (began + wait).min(limits.total));
            await_content(&mut upstream, &mut events, silence, &limits, &*clock).await?;
            Ok((upstream, events))
        };
        let result = opened.await;
        let waited = clock.now().saturating_duration_since(began);
        let result = match result {
            Ok((upstream, events)) => {
                permit.proved();
                Ok(Live { permit, upstream, events })
            }
            Err(fault) => {
                let patient = may_be_silent && fault.class == FaultClass::Timeout;
                permit.report(if patient { Outcome::Abandoned } else { Outcome::Faulted(fault.clone()) });
                Err(fault)
            }
        };
        (result, waited)
    })
}

/// Reads until something that the caller will see, or a whole answer without any.
async fn await_content(
    upstream: &mut Upstream,
    events: &mut VecDeque<Event>,
    first: Instant,
    limits: &Limits,
    clock: &dyn Clock,
) -> Result<(), Fault> {
    let mut deadline = first;
    let mut seen = 0;
    loop {
        let poll = std::future::poll_fn(|cx| upstream.poll_events(cx, events));
        let arrived = tokio::time::timeout_at(deadline.into(), poll).await;
        arrived.map_err(|_| Fault::new(FaultClass::Timeout, None))??;
        // Any frame is a sign of life, so silence is counted anew from here.
        if let Some(wait) = limits.first_byte {
            deadline = (clock.now() + wait).min(limits.total);
        }
        for event in events.iter().skip(seen) {
            match event {
                Event::Failed(fault) => return Err(fault.clone()),
                Event::End => return Ok(()),
                event if event.is_content() || (upstream.shows_thinking && event.is_thinking()) => {
                    return Ok(());
                }
                _ => {}
            }
        }
        seen = events.len();
    }
}
