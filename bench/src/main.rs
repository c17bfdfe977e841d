//! A bare proxy on the gateway's own HTTP stack: bytes in, bytes out, nothing read and nothing decided.
//! What the gateway costs above it is the gateway's own work.

use std::io;
use std::net::SocketAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use clap::Parser;
use reqwest::Client;

/// Passes every POST on as it is.
#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    /// The upstream, without a slash at the end.
    #[arg(long)]
    upstream: String,
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

/// One per worker: no connection crosses threads, as in the gateway.
struct Upstream {
    url: String,
    client: Client,
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let Arguments { listen, upstream, workers } = Arguments::parse();
    // A second installation would be an error; there is none before this line.
    rustls::crypto::ring::default_provider().install_default().ok();
    // Made once here, so that a worker's own cannot fail.
    client().map_err(io::Error::other)?;
    let server = HttpServer::new(move || {
        let client = client().expect("the same settings made a client before");
        App::new()
            .app_data(Data::new(Upstream { url: upstream.clone(), client }))
            .default_service(web::post().to(pass))
    });
    server.workers(workers).tcp_nodelay(true).bind(listen)?.run().await
}

fn client() -> reqwest::Result<Client> {
    Client::builder().no_proxy().build()
}

async fn pass(request: HttpRequest, body: Bytes, upstream: Data<Upstream>) -> HttpResponse {
    let url = format!("{}{}", upstream.url, request.uri());
    let sent = upstream
        .client
        .post(url)
        .header("content-type", "application/json")
        .header("authorization", "Bearer bench")
        .body(body)
        .send()
        .await;
    let Ok(answer) = sent else { return HttpResponse::BadGateway().finish() };
    // actix-web speaks `http` 0.2 and reqwest `http` 1: their types do not convert.
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    if let Some(kind) = answer.headers().get("content-type") {
        response.insert_header((CONTENT_TYPE, kind.as_bytes()));
    }
    match answer.content_length() {
        Some(_) => answer
            .bytes()
            .await
            .map_or_else(|_| HttpResponse::BadGateway().finish(), |body| response.body(body)),
        None => response.streaming(answer.bytes_stream()),
    }
}
