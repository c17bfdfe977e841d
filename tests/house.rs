//! The rules of the house that no compiler holds: who may depend on whom, how long a file may be, what it
//! may be called. Each failure names the file, the rule and the mend.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Each room's folder, its package, and the rooms that it may use (docs/architecture.md, "Rooms and arrows").
const ARROWS: [(&str, &str, &[&str]); 8] = [
    (
        "",
        "ai-gateway",
        &["gateway-actors", "gateway-inspection", "gateway-wire", "gateway-core", "gateway-simulator"],
    ),
    ("actors", "gateway-actors", &["gateway-redis", "gateway-core"]),
    ("redis", "gateway-redis", &["gateway-core"]),
    ("wire", "gateway-wire", &["gateway-core"]),
    ("inspection", "gateway-inspection", &["gateway-core"]),
    ("core", "gateway-core", &[]),
    ("simulator", "gateway-simulator", &[]),
    ("bench", "gateway-bench", &[]),
];

/// Rooms of pure functions, and crates that could reach a socket, a timer or a task.
const PURE_ROOMS: [&str; 3] = ["gateway-core", "gateway-inspection", "gateway-wire"];
const RUNTIMES: [&str; 9] =
    ["actix", "actix-rt", "actix-web", "async-std", "hyper", "mio", "reqwest", "smol", "tokio"];

const MOST_CODE_LINES: usize = 600;
const EMPTY_NAMES: [&str; 4] = ["utils", "helpers", "common", "manager"];

/// A text file of the repository, by its path from the root with `/` between.
struct Source {
    path: String,
    text: String,
}

/// What `git ls-files` would list, near enough: hidden folders, build output and state are left out.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be listed") {
            let path = entry.expect("an entry of that folder can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                let made = folder == root && ["target", "state"].contains(&name);
                let foreign = name.starts_with('.') || ["node_modules", "__pycache__"].contains(&name);
                if !made && !foreign {
                    folders.push(path);
                }
            } else if ["rs", "md", "toml"].iter().any(|kind| path.extension().is_some_and(|it| it == *kind)) {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let path = path.strip_prefix(root).expect("it was found below the root");
                found.push(Source { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.iter().any(|source| source.path == "src/main.rs"), "the walk missed src/main.rs");
    found
}

fn rust(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| source.path.ends_with(".rs"))
}

/// A file of tests alone: a room's own `tests/` folder, or a module's `tests.rs`.
fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

fn manifests(sources: &[Source]) -> BTreeMap<&str, toml::Table> {
    let named = sources.iter().filter_map(|source| {
        let folder = source.path.strip_suffix("Cargo.toml")?;
        let manifest = source.text.parse().expect("cargo reads this manifest too");
        Some((folder.trim_end_matches('/'), manifest))
    });
    named.collect()
}

/// The names of all dependencies: plain, for tests, for build scripts, for one platform.
fn dependencies(manifest: &toml::Table) -> Vec<&str> {
    let mut names = Vec::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        match key.as_str() {
            "dependencies" | "dev-dependencies" | "build-dependencies" => {
                names.extend(table.keys().map(String::as_str));
            }
            "target" => names.extend(table.values().filter_map(toml::Value::as_table).flat_map(dependencies)),
            _ => {}
        }
    }
    names
}

fn off_the_arrows(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for (folder, manifest) in manifests(sources) {
        let Some((_, package, may_use)) = ARROWS.iter().find(|(room, ..)| *room == folder) else {
            broken.push(format!(
                "{folder}/Cargo.toml: a room without a line in the table of arrows; add it to tests/house.rs and \
                 docs/architecture.md, or put its code into a room that is there"
            ));
            continue;
        };
        for used in dependencies(&manifest) {
            if used.starts_with("gateway-") && !may_use.contains(&used) {
                broken.push(format!(
                    "{folder}/Cargo.toml: {package} may not use {used}; move the code that needs it up to a room \
                     that may, or pass a value in"
                ));
            }
            if PURE_ROOMS.contains(package) && RUNTIMES.contains(&used) {
                broken.push(format!(
                    "{folder}/Cargo.toml: {package} decides from values alone and may not use {used}; what waits \
                     lives in actors/ or src/"
                ));
            }
        }
    }
    broken
}

fn simulator_outside_the_demo(sources: &[Source]) -> Vec<String> {
    rust(sources)
        .filter(|source| source.path.starts_with("src/") && source.path != "src/demo.rs")
        .filter(|source| source.text.contains("gateway_simulator"))
        .map(|source| {
            format!(
                "{}: only src/demo.rs may name the simulator; the gateway knows real upstreams",
                source.path
            )
        })
        .collect()
}

fn tests_that_look_inside(sources: &[Source]) -> Vec<String> {
    let rooms = ["ai_gateway", "gateway_actors", "gateway_redis", "gateway_wire", "gateway_core"];
    let inside = |line: &str| rooms.iter().any(|room| line.contains(&format!("{room}::")));
    rust(sources)
        .filter(|source| source.path.starts_with("tests/e2e/"))
        .filter(|source| source.text.lines().any(inside))
        .map(|source| {
            format!(
                "{}: end-to-end tests use the binary and the simulator alone; test a room's insides in that room",
                source.path
            )
        })
        .collect()
}

/// Lines that are neither blank nor comment, up to the tests at the file's end.
fn code_lines(text: &str) -> usize {
    text.lines()
        .map(str::trim)
        .take_while(|line| *line != "mod tests {")
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

fn too_long(sources: &[Source]) -> Vec<String> {
    rust(sources)
        .filter(|source| !is_test(&source.path))
        .map(|source| (&source.path, code_lines(&source.text)))
        .filter(|(_, lines)| *lines > MOST_CODE_LINES)
        .map(|(path, lines)| {
            format!(
                "{path}: {lines} lines of code, at most {MOST_CODE_LINES}; look for the second story in it"
            )
        })
        .collect()
}

fn empty_names(sources: &[Source]) -> Vec<String> {
    rust(sources)
        .filter(|source| {
            let stem = source.path.trim_end_matches(".rs");
            stem.split('/').any(|part| EMPTY_NAMES.contains(&part))
        })
        .map(|source| {
            format!(
                "{}: a name that says nothing ({}); name what lives there",
                source.path,
                EMPTY_NAMES.join(", ")
            )
        })
        .collect()
}

fn ignored_tests(sources: &[Source]) -> Vec<String> {
    let mark = concat!("#[", "ignore");
    rust(sources)
        .filter(|source| source.text.contains(mark))
        .map(|source| {
            format!("{}: an ignored test; mend it, delete it, or let it run where it can", source.path)
        })
        .collect()
}

/// A module's `tests.rs` is told by the module itself.
fn without_a_first_line(sources: &[Source]) -> Vec<String> {
    rust(sources)
        .filter(|source| !source.path.ends_with("/tests.rs") && !source.text.starts_with("//!"))
        .map(|source| {
            format!("{}: the first line is `//!`, saying what lives here and what does not", source.path)
        })
        .collect()
}

/// Targets of `[…](target)` outside of code, without those of the web.
fn local_links(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let prose = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    let targets = prose.flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// As GitHub makes them: lower case, blanks to hyphens, other signs dropped.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|char| char.is_alphanumeric() || "-_".contains(*char)).collect()
    };
    headings.map(anchor).collect()
}

/// `docs/../src/cli.rs` is `src/cli.rs`. None where it leaves the repository.
fn resolved(folder: &Path, target: &str) -> Option<String> {
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir => path.pop().then_some(())?,
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path.to_string_lossy().into_owned())
}

fn dead_links(sources: &[Source]) -> Vec<String> {
    let pages: BTreeMap<&str, &str> =
        sources.iter().map(|source| (source.path.as_str(), source.text.as_str())).collect();
    let exists = |path: &str| {
        pages.contains_key(path)
            || Path::new(env!("CARGO_MANIFEST_DIR")).join(path).try_exists().unwrap_or(false)
    };
    let mut dead = Vec::new();
    for (page, text) in pages.iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = Path::new(page).parent().unwrap_or(Path::new(""));
        for link in local_links(text) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if target.is_empty() { Some((*page).to_owned()) } else { resolved(folder, target) };
            let lives = path.is_some_and(|path| {
                let in_page = |text: &&str| anchors(text).iter().any(|known| known == anchor);
                exists(&path) && (anchor.is_empty() || pages.get(path.as_str()).is_some_and(in_page))
            });
            if !lives {
                dead.push(format!("{page}: the link `{link}` leads nowhere; mend or remove it"));
            }
        }
    }
    dead
}

type Rule = fn(&[Source]) -> Vec<String>;

const RULES: [Rule; 8] = [
    off_the_arrows,
    simulator_outside_the_demo,
    tests_that_look_inside,
    too_long,
    empty_names,
    ignored_tests,
    without_a_first_line,
    dead_links,
];

#[test]
fn the_house_is_in_order() {
    let sources = sources();
    let broken: Vec<String> = RULES.iter().flat_map(|rule| rule(&sources)).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_room_is_in_the_table() {
    let root = sources();
    let manifests = manifests(&root);
    for (folder, package, _) in ARROWS {
        let manifest =
            manifests.get(folder).unwrap_or_else(|| panic!("no {folder}/Cargo.toml: take the room out"));
        assert_eq!(manifest["package"]["name"].as_str(), Some(package), "{folder}/Cargo.toml");
    }
}

/// Each rule, shown to fire.
#[test]
fn what_breaks_a_rule_is_found() {
    let long = format!("//! Long.\n{}", "let a = 1;\n".repeat(MOST_CODE_LINES + 1));
    let tests_at_its_end = format!("//! Short.\nmod tests {{\n{long}}}");
    for (case, rule, path, text, want) in [
        ("an arrow up", off_the_arrows as Rule, "core/Cargo.toml", "[dependencies]\ngateway-wire = '1'", 1),
        ("across", off_the_arrows, "wire/Cargo.toml", "[dev-dependencies]\ngateway-actors = '1'", 1),
        ("by platform", off_the_arrows, "wire/Cargo.toml", "[target.x.dependencies]\ntokio = '1'", 1),
        ("a runtime", off_the_arrows, "core/Cargo.toml", "[dependencies]\nactix-web = '1'", 1),
        ("down", off_the_arrows, "actors/Cargo.toml", "[dependencies]\ngateway-core = '1'\ntokio = '1'", 0),
        ("a new room", off_the_arrows, "lobby/Cargo.toml", "[package]", 1),
        ("simulator", simulator_outside_the_demo, "src/cli.rs", "use gateway_simulator::Rule;", 1),
        ("in the demo", simulator_outside_the_demo, "src/demo.rs", "use gateway_simulator::Rule;", 0),
        ("a look inside", tests_that_look_inside, "tests/e2e/keys.rs", "use ai_gateway::identity;", 1),
        ("too long", too_long, "src/a.rs", &long, 1),
        ("long tests", too_long, "src/a/tests.rs", &long, 0),
        ("tests at the end", too_long, "src/a.rs", &tests_at_its_end, 0),
        ("a file's name", empty_names, "wire/src/utils.rs", "", 1),
        ("a folder's name", empty_names, "wire/src/common/mod.rs", "", 1),
        ("ignored", ignored_tests, "tests/e2e/a.rs", concat!("#[", "ignore = \"slow\"]"), 1),
        ("no first line", without_a_first_line, "src/a.rs", "use std::fs;", 1),
        ("a dead link", dead_links, "docs/a.md", "see [b](b.md)", 1),
        ("out of the house", dead_links, "docs/a.md", "see [b](../../b.md)", 1),
        ("a dead anchor", dead_links, "docs/a.md", "# One thing\n[a](#another-thing)", 1),
        ("a live anchor", dead_links, "docs/a.md", "# One `thing`, twice\n[a](#one-thing-twice)", 0),
        ("a file that is no text", dead_links, "docs/a.md", "[licence](../LICENSE)", 0),
        ("a link in code", dead_links, "docs/a.md", "```\n[b](b.md)\n```", 0),
    ] {
        let found = rule(&[Source { path: path.to_owned(), text: text.to_owned() }]);
        assert_eq!(found.len(), want, "{case}: {found:?}");
        assert!(found.iter().all(|line| line.starts_with(path)), "{case} names its file: {found:?}");
    }
}
