//! Datadog's log intake, version 2: an array of at most 1,000 logs and 5 MB, 202 when it was taken.
//! (docs.datadoghq.com, "Send logs")

use std::time::Duration;

use gateway_core::audit::{Outcome, Record};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::verdict::{Answer, Verdict};
use super::{Dialect, Event, Outgoing, with_line};

pub(super) struct Datadog {
    url: String,
    token: Option<SecretString>,
}

const PATH: &str = "/api/v2/logs";

impl Datadog {
    pub(super) fn new(url: &str, token: Option<SecretString>) -> Datadog {
        let base = url.trim_end_matches('/');
        let base = base.strip_suffix(PATH).unwrap_or(base);
        Datadog { url: format!("{base}{PATH}"), token }
    }
}

impl Dialect for Datadog {
    fn batch(&self, events: &[Event], _: Duration) -> Outgoing {
        let mut body = vec![b'['];
        for (at, Event { record, line, .. }) in events.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            let (message, level) = summary(record);
            let team = record.team().map_or(String::new(), |team| format!("team:{team}"));
            let log = json!({
                "ddsource": "ai-gateway",
                "service": "ai-gateway",
                "hostname": record.replica(),
                "ddtags": team,
                "timestamp": record.time().unix_millis(),
                "status": level,
                "message": message,
            });
            with_line(&log, "ai_gateway", line, &mut body);
        }
        body.push(b']');
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(token) = &self.token {
            headers.push(("dd-api-key", token.expose_secret().to_owned()));
        }
        Outgoing { url: self.url.clone(), headers, body }
    }

    fn accepted(&self, _: &Answer, _: usize) -> Verdict {
        Verdict::Delivered
    }
}

/// What a person reads in the list of logs, and its colour there.
fn summary(record: &Record) -> (String, &'static str) {
    match record {
        Record::Request(request) => {
            let level = match request.outcome {
                Outcome::Answered | Outcome::Cancelled => "info",
                Outcome::Denied | Outcome::CutShort | Outcome::Interrupted => "warn",
                Outcome::Failed => "error",
            };
            (format!("{} {} ({})", request.endpoint, request.outcome.word(), request.status), level)
        }
        Record::Admin(admin) => (format!("{} ({})", admin.action.word(), admin.status), "info"),
    }
}
