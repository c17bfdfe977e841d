//! Each kind of sink against a small server that answers as it is told.

mod dialects;
mod failures;

use std::io::Read;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::audit::tests::{Scratch, WAIT, ids, reaped, record, request, settings, start};
use crate::audit::{Audit, Settings};
use crate::testing::{spawn, until};

/// What the server got.
#[derive(Clone, Debug)]
pub struct Got {
    /// Path and query.
    pub path: String,
    /// In lower case, as one text.
    pub head: String,
    /// As it went over the network.
    pub raw: Vec<u8>,
    /// Unpacked.
    pub body: String,
}

impl Got {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The numbers of the records in it, whatever is around them.
    fn numbers(&self) -> Vec<u64> {
        let ids = self.body.split("\"request_id\":\"01a20c47-0000-7000-8000-").skip(1);
        ids.map(|rest| u64::from_str_radix(&rest[..12], 16).unwrap()).collect()
    }
}

/// What it does next.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16, String),
    /// 429 with `retry-after`.
    Wait(u64),
    Hang,
    /// Half of an answer, then the end.
    Cut,
}

pub fn ok(body: &str) -> Reply {
    Reply::Status(200, body.to_owned())
}

type Script = dyn Fn(&Got, usize) -> Reply + Send + Sync;

/// A server that asks its script, which is told how many requests came before.
#[derive(Clone)]
pub struct Server {
    pub url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    pub async fn start(script: impl Fn(&Got, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server =
            Server { url: format!("http://{}", listener.local_addr().unwrap()), got: Arc::default() };
        let (got, script): (_, Arc<Script>) = (server.got.clone(), Arc::new(script));
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                spawn(serve(stream, got.clone(), script.clone()));
            }
        });
        server
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// All records that came, in their order.
    pub fn numbers(&self) -> Vec<u64> {
        self.got().iter().flat_map(Got::numbers).collect()
    }
}

async fn serve(mut stream: TcpStream, got: Arc<Mutex<Vec<Got>>>, script: Arc<Script>) {
    while let Some(request) = read(&mut stream).await {
        let reply = {
            let mut got = got.lock().unwrap();
            let reply = script(&request, got.len());
            got.push(request);
            reply
        };
        let answer = match reply {
            Reply::Status(status, body) => {
                format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            }
            Reply::Wait(seconds) => {
                format!("HTTP/1.1 429 X\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n")
            }
            Reply::Hang => return std::future::pending().await,
            Reply::Cut => "HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{\"co".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() || answer.contains("length: 100\r") {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let path = head.split(' ').nth(1)?.to_owned();
    // Values as they stand: a token is not in lower case.
    let lower =
        |line: &str| line.split_once(": ").map(|(name, value)| format!("{}: {value}", name.to_lowercase()));
    let head = head.lines().filter_map(lower).collect::<Vec<_>>().join("\n");
    let mut raw = bytes.split_off(head_end + 4);
    let mut got = Got { path, head, raw: Vec::new(), body: String::new() };
    let length: usize = got.header("content-length")?.parse().ok()?;
    while raw.len() < length {
        if stream.read_buf(&mut raw).await.ok()? == 0 {
            return None;
        }
    }
    got.body = if got.header("content-encoding") == Some("gzip") {
        let mut body = String::new();
        GzDecoder::new(raw.as_slice()).read_to_string(&mut body).unwrap();
        body
    } else {
        String::from_utf8(raw.clone()).unwrap()
    };
    got.raw = raw;
    Some(got)
}

/// Quick enough for a test.
fn sink(kind: SinkKind, url: &str) -> SinkSettings {
    crate::provider::install_crypto();
    SinkSettings {
        token: Some("Token-1".into()),
        batch_wait: Duration::from_millis(5),
        deadline: WAIT,
        pause: Duration::from_millis(20),
        ..SinkSettings::new(Named::cleaned("siem"), kind, url.to_owned())
    }
}

/// For servers that hang.
const SOON: Duration = Duration::from_millis(300);

/// A trail with one sink.
struct Kept {
    audit: Audit,
    settings: Settings,
    scratch: Scratch,
}

fn kept(sink: SinkSettings) -> Kept {
    let scratch = Scratch::new();
    let settings = Settings { sinks: vec![sink], ..settings(&scratch) };
    Kept { audit: start(settings.clone()), settings, scratch }
}

impl Kept {
    fn status(&self) -> SinkStatus {
        self.audit.status().sinks.remove(0)
    }

    async fn delivered(&self) {
        until(|| {
            let status = self.audit.status();
            status.synced_seq == status.head.seq && status.sinks[0].lag == 0 && status.queued == 0
        })
        .await;
    }

    fn dead(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.settings.folder.join("siem.dead")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
