//! Settings of the process: where it listens, what it holds at most, how long it waits, how it logs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::env::Environment;
use super::mistakes::Mistake;
use super::settings::{Range, Settings};

const MIB: u64 = 1 << 20;

/// The listener and its bounds.
#[derive(Clone, Debug)]
pub struct Listen {
    /// `GATEWAY_BIND`. Port 0 lets the system choose.
    pub bind: SocketAddr,
    /// With TLS the listener speaks HTTP/2 too.
    pub tls: Option<TlsFiles>,
    /// Worker threads.
    pub workers: usize,
    /// Open exchanges, over which new work is refused.
    pub max_in_flight: usize,
    /// Bytes of one request's body.
    pub max_body: usize,
    /// Bytes of all requests' bodies together, over which new ones are refused.
    pub max_bodies: usize,
    /// How long a body has to arrive.
    pub body_timeout: Duration,
    /// How long a caller may leave what is written to it untaken.
    pub write_timeout: Duration,
    /// How long open streams may go on after SIGTERM.
    pub shutdown_grace: Duration,
}

/// PEM files that were readable and held the right blocks when they were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

/// How the process writes its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// `RUST_LOG`'s own syntax.
    pub filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Deadlines and bounds of calls to upstreams.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Consecutive failures that open the breaker.
    pub breaker_failures: u32,
    /// How long it stays open the first time.
    pub breaker_cooldown: Duration,
    pub connect_timeout: Duration,
    /// A stream's headers and first frame, then each silence within it.
    pub first_byte_timeout: Duration,
    /// One attempt at a JSON call.
    pub total_timeout: Duration,
    /// All attempts together.
    pub request_timeout: Duration,
    /// Bytes of one answer's body.
    pub max_body: usize,
    /// A private CA beside the public ones, as PEM.
    pub ca_pem: Option<Vec<u8>>,
}

pub(super) fn listen(settings: &mut Settings<'_>) -> Listen {
    let bind = bind_address(settings.environment);
    let bind = settings.keep(bind).unwrap_or(DEFAULT_BIND);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let max_body = settings.size("GATEWAY_MAX_BODY_BYTES", 32 * MIB, Range::new(1_024, 1_024 * MIB, "bytes"));
    Listen {
        bind,
        tls: tls(settings),
        workers: settings.size("GATEWAY_WORKERS", cores as u64, Range::new(1, 1_024, "threads")),
        max_in_flight: settings.size(
            "GATEWAY_MAX_IN_FLIGHT",
            8_192,
            Range::new(1, 1_000_000, "requests at the same time"),
        ),
        max_body,
        max_bodies: max_bodies(settings, max_body),
        body_timeout: settings.seconds("GATEWAY_BODY_TIMEOUT_S", 60),
        write_timeout: settings.seconds("GATEWAY_WRITE_TIMEOUT_S", 60),
        shutdown_grace: settings.seconds("GATEWAY_SHUTDOWN_GRACE_S", 30),
    }
}

/// Room for eight of the largest bodies, or what is written; never less than for one.
fn max_bodies(settings: &mut Settings<'_>, max_body: usize) -> usize {
    let range = Range::new(1_024, MIB * MIB, "bytes");
    let most = settings.size("GATEWAY_MAX_IN_FLIGHT_BYTES", 8 * max_body as u64, range);
    if most < max_body {
        settings.wrong(
            "GATEWAY_MAX_IN_FLIGHT_BYTES",
            format!("is less than GATEWAY_MAX_BODY_BYTES ({max_body}), so the largest body is never taken"),
            "raise this one or lower that one",
        );
    }
    most
}

const DEFAULT_BIND: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8_000);

/// `GATEWAY_BIND` alone, for who must know it before the rest is read.
///
/// # Errors
/// What is neither `IP:PORT` nor `localhost:PORT`.
pub fn bind_address(environment: &Environment) -> Result<SocketAddr, Mistake> {
    let Some(text) = environment.value("GATEWAY_BIND") else { return Ok(DEFAULT_BIND) };
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| {
        Mistake::new(
            "GATEWAY_BIND",
            "is not an address with a port",
            "write IP:PORT, as in 127.0.0.1:8000, 0.0.0.0:8000 or [::1]:8000",
        )
    })
}

fn tls(settings: &mut Settings<'_>) -> Option<TlsFiles> {
    let certificate = settings.pem("GATEWAY_TLS_CERT", "CERTIFICATE");
    let private_key = settings.pem("GATEWAY_TLS_KEY", "PRIVATE KEY");
    for (set, missing) in [("GATEWAY_TLS_CERT", "GATEWAY_TLS_KEY"), ("GATEWAY_TLS_KEY", "GATEWAY_TLS_CERT")] {
        if settings.text(set).is_some() && settings.text(missing).is_none() {
            settings.wrong(missing, format!("is not set, but {set} is"), "set both for TLS, or neither");
        }
    }
    Some(TlsFiles { certificate: certificate?.0, private_key: private_key?.0 })
}

pub(super) fn log(settings: &mut Settings<'_>) -> Log {
    Log {
        format: settings.choice("LOG_FORMAT", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        filter: settings.text("RUST_LOG").unwrap_or("info").to_owned(),
    }
}

pub(super) fn calls(settings: &mut Settings<'_>) -> Calls {
    let failures = settings.number("CIRCUIT_BREAKER_FAILURES", 5, Range::new(1, 1_000, "failures in a row"));
    let request_timeout = settings.seconds("REQUEST_TOTAL_TIMEOUT_S", 600);
    Calls {
        breaker_failures: u32::try_from(failures).unwrap_or(u32::MAX),
        breaker_cooldown: settings.seconds("CIRCUIT_BREAKER_COOLDOWN_S", 30),
        connect_timeout: settings.seconds("UPSTREAM_CONNECT_TIMEOUT_S", 3),
        first_byte_timeout: settings.seconds("UPSTREAM_FIRST_BYTE_TIMEOUT_S", 60),
        total_timeout: total_timeout(settings, request_timeout),
        request_timeout,
        max_body: settings.size("UPSTREAM_MAX_BODY_BYTES", 64 * MIB, Range::new(1_024, 1_024 * MIB, "bytes")),
        ca_pem: settings.pem("UPSTREAM_CA_FILE", "CERTIFICATE").map(|(_, bytes)| bytes),
    }
}

/// One attempt never outlasts the request: a longer one that was written is a mistake, the default gives way.
fn total_timeout(settings: &mut Settings<'_>, request: Duration) -> Duration {
    let total = settings.seconds("UPSTREAM_TOTAL_TIMEOUT_S", 300);
    if total > request && settings.text("UPSTREAM_TOTAL_TIMEOUT_S").is_some() {
        settings.wrong(
            "UPSTREAM_TOTAL_TIMEOUT_S",
            format!("is over REQUEST_TOTAL_TIMEOUT_S ({}), which ends the attempt first", request.as_secs()),
            "lower this one or raise that one",
        );
    }
    total.min(request)
}

/// The default for upstreams that name no `max_in_flight` of their own.
pub(super) fn upstream_max_in_flight(settings: &mut Settings<'_>) -> u32 {
    let most = settings.number("UPSTREAM_MAX_IN_FLIGHT", 1_024, UPSTREAM_IN_FLIGHT);
    u32::try_from(most).unwrap_or(u32::MAX)
}

pub(super) const UPSTREAM_IN_FLIGHT: Range = Range::new(1, 100_000, "calls at the same time");
