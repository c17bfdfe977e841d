//! A `redis-server` of a test's own, on a free port, gone with the test; and the suite's view of a ledger.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway_core::clock::Clock;
use gateway_core::ledger::suite::Subject;
use gateway_core::ledger::{Ledger, StoreTime};

use crate::connection::Target;
use crate::ledger::{RedisLedger, Settings};

pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    pub port: u16,
}

impl Server {
    /// Fails the test where there is no `redis-server` (Debian: `apt-get install redis-server`).
    pub(crate) fn start(arguments: &[&str]) -> Server {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Server::start_on(port, arguments)
    }

    pub(crate) fn start_on(port: u16, arguments: &[&str]) -> Server {
        let folder = std::env::temp_dir().join(format!("gateway-redis-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
            .arg(&folder)
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let server = Server { child, folder, port };
        server.await_ready();
        server
    }

    fn await_ready(&self) {
        let deadline = WallClock.now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(WallClock.now() < deadline, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn ledger(&self) -> Timed {
        self.ledger_with(0)
    }

    pub(crate) fn ledger_with(&self, wait_replicas: u32) -> Timed {
        Timed::new(&self.url(), wait_replicas)
    }

    /// A command over a connection of its own.
    pub(crate) fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut link = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query(&mut link).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

/// A ledger whose time the suite sets.
pub(crate) struct Timed {
    pub ledger: RedisLedger,
    now: Arc<AtomicU64>,
}

impl Timed {
    pub(crate) fn new(url: &str, wait_replicas: u32) -> Timed {
        let now = Arc::new(AtomicU64::new(0));
        let read = now.clone();
        let settings = Settings { target: Target::parse(url).unwrap(), wait_replicas };
        let time = Box::new(move || read.load(Ordering::SeqCst).to_string());
        Timed { ledger: RedisLedger::with_time(settings, Arc::new(WallClock), time), now }
    }
}

impl Subject for Timed {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn set_time(&self, now: StoreTime) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

pub(crate) struct WallClock;

impl Clock for WallClock {
    #[allow(clippy::disallowed_methods, reason = "tests have no assembly to get the time from")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[allow(clippy::disallowed_methods, reason = "tests have no assembly to get the time from")]
    fn unix(&self) -> Duration {
        std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap()
    }
}
