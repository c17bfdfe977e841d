//! The durable copy: one SQLite file in WAL mode. Version 1 of its tables; a file of another version, or
//! of another program, is refused and left as it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gateway_core::ids::TeamId;
use gateway_core::ledger::{Changes, LedgerError, Team};
use rusqlite::Connection;

use super::Sync;
use super::rows;

const VERSION: i64 = 1;
/// `AIGL`, so that another program's file is known for what it is.
const APPLICATION: i64 = 0x4149_474c;
/// An operator's `sqlite3` may hold the file for a moment.
const BUSY: Duration = Duration::from_secs(2);

/// Amounts are nano-USD, times microseconds since the Unix epoch; −1 in an override: unlimited.
const TABLES: &str = "
CREATE TABLE override (
    team TEXT PRIMARY KEY, daily INTEGER, monthly INTEGER,
    requests_per_minute INTEGER, tokens_per_minute INTEGER, max_parallel INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    team TEXT, kind TEXT, number INTEGER, spent INTEGER NOT NULL, told INTEGER NOT NULL,
    PRIMARY KEY (team, kind, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE entry (
    team TEXT, id BLOB, state TEXT NOT NULL, amount INTEGER NOT NULL, tokens INTEGER, key TEXT,
    provider TEXT, model TEXT, granted_at INTEGER, until INTEGER NOT NULL,
    PRIMARY KEY (team, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE bucket (
    team TEXT, key TEXT, requests_empty_at INTEGER NOT NULL, tokens_empty_at INTEGER NOT NULL,
    PRIMARY KEY (team, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE usage (
    team TEXT, hour INTEGER, route_counter TEXT, count INTEGER NOT NULL,
    PRIMARY KEY (team, hour, route_counter)
) STRICT, WITHOUT ROWID;
";

/// Beside those of version 1: a file that has no tags yet has no such table, and who knows none leaves it be.
const TAGGED: &str = "
CREATE TABLE IF NOT EXISTS tagged (
    team TEXT, hour INTEGER, tag TEXT, value TEXT, route_counter TEXT, count INTEGER NOT NULL,
    PRIMARY KEY (team, hour, tag, value, route_counter)
) STRICT, WITHOUT ROWID;
";

pub(super) struct Disk {
    connection: Connection,
    place: String,
}

impl Disk {
    pub(super) fn open(file: &Path, sync: Sync) -> Result<Disk, LedgerError> {
        let place = file.display().to_string();
        let opened = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(file)?;
            connection.busy_timeout(BUSY)?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(connection)
        };
        let disk = Disk { connection: opened().map_err(|error| lost(&place, &error))?, place };
        disk.prepare(sync)?;
        Ok(disk)
    }

    fn prepare(&self, sync: Sync) -> Result<(), LedgerError> {
        let pragma = |name: &str| -> Result<i64, LedgerError> {
            self.connection.pragma_query_value(None, name, |row| row.get(0)).map_err(|e| self.lost(&e))
        };
        let known = (pragma("application_id")?, pragma("user_version")?);
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 =
            self.connection.query_row(tables, (), |row| row.get(0)).map_err(|error| self.lost(&error))?;
        if known != (APPLICATION, VERSION) && tables > 0 {
            let reason = format!("its application and version are {known:?}");
            return Err(LedgerError::Corrupt { place: self.place.clone(), reason });
        }
        let sync = match sync {
            Sync::Normal => "NORMAL",
            Sync::Full => "FULL",
        };
        let settle = || -> rusqlite::Result<()> {
            self.connection.pragma_update(None, "journal_mode", "WAL")?;
            self.connection.pragma_update(None, "synchronous", sync)?;
            if tables == 0 {
                self.connection.execute_batch(&format!(
                    "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
                ))?;
            }
            self.connection.execute_batch(TAGGED)
        };
        settle().map_err(|error| self.lost(&error))
    }

    pub(super) fn load(&self) -> Result<BTreeMap<TeamId, Team>, LedgerError> {
        let mut teams = BTreeMap::new();
        rows::read(&self.connection, &mut teams).map_err(|wrong| match wrong {
            rows::Wrong::Sqlite(error) => self.lost(&error),
            rows::Wrong::Row(reason) => LedgerError::Corrupt { place: self.place.clone(), reason },
        })?;
        Ok(teams)
    }

    /// All of it, or nothing.
    pub(super) fn write(
        &mut self,
        changed: &[(TeamId, Changes)],
        teams: &BTreeMap<TeamId, Team>,
    ) -> Result<(), LedgerError> {
        let place = &self.place;
        let mut commit = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for (name, changes) in changed {
                if let Some(team) = teams.get(name) {
                    rows::write(&transaction, name, team, changes)?;
                }
            }
            transaction.commit()
        };
        commit().map_err(|error| lost(place, &error))
    }

    /// Writes what stands there already.
    pub(super) fn try_write(&self) -> Result<(), LedgerError> {
        self.connection.pragma_update(None, "user_version", VERSION).map_err(|error| self.lost(&error))
    }

    fn lost(&self, error: &rusqlite::Error) -> LedgerError {
        lost(&self.place, error)
    }
}

/// SQLite's own words hold no more than our statements and the file's state.
fn lost(place: &str, error: &rusqlite::Error) -> LedgerError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let (place, reason) = (place.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => LedgerError::Corrupt { place, reason },
        _ => LedgerError::Unavailable { reason: format!("{place}: {reason}") },
    }
}
