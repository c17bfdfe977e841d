//! The attempts of one request, in their order: what came of each, what it cost, and how long others than the
//! gateway let the request wait.

use gateway_core::audit::{self, Few, Named};
use gateway_core::money::NanoUsd;
use gateway_core::routing::Route;
use gateway_wire::Attempt;
use std::time::{Duration, Instant};

/// What an attempt is called whose caller went away, until it is known what came of it.
const LEFT: &str = "cancelled";

#[derive(Default)]
pub struct Attempts {
    told: Vec<Attempt>,
    /// As long as `told`.
    costs: Vec<NanoUsd>,
    /// The last one that was sent: the rest of the request's cost is its own.
    sent: Option<usize>,
    /// Since when it is with its provider, where nothing came of it yet.
    under_way: Option<Instant>,
    waited: Duration,
}

impl Attempts {
    /// As callers are told.
    pub(super) fn told(&self) -> &[Attempt] {
        &self.told
    }

    /// A candidate that was not asked.
    pub(super) fn passed_over(&mut self, route: &Route, outcome: &'static str, took: Duration) {
        self.push(route, outcome, took);
    }

    pub(super) fn begins(&mut self, route: &Route, now: Instant) {
        self.sent = Some(self.told.len());
        self.under_way = Some(now);
        self.push(route, LEFT, Duration::ZERO);
    }

    /// Something came of the one under way. `waited`: how long for its provider.
    pub(super) fn ends(
        &mut self,
        outcome: &'static str,
        status: Option<u16>,
        cost: NanoUsd,
        waited: Duration,
    ) {
        self.under_way = None;
        self.waited += waited;
        let Some(at) = self.sent else { return };
        let attempt = &mut self.told[at];
        (attempt.outcome, attempt.status, attempt.ms) = (outcome, status, super::call::millis(waited));
        self.costs[at] = cost;
    }

    /// The answer of the last one sent had begun, and broke off.
    pub(super) fn breaks(&mut self, outcome: &'static str) {
        if let Some(at) = self.sent {
            self.told[at].outcome = outcome;
        }
    }

    /// The caller, or the process, leaves now.
    pub(super) fn stops(&mut self, outcome: &'static str, now: Instant) {
        let Some(began) = self.under_way else { return };
        self.ends(outcome, None, NanoUsd::ZERO, now.saturating_duration_since(began));
    }

    /// Not the gateway's own time: the caller's, say, until its body was there.
    pub(super) fn waits(&mut self, waited: Duration) {
        self.waited += waited;
    }

    /// Spent in waiting for others.
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// For the audit trail: together they cost what the request does.
    pub(super) fn recorded(&self, cost: NanoUsd) -> Few<audit::Attempt, 32> {
        let lost = self.costs.iter().fold(NanoUsd::ZERO, |sum, cost| sum.saturating_add(*cost));
        let rest = NanoUsd(cost.0.saturating_sub(lost.0).max(0));
        let each = self.told.iter().zip(&self.costs).enumerate();
        each.map(|(at, (attempt, cost))| audit::Attempt {
            provider: Named::cleaned(&attempt.provider),
            model: Named::cleaned(&attempt.model),
            outcome: Named::cleaned(attempt.outcome),
            status: attempt.status,
            ms: attempt.ms,
            cost_usd: if self.sent == Some(at) { cost.saturating_add(rest) } else { *cost },
        })
        .collect()
    }

    fn push(&mut self, route: &Route, outcome: &'static str, took: Duration) {
        self.costs.push(NanoUsd::ZERO);
        self.told.push(Attempt {
            provider: route.upstream.to_string(),
            model: route.model.to_string(),
            outcome,
            status: None,
            ms: super::call::millis(took),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::catalog::{Catalog, Place};
    use gateway_core::ids::{ModelName, ProviderKind, UpstreamName};

    fn route(upstream: &str) -> Route {
        let upstream = UpstreamName::new(upstream).unwrap();
        let place = Place { upstream: &upstream, kind: ProviderKind::OpenAi, region: None };
        let found = Catalog::builtin().find(place, "gpt-4o").unwrap();
        Route {
            kind: ProviderKind::OpenAi,
            model: ModelName::new("gpt-4o"),
            wire_model: "gpt-4o".to_owned(),
            price: found.price.unwrap(),
            window: found.window,
            max_output: found.max_output,
            default_output_bound: found.default_output_bound,
            abilities: found.abilities,
            efforts: found.efforts,
            upstream,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn attempts_cost_together_what_the_request_does() {
        type Case = (&'static str, fn(&mut Attempts), &'static [(&'static str, i64)]);
        let cases: [Case; 6] = [
            ("none", |_| {}, &[]),
            (
                "refused by its gate",
                |all| all.passed_over(&route("a"), "full", Duration::ZERO),
                &[("full", 0)],
            ),
            (
                "lost, then answered",
                |all| {
                    all.begins(&route("a"), now());
                    all.ends("timeout", None, NanoUsd(30), Duration::ZERO);
                    all.begins(&route("b"), now());
                    all.ends("ok", Some(200), NanoUsd::ZERO, Duration::ZERO);
                },
                &[("timeout", 30), ("ok", 70)],
            ),
            (
                "lost, and no money for another",
                |all| {
                    all.begins(&route("a"), now());
                    all.ends("timeout", None, NanoUsd(100), Duration::ZERO);
                    all.passed_over(&route("b"), "budget_exceeded", Duration::ZERO);
                },
                &[("timeout", 100), ("budget_exceeded", 0)],
            ),
            (
                "left under way",
                |all| {
                    all.begins(&route("a"), now());
                    all.stops("cancelled", now() + Duration::from_secs(2));
                },
                &[("cancelled", 100)],
            ),
            (
                "broken after content",
                |all| {
                    all.begins(&route("a"), now());
                    all.ends("ok", Some(200), NanoUsd::ZERO, Duration::ZERO);
                    all.stops("cancelled", now());
                    all.breaks("broken_answer");
                },
                &[("broken_answer", 100)],
            ),
        ];
        for (case, deed, want) in cases {
            let mut all = Attempts::default();
            deed(&mut all);
            let recorded = all.recorded(NanoUsd(100));
            let found: Vec<_> =
                recorded.iter().map(|attempt| (attempt.outcome.as_str(), attempt.cost_usd.0)).collect();
            assert_eq!(found, want, "{case}");
            assert_eq!(all.waited() >= Duration::from_secs(2), case == "left under way", "{case}");
        }
    }
}
