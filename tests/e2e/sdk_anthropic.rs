//! Anthropic's official SDK for Python, unchanged but for base URL and key, to each provider; its own
//! exception classes where something fails.

use crate::gateway::{Gateway, TEAM_KEY};
use crate::sdk::{python, succeeded};
use gateway_simulator::{Failure, Point, Provider, Rule, When};
use std::process::Command;

const TOUR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk/anthropic_tour.py");

fn tour(part: &str, gateway: &Gateway) {
    let run = Command::new(python())
        .args(["-B", TOUR, part, &gateway.url(""), TEAM_KEY])
        // Loopback never goes through a proxy that this machine may have.
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .output();
    succeeded(run.expect("the environment has a python"), &format!("the tour failed at `{part}`"));
}

#[tokio::test]
async fn the_anthropic_sdk_tours_the_gateway() {
    tour("whole", &Gateway::start().await);

    // One failure each: the SDK's own second try, after the wait that the gateway names, finds both well.
    let gateway = Gateway::start().await;
    let once = |provider| Rule::status(503).on(provider).when(When::First(1));
    gateway.faults().set_all([Provider::OpenAi, Provider::AzureOpenAi].map(once).to_vec());
    tour("retries", &gateway);

    let gateway = Gateway::start().await;
    gateway.faults().set(Rule::status(500));
    tour("failing", &gateway);

    let gateway = Gateway::start().await;
    gateway.faults().set(Rule { gap_ms: 1, ..Rule::new(Failure::Cut(Point::AfterContent)) });
    tour("cut", &gateway);
}
