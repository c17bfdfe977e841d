//! The newest records of the audit trail, as `http::audit` writes them.
#![expect(dead_code, reason = "described here, made in http::audit")]

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
