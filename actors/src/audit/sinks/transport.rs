//! The network under a sink: a client of its own, compression, one deadline over each request.

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Url};

use super::verdict::Answer;
use super::{Dialect, Outgoing, SinkSettings};

/// Of an answer's body: a bulk answer of a thousand items is far below.
const MOST_ANSWER: usize = 4 << 20;
const CONNECT: Duration = Duration::from_secs(5);

/// A sink that can't be reached by any means.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("the URL of sink {name} must be http:// or https:// with a host, without user and fragment")]
    Url { name: String },
    #[error("the CA file of sink {name} holds no readable PEM certificate")]
    Ca { name: String },
    #[error("the token of sink {name} holds characters that no header may hold")]
    Token { name: String },
    #[error("no client for sink {name} could be made: {source}")]
    Client { name: String, source: reqwest::Error },
}

pub(super) struct Transport {
    client: Client,
    gzip: bool,
    deadline: Duration,
}

impl Transport {
    pub(super) fn new(settings: &SinkSettings) -> Result<Transport, SinkError> {
        let name = || settings.name.to_string();
        let url = Url::parse(&settings.url).map_err(|_| SinkError::Url { name: name() })?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|_| plain && matches!(url.scheme(), "http" | "https"));
        let host = host.ok_or_else(|| SinkError::Url { name: name() })?;
        let certificates = match &settings.ca_pem {
            None => Vec::new(),
            Some(pem) => match reqwest::Certificate::from_pem_bundle(pem) {
                Ok(found) if !found.is_empty() => found,
                _ => return Err(SinkError::Ca { name: name() }),
            },
        };
        // Nobody's proxy stands between us and this machine.
        let base = || if is_loopback(host) { builder().no_proxy() } else { builder() };
        let client = base().tls_certs_merge(certificates.clone()).build().or_else(|_| {
            // A machine without public certificates: plain HTTP and the configured ones still work.
            base().tls_certs_only(certificates).build()
        });
        let client = client.map_err(|source| SinkError::Client { name: name(), source })?;
        Ok(Transport { client, gzip: settings.gzip, deadline: settings.deadline })
    }

    /// The answer, or in a word why there is none.
    pub(super) async fn send(
        &self,
        outgoing: Outgoing,
        dialect: &dyn Dialect,
        unix: Duration,
    ) -> Result<(Answer, u64), &'static str> {
        let Outgoing { url, headers, mut body } = outgoing;
        let mut request = self.client.post(url);
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), secret(&value)?);
        }
        if self.gzip {
            body = compressed(&body).map_err(|_| "the batch can't be compressed")?;
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        for (name, value) in dialect.sign(&body, unix) {
            request = request.header(name, value);
        }
        let bytes = body.len() as u64;
        let exchange = async {
            let mut response = request.body(body).send().await.map_err(|error| word(&error))?;
            let status = response.status().as_u16();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| word(&error))? {
                body.extend_from_slice(&chunk);
                if body.len() > MOST_ANSWER {
                    return Err("an answer that is too long");
                }
            }
            Ok(Answer { status, retry_after, body })
        };
        match tokio::time::timeout(self.deadline, exchange).await {
            Ok(answer) => answer.map(|answer| (answer, bytes)),
            Err(_elapsed) => Err("no answer in time"),
        }
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("ai-gateway/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .pool_max_idle_per_host(1)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// No value of a header is ever logged: one of them may be a token.
fn secret(value: &str) -> Result<HeaderValue, &'static str> {
    let mut value = HeaderValue::try_from(value).map_err(|_| "a header that can't be sent")?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error's text may hold a URL, so only its class is kept.
fn word(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    }
}

/// RFC 9110 §10.2.3, the form in seconds; a date is not waited for.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    value.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn compressed(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}
