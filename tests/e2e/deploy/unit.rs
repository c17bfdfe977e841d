//! The systemd unit: systemd finds no mistake in it, and little that it leaves open.

use super::{all_documented, example, read};
use crate::gateway::Scratch;
use crate::sdk::succeeded;
use std::process::Command;

const UNIT: &str = "deploy/systemd/ai-gateway.service";
/// Tenths of systemd's scale of exposure, 0 to 100. Sockets, and a root that is the host's, make most of it.
const MOST_EXPOSED: &str = "15";

fn systemd_analyze(arguments: &[&str], unit: &str) -> std::process::Output {
    let folder = Scratch::new();
    let file = folder.path().join("ai-gateway.service");
    std::fs::write(&file, unit).expect("a scratch directory can be written");
    let run = Command::new("systemd-analyze").args(arguments).arg(&file).output();
    run.expect("systemd-analyze is missing: install it (apt-get install systemd)")
}

/// With the binary that is there: systemd looks for it.
fn unit() -> String {
    read(UNIT).replace("/usr/bin/ai-gateway", env!("CARGO_BIN_EXE_ai-gateway"))
}

#[test]
fn systemd_takes_the_unit_as_it_is() {
    let output = systemd_analyze(&["verify"], &unit());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{UNIT}");
    succeeded(output, UNIT);
    let broken = unit().replace("ProtectHome=yes", "ProtectHme=yes");
    let output = systemd_analyze(&["verify"], &broken);
    assert!(String::from_utf8_lossy(&output.stderr).contains("ProtectHme"), "a key that is none is found");
}

/// What docs/operations.md has for keys in files of their own.
#[test]
fn systemd_takes_the_page_s_drop_in_too() {
    let page = read("docs/operations.md");
    let drop_in = page.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a drop-in");
    let output = systemd_analyze(&["verify"], &format!("{}\n{drop_in}", unit()));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{drop_in}");
    succeeded(output, drop_in);
    let settings = drop_in.lines().filter_map(|line| line.strip_prefix("Environment="));
    all_documented("docs/operations.md", settings.filter_map(|pair| pair.split('=').next()));
}

#[test]
fn little_is_left_open() {
    let security = ["security", "--offline=yes", "--no-pager", "--threshold", MOST_EXPOSED];
    succeeded(systemd_analyze(&security, &unit()), UNIT);
    let open = unit().replace("NoNewPrivileges=yes\n", "").replace("CapabilityBoundingSet=\n", "");
    assert!(!systemd_analyze(&security, &open).status.success(), "the bound holds it where it is");
}

#[test]
fn it_sets_names_that_exist_and_waits_long_enough() {
    let text = read(UNIT);
    let setting = |key: &'static str| text.lines().filter_map(move |line| line.strip_prefix(key));
    all_documented(UNIT, setting("Environment=").filter_map(|pair| pair.split('=').next()));
    // systemd.exec(5): what a file sets wins, and the header says to install a copy of the example.
    let own: Vec<&str> = setting("Environment=").filter_map(|pair| pair.split('=').next()).collect();
    for (name, _) in example() {
        assert!(!own.contains(&name.as_str()), "{UNIT} sets {name}, and .env.example takes it back");
    }
    let wait: u64 = setting("TimeoutStopSec=").next().and_then(|text| text.parse().ok()).expect("seconds");
    assert!(wait >= super::chart::LONGEST_STOP_S, "the grace and all that is written after it: {wait}");
}
