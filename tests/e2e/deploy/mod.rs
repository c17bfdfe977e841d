//! What stands in `deploy/`, read by the tools that will read it: hadolint, Helm, Kubernetes' schemas, a strict
//! reader of compose files, systemd. They come from PyPI ([`requirements.txt`](./requirements.txt)) and Debian;
//! one that is missing is a failed test that names it. No registry of images and no cluster is asked.

mod chart;
mod compose;
mod image;
mod page;
mod unit;

use crate::sdk::{environment, succeeded};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Who the gateway runs as, in the image and wherever it is started from.
const USER: u32 = 65_532;

fn path(below_root: &str) -> PathBuf {
    Path::new(ROOT).join(below_root)
}

fn read(below_root: &str) -> String {
    std::fs::read_to_string(path(below_root)).unwrap_or_else(|error| panic!("{below_root}: {error}"))
}

/// A Python with the tools.
fn python() -> PathBuf {
    environment("deploy-venv", &path("tests/e2e/deploy/requirements.txt").to_string_lossy(), &["--no-deps"])
}

/// One of the programs that came with it.
fn tool(name: &str) -> Command {
    Command::new(python().with_file_name(name))
}

/// `look.py`, not started yet.
fn look(arguments: &[&str]) -> Command {
    let mut command = Command::new(python());
    command.arg("-B").arg(path("tests/e2e/deploy/look.py")).args(arguments);
    command
}

/// What it prints as JSON.
fn answer(command: &mut Command, input: &str) -> Value {
    let output = fed(command, input);
    succeeded(output.clone(), &format!("{command:?}"));
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

fn fed(command: &mut Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|error| panic!("{error}: {piped:?}"));
    let mut pipe = child.stdin.take().expect("piped");
    let input = input.to_owned();
    // Beside the reading, so that neither waits for the other.
    let writing = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("a child can be waited for");
    writing.join().expect("the writer does not panic").ok();
    output
}

/// The first document of a YAML file.
fn yaml(below_root: &str) -> Value {
    answer(&mut look(&["yaml"]), &read(below_root))[0].clone()
}

/// The environment names that docs/configuration.md explains.
fn documented() -> BTreeSet<String> {
    let page = read("docs/configuration.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let is_name =
        |name: &&str| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let names: BTreeSet<String> = rows.filter(is_name).map(str::to_owned).collect();
    assert!(names.contains("GATEWAY_BIND") && names.len() > 40, "the page was not understood: {names:?}");
    names
}

/// Names and values that `.env.example` sets.
fn example() -> Vec<(String, String)> {
    let text = read(".env.example");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert!(pairs.len() > 20, "the example was not understood: {pairs:?}");
    pairs
}

/// Fails where a name is not explained: it would have no effect, or keep the gateway from starting.
fn all_documented<'a>(place: &str, names: impl IntoIterator<Item = &'a str>) {
    let documented = documented();
    let unknown: Vec<&str> = names.into_iter().filter(|name| !documented.contains(*name)).collect();
    assert!(unknown.is_empty(), "{place} sets what docs/configuration.md does not explain: {unknown:?}");
}

/// The strings of a list.
fn strings(list: &Value) -> Vec<&str> {
    list.as_array().map_or(Vec::new(), |list| list.iter().filter_map(Value::as_str).collect())
}
