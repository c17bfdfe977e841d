//! What operators measure. Requests are counted from their audit records, as those are handed in, so metrics and
//! trail agree; what parts of the gateway know of themselves is read when somebody asks.
//!
//! | module | holds |
//! |---|---|
//! | [`catalog`] | every metric by name |
//! | [`exposition`] | how they are written |
//! | [`histogram`] | counters and histograms as atomics |
//! | [`places`] | whose names may stand in labels |
//! | `written` | the counters of requests, written |
//! | [`standing`] | what has to be waited for: budgets, the audit trail |
//! | [`scrape`] | the page: all of it |
//! | `process` | what the system says of this process |

pub mod catalog;
pub mod exposition;
pub mod histogram;
pub mod places;
mod process;
pub mod scrape;
pub mod standing;
#[cfg(test)]
mod tests;
mod written;

use gateway_actors::alerts::Fate;
use gateway_actors::audit::Observer;
use gateway_core::audit::{AdminRecord, Attempt, Named, Outcome, Record, RecordedBy, RequestRecord};
use gateway_core::ledger::{Alert, Window};
use gateway_core::money::NanoUsd;
use gateway_core::routing::Route;
use gateway_core::usage::Usage;
use histogram::{COST, Cells, Counts, FIRST_TOKEN, Histogram, OPERATION, OVERHEAD, TOKENS, Words};
use places::{Labels, Places};
use standing::Standing;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Endpoints with labels of their own; any other is `other`.
const ENDPOINTS: [&str; 5] =
    ["/v1/chat/completions", "/v1/complete", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens"];
const EMBEDDINGS: &str = "/v1/embeddings";

const OUTCOMES: [Outcome; 6] = [
    Outcome::Answered,
    Outcome::Denied,
    Outcome::Failed,
    Outcome::Cancelled,
    Outcome::CutShort,
    Outcome::Interrupted,
];

/// Kinds of tokens, none of which stands in another.
const TOKEN_TYPES: [&str; 5] = ["input", "cache_read", "cache_write", "audio_input", "output"];

/// Thresholds of budgets, in per cent.
const PERCENTS: [u8; 3] = [50, 80, 100];

/// What became of alerts on their way to the webhook.
const FATES: [(Fate, &str); 3] =
    [(Fate::Delivered, "delivered"), (Fate::Failed, "failed"), (Fate::Dropped, "dropped")];

/// Error codes, verdicts and outcomes of attempts are each fewer.
const MOST_WORDS: usize = 48;
/// Kinds of personal data.
const MOST_KINDS: usize = 128;

/// All counters. One per process.
pub struct Metrics {
    places: Places,
    teams: Cells<OfTeam>,
    routes: Cells<OfRoute>,
    /// By endpoint, then whether it was a stream.
    doors: Cells<OfDoor>,
    words: Vocabulary,
    unauthenticated: AtomicU64,
    unrecorded: AtomicU64,
    /// By action and status, as one word.
    admin: Counts,
    /// In the order of [`FATES`].
    deliveries: Counts,
    standing: Standing,
}

/// Words that stand in labels.
struct Vocabulary {
    attempts: Words,
    codes: Words,
    kinds: Words,
    verdicts: Words,
    admin: Words,
}

struct OfTeam {
    routes: Cells<OfTeamRoute>,
    errors: Counts,
    redactions: Counts,
    withheld: AtomicU64,
    unscanned: AtomicU64,
    verdicts: Counts,
    /// By window, then by threshold.
    alerts: Counts,
}

struct OfTeamRoute {
    outcomes: Counts,
    tokens: Counts,
    cost: AtomicU64,
    fallbacks: AtomicU64,
}

struct OfRoute {
    attempts: Counts,
    /// By operation, then by outcome.
    operations: Cells<Histogram>,
    /// By operation, then input or output.
    token_usage: Cells<Histogram>,
    cost: Histogram,
    first_token: Histogram,
}

struct OfDoor {
    duration: Histogram,
    overhead: Histogram,
}

impl Metrics {
    pub fn new(places: Places) -> Metrics {
        let words = Vocabulary {
            attempts: Words::new(MOST_WORDS),
            codes: Words::new(MOST_WORDS),
            kinds: Words::new(MOST_KINDS),
            verdicts: Words::new(8),
            admin: Words::new(MOST_WORDS),
        };
        Metrics {
            teams: Cells::new(places.teams().len()),
            routes: Cells::new(places.routes().len()),
            doors: Cells::new(2 * (ENDPOINTS.len() + 1)),
            admin: Counts::new(words.admin.places()),
            places,
            words,
            unauthenticated: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            deliveries: Counts::new(FATES.len()),
            standing: Standing::default(),
        }
    }

    /// A request came without a valid key.
    pub fn unauthenticated(&self) {
        self.unauthenticated.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused because it could not have been recorded.
    pub fn unrecorded(&self) {
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
    }

    /// A stream's first content is there, so long after the request's head.
    pub fn first_token(&self, route: &Route, after: Duration) {
        let place = self.places.route(Some((route.upstream.as_str(), route.model.as_str())));
        if let Some(of_route) = self.of_route(place) {
            of_route.first_token.observe(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        }
    }

    /// A budget's threshold was crossed.
    pub fn alerted(&self, team: &str, alert: &Alert) {
        let window = match alert.window {
            Window::Day(_) => 0,
            Window::Month(_) => 1,
        };
        let threshold = PERCENTS.iter().position(|percent| *percent == alert.percent);
        if let (Some(of_team), Some(threshold)) = (self.of_team(self.places.team(Some(team))), threshold) {
            of_team.alerts.add(window * PERCENTS.len() + threshold, 1);
        }
    }

    /// An alert has arrived, or never will.
    pub fn delivery(&self, fate: Fate) {
        if let Some(place) = FATES.iter().position(|(known, _)| *known == fate) {
            self.deliveries.add(place, 1);
        }
    }

    fn of_team(&self, place: usize) -> Option<&OfTeam> {
        self.teams.at(place, || OfTeam {
            routes: Cells::new(self.places.routes().len()),
            errors: Counts::new(self.words.codes.places()),
            redactions: Counts::new(self.words.kinds.places()),
            withheld: AtomicU64::new(0),
            unscanned: AtomicU64::new(0),
            verdicts: Counts::new(self.words.verdicts.places()),
            alerts: Counts::new(2 * PERCENTS.len()),
        })
    }

    fn of_route(&self, place: usize) -> Option<&OfRoute> {
        let words = self.words.attempts.places();
        self.routes.at(place, || OfRoute {
            attempts: Counts::new(words),
            operations: Cells::new(2 * words),
            token_usage: Cells::new(4),
            cost: Histogram::new(&COST),
            first_token: Histogram::new(&FIRST_TOKEN),
        })
    }

    fn request(&self, record: &RequestRecord) {
        let names = record.provider_used.as_ref().zip(record.model_used.as_ref());
        let names = names.map(|(provider, model)| (provider.as_str(), model.as_str()));
        let used = self.places.route(names);
        let Some(of_team) = self.of_team(self.places.team(record.team_id.as_ref().map(Named::as_str))) else {
            return;
        };
        let operation = usize::from(record.endpoint.as_str() == EMBEDDINGS);
        // A reaper knows of a call, not how long it took.
        let timed = record.recorded_by == RecordedBy::Owner;
        let (mut consumer, mut rest) = (used, record.cost_usd);
        for attempt in record.attempts.iter() {
            let tried = Some((attempt.provider.as_str(), attempt.model.as_str()));
            let place = if tried == names { used } else { self.places.route(tried) };
            self.attempt(operation, attempt, place, timed);
            of_team.cost(place, attempt.cost_usd);
            rest = NanoUsd(rest.0.saturating_sub(attempt.cost_usd.0));
            if names.is_none() {
                // What nobody answered was consumed where it was tried last.
                consumer = place;
            }
        }
        of_team.cost(consumer, rest);
        self.of_request(of_team, (used, consumer), record);
        if let (Outcome::Answered, Some(of_route)) = (record.outcome, self.of_route(used)) {
            of_route.answered(operation, record);
        }
        let endpoint = ENDPOINTS.iter().position(|known| *known == record.endpoint.as_str());
        let door = 2 * endpoint.unwrap_or(ENDPOINTS.len()) + usize::from(record.stream);
        let make = || OfDoor { duration: Histogram::new(&OPERATION), overhead: Histogram::new(&OVERHEAD) };
        if let Some(door) = self.doors.at(door, make) {
            door.duration.observe(record.latency_ms);
            door.overhead.observe(record.overhead_us);
        }
    }

    fn of_request(&self, of_team: &OfTeam, (used, consumer): (usize, usize), record: &RequestRecord) {
        let outcome = OUTCOMES.iter().position(|outcome| *outcome == record.outcome);
        if let (Some(cell), Some(outcome)) = (of_team.route(used), outcome) {
            cell.outcomes.add(outcome, 1);
            add(&cell.fallbacks, u64::from(record.fallback_triggered));
        }
        if let Some(cell) = of_team.route(consumer) {
            for (place, count) in tokens(&record.usage).into_iter().enumerate() {
                cell.tokens.add(place, count);
            }
        }
        if let Some(code) = &record.code {
            of_team.errors.add(self.words.codes.place(code.as_str()), 1);
        }
        for (kind, count) in record.pii.by_type.iter() {
            of_team.redactions.add(self.words.kinds.place(kind.as_str()), *count);
        }
        add(&of_team.withheld, record.pii.withheld);
        add(&of_team.unscanned, record.pii.unscanned);
        if let Some(injection) = &record.injection {
            of_team.verdicts.add(self.words.verdicts.place(injection.verdict.as_str()), 1);
        }
    }

    fn attempt(&self, operation: usize, attempt: &Attempt, route: usize, timed: bool) {
        let Some(of_route) = self.of_route(route) else { return };
        let place = self.words.attempts.place(attempt.outcome.as_str());
        of_route.attempts.add(place, 1);
        if timed && was_called(attempt) {
            let at = operation * self.words.attempts.places() + place;
            if let Some(histogram) = of_route.operations.at(at, || Histogram::new(&OPERATION)) {
                histogram.observe(attempt.ms);
            }
        }
    }

    fn act(&self, record: &AdminRecord) {
        let word = format!("{}|{}", record.action.word(), record.status);
        self.admin.add(self.words.admin.place(&word), 1);
    }
}

impl Observer for Metrics {
    fn recorded(&self, record: &Record) {
        match record {
            Record::Request(request) => self.request(request),
            Record::Admin(admin) => self.act(admin),
        }
    }
}

impl OfTeam {
    fn route(&self, place: usize) -> Option<&OfTeamRoute> {
        self.routes.at(place, || OfTeamRoute {
            outcomes: Counts::new(OUTCOMES.len()),
            tokens: Counts::new(TOKEN_TYPES.len()),
            cost: AtomicU64::new(0),
            fallbacks: AtomicU64::new(0),
        })
    }

    fn cost(&self, route: usize, cost: NanoUsd) {
        let Ok(cost) = u64::try_from(cost.0) else { return };
        if let (true, Some(cell)) = (cost > 0, self.route(route)) {
            cell.cost.fetch_add(cost, Ordering::Relaxed);
        }
    }
}

impl OfRoute {
    fn answered(&self, operation: usize, record: &RequestRecord) {
        self.cost.observe(u64::try_from(record.cost_usd.0).unwrap_or(0));
        if record.usage.is_reported() {
            let counts = [record.usage.prompt_total(), record.usage.output.unwrap_or(0)];
            for (direction, count) in counts.into_iter().enumerate() {
                let at = 2 * operation + direction;
                if let Some(histogram) = self.token_usage.at(at, || Histogram::new(&TOKENS)) {
                    histogram.observe(count);
                }
            }
        }
    }
}

/// Most counters of most requests do not move: then not even an atomic is written.
fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// In the order of [`TOKEN_TYPES`].
fn tokens(usage: &Usage) -> [u64; TOKEN_TYPES.len()] {
    let or_none = |count: Option<u64>| count.unwrap_or(0);
    let written = or_none(usage.cache_write_5m).saturating_add(or_none(usage.cache_write_1h));
    [
        or_none(usage.input),
        or_none(usage.cache_read),
        written,
        or_none(usage.audio_input),
        or_none(usage.output),
    ]
}

/// Passed over without a call where the gate or the budget said no. `misconfigured` is both: a call that was
/// made has a status.
fn was_called(attempt: &Attempt) -> bool {
    let passed_over =
        ["breaker_open", "cooling_down", "full", "stopping", "budget_exceeded", "budget_unavailable"];
    let word = attempt.outcome.as_str();
    !passed_over.contains(&word) && (word != "misconfigured" || attempt.status.is_some())
}
