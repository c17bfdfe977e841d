//! One team's books as rows, there and back. What is reserved, and how many are open, is not written: it
//! follows from the entries.

use std::collections::BTreeMap;

use gateway_core::ids::{KeyId, ModelName, TagName, TagValue, TeamId, UpstreamName};
use gateway_core::ledger::{
    Bucket, Changes, Day, Entry, Hour, Limit, Month, Open, Override, ReapedEntry, ReservationId, Route,
    StoreTime, Tag, TaggedCounter, Team, Window,
};
use gateway_core::money::NanoUsd;
use rusqlite::{Connection, Row, Transaction, params};

/// Stands for "no limit" in an override's column.
const UNLIMITED: i64 = -1;

pub(super) enum Wrong {
    Sqlite(rusqlite::Error),
    /// A row that no gateway of this version wrote.
    Row(String),
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Wrong {
        Wrong::Sqlite(error)
    }
}

pub(super) fn write(
    to: &Transaction<'_>,
    name: &TeamId,
    team: &Team,
    changes: &Changes,
) -> rusqlite::Result<()> {
    if changes.word {
        write_word(to, name, team.word())?;
    }
    for window in &changes.windows {
        write_account(to, name, team, *window)?;
    }
    for id in &changes.entries {
        write_entry(to, name, *id, team.kept(*id))?;
    }
    for key in &changes.paces {
        write_buckets(to, name, team, key.as_ref())?;
    }
    write_usage(to, name, team, changes)
}

fn write_word(to: &Transaction<'_>, name: &TeamId, word: Option<Override>) -> rusqlite::Result<()> {
    let Some(word) = word else {
        to.prepare_cached("DELETE FROM override WHERE team = ?")?.execute([name.as_str()])?;
        return Ok(());
    };
    let money = |limit: Option<Limit<NanoUsd>>| limit.map(|limit| column(limit, |amount| amount.0));
    let count = |limit: Option<Limit<u64>>| limit.map(|limit| column(limit, signed));
    to.prepare_cached("INSERT OR REPLACE INTO override VALUES (?, ?, ?, ?, ?, ?)")?.execute(params![
        name.as_str(),
        money(word.daily),
        money(word.monthly),
        count(word.requests_per_minute),
        count(word.tokens_per_minute),
        count(word.max_parallel),
    ])?;
    Ok(())
}

fn write_account(to: &Transaction<'_>, name: &TeamId, team: &Team, window: Window) -> rusqlite::Result<()> {
    let (kind, number) = match window {
        Window::Day(day) => ("day", day.0),
        Window::Month(month) => ("month", month.0),
    };
    let key = params![name.as_str(), kind, number];
    match team.kept_account(window) {
        Some(account) => to
            .prepare_cached("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?, ?)")?
            .execute(params![name.as_str(), kind, number, account.spent.0, account.told])?,
        None => to
            .prepare_cached("DELETE FROM account WHERE team = ? AND kind = ? AND number = ?")?
            .execute(key)?,
    };
    Ok(())
}

fn write_entry(
    to: &Transaction<'_>,
    name: &TeamId,
    id: ReservationId,
    entry: Option<&Entry>,
) -> rusqlite::Result<()> {
    let (team, id) = (name.as_str(), id.uuid().into_bytes());
    let mut insert =
        to.prepare_cached("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    match entry {
        None => to
            .prepare_cached("DELETE FROM entry WHERE team = ? AND id = ?")?
            .execute(params![team, id.as_slice()])?,
        Some(Entry::Open(open)) => insert.execute(params![
            team,
            id.as_slice(),
            "open",
            open.hold.0,
            signed(open.tokens),
            open.key.as_str(),
            open.route.provider.as_str(),
            open.route.model.as_str(),
            signed(open.granted_at.0),
            signed(open.lease_until.0),
        ])?,
        Some(Entry::Reaped(reaped)) => insert.execute(params![
            team,
            id.as_slice(),
            if reaped.recorded { "recorded" } else { "reaped" },
            reaped.charge.0,
            None::<i64>,
            reaped.key.as_str(),
            reaped.route.provider.as_str(),
            reaped.route.model.as_str(),
            signed(reaped.granted_at.0),
            signed(reaped.keep_until.0),
        ])?,
        Some(Entry::Closed { charge, keep_until }) => {
            let none = None::<i64>;
            let until = signed(keep_until.0);
            insert.execute(params![
                team,
                id.as_slice(),
                "closed",
                charge.0,
                none,
                none,
                none,
                none,
                none,
                until
            ])?
        }
    };
    Ok(())
}

fn write_buckets(
    to: &Transaction<'_>,
    name: &TeamId,
    team: &Team,
    key: Option<&KeyId>,
) -> rusqlite::Result<()> {
    let word = key.map_or("", KeyId::as_str);
    let pace = team.kept_pace(key).filter(|pace| pace.requests.empty_at.0 > 0 || pace.tokens.empty_at.0 > 0);
    match pace {
        Some(pace) => {
            let (requests, tokens) = (signed(pace.requests.empty_at.0), signed(pace.tokens.empty_at.0));
            to.prepare_cached("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?, ?)")?.execute(params![
                name.as_str(),
                word,
                requests,
                tokens
            ])?
        }
        None => to
            .prepare_cached("DELETE FROM bucket WHERE team = ? AND key = ?")?
            .execute(params![name.as_str(), word])?,
    };
    Ok(())
}

fn write_usage(to: &Transaction<'_>, name: &TeamId, team: &Team, changes: &Changes) -> rusqlite::Result<()> {
    let mut insert = to.prepare_cached("INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?)")?;
    for (hour, route, counter) in &changes.usage {
        let count = team.counted(*hour, route, counter);
        insert.execute(params![name.as_str(), hour.0, route.field(counter), count])?;
    }
    let mut insert = to.prepare_cached("INSERT OR REPLACE INTO tagged VALUES (?, ?, ?, ?, ?, ?)")?;
    for of in &changes.tagged {
        let (tag, field) = (&of.tag, of.route.field(&of.counter));
        let count = team.counted_tagged(of);
        insert.execute(params![
            name.as_str(),
            of.hour.0,
            tag.name.as_str(),
            tag.value.as_str(),
            field,
            count
        ])?;
    }
    if let Some(before) = changes.usage_before {
        for table in ["usage", "tagged"] {
            to.prepare_cached(&format!("DELETE FROM {table} WHERE team = ? AND hour < ?"))?
                .execute(params![name.as_str(), before.0])?;
        }
    }
    Ok(())
}

pub(super) fn read(from: &Connection, teams: &mut BTreeMap<TeamId, Team>) -> Result<(), Wrong> {
    each(from, "override", teams, |row, team| {
        let money = |at| -> rusqlite::Result<_> {
            Ok(row.get::<_, Option<i64>>(at)?.map(|value| limit(value, NanoUsd(value))))
        };
        let count = |at| -> rusqlite::Result<_> {
            let value = row.get::<_, Option<i64>>(at)?;
            Ok(value.map(|value| limit(value, value.unsigned_abs())))
        };
        team.restore_word(Override {
            daily: money(1)?,
            monthly: money(2)?,
            requests_per_minute: count(3)?,
            tokens_per_minute: count(4)?,
            max_parallel: count(5)?,
        });
        Ok(())
    })?;
    each(from, "account", teams, |row, team| {
        let (kind, number) = (row.get::<_, String>(1)?, row.get(2)?);
        let window = match kind.as_str() {
            "day" => Window::Day(Day(number)),
            "month" => Window::Month(Month(number)),
            _ => return Err(Wrong::Row(format!("an account of kind {kind:?}"))),
        };
        team.restore_account(window, NanoUsd(row.get(3)?), row.get(4)?);
        Ok(())
    })?;
    each(from, "bucket", teams, |row, team| {
        let key = row.get::<_, String>(1)?;
        let key = (!key.is_empty()).then(|| KeyId::new(&key));
        let bucket = |at| -> Result<_, Wrong> { Ok(Bucket { empty_at: time(row, at)? }) };
        team.restore_buckets(key.as_ref(), bucket(2)?, bucket(3)?);
        Ok(())
    })?;
    each(from, "usage", teams, |row, team| {
        let field = row.get::<_, String>(2)?;
        let Some((route, counter)) = Route::parse_field(&field) else {
            return Err(Wrong::Row(format!("a counter {field:?}")));
        };
        team.restore_count(Hour(row.get(1)?), route, counter, row.get(3)?);
        Ok(())
    })?;
    each(from, "tagged", teams, |row, team| {
        let (name, value) = (row.get::<_, String>(2)?, row.get::<_, String>(3)?);
        let field = row.get::<_, String>(4)?;
        let tag = TagName::new(&name).zip(TagValue::new(&value)).map(|(name, value)| Tag { name, value });
        let Some((tag, (route, counter))) = tag.zip(Route::parse_field(&field)) else {
            return Err(Wrong::Row(format!("a counter {name:?} {value:?} {field:?}")));
        };
        team.restore_tagged(TaggedCounter { hour: Hour(row.get(1)?), tag, route, counter }, row.get(5)?);
        Ok(())
    })?;
    each(from, "entry", teams, read_entry)?;
    teams.values_mut().for_each(|team| drop(team.take_changes()));
    Ok(())
}

/// Every row of a table, its team in the first column.
fn each(
    from: &Connection,
    table: &str,
    teams: &mut BTreeMap<TeamId, Team>,
    mut take: impl FnMut(&Row<'_>, &mut Team) -> Result<(), Wrong>,
) -> Result<(), Wrong> {
    let mut statement = from.prepare(&format!("SELECT * FROM {table}"))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let name = row.get::<_, String>(0)?;
        let name = TeamId::new(&name).ok_or_else(|| Wrong::Row(format!("a team {name:?} in {table}")))?;
        take(row, teams.entry(name).or_default()).map_err(|wrong| match wrong {
            Wrong::Row(reason) => Wrong::Row(reason),
            // A column of another type than ours is a foreign row, not a lost disk.
            Wrong::Sqlite(error) => Wrong::Row(format!("a row of {table}: {error}")),
        })?;
    }
    Ok(())
}

fn read_entry(row: &Row<'_>, team: &mut Team) -> Result<(), Wrong> {
    let id = row.get::<_, [u8; 16]>(1)?;
    let id = ReservationId::new(uuid::Uuid::from_bytes(id));
    let id = id.ok_or_else(|| Wrong::Row("an id that is no UUIDv7".to_owned()))?;
    let state = row.get::<_, String>(2)?;
    let (amount, until) = (NanoUsd(row.get(3)?), time(row, 9)?);
    if amount < NanoUsd::ZERO {
        return Err(Wrong::Row("a negative amount".to_owned()));
    }
    let key = |row: &Row<'_>| -> Result<_, Wrong> { Ok(KeyId::new(&row.get::<_, String>(5)?)) };
    let route = |row: &Row<'_>| -> Result<_, Wrong> {
        let provider = row.get::<_, String>(6)?;
        let provider = UpstreamName::new(&provider);
        let provider = provider.ok_or_else(|| Wrong::Row("a provider of an illegal name".to_owned()))?;
        Ok(Route { provider, model: ModelName::new(&row.get::<_, String>(7)?) })
    };
    let entry = match state.as_str() {
        "open" => Entry::Open(Box::new(Open {
            hold: amount,
            tokens: unsigned(row.get(4)?)?,
            key: key(row)?,
            route: route(row)?,
            granted_at: time(row, 8)?,
            lease_until: until,
        })),
        "reaped" | "recorded" => Entry::Reaped(Box::new(ReapedEntry {
            charge: amount,
            key: key(row)?,
            route: route(row)?,
            granted_at: time(row, 8)?,
            recorded: state == "recorded",
            keep_until: until,
        })),
        "closed" => Entry::Closed { charge: amount, keep_until: until },
        _ => return Err(Wrong::Row(format!("an entry in state {state:?}"))),
    };
    team.put(id, entry);
    Ok(())
}

fn column<T>(limit: Limit<T>, number: impl FnOnce(T) -> i64) -> i64 {
    match limit {
        Limit::Unlimited => UNLIMITED,
        Limit::AtMost(most) => number(most),
    }
}

fn limit<T>(column: i64, most: T) -> Limit<T> {
    if column == UNLIMITED { Limit::Unlimited } else { Limit::AtMost(most) }
}

fn time(row: &Row<'_>, at: usize) -> Result<StoreTime, Wrong> {
    unsigned(row.get(at)?).map(StoreTime)
}

fn unsigned(value: i64) -> Result<u64, Wrong> {
    u64::try_from(value).map_err(|_| Wrong::Row("a negative number where none can be".to_owned()))
}

/// Times and counts stay far below it.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
