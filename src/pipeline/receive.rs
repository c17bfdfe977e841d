//! The body of a request: its type, its bytes and its time, each with a bound.

use super::failure::Failure;
use crate::config::Listen;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

/// `application/json`, with or without parameters; an absent type is taken for it.
pub(super) fn check_media_type(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    if essence.eq_ignore_ascii_case(b"application/json") { Ok(()) } else { Err(Failure::MediaType) }
}

/// Reads all of it. A length that is announced too large is refused before a byte is read.
pub(crate) async fn body(
    payload: &mut Payload,
    headers: &HeaderMap,
    listen: &Listen,
) -> Result<Bytes, Failure> {
    let too_large = Failure::BodyTooLarge { limit: listen.max_body };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > listen.max_body) {
        return Err(too_large);
    }
    let read = tokio::time::timeout(listen.body_timeout, collect(payload, listen.max_body, announced));
    read.await.map_err(|_| Failure::BodyLate { after: listen.body_timeout })?
}

/// Memory taken at once on a caller's word, before its bytes are there.
const TRUSTED: usize = 256 << 10;

async fn collect(payload: &mut Payload, limit: usize, announced: Option<usize>) -> Result<Bytes, Failure> {
    let Some(first) = payload.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(|_| Failure::BodyBroken)?;
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
        body.extend_from_slice(&chunk);
    }
    if body.len() > limit { Err(Failure::BodyTooLarge { limit }) } else { Ok(body.freeze()) }
}
