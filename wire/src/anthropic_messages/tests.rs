use super::*;
use crate::sse::Parser;
use gateway_core::catalog::{Abilities, Ability, Efforts};
use gateway_core::conversation::{Hint, Part, Role, Sampling, StopReason, Text, Turn};
use gateway_core::fault::FaultClass;
use gateway_core::ids::ProviderKind;
use gateway_core::usage::Usage;
use serde_json::{Value, json};
use std::time::Duration;

const TARGET: Target = Target {
    model: "claude-opus-4-6",
    output_bound: 8_192,
    kind: ProviderKind::Anthropic,
    abilities: Abilities::NONE,
    efforts: Efforts::NONE,
    stream: false,
    stream_usage: true,
    tier_is_priced: false,
    api_version: "",
};

/// The catalog's word on one ability.
fn able(ability: Ability, truth: bool) -> Abilities {
    let mut abilities = Abilities::NONE;
    abilities.learn(ability, truth);
    abilities
}

fn turn(role: Role, texts: &[&str]) -> Turn {
    Turn { role, parts: texts.iter().map(|text| Part::text(Text::new(text))).collect(), name: None }
}

fn asked(turns: Vec<Turn>, sampling: Sampling) -> Conversation {
    Conversation { turns, sampling, ..Conversation::default() }
}

fn encoded(conversation: &Conversation, target: &Target) -> (Value, Vec<&'static str>) {
    let call = AnthropicMessages.encode(conversation, target);
    (serde_json::from_slice(&call.body).expect("valid JSON"), call.dropped)
}

#[test]
fn turns_become_messages_that_anthropic_takes() {
    use Role::{Assistant, Developer, System, User};
    for (case, turns, system, messages) in [
        ("one turn", vec![turn(User, &["hi"])], Value::Null, json!([{"role": "user", "content": "hi"}])),
        (
            "instructions, wherever they stand",
            vec![turn(System, &["be brief"]), turn(User, &["hi"]), turn(Developer, &["in French"])],
            json!([{"type": "text", "text": "be brief"}, {"type": "text", "text": "in French"}]),
            json!([{"role": "user", "content": "hi"}]),
        ),
        (
            "one role twice",
            vec![turn(System, &["s"]), turn(User, &["a"]), turn(User, &["b", "c"])],
            json!("s"),
            json!([{"role": "user", "content": [
                {"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "text", "text": "c"}
            ]}]),
        ),
        (
            "blank texts and what they parted",
            vec![
                turn(User, &["a", "", " \n\u{a0}"]),
                turn(Assistant, &["\t"]),
                turn(User, &["\\ b", "\u{e9}"]),
            ],
            Value::Null,
            json!([{"role": "user", "content": [
                {"type": "text", "text": "a"}, {"type": "text", "text": "\\ b"}, {"type": "text", "text": "é"}
            ]}]),
        ),
        (
            "a prefill",
            vec![turn(User, &["a"]), turn(Assistant, &["{"])],
            Value::Null,
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]),
        ),
    ] {
        let (body, dropped) = encoded(&asked(turns, Sampling::default()), &TARGET);
        assert_eq!(body["system"], system, "{case}");
        assert_eq!(body["messages"], messages, "{case}");
        assert!(dropped.is_empty(), "{case}");
    }
}

#[test]
fn a_text_is_copied_as_it_stood() {
    let raw = Bytes::from_static(br#""1e5 \/ \u00e9""#);
    let text = Text::from_json(raw).expect("a string");
    let turns = vec![Turn { role: Role::User, parts: vec![Part::text(text)], name: None }];
    let call = AnthropicMessages.encode(&asked(turns, Sampling::default()), &TARGET);
    let body = String::from_utf8(call.body).expect("UTF-8");
    assert!(body.contains(r#""content":"1e5 \/ \u00e9""#));
    assert_eq!(call.path, "/v1/messages");
    assert_eq!(call.headers, &[("anthropic-version", "2023-06-01")]);
}

#[test]
fn sampling_keeps_to_what_anthropic_takes_and_names_the_rest() {
    let no_sampling = Target { abilities: able(Ability::SamplingParams, false), ..TARGET };
    let stream = Target { stream: true, ..TARGET };
    let stops = |stops: &[&str]| stops.iter().map(|stop| Text::new(stop)).collect::<Vec<_>>();
    for (case, target, sampling, fields, dropped) in [
        ("nothing", TARGET, Sampling::default(), json!({}), vec![]),
        ("a stream", stream, Sampling::default(), json!({"stream": true}), vec![]),
        (
            "temperature alone",
            TARGET,
            Sampling { temperature: Some(0.5), top_k: Some(40), ..Sampling::default() },
            json!({"temperature": 0.5, "top_k": 40}),
            vec![],
        ),
        (
            "temperature beyond 1 leaves top_p",
            TARGET,
            Sampling { temperature: Some(1.5), top_p: Some(0.9), ..Sampling::default() },
            json!({"top_p": 0.9}),
            vec!["temperature"],
        ),
        (
            "both together",
            TARGET,
            Sampling { temperature: Some(1.0), top_p: Some(0.9), ..Sampling::default() },
            json!({"temperature": 1.0}),
            vec!["top_p"],
        ),
        (
            "a model without sampling",
            no_sampling,
            Sampling { temperature: Some(0.5), top_p: Some(0.9), top_k: Some(1), ..Sampling::default() },
            json!({}),
            vec!["temperature", "top_p", "top_k"],
        ),
        (
            "stops, one of them blank",
            TARGET,
            Sampling { stop: stops(&["END", "\n\n"]), ..Sampling::default() },
            json!({"stop_sequences": ["END"]}),
            vec!["stop"],
        ),
        (
            "stops, all blank",
            TARGET,
            Sampling { stop: stops(&[" "]), ..Sampling::default() },
            json!({}),
            vec!["stop"],
        ),
        (
            "hints of other dialects",
            TARGET,
            Sampling {
                seed: Some(1),
                presence_penalty: Some(0.1),
                frequency_penalty: Some(0.1),
                user: Some(Text::new("u-1")),
                hints: vec![Hint { name: "logit_bias", json: Bytes::from_static(b"{}") }],
                ..Sampling::default()
            },
            json!({"metadata": {"user_id": "u-1"}}),
            vec!["seed", "presence_penalty", "frequency_penalty", "logit_bias"],
        ),
    ] {
        let (body, names) = encoded(&asked(vec![turn(Role::User, &["hi"])], sampling), &target);
        let mut want = json!({
            "model": "claude-opus-4-6", "max_tokens": 8192, "messages": [{"role": "user", "content": "hi"}]
        });
        for (name, value) in fields.as_object().expect("an object") {
            want[name] = value.clone();
        }
        assert_eq!(body, want, "{case}");
        assert_eq!(names, dropped, "{case}");
    }
}

#[test]
fn a_participants_name_is_dropped_and_named_once() {
    let named = || Turn { name: Some(Text::new("Ann")), ..turn(Role::User, &["hi"]) };
    let (_, dropped) = encoded(&asked(vec![named(), named()], Sampling::default()), &TARGET);
    assert_eq!(dropped, ["messages.name"]);
}

/// The events of a stream of these data lines, and how it ended.
fn streamed(lines: &[&str]) -> (Vec<Event>, Result<(), Fault>) {
    let mut parser = Parser::default();
    parser.push(lines.iter().map(|line| format!("data: {line}\n\n")).collect::<String>().into());
    let mut reader = AnthropicMessages.stream();
    let mut events = Vec::new();
    while let Some(frame) = parser.next_frame() {
        if let Err(fault) = reader.frame(&frame.expect("a short frame"), &mut events) {
            return (events, Err(fault));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

fn last_usage(events: &[Event]) -> Usage {
    let usage = events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    });
    usage.unwrap_or_default()
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":17,"output_tokens":1}}}"#;
const TEXT: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}       }"#;
const DELTA: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#;
const STOP: &str = r#"{"type":"message_stop"   }"#;
const OPEN: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const CLOSE: &str = r#"{"type":"content_block_stop","index":0}"#;

#[test]
fn a_stream_gives_its_events_in_order() {
    let (events, end) = streamed(&[START, OPEN, r#"{"type": "ping"}"#, TEXT, CLOSE, DELTA, STOP]);
    let usage = |output| Event::Usage(Usage { input: Some(17), output, ..Usage::default() });
    let want = [
        Event::Start { id: Some(Text::new("msg_1")), model: Some(Text::new("claude")) },
        usage(None),
        Event::Text { choice: 0, text: Text::new("Hi") },
        Event::Stop { choice: 0, reason: StopReason::End },
        usage(Some(9)),
        Event::End,
    ];
    assert_eq!((events.as_slice(), end), (&want[..], Ok(())));
}

#[test]
fn a_stream_that_is_not_whole_is_broken() {
    let tool = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#;
    let nameless =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","input":{}}}"#;
    let other = r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"x"}}"#;
    let json =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#;
    let late = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"more"}}"#;
    let shapes = r#"{"type":"novelty","message":"a string","delta":[],"usage":1}"#;
    let number = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}"#;
    let negative = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":-1}}"#;
    for (case, lines, is_whole) in [
        ("whole", vec![START, OPEN, TEXT, CLOSE, DELTA, STOP], true),
        ("no content at all", vec![START, DELTA, STOP], true),
        ("counters corrected", vec![START, OPEN, TEXT, CLOSE, DELTA, DELTA, STOP], true),
        ("begun twice", vec![START, START, OPEN, TEXT, CLOSE, DELTA, STOP], true),
        ("begun again within a call", vec![START, tool, START, OPEN, TEXT, CLOSE, DELTA, STOP], true),
        ("a new kind of frame", vec![START, shapes, OPEN, TEXT, CLOSE, DELTA, STOP], true),
        ("something after the end", vec![START, OPEN, TEXT, CLOSE, DELTA, STOP, "}"], true),
        ("nothing", vec![], false),
        ("cut before the reason", vec![START, OPEN, TEXT], false),
        ("cut before the end mark", vec![START, OPEN, TEXT, CLOSE, DELTA], false),
        ("an end without a reason", vec![START, OPEN, TEXT, CLOSE, STOP], false),
        ("text before the start", vec![TEXT, DELTA, STOP], false),
        ("text outside a block", vec![START, TEXT, DELTA, STOP], false),
        ("text of another block", vec![START, OPEN, other, CLOSE, DELTA, STOP], false),
        ("a call's input in a text", vec![START, OPEN, json, CLOSE, DELTA, STOP], false),
        ("a block opened twice", vec![START, OPEN, OPEN, TEXT, CLOSE, DELTA, STOP], false),
        ("a block closed twice", vec![START, OPEN, TEXT, CLOSE, CLOSE, DELTA, STOP], false),
        ("a block never closed", vec![START, OPEN, TEXT, DELTA, STOP], false),
        ("a call without a name", vec![START, nameless, CLOSE, DELTA, STOP], false),
        ("a reason before the start", vec![DELTA, STOP], false),
        ("begun again after the reason", vec![START, DELTA, START, DELTA, STOP], false),
        ("text after the reason", vec![START, DELTA, OPEN, late, STOP], false),
        ("no JSON", vec![START, "{", OPEN, TEXT, CLOSE, DELTA, STOP], false),
        ("text that is a number", vec![START, OPEN, number, CLOSE, DELTA, STOP], false),
        ("a negative counter", vec![START, OPEN, TEXT, CLOSE, negative, DELTA, STOP], false),
        ("a frame without a type", vec![START, "{}", OPEN, TEXT, CLOSE, DELTA, STOP], false),
    ] {
        let (events, end) = streamed(&lines);
        assert_eq!(end.is_ok(), is_whole, "{case}");
        assert_eq!(events.last() == Some(&Event::End), is_whole, "{case}");
        assert!(end.is_ok() || end == Err(Fault::new(FaultClass::Broken, Some(200))), "{case}");
    }
}

#[test]
fn an_error_event_is_sorted_by_its_type() {
    for (kind, message, want) in [
        ("overloaded_error", "Overloaded", FaultClass::Unavailable),
        ("api_error", "", FaultClass::Unavailable),
        ("a_new_error", "", FaultClass::Unavailable),
        ("rate_limit_error", "", FaultClass::RateLimited { retry_after: None }),
        ("authentication_error", "", FaultClass::Misconfigured),
        ("not_found_error", "", FaultClass::ModelNotFound),
        ("request_too_large", "", FaultClass::Refused { field: None }),
        ("invalid_request_error", "max_tokens: too many", FaultClass::Refused { field: Some("max_tokens") }),
    ] {
        let line = json!({"type": "error", "error": {"type": kind, "message": message}}).to_string();
        let (events, _) = streamed(&[&line]);
        assert_eq!(events, [Event::Failed(Fault::new(want, Some(200)))], "{kind}");
    }
}

#[test]
fn counters_are_those_that_are_billed() {
    let usage = Usage { input: Some(6), output: Some(9), ..Usage::default() };
    for (case, first, last, want) in [
        ("plain", json!({"input_tokens": 6, "output_tokens": 1}), json!({"output_tokens": 9}), usage),
        (
            "the input side corrected at the end",
            json!({"input_tokens": 2, "cache_read_input_tokens": 0}),
            json!({"input_tokens": 6, "cache_read_input_tokens": 6289, "output_tokens": 9}),
            Usage { cache_read: Some(6289), ..usage },
        ),
        (
            "cache writes without a split",
            json!({"input_tokens": 6, "cache_creation_input_tokens": 1165}),
            json!({"output_tokens": 9}),
            Usage { cache_write_5m: Some(1165), ..usage },
        ),
        (
            "one-hour writes, the total repeated without its split",
            json!({"input_tokens": 6, "cache_creation_input_tokens": 700,
                   "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 700}}),
            json!({"output_tokens": 9, "cache_creation_input_tokens": 900}),
            Usage { cache_write_5m: Some(0), cache_write_1h: Some(900), ..usage },
        ),
        (
            "both kinds, and more at the end",
            json!({"input_tokens": 6, "cache_creation_input_tokens": 300,
                   "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}}),
            json!({"output_tokens": 9, "cache_creation_input_tokens": 350}),
            Usage { cache_write_5m: Some(150), cache_write_1h: Some(200), ..usage },
        ),
        (
            "thinking and searches",
            json!({"input_tokens": 6}),
            json!({"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4},
                   "server_tool_use": {"web_search_requests": 2}}),
            Usage { reasoning: Some(4), web_searches: Some(2), ..usage },
        ),
        (
            // As recorded: the top-level figures are the last iteration's alone.
            "a compaction",
            json!({"input_tokens": 100, "cache_read_input_tokens": 55096}),
            json!({"input_tokens": 181, "cache_read_input_tokens": 0, "output_tokens": 8, "iterations": [
                {"type": "compaction", "input_tokens": 100, "output_tokens": 83, "cache_read_input_tokens": 55096},
                {"type": "message", "input_tokens": 181, "output_tokens": 8, "cache_read_input_tokens": 0}
            ]}),
            Usage { input: Some(281), cache_read: Some(55096), output: Some(91), ..Usage::default() },
        ),
    ] {
        let start = json!({"type": "message_start", "message": {"usage": first}}).to_string();
        let delta =
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last}).to_string();
        let (events, end) = streamed(&[&start, OPEN, TEXT, CLOSE, &delta, STOP]);
        assert_eq!((last_usage(&events), end), (want, Ok(())), "{case}");
    }
}

#[test]
fn a_cut_stream_does_not_count_the_output_of_its_start() {
    let (events, _) = streamed(&[START, OPEN, TEXT]);
    assert_eq!(last_usage(&events).output, None);
}

#[test]
fn reasons_have_the_fields_common_words() {
    for (reason, want) in [
        ("end_turn", StopReason::End),
        ("stop_sequence", StopReason::StopSequence),
        ("max_tokens", StopReason::Length),
        ("model_context_window_exceeded", StopReason::Length),
        ("refusal", StopReason::Refusal),
        ("tool_use", StopReason::ToolCalls),
        ("pause_turn", StopReason::Other),
        ("compaction", StopReason::Other),
        ("a_new_one", StopReason::Other),
    ] {
        let body = json!({"type": "message", "content": [], "stop_reason": reason}).to_string();
        let events = AnthropicMessages.answer(&body.into()).expect("an answer");
        assert!(events.contains(&Event::Stop { choice: 0, reason: want }), "{reason}");
    }
}

fn call(index: u32, id: &str, name: &str) -> Event {
    Event::ToolCall { choice: 0, index, id: Some(Text::new(id)), name: Text::new(name), signature: None }
}

#[test]
fn a_streamed_call_gives_its_pieces_and_one_without_arguments_an_empty_object() {
    let open = |index: u32, id: &str| {
        json!({"type": "content_block_start", "index": index,
            "content_block": {"type": "tool_use", "id": id, "name": "f", "input": {}}})
        .to_string()
    };
    let piece = |index: u32, json: &str| {
        json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "input_json_delta", "partial_json": json}})
        .to_string()
    };
    let close = |index: u32| json!({"type": "content_block_stop", "index": index}).to_string();
    let lines = [
        START.to_owned(),
        open(0, "a"),
        piece(0, ""),
        piece(0, "{\"x\": "),
        piece(0, "1}"),
        close(0),
        open(1, "b"),
        piece(1, ""),
        close(1),
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#.to_owned(),
        STOP.to_owned(),
    ];
    let (events, end) = streamed(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let arguments = |index, piece: &str| Event::Arguments { choice: 0, index, piece: Text::new(piece) };
    let want = [
        call(0, "a", "f"),
        arguments(0, "{\"x\": "),
        arguments(0, "1}"),
        call(1, "b", "f"),
        arguments(1, "{}"),
        Event::Stop { choice: 0, reason: StopReason::ToolCalls },
        Event::End,
    ];
    assert_eq!((&events[2..], end), (&want[..], Ok(())));
}

#[test]
fn streamed_thinking_ends_with_its_signature() {
    let lines = [
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"sig"}}"#,
        CLOSE,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"enc"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        DELTA,
        STOP,
    ];
    let (events, end) = streamed(&lines);
    let thought = |text: &str| Event::Thinking { choice: 0, text: Text::new(text) };
    let want = [
        thought("h"),
        thought("m"),
        Event::ThinkingEnd { choice: 0, signature: Some(Text::new("sig")), redacted: None },
        Event::ThinkingEnd { choice: 0, signature: None, redacted: Some(Text::new("enc")) },
    ];
    assert_eq!((&events[2..6], end), (&want[..], Ok(())));
}

#[test]
fn a_whole_answer_gives_its_blocks_in_order() {
    let body = json!({"type": "message", "id": "msg_1", "model": "claude", "stop_reason": "end_turn", "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "a"},
        {"type": "text", "text": ""}, {"type": "a_new_kind"}, {"type": "text", "text": "b"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "q\"é"}}, {"type": "tool_use", "id": "t2", "name": "g", "input": {}}
    ], "usage": {"input_tokens": 3, "output_tokens": 4}});
    let events = AnthropicMessages.answer(&body.to_string().into()).expect("an answer");
    let want = [
        Event::Start { id: Some(Text::new("msg_1")), model: Some(Text::new("claude")) },
        Event::Thinking { choice: 0, text: Text::new("hm") },
        Event::ThinkingEnd { choice: 0, signature: Some(Text::new("s")), redacted: None },
        Event::Text { choice: 0, text: Text::new("a") },
        Event::Text { choice: 0, text: Text::new("b") },
        Event::ThinkingEnd { choice: 0, signature: None, redacted: Some(Text::new("d")) },
        call(0, "toolu_1", "f"),
        Event::Arguments { choice: 0, index: 0, piece: Text::new("{\"a\":\"q\\\"é\"}") },
        call(1, "t2", "g"),
        Event::Arguments { choice: 0, index: 1, piece: Text::new("{}") },
        Event::Stop { choice: 0, reason: StopReason::End },
        Event::Usage(Usage { input: Some(3), output: Some(4), ..Usage::default() }),
        Event::End,
    ];
    assert_eq!(events, want);
}

#[test]
fn a_body_that_is_no_whole_answer_is_a_fault() {
    for (case, body, want) in [
        ("no JSON", "<html>", FaultClass::Broken),
        ("no content", r#"{"type":"message","stop_reason":"end_turn"}"#, FaultClass::Broken),
        ("no reason", r#"{"type":"message","content":[]}"#, FaultClass::Broken),
        ("a repeated key", r#"{"content":[],"content":[],"stop_reason":"end_turn"}"#, FaultClass::Broken),
        ("an error", r#"{"type":"error","error":{"type":"overloaded_error"}}"#, FaultClass::Unavailable),
    ] {
        let fault = AnthropicMessages.answer(&Bytes::from_static(body.as_bytes())).expect_err(case);
        assert_eq!(fault, Fault::new(want, Some(200)), "{case}");
    }
}

#[test]
fn other_statuses_are_sorted_by_whose_doing_they_are() {
    let refused = |field| FaultClass::Refused { field };
    let limited = |seconds| FaultClass::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
    for (case, status, message, want) in [
        ("too long", 400, "prompt is too long: 3333404 tokens > 200000 maximum", FaultClass::ContextTooLong),
        (
            "too long with the bound",
            400,
            "input length and `max_tokens` exceed context limit: 190000 + 21333 > 204698",
            FaultClass::ContextTooLong,
        ),
        ("no money", 400, "Your credit balance is too low to access the API.", FaultClass::Misconfigured),
        ("the caller echoed", 400, "bad: Your credit balance is too low", refused(None)),
        ("a bound", 400, "max_tokens: 100000 > 64000", refused(Some("max_tokens"))),
        ("a path", 400, "messages.0.content: text", refused(Some("messages"))),
        ("their name", 400, "`stop_sequences`: each must contain", refused(Some("stop"))),
        ("two of a kind", 400, "`temperature` and `top_p` cannot both be", refused(Some("temperature"))),
        ("no field of ours", 400, "This model does not support effort level 'xhigh'.", refused(None)),
        ("a wrong key", 401, "invalid x-api-key", FaultClass::Misconfigured),
        ("no permission", 403, "", FaultClass::Misconfigured),
        ("an unknown model", 404, "model: claude-sonet", FaultClass::ModelNotFound),
        ("too large", 413, "", refused(None)),
        ("a rate limit", 429, "would exceed", limited(16)),
        ("a failure", 500, "", FaultClass::Unavailable),
        ("overload", 529, "Overloaded", FaultClass::Unavailable),
    ] {
        let body = json!({"type": "error", "error": {"type": "x", "message": message}}).to_string();
        let headers = |name: &str| (name == "retry-after").then(|| "16".to_owned());
        let fault = AnthropicMessages.fault(status, &headers, body.as_bytes());
        assert_eq!(fault, Fault::new(want.clone(), Some(status)), "{case}");
        let unread = AnthropicMessages.fault(status, &headers, b"<html>");
        assert!(status == 400 || unread.class == want, "{case}, without a body");
    }
}
