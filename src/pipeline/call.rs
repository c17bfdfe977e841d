//! Calls candidates in order until one answers. Each attempt has one permit and reports once.

use super::admit;
use super::drain::Drain;
use super::exchange::Exchange;
use super::failure::Failure;
use super::inspect::Inspected;
use super::restore::Restoring;
use super::sending::{Attempting, Sent};
use super::settle::{Charge, Consumed, Standing, UnderWay};
use super::tighten;
use super::trace::{self, TraceParent};
use super::work::{Wanted, Work};
use crate::gateway::{Gateway, Upstream, Worker};
use gateway_actors::provider::{Call, Client, Limits, Permit, Refusal};
use gateway_actors::supervision::Tasks;
use gateway_core::catalog::{Ability, Bound, Prompt, ServiceTier, bound};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::finding::Summary;
use gateway_core::ledger;
use gateway_core::money::NanoUsd;
use gateway_core::routing::{Candidate, Route, RouteReason};
use gateway_wire::{Budget, Facts, Target};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request's way through its candidates. Boxed where it is handed on: it is large, and the steps of
/// a future move it.
pub(super) struct Calling {
    pub gateway: Arc<Gateway>,
    client: Client,
    tasks: Tasks,
    pub work: Work,
    asked_tier: Option<ServiceTier>,
    prompt: Prompt,
    plan: Vec<Candidate>,
    stream: bool,
    shows_thinking: bool,
    deadline: Instant,
    /// The candidate that answered, once one has.
    pub chosen: usize,
    faults: Vec<FaultClass>,
    soonest: Option<Instant>,
    pub dropped: Vec<Cow<'static, str>>,
    pub warnings: Vec<String>,
    pub inspected: Inspected,
    trace: Option<TraceParent>,
}

impl Calling {
    pub(super) fn new(
        gateway: &Arc<Gateway>,
        worker: &Worker,
        wanted: Wanted,
        plan: Vec<Candidate>,
        inspected: Inspected,
        exchange: &Exchange,
    ) -> Box<Calling> {
        let Wanted { work, stream, shows_thinking, dropped, warnings } = wanted;
        Box::new(Calling {
            gateway: Arc::clone(gateway),
            client: worker.client.clone(),
            tasks: worker.tasks.clone(),
            asked_tier: work.tier(),
            prompt: work.prompt(),
            work,
            plan,
            stream,
            shows_thinking,
            deadline: exchange.started + gateway.config.calls.request_timeout,
            chosen: 0,
            faults: Vec::new(),
            soonest: None,
            dropped,
            warnings,
            inspected,
            trace: exchange.trace,
        })
    }

    /// Tries candidates until one answers. `start` sends an attempt and reports a failed one; the
    /// exchange comes back, unless the caller vanishes meanwhile.
    pub(super) async fn first<T: Consumed + 'static>(
        &mut self,
        mut exchange: Exchange,
        start: impl Fn(Attempting) -> Sent<T>,
    ) -> (Exchange, Result<T, Failure>) {
        for index in 0..self.plan.len() {
            let mut retried = false;
            loop {
                let permit = match self.upstream(index).provider.acquire(&self.plan[index].route.model) {
                    Ok(permit) => permit,
                    Err(refusal) => {
                        self.refused(index, &refusal, &mut exchange);
                        break;
                    }
                };
                let began = self.gateway.clock.now();
                if began >= self.deadline {
                    let failure = self.exhausted(&exchange);
                    return (exchange, Err(failure));
                }
                if let Err(word) = self.reserve(index, &mut exchange).await {
                    // No other candidate is tried: what is missing is money.
                    let took = self.gateway.clock.now().saturating_duration_since(began);
                    exchange.attempts.passed_over(&self.plan[index].route, word, took);
                    let failure = self.exhausted(&exchange);
                    return (exchange, Err(failure));
                }
                let attempting = self.attempt(index, permit);
                exchange.attempts.begins(&self.plan[index].route, self.gateway.clock.now());
                let (returned, result) = self.sent(index, start(attempting), exchange).await;
                exchange = returned;
                match result {
                    Err(Stopped) => return (exchange, Err(Failure::Stopping)),
                    Ok(Ok(value)) => {
                        self.chosen = index;
                        return (exchange, Ok(value));
                    }
                    Ok(Err(fault)) => {
                        if let Some(failure) = self.stops_at(&fault) {
                            return (exchange, Err(failure));
                        }
                        let retry = fault.class == FaultClass::Connect && !retried;
                        self.faulted(fault);
                        if !(retry && self.upstream(index).provider.may_retry()) {
                            break;
                        }
                        retried = true;
                        let jitter = self.gateway.dice.below(40);
                        tokio::time::sleep(Duration::from_millis(10 + jitter)).await;
                    }
                }
            }
        }
        let failure = self.exhausted(&exchange);
        (exchange, Err(failure))
    }

    /// From here on the exchange owes what this attempt can cost.
    async fn reserve(&mut self, index: usize, exchange: &mut Exchange) -> Result<(), &'static str> {
        let gateway = Arc::clone(&self.gateway);
        admit::raise(&gateway, exchange, self, index).await?;
        exchange.bill.begins(self.under_way(index, self.bound(index)));
        Ok(())
    }

    /// A JSON call goes on when its caller has gone; a stream is cancelled. Either is cut when the grace of a
    /// shutdown is over.
    async fn sent<T: Consumed + 'static>(
        &self,
        index: usize,
        sent: Sent<T>,
        exchange: Exchange,
    ) -> (Exchange, Result<Result<T, Fault>, Stopped>) {
        let route = &self.plan[index].route;
        let grace_over = std::pin::pin!(self.gateway.shutdown.grace_over());
        let (mut exchange, came) = if self.stream {
            let came = tokio::select! {
                biased;
                came = sent => Some(came),
                () = grace_over => None,
            };
            (exchange, came)
        } else {
            let mut drain = Drain {
                under_way: Some((sent, exchange)),
                route: (Arc::clone(route), index > 0),
                gateway: Arc::clone(&self.gateway),
                tasks: self.tasks.clone(),
            };
            let came = tokio::select! {
                biased;
                came = drain.came() => Some(came),
                () = grace_over => None,
            };
            (drain.over(), came)
        };
        match came {
            Some((result, waited)) => {
                exchange.came(&self.gateway, &result, waited, (route, index > 0));
                (exchange, Ok(result))
            }
            None => {
                exchange.attempts.stops("interrupted", self.gateway.clock.now());
                (exchange, Err(Stopped))
            }
        }
    }

    fn upstream(&self, index: usize) -> &Upstream {
        &self.gateway.upstreams[self.plan[index].upstream]
    }

    /// The first candidate, and the most that one attempt on it can cost.
    pub(super) fn first_bound(&self) -> (ledger::Route, Bound) {
        let route = &self.plan[0].route;
        let name = ledger::Route { provider: route.upstream.clone(), model: route.model.clone() };
        (name, self.bound(0))
    }

    pub(super) fn bound(&self, index: usize) -> Bound {
        if self.work.is_free() {
            return Bound::default();
        }
        bound(&self.plan[index], &self.prompt, self.tier(index))
    }

    /// What the bound could come to at best, if [`Calling::tighten`] is asked. `None` where it would change nothing.
    pub(super) fn least(&self, index: usize) -> Option<Bound> {
        tighten::least(&self.plan[index], &self.prompt, self.tier(index))
    }

    /// Counts the prompt as that candidate reads it, so that its bound and those of its like become smaller.
    pub(super) async fn tighten(&mut self, index: usize) {
        let texts = || self.work.plain_texts();
        self.prompt = tighten::tighten(&self.gateway, &self.plan[index], self.prompt, texts).await;
    }

    fn under_way(&self, index: usize, bound: Bound) -> UnderWay {
        let route = Arc::clone(&self.plan[index].route);
        UnderWay { route, tier: self.tier(index), bound, stream: self.stream }
    }

    fn tier(&self, index: usize) -> Option<ServiceTier> {
        self.plan[index].route.tier(self.asked_tier)
    }

    fn choose_tier(&mut self, index: usize) {
        let chosen = self.tier(index);
        let is_lost = match self.asked_tier {
            // The standard one goes without saying, unless an operator may have chosen another.
            Some(ServiceTier::Standard) => self.plan[index].route.unasked(chosen).is_some(),
            asked => asked.is_some() && chosen != asked,
        };
        if is_lost && !self.dropped.iter().any(|known| known == "service_tier") {
            self.dropped.push(Cow::Borrowed("service_tier"));
        }
        self.work.set_tier(chosen);
    }

    fn attempt(&mut self, index: usize, permit: Permit) -> Attempting {
        self.choose_tier(index);
        let candidate = &self.plan[index];
        let upstream = self.upstream(index);
        let reasoning = candidate.route.abilities.known(Ability::Reasoning) == Some(true);
        let target = Target {
            model: &candidate.route.wire_model,
            output_bound: candidate.output_bound,
            kind: candidate.route.kind,
            abilities: candidate.route.abilities,
            efforts: candidate.route.efforts,
            stream: self.stream,
            stream_usage: upstream.stream_usage,
            api_version: &upstream.api_version,
        };
        let call = self.work.call(index, upstream.codec, &target);
        let timeouts = &self.gateway.config.calls;
        let now = self.gateway.clock.now();
        let first_byte = (self.stream && !reasoning).then_some(timeouts.first_byte_timeout);
        let limits = Limits { first_byte, total: self.deadline.min(now + timeouts.total_timeout) };
        let codec = upstream.codec;
        for name in &call.dropped {
            if !self.dropped.iter().any(|known| known == name) {
                self.dropped.push(Cow::Borrowed(name));
            }
        }
        let trace = self.trace.as_ref().map(|trace| (trace::HEADER, trace.as_str().to_owned()));
        let headers = call.headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Attempting {
            permit,
            client: self.client.clone(),
            codec,
            call: Call { path: call.path, headers: headers.chain(trace).collect(), body: call.body.into() },
            limits,
            clock: Arc::clone(&self.gateway.clock),
            max_body: self.gateway.config.calls.max_body,
            index,
            renamed: call.renamed,
            shows_thinking: self.shows_thinking,
            may_be_silent: reasoning,
        }
    }

    /// A caller's mistake would fail everywhere, so it ends the search.
    fn stops_at(&self, fault: &Fault) -> Option<Failure> {
        match fault.class {
            FaultClass::Refused { field } => Some(Failure::Refused { field }),
            FaultClass::ContentFiltered => Some(Failure::ContentFiltered),
            _ => None,
        }
    }

    fn faulted(&mut self, fault: Fault) {
        if let FaultClass::RateLimited { retry_after } = fault.class {
            let wait = retry_after.unwrap_or(Duration::from_secs(1));
            if let Some(at) = self.gateway.clock.now().checked_add(wait) {
                self.recovers_at(at);
            }
        }
        self.faults.push(fault.class);
    }

    fn refused(&mut self, index: usize, refusal: &Refusal, exchange: &mut Exchange) {
        let (word, until) = match refusal {
            Refusal::Open { until } => ("breaker_open", Some(*until)),
            Refusal::CoolingDown { until } => ("cooling_down", Some(*until)),
            Refusal::Misconfigured { until } => ("misconfigured", Some(*until)),
            Refusal::Full => ("full", None),
            Refusal::Stopping => ("stopping", None),
        };
        if let Some(until) = until {
            self.recovers_at(until);
        }
        exchange.attempts.passed_over(&self.plan[index].route, word, Duration::ZERO);
    }

    fn recovers_at(&mut self, at: Instant) {
        self.soonest = Some(self.soonest.map_or(at, |soonest| soonest.min(at)));
    }

    /// No candidate is left.
    fn exhausted(&mut self, exchange: &Exchange) -> Failure {
        let attempts = exchange.attempts.told().to_vec();
        let now = self.gateway.clock.now();
        let wait = self.soonest.map(|soonest| soonest.saturating_duration_since(now));
        let all =
            |class: &FaultClass| !self.faults.is_empty() && self.faults.iter().all(|fault| fault == class);
        if all(&FaultClass::ContextTooLong) {
            return Failure::ContextTooLong;
        }
        if all(&FaultClass::ModelNotFound) {
            return Failure::ModelUnknownUpstream;
        }
        match self.faults.pop() {
            Some(class) if self.plan.len() == 1 => Failure::OneFailed { class, retry_after: wait, attempts },
            _ => Failure::NoneAvailable { retry_after: wait.unwrap_or(Duration::from_secs(1)), attempts },
        }
    }

    pub(super) fn candidate(&self) -> &Candidate {
        &self.plan[self.chosen]
    }

    /// What puts the caller's own values back into this candidate's answer, and masks others; none where there is
    /// nothing to do.
    pub(super) fn restoring(&self) -> Option<Restoring> {
        Restoring::new(&self.inspected, self.candidate().route.kind)
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What the response headers say.
    pub(super) fn told(&self, exchange: &Exchange, cost: Option<NanoUsd>) -> Told {
        let candidate = self.candidate();
        Told {
            route: Arc::clone(&candidate.route),
            reason: exchange.route_reason,
            fallback: self.chosen > 0,
            attempts: exchange.attempts.told().len(),
            cost,
            max_output: candidate.output_was_bounded.then_some(candidate.output_bound),
            dropped: self.dropped.clone(),
            pii_redacted: self.inspected.summary.as_ref().map(Summary::total),
            standing: exchange.bill.standing(),
            overhead_us: micros(exchange.overhead()),
        }
    }

    /// What the caller is told beside the answer.
    pub(super) fn facts<'a>(&'a self, exchange: &'a Exchange, charge: &'a Charge) -> Facts<'a> {
        let candidate = self.candidate();
        Facts {
            request_id: &exchange.id,
            created: exchange.started_unix.as_secs(),
            provider: candidate.route.upstream.as_str(),
            model: candidate.route.model.as_str(),
            route_reason: exchange.route_reason,
            fallback: self.chosen > 0,
            attempts: exchange.attempts.told(),
            usage: &charge.usage,
            cost: charge.cost,
            cost_is_estimate: charge.estimate,
            max_output: candidate.output_was_bounded.then_some(candidate.output_bound),
            dropped: &self.dropped,
            warnings: &self.warnings,
            pii: self.inspected.summary.as_ref(),
            budget: exchange.bill.standing().map(|standing| Budget { remaining: standing.remaining }),
            latency_ms: millis(exchange.elapsed()),
            overhead_us: micros(exchange.overhead()),
        }
    }
}

/// What response headers tell of an answer.
pub struct Told {
    pub route: Arc<Route>,
    /// Why these candidates, where the caller's own words did not say it.
    pub reason: Option<RouteReason>,
    pub fallback: bool,
    pub attempts: usize,
    /// Known before the body of a JSON answer only.
    pub cost: Option<NanoUsd>,
    pub max_output: Option<u64>,
    pub dropped: Vec<Cow<'static, str>>,
    /// Places that were replaced; `None` where nothing was searched.
    pub pii_redacted: Option<u32>,
    /// `None` while the ledger is away.
    pub standing: Option<Standing>,
    pub overhead_us: u64,
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The grace of a shutdown is over, and a call was cut.
struct Stopped;
