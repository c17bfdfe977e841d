//! Splunk's HTTP Event Collector. Events one behind the other; success is `"code":0` within the answer, never
//! its status alone; with indexer acknowledgement on, the answer has an `ackId` to be asked about.
//! (docs.splunk.com, "Format events for HTTP Event Collector", "Possible error codes", "About HTTP Event
//! Collector Indexer Acknowledgment")

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::verdict::{Answer, Verdict, by_status, strange};
use super::{Dialect, Event, Named, Outgoing};

pub(super) struct Splunk {
    /// Of events, and of questions about receipts.
    url: String,
    ack_url: String,
    token: Option<SecretString>,
    index: Option<Named>,
    /// Names us to the indexer: receipts are counted per channel.
    channel: String,
}

#[derive(Deserialize)]
struct Said {
    code: u64,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid_event: Option<usize>,
}

#[derive(Deserialize)]
struct Acks {
    acks: std::collections::HashMap<String, bool>,
}

const PATH: &str = "/services/collector";

impl Splunk {
    /// `url` with or without the collector's path; `channel` is a UUID.
    pub(super) fn new(
        url: &str,
        token: Option<SecretString>,
        index: Option<Named>,
        channel: String,
    ) -> Splunk {
        let base = url.split_once(PATH).map_or(url, |(base, _)| base).trim_end_matches('/');
        Splunk {
            url: format!("{base}{PATH}/event"),
            ack_url: format!("{base}{PATH}/ack?channel={channel}"),
            token,
            index,
            channel,
        }
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("x-splunk-request-channel", self.channel.clone())];
        if let Some(token) = &self.token {
            headers.push(("authorization", format!("Splunk {}", token.expose_secret())));
        }
        headers
    }
}

/// `None` where the answer is none of Splunk's. Codes by Splunk's own table.
fn by_code(answer: &Answer, events: usize) -> Option<Verdict> {
    let said: Said = serde_json::from_slice(&answer.body).ok()?;
    let why = format!("status {}, code {}", answer.status, said.code);
    Some(match said.code {
        0 => said.ack_id.map_or(Verdict::Delivered, Verdict::Taken),
        // No data, invalid format, no event, blank event, fields that can't be indexed.
        5 | 6 | 12 | 13 | 15 => Verdict::Refused { at: said.invalid_event.filter(|at| *at < events), why },
        // Internal error, busy, queues or acknowledgements full.
        8 | 9 | 18..=21 => Verdict::Again { after: answer.retry_after, why },
        // Token, index, channel, acknowledgement.
        _ => Verdict::Misconfigured { why },
    })
}

impl Dialect for Splunk {
    fn batch(&self, events: &[Event], _: Duration) -> Outgoing {
        let mut body = Vec::new();
        let index = self.index.as_ref().map_or(String::new(), |index| format!(r#""index":"{index}","#));
        for Event { record, line, .. } in events {
            let millis = record.time().unix_millis();
            let start = format!(
                r#"{{"time":{}.{:03},"host":"{}","source":"ai-gateway","sourcetype":"ai_gateway:audit",{index}"event":"#,
                millis / 1_000,
                millis % 1_000,
                record.replica(),
            );
            body.extend_from_slice(start.as_bytes());
            body.extend_from_slice(line);
            body.extend_from_slice(b"}\n");
        }
        let mut headers = self.headers();
        headers.push(("content-type", "application/json".to_owned()));
        Outgoing { url: self.url.clone(), headers, body }
    }

    fn accepted(&self, answer: &Answer, events: usize) -> Verdict {
        by_code(answer, events).unwrap_or_else(strange)
    }

    fn refused(&self, answer: &Answer, events: usize) -> Verdict {
        match by_status(answer) {
            // The status alone can't tell a bad event from a wrong index.
            plain @ (Verdict::Refused { .. } | Verdict::Misconfigured { .. }) => {
                by_code(answer, events).unwrap_or(plain)
            }
            plain => plain,
        }
    }

    fn ask(&self, receipt: u64) -> Option<Outgoing> {
        let mut headers = self.headers();
        headers.push(("content-type", "application/json".to_owned()));
        let body = format!(r#"{{"acks":[{receipt}]}}"#).into_bytes();
        Some(Outgoing { url: self.ack_url.clone(), headers, body })
    }

    fn stored(&self, answer: &Answer, receipt: u64) -> bool {
        let acks =
            serde_json::from_slice(&answer.body).map_or_else(|_| Default::default(), |acks: Acks| acks.acks);
        answer.status == 200 && acks.get(&receipt.to_string()) == Some(&true)
    }
}
