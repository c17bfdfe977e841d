//! The keys that administrators made, of all replicas: one hash, a field for each key, and one that tells
//! the last changes. Replicas ask for that, and read what has changed.

use std::sync::atomic::{AtomicU32, Ordering};

use gateway_core::ids::KeyId;
use gateway_core::keys::{Entry, KeyStore, KeyStoreError, MOST_KEYS, MadeKey, is_id};
use gateway_core::ledger::Pending;
use redis::{Cmd, FromRedisValue, RedisError, Script};

use crate::connection::{Call, Connection, Target};
use crate::keys::MADE_KEYS;

/// The field that is no key: no id reads like this.
const MARK: &str = "mark";
/// Fields that one question brings, about: so that no answer takes as long as the connection waits.
const PAGE: usize = 1_000;
/// Sentinels are asked who the master is with every so many questions for the mark.
const FOLLOW: u32 = 8;

/// Fields and what stands there, whoever wrote them.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Made keys on Redis, which need not be there yet.
pub struct RedisKeys {
    connection: Connection,
    made: Script,
    revoked: Script,
    asked: AtomicU32,
    most: usize,
}

impl RedisKeys {
    /// Connects with the first question.
    pub fn new(target: Target) -> RedisKeys {
        RedisKeys::with_most(target, MOST_KEYS)
    }

    pub(crate) fn with_most(target: Target, most: usize) -> RedisKeys {
        RedisKeys {
            connection: Connection::new(target),
            made: Script::new(concat!(
                include_str!("../scripts/key_mark.lua"),
                include_str!("../scripts/key_made.lua")
            )),
            revoked: Script::new(concat!(
                include_str!("../scripts/key_mark.lua"),
                include_str!("../scripts/key_revoked.lua")
            )),
            asked: AtomicU32::new(0),
            most,
        }
    }

    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, KeyStoreError> {
        let mut borrowed = self.connection.borrow().await.map_err(|error| failed(&error))?;
        match borrowed.link.query(command).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.connection.judge(&borrowed, &error).await;
                Err(failed(&error))
            }
        }
    }

    /// The one word that the script answers.
    async fn run(&self, script: &Script, words: &[&str]) -> Result<String, KeyStoreError> {
        let mut borrowed = self.connection.borrow().await.map_err(|error| failed(&error))?;
        let mut call = Call::of(script, MADE_KEYS);
        call.word(words);
        match borrowed.link.run(vec![call]).await.pop() {
            Some(Ok(answer)) => {
                let words = redis::from_redis_value::<Vec<String>>(answer);
                let word = words.ok().and_then(|mut words| words.pop());
                word.ok_or_else(|| corrupt("a script answered nothing that is understood".to_owned()))
            }
            Some(Err(error)) => {
                self.connection.judge(&borrowed, &error).await;
                Err(failed(&error))
            }
            None => Err(corrupt("a script gave no answer".to_owned())),
        }
    }

    /// Behind Sentinels: a node that is no master any more may go on answering.
    async fn mark(&self) -> Result<Option<String>, KeyStoreError> {
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(FOLLOW) {
            self.connection.follow_master().await.map_err(|error| failed(&error))?;
        }
        let mut command = redis::cmd("HGET");
        command.arg(MADE_KEYS).arg(MARK);
        self.query(&command).await
    }

    async fn all(&self) -> Result<Vec<Entry>, KeyStoreError> {
        let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
        loop {
            let mut command = redis::cmd("HSCAN");
            command.arg(MADE_KEYS).arg(&cursor).arg("COUNT").arg(PAGE);
            let (next, fields): (String, Fields) = self.query(&command).await?;
            let keys = fields.into_iter().filter(|(field, _)| field != MARK.as_bytes());
            // A field is the caller's to name in a log, so it is read as text, whatever it is.
            found.extend(keys.map(|(field, text)| (String::from_utf8_lossy(&field).into_owned(), text)));
            if found.len() > 2 * self.most {
                return Err(corrupt(format!("it has more than {} fields", self.most)));
            }
            if next == "0" {
                return Ok(found);
            }
            cursor = next;
        }
    }
}

impl KeyStore for RedisKeys {
    fn mark(&self) -> Pending<'_, Result<Option<String>, KeyStoreError>> {
        Box::pin(self.mark())
    }

    fn all(&self) -> Pending<'_, Result<Vec<Entry>, KeyStoreError>> {
        Box::pin(self.all())
    }

    fn some<'a>(&'a self, ids: &'a [String]) -> Pending<'a, Result<Vec<Entry>, KeyStoreError>> {
        Box::pin(async move {
            let mut command = redis::cmd("HMGET");
            command.arg(MADE_KEYS).arg(ids);
            let texts: Vec<Option<Vec<u8>>> = self.query(&command).await?;
            Ok(ids.iter().cloned().zip(texts).filter_map(|(id, text)| Some((id, text?))).collect())
        })
    }

    fn add<'a>(&'a self, key: &'a MadeKey, mark: &'a str) -> Pending<'a, Result<(), KeyStoreError>> {
        Box::pin(async move {
            let most = self.most.to_string();
            let words = [key.id.as_str(), &key.encode(), mark, &most];
            match self.run(&self.made, &words).await?.as_str() {
                "made" => Ok(()),
                "taken" => Err(KeyStoreError::Taken),
                "full" => Err(KeyStoreError::Full),
                _ => Err(corrupt("a script answered another word".to_owned())),
            }
        })
    }

    fn remove<'a>(&'a self, id: &'a KeyId, mark: &'a str) -> Pending<'a, Result<bool, KeyStoreError>> {
        Box::pin(async move {
            if !is_id(id.as_str()) {
                return Ok(false);
            }
            Ok(self.run(&self.revoked, &[id.as_str(), mark]).await? == "revoked")
        })
    }
}

fn corrupt(reason: String) -> KeyStoreError {
    KeyStoreError::Corrupt { place: MADE_KEYS.to_owned(), reason }
}

/// Redis's own words tell of states and addresses, not of what is kept.
fn failed(error: &RedisError) -> KeyStoreError {
    if error.code() == Some("WRONGTYPE") || error.detail().is_some_and(|detail| detail.contains("WRONGTYPE"))
    {
        return corrupt("it is of another type (redis/KEYS.md has the types)".to_owned());
    }
    KeyStoreError::Unavailable { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use gateway_core::keys::suite::{a_key, holds};

    use super::*;
    use crate::testing::Server;

    fn keys(server: &Server) -> RedisKeys {
        RedisKeys::new(Target::parse(&server.url()).unwrap())
    }

    #[tokio::test]
    async fn it_is_a_store_of_keys_for_two_replicas() {
        let server = Server::start(&[]);
        assert_eq!(holds(&keys(&server), &keys(&server)).await, Ok(()));
    }

    #[tokio::test]
    async fn many_keys_are_read_page_by_page_and_their_number_is_bounded() {
        let server = Server::start(&[]);
        let store = RedisKeys::with_most(Target::parse(&server.url()).unwrap(), 250);
        for byte in 0..250 {
            store.add(&a_key(byte), "mark").await.unwrap();
        }
        assert_eq!(store.add(&a_key(251), "mark").await, Err(KeyStoreError::Full));
        assert_eq!(store.all().await.unwrap().len(), 250);
        assert_eq!(store.remove(&a_key(0).id, "mark").await, Ok(true));
        assert_eq!(store.add(&a_key(251), "mark").await, Ok(()));
    }

    #[tokio::test]
    async fn what_is_away_or_foreign_is_an_error_and_what_is_back_is_found() {
        let nowhere = RedisKeys::new(Target::parse("redis://127.0.0.1:1").unwrap());
        assert!(matches!(nowhere.mark().await, Err(KeyStoreError::Unavailable { .. })));
        let server = Server::start(&[]);
        let store = keys(&server);
        let _: String = server.command(&["SET", MADE_KEYS, "x"]);
        let foreign = [
            store.mark().await.map(drop),
            store.all().await.map(drop),
            store.add(&a_key(1), "mark").await,
            store.remove(&a_key(1).id, "mark").await.map(drop),
        ];
        for answer in foreign {
            let Err(KeyStoreError::Corrupt { place, .. }) = answer else { panic!("{answer:?}") };
            assert_eq!(place, MADE_KEYS);
        }
        let _: i64 = server.command(&["DEL", MADE_KEYS]);
        store.add(&a_key(1), "mark").await.unwrap();
        let _: i64 = server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        // The first question finds the connection broken, the second makes another.
        store.mark().await.ok();
        let mark = store.mark().await.unwrap().unwrap();
        assert_eq!(mark, format!("mark:{}", a_key(1).id));
    }

    #[tokio::test]
    async fn a_foreign_field_is_handed_on_beside_the_keys() {
        let server = Server::start(&[]);
        let store = keys(&server);
        store.add(&a_key(1), "mark").await.unwrap();
        let _: i64 = server.command(&["HSET", MADE_KEYS, "0123456789ab", "junk"]);
        let all = store.all().await.unwrap();
        let readable = all.iter().filter(|(id, text)| MadeKey::decode(id, text).is_ok()).count();
        assert_eq!((all.len(), readable), (2, 1));
    }
}
