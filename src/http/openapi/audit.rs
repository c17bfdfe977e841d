//! The newest records of the audit trail, and how it is, as `http::audit` writes them.
#![expect(dead_code, reason = "described here, made in http::audit")]

use serde::Serialize;
use utoipa::ToSchema;

/// The newest audit records
///
/// Newest first. A team's key sees its own team, the administrator's and an auditor's see all.
#[utoipa::path(
    get,
    path = "/v1/audit/recent",
    tag = "operations",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000; 50 where absent.", minimum = 1, maximum = 1000),
        ("team" = Option<String>, Query, description = "Of this team alone."),
        ("since" = Option<String>, Query, description = "A date or a time of RFC 3339: begun then or later."),
        (
            "status" = Option<String>, Query,
            description = "A status (429), a class of them (4xx), or an outcome: answered, denied, failed, cancelled, cut_short, interrupted.",
        ),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of records.", body = AuditPage)),
)]
pub(super) fn recent() {}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum Replicas {
    All,
    This,
}

#[derive(ToSchema)]
struct AuditPage {
    /// Records as they stand in the trail: docs/audit-schema.md explains each field.
    entries: Vec<serde_json::Map<String, serde_json::Value>>,
    /// For the next page; null where there is nothing older. A page may be empty and still have a next one.
    #[schema(required = true)]
    next_cursor: Option<String>,
    /// `all`: of every replica on the same Redis, the newest 10,000. `this`: of the one that answers, all that it
    /// keeps.
    replicas: Replicas,
}

/// How the audit trail is
///
/// How it is written, and how far each sink lags behind it. For administrators and auditors.
#[utoipa::path(
    get,
    path = "/v1/audit/status",
    tag = "operations",
    responses((status = 200, description = "The state at this moment.", body = TrailStatus)),
)]
pub(super) fn status() {}

#[derive(ToSchema)]
struct TrailStatus {
    /// Null while it can be written.
    #[schema(required = true)]
    unwritable: Option<Unwritable>,
    /// The number of the last line.
    last_seq: u64,
    /// The number of the last line that is on the disk.
    synced_seq: u64,
    /// The number of the oldest line that is kept.
    first_seq: u64,
    /// When the disk last had all that was written before.
    #[schema(required = true, format = DateTime)]
    last_sync: Option<String>,
    /// Records that wait to be written.
    queued: usize,
    /// Records that a full queue turned away.
    dropped: u64,
    segments: usize,
    /// Of all segments.
    bytes: u64,
    sinks: Vec<Sink>,
}

#[derive(ToSchema)]
struct Unwritable {
    reason: String,
    #[schema(format = DateTime)]
    since: String,
}

#[derive(ToSchema)]
struct Sink {
    name: String,
    /// `splunk`, `elastic`, `datadog` or `webhook`.
    kind: String,
    state: SinkState,
    /// Lines that are on the disk and not delivered.
    lag: u64,
    /// Records delivered since the start.
    delivered: u64,
    /// Records set aside since the start: the receiver refuses them.
    dead_letters: u64,
    /// Lines that retention took before they were delivered.
    lost: u64,
    failures_in_a_row: u32,
    /// What the last failure was, in a word.
    #[schema(required = true)]
    last_error: Option<String>,
    #[schema(required = true, format = DateTime)]
    last_delivered: Option<String>,
    restarts: u32,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SinkState {
    Idle,
    Delivering,
    Failing,
    Misconfigured,
}
