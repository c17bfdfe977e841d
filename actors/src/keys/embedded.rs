//! Made keys of a gateway that runs alone: one SQLite file beside the ledger's. The command line may open it too
//! while no gateway runs, or while one does; each sees what the other wrote.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway_core::ids::KeyId;
use gateway_core::keys::{Entry, KeyStore, KeyStoreError, MOST_KEYS, MadeKey, marked};
use gateway_core::ledger::Pending;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

const FILE: &str = "keys.sqlite";
const VERSION: i64 = 1;
/// `AIGK`, so that another program's file is known for what it is.
const APPLICATION: i64 = 0x4149_474b;
/// The command line, or an operator's `sqlite3`, may hold the file for a moment.
const BUSY: Duration = Duration::from_secs(2);

/// `text` is a key as `gateway_core::keys` writes it; `last_change` has one row.
const TABLES: &str = "
CREATE TABLE key (id TEXT PRIMARY KEY, text BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE last_change (one INTEGER PRIMARY KEY CHECK (one = 1), mark TEXT NOT NULL) STRICT;
";

/// Made keys in the state directory.
pub struct EmbeddedKeys {
    file: Arc<KeyFile>,
}

struct KeyFile {
    connection: Mutex<Connection>,
    place: String,
    most: i64,
}

impl EmbeddedKeys {
    /// Opens or makes the file in `directory`, which must be there. Waits for the disk: call it before the port
    /// opens.
    ///
    /// # Errors
    /// The disk fails, or the file is not ours.
    pub fn open(directory: &Path) -> Result<EmbeddedKeys, KeyStoreError> {
        EmbeddedKeys::with_most(directory, MOST_KEYS as i64)
    }

    fn with_most(directory: &Path, most: i64) -> Result<EmbeddedKeys, KeyStoreError> {
        let path = directory.join(FILE);
        let place = path.display().to_string();
        let opened = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(BUSY)?;
            Ok(connection)
        };
        let connection = opened().map_err(|error| lost(&place, &error))?;
        prepare(&connection, &place)?;
        Ok(EmbeddedKeys { file: Arc::new(KeyFile { connection: Mutex::new(connection), place, most }) })
    }

    /// On a thread that may wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &KeyFile) -> rusqlite::Result<Result<T, KeyStoreError>>
        + Send
        + 'static,
    ) -> Result<T, KeyStoreError> {
        let file = self.file.clone();
        let done = tokio::task::spawn_blocking(move || {
            // A transaction that a panic cut off was rolled back.
            let mut connection = file.connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection, &file).unwrap_or_else(|error| Err(lost(&file.place, &error)))
        });
        let ended = |_| KeyStoreError::Unavailable { reason: "its thread has ended".to_owned() };
        done.await.map_err(ended)?
    }
}

fn prepare(connection: &Connection, place: &str) -> Result<(), KeyStoreError> {
    let settle = || -> rusqlite::Result<Option<(i64, i64)>> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A revoked key must stay revoked after a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let known = (pragma("application_id")?, pragma("user_version")?);
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
        if tables == 0 {
            connection.execute_batch(&format!(
                "{TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
            ))?;
        }
        connection.execute_batch("COMMIT")?;
        Ok((tables > 0 && known != (APPLICATION, VERSION)).then_some(known))
    };
    match settle().map_err(|error| lost(place, &error))? {
        None => Ok(()),
        Some(known) => {
            let reason = format!("its application and version are {known:?}");
            Err(KeyStoreError::Corrupt { place: place.to_owned(), reason })
        }
    }
}

fn put_mark(connection: &Connection, act: &str, id: &str) -> rusqlite::Result<()> {
    let before: Option<String> =
        connection.query_row("SELECT mark FROM last_change", (), |row| row.get(0)).optional()?;
    let mark = marked(before.as_deref(), act, id);
    connection.execute("INSERT OR REPLACE INTO last_change VALUES (1, ?)", [mark]).map(drop)
}

/// SQLite's own words hold no more than our statements and the file's state.
fn lost(place: &str, error: &rusqlite::Error) -> KeyStoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let (place, reason) = (place.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => KeyStoreError::Corrupt { place, reason },
        _ => KeyStoreError::Unavailable { reason: format!("{place}: {reason}") },
    }
}

impl KeyStore for EmbeddedKeys {
    fn mark(&self) -> Pending<'_, Result<Option<String>, KeyStoreError>> {
        Box::pin(self.on_disk(|connection, _| {
            connection.query_row("SELECT mark FROM last_change", (), |row| row.get(0)).optional().map(Ok)
        }))
    }

    fn all(&self) -> Pending<'_, Result<Vec<Entry>, KeyStoreError>> {
        Box::pin(self.on_disk(|connection, _| {
            let mut read = connection.prepare("SELECT id, text FROM key")?;
            let rows = read.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<_>>().map(Ok)
        }))
    }

    fn some<'a>(&'a self, ids: &'a [String]) -> Pending<'a, Result<Vec<Entry>, KeyStoreError>> {
        let ids = ids.to_vec();
        Box::pin(self.on_disk(move |connection, _| {
            let mut read = connection.prepare("SELECT text FROM key WHERE id = ?")?;
            let mut found = Vec::new();
            for id in ids {
                let text = read.query_row([&id], |row| row.get(0)).optional()?;
                found.extend(text.map(|text| (id, text)));
            }
            Ok(Ok(found))
        }))
    }

    fn add<'a>(&'a self, key: &'a MadeKey, act: &'a str) -> Pending<'a, Result<(), KeyStoreError>> {
        let (id, text, act) = (key.id.as_str().to_owned(), key.encode().into_bytes(), act.to_owned());
        Box::pin(self.on_disk(move |connection, file| {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let there = "SELECT text FROM key WHERE id = ?";
            let there: Option<Vec<u8>> = change.query_row(there, [&id], |row| row.get(0)).optional()?;
            if let Some(there) = there {
                return Ok(if there == text { Ok(()) } else { Err(KeyStoreError::Taken) });
            }
            let count: i64 = change.query_row("SELECT count(*) FROM key", (), |row| row.get(0))?;
            if count >= file.most {
                return Ok(Err(KeyStoreError::Full));
            }
            change.execute("INSERT INTO key VALUES (?, ?)", params![id, text])?;
            put_mark(&change, &act, &id)?;
            change.commit().map(Ok)
        }))
    }

    fn remove<'a>(&'a self, id: &'a KeyId, act: &'a str) -> Pending<'a, Result<bool, KeyStoreError>> {
        let (id, act) = (id.as_str().to_owned(), act.to_owned());
        Box::pin(self.on_disk(move |connection, _| {
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if change.execute("DELETE FROM key WHERE id = ?", [&id])? == 0 {
                return Ok(Ok(false));
            }
            put_mark(&change, &act, &id)?;
            change.commit().map(|()| Ok(true))
        }))
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::keys::suite::{a_key, holds};

    use super::*;

    fn directory() -> std::path::PathBuf {
        let directory = std::env::temp_dir().join(format!("gateway-keys-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        directory
    }

    #[tokio::test]
    async fn it_is_a_store_of_keys_also_for_a_second_process() {
        let directory = directory();
        let (one, other) = (EmbeddedKeys::open(&directory).unwrap(), EmbeddedKeys::open(&directory).unwrap());
        assert_eq!(holds(&one, &other).await, Ok(()));
        drop((one, other));
        let again = EmbeddedKeys::open(&directory).unwrap();
        assert!(again.mark().await.unwrap().is_some());
        assert_eq!(again.all().await.unwrap().len(), 1);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[tokio::test]
    async fn the_number_of_keys_is_bounded() {
        let directory = directory();
        let store = EmbeddedKeys::with_most(&directory, 2).unwrap();
        for byte in [1, 2] {
            store.add(&a_key(byte), "mark").await.unwrap();
        }
        assert_eq!(store.add(&a_key(3), "mark").await, Err(KeyStoreError::Full));
        assert_eq!(store.remove(&a_key(1).id, "mark").await, Ok(true));
        assert_eq!(store.add(&a_key(3), "mark").await, Ok(()));
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_is_not_ours_is_refused_and_left_as_it_is() {
        let directory = directory();
        let foreign = Connection::open(directory.join(FILE)).unwrap();
        foreign.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
        drop(foreign);
        let refused = EmbeddedKeys::open(&directory).err().unwrap();
        assert!(matches!(refused, KeyStoreError::Corrupt { .. }), "{refused}");
        std::fs::write(directory.join(FILE), "no database, and longer than a header has to be").unwrap();
        let refused = EmbeddedKeys::open(&directory).err().unwrap();
        assert!(matches!(refused, KeyStoreError::Corrupt { .. }), "{refused}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
