//! `GET /v1/usage`: what was used, by hour or day, team, model, provider and tag.

use super::budgets::{told, visible};
use super::query::wrong;
use crate::gateway::Gateway;
use crate::identity::{Principal, Scopes};
use crate::pipeline::{Failure, identify};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, NaiveDate};
use futures_util::{StreamExt, TryStreamExt, stream};
use gateway_core::ids::{ModelName, TagName, TagValue, TeamId, UpstreamName};
use gateway_core::ledger::{Counter, Hour, StoreTime, Tally, USAGE_KEPT, UsageRow};
use gateway_core::money::NanoUsd;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Teams that are asked for at the same time: while one is summed the next is read. More would hold more in memory.
const TOGETHER: usize = 2;

const DAY: Duration = Duration::from_hours(24);

/// A team sees its own, an administrator all, or the one that `team` names.
pub async fn usage(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    let answer = async {
        let principal = identify(&gateway, request.headers(), Scopes::default())?;
        let query = query(request.query_string(), gateway.clock.unix(), &gateway.config.usage.tags)?;
        let mut sums = Sums::default();
        let teams = teams(&gateway, &principal, &query).await?;
        let rows = stream::iter(&teams).map(async |team| {
            let hours = (query.from.hour(), query.last_hour());
            let rows = gateway.budget.usage(team.clone(), hours, query.tag.clone()).await?;
            Ok::<_, Failure>((team, rows))
        });
        let mut rows = std::pin::pin!(rows.buffered(TOGETHER));
        while let Some((team, rows)) = rows.try_next().await? {
            rows.iter().for_each(|row| sums.add(&query, team, row));
        }
        Ok(sums.view(&query))
    };
    told(&gateway, answer.await)
}

async fn teams(gateway: &Gateway, principal: &Principal, query: &Query) -> Result<Vec<TeamId>, Failure> {
    match &query.team {
        Some(name) => Ok(vec![visible(gateway, principal, name).await?]),
        None if principal.scopes.allow(Scopes::ADMIN) => Ok(gateway.budget.teams().await?),
        None if principal.scopes.allow(Scopes::INFER) => Ok(vec![principal.team.clone()]),
        None => Err(Failure::Forbidden),
    }
}

#[derive(Debug, PartialEq)]
struct Query {
    from: StoreTime,
    /// Not included.
    to: StoreTime,
    team: Option<String>,
    by: Vec<By>,
    /// Whose values [`By::Tag`] means.
    tag: Option<TagName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Hour,
    Day,
    Team,
    Model,
    Provider,
    Tag,
}

impl By {
    const ALL: [(By, &'static str); 5] = [
        (By::Hour, "hour"),
        (By::Day, "day"),
        (By::Team, "team"),
        (By::Model, "model"),
        (By::Provider, "provider"),
    ];

    fn word(self) -> &'static str {
        By::ALL.into_iter().find(|(by, _)| *by == self).map_or("", |(_, word)| word)
    }
}

/// Before the name of a tag, among the words of `group_by`.
const TAG: &str = "tag:";

impl Query {
    fn last_hour(&self) -> Hour {
        StoreTime(self.to.0.saturating_sub(1)).hour().max(self.from.hour())
    }

    /// As it was asked for.
    fn words(&self) -> Vec<Cow<'static, str>> {
        let word = |by: &By| match (by, &self.tag) {
            (By::Tag, Some(name)) => Cow::Owned(format!("{TAG}{name}")),
            _ => Cow::Borrowed(by.word()),
        };
        self.by.iter().map(word).collect()
    }

    fn groups(&self, by: By) -> bool {
        self.by.contains(&by)
    }
}

fn query(text: &str, now: Duration, tags: &[TagName]) -> Result<Query, Failure> {
    let now = StoreTime::from_unix(now);
    let (mut from, mut to, mut team) = (None, None, None);
    let (mut by, mut tag) = (vec![By::Day, By::Model, By::Provider], None);
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        match &*name {
            "from" => from = Some(time(&value).ok_or_else(|| wrong(&name, A_TIME))?),
            "to" => to = Some(time(&value).ok_or_else(|| wrong(&name, A_TIME))?),
            "team" => team = Some(value.into_owned()),
            "group_by" => (by, tag) = group_by(&value, tags).map_err(|problem| wrong(&name, problem))?,
            _ => return Err(wrong(&name, "is not known: known are from, to, team, group_by")),
        }
    }
    let to = to.unwrap_or(now);
    let day_before = StoreTime(to.0.saturating_sub(micros(DAY)));
    let from = from.unwrap_or(day_before);
    if from >= to {
        return Err(wrong("from", "must be before `to`"));
    }
    if to.since(from) > USAGE_KEPT {
        return Err(wrong("from", "must be at most 90 days before `to`: older counters are not kept"));
    }
    Ok(Query { from, to, team, by, tag })
}

const A_TIME: &str = "must be a date, or a time of RFC 3339 with `+` written as %2B";
const A_GROUPING: &str = "must be some of hour, day, team, model, provider and tag:NAME, with commas between";
const A_TAG: &str = "names a tag that is not counted: add it to `[usage] tags`, or name another";
const ONE_TAG: &str = "names two tags: values are counted by each tag alone, so ask for one at a time";

fn group_by(text: &str, tags: &[TagName]) -> Result<(Vec<By>, Option<TagName>), &'static str> {
    let (mut all, mut tag) = (Vec::new(), None);
    for word in text.split(',') {
        let by = match word.strip_prefix(TAG) {
            None => By::ALL.into_iter().find(|(_, known)| *known == word).ok_or(A_GROUPING)?.0,
            Some(name) => {
                let name = tags.iter().find(|tag| tag.as_str() == name).ok_or(A_TAG)?;
                if tag.replace(name.clone()).is_some_and(|before| before != *name) {
                    return Err(ONE_TAG);
                }
                By::Tag
            }
        };
        all.push(by);
    }
    Ok((all, tag))
}

fn time(text: &str) -> Option<StoreTime> {
    let midnight = || Some(text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc());
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok().or_else(midnight)?;
    u64::try_from(time.timestamp_millis()).ok().map(StoreTime::from_millis)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What rows have in common; what is not grouped by is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    start: Option<StoreTime>,
    team: Option<TeamId>,
    model: Option<ModelName>,
    provider: Option<UpstreamName>,
    tag: Option<TagValue>,
}

#[derive(Default)]
struct Sums(BTreeMap<Group, Tally>);

impl Sums {
    fn add(&mut self, query: &Query, team: &TeamId, row: &UsageRow) {
        let start = row.hour.start();
        let group = Group {
            start: if query.groups(By::Hour) {
                Some(start)
            } else {
                query.groups(By::Day).then(|| start.day().start())
            },
            team: query.groups(By::Team).then(|| team.clone()),
            model: query.groups(By::Model).then(|| row.route.model.clone()),
            provider: query.groups(By::Provider).then(|| row.route.provider.clone()),
            tag: None,
        };
        match &row.value {
            None => self.0.entry(group).or_default().merge(&row.tally),
            // All requests have their rows: what has a tag is taken from those that have none.
            Some(value) => {
                let tagged = Group { tag: Some(value.clone()), ..group.clone() };
                self.0.entry(tagged).or_default().merge(&row.tally);
                self.0.entry(group).or_default().subtract(&row.tally);
            }
        }
    }

    fn view(self, query: &Query) -> View {
        let rows = self.0.into_iter().filter(|(_, tally)| is_shown(tally));
        View {
            from: super::limits::time(query.from),
            to: super::limits::time(query.to),
            group_by: query.words(),
            rows: rows.map(|(group, tally)| Row::new(group, &tally)).collect(),
        }
    }
}

/// Latencies are not in a row.
fn is_shown(tally: &Tally) -> bool {
    tally.iter().any(|(counter, _)| !matches!(counter, Counter::Latency(_)))
}

#[derive(Serialize)]
struct View {
    from: String,
    to: String,
    group_by: Vec<Cow<'static, str>>,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    start: Option<String>,
    team_id: Option<String>,
    model: Option<String>,
    provider: Option<String>,
    tag: Option<String>,
    requests: i64,
    refused: i64,
    input_tokens: i64,
    output_tokens: i64,
    cost_usd: NanoUsd,
    redactions_by_type: BTreeMap<String, i64>,
    injection_flagged: i64,
    injection_blocked: i64,
    fallbacks: i64,
    errors: i64,
}

impl Row {
    fn new(group: Group, tally: &Tally) -> Row {
        let redactions = tally.iter().filter_map(|(counter, count)| match counter {
            Counter::Redactions(kind) => Some((kind.clone().into_owned(), count)),
            _ => None,
        });
        Row {
            start: group.start.map(super::limits::time),
            team_id: group.team.map(|team| team.to_string()),
            model: group.model.map(|model| model.to_string()),
            provider: group.provider.map(|provider| provider.to_string()),
            tag: group.tag.map(|value| value.to_string()),
            requests: tally.get(&Counter::Requests),
            refused: tally.get(&Counter::Refused),
            input_tokens: tally.get(&Counter::InputTokens),
            output_tokens: tally.get(&Counter::OutputTokens),
            cost_usd: NanoUsd(tally.get(&Counter::Cost)),
            redactions_by_type: redactions.collect(),
            injection_flagged: tally.get(&Counter::InjectionFlagged),
            injection_blocked: tally.get(&Counter::InjectionBlocked),
            fallbacks: tally.get(&Counter::Fallbacks),
            errors: tally.get(&Counter::Errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::ids::{ModelName, UpstreamName};
    use gateway_core::ledger::Route;
    use gateway_wire::Malformed;

    const NOW: Duration = Duration::from_secs(1_764_000_000);

    fn tags() -> Vec<TagName> {
        ["cost_center", "project"].into_iter().filter_map(TagName::new).collect()
    }

    /// What has no tag is the rest, and nothing where there is no rest.
    #[test]
    fn rows_by_tag_sum_to_all() {
        let query = query("group_by=model,tag:project", NOW, &tags()).unwrap();
        assert_eq!(query.words(), ["model", "tag:project"]);
        let row = |model: &str, value: Option<&str>, requests: i64| UsageRow {
            hour: Hour(24),
            route: Route { provider: UpstreamName::new("openai").unwrap(), model: ModelName::new(model) },
            value: value.and_then(TagValue::new),
            tally: Tally::default()
                .with(Counter::Requests, requests)
                .with(Counter::Latency(100), if value.is_none() { requests } else { 0 }),
        };
        let team = TeamId::new("ops").unwrap();
        let mut sums = Sums::default();
        let rows = [
            row("a", None, 5),
            row("b", None, 2),
            row("a", Some("x"), 2),
            row("a", Some("y"), 1),
            row("b", Some("x"), 2),
        ];
        rows.iter().for_each(|row| sums.add(&query, &team, row));
        let view = sums.view(&query);
        let rows =
            view.rows.iter().map(|row| (row.model.as_deref().unwrap(), row.tag.as_deref(), row.requests));
        let want = [("a", None, 2), ("a", Some("x"), 2), ("a", Some("y"), 1), ("b", Some("x"), 2)];
        assert_eq!(rows.collect::<Vec<_>>(), want);
    }

    #[test]
    fn parameters_are_read_or_refused_by_name() {
        for (text, want) in [
            ("", Ok((24 * 3_600, 3))),
            ("from=2025-11-01&to=2025-11-03&group_by=team,hour", Ok((48 * 3_600, 2))),
            ("from=2025-11-24T09:00:00%2B01:00&to=2025-11-24T10:00:00Z", Ok((2 * 3_600, 3))),
            ("from=yesterday", Err("from")),
            ("from=2025-11-03&to=2025-11-01", Err("from")),
            ("from=2025-01-01&to=2025-11-01", Err("from")),
            ("group_by=week", Err("group_by")),
            ("group_by=", Err("group_by")),
            ("group_by=day,tag:project", Ok((24 * 3_600, 2))),
            ("group_by=tag:other", Err("group_by")),
            ("group_by=tag:project,tag:cost_center", Err("group_by")),
            ("tean=a", Err("tean")),
        ] {
            let read =
                query(text, NOW, &tags()).map(|query| (query.to.since(query.from).as_secs(), query.by.len()));
            let read = read.map_err(|failure| match failure {
                Failure::Malformed(Malformed::Field { field, .. }) => field,
                other => panic!("{text}: {other:?}"),
            });
            assert_eq!(read, want.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn rows_are_summed_by_what_is_grouped() {
        let row = |hour, model: &str| UsageRow {
            hour: Hour(hour),
            route: Route { provider: UpstreamName::new("openai").unwrap(), model: ModelName::new(model) },
            value: None,
            tally: Tally::default().with(Counter::Requests, 1).with(Counter::Cost, 5),
        };
        let team = TeamId::new("ops").unwrap();
        for (by, want) in [
            ("day", vec![(None, 3, 15)]),
            ("model", vec![(Some("a"), 2, 10), (Some("b"), 1, 5)]),
            ("hour,model", vec![(Some("a"), 1, 5), (Some("b"), 1, 5), (Some("a"), 1, 5)]),
        ] {
            let query = query(&format!("group_by={by}"), NOW, &[]).unwrap();
            let mut sums = Sums::default();
            [row(24, "a"), row(24, "b"), row(25, "a")].iter().for_each(|row| sums.add(&query, &team, row));
            let view = sums.view(&query);
            let rows = view.rows.iter().map(|row| (row.model.as_deref(), row.requests, row.cost_usd.0));
            assert_eq!(rows.collect::<Vec<_>>(), want, "{by}");
        }
    }
}
