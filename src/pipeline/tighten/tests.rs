//! Bounds beside what was billed, and how many are worked at.

use super::super::tests::{folder, started};
use super::*;
use bytes::Bytes;
use futures_util::FutureExt;
use gateway_core::catalog::{Catalog, Place};
use gateway_core::conversation::Conversation;
use gateway_core::ids::{ModelName, ProviderKind, UpstreamName};
use gateway_core::routing::Route;
use gateway_wire::Inbound;
use gateway_wire::openai_chat::OpenAiChat;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

/// Past the test runner's capture: by how much bounds are tighter is a part of the result.
fn told(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap();
}

fn candidate(kind: ProviderKind, model: &str) -> Option<Candidate> {
    let upstream = UpstreamName::new(kind.name())?;
    let found = Catalog::builtin().find(Place { upstream: &upstream, kind, region: None }, model)?;
    let route = Route {
        upstream,
        kind,
        model: ModelName::new(model),
        wire_model: model.to_owned(),
        price: found.price?,
        window: found.window,
        max_output: found.max_output,
        default_output_bound: found.default_output_bound,
        abilities: found.abilities,
        efforts: found.efforts,
    };
    Some(Candidate { upstream: 0, route: Arc::new(route), output_bound: 1, output_was_bounded: false })
}

/// Tokens of the prompt at most, by bytes and counted. `None` where no tokenizer is known.
fn bounds(candidate: &Candidate, conversation: &Conversation) -> Option<(u64, u64)> {
    let prompt = Prompt::of(conversation);
    let by = prompt.countable(&candidate.route)?;
    let mut count = Count::new(by, conversation.plain_texts().cloned().collect());
    while count.go_on(SLICE) {}
    let most = |prompt: &Prompt| bound(candidate, prompt, None).input;
    Some((most(&prompt), most(&prompt.counted(by, count.most()))))
}

/// An exchange as it was recorded.
struct Recorded {
    name: String,
    kind: ProviderKind,
    model: String,
    request: Value,
    prompt_tokens: u64,
}

/// Every exchange of chat completions below this folder whose request and usage were kept.
fn recorded(folder: &Path) -> Vec<Recorded> {
    let mut found = Vec::new();
    for kind in [ProviderKind::OpenAi, ProviderKind::AzureOpenAi] {
        let folder = folder.join(if kind == ProviderKind::OpenAi { "openai" } else { "azure" });
        let files =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for path in files {
            let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let request = case["request"]["body"].clone();
            if !request["messages"].is_array() {
                continue;
            }
            let events = case["response"]["sse"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let data = events.flat_map(str::lines).filter_map(|line| line.strip_prefix("data: "));
            let answers = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
            let answers = answers.chain([case["response"]["body"].clone()]);
            let told = answers.filter_map(|answer| answer["usage"]["prompt_tokens"].as_u64()).next_back();
            let Some(prompt_tokens) = told else { continue };
            let model = request["model"].as_str().or(case["model"].as_str()).unwrap().to_owned();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.push(Recorded { name, kind, model, request, prompt_tokens });
        }
    }
    found
}

/// What vendors billed is within the counted bound, and that within the bound by bytes. Recordings lie outside the
/// repository: `GATEWAY_SHARED_DATA` names the folder that holds `wire/openai/*.json`.
#[test]
fn counted_bounds_hold_for_all_that_was_billed() {
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, no setting of the gateway")]
    let shared = std::env::var("GATEWAY_SHARED_DATA");
    let mut all = documented();
    match &shared {
        Ok(folder) => all.extend(recorded(&Path::new(folder).join("wire"))),
        Err(_) => told("recordings are not read: GATEWAY_SHARED_DATA is not set"),
    }
    let (mut checked, mut passed_over) = (0, Vec::new());
    for Recorded { name, kind, model, request, prompt_tokens } in all {
        let body = Bytes::from(request.to_string());
        let asked = OpenAiChat.decode(&body).ok();
        let known = candidate(kind, &model).zip(asked.as_ref());
        let bounds = known.and_then(|(candidate, asked)| bounds(&candidate, &asked.conversation));
        let Some((by_bytes, counted)) = bounds else {
            passed_over.push(name);
            continue;
        };
        checked += 1;
        told(&format!(
            "{by_bytes:>7} by bytes {counted:>7} counted {prompt_tokens:>7} billed  {model} {name}"
        ));
        assert!(prompt_tokens <= counted, "{name}: {prompt_tokens} > {counted}");
        assert!(counted <= by_bytes, "{name}: {counted} > {by_bytes}");
    }
    told(&format!("{checked} checked; not decoded, or of no known tokenizer: {}", passed_over.join(", ")));
    assert!(checked >= if shared.is_ok() { 60 } else { 2 }, "{checked}");
}

/// OpenAI's cookbook, "How to count tokens with tiktoken": 124 tokens, as the API counted. And its reference of chat
/// completions: 19.
fn documented() -> Vec<Recorded> {
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    let named = |name: &str, content: &str| json!({"role": "system", "name": name, "content": content});
    let jargon = [
        message(
            "system",
            "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
        ),
        named("example_user", "New synergies will help drive top-line growth."),
        named("example_assistant", "Things working well together will increase revenue."),
        named(
            "example_user",
            "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
        ),
        named("example_assistant", "Let's talk later when we're less busy about how to do better."),
        message(
            "user",
            "This late pivot means we don't have time to boil the ocean for the client deliverable.",
        ),
    ];
    let greeting = [message("system", "You are a helpful assistant."), message("user", "Hello!")];
    let asked = |name: &str, messages: Value, prompt_tokens| Recorded {
        name: name.to_owned(),
        kind: ProviderKind::OpenAi,
        model: "gpt-4o".to_owned(),
        request: json!({"model": "gpt-4o", "messages": messages}),
        prompt_tokens,
    };
    vec![asked("cookbook", json!(jargon), 124), asked("reference", json!(greeting), 19)]
}

#[actix_web::test]
async fn who_has_no_turn_waits_and_who_gets_none_is_not_counted() {
    let folder = folder("turns");
    let (gateway, _) = started(&folder).await;
    let texts = || vec![Text::new("Why is the sky blue, and since when do we know?")];
    let by = Tokenizer::O200kBase;
    let all = u32::try_from(gateway.inspector.counts.available_permits()).unwrap();
    let held = gateway.inspector.counts.acquire_many(all).await.unwrap();
    let mut waits = pin!(count(&gateway, by, texts()));
    assert_eq!(waits.as_mut().now_or_never(), None, "it waits");
    drop(held);
    // `Why` and `?` with their bytes, ten words and a comma between.
    assert_eq!(waits.await, Some(14 + 1));
    assert_eq!(gateway.inspector.counts.available_permits(), all as usize, "its turn is another's");
    let _held = gateway.inspector.counts.acquire_many(all).await.unwrap();
    assert_eq!(count(&gateway, by, texts()).await, None);
    let wait = Duration::from_secs(5);
    gateway.budget.drain(wait).await.expect("it ends");
    gateway.audit.drain(wait).await.expect("it ends");
    std::fs::remove_dir_all(folder).expect("its own folder");
}

#[test]
fn searches_keep_threads() {
    for (threads, at_once) in [(1, 1), (2, 1), (3, 1), (8, 4)] {
        assert_eq!(turns(threads).available_permits(), at_once, "{threads} threads");
    }
}
