//! `GET /v1/audit/recent`: the newest records of the audit trail, page by page. `GET /v1/audit/status`: how the
//! trail and its deliveries are.

use super::query::wrong;
use super::{refusal, respond};
use crate::gateway::Gateway;
use crate::identity::{Principal, Scopes};
use crate::pipeline::{Failure, identify};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, NaiveDate};
use gateway_actors::audit::sinks::SinkStatus;
use gateway_actors::audit::{Page, Place, Query, Status, StatusFilter};
use gateway_core::audit::{Named, Time};
use gateway_core::ids::TeamId;
use gateway_wire::native::Native;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: usize = 50;
const MOST: usize = 1_000;

/// Whoever reads every team's records.
const READERS: Scopes = Scopes::ADMIN.and(Scopes::AUDIT);

/// A team sees its own records; administrators and auditors see all.
pub async fn recent(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let asked = identify(&gateway, request.headers(), Scopes::default())
        .and_then(|principal| within_scope(&principal, query(request.query_string())?));
    let query = match asked {
        Ok(query) => query,
        Err(failure) => return refusal(&gateway, &Native, &failure),
    };
    match gateway.audit.recent(query).await {
        Ok(page) => respond::json_text(&gateway, body(&page)),
        Err(error) => {
            log::error!("the audit trail can't be read: {error}");
            refusal(&gateway, &Native, &Failure::Overloaded)
        }
    }
}

/// Administrators and auditors: how the trail is written, and how far each sink lags behind.
pub async fn status(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let principal = identify(&gateway, request.headers(), Scopes::default());
    let reads_all = |known: &Principal| known.scopes.allow_one_of(READERS);
    match principal.and_then(|known| reads_all(&known).then_some(()).ok_or(Failure::Forbidden)) {
        Ok(()) => {}
        Err(failure) => return refusal(&gateway, &Native, &failure),
    }
    // It lists a folder.
    let audit = gateway.audit.clone();
    match actix_web::web::block(move || audit.status()).await {
        Ok(status) => respond::json(&gateway, HttpResponse::Ok(), &trail(&status)),
        Err(error) => {
            log::error!("the audit trail can't be looked at: {error}");
            refusal(&gateway, &Native, &Failure::Overloaded)
        }
    }
}

fn trail(status: &Status) -> Value {
    json!({
        "unwritable": status.unwritable.map(|unwritable| json!({
            "reason": unwritable.reason.word(),
            "since": unwritable.since,
        })),
        "last_seq": status.head.seq,
        "synced_seq": status.synced_seq,
        "first_seq": status.first_seq,
        "last_sync": status.last_sync,
        "queued": status.queued,
        "dropped": status.dropped,
        "segments": status.segments,
        "bytes": status.bytes,
        "sinks": status.sinks.iter().map(sink).collect::<Vec<_>>(),
    })
}

fn sink(status: &SinkStatus) -> Value {
    json!({
        "name": status.name,
        "kind": status.kind.word(),
        "state": status.state.word(),
        "lag": status.lag,
        "delivered": status.delivered,
        "dead_letters": status.dead_letters,
        "lost": status.lost,
        "failures_in_a_row": status.failures_in_a_row,
        "last_error": status.last_error,
        "last_delivered": status.last_delivered,
        "restarts": status.restarts,
    })
}

/// Records as they stand in the trail: a number that is read and written anew would lose its decimals.
fn body(page: &Page) -> String {
    let entries: Vec<&str> = page.entries.iter().map(|found| found.line.as_str()).collect();
    let next = page.next.map_or_else(|| "null".to_owned(), |place| format!("\"{place}\""));
    let replicas = if page.of_all_replicas { "all" } else { "this" };
    format!(r#"{{"entries":[{}],"next_cursor":{next},"replicas":"{replicas}"}}"#, entries.join(","))
}

fn within_scope(principal: &Principal, query: Query) -> Result<Query, Failure> {
    if principal.scopes.allow_one_of(READERS) {
        return Ok(query);
    }
    if !principal.scopes.allow(Scopes::INFER) {
        return Err(Failure::Forbidden);
    }
    let own = Named::from(&principal.team);
    match &query.team {
        Some(team) if *team != own => Err(Failure::Forbidden),
        _ => Ok(Query { team: Some(own), ..query }),
    }
}

fn query(text: &str) -> Result<Query, Failure> {
    let mut query = Query { limit: LIMIT, ..Query::default() };
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let read = match &*name {
            "limit" => value
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .map(|limit| query.limit = limit)
                .ok_or("must be a whole number from 1 to 1000"),
            "team" => TeamId::new(&value)
                .map(|team| query.team = Some(Named::from(&team)))
                .ok_or("must be the name of a team"),
            "since" => time(&value)
                .map(|since| query.since = Some(since))
                .ok_or("must be a date, or a time of RFC 3339 with `+` written as %2B"),
            "status" => StatusFilter::parse(&value).map(|status| query.status = Some(status)).ok_or(
                "must be a status (429), a class of them (4xx), or one of answered, denied, failed, \
                 cancelled, cut_short, interrupted",
            ),
            "cursor" => Place::parse(&value)
                .map(|before| query.before = Some(before))
                .ok_or("must be the `next_cursor` of the page before"),
            _ => Err("is not known: known are limit, team, since, status, cursor"),
        };
        read.map_err(|problem| wrong(&name, problem))?;
    }
    Ok(query)
}

fn time(text: &str) -> Option<Time> {
    let midnight = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok().or_else(midnight)?;
    let millis = u64::try_from(time.timestamp_millis()).ok()?;
    Some(Time::from(Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::ids::KeyId;
    use gateway_wire::Malformed;

    #[test]
    fn parameters_are_read_or_refused_by_name() {
        let since = |text: &str| Query { limit: LIMIT, since: Time::parse(text), ..Query::default() };
        for (text, want) in [
            ("", Ok(Query { limit: 50, ..Query::default() })),
            ("limit=1000", Ok(Query { limit: 1_000, ..Query::default() })),
            (
                "cursor=17&status=4xx",
                Ok(Query {
                    limit: 50,
                    before: Some(Place::Own(17)),
                    status: Some(StatusFilter::Class(4)),
                    ..Query::default()
                }),
            ),
            ("since=2026-11-24", Ok(since("2026-11-24T00:00:00.000Z"))),
            ("since=2026-11-24T09:30:00.5Z", Ok(since("2026-11-24T09:30:00.500Z"))),
            ("since=2026-11-24T09:30:00%2B02:00", Ok(since("2026-11-24T07:30:00.000Z"))),
            ("limit=0", Err("limit")),
            ("limit=1001", Err("limit")),
            ("limit=", Err("limit")),
            ("since=yesterday", Err("since")),
            ("since=1969-01-01", Err("since")),
            ("status=600", Err("status")),
            ("cursor=x", Err("cursor")),
            ("team=A%20B", Err("team")),
            ("tean=a", Err("tean")),
            ("a%20marker=1", Err("query")),
        ] {
            let read = query(text).map_err(|failure| match failure {
                Failure::Malformed(Malformed::Field { field, .. }) => field,
                other => panic!("{text}: {other:?}"),
            });
            assert_eq!(read, want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_team_sees_its_own_records() {
        let of = |scopes| Principal {
            team: TeamId::new("ops").unwrap(),
            key_id: KeyId::new("k"),
            scopes,
            limits: Default::default(),
        };
        let asks = |team: Option<&str>| Query { team: team.and_then(Named::new), ..Query::default() };
        for (case, scopes, team, want) in [
            ("its own", Scopes::INFER, None, Some(Some("ops"))),
            ("its own by name", Scopes::INFER, Some("ops"), Some(Some("ops"))),
            ("another's", Scopes::INFER, Some("dev"), None),
            ("an administrator, all", Scopes::INFER.and(Scopes::ADMIN), None, Some(None)),
            ("an administrator, one", Scopes::ADMIN, Some("dev"), Some(Some("dev"))),
            ("an auditor, all", Scopes::AUDIT, None, Some(None)),
            ("metrics alone", Scopes::METRICS, None, None),
            ("metrics alone, by name", Scopes::METRICS, Some("ops"), None),
            ("metrics beside", Scopes::METRICS.and(Scopes::INFER), None, Some(Some("ops"))),
        ] {
            let found = within_scope(&of(scopes), asks(team)).ok();
            assert_eq!(found, want.map(asks), "{case}");
        }
    }
}
