//! Requests that their bytes are too many for, and their tokens are not.

use crate::budgets::{nano, usd};
use crate::client::{Delivery, Dialect, Reply, WAYS};
use crate::gateway::{Gateway, OTHER_TEAM_KEY, Setup};
use bytes::Bytes;
use futures_util::future::join_all;
use gateway_simulator::{Provider, Rule};
use reqwest::Method;
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::Duration;
use tokio::time::Instant;

/// 18 bytes and 6 tokens, so many times.
const LINE: &str = "it is as we do so ";
const LINES: usize = 250;
/// Of the request: the lines, `say: hello`, and what stands around two messages.
const BYTES: i64 = 4_500 + 10 + 176;
/// The lines' first word and last blank count with their bytes, and `say: hello` has none but such.
const TOKENS: i64 = 6 * 250 - 1 + 2 + 1 + 10 + 176;
/// 10 tokens of an answer.
const ANSWER: i64 = 10;
/// In nano-USD: the bound by bytes and the counted one, of `gpt-4o`.
const BY_BYTES: i64 = BYTES * 2_500 + ANSWER * 10_000;
const COUNTED: i64 = TOKENS * 2_500 + ANSWER * 10_000;

fn ask(model: &str, dialect: Dialect, delivery: Delivery) -> Value {
    let mut body = dialect.ask(model, "say: hello", delivery);
    let (user, lines) = (body["messages"][0].clone(), LINE.repeat(LINES));
    body["messages"] = json!([{"role": "user", "content": lines}, user]);
    body["max_tokens"] = json!(ANSWER);
    body
}

fn limited(nano: i64) -> Setup {
    let file = "[teams.finance-team]\ndaily_limit_usd = \"10\"\n";
    Setup::new().env("DEFAULT_TEAM_DAILY_BUDGET_USD", usd(nano)).file("gateway.toml", file)
}

async fn rows(gateway: &Gateway) -> Vec<Value> {
    let usage = gateway.get("/v1/usage?group_by=model").await.json();
    usage["rows"].as_array().expect("rows").clone()
}

#[tokio::test]
async fn what_fits_by_its_tokens_is_served_and_counted_as_no_refusal() {
    for (dialect, delivery) in WAYS {
        let gateway = limited(COUNTED).start().await;
        let case = format!("{dialect:?} {delivery:?}");
        // Nobody knows how Anthropic counts.
        let unknown = ask("anthropic/claude-haiku-4-5", dialect, delivery);
        let reply = gateway.post(dialect.path(), &unknown).await;
        assert_eq!(
            (reply.status, dialect.code(&reply.json())),
            (402, "budget_exceeded"),
            "{case}: {reply:?}"
        );
        let reply = gateway.post(dialect.path(), &ask("openai/gpt-4o", dialect, delivery)).await;
        assert_eq!((reply.status, dialect.text(&reply)), (200, "hello".to_owned()), "{case}: {reply:?}");
        let spent = gateway.spent().await;
        assert!(spent > 0 && spent <= COUNTED, "{case}: {spent}");
        let refused = |row: &Value| (row["model"].clone(), row["requests"].clone(), row["refused"].clone());
        let mut told: Vec<_> = rows(&gateway).await.iter().map(refused).collect();
        told.sort_by_key(|(model, ..)| model.to_string());
        let want = [(json!("claude-haiku-4-5"), json!(0), json!(1)), (json!("gpt-4o"), json!(1), json!(0))];
        assert_eq!(told, want, "{case}");
    }
}

#[tokio::test]
async fn what_does_not_fit_by_its_tokens_either_is_refused_once() {
    let gateway = limited(COUNTED - 1).start().await;
    for (dialect, delivery) in WAYS {
        let reply = gateway.post(dialect.path(), &ask("openai/gpt-4o", dialect, delivery)).await;
        assert_eq!((reply.status, dialect.code(&reply.json())), (402, "budget_exceeded"), "{reply:?}");
        let need = usd(COUNTED);
        let need = need.trim_end_matches('0');
        assert!(reply.text().contains(need), "{need}: {}", reply.text());
    }
    assert_eq!(gateway.spent().await, 0);
    let rows = rows(&gateway).await;
    assert_eq!((rows.len(), &rows[0]["refused"]), (1, &json!(WAYS.len())), "{rows:?}");
    assert_eq!(gateway.seen(Provider::OpenAi).requests, 0);
}

#[tokio::test]
async fn an_estimate_tells_the_bound_that_would_be_used() {
    let gateway = limited(COUNTED).start().await;
    let estimate = async |key: Option<&str>, model: &str| {
        let request = match key {
            Some(key) => gateway.anonymous(Method::POST, "/v1/estimate").header("x-api-key", key),
            None => gateway.request(Method::POST, "/v1/estimate"),
        };
        let told = Reply::of(request.json(&ask(model, Dialect::Native, Delivery::Json))).await.json();
        let refused = told["would_refuse"].as_array().expect("a list").len();
        (told["candidates"][0]["input_tokens"].as_i64(), nano(&told["bound_usd"]), refused)
    };
    let gpt = "openai/gpt-4o";
    assert_eq!(estimate(None, gpt).await, (Some(TOKENS), COUNTED, 0));
    assert_eq!(estimate(Some(OTHER_TEAM_KEY), gpt).await, (Some(BYTES), BY_BYTES, 0), "nothing is short");
    let (input, _, refused) = estimate(None, "anthropic/claude-opus-4-6").await;
    assert_eq!((input, refused), (Some(BYTES), 1));
}

#[tokio::test]
async fn tokens_a_minute_are_counted_where_bytes_are_too_many() {
    let limit = TOKENS + ANSWER;
    let file = format!("[teams.engineering-team]\ntokens_per_minute = {limit}\n");
    let gateway = Setup::new().file("gateway.toml", &file).start().await;
    let body = ask("openai/gpt-4o", Dialect::OpenAi, Delivery::Json);
    assert_eq!(gateway.post("/v1/chat/completions", &body).await.status, 200);
    gateway.spent().await;
    // What the first one took has not leaked yet.
    let reply = gateway.post("/v1/chat/completions", &body).await;
    assert_eq!(reply.status, 429, "{reply:?}");
    let wait: u64 = reply.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}: the counted tokens fit in a while, the bytes never would");
    let rows = rows(&gateway).await;
    assert_eq!((&rows[0]["requests"], &rows[0]["refused"]), (&json!(1), &json!(1)), "{rows:?}");
}

#[tokio::test]
async fn a_fallback_is_counted_where_its_bytes_do_not_fit() {
    let gateway = limited(COUNTED)
        .only(&[Provider::Gemini, Provider::OpenAi])
        .env("PROVIDER_PRIORITY", "gemini,openai")
        .env("GEMINI_DEFAULT_MODEL", "gemini-2.5-flash")
        .start()
        .await;
    gateway.faults().set(Rule::status(503).on(Provider::Gemini));
    let mut body = ask("", Dialect::Native, Delivery::Json);
    body.as_object_mut().expect("an object").remove("model");
    let reply = gateway.post("/v1/complete", &body).await;
    assert_eq!((reply.status, reply.header("x-gateway-provider")), (200, "openai"), "{reply:?}");
    let attempts = Dialect::Native.attempts(&reply);
    assert_eq!(attempts.last().map(String::as_str), Some("openai:ok"), "{attempts:?}");
    assert!(gateway.spent().await <= COUNTED);
}

/// Words of 20 letters, no two alike, so that no word is remembered: the hardest that there is to count.
fn hard(bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let letter = |at: usize| {
        // xorshift64: any spread of letters will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if at % 21 == 20 { ' ' } else { char::from(b'a' + u8::try_from(state >> 32 & 15).expect("below 16")) }
    };
    (0..bytes).map(letter).collect()
}

/// All of it would take a processor ten seconds, if all were counted.
#[tokio::test]
async fn many_that_are_refused_stall_no_others() {
    const MANY: usize = 40;
    let quiet = limited(COUNTED).env("PII_REDACTION_ENABLED", false).env("INJECTION_ACTION", "off");
    let gateway = quiet.env("RUST_LOG", "info").start().await;
    let mut large = Dialect::OpenAi.ask("openai/gpt-4.1", &hard(2 << 20), Delivery::Json);
    large["max_tokens"] = json!(ANSWER);
    let large = Bytes::from(large.to_string());
    let refused = async || {
        let request = gateway.request(Method::POST, "/v1/chat/completions");
        let reply = Reply::of(request.header("content-type", "application/json").body(large.clone())).await;
        assert_eq!(reply.status, 402, "{reply:?}");
    };
    let small = ask("openai/gpt-4o", Dialect::OpenAi, Delivery::Json);
    let served = async || {
        let request = gateway.anonymous(Method::POST, "/v1/chat/completions");
        let began = Instant::now();
        let reply = Reply::of(request.header("x-api-key", OTHER_TEAM_KEY).json(&small)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        began.elapsed()
    };
    let over = Cell::new(false);
    let storm = async {
        let began = Instant::now();
        join_all((0..MANY).map(|_| refused())).await;
        over.set(true);
        began.elapsed()
    };
    let others = async {
        let mut longest = Duration::ZERO;
        while !over.get() {
            longest = longest.max(served().await);
        }
        longest
    };
    let (took, longest) = tokio::join!(storm, others);
    // Where workers count, others wait half as long as all of it takes.
    assert!(longest < took / 3, "another waited {longest:?} of {took:?}");
    assert!(took < Duration::from_secs(8), "they were refused after {took:?}");
}
