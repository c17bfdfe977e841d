//! Every chat answer that was recorded from a provider decodes: its text and usage equal an independent
//! reading of the JSON, its errors are of a sensible class, and no way of cutting a stream changes it.
//!
//! The recordings lie outside the repository: `GATEWAY_SHARED_DATA` names the folder that holds
//! `wire/<provider>/*.json`. Without it the few fixtures of this folder are read, cut at every byte.

#![allow(clippy::panic, clippy::print_stdout, reason = "a test: it fails by panics and prints its table")]

use bytes::Bytes;
use gateway_core::conversation::Event;
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::azure::AzureOpenAi;
use gateway_wire::gemini::Gemini;
use gateway_wire::openai_chat::OpenAiChat;
use gateway_wire::sse::Parser;
use gateway_wire::{Outbound, Whole};
use proptest::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

#[path = "recorded/reading.rs"]
mod reading;

const PROVIDERS: [(&str, &dyn Outbound); 5] = [
    ("anthropic", &AnthropicMessages),
    ("gemini", &Gemini),
    ("azure", &AzureOpenAi),
    ("openai", &OpenAiChat),
    ("openai_compatible", &OpenAiChat),
];

/// Cases of other APIs of the same providers.
const NOT_YET: [&str; 3] = ["responses_", "embeddings", "count_tokens"];

/// One answer of a provider.
struct Case {
    name: String,
    status: u16,
    headers: Value,
    body: Bytes,
    is_stream: bool,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The chat cases of a provider in order of their names, and how many others lie beside them.
fn cases(folder: &Path, provider: &str) -> (Vec<Case>, usize) {
    let folder = folder.join(provider);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    let all = paths.len();
    paths.retain(|path| !NOT_YET.iter().any(|kind| name_of(path).starts_with(kind)));
    let others = all - paths.len();
    (paths.iter().map(|path| read(path)).collect(), others)
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name")
}

fn read(path: &Path) -> Case {
    let file = std::fs::read(path).expect("readable");
    let case: Value = serde_json::from_slice(&file).expect("JSON");
    let response = &case["response"];
    let sse = response["sse"].as_array();
    let body: String = match (sse, &response["body"]) {
        (Some(events), _) => events.iter().map(|event| event.as_str().expect("a string")).collect(),
        (None, Value::String(text)) => text.clone(),
        (None, body) => body.to_string(),
    };
    Case {
        name: name_of(path).to_owned(),
        status: response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status"),
        headers: response["headers"].clone(),
        body: body.into(),
        is_stream: sse.is_some(),
    }
}

/// Events up to the first failure, and whether the stream was whole; `cuts` are where its bytes are parted.
fn streamed(codec: &dyn Outbound, body: &Bytes, cuts: &[usize]) -> (Vec<Event>, Result<(), Fault>) {
    let mut parser = Parser::default();
    let mut reader = codec.stream();
    let mut events = Vec::new();
    let mut from = 0;
    for to in cuts.iter().copied().chain([body.len()]) {
        parser.push(body.slice(from..to));
        from = to;
        while let Some(frame) = parser.next_frame() {
            let frame = frame.expect("shorter than the bound");
            if let Err(fault) = reader.frame(&frame, &mut events) {
                return (events, Err(fault));
            }
        }
    }
    if let Some(frame) = parser.finish()
        && let Err(fault) = reader.frame(&frame, &mut events)
    {
        return (events, Err(fault));
    }
    let end = reader.end(&mut events);
    (events, end)
}

#[derive(Debug, Default)]
struct Counts {
    answers: usize,
    streams: usize,
    errors: usize,
    usages: usize,
    others: usize,
}

/// Where a long stream is cut.
enum Cuts {
    EveryByte,
    Seeded(usize),
}

fn check(provider: &str, codec: &dyn Outbound, folder: &Path, cuts: &Cuts) -> Counts {
    let (cases, others) = cases(folder, provider);
    let mut counts = Counts { others, ..Counts::default() };
    for case in &cases {
        let name = format!("{provider}/{}", case.name);
        if case.status != 200 {
            counts.errors += 1;
            check_error(&name, codec, case);
        } else if case.is_stream {
            counts.streams += 1;
            counts.usages += usize::from(check_stream(&name, provider, codec, case));
            check_cuts(&name, codec, &case.body, cuts);
        } else {
            counts.answers += 1;
            counts.usages += usize::from(check_answer(&name, provider, codec, case));
        }
    }
    counts
}

fn check_error(name: &str, codec: &dyn Outbound, case: &Case) {
    let header = |name: &str| case.headers[name].as_str().map(str::to_owned);
    let fault = codec.fault(case.status, &header, &case.body);
    let body = String::from_utf8_lossy(&case.body);
    let says = |words: &[&str]| words.iter().any(|word| body.contains(word));
    let is_sensible = match (case.status, &fault.class) {
        (401 | 403, class) => *class == FaultClass::Misconfigured,
        (404, class) => *class == FaultClass::ModelNotFound,
        (429, FaultClass::RateLimited { retry_after }) => {
            let tells = says(&["retryDelay"]) || !case.headers["retry-after"].is_null();
            retry_after.is_some() == tells
        }
        (400, class) if says(&["API_KEY_INVALID"]) => *class == FaultClass::Misconfigured,
        (400, class) if says(&["content_filter"]) => *class == FaultClass::ContentFiltered,
        (400, class) if says(&["too long", "maximum context", "exceeds the maximum"]) => {
            *class == FaultClass::ContextTooLong
        }
        (400, class) => matches!(class, FaultClass::Refused { .. }),
        (500.., class) => *class == FaultClass::Unavailable,
        _ => false,
    };
    assert!(is_sensible, "{name}: {fault:?}");
    assert_eq!(fault.status, Some(case.status), "{name}");
}

/// Whether there was usage to compare.
fn check_answer(name: &str, provider: &str, codec: &dyn Outbound, case: &Case) -> bool {
    let body: Value = serde_json::from_slice(&case.body).expect("JSON");
    let want = reading::of(provider, &[body]);
    match codec.answer(&case.body) {
        Ok(events) => compare(name, &events, &want),
        Err(fault) if want.is_blocked => {
            assert_eq!(fault.class, FaultClass::ContentFiltered, "{name}");
            false
        }
        Err(fault) => panic!("{name}: {fault:?}"),
    }
}

fn check_stream(name: &str, provider: &str, codec: &dyn Outbound, case: &Case) -> bool {
    let (events, end) = streamed(codec, &case.body, &[]);
    let want = reading::of(provider, &reading::data_of(&case.body));
    let failed = events.iter().any(|event| matches!(event, Event::Failed(_)));
    assert_eq!(failed, want.has_error, "{name}");
    assert!(failed || end == Ok(()), "{name}: {end:?}");
    if failed {
        return false;
    }
    compare(name, &events, &want)
}

fn compare(name: &str, events: &[Event], want: &reading::Reading) -> bool {
    assert_eq!(events.last(), Some(&Event::End), "{name}");
    let mut whole = Whole::default();
    events.iter().cloned().for_each(|event| whole.add(event));
    let texts: Vec<String> = whole
        .choices
        .iter()
        .map(|choice| {
            choice.texts.iter().chain(&choice.refusals).map(|text| text.decoded().into_owned()).collect()
        })
        .collect();
    assert_eq!(texts, want.texts, "{name}");
    assert!(whole.choices.iter().all(|choice| choice.stop.is_some()), "{name}: a choice without its reason");
    if want.usage == Usage::default() {
        return false;
    }
    // Zero and absent cost the same.
    let billed = |usage: &Usage| {
        [usage.input, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h, usage.output]
            .map(Option::unwrap_or_default)
    };
    assert_eq!(billed(&whole.usage), billed(&want.usage), "{name}");
    assert_eq!(whole.usage.audio_input.unwrap_or(0), want.usage.audio_input.unwrap_or(0), "{name}");
    assert!(whole.usage.is_reported(), "{name}");
    true
}

fn check_cuts(name: &str, codec: &dyn Outbound, body: &Bytes, cuts: &Cuts) {
    let whole = streamed(codec, body, &[]);
    let every: Vec<usize> = (1..body.len()).collect();
    assert_eq!(streamed(codec, body, &every), whole, "{name}, byte by byte");
    match cuts {
        Cuts::EveryByte => {
            for cut in every {
                assert_eq!(streamed(codec, body, &[cut]), whole, "{name}, cut at {cut}");
            }
        }
        Cuts::Seeded(places) => {
            let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
            for _ in 0..*places {
                // Knuth's MMIX constants; the high bits are the better ones.
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let cut = usize::try_from(seed >> 33).expect("31 bits fit") % body.len();
                assert_eq!(streamed(codec, body, &[cut]), whole, "{name}, cut at {cut}");
            }
        }
    }
}

fn check_all(folder: &Path, cuts: &Cuts) {
    println!(
        "{:<18} {:>7} {:>7} {:>6} {:>6} {:>7}",
        "provider", "answers", "streams", "errors", "usage", "not yet"
    );
    for (provider, codec) in PROVIDERS {
        let Counts { answers, streams, errors, usages, others } = check(provider, codec, folder, cuts);
        println!("{provider:<18} {answers:>7} {streams:>7} {errors:>6} {usages:>6} {others:>7}");
        assert!(answers + streams + errors > 0, "{provider}: no case found");
    }
}

#[test]
fn fixtures_decode() {
    check_all(&fixtures(), &Cuts::EveryByte);
}

#[test]
fn recordings_decode() {
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, no setting of the gateway")]
    let folder = std::env::var("GATEWAY_SHARED_DATA");
    match folder {
        Ok(folder) => check_all(&Path::new(&folder).join("wire"), &Cuts::Seeded(200)),
        Err(_) => {
            println!("not run on recordings, GATEWAY_SHARED_DATA is not set; on the fixtures instead:");
            check_all(&fixtures(), &Cuts::Seeded(20));
        }
    }
}

/// Decodes in every way; what comes out does not matter, only that it comes out.
fn survive(codec: &dyn Outbound, body: &Bytes) {
    let _ = codec.answer(body);
    let _ = streamed(codec, body, &[]);
    let _ = codec.fault(400, &|_| Some(String::from_utf8_lossy(body).into_owned()), body);
}

/// Puts `value` in the place of the `nth` value of a document, counted in reading order.
fn replace(document: &mut Value, nth: &mut usize, value: &Value) {
    if *nth == 0 {
        *document = value.clone();
    }
    *nth = nth.wrapping_sub(1);
    match document {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, nth, value)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, nth, value)),
        _ => {}
    }
}

proptest! {
    // A failure prints its input; as a test of its own it is worth more than in a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(
        provider in 0..PROVIDERS.len(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        is_framed in any::<bool>(),
    ) {
        let body = if is_framed { [b"data: ", &bytes[..], b"\n\n"].concat() } else { bytes };
        survive(PROVIDERS[provider].1, &body.into());
    }

    #[test]
    fn changed_bytes_are_survived(
        provider in 0..PROVIDERS.len(),
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let (provider, codec) = PROVIDERS[provider];
        let (cases, _) = cases(&fixtures(), provider);
        let mut body = cases[which.index(cases.len())].body.to_vec();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        survive(codec, &body.into());
    }

    #[test]
    fn values_of_wrong_types_are_survived(
        provider in 0..PROVIDERS.len(),
        which in any::<prop::sample::Index>(),
        nth in 0..60_usize,
        value in prop::sample::select(&["null", "true", "-1", "1.5", "1e300", "18446744073709551616", "\"x\"", "[]", "{}", "[[1]]"][..]),
    ) {
        let value: Value = serde_json::from_str(value).expect("JSON");
        let (provider, codec) = PROVIDERS[provider];
        let (cases, _) = cases(&fixtures(), provider);
        let case = &cases[which.index(cases.len())];
        let documents = if case.is_stream {
            reading::data_of(&case.body)
        } else {
            vec![serde_json::from_slice(&case.body).expect("JSON")]
        };
        let changed: Vec<String> = documents.into_iter().map(|mut document| {
            replace(&mut document, &mut { nth }, &value);
            if case.is_stream { format!("data: {document}\n\n") } else { document.to_string() }
        }).collect();
        survive(codec, &changed.concat().into());
    }
}
