//! Start and stop: a thread with an actix system of its own, so that several simulators live beside a
//! gateway in one process.

use std::any::Any;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix_web::dev::{Extensions, Server, ServerHandle};
use actix_web::rt::System;
use actix_web::rt::net::TcpStream;
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};
use socket2::SockRef;

use crate::faults::{Rule, Rules};
use crate::service::{Connection, Shared};
use crate::siem::{Siem, SiemState};
use crate::traffic::{Captured, Stats, Traffic};
use crate::{control, service, siem};

/// The largest request body, above what a gateway would let through.
const MOST_BODY_BYTES: usize = 64 << 20;

#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// Port 0 takes a free one: see [`Running::address`].
    pub listen: SocketAddr,
    pub workers: usize,
    /// Keys that no provider knows, besides `bad-key`.
    pub refused_keys: Vec<String>,
    /// How many of the last requests are kept to be looked at; 0 keeps none.
    pub captured_requests: usize,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            workers: 1,
            refused_keys: Vec::new(),
            captured_requests: 256,
        }
    }
}

/// All four providers on one port.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Returns once the port takes connections. Fails where the port is taken or a thread can't start.
    pub fn start(options: SimulatorOptions) -> io::Result<Running> {
        let listener = TcpListener::bind(options.listen)?;
        let address = listener.local_addr()?;
        let shared = Data::new(Shared {
            rules: Rules::default(),
            traffic: Arc::new(Traffic::new(options.captured_requests)),
            refused_keys: options.refused_keys,
            serial: AtomicU64::new(1),
        });
        let siem = Data::new(SiemState::default());
        let (started, starting) = mpsc::channel();
        let (state, of_siem) = (shared.clone(), siem.clone());
        let thread = thread::Builder::new().name("simulator".into()).spawn(move || {
            System::new().block_on(async move {
                let server = serve(listener, options.workers, state, of_siem)?;
                // The receiver waits below for as long as this thread lives.
                let _ = started.send(server.handle());
                server.await
            })
        })?;
        match starting.recv() {
            Ok(handle) => Ok(Running { address, shared, siem, handle, thread: Some(thread) }),
            Err(_) => {
                Err(outcome(thread).err().unwrap_or_else(|| io::Error::other("the simulator did not start")))
            }
        }
    }
}

fn serve(
    listener: TcpListener,
    workers: usize,
    shared: Data<Shared>,
    siem: Data<SiemState>,
) -> io::Result<Server> {
    let traffic = shared.traffic.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(siem.clone())
            .app_data(PayloadConfig::new(MOST_BODY_BYTES))
            .configure(service::routes)
            .configure(siem::routes)
            .configure(control::routes)
    });
    let server = server
        .on_connect(move |io: &dyn Any, extensions: &mut Extensions| {
            extensions.insert(traffic.connected());
            // A second handle on the socket, by which a reset is asked for; without it resets become cuts.
            let socket = io.downcast_ref::<TcpStream>().map(|io| SockRef::from(io).try_clone());
            if let Some(Ok(socket)) = socket {
                extensions.insert(Connection(Rc::new(socket)));
            }
        })
        .workers(workers.max(1))
        .tcp_nodelay(true)
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_timeout(1);
    Ok(server.listen(listener)?.run())
}

fn outcome(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the simulator's thread panicked")))
}

/// A simulator at work; dropped, it stops without being waited for.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    shared: Data<Shared>,
    siem: Data<SiemState>,
    handle: ServerHandle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://ADDRESS`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn faults(&self) -> Faults {
        Faults { shared: self.shared.clone() }
    }

    pub fn siem(&self) -> Siem {
        Siem(self.siem.clone())
    }

    /// Blocks for as long as the simulator serves.
    pub fn wait(mut self) -> io::Result<()> {
        self.thread.take().map_or(Ok(()), outcome)
    }

    /// Closes the port and all connections, streams among them, and waits until the thread has ended.
    pub async fn stop(mut self) -> io::Result<()> {
        self.handle.stop(false).await;
        self.thread.take().map_or(Ok(()), outcome)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The command is sent at once; the future only waits for its end.
        drop(self.handle.stop(false));
    }
}

/// The control over a simulator, from any thread.
#[derive(Debug, Clone)]
pub struct Faults {
    shared: Data<Shared>,
}

impl Faults {
    /// Puts this rule in place of those of the same scope (provider and model).
    pub fn set(&self, rule: Rule) {
        self.shared.rules.set(vec![rule]);
    }

    /// Likewise, with several rules of one scope: the first that holds gives the failure, the last the pace.
    pub fn set_all(&self, rules: Vec<Rule>) {
        self.shared.rules.set(rules);
    }

    /// No more rules; counters and kept requests stay.
    pub fn clear(&self) {
        self.shared.rules.clear();
    }

    /// No more rules, all totals 0, no kept requests.
    pub fn reset(&self) {
        self.shared.rules.clear();
        self.shared.traffic.reset();
    }

    pub fn stats(&self) -> Stats {
        self.shared.traffic.stats()
    }

    /// The last requests, the oldest first.
    pub fn requests(&self) -> Vec<Captured> {
        self.shared.traffic.captured()
    }
}
