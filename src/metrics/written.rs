//! The counters of requests, written family by family.

use super::catalog::{self as names, Row};
use super::exposition::{Number, Page};
use super::histogram::{Cells, Counts, Histogram, Snapshot};
use super::{
    ENDPOINTS, FATES, Labels, Metrics, OUTCOMES, OfDoor, OfRoute, OfTeam, OfTeamRoute, PERCENTS, TOKEN_TYPES,
};
use std::sync::atomic::{AtomicU64, Ordering};

fn value(counter: &AtomicU64) -> Number {
    Number::whole(counter.load(Ordering::Relaxed))
}

impl Metrics {
    /// Writes what requests were counted.
    pub fn write(&self, page: &mut Page) {
        self.of_teams_and_routes(page);
        self.of_teams(page);
        page.family(&names::UNAUTHENTICATED).sample(&[], value(&self.unauthenticated));
        page.family(&names::UNRECORDED).sample(&[], value(&self.unrecorded));
        let mut family = page.family(&names::ADMIN_ACTIONS);
        for (place, count) in self.admin.counted() {
            let word = self.words.admin.word(place);
            let (action, status) = word.split_once('|').unwrap_or((word, "other"));
            family.sample(&[action, status], Number::whole(count));
        }
        self.of_doors(page);
        self.of_routes(page);
    }

    fn of_teams_and_routes(&self, page: &mut Page) {
        let mut family = page.family(&names::REQUESTS);
        self.each_cell(|team, route, cell| {
            for (place, count) in cell.outcomes.counted() {
                let labels = [team, &route.provider, &route.model, OUTCOMES[place].word()];
                family.sample(&labels, Number::whole(count));
            }
        });
        let mut family = page.family(&names::FALLBACKS);
        self.each_cell(|team, route, cell| {
            if cell.fallbacks.load(Ordering::Relaxed) > 0 {
                family.sample(&[team, &route.provider, &route.model], value(&cell.fallbacks));
            }
        });
        let mut family = page.family(&names::TOKENS);
        self.each_cell(|team, route, cell| {
            for (place, count) in cell.tokens.counted() {
                let labels = [team, &route.provider, &route.model, TOKEN_TYPES[place]];
                family.sample(&labels, Number::whole(count));
            }
        });
        let mut family = page.family(&names::COST);
        self.each_cell(|team, route, cell| {
            let cost = cell.cost.load(Ordering::Relaxed);
            if cost > 0 {
                family.sample(&[team, &route.provider, &route.model], Number::nano(cost));
            }
        });
    }

    fn each_cell(&self, mut each: impl FnMut(&str, &Labels, &OfTeamRoute)) {
        for (team, of_team) in self.each_team() {
            for (route, cell) in of_team.routes.made() {
                each(team, &self.places.routes()[route], cell);
            }
        }
    }

    fn each_team(&self) -> impl Iterator<Item = (&str, &OfTeam)> {
        self.teams.made().map(|(place, of_team)| (&*self.places.teams()[place], of_team))
    }

    fn of_teams(&self, page: &mut Page) {
        let words = &self.words;
        for (metric, words, counts) in [
            (&names::ERRORS, &words.codes, (|of_team| &of_team.errors) as fn(&OfTeam) -> &Counts),
            (&names::REDACTIONS, &words.kinds, |of_team| &of_team.redactions),
            (&names::INJECTION, &words.verdicts, |of_team| &of_team.verdicts),
        ] {
            let mut family = page.family(metric);
            for (team, of_team) in self.each_team() {
                for (place, count) in counts(of_team).counted() {
                    family.sample(&[team, words.word(place)], Number::whole(count));
                }
            }
        }
        let counters: [Row<OfTeam, Number>; 2] = [
            (&names::WITHHELD, |of_team| value(&of_team.withheld)),
            (&names::UNSCANNED, |of_team| value(&of_team.unscanned)),
        ];
        for (metric, counter) in counters {
            let mut family = page.family(metric);
            for (team, of_team) in self.each_team() {
                family.sample(&[team], counter(of_team));
            }
        }
        let mut family = page.family(&names::BUDGET_ALERTS);
        for (team, of_team) in self.each_team() {
            for (place, count) in of_team.alerts.counted() {
                let window = ["day", "month"][place / PERCENTS.len()];
                let percent = PERCENTS[place % PERCENTS.len()].to_string();
                family.sample(&[team, window, &percent], Number::whole(count));
            }
        }
        let mut family = page.family(&names::BUDGET_ALERT_DELIVERIES);
        for (place, (_, word)) in FATES.into_iter().enumerate() {
            family.sample(&[word], Number::whole(self.deliveries.get(place)));
        }
    }

    fn of_doors(&self, page: &mut Page) {
        let histograms: [Row<OfDoor, Snapshot>; 2] = [
            (&names::DURATION, |door| door.duration.snapshot()),
            (&names::OVERHEAD, |door| door.overhead.snapshot()),
        ];
        for (metric, histogram) in histograms {
            let mut family = page.family(metric);
            for (place, door) in self.doors.made() {
                let endpoint = ENDPOINTS.get(place / 2).copied().unwrap_or("other");
                let stream = if place % 2 == 1 { "true" } else { "false" };
                family.histogram(&[endpoint, stream], &histogram(door));
            }
        }
    }

    fn of_routes(&self, page: &mut Page) {
        let mut family = page.family(&names::FIRST_TOKEN);
        for (route, of_route) in self.each_route() {
            let seen = of_route.first_token.snapshot();
            if seen.count > 0 {
                family.histogram(&[&route.well_known, &route.model, &route.provider], &seen);
            }
        }
        let words = &self.words.attempts;
        let mut family = page.family(&names::ATTEMPTS);
        for (route, of_route) in self.each_route() {
            for (place, count) in of_route.attempts.counted() {
                family.sample(&[&route.provider, &route.model, words.word(place)], Number::whole(count));
            }
        }
        let mut family = page.family(&names::OPERATION);
        for (route, operation, place, histogram) in self.each_split(words.places(), |route| &route.operations)
        {
            // The conventions leave the label out where nothing went wrong.
            let error = if words.word(place) == "ok" { "" } else { words.word(place) };
            let labels = [operation, &route.well_known, &route.model, error, &route.provider];
            family.histogram(&labels, &histogram.snapshot());
        }
        let mut family = page.family(&names::TOKEN_USAGE);
        for (route, operation, place, histogram) in self.each_split(2, |route| &route.token_usage) {
            let direction = ["input", "output"][place];
            let labels = [operation, &route.well_known, &route.model, direction, &route.provider];
            family.histogram(&labels, &histogram.snapshot());
        }
        let mut family = page.family(&names::REQUEST_COST);
        for (route, of_route) in self.each_route() {
            let seen = of_route.cost.snapshot();
            if seen.count > 0 {
                family.histogram(&[&route.provider, &route.model], &seen);
            }
        }
    }

    fn each_route(&self) -> impl Iterator<Item = (&Labels, &OfRoute)> {
        self.routes.made().map(|(place, of_route)| (&self.places.routes()[place], of_route))
    }

    /// Histograms by operation, and by something else that has so many `places`.
    fn each_split(
        &self,
        places: usize,
        of: fn(&OfRoute) -> &Cells<Histogram>,
    ) -> impl Iterator<Item = (&Labels, &'static str, usize, &Histogram)> {
        self.each_route().flat_map(move |(route, of_route)| {
            of(of_route).made().map(move |(at, histogram)| {
                (route, ["chat", "embeddings"][at / places], at % places, histogram)
            })
        })
    }
}
