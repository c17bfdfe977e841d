//! The dashboard in a real browser, headless, against a gateway with three teams, a provider that fails and
//! personal data. The tour itself is `browser/dashboard_tour.mjs`.

use crate::gateway::{ADMIN_KEY, OTHER_TEAM_KEY, Setup, TEAM_KEY};
use crate::sdk::succeeded;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/browser");
const PICTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pictures");
const THIRD_TEAM_KEY: &str = "marketing-key-4d8f2a6c0e";
const TOUR: &str = "dashboard_tour.mjs";

/// Debian's packages, the smaller one first.
const BROWSERS: [&str; 3] = ["chromium-headless-shell", "chromium", "chromium-browser"];

fn browser() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = BROWSERS.iter().flat_map(|name| std::env::split_paths(&path).map(move |at| at.join(name)));
    let found = named.into_iter().find(|file| file.is_file());
    found.expect(
        "no Chromium is here, so the dashboard was not looked at: apt-get install chromium-headless-shell",
    )
}

/// A folder with the npm packages of the tour, kept in the target directory until the versions asked for change.
fn tour_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser-node");
    std::fs::create_dir_all(&folder).expect("the target directory can be written");
    std::fs::copy(Path::new(FOLDER).join(TOUR), folder.join(TOUR)).expect("the tour is copied");
    let wanted = std::fs::read(Path::new(FOLDER).join("package.json")).expect("it is in the repository");
    let installed = folder.join("installed.json");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return folder;
    }
    std::fs::write(folder.join("package.json"), &wanted).expect("the target directory can be written");
    let npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder)
        .output();
    succeeded(
        npm.expect("npm is missing: install Node.js 20 or newer, which brings it"),
        "npm could not install playwright-core and axe-core: its registry, or the mirror that npm is configured \
         for, has to be reachable",
    );
    std::fs::write(installed, wanted).expect("the target directory can be written");
    folder
}

/// With `RENEW_PICTURES` set, the pictures of docs/dashboard.md are taken anew.
#[tokio::test]
async fn operators_see_what_the_api_says() {
    let keys = [
        ("engineering-team", TEAM_KEY),
        ("finance-team", OTHER_TEAM_KEY),
        ("marketing-team", THIRD_TEAM_KEY),
    ];
    let gateway = Setup::new()
        .env("GATEWAY_API_KEYS", keys.map(|(team, key)| format!("{team}:{key}")).join(","))
        .file("gateway.toml", "[usage]\ntags = [\"cost_center\"]\n")
        .env("CIRCUIT_BREAKER_COOLDOWN_S", 600)
        .env("INJECTION_ACTION", "block")
        // Nobody takes the records there: the page shows how far that receiver lags.
        .env("SIEM_WEBHOOK_URL", "http://127.0.0.1:9/records")
        .env("RUST_LOG", "info")
        .start()
        .await;
    let mut told = serde_json::Map::from_iter(keys.map(|(team, key)| (team.to_owned(), json!(key))));
    told.insert("admin".to_owned(), json!(ADMIN_KEY));
    let mut tour = Command::new("node");
    tour.current_dir(tour_folder()).arg(TOUR).arg(browser());
    tour.args([gateway.url("").trim_end_matches('/'), &gateway.simulator()]);
    tour.env("TOUR_KEYS", serde_json::Value::from(told).to_string())
        .env("NO_PROXY", "*")
        .env("no_proxy", "*");
    if std::env::var_os("RENEW_PICTURES").is_some() {
        std::fs::create_dir_all(PICTURES).expect("docs can be written");
        tour.arg(PICTURES);
    }
    let output = tour.output().expect("node is missing: install Node.js 20 or newer");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    succeeded(output, "the tour of the dashboard failed");
}
