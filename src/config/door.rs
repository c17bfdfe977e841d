//! The door of a gateway that runs already, for commands that ask it something: its address and an administrator's
//! key, from the same settings that it was started with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use secrecy::SecretString;

use super::access::DEMO_ADMIN_KEY;
use super::env::Environment;
use super::mistakes::Mistakes;
use super::process::bind_address;
use super::settings::Settings;

/// Nothing else of the configuration is read, so that a machine without any providers' keys can ask.
pub struct AdminDoor {
    /// Without a path.
    pub url: String,
    pub key: Option<SecretString>,
}

impl AdminDoor {
    /// From `GATEWAY_BIND`, `GATEWAY_TLS_CERT`, `GATEWAY_ADMIN_KEY` and `GATEWAY_DEMO_KEYS`.
    ///
    /// # Errors
    /// An address that is none, a key that can't be looked up.
    pub fn read(environment: &Environment) -> Result<AdminDoor, Mistakes> {
        let mut settings = Settings { environment, mistakes: environment.unread().to_vec() };
        let bind = settings.keep(bind_address(environment));
        let scheme = if settings.text("GATEWAY_TLS_CERT").is_some() { "https" } else { "http" };
        let own = settings.at("GATEWAY_ADMIN_KEY").and_then(|raw| settings.secret(&raw));
        let demo = settings.flag("GATEWAY_DEMO_KEYS").then(|| SecretString::from(DEMO_ADMIN_KEY));
        let url = bind.map_or_else(String::new, |bind| format!("{scheme}://{}", reachable(bind)));
        Mistakes::unless_any(settings.mistakes, AdminDoor { url, key: own.or(demo) })
    }
}

/// Who listens everywhere is reached here.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, bind.port())
}
