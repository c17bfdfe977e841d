//! Budgets, usage and estimates, as `http::budgets`, `http::usage` and `http::estimate` write them.
#![expect(dead_code, reason = "described here, made in http::budgets, http::usage and http::estimate")]

use super::native::CompleteRequest;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A team's budget
///
/// A team's key sees its own team, the administrator's each.
#[utoipa::path(
    get,
    path = "/v1/budget/{team}",
    tag = "budgets",
    params(("team" = String, Path, description = "The team's name.", example = "engineering-team")),
    responses((status = 200, description = "As it stands now.", body = TeamBudget)),
)]
pub(super) fn one() {}

/// Set a team's limits
///
/// Replaces the override over the configuration's limits, whole: what it leaves out is the configuration's. All
/// replicas on one store see it at once. The administrator's key.
#[utoipa::path(
    put,
    path = "/v1/budget/{team}",
    tag = "budgets",
    params(("team" = String, Path, description = "The team's name.", example = "engineering-team")),
    request_body = BudgetOverride,
    responses((status = 200, description = "As it stands now.", body = TeamBudget)),
)]
pub(super) fn put() {}

/// Back to the configured limits
#[utoipa::path(
    delete,
    path = "/v1/budget/{team}",
    tag = "budgets",
    params(("team" = String, Path, description = "The team's name.", example = "engineering-team")),
    responses((status = 200, description = "As it stands now.", body = TeamBudget)),
)]
pub(super) fn delete() {}

/// All teams' budgets
///
/// Every team that is configured, has a key, or has books. The administrator's key.
#[utoipa::path(
    get,
    path = "/v1/budgets",
    tag = "budgets",
    responses((status = 200, description = "As they stand now.", body = TeamBudgets)),
)]
pub(super) fn all() {}

/// What was used
///
/// By hour or day, team, model, provider and tag; kept 90 days. A team's key sees its own team, the administrator's all.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "budgets",
    params(
        ("from" = Option<String>, Query, description = "A date or a time of RFC 3339, taken to its hour; a day before `to` where absent."),
        ("to" = Option<String>, Query, description = "Likewise, not included; now where absent."),
        ("team" = Option<String>, Query, description = "Of this team alone."),
        (
            "group_by" = Option<String>, Query,
            description = "Some of hour, day, team, model, provider and one tag:NAME, with commas between; `day,model,provider` where absent.",
        ),
    ),
    responses((status = 200, description = "The sums.", body = Usage)),
)]
pub(super) fn usage() {}

/// What a request would cost
///
/// Takes a request of any endpoint that has a price, and tells what it would cost at most and likely, and which limits
/// would refuse it now. Nothing is reserved and nothing is sent.
#[utoipa::path(
    post,
    path = "/v1/estimate",
    tag = "budgets",
    params(("endpoint" = Option<String>, Query, description = "Whose request it is: `/v1/complete`, `/v1/chat/completions`, `/v1/messages` or `/v1/embeddings`. Where absent, what only one of them has decides.")),
    request_body = CompleteRequest,
    responses((status = 200, description = "By today's prices and limits.", body = Estimate)),
)]
pub(super) fn estimate() {}

#[derive(ToSchema)]
struct Estimate {
    /// What would be reserved for the first candidate.
    bound_usd: f64,
    /// By four bytes a token, and what the team's answers of the last day were like.
    likely_usd: f64,
    /// In the order in which they would be tried.
    candidates: Vec<EstimatedCandidate>,
    /// Why these, where the request names no model of its own; as `x-gateway-route-reason`.
    #[schema(nullable = false, example = "auto/code/code_fence")]
    route_reason: Option<String>,
    would_refuse: Vec<WouldRefuse>,
    warnings: Vec<String>,
}

#[derive(ToSchema)]
struct EstimatedCandidate {
    provider: String,
    model: String,
    /// At most.
    input_tokens: u64,
    /// At most.
    output_tokens: u64,
    bound_usd: f64,
    likely_usd: f64,
    price: EstimatePrice,
}

/// US dollars per million tokens, for a prompt of that length.
#[derive(ToSchema)]
struct EstimatePrice {
    input: f64,
    output: f64,
    cache_read: f64,
    cache_write: f64,
}

/// A limit that would refuse the first candidate now.
#[derive(ToSchema)]
struct WouldRefuse {
    /// `team` or `key`.
    #[schema(example = "team")]
    scope: String,
    #[schema(example = "daily_limit_usd")]
    limit: String,
    #[schema(nullable = false)]
    message: Option<String>,
}

#[derive(ToSchema)]
struct TeamBudgets {
    budgets: Vec<TeamBudget>,
}

#[derive(ToSchema)]
struct TeamBudget {
    #[schema(example = "engineering-team")]
    team_id: String,
    daily: BudgetWindow,
    monthly: BudgetWindow,
    rate_limits: RateLimits,
    source: LimitSource,
}

/// `override`: at least one limit is the administrator's.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LimitSource {
    Default,
    Override,
}

/// US dollars, nine decimals; UTC days and months.
#[derive(ToSchema)]
struct BudgetWindow {
    /// Null: unlimited. 0 blocks.
    #[schema(required = true, example = 10.0)]
    limit_usd: Option<f64>,
    #[schema(example = 1.25)]
    spent_usd: f64,
    /// The worst case of requests in flight.
    #[schema(example = 0.41)]
    reserved_usd: f64,
    #[schema(required = true, example = 8.34)]
    remaining_usd: Option<f64>,
    #[schema(format = DateTime)]
    resets_at: String,
}

#[derive(ToSchema)]
struct RateLimits {
    requests_per_minute: Pace,
    tokens_per_minute: Pace,
    max_parallel: Parallel,
}

/// Null: unlimited.
#[derive(ToSchema)]
struct Pace {
    #[schema(required = true)]
    limit: Option<u64>,
    #[schema(required = true)]
    remaining: Option<u64>,
}

#[derive(ToSchema)]
struct Parallel {
    /// Null: unlimited.
    #[schema(required = true)]
    limit: Option<u64>,
    in_flight: u64,
}

/// Each limit that is named; `"unlimited"` takes one away. Money is a number or a string of digits.
#[derive(ToSchema)]
#[schema(example = json!({"daily_limit_usd": 25.5, "max_parallel": 8}))]
struct BudgetOverride {
    #[schema(nullable = false, minimum = 0, maximum = 9_000_000)]
    daily_limit_usd: Option<f64>,
    #[schema(nullable = false, minimum = 0, maximum = 9_000_000)]
    monthly_limit_usd: Option<f64>,
    #[schema(nullable = false, minimum = 0, maximum = 100_000_000)]
    requests_per_minute: Option<u64>,
    #[schema(nullable = false, minimum = 0, maximum = 100_000_000)]
    tokens_per_minute: Option<u64>,
    #[schema(nullable = false, minimum = 0, maximum = 100_000_000)]
    max_parallel: Option<u64>,
}

#[derive(ToSchema)]
struct Usage {
    #[schema(format = DateTime)]
    from: String,
    #[schema(format = DateTime)]
    to: String,
    group_by: Vec<String>,
    rows: Vec<UsageRow>,
}

/// What is not grouped by is null.
#[derive(ToSchema)]
struct UsageRow {
    #[schema(required = true, format = DateTime)]
    start: Option<String>,
    #[schema(required = true)]
    team_id: Option<String>,
    #[schema(required = true)]
    model: Option<String>,
    #[schema(required = true)]
    provider: Option<String>,
    /// Its value of the tag that is grouped by; null also where it has none, `(other)` for values beyond the 100 that
    /// are counted apart for a team and day.
    #[schema(required = true)]
    tag: Option<String>,
    /// Requests that were let through.
    requests: i64,
    /// Requests that a budget or a rate limit refused.
    refused: i64,
    input_tokens: i64,
    output_tokens: i64,
    /// Nine decimals.
    cost_usd: f64,
    redactions_by_type: BTreeMap<String, i64>,
    injection_flagged: i64,
    injection_blocked: i64,
    fallbacks: i64,
    errors: i64,
}
