//! Where Redis is, and the multiplexed connections to it: one of each thread that asks, since whoever drives a
//! connection would have to be woken from another thread. Where one has failed all are thrown away; the next question
//! of each makes a new one. Nothing is sent twice from here.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Shared, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo,
    Pipeline, RedisError, RedisResult, Script, ServerErrorKind, TlsMode, ToRedisArgs, Value,
};
use tokio::sync::Mutex;

/// A question that has no answer by then has none.
const RESPONSE: Duration = Duration::from_millis(250);
const CONNECT: Duration = Duration::from_millis(250);

/// Where Redis is, as `REDIS_URL` says: `redis://`, `rediss://` (one server), `redis+sentinel://h:p,h:p/master`,
/// `redis+cluster://h:p,h:p`; with `rediss+` in front over TLS; `user:password@` before the hosts.
#[derive(Clone)]
pub struct Target(Kind);

#[derive(Clone)]
enum Kind {
    One(Client),
    Sentinel { addresses: Vec<ConnectionAddr>, master: String, login: Login, tls: bool },
    Cluster { nodes: Vec<String>, login: Login, tls: bool },
}

#[derive(Clone, Default)]
struct Login {
    user: Option<String>,
    password: Option<String>,
}

/// A password may stand in it.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target(***)")
    }
}

/// Why a URL names no Redis. Never says the URL itself: a password may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error(
        "must begin with redis://, rediss://, redis+sentinel://, redis+cluster://, rediss+sentinel:// or rediss+cluster://"
    )]
    Scheme,
    #[error("must name its hosts as host:port, with commas between")]
    Hosts,
    #[error("must end with the name of the master that the Sentinels watch, /NAME")]
    Master,
    #[error("is not a Redis address: write redis://host:port")]
    Address,
}

impl Target {
    pub fn parse(url: &str) -> Result<Target, TargetError> {
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Scheme)?;
        let tls = scheme.starts_with("rediss");
        match scheme {
            "redis" | "rediss" => {
                let client = url.into_connection_info().and_then(Client::open);
                client.map(|client| Target(Kind::One(client))).map_err(|_| TargetError::Address)
            }
            "redis+sentinel" | "rediss+sentinel" => {
                let (login, rest) = Login::split(rest);
                let (hosts, master) = rest.split_once('/').ok_or(TargetError::Master)?;
                if master.is_empty() || master.contains('/') {
                    return Err(TargetError::Master);
                }
                let addresses = hosts.split(',').map(|host| address(host, tls)).collect::<Result<_, _>>()?;
                Ok(Target(Kind::Sentinel { addresses, master: master.to_owned(), login, tls }))
            }
            "redis+cluster" | "rediss+cluster" => {
                let (login, hosts) = Login::split(rest.trim_end_matches('/'));
                let scheme = if tls { "rediss" } else { "redis" };
                let node = |host| address(host, tls).map(|_| format!("{scheme}://{host}"));
                let nodes = hosts.split(',').map(node).collect::<Result<_, _>>()?;
                Ok(Target(Kind::Cluster { nodes, login, tls }))
            }
            _ => Err(TargetError::Scheme),
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.0, Kind::Cluster { .. })
    }

    /// By Sentinels.
    fn is_watched(&self) -> bool {
        matches!(self.0, Kind::Sentinel { .. })
    }

    async fn connect(&self) -> RedisResult<(Link, String)> {
        let config = AsyncConnectionConfig::new()
            .set_response_timeout(Some(RESPONSE))
            .set_connection_timeout(Some(CONNECT));
        match &self.0 {
            Kind::One(client) => {
                let link = client.get_multiplexed_async_connection_with_config(&config).await?;
                Ok((Link::One(link), String::new()))
            }
            Kind::Sentinel { .. } => {
                let client = self.sentinel()?.async_get_client().await?;
                let node = client.get_connection_info().addr().to_string();
                let link = client.get_multiplexed_async_connection_with_config(&config).await?;
                Ok((Link::One(link), node))
            }
            Kind::Cluster { nodes, login, tls } => {
                Ok((Link::Cluster(cluster(nodes, login, *tls)?.get_async_connection().await?), String::new()))
            }
        }
    }

    fn sentinel(&self) -> RedisResult<SentinelClient> {
        let Kind::Sentinel { addresses, master, login, tls } = &self.0 else {
            return Err((ErrorKind::InvalidClientConfig, "no Sentinels").into());
        };
        let mut builder = SentinelClientBuilder::new(addresses.clone(), master, SentinelServerType::Master)?;
        if *tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(user) = &login.user {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = &login.password {
            builder = builder.set_client_to_redis_password(password);
        }
        builder.build()
    }

    /// The master's address that the Sentinels name now.
    async fn master(&self) -> RedisResult<String> {
        let client = self.sentinel()?.async_get_client().await?;
        Ok(client.get_connection_info().addr().to_string())
    }
}

impl Login {
    /// `user:password@rest`, either part perhaps absent.
    fn split(text: &str) -> (Login, &str) {
        let Some((login, rest)) = text.rsplit_once('@') else { return (Login::default(), text) };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
        (Login { user: word(user), password: word(password) }, rest)
    }
}

fn address(host: &str, tls: bool) -> Result<ConnectionAddr, TargetError> {
    let (host, port) = host.rsplit_once(':').ok_or(TargetError::Hosts)?;
    let port = port.parse().map_err(|_| TargetError::Hosts)?;
    if host.is_empty() || host.contains(['@', '/']) {
        return Err(TargetError::Hosts);
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(match tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    })
}

fn cluster(nodes: &[String], login: &Login, tls: bool) -> RedisResult<ClusterClient> {
    // One more try, for a slot that has moved: a script that is sent twice finds its id open.
    let mut builder = ClusterClientBuilder::new(nodes.iter().map(String::as_str))
        .retries(1)
        .connection_timeout(CONNECT)
        .response_timeout(RESPONSE)
        .overall_response_timeout(Some(RESPONSE));
    if tls {
        builder = builder.tls(TlsMode::Secure);
    }
    if let Some(user) = &login.user {
        builder = builder.username(user);
    }
    if let Some(password) = &login.password {
        builder = builder.password(password);
    }
    builder.build()
}

/// One script with its key and its words, as it is sent.
pub(crate) struct Call<'s> {
    script: &'s Script,
    command: Cmd,
}

impl<'s> Call<'s> {
    pub(crate) fn of(script: &'s Script, key: &str) -> Call<'s> {
        // Room for most: a script's hash is 40 bytes, a settle has some thirty words.
        let mut command = Cmd::with_capacity(36, 640);
        command.arg("EVALSHA").arg(script.get_hash()).arg(1).arg(key);
        Call { script, command }
    }

    pub(crate) fn word(&mut self, word: impl ToRedisArgs) -> &mut Self {
        self.command.arg(word);
        self
    }
}

/// The call had done nothing: it is made again, once its script is known.
async fn again(
    script: &Script,
    command: &Cmd,
    link: &mut (impl ConnectionLike + Send),
) -> RedisResult<Value> {
    script.load_async(link).await?;
    command.query_async(link).await
}

fn is_forgotten(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// A connection of either kind; clones share it.
#[derive(Clone)]
pub(crate) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    /// All calls in one piece, one answer each. On one server they are one write and keep their order; in
    /// a Cluster each goes to its own node.
    pub(crate) async fn run(&mut self, calls: Vec<Call<'_>>) -> Vec<RedisResult<Value>> {
        let mut pipe = Pipeline::with_capacity(calls.len());
        pipe.ignore_errors();
        let mut scripts = Vec::with_capacity(calls.len());
        for call in calls {
            scripts.push(call.script);
            pipe.add_command(call.command);
        }
        let mut answers = match self {
            Link::One(link) => match pipe.query_async::<Vec<RedisResult<Value>>>(link).await {
                Ok(answers) => answers,
                Err(error) => scripts.iter().map(|_| Err(error.clone())).collect(),
            },
            Link::Cluster(link) => {
                let alone = |command: &Cmd| {
                    let (command, mut link) = (command.clone(), link.clone());
                    async move { command.query_async(&mut link).await }
                };
                join_all(pipe.cmd_iter().map(alone)).await
            }
        };
        for ((script, command), answer) in scripts.into_iter().zip(pipe.cmd_iter()).zip(&mut answers) {
            if answer.as_ref().is_err_and(is_forgotten) {
                *answer = match self {
                    Link::One(link) => again(script, command, link).await,
                    Link::Cluster(link) => again(script, command, link).await,
                };
            }
        }
        answers
    }

    pub(crate) async fn query<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> RedisResult<T> {
        match self {
            Link::One(link) => command.query_async(link).await,
            Link::Cluster(link) => command.query_async(link).await,
        }
    }
}

/// The connections that are in use.
pub(crate) struct Connection {
    target: Target,
    /// As many as there are threads that have asked.
    threads: Shared<HashMap<ThreadId, Place>>,
    /// Connections of an earlier era are used no more: what one thread found of its own holds for all.
    era: AtomicU64,
}

/// A thread's connection, if it has one.
type Place = Arc<Mutex<Option<Current>>>;

#[derive(Clone)]
struct Current {
    link: Link,
    /// The master's address, behind Sentinels.
    node: String,
    era: u64,
}

/// A connection, and of which era.
pub(crate) struct Borrowed {
    pub link: Link,
    era: u64,
}

impl Connection {
    pub(crate) fn new(target: Target) -> Connection {
        Connection { target, threads: Shared::default(), era: AtomicU64::new(0) }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// This thread's, or a new one. Who comes while it is being made waits for it.
    pub(crate) async fn borrow(&self) -> RedisResult<Borrowed> {
        let place = Arc::clone(self.threads().entry(thread::current().id()).or_default());
        let mut current = place.lock().await;
        let era = self.era.load(Ordering::Acquire);
        let link = match current.as_ref() {
            Some(found) if found.era == era => found.link.clone(),
            _ => {
                let (link, node) = self.target.connect().await?;
                current.insert(Current { link, node, era }).link.clone()
            }
        };
        Ok(Borrowed { link, era })
    }

    /// After an error: whether this connection is of no more use is decided here, and with it those that other threads
    /// made before. A server that was restarted fails one question, and not one of each thread.
    pub(crate) fn judge(&self, borrowed: &Borrowed, error: &RedisError) {
        let demoted = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
            || error.kind() == ErrorKind::Server(ServerErrorKind::MasterDown);
        if demoted || error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() {
            self.end(borrowed.era);
        }
    }

    /// Unless it is over.
    fn end(&self, era: u64) {
        // Lost against another thread that found the same: it is over.
        self.era.compare_exchange(era, era.wrapping_add(1), Ordering::AcqRel, Ordering::Acquire).ok();
    }

    /// Behind Sentinels: lets go of a node that they no longer call the master.
    pub(crate) async fn follow_master(&self) -> RedisResult<()> {
        if !self.target.is_watched() {
            return Ok(());
        }
        let master = self.target.master().await?;
        let places: Vec<Place> = self.threads().values().cloned().collect();
        for place in places {
            if let Some(current) = place.lock().await.as_ref().filter(|current| current.node != master) {
                self.end(current.era);
            }
        }
        Ok(())
    }

    /// A map is whole whoever panicked beside it.
    fn threads(&self) -> std::sync::MutexGuard<'_, HashMap<ThreadId, Place>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused_without_being_repeated() {
        for (url, want) in [
            ("redis://127.0.0.1:6379/2", Ok(())),
            ("rediss://user:secret@redis.example:6380", Ok(())),
            ("redis+sentinel://a:26379,b:26379/main", Ok(())),
            ("redis+sentinel://:secret@a:26379/main", Ok(())),
            ("redis+cluster://user:se@cret@a:7000,[::1]:7001", Ok(())),
            ("rediss+cluster://a:7000", Ok(())),
            ("http://a", Err(TargetError::Scheme)),
            ("a:6379", Err(TargetError::Scheme)),
            ("redis://", Err(TargetError::Address)),
            ("redis+sentinel://a:26379", Err(TargetError::Master)),
            ("redis+sentinel://a:26379/", Err(TargetError::Master)),
            ("redis+sentinel://a/main", Err(TargetError::Hosts)),
            ("redis+cluster://a:7000,,b:7000", Err(TargetError::Hosts)),
            ("redis+cluster://a:70000", Err(TargetError::Hosts)),
        ] {
            assert_eq!(Target::parse(url).map(|_| ()), want, "{url}");
        }
        let target = Target::parse("redis://user:secret@127.0.0.1:6379").unwrap();
        assert!(!format!("{target:?}").contains("secret"));
    }
}
