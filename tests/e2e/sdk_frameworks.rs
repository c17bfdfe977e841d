//! Frameworks that callers build on, unchanged but for base URL and key: LangChain and pydantic-ai.

use crate::gateway::{Gateway, TEAM_KEY};
use crate::sdk::{environment, succeeded};
use std::process::Command;

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk/frameworks.txt");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk");

async fn tour(script: &str, base: &str) {
    let gateway = Gateway::start().await;
    let run = Command::new(environment("frameworks-venv", REQUIREMENTS, &[]))
        .args(["-B", script, &gateway.url(base), TEAM_KEY])
        .current_dir(FOLDER)
        // Loopback never goes through a proxy that this machine may have.
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .output();
    succeeded(run.expect("the environment has a python"), &format!("the tour {script} failed"));
}

#[tokio::test]
async fn langchain_works() {
    tour("langchain_tour.py", "/v1").await;
}

#[tokio::test]
async fn agents_of_pydantic_ai_work() {
    tour("pydantic_ai_tour.py", "").await;
}
