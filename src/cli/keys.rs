//! `ai-gateway keys`: make, list and revoke keys. A gateway that runs is asked over HTTP, with the administrator's
//! key; where none runs, the store and the trail are opened here.

use crate::assembly::{self, SystemClock, SystemDice};
use crate::config::access::DEMO_ADMIN_KEY;
use crate::config::{Config, Environment};
use crate::gateway::request_id;
use crate::identity::Keys;
use crate::identity::making::{Wish, view};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use clap::{Args, Subcommand};
use gateway_actors::audit::Audit;
use gateway_actors::keys::Registry;
use gateway_actors::provider;
use gateway_core::audit::{AdminAction, AdminRecord, Named, RequestId, Table, Time};
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::{KeyId, TeamId};
use gateway_core::keys::{KeyStoreError, is_id};
use reqwest::{Method, StatusCode, redirect};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use std::error::Error;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a running gateway may take.
const ANSWER: Duration = Duration::from_secs(15);
/// How long the trail may take to be written to its end.
const DRAIN: Duration = Duration::from_secs(5);
/// Keys that one question brings.
const PAGE: usize = 1_000;
/// In records of what was done without a gateway.
const REPLICA: &str = "command-line";

#[derive(Clone, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key. It is shown this once, in the JSON on standard output.
    New {
        /// The team that the key is for.
        #[arg(long, value_name = "TEAM")]
        team: String,
        /// infer (the default), audit, metrics or admin; may be repeated.
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Who or what will use it.
        #[arg(long)]
        name: Option<String>,
        /// When it ends: 90d, 12h, 2027-06-30 (the end of that day, UTC) or 2027-06-30T12:00:00Z. Otherwise never.
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// A number, or `unlimited`, in place of the configuration's for each key of the team.
        #[arg(long, value_name = "COUNT")]
        requests_per_minute: Option<String>,
        /// Likewise.
        #[arg(long, value_name = "COUNT")]
        tokens_per_minute: Option<String>,
        /// Likewise.
        #[arg(long, value_name = "COUNT")]
        max_parallel: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// List the keys that were made, without the keys themselves: JSON, one a line, the newest first.
    List {
        /// Of this team alone.
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Revoke a key.
    Revoke {
        /// Its id, as `keys list` shows it.
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Clone, Args)]
pub(super) struct Server {
    /// The running gateway (default: where GATEWAY_BIND says; where none answers there, the store itself).
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// What is wanted, whoever does it.
enum Wanted {
    New(Value),
    List(Option<String>),
    Revoke(String),
}

type Failed = Box<dyn Error>;

pub(super) fn run(command: KeysCommand, environment: &Environment, file: Option<&Path>) -> super::Outcome {
    let config = Config::load(environment, file)?;
    provider::install_crypto();
    let (wanted, server) = wanted(command)?;
    let told = actix_rt::System::new().block_on(async {
        match address(&config, &server) {
            Some((url, key)) => match asked(&url, &key, &wanted).await {
                Err(error) if is_nobody_there(&*error) && server.url.is_none() => done(config, wanted).await,
                answer => answer,
            },
            None => done(config, wanted).await,
        }
    })?;
    let mut out = std::io::stdout().lock();
    for line in told {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn wanted(command: KeysCommand) -> Result<(Wanted, Server), Failed> {
    match command {
        KeysCommand::New {
            team,
            scopes,
            name,
            expires,
            requests_per_minute,
            tokens_per_minute,
            max_parallel,
            server,
        } => {
            let now = SystemClock.unix();
            let count = |text: String| text.parse::<u64>().map_or_else(|_| json!(text), |count| json!(count));
            let limits = json!({
                "requests_per_minute": requests_per_minute.map(count),
                "tokens_per_minute": tokens_per_minute.map(count),
                "max_parallel": max_parallel.map(count),
            });
            let body = json!({
                "team_id": team,
                "name": name,
                "scopes": (!scopes.is_empty()).then_some(scopes),
                "expires_at": expires.map(|text| end(&text, now)).transpose()?,
                "limits": limits,
            });
            // What is wrong is told before anybody is asked.
            Wish::read(body.to_string().as_bytes(), Time::from(now))?;
            Ok((Wanted::New(body), server))
        }
        KeysCommand::List { team, server } => match team.as_deref().map(TeamId::new) {
            Some(None) => Err("`--team` must be a team's name: [a-z0-9][a-z0-9._-]{0,62}".into()),
            _ => Ok((Wanted::List(team), server)),
        },
        KeysCommand::Revoke { id, .. } if !is_id(&id) => {
            Err("a key's id has 12 hex digits: `ai-gateway keys list` shows it".into())
        }
        KeysCommand::Revoke { id, server } => Ok((Wanted::Revoke(id), server)),
    }
}

/// `90d`, `12h`, a date or a time, as RFC 3339 writes it.
fn end(text: &str, now: Duration) -> Result<String, Failed> {
    let wrong = || "`--expires` must be like 90d, 12h, 2027-06-30 or 2027-06-30T12:00:00Z";
    if DateTime::parse_from_rfc3339(text).is_ok() {
        return Ok(text.to_owned());
    }
    if let Ok(day) = text.parse::<NaiveDate>() {
        let last = day.and_hms_milli_opt(23, 59, 59, 999).ok_or_else(wrong)?;
        return Ok(last.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true));
    }
    let (at, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong().into()),
    };
    let count: u32 = text[..at].parse().map_err(|_| wrong())?;
    Ok(Time::from(now + Duration::from_secs(u64::from(count) * seconds)).to_string())
}

/// Where the running gateway would be, and with what it can be asked.
fn address(config: &Config, server: &Server) -> Option<(String, String)> {
    let admin = config.access.admin_key.as_ref().map(|key| key.expose_secret().to_owned());
    let key = admin.or_else(|| config.access.demo_keys.then(|| DEMO_ADMIN_KEY.to_owned()));
    let url = server.url.clone().or_else(|| {
        let bind = config.listen.bind;
        let ip = if bind.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { bind.ip() };
        let scheme = if config.listen.tls.is_some() { "https" } else { "http" };
        let address = std::net::SocketAddr::new(ip, bind.port());
        (bind.port() != 0).then(|| format!("{scheme}://{address}"))
    });
    Some((url?, key?))
}

fn is_nobody_there(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
}

/// The lines to print, from the running gateway.
async fn asked(url: &str, key: &str, wanted: &Wanted) -> Result<Vec<String>, Failed> {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER).redirect(redirect::Policy::none());
    let client = client.build()?;
    let base = format!("{}/v1/keys", url.trim_end_matches('/'));
    let ask = async |method: Method, url: &str, body: Option<&Value>| -> Result<Value, Failed> {
        let mut request = client.request(method, url).header("x-api-key", key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let told: Option<Value> = serde_json::from_slice(&response.bytes().await?).ok();
        match told {
            Some(told) if status == StatusCode::OK => Ok(told),
            Some(told) => Err(told["error"]["message"].as_str().unwrap_or("it was refused").into()),
            None => Err(format!("no gateway answers at {url}: name it with --url").into()),
        }
    };
    match wanted {
        Wanted::New(body) => Ok(vec![pretty(&ask(Method::POST, &base, Some(body)).await?)]),
        Wanted::Revoke(id) => Ok(vec![ask(Method::DELETE, &format!("{base}/{id}"), None).await?.to_string()]),
        Wanted::List(team) => {
            let (mut lines, mut after) = (Vec::new(), String::new());
            let team = team.as_ref().map(|team| format!("&team={team}")).unwrap_or_default();
            loop {
                let page = ask(Method::GET, &format!("{base}?limit={PAGE}{team}{after}"), None).await?;
                let keys = page["keys"].as_array().into_iter().flatten();
                lines.extend(keys.map(Value::to_string));
                match page["next_cursor"].as_str() {
                    Some(next) => after = format!("&cursor={next}"),
                    None => return Ok(lines),
                }
            }
        }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

/// The same, on the store itself.
async fn done(config: Config, wanted: Wanted) -> Result<Vec<String>, Failed> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let registry = Registry::new(assembly::key_store(&config)?, Arc::clone(&clock));
    registry.refresh().await?;
    match wanted {
        Wanted::List(team) => {
            let of_team = |name: &str| team.as_ref().is_none_or(|team| team == name);
            let all = registry.all();
            let keys = all.iter().filter(|key| of_team(key.team.as_str()));
            Ok(keys.map(|key| Value::Object(view(key)).to_string()).collect())
        }
        Wanted::New(body) => {
            let now = Time::from(clock.unix());
            let wish = Wish::read(body.to_string().as_bytes(), now)?;
            let keys = Keys::from_config(&config.access);
            let mut known = config.teams().chain(keys.teams());
            let is_known = known.any(|team| *team == wish.team) || registry.teams().contains(&wish.team);
            if !config.access.any_team && !is_known {
                return Err(
                    "that team is not known: configure it as [teams.NAME], or set GATEWAY_KEYS_ANY_TEAM=true"
                        .into(),
                );
            }
            let (secret, key) = wish.fresh(now)?;
            let act = Act::begin(&config, &clock, AdminAction::KeyMade)?;
            let added = registry.add(&key, &act.id).await;
            act.end(Some(&key.team), &key.id, wish.changes(), added).await?;
            let mut told: Map<String, Value> = view(&key);
            told.insert("key".to_owned(), json!(secret.expose_secret()));
            Ok(vec![pretty(&Value::Object(told))])
        }
        Wanted::Revoke(id) => {
            let id = KeyId::new(&id);
            let all = registry.all();
            let team = all.iter().find(|key| key.id == id).map(|key| &key.team);
            let act = Act::begin(&config, &clock, AdminAction::KeyRevoked)?;
            let removed = registry.remove(&id, &act.id).await;
            let was_there = act.end(team, &id, Table::default(), removed).await?;
            if !was_there {
                return Err("no key that was made here has that id: `ai-gateway keys list` shows them".into());
            }
            Ok(vec![json!({ "id": id.as_str(), "revoked": true }).to_string()])
        }
    }
}

/// An act of the operator at this machine, and the trail that will tell it.
struct Act {
    id: String,
    action: AdminAction,
    trail: Audit,
    clock: Arc<dyn Clock>,
}

impl Act {
    /// Takes the trail, which a running gateway would hold.
    fn begin(config: &Config, clock: &Arc<dyn Clock>, action: AdminAction) -> Result<Act, Failed> {
        let dice: Arc<dyn Dice> = Arc::new(SystemDice);
        let trail = assembly::start_audit(config, REPLICA, clock, &dice).map_err(|error| {
            format!("the trail can't be written here ({error}); is a gateway running? Name it with --url")
        })?;
        // What the ledger has not been told is not cleared away.
        trail.outbox("ledger")?;
        trail.accepting()?;
        Ok(Act { id: request_id(&**clock, &*dice), action, trail, clock: Arc::clone(clock) })
    }

    /// Records what became of it, and gives that back.
    async fn end<T>(
        self,
        team: Option<&TeamId>,
        key: &KeyId,
        changes: Table<Named, 32>,
        done: Result<T, KeyStoreError>,
    ) -> Result<T, Failed> {
        let record = AdminRecord {
            request_id: RequestId::parse(&self.id).ok_or("an id is none")?,
            time: Time::from(self.clock.unix()),
            replica: Named::cleaned(REPLICA),
            team_id: None,
            key_id: None,
            client_address: None,
            action: self.action,
            target_team_id: team.map(Named::from),
            target_key_id: Some(Named::from(key)),
            status: if done.is_ok() { 200 } else { 503 },
            code: done.is_err().then(|| Named::cleaned("keys_unavailable")),
            changes,
        };
        self.trail.record(record.into()).await?;
        self.trail.drain(DRAIN).await?;
        Ok(done?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read() {
        let now = Duration::from_millis(1_795_512_600_000);
        for (text, want) in [
            ("90d", Some("2027-02-22T09:30:00.000Z")),
            ("12h", Some("2026-11-24T21:30:00.000Z")),
            ("2027-06-30", Some("2027-06-30T23:59:59.999Z")),
            ("2027-06-30T12:00:00+02:00", Some("2027-06-30T12:00:00+02:00")),
            ("", None),
            ("d", None),
            ("-1d", None),
            ("7é", None),
            ("soon", None),
        ] {
            assert_eq!(end(text, now).ok().as_deref(), want, "{text}");
        }
    }
}
