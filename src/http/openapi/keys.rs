//! Keys that administrators make, as `http::keys` tells them.
#![expect(dead_code, reason = "described here, made in http::keys")]

use serde::Serialize;
use utoipa::ToSchema;

/// Make a key
///
/// The answer alone holds the key; its hash is what is kept. All replicas know it within a second. The
/// administrator's key.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "keys",
    request_body = NewKey,
    responses((status = 200, description = "The key: keep it now.", body = FreshKey)),
)]
pub(super) fn make() {}

/// The keys that were made
///
/// Without the keys themselves, the newest first; those of the configuration are not among them. The administrator's
/// key.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "keys",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1000; 100 where absent.", minimum = 1, maximum = 1000),
        ("team" = Option<String>, Query, description = "Of this team alone."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before."),
    ),
    responses((status = 200, description = "A page of them.", body = KeyList)),
)]
pub(super) fn list() {}

/// Revoke a key
///
/// It is refused from now on by the replica that answers, within a second by all others. The administrator's key.
#[utoipa::path(
    delete,
    path = "/v1/keys/{id}",
    tag = "keys",
    params(("id" = String, Path, description = "The key's id.", example = "5f0c1d7e9a42")),
    responses((status = 200, description = "It opens nothing any more.", body = RevokedKey)),
)]
pub(super) fn revoke() {}

#[derive(ToSchema)]
#[schema(example = json!({
    "team_id": "engineering-team",
    "name": "nightly job",
    "scopes": ["infer"],
    "expires_at": "2027-06-30T00:00:00Z",
    "limits": {"requests_per_minute": 60}
}))]
struct NewKey {
    /// A team that is configured or has a key, unless `GATEWAY_KEYS_ANY_TEAM` is on.
    team_id: String,
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `["infer"]` where absent.
    #[schema(nullable = false, min_items = 1)]
    scopes: Option<Vec<Scope>>,
    /// RFC 3339, still to come; absent: until it is revoked.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    limits: Option<NewKeyLimits>,
}

/// `infer` calls models, `audit` reads every team's records, `metrics` reads metrics, `admin` administrates.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Scope {
    Infer,
    Audit,
    Metrics,
    Admin,
}

/// Of this key, beside the team's; `"unlimited"` takes away what the configuration has for each of the team's keys,
/// 0 blocks.
#[derive(ToSchema)]
struct NewKeyLimits {
    #[schema(minimum = 0, maximum = 100_000_000)]
    requests_per_minute: Option<u64>,
    #[schema(minimum = 0, maximum = 100_000_000)]
    tokens_per_minute: Option<u64>,
    #[schema(minimum = 0, maximum = 100_000_000)]
    max_parallel: Option<u64>,
}

#[derive(ToSchema)]
struct FreshKey {
    /// Stands for the key in the audit trail and in logs.
    #[schema(example = "5f0c1d7e9a42")]
    id: String,
    /// Told this once.
    #[schema(example = "sk-gw-…")]
    key: String,
    team_id: String,
    #[schema(required = true)]
    name: Option<String>,
    scopes: Vec<Scope>,
    limits: KeyLimits,
    #[schema(format = DateTime)]
    created_at: String,
    /// Null: until it is revoked.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
}

#[derive(ToSchema)]
struct MadeKey {
    /// Stands for the key in the audit trail and in logs.
    #[schema(example = "5f0c1d7e9a42")]
    id: String,
    team_id: String,
    #[schema(required = true)]
    name: Option<String>,
    scopes: Vec<Scope>,
    limits: KeyLimits,
    #[schema(format = DateTime)]
    created_at: String,
    /// Null: until it is revoked.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
}

/// A number or `"unlimited"`; null: what the configuration has for each of the team's keys.
#[derive(ToSchema)]
struct KeyLimits {
    #[schema(required = true)]
    requests_per_minute: Option<u64>,
    #[schema(required = true)]
    tokens_per_minute: Option<u64>,
    #[schema(required = true)]
    max_parallel: Option<u64>,
}

#[derive(ToSchema)]
struct KeyList {
    keys: Vec<MadeKey>,
    /// Null on the last page.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
struct RevokedKey {
    id: String,
    #[schema(example = true)]
    revoked: bool,
}
