//! Answers, whole and streamed.

use super::*;
use gateway_core::catalog::ServiceTier;
use gateway_core::conversation::Text;
use proptest::prelude::*;

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":17,"output_tokens":1}}}"#;
const BLOCK: &str = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
const TEXT: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}       }"#;
const OVER: &str = r#"{"type":"content_block_stop","index":0    }"#;
const DELTA: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#;
const STOP: &str = r#"{"type":"message_stop"   }"#;

fn text(text: &str) -> Event {
    Event::Text { choice: 0, text: Text::new(text) }
}

fn thinking(text: &str) -> Event {
    Event::Thinking { choice: 0, text: Text::new(text) }
}

fn thought(signature: Option<&str>, redacted: Option<&str>) -> Event {
    Event::ThinkingEnd { choice: 0, signature: signature.map(Text::new), redacted: redacted.map(Text::new) }
}

fn call(index: u32, id: &str, name: &str) -> Event {
    Event::ToolCall { choice: 0, index, id: Some(Text::new(id)), name: Text::new(name), signature: None }
}

fn arguments(index: u32, piece: &str) -> Event {
    Event::Arguments { choice: 0, index, piece: Text::new(piece) }
}

fn stop(reason: StopReason) -> Event {
    Event::Stop { choice: 0, reason }
}

fn last_usage(events: &[Event]) -> Usage {
    let usage = events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    });
    usage.unwrap_or_default()
}

/// What a stream of these blocks says, each a start, its deltas and its stop, but for the start and end.
fn blocks_say(blocks: &[(Value, Vec<Value>)], reason: &str) -> Vec<Event> {
    let mut lines = vec![START.to_owned()];
    for (index, (block, deltas)) in blocks.iter().enumerate() {
        let start = json!({"type": "content_block_start", "index": index, "content_block": block});
        let deltas = deltas
            .iter()
            .map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta}).to_string());
        lines.extend([start.to_string()].into_iter().chain(deltas));
        lines.push(json!({"type": "content_block_stop", "index": index}).to_string());
    }
    lines.push(json!({"type": "message_delta", "delta": {"stop_reason": reason}}).to_string());
    lines.push(STOP.to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (events, end) = streamed(&lines);
    assert_eq!(end, Ok(()));
    assert_eq!(events.last(), Some(&Event::End));
    events[2..events.len() - 1].to_vec()
}

#[test]
fn a_stream_gives_its_events_in_order() {
    let (events, end) = streamed(&[START, BLOCK, r#"{"type": "ping"}"#, TEXT, OVER, DELTA, STOP]);
    let usage = |output| Event::Usage(Usage { input: Some(17), output, ..Usage::default() });
    let want = [
        Event::Start { id: Some(Text::new("msg_1")), model: Some(Text::new("claude")) },
        usage(None),
        text("Hi"),
        stop(StopReason::End),
        usage(Some(9)),
        Event::End,
    ];
    assert_eq!((events.as_slice(), end), (&want[..], Ok(())));
}

#[test]
fn blocks_say_the_same_whole_and_streamed() {
    let json_delta = |piece: &str| json!({"type": "input_json_delta", "partial_json": piece});
    let tool = |id: &str, input: Value| json!({"type": "tool_use", "id": id, "name": "add", "input": input});
    let call_of = |index, id: &str| call(index, id, "add");
    for (case, whole, streamed, want) in [
        (
            "a call in pieces",
            json!([tool("toolu_1", json!({"a": 1}))]),
            vec![(tool("toolu_1", json!({})), vec![json_delta(""), json_delta("{\"a\":"), json_delta("1}")])],
            vec![call_of(0, "toolu_1"), arguments(0, "{\"a\":"), arguments(0, "1}")],
        ),
        (
            "a call without arguments",
            json!([tool("toolu_1", json!({}))]),
            vec![(tool("toolu_1", json!({})), vec![json_delta("")])],
            vec![call_of(0, "toolu_1"), arguments(0, "{}")],
        ),
        (
            "arguments that come with the block",
            json!([tool("toolu_1", json!({"q": "é\"\n"}))]),
            vec![(tool("toolu_1", json!({"q": "é\"\n"})), vec![])],
            vec![call_of(0, "toolu_1"), arguments(0, &json!({"q": "é\"\n"}).to_string())],
        ),
        (
            "two calls after text",
            json!([{"type": "text", "text": "both"}, tool("a", json!({})), tool("b", json!({}))]),
            vec![
                (json!({"type": "text", "text": ""}), vec![json!({"type": "text_delta", "text": "both"})]),
                (tool("a", json!({})), vec![]),
                (tool("b", json!({})), vec![]),
            ],
            vec![text("both"), call_of(0, "a"), arguments(0, "{}"), call_of(1, "b"), arguments(1, "{}")],
        ),
        (
            "a signed thought",
            json!([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "a"}]),
            vec![
                (
                    json!({"type": "thinking", "thinking": "", "signature": ""}),
                    vec![
                        json!({"type": "thinking_delta", "thinking": "hm"}),
                        json!({"type": "signature_delta", "signature": "s"}),
                    ],
                ),
                (json!({"type": "text", "text": "a"}), vec![]),
            ],
            vec![thinking("hm"), thought(Some("s"), None), text("a")],
        ),
        (
            "a thought that is not shown",
            json!([{"type": "thinking", "thinking": "", "signature": "s"}]),
            vec![(
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![json!({"type": "signature_delta", "signature": "s"})],
            )],
            vec![thought(Some("s"), None)],
        ),
        (
            "a redacted thought",
            json!([{"type": "redacted_thinking", "data": "x"}]),
            vec![(json!({"type": "redacted_thinking", "data": "x"}), vec![])],
            vec![thought(None, Some("x"))],
        ),
        (
            "work of the provider's own tools, citations and kinds that are new",
            json!([
                {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"q": 1}},
                {"type": "web_search_tool_result", "tool_use_id": "srv", "content": [{"type": "x"}]},
                {"type": "text", "text": "a", "citations": [{"type": "char_location"}]},
                {"type": "a_new_kind", "text": "lost"}
            ]),
            vec![
                (
                    json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}),
                    vec![json_delta("{}")],
                ),
                (json!({"type": "web_search_tool_result", "tool_use_id": "srv", "content": []}), vec![]),
                (
                    json!({"type": "text", "text": "", "citations": []}),
                    vec![
                        json!({"type": "citations_delta", "citation": {"type": "char_location"}}),
                        json!({"type": "text_delta", "text": "a"}),
                    ],
                ),
                (json!({"type": "a_new_kind"}), vec![json!({"type": "a_new_delta", "text": "lost"})]),
            ],
            vec![text("a")],
        ),
    ] {
        let mut want = want;
        want.push(stop(StopReason::ToolCalls));
        assert_eq!(blocks_say(&streamed, "tool_use"), want, "{case}, streamed");
        let body = json!({"id": "msg_1", "model": "m", "content": whole, "stop_reason": "tool_use"});
        let events = answered(&body).expect("an answer");
        let joined = |events: &[Event]| {
            let mut whole = Whole::default();
            events.iter().cloned().for_each(|event| whole.add(event));
            let mut choice = whole.choices.remove(0);
            for call in &mut choice.calls {
                let all: String = call.arguments.iter().map(Text::decoded).collect();
                call.arguments = vec![Text::new(&all)];
            }
            choice
        };
        assert_eq!(joined(&events[1..events.len() - 1]), joined(&want), "{case}, whole");
    }
}

#[test]
fn a_stream_that_is_not_whole_is_broken() {
    let tool = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"n","input":{}}}"#;
    let nameless = tool.replace(r#""name":"n","#, "");
    let array = tool.replace(r#""input":{}"#, r#""input":[]"#);
    let piece =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{"}}"#;
    let second = BLOCK.replace(r#""index":0"#, r#""index":1"#);
    let second_over = OVER.replace(r#""index":0"#, r#""index":1"#);
    let shapes = r#"{"type":"novelty","message":"a string","delta":[],"usage":1}"#;
    let number = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":7}}"#;
    let negative = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":-1}}"#;
    let elsewhere = TEXT.replace(r#""index":0"#, r#""index":1"#);
    for (case, lines, is_whole) in [
        ("whole", vec![START, BLOCK, TEXT, OVER, DELTA, STOP], true),
        ("counters corrected", vec![START, BLOCK, TEXT, OVER, DELTA, DELTA, STOP], true),
        ("begun twice", vec![START, START, BLOCK, TEXT, OVER, DELTA, STOP], true),
        ("a new kind of frame", vec![START, shapes, BLOCK, TEXT, OVER, DELTA, STOP], true),
        ("something after the end", vec![START, DELTA, STOP, "}"], true),
        ("a block left out", vec![START, &second, &second_over, DELTA, STOP], true),
        ("arguments cut by the bound", vec![START, tool, piece, OVER, DELTA, STOP], true),
        ("nothing", vec![], false),
        ("cut within a block", vec![START, BLOCK, TEXT], false),
        ("cut before the reason", vec![START, BLOCK, TEXT, OVER], false),
        ("cut before the end mark", vec![START, BLOCK, TEXT, OVER, DELTA], false),
        ("an end without a reason", vec![START, BLOCK, TEXT, OVER, STOP], false),
        ("a block that never ended", vec![START, BLOCK, TEXT, DELTA, STOP], false),
        ("a block begun twice", vec![START, BLOCK, BLOCK, TEXT, OVER, DELTA, STOP], false),
        ("a block begun again", vec![START, BLOCK, OVER, BLOCK, OVER, DELTA, STOP], false),
        ("a block ended twice", vec![START, BLOCK, TEXT, OVER, OVER, DELTA, STOP], false),
        ("a block within a block", vec![START, BLOCK, &second, OVER, DELTA, STOP], false),
        ("another answer spliced in", vec![START, tool, piece, START, BLOCK, TEXT, OVER, DELTA, STOP], false),
        ("text without its block", vec![START, TEXT, DELTA, STOP], false),
        ("text of another block", vec![START, BLOCK, &elsewhere, OVER, DELTA, STOP], false),
        ("text in a call", vec![START, tool, TEXT, OVER, DELTA, STOP], false),
        ("arguments in a text", vec![START, BLOCK, piece, OVER, DELTA, STOP], false),
        ("a block before the start", vec![BLOCK, TEXT, OVER, DELTA, STOP], false),
        ("a reason before the start", vec![DELTA, STOP], false),
        ("a block after the reason", vec![START, DELTA, BLOCK, OVER, STOP], false),
        ("a call without a name", vec![START, &nameless, OVER, DELTA, STOP], false),
        ("arguments that are no object", vec![START, &array, OVER, DELTA, STOP], false),
        ("no JSON", vec![START, "{", BLOCK, TEXT, OVER, DELTA, STOP], false),
        ("text that is a number", vec![START, BLOCK, number, OVER, DELTA, STOP], false),
        ("a negative counter", vec![START, BLOCK, TEXT, OVER, negative, DELTA, STOP], false),
        ("a frame without a type", vec![START, "{}", BLOCK, TEXT, OVER, DELTA, STOP], false),
    ] {
        let (events, end) = streamed(&lines);
        assert_eq!(end.is_ok(), is_whole, "{case}");
        assert_eq!(events.last() == Some(&Event::End), is_whole, "{case}");
        assert!(end.is_ok() || end == Err(Fault::new(FaultClass::Broken, None)), "{case}");
    }
}

#[test]
fn a_text_is_read_the_same_with_and_without_a_parser() {
    let delta = |text: &str, tail: &str| {
        format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{text}{tail}"#
        )
    };
    for (case, text, tail) in [
        ("the same", r#""one""#, "}}"),
        ("another padding", r#""two""#, "}      }"),
        ("characters outside ASCII", r#""längeres 👋""#, "}  }"),
        ("no text", r#""""#, "}}"),
        ("an escape", r#""a\nb""#, "}}"),
        ("an escaped quote", r#""a\"}""#, "}}"),
        ("a field after it", r#""a""#, r#","more":"b"}}"#),
        ("a field after the delta", r#""a""#, r#"},"more":"b"}"#),
        ("a blank before the brace", r#""a""#, " }}"),
    ] {
        let (first, second) = (delta(r#""one""#, "}}"), delta(text, tail));
        let (events, end) = streamed(&[START, BLOCK, &first, &second, OVER, DELTA, STOP]);
        let (alone, _) = streamed(&[START, BLOCK, &second, OVER, DELTA, STOP]);
        assert_eq!(end, Ok(()), "{case}");
        assert_eq!(events[3..], alone[2..], "{case}");
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
        ("permission_error", "", FaultClass::NotPermitted),
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
            "the tier that served",
            json!({"input_tokens": 6, "service_tier": "standard"}),
            json!({"output_tokens": 9}),
            Usage { service_tier: Some(ServiceTier::Standard), ..usage },
        ),
        (
            "fast mode",
            json!({"input_tokens": 6, "service_tier": "standard", "speed": "fast"}),
            json!({"output_tokens": 9}),
            Usage { service_tier: Some(ServiceTier::Fast), ..usage },
        ),
        (
            "a new tier",
            json!({"input_tokens": 6, "service_tier": "gold"}),
            json!({"output_tokens": 9}),
            usage,
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
        let (events, end) = streamed(&[&start, BLOCK, TEXT, OVER, &delta, STOP]);
        assert_eq!((last_usage(&events), end), (want, Ok(())), "{case}");
    }
}

#[test]
fn a_cut_stream_does_not_count_the_output_of_its_start() {
    let (events, _) = streamed(&[START, BLOCK, TEXT]);
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
        let body = json!({"type": "message", "content": [], "stop_reason": reason});
        let events = answered(&body).expect("an answer");
        assert!(events.contains(&stop(want)), "{reason}");
    }
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
        let fault =
            Outbound::answer(&AnthropicMessages, &Bytes::from_static(body.as_bytes())).expect_err(case);
        let status = (want != FaultClass::Broken).then_some(200);
        assert_eq!(fault, Fault::new(want, status), "{case}");
    }
}

proptest! {
    #[test]
    fn a_text_read_without_a_parser_is_what_the_parser_reads(content in prop::collection::vec(any::<u8>(), 0..40)) {
        let frame = |content: &[u8]| {
            let head = br#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""#;
            [&head[..], content, b"\"}  }\n\n"].concat()
        };
        // A line's end would part the frame.
        prop_assume!(!content.contains(&b'\n') && !content.contains(&b'\r'));
        let read = |frames: &[Vec<u8>]| {
            let start = [START, BLOCK].map(|line| format!("data: {line}\n\n")).concat();
            let mut parser = Parser::default();
            parser.push([start.as_bytes(), &frames.concat()].concat().into());
            let mut reader = Outbound::stream(&AnthropicMessages);
            let mut events = Vec::new();
            let mut end = Ok(());
            while let Some(frame) = parser.next_frame() {
                end = end.and(reader.frame(&frame.expect("a short frame"), &mut events));
            }
            (events.split_off(2), end)
        };
        let (alone, end) = read(&[frame(&content)]);
        let (mut after, end_after) = read(&[frame(b"first"), frame(&content)]);
        prop_assert_eq!(after.remove(0), text("first"));
        prop_assert_eq!((after, end_after), (alone, end));
    }
}
