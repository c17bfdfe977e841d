//! What a request would cost, and which limits would refuse it. Nothing is reserved and nothing is sent.

use super::failure::Failure;
use super::work::Work;
use super::{Dialect, Exchange, decode, embed, enter, identify, inspect, plan, receive, tighten};
use crate::gateway::{Gateway, Worker};
use crate::identity::Scopes;
use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Payload;
use bytes::Bytes;
use gateway_core::catalog::{Bound, Prompt, ServiceTier, bound, cost};
use gateway_core::ledger::{
    Balance, Counter, Hour, KeyStatus, Limit, Rates, Refused, Route, Scope, Status, StoreTime, UsageRow,
    Window,
};
use gateway_core::money::NanoUsd;
use gateway_core::routing::{self, Candidate, Plan, RouteReason};
use gateway_core::usage::Usage;
use gateway_wire::embeddings;
use std::sync::Arc;

/// English has about four bytes a token, with most tokenizers.
pub(super) const BYTES_PER_TOKEN: u64 = 4;
/// Tokens of an answer, of which the team has no history of a day.
const USUAL_ANSWER: u64 = 512;
const HOURS_OF_HISTORY: u32 = 24;

/// The candidates in the order in which they would be tried, and what stands in the way of the first.
pub struct Estimate {
    pub candidates: Vec<Estimated>,
    /// Why these, where the request names no model of its own.
    pub route_reason: Option<RouteReason>,
    pub refusals: Vec<Refusal>,
    pub warnings: Vec<String>,
}

/// One candidate.
pub struct Estimated {
    pub route: Arc<routing::Route>,
    pub bound: Bound,
    /// By what such answers of the team were like, a day long.
    pub likely: NanoUsd,
}

/// A limit that would refuse the first candidate now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Budget(Refused),
    RequestsPerMinute(Scope),
    TokensPerMinute(Scope),
    MaxParallel(Scope),
}

/// Of what kind a request is.
#[derive(Clone, Copy)]
pub enum Priced {
    Answer(Dialect),
    Vectors,
}

/// By the query's words, the headers and the body.
type Form = fn(&str, &HeaderMap, &[u8]) -> Result<Priced, Failure>;

/// # Errors
/// As for the request itself, up to the point where money would be asked for.
pub async fn estimate(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    form: Form,
    id: &str,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Estimate, Failure> {
    let principal = identify(gateway, request.headers(), Scopes::INFER)?;
    // It takes a slot like any work, and is no request to a model: nothing is recorded.
    let slot = enter(gateway)?;
    let mut exchange = Exchange::open(gateway, id.to_owned(), principal, slot, None);
    receive::check_media_type(request.headers())?;
    let body = exchange.receive(gateway, payload, request.headers()).await?;
    let asked = match form(request.query_string(), request.headers(), &body)? {
        Priced::Answer(dialect) => answer(gateway, worker, &mut exchange, dialect, request, &body).await?,
        Priced::Vectors => vectors(gateway, worker, &exchange, request, &body).await?,
    };
    let Searched { work, bytes, plan: Plan { candidates: plan, reason }, warnings } = asked;
    let (team, key) = (&exchange.principal.team, &exchange.principal.key_id);
    let budget = gateway.config.budgets.of(team);
    let key = Some((key.clone(), exchange.principal.limits.over(budget.key_rates)));
    let status = gateway.budget.status(team.clone(), budget.limits, key).await?;
    let now = StoreTime::from_unix(gateway.clock.unix()).hour();
    let since = Hour(now.0.saturating_sub(HOURS_OF_HISTORY));
    let history = gateway.budget.usage(team.clone(), (since, now), None).await?;
    let tier = work.tier();
    let prompt = prompt(gateway, &work, plan.first(), &status).await;
    let candidates: Vec<Estimated> = plan
        .iter()
        .map(|candidate| {
            let tier = candidate.route.tier(tier);
            let bound = bound(candidate, &prompt, tier);
            let likely = likely(&candidate.route, &bound, bytes, tier, &history);
            Estimated { route: Arc::clone(&candidate.route), bound, likely }
        })
        .collect();
    let refusals = candidates.first().map_or_else(Vec::new, |first| refusals(&status, &first.bound));
    Ok(Estimate { candidates, route_reason: reason, refusals, warnings })
}

/// A request as it would be sent.
struct Searched {
    work: Work,
    /// Of its texts.
    bytes: u64,
    plan: Plan,
    warnings: Vec<String>,
}

async fn answer(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    exchange: &mut Exchange,
    dialect: Dialect,
    request: &HttpRequest,
    body: &Bytes,
) -> Result<Searched, Failure> {
    let mut asked = decode(gateway, dialect, body, request.headers(), exchange)?;
    let plan = plan(gateway, dialect, &asked, &exchange.principal)?;
    inspect::inspect(gateway, worker, exchange, &mut asked.conversation).await?;
    let bytes = asked.conversation.text_bytes();
    Ok(Searched { work: Work::Converse(asked.conversation), bytes, plan, warnings: asked.warnings })
}

async fn vectors(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    exchange: &Exchange,
    request: &HttpRequest,
    body: &Bytes,
) -> Result<Searched, Failure> {
    let mut asked = embeddings::decode(body)?;
    let plan = embed::plan(gateway, &asked, request.headers(), &exchange.principal)?;
    inspect::inspect_inputs(gateway, worker, exchange, &mut asked.embedding).await?;
    let bytes = asked.embedding.most_tokens();
    let work = Work::Embed { embedding: asked.embedding, by: Vec::new() };
    Ok(Searched { work, bytes, plan, warnings: Vec::new() })
}

/// Its texts are counted where they would be: the first candidate's bound is refused, and a tighter one may not be.
async fn prompt(gateway: &Gateway, work: &Work, first: Option<&Candidate>, status: &Status) -> Prompt {
    let prompt = work.prompt();
    let Some(first) = first else { return prompt };
    let tier = first.route.tier(work.tier());
    let fits = |bound: &Bound| refusals(status, bound).is_empty();
    match tighten::least(first, &prompt, tier) {
        Some(least) if fits(&least) && !fits(&bound(first, &prompt, tier)) => {
            tighten::tighten(gateway, first, prompt, || work.plain_texts()).await
        }
        _ => prompt,
    }
}

fn likely(
    route: &routing::Route,
    bound: &Bound,
    bytes: u64,
    tier: Option<ServiceTier>,
    history: &[UsageRow],
) -> NanoUsd {
    let name = Route { provider: route.upstream.clone(), model: route.model.clone() };
    let sum = |counter: Counter| {
        let rows = history.iter().filter(|row| row.route == name);
        rows.map(|row| u64::try_from(row.tally.get(&counter)).unwrap_or(0)).fold(0, u64::saturating_add)
    };
    let made = sum(Counter::OutputTokens).checked_div(sum(Counter::Requests)).unwrap_or(USUAL_ANSWER);
    let usage = Usage {
        input: Some(bytes.div_ceil(BYTES_PER_TOKEN).min(bound.input)),
        output: Some(made.min(bound.output)),
        ..Usage::NONE
    };
    cost(&route.price, &usage, tier.unwrap_or(ServiceTier::Standard)).min(bound.cost)
}

/// By the same rule as the ledger's, as of this moment.
fn refusals(status: &Status, bound: &Bound) -> Vec<Refusal> {
    let now = status.day.resets_at;
    let windows = [
        (Window::Day(StoreTime(now.0.saturating_sub(1)).day()), &status.day),
        (Window::Month(StoreTime(status.month.resets_at.0.saturating_sub(1)).month()), &status.month),
    ];
    let budgets = windows.into_iter().filter_map(|(window, balance)| over(window, balance, bound.cost));
    let mut refusals: Vec<Refusal> = budgets.map(Refusal::Budget).collect();
    let tokens = bound.input.saturating_add(bound.output);
    let mut pace = |scope, rates: &Rates, requests: Option<u64>, left: Option<u64>, parallel: u64| {
        if requests == Some(0) {
            refusals.push(Refusal::RequestsPerMinute(scope));
        }
        if left.is_some_and(|left| left < tokens) {
            refusals.push(Refusal::TokensPerMinute(scope));
        }
        if matches!(rates.max_parallel, Limit::AtMost(most) if parallel >= most) {
            refusals.push(Refusal::MaxParallel(scope));
        }
    };
    let left = |meter: Option<gateway_core::ledger::Meter>| meter.map(|meter| meter.remaining);
    pace(Scope::Team, &status.limits.rates, left(status.requests), left(status.tokens), status.parallel);
    if let Some(KeyStatus { rates, requests, tokens, parallel }) = &status.key {
        pace(Scope::Key, rates, left(*requests), left(*tokens), *parallel);
    }
    refusals
}

fn over(window: Window, balance: &Balance, need: NanoUsd) -> Option<Refused> {
    let Limit::AtMost(left) = balance.remaining() else { return None };
    let Balance { limit, spent, reserved, resets_at } = *balance;
    let limit = limit.amount();
    let refused = Refused { window, limit, spent, reserved, need, resets_at };
    (limit == NanoUsd::ZERO || need > left).then_some(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::ledger::{Limits, Meter};
    use std::time::Duration;

    #[test]
    fn each_limit_that_would_refuse_is_named() {
        let usd = |nano| Limit::AtMost(NanoUsd(nano));
        let balance = |limit, spent, reserved| Balance {
            limit,
            spent: NanoUsd(spent),
            reserved: NanoUsd(reserved),
            resets_at: StoreTime(0).day().end(),
        };
        let meter = |remaining| Some(Meter { limit: 100, remaining, reset_after: Duration::ZERO });
        let open = Status {
            day: balance(Limit::Unlimited, 5, 5),
            month: balance(usd(20), 5, 5),
            limits: Limits { daily: Limit::Unlimited, monthly: usd(20), rates: Rates::UNLIMITED },
            word: None,
            requests: meter(1),
            tokens: meter(30),
            parallel: 3,
            key: None,
        };
        let bound = Bound { input: 10, output: 20, cost: NanoUsd(10), ..Bound::default() };
        assert_eq!(refusals(&open, &bound), []);
        let at_most = |most| Rates { max_parallel: Limit::AtMost(most), ..Rates::UNLIMITED };
        let key = |rates, requests| Some(KeyStatus { rates, requests, tokens: meter(29), parallel: 0 });
        let mut shut = Status { month: balance(usd(19), 5, 5), ..open.clone() };
        shut.limits.rates = at_most(3);
        shut.key = key(at_most(1), meter(0));
        let told = refusals(&shut, &bound);
        assert!(matches!(told[0], Refusal::Budget(Refused { window: Window::Month(_), .. })), "{told:?}");
        let rest = [
            Refusal::MaxParallel(Scope::Team),
            Refusal::RequestsPerMinute(Scope::Key),
            Refusal::TokensPerMinute(Scope::Key),
        ];
        assert_eq!(told[1..], rest);
        let blocked = Status { day: balance(usd(0), 0, 0), ..open.clone() };
        let told = refusals(&blocked, &Bound::default());
        assert!(matches!(told[..], [Refusal::Budget(_)]), "zero blocks what costs nothing, too: {told:?}");
    }
}
