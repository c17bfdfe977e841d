//! Anything that takes a POST: a JSON array or a line for each record, signed where there is a key.

use std::time::Duration;

use gateway_core::audit::chain::SigningKey;
use secrecy::{ExposeSecret, SecretString};

use super::verdict::{Answer, Verdict};
use super::{Batches, Dialect, Event, Outgoing};

pub(super) struct Webhook {
    url: String,
    token: Option<SecretString>,
    key: Option<SigningKey>,
    batches: Batches,
}

impl Webhook {
    pub(super) fn new(
        url: &str,
        token: Option<SecretString>,
        hmac_key: Option<&SecretString>,
        batches: Batches,
    ) -> Webhook {
        let key = hmac_key.map(|key| SigningKey::new(key.expose_secret().as_bytes()));
        Webhook { url: url.to_owned(), token, key, batches }
    }
}

impl Dialect for Webhook {
    fn batch(&self, events: &[Event], _: Duration) -> Outgoing {
        let (start, between, end, kind) = match self.batches {
            Batches::Array => ("[", ",", "]", "application/json"),
            Batches::Ndjson => ("", "\n", "\n", "application/x-ndjson"),
        };
        let mut body = start.as_bytes().to_vec();
        for (at, event) in events.iter().enumerate() {
            if at > 0 {
                body.extend_from_slice(between.as_bytes());
            }
            body.extend_from_slice(&event.line);
        }
        body.extend_from_slice(end.as_bytes());
        let mut headers = vec![("content-type", kind.to_owned())];
        if let Some(token) = &self.token {
            headers.push(("authorization", format!("Bearer {}", token.expose_secret())));
        }
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            // A receiver that keeps this knows a batch that comes again.
            headers.push(("x-gateway-batch", format!("{}-{}", first.end.seq, last.end.seq)));
        }
        Outgoing { url: self.url.clone(), headers, body }
    }

    /// `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`, so that an old batch can't be sent again as new.
    fn sign(&self, body: &[u8], unix: Duration) -> Vec<(&'static str, String)> {
        let Some(key) = &self.key else { return Vec::new() };
        let mut signed = format!("{}.", unix.as_secs()).into_bytes();
        signed.extend_from_slice(body);
        vec![("x-gateway-signature", format!("t={},v1={}", unix.as_secs(), key.sign(&signed)))]
    }

    fn accepted(&self, _: &Answer, _: usize) -> Verdict {
        Verdict::Delivered
    }
}
