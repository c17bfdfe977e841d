//! The command line, and a configuration that is wrong: every mistake at once, with its place and the mend.

use crate::client::{Delivery, Dialect, Reply};
use crate::gateway::{Finished, Gateway, Setup, TEAM_KEY};
use reqwest::Method;
use std::net::TcpListener;

fn run(arguments: &[&str]) -> Finished {
    Setup::new().arguments(arguments).run()
}

#[test]
fn help_and_version_say_what_there_is() {
    let help = run(&["--help"]);
    assert_eq!(
        help.out,
        "\
An AI gateway for companies: one binary between people, programs and the LLM providers

Usage: ai-gateway [OPTIONS] [COMMAND]

Commands:
  serve   Serve callers (the default)
  demo    Serve on simulated providers: no account and no key needed
  check   Check the configuration, list every mistake, open no port
  audit   Check, read or export the audit trail
  budget  See or set what teams may spend, at a running gateway
  keys    Make, list or revoke keys, of a running gateway or where none runs
  help    Print this message or the help of the given subcommand(s)

Options:
      --config <FILE>  The configuration file (default: GATEWAY_CONFIG, else gateway.toml where there is one)
  -h, --help           Print help
  -V, --version        Print version
"
    );
    assert!(help.status.success());
    let version = run(&["--version"]);
    assert_eq!(version.out, format!("ai-gateway {}\n", env!("CARGO_PKG_VERSION")));
    let unknown = run(&["serv"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(unknown.err.contains("unrecognized subcommand 'serv'"), "{}", unknown.err);
}

#[test]
fn a_good_configuration_is_told_and_opens_no_port() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let good = Setup::new()
        .arguments(&["check"])
        .env("GATEWAY_BIND", address)
        .env("OIDC_ISSUER", "https://login.example")
        .file("gateway.toml", "[models.\"gpt-4o\"]\nequivalents = [\"claude-opus-4-6\"]\n")
        .run();
    assert!(good.status.success(), "{}", good.err);
    let lines: Vec<_> = good.out.lines().collect();
    assert!(lines[0].starts_with("the configuration is good: 4 upstreams, "), "{}", good.out);
    let (guards, others): (Vec<&str>, Vec<&str>) = lines[1..]
        .iter()
        .partition(|line| line.starts_with("  POST ") || line.starts_with("  personal data"));
    assert_eq!(guards.len(), 6, "what covers each endpoint: {guards:#?}");
    assert_eq!(
        others,
        [
            "  anthropic: default model claude-opus-4-6",
            "  openai: default model gpt-4o",
            "  azure_openai: default model gpt-4o",
            "  gemini: default model gemini-2.5-pro",
            "  warning: OIDC_ISSUER has no effect in this version",
        ]
    );
}

#[test]
fn every_mistake_is_listed_at_once() {
    let wrong = || {
        Setup::new()
            .env("GATEWAY_BIND", "0.0.0.0:0")
            .env("GATEWAY_DEMO_KEYS", "true")
            .env("GATEWAY_MAX_BODY_BYTES", "12")
            .env("GATEWAY_MAX_INFLIGHT", "9")
            .env("GATEWAY_API_KEYS", "engineering-team:marker-short,marker-key-without-a-team")
            .env("GATEWAY_TLS_CERT", "there-is-none.pem")
            .env("PROVIDER_PRIORITY", "openai,nowhere")
            .env("CIRCUIT_BREAKER_FAILURES", "many")
            .env("OPENAI_BASE_URL", "ftp://marker:marker@example.com")
            .file(".env", "GATEWAY_ADMIN_KEY=marker with blanks\n")
            .file(
                "gateway.toml",
                "[upstreams.local]\nkind = \"openai_compatible\"\nbase_url = \"http://localhost:1/v1\"\nmodle = 3\n\
                 [models.\"gpt-4o\"]\ninput = 5.0\noutput = \"25\"\n[teams.a]\nlimit = 1\n",
            )
    };
    let places = [
        ".env:1",
        "GATEWAY_BIND",
        "GATEWAY_DEMO_KEYS",
        "GATEWAY_MAX_BODY_BYTES",
        "GATEWAY_MAX_INFLIGHT",
        "GATEWAY_API_KEYS, entry 1",
        "GATEWAY_API_KEYS, entry 2",
        "GATEWAY_TLS_CERT",
        "GATEWAY_TLS_KEY",
        "PROVIDER_PRIORITY",
        "CIRCUIT_BREAKER_FAILURES",
        "OPENAI_BASE_URL",
        "gateway.toml",
        "models.gpt-4o.input",
        "teams.a.limit",
    ];
    for command in [&["check"][..], &["serve"], &[]] {
        let found = wrong().arguments(command).run();
        assert_eq!(found.status.code(), Some(1), "{command:?}: {}", found.err);
        for place in places {
            assert!(found.err.contains(place), "{command:?} is silent on {place}: {}", found.err);
        }
        assert!(!found.err.contains("marker"), "a value is shown: {}", found.err);
        assert!(found.out.is_empty(), "{}", found.out);
    }
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    for setup in [
        Setup::new().arguments(&["check", "--config", "nowhere.toml"]),
        Setup::new().arguments(&["check"]).env("GATEWAY_CONFIG", "nowhere.toml"),
    ] {
        let found = setup.run();
        assert_eq!(found.status.code(), Some(1));
        assert!(found.err.contains("nowhere.toml"), "{}", found.err);
    }
    let named = Setup::new().file("other.toml", "").arguments(&["check", "--config", "other.toml"]).run();
    assert!(named.status.success(), "{}", named.err);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    let found = Setup::new().env("GATEWAY_BIND", address).run();
    assert_eq!(found.status.code(), Some(1));
    let want = format!("ai-gateway: cannot listen on {address} (GATEWAY_BIND): Address already in use");
    assert!(found.err.contains(&want), "{}", found.err);
}

/// The keys that the welcome of a demo tells.
fn told_keys(log: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for word in log.split(|c: char| c.is_whitespace() || c == '\'').filter(|w| w.starts_with("sk-gateway-")) {
        if !keys.iter().any(|key| key == word) {
            keys.push(word.to_owned());
        }
    }
    keys
}

async fn asks(gateway: &Gateway, key: &str) -> u16 {
    let request = gateway.anonymous(Method::POST, "/v1/complete").bearer_auth(key);
    Reply::of(request.json(&Dialect::Native.ask("gemini-2.5-pro", "say: hi", Delivery::Json))).await.status
}

#[tokio::test]
async fn a_demo_on_this_machine_has_the_built_in_keys() {
    let demo = Setup::new().arguments(&["demo"]).start().await;
    demo.until_logged("Ctrl-C stops it").await;
    assert_eq!(told_keys(&demo.log()), ["sk-gateway-engineering-001", "sk-gateway-admin-001"]);
    for key in ["sk-gateway-engineering-001", "sk-gateway-admin-001", TEAM_KEY] {
        assert_eq!(asks(&demo, key).await, 200, "{key}");
    }
    // Every fourth call to OpenAI fails, and somebody else answers.
    let mut fallbacks = Vec::new();
    for _ in 0..8 {
        let reply =
            demo.post("/v1/complete", &Dialect::Native.ask("gpt-4o", "say: hi", Delivery::Json)).await;
        assert_eq!(reply.status, 200);
        fallbacks.push(reply.header("x-gateway-fallback") == "true");
    }
    assert_eq!(fallbacks, [false, false, false, true, false, false, false, true]);
    assert!(demo.stop().await.status.success());
}

#[tokio::test]
async fn a_demo_that_others_can_reach_has_fresh_keys() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let demo = Setup::new().arguments(&["demo"]).env("GATEWAY_BIND", "0.0.0.0:0").start().await;
        demo.until_logged("Ctrl-C stops it").await;
        let keys = told_keys(&demo.log());
        assert_eq!(keys.len(), 2, "{keys:?}");
        for key in &keys {
            assert_eq!(asks(&demo, key).await, 200);
            assert!(key.len() > 60 && !seen.contains(key), "not fresh: {key}");
        }
        for key in ["sk-gateway-engineering-001", "sk-gateway-admin-001", TEAM_KEY] {
            assert_eq!(asks(&demo, key).await, 401, "{key}");
        }
        seen.extend(keys);
    }
}

#[test]
fn a_demo_sends_nothing_out() {
    let file = "[upstreams.outside]\nkind = \"openai_compatible\"\nbase_url = \"http://localhost:1/v1\"\nmodels = [\"m\"]\n\
        [models.m]\ninput = \"1\"\noutput = \"1\"\n";
    let found = Setup::new().arguments(&["demo"]).file("gateway.toml", file).run();
    assert_eq!(found.status.code(), Some(1));
    assert!(found.err.contains("take `[upstreams.outside]` out"), "{}", found.err);
}
