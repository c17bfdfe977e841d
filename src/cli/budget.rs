//! `ai-gateway budget`: get, set, unset. They ask a running gateway, which keeps the books and records who changed what.

use crate::config::{AdminDoor, Environment};
use clap::{Args, Subcommand};
use gateway_actors::provider;
use gateway_core::ids::TeamId;
use reqwest::{Certificate, Client, Method, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// For the whole answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args, Clone)]
pub(super) struct BudgetArguments {
    /// Where the gateway is (default: GATEWAY_BIND). The key is GATEWAY_ADMIN_KEY.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// Certificates (PEM) to trust beside the public ones.
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print the gateway's answer as it is.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: BudgetCommand,
}

#[derive(Clone, Subcommand)]
enum BudgetCommand {
    /// Show what a team may spend, has reserved and has spent; all teams without a name.
    Get {
        #[arg(value_parser = team)]
        team: Option<TeamId>,
    },
    /// Put limits over the configuration's, for all replicas at once. What is left out is the configuration's.
    Set {
        #[arg(value_parser = team)]
        team: TeamId,
        #[command(flatten)]
        limits: Limits,
    },
    /// Go back to the configuration's limits.
    Unset {
        #[arg(value_parser = team)]
        team: TeamId,
    },
}

/// Each a number or `unlimited`.
#[derive(Args, Clone)]
#[group(required = true, multiple = true)]
struct Limits {
    /// US dollars in a UTC day, as in 25.50.
    #[arg(long, value_name = "USD")]
    daily: Option<String>,
    /// US dollars in a UTC month.
    #[arg(long, value_name = "USD")]
    monthly: Option<String>,
    #[arg(long, value_name = "COUNT")]
    requests_per_minute: Option<String>,
    #[arg(long, value_name = "COUNT")]
    tokens_per_minute: Option<String>,
    #[arg(long, value_name = "COUNT")]
    max_parallel: Option<String>,
}

fn team(name: &str) -> Result<TeamId, String> {
    TeamId::new(name).ok_or_else(|| "write a team's id: [a-z0-9][a-z0-9._-]{0,62}".to_owned())
}

pub(super) fn run(arguments: BudgetArguments, environment: &Environment) -> super::Outcome {
    let AdminDoor { url, key } = AdminDoor::read(environment)?;
    let url = arguments.url.as_deref().unwrap_or(&url).trim_end_matches('/').to_owned();
    let Some(key) = key else {
        return Err("GATEWAY_ADMIN_KEY is not set: give the administrator's key of that gateway".into());
    };
    let client = client(arguments.ca.as_deref())?;
    let asked = ask(&client, &url, &key, &arguments.command);
    let (is_good, answer) = actix_rt::System::new().block_on(asked)?;
    if !is_good {
        return Err(refusal(&answer).into());
    }
    let mut out = io::stdout().lock();
    let told =
        if arguments.json { writeln!(out, "{answer}").map_err(Into::into) } else { show(&answer, &mut out) };
    match told {
        // `| head` has seen enough.
        Err(error) if is_closed(&*error) => Ok(()),
        told => told,
    }
}

fn is_closed(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe)
}

fn client(ca: Option<&std::path::Path>) -> Result<Client, Box<dyn std::error::Error>> {
    provider::install_crypto();
    let mut builder = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none());
    if let Some(path) = ca {
        let pem =
            std::fs::read(path).map_err(|error| format!("{} can't be read: {error}", path.display()))?;
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem)?);
    }
    Ok(builder.build()?)
}

/// Whether it was done, and the body.
async fn ask(
    client: &Client,
    url: &str,
    key: &SecretString,
    command: &BudgetCommand,
) -> Result<(bool, String), Box<dyn std::error::Error>> {
    let (method, path) = match command {
        BudgetCommand::Get { team: None } => (Method::GET, "/v1/budgets".to_owned()),
        BudgetCommand::Get { team: Some(team) } => (Method::GET, format!("/v1/budget/{team}")),
        BudgetCommand::Set { team, .. } => (Method::PUT, format!("/v1/budget/{team}")),
        BudgetCommand::Unset { team } => (Method::DELETE, format!("/v1/budget/{team}")),
    };
    let mut request = client.request(method, format!("{url}{path}")).header("x-api-key", key.expose_secret());
    if let BudgetCommand::Set { limits, .. } = command {
        request = request.header("content-type", "application/json").body(limits.body());
    }
    let unreachable = |error: reqwest::Error| {
        format!(
            "no answer of {url}: {}: is the gateway running there? `--url` names another place",
            why(&error)
        )
    };
    let response = request.send().await.map_err(unreachable)?;
    let is_good = response.status().is_success();
    Ok((is_good, response.text().await.map_err(unreachable)?))
}

/// The deepest cause, which says what happened.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn refusal(answer: &str) -> String {
    #[derive(Deserialize)]
    struct Told {
        error: Reason,
    }
    #[derive(Deserialize)]
    struct Reason {
        code: String,
        message: String,
    }
    match serde_json::from_str(answer) {
        Ok(Told { error: Reason { code, message } }) => format!("{code}: {message}"),
        Err(_) => "what answers there is no gateway".to_owned(),
    }
}

impl Limits {
    /// As strings, which lose no decimal; the gateway judges them.
    fn body(&self) -> String {
        let fields = [
            ("daily_limit_usd", &self.daily),
            ("monthly_limit_usd", &self.monthly),
            ("requests_per_minute", &self.requests_per_minute),
            ("tokens_per_minute", &self.tokens_per_minute),
            ("max_parallel", &self.max_parallel),
        ];
        let value = |name: &str, text: &str| match text.parse::<u64>() {
            Ok(count) if !name.ends_with("_usd") => json!(count),
            _ => json!(text),
        };
        let set = fields.into_iter().filter_map(|(name, text)| {
            let text = text.as_deref()?;
            Some((name.to_owned(), value(name, text)))
        });
        serde_json::Value::Object(set.collect()).to_string()
    }
}

/// Amounts are printed as they were sent.
#[derive(Deserialize)]
struct All<'a> {
    #[serde(borrow)]
    budgets: Vec<Books<'a>>,
}

#[derive(Deserialize)]
struct Books<'a> {
    team_id: String,
    source: String,
    #[serde(borrow)]
    daily: Window<'a>,
    #[serde(borrow)]
    monthly: Window<'a>,
}

#[derive(Deserialize)]
struct Window<'a> {
    #[serde(borrow)]
    limit_usd: Option<&'a RawValue>,
    #[serde(borrow)]
    spent_usd: &'a RawValue,
    #[serde(borrow)]
    reserved_usd: &'a RawValue,
    #[serde(borrow)]
    remaining_usd: Option<&'a RawValue>,
    resets_at: String,
}

fn show(answer: &str, out: &mut dyn Write) -> super::Outcome {
    let all = match serde_json::from_str::<All<'_>>(answer) {
        Ok(all) => all.budgets,
        Err(_) => vec![serde_json::from_str(answer).map_err(|_| "what answers there is no gateway")?],
    };
    for books in &all {
        writeln!(out, "{} ({})", books.team_id, books.source)?;
        for (name, window) in [("daily", &books.daily), ("monthly", &books.monthly)] {
            let amount = |raw: Option<&RawValue>| raw.map_or("unlimited", RawValue::get).to_owned();
            writeln!(
                out,
                "  {name:<8}limit {}  spent {}  reserved {}  remaining {}  resets {}",
                amount(window.limit_usd),
                window.spent_usd.get(),
                window.reserved_usd.get(),
                amount(window.remaining_usd),
                window.resets_at
            )?;
        }
    }
    Ok(())
}
