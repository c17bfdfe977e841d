//! One call over the network: the client of a worker, what is sent, what comes back. It waits and bounds;
//! who may call is the gate's business, what an answer means the codec's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use gateway_core::fault::{Fault, FaultClass};
use http_body::Body as _;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::ExposeSecret;

use super::{Credential, SettingsError, Shared, UpstreamSettings};

/// Paths hold model names, and those come from configuration; beyond so many a URL is parsed anew.
const KEPT_URLS: usize = 256;

/// Picks the crypto that TLS uses. Before the first [`client`]; later calls change nothing.
pub fn install_crypto() {
    // An error means that a provider is installed already, and that is all we want.
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// How a worker reaches upstreams.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    pub connect_timeout: Duration,
    /// Certificates (PEM) of authorities that are trusted beside the public ones.
    pub ca_pem: Option<Vec<u8>>,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold. A loopback upstream is never reached
    /// through a proxy.
    pub use_system_proxy: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("UPSTREAM_CA_FILE holds no readable PEM certificate")]
    Ca,
    #[error("no client for upstreams could be made: {0}")]
    Build(#[source] reqwest::Error),
}

/// The connections of one worker. A connection lives on the runtime that opened it, so each worker makes
/// its own.
#[derive(Clone)]
pub struct Client {
    outward: reqwest::Client,
    loopback: reqwest::Client,
}

/// Makes a worker's client. No redirects, no retries, no time-outs but that for connecting: deadlines are
/// the call's.
pub fn client(settings: &ClientSettings) -> Result<Client, ClientError> {
    let certificates = match &settings.ca_pem {
        None => Vec::new(),
        Some(pem) => match reqwest::Certificate::from_pem_bundle(pem) {
            Ok(found) if !found.is_empty() => found,
            _ => return Err(ClientError::Ca),
        },
    };
    let build = |builder: reqwest::ClientBuilder| builder.build().map_err(ClientError::Build);
    let outward = || if settings.use_system_proxy { base(settings) } else { base(settings).no_proxy() };
    let outward = build(outward().tls_certs_merge(certificates.clone())).or_else(|error| {
        // A bare machine trusts nobody. What needs no public authority (plain HTTP, `ca_pem`) still works.
        log::warn!(
            "no upstream with a public certificate can be reached, install `ca-certificates`: {error}"
        );
        build(outward().tls_certs_only(certificates.clone()))
    })?;
    if !settings.use_system_proxy {
        return Ok(Client { loopback: outward.clone(), outward });
    }
    // No public authority vouches for a loopback address: that client does without their certificates.
    Ok(Client { outward, loopback: build(base(settings).no_proxy().tls_certs_only(certificates))? })
}

fn base(settings: &ClientSettings) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("ai-gateway/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(settings.connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(Duration::from_secs(60))
        .pool_idle_timeout(Duration::from_secs(75))
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(10))
}

/// What is sent. Always a POST of JSON, unless a header says otherwise.
pub struct Call {
    /// Begins with `/`, may hold a query; goes behind the upstream's base URL.
    pub path: String,
    /// Beside the credential, which the upstream's settings bring.
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

/// How long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From sending to the answer's head; `None` leaves `total` alone to decide.
    pub first_byte: Option<Duration>,
    pub total: Instant,
}

/// Where an upstream is and how we show who we are: all that a request needs, parsed once.
pub(super) struct Address {
    base_url: String,
    loopback: bool,
    credential: Option<(HeaderName, HeaderValue)>,
    urls: ArcSwap<HashMap<String, Url>>,
}

impl Address {
    pub(super) fn new(settings: &UpstreamSettings) -> Result<Address, SettingsError> {
        let name = || settings.name.clone();
        let bad_url = || SettingsError::BaseUrl { upstream: name() };
        let url = Url::parse(&settings.base_url).map_err(|_| bad_url())?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|_| plain && matches!(url.scheme(), "http" | "https"));
        let loopback = is_loopback(host.ok_or_else(bad_url)?);
        let bad_credential = || SettingsError::Credential { upstream: name() };
        let credential = match &settings.credential {
            Credential::None => None,
            Credential::Header { name, prefix, secret } => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_credential())?;
                let mut value = HeaderValue::try_from(format!("{prefix}{}", secret.expose_secret()))
                    .map_err(|_| bad_credential())?;
                value.set_sensitive(true);
                Some((name, value))
            }
        };
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        Ok(Address { base_url, loopback, credential, urls: ArcSwap::default() })
    }

    fn url(&self, path: &str) -> Option<Url> {
        let known = self.urls.load();
        if let Some(url) = known.get(path) {
            return Some(url.clone());
        }
        let url = Url::parse(&format!("{}{path}", self.base_url)).ok()?;
        if known.len() < KEPT_URLS {
            self.urls.rcu(|urls| {
                let mut urls = HashMap::clone(urls);
                urls.insert(path.to_owned(), url.clone());
                urls
            });
        }
        Some(url)
    }

    /// `None` where a part of the call can't stand in a request.
    fn request(&self, call: Call) -> Option<Request> {
        let mut request = Request::new(Method::POST, self.url(&call.path)?);
        let headers = request.headers_mut();
        headers.reserve(call.headers.len() + 4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in call.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.insert(name, HeaderValue::try_from(value).ok()?);
        }
        if let Some((name, value)) = &self.credential {
            headers.insert(name, value.clone());
        }
        *request.body_mut() = Some(call.body.into());
        Some(request)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Sends, and waits for the answer's head.
pub(super) async fn call_upstream(
    shared: &Arc<Shared>,
    client: &Client,
    call: Call,
    limits: &Limits,
) -> Result<Reply, Fault> {
    let clock = &shared.gate.clock;
    let Some(request) = shared.address.request(call) else {
        log::warn!(upstream:% = shared.name; "a path or header of this call can't be sent");
        return Err(Fault::new(FaultClass::Refused { field: None }, None));
    };
    let client = if shared.address.loopback { &client.loopback } else { &client.outward };
    let sent_at = clock.now();
    let left = limits.total.saturating_duration_since(sent_at);
    let wait = limits.first_byte.map_or(left, |first_byte| first_byte.min(left));
    if wait.is_zero() {
        return Err(Fault::new(FaultClass::Timeout, None));
    }
    match tokio::time::timeout(wait, client.execute(request)).await {
        Err(_elapsed) => Err(Fault::new(FaultClass::Timeout, None)),
        Ok(Err(error)) => Err(Fault::new(class_of(&error), None)),
        Ok(Ok(response)) => {
            let to_head = Some(clock.now().saturating_duration_since(sent_at));
            let status = response.status().as_u16();
            let (head, body) = http::Response::<reqwest::Body>::from(response).into_parts();
            Ok(Reply { shared: shared.clone(), status, headers: head.headers, body, sent_at, to_head })
        }
    }
}

/// An error's text may hold a URL, so only its class is kept.
fn class_of(error: &reqwest::Error) -> FaultClass {
    if error.is_connect() {
        FaultClass::Connect
    } else if error.is_timeout() {
        FaultClass::Timeout
    } else {
        FaultClass::Broken
    }
}

/// An upstream's answer, its head here and its body still on the way. Dropping it cancels the rest.
pub struct Reply {
    shared: Arc<Shared>,
    status: u16,
    headers: HeaderMap,
    body: reqwest::Body,
    sent_at: Instant,
    /// Taken when it is counted.
    to_head: Option<Duration>,
}

impl Reply {
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header's first value; `None` also where it is no text. `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body, as it came. `None` is the proper end; a cut is a fault. Bounds and
    /// idle time are the reader's to watch.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            match frame.map(|frame| frame.into_data()) {
                Err(error) => {
                    return Poll::Ready(Some(Err(Fault::new(class_of(&error), Some(self.status)))));
                }
                Ok(Ok(data)) if !data.is_empty() => {
                    if let Some(to_head) = self.to_head.take() {
                        self.count_latency(to_head);
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
                // Trailers, or nothing.
                Ok(_) => {}
            }
        }
    }

    /// The whole body, `limit` and the upstream's own bound at most (beyond: broken), until `deadline`.
    /// A body that came in one piece is not copied.
    pub async fn whole(&mut self, limit: usize, deadline: Instant) -> Result<Bytes, Fault> {
        let sent_at = self.sent_at;
        self.to_head = None;
        let clock = self.shared.gate.clock.clone();
        let wait = deadline.saturating_duration_since(clock.now());
        let limit = limit.min(self.shared.max_body_bytes);
        let Ok(body) = tokio::time::timeout(wait, self.gather(limit)).await else {
            return Err(Fault::new(FaultClass::Timeout, Some(self.status)));
        };
        let body = body?;
        self.count_latency(clock.now().saturating_duration_since(sent_at));
        Ok(body)
    }

    async fn gather(&mut self, limit: usize) -> Result<Bytes, Fault> {
        let announced = self.body.size_hint().lower();
        if announced > limit as u64 {
            return Err(self.too_long(limit));
        }
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await.transpose()? else {
            return if first.len() > limit { Err(self.too_long(limit)) } else { Ok(first) };
        };
        let mut whole = BytesMut::with_capacity((announced as usize).max(first.len() + second.len()));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while whole.len() <= limit {
            match self.chunk().await.transpose()? {
                Some(chunk) => whole.extend_from_slice(&chunk),
                None => return Ok(whole.freeze()),
            }
        }
        Err(self.too_long(limit))
    }

    async fn chunk(&mut self) -> Option<Result<Bytes, Fault>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn too_long(&self, limit: usize) -> Fault {
        log::warn!(upstream:% = self.shared.name, limit; "the answer is longer than UPSTREAM_MAX_BODY_BYTES");
        Fault::new(FaultClass::TooLarge, Some(self.status))
    }

    /// Error answers come quickly and would flatter the percentiles.
    fn count_latency(&self, latency: Duration) {
        if self.status < 400 {
            self.shared.gate.count_latency(latency);
        }
    }
}

#[cfg(test)]
mod tests;
