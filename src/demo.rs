//! `ai-gateway demo`: the whole gateway on simulated providers, over real HTTP, in one process. The only
//! user of the simulator.

use crate::config::access::DEMO_ADMIN_KEY;
use crate::config::{Config, Environment, bind_address};
use crate::{assembly, cli, logging};
use gateway_simulator::{Provider, Rule, Running, Simulator, SimulatorOptions, When};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use uuid::Uuid;

/// Every so many calls to OpenAI fail, so that fallback can be seen.
const FAILS_EVERY: u64 = 4;

/// Serves until stopped.
pub fn run(mut environment: Environment, file: Option<&Path>) -> Result<(), Box<dyn std::error::Error>> {
    let simulator = Simulator::start(SimulatorOptions::default())?;
    simulator.faults().set(Rule::status(503).on(Provider::OpenAi).when(When::Every(FAILS_EVERY)));
    let keys = provide(&mut environment, &simulator);
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
        serving.until_stopped().await?;
        simulator.stop().await?;
        Ok(())
    })
}

/// Points every provider at the simulator, and returns the key to try it with. The built-in keys are
/// public, so a listener that others can reach gets fresh ones.
fn provide(environment: &mut Environment, simulator: &Running) -> DemoKeys {
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
    let reachable = bind_address(environment).is_ok_and(|address| !address.ip().is_loopback());
    if !reachable {
        environment.set("GATEWAY_DEMO_KEYS", "true");
        return DemoKeys { team: "sk-gateway-engineering-001".to_owned(), admin: DEMO_ADMIN_KEY.to_owned() };
    }
    let keys = DemoKeys { team: fresh_key(), admin: fresh_key() };
    environment.set("GATEWAY_DEMO_KEYS", "false");
    environment.set("GATEWAY_API_KEYS", &format!("engineering-team:{}", keys.team));
    environment.set("GATEWAY_ADMIN_KEY", &keys.admin);
    keys
}

/// What the welcome prints: these open nothing but simulated providers.
struct DemoKeys {
    team: String,
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
    let DemoKeys { team, admin } = keys;
    format!(
        r#"
The gateway serves simulated providers at http://{reached} (every {FAILS_EVERY}th call to openai fails on purpose).

Ask it something, in its own dialect:

  curl -s http://{reached}/v1/complete -H 'X-API-Key: {team}' -H 'Content-Type: application/json' \
    -d '{{"messages":[{{"role":"user","content":"Why is the sky blue?"}}]}}'

With OpenAI's, streamed, answered by Anthropic:

  curl -sN http://{reached}/v1/chat/completions -H 'Authorization: Bearer {team}' -H 'Content-Type: application/json' \
    -d '{{"model":"claude-opus-4-6","stream":true,"messages":[{{"role":"user","content":"Why is the sky blue?"}}]}}'

How the providers are:  curl -s http://{reached}/v1/providers/status -H 'X-API-Key: {admin}'
The API, as a page:     http://{reached}/docs

Ctrl-C stops it.
"#
    )
}
