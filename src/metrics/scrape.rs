//! The page: counters of requests, and what each part of the gateway knows of itself at this moment.

use super::catalog::{self as names, Row};
use super::exposition::{Format, Number, Page};
use super::standing::{self, Seen};
use crate::gateway::Gateway;
use gateway_actors::audit;
use gateway_actors::audit::sinks::{SinkState, SinkStatus};
use gateway_actors::provider::{State, Status};
use gateway_actors::supervision::Vitals;
use gateway_core::audit::Time;
use gateway_core::ledger::{Balance, Limit};
use std::time::Duration;

const STATES: [State; 5] =
    [State::Closed, State::Open, State::HalfOpen, State::Cooldown, State::Misconfigured];
const SINK_STATES: [SinkState; 4] =
    [SinkState::Idle, SinkState::Delivering, SinkState::Failing, SinkState::Misconfigured];

/// All metrics, written in this format.
pub async fn page(gateway: &Gateway, format: Format) -> String {
    let metrics = &gateway.metrics;
    let look = async || standing::look(gateway, metrics.places.known()).await;
    let seen = metrics.standing.seen(gateway.clock.now(), look).await;
    let mut page = Page::new(format);
    let version = env!("CARGO_PKG_VERSION");
    page.family(&names::BUILD).sample(&[version, &gateway.replica], Number::whole(1));
    metrics.write(&mut page);
    page.family(&names::IN_FLIGHT).sample(&[], Number::count(gateway.slots.open()));
    page.family(&names::MAX_IN_FLIGHT).sample(&[], Number::count(gateway.config.listen.max_in_flight));
    upstreams(gateway, &mut page);
    budgets(gateway, seen.as_deref(), &mut page);
    trail(seen.as_deref().and_then(|seen| seen.audit.as_ref()), &mut page);
    actors(gateway, &mut page);
    if let Some(seen) = &seen {
        seen.process.write(gateway.started, &mut page);
    }
    page.finish()
}

fn upstreams(gateway: &Gateway, page: &mut Page) {
    let analyzer = gateway.inspector.analyzer.as_ref().map(|analyzer| &analyzer.provider);
    let providers = gateway.upstreams.iter().map(|upstream| &upstream.provider).chain(analyzer);
    let statuses: Vec<Status> = providers.map(|provider| provider.status()).collect();
    let mut family = page.family(&names::UPSTREAM_STATE);
    for status in &statuses {
        for state in STATES {
            family.sample(&[status.name.as_str(), state.word()], Number::truth(state == status.state));
        }
    }
    let gauges: [Row<Status, Number>; 3] = [
        (&names::UPSTREAM_SINCE, |status| time(status.since)),
        (&names::UPSTREAM_IN_FLIGHT, |status| Number::whole(status.in_flight)),
        (&names::UPSTREAM_FAILURES, |status| Number::whole(status.consecutive_failures)),
    ];
    for (metric, gauge) in gauges {
        let mut family = page.family(metric);
        statuses.iter().for_each(|status| family.sample(&[status.name.as_str()], gauge(status)));
    }
}

fn budgets(gateway: &Gateway, seen: Option<&Seen>, page: &mut Page) {
    let budgets = seen.map_or(&[][..], |seen| &seen.budgets);
    let gauges: [Row<Balance, Option<Number>>; 5] = [
        (&names::BUDGET_LIMIT, |balance| match balance.limit {
            Limit::AtMost(limit) => Some(Number::nano(limit.0)),
            Limit::Unlimited => None,
        }),
        (&names::BUDGET_SPENT, |balance| Some(Number::nano(balance.spent.0))),
        (&names::BUDGET_RESERVED, |balance| Some(Number::nano(balance.reserved.0))),
        (&names::BUDGET_RATIO, ratio),
        (&names::BUDGET_RESETS, |balance| Some(Number::millis(balance.resets_at.as_millis()))),
    ];
    for (metric, gauge) in gauges {
        let mut family = page.family(metric);
        for (team, status) in budgets {
            for (window, balance) in [("day", &status.day), ("month", &status.month)] {
                if let Some(value) = gauge(balance) {
                    family.sample(&[team.as_str(), window], value);
                }
            }
        }
    }
    let store = gateway.budget.store();
    let up = store.error.is_none() && store.term.is_some();
    page.family(&names::BUDGET_STORE_UP).sample(&[], Number::truth(up));
    page.family(&names::SETTLEMENTS).sample(&[], Number::count(gateway.settlements.open()));
}

/// To a millionth.
fn ratio(balance: &Balance) -> Option<Number> {
    let Limit::AtMost(limit) = balance.limit else { return None };
    let units = (i128::from(balance.spent.0) * 1_000_000).checked_div(i128::from(limit.0))?;
    Some(Number { units, digits: 6 })
}

fn trail(status: Option<&audit::Status>, page: &mut Page) {
    let gauges: [Row<audit::Status, Option<Number>>; 8] = [
        (&names::AUDIT_WRITABLE, |status| Some(Number::truth(status.unwritable.is_none()))),
        (&names::AUDIT_QUEUED, |status| Some(Number::count(status.queued))),
        (&names::AUDIT_DROPPED, |status| Some(Number::whole(status.dropped))),
        (&names::AUDIT_BYTES, |status| Some(Number::whole(status.bytes))),
        (&names::AUDIT_SEGMENTS, |status| Some(Number::count(status.segments))),
        (&names::AUDIT_HEAD, |status| Some(Number::whole(status.head.seq))),
        (&names::AUDIT_SYNCED, |status| Some(Number::whole(status.synced_seq))),
        (&names::AUDIT_LAST_SYNC, |status| status.last_sync.map(moment)),
    ];
    for (metric, gauge) in gauges {
        let mut family = page.family(metric);
        if let Some(value) = status.and_then(gauge) {
            family.sample(&[], value);
        }
    }
    sinks(status.map_or(&[], |status| &status.sinks), page);
}

fn sinks(sinks: &[SinkStatus], page: &mut Page) {
    let mut family = page.family(&names::SINK_STATE);
    for sink in sinks {
        for state in SINK_STATES {
            let labels = [sink.name.as_str(), sink.kind.word(), state.word()];
            family.sample(&labels, Number::truth(state == sink.state));
        }
    }
    let gauges: [Row<SinkStatus, Option<Number>>; 7] = [
        (&names::SINK_LAG, |sink| Some(Number::whole(sink.lag))),
        (&names::SINK_DELIVERED_SEQ, |sink| Some(Number::whole(sink.seq))),
        (&names::SINK_DELIVERED, |sink| Some(Number::whole(sink.delivered))),
        (&names::SINK_SENT, |sink| Some(Number::whole(sink.bytes))),
        (&names::SINK_DEAD, |sink| Some(Number::whole(sink.dead_letters))),
        (&names::SINK_LOST, |sink| Some(Number::whole(sink.lost))),
        (&names::SINK_LAST, |sink| sink.last_delivered.map(moment)),
    ];
    for (metric, gauge) in gauges {
        let mut family = page.family(metric);
        for sink in sinks {
            if let Some(value) = gauge(sink) {
                family.sample(&[sink.name.as_str(), sink.kind.word()], value);
            }
        }
    }
}

fn actors(gateway: &Gateway, page: &mut Page) {
    let upstreams = gateway.upstreams.iter().map(|upstream| upstream.provider.status().actor);
    let analyzer = gateway.inspector.analyzer.as_ref().map(|analyzer| analyzer.provider.status().actor);
    let others = [gateway.budget.vitals(), gateway.audit.vitals(), gateway.inspector.scanner.vitals()];
    let actors: Vec<Vitals> = upstreams.chain(analyzer).chain(others).collect();
    let gauges: [Row<Vitals, Number>; 3] = [
        (&names::ACTOR_UP, |actor| Number::truth(actor.alive)),
        (&names::ACTOR_QUEUE, |actor| Number::count(actor.queue)),
        (&names::ACTOR_RESTARTS, |actor| Number::whole(actor.restarts)),
    ];
    for (metric, gauge) in gauges {
        let mut family = page.family(metric);
        actors.iter().for_each(|actor| family.sample(&[&actor.name], gauge(actor)));
    }
}

fn time(unix: Duration) -> Number {
    Number::millis(u64::try_from(unix.as_millis()).unwrap_or(u64::MAX))
}

fn moment(at: Time) -> Number {
    Number::millis(at.unix_millis())
}
