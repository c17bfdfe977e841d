//! The listener, and what each of its workers gets.

use super::StartError;
use crate::config;
use crate::gateway::{Gateway, Worker};
use crate::http;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use gateway_actors::provider::{self, ClientSettings};
use gateway_actors::supervision::Tasks;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

/// How long a connection may stay open without a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;

pub(super) fn listen(
    gateway: &Data<Gateway>,
    tasks: &Tasks,
) -> Result<(actix_web::dev::Server, Vec<SocketAddr>), StartError> {
    let listen = &gateway.config.listen;
    let client_settings = ClientSettings {
        connect_timeout: gateway.config.calls.connect_timeout,
        ca_pem: gateway.config.calls.ca_pem.clone(),
        use_system_proxy: true,
    };
    // Made once here, so that a worker's own cannot fail.
    drop(provider::client(&client_settings)?);
    let (parts, tasks) = (gateway.clone(), tasks.clone());
    let server = HttpServer::new(move || {
        let client = provider::client(&client_settings).expect("the same settings made a client before");
        let worker = Worker { client, tasks: tasks.clone(), watch: Rc::default() };
        App::new()
            .app_data(parts.clone())
            .app_data(Data::new(worker))
            .configure(|routes| http::routes(routes, parts.config.access.demo_keys))
    })
    .workers(listen.workers)
    .disable_signals()
    .tcp_nodelay(true)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD)
    // A caller that hangs up is then noticed at once (HTTP/1.1).
    .h1_allow_half_closed(false)
    .shutdown_timeout(2);
    let address = listen.bind;
    let failed = |source| StartError::Bind { address, source };
    let socket = socket(address, listen.write_timeout).map_err(failed)?;
    let bound = match &listen.tls {
        None => server.listen(socket),
        Some(files) => server.listen_rustls_0_23(socket, tls(files)?),
    };
    let server = bound.map_err(failed)?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// A connection inherits its listener's options. A caller that takes nothing for so long is cut off by the system,
/// which wakes whoever writes to it: nobody would poll an answer that has no room to go to, and look at a clock.
fn socket(address: SocketAddr, write_timeout: Duration) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(write_timeout))?;
    #[cfg(not(target_os = "linux"))]
    let _ = write_timeout;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn tls(files: &config::TlsFiles) -> Result<rustls::ServerConfig, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Tls(error.to_string());
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key).map_err(|error| failed(&error))?;
    rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| failed(&error))
}
