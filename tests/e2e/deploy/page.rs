//! docs/operations.md speaks of settings, codes and log lines that exist.

use super::{all_documented, path, read};
use std::collections::BTreeSet;
use std::path::PathBuf;

const PAGE: &str = "docs/operations.md";

/// What stands between backticks, outside of code blocks.
fn quoted(page: &str) -> Vec<String> {
    let mut in_code = false;
    let prose = page.lines().filter(|line| {
        let fence = line.starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    prose.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Every Rust source of the gateway, in one.
fn sources() -> String {
    let mut folders: Vec<PathBuf> = ["src", "actors/src", "core/src", "redis/src"].map(path).into();
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                all.push_str(&std::fs::read_to_string(path).expect("a source is UTF-8"));
            }
        }
    }
    all
}

#[test]
fn every_setting_that_it_names_is_documented() {
    let names: BTreeSet<String> = quoted(&read(PAGE))
        .iter()
        .filter_map(|text| text.split(['=', '/', ' ']).next().map(str::to_owned))
        .filter(|name| name.contains('_') && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        .collect();
    assert!(names.len() > 20, "the page was not understood: {names:?}");
    all_documented(PAGE, names.iter().map(String::as_str));
}

#[test]
fn every_code_that_it_names_is_one() {
    let api = read("docs/api.md");
    let page = read(PAGE);
    let after = |status: &'static str| page.split(status).skip(1).filter_map(|rest| rest.split('`').next());
    let codes = ["402 `", "401 `", "429 `", "502 `", "503 `", "504 `"].into_iter().flat_map(after);
    let codes: BTreeSet<&str> = codes.collect();
    assert!(codes.len() > 5, "the page was not understood: {codes:?}");
    for code in codes {
        assert!(api.contains(&format!("| `{code}` |")), "{PAGE} names {code}, which docs/api.md does not");
    }
}

#[test]
fn every_log_line_that_it_quotes_is_written() {
    let (page, sources) = (read(PAGE), sources());
    let lines: BTreeSet<&str> =
        page.split("log `").skip(1).filter_map(|rest| rest.split('"').nth(1)).collect();
    assert!(lines.len() >= 8, "the page was not understood: {lines:?}");
    for line in lines {
        assert!(sources.contains(line), "{PAGE} quotes a log line that no source has: {line}");
    }
}
