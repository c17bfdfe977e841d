//! `ai-gateway demo`: the whole gateway on simulated providers, over real HTTP, in one process. The only
//! user of the simulator.

mod traffic;

use crate::config::access::{DEMO_ADMIN_KEY, DEMO_TEAM_KEYS};
use crate::config::{Config, Environment, bind_address};
use crate::gateway::Gateway;
use crate::{assembly, cli, logging};
use actix_web::web::Data;
use gateway_simulator::{Failure, Faults, Provider, Rule, Running, Simulator, SimulatorOptions, When};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// Every so many calls to OpenAI fail, so that fallback can be seen.
const FAILS_EVERY: u64 = 4;

/// Who asks the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// Whoever comes.
    Own,
    /// Callers of its own too, so that the dashboard has something to show.
    Simulated,
}

/// Serves until stopped.
pub fn run(
    mut environment: Environment,
    file: Option<&Path>,
    traffic: Traffic,
) -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::start(SimulatorOptions::default())?;
    simulator.faults().set(Rule::status(503).on(Provider::OpenAi).when(When::Every(FAILS_EVERY)));
    let keys = provide(&mut environment, &simulator, traffic);
    let config = Config::load(&environment, file)?;
    stays_inside(&config, &simulator)?;
    logging::start(&config.log);
    cli::warn_of_absent_features(&config);
    actix_rt::System::new().block_on(async {
        let serving = assembly::start(config).await?;
        let address = serving.addresses.first().copied();
        if let Some(address) = address {
            std::io::stdout().write_all(welcome(address, &keys).as_bytes())?;
        }
        if let (Traffic::Simulated, Some(address)) = (traffic, address) {
            let callers = traffic::Callers { address, teams: keys.teams.clone(), admin: keys.admin.clone() };
            let (gateway, tasks) = serving.parts();
            tasks.spawn(weather(simulator.faults(), gateway.clone()));
            tasks.spawn(traffic::run(callers, gateway, tasks.clone()));
        }
        serving.until_stopped().await?;
        simulator.stop().await?;
        Ok(())
    })
}

/// Points every provider at the simulator, and returns the key to try it with. The built-in keys are
/// public, so a listener that others can reach gets fresh ones.
fn provide(environment: &mut Environment, simulator: &Running, traffic: Traffic) -> DemoKeys {
    let url = simulator.url();
    let openai = format!("{url}/v1");
    for (name, value) in [
        ("ANTHROPIC_API_KEY", "simulated"),
        ("ANTHROPIC_BASE_URL", &*url),
        ("OPENAI_API_KEY", "simulated"),
        ("OPENAI_BASE_URL", &*openai),
        ("AZURE_OPENAI_API_KEY", "simulated"),
        ("AZURE_OPENAI_ENDPOINT", &*url),
        ("AZURE_OPENAI_DEPLOYMENT", "demo"),
        ("AZURE_OPENAI_BASE_MODEL", "gpt-4o"),
        ("GEMINI_API_KEY", "simulated"),
        ("GEMINI_BASE_URL", &*url),
    ] {
        environment.set(name, value);
    }
    // Made-up requests neither stand in the real trail nor leave this machine.
    let state = environment.value("GATEWAY_STATE_DIR").unwrap_or("./state").to_owned();
    environment.set("GATEWAY_STATE_DIR", &format!("{state}/demo"));
    for name in ["AUDIT_DIR", "SIEM_WEBHOOK_URL", "SIEM_TOKEN", "BUDGET_ALERT_WEBHOOK_URL"] {
        environment.set(name, "");
    }
    // Short enough that who watches sees it come back.
    if traffic == Traffic::Simulated && environment.value("CIRCUIT_BREAKER_COOLDOWN_S").is_none() {
        environment.set("CIRCUIT_BREAKER_COOLDOWN_S", "5");
    }
    let reachable = bind_address(environment).is_ok_and(|address| !address.ip().is_loopback());
    environment.set("GATEWAY_DEMO_KEYS", if reachable { "false" } else { "true" });
    if !reachable {
        let of =
            |team| DEMO_TEAM_KEYS.iter().find(|(name, _)| *name == team).map(|(_, key)| (*key).to_owned());
        let teams = TEAMS.into_iter().filter_map(|team| Some((team, of(team)?)));
        return DemoKeys { teams: teams.collect(), admin: DEMO_ADMIN_KEY.to_owned() };
    }
    let keys = DemoKeys { teams: TEAMS.map(|team| (team, fresh_key())).to_vec(), admin: fresh_key() };
    let told: Vec<String> = keys.teams.iter().map(|(team, key)| format!("{team}:{key}")).collect();
    environment.set("GATEWAY_API_KEYS", &told.join(","));
    environment.set("GATEWAY_ADMIN_KEY", &keys.admin);
    keys
}

/// The first is the one whose key the welcome tells, and the busiest.
const TEAMS: [&str; 3] = ["engineering-team", "finance-team", "marketing-team"];

/// Providers as they are on a bad day: slow as real ones, one that fails for a while, one that is asked too
/// much. In turn, until the gateway shuts down.
async fn weather(faults: Faults, gateway: Data<Gateway>) {
    let pace = |provider, latency_ms| Rule { latency_ms, gap_ms: 25, ..Rule::default() }.on(provider);
    let usual = || {
        vec![
            Rule { latency_ms: 260, gap_ms: 25, ..Rule::status(503) }
                .on(Provider::OpenAi)
                .when(When::Every(2 * FAILS_EVERY)),
            pace(Provider::Anthropic, 480),
            pace(Provider::Gemini, 340),
            pace(Provider::AzureOpenAi, 300),
        ]
    };
    let fails = || Rule::status(503).on(Provider::OpenAi);
    let busy = || Rule::new(Failure::Status { code: 429, retry_after_ms: Some(4_000) }).on(Provider::Gemini);
    let days: [(u64, Option<Rule>); 4] = [(4, None), (9, Some(fails())), (14, None), (6, Some(busy()))];
    while !gateway.shutdown.has_begun() {
        for (seconds, trouble) in days.clone() {
            faults.clear();
            faults.set_all(usual());
            if let Some(rule) = trouble {
                faults.set(rule);
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
                () = gateway.shutdown.grace_over() => return,
            }
            if gateway.shutdown.has_begun() {
                return;
            }
        }
    }
}

/// What the welcome prints: these open nothing but simulated providers.
struct DemoKeys {
    teams: Vec<(&'static str, String)>,
    admin: String,
}

/// 244 bits from the system's source of chance.
fn fresh_key() -> String {
    format!("sk-gateway-{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// A demo sends nothing out, whatever a configuration file says.
fn stays_inside(config: &Config, simulator: &Running) -> Result<(), String> {
    if let Some(sink) = config.audit.sinks.first() {
        return Err(format!(
            "the demo delivers no records: take the sink `{}` out of the configuration file, or run `serve`",
            sink.name
        ));
    }
    let outside = config.upstreams.iter().find(|upstream| !upstream.base_url.starts_with(&simulator.url()));
    match outside {
        Some(upstream) => Err(format!(
            "the demo serves simulated providers only: take `[upstreams.{}]` out of the configuration file, or run `serve`",
            upstream.name
        )),
        None => Ok(()),
    }
}

fn welcome(address: SocketAddr, keys: &DemoKeys) -> String {
    let reached = if address.ip().is_unspecified() {
        format!("127.0.0.1:{}", address.port())
    } else {
        address.to_string()
    };
    let (team, admin) = (keys.teams.first().map_or("", |(_, key)| key), &keys.admin);
    format!(
        r#"
The gateway serves simulated providers at http://{reached} (every {FAILS_EVERY}th call to openai fails on purpose).

Ask it something, in its own dialect:

  curl -s http://{reached}/v1/complete -H 'X-API-Key: {team}' -H 'Content-Type: application/json' \
    -d '{{"messages":[{{"role":"user","content":"Why is the sky blue?"}}]}}'

With OpenAI's, streamed, answered by Anthropic:

  curl -sN http://{reached}/v1/chat/completions -H 'Authorization: Bearer {team}' -H 'Content-Type: application/json' \
    -d '{{"model":"claude-opus-4-6","stream":true,"messages":[{{"role":"user","content":"Why is the sky blue?"}}]}}'

The dashboard:          http://{reached}/dashboard, key {admin}
How the providers are:  curl -s http://{reached}/v1/providers/status -H 'X-API-Key: {admin}'
The API, as a page:     http://{reached}/docs

Ctrl-C stops it.
"#
    )
}
