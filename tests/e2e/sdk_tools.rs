//! Tools, schemas, images and reasoning with the SDKs that callers use, unchanged but for base URL and key:
//! OpenAI's for Python and for JavaScript, Anthropic's for JavaScript, and the AI SDK through its providers of both.

use crate::gateway::{Gateway, TEAM_KEY};
use crate::sdk::{python, succeeded};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/sdk");
const OLDEST_NODE: u32 = 20;

/// A folder with the npm packages of `package.json`, made once and kept in the target directory until the
/// versions asked for change. The tours are copied there, for Node.js looks for packages beside a script.
fn node_modules() -> PathBuf {
    // Tests run at once; one of them makes it.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-node");
    std::fs::create_dir_all(&folder).expect("the target directory can be written");
    for tour in [
        "openai_tour.mjs",
        "ai_sdk_parts.mjs",
        "ai_sdk_tour.mjs",
        "anthropic_tour.mjs",
        "ai_sdk_anthropic_tour.mjs",
    ] {
        std::fs::copy(Path::new(FOLDER).join(tour), folder.join(tour)).expect("a tour is copied");
    }
    let wanted = std::fs::read(Path::new(FOLDER).join("package.json")).expect("it is in the repository");
    let installed = folder.join("installed.json");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return folder;
    }
    let version = Command::new("node").arg("--version").output();
    let version = version.expect("node is missing: install Node.js 20 or newer, which brings npm");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    assert!(major >= Some(OLDEST_NODE), "Node.js {version} is too old: install {OLDEST_NODE} or newer");
    std::fs::write(folder.join("package.json"), &wanted).expect("the target directory can be written");
    let npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder)
        .output();
    succeeded(
        npm.expect("npm is missing: it comes with Node.js"),
        "npm could not install the SDKs: its registry, or the mirror that npm is configured for, has to be reachable",
    );
    std::fs::write(installed, wanted).expect("the target directory can be written");
    folder
}

/// Runs a tour to its end. Loopback never goes through a proxy that this machine may have.
async fn tour(mut command: Command, script: &str) {
    let gateway = Gateway::start().await;
    // Anthropic's own SDK adds the version to the path itself.
    let base = if script.starts_with("anthropic") { "" } else { "/v1" };
    command.arg(script).args([&gateway.url(base), TEAM_KEY]).env("NO_PROXY", "*").env("no_proxy", "*");
    let told = format!("the tour {script} failed");
    succeeded(command.output().expect("the environment was made"), &told);
}

fn node() -> Command {
    let mut command = Command::new("node");
    command.current_dir(node_modules());
    command
}

#[tokio::test]
async fn the_openai_sdk_for_python_uses_tools() {
    let mut command = Command::new(python());
    command.arg("-B").current_dir(FOLDER);
    tour(command, "tools_tour.py").await;
}

#[tokio::test]
async fn the_openai_sdk_for_javascript_uses_tools() {
    tour(node(), "openai_tour.mjs").await;
}

#[tokio::test]
async fn the_ai_sdk_uses_tools() {
    tour(node(), "ai_sdk_tour.mjs").await;
}

#[tokio::test]
async fn the_anthropic_sdk_for_javascript_tours_the_gateway() {
    tour(node(), "anthropic_tour.mjs").await;
}

#[tokio::test]
async fn the_ai_sdk_speaks_anthropic_s_dialect() {
    tour(node(), "ai_sdk_anthropic_tour.mjs").await;
}
