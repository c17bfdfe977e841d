//! Keys that administrators make: over HTTP and on the command line, of one gateway and of two on one Redis.

use crate::audit::State;
use crate::client::{Delivery, Dialect, Reading, Reply};
use crate::gateway::{ADMIN_KEY, Finished, Gateway, OTHER_TEAM_KEY, Setup, TEAM_KEY, eventually, within};
use crate::shared_budgets::Redis;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const KEYS: &str = "/v1/keys";
/// How soon every replica knows. The promise is 1 s; machines of tests are slow.
const SEEN: Duration = Duration::from_secs(3);

impl Gateway {
    async fn with_key(&self, method: Method, path: &str, key: &str, body: Option<&Value>) -> Reply {
        let request = self.anonymous(method, path).header("x-api-key", key);
        Reply::of(if let Some(body) = body { request.json(body) } else { request }).await
    }

    /// The status of a request to a model with this key, on a connection that is kept open.
    async fn asks(&self, key: &str) -> u16 {
        let body = Dialect::Native.ask("gpt-4o", "hello", Delivery::Json);
        self.with_key(Method::POST, "/v1/complete", key, Some(&body)).await.status
    }

    async fn make(&self, wish: Value) -> Value {
        let reply = self.as_admin(Method::POST, KEYS, Some(wish)).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{reply:?}");
        reply.json()
    }

    async fn revoke(&self, key: &Value) -> Reply {
        self.as_admin(Method::DELETE, &format!("{KEYS}/{}", word(&key["id"])), None).await
    }

    async fn listed(&self, query: &str) -> Vec<Value> {
        let reply = self.as_admin(Method::GET, &format!("{KEYS}{query}"), None).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["keys"].as_array().expect("a list").clone()
    }

    /// Administrators' acts, the newest first: what, to which key, how it ended.
    async fn acts(&self) -> Vec<(String, String, u64)> {
        let recent = self.as_admin(Method::GET, "/v1/audit/recent?limit=1000", None).await.json();
        let acts =
            recent["entries"].as_array().expect("entries").iter().filter(|entry| !entry["action"].is_null());
        acts.map(|act| {
            let key = act["target_key_id"].as_str().unwrap_or_default().to_owned();
            (word(&act["action"]).to_owned(), key, act["status"].as_u64().expect("a status"))
        })
        .collect()
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Whether this text stands in any file below a folder.
fn is_in_files(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return is_in_files(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn a_key_is_made_used_listed_and_revoked_and_leaves_no_trace_of_itself() {
    let state = State::new();
    let gateway = state.setup().start().await;
    let wish = json!({
        "team_id": "finance-team", "name": "nightly job", "scopes": ["infer", "metrics"],
        "expires_at": "2099-01-01T00:00:00Z", "limits": {"max_parallel": 5, "tokens_per_minute": "unlimited"},
    });
    let made = gateway.make(wish).await;
    let key = word(&made["key"]).to_owned();
    let mut shown = made.clone();
    assert!(shown.as_object_mut().expect("an object").remove("key").is_some());
    assert_eq!(gateway.listed("").await, [shown.clone()], "the list is all but the key");
    assert_eq!(
        shown["limits"],
        json!({"requests_per_minute": null, "tokens_per_minute": "unlimited", "max_parallel": 5})
    );
    assert_eq!(shown["expires_at"], "2099-01-01T00:00:00.000Z");

    assert_eq!(gateway.asks(&key).await, 200);
    for (path, want) in [
        ("/metrics", 200),
        ("/v1/budgets", 403),
        ("/v1/budget/finance-team", 200),
        ("/v1/budget/engineering-team", 403),
    ] {
        assert_eq!(gateway.with_key(Method::GET, path, &key, None).await.status, want, "{path}");
    }
    let recent = gateway.as_admin(Method::GET, "/v1/audit/recent?team=finance-team", None).await.json();
    assert_eq!(
        recent["entries"][0]["key_id"], made["id"],
        "its requests are recorded under its id: {recent}"
    );

    let watching =
        Reading::open(gateway.anonymous(Method::GET, "/v1/events").header("x-api-key", &key)).await;
    let revoked = gateway.revoke(&made).await;
    assert_eq!((revoked.status, revoked.json()), (200, json!({"id": made["id"], "revoked": true})));
    assert_eq!(gateway.asks(&key).await, 401, "at once, on the same connection");
    // A stream of events ends: this returns.
    watching.rest().await;
    assert_eq!(gateway.revoke(&made).await.status, 404, "there is none any more");
    assert_eq!(gateway.listed("").await, Vec::<Value>::new());
    let id = word(&made["id"]).to_owned();
    let act = |action: &str, status| (action.to_owned(), id.clone(), status);
    assert_eq!(
        gateway.acts().await,
        [act("key_revoked", 404), act("key_revoked", 200), act("key_made", 200)]
    );
    let ended = gateway.stop().await;
    let chance = key.strip_prefix("sk-gw-").expect("its form");
    assert!(!ended.log.contains(chance), "in the log");
    assert!(!is_in_files(state.path(), chance), "in the state directory");
}

#[tokio::test]
async fn limits_of_a_key_are_its_own() {
    let gateway = Gateway::start().await;
    let made = gateway.make(json!({"team_id": "finance-team", "limits": {"requests_per_minute": 1}})).await;
    let other = gateway.make(json!({"team_id": "finance-team"})).await;
    let blocked = gateway.make(json!({"team_id": "finance-team", "limits": {"max_parallel": 0}})).await;
    let key = word(&made["key"]);
    assert_eq!((gateway.asks(key).await, gateway.asks(key).await), (200, 429));
    assert_eq!(gateway.asks(word(&other["key"])).await, 200, "the team may go on");
    assert_eq!(gateway.asks(word(&blocked["key"])).await, 429);
}

#[tokio::test]
async fn what_is_wrong_names_its_field_and_who_may_not_is_told() {
    let gateway = Gateway::start().await;
    for (case, body, want) in [
        ("no team", json!({}), "team_id"),
        ("a team that nobody configured", json!({"team_id": "nobody"}), "team_id"),
        ("no scope", json!({"team_id": "finance-team", "scopes": ["root"]}), "scopes"),
        ("over", json!({"team_id": "finance-team", "expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
        (
            "a limit",
            json!({"team_id": "finance-team", "limits": {"max_parallel": -1}}),
            "limits.max_parallel",
        ),
        ("unknown", json!({"team_id": "finance-team", "expires": "never"}), "expires"),
    ] {
        let reply = gateway.as_admin(Method::POST, KEYS, Some(body)).await;
        let told = reply.json();
        let error = &told["error"];
        assert_eq!(
            (reply.status, &error["code"], &error["field"]),
            (400, &json!("invalid_field"), &json!(want)),
            "{case}: {told}"
        );
    }
    let wish = json!({"team_id": "finance-team", "scopes": ["infer", "audit", "metrics"]});
    let made = gateway.make(wish.clone()).await;
    let own = format!("{KEYS}/{}", word(&made["id"]));
    for key in [TEAM_KEY, word(&made["key"])] {
        for (method, path) in [(Method::POST, KEYS), (Method::GET, KEYS), (Method::DELETE, &own)] {
            assert_eq!(
                gateway.with_key(method.clone(), path, key, Some(&wish)).await.status,
                403,
                "{method} {path}"
            );
        }
    }
    assert_eq!(Reply::of(gateway.anonymous(Method::GET, KEYS)).await.status, 401);
    for id in ["0123456789ab", "no-id", "mark", "0123456789AB"] {
        let reply = gateway.as_admin(Method::DELETE, &format!("{KEYS}/{id}"), None).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (404, &json!("not_found")), "{id}");
    }
    for query in ["?limit=0", "?team=A", "?cursor=x", "?key=1"] {
        assert_eq!(
            gateway.as_admin(Method::GET, &format!("{KEYS}{query}"), None).await.status,
            400,
            "{query}"
        );
    }
}

/// What each scope opens, by itself: an auditor reads every team's records and calls nothing, a scraper reads
/// metrics, and neither sees what its team spends.
#[tokio::test]
async fn a_narrow_key_opens_its_own_doors_alone() {
    let gateway = Gateway::start().await;
    let ask = Dialect::Native.ask("gpt-4o", "say: hi", Delivery::Json);
    assert_eq!(gateway.asks(TEAM_KEY).await, 200, "a record of another team");
    let mut keys = Vec::new();
    for scope in ["infer", "audit", "metrics"] {
        let made = gateway.make(json!({"team_id": "finance-team", "scopes": [scope]})).await;
        keys.push((scope, word(&made["key"]).to_owned()));
    }
    assert_eq!(gateway.asks(&keys[0].1).await, 200, "and one of its own");
    let limit = json!({"daily_limit_usd": 1});
    for (method, path, body, want) in [
        (Method::POST, "/v1/complete", Some(&ask), [200, 403, 403]),
        (Method::POST, "/v1/estimate", Some(&ask), [200, 403, 403]),
        (Method::GET, "/v1/models", None, [200, 403, 403]),
        (Method::GET, "/v1/providers/status", None, [200, 403, 403]),
        (Method::GET, "/v1/audit/recent", None, [200, 200, 403]),
        (Method::GET, "/v1/audit/recent?team=finance-team", None, [200, 200, 403]),
        (Method::GET, "/v1/audit/recent?team=engineering-team", None, [403, 200, 403]),
        (Method::GET, "/v1/audit/status", None, [403, 200, 403]),
        (Method::GET, "/v1/budget/finance-team", None, [200, 403, 403]),
        (Method::GET, "/v1/budget/engineering-team", None, [403, 403, 403]),
        (Method::PUT, "/v1/budget/finance-team", Some(&limit), [403, 403, 403]),
        (Method::GET, "/v1/budgets", None, [403, 403, 403]),
        (Method::GET, "/v1/usage", None, [200, 403, 403]),
        (Method::GET, "/v1/usage?team=finance-team", None, [200, 403, 403]),
        (Method::GET, KEYS, None, [403, 403, 403]),
        (Method::GET, "/metrics", None, [403, 403, 200]),
    ] {
        for ((scope, key), want) in keys.iter().zip(want) {
            let reply = gateway.with_key(method.clone(), path, key, body).await;
            assert_eq!(reply.status, want, "{scope}: {method} {path}: {}", reply.text());
        }
    }
    let listens = async |key: &str| {
        let request = gateway.anonymous(Method::GET, "/v1/events").header("x-api-key", key);
        request.send().await.expect("the gateway answers").status().as_u16()
    };
    for ((scope, key), want) in keys.iter().zip([200, 200, 403]) {
        assert_eq!(listens(key).await, want, "{scope}: events");
    }
    let of_auditor = gateway.anonymous(Method::GET, "/v1/events").header("x-api-key", &keys[1].1);
    let mut reading = Reading::open(of_auditor).await;
    while let Some(event) = reading.event().await {
        assert_ne!(event.name, "providers", "an auditor hears of records alone");
        if event.name == "records" {
            break;
        }
    }
    let all = gateway.with_key(Method::GET, "/v1/audit/recent", &keys[1].1, None).await.json();
    for team in ["finance-team", "engineering-team"] {
        let entries = all["entries"].as_array().expect("entries").iter();
        assert!(entries.into_iter().any(|entry| entry["team_id"] == team), "{team}: {all}");
    }
}

/// What an administrator did to a team is for that team to read, and no other's: the administrator's own key
/// belongs to a team too.
#[tokio::test]
async fn acts_are_read_by_the_team_that_they_were_done_to() {
    const OF_DEFAULT: &str = "default-key-9d1b7f3e5a";
    let keys = format!("engineering-team:{TEAM_KEY},finance-team:{OTHER_TEAM_KEY},default:{OF_DEFAULT}");
    let gateway = Setup::new().env("GATEWAY_API_KEYS", keys).start().await;
    let made = gateway.make(json!({"team_id": "finance-team", "name": "nightly"})).await;
    let limit = json!({"daily_limit_usd": 3});
    assert_eq!(gateway.as_admin(Method::PUT, "/v1/budget/finance-team", Some(limit)).await.status, 200);
    assert_eq!(gateway.revoke(&made).await.status, 200);
    let acts = async |key: &str| -> Vec<String> {
        let page = gateway.with_key(Method::GET, "/v1/audit/recent", key, None).await.json();
        let entries = page["entries"].as_array().expect("entries").iter();
        let acts = entries.filter(|entry| entry["type"] == "admin");
        acts.map(|entry| word(&entry["action"]).to_owned()).collect()
    };
    let all = ["key_revoked", "budget_override", "key_made"];
    for (whose, key, want) in [
        ("the administrator", ADMIN_KEY, &all[..]),
        ("the team that they were done to", OTHER_TEAM_KEY, &all),
        ("another team", TEAM_KEY, &[]),
        ("the administrator's own team", OF_DEFAULT, &[]),
    ] {
        assert_eq!(acts(key).await, want, "{whose}");
    }
}

#[tokio::test]
async fn any_team_may_have_a_key_where_that_is_allowed_and_an_administrator_may_be_made() {
    let gateway = Setup::new().env("GATEWAY_KEYS_ANY_TEAM", true).start().await;
    let made = gateway.make(json!({"team_id": "new-team", "scopes": ["admin"]})).await;
    let key = word(&made["key"]);
    assert_eq!(gateway.asks(key).await, 403, "it does not call models");
    assert_eq!(gateway.with_key(Method::GET, "/v1/budget/new-team", key, None).await.status, 200);
    let wish = json!({"team_id": "new-team"});
    assert_eq!(gateway.with_key(Method::POST, KEYS, key, Some(&wish)).await.status, 200);
    assert_eq!(gateway.listed("?limit=1&team=new-team").await.len(), 1);
}

#[tokio::test]
async fn keys_outlive_a_kill_and_end_at_their_time() {
    let state = State::new();
    let mut gateway = state.setup().start().await;
    let lasting = gateway.make(json!({"team_id": "finance-team"})).await;
    let revoked = gateway.make(json!({"team_id": "finance-team"})).await;
    assert_eq!(gateway.revoke(&revoked).await.status, 200);
    gateway.kill(0);
    drop(gateway);
    let gateway = state.setup().start().await;
    assert_eq!(gateway.asks(word(&lasting["key"])).await, 200);
    assert_eq!(gateway.asks(word(&revoked["key"])).await, 401);

    let now = gateway.make(json!({"team_id": "finance-team"})).await;
    let now = chrono::DateTime::parse_from_rfc3339(word(&now["created_at"])).expect("a time");
    let soon = now + chrono::TimeDelta::seconds(3);
    let wish = json!({"team_id": "finance-team", "expires_at": soon.to_rfc3339()});
    let ends = gateway.make(wish).await;
    let key = word(&ends["key"]);
    eventually("it ends", async || {
        let reply = gateway.with_key(Method::GET, "/v1/models", key, None).await;
        reply.status == 401 && reply.text().contains("has expired")
    })
    .await;
}

#[tokio::test]
async fn two_replicas_on_one_redis_share_keys_and_a_revoked_one_is_refused_by_both() {
    let redis = Redis::start().await;
    let gateways = [redis.setup(1_000_000_000).start().await, redis.setup(1_000_000_000).start().await];
    let made = gateways[0].make(json!({"team_id": "finance-team"})).await;
    let key = word(&made["key"]);
    assert!(within(SEEN, async || gateways[1].asks(key).await == 200).await, "the other knows it");
    assert_eq!(gateways[1].listed("").await.len(), 1);
    assert_eq!(gateways[1].revoke(&made).await.status, 200);
    assert_eq!(gateways[1].asks(key).await, 401);
    assert!(within(SEEN, async || gateways[0].asks(key).await == 401).await, "the other refuses it");
}

/// Nearly as many as are kept, as gateways before these made them.
const MANY: &str = r#"
for i = 1, 99990 do
  local hash = string.format('%08x', i) .. string.rep('a', 56)
  redis.call('HSET', KEYS[1], string.sub(hash, 1, 12), '{"v":1,"sha256":"' .. hash ..
    '","team":"finance-team","scopes":["infer"],"created_at":"2026-11-24T09:30:00.125Z"}')
end"#;

#[tokio::test]
async fn among_a_hundred_thousand_keys_one_is_made_and_revoked_as_soon() {
    let redis = Redis::start().await;
    redis.command(&["EVAL", MANY, "1", "gw:1:keys"]);
    let gateways = [redis.setup(1_000_000_000).start().await, redis.setup(1_000_000_000).start().await];
    for gateway in &gateways {
        eventually("all are read", async || gateway.listed("?limit=1").await.len() == 1).await;
    }
    for round in 0..6 {
        let (here, there) = (&gateways[round % 2], &gateways[(round + 1) % 2]);
        let made = here.make(json!({"team_id": "finance-team"})).await;
        let key = word(&made["key"]);
        assert_eq!(here.asks(key).await, 200);
        assert!(within(SEEN, async || there.asks(key).await == 200).await, "the other knows it");
        assert_eq!(there.listed("?limit=1").await[0]["id"], made["id"], "the newest first");
        assert_eq!(there.revoke(&made).await.status, 200);
        assert_eq!(there.asks(key).await, 401);
        assert!(within(SEEN, async || here.asks(key).await == 401).await, "the other refuses it");
    }
}

#[tokio::test]
async fn foreign_values_in_redis_harm_no_other_key_and_its_absence_is_told() {
    let mut redis = Redis::start().await;
    let gateway = redis.setup(1_000_000_000).start().await;
    let made = gateway.make(json!({"team_id": "finance-team"})).await;
    let key = word(&made["key"]);
    redis.command(&["HSET", "gw:1:keys", "0123456789ab", "junk", "mark", "moved"]);
    gateway.until_logged("a made key can't be read").await;
    assert_eq!(gateway.asks(key).await, 200, "the other is good");
    let foreign = gateway.revoke(&json!({"id": "0123456789ab"})).await;
    assert_eq!(foreign.status, 200, "it can be taken out: {foreign:?}");

    redis.kill();
    let models = async |key: &str| gateway.with_key(Method::GET, "/v1/models", key, None).await.status;
    gateway.until_logged("made keys can't be looked at").await;
    assert_eq!(models(key).await, 200, "for a while");
    for (method, path) in
        [(Method::POST, KEYS.to_owned()), (Method::DELETE, format!("{KEYS}/{}", word(&made["id"])))]
    {
        let reply = gateway.as_admin(method, &path, Some(json!({"team_id": "finance-team"}))).await;
        assert_eq!(
            (reply.status, &reply.json()["error"]["code"]),
            (503, &json!("keys_unavailable")),
            "{path}"
        );
    }
    // One that starts now knows no key: it can't tell whether this one is good.
    let late = redis.setup(1_000_000_000).start().await;
    let reply = late.with_key(Method::GET, "/v1/models", key, None).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (503, &json!("keys_unavailable")));
    assert_eq!(late.with_key(Method::GET, "/v1/models", "no-such-key-0000", None).await.status, 401);
    assert_eq!(late.with_key(Method::GET, "/v1/models", TEAM_KEY, None).await.status, 200);
    redis.start_again().await;
    eventually("it is known again", async || {
        late.with_key(Method::GET, "/v1/models", key, None).await.status == 200
    })
    .await;
}

/// `ai-gateway keys …` beside a running gateway, or alone.
fn command(setup: Setup, arguments: &[&str]) -> Finished {
    let arguments: Vec<&str> = ["keys"].iter().chain(arguments).copied().collect();
    setup.arguments(&arguments).run()
}

fn told(finished: &Finished) -> Value {
    assert!(finished.status.success(), "{}{}", finished.out, finished.err);
    serde_json::from_str(&finished.out).unwrap_or_else(|error| panic!("{error}: {}", finished.out))
}

#[tokio::test]
async fn the_command_line_works_where_no_gateway_runs_and_where_one_does() {
    let state = State::new();
    let team = ["new", "--team", "finance-team"];
    let flags = [
        &team[..],
        &["--scope", "audit", "--scope", "infer", "--expires", "90d", "--requests-per-minute", "9"],
    ]
    .concat();
    let made = told(&command(state.setup(), &flags));
    assert_eq!(
        (&made["scopes"], &made["limits"]["requests_per_minute"]),
        (&json!(["infer", "audit"]), &json!(9))
    );
    let second = told(&command(state.setup(), &team));
    let listed = command(state.setup(), &["list"]);
    assert_eq!(listed.out.lines().count(), 2, "{}", listed.out);
    assert_eq!(told(&command(state.setup(), &["revoke", word(&second["id"])]))["revoked"], true);
    let again = command(state.setup(), &["revoke", word(&second["id"])]);
    assert!(!again.status.success() && again.err.contains("no key"), "{}", again.err);
    let verified = state.audit(&["verify"]);
    assert!(
        verified.status.success() && verified.out.contains("4 records"),
        "{}{}",
        verified.out,
        verified.err
    );

    let gateway = state.setup().start().await;
    assert_eq!(gateway.asks(word(&made["key"])).await, 200);
    assert_eq!(gateway.asks(word(&second["key"])).await, 401);
    let url = gateway.url("");
    let beside = |arguments: &[&str]| command(state.setup(), &[arguments, &["--url", &url]].concat());
    let third = told(&beside(&team));
    assert_eq!(gateway.asks(word(&third["key"])).await, 200, "at once");
    let listed = beside(&["list", "--team", "finance-team"]);
    assert_eq!(listed.out.lines().count(), 2, "{}", listed.out);
    assert_eq!(told(&beside(&["revoke", word(&third["id"])]))["revoked"], true);
    assert_eq!(gateway.asks(word(&third["key"])).await, 401);
    let held = command(state.setup(), &team);
    assert!(!held.status.success() && held.err.contains("--url"), "the trail is the gateway's: {}", held.err);
    for (case, arguments, want) in [
        ("no team", vec!["new", "--team", "Nobody"], "team_id"),
        ("unknown", vec!["new", "--team", "nobody"], "team_id"),
        ("no scope", [&team[..], &["--scope", "root"]].concat(), "scopes"),
        ("no time", [&team[..], &["--expires", "soon"]].concat(), "--expires"),
        ("no id", vec!["revoke", "mark"], "12 hex digits"),
    ] {
        let refused = beside(&arguments);
        assert!(!refused.status.success() && refused.err.contains(want), "{case}: {}", refused.err);
    }
}
