//! `/v1/keys`: administrators make keys, list and revoke them. A key is told once, in the answer that makes it.

use super::acts::{self, Act};
use super::{budgets, refusal, respond};
use crate::gateway::{Gateway, Worker, request_id};
use crate::identity::making::{Wish, WishError, view};
use crate::identity::{Principal, Scopes};
use crate::pipeline::{Failure, body, identify};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use gateway_core::audit::{AdminAction, Named, Table, Time};
use gateway_core::ids::{KeyId, TeamId};
use gateway_core::keys::{KeyStoreError, MOST_KEYS, MadeKey, is_id};
use gateway_wire::Malformed;
use gateway_wire::native::Native;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::cmp::Reverse;

const LIMIT: usize = 100;
const MOST: usize = 1_000;
/// Ids are 48 bits of a hash: that one is taken is rare, that two are is none of ours to see.
const TRIES: usize = 3;

/// `POST /v1/keys`.
pub async fn make(
    request: HttpRequest,
    mut payload: Payload,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    let wish = async {
        let principal = identify(&gateway, request.headers(), Scopes::ADMIN)?;
        let (sent, _held) = body(&gateway, request.headers(), &mut payload).await?;
        let wish = Wish::read(&sent, Time::from(gateway.clock.unix()))?;
        if !gateway.config.access.any_team && !gateway.known_teams().contains(&wish.team) {
            let problem = "is not known: configure it as [teams.NAME], or set GATEWAY_KEYS_ANY_TEAM=true";
            return Err(wrong("team_id", problem));
        }
        Ok((principal, wish))
    };
    let (principal, wish) = match wish.await {
        Ok(wish) => wish,
        Err(failure) => return respond::unread(refusal(&gateway, &Native, &failure), payload),
    };
    let acting = gateway.clone();
    let made = to_its_end(&worker, async move { made(&acting, &principal, &wish).await }).await;
    let mut response = budgets::told(&gateway, made);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /v1/keys`: without the keys themselves, the newest first.
pub async fn list(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let answer = async {
        identify(&gateway, request.headers(), Scopes::ADMIN)?;
        let query = Query::read(request.query_string())?;
        gateway.made_keys.refresh().await?;
        Ok(query.page(&gateway.made_keys.all()))
    };
    budgets::told(&gateway, answer.await)
}

/// `DELETE /v1/keys/{id}`: refused from now on here, within a second everywhere.
pub async fn revoke(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
    worker: Data<Worker>,
) -> HttpResponse {
    let asked = identify(&gateway, request.headers(), Scopes::ADMIN)
        .and_then(|principal| is_id(&id).then(|| (principal, KeyId::new(&id))).ok_or(Failure::KeyUnknown));
    let (principal, id) = match asked {
        Ok(asked) => asked,
        Err(failure) => return refusal(&gateway, &Native, &failure),
    };
    let acting = gateway.clone();
    let revoked = to_its_end(&worker, async move { revoked(&acting, &principal, &id).await }).await;
    budgets::told(&gateway, revoked)
}

/// A caller that leaves cuts nothing off: what was done is recorded.
async fn to_its_end<T: 'static>(
    worker: &Worker,
    act: impl Future<Output = Result<T, Failure>> + 'static,
) -> Result<T, Failure> {
    let (answer, answered) = tokio::sync::oneshot::channel();
    worker.tasks.spawn(async move {
        // Who has left needs no answer.
        answer.send(act.await).ok();
    });
    // Only a panic ends it without an answer.
    answered.await.map_err(|_| Failure::Overloaded)?
}

async fn made(gateway: &Gateway, principal: &Principal, wish: &Wish) -> Result<Map<String, Value>, Failure> {
    may_act(gateway)?;
    let id = request_id(&*gateway.clock, &*gateway.dice);
    let kept = keep(gateway, wish, &id).await;
    let act = Act {
        action: AdminAction::KeyMade,
        team: Some(&wish.team),
        key: kept.as_ref().ok().map(|(_, key)| &key.id),
        failure: kept.as_ref().err(),
        changes: wish.changes(),
    };
    acts::record(gateway, principal, &id, act).await;
    let (secret, key) = kept?;
    let mut told = view(&key);
    told.insert("key".to_owned(), json!(secret.expose_secret()));
    Ok(told)
}

async fn keep(gateway: &Gateway, wish: &Wish, mark: &str) -> Result<(SecretString, MadeKey), Failure> {
    for _ in 0..TRIES {
        let (secret, key) = wish.fresh(Time::from(gateway.clock.unix())).map_err(|error| {
            log::error!(error:%; "no key can be made");
            Failure::Overloaded
        })?;
        match gateway.made_keys.add(&key, mark).await {
            Ok(()) => return Ok((secret, key)),
            Err(KeyStoreError::Taken) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(KeyStoreError::Taken.into())
}

async fn revoked(gateway: &Gateway, principal: &Principal, key: &KeyId) -> Result<Value, Failure> {
    may_act(gateway)?;
    let id = request_id(&*gateway.clock, &*gateway.dice);
    let team = gateway.made_keys.team_of(key);
    let done = match gateway.made_keys.remove(key, &id).await {
        Ok(true) => Ok(json!({ "id": key.as_str(), "revoked": true })),
        Ok(false) => Err(Failure::KeyUnknown),
        Err(error) => Err(error.into()),
    };
    let act = Act {
        action: AdminAction::KeyRevoked,
        team: team.as_ref(),
        key: Some(key),
        failure: done.as_ref().err(),
        changes: Table::<Named, 32>::default(),
    };
    acts::record(gateway, principal, &id, act).await;
    done
}

/// Nothing is done that can't be recorded.
fn may_act(gateway: &Gateway) -> Result<(), Failure> {
    gateway.audit.accepting().map_err(|unwritable| {
        log::error!("an administrator's act is refused: {unwritable}");
        Failure::Unrecordable
    })
}

/// What is asked of the list.
#[derive(Debug, PartialEq, Eq)]
struct Query {
    limit: usize,
    team: Option<TeamId>,
    after: Option<Position>,
}

/// Where a key stands in the list: by when it was made, the newest first, then by its id.
type Position = (Reverse<Time>, KeyId);

fn position(key: &MadeKey) -> Position {
    (Reverse(key.created_at), key.id.clone())
}

impl Query {
    fn read(text: &str) -> Result<Query, Failure> {
        let mut query = Query { limit: LIMIT, team: None, after: None };
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let limit = || value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
            let read = match &*name {
                "limit" => limit()
                    .map(|limit| query.limit = limit)
                    .ok_or_else(|| wrong("limit", "must be a whole number from 1 to 1000")),
                "team" => TeamId::new(&value)
                    .map(|team| query.team = Some(team))
                    .ok_or_else(|| wrong("team", "must be the name of a team")),
                "cursor" => cursor(&value)
                    .map(|after| query.after = Some(after))
                    .ok_or_else(|| wrong("cursor", "must be the `next_cursor` of the page before")),
                _ => Err(wrong("query", "holds what is not known: known are limit, team, cursor")),
            };
            read?;
        }
        Ok(query)
    }

    fn page(&self, keys: &[impl AsRef<MadeKey>]) -> Value {
        let keys = keys.iter().map(AsRef::as_ref);
        let wanted = |key: &&MadeKey| {
            self.team.as_ref().is_none_or(|team| key.team == *team)
                && self.after.as_ref().is_none_or(|after| position(key) > *after)
        };
        let mut found: Vec<&MadeKey> = keys.filter(wanted).take(self.limit + 1).collect();
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| more);
        let next = next.map(|key| format!("{}-{}", key.created_at.unix_millis(), key.id));
        json!({ "keys": found.into_iter().map(view).collect::<Vec<_>>(), "next_cursor": next })
    }
}

/// `1795512600125-0123456789ab`.
fn cursor(text: &str) -> Option<Position> {
    let (millis, id) = text.split_once('-')?;
    let made = Time::from_unix_millis(millis.parse().ok()?);
    is_id(id).then(|| (Reverse(made), KeyId::new(id)))
}

fn wrong(field: &str, problem: &'static str) -> Failure {
    Failure::Malformed(Malformed::Field { field: field.to_owned(), problem: Cow::Borrowed(problem) })
}

impl From<WishError> for Failure {
    fn from(error: WishError) -> Failure {
        Failure::Malformed(Malformed::Field { field: error.field, problem: Cow::Borrowed(error.problem) })
    }
}

impl From<KeyStoreError> for Failure {
    fn from(error: KeyStoreError) -> Failure {
        if error == KeyStoreError::Full {
            let problem = format!("would be one of more than {MOST_KEYS} keys: revoke some first");
            return Failure::Malformed(Malformed::Field {
                field: "body".to_owned(),
                problem: problem.into(),
            });
        }
        log::warn!(error:%; "no answer of the store of keys");
        Failure::KeysUnavailable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn key(number: u8, team: &str, millis: u64) -> Arc<MadeKey> {
        let wish = Wish::read(format!(r#"{{"team_id":"{team}"}}"#).as_bytes(), Time::default()).unwrap();
        let (_, made) = wish.fresh(Time::from_unix_millis(millis)).unwrap();
        Arc::new(MadeKey { id: KeyId::new(&format!("{number:012x}")), ..made })
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let keys = [key(3, "ops", 9), key(1, "dev", 7), key(2, "ops", 7), key(4, "ops", 5)];
        for (team, want) in [("", vec!["3", "1", "2", "4"]), ("&team=ops", vec!["3", "2", "4"])] {
            for limit in 1..=5 {
                let (mut ids, mut cursor) = (Vec::new(), String::new());
                loop {
                    let query = Query::read(&format!("limit={limit}{team}{cursor}")).unwrap();
                    let page = query.page(&keys);
                    let of_page = page["keys"].as_array().unwrap().iter();
                    ids.extend(of_page.map(|key| key["id"].as_str().unwrap()[11..].to_owned()));
                    match page["next_cursor"].as_str() {
                        Some(next) => cursor = format!("&cursor={next}"),
                        None => break,
                    }
                }
                assert_eq!(ids, want, "limit {limit}{team}");
            }
        }
    }

    #[test]
    fn a_wrong_query_names_its_parameter() {
        for (text, want) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("team=A", "team"),
            ("cursor=7", "cursor"),
            ("cursor=7-xyz", "cursor"),
            ("secret=1", "query"),
        ] {
            let Err(Failure::Malformed(Malformed::Field { field, .. })) = Query::read(text) else {
                panic!("{text} is no query");
            };
            assert_eq!(field, want, "{text}");
        }
    }
}
