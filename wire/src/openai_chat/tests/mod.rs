//! The dialect both ways: plain requests, texts, counters, errors and streams. Its other features stand in
//! [`features`] (requests) and [`answers`].

mod answers;
mod features;
mod opaque;

use super::*;
use crate::dialect::{Attempt, Choice};
use crate::sse::{Frame, Parser};
use bytes::BytesMut;
use gateway_core::catalog::{Abilities, Ability, Effort, Efforts};
use gateway_core::conversation::{Part, Role, StopReason, Text, Turn};
use gateway_core::fault::FaultClass;
use gateway_core::ids::ProviderKind;
use gateway_core::money::NanoUsd;
use gateway_core::routing::{How, RouteReason};
use gateway_core::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A target of this kind whose abilities and efforts are known as these.
fn target(kind: ProviderKind, abilities: &[(Ability, bool)], efforts: &[(Effort, bool)]) -> Target<'static> {
    let mut target = Target {
        model: "gpt-4o",
        output_bound: 8_192,
        kind,
        abilities: Abilities::default(),
        efforts: Efforts::default(),
        stream: false,
        stream_usage: true,
        api_version: "",
    };
    abilities.iter().for_each(|(ability, truth)| target.abilities.learn(*ability, *truth));
    efforts.iter().for_each(|(effort, truth)| target.efforts.learn(*effort, *truth));
    target
}

fn plain_target() -> Target<'static> {
    target(ProviderKind::OpenAi, &[], &[])
}

fn asked(body: &str) -> Result<Asked, Malformed> {
    OpenAiChat.decode(&Bytes::copy_from_slice(body.as_bytes()))
}

fn read(body: &str) -> Asked {
    asked(body).expect("a request")
}

/// A body with one message and these fields.
fn with(fields: &str) -> String {
    format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{fields}}}"#)
}

fn said(turns: &[Turn]) -> Vec<(Role, Vec<String>)> {
    let plain = |part: &Part| part.as_text().expect("a text").decoded().into_owned();
    turns.iter().map(|turn| (turn.role, turn.parts.iter().map(plain).collect())).collect()
}

#[test]
fn a_request_is_read_field_by_field() {
    let asked = read(
        r#"{"model":"openai/gpt-4o","stream":true,"stream_options":{"include_usage":true},
            "max_tokens":10,"max_completion_tokens":20,"temperature":1,"top_p":0.5,
            "presence_penalty":-1.5,"frequency_penalty":2,"seed":-7,"stop":["a","b"],"user":"u1",
            "logit_bias":{"50256":-100},"safety_identifier":"s1","prompt_cache_key":"k1",
            "messages":[{"role":"developer","content":"d"},{"role":"system","content":"s"},
              {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"name":"eve"},
              {"role":"assistant","content":"c","refusal":null,"tool_calls":[]}]}"#,
    );
    assert_eq!(asked.model.as_deref(), Some("openai/gpt-4o"));
    assert!(asked.stream && asked.include_usage);
    assert!(asked.dropped.is_empty() && asked.warnings.is_empty());
    let Conversation { turns, sampling, .. } = &asked.conversation;
    assert_eq!(
        said(turns),
        [
            (Role::Developer, vec!["d".to_owned()]),
            (Role::System, vec!["s".to_owned()]),
            (Role::User, vec!["a".to_owned(), "b".to_owned()]),
            (Role::Assistant, vec!["c".to_owned()]),
        ]
    );
    assert_eq!(turns[2].name, Some(Text::new("eve")));
    assert_eq!(sampling.max_output, Some(20), "the newer name wins");
    assert_eq!((sampling.temperature, sampling.top_p), (Some(1.0), Some(0.5)));
    assert_eq!((sampling.presence_penalty, sampling.frequency_penalty), (Some(-1.5), Some(2.0)));
    assert_eq!((sampling.seed, &sampling.user), (Some(-7), &Some(Text::new("u1"))));
    assert_eq!(sampling.stop, [Text::new("a"), Text::new("b")]);
    let hints: Vec<_> = sampling.hints.iter().map(|hint| (hint.name, &hint.json[..])).collect();
    assert_eq!(
        hints,
        [
            ("logit_bias", &br#"{"50256":-100}"#[..]),
            ("safety_identifier", br#""s1""#),
            ("prompt_cache_key", br#""k1""#),
        ]
    );
}

#[test]
fn null_is_absent() {
    let asked = read(&with(
        r#""model":null,"stream":null,"stream_options":null,"max_tokens":null,"temperature":null,"top_p":null,
           "seed":null,"stop":null,"user":null,"logit_bias":null,"tools":null,"response_format":null,
           "metadata":null,"presence_penalty":null,"frequency_penalty":null"#,
    ));
    assert!(asked.model.is_none() && !asked.stream && asked.dropped.is_empty());
    let sampling = asked.conversation.sampling;
    assert!(sampling.stop.is_empty() && sampling.hints.is_empty() && sampling.user.is_none());
    assert!(sampling.max_output.is_none() && sampling.temperature.is_none() && sampling.seed.is_none());
}

#[test]
fn a_value_that_asks_for_nothing_is_no_feature() {
    for fields in [
        r#""n":1"#,
        r#""tools":[]"#,
        r#""tools":[],"tool_choice":"auto""#,
        r#""parallel_tool_calls":true"#,
        r#""functions":[],"function_call":"none""#,
        r#""logprobs":false"#,
        r#""top_logprobs":0"#,
        r#""tool_choice":"none""#,
        r#""response_format":{ "type" : "text" }"#,
        r#""modalities":["text"]"#,
        r#""service_tier":"auto""#,
        r#""service_tier":"default""#,
        r#""store":false"#,
    ] {
        assert!(read(&with(fields)).dropped.is_empty(), "{fields}");
    }
}

#[test]
fn metadata_that_is_not_counted_is_refused() {
    let mut asked = read(&with(r#""metadata":{"a":"b"}"#));
    let message = asked.take_metadata(&[]).expect_err("no tag is named").to_string();
    assert_eq!(message, "`metadata` is not supported by this version of the gateway: leave it out");
}

#[test]
fn a_field_that_means_something_and_cannot_be_served_is_refused_by_name() {
    for (field, value) in [
        ("modalities", r#"["text","audio"]"#),
        ("audio", r#"{"voice":"alloy"}"#),
        ("logprobs", "true"),
        ("top_logprobs", "3"),
        ("prediction", "{}"),
        ("web_search_options", "{}"),
        ("store", "true"),
    ] {
        let message = asked(&with(&format!("\"{field}\":{value}"))).expect_err(field).to_string();
        assert_eq!(
            message,
            format!("`{field}` is not supported by this version of the gateway: leave it out")
        );
    }
    for (message, want) in [
        (with(r#""functions":[{"name":"f"}]"#), "`functions` is not supported: send `tools` and `tool_choice` in its place"),
        (with(r#""function_call":"auto""#), "`function_call` is not supported: send `tools` and `tool_choice` in its place"),
        (
            with(r#""capability":"code""#),
            "`capability` is not supported: send `model` as `auto:code`, for one, in its place",
        ),
        (with(r#""thinking":{}"#), "`thinking` is not supported: send `reasoning_effort` in its place"),
        (with(r#""service_tier":"scale""#), "`service_tier` is not supported but for auto, default, flex and priority"),
        (
            with(r#""tools":[{"type":"web_search"}]"#),
            "`tools[0].type` is not supported but for `function`: what other tools cost has no bound",
        ),
        (
            r#"{"messages":[{"role":"function","content":"4","name":"f"}]}"#.to_owned(),
            "`messages[0].role` is not supported as `function`: send `tools`, and results as `tool`",
        ),
        (
            r#"{"messages":[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}}]}"#.to_owned(),
            "`messages[0].function_call` is not supported: send `tool_calls`, and `tools`, in its place",
        ),
        (
            r#"{"messages":[{"role":"assistant","content":null,"audio":{"id":"a"}}]}"#.to_owned(),
            "`messages[0].audio` is not supported by this version of the gateway: leave it out",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"video","video":{}}]}]}"#.to_owned(),
            "`messages[0].content[0].type` is not supported by this version of the gateway: leave it out",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}"#.to_owned(),
            "`messages[0].content[0].file.file_id` is not supported: send the file itself in `file_data`",
        ),
    ] {
        assert_eq!(asked(&message).expect_err(want).to_string(), want);
    }
}

#[test]
fn a_mistake_is_named_by_its_field_and_its_mend() {
    for (body, want) in [
        ("", "the body is not valid JSON at line 1, column 0: EOF while parsing a value"),
        ("[]", "`body`: must be a JSON object"),
        ("\"hi\"", "`body`: must be a JSON object"),
        ("{\n\"model\": }", "the body is not valid JSON at line 2, column 10: expected value"),
        ("{} x", "the body is not valid JSON at line 1, column 4: trailing characters"),
        (
            r#"{"a":1,"a":2}"#,
            "the body is not valid JSON at line 1, column 9: an object has the same key twice",
        ),
        ("{}", "`messages`: is missing: send at least one message"),
        (r#"{"messages":null}"#, "`messages`: is missing: send at least one message"),
        (r#"{"messages":[]}"#, "`messages`: is empty: send at least one message"),
        (r#"{"messages":"hi"}"#, "`messages`: must be a list"),
        (r#"{"messages":["hi"]}"#, "`messages[0]`: must be a message object with `role` and `content`"),
        (r#"{"messages":[{"role":1}]}"#, "`messages[0].role`: must be a string"),
        (
            r#"{"messages":[{"content":"a"}]}"#,
            "`messages[0].role`: is missing: system, developer, user, assistant or tool",
        ),
        (
            r#"{"messages":[{"role":"users","content":"a"}]}"#,
            "`messages[0].role`: must be one of system, developer, user, assistant, tool",
        ),
        (
            r#"{"messages":[{"role":"user","content":"a"},{"role":"user"}]}"#,
            "`messages[1].content`: must be a string or a list of parts",
        ),
        (
            r#"{"messages":[{"role":"user","content":4}]}"#,
            "`messages[0].content`: must be a string or a list of parts, each an object with a `type`",
        ),
        (
            r#"{"messages":[{"role":"user","content":["a"]}]}"#,
            "`messages[0].content`: must be a string or a list of parts, each an object with a `type`",
        ),
        (
            r#"{"messages":[{"role":"user","content":[]}]}"#,
            "`messages[0].content`: is empty: send a string or at least one part",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"text":"a"}]}]}"#,
            "`messages[0].content[0].type`: is missing: send `text`",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "`messages[0].content[0].text`: is missing: a text part has a string `text`",
        ),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":1}]}]}"#,
            "`messages[0].content[0].text`: must be a string",
        ),
        (r#"{"messages":[{"role":"user","content":"a","name":1}]}"#, "`messages[0].name`: must be a string"),
    ] {
        assert_eq!(asked(body).expect_err(body).to_string(), want, "{body}");
    }
}

#[test]
fn a_wrong_type_or_range_is_told_without_its_value() {
    for (fields, want) in [
        (r#""model":7"#, "`model`: must be a string"),
        (r#""model":"""#, "`model`: is empty: name a model, or leave the field out"),
        (r#""stream":"marker""#, "`stream`: must be true or false"),
        (r#""stream_options":"marker""#, "`stream_options`: must be an object with `include_usage`"),
        (r#""stream_options":{"include_usage":1}"#, "`stream_options.include_usage`: must be true or false"),
        (r#""max_tokens":"marker""#, "`max_tokens`: must be a whole number, not negative"),
        (r#""max_tokens":1.5"#, "`max_tokens`: must be a whole number, not negative"),
        (r#""max_tokens":-1"#, "`max_tokens`: must be a whole number, not negative"),
        (r#""max_tokens":0"#, "`max_tokens`: must be at least 1"),
        (r#""max_completion_tokens":0"#, "`max_completion_tokens`: must be at least 1"),
        (r#""temperature":"marker expected u64""#, "`temperature`: must be a number"),
        (r#""temperature":2.1"#, "`temperature`: must be a number from 0 to 2"),
        (r#""top_p":-0.1"#, "`top_p`: must be a number from 0 to 1"),
        (r#""presence_penalty":3"#, "`presence_penalty`: must be a number from -2 to 2"),
        (r#""frequency_penalty":[]"#, "`frequency_penalty`: must be a number"),
        (r#""seed":1.5"#, "`seed`: must be a whole number"),
        (r#""stop":1"#, "`stop`: must be a string or a list of strings"),
        (r#""stop":["a",2]"#, "`stop[1]`: must be a string"),
        (r#""stop":["a","b","c","d","e"]"#, "`stop`: has more than 4 sequences"),
        (r#""user":1"#, "`user`: must be a string"),
        (r#""logit_bias":[]"#, "`logit_bias`: must be an object of token ids and numbers"),
        (r#""prompt_cache_key":{}"#, "`prompt_cache_key`: must be a string"),
    ] {
        assert_eq!(asked(&with(fields)).expect_err(fields).to_string(), want, "{fields}");
    }
}

#[test]
fn an_unknown_field_is_dropped_and_named_by_its_path_once() {
    let body = r#"{"topk":5,"provider":"x","a b":1,"stream_options":{"include_obfuscation":false},
        "messages":[{"role":"user","content":[{"type":"text","text":"a","x":{}}],"weight":1},
                    {"role":"user","content":[{"type":"text","text":"a","x":{}}],"weight":0}]}"#;
    let want = ["topk", "provider", "?", "stream_options.include_obfuscation", "messages.weight"];
    let want = want.into_iter().chain(["messages.content.x"]).collect::<Vec<_>>();
    assert_eq!(read(body).dropped, want);
}

#[test]
fn a_text_is_copied_as_it_stood() {
    let raw = r#""1e5 \/ \u00e9 \ud83d\ude00 é \n\"""#;
    let body = format!(r#"{{"messages":[{{"role":"user","content":{raw}}}],"stop":{raw},"user":{raw}}}"#);
    let conversation = read(&body).conversation;
    let sent = String::from_utf8(OpenAiChat.encode(&conversation, &plain_target()).body).expect("UTF-8");
    for field in ["content", "user"] {
        assert!(sent.contains(&format!("\"{field}\":{raw}")), "{field}: {sent}");
    }
    assert!(sent.contains(&format!("\"stop\":[{raw}]")), "{sent}");
}

#[test]
fn a_request_is_written_for_its_target() {
    let body = with(
        r#""temperature":0.5,"top_p":1,"stop":"END","seed":3,"user":"u","logit_bias":{"1":2},
           "presence_penalty":1,"frequency_penalty":1"#,
    );
    let conversation = read(&body).conversation;
    let all = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8192,
        "temperature": 0.5, "top_p": 1.0, "presence_penalty": 1.0, "frequency_penalty": 1.0, "seed": 3,
        "stop": ["END"], "user": "u", "logit_bias": {"1": 2}});
    let but = |without: &[&str], more: Value| {
        let mut body = all.clone();
        let fields = body.as_object_mut().expect("an object");
        without.iter().for_each(|name| drop(fields.remove(*name)));
        fields.extend(more.as_object().cloned().unwrap_or_default());
        body
    };
    let sampling = ["temperature", "top_p", "presence_penalty", "frequency_penalty"];
    for (case, target, want, dropped) in [
        ("a plain model", plain_target(), all.clone(), &[][..]),
        (
            "a stream",
            Target { stream: true, ..plain_target() },
            but(&[], json!({"stream": true, "stream_options": {"include_usage": true}})),
            &[],
        ),
        (
            "a server that refuses stream_options",
            Target { stream: true, stream_usage: false, ..plain_target() },
            but(&[], json!({"stream": true})),
            &[],
        ),
        (
            "a reasoning model",
            target(ProviderKind::OpenAi, &[(Ability::Reasoning, true)], &[]),
            but(
                &["max_tokens", "stop", "temperature", "top_p", "presence_penalty", "frequency_penalty"],
                json!({"max_completion_tokens": 8192}),
            ),
            &["temperature", "top_p", "presence_penalty", "frequency_penalty", "stop"],
        ),
        (
            "no sampling",
            target(ProviderKind::OpenAi, &[(Ability::SamplingParams, false)], &[]),
            but(&sampling, json!({})),
            &sampling,
        ),
    ] {
        let call = OpenAiChat.encode(&conversation, &target);
        let sent: Value = serde_json::from_slice(&call.body).expect("valid JSON");
        assert_eq!(sent, want, "{case}");
        assert_eq!(call.dropped, dropped, "{case}");
        assert_eq!((call.path.as_str(), call.headers.len()), ("/chat/completions", 0), "{case}");
    }
}

/// What a test compares of an event.
fn told(events: &[Event]) -> Vec<String> {
    let one = |event: &Event| match event {
        Event::Start { model, .. } => format!("start {}", model.as_ref().map_or("?".into(), Text::decoded)),
        Event::Text { choice, text } => format!("text {choice} {}", text.decoded()),
        Event::Refusal { choice, text } => format!("refusal {choice} {}", text.decoded()),
        Event::Thinking { choice, text } => format!("thinking {choice} {}", text.decoded()),
        Event::ThinkingEnd { choice, .. } => format!("thinking {choice} over"),
        Event::ToolCall { choice, index, id, name, signature } => {
            let plain = |text: &Option<Text>| text.as_ref().map_or("-".into(), Text::decoded).into_owned();
            format!("call {choice}.{index} {} {} {}", plain(id), name.decoded(), plain(signature))
        }
        Event::Arguments { choice, index, piece } => {
            format!("arguments {choice}.{index} {}", piece.decoded())
        }
        Event::Stop { choice, reason } => format!("stop {choice} {reason:?}"),
        Event::Usage(usage) => format!("usage {:?} {:?}", usage.input, usage.output),
        Event::Failed(fault) => format!("failed {}", fault.word()),
        Event::End => "end".to_owned(),
    };
    events.iter().map(one).collect()
}

#[test]
fn whole_answers_are_read() {
    let broken = Err(Fault::new(FaultClass::Broken, None));
    for (case, body, want) in [
        (
            "OpenAI's",
            r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06",
               "choices":[{"index":0,"message":{"role":"assistant","content":"Hi \u00e9","refusal":null,
               "annotations":[]},"logprobs":null,"finish_reason":"stop"}],
               "usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10},"service_tier":"default"}"#,
            Ok(&["start gpt-4o-2024-08-06", "text 0 Hi é", "stop 0 End", "usage Some(8) Some(2)", "end"][..]),
        ),
        (
            "a refusal",
            r#"{"choices":[{"message":{"content":null,"refusal":"no"},"finish_reason":"stop"}]}"#,
            Ok(&["start ?", "refusal 0 no", "stop 0 End", "end"]),
        ),
        (
            "Mistral's parts",
            r#"{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"},
               {"type":"text","text":"\"b"}]},"finish_reason":"model_length"}]}"#,
            Ok(&["start ?", "thinking 0 hm", "text 0 a", "text 0 \"b", "stop 0 Length", "end"]),
        ),
        (
            "a filter, a null text",
            r#"{"choices":[{"message":{"content":null},"finish_reason":"content_filter"}],"usage":null}"#,
            Ok(&["start ?", "stop 0 ContentFilter", "end"]),
        ),
        (
            "two choices",
            r#"{"choices":[{"index":1,"message":{"content":"b"},"finish_reason":"length"},
               {"index":0,"message":{"content":"a"},"finish_reason":"other"}]}"#,
            Ok(&["start ?", "text 1 b", "stop 1 Length", "text 0 a", "stop 0 Other", "end"]),
        ),
        ("no choices", r#"{"id":"1","choices":[]}"#, broken.clone()),
        ("no message", r#"{"choices":[{"finish_reason":"stop"}]}"#, broken.clone()),
        ("no reason", r#"{"choices":[{"message":{"content":"a"},"finish_reason":null}]}"#, broken.clone()),
        (
            "an index without end",
            r#"{"choices":[{"index":4294967295,"message":{"content":"a"},"finish_reason":"stop"}]}"#,
            broken.clone(),
        ),
        ("not JSON", "<html>", broken.clone()),
        ("cut", r#"{"choices":[{"message":{"content":"a"#, broken.clone()),
        (
            "a text that is a number",
            r#"{"choices":[{"message":{"content":1},"finish_reason":"stop"}]}"#,
            broken,
        ),
        (
            "an error with a 200",
            r#"{"error":{"message":"overloaded","type":"server_error","code":null}}"#,
            Err(Fault::new(FaultClass::Unavailable, Some(200))),
        ),
    ] {
        let events = Outbound::answer(&OpenAiChat, &Bytes::from_static(body.as_bytes()));
        let want = want.map(|want| want.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        assert_eq!(events.map(|events| told(&events)), want, "{case}");
    }
}

#[test]
fn each_servers_habit_of_counting_is_normalised() {
    let none = Usage::default();
    for (case, usage, want) in [
        (
            "OpenAI: cached within the prompt",
            json!({"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
                "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 8, "audio_tokens": 0}}),
            Usage { input: Some(40), cache_read: Some(60), output: Some(20), reasoning: Some(8), ..none },
        ),
        (
            "xAI: reasoning beside the completion, as the total shows",
            json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 315,
                "completion_tokens_details": {"reasoning_tokens": 300}}),
            Usage { input: Some(10), output: Some(305), reasoning: Some(300), ..none },
        ),
        (
            "DeepSeek: hits and misses",
            json!({"prompt_tokens": 50, "completion_tokens": 1, "total_tokens": 51,
                "prompt_cache_hit_tokens": 48, "prompt_cache_miss_tokens": 2}),
            Usage { input: Some(2), cache_read: Some(48), output: Some(1), ..none },
        ),
        (
            "OpenRouter: written to a cache",
            json!({"prompt_tokens": 50, "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 15}}),
            Usage {
                input: Some(25),
                cache_read: Some(10),
                cache_write_5m: Some(15),
                output: Some(1),
                ..none
            },
        ),
        (
            "audio",
            json!({"prompt_tokens": 30, "completion_tokens": 9, "prompt_tokens_details": {"audio_tokens": 20},
                "completion_tokens_details": {"audio_tokens": 6}}),
            Usage { input: Some(10), audio_input: Some(20), output: Some(9), audio_output: Some(6), ..none },
        ),
        (
            "more cached than there is",
            json!({"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}}),
            Usage { input: Some(0), cache_read: Some(9), output: Some(1), ..none },
        ),
        ("zero is an answer", json!({"prompt_tokens": 0}), Usage { input: Some(0), ..none }),
        ("nothing said", json!({"prompt_tokens_details": null, "completion_tokens_details": null}), none),
    ] {
        let body =
            json!({"usage": usage, "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]});
        let events = Outbound::answer(&OpenAiChat, &Bytes::from(body.to_string())).expect("an answer");
        let found = events.into_iter().find_map(|event| match event {
            Event::Usage(usage) => Some(usage),
            _ => None,
        });
        assert_eq!(found, Some(want), "{case}");
    }
}

/// Decodes a stream that arrives in these pieces.
fn streamed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, Fault> {
    let mut parser = Parser::default();
    let mut decoder = Outbound::stream(&OpenAiChat);
    let mut events = Vec::new();
    let mut decode = |frame: Frame, events: &mut Vec<Event>| decoder.frame(&frame, events);
    for piece in pieces {
        parser.push(Bytes::copy_from_slice(piece));
        while let Some(frame) = parser.next_frame() {
            decode(frame.expect("under the limit"), &mut events)?;
        }
    }
    if let Some(frame) = parser.finish() {
        decode(frame, &mut events)?;
    }
    decoder.end(&mut events)?;
    Ok(events)
}

#[test]
fn streams_are_read() {
    let broken = Err(Fault::new(FaultClass::Broken, None));
    let text = r#"data: {"model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let stop = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    for (case, lines, want) in [
        (
            "usage in a chunk of its own",
            &[
                text,
                stop,
                r#"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#,
                "data: [DONE]",
            ][..],
            Ok(&["start m", "text 0 a", "stop 0 End", "usage Some(3) Some(1)", "end"][..]),
        ),
        (
            "usage beside choices, in each chunk: the last wins",
            &[
                text,
                r#"data: {"choices":[{"delta":{"content":"b"}}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
                r#"data: {"choices":[{"delta":{},"finish_reason":"length"}],"usage":{"completion_tokens":9}}"#,
                "data: [DONE]",
            ],
            Ok(&[
                "start m",
                "text 0 a",
                "text 0 b",
                "usage Some(3) Some(2)",
                "stop 0 Length",
                "usage None Some(9)",
                "end",
            ]),
        ),
        (
            "Azure's filter results before the first choice",
            &[r#"data: {"choices":[],"model":"","prompt_filter_results":[]}"#, text, stop, "data: [DONE]"],
            Ok(&["start m", "text 0 a", "stop 0 End", "end"]),
        ),
        ("no [DONE]", &[text, stop], Ok(&["start m", "text 0 a", "stop 0 End", "end"])),
        ("nothing counts after [DONE]", &[text, stop, "data: [DONE]", "data: {"], {
            Ok(&["start m", "text 0 a", "stop 0 End", "end"])
        }),
        ("cut", &[text], broken.clone()),
        ("[DONE] without a reason", &[text, "data: [DONE]"], broken.clone()),
        ("a body without events", &[], broken.clone()),
        ("garbage", &[text, "data: {\"choices\": [<"], broken.clone()),
        ("an index without end", &[r#"data: {"choices":[{"index":128,"delta":{"content":"a"}}]}"#], broken),
    ] {
        let body = lines.iter().map(|line| format!("{line}\n\n")).collect::<String>();
        let want = want.map(|want| want.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        let whole = streamed([body.as_bytes()]).map(|events| told(&events));
        assert_eq!(whole, want, "{case}");
        let bytewise = streamed(body.as_bytes().chunks(1)).map(|events| told(&events));
        assert_eq!(bytewise, want, "{case}, byte by byte");
    }
}

#[test]
fn an_error_within_a_stream_is_an_event() {
    for (case, line, want) in [
        ("an error", r#"data: {"error":{"type":"server_error","message":"m"}}"#, "failed unavailable"),
        ("a limit", r#"data: {"error":{"code":"rate_limit_exceeded"}}"#, "failed rate_limited"),
        ("a named event", "event: error\ndata: {\"code\":\"rate_limit_exceeded\"}", "failed rate_limited"),
    ] {
        let mut decoder = Outbound::stream(&OpenAiChat);
        let mut parser = Parser::default();
        parser.push(Bytes::from(format!("{line}\n\n")));
        let frame = parser.next_frame().expect("a frame").expect("under the limit");
        let mut events = Vec::new();
        decoder.frame(&frame, &mut events).expect("understood");
        assert_eq!(told(&events), [want], "{case}");
    }
}

fn facts<'a>(usage: &'a Usage, attempts: &'a [Attempt], dropped: &'a [Cow<'static, str>]) -> Facts<'a> {
    Facts {
        request_id: "0190b2c4-0000-7000-8000-000000000001",
        created: 1_700_000_000,
        provider: "openai",
        model: "gpt-4o",
        route_reason: Some(RouteReason { how: How::Alias, split: false }),
        fallback: false,
        attempts,
        usage,
        cost: NanoUsd::parse("0.00004").expect("an amount"),
        cost_is_estimate: false,
        max_output: None,
        dropped,
        warnings: &[],
        pii: None,
        budget: None,
        latency_ms: 12,
        overhead_us: 34,
    }
}

#[test]
fn a_whole_answer_is_written_as_openai_does() {
    let usage = Usage { input: Some(8), output: Some(2), ..Usage::default() };
    let raw = Text::from_json(Bytes::from_static(br#""a \/ \u00e9""#)).expect("a string");
    let choice = Choice {
        texts: vec![raw, Text::new(" \"b\"")],
        stop: Some(StopReason::StopSequence),
        ..Choice::default()
    };
    let whole = Whole { choices: vec![choice], usage, upstream_model: None };
    let written = OpenAiChat.answer_of(&whole, &facts(&usage, &[], &[]));
    assert_eq!(
        written,
        concat!(
            r#"{"id":"chatcmpl-0190b2c4000070008000000000000001","object":"chat.completion","#,
            r#""created":1700000000,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","#,
            r#""content":"a \/ \u00e9 \"b\"","refusal":null},"logprobs":null,"finish_reason":"stop"}],"#,
            r#""usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}}"#
        )
    );
}

#[test]
fn usage_is_written_as_openai_counts_it() {
    let counted = Usage {
        input: Some(40),
        cache_read: Some(60),
        output: Some(20),
        reasoning: Some(8),
        audio_input: Some(5),
        ..Usage::default()
    };
    let whole = Whole { choices: vec![Choice::default()], usage: counted, upstream_model: None };
    let written: Value =
        serde_json::from_str(&OpenAiChat.answer_of(&whole, &facts(&counted, &[], &[]))).expect("valid JSON");
    assert_eq!(
        written["usage"],
        json!({"prompt_tokens": 105, "completion_tokens": 20, "total_tokens": 125,
            "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 8}})
    );
}

#[test]
fn an_error_has_openais_envelope() {
    let body = |status, code, field: Option<&str>, retry_after_s| ErrorBody {
        status,
        code,
        message: "`n`: \"no\"".to_owned(),
        field: field.map(str::to_owned),
        retry_after_s,
        request_id: "r1".to_owned(),
        attempts: Vec::new(),
    };
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "insufficient_quota"),
        (403, "permission_error"),
        (404, "invalid_request_error"),
        (413, "invalid_request_error"),
        (429, "rate_limit_error"),
        (502, "server_error"),
        (503, "server_error"),
    ] {
        let written: Value =
            serde_json::from_slice(&OpenAiChat.error(&body(status, "a_code", Some("n"), None)))
                .expect("JSON");
        let want = json!({"error": {"message": "`n`: \"no\"", "type": kind, "param": "n", "code": "a_code",
            "request_id": "r1"}});
        assert_eq!(written, want, "{status}");
    }
    let written: Value =
        serde_json::from_slice(&OpenAiChat.error(&body(503, "overloaded", None, Some(7)))).expect("JSON");
    assert_eq!((&written["error"]["param"], &written["error"]["retry_after_s"]), (&Value::Null, &json!(7)));
}

impl OpenAiChat {
    fn answer_of(self, whole: &Whole, facts: &Facts) -> String {
        String::from_utf8(Inbound::answer(&self, whole, facts)).expect("UTF-8")
    }
}

/// Writes events as a caller of OpenAI's dialect gets them.
fn written(events: &[Event], include_usage: bool) -> Vec<u8> {
    let usage = Usage { input: Some(3), output: Some(2), ..Usage::default() };
    let dropped = [Cow::Borrowed("seed")];
    let attempts = [Attempt {
        provider: "openai".into(),
        model: "gpt-4o".into(),
        outcome: "ok",
        status: Some(200),
        ms: 5,
    }];
    let facts = facts(&usage, &attempts, &dropped);
    let opening = Opening { request_id: facts.request_id.to_owned(), created: facts.created, include_usage };
    let mut encoder = Inbound::stream(&OpenAiChat, opening);
    let mut out = BytesMut::new();
    encoder.open(&facts, &mut out);
    events.iter().for_each(|event| encoder.event(event, &mut out));
    encoder.close(&facts, &mut out);
    out.to_vec()
}

/// The data of a stream's events.
fn data(stream: &[u8]) -> Vec<String> {
    let mut parser = Parser::default();
    parser.push(Bytes::copy_from_slice(stream));
    std::iter::from_fn(|| parser.next_frame())
        .map(|frame| String::from_utf8(frame.expect("short").data.to_vec()).expect("UTF-8"))
        .collect()
}

#[test]
fn a_stream_ends_with_the_gateways_own_words() {
    let events = [
        Event::Text { choice: 0, text: Text::new("a") },
        Event::Stop { choice: 0, reason: StopReason::Length },
    ];
    for include_usage in [false, true] {
        let mut chunks = data(&written(&events, include_usage));
        assert_eq!(chunks.pop().as_deref(), Some("[DONE]"));
        let mut chunks: Vec<Value> =
            chunks.iter().map(|chunk| serde_json::from_str(chunk).expect("JSON")).collect();
        if include_usage {
            let last = chunks.pop().expect("a usage chunk");
            assert_eq!(last["choices"], json!([]));
            assert_eq!(last["usage"], json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}));
        }
        let last = chunks.pop().expect("a closing chunk");
        assert_eq!(last["choices"][0]["finish_reason"], "length");
        assert_eq!(
            last["gateway"],
            json!({"request_id": "0190b2c4-0000-7000-8000-000000000001", "provider": "openai",
                "model": "gpt-4o", "route_reason": "alias", "fallback": false, "attempts": 1, "cost_usd": 0.00004,
                "cost_is_estimate": false, "dropped_params": ["seed"], "overhead_us": 34})
        );
        for chunk in &chunks {
            assert!(chunk.get("gateway").is_none() && chunk.get("usage").is_none(), "{chunk}");
            assert_eq!(chunk["object"], "chat.completion.chunk");
            assert_eq!(chunk["choices"][0]["finish_reason"], Value::Null);
        }
        assert_eq!(
            chunks[0]["choices"][0]["delta"],
            json!({"role": "assistant", "content": "", "refusal": null})
        );
    }
}

#[test]
fn a_stream_that_fails_has_one_error_and_no_done() {
    let opening = Opening { request_id: "r1".to_owned(), created: 1, include_usage: true };
    let mut encoder = Inbound::stream(&OpenAiChat, opening);
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
    let chunks = data(&out);
    assert_eq!(chunks.len(), 1);
    let chunk: Value = serde_json::from_str(&chunks[0]).expect("JSON");
    assert_eq!(chunk["error"]["code"], "upstream_failed");
}

/// A string literal, its characters escaped or not at random, as different clients write them.
fn literal() -> impl Strategy<Value = String> {
    let character = (any::<char>(), any::<bool>()).prop_map(|(c, escape)| match c {
        '"' | '\\' => format!("\\{c}"),
        '/' if escape => "\\/".to_owned(),
        c if escape || c < ' ' => {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        c => c.to_string(),
    });
    prop::collection::vec(character, 0..12).prop_map(|characters| format!("\"{}\"", characters.concat()))
}

fn message() -> impl Strategy<Value = String> {
    let role = prop::sample::select(vec!["system", "developer", "user", "assistant"]);
    let part = literal().prop_map(|text| format!(r#"{{"type":"text","text":{text}}}"#));
    let parts = prop::collection::vec(part, 1..4).prop_map(|parts| format!("[{}]", parts.join(",")));
    let name = prop::option::of(literal());
    (role, prop_oneof![literal(), parts], name).prop_map(|(role, content, name)| {
        let name = name.map(|name| format!(",\"name\":{name}")).unwrap_or_default();
        format!(r#"{{"role":"{role}","content":{content}{name}}}"#)
    })
}

fn body() -> impl Strategy<Value = String> {
    (prop::collection::vec(message(), 1..5), literal(), 0.0f64..2.0, any::<i64>()).prop_map(
        |(messages, stop, temperature, seed)| {
            format!(
                r#"{{"messages":[{}],"stop":[{stop}],"temperature":{temperature},"seed":{seed},"x_unknown":{{}}}}"#,
                messages.join(",")
            )
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_a_mistake(
        bytes in prop::collection::vec(any::<u8>(), 0..200), dialect in prop::bool::ANY
    ) {
        let dialect = if dialect { Dialect::OpenAi } else { Dialect::Native };
        let bytes = Bytes::from(bytes);
        let _ = decode(&bytes, dialect);
        let _ = Outbound::answer(&OpenAiChat, &bytes);
        let _ = streamed([&bytes[..]]);
        let _ = fault::fault(400, &|_| None, &bytes);
    }

    #[test]
    fn a_damaged_request_is_a_request_or_a_mistake_with_a_place(
        body in body(), at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..3),
        length in 0usize..4
    ) {
        let mut bytes = body.into_bytes();
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + length);
        bytes.splice(at..end, with);
        for dialect in [Dialect::OpenAi, Dialect::Native] {
            if let Err(mistake) = decode(&Bytes::from(bytes.clone()), dialect) {
                prop_assert!(!mistake.to_string().is_empty());
            }
        }
    }

    #[test]
    fn what_is_decoded_and_encoded_decodes_to_the_same(body in body()) {
        let first = read(&body).conversation;
        let sent = OpenAiChat.encode(&first, &plain_target());
        let again = OpenAiChat.decode(&Bytes::from(sent.body)).expect("our own request").conversation;
        // A single part comes back as a plain string: the same texts, raw to the byte.
        prop_assert_eq!(first.turns.len(), again.turns.len());
        for (one, other) in first.turns.iter().zip(&again.turns) {
            prop_assert_eq!(one.role, other.role);
            prop_assert_eq!(&one.name, &other.name);
            let raw = |turn: &Turn| -> Vec<Bytes> {
                turn.parts.iter().filter_map(Part::as_text).map(|text| Bytes::copy_from_slice(text.json())).collect()
            };
            prop_assert_eq!(raw(one), raw(other));
        }
        prop_assert_eq!(first.sampling.stop, again.sampling.stop);
        prop_assert_eq!(first.sampling.seed, again.sampling.seed);
        prop_assert_eq!(first.sampling.temperature, again.sampling.temperature);
    }

    #[test]
    fn a_written_stream_reads_as_the_same_text_wherever_it_is_cut(
        texts in prop::collection::vec(literal(), 0..8), size in 1usize..40, include_usage: bool
    ) {
        let events: Vec<Event> = texts
            .iter()
            .map(|text| Event::Text {
                choice: 0,
                text: Text::from_json(Bytes::copy_from_slice(text.as_bytes())).expect("a literal"),
            })
            .chain([Event::Stop { choice: 0, reason: StopReason::End }])
            .collect();
        let stream = written(&events, include_usage);
        let read = streamed(stream.chunks(size)).expect("our own stream");
        let text = |events: &[Event]| -> String {
            let texts = events.iter().filter_map(|event| match event {
                Event::Text { text, .. } => Some(text.decoded()),
                _ => None,
            });
            texts.collect()
        };
        prop_assert_eq!(text(&read), text(&events));
        prop_assert_eq!(read.last(), Some(&Event::End));
    }
}
