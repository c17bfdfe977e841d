//! Limits as an administrator sets them on the command line, and who was told to come back later.

use crate::budgets::{HELLO, hello, usd};
use crate::client::{Delivery, Dialect};
use crate::gateway::{ADMIN_KEY, Finished, Gateway, Setup};

fn budget(gateway: &Gateway, key: &str, arguments: &[&str]) -> Finished {
    let arguments: Vec<&str> = ["budget"].iter().chain(arguments).copied().collect();
    let bind = gateway.address();
    Setup::new().env("GATEWAY_BIND", bind).env("GATEWAY_ADMIN_KEY", key).arguments(&arguments).run()
}

#[tokio::test]
async fn the_command_line_shows_and_sets_limits() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.post("/v1/complete", &hello(Dialect::Native, Delivery::Json)).await.status, 200);
    gateway.spent().await;
    let run = |arguments: &[&str]| budget(&gateway, ADMIN_KEY, arguments);
    let told = |arguments: &[&str], wanted: &[String]| {
        let done = run(arguments);
        assert!(done.status.success(), "{arguments:?}: {}", done.err);
        wanted
            .iter()
            .for_each(|part| assert!(done.out.contains(part), "{arguments:?}: {part}: {}", done.out));
    };
    let spent = format!("spent {}  reserved 0.000000000", usd(HELLO));
    let default = format!("daily   limit 10.000000000  {spent}");
    told(&["get", "engineering-team"], &["engineering-team (default)".to_owned(), default]);
    told(&["get"], &["engineering-team (default)".to_owned(), "finance-team (default)".to_owned()]);
    let set = ["set", "engineering-team", "--daily", "2.5", "--monthly", "unlimited", "--max-parallel", "7"];
    let limited = format!("(override)\n  daily   limit 2.500000000  {spent}");
    told(&set, &[limited, "monthly limit unlimited".to_owned()]);
    told(&["--json", "get", "engineering-team"], &["\"max_parallel\":{\"limit\":7,".to_owned()]);
    told(&["unset", "engineering-team"], &["engineering-team (default)".to_owned()]);

    for (case, key, arguments, wanted) in [
        ("a wrong key", "not-the-admins-key-0001", &["get"][..], "invalid_api_key"),
        ("no such team", ADMIN_KEY, &["get", "nobody"], "not_found"),
        ("a wrong amount", ADMIN_KEY, &["set", "finance-team", "--daily", "-1"], "unexpected argument"),
        ("an odd amount", ADMIN_KEY, &["set", "finance-team", "--daily", "lots"], "invalid_field"),
        ("no limit", ADMIN_KEY, &["set", "finance-team"], "required"),
        ("no key", "", &["get"], "GATEWAY_ADMIN_KEY"),
        (
            "nobody there",
            ADMIN_KEY,
            &["--url", "http://127.0.0.1:1", "get"],
            "no answer of http://127.0.0.1:1",
        ),
    ] {
        let done = budget(&gateway, key, arguments);
        assert!(!done.status.success(), "{case}: {}", done.out);
        assert!(done.err.contains(wanted), "{case}: {}", done.err);
    }
}

#[tokio::test]
async fn who_is_to_come_back_later_is_refused_before_the_search() {
    let file = "[pii]\nactions = { SECRET = \"block\" }\n[teams.engineering-team]\nrequests_per_minute = 1\n";
    let gateway = Setup::new().file("gateway.toml", file).start().await;
    let secret = Dialect::Native.ask("gpt-4o", "the key is AKIAQ7GZ4R2XW5TN8PLM", Delivery::Json);
    let ask = async |body| {
        let reply = gateway.post("/v1/complete", &body).await;
        (reply.status, Dialect::Native.code(&reply.json()).to_owned(), reply.header("retry-after").to_owned())
    };
    let found = ask(secret.clone()).await;
    assert_eq!((found.0, found.1.as_str()), (400, "content_blocked"), "searched before the budget is asked");
    let clean = || hello(Dialect::Native, Delivery::Json);
    assert_eq!(gateway.post("/v1/complete", &clean()).await.status, 200);
    assert_eq!(ask(clean()).await.0, 429);
    let (status, code, wait) = ask(secret).await;
    assert_eq!(
        (status, code.as_str()),
        (429, "rate_limited"),
        "known to be in its pause: nothing is searched"
    );
    assert!((50..=60).contains(&wait.parse::<u64>().expect("seconds")), "{wait}");
}
