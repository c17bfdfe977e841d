//! A plain HTTP/1.1 client over a socket: what the simulator writes is seen as it is.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use gateway_simulator::Running;
use serde_json::Value;

pub const SOON: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    pub end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The body came whole.
    Whole,
    /// FIN before its end.
    Cut,
    Reset,
    /// Nothing for a while.
    Silent,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("utf-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let named =
            |line: &'_ &str| line.split_once(": ").is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| Some(line.split_once(": ")?.1))
    }

    /// The JSON of each `data:` line; the words of those that are none.
    pub fn data(&self) -> Vec<Value> {
        let lines = self.text().lines().filter_map(|line| line.strip_prefix("data: "));
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| line.into())).collect()
    }
}

/// Sends a request and reads until the body ends, one way or another.
pub fn send(simulator: &Running, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    read(&mut open(simulator.address(), method, path, headers, body), PATIENCE)
}

pub fn open(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("connect");
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nhost: simulator\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    socket.write_all(request.as_bytes()).expect("head");
    socket.write_all(body.as_bytes()).expect("body");
    socket
}

pub fn read(socket: &mut TcpStream, patience: Duration) -> Reply {
    socket.set_read_timeout(Some(patience)).expect("time-out");
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(body) = parsed(&seen).and_then(|parsed| parsed.whole.then_some(parsed)) {
            return body.reply(End::Whole);
        }
        let end = match socket.read(&mut buffer) {
            Ok(0) => End::Cut,
            Ok(count) => {
                seen.extend_from_slice(&buffer[..count]);
                continue;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => End::Reset,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => End::Silent,
            Err(error) => panic!("{error}"),
        };
        return match parsed(&seen) {
            Some(parsed) => parsed.reply(end),
            None => Reply { status: 0, head: String::new(), body: seen, end },
        };
    }
}

struct Parsed {
    head: String,
    body: Vec<u8>,
    whole: bool,
}

impl Parsed {
    fn reply(self, end: End) -> Reply {
        let status = self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Reply { status, head: self.head, body: self.body, end }
    }
}

fn parsed(seen: &[u8]) -> Option<Parsed> {
    let at = seen.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(seen[..at].to_vec()).expect("ascii");
    let rest = &seen[at + 4..];
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        let (body, whole) = dechunked(rest);
        return Some(Parsed { head, body, whole });
    }
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let whole = rest.len() == length.unwrap_or(0);
    Some(Parsed { head, body: rest.to_vec(), whole })
}

fn dechunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        let size =
            std::str::from_utf8(&rest[..at]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk's size");
        if size == 0 {
            return (body, true);
        }
        let from = at + 2;
        if rest.len() < from + size + 2 {
            break;
        }
        body.extend_from_slice(&rest[from..from + size]);
        rest = &rest[from + size + 2..];
    }
    (body, false)
}
