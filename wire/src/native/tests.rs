use super::*;
use crate::dialect::{Attempt, Budget, Choice};
use crate::sse::Parser;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::money::NanoUsd;
use gateway_core::routing::{Capability, How, RouteReason};
use gateway_core::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

fn asked(fields: &str) -> Result<Asked, Malformed> {
    let body = format!(r#"{{"messages":[{{"role":"user","content":"hi"}}]{fields}}}"#);
    Native.decode(&Bytes::from(body))
}

#[test]
fn reads_the_fields_that_only_this_dialect_has() {
    let asked = asked(
        r#","provider":"anthropic","capability":"long_context","fallback":false,"team_id":"finance-team""#,
    );
    let asked = asked.expect("a request");
    assert_eq!(asked.provider.as_deref(), Some("anthropic"));
    assert_eq!(asked.capability, Some(Capability::LongContext));
    assert_eq!(asked.fallback, Some(false));
    assert_eq!(asked.team_id.as_deref(), Some("finance-team"));
    assert!(asked.dropped.is_empty() && asked.warnings.is_empty());
}

#[test]
fn what_is_not_used_is_told_in_a_warning() {
    for (fields, dropped, warnings) in [
        ("", &[][..], &[][..]),
        (r#","topk":3"#, &["topk"], &["`topk` is not a known field and was dropped"]),
        (r#","metadata":null"#, &[], &[]),
    ] {
        let asked = asked(fields).expect(fields);
        assert!(asked.metadata.is_none(), "{fields}");
        assert_eq!(
            (&asked.dropped[..], &asked.warnings[..]),
            (
                &dropped.iter().map(|name| (*name).into()).collect::<Vec<_>>()[..],
                &warnings.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()[..],
            ),
            "{fields}"
        );
    }
}

#[test]
fn metadata_waits_until_it_is_known_what_is_taken() {
    let mut asked = asked(r#","metadata":{"ticket":"marker"}"#).expect("a request");
    assert!(asked.dropped.is_empty());
    assert_eq!(asked.take_metadata(&[]), Ok(Vec::new()));
    assert_eq!(asked.dropped, ["metadata"]);
    let why = "`metadata` is not recorded: the gateway's configuration has no `[usage] tags`";
    assert_eq!(asked.warnings, [why]);
}

#[test]
fn a_mistake_is_named_by_its_field_and_its_mend() {
    for (fields, want) in [
        (r#","provider":3"#, "`provider`: must be a string"),
        (r#","team_id":["marker"]"#, "`team_id`: must be a string"),
        (r#","fallback":"marker""#, "`fallback`: must be true or false"),
        (
            r#","capability":"marker""#,
            "`capability`: must be one of code, reasoning, vision, long_context, fast, cheap",
        ),
        (r#","n":2"#, "`n` is not supported over 1 by this dialect, whose answer is one: ask several times"),
        (r#","temperature":9"#, "`temperature`: must be a number from 0 to 2"),
    ] {
        assert_eq!(asked(fields).expect_err(fields).to_string(), want);
    }
}

fn attempts() -> [Attempt; 2] {
    let attempt = |provider: &str, model: &str, outcome, status, ms| Attempt {
        provider: provider.to_owned(),
        model: model.to_owned(),
        outcome,
        status,
        ms,
    };
    [
        attempt("anthropic", "claude-opus-4-6", "breaker_open", None, 0),
        attempt("openai", "gpt-4o", "ok", Some(200), 5),
    ]
}

fn facts<'a>(usage: &'a Usage, attempts: &'a [Attempt], warnings: &'a [String]) -> Facts<'a> {
    Facts {
        request_id: "r1",
        created: 1,
        provider: "openai",
        model: "gpt-4o",
        route_reason: Some(RouteReason { how: How::Capability(Capability::Code), split: true }),
        fallback: true,
        attempts,
        usage,
        cost: NanoUsd::parse("0.00004").expect("an amount"),
        cost_is_estimate: true,
        max_output: Some(8_192),
        dropped: &[],
        warnings,
        pii: None,
        budget: Some(Budget { remaining: NanoUsd::parse("9.5").ok() }),
        latency_ms: 12,
        overhead_us: 34,
    }
}

/// All fields of an answer but its id and its text.
fn outcome() -> Value {
    json!({
        "finish_reason": "length", "provider_used": "openai", "model_used": "gpt-4o",
        "route_reason": "capability/code/split",
        "fallback_triggered": true,
        "attempts": [
            {"provider": "anthropic", "model": "claude-opus-4-6", "outcome": "breaker_open", "ms": 0},
            {"provider": "openai", "model": "gpt-4o", "outcome": "ok", "status": 200, "ms": 5},
        ],
        "usage": {"input_tokens": 100, "output_tokens": 20, "cached_input_tokens": 60, "reasoning_tokens": 8,
            "estimated_cost_usd": 0.00004, "cost_is_estimate": true},
        "budget": {"remaining_usd": 9.5},
        "warnings": ["a \"warning\""], "latency_ms": 12,
    })
}

const USAGE: Usage = Usage {
    input: Some(40),
    cache_read: Some(60),
    cache_write_5m: None,
    cache_write_1h: None,
    output: Some(20),
    reasoning: Some(8),
    audio_input: None,
    audio_output: None,
    web_searches: None,
    service_tier: None,
};

#[test]
fn an_answer_says_who_served_it_and_what_it_cost() {
    let warnings = ["a \"warning\"".to_owned()];
    let raw = Text::from_json(Bytes::from_static(br#""a \/ \u00e9""#)).expect("a string");
    let choice =
        Choice { texts: vec![raw, Text::new("b")], stop: Some(StopReason::Length), ..Choice::default() };
    let whole = Whole { choices: vec![choice], usage: USAGE, upstream_model: None };
    let body = Native.answer(&whole, &facts(&USAGE, &attempts(), &warnings));
    let body = String::from_utf8(body).expect("UTF-8");
    assert!(body.contains(r#""content":"a \/ \u00e9b""#), "copied as it stood: {body}");
    assert!(body.contains(r#""estimated_cost_usd":0.000040000"#), "nine decimals: {body}");
    let mut want = outcome();
    want["id"] = "r1".into();
    want["content"] = "a / éb".into();
    assert_eq!(serde_json::from_str::<Value>(&body).expect("JSON"), want);
}

#[test]
fn counters_that_nobody_reported_are_absent() {
    let usage = Usage { input: Some(1), output: Some(2), ..Usage::default() };
    let body = Native.answer(&Whole::default(), &facts(&usage, &[], &[]));
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let fields: Vec<_> = body["usage"].as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["input_tokens", "output_tokens", "estimated_cost_usd", "cost_is_estimate"]);
    assert_eq!((&body["content"], &body["finish_reason"]), (&json!(""), &json!("stop")));
}

#[test]
fn an_error_names_code_field_wait_and_attempts() {
    let error = ErrorBody {
        status: 503,
        code: "no_provider_available",
        message: "none \"left\"".to_owned(),
        field: Some("model".to_owned()),
        retry_after_s: Some(7),
        request_id: "r1".to_owned(),
        attempts: attempts().to_vec(),
    };
    let written: Value = serde_json::from_slice(&Native.error(&error)).expect("JSON");
    let want = json!({"error": {"code": "no_provider_available", "message": "none \"left\"", "field": "model",
        "retry_after_s": 7, "request_id": "r1", "attempts": outcome()["attempts"]}});
    assert_eq!(written, want);
    let bare = ErrorBody { field: None, retry_after_s: None, attempts: Vec::new(), ..error };
    let written: Value = serde_json::from_slice(&Native.error(&bare)).expect("JSON");
    let fields: Vec<_> = written["error"].as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["code", "message", "request_id"]);
}

/// The stream of these events, as name and data of each frame.
fn stream(events: &[Event]) -> Vec<(String, Value)> {
    let warnings = ["a \"warning\"".to_owned()];
    let attempts = attempts();
    let facts = facts(&USAGE, &attempts, &warnings);
    let opening = Opening { request_id: "r1".to_owned(), created: 1, include_usage: false };
    let mut encoder = Native.stream(opening);
    let mut out = BytesMut::new();
    encoder.open(&facts, &mut out);
    events.iter().for_each(|event| encoder.event(event, &mut out));
    encoder.close(&facts, &mut out);
    frames(&out)
}

fn frames(stream: &[u8]) -> Vec<(String, Value)> {
    let mut parser = Parser::default();
    parser.push(Bytes::copy_from_slice(stream));
    std::iter::from_fn(|| parser.next_frame())
        .map(|frame| {
            let frame = frame.expect("short");
            let name = String::from_utf8(frame.event.expect("a name").to_vec()).expect("UTF-8");
            (name, serde_json::from_slice(&frame.data).expect("JSON"))
        })
        .collect()
}

#[test]
fn a_stream_is_start_deltas_done() {
    let events = [
        Event::Start { id: None, model: None },
        Event::Text { choice: 0, text: Text::new("a\n") },
        Event::Text { choice: 0, text: Text::new("\"b") },
        Event::Stop { choice: 0, reason: StopReason::Length },
        Event::Usage(USAGE),
    ];
    let mut done = outcome();
    done["id"] = "r1".into();
    let start = json!({"request_id": "r1", "provider_used": "openai", "model_used": "gpt-4o"});
    assert_eq!(
        stream(&events),
        [
            ("start".to_owned(), start),
            ("delta".to_owned(), json!({"text": "a\n"})),
            ("delta".to_owned(), json!({"text": "\"b"})),
            ("done".to_owned(), done),
        ]
    );
}

fn call(index: u32, id: Option<&str>) -> Event {
    Event::ToolCall { choice: 0, index, id: id.map(Text::new), name: Text::new("f"), signature: None }
}

fn piece(index: u32, piece: &str) -> Event {
    Event::Arguments { choice: 0, index, piece: Text::new(piece) }
}

/// Two calls whose pieces are interleaved, the second without an id and without sense.
fn calls() -> Vec<Event> {
    vec![
        call(0, Some("call_1")),
        piece(0, "{\"a\":\n"),
        call(1, None),
        piece(1, "not "),
        piece(0, "\"\\n\"}"),
        piece(1, "JSON"),
        Event::Stop { choice: 0, reason: StopReason::ToolCalls },
    ]
}

#[test]
fn arguments_are_an_object_or_what_the_model_wrote_in_its_place() {
    let mut whole = Whole::default();
    calls().into_iter().for_each(|event| whole.add(event));
    let body = Native.answer(&whole, &facts(&USAGE, &[], &[]));
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let made = body["tool_calls"][1]["id"].clone();
    assert!(made.as_str().is_some_and(|id| id.starts_with("call_") && id.len() == 29), "{made}");
    assert_eq!((&body["content"], &body["finish_reason"]), (&json!(""), &json!("tool_calls")));
    let (object, string) = (json!({"a": "\n"}), json!("not JSON"));
    assert_eq!(
        body["tool_calls"],
        json!([
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": object}},
            {"id": made, "type": "function", "function": {"name": "f", "arguments": string}},
        ])
    );
    let told: Vec<_> = stream(&calls()).into_iter().filter(|(name, _)| name == "tool_call").collect();
    assert_eq!(
        told,
        [
            ("tool_call".to_owned(), json!({"index": 0, "id": "call_1", "name": "f", "arguments": object})),
            ("tool_call".to_owned(), json!({"index": 1, "id": made, "name": "f", "arguments": string})),
        ]
    );
}

#[test]
fn a_refusal_stands_in_the_texts_place() {
    let events = [
        Event::Refusal { choice: 0, text: Text::new("no") },
        Event::Stop { choice: 0, reason: StopReason::End },
    ];
    let mut whole = Whole::default();
    events.iter().cloned().for_each(|event| whole.add(event));
    let body: Value = serde_json::from_slice(&Native.answer(&whole, &facts(&USAGE, &[], &[]))).expect("JSON");
    assert_eq!((&body["content"], &body["finish_reason"]), (&json!("no"), &json!("content_filter")));
    let stream = stream(&events);
    assert_eq!(stream[1], ("delta".to_owned(), json!({"text": "no"})));
    assert_eq!(stream[2].1["finish_reason"], "content_filter");
}

#[test]
fn a_stream_that_fails_ends_with_one_error() {
    let opening = Opening { request_id: "r1".to_owned(), created: 1, include_usage: false };
    let mut encoder = Native.stream(opening);
    let mut out = BytesMut::new();
    let error = ErrorBody {
        status: 502,
        code: "upstream_failed",
        message: "it broke off".to_owned(),
        field: None,
        retry_after_s: None,
        request_id: "r1".to_owned(),
        attempts: Vec::new(),
    };
    encoder.fail(&error, &mut out);
    let want = json!({"error": {"code": "upstream_failed", "message": "it broke off", "request_id": "r1"}});
    assert_eq!(frames(&out), [("error".to_owned(), want)]);
}

proptest! {
    #[test]
    fn deltas_join_to_the_text(texts in prop::collection::vec(".*", 0..8)) {
        let events: Vec<Event> =
            texts.iter().map(|text| Event::Text { choice: 0, text: Text::new(text) }).collect();
        let deltas = stream(&events).into_iter().filter(|(name, _)| name == "delta");
        let joined: String = deltas.map(|(_, data)| data["text"].as_str().expect("a text").to_owned()).collect();
        prop_assert_eq!(joined, texts.concat());
    }

    #[test]
    fn any_text_of_an_answer_comes_through(texts in prop::collection::vec(".*", 0..4)) {
        let texts: Vec<Text> = texts.iter().map(|text| Text::new(text)).collect();
        let want: String = texts.iter().map(|text| text.decoded().into_owned()).collect();
        let whole = Whole { choices: vec![Choice { texts, ..Choice::default() }], ..Whole::default() };
        let body: Value = serde_json::from_slice(&Native.answer(&whole, &facts(&USAGE, &[], &[]))).expect("JSON");
        prop_assert_eq!(body["content"].as_str(), Some(want.as_str()));
    }
}
