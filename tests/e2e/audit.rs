//! The audit trail from outside: the command line over its folder, and its newest records over HTTP.

use crate::client::{Delivery, Dialect, Reply};
use crate::gateway::{ADMIN_KEY, Finished, Gateway, Setup, eventually};
use crate::shared_budgets::Redis;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder that outlives each process of its test.
pub struct State(PathBuf);

impl State {
    pub fn new() -> State {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("state-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        State(path)
    }

    pub fn setup(&self) -> Setup {
        Setup::new().env("GATEWAY_STATE_DIR", self.0.display())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn audit(&self, arguments: &[&str]) -> Finished {
        let arguments: Vec<&str> = ["audit"].iter().chain(arguments).copied().collect();
        self.setup().arguments(&arguments).run()
    }

    pub fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.0.join("audit")).expect("the trail's folder");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
        paths.sort();
        paths
    }
}

impl Drop for State {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[tokio::test]
async fn a_trail_is_verified_and_a_tampered_one_is_not() {
    let state = State::new();
    for _ in 0..2 {
        let stopped = state.setup().env("AUDIT_HMAC_KEY", "the-key-of-the-trail").start().await.stop().await;
        assert!(stopped.status.success(), "{}", stopped.log);
    }
    let verify = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["audit", "verify"].iter().chain(arguments).copied().collect();
        state.setup().env("AUDIT_HMAC_KEY", "the-key-of-the-trail").arguments(&arguments).run()
    };
    let whole = verify(&[]);
    assert!(whole.status.success(), "{}{}", whole.out, whole.err);
    assert!(whole.out.contains("1 segments are signed with AUDIT_HMAC_KEY"), "{}", whole.out);
    assert!(whole.out.ends_with("the trail is whole\n"), "{}", whole.out);
    let unsigned = state.audit(&["verify"]);
    assert!(unsigned.out.contains("signatures were not checked"), "{}", unsigned.out);
    let copy = state.0.join("audit").display().to_string();
    assert!(verify(&[&copy]).out.contains("no remembered end to compare with"));

    let segment = state.segments().remove(0);
    let text = std::fs::read_to_string(&segment).expect("a segment");
    std::fs::write(&segment, text.replace("\"segment\":1", "\"segment\":2")).expect("written");
    let changed = verify(&[]);
    assert_eq!(changed.status.code(), Some(1));
    assert!(changed.out.contains("audit-000000000001.jsonl:1 (seq 1): "), "{}", changed.out);
    assert!(changed.err.contains("the trail is not whole"), "{}", changed.err);
    std::fs::remove_file(&segment).expect("removed");
    let removed = verify(&[]);
    assert!(removed.out.contains("its end was cut off"), "{}", removed.out);
}

#[tokio::test]
async fn one_process_keeps_a_trail() {
    let state = State::new();
    let gateway = state.setup().start().await;
    let second = state.setup().run();
    assert!(!second.status.success());
    assert!(second.err.contains("another process holds"), "{}", second.err);
    assert!(second.err.contains("AUDIT_DIR"), "{}", second.err);
    // Reading needs no leave.
    assert!(state.audit(&["verify"]).status.success());
    assert!(gateway.stop().await.status.success());
    assert!(state.setup().start().await.stop().await.status.success());
}

#[tokio::test]
async fn records_are_exported() {
    let state = State::new();
    state.setup().start().await.stop().await;
    let table = state.audit(&["export", "--since", "24h", "--format", "csv"]);
    assert!(table.status.success(), "{}", table.err);
    assert!(table.out.starts_with("seq,time,type,request_id,"), "{}", table.out);
    let lines = state.audit(&["export"]);
    assert_eq!((lines.out.as_str(), lines.status.success()), ("", true));
    assert!(state.audit(&["tail", "-n", "3"]).status.success());
    let wrong = state.audit(&["export", "--since", "yesterday"]);
    assert!(wrong.err.contains("write 2026-11-24"), "{}", wrong.err);
    let nowhere = state.audit(&["verify", "there-is-none"]);
    assert!(nowhere.err.contains("there-is-none can't be read"), "{}", nowhere.err);
}

#[tokio::test]
async fn the_newest_records_are_read_within_ones_scope() {
    let gateway = Gateway::start().await;
    let path = "/v1/audit/recent";
    assert_eq!(gateway.get(path).await.json()["next_cursor"], json!(null));
    assert!(gateway.get(path).await.json()["entries"].is_array());
    let other = format!("{path}?team=finance-team");
    assert_eq!(gateway.get(&other).await.status, 403, "another team's");
    let asked = gateway.anonymous(Method::GET, &other).header("x-api-key", ADMIN_KEY);
    assert_eq!(Reply::of(asked).await.status, 200, "the administrator's");
    assert_eq!(Reply::of(gateway.anonymous(Method::GET, path)).await.status, 401);
    let wrong = gateway.get(&format!("{path}?limit=0")).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.json()["error"]["field"], "limit");
}

#[tokio::test]
async fn replicas_show_each_other_their_newest_records() {
    let mut redis = Redis::start().await;
    let path = "/v1/audit/recent";
    let recent = async |gateway: &Gateway, query: &str| {
        let asked = gateway.anonymous(Method::GET, &format!("{path}?{query}")).header("x-api-key", ADMIN_KEY);
        Reply::of(asked).await.json()
    };
    let ids = |page: &Value| -> Vec<String> {
        let entries = page["entries"].as_array().expect("entries").iter();
        entries.map(|record| record["request_id"].as_str().expect("an id").to_owned()).collect()
    };
    let setup = || Setup::new().env("REDIS_URL", redis.url());
    let gateways = [setup().start().await, setup().start().await];
    let mut asked = Vec::new();
    for number in 0..6 {
        let gateway = &gateways[number % 2];
        let body = Dialect::OpenAi.ask("gpt-4o", "say: hello", Delivery::Json);
        let reply = gateway.post(Dialect::OpenAi.path(), &body).await;
        let id = reply.header("x-request-id").to_owned();
        for gateway in &gateways {
            // So that their order is known.
            eventually("seen everywhere", async || ids(&recent(gateway, "limit=1").await) == [id.as_str()])
                .await;
        }
        asked.insert(0, id);
    }
    for gateway in &gateways {
        let first = recent(gateway, "limit=4&team=engineering-team").await;
        assert_eq!((ids(&first).as_slice(), &first["replicas"]), (&asked[..4], &json!("all")), "{first}");
        let cursor = first["next_cursor"].as_str().expect("there is more");
        let second = recent(gateway, &format!("limit=4&cursor={cursor}")).await;
        assert_eq!(
            (ids(&second).as_slice(), &second["next_cursor"]),
            (&asked[4..], &json!(null)),
            "{second}"
        );
        assert_eq!(ids(&recent(gateway, "team=finance-team").await), [""; 0]);
    }
    redis.kill();
    for (number, gateway) in gateways.iter().enumerate() {
        let own = recent(gateway, "").await;
        let want: Vec<&String> = asked.iter().rev().skip(number).step_by(2).collect();
        assert_eq!(
            (ids(&own).iter().rev().collect::<Vec<_>>(), &own["replicas"]),
            (want, &json!("this")),
            "{own}"
        );
    }
    // What was written meanwhile is told when Redis is back.
    let stale = gateways[0].post(Dialect::OpenAi.path(), &json!({"messages": []})).await;
    assert_eq!(stale.status, 400);
    let id = stale.header("x-request-id");
    redis.start_again().await;
    eventually("told late", async || ids(&recent(&gateways[1], "").await).contains(&id.to_owned())).await;
}

/// The lines of each segment, the oldest first.
type Files = Vec<(String, Vec<String>)>;

#[tokio::test]
async fn each_deed_is_named_with_its_place() {
    let state = State::new();
    // Another key begins another segment: three of a head and three records each, 1 to 4, 5 to 8, 9 to 12.
    for key in ["the-first-key-of-the-trail", "the-second-key-of-the-trail", "the-third-key-of-the-trail"] {
        let gateway = state.setup().env("AUDIT_HMAC_KEY", key).start().await;
        for _ in 0..3 {
            let body = Dialect::OpenAi.ask("gpt-4o", "say: hello", Delivery::Json);
            assert_eq!(gateway.post(Dialect::OpenAi.path(), &body).await.status, 200);
        }
        assert!(gateway.stop().await.status.success());
        // The remembered end is signed with the key of its time.
        std::fs::remove_file(state.path().join("audit-head")).expect("the remembered end");
    }
    let whole: Files = state
        .segments()
        .iter()
        .map(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            let text = std::fs::read_to_string(path).expect("a segment");
            (name, text.lines().map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(whole.iter().map(|(_, lines)| lines.len()).collect::<Vec<_>>(), [4, 4, 4]);
    type Deed = fn(&mut Files);
    let cases: [(&str, Deed, &str); 7] = [
        ("nothing", |_| {}, "the trail is whole"),
        (
            "changed",
            |files| files[1].1[1] = files[1].1[1].replace("\"status\":200", "\"status\":500"),
            "audit-000000000005.jsonl:2 (seq 6): the line was changed",
        ),
        (
            "removed",
            |files| drop(files[1].1.remove(1)),
            "audit-000000000005.jsonl:2 (seq 7): before it, lines 6 to 6 are missing",
        ),
        (
            "inserted",
            |files| {
                let copy = files[0].1[2].clone();
                files[1].1.insert(2, copy);
            },
            "audit-000000000005.jsonl:3 (seq 3): its number is there already: a line was inserted",
        ),
        (
            "swapped",
            |files| files[1].1.swap(1, 2),
            "audit-000000000005.jsonl:3 (seq 6): the line stands out of order",
        ),
        (
            "a segment removed",
            |files| drop(files.remove(1)),
            "audit-000000000009.jsonl:1 (seq 9): before it, 1 segment(s) with lines 5 to 8 are missing",
        ),
        (
            "a segment truncated",
            |files| files[1].1.truncate(2),
            "audit-000000000005.jsonl:2 (seq 6): the segment was cut behind this line: lines up to 8 are missing",
        ),
    ];
    for (number, (case, deed, want)) in cases.into_iter().enumerate() {
        let mut files = whole.clone();
        deed(&mut files);
        let folder = state.path().join(format!("tampered-{number}"));
        std::fs::create_dir(&folder).expect("a folder");
        for (name, lines) in files {
            std::fs::write(folder.join(name), lines.join("\n") + "\n").expect("written");
        }
        let told = state.audit(&["verify", &folder.display().to_string()]);
        assert!(told.out.contains(want), "{case}: {}{}", told.out, told.err);
        assert_eq!(told.status.code(), Some(i32::from(case != "nothing")), "{case}");
    }
}
