//! The walk of one request: count and keep it, check it, meet the rules, answer.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::body::{BoxBody, SizedStream};
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use socket2::Socket;

use crate::answer::answer;
use crate::ask::{Ask, Delivery};
use crate::dialect::{self, Incoming, Interface, Refusal, Task};
use crate::faults::{Failure, Point, Rules, Verdict};
use crate::playback;
use crate::provider::Provider;
use crate::traffic::{Kept, Traffic, Visit};

/// Shared by all workers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub rules: Rules,
    pub traffic: Arc<Traffic>,
    pub refused_keys: Vec<String>,
    pub serial: AtomicU64,
}

/// The connection's socket, kept beside the server's own handle so that a reset can be asked for.
pub(crate) struct Connection(pub Rc<Socket>);

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/chat/completions", web::post().to(openai))
        .route("/v1/models", web::get().to(openai_models))
        .route("/v1/embeddings", web::post().to(openai_vectors))
        .route("/openai/deployments/{deployment}/chat/completions", web::post().to(azure))
        .route("/openai/deployments/{deployment}/embeddings", web::post().to(azure_vectors))
        .route("/v1/messages", web::post().to(anthropic))
        .route("/v1/messages/count_tokens", web::post().to(anthropic_count))
        .route("/v1beta/models/{call:.*}", web::post().to(gemini));
}

async fn openai(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    serve(Provider::OpenAi, Target::TALK, &request, body, &shared).await
}

async fn azure(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let model = request.match_info().query("deployment").to_owned();
    let target = Target { model: &model, ..Target::TALK };
    serve(Provider::AzureOpenAi, target, &request, body, &shared).await
}

async fn azure_vectors(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let model = request.match_info().query("deployment").to_owned();
    let target = Target { model: &model, interface: Interface::Vectors, ..Target::TALK };
    serve(Provider::AzureOpenAi, target, &request, body, &shared).await
}

async fn openai_vectors(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let target = Target { interface: Interface::Vectors, ..Target::TALK };
    serve(Provider::OpenAi, target, &request, body, &shared).await
}

async fn anthropic_count(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let target = Target { interface: Interface::Count, ..Target::TALK };
    serve(Provider::Anthropic, target, &request, body, &shared).await
}

async fn anthropic(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    serve(Provider::Anthropic, Target::TALK, &request, body, &shared).await
}

async fn gemini(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let call = request.match_info().query("call").to_owned();
    match call.rsplit_once(':') {
        Some((model, method @ ("generateContent" | "streamGenerateContent"))) => {
            let streams = method == "streamGenerateContent";
            serve(Provider::Gemini, Target { model, streams, ..Target::TALK }, &request, body, &shared).await
        }
        Some((model, method @ ("batchEmbedContents" | "countTokens"))) => {
            let interface = if method == "countTokens" { Interface::Count } else { Interface::Vectors };
            serve(Provider::Gemini, Target { model, interface, ..Target::TALK }, &request, body, &shared)
                .await
        }
        _ => refused(Provider::Gemini, dialect::failure(Provider::Gemini, 404, None, &call), 0),
    }
}

async fn openai_models(request: HttpRequest, shared: Data<Shared>) -> HttpResponse {
    match dialect::openai_key(request.headers(), &shared.refused_keys) {
        Err(refusal) => refused(Provider::OpenAi, refusal, 0),
        Ok(()) => head(Provider::OpenAi, 200, "application/json", 0)
            .body(include_str!("../recorded/openai_models.json")),
    }
}

/// What the path says.
struct Target<'a> {
    model: &'a str,
    streams: bool,
    interface: Interface,
}

impl Target<'_> {
    const TALK: Target<'static> = Target { model: "", streams: false, interface: Interface::Talk };
}

async fn serve(
    provider: Provider,
    target: Target<'_>,
    request: &HttpRequest,
    body: Bytes,
    shared: &Shared,
) -> HttpResponse {
    let mut visit = shared.traffic.visit(provider);
    let serial = shared.serial.fetch_add(1, Ordering::Relaxed);
    if shared.traffic.keeps_requests() {
        shared.traffic.keep(kept(provider, request, &body));
    }
    let incoming = Incoming {
        headers: request.headers(),
        query: request.query_string(),
        path_model: target.model,
        streamed_by_path: target.streams,
        body: &body,
        refused_keys: &shared.refused_keys,
    };
    let Task { ask, body } = match dialect::task(target.interface, provider, &incoming) {
        Ok(task) => task,
        Err(refusal) => {
            visit.refused();
            visit.end();
            return refused(provider, refusal, serial);
        }
    };
    let verdict = shared.rules.verdict(provider, &ask.model);
    if !verdict.latency.is_zero() {
        tokio::time::sleep(verdict.latency).await;
    }
    if verdict.failure.is_some() {
        visit.failed();
    }
    if verdict.failure == Some(Failure::Stall(Point::Headers)) {
        std::future::pending::<()>().await;
    }
    if let Some(response) = instead(provider, &ask, &verdict, serial) {
        visit.end();
        return response;
    }
    let socket = request.conn_data::<Connection>().map(|connection| connection.0.clone());
    if ask.delivery == Delivery::Json {
        let body = body.unwrap_or_else(|| {
            let made = answer(&ask);
            visit.bills(made.input_tokens, made.visible_tokens + made.reasoning_tokens);
            dialect::whole(provider, &ask, &made, serial)
        });
        whole(provider, (&ask, body), &verdict, serial, visit, socket)
    } else {
        stream(provider, &ask, &verdict, serial, visit, socket)
    }
}

fn kept(provider: Provider, request: &HttpRequest, body: &Bytes) -> Kept {
    let header =
        |(name, value): (&actix_web::http::header::HeaderName, &actix_web::http::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
    Kept {
        provider,
        method: request.method().to_string(),
        path: request.uri().to_string(),
        headers: request.headers().iter().map(header).collect(),
        body: body.clone(),
    }
}

/// The response that a failure puts in place of the answer, if it does.
fn instead(provider: Provider, ask: &Ask, verdict: &Verdict, serial: u64) -> Option<HttpResponse> {
    let failure = |status, wait| dialect::failure(provider, status, wait, &ask.model);
    let within_200 = || refused(provider, Refusal { status: 200, ..failure(500, None) }, serial);
    match verdict.failure.as_ref()? {
        Failure::Status { code, retry_after_ms } => {
            Some(refused(provider, failure(*code, retry_after_ms.map(Duration::from_millis)), serial))
        }
        Failure::WrongKey => Some(refused(provider, dialect::wrong_key(provider), serial)),
        Failure::ErrorBody => Some(within_200()),
        Failure::StreamError(_) if ask.delivery == Delivery::Json => Some(within_200()),
        Failure::ContentType(kind) if kind.starts_with("text/html") => {
            let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
            Some(head(provider, 200, kind, serial).body(page))
        }
        _ => None,
    }
}

fn whole(
    provider: Provider,
    (ask, answer): (&Ask, String),
    verdict: &Verdict,
    serial: u64,
    mut visit: Visit,
    socket: Option<Rc<Socket>>,
) -> HttpResponse {
    let body: Bytes = match &verdict.failure {
        Some(Failure::GarbageJson) => {
            Bytes::from_static(b"{\"id\": \"answer-1\", \"choices\": [<not json at all")
        }
        Some(Failure::HugeLine(bytes)) => playback::huge("", *bytes, ""),
        _ => answer.into(),
    };
    let mut head = head(provider, 200, content_type(provider, ask, verdict), serial);
    match verdict.failure.as_ref().and_then(|failure| playback::broken_body(&body, failure)) {
        Some(steps) => {
            let length = body.len() as u64;
            let stream = Box::pin(playback::body(steps, visit, socket));
            head.body(BoxBody::new(SizedStream::new(length, stream)))
        }
        None => {
            visit.end();
            head.body(body)
        }
    }
}

fn stream(
    provider: Provider,
    ask: &Ask,
    verdict: &Verdict,
    serial: u64,
    mut visit: Visit,
    socket: Option<Rc<Socket>>,
) -> HttpResponse {
    let answer = answer(ask);
    let frames = dialect::frames(provider, ask, &answer, serial);
    let bytes = frames.iter().map(|frame| frame.bytes.len()).sum();
    visit.makes(answer.input_tokens, answer.visible_tokens + answer.reasoning_tokens, bytes);
    let steps = playback::stream_steps(frames, verdict, dialect::error_frame(provider));
    visit.streams();
    head(provider, 200, content_type(provider, ask, verdict), serial)
        .streaming(Box::pin(playback::body(steps, visit, socket)))
}

fn content_type<'a>(provider: Provider, ask: &Ask, verdict: &'a Verdict) -> &'a str {
    match &verdict.failure {
        Some(Failure::ContentType(kind)) => kind,
        _ => dialect::content_type(provider, ask.delivery),
    }
}

fn refused(provider: Provider, refusal: Refusal, serial: u64) -> HttpResponse {
    let mut head = head(provider, refusal.status, dialect::content_type(provider, Delivery::Json), serial);
    for (name, value) in &refusal.headers {
        head.insert_header((*name, value.as_str()));
    }
    head.body(refusal.body.to_string())
}

fn head(provider: Provider, status: u16, content_type: &str, serial: u64) -> HttpResponseBuilder {
    // A rule may ask for any number; one that HTTP does not know becomes a 500.
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut head = HttpResponse::build(status);
    head.insert_header(("content-type", content_type));
    for (name, value) in dialect::headers(provider, serial) {
        head.insert_header((name, value));
    }
    head
}
