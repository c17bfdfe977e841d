//! What is read of answers, whole and streamed.

use super::*;
use gateway_core::catalog::ServiceTier;
use gateway_core::conversation::StopReason;
use gateway_core::usage::Usage;

fn text(text: &str) -> Value {
    json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}]})
}

fn stop(reason: &str) -> Value {
    json!({"candidates": [{"content": {}, "finishReason": reason}]})
}

#[test]
fn a_stream_gives_its_events_in_order() {
    let first = json!({"responseId": "r", "modelVersion": "gemini", "candidates": [{"content": {"parts": [
        {"text": "hm", "thought": true}, {"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 5}});
    let last = json!({"candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "s"}]},
        "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2}});
    let (events, end) = streamed(&[first, text("b"), last]);
    let want = [
        Event::Start { id: Some(Text::new("r")), model: Some(Text::new("gemini")) },
        Event::Thinking { choice: 0, text: Text::new("hm") },
        Event::ThinkingEnd { choice: 0, signature: None, redacted: None },
        Event::Text { choice: 0, text: Text::new("a") },
        Event::Usage(Usage { input: Some(5), ..Usage::default() }),
        Event::Text { choice: 0, text: Text::new("b") },
        Event::Usage(Usage { input: Some(5), output: Some(2), ..Usage::default() }),
        Event::Stop { choice: 0, reason: StopReason::End },
        Event::End,
    ];
    assert_eq!((events.as_slice(), end), (&want[..], Ok(())));
}

#[test]
fn whole_is_what_has_a_reason_for_every_choice() {
    let other = |reason: Value| json!({"candidates": [{"index": 1, "content": {"parts": [{"text": "x"}]}, "finishReason": reason}]});
    let far = json!({"candidates": [{"index": 128, "finishReason": "STOP"}]});
    let number = json!({"candidates": [{"content": {"parts": [{"text": 7}]}, "finishReason": "STOP"}]});
    for (case, chunks, is_whole) in [
        ("whole", vec![text("a"), stop("STOP")], true),
        ("a reason, then more", vec![stop("STOP"), text("a")], true),
        ("no text at all", vec![stop("MAX_TOKENS")], true),
        ("two choices", vec![text("a"), other(json!("STOP")), stop("STOP")], true),
        ("within an array", vec![json!([text("a"), stop("STOP")])], true),
        ("nothing", vec![], false),
        ("no candidates", vec![json!({})], false),
        ("cut", vec![text("a"), text("b")], false),
        ("one choice cut", vec![other(Value::Null), stop("STOP")], false),
        ("a choice too many", vec![far], false),
        ("text that is a number", vec![number], false),
        ("no object", vec![json!(1)], false),
    ] {
        let (events, end) = streamed(&chunks);
        assert_eq!(end.is_ok(), is_whole, "{case}");
        assert_eq!(events.last() == Some(&Event::End), is_whole, "{case}");
    }
}

#[test]
fn a_blocked_prompt_is_refused_and_a_blocked_answer_is_ended() {
    let block = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"trafficType": "x"}});
    let filtered = Fault::new(FaultClass::ContentFiltered, Some(200));
    let (events, _) = streamed(std::slice::from_ref(&block));
    assert_eq!(events.last(), Some(&Event::Failed(filtered.clone())));
    assert_eq!(Gemini.answer(&block.to_string().into()), Err(filtered));

    let (events, end) = streamed(&[text("a"), block]);
    assert_eq!(end, Ok(()));
    assert!(events.contains(&Event::Stop { choice: 0, reason: StopReason::ContentFilter }));
}

#[test]
fn reasons_have_the_fields_common_words() {
    for (reason, want) in [
        ("STOP", StopReason::End),
        ("MAX_TOKENS", StopReason::Length),
        ("SAFETY", StopReason::ContentFilter),
        ("RECITATION", StopReason::ContentFilter),
        ("BLOCKLIST", StopReason::ContentFilter),
        ("PROHIBITED_CONTENT", StopReason::ContentFilter),
        ("SPII", StopReason::ContentFilter),
        ("MODEL_ARMOR", StopReason::ContentFilter),
        ("MALFORMED_FUNCTION_CALL", StopReason::Other),
        ("UNEXPECTED_TOOL_CALL", StopReason::Other),
        ("A_NEW_ONE", StopReason::Other),
    ] {
        let events = Gemini.answer(&stop(reason).to_string().into()).expect("an answer");
        assert!(events.contains(&Event::Stop { choice: 0, reason: want }), "{reason}");
    }
}

#[test]
fn counters_are_those_that_are_billed() {
    let plain = Usage { input: Some(100), output: Some(7), ..Usage::default() };
    for (case, counters, want) in [
        ("plain", vec![json!({"promptTokenCount": 100, "candidatesTokenCount": 7})], plain),
        (
            "cached tokens within the prompt",
            vec![json!({"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 7})],
            Usage { input: Some(40), cache_read: Some(60), ..plain },
        ),
        (
            "thoughts outside the candidates",
            vec![json!({"promptTokenCount": 100, "candidatesTokenCount": 7, "thoughtsTokenCount": 30})],
            Usage { output: Some(37), reasoning: Some(30), ..plain },
        ),
        (
            "thoughts alone",
            vec![json!({"promptTokenCount": 100, "thoughtsTokenCount": 30})],
            Usage { output: Some(30), reasoning: Some(30), ..plain },
        ),
        (
            "tools beside the prompt",
            vec![json!({"promptTokenCount": 100, "toolUsePromptTokenCount": 11, "candidatesTokenCount": 7})],
            Usage { input: Some(111), ..plain },
        ),
        (
            "audio, part of it cached",
            vec![json!({"promptTokenCount": 100, "cachedContentTokenCount": 20, "candidatesTokenCount": 7,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 50}, {"modality": "AUDIO", "tokenCount": 50}],
                "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}]})],
            Usage { input: Some(50), cache_read: Some(20), audio_input: Some(30), ..plain },
        ),
        (
            "the last one replaces, what it lacks stays",
            vec![
                json!({"promptTokenCount": 8, "candidatesTokenCount": 20, "thoughtsTokenCount": 419}),
                json!({"promptTokenCount": 9}),
            ],
            Usage { input: Some(9), output: Some(439), reasoning: Some(419), ..Usage::default() },
        ),
        (
            "nothing made",
            vec![json!({"promptTokenCount": 14})],
            Usage { input: Some(14), output: Some(0), ..Usage::default() },
        ),
        (
            "a tier",
            vec![json!({"promptTokenCount": 100, "candidatesTokenCount": 7, "serviceTier": "flex"})],
            Usage { service_tier: Some(ServiceTier::Flex), ..plain },
        ),
        (
            "a tier that we do not know",
            vec![json!({"promptTokenCount": 100, "candidatesTokenCount": 7, "serviceTier": "new"})],
            plain,
        ),
        ("nothing said", vec![json!({"trafficType": "ON_DEMAND"})], Usage::default()),
    ] {
        let mut chunks: Vec<Value> = counters.iter().map(|c| json!({"usageMetadata": c})).collect();
        chunks.insert(0, stop("STOP"));
        let (events, end) = streamed(&chunks);
        let mut usage = Usage::default();
        for event in &events {
            if let Event::Usage(later) = event {
                usage.replace_with(later);
            }
        }
        assert_eq!((usage, end), (want, Ok(())), "{case}");
    }
}

#[test]
fn an_error_within_an_answer_is_sorted_as_its_status() {
    for (case, error, want) in [
        ("overload", json!({"code": 503, "status": "UNAVAILABLE"}), FaultClass::Unavailable),
        ("a rate limit", json!({"code": 429}), FaultClass::RateLimited { retry_after: None }),
        ("no code", json!({"message": "?"}), FaultClass::Unavailable),
    ] {
        let want = Fault::new(want, Some(200));
        let (events, end) = streamed(&[text("a"), json!({ "error": error }), text("b")]);
        assert_eq!(events.last(), Some(&Event::Failed(want.clone())), "{case}");
        assert!(end.is_err(), "{case}");
        assert_eq!(Gemini.answer(&json!([{ "error": error }]).to_string().into()), Err(want), "{case}");
    }
}

/// A chunk of these parts, and maybe a reason to stop.
fn chunk(parts: Value, reason: Option<&str>) -> Value {
    json!({"candidates": [{"content": {"parts": parts}, "finishReason": reason}]})
}

/// Calls and stops of these chunks, in short: `id name(arguments) signature`.
fn calls(chunks: &[Value]) -> Result<Vec<String>, FaultClass> {
    let (events, end) = streamed(chunks);
    end.map_err(|fault| fault.class)?;
    let short =
        |text: &Option<Text>| text.as_ref().map_or("-".to_owned(), |text| text.decoded().into_owned());
    let mut found = Vec::new();
    for event in events {
        match event {
            Event::ToolCall { index, id, name, signature, .. } => {
                assert_eq!(index as usize, found.len());
                found.push(format!("{} {}(*) {}", short(&id), name.decoded(), short(&signature)));
            }
            Event::Arguments { index, piece, .. } => {
                let call = &mut found[index as usize];
                *call = call.replace('*', &piece.decoded());
            }
            Event::Stop { reason, .. } => found.push(format!("{reason:?}")),
            Event::Text { text, .. } => found.push(text.decoded().into_owned()),
            _ => {}
        }
    }
    Ok(found)
}

#[test]
fn calls_come_whole_one_or_many() {
    let function = |name: &str, args: Value| json!({"functionCall": {"name": name, "args": args}});
    let mut signed = function("f", json!({"city": "Zürich \"x\""}));
    signed["thoughtSignature"] = json!("s");
    signed["functionCall"]["id"] = json!("i1");
    for (case, chunks, want) in [
        (
            "one, signed",
            vec![chunk(json!([signed]), Some("STOP"))],
            vec![r#"i1 f({"city":"Zürich \"x\""}) s"#, "ToolCalls"],
        ),
        (
            "the reason later",
            vec![chunk(json!([function("f", json!({}))]), None), chunk(json!([{"text": ""}]), Some("STOP"))],
            vec!["- f({}) -", "ToolCalls"],
        ),
        (
            "many, in one chunk and more",
            vec![
                chunk(json!([function("f", json!({"n": 1})), function("f", json!({"n": 2}))]), None),
                chunk(json!([{"functionCall": {"name": "g"}}]), Some("STOP")),
            ],
            vec![r#"- f({"n":1}) -"#, r#"- f({"n":2}) -"#, "- g({}) -", "ToolCalls"],
        ),
        (
            "cut at the bound",
            vec![chunk(json!([function("f", json!({}))]), Some("MAX_TOKENS"))],
            vec!["- f({}) -", "Length"],
        ),
        (
            "to a function that was not offered",
            vec![chunk(json!([function("f", json!({}))]), Some("UNEXPECTED_TOOL_CALL"))],
            vec!["- f({}) -", "ToolCalls"],
        ),
        (
            "unreadable to Gemini itself",
            vec![chunk(json!([]), Some("MALFORMED_FUNCTION_CALL"))],
            vec!["Other"],
        ),
        (
            "arguments that are null",
            vec![chunk(json!([function("f", Value::Null)]), Some("STOP"))],
            vec!["- f({}) -", "ToolCalls"],
        ),
    ] {
        let want: Vec<String> = want.into_iter().map(str::to_owned).collect();
        assert_eq!(calls(&chunks), Ok(want), "{case}");
    }
}

#[test]
fn arguments_that_come_in_pieces_go_out_whole() {
    let begin = json!([{"functionCall": {"name": "f", "willContinue": true}, "thoughtSignature": "s"}]);
    let piece = |path: &str, value: Value, more: bool| {
        let mut arg = value;
        arg["jsonPath"] = json!(path);
        json!([{"functionCall": {"partialArgs": [arg], "willContinue": more}}])
    };
    let string = |text: &str| json!({ "stringValue": text, "willContinue": true });
    let end = json!([{"functionCall": {}}]);
    for (case, parts, reason, want) in [
        (
            "a string in two, and a terminal part",
            vec![
                begin.clone(),
                piece("$.a", string("Bos"), true),
                piece("$.a", string("ton"), true),
                end.clone(),
            ],
            "STOP",
            vec![r#"- f({"a":"Boston"}) s"#, "ToolCalls"],
        ),
        (
            "every kind of value, nested",
            vec![
                begin.clone(),
                piece("$.a[0].b", json!({"numberValue": 0.5}), true),
                piece("$.a[0].c", json!({"boolValue": true}), true),
                piece("$.a[1]", json!({"nullValue": "NULL_VALUE"}), true),
                piece(r#"$['x.y']["z\"]"]"#, json!({"numberValue": 7}), false),
            ],
            "STOP",
            vec![r#"- f({"a":[{"b":0.5,"c":true},null],"x.y":{"z\"]":7}}) s"#, "ToolCalls"],
        ),
        (
            "the terminal part is missing",
            vec![begin.clone(), piece("$.a", string("x"), true)],
            "STOP",
            vec![r#"- f({"a":"x"}) s"#, "ToolCalls"],
        ),
        (
            "the next call ends the one before",
            vec![begin.clone(), piece("$.a", string("x"), true), begin.clone(), end.clone(), end],
            "STOP",
            vec![r#"- f({"a":"x"}) s"#, "- f({}) s", "ToolCalls"],
        ),
        (
            "cut at the bound",
            vec![begin.clone(), piece("$.a", string("x"), true)],
            "MAX_TOKENS",
            vec!["Length"],
        ),
        (
            "malformed",
            vec![begin.clone(), piece("$.a", string("x"), true)],
            "MALFORMED_FUNCTION_CALL",
            vec!["Other"],
        ),
    ] {
        let mut chunks: Vec<Value> = parts.into_iter().map(|parts| chunk(parts, None)).collect();
        chunks.push(stop(reason));
        let want: Vec<String> = want.into_iter().map(str::to_owned).collect();
        assert_eq!(calls(&chunks), Ok(want), "{case}");
    }
    for path in [
        "",
        "$",
        "a",
        "$.",
        "$.a[1]",
        "$.a[x]",
        "$[0]",
        "$['a",
        "$['a'x",
        "$.a.b",
        "$.s.t",
        &"$.q".repeat(70),
    ] {
        let chunks = [
            chunk(begin.clone(), None),
            chunk(piece("$.s", string("x"), true), None),
            chunk(piece(path, json!({"numberValue": 1}), true), None),
            chunk(piece("$.a", json!({"numberValue": 1}), true), None),
            chunk(piece("$.a.b", json!({"numberValue": 1}), false), Some("STOP")),
        ];
        assert_eq!(calls(&chunks), Err(FaultClass::Broken), "{path}");
    }
}

#[test]
fn what_cannot_be_understood_is_broken_and_what_only_explains_is_skipped() {
    let broken = Err(FaultClass::Broken);
    let text = || Ok(vec!["a".to_owned(), "End".to_owned()]);
    for (case, part, want) in [
        ("code that ran", json!({"executableCode": {"code": "x"}}), text()),
        ("its output", json!({"codeExecutionResult": {"output": "x"}}), text()),
        ("a tool of theirs", json!({"toolCall": {}, "thoughtSignature": "s"}), text()),
        ("an empty, signed text", json!({"text": "", "thoughtSignature": "s"}), text()),
        ("a thought", json!({"text": "hm", "thought": true, "thoughtSignature": "s"}), text()),
        ("a picture", json!({"inlineData": {"mimeType": "image/png", "data": ""}}), broken.clone()),
        ("a text that is none", json!({"text": {}}), broken.clone()),
        ("a thought that is a word", json!({"text": "x", "thought": "yes"}), broken.clone()),
        ("a call that is a word", json!({"functionCall": "f"}), broken.clone()),
        ("a name that is a number", json!({"functionCall": {"name": 1}}), broken.clone()),
        ("no name", json!({"functionCall": {"name": ""}}), broken.clone()),
        ("arguments of no call", json!({"functionCall": {"args": {}}}), broken.clone()),
        (
            "pieces of no call",
            json!({"functionCall": {"partialArgs": [{"jsonPath": "$.a"}]}}),
            broken.clone(),
        ),
        ("arguments in a string", json!({"functionCall": {"name": "f", "args": "{}"}}), broken.clone()),
        ("arguments in an array", json!({"functionCall": {"name": "f", "args": []}}), broken.clone()),
        ("a signature that is none", json!({"functionCall": {"name": "f"}, "thoughtSignature": 1}), broken),
    ] {
        let chunk = chunk(json!([part, {"text": "a"}]), Some("STOP"));
        assert_eq!(calls(std::slice::from_ref(&chunk)), want, "{case}");
        assert_eq!(Gemini.answer(&chunk.to_string().into()).is_ok(), want.is_ok(), "{case}");
    }
}

#[test]
fn calls_without_end_and_bytes_that_are_no_text_are_broken() {
    let one = || json!({"functionCall": {"name": "f"}});
    for (count, is_whole) in [(128, true), (129, false)] {
        let parts: Vec<Value> = (0..count).map(|_| one()).collect();
        assert_eq!(calls(&[chunk(json!(parts), Some("STOP"))]).is_ok(), is_whole, "{count}");
    }
    let mut body = chunk(json!([{"text": "ab"}]), Some("STOP")).to_string().into_bytes();
    let at = body.windows(2).position(|two| two == b"ab").expect("it is there");
    body[at] = 0xC3;
    assert_eq!(Gemini.answer(&body.into()), Err(Fault::new(FaultClass::Broken, Some(200))));
}

#[test]
fn a_thought_ends_before_what_follows_it() {
    let thought = json!({"text": "hm", "thought": true});
    let end = Event::ThinkingEnd { choice: 0, signature: None, redacted: None };
    for (case, parts) in [
        ("a text", json!([thought, {"text": "a"}])),
        ("a call", json!([thought, {"functionCall": {"name": "f"}}])),
        ("nothing", json!([thought])),
    ] {
        let (events, _) = streamed(&[chunk(json!([thought]), None), chunk(parts, Some("STOP"))]);
        assert_eq!(events.iter().filter(|event| **event == end).count(), 1, "{case}");
        assert_eq!(events[3], end, "{case}");
    }
}
