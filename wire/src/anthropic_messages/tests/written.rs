//! Answers as callers of this dialect get them.

use super::*;
use bytes::BytesMut;
use gateway_core::conversation::Text;
use gateway_core::money::NanoUsd;
use proptest::prelude::*;

const REQUEST_ID: &str = "0190b2c4-0000-7000-8000-000000000001";

fn facts(usage: &Usage) -> Facts<'_> {
    Facts {
        request_id: REQUEST_ID,
        created: 1_700_000_000,
        provider: "openai",
        model: "gpt-4o",
        route_reason: None,
        fallback: false,
        attempts: &[],
        usage,
        cost: NanoUsd::parse("0.00004").expect("an amount"),
        cost_is_estimate: false,
        max_output: None,
        dropped: &[],
        warnings: &[],
        pii: None,
        budget: None,
        latency_ms: 12,
        overhead_us: 34,
    }
}

fn failure() -> ErrorBody {
    ErrorBody {
        status: 429,
        code: "rate_limited",
        message: "wait".to_owned(),
        field: None,
        retry_after_s: Some(7),
        request_id: REQUEST_ID.to_owned(),
        attempts: Vec::new(),
    }
}

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: Text::new(text) }
}

fn thinking(text: &str) -> Event {
    Event::Thinking { choice: 0, text: Text::new(text) }
}

fn thought(signature: Option<&str>, redacted: Option<&str>) -> Event {
    Event::ThinkingEnd { choice: 0, signature: signature.map(Text::new), redacted: redacted.map(Text::new) }
}

fn call(index: u32, id: Option<&str>) -> Event {
    Event::ToolCall { choice: 0, index, id: id.map(Text::new), name: Text::new("f"), signature: None }
}

fn arguments(index: u32, piece: &str) -> Event {
    Event::Arguments { choice: 0, index, piece: Text::new(piece) }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason }
}

fn whole(events: &[Event], usage: &Usage) -> Value {
    let mut whole = Whole::default();
    events.iter().cloned().for_each(|event| whole.add(event));
    let body = Inbound::answer(&AnthropicMessages, &whole, &facts(usage));
    serde_json::from_slice(&body).expect("JSON")
}

/// The frames of a stream: names and data.
fn frames(events: &[Event], usage: &Usage, error: Option<&ErrorBody>) -> Vec<(String, Value)> {
    let opening = Opening { request_id: REQUEST_ID.to_owned(), created: 1, include_usage: false };
    let mut writer = Inbound::stream(&AnthropicMessages, opening);
    let mut out = BytesMut::new();
    writer.open(&facts(&Usage::default()), &mut out);
    events.iter().for_each(|event| writer.event(event, &mut out));
    match error {
        Some(error) => writer.fail(error, &mut out),
        None => writer.close(&facts(usage), &mut out),
    }
    let mut parser = Parser::default();
    parser.push(out.freeze());
    let mut frames = Vec::new();
    while let Some(frame) = parser.next_frame() {
        let frame = frame.expect("a short frame");
        let name = frame.event.expect("Anthropic names its events");
        let data: Value = serde_json::from_slice(&frame.data).expect("JSON");
        assert_eq!(data["type"], String::from_utf8_lossy(&name).as_ref());
        frames.push((String::from_utf8_lossy(&name).into_owned(), data));
    }
    frames
}

/// What Anthropic's SDK makes of a stream: it opens blocks in order, adds deltas to the last one, and reads
/// a call's input when its block ends.
fn put_together(frames: &[(String, Value)]) -> Value {
    let mut message = Value::Null;
    let mut written = String::new();
    for (name, data) in frames {
        let last = message["content"].as_array().map_or(0, Vec::len).saturating_sub(1);
        match name.as_str() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().expect("a list");
                assert_eq!(data["index"], content.len());
                content.push(data["content_block"].clone());
                written.clear();
            }
            "content_block_delta" => {
                assert_eq!(data["index"], last);
                let delta = &data["delta"];
                let field = match delta["type"].as_str().expect("a type") {
                    "text_delta" => "text",
                    "thinking_delta" => "thinking",
                    "signature_delta" => "signature",
                    "input_json_delta" => {
                        written += delta["partial_json"].as_str().expect("a string");
                        continue;
                    }
                    other => panic!("{other}"),
                };
                let grown = message["content"][last][field].as_str().expect("begun").to_owned()
                    + delta[field].as_str().expect("a string");
                message["content"][last][field] = grown.into();
            }
            "content_block_stop" => {
                assert_eq!(data["index"], last);
                if !written.is_empty() {
                    message["content"][last]["input"] = serde_json::from_str(&written).expect("JSON");
                }
            }
            "message_delta" => {
                message["stop_reason"] = data["delta"]["stop_reason"].clone();
                message["usage"] = data["usage"].clone();
                assert_eq!(data["gateway"]["cost_usd"], 0.00004);
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    message
}

#[test]
fn an_answer_is_the_same_whole_and_streamed() {
    let tool = |id: &str, input: Value| json!({"type": "tool_use", "id": id, "name": "f", "input": input});
    let words = |text: &str| json!({"type": "text", "text": text});
    let thinks =
        |text: &str, signature: &str| json!({"type": "thinking", "thinking": text, "signature": signature});
    let made = |index| crate::openai_chat::call_id(REQUEST_ID, 0, index).decoded().into_owned();
    for (case, events, content, reason) in [
        ("nothing", vec![stop(StopReason::End)], json!([]), "end_turn"),
        (
            "text in pieces",
            vec![text("a\n"), text("\"b"), stop(StopReason::Length)],
            json!([words("a\n\"b")]),
            "max_tokens",
        ),
        (
            "thoughts, signed and not, and what came of them",
            vec![
                thinking("h"),
                thinking("m"),
                thought(Some("s"), None),
                thought(None, Some("x")),
                thought(Some("hidden"), None),
                thinking("unsigned"),
                thought(None, None),
                text("a"),
                stop(StopReason::StopSequence),
            ],
            json!([
                thinks("hm", "s"), {"type": "redacted_thinking", "data": "x"}, thinks("", "hidden"),
                thinks("unsigned", ""), words("a")
            ]),
            "stop_sequence",
        ),
        (
            "calls",
            vec![
                text("a"),
                call(0, Some("toolu_1")),
                arguments(0, "{\"n\":"),
                arguments(0, "1}"),
                call(1, None),
                arguments(1, "{}"),
                stop(StopReason::ToolCalls),
            ],
            json!([words("a"), tool("toolu_1", json!({"n": 1})), tool(&made(1), json!({}))]),
            "tool_use",
        ),
        (
            "a call whose lack of arguments is told late, and a provider that says that it ended",
            vec![call(0, None), call(1, None), arguments(1, "{}"), arguments(0, "{}"), stop(StopReason::End)],
            json!([tool(&made(0), json!({})), tool(&made(1), json!({}))]),
            "tool_use",
        ),
        (
            "a refusal",
            vec![Event::Refusal { choice: 0, text: Text::new("No.") }, stop(StopReason::Refusal)],
            json!([words("No.")]),
            "refusal",
        ),
        (
            "a reason without an equal",
            vec![text("a"), stop(StopReason::Other)],
            json!([words("a")]),
            "end_turn",
        ),
    ] {
        let usage = Usage {
            input: Some(5),
            cache_read: Some(3),
            cache_write_5m: Some(2),
            cache_write_1h: Some(1),
            output: Some(9),
            ..Usage::default()
        };
        let mut body = whole(&events, &usage);
        let streamed = put_together(&frames(&events, &usage, None));
        for block in body["content"].as_array_mut().expect("a list") {
            block.as_object_mut().expect("an object").remove("citations");
        }
        assert_eq!(body["content"], content, "{case}");
        assert_eq!(body["stop_reason"], reason, "{case}");
        assert_eq!(body["id"], "msg_0190b2c4000070008000000000000001", "{case}");
        assert_eq!(
            (&body["type"], &body["role"], &body["model"]),
            (&json!("message"), &json!("assistant"), &json!("gpt-4o"))
        );
        assert_eq!(
            body["usage"],
            json!({"input_tokens": 5, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 3,
                   "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
                   "output_tokens": 9}),
        );
        assert_eq!(streamed, body, "{case}");
    }
}

#[test]
fn arguments_that_are_no_object_are_shown_as_such() {
    let body = whole(&[call(0, None), arguments(0, "[1"), stop(StopReason::ToolCalls)], &Usage::default());
    assert_eq!(body["content"][0]["input"], json!({"invalid_arguments": "[1"}));
}

#[test]
fn arguments_written_in_turns_are_told_and_not_cut() {
    let events =
        [call(0, None), arguments(0, "{"), call(1, None), arguments(1, "{"), arguments(0, "}"), text("a")];
    let frames = frames(&events, &Usage::default(), None);
    let (name, data) = frames.last().expect("frames");
    assert_eq!((name.as_str(), &data["error"]["code"]), ("error", &json!("upstream_failed")));
}

#[test]
fn an_error_has_the_dialects_envelope() {
    let body = Inbound::error(&AnthropicMessages, &failure());
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let want = json!({"type": "error", "request_id": REQUEST_ID, "error": {
        "type": "rate_limit_error", "message": "wait", "code": "rate_limited", "retry_after_s": 7
    }});
    assert_eq!(body, want);
    let frames = frames(&[text("a")], &Usage::default(), Some(&failure()));
    assert_eq!(frames.last(), Some(&("error".to_owned(), want)));
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (415, "invalid_request_error"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ] {
        let body = Inbound::error(
            &AnthropicMessages,
            &ErrorBody { status, field: Some("a".to_owned()), ..failure() },
        );
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            (&body["error"]["type"], &body["error"]["field"]),
            (&json!(kind), &json!("a")),
            "{status}"
        );
    }
}

/// A block of an answer: its kind, its pieces, and a word for an id or a signature.
fn any_block() -> impl Strategy<Value = (u8, Vec<String>, String)> {
    (0..4_u8, prop::collection::vec(".{0,6}", 0..4), "[a-z]{1,6}")
}

fn events_of(blocks: Vec<(u8, Vec<String>, String)>) -> Vec<Event> {
    let (mut events, mut calls) = (Vec::new(), 0);
    for (kind, pieces, word) in blocks {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        match kind {
            0 => events.extend(pieces.map(|piece| text(&piece))),
            1 => {
                events.extend(pieces.map(|piece| thinking(&piece)));
                events.push(thought(Some(&word), None));
            }
            2 => events.push(thought(None, Some(&word))),
            _ => {
                events.push(call(calls, Some(&word)));
                let object = json!({ "pieces": pieces.collect::<Vec<_>>() }).to_string();
                let (one, other) = object.split_at(5);
                events.extend([arguments(calls, one), arguments(calls, other)]);
                calls += 1;
            }
        }
    }
    events.push(stop(if calls > 0 { StopReason::ToolCalls } else { StopReason::End }));
    events
}

fn joined(texts: &[Text]) -> String {
    texts.iter().map(Text::decoded).collect()
}

/// What an answer says, however it was cut into pieces.
fn said(events: &[Event]) -> String {
    let mut whole = Whole::default();
    events.iter().cloned().for_each(|event| whole.add(event));
    let choice = &whole.choices[0];
    let thoughts: Vec<_> = choice
        .thinking
        .iter()
        .map(|thought| {
            let decoded = |text: &Option<Text>| text.as_ref().map(|text| text.decoded().into_owned());
            (joined(&thought.texts), decoded(&thought.signature), decoded(&thought.redacted))
        })
        .collect();
    let calls: Vec<_> = choice
        .calls
        .iter()
        .map(|call| (call.id.clone().map(|id| id.decoded().into_owned()), joined(&call.arguments)))
        .collect();
    format!("{:?} {thoughts:?} {calls:?} {:?}", joined(&choice.texts), choice.stop)
}

proptest! {
    #[test]
    fn what_is_written_is_what_a_reader_reads(blocks in prop::collection::vec(any_block(), 0..6)) {
        let events = events_of(blocks);
        let usage = Usage { input: Some(1), output: Some(2), ..Usage::default() };
        let lines: Vec<String> =
            frames(&events, &usage, None).into_iter().map(|(_, data)| data.to_string()).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (streamed, end) = streamed(&lines);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(said(&streamed), said(&events));
        let read = answered(&whole(&events, &usage)).expect("an answer");
        prop_assert_eq!(said(&read), said(&events));
    }
}
