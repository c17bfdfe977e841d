//! A fake SIEM beside the fake upstreams: Splunk's HTTP Event Collector, Elasticsearch's `_bulk`, Datadog's log
//! intake and a plain webhook. It checks what each product checks, keeps what it took, and fails as it is told.
//!
//! | file | holds |
//! |---|---|
//! | `intake` | how each product reads a batch, and what it answers |

mod intake;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::body::{BoxBody, SizedStream};
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Records that are kept to be looked at; later ones are counted only.
const MOST_KEPT: usize = 500_000;

/// What goes wrong with batches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiemFault {
    /// This status, perhaps with `retry-after`.
    Status { code: u16, retry_after_s: Option<u64> },
    /// No answer, for ever.
    Hang,
    /// An answer that breaks off half-way.
    Cut,
    /// 200, and an error in its body: Splunk's "busy", Elastic's 429 for each document, a proxy's page for others.
    ErrorBody,
    /// A batch with a record that contains this text is refused: 400; Elastic refuses that document alone.
    RefuseContaining(String),
    /// A batch of more records is refused: 413.
    MoreRecordsThan(usize),
    /// Splunk takes batches and never acknowledges them.
    NeverAcknowledged,
}

/// A record that was taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Taken {
    /// `splunk_hec`, `elastic`, `datadog` or `webhook`.
    pub sink: &'static str,
    /// The record itself, without what the product wraps around it.
    pub record: Value,
}

/// What has come so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SiemStats {
    /// Batches, refused ones too.
    pub batches: u64,
    pub refused_batches: u64,
    /// Records taken, repeats too.
    pub records: u64,
}

/// The state of the fake SIEM.
#[derive(Debug, Default)]
pub(crate) struct SiemState(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fault: Option<SiemFault>,
    /// Batches that the fault is still for; `None`: all.
    left: Option<u64>,
    acknowledges: bool,
    next_ack: u64,
    taken: Vec<Taken>,
    /// Elastic's documents by id.
    documents: BTreeMap<String, Value>,
    stats: SiemStats,
}

/// The control over the fake SIEM, from any thread.
#[derive(Debug, Clone)]
pub struct Siem(pub(crate) Data<SiemState>);

impl Siem {
    /// Every batch from here on meets this.
    pub fn fail(&self, fault: SiemFault) {
        let mut inner = self.0.inner();
        inner.fault = Some(fault);
        inner.left = None;
    }

    /// Only the next so many.
    pub fn fail_next(&self, batches: u64, fault: SiemFault) {
        let mut inner = self.0.inner();
        inner.fault = Some(fault);
        inner.left = Some(batches);
    }

    /// All is well again.
    pub fn mend(&self) {
        self.0.inner().fault = None;
    }

    /// Splunk answers with receipts, to be asked about.
    pub fn acknowledge(&self) {
        self.0.inner().acknowledges = true;
    }

    /// In the order in which they came.
    pub fn taken(&self) -> Vec<Taken> {
        self.0.inner().taken.clone()
    }

    /// What Elastic holds in the end, by document id.
    pub fn documents(&self) -> BTreeMap<String, Value> {
        self.0.inner().documents.clone()
    }

    pub fn stats(&self) -> SiemStats {
        self.0.inner().stats.clone()
    }
}

impl SiemState {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/services/collector", web::post().to(intake::splunk))
        .route("/services/collector/event", web::post().to(intake::splunk))
        .route("/services/collector/ack", web::post().to(intake::splunk_ack))
        .route("/_bulk", web::post().to(intake::elastic))
        .route("/{index}/_bulk", web::post().to(intake::elastic))
        .route("/api/v2/logs", web::post().to(intake::datadog))
        .route("/hook", web::post().to(intake::webhook))
        .route("/__siem", web::get().to(stats))
        .route("/__siem", web::post().to(set));
}

async fn stats(state: Data<SiemState>) -> HttpResponse {
    HttpResponse::Ok().json(&state.inner().stats)
}

/// `null` mends, a fault fails.
async fn set(body: Bytes, state: Data<SiemState>) -> HttpResponse {
    match serde_json::from_slice::<Option<SiemFault>>(&body) {
        Ok(fault) => {
            let mut inner = state.inner();
            inner.fault = fault;
            inner.left = None;
            HttpResponse::NoContent().finish()
        }
        Err(error) => HttpResponse::BadRequest().body(error.to_string()),
    }
}

/// One batch, read and not yet taken.
struct Batch<'a> {
    sink: &'static str,
    state: &'a SiemState,
    records: Vec<Value>,
}

impl Batch<'_> {
    /// The fault that this batch meets; counts it.
    fn fault(&self) -> Option<SiemFault> {
        let mut inner = self.state.inner();
        inner.stats.batches += 1;
        let fault = inner.fault.clone()?;
        let hits = match &fault {
            SiemFault::RefuseContaining(text) => {
                self.records.iter().any(|record| record.to_string().contains(text))
            }
            SiemFault::MoreRecordsThan(most) => self.records.len() > *most,
            _ => true,
        };
        if !hits {
            return None;
        }
        match &mut inner.left {
            Some(0) => {
                inner.fault = None;
                return None;
            }
            Some(left) => *left -= 1,
            None => {}
        }
        inner.stats.refused_batches += 1;
        Some(fault)
    }

    /// Keeps those that are taken.
    fn take(self) {
        let sink = self.sink;
        self.state.inner().take(self.records.into_iter().map(|record| Taken { sink, record }));
    }
}

impl Inner {
    fn take(&mut self, records: impl Iterator<Item = Taken>) {
        for taken in records {
            self.stats.records += 1;
            if self.taken.len() < MOST_KEPT {
                self.taken.push(taken);
            }
        }
    }
}

/// What most faults look like, whatever the product; `None` where the product has its own way.
async fn failed(fault: &SiemFault) -> Option<HttpResponse> {
    match fault {
        SiemFault::Status { code, retry_after_s } => {
            let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = HttpResponse::build(status);
            if let Some(seconds) = retry_after_s {
                response.insert_header(("retry-after", seconds.to_string()));
            }
            Some(response.body("told to fail"))
        }
        SiemFault::Hang => std::future::pending().await,
        SiemFault::Cut => {
            let half = [Ok(Bytes::from_static(b"{\"code\"")), Err(io::Error::other("told to break off"))];
            Some(HttpResponse::Ok().body(BoxBody::new(SizedStream::new(1_000, stream::iter(half)))))
        }
        SiemFault::RefuseContaining(_) => {
            Some(HttpResponse::BadRequest().body("a record is not to our liking"))
        }
        SiemFault::MoreRecordsThan(_) => Some(HttpResponse::PayloadTooLarge().body("too many records")),
        SiemFault::ErrorBody | SiemFault::NeverAcknowledged => None,
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
