//! The commands: `serve` (the default), `demo`, `check`, `audit`, `budget`, `keys`.

mod audit;
mod budget;
mod keys;

use crate::config::{Config, Environment};
use crate::{assembly, demo, guards, logging};
use audit::AuditCommand;
use budget::BudgetArguments;
use clap::{Parser, Subcommand};
use keys::KeysCommand;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// An AI gateway: one door between your programs and the LLM providers.
#[derive(Parser)]
#[command(name = "ai-gateway", version, about)]
struct Arguments {
    /// The configuration file (default: GATEWAY_CONFIG, else gateway.toml where there is one).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Subcommand)]
enum Command {
    /// Serve callers (the default).
    Serve,
    /// Serve on simulated providers: no account and no key needed.
    Demo {
        /// Callers of its own, so that the dashboard has something to show.
        #[arg(long)]
        traffic: bool,
    },
    /// Check the configuration, list every mistake, open no port.
    Check,
    /// Check, read or export the audit trail.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// See or set what teams may spend, at a running gateway.
    Budget(BudgetArguments),
    /// Make, list or revoke keys, of a running gateway or where none runs.
    #[command(subcommand)]
    Keys(KeysCommand),
}

/// Runs the command line; the exit code is 0, or 1 with the reason on standard error.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let environment = Environment::read(Path::new(".env"));
    let file = arguments.config.as_deref();
    let result = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&environment, file),
        Command::Demo { traffic } => {
            let traffic = if traffic { demo::Traffic::Simulated } else { demo::Traffic::Own };
            demo::run(environment, file, traffic)
        }
        Command::Check => check(&environment, file),
        Command::Audit(command) => audit::run(command, &environment),
        Command::Budget(arguments) => budget::run(arguments, &environment),
        Command::Keys(command) => keys::run(command, &environment, file),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed there is nobody left to tell.
            writeln!(std::io::stderr(), "ai-gateway: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn serve(environment: &Environment, file: Option<&Path>) -> Outcome {
    let config = Config::load(environment, file)?;
    logging::start(&config.log);
    warn_of_absent_features(&config);
    for line in guards::lines(&config) {
        log::info!("{line}");
    }
    actix_rt::System::new().block_on(async {
        let serving = assembly::start(config).await?;
        for address in &serving.addresses {
            log::info!("listening on {address}");
        }
        serving.until_stopped().await?;
        Ok(())
    })
}

/// A setting that asks for protection which is not there must not be mistaken for protection.
pub(crate) fn warn_of_absent_features(config: &Config) {
    for name in &config.not_yet {
        log::warn!("{name} is set, and this version has no such feature: it has no effect");
    }
    if config.access.demo_keys {
        log::warn!("GATEWAY_DEMO_KEYS is on: everybody knows these keys, so only this machine may call");
    }
}

fn check(environment: &Environment, file: Option<&Path>) -> Outcome {
    let config = Config::load(environment, file)?;
    let [router, embeddings] = assembly::routers(&config)?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "the configuration is good: {} upstreams, {} routes",
        config.upstreams.len(),
        router.models().chain(embeddings.models()).count()
    )?;
    for upstream in &config.upstreams {
        let default = upstream.default_model.as_ref().map_or("none", |model| model.as_str());
        writeln!(out, "  {}: default model {default}", upstream.name)?;
    }
    for sink in &config.audit.sinks {
        writeln!(out, "  sink {}: {}", sink.name, sink.kind.word())?;
    }
    for line in guards::lines(&config) {
        writeln!(out, "  {line}")?;
    }
    for name in &config.not_yet {
        writeln!(out, "  warning: {name} has no effect in this version")?;
    }
    Ok(())
}
