use super::*;
use crate::sse::Parser;
use gateway_core::conversation::{Hint, Part, Role, Sampling, StopReason, Text, Turn};
use gateway_core::fault::FaultClass;
use gateway_core::usage::Usage;
use serde_json::{Value, json};
use std::time::Duration;

const TARGET: Target = Target {
    model: "gemini-2.5-pro",
    output_bound: 8_192,
    reasoning: true,
    sampling: true,
    stream: false,
    stream_usage: true,
    tier_is_priced: false,
    api_version: "",
};

fn turn(role: Role, texts: &[&str]) -> Turn {
    Turn { role, parts: texts.iter().map(|text| Part::Text(Text::new(text))).collect(), name: None }
}

#[test]
fn turns_become_contents() {
    use Role::{Assistant, Developer, System, User};
    for (case, turns, system, contents) in [
        (
            "one turn",
            vec![turn(User, &["hi"])],
            Value::Null,
            json!([{"role": "user", "parts": [{"text": "hi"}]}]),
        ),
        (
            "instructions, wherever they stand",
            vec![turn(System, &["s"]), turn(User, &["hi"]), turn(Developer, &["d"])],
            json!({"parts": [{"text": "s"}, {"text": "d"}]}),
            json!([{"role": "user", "parts": [{"text": "hi"}]}]),
        ),
        (
            "empty texts and what they parted",
            vec![turn(User, &["a", ""]), turn(Assistant, &[""]), turn(User, &["b"]), turn(Assistant, &["c"])],
            Value::Null,
            json!([
                {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
                {"role": "model", "parts": [{"text": "c"}]}
            ]),
        ),
    ] {
        let conversation = Conversation { turns, sampling: Sampling::default() };
        let call = Gemini.encode(&conversation, &TARGET);
        let body: Value = serde_json::from_slice(&call.body).expect("valid JSON");
        assert_eq!((&body["systemInstruction"], &body["contents"]), (&system, &contents), "{case}");
        assert!(call.dropped.is_empty(), "{case}");
    }
}

#[test]
fn the_path_names_model_and_method() {
    let path = |target: &Target| Gemini.encode(&Conversation::default(), target).path;
    assert_eq!(path(&TARGET), "/v1beta/models/gemini-2.5-pro:generateContent");
    let stream = Target { stream: true, model: "a/b?c", ..TARGET };
    assert_eq!(path(&stream), "/v1beta/models/a%2Fb%3Fc:streamGenerateContent?alt=sse");
}

#[test]
fn sampling_keeps_to_what_gemini_takes_and_names_the_rest() {
    let no_sampling = Target { sampling: false, ..TARGET };
    let stops = |stops: &[&str]| stops.iter().map(|stop| Text::new(stop)).collect::<Vec<_>>();
    for (case, target, sampling, fields, dropped) in [
        ("nothing", TARGET, Sampling::default(), json!({}), vec![]),
        (
            "all that it knows",
            TARGET,
            Sampling {
                temperature: Some(1.5),
                top_p: Some(0.9),
                top_k: Some(40),
                seed: Some(-7),
                presence_penalty: Some(0.5),
                frequency_penalty: Some(-0.5),
                stop: stops(&["1", "2", "3", "4", "5"]),
                ..Sampling::default()
            },
            json!({"temperature": 1.5, "topP": 0.9, "topK": 40, "seed": -7, "presencePenalty": 0.5,
                   "frequencyPenalty": -0.5, "stopSequences": ["1", "2", "3", "4", "5"]}),
            vec![],
        ),
        (
            "beyond its bounds",
            TARGET,
            Sampling {
                seed: Some(1 << 40),
                stop: stops(&["1", "2", "3", "4", "5", "6"]),
                ..Sampling::default()
            },
            json!({"stopSequences": ["1", "2", "3", "4", "5"]}),
            vec!["stop", "seed"],
        ),
        (
            "a model without sampling",
            no_sampling,
            Sampling { temperature: Some(0.5), top_p: Some(0.9), top_k: Some(1), ..Sampling::default() },
            json!({}),
            vec!["temperature", "top_p", "top_k"],
        ),
        (
            "hints of other dialects",
            TARGET,
            Sampling {
                user: Some(Text::new("u-1")),
                hints: vec![Hint { name: "logit_bias", json: Bytes::from_static(b"{}") }],
                ..Sampling::default()
            },
            json!({}),
            vec!["user", "messages.name", "logit_bias"],
        ),
    ] {
        let is_named = sampling.user.is_some();
        let name = is_named.then(|| Text::new("Ann"));
        let turns = vec![Turn { name, ..turn(Role::User, &["hi"]) }];
        let call = Gemini.encode(&Conversation { turns, sampling }, &target);
        let body: Value = serde_json::from_slice(&call.body).expect("valid JSON");
        let mut want = json!({"maxOutputTokens": 8192});
        for (name, value) in fields.as_object().expect("an object") {
            want[name] = value.clone();
        }
        assert_eq!(body["generationConfig"], want, "{case}");
        assert_eq!(call.dropped, dropped, "{case}");
    }
}

/// The events of a stream of these chunks, and how it ended.
fn streamed(chunks: &[Value]) -> (Vec<Event>, Result<(), Fault>) {
    let mut parser = Parser::default();
    parser.push(chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect::<String>().into());
    let mut reader = Gemini.stream();
    let mut events = Vec::new();
    while let Some(frame) = parser.next_frame() {
        if let Err(fault) = reader.frame(&frame.expect("a short frame"), &mut events) {
            return (events, Err(fault));
        }
    }
    let end = reader.end(&mut events);
    (events, end)
}

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

#[test]
fn other_statuses_are_sorted_by_whose_doing_they_are() {
    let refused = |field| FaultClass::Refused { field };
    for (case, status, error, want) in [
        (
            "a bad key is a 400",
            400,
            json!({"status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}),
            FaultClass::Misconfigured,
        ),
        ("a country", 400, json!({"status": "FAILED_PRECONDITION"}), FaultClass::Misconfigured),
        (
            "too long",
            400,
            json!({"message": "The input token count (1250074) exceeds the maximum number of tokens allowed"}),
            FaultClass::ContextTooLong,
        ),
        (
            "a field",
            400,
            json!({"message": "* GenerateContentRequest.generation_config.max_output_tokens: must be"}),
            refused(Some("max_tokens")),
        ),
        (
            "no field of ours",
            400,
            json!({"message": "Cannot fetch content from the provided URL."}),
            refused(None),
        ),
        ("no permission", 403, json!({}), FaultClass::Misconfigured),
        ("an unknown model", 404, json!({"status": "NOT_FOUND"}), FaultClass::ModelNotFound),
        (
            "a rate limit",
            429,
            json!({"details": [{"@type": "Help"}, {"retryDelay": "34.4s"}]}),
            FaultClass::RateLimited { retry_after: Some(Duration::from_millis(34_400)) },
        ),
        (
            "a rate limit without a wait",
            429,
            json!({"details": [{"retryDelay": "soon"}]}),
            FaultClass::RateLimited { retry_after: None },
        ),
        ("overload", 503, json!({"status": "UNAVAILABLE"}), FaultClass::Unavailable),
    ] {
        let want = Fault::new(want, Some(status));
        for body in [json!({ "error": error }), json!([{ "error": error }])] {
            assert_eq!(Gemini.fault(status, &|_| None, body.to_string().as_bytes()), want, "{case}");
        }
    }
    assert_eq!(Gemini.fault(400, &|_| None, b"<html>").class, refused(None));
}
