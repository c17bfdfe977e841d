//! The walk within this process, through parts that are all real, where something on the way panics: nothing that a
//! caller sends makes it do that. The codec does, which stands before the reservation, or after the call.

use super::*;
use crate::assembly;
use crate::config::{Config, Environment};
use crate::gateway::request_id;
use actix_web::FromRequest;
use actix_web::test::TestRequest;
use bytes::BytesMut;
use futures_util::{FutureExt, StreamExt};
use gateway_actors::audit::Query;
use gateway_actors::provider::{ClientSettings, client};
use gateway_actors::supervision::Tasks;
use gateway_core::audit::{Outcome, RequestRecord};
use gateway_core::ids::TeamId;
use gateway_core::money::NanoUsd;
use gateway_wire::native::Native;
use gateway_wire::{Encode, ErrorBody, Facts, Malformed};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

const KEY: &str = "a-key-of-the-ops-team-1";

/// Where it panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stumbles {
    Decoding,
    Answering,
    Streaming,
}

fn stumble() -> ! {
    panic!("as the test asked")
}

impl Inbound for Stumbles {
    fn decode(&self, body: &Bytes) -> Result<Asked, Malformed> {
        if *self == Stumbles::Decoding { stumble() } else { Native.decode(body) }
    }

    fn answer(&self, _: &Whole, _: &Facts) -> Vec<u8> {
        stumble()
    }

    fn stream(&self, opening: Opening) -> Box<dyn Encode + Send> {
        Box::new(Stumbling(Native.stream(opening)))
    }

    fn shows_thinking(&self) -> bool {
        false
    }

    fn error(&self, error: &ErrorBody) -> Vec<u8> {
        Native.error(error)
    }
}

/// Opens as it should, and stumbles over the first event.
struct Stumbling(Box<dyn Encode + Send>);

impl Encode for Stumbling {
    fn open(&mut self, facts: &Facts, out: &mut BytesMut) {
        self.0.open(facts, out);
    }

    fn event(&mut self, _: &Event, _: &mut BytesMut) {
        stumble()
    }

    fn close(&mut self, facts: &Facts, out: &mut BytesMut) {
        self.0.close(facts, out);
    }

    fn fail(&mut self, error: &ErrorBody, out: &mut BytesMut) {
        self.0.fail(error, out);
    }
}

/// An upstream that answers every request well, each on a connection of its own. Its address.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let Some(body) = read_body(&mut BufReader::new(&socket)) else { continue };
            let (kind, answer) = if body.contains(r#""stream":true"#) {
                let delta = r#"data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}"#;
                ("text/event-stream", format!("{delta}\n\n"))
            } else {
                let choice = r#"{"index":0,"message":{"content":"hello"},"finish_reason":"stop"}"#;
                let usage = r#"{"prompt_tokens":9,"completion_tokens":2}"#;
                ("application/json", format!(r#"{{"choices":[{choice}],"usage":{usage}}}"#))
            };
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
            // A caller that left misses nothing.
            socket.write_all((head + &answer).as_bytes()).ok();
        }
    });
    format!("http://{address}/v1")
}

fn read_body(reader: &mut impl BufRead) -> Option<String> {
    let (mut length, mut line) = (0, String::new());
    while reader.read_line(&mut line).ok()? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body).ok()?;
    Some(body)
}

/// Walks a request up to the panic. Its id.
async fn walks_into(gateway: &Arc<Gateway>, worker: &Worker, stumbles: &'static Stumbles) -> String {
    let id = request_id(&*gateway.clock, &*gateway.dice);
    let stream = *stumbles == Stumbles::Streaming;
    let body = serde_json::json!({
        "model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": "words: 20"}],
    });
    let request = TestRequest::post().uri("/v1/complete").insert_header(("x-api-key", KEY));
    let (request, mut payload) = request.set_payload(body.to_string()).to_http_parts();
    let mut payload = Payload::from_request(&request, &mut payload).await.expect("a payload");
    let dialect = Dialect { codec: stumbles, tail: Tail::NamedOnly };
    let answered = async {
        match walk(gateway, worker, dialect, &id, &request, &mut payload).await {
            Ok(Served::Stream { mut body, .. }) => while body.next().await.is_some() {},
            Ok(_) => panic!("a whole answer was written"),
            Err(failure) => unreachable!("it was refused: {failure:?}"),
        }
    };
    let panicked = AssertUnwindSafe(answered).catch_unwind().await.expect_err("it panics");
    assert_eq!(panicked.downcast_ref::<&str>(), Some(&"as the test asked"), "{stumbles:?}");
    id
}

/// The records of a request, once there is one and the queue behind it is empty.
async fn recorded(gateway: &Gateway, id: &str) -> Vec<RequestRecord> {
    let wait = async {
        loop {
            gateway.settlements.settled().await;
            let page = gateway.audit.recent(Query { limit: 100, ..Query::default() }).await.expect("a trail");
            let requests = page.entries.into_iter().filter_map(|entry| match entry.record {
                Record::Request(request) => Some(*request),
                Record::Admin(_) => None,
            });
            let own: Vec<_> = requests.filter(|request| request.request_id.to_string() == id).collect();
            if !own.is_empty() && gateway.slots.open() == 0 {
                return own;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("a record")
}

/// A gateway in a folder of its own.
pub(super) async fn started(folder: &Path) -> (Arc<Gateway>, Tasks) {
    let (url, state) = (upstream(), folder.display().to_string());
    let environment: Environment = [
        ("OPENAI_API_KEY", "sk-one"),
        ("OPENAI_BASE_URL", &url),
        ("GATEWAY_API_KEYS", &format!("ops:{KEY}")),
        ("GATEWAY_BIND", "127.0.0.1:0"),
        ("GATEWAY_STATE_DIR", &state),
    ]
    .into_iter()
    .collect();
    let config = Config::load(&environment, None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let serving = assembly::start(config).await.expect("a gateway");
    let (gateway, tasks) = serving.parts();
    (gateway.into_inner(), tasks)
}

pub(super) fn folder(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gateway-{test}-{}", uuid::Uuid::now_v7()))
}

#[actix_web::test]
async fn a_panic_leaves_one_record_and_no_hold() {
    let folder = folder("panic");
    let (gateway, tasks) = started(&folder).await;
    let settings =
        ClientSettings { connect_timeout: Duration::from_secs(3), ca_pem: None, use_system_proxy: false };
    let worker = Worker { client: client(&settings).expect("a client"), tasks, watch: Rc::default() };
    let (team, mut spent) = (TeamId::new("ops").expect("a name"), NanoUsd::ZERO);
    for stumbles in [&Stumbles::Decoding, &Stumbles::Answering, &Stumbles::Streaming] {
        let id = walks_into(&gateway, &worker, stumbles).await;
        let own = recorded(&gateway, &id).await;
        let told: Vec<_> = own
            .iter()
            .map(|record| (record.status, record.outcome, record.code.as_ref().map(ToString::to_string)))
            .collect();
        assert_eq!(told, [(500, Outcome::Failed, Some("internal".to_owned()))], "{stumbles:?}");
        let cost = own[0].cost_usd;
        assert_eq!(
            cost > NanoUsd::ZERO,
            *stumbles != Stumbles::Decoding,
            "{stumbles:?}: what was called costs"
        );
        spent = spent.saturating_add(cost);
        let limits = gateway.config.budgets.of(&team).limits;
        let status = gateway.budget.status(team.clone(), limits, None).await.expect("the books");
        assert_eq!((status.day.spent, status.day.reserved), (spent, NanoUsd::ZERO), "{stumbles:?}");
        assert_eq!(status.parallel, 0, "{stumbles:?}");
        let upstream = gateway.upstreams[0].provider.status();
        assert_eq!((upstream.in_flight, upstream.consecutive_failures), (0, 0), "{stumbles:?}");
    }
    let wait = Duration::from_secs(5);
    gateway.budget.drain(wait).await.expect("it ends");
    gateway.audit.drain(wait).await.expect("it ends");
    std::fs::remove_dir_all(folder).expect("its own folder");
}
