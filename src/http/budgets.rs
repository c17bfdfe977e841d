//! `/v1/budget/{team}` and `/v1/budgets`: what teams may spend, have reserved and have spent, and an
//! administrator's word over the configuration's limits, which all replicas see at once.

use super::acts::{self, Act};
use super::{limits, refusal, respond};
use crate::gateway::{Gateway, request_id};
use crate::identity::making::shown;
use crate::identity::{Principal, Scopes};
use crate::pipeline::{Failure, body, identify};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::{StreamExt, TryStreamExt, stream};
use gateway_actors::budget::BudgetError;
use gateway_core::audit::{AdminAction, Named, Table};
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Balance, Limit, MOST, MOST_PER_MINUTE, Meter, Override, Status};
use gateway_core::money::NanoUsd;
use gateway_wire::Malformed;
use gateway_wire::native::Native;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Teams that are asked for at the same time.
const TOGETHER: usize = 64;

/// `GET /v1/budget/{team}`: a team sees its own, an administrator each.
pub async fn one(request: HttpRequest, team: Path<String>, gateway: Data<Gateway>) -> HttpResponse {
    let answer = async {
        let principal = identify(&gateway, request.headers(), Scopes::default())?;
        let team = visible(&gateway, &principal, &team).await?;
        Ok(View::new(&team, &status(&gateway, &team).await?))
    };
    told(&gateway, answer.await)
}

/// `GET /v1/budgets`: every team that is configured, has a key, or has books.
pub async fn all(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let answer = async {
        identify(&gateway, request.headers(), Scopes::ADMIN)?;
        let mut teams = gateway.known_teams();
        teams.extend(gateway.budget.teams().await?);
        let views = stream::iter(&teams).map(async |team| {
            let status = status(&gateway, team).await?;
            Ok::<_, Failure>(View::new(team, &status))
        });
        let budgets: Vec<View> = views.buffered(TOGETHER).try_collect().await?;
        Ok(All { budgets })
    };
    told(&gateway, answer.await)
}

/// `PUT /v1/budget/{team}`: the whole override; what it leaves out is the configuration's.
pub async fn put(
    request: HttpRequest,
    team: Path<String>,
    mut payload: Payload,
    gateway: Data<Gateway>,
) -> HttpResponse {
    let answer = async {
        let principal = identify(&gateway, request.headers(), Scopes::ADMIN)?;
        let team = visible(&gateway, &principal, &team).await?;
        let (sent, _held) = body(&gateway, request.headers(), &mut payload).await?;
        let (word, changes) = word(&sent)?;
        change(&gateway, &principal, &team, Some(word), changes).await
    };
    let answer = told(&gateway, answer.await);
    if answer.status().is_success() { answer } else { respond::unread(answer, payload) }
}

/// `DELETE /v1/budget/{team}`: back to the configuration's limits.
pub async fn delete(request: HttpRequest, team: Path<String>, gateway: Data<Gateway>) -> HttpResponse {
    let answer = async {
        let principal = identify(&gateway, request.headers(), Scopes::ADMIN)?;
        let team = visible(&gateway, &principal, &team).await?;
        change(&gateway, &principal, &team, None, Table::default()).await
    };
    told(&gateway, answer.await)
}

async fn change(
    gateway: &Gateway,
    principal: &Principal,
    team: &TeamId,
    word: Option<Override>,
    changes: Table<Named, 32>,
) -> Result<View, Failure> {
    let limits = gateway.config.budgets.of(team).limits;
    let action = if word.is_some() { AdminAction::BudgetOverride } else { AdminAction::BudgetDefault };
    let status = gateway.budget.set_override(team.clone(), limits, word).await;
    let status = status.map_err(Failure::from);
    let act = Act { action, team: Some(team), key: None, failure: status.as_ref().err(), changes };
    acts::record(gateway, principal, &request_id(&*gateway.clock, &*gateway.dice), act).await;
    Ok(View::new(team, &status?))
}

async fn status(gateway: &Gateway, team: &TeamId) -> Result<Status, Failure> {
    let limits = gateway.config.budgets.of(team).limits;
    Ok(gateway.budget.status(team.clone(), limits, None).await?)
}

/// The team, if the caller may see it and there is one.
pub(super) async fn visible(gateway: &Gateway, principal: &Principal, name: &str) -> Result<TeamId, Failure> {
    let team = TeamId::new(name);
    if !principal.scopes.allow(Scopes::ADMIN) {
        let own = team.filter(|team| *team == principal.team && principal.scopes.allow(Scopes::INFER));
        return own.ok_or(Failure::Forbidden);
    }
    let team = team.ok_or(Failure::TeamUnknown)?;
    if gateway.known_teams().contains(&team) || gateway.budget.teams().await?.contains(&team) {
        return Ok(team);
    }
    Err(Failure::TeamUnknown)
}

pub(super) fn told<T: Serialize>(gateway: &Gateway, answer: Result<T, Failure>) -> HttpResponse {
    let written = answer.map(|view| serde_json::to_string(&view));
    match written {
        // A string, since a number that is read into a value and written anew would lose its decimals.
        Ok(Ok(text)) => respond::json_text(gateway, text),
        Ok(Err(error)) => {
            log::error!(error:%; "an answer can't be written");
            refusal(gateway, &Native, &Failure::Overloaded)
        }
        Err(failure) => refusal(gateway, &Native, &failure),
    }
}

impl From<BudgetError> for Failure {
    fn from(error: BudgetError) -> Failure {
        let retry_after = match &error {
            BudgetError::Unavailable { retry_after } => *retry_after,
            _ => Duration::from_secs(1),
        };
        log::warn!(error:%; "no answer of the budget store");
        Failure::BudgetUnavailable { retry_after }
    }
}

#[derive(Serialize)]
struct All {
    budgets: Vec<View>,
}

#[derive(Serialize)]
struct View {
    team_id: String,
    daily: WindowView,
    monthly: WindowView,
    rate_limits: RatesView,
    source: &'static str,
}

#[derive(Serialize)]
struct WindowView {
    limit_usd: Option<NanoUsd>,
    spent_usd: NanoUsd,
    reserved_usd: NanoUsd,
    remaining_usd: Option<NanoUsd>,
    resets_at: String,
}

#[derive(Serialize)]
struct RatesView {
    requests_per_minute: PaceView,
    tokens_per_minute: PaceView,
    max_parallel: ParallelView,
}

#[derive(Serialize)]
struct PaceView {
    limit: Option<u64>,
    remaining: Option<u64>,
}

#[derive(Serialize)]
struct ParallelView {
    limit: Option<u64>,
    in_flight: u64,
}

impl View {
    fn new(team: &TeamId, status: &Status) -> View {
        let rates = status.limits.rates;
        View {
            team_id: team.to_string(),
            daily: WindowView::new(&status.day),
            monthly: WindowView::new(&status.month),
            rate_limits: RatesView {
                requests_per_minute: PaceView::new(status.requests),
                tokens_per_minute: PaceView::new(status.tokens),
                max_parallel: ParallelView { limit: bounded(rates.max_parallel), in_flight: status.parallel },
            },
            source: if status.word.is_some() { "override" } else { "default" },
        }
    }
}

impl WindowView {
    fn new(balance: &Balance) -> WindowView {
        WindowView {
            limit_usd: bounded(balance.limit),
            spent_usd: balance.spent,
            reserved_usd: balance.reserved,
            remaining_usd: bounded(balance.remaining()),
            resets_at: limits::time(balance.resets_at),
        }
    }
}

impl PaceView {
    fn new(meter: Option<Meter>) -> PaceView {
        PaceView { limit: meter.map(|meter| meter.limit), remaining: meter.map(|meter| meter.remaining) }
    }
}

/// `None`: unlimited.
fn bounded<T>(limit: Limit<T>) -> Option<T> {
    match limit {
        Limit::Unlimited => None,
        Limit::AtMost(bound) => Some(bound),
    }
}

/// The override that a body writes, and its fields as the audit trail keeps them.
fn word(body: &[u8]) -> Result<(Override, Table<Named, 32>), Failure> {
    let text = gateway_wire::json::check(body).map_err(|_| not_json())?;
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|_| not_json())?;
    let mut word = Override::default();
    for (name, value) in &fields {
        let value = value.get();
        match name.as_str() {
            "daily_limit_usd" => word.daily = Some(amount(name, value)?),
            "monthly_limit_usd" => word.monthly = Some(amount(name, value)?),
            "requests_per_minute" => word.requests_per_minute = Some(count(name, value)?),
            "tokens_per_minute" => word.tokens_per_minute = Some(count(name, value)?),
            "max_parallel" => word.max_parallel = Some(count(name, value)?),
            _ => return Err(unknown(name)),
        }
    }
    if fields.is_empty() {
        return Err(wrong("daily_limit_usd", "name a limit; DELETE goes back to the configuration's"));
    }
    let plain = |(name, value): (&String, &&RawValue)| {
        (Named::cleaned(name), Named::cleaned(value.get().trim_matches('"')))
    };
    Ok((word, fields.iter().map(plain).collect()))
}

fn amount(field: &str, json: &str) -> Result<Limit<NanoUsd>, Failure> {
    const PROBLEM: &str = "must be US dollars from 0 to 9000000 with at most nine decimals, or \"unlimited\"";
    match json.trim_matches('"') {
        "unlimited" => Ok(Limit::Unlimited),
        digits => match NanoUsd::parse(digits) {
            Ok(amount) if amount <= MOST => Ok(Limit::AtMost(amount)),
            _ => Err(wrong(field, PROBLEM)),
        },
    }
}

fn count(field: &str, json: &str) -> Result<Limit<u64>, Failure> {
    if json == "\"unlimited\"" {
        return Ok(Limit::Unlimited);
    }
    let read = json.parse().ok().filter(|count| *count <= MOST_PER_MINUTE);
    let problem = "must be a whole number from 0 to 100000000, or \"unlimited\"";
    read.map(Limit::AtMost).ok_or_else(|| wrong(field, problem))
}

fn not_json() -> Failure {
    wrong("body", "must be a JSON object without repeated keys")
}

fn unknown(name: &str) -> Failure {
    let problem = "is not known: known are daily_limit_usd, monthly_limit_usd, requests_per_minute, \
                   tokens_per_minute, max_parallel";
    wrong(shown(name), problem)
}

fn wrong(field: &str, problem: &'static str) -> Failure {
    Failure::Malformed(Malformed::Field { field: field.to_owned(), problem: Cow::Borrowed(problem) })
}

impl Gateway {
    /// Teams of the configuration and of its keys.
    pub(super) fn known_teams(&self) -> BTreeSet<TeamId> {
        let mut teams: BTreeSet<TeamId> = self.config.teams().chain(self.keys.teams()).cloned().collect();
        teams.extend(self.made_keys.teams());
        teams
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_or_refused_by_field() {
        let usd = |nano| Some(Limit::AtMost(NanoUsd(nano)));
        let none = Override::default();
        for (body, want) in [
            (r#"{"daily_limit_usd":12.5}"#, Ok(Override { daily: usd(12_500_000_000), ..none })),
            (r#"{"daily_limit_usd":"0.000000001"}"#, Ok(Override { daily: usd(1), ..none })),
            (
                r#"{"monthly_limit_usd":"unlimited","max_parallel":0}"#,
                Ok(Override {
                    monthly: Some(Limit::Unlimited),
                    max_parallel: Some(Limit::AtMost(0)),
                    ..none
                }),
            ),
            (r#"{"daily_limit_usd":-1}"#, Err("daily_limit_usd")),
            (r#"{"daily_limit_usd":1e3}"#, Err("daily_limit_usd")),
            (r#"{"daily_limit_usd":0.0000000001}"#, Err("daily_limit_usd")),
            (r#"{"daily_limit_usd":9000001}"#, Err("daily_limit_usd")),
            (r#"{"daily_limit_usd":null}"#, Err("daily_limit_usd")),
            (r#"{"daily_limit_usd":NaN}"#, Err("body")),
            (r#"{"requests_per_minute":1.5}"#, Err("requests_per_minute")),
            (r#"{"requests_per_minute":100000001}"#, Err("requests_per_minute")),
            (r#"{"dayly_limit_usd":1}"#, Err("dayly_limit_usd")),
            (r#"{"ann@example.org":1}"#, Err("body")),
            (r#"{"536904399":1}"#, Err("body")),
            (r#"{"max_parallel":1,"max_parallel":2}"#, Err("body")),
            ("{}", Err("daily_limit_usd")),
            ("[]", Err("body")),
        ] {
            let read = word(body.as_bytes()).map(|(word, _)| word).map_err(|failure| match failure {
                Failure::Malformed(Malformed::Field { field, .. }) => field,
                other => panic!("{body}: {other:?}"),
            });
            assert_eq!(read, want.map_err(str::to_owned), "{body}");
        }
    }
}
