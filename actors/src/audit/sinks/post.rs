//! One message to a webhook that is no sink: no cursor, no batch; who sends decides whether it is sent again.

use std::time::Duration;

use gateway_core::audit::Named;

use super::transport::{SinkError, Transport};
use super::verdict::{self, Verdict};
use super::webhook::Webhook;
use super::{Batches, Outgoing, SinkKind, SinkSettings};

/// Of one message.
const DEADLINE: Duration = Duration::from_secs(10);

/// The way to one webhook.
pub struct Post {
    url: String,
    transport: Transport,
    unsigned: Webhook,
}

/// Why a message did not arrive, in a word without anything of the URL or the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Worth sending again, perhaps only `after` so long.
    #[error("{why}")]
    Later { after: Option<Duration>, why: String },
    #[error("{why}")]
    Never { why: String },
}

impl Post {
    /// `name` stands in errors, for the URL may hold a secret.
    ///
    /// # Errors
    /// The URL is none, or no client could be made.
    pub fn new(name: Named, url: String) -> Result<Post, SinkError> {
        let settings = SinkSettings {
            deadline: DEADLINE,
            gzip: false,
            ..SinkSettings::new(name, SinkKind::Webhook, url.clone())
        };
        let transport = Transport::new(&settings)?;
        Ok(Post { unsigned: Webhook::new(&url, None, None, Batches::Array), url, transport })
    }

    /// Sends one JSON text. `unix` is the time of sending.
    ///
    /// # Errors
    /// No answer, or none of success.
    pub async fn send(
        &self,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
        unix: Duration,
    ) -> Result<(), PostError> {
        let json = ("content-type", "application/json".to_owned());
        let headers = headers.into_iter().chain([json]).collect();
        let outgoing = Outgoing { url: self.url.clone(), headers, body };
        let sent = self.transport.send(outgoing, &self.unsigned, unix).await;
        let (answer, _) = sent.map_err(|why| PostError::Later { after: None, why: why.to_owned() })?;
        match verdict::by_status(&answer) {
            Verdict::Delivered => Ok(()),
            Verdict::Again { after, why } => Err(PostError::Later { after, why }),
            _ => Err(PostError::Never { why: format!("status {}", answer.status) }),
        }
    }
}
