//! What came in: counters per provider, open connections, and the last requests as they stood.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;

use crate::provider::Provider;

/// A body is kept up to here, the rest cut off.
const KEPT_BODY_BYTES: usize = 1 << 20;

/// Counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub connections_open: u64,
    pub connections_accepted: u64,
    /// By the provider's name.
    pub providers: BTreeMap<&'static str, ProviderStats>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ProviderStats {
    pub requests: u64,
    /// Came to the end that was meant: a whole answer, a refusal, or a failure asked for.
    pub ended: u64,
    /// Refused by the provider's own checks (4xx).
    pub refused: u64,
    /// Met by a [`Rule`](crate::Rule)'s failure.
    pub failed: u64,
    /// Left by the client before the end, before or within the answer.
    pub aborted: u64,
    pub in_flight: u64,
    pub streams: u64,
    pub streams_open: u64,
    /// Streams that the client left, as noticed by its closed connection.
    pub streams_aborted: u64,
    /// What a bill would hold: prompts that were answered, and what was made of their answers. One in one piece is
    /// made whole, whoever waits for it; a stream as far as it went out.
    pub billed_input_tokens: u64,
    pub billed_output_tokens: u64,
}

/// A request as it came in.
#[derive(Debug, Clone, Serialize)]
pub struct Captured {
    pub provider: Provider,
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The first MiB; what is not UTF-8 is replaced.
    pub body: String,
}

impl Captured {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(crate) struct Traffic {
    connections_open: AtomicU64,
    connections_accepted: AtomicU64,
    counters: [Counters; Provider::ALL.len()],
    captured: Mutex<VecDeque<Kept>>,
    most_captured: usize,
}

#[derive(Debug)]
pub(crate) struct Kept {
    pub provider: Provider,
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    aborted: AtomicU64,
    in_flight: AtomicU64,
    streams: AtomicU64,
    streams_open: AtomicU64,
    streams_aborted: AtomicU64,
    billed_input_tokens: AtomicU64,
    billed_output_tokens: AtomicU64,
}

impl Traffic {
    pub(crate) fn new(most_captured: usize) -> Self {
        Self {
            connections_open: AtomicU64::new(0),
            connections_accepted: AtomicU64::new(0),
            counters: Default::default(),
            captured: Mutex::default(),
            most_captured,
        }
    }

    pub(crate) fn keeps_requests(&self) -> bool {
        self.most_captured > 0
    }

    pub(crate) fn keep(&self, mut request: Kept) {
        if request.body.len() > KEPT_BODY_BYTES {
            request.body = Bytes::copy_from_slice(&request.body[..KEPT_BODY_BYTES]);
        }
        let mut captured = self.captured.lock().unwrap_or_else(PoisonError::into_inner);
        if captured.len() >= self.most_captured {
            captured.pop_front();
        }
        captured.push_back(request);
    }

    pub(crate) fn captured(&self) -> Vec<Captured> {
        let captured = self.captured.lock().unwrap_or_else(PoisonError::into_inner);
        captured
            .iter()
            .map(|kept| Captured {
                provider: kept.provider,
                method: kept.method.clone(),
                path: kept.path.clone(),
                headers: kept.headers.clone(),
                body: String::from_utf8_lossy(&kept.body).into_owned(),
            })
            .collect()
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let provider = |provider: Provider| {
            let counters = &self.counters[provider.index()];
            let stats = ProviderStats {
                requests: read(&counters.requests),
                ended: read(&counters.ended),
                refused: read(&counters.refused),
                failed: read(&counters.failed),
                aborted: read(&counters.aborted),
                in_flight: read(&counters.in_flight),
                streams: read(&counters.streams),
                streams_open: read(&counters.streams_open),
                streams_aborted: read(&counters.streams_aborted),
                billed_input_tokens: read(&counters.billed_input_tokens),
                billed_output_tokens: read(&counters.billed_output_tokens),
            };
            (provider.name(), stats)
        };
        Stats {
            connections_open: read(&self.connections_open),
            connections_accepted: read(&self.connections_accepted),
            providers: Provider::ALL.into_iter().map(provider).collect(),
        }
    }

    /// Forgets requests and totals; what is open now stays counted.
    pub(crate) fn reset(&self) {
        self.captured.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.connections_accepted.store(0, Ordering::Relaxed);
        for counters in &self.counters {
            let Counters { requests, ended, refused, failed, aborted, streams, streams_aborted, .. } =
                counters;
            let billed = [&counters.billed_input_tokens, &counters.billed_output_tokens];
            for counter in [requests, ended, refused, failed, aborted, streams, streams_aborted]
                .into_iter()
                .chain(billed)
            {
                counter.store(0, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn connected(self: &Arc<Self>) -> Connected {
        self.connections_accepted.fetch_add(1, Ordering::Relaxed);
        self.connections_open.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    pub(crate) fn visit(self: &Arc<Self>, provider: Provider) -> Visit {
        let visit =
            Visit { traffic: self.clone(), provider, phase: Phase::Asking, making: Making::default() };
        add(&visit.counters().requests);
        add(&visit.counters().in_flight);
        visit
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// An open connection, counted until it is dropped.
pub(crate) struct Connected(Arc<Traffic>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections_open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request in flight. Dropped before its end it counts as left by the client.
pub(crate) struct Visit {
    traffic: Arc<Traffic>,
    provider: Provider,
    phase: Phase,
    making: Making,
}

/// An answer on its way out.
#[derive(Default)]
struct Making {
    tokens: u64,
    bytes: usize,
    sent: usize,
    billed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Asking,
    Streaming,
    Ended,
}

impl Visit {
    pub(crate) fn refused(&self) {
        add(&self.counters().refused);
    }

    /// A prompt is answered in one piece.
    pub(crate) fn bills(&self, input: u64, output: u64) {
        let counters = self.counters();
        counters.billed_input_tokens.fetch_add(input, Ordering::Relaxed);
        counters.billed_output_tokens.fetch_add(output, Ordering::Relaxed);
    }

    /// A prompt is answered by a stream of so many bytes: each costs its part of the answer as it goes out.
    pub(crate) fn makes(&mut self, input: u64, tokens: u64, bytes: usize) {
        self.bills(input, 0);
        self.making = Making { tokens, bytes, ..Making::default() };
    }

    pub(crate) fn sends(&mut self, bytes: usize) {
        let making = &mut self.making;
        making.sent = making.bytes.min(making.sent + bytes);
        if making.bytes > 0 {
            let due = (making.tokens * making.sent as u64).div_ceil(making.bytes as u64);
            let more = due - making.billed;
            making.billed = due;
            self.bills(0, more);
        }
    }

    pub(crate) fn failed(&self) {
        add(&self.counters().failed);
    }

    pub(crate) fn streams(&mut self) {
        self.phase = Phase::Streaming;
        add(&self.counters().streams);
        add(&self.counters().streams_open);
    }

    pub(crate) fn end(&mut self) {
        if self.phase == Phase::Streaming {
            self.counters().streams_open.fetch_sub(1, Ordering::Relaxed);
        }
        if self.phase != Phase::Ended {
            add(&self.counters().ended);
        }
        self.phase = Phase::Ended;
    }

    fn counters(&self) -> &Counters {
        &self.traffic.counters[self.provider.index()]
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let counters = self.counters();
        counters.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.phase != Phase::Ended {
            add(&counters.aborted);
        }
        if self.phase == Phase::Streaming {
            counters.streams_open.fetch_sub(1, Ordering::Relaxed);
            add(&counters.streams_aborted);
        }
    }
}
