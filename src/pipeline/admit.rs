//! The budget's leave: rate limits and the worst case of the first attempt, together, before anything is sent.
//! A fallback asks for more of the same. Where the bound alone stands in the way, a tighter one is worked at, once.

use super::call::Calling;
use super::exchange::Exchange;
use super::failure::Failure;
use super::settle::Standing;
use crate::gateway::Gateway;
use gateway_actors::budget::{Admitted, BudgetError};
use gateway_core::catalog::Bound;
use gateway_core::ledger::{
    Admit, Granted, Least, Limit, MOST_PER_MINUTE, Raised, Refused, ReservationId, Route,
};
use gateway_core::routing::Candidate;
use std::time::Duration;

/// What a caller is told to wait where nobody knows better.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Whether the ledger let the request pass.
enum Leave {
    Granted,
    /// It would by a tighter bound. Nothing is reserved.
    Tighten,
}

/// Reserves the first candidate's bound.
///
/// # Errors
/// A window that it does not fit into, a rate limit, or a store that gives no answer.
pub(super) async fn admit(
    gateway: &Gateway,
    exchange: &mut Exchange,
    calling: &mut Calling,
) -> Result<(), Failure> {
    let least = calling.least(0);
    if let Leave::Tighten = ask(gateway, exchange, calling, least.as_ref()).await? {
        let by_bytes = calling.bound(0).input;
        calling.tighten(0).await;
        let (id, counted) = (exchange.id.as_str(), calling.bound(0).input);
        log::debug!(request_id = id, by_bytes, counted; "a prompt's tokens were counted, as far as time allowed");
        // Whatever came of it: this is the refusal that is counted.
        if let Leave::Tighten = ask(gateway, exchange, calling, None).await? {
            return Err(unavailable(exchange, &BudgetError::Void));
        }
    }
    Ok(())
}

async fn ask(
    gateway: &Gateway,
    exchange: &mut Exchange,
    calling: &Calling,
    least: Option<&Bound>,
) -> Result<Leave, Failure> {
    let (route, bound) = calling.first_bound();
    let admit = question(gateway, exchange, route, &bound, least)?;
    let limits = (admit.limits, admit.key_rates);
    exchange.bill.open(gateway.settlements.clone(), limits, admit.route.clone());
    let reserved = admit.bound;
    match gateway.budget.admit(admit).await {
        Ok(Admitted::Granted { granted, hold }) => {
            exchange.bill.granted(hold, reserved, Some(standing(&granted)));
            Ok(Leave::Granted)
        }
        Ok(Admitted::Allowed { hold }) => {
            exchange.bill.granted(hold, reserved, None);
            Ok(Leave::Granted)
        }
        Ok(Admitted::Tighten) => Ok(Leave::Tighten),
        Ok(Admitted::Refused(refused)) => {
            exchange.bill.refused();
            Err(Failure::OverBudget(refused))
        }
        Ok(Admitted::RateLimited(limited)) => {
            exchange.bill.refused();
            Err(Failure::RateLimited(limited))
        }
        Err(error) => Err(unavailable(exchange, &error)),
    }
}

/// The guard refused, so that no budget is asked. The record settles nothing all the same, since usage is counted by
/// what is settled.
pub(super) fn not_asked(gateway: &Gateway, exchange: &mut Exchange, plan: &[Candidate]) {
    let Some(first) = plan.first() else { return };
    let route = Route { provider: first.route.upstream.clone(), model: first.route.model.clone() };
    let principal = &exchange.principal;
    let budget = gateway.config.budgets.of(&principal.team);
    let limits = (budget.limits, principal.limits.over(budget.key_rates));
    exchange.bill.open(gateway.settlements.clone(), limits, route);
}

/// Refuses whom the ledger told to come back later, before its request is searched.
///
/// # Errors
/// It is not later yet.
pub(super) fn paused(gateway: &Gateway, exchange: &Exchange) -> Result<(), Failure> {
    let principal = &exchange.principal;
    let paused = gateway.budget.paused(&principal.team, &principal.key_id);
    paused.map_or(Ok(()), |limited| Err(Failure::RateLimited(limited)))
}

/// Takes the reservation up to what another attempt, on that candidate, could cost beside those before it.
///
/// # Errors
/// The word that stands for it in the list of attempts.
pub(super) async fn raise(
    gateway: &Gateway,
    exchange: &mut Exchange,
    calling: &mut Calling,
    candidate: usize,
) -> Result<(), &'static str> {
    let bound = calling.bound(candidate);
    let Some(refused) = raise_to(gateway, exchange, &bound).await? else { return Ok(()) };
    let Some(least) = calling.least(candidate) else { return Err("budget_exceeded") };
    let could_save = bound.cost.0.saturating_sub(least.cost.0);
    let left = refused.limit.0.saturating_sub(refused.spent.0).saturating_sub(refused.reserved.0);
    if refused.need.0.saturating_sub(could_save) > left {
        return Err("budget_exceeded");
    }
    calling.tighten(candidate).await;
    match raise_to(gateway, exchange, &calling.bound(candidate)).await? {
        None => Ok(()),
        Some(_) => Err("budget_exceeded"),
    }
}

/// What it does not fit into, if anything.
async fn raise_to(
    gateway: &Gateway,
    exchange: &mut Exchange,
    bound: &Bound,
) -> Result<Option<Refused>, &'static str> {
    let Some((hold, total)) = exchange.bill.raise_for(bound) else { return Ok(None) };
    let team = &exchange.principal.team;
    let limits = gateway.config.budgets.of(team).limits;
    match gateway.budget.raise(hold, team, total, limits).await {
        Ok(Raised::Granted) => {
            exchange.bill.raised(total);
            Ok(None)
        }
        Ok(Raised::Refused(refused)) => Ok(Some(refused)),
        Ok(Raised::Void) => Err("budget_unavailable"),
        Err(error) => {
            unavailable(exchange, &error);
            Err("budget_unavailable")
        }
    }
}

fn question(
    gateway: &Gateway,
    exchange: &Exchange,
    route: Route,
    bound: &Bound,
    least: Option<&Bound>,
) -> Result<Admit, Failure> {
    let id = uuid::Uuid::try_parse(&exchange.id).ok().and_then(ReservationId::new);
    let Some(id) = id else {
        log::error!(request_id = exchange.id.as_str(); "a request's id is no UUIDv7: nothing can be reserved");
        return Err(Failure::BudgetUnavailable { retry_after: RETRY_AFTER });
    };
    let principal = &exchange.principal;
    let budget = gateway.config.budgets.of(&principal.team);
    Ok(Admit {
        id,
        team: principal.team.clone(),
        key: principal.key_id.clone(),
        bound: bound.cost,
        tokens: tokens(bound),
        least: least.map(|least| Least { bound: least.cost, tokens: tokens(least) }),
        limits: budget.limits,
        key_rates: principal.limits.over(budget.key_rates),
        route,
        tags: exchange.tags(),
    })
}

/// As they count for tokens a minute.
fn tokens(bound: &Bound) -> u64 {
    bound.input.saturating_add(bound.output).min(MOST_PER_MINUTE)
}

fn standing(granted: &Granted) -> Standing {
    let remaining = match granted.remaining {
        Limit::Unlimited => None,
        Limit::AtMost(left) => Some(left),
    };
    Standing { remaining, requests: granted.requests, tokens: granted.tokens }
}

/// The reason is the operator's; the caller learns when to come back.
fn unavailable(exchange: &Exchange, error: &BudgetError) -> Failure {
    let id = exchange.id.as_str();
    let retry_after = match error {
        BudgetError::Unavailable { retry_after } => {
            log::debug!(request_id = id, error:%; "no leave of the budget store");
            *retry_after
        }
        BudgetError::Ledger(_) | BudgetError::Void | BudgetError::Allowance(_) => {
            log::error!(request_id = id, error:%; "no leave of the budget store");
            RETRY_AFTER
        }
    };
    Failure::BudgetUnavailable { retry_after }
}
