//! The compose file: it parses, its names exist, the gateway takes what it sets, and nothing is open.

use super::{all_documented, answer, example, look, path, strings, yaml};
use crate::gateway::{Setup, eventually};
use crate::shared_budgets::Redis;
use serde_json::{Map, Value};

const FILE: &str = "deploy/compose.yaml";
/// Of compose and Grafana, not of the gateway.
const NOT_OURS: [&str; 2] = ["GRAFANA_ADMIN_PASSWORD", "IMAGE_TAG"];

/// What a container decides over the `.env`: where it listens and writes, who is beside it, and that its keys are
/// its own.
const CONTAINERS: [&str; 8] = [
    "GATEWAY_ADMIN_KEY",
    "GATEWAY_API_KEYS",
    "GATEWAY_BIND",
    "GATEWAY_CONFIG",
    "GATEWAY_DEMO_KEYS",
    "LOG_FORMAT",
    "METRICS_OPEN",
    "REDIS_URL",
];

fn compose() -> Value {
    let file = path(FILE);
    let mut command = look(&["compose", &file.to_string_lossy()]);
    command.env("GATEWAY_API_KEYS", "engineering-team:a-key-of-its-own").env("OPENAI_API_KEY", "sk-one");
    answer(command.env("GATEWAY_ADMIN_KEY", "another-key-of-its-own"), "")
}

fn environment(file: &Value) -> &Map<String, Value> {
    file["services"]["gateway"]["environment"].as_object().expect("the gateway has an environment")
}

#[test]
fn every_name_in_it_is_documented() {
    let told = compose();
    all_documented(FILE, environment(&told["file"]).keys().map(String::as_str));
    let asked = strings(&told["asked"]);
    assert!(asked.contains(&"GATEWAY_API_KEYS"), "{asked:?}");
    all_documented(FILE, asked.into_iter().filter(|name| !NOT_OURS.contains(name)));
}

/// As the header has it: a copy of the example with one provider's key, and what the file sets over it.
#[test]
fn the_gateway_takes_what_it_sets() {
    let told = compose();
    let file = &told["file"];
    assert_eq!(file["services"]["gateway"]["env_file"][0]["path"], "../.env", "every setting of the .env");
    let example = example();
    let set = environment(file);
    for (name, value) in &example {
        let ours = set.get(name).map(|value| value.as_str().expect("a string"));
        let is_ours = CONTAINERS.contains(&name.as_str());
        assert_eq!(ours.is_some(), is_ours, "{name}: the .env has {value}, and the container {ours:?}");
    }
    let setup = Setup::new().arguments(&["check"]).without("ANTHROPIC_API_KEY").without("GEMINI_API_KEY");
    let of_file = example.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let of_container = set.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a string")));
    let keys =
        [("OPENAI_API_KEY", "sk-one"), ("GATEWAY_STATE_DIR", "./state"), ("INJECTION_ACTION", "block")];
    let all = of_file.chain(of_container).chain(keys);
    let checked = all.fold(setup, |setup, (name, value)| setup.env(name, value)).run();
    assert!(checked.status.success(), "{}{}", checked.out, checked.err);
    assert!(checked.out.contains("openai: default model"), "{}", checked.out);
}

#[test]
fn without_keys_it_does_not_start() {
    let output = look(&["compose", &path(FILE).to_string_lossy()]).env_remove("GATEWAY_API_KEYS").output();
    let output = output.expect("the environment has a python");
    assert!(String::from_utf8_lossy(&output.stderr).contains("GATEWAY_API_KEYS is needed"), "{output:?}");
}

#[test]
fn nothing_is_open_and_what_is_mounted_is_there() {
    let file = &compose()["file"];
    for (name, service) in file["services"].as_object().expect("services") {
        assert_eq!(service["read_only"], true, "{name}: its root");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(strings(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        let published = strings(&service["ports"]);
        assert!(published.iter().all(|port| port.starts_with("127.0.0.1:")), "{name}: {published:?}");
        for mount in strings(&service["volumes"]) {
            let (source, _) = mount.split_once(':').expect("SOURCE:TARGET");
            let named = file["volumes"].get(source).is_some();
            let there = source.starts_with('.') && path("deploy").join(source).exists();
            assert!(named || there, "{name}: {mount} is neither a volume of the file nor in the repository");
        }
    }
    assert_eq!(file["networks"]["store"]["internal"], true, "Redis is out of reach");
    assert_eq!(strings(&file["services"]["redis"]["networks"]), ["store"]);
}

/// The flags that it gives Redis, given to a Redis: the gateway has nothing to say against it.
#[tokio::test]
async fn its_redis_is_fit_for_money() {
    let file = &compose()["file"];
    let command = strings(&file["services"]["redis"]["command"]);
    assert_eq!(command[0], "redis-server");
    let redis = Redis::with(&command[1..]).await;
    let gateway = redis.setup(1_000_000_000).start().await;
    eventually("the store is known", async || {
        gateway.get("/health/ready").await.json()["budget"]["state"] == "ready"
    })
    .await;
    let budget = &gateway.get("/health/ready").await.json()["budget"];
    assert_eq!(budget["warnings"].as_array().map(Vec::len), Some(0), "{budget}");
}

#[test]
fn prometheus_and_grafana_find_one_another_and_the_gateway() {
    let file = &compose()["file"];
    let scraped = yaml("deploy/prometheus/prometheus.yml");
    let ours = scraped["scrape_configs"].as_array().expect("a list").iter();
    let ours = ours.filter(|job| job["job_name"] == "ai-gateway").collect::<Vec<_>>();
    assert_eq!(strings(&ours[0]["static_configs"][0]["targets"]), ["gateway:8000"]);
    let source = &yaml("deploy/grafana/provisioning/datasources/prometheus.yaml")["datasources"][0];
    assert_eq!(source["url"], "http://prometheus:9090");
    let boards =
        &yaml("deploy/grafana/provisioning/dashboards/ai-gateway.yaml")["providers"][0]["options"]["path"];
    let mounted = strings(&file["services"]["grafana"]["volumes"]);
    let target = format!("./grafana:{}:ro", boards.as_str().expect("a path"));
    assert!(mounted.contains(&target.as_str()), "{mounted:?} has no {target}");
}
