//! Calls, refusals and thoughts in answers: what is read, and what is written of it.

use super::{data, facts, streamed, told, written};
use crate::Outbound;
use crate::dialect::Whole;
use crate::openai_chat::OpenAiChat;
use bytes::Bytes;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Decodes a stream of these chunks' choices, at once and byte by byte.
fn stream(chunks: &[Value]) -> Result<Vec<String>, Fault> {
    let body: String = chunks
        .iter()
        .map(|choice| format!("data: {}\n\n", json!({"choices": [choice]})))
        .chain(["data: [DONE]\n\n".to_owned()])
        .collect();
    let whole = streamed([body.as_bytes()]);
    assert_eq!(streamed(body.as_bytes().chunks(1)), whole);
    whole.map(|events| told(&events))
}

fn calls(calls: Value) -> Value {
    json!({"delta": {"tool_calls": calls}})
}

fn done(reason: &str) -> Value {
    json!({"delta": {}, "finish_reason": reason})
}

fn broken<T>() -> Result<T, Fault> {
    Err(Fault::new(FaultClass::Broken, None))
}

fn lines(lines: &[&str]) -> Result<Vec<String>, Fault> {
    Ok(lines.iter().map(|line| (*line).to_owned()).collect())
}

#[test]
fn calls_are_read_in_every_servers_habit() {
    let whole = |id: &str| json!({"id": id, "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let at = |index: u32, mut call: Value| {
        call["index"] = index.into();
        call
    };
    let more = |index: u32, arguments: &str| json!({"index": index, "function": {"arguments": arguments}});
    let first = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": ""}});
    let two = lines(&[
        "start ?",
        "call 0.0 a f -",
        "arguments 0.0 {\"a\":1}",
        "call 0.1 b f -",
        "arguments 0.1 {\"a\":1}",
        "stop 0 ToolCalls",
        "end",
    ]);
    for (case, chunks, want) in [
        (
            "OpenAI: fragments by index, in parallel",
            vec![
                calls(json!([at(0, first("a"))])),
                calls(json!([more(0, "{\"a\"")])),
                calls(json!([more(0, ":1}")])),
                calls(json!([at(1, first("b"))])),
                calls(json!([more(1, "{}")])),
                done("tool_calls"),
            ],
            lines(&[
                "start ?",
                "call 0.0 a f -",
                "arguments 0.0 {\"a\"",
                "arguments 0.0 :1}",
                "call 0.1 b f -",
                "arguments 0.1 {}",
                "stop 0 ToolCalls",
                "end",
            ]),
        ),
        (
            "Mistral: whole, no index",
            vec![calls(json!([whole("a"), whole("b")])), done("tool_calls")],
            two.clone(),
        ),
        (
            "one a chunk, no index",
            vec![calls(json!([whole("a")])), calls(json!([whole("b")])), done("tool_calls")],
            two.clone(),
        ),
        (
            "xAI, Groq: whole, by index",
            vec![calls(json!([at(0, whole("a")), at(1, whole("b"))])), done("tool_calls")],
            two.clone(),
        ),
        (
            "every call is the first",
            vec![calls(json!([at(0, whole("a"))])), calls(json!([at(0, whole("b"))])), done("tool_calls")],
            two,
        ),
        (
            "id and name in every chunk",
            vec![
                calls(json!([at(0, json!({"id": "a", "function": {"name": "f", "arguments": "{"}}))])),
                calls(json!([at(0, json!({"id": "a", "function": {"name": "f", "arguments": "}"}}))])),
                done("tool_calls"),
            ],
            lines(&[
                "start ?",
                "call 0.0 a f -",
                "arguments 0.0 {",
                "arguments 0.0 }",
                "stop 0 ToolCalls",
                "end",
            ]),
        ),
        (
            "an empty id and name after the first",
            vec![
                calls(json!([at(0, first("a"))])),
                calls(json!([{"index": 0, "id": "", "function": {"name": "", "arguments": "{}"}}])),
                done("tool_calls"),
            ],
            lines(&["start ?", "call 0.0 a f -", "arguments 0.0 {}", "stop 0 ToolCalls", "end"]),
        ),
        (
            "no arguments at all",
            vec![
                calls(json!([at(0, first("a"))])),
                calls(json!([at(1, json!({"id": "b", "function": {"name": "g"}}))])),
                done("stop"),
            ],
            lines(&[
                "start ?",
                "call 0.0 a f -",
                "call 0.1 b g -",
                "arguments 0.0 {}",
                "arguments 0.1 {}",
                "stop 0 End",
                "end",
            ]),
        ),
        (
            "an object in the string's place",
            vec![
                calls(json!([{"id": "a", "function": {"name": "f", "arguments": {"a": 1}}}])),
                done("tool_calls"),
            ],
            lines(&["start ?", "call 0.0 a f -", "arguments 0.0 {\"a\":1}", "stop 0 ToolCalls", "end"]),
        ),
        (
            "the older form",
            vec![
                json!({"delta": {"content": null, "function_call": {"name": "f", "arguments": ""}}}),
                json!({"delta": {"function_call": {"arguments": "{}"}}}),
                done("function_call"),
            ],
            lines(&["start ?", "call 0.0 - f -", "arguments 0.0 {}", "stop 0 ToolCalls", "end"]),
        ),
        (
            "Google's signature",
            vec![
                calls(json!([{"id": "a", "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "s"}}}])),
                done("tool_calls"),
            ],
            lines(&["start ?", "call 0.0 a f s", "arguments 0.0 {}", "stop 0 ToolCalls", "end"]),
        ),
        ("a piece of no call", vec![calls(json!([more(0, "{}")])), done("tool_calls")], broken()),
        (
            "a call without a name",
            vec![calls(json!([{"index": 0, "id": "a"}])), done("tool_calls")],
            broken(),
        ),
        (
            "a name that is a number",
            vec![calls(json!([{"function": {"name": 1}}])), done("tool_calls")],
            broken(),
        ),
        (
            "arguments that are a list",
            vec![calls(json!([{"function": {"name": "f", "arguments": []}}]))],
            broken(),
        ),
        ("an index below 0", vec![calls(json!([{"index": -1, "function": {"name": "f"}}]))], broken()),
        ("calls that are an object", vec![calls(json!({}))], broken()),
        ("a call after the end", vec![done("stop"), calls(json!([whole("a")]))], broken()),
        ("a text after the end", vec![done("stop"), json!({"delta": {"content": "a"}})], broken()),
        ("a reason that is a number", vec![json!({"delta": {}, "finish_reason": 1})], broken()),
        (
            "129 calls",
            vec![calls(Value::Array((0..129).map(|n| at(n, whole(&n.to_string()))).collect()))],
            broken(),
        ),
    ] {
        assert_eq!(stream(&chunks), want, "{case}");
    }
}

#[test]
fn refusals_and_thoughts_are_read() {
    let delta = |field: &str, text: &str| json!({"delta": {field: text}});
    for (case, chunks, want) in [
        (
            "a refusal",
            vec![delta("refusal", "I "), delta("refusal", "can't"), done("stop")],
            lines(&["start ?", "refusal 0 I ", "refusal 0 can't", "stop 0 End", "end"]),
        ),
        (
            "reasoning_content, in chunks of one form",
            vec![
                delta("reasoning_content", "a"),
                delta("reasoning_content", "b"),
                delta("content", "c"),
                done("stop"),
            ],
            lines(&["start ?", "thinking 0 a", "thinking 0 b", "text 0 c", "stop 0 End", "end"]),
        ),
        (
            "both names",
            vec![json!({"delta": {"reasoning": "a", "reasoning_content": "a", "content": ""}}), done("stop")],
            lines(&["start ?", "thinking 0 a", "stop 0 End", "end"]),
        ),
        (
            "the reason told twice",
            vec![delta("content", "a"), done("stop"), done("stop")],
            lines(&["start ?", "text 0 a", "stop 0 End", "end"]),
        ),
        (
            "a chunk of a known form after the end",
            vec![delta("content", "a"), done("stop"), delta("content", "b")],
            broken(),
        ),
        (
            "a choice that never ends",
            vec![done("stop"), json!({"index": 1, "delta": {"content": "a"}})],
            broken(),
        ),
        ("a thought that is a number", vec![json!({"delta": {"reasoning_content": 1}})], broken()),
        (
            "the server gave up",
            vec![delta("content", "a"), done("insufficient_system_resource")],
            Err(Fault::new(FaultClass::Unavailable, Some(200))),
        ),
    ] {
        assert_eq!(stream(&chunks), want, "{case}");
    }
}

#[test]
fn a_whole_answer_has_its_calls() {
    let answer = |message: Value, reason: &str| {
        let body = json!({"choices": [{"message": message, "finish_reason": reason}], "service_tier": "flex",
            "usage": {"prompt_tokens": 1}});
        Outbound::answer(&OpenAiChat, &Bytes::from(body.to_string()))
    };
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let events = answer(json!({"content": null, "tool_calls": [call("a"), call("a")]}), "tool_calls");
    assert_eq!(
        events.map(|events| told(&events)),
        lines(&[
            "start ?",
            "call 0.0 a f -",
            "arguments 0.0 {}",
            "call 0.1 a f -",
            "arguments 0.1 {}",
            "stop 0 ToolCalls",
            "usage Some(1) None",
            "end",
        ]),
        "two calls, though of one id"
    );
    let events = answer(json!({"content": "a", "refusal": null}), "stop").expect("an answer");
    let tier = events.iter().find_map(|event| match event {
        Event::Usage(usage) => usage.service_tier,
        _ => None,
    });
    assert_eq!(tier, Some(gateway_core::catalog::ServiceTier::Flex));
    let twice = json!({"choices": [
        {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
        {"index": 0, "message": {"content": "b"}, "finish_reason": "stop"}]});
    assert_eq!(Outbound::answer(&OpenAiChat, &Bytes::from(twice.to_string())), broken());
}

/// An answer that thinks, speaks and calls twice, once without an id.
fn rich() -> Vec<Event> {
    let text = Text::new;
    let call = |index, id: Option<&str>, signature: Option<&str>| Event::ToolCall {
        choice: 0,
        index,
        id: id.map(text),
        name: text("f"),
        signature: signature.map(text),
    };
    let piece = |index, piece: &str| Event::Arguments { choice: 0, index, piece: text(piece) };
    vec![
        Event::Thinking { choice: 0, text: text("hm ") },
        Event::Thinking { choice: 0, text: text("\"so\"") },
        Event::ThinkingEnd { choice: 0, signature: Some(text("sig")), redacted: None },
        Event::ThinkingEnd { choice: 0, signature: None, redacted: Some(text("xx")) },
        Event::Text { choice: 0, text: text("Wait.") },
        call(0, Some("call_1"), None),
        piece(0, "{\"a\":"),
        piece(0, "1}"),
        call(1, None, Some("thought")),
        piece(1, "{}"),
        Event::Stop { choice: 0, reason: StopReason::ToolCalls },
    ]
}

/// The message that the SDKs make of a stream: strings joined, lists joined by `index`.
fn added_up(stream: &[u8]) -> Vec<Value> {
    fn add(sum: &mut Value, delta: Value) {
        match (sum, delta) {
            (Value::Object(sum), Value::Object(delta)) => {
                for (key, value) in delta {
                    match sum.get_mut(&key) {
                        Some(Value::Null) | None => drop(sum.insert(key, value)),
                        Some(_) if key == "index" || key == "type" => {}
                        Some(known) => add(known, value),
                    }
                }
            }
            (Value::String(sum), Value::String(delta)) => sum.push_str(&delta),
            (Value::Array(sum), Value::Array(delta)) => {
                for entry in delta {
                    let index = entry["index"].as_u64().expect("an index");
                    match sum.iter_mut().find(|known| known["index"] == index) {
                        Some(known) => add(known, entry),
                        None => sum.push(entry),
                    }
                }
            }
            _ => {}
        }
    }
    let mut choices: Vec<Value> = Vec::new();
    for chunk in data(stream).iter().filter(|data| *data != "[DONE]") {
        let chunk: Value = serde_json::from_str(chunk).expect("JSON");
        for choice in chunk["choices"].as_array().expect("choices") {
            let index = choice["index"].as_u64().expect("an index") as usize;
            choices.resize_with(choices.len().max(index + 1), || json!({"message": {}}));
            add(&mut choices[index]["message"], choice["delta"].clone());
            if !choice["finish_reason"].is_null() {
                choices[index]["finish_reason"] = choice["finish_reason"].clone();
            }
        }
    }
    choices
}

fn whole_of(events: &[Event]) -> Value {
    let mut whole = Whole::default();
    events.iter().cloned().for_each(|event| whole.add(event));
    let body = OpenAiChat.answer_of(&whole, &facts(&Usage::default(), &[], &[]));
    serde_json::from_str(&body).expect("JSON")
}

#[test]
fn calls_and_thoughts_are_written_whole() {
    let answer = whole_of(&rich());
    let choice = &answer["choices"][0];
    let id = choice["message"]["tool_calls"][1]["id"].clone();
    assert!(id.as_str().is_some_and(|id| id.starts_with("call_") && id.len() == 29), "{id}");
    assert_eq!(
        *choice,
        json!({"index": 0, "logprobs": null, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Wait.", "refusal": null, "reasoning_content": "hm \"so\"",
            "thinking_blocks": [
                {"type": "thinking", "thinking": "hm \"so\"", "signature": "sig"},
                {"type": "redacted_thinking", "data": "xx"},
            ],
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "thought"}}},
            ],
        }})
    );
}

#[test]
fn a_stream_adds_up_to_the_whole_answer() {
    let sent = added_up(&written(&rich(), true));
    let mut want = whole_of(&rich())["choices"][0].clone();
    for list in ["tool_calls", "thinking_blocks"] {
        let entries = want["message"][list].as_array_mut().expect("a list");
        (0..).zip(entries).for_each(|(index, entry): (u64, _)| entry["index"] = index.into());
    }
    assert_eq!(sent[0]["message"], want["message"]);
    assert_eq!(sent[0]["finish_reason"], want["finish_reason"]);
}

#[test]
fn an_answer_of_calls_alone_has_no_content() {
    let calls = &rich()[5..];
    assert_eq!(whole_of(calls)["choices"][0]["message"]["content"], Value::Null);
    let unsigned = [
        Event::Thinking { choice: 0, text: Text::new("a") },
        Event::Text { choice: 0, text: Text::new("b") },
    ];
    let message = &whole_of(&unsigned)["choices"][0]["message"];
    assert_eq!((&message["reasoning_content"], message.get("thinking_blocks")), (&json!("a"), None));
}

#[test]
fn a_refusal_in_words_ends_with_stop_and_another_is_a_filter() {
    let refusal = Event::Refusal { choice: 0, text: Text::new("no") };
    let stop = Event::Stop { choice: 0, reason: StopReason::Refusal };
    for (case, events, content, words, reason) in [
        ("in words", vec![refusal, stop.clone()], Value::Null, json!("no"), "stop"),
        ("in silence", vec![stop], json!(""), Value::Null, "content_filter"),
    ] {
        let answer = &whole_of(&events)["choices"][0];
        assert_eq!(answer["message"]["content"], content, "{case}");
        assert_eq!(answer["message"]["refusal"], words, "{case}");
        assert_eq!(answer["finish_reason"], reason, "{case}");
        let sent = &added_up(&written(&events, false))[0];
        assert_eq!((&sent["message"]["refusal"], &sent["finish_reason"]), (&words, &json!(reason)), "{case}");
    }
}

#[test]
fn every_choice_of_a_stream_begins_with_its_role() {
    let events = [
        Event::Text { choice: 1, text: Text::new("b") },
        Event::Text { choice: 0, text: Text::new("a") },
        Event::Stop { choice: 1, reason: StopReason::End },
        Event::Stop { choice: 12, reason: StopReason::Length },
        Event::Stop { choice: 0, reason: StopReason::End },
    ];
    let choices = added_up(&written(&events, false));
    for (index, content, reason) in [(0, "a", "stop"), (1, "b", "stop"), (12, "", "length")] {
        let choice = &choices[index];
        assert_eq!(
            choice["message"],
            json!({"role": "assistant", "content": content, "refusal": null}),
            "{index}"
        );
        assert_eq!(choice["finish_reason"], reason, "{index}");
    }
}

/// What a choice says, thinks and calls, its pieces joined.
fn joined(whole: &Whole) -> Vec<Value> {
    let join = |texts: &[Text]| texts.iter().map(|text| text.decoded()).collect::<String>();
    let choices = whole.choices.iter().map(|choice| {
        let thinking: String = choice.thinking.iter().map(|thought| join(&thought.texts)).collect();
        let calls: Vec<_> =
            choice.calls.iter().map(|call| json!([call.name.decoded(), join(&call.arguments)])).collect();
        let stop = format!("{:?}", choice.stop);
        json!([join(&choice.texts), join(&choice.refusals), thinking, calls, stop])
    });
    choices.collect()
}

/// A row of events in which every choice ends, and each call is begun before its arguments.
fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let reasons = [StopReason::End, StopReason::Length, StopReason::ToolCalls, StopReason::ContentFilter];
    let step = (0u32..3, 0u8..5, ".{0,12}", any::<prop::sample::Index>());
    (prop::collection::vec(step, 0..24), prop::sample::select(reasons.to_vec())).prop_map(|(steps, reason)| {
        let mut begun = [0u32; 3];
        let mut events = Vec::new();
        for (choice, kind, plain, at) in steps {
            let text = Text::new(&plain);
            let calls = &mut begun[choice as usize];
            match kind {
                _ if plain.is_empty() => {}
                0 => events.push(Event::Text { choice, text }),
                1 => events.push(Event::Thinking { choice, text }),
                2 => events.push(Event::Refusal { choice, text }),
                3 => {
                    let id = (*calls % 2 == 0).then(|| Text::new(&format!("call_{choice}_{calls}")));
                    events.push(Event::ToolCall { choice, index: *calls, id, name: text, signature: None });
                    *calls += 1;
                }
                _ if *calls > 0 => {
                    let index = u32::try_from(at.index(*calls as usize)).expect("below 24");
                    events.push(Event::Arguments { choice, index, piece: text });
                }
                _ => {}
            }
        }
        // Calls without arguments have none in a stream, and `{}` once it is read.
        for choice in 0..3 {
            for index in 0..begun[choice as usize] {
                let has_arguments = events.iter().any(|event| {
                    matches!(event, Event::Arguments { choice: c, index: i, .. } if (*c, *i) == (choice, index))
                });
                if !has_arguments {
                    events.push(Event::Arguments { choice, index, piece: Text::new("{}") });
                }
            }
            events.push(Event::Stop { choice, reason });
        }
        events
    })
}

proptest! {
    #[test]
    fn what_is_written_as_a_stream_is_read_as_the_same_answer(events in any_events(), size in 1usize..99) {
        let read = streamed(written(&events, true).chunks(size)).expect("our own stream");
        let (mut want, mut found) = (Whole::default(), Whole::default());
        events.into_iter().for_each(|event| want.add(event));
        read.into_iter().for_each(|event| found.add(event));
        prop_assert_eq!(joined(&found), joined(&want));
        let ids = |whole: &Whole| -> Vec<Option<Text>> {
            whole.choices.iter().flat_map(|choice| &choice.calls).map(|call| call.id.clone()).collect()
        };
        for (found, want) in ids(&found).iter().zip(ids(&want)) {
            prop_assert!(found.is_some() && (want.is_none() || *found == want));
        }
    }

    #[test]
    fn what_is_written_whole_is_read_as_the_same_answer(events in any_events()) {
        let mut want = Whole::default();
        events.into_iter().for_each(|event| want.add(event));
        let body = OpenAiChat.answer_of(&want, &facts(&Usage::default(), &[], &[]));
        let read = Outbound::answer(&OpenAiChat, &Bytes::from(body)).expect("our own answer");
        let mut found = Whole::default();
        read.into_iter().for_each(|event| found.add(event));
        prop_assert_eq!(joined(&found), joined(&want));
    }
}
