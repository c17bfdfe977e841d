//! The process under test: the binary on a free port, in a directory and an environment of its own, with
//! simulated providers and its whole log at hand.

use crate::client::{self, Reply};
use crate::replicas::{self, Pair};
use gateway_simulator::{Faults, Provider, ProviderStats, Running, Simulator, SimulatorOptions};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// The key of `engineering-team`.
pub const TEAM_KEY: &str = "engineering-key-5f0c1d7e9a";
/// The key of `finance-team`.
pub const OTHER_TEAM_KEY: &str = "finance-key-8b2d4e6f1c";
pub const ADMIN_KEY: &str = "admin-key-3e7a9c5b2d";
/// The key that the gateway shows to each simulated provider.
pub const UPSTREAM_KEY: &str = "upstream-key-7c1e5a9d3f";

/// Beyond this a condition that should have come true is a failed test: generous, since machines are slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway to be started: all four providers, simulated, unless something else is set.
#[derive(Clone)]
pub struct Setup {
    environment: BTreeMap<String, String>,
    program: Vec<String>,
    arguments: Vec<String>,
    files: Vec<(String, String)>,
}

impl Setup {
    pub fn new() -> Setup {
        Setup {
            environment: BTreeMap::new(),
            program: vec![env!("CARGO_BIN_EXE_ai-gateway").to_owned()],
            arguments: vec!["serve".to_owned()],
            files: Vec::new(),
        }
    }

    /// Sets a variable, over the default one.
    pub fn env(mut self, name: &str, value: impl ToString) -> Setup {
        self.environment.insert(name.to_owned(), value.to_string());
        self
    }

    /// Unsets a variable that has a default here: an empty one counts as absent.
    pub fn without(self, name: &str) -> Setup {
        self.env(name, "")
    }

    /// Only these providers have a key.
    pub fn only(mut self, providers: &[Provider]) -> Setup {
        for provider in Provider::ALL.into_iter().filter(|provider| !providers.contains(provider)) {
            self = self.without(key_variable(provider));
        }
        self
    }

    /// What starts the binary, and its own arguments before the binary's; the binary itself otherwise.
    pub fn program(mut self, program: &[&str]) -> Setup {
        self.program = program.iter().map(ToString::to_string).collect();
        self
    }

    /// The command line; `serve` otherwise.
    pub fn arguments(mut self, arguments: &[&str]) -> Setup {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// Puts a file into the working directory, as in `gateway.toml` or `.env`.
    pub fn file(mut self, name: &str, content: &str) -> Setup {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Starts it, and waits until it takes requests.
    pub async fn start(self) -> Gateway {
        let gateway = self.launch().await;
        gateway.until_ready().await;
        gateway
    }

    /// Runs a command that ends by itself.
    pub fn run(self) -> Finished {
        let simulator = simulator();
        let (directory, mut child) = self.spawn(&simulator);
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.take().expect("piped").read_to_string(&mut out).expect("standard output");
        child.stderr.take().expect("piped").read_to_string(&mut err).expect("standard error");
        let status = child.wait().expect("a child can be waited for");
        drop(directory);
        Finished { status, out, err }
    }

    /// Starts it, and waits until it listens; [`Setup::start`] where it speaks plain HTTP.
    pub async fn launch(self) -> Gateway {
        if replicas::are_wanted() {
            return self.pair().await;
        }
        let simulator = simulator();
        let replica = self.replica(&simulator).await;
        let address = replica.address;
        Gateway { address, replicas: vec![replica], simulator, http: client::http(), pair: None }
    }

    /// Starts two that share books and providers, behind one address.
    pub async fn pair(self) -> Gateway {
        let simulator = simulator();
        let pair = Pair::new().await;
        let setup = self.env("REDIS_URL", pair.redis_url());
        // Replicas that hash alike share the key (docs/configuration.md).
        let setup = setup.env("PII_HASH_KEY", "a-key-that-both-replicas-hash-with");
        let replicas = vec![setup.clone().replica(&simulator).await, setup.replica(&simulator).await];
        let address = pair.stand_before(replicas.iter().map(|replica| replica.address).collect());
        Gateway { address, replicas, simulator, http: replicas::http(), pair: Some(pair) }
    }

    async fn replica(self, simulator: &Running) -> Replica {
        let (directory, mut child) = self.spawn(simulator);
        let log = Log::default();
        let readers = [
            log.follow(child.stderr.take().expect("piped")),
            log.follow(child.stdout.take().expect("piped")),
        ];
        let mut process = Process { child, readers: readers.into() };
        let address = log.address(&mut process).await;
        Replica { address, log, process, directory }
    }

    fn spawn(self, simulator: &Running) -> (Scratch, Child) {
        let directory = Scratch::new();
        for (name, content) in &self.files {
            std::fs::write(directory.0.join(name), content).expect("a file in the scratch directory");
        }
        let child = Command::new(&self.program[0])
            .args(&self.program[1..])
            .args(&self.arguments)
            .env_clear()
            .envs(defaults(&simulator.url()))
            .envs(&self.environment)
            .current_dir(&directory.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        (directory, child)
    }
}

fn simulator() -> Running {
    Simulator::start(SimulatorOptions::default()).expect("a simulator")
}

fn defaults(simulator: &str) -> Vec<(&'static str, String)> {
    let keys = Provider::ALL.map(|provider| (key_variable(provider), UPSTREAM_KEY.to_owned()));
    let mut variables = vec![
        ("GATEWAY_BIND", "127.0.0.1:0".to_owned()),
        ("GATEWAY_API_KEYS", format!("engineering-team:{TEAM_KEY},finance-team:{OTHER_TEAM_KEY}")),
        ("GATEWAY_ADMIN_KEY", ADMIN_KEY.to_owned()),
        ("RUST_LOG", "trace".to_owned()),
        ("ANTHROPIC_BASE_URL", simulator.to_owned()),
        ("OPENAI_BASE_URL", format!("{simulator}/v1")),
        ("AZURE_OPENAI_ENDPOINT", simulator.to_owned()),
        ("AZURE_OPENAI_DEPLOYMENT", "deployed".to_owned()),
        ("AZURE_OPENAI_BASE_MODEL", "gpt-4o".to_owned()),
        ("GEMINI_BASE_URL", simulator.to_owned()),
    ];
    variables.extend(keys);
    variables
}

/// Where a provider's key is set.
pub fn key_variable(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAi => "OPENAI_API_KEY",
        Provider::AzureOpenAi => "AZURE_OPENAI_API_KEY",
        Provider::Anthropic => "ANTHROPIC_API_KEY",
        Provider::Gemini => "GEMINI_API_KEY",
    }
}

/// A command that has ended.
pub struct Finished {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

/// A gateway at work; dropped, it is killed.
pub struct Gateway {
    address: SocketAddr,
    /// One, or the two of a pair.
    replicas: Vec<Replica>,
    simulator: Running,
    http: reqwest::Client,
    pair: Option<Pair>,
}

struct Replica {
    address: SocketAddr,
    log: Log,
    process: Process,
    directory: Scratch,
}

impl Gateway {
    /// With all four providers simulated.
    pub async fn start() -> Gateway {
        Setup::new().start().await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The same path at each process behind the address.
    pub fn urls(&self, path: &str) -> Vec<String> {
        self.replicas.iter().map(|replica| format!("http://{}{path}", replica.address)).collect()
    }

    /// The working directory of each process.
    pub fn directories(&self) -> Vec<PathBuf> {
        self.replicas.iter().map(|replica| replica.directory.0.clone()).collect()
    }

    /// SIGKILL to one of them.
    pub fn kill(&mut self, replica: usize) {
        let child = &mut self.replicas[replica].process.child;
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
    }

    /// The address of the simulated providers.
    pub fn simulator(&self) -> String {
        self.simulator.url()
    }

    /// What goes wrong with the providers, and what they have seen.
    pub fn faults(&self) -> Faults {
        self.simulator.faults()
    }

    /// What one provider has seen.
    pub fn seen(&self, provider: Provider) -> ProviderStats {
        self.faults().stats().providers[provider.name()]
    }

    /// A request with the key of `engineering-team`.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.anonymous(method, path).header("x-api-key", TEAM_KEY)
    }

    /// A request without a key.
    pub fn anonymous(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// Of a pair, a caller that comes back where the store was late (503 `budget_unavailable`), as it is told to:
    /// on a busy machine Redis does not always answer within its 250 ms, and what was refused so costs nothing.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        let once = async || Reply::of(self.request(Method::POST, path).json(body)).await;
        let mut reply = once().await;
        let is_late = |reply: &Reply| reply.status == 503 && reply.text().contains("\"budget_unavailable\"");
        if self.pair.is_some() && is_late(&reply) {
            eventually("the store answers in time", async || {
                reply = once().await;
                !is_late(&reply)
            })
            .await;
        }
        reply
    }

    /// A provider's entry in `/v1/providers/status`.
    pub async fn status_of(&self, provider: Provider) -> Value {
        let status = self.get("/v1/providers/status").await.json();
        let providers = status["providers"].as_array().expect("providers").iter();
        let found = providers.into_iter().find(|entry| entry["name"] == provider.name());
        found.unwrap_or_else(|| panic!("{} is not in {status}", provider.name())).clone()
    }

    /// Waits until an upstream is in this state.
    pub async fn until_state(&self, provider: Provider, state: &str) {
        eventually(state, async || self.status_of(provider).await["state"] == state).await;
    }

    pub async fn until_ready(&self) {
        for url in self.urls("/health/ready") {
            eventually("ready", async || Reply::of(self.http.get(&url)).await.status == 200).await;
        }
    }

    /// Waits until no request is in the gateway's hands.
    pub async fn until_idle(&self) {
        for url in self.urls("/health/ready") {
            let open = async || Reply::of(self.http.get(&url)).await.json()["open_exchanges"].clone();
            eventually("no open exchange", async || open().await == 0).await;
        }
    }

    /// All lines so far. Those of the last moment may be missing while the process runs.
    pub fn log(&self) -> String {
        self.replicas.iter().map(|replica| replica.log.text()).collect()
    }

    /// Waits until the log holds this.
    pub async fn until_logged(&self, text: &str) {
        eventually(text, async || self.log().contains(text)).await;
    }

    /// Of the process; of a pair, of the first.
    pub fn pid(&self) -> u32 {
        self.replicas[0].process.child.id()
    }

    /// Sends SIGTERM, and does not wait.
    pub fn terminate(&self) {
        for replica in &self.replicas {
            let id = replica.process.child.id().to_string();
            let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill");
            assert!(sent.success(), "SIGTERM could not be sent");
        }
    }

    /// Waits until the process has ended; the log is complete then. Of a pair, the status of one that failed.
    pub async fn ended(mut self) -> Ended {
        let mut ends = Vec::new();
        for Replica { process, .. } in &mut self.replicas {
            eventually("the process ends", async || {
                let status = process.child.try_wait().expect("a child can be asked");
                ends.extend(status);
                status.is_some()
            })
            .await;
            for reader in process.readers.drain(..) {
                reader.join().expect("the log was read to its end");
            }
        }
        let failed = ends.iter().find(|status| !status.success());
        Ended { status: *failed.unwrap_or(&ends[0]), log: self.log() }
    }

    /// SIGTERM, then the end.
    pub async fn stop(self) -> Ended {
        self.terminate();
        self.ended().await
    }
}

/// A gateway that has ended, and every line that it wrote.
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

struct Process {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where the test waited for that.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What the process writes, both streams together, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Log {
    fn follow(&self, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                log.0.lock().expect("no reader panics").push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        })
    }

    fn text(&self) -> String {
        self.0.lock().expect("no reader panics").clone()
    }

    /// The address that it says it listens on.
    async fn address(&self, process: &mut Process) -> SocketAddr {
        let mut found = None;
        eventually("the gateway listens", async || {
            let ended = process.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "the gateway ended at once: {}", self.text());
            found = address_in(&self.text());
            found.is_some()
        })
        .await;
        found.expect("waited for above")
    }
}

fn address_in(log: &str) -> Option<SocketAddr> {
    // The demo's welcome has a URL instead.
    let said = log.split_once("listening on ").or_else(|| log.split_once("simulated providers at http://"));
    let (_, rest) = said?;
    let (address, _) = rest.split_once(|c: char| c.is_whitespace() || c == '"')?;
    address.parse().ok()
}

/// A certificate for 127.0.0.1 that signs itself, and its key, both PEM. Made once.
pub fn self_signed() -> (&'static str, &'static str) {
    static MADE: LazyLock<(String, String)> = LazyLock::new(|| {
        let folder = Scratch::new();
        let (certificate, key) = (folder.0.join("tls.crt"), folder.0.join("tls.key"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gateway"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl is missing: install it (apt-get install openssl)");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let read = |path| std::fs::read_to_string(path).expect("openssl wrote it");
        (read(certificate), read(key))
    });
    (&MADE.0, &MADE.1)
}

/// A directory that is gone with its test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn new() -> Scratch {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("e2e-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays lies in the target directory, and harms nobody.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Waits until a condition holds; fails the test where it does not within [`PATIENCE`].
pub async fn eventually(what: &str, condition: impl AsyncFnMut() -> bool) {
    assert!(within(PATIENCE, condition).await, "not within {PATIENCE:?}: {what}");
}

/// Whether a condition comes true in this time.
pub async fn within(time: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(time, wait).await.is_ok()
}
