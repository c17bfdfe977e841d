//! The official Python SDK of OpenAI, unchanged but for its base URL and key, against the demo and against
//! a gateway whose providers fail.

use crate::gateway::{Gateway, Setup, TEAM_KEY};
use gateway_simulator::{Failure, Provider, Rule, When};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk/requirements.txt");
const TOUR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk/openai_tour.py");

/// A Python with the SDK.
pub fn python() -> PathBuf {
    environment("sdk-venv", REQUIREMENTS, &[])
}

/// A Python with what `requirements` lists, made once and kept in the target directory until the versions asked
/// for change.
pub fn environment(name: &str, requirements: &str, flags: &[&str]) -> PathBuf {
    // Tests run at once; one of them makes it.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (python, installed) = (venv.join("bin/python"), venv.join("installed.txt"));
    let wanted = std::fs::read(requirements).expect("the requirements are in the repository");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) && python.exists() {
        return python;
    }
    let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv).output();
    succeeded(
        made.expect("python3 is missing: install it (apt-get install python3 python3-venv)"),
        "python3 can't make a virtual environment: install it (apt-get install python3-venv)",
    );
    let pip = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "-r", requirements])
        .args(flags)
        .output();
    succeeded(
        pip.expect("the environment has a python"),
        &format!(
            "pip could not install {requirements}: PyPI, or the mirror that pip is configured for, has to be reachable"
        ),
    );
    std::fs::write(&installed, wanted).expect("the target directory can be written");
    python
}

/// Fails the test where a command did, with all that it printed.
pub fn succeeded(output: Output, mend: &str) {
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{mend}\n{}", String::from_utf8_lossy(&told));
}

fn tour(part: &str, gateway: &Gateway, key: &str) {
    let run = Command::new(python())
        .args(["-B", TOUR, part, &gateway.url("/v1"), key])
        // Loopback never goes through a proxy that this machine may have.
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .output();
    succeeded(run.expect("the environment has a python"), &format!("the tour failed at `{part}`"));
}

#[tokio::test]
async fn the_openai_sdk_tours_the_gateway() {
    let demo = Setup::new().arguments(&["demo"]).start().await;
    tour("demo", &demo, "sk-gateway-engineering-001");

    // One failure each: the SDK's own second try, after the wait that the gateway names, finds both well.
    let gateway = Gateway::start().await;
    let once = |provider| Rule::status(503).on(provider).when(When::First(1));
    gateway.faults().set_all([Provider::OpenAi, Provider::AzureOpenAi].map(once).to_vec());
    tour("retries", &gateway, TEAM_KEY);
    for provider in [Provider::OpenAi, Provider::AzureOpenAi] {
        assert_eq!(gateway.seen(provider).failed, 1, "{provider:?}");
    }

    let gateway = Gateway::start().await;
    gateway.faults().set(Rule::status(500));
    tour("failing", &gateway, TEAM_KEY);

    let gateway = Gateway::start().await;
    let cut = Failure::Cut(gateway_simulator::Point::AfterContent);
    gateway.faults().set(Rule { gap_ms: 1, ..Rule::new(cut) });
    tour("cut", &gateway, TEAM_KEY);
}
