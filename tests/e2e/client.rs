//! A caller: requests in each dialect, answers taken apart, streams read event by event, and plain bytes
//! for requests that no library would send.

use reqwest::header::HeaderMap;
use reqwest::{ClientBuilder, RequestBuilder, Response};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Once;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No answer takes longer in these tests.
const LONGEST: Duration = Duration::from_secs(60);

/// A client without a proxy, without certificates, which needs nothing of the machine.
pub fn http() -> reqwest::Client {
    http_of(|builder| builder)
}

/// Likewise, with something else set.
pub fn http_of(set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> reqwest::Client {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| rustls::crypto::ring::default_provider().install_default().expect("installed once"));
    set(reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(LONGEST))
        .build()
        .expect("a client without certificates")
}

/// A caller's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Native,
    OpenAi,
    Anthropic,
}

/// How an answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Json,
    Stream,
}

/// Each dialect with each delivery.
pub const WAYS: [(Dialect, Delivery); 6] = [
    (Dialect::Native, Delivery::Json),
    (Dialect::Native, Delivery::Stream),
    (Dialect::OpenAi, Delivery::Json),
    (Dialect::OpenAi, Delivery::Stream),
    (Dialect::Anthropic, Delivery::Json),
    (Dialect::Anthropic, Delivery::Stream),
];

/// Those whose requests are written as OpenAI's chat.
pub const CHAT_WAYS: [(Dialect, Delivery); 4] = [WAYS[0], WAYS[1], WAYS[2], WAYS[3]];

impl Dialect {
    pub fn path(self) -> &'static str {
        match self {
            Dialect::Native => "/v1/complete",
            Dialect::OpenAi => "/v1/chat/completions",
            Dialect::Anthropic => "/v1/messages",
        }
    }

    /// A request for one text. The simulator answers `say: XYZ` with XYZ.
    pub fn ask(self, model: &str, text: &str, delivery: Delivery) -> Value {
        json!({
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "stream": delivery == Delivery::Stream,
        })
    }

    /// The text of an answer, however it was delivered.
    pub fn text(self, reply: &Reply) -> String {
        if reply.is_stream() {
            return reply.events().iter().filter_map(|event| self.text_of(event)).collect();
        }
        let body = reply.json();
        let text = match self {
            Dialect::Native => &body["content"],
            Dialect::OpenAi => &body["choices"][0]["message"]["content"],
            Dialect::Anthropic => {
                let blocks = body["content"].as_array().unwrap_or_else(|| panic!("no blocks in {body}"));
                return blocks.iter().filter_map(|block| block["text"].as_str()).collect();
            }
        };
        text.as_str().unwrap_or_else(|| panic!("no text in {body}")).to_owned()
    }

    /// The text that an event brings; none where it brings none.
    pub fn text_of(self, event: &Event) -> Option<String> {
        let data: Value = serde_json::from_str(&event.data).ok()?;
        let text = match self {
            Dialect::Native if event.name == "delta" => &data["text"],
            Dialect::Native => return None,
            Dialect::OpenAi => &data["choices"][0]["delta"]["content"],
            Dialect::Anthropic => &data["delta"]["text"],
        };
        text.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The code of a refusal, of a body or of an event.
    pub fn code(self, body: &Value) -> &str {
        body["error"]["code"].as_str().unwrap_or_else(|| panic!("no code in {body}"))
    }

    /// Whether an event says that the answer is whole.
    pub fn is_end(self, event: &Event) -> bool {
        match self {
            Dialect::Native => event.name == "done",
            Dialect::OpenAi => event.data == "[DONE]",
            Dialect::Anthropic => event.name == "message_stop",
        }
    }

    /// The error that an event is, if it is one.
    pub fn error_of(self, event: &Event) -> Option<Value> {
        let data: Value = serde_json::from_str(&event.data).ok()?;
        let is_error = data["error"].is_object();
        assert_eq!(is_error && self != Dialect::OpenAi, event.name == "error", "{event:?}");
        is_error.then_some(data)
    }

    /// What the answer tells of its attempts: `provider:outcome`, in order. The other dialects tell them
    /// nowhere.
    pub fn attempts(self, reply: &Reply) -> Vec<String> {
        let told = match self {
            Dialect::Native if reply.is_stream() => reply.last_event().json(),
            Dialect::Native => reply.json(),
            Dialect::OpenAi | Dialect::Anthropic => return Vec::new(),
        };
        attempts(&told["attempts"])
    }
}

/// A list of attempts as `provider:outcome`.
pub fn attempts(list: &Value) -> Vec<String> {
    let each = list.as_array().unwrap_or_else(|| panic!("no attempts: {list}")).iter();
    let word = |attempt: &Value, field: &str| attempt[field].as_str().expect("a word").to_owned();
    each.map(|attempt| format!("{}:{}", word(attempt, "provider"), word(attempt, "outcome"))).collect()
}

/// An answer that has come to its end, be it a broken one.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// False where the connection ended before the body did.
    pub whole: bool,
}

impl Reply {
    /// Sends a request and reads all of its answer.
    pub async fn of(request: RequestBuilder) -> Reply {
        Reply::read(request.send().await.expect("the gateway answers")).await
    }

    /// Reads the rest of an answer.
    pub async fn read(mut response: Response) -> Reply {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        let whole = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        Reply { status, headers, body, whole }
    }

    /// A header's value; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn is_stream(&self) -> bool {
        self.header("content-type").starts_with("text/event-stream")
    }

    /// The events of a stream. Fails the test where the stream ends within one.
    pub fn events(&self) -> Vec<Event> {
        let text = self.text();
        assert!(self.whole && (text.is_empty() || text.ends_with("\n\n")), "ends within an event: {text}");
        text.split("\n\n").filter_map(Event::parse).collect()
    }

    pub fn last_event(&self) -> Event {
        self.events().pop().unwrap_or_else(|| panic!("no event in {self:?}"))
    }
}

/// A header's value; empty where it is absent.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
}

/// A server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Empty where it has none.
    pub name: String,
    pub data: String,
}

impl Event {
    /// Reads one block; none where it holds comments only.
    fn parse(block: &str) -> Option<Event> {
        let mut event = Event { name: String::new(), data: String::new() };
        let mut lines = 0;
        for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
            match line.split_once(": ") {
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => data.clone_into(&mut event.data),
                _ => panic!("no line that the gateway writes: {line}"),
            }
            lines += 1;
        }
        (lines > 0).then_some(event)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}

/// A stream read block by block, while it is open.
pub struct Reading {
    response: Response,
    buffer: String,
}

impl Reading {
    pub async fn open(request: RequestBuilder) -> Reading {
        let response = request.send().await.expect("the gateway answers");
        assert_eq!(response.status(), 200);
        Reading { response, buffer: String::new() }
    }

    pub fn header(&self, name: &str) -> &str {
        header(self.response.headers(), name)
    }

    /// The next block as it stands, a comment or an event; none at the end of the stream.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.find("\n\n") {
                let rest = self.buffer.split_off(at + 2);
                return Some(std::mem::replace(&mut self.buffer, rest));
            }
            let chunk = self.response.chunk().await.expect("the stream does not break")?;
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("events come whole"));
        }
    }

    /// The next event, past any comments.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = Event::parse(&self.block().await?) {
                return Some(event);
            }
        }
    }

    /// Reads up to the first event with text.
    pub async fn until_text(&mut self, dialect: Dialect) -> String {
        loop {
            let event = self.event().await.expect("text before the end");
            if let Some(text) = dialect.text_of(&event) {
                return text;
            }
        }
    }

    /// All events that are still to come.
    pub async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        assert!(self.buffer.is_empty(), "ends within an event: {}", self.buffer);
        events
    }
}

/// Sends bytes as they are, and reads until the gateway closes the connection: for requests that no
/// library would send. Ask for `connection: close`, or be refused.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).await.expect("connect");
    socket.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    let read = socket.read_to_end(&mut answer);
    // A reset after the answer is an end too.
    tokio::time::timeout(LONGEST, read).await.expect("the connection is closed").ok();
    answer
}
