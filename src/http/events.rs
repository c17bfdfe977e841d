//! `GET /v1/events`: what changes, as server-sent events, for the dashboard and for whoever watches. The
//! caller pulls: nothing is queued for one that does not read.

use super::{operations, refusal, respond};
use crate::gateway::Gateway;
use crate::identity::{Principal, Scopes};
use crate::pipeline::{Failure, identify};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use gateway_actors::provider::State;
use gateway_core::ids::{TagName, TeamId};
use gateway_wire::native::Native;
use serde_json::json;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked whether there is news. A change of state is told as soon.
const LOOK: Duration = Duration::from_millis(200);
/// Figures that move all the time (in flight, latencies) are told no more often.
const FIGURES: Duration = Duration::from_secs(2);
/// That there are new records is told no more often.
const RECORDS: Duration = Duration::from_secs(1);
/// Something goes out at least as often, so that a caller can tell silence from a dead connection.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Then the stream ends, and who still watches asks again.
const LONGEST: Duration = Duration::from_secs(900);

/// Who may listen at the same time; the next one gets a 503.
const MOST: usize = 256;
/// Of one team, so that no team takes the places of the others.
const MOST_OF_TEAM: usize = 32;
/// A listener that has read nothing for so long has lost its place.
const STALLED: Duration = Duration::from_secs(60);

/// The places of those who listen.
#[derive(Default)]
pub struct Listeners(Mutex<Places>);

#[derive(Default)]
struct Places {
    next: u64,
    taken: Vec<Place>,
}

struct Place {
    id: u64,
    team: TeamId,
    read: Instant,
}

impl Listeners {
    /// `None`: all places are taken.
    fn enter(&self, team: &TeamId, now: Instant) -> Option<u64> {
        let mut places = self.places();
        places.taken.retain(|place| now.saturating_duration_since(place.read) < STALLED);
        let of_team = places.taken.iter().filter(|place| place.team == *team).count();
        if places.taken.len() >= MOST || of_team >= MOST_OF_TEAM {
            return None;
        }
        let id = places.next;
        places.next += 1;
        places.taken.push(Place { id, team: team.clone(), read: now });
        Some(id)
    }

    /// Whether this listener still has its place.
    fn reads(&self, id: u64, now: Instant) -> bool {
        let mut places = self.places();
        let mine = places.taken.iter_mut().find(|place| place.id == id);
        mine.map(|place| place.read = now).is_some()
    }

    fn leave(&self, id: u64) {
        self.places().taken.retain(|place| place.id != id);
    }

    /// Nothing in here can be left half changed.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever may know how providers are; others hear of the trail alone.
const SEE_PROVIDERS: Scopes = Scopes::INFER.and(Scopes::ADMIN);

/// Any key may listen that opens more than metrics. Teams' figures are asked for elsewhere, with the same key.
pub async fn events(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let now = gateway.clock.now();
    let seated = identify(&gateway, request.headers(), Scopes::default()).and_then(|principal| {
        if !principal.scopes.allow_one_of(SEE_PROVIDERS.and(Scopes::AUDIT)) {
            return Err(Failure::Forbidden);
        }
        let place = gateway.listeners.enter(&principal.team, now).ok_or(Failure::Overloaded)?;
        Ok((principal, place))
    });
    match seated {
        Ok((principal, place)) => {
            let hello = hello(&gateway, &principal);
            let until = now + LONGEST;
            let listener =
                Listener { gateway: gateway.clone(), principal, place, until, told: Told::default() };
            let first = stream::once(async move { Ok(event("hello", &hello)) });
            respond::events(&gateway, first.chain(stream::unfold(listener, Listener::next)))
        }
        Err(failure) => refusal(&gateway, &Native, &failure),
    }
}

/// Whose key it is, as far as a page needs it to know what it may show.
fn hello(gateway: &Gateway, principal: &Principal) -> String {
    let named = [(Scopes::INFER, "infer"), (Scopes::ADMIN, "admin"), (Scopes::AUDIT, "audit")];
    let scopes = named.into_iter().filter(|(scope, _)| principal.scopes.allow(*scope));
    json!({
        "replica": gateway.replica,
        "version": env!("CARGO_PKG_VERSION"),
        "team_id": principal.team.as_str(),
        "key_id": principal.key_id.as_str(),
        "scopes": scopes.map(|(_, word)| word).collect::<Vec<_>>(),
        "usage_tags": gateway.config.usage.tags.iter().map(TagName::as_str).collect::<Vec<_>>(),
    })
    .to_string()
}

/// One who listens; its place is free once this is dropped.
struct Listener {
    gateway: Data<Gateway>,
    principal: Principal,
    place: u64,
    until: Instant,
    told: Told,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.gateway.listeners.leave(self.place);
    }
}

impl Listener {
    /// The next events, or the end.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Listener)> {
        loop {
            let now = self.gateway.clock.now();
            if self.is_over(now) {
                return None;
            }
            let news = self.told.news(self.states(), self.gateway.audit.last_seq(), now);
            if let Some(bytes) = self.write(&news) {
                return Some((Ok(bytes), self));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        let gateway = &self.gateway;
        now >= self.until
            || gateway.shutdown.has_begun()
            || !gateway.keys.is_good(&self.principal)
            || !gateway.listeners.reads(self.place, now)
    }

    fn states(&self) -> States {
        let states = self.gateway.upstreams.iter().map(|upstream| {
            let status = upstream.provider.status();
            (status.state, status.moves.last().map(|last| last.at))
        });
        states.collect()
    }

    fn write(&self, news: &[News]) -> Option<Bytes> {
        let text: Vec<String> = news
            .iter()
            .map(|news| match news {
                News::Providers if self.principal.scopes.allow_one_of(SEE_PROVIDERS) => {
                    event_text("providers", &operations::providers(&self.gateway).to_string())
                }
                News::Records(last_seq) => {
                    event_text("records", &json!({ "last_seq": last_seq }).to_string())
                }
                // HTML standard, server-sent events: a line that begins with a colon is a comment.
                News::Nothing | News::Providers => ":\n\n".to_owned(),
            })
            .collect();
        (!text.is_empty()).then(|| Bytes::from(text.concat()))
    }
}

/// Each upstream's state, and when it last changed: a change there and back between two looks is seen too.
type States = Vec<(State, Option<Duration>)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Providers,
    /// The number of the last one.
    Records(u64),
    /// Still here.
    Nothing,
}

/// What this listener was told, and when.
#[derive(Default)]
struct Told {
    states: States,
    figures: Option<Instant>,
    last_seq: u64,
    records: Option<Instant>,
    anything: Option<Instant>,
}

impl Told {
    /// What it has to be told now; from here on it counts as told.
    fn news(&mut self, states: States, last_seq: u64, now: Instant) -> Vec<News> {
        let due = |last: Option<Instant>, every| {
            last.is_none_or(|last| now.saturating_duration_since(last) >= every)
        };
        let mut news = Vec::new();
        if states != self.states || due(self.figures, FIGURES) {
            (self.states, self.figures) = (states, Some(now));
            news.push(News::Providers);
        }
        if last_seq != self.last_seq && due(self.records, RECORDS) {
            (self.last_seq, self.records) = (last_seq, Some(now));
            news.push(News::Records(last_seq));
        }
        if news.is_empty() && due(self.anything, HEARTBEAT) {
            news.push(News::Nothing);
        }
        if !news.is_empty() {
            self.anything = Some(now);
        }
        news
    }
}

fn event(name: &str, data: &str) -> Bytes {
    Bytes::from(event_text(name, data))
}

/// `data` is JSON on one line.
fn event_text(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::SystemClock;
    use gateway_core::clock::Clock;

    #[test]
    fn news_is_told_once_and_in_time() {
        let start = SystemClock.now();
        let well = vec![(State::Closed, None)];
        let open = |at| vec![(State::Open, Some(Duration::from_secs(at)))];
        let mut told = Told::default();
        for (at_ms, states, seq, want) in [
            (0, &well, 0, vec![News::Providers]),
            (200, &well, 0, vec![]),
            (400, &open(1), 0, vec![News::Providers]),
            (600, &open(1), 0, vec![]),
            // Closed and open again between two looks.
            (800, &open(2), 7, vec![News::Providers, News::Records(7)]),
            (1_000, &open(2), 8, vec![]),
            (1_800, &open(2), 8, vec![News::Records(8)]),
            (2_800, &open(2), 8, vec![News::Providers]),
        ] {
            let now = start + Duration::from_millis(at_ms);
            assert_eq!(told.news(states.clone(), seq, now), want, "{at_ms} ms");
        }
    }

    #[test]
    fn places_are_bounded_and_come_back() {
        let listeners = Listeners::default();
        let team = |n: usize| TeamId::new(&format!("team-{n}")).unwrap();
        let now = SystemClock.now();
        let taken: Vec<u64> = (0..MOST_OF_TEAM).map(|_| listeners.enter(&team(0), now).unwrap()).collect();
        assert_eq!(listeners.enter(&team(0), now), None, "one team's places are taken");
        let others = (MOST_OF_TEAM..MOST).filter_map(|n| listeners.enter(&team(n / MOST_OF_TEAM), now));
        assert_eq!(others.count(), MOST - MOST_OF_TEAM);
        assert_eq!(listeners.enter(&team(99), now), None, "all places are taken");

        listeners.leave(taken[0]);
        let again = listeners.enter(&team(99), now).expect("a place is free again");

        let later = now + STALLED;
        assert!(listeners.reads(again, later - Duration::from_secs(1)));
        assert!(listeners.enter(&team(0), later).is_some(), "who reads nothing loses its place");
        assert!(!listeners.reads(taken[1], later), "and learns it");
        assert!(listeners.reads(again, later), "who reads keeps it");
    }
}
