//! Sinks: where a company looks for such records. Each tails the trail from a cursor of its own, so the files
//! are the queue: a sink that is away costs no memory and no request, and misses nothing.
//!
//! | file | holds |
//! |---|---|
//! | `delivery` | one sink's loop: batches in order, waiting, the cursor |
//! | `work` | what is left of a batch after an answer |
//! | `verdict` | what an answer means for what was sent |
//! | `transport` | the client, deadlines, compression |
//! | `dead` | what no sink would take |
//! | `post` | one message to a webhook that is no sink |
//! | `splunk`, `elastic`, `datadog`, `webhook` | how each wants records, and how it answers |

mod datadog;
mod dead;
mod delivery;
mod elastic;
mod post;
mod splunk;
mod transport;
mod verdict;
mod webhook;
mod work;

use std::fmt;
use std::time::Duration;

use gateway_core::audit::{Named, Record, Time};
use secrecy::SecretString;

pub use post::{Post, PostError};
pub use transport::SinkError;

use super::cursor::Position;
pub(super) use delivery::{Sinks, Tools};
use verdict::{Answer, Verdict};

/// What speaks at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// Splunk's HTTP Event Collector.
    SplunkHec,
    /// Elasticsearch's or OpenSearch's `_bulk`, in the names of the Elastic Common Schema.
    Elastic,
    /// Datadog's log intake, version 2.
    Datadog,
    /// Anything that takes a POST.
    Webhook,
}

impl SinkKind {
    pub const ALL: [SinkKind; 4] =
        [SinkKind::SplunkHec, SinkKind::Elastic, SinkKind::Datadog, SinkKind::Webhook];

    pub fn word(self) -> &'static str {
        match self {
            SinkKind::SplunkHec => "splunk_hec",
            SinkKind::Elastic => "elastic",
            SinkKind::Datadog => "datadog",
            SinkKind::Webhook => "webhook",
        }
    }

    pub fn parse(word: &str) -> Option<SinkKind> {
        SinkKind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// By the path of its URL: what is none of the three is a webhook.
    pub fn guess(path: &str) -> SinkKind {
        let path = path.trim_end_matches('/');
        if path.contains("/services/collector") {
            SinkKind::SplunkHec
        } else if path.ends_with("/_bulk") {
            SinkKind::Elastic
        } else if path.ends_with("/api/v2/logs") {
            SinkKind::Datadog
        } else {
            SinkKind::Webhook
        }
    }
}

/// How a webhook gets its batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batches {
    /// A JSON array.
    #[default]
    Array,
    /// A line for each record.
    Ndjson,
}

/// One sink. Its `Debug` shows neither keys nor the URL, which may hold one.
#[derive(Clone)]
pub struct SinkSettings {
    /// Of its files; unlike any other sink's.
    pub name: Named,
    pub kind: SinkKind,
    /// `http` or `https`, without a user; the path may be left out where the kind has one.
    pub url: String,
    pub token: Option<SecretString>,
    /// Signs a webhook's batches.
    pub hmac_key: Option<SecretString>,
    /// Certificates (PEM) that are trusted beside the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// Splunk's or Elastic's index.
    pub index: Option<Named>,
    pub gzip: bool,
    pub batches: Batches,
    /// Records and bytes of a batch at the most; how long a small one waits for more.
    pub batch_records: usize,
    pub batch_bytes: usize,
    pub batch_wait: Duration,
    /// Of one request.
    pub deadline: Duration,
    /// After the first failure; doubled with each further one, up to [`LONGEST_PAUSE`].
    pub pause: Duration,
}

impl fmt::Debug for SinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkSettings")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// No sink is left alone for longer.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl SinkSettings {
    /// With the bounds that all the kinds take: 1,000 records (Datadog's most), 1 MiB (Splunk's old default).
    pub fn new(name: Named, kind: SinkKind, url: String) -> SinkSettings {
        SinkSettings {
            name,
            kind,
            url,
            token: None,
            hmac_key: None,
            ca_pem: None,
            index: None,
            // A receiver of one's own seldom unpacks.
            gzip: kind != SinkKind::Webhook,
            batches: Batches::default(),
            batch_records: 1_000,
            batch_bytes: 1 << 20,
            batch_wait: Duration::from_secs(1),
            deadline: Duration::from_secs(30),
            pause: Duration::from_millis(500),
        }
    }
}

/// What a sink is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinkState {
    /// All that is durable was delivered.
    #[default]
    Idle,
    Delivering,
    /// It failed, and is tried again soon.
    Failing,
    /// It does not take us: address, token or index are wrong. Tried again too.
    Misconfigured,
}

impl SinkState {
    pub fn word(self) -> &'static str {
        match self {
            SinkState::Idle => "idle",
            SinkState::Delivering => "delivering",
            SinkState::Failing => "failing",
            SinkState::Misconfigured => "misconfigured",
        }
    }
}

/// How a sink is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkStatus {
    pub name: Named,
    pub kind: SinkKind,
    pub state: SinkState,
    /// Lines that are durable and not delivered.
    pub lag: u64,
    /// The last line that was delivered or set aside.
    pub seq: u64,
    /// Records delivered since the start.
    pub delivered: u64,
    /// Bytes sent since the start, as they went over the network.
    pub bytes: u64,
    /// Records set aside since the start.
    pub dead_letters: u64,
    /// Lines that were taken from the trail by force before they were delivered.
    pub lost: u64,
    pub failures_in_a_row: u32,
    /// What the last failure was, in a word.
    pub last_error: Option<String>,
    pub last_delivered: Option<Time>,
    /// How often its loop died and was begun again.
    pub restarts: u32,
}

/// A record on its way.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub record: Record,
    /// As it stands in the trail, a JSON object without a line end.
    pub line: Vec<u8>,
    pub end: Position,
}

/// What is sent.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// What one kind of sink wants and means.
pub(super) trait Dialect: Send + Sync {
    /// `unix` is the time of sending.
    fn batch(&self, events: &[Event], unix: Duration) -> Outgoing;

    /// Headers that are made of the body as it goes over the network.
    fn sign(&self, _body: &[u8], _unix: Duration) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What a 2xx says of a batch of so many events; other statuses mean the same everywhere.
    fn accepted(&self, answer: &Answer, events: usize) -> Verdict;

    /// What another status says, where this kind knows more of it than [`verdict::by_status`].
    fn refused(&self, answer: &Answer, events: usize) -> Verdict {
        let _ = events;
        verdict::by_status(answer)
    }

    /// Asks whether a batch that was taken has been stored.
    fn ask(&self, _receipt: u64) -> Option<Outgoing> {
        None
    }

    /// What came of asking.
    fn stored(&self, _answer: &Answer, _receipt: u64) -> bool {
        true
    }
}

/// A JSON object with one more field, a line that is JSON already.
pub(super) fn with_line(object: &serde_json::Value, name: &str, line: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(object.to_string().as_bytes());
    out.pop();
    out.extend_from_slice(format!(r#","{name}":"#).as_bytes());
    out.extend_from_slice(line);
    out.push(b'}');
}

#[cfg(test)]
mod tests;
