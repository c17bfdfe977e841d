//! The image, as far as it can be seen without a daemon: the Dockerfile is linted, its root is laid out by the
//! script that it calls, and the gateway serves from that root, read-only and as the image's user.

use super::{USER, all_documented, path, read, tool};
use crate::client::{Delivery, Dialect};
use crate::gateway::{Scratch, Setup, TEAM_KEY};
use crate::sdk::succeeded;
use gateway_simulator::{Provider, Simulator, SimulatorOptions};
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

const DOCKERFILE: &str = "deploy/Dockerfile";
/// A name that no DNS is asked for.
const PROVIDER: &str = "provider.internal";

/// Binds the root onto itself read-only, gives it a state directory in memory, and becomes the gateway in it. Of
/// root's rights none is left then; where another user runs this, it is root of a namespace of its own.
const INSIDE: &str = r#"
set -e
mount --bind "$0" "$0"
mount -t tmpfs -o mode=0750 state "$0/var/lib/ai-gateway"
mount -o remount,bind,ro "$0"
[ "$RUN_AS" != 0 ] || exec chroot "$0" /usr/bin/ai-gateway "$@"
chown "$RUN_AS:$RUN_AS" "$0/var/lib/ai-gateway"
exec chroot --userspec="$RUN_AS:$RUN_AS" "$0" /usr/bin/ai-gateway "$@"
"#;

/// The root as the Dockerfile's last stage copies it.
fn rootfs() -> Scratch {
    let root = Scratch::new();
    let script = path("deploy/rootfs");
    let made = Command::new(&script).arg(env!("CARGO_BIN_EXE_ai-gateway")).arg(root.path()).output();
    succeeded(made.expect("deploy/rootfs is a program"), "deploy/rootfs failed");
    root
}

/// Every file below a folder by its path, without those folders that are only the way to one.
fn contents(root: &Path) -> BTreeMap<String, std::fs::Metadata> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the root can be read") {
            let path = entry.expect("an entry").path();
            let about = path.symlink_metadata().expect("it is there");
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
            if about.is_dir() {
                folders.push(path);
            }
            found.insert(name, about);
        }
    }
    found
}

/// The instruction's arguments in the last stage, line by line.
fn last_stage(instruction: &str) -> Vec<String> {
    let text = read(DOCKERFILE).replace("\\\n", " ");
    let (_, stage) = text.rsplit_once("\nFROM ").expect("it has stages");
    let lines = stage.lines().filter_map(|line| line.strip_prefix(&format!("{instruction} ")));
    lines.map(str::to_owned).collect()
}

fn environment() -> Vec<(String, String)> {
    let pairs = last_stage("ENV").join(" ");
    let pairs = pairs.split_whitespace().map(|pair| pair.split_once('=').expect("NAME=value"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_dockerfile_is_linted() {
    let lint = |file: &Path| tool("hadolint").arg("--failure-threshold=style").arg(file).output();
    succeeded(lint(&path(DOCKERFILE)).expect("hadolint came with the environment"), DOCKERFILE);
    let folder = Scratch::new();
    let broken = folder.path().join("Dockerfile");
    std::fs::write(&broken, "FROM debian:latest\nRUN cd /tmp\n").expect("a scratch directory can be written");
    assert!(!lint(&broken).expect("hadolint runs").status.success(), "what is wrong is found");
}

#[test]
fn the_dockerfile_builds_with_the_right_rust_and_runs_as_nobody() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("cargo reads it too");
    let rust = manifest["workspace"]["package"]["rust-version"].as_str().expect("a version").to_owned();
    let text = read(DOCKERFILE);
    assert!(text.contains(&format!("ARG RUST_IMAGE=rust:{rust}-slim-bookworm\n")), "rust-version is {rust}");
    assert_eq!(last_stage("USER"), [format!("{USER}:{USER}")]);
    assert_eq!(last_stage("ENTRYPOINT"), [r#"["/usr/bin/ai-gateway"]"#]);
    assert!(last_stage("COPY").iter().all(|copied| copied.starts_with("--from=build ")), "stage copies only");
    all_documented(DOCKERFILE, environment().iter().map(|(name, _)| name.as_str()));
}

#[test]
fn the_context_has_what_the_build_needs_and_nothing_private() {
    let ignored = read(".dockerignore");
    let lines: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], "*", "all that is not named stays out");
    let sent = |name: &str| lines.contains(&format!("!{name}").as_str());
    let manifest: toml::Table = read("Cargo.toml").parse().expect("cargo reads it too");
    let members = manifest["workspace"]["members"].as_array().expect("a list").iter();
    let rooms: Vec<&str> = members.filter_map(toml::Value::as_str).collect();
    let beside = ["Cargo.toml", "Cargo.lock", "LICENSE", "src", "tests", "docs", "deploy/rootfs"];
    let mut needed: Vec<PathBuf> = rooms.iter().chain(&beside).map(PathBuf::from).collect();
    needed.retain(|room| room != Path::new("."));
    needed.extend(targets(&manifest));
    for needed in needed {
        let is_sent = needed.ancestors().any(|above| above.to_str().is_some_and(sent));
        assert!(is_sent, "{} is not in the build's context", needed.display());
    }
    let built = rooms.iter().map(|room| if *room == "." { "src".to_owned() } else { format!("{room}/src") });
    let embedded: Vec<PathBuf> = built.flat_map(|folder| embedded(&path(&folder))).collect();
    for known in ["dashboard", "docs/openapi.json", "core/src/catalog/prices.toml"] {
        assert!(embedded.iter().any(|path| path.starts_with(known)), "{known} was not seen: {embedded:?}");
    }
    for path in embedded {
        let is_sent = path.ancestors().any(|above| above.to_str().is_some_and(sent));
        assert!(is_sent, "{} is compiled in, and not in the build's context", path.display());
    }
    for private in [".env", ".git", "state", "target", "gateway.toml"] {
        assert!(!sent(private), "{private} is sent to the build");
    }
}

/// The files of the root's targets: Cargo reads no manifest that names one which is not there.
fn targets(manifest: &toml::Table) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (kind, folder) in
        [("bin", "src/bin"), ("test", "tests"), ("bench", "benches"), ("example", "examples")]
    {
        for target in manifest.get(kind).and_then(toml::Value::as_array).into_iter().flatten() {
            let written = target.get("path").and_then(toml::Value::as_str).map(str::to_owned);
            let name = target["name"].as_str().expect("a name");
            found.push(PathBuf::from(written.unwrap_or_else(|| format!("{folder}/{name}.rs"))));
        }
    }
    assert!(found.contains(&PathBuf::from("benches/metrics.rs")), "the targets were not read: {found:?}");
    found
}

/// Whatever `include_str!` and `include_bytes!` name below a folder, from the repository's root. Of a path that a
/// macro puts together, that which stands before the part that it fills in.
fn embedded(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in contents(folder).into_keys().filter(|name| name.ends_with(".rs")) {
        let file = folder.join(file);
        let text = std::fs::read_to_string(&file).expect("a source can be read");
        let named =
            ["include_str!(", "include_bytes!("].into_iter().flat_map(|word| text.split(word).skip(1));
        for rest in named {
            let rest = rest.strip_prefix("concat!(").unwrap_or(rest);
            let Some(name) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
            let from = file.parent().expect("a file stands in a folder").strip_prefix(super::ROOT);
            let mut whole = PathBuf::new();
            for part in from.expect("below the root").join(name).components() {
                match part {
                    Component::ParentDir => assert!(whole.pop(), "{name} leaves the repository"),
                    part => whole.push(part),
                }
            }
            found.push(whole);
        }
    }
    found
}

#[test]
fn the_root_holds_the_gateway_and_nothing_to_run_beside_it() {
    let root = rootfs();
    let library = |name: &str| name.starts_with("lib") && name.contains(".so");
    let data = [
        "etc/group",
        "etc/nsswitch.conf",
        "etc/os-release",
        "etc/passwd",
        "etc/ssl/certs/ca-certificates.crt",
        "usr/share/doc/ai-gateway/copyright",
        "usr/share/doc/ca-certificates/copyright",
        "usr/share/doc/libc6/copyright",
        "usr/share/doc/libgcc-s1/copyright",
        "var/lib/dpkg/status.d/ca-certificates",
        "var/lib/dpkg/status.d/libc6",
        "var/lib/dpkg/status.d/libgcc-s1",
    ];
    let mut files = Vec::new();
    for (name, about) in contents(root.path()) {
        let mode = about.permissions().mode();
        assert!(!about.is_symlink(), "{name} is a link: where it leads is not in this list");
        assert_eq!(mode & 0o6000, 0, "{name} gives rights away");
        assert!(mode & 0o002 == 0 || name == "tmp", "{name} can be written by everybody");
        if about.is_file() {
            let runs = name == "usr/bin/ai-gateway" || library(&name);
            assert_eq!(mode & 0o777, if runs { 0o755 } else { 0o644 }, "{name}");
            files.push(name);
        }
        // Only root can give a folder to another; the Dockerfile's COPY does it in any case.
    }
    let state = std::fs::metadata(root.path().join("var/lib/ai-gateway")).expect("the state directory");
    assert!(state.uid() == USER || !is_root(), "its owner is {}", state.uid());
    files.retain(|name| name != "usr/bin/ai-gateway" && !library(name));
    assert_eq!(files, data);
    assert!(root.path().join("run/secrets").is_dir() && root.path().join("etc/ai-gateway").is_dir());
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[tokio::test]
async fn the_gateway_serves_from_the_root_read_only_and_as_its_user() {
    let root = rootfs();
    let hosts = format!("127.0.0.1 localhost {PROVIDER}\n");
    std::fs::write(root.path().join("etc/hosts"), hosts).expect("the root can be written still");
    let simulator = Simulator::start(SimulatorOptions::default()).expect("a simulator");
    let upstream = format!("{}/v1", simulator.url().replace("127.0.0.1", PROVIDER));
    let (spec, namespace) = if is_root() { (USER, "--mount") } else { (0, "-rm") };
    let place = root.path().to_string_lossy().into_owned();
    let setup =
        Setup::new().only(&[Provider::OpenAi]).program(&["unshare", namespace, "sh", "-c", INSIDE, &place]);
    let setup = environment().into_iter().fold(setup, |setup, (name, value)| setup.env(&name, value));
    // A shell, chroot and mount are looked for outside.
    let setup = setup.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("RUN_AS", spec);
    let setup = setup.env("GATEWAY_BIND", "127.0.0.1:0").env("OPENAI_BASE_URL", upstream);
    let gateway = setup.start().await;
    let reply = gateway.post("/v1/complete", &crate::budgets::hello(Dialect::Native, Delivery::Json)).await;
    assert_eq!(reply.status, 200, "a provider is found by its name: {reply:?}");
    assert_eq!(simulator.faults().stats().providers[Provider::OpenAi.name()].ended, 1);
    assert_eq!(gateway.spent().await, crate::budgets::HELLO, "the books and the trail are kept");
    let log = gateway.log();
    assert!(!log.contains("no upstream with a public certificate"), "the authorities are read: {log}");
    let ended = gateway.stop().await;
    assert!(ended.status.success(), "{}", ended.log);
    assert!(!ended.log.contains(TEAM_KEY));
}
