//! `POST /v1/estimate`: what a request would cost, at most and likely.

mod form;

use super::{budgets, limits, respond};
use crate::gateway::{Gateway, Worker, request_id};
use crate::pipeline::{Estimate, Estimated, Refusal, estimate};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use gateway_core::catalog::ServiceTier;
use gateway_core::ledger::{Scope, Window};
use gateway_core::money::{NanoUsd, PicoUsdPerToken};
use gateway_wire::native::Native;
use serde::Serialize;
use serde_json::value::RawValue;

/// Takes a request of any endpoint that has a price.
pub async fn answer(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    let id = request_id(&*gateway.clock, &*gateway.dice);
    match estimate(&gateway, &worker, form::of, &id, &request, &mut payload).await {
        Ok(estimate) => budgets::told(&gateway, Ok(View::new(estimate))),
        Err(failure) => respond::unread(respond::failed(&Native, &failure, &id), payload),
    }
}

#[derive(Serialize)]
struct View {
    bound_usd: NanoUsd,
    likely_usd: NanoUsd,
    candidates: Vec<CandidateView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route_reason: Option<String>,
    would_refuse: Vec<RefusalView>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct CandidateView {
    provider: String,
    model: String,
    input_tokens: u64,
    output_tokens: u64,
    bound_usd: NanoUsd,
    likely_usd: NanoUsd,
    price: PriceView,
}

/// US dollars per million tokens.
#[derive(Serialize)]
struct PriceView {
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
    cache_read: Option<Box<RawValue>>,
    cache_write: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct RefusalView {
    scope: &'static str,
    limit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl View {
    fn new(estimate: Estimate) -> View {
        let first = estimate.candidates.first();
        View {
            bound_usd: first.map_or(NanoUsd::ZERO, |first| first.bound.cost),
            likely_usd: first.map_or(NanoUsd::ZERO, |first| first.likely),
            candidates: estimate.candidates.iter().map(CandidateView::new).collect(),
            route_reason: estimate.route_reason.map(|reason| reason.to_string()),
            would_refuse: estimate.refusals.iter().map(RefusalView::new).collect(),
            warnings: estimate.warnings,
        }
    }
}

impl CandidateView {
    fn new(estimated: &Estimated) -> CandidateView {
        let Estimated { route, bound, likely } = estimated;
        let rates = route.price.rates(bound.input, ServiceTier::Standard);
        CandidateView {
            provider: route.upstream.to_string(),
            model: route.model.to_string(),
            input_tokens: bound.input,
            output_tokens: bound.output,
            bound_usd: bound.cost,
            likely_usd: *likely,
            price: PriceView {
                input: per_million(rates.input),
                output: per_million(rates.output),
                cache_read: per_million(rates.cache_read),
                cache_write: per_million(rates.cache_write_5m),
            },
        }
    }
}

impl RefusalView {
    fn new(refusal: &Refusal) -> RefusalView {
        let whose = |scope: &Scope| match scope {
            Scope::Team => "team",
            Scope::Key => "key",
        };
        let (scope, limit, message) = match refusal {
            Refusal::Budget(refused) => {
                let limit = match refused.window {
                    Window::Day(_) => "daily_limit_usd",
                    Window::Month(_) => "monthly_limit_usd",
                };
                ("team", limit, Some(limits::over_budget(refused)))
            }
            Refusal::RequestsPerMinute(scope) => (whose(scope), "requests_per_minute", None),
            Refusal::TokensPerMinute(scope) => (whose(scope), "tokens_per_minute", None),
            Refusal::MaxParallel(scope) => (whose(scope), "max_parallel", None),
        };
        RefusalView { scope, limit, message }
    }
}

/// A pico-dollar a token is a millionth of a dollar per million tokens. Exact; digits always make a number.
fn per_million(price: PicoUsdPerToken) -> Option<Box<RawValue>> {
    RawValue::from_string(format!("{}.{:06}", price.0 / 1_000_000, price.0 % 1_000_000)).ok()
}
