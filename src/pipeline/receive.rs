//! The body of a request: its type, its bytes and its time, each with a bound; and the room that all of them share.

use super::failure::Failure;
use crate::gateway::Gateway;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of bodies that are held at the same time, by whichever request.
#[derive(Debug)]
pub struct Room {
    taken: AtomicUsize,
    most: usize,
}

impl Room {
    pub fn new(most: usize) -> Arc<Room> {
        Arc::new(Room { taken: AtomicUsize::new(0), most })
    }

    /// By all together, now.
    pub fn held(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }
}

/// What one body takes of it. Kept for as long as anything of the body may be: until the request has ended.
#[derive(Debug)]
pub struct Held {
    room: Arc<Room>,
    bytes: usize,
}

impl Held {
    fn none(room: &Arc<Room>) -> Held {
        Held { room: Arc::clone(room), bytes: 0 }
    }

    /// So many more have arrived. `Err` is a room that is full.
    fn takes(&mut self, more: usize) -> Result<(), Failure> {
        let Room { taken, most } = &*self.room;
        let fits = |taken: usize| taken.checked_add(more).filter(|sum| sum <= most);
        let took = taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        took.map_err(|_| Failure::Overloaded)?;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// `application/json`, with or without parameters; an absent type is taken for it.
pub(super) fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json") { Ok(()) } else { Err(Failure::MediaType) }
}

/// Reads all of it. A length that is announced too large is refused before a byte is read.
pub(super) async fn body(
    gateway: &Gateway,
    payload: &mut Payload,
    headers: &HeaderMap,
) -> Result<(Bytes, Held), Failure> {
    let listen = &gateway.config.listen;
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > listen.max_body) {
        return Err(Failure::BodyTooLarge { limit: listen.max_body });
    }
    let mut held = Held::none(&gateway.bodies);
    let collected = collect(payload, listen.max_body, announced, &mut held);
    let read = tokio::time::timeout(listen.body_timeout, collected).await;
    let body = read.map_err(|_| Failure::BodyLate { after: listen.body_timeout })??;
    Ok((body, held))
}

/// Memory taken at once on a caller's word, before its bytes are there.
const TRUSTED: usize = 256 << 10;

/// Chunk by chunk, so that who sends slowly takes no more room than it has sent.
async fn collect(
    payload: &mut Payload,
    limit: usize,
    announced: Option<usize>,
    held: &mut Held,
) -> Result<Bytes, Failure> {
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|_| Failure::BodyBroken)?;
    held.takes(first.len())?;
    if announced == Some(first.len()) {
        return Ok(first);
    }
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(TRUSTED).max(first.len()));
    body.extend_from_slice(&first);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Failure::BodyBroken)?;
        if body.len() + chunk.len() > limit {
            return Err(Failure::BodyTooLarge { limit });
        }
        held.takes(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    if body.len() > limit { Err(Failure::BodyTooLarge { limit }) } else { Ok(body.freeze()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_their_room_and_give_it_back() {
        let room = Room::new(10);
        let mut held = [Held::none(&room), Held::none(&room)];
        for (case, whose, more, fits) in [
            ("a part", 0, 6, true),
            ("up to the last byte", 1, 4, true),
            ("one more", 0, 1, false),
            ("none", 1, 0, true),
            ("more than there can be", 0, usize::MAX, false),
        ] {
            assert_eq!(held[whose].takes(more).is_ok(), fits, "{case}");
        }
        let [one, mut other] = held;
        drop(one);
        assert!(other.takes(7).is_err());
        assert!(other.takes(6).is_ok(), "what was refused holds nothing");
        drop(other);
        assert_eq!(room.held(), 0);
    }
}
