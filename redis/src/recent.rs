//! The newest lines of all replicas' audit trails, for people who look: one stream, its oldest entries cut off.
//! A view, and no book: what is lost here stands in the replica's own trail.

use redis::{RedisError, Script};

use crate::connection::{Call, Connection, Target};
use crate::keys::RECENT;

/// Lines that are kept, and a little more: Redis cuts in whole nodes.
pub const RECENT_LINES: usize = 10_000;

/// The stream of all replicas' newest lines.
pub struct RecentLines {
    connection: Connection,
    script: Script,
}

/// Where an entry stands: by Redis's clock, and within its millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    pub millis: u64,
    pub number: u64,
}

/// Redis gives no answer, or one that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replicas' newest records: {reason}")]
pub struct RecentError {
    reason: String,
}

/// An entry, newest first; a line that no gateway wrote may be anything.
pub type Lines = Vec<(EntryId, Vec<u8>)>;

impl EntryId {
    /// `1732440600125-0`.
    pub fn parse(text: &str) -> Option<EntryId> {
        let (millis, number) = text.split_once('-')?;
        Some(EntryId { millis: millis.parse().ok()?, number: number.parse().ok()? })
    }
}

impl std::fmt::Display for EntryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

impl RecentLines {
    /// Connects with the first question.
    pub fn new(target: Target) -> RecentLines {
        let script = Script::new(include_str!("../scripts/recent.lua"));
        RecentLines { connection: Connection::new(target), script }
    }

    /// Adds lines in their order. After an error some may be there: a reader takes one of each id.
    ///
    /// # Errors
    /// No answer within the connection's deadline, or a refusal.
    pub async fn add(&self, lines: &[&[u8]]) -> Result<(), RecentError> {
        // One call and one answer, whose cost is for all of them.
        let mut call = Call::of(&self.script, RECENT);
        call.word(RECENT_LINES).word(lines);
        let mut borrowed = self.connection.borrow().await.map_err(failed)?;
        match borrowed.link.run(vec![call]).await.pop() {
            Some(Err(error)) => {
                self.connection.judge(&borrowed, &error);
                Err(failed(error))
            }
            Some(Ok(_)) => Ok(()),
            None => Err(RecentError { reason: "a script gave no answer".to_owned() }),
        }
    }

    /// At most `count` entries, the newest first; those before `before`, where it is given.
    ///
    /// # Errors
    /// As for [`RecentLines::add`].
    pub async fn page(&self, before: Option<EntryId>, count: usize) -> Result<Lines, RecentError> {
        let newest = before.map_or_else(|| "+".to_owned(), |before| format!("({before}"));
        let mut command = redis::cmd("XREVRANGE");
        command.arg(RECENT).arg(newest).arg("-").arg("COUNT").arg(count);
        let mut borrowed = self.connection.borrow().await.map_err(failed)?;
        let found = borrowed.link.query::<Vec<(String, Vec<Vec<u8>>)>>(&command).await;
        match found {
            Ok(found) => found.into_iter().map(entry).collect(),
            Err(error) => {
                self.connection.judge(&borrowed, &error);
                Err(failed(error))
            }
        }
    }
}

/// An entry has one field, the line.
fn entry((id, mut fields): (String, Vec<Vec<u8>>)) -> Result<(EntryId, Vec<u8>), RecentError> {
    let id = EntryId::parse(&id)
        .ok_or_else(|| RecentError { reason: format!("an entry of {RECENT} has an id that is none") })?;
    Ok((id, fields.pop().unwrap_or_default()))
}

/// Redis's own words tell of states and addresses, not of what is kept.
fn failed(error: RedisError) -> RecentError {
    RecentError { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Server;

    fn lines(found: Lines) -> Vec<String> {
        found.into_iter().map(|(_, line)| String::from_utf8(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn the_newest_lines_of_all_come_page_by_page_and_the_oldest_go() {
        let server = Server::start(&[]);
        let target = Target::parse(&server.url()).unwrap();
        let (one, other) = (RecentLines::new(target.clone()), RecentLines::new(target));
        assert_eq!(one.page(None, 10).await.unwrap(), []);
        one.add(&[b"1", b"2"]).await.unwrap();
        other.add(&[b"3"]).await.unwrap();
        let page = one.page(None, 2).await.unwrap();
        let last = page.last().unwrap().0;
        assert_eq!(lines(page), ["3", "2"]);
        assert_eq!(EntryId::parse(&last.to_string()), Some(last));
        assert_eq!(lines(other.page(Some(last), 2).await.unwrap()), ["1"]);

        let many: Vec<String> = (0..RECENT_LINES + 1_000).map(|n| n.to_string()).collect();
        for batch in many.chunks(1_000) {
            one.add(&batch.iter().map(|line| line.as_bytes()).collect::<Vec<_>>()).await.unwrap();
        }
        let kept: usize = server.command(&["XLEN", RECENT]);
        assert!((RECENT_LINES..RECENT_LINES + 1_000).contains(&kept), "{kept}");
    }

    #[tokio::test]
    async fn what_is_away_or_foreign_is_an_error_and_what_is_back_is_found() {
        let nowhere = RecentLines::new(Target::parse("redis://127.0.0.1:1").unwrap());
        assert!(nowhere.page(None, 1).await.is_err());
        let server = Server::start(&[]);
        let recent = RecentLines::new(Target::parse(&server.url()).unwrap());
        let _: String = server.command(&["SET", RECENT, "x"]);
        assert!(recent.add(&[b"1"]).await.unwrap_err().to_string().contains("WRONGTYPE"));
        assert!(recent.page(None, 1).await.is_err());
        let _: i64 = server.command(&["DEL", RECENT]);
        recent.add(&[b"1"]).await.unwrap();
        assert_eq!(lines(recent.page(None, 1).await.unwrap()), ["1"]);
        let _: i64 = server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
        // The first question finds the connection broken, the second makes another.
        recent.page(None, 1).await.ok();
        assert_eq!(lines(recent.page(None, 1).await.unwrap()), ["1"]);
    }
}
