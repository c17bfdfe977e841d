use std::fs;
use std::time::Duration;

use gateway_core::ids::TeamId;
use gateway_core::ledger::{Limit, Rates};
use gateway_core::money::NanoUsd;
use secrecy::ExposeSecret;

use super::*;

mod mistakes;

const KEY: &str = "sk-ant-marker-of-a-key";
const TEAM_KEY: &str = "finance:marker-of-a-finance-key";

/// A folder of its own for files that a configuration names.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("gateway-config-{}", uuid::Uuid::now_v7()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left-overs in the system's temporary folder harm nobody.
        fs::remove_dir_all(&self.0).ok();
    }
}

/// The least that is whole: one vendor and one team, then `more` over it.
fn environment(more: &[(&str, &str)]) -> Environment {
    let least = [("ANTHROPIC_API_KEY", KEY), ("GATEWAY_API_KEYS", TEAM_KEY)];
    least.into_iter().chain(more.iter().copied()).collect()
}

fn load(more: &[(&str, &str)]) -> Result<Config, Mistakes> {
    Config::load(&environment(more), None)
}

/// With a `gateway.toml` of that text; its folder is cut from the places.
fn load_file(more: &[(&str, &str)], text: &str) -> Result<Config, Vec<String>> {
    let folder = Folder::new();
    let file = folder.file("gateway.toml", text);
    let prefix = format!("{}/", folder.0.display());
    let told = |mistakes: Mistakes| mistakes.iter().map(|m| m.to_string().replace(&prefix, "")).collect();
    Config::load(&environment(more), Some(Path::new(&file))).map_err(told)
}

fn names(config: &Config) -> Vec<&str> {
    config.upstreams.iter().map(|upstream| upstream.name.as_str()).collect()
}

#[test]
fn defaults() {
    let config = load(&[]).unwrap();
    assert_eq!(config.listen.bind.to_string(), "127.0.0.1:8000");
    assert_eq!(config.listen.tls, None);
    assert_eq!(config.listen.max_in_flight, 8_192);
    assert_eq!(config.listen.max_body, 33_554_432);
    assert_eq!(config.listen.body_timeout, Duration::from_secs(60));
    assert_eq!(config.listen.shutdown_grace, Duration::from_secs(30));
    assert_eq!(config.state_dir, PathBuf::from("./state"));
    assert_eq!(config.audit.dir, PathBuf::from("./state/audit"));
    assert_eq!(config.audit.head, PathBuf::from("./state/audit-head"));
    assert_eq!(config.audit.retention.age, Some(Duration::from_secs(365 * 86_400)));
    assert!(config.audit.sinks.is_empty() && config.audit.hmac_key.is_none());
    assert_eq!(config.log, Log { format: LogFormat::Text, filter: "info".to_owned() });
    assert_eq!(config.calls.breaker_failures, 5);
    assert_eq!(config.calls.breaker_cooldown, Duration::from_secs(30));
    assert_eq!(config.calls.connect_timeout, Duration::from_secs(3));
    assert_eq!(config.calls.first_byte_timeout, Duration::from_secs(60));
    assert_eq!(config.calls.total_timeout, Duration::from_secs(300));
    assert_eq!(config.calls.request_timeout, Duration::from_secs(600));
    assert_eq!(config.calls.max_body, 67_108_864);
    assert!(!config.access.demo_keys);
    let limits = config.budgets.of(&TeamId::new("any").unwrap()).limits;
    let usd = |usd: i64| Limit::AtMost(NanoUsd(usd * 1_000_000_000));
    assert_eq!((limits.daily, limits.monthly, limits.rates), (usd(10), usd(200), Rates::UNLIMITED));
    assert!(
        matches!(config.budgets.store, BudgetStore::Embedded { .. }) && !config.budgets.serve_without_store
    );
    assert_eq!(config.not_yet, [""; 0]);
    let [anthropic] = config.upstreams.as_slice() else { panic!("{:?}", config.upstreams) };
    assert_eq!(anthropic.base_url, "https://api.anthropic.com");
    assert_eq!(anthropic.default_model.as_ref().unwrap().as_str(), "claude-opus-4-6");
    assert_eq!(anthropic.max_in_flight, 1_024);
    assert!(anthropic.include_usage);
}

#[test]
fn upstreams_stand_in_the_order_of_priority() {
    let file = "[upstreams.vllm-b]\nkind = \"openai_compatible\"\nbase_url = \"http://b/v1\"\nmodels = [\"m\"]\n\
                [upstreams.vllm-a]\nkind = \"openai_compatible\"\nbase_url = \"http://a/v1\"\nmodels = [\"m\"]\n";
    let keys = [("OPENAI_API_KEY", KEY), ("GEMINI_API_KEY", KEY)];
    for (priority, want) in [
        ("", ["anthropic", "openai", "gemini", "vllm-b", "vllm-a"]),
        ("gemini", ["gemini", "anthropic", "openai", "vllm-b", "vllm-a"]),
        ("google, OpenAI", ["gemini", "openai", "anthropic", "vllm-b", "vllm-a"]),
        ("azure,vllm-a,openai", ["vllm-a", "openai", "anthropic", "gemini", "vllm-b"]),
    ] {
        let more: Vec<_> = keys.into_iter().chain([("PROVIDER_PRIORITY", priority)]).collect();
        assert_eq!(names(&load_file(&more, file).unwrap()), want, "{priority}");
    }
}

#[test]
fn the_file_wins_key_by_key() {
    let more = [
        ("OPENAI_API_KEY", "sk-of-the-environment"),
        ("OPENAI_BASE_URL", "http://127.0.0.1:4010/v1"),
        ("OPENAI_DEFAULT_MODEL", "gpt-4o-mini"),
        ("HELD", "sk-held-elsewhere"),
    ];
    let file = "[upstreams.openai]\napi_key = \"env:HELD\"\nmax_in_flight = 1_0\ndefault_model = \"gpt-4.1\"";
    let config = load_file(&more, file).unwrap();
    let openai = config.upstreams.iter().find(|upstream| upstream.name.as_str() == "openai").unwrap();
    assert_eq!(openai.api_key.as_ref().unwrap().expose_secret(), "sk-held-elsewhere");
    assert_eq!(openai.base_url, "http://127.0.0.1:4010/v1");
    assert_eq!(openai.default_model.as_ref().unwrap().as_str(), "gpt-4.1");
    assert_eq!(openai.max_in_flight, 10);
}

#[test]
fn azure_serves_deployments() {
    let azure = [
        ("AZURE_OPENAI_API_KEY", KEY),
        ("AZURE_OPENAI_ENDPOINT", "https://acme.openai.azure.com/"),
        ("AZURE_OPENAI_DEPLOYMENT", "gpt-4o"),
    ];
    let file =
        "[upstreams.azure]\nregion = \"eu\"\nmodels = { \"chat\" = \"gpt-4o-mini\", \"big\" = \"gpt-4o\" }";
    type Case<'c> = (&'c str, &'c str, &'c [(&'c str, &'c str)], &'c str);
    let cases: [Case<'_>; 3] = [
        ("named as its model", "", &[("gpt-4o", "gpt-4o")], "gpt-4o"),
        ("the file's table", file, &[("chat", "gpt-4o-mini"), ("big", "gpt-4o")], "gpt-4o-mini"),
        (
            "a model of one's own",
            "[upstreams.azure]\nmodels = { \"x\" = \"own\" }\n[models.own]\ninput = \"1\"\noutput = \"2\"",
            &[("x", "own")],
            "own",
        ),
    ];
    for (case, file, models, default) in cases {
        let config = load_file(&azure, file).unwrap();
        let upstream =
            config.upstreams.iter().find(|upstream| upstream.name.as_str() == "azure_openai").unwrap();
        let found: Vec<_> =
            upstream.models.iter().map(|(wire, model)| (wire.as_str(), model.as_str())).collect();
        assert_eq!(found, models, "{case}");
        assert_eq!(upstream.default_model.as_ref().unwrap().as_str(), default, "{case}");
        assert_eq!(upstream.base_url, "https://acme.openai.azure.com", "{case}");
        assert_eq!(upstream.api_version.as_deref(), Some("2024-10-21"), "{case}");
    }
}

#[test]
fn models_override_the_catalog() {
    let file = "[models.\"own/m\"]\ninput = \"2.50\"\noutput = \"10\"\ncache_read = \"0.25\"\nwindow = 1000\n\
                equivalents = [\"gpt-4o\"]\n[models.\"gpt-4o\"]\ndefault_output_bound = 100";
    let config = load_file(&[], file).unwrap();
    let (_, own) = config.models.iter().find(|(name, _)| name == "own/m").unwrap();
    let price = own.price.unwrap();
    // 2.50 USD per million tokens are 2,500,000 pico-USD a token.
    assert_eq!((price.input.0, price.output.0), (2_500_000, 10_000_000));
    assert_eq!(price.cache_read.unwrap().0, 250_000);
    assert_eq!((own.window, own.equivalents.as_deref()), (Some(1_000), Some(&["gpt-4o".to_owned()][..])));
    let (_, listed) = config.models.iter().find(|(name, _)| name == "gpt-4o").unwrap();
    assert_eq!((listed.price, listed.default_output_bound), (None, Some(100)));
}

#[test]
fn a_request_that_ends_sooner_shortens_the_default_of_an_attempt() {
    let config = load(&[("REQUEST_TOTAL_TIMEOUT_S", "20")]).unwrap();
    assert_eq!(config.calls.total_timeout, Duration::from_secs(20));
}

#[test]
fn team_keys_may_lie_in_files() {
    let folder = Folder::new();
    let list = folder.file("list", "ops:a-key-of-the-ops-team\ndev:a-key-of-the-dev-team,\n");
    let one = folder.file("one", "another-key-of-the-ops-team\n");
    for (case, raw, want) in [
        (
            "a list",
            format!("file:{list}"),
            &[("ops", "a-key-of-the-ops-team"), ("dev", "a-key-of-the-dev-team")][..],
        ),
        (
            "one",
            format!("ops:file:{one}, dev:env:HELD"),
            &[("ops", "another-key-of-the-ops-team"), ("dev", "a-key-of-the-dev-team")],
        ),
    ] {
        let config = load(&[("GATEWAY_API_KEYS", &raw), ("HELD", "a-key-of-the-dev-team")]).unwrap();
        let keys = &config.access.team_keys;
        let found: Vec<_> = keys.iter().map(|held| (held.team.as_str(), held.key.expose_secret())).collect();
        assert_eq!(found, want, "{case}");
    }
}

#[test]
fn later_settings_are_told_unless_they_ask_for_nothing() {
    let config = load(&[
        ("PII_REDACTION_ENABLED", "true"),
        ("INJECTION_ACTION", "block"),
        ("OIDC_ISSUER", "https://login.example"),
        ("SIEM_TOKEN", ""),
    ]);
    assert_eq!(config.unwrap().not_yet, ["OIDC_ISSUER"]);
}

#[test]
fn the_address_of_a_siem_is_enough() {
    use gateway_actors::audit::sinks::SinkKind;
    for (url, kind) in [
        ("https://splunk.corp.example:8088/services/collector", SinkKind::SplunkHec),
        ("https://elastic.corp.example/_bulk", SinkKind::Elastic),
        ("https://http-intake.logs.datadoghq.eu/api/v2/logs", SinkKind::Datadog),
        ("http://siem:9000/hook?team=x", SinkKind::Webhook),
        ("env:WHERE", SinkKind::Datadog),
    ] {
        let held = [("HELD", "x"), ("WHERE", "https://logs.example/api/v2/logs")];
        let config =
            load(&[("SIEM_WEBHOOK_URL", url), ("SIEM_TOKEN", "env:HELD"), held[0], held[1]]).unwrap();
        let url = url.replace("env:WHERE", held[1].1);
        let [sink] = config.audit.sinks.as_slice() else { panic!("{url}") };
        assert_eq!((sink.name.as_str(), sink.kind, sink.url.as_str()), ("siem", kind, &*url));
        assert_eq!(sink.token.as_ref().unwrap().expose_secret(), "x", "{url}");
    }
}

#[test]
fn the_trail_is_kept_as_the_file_says() {
    let file = "[audit]\nretention_days = 0\nretention_mb = 10\nsegment_mb = 2\n\
                [[sinks]]\nname = \"a-1\"\nkind = \"webhook\"\nurl = \"https://a/\"\nformat = \"ndjson\"\ngzip = true\n\
                [[sinks]]\nkind = \"elastic\"\nurl = \"https://b:9200\"\nindex = \"audit\"\n";
    let config = load_file(&[("AUDIT_SYNC", "always"), ("AUDIT_FAILURE", "allow")], file).unwrap();
    let audit = &config.audit;
    use gateway_actors::audit::sinks::Batches;
    use gateway_actors::audit::{OnFailure, Retention, SyncMode};
    assert_eq!((audit.sync, audit.on_failure), (SyncMode::Always, OnFailure::Allow));
    assert_eq!(audit.retention, Retention { age: None, bytes: Some(10 << 20) });
    assert_eq!(audit.segment_bytes, 2 << 20);
    let told: Vec<_> = audit.sinks.iter().map(|sink| (sink.name.as_str(), sink.batches, sink.gzip)).collect();
    assert_eq!(told, [("a-1", Batches::Ndjson, true), ("elastic", Batches::Array, true)]);
    assert_eq!(audit.sinks[1].index.as_ref().unwrap().as_str(), "audit");
}

#[test]
fn debug_shows_no_secret() {
    let more = [
        ("GATEWAY_ADMIN_KEY", "marker-of-an-admin-key"),
        ("OPENAI_API_KEY", "sk-marker"),
        ("AUDIT_HMAC_KEY", "marker-of-the-trail"),
        ("SIEM_WEBHOOK_URL", "https://siem.example/hook/marker?token=marker"),
        ("SIEM_TOKEN", "marker-of-a-siem"),
        ("REDIS_URL", "redis://user:marker@redis.example:6379"),
        ("BUDGET_ALERT_WEBHOOK_URL", "https://chat.example/hooks/marker"),
    ];
    let environment = environment(&more);
    let config = Config::load(&environment, None).unwrap();
    let told = format!("{config:?} {environment:?}");
    assert!(!told.contains("marker"), "{told}");
}

/// A checkout's own file, by its path below the root.
fn repository(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_example_needs_one_provider_key_and_nothing_else() {
    let folder = Folder::new();
    let text =
        repository(".env.example").replace("ANTHROPIC_API_KEY=\n", "ANTHROPIC_API_KEY=sk-ant-one-key\n");
    let pairs: Vec<(String, String)> =
        dotenvy::from_path_iter(folder.file(".env", &text)).unwrap().map(Result::unwrap).collect();
    let environment: Environment =
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let config = Config::load(&environment, None).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(config.access.demo_keys && config.listen.bind.ip().is_loopback());
    assert_eq!(config.not_yet, [""; 0]);
    assert_eq!(names(&config), ["anthropic"]);
}

#[test]
fn every_name_is_documented_and_no_other() {
    let text = repository("docs/configuration.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut documented: Vec<&str> = rows.map(|(name, _)| name).collect();
    let of_upstreams = file::UPSTREAM_KEYS.iter().chain(&file::MODEL_KEYS).copied();
    let of_teams = file::teams::TEAM_KEYS.iter().chain(&file::teams::KEY_KEYS).copied();
    let capabilities = gateway_core::routing::Capability::ALL.map(|capability| capability.word());
    let of_audit = file::audit::AUDIT_KEYS.iter().chain(&file::audit::SINK_KEYS).copied();
    let mut known: Vec<&str> = NAMES
        .iter()
        .map(|(name, _)| *name)
        .chain(of_upstreams)
        .chain(of_teams)
        .chain(capabilities)
        .chain(of_audit)
        .chain(file::PII_KEYS)
        .chain(file::INJECTION_KEYS)
        .chain(file::USAGE_KEYS)
        .collect();
    documented.sort_unstable();
    known.sort_unstable();
    assert_eq!(documented, known);
}
