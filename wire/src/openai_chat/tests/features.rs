//! Tools, media, output formats and thinking in requests: what is read, and what is written of it.

use super::{asked, plain_target, read, target, with};
use crate::Outbound;
use crate::dialect::{Call, Inbound, Target};
use crate::native::Native;
use crate::openai_chat::OpenAiChat;
use bytes::Bytes;
use gateway_core::catalog::{Ability, Effort, ServiceTier};
use gateway_core::conversation::*;
use gateway_core::ids::ProviderKind;
use proptest::prelude::*;
use serde_json::{Value, json};

fn sent(call: &Call) -> Value {
    serde_json::from_slice(&call.body).expect("valid JSON")
}

/// Decodes a body of our dialect and encodes it for this target.
fn through(body: &Value, target: &Target) -> (Value, Vec<&'static str>) {
    let call = OpenAiChat.encode(&read(&body.to_string()).conversation, target);
    (sent(&call), call.dropped)
}

fn compatible() -> Target<'static> {
    target(ProviderKind::OpenAiCompatible, &[], &[])
}

/// A tour of tools: offered, called in parallel, answered out of order.
fn tour() -> Value {
    let call = |id: &str, city: &str| {
        json!({"id": id, "type": "function",
            "function": {"name": "get_weather", "arguments": format!("{{\"city\": \"{city}\"}}")}})
    };
    json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": null, "tool_calls": [call("call_a", "Bonn"), call("call_b", "Köln")]},
            {"role": "tool", "tool_call_id": "call_b", "content": "rain"},
            {"role": "tool", "tool_call_id": "call_a", "content": [{"type": "text", "text": "su"}, {"type": "text", "text": "n"}]},
            {"role": "assistant", "content": "Done.", "tool_calls": [call("call_c", "")]},
            {"role": "tool", "tool_call_id": "call_c", "content": ""},
        ],
        "tools": [
            {"type": "function", "function": {"name": "get_weather", "description": "of a city",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}, "strict": true}},
            {"type": "function", "function": {"name": "now"}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "now"}},
        "parallel_tool_calls": false,
        "max_tokens": 8192,
    })
}

#[test]
fn tools_pass_as_they_came() {
    let (sent, dropped) = through(&tour(), &plain_target());
    assert_eq!(sent, tour());
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn a_compatible_server_gets_a_result_in_one_string() {
    let (sent, _) = through(&tour(), &compatible());
    assert_eq!(sent["messages"][3]["content"], "su\nn");
}

#[test]
fn arguments_are_a_string_here_and_an_object_in_the_native_dialect() {
    let body = |arguments: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","content":null,"tool_calls":[{{"id":"c","type":"function",
               "function":{{"name":"f","arguments":{arguments}}}}}]}}]}}"#
        )
    };
    let arguments = |conversation: &Conversation| match &conversation.turns[0].parts[0].content {
        Content::ToolCall(call) => call.arguments.clone(),
        other => panic!("{other:?}"),
    };
    let native = |json: &str| Native.decode(&Bytes::from(body(json)));
    let object = native(r#"{ "a" : "\"" }"#).expect("a request").conversation;
    assert!(matches!(arguments(&object), Arguments::Object(raw) if raw.json() == br#"{ "a" : "\"" }"#));
    let sent = sent(&OpenAiChat.encode(&object, &plain_target()));
    assert_eq!(sent["messages"][0]["tool_calls"][0]["function"]["arguments"], r#"{ "a" : "\"" }"#);
    let string = native(r#""no object""#).expect("what a model wrote").conversation;
    assert!(string.needs().has(Need::LooseArguments));
    assert!(matches!(arguments(&string), Arguments::Encoded(_)));
    for (arguments, want) in
        [("3", "must be a JSON object"), ("null", "is missing: a call without arguments has `{}`")]
    {
        let field = "`messages[0].tool_calls[0].function.arguments`";
        assert_eq!(native(arguments).expect_err(want).to_string(), format!("{field}: {want}"));
    }
    let mistake = asked(&body("{}")).expect_err("no string").to_string();
    assert!(mistake.ends_with("must be a string that holds a JSON object"), "{mistake}");
}

#[test]
fn a_tool_that_cannot_be_is_told_by_its_field() {
    let function = |fields: &str| format!(r#""tools":[{{"type":"function","function":{{{fields}}}}}]"#);
    let one = function(r#""name":"f""#);
    let choice = |choice: &str| format!(r#"{one},"tool_choice":{choice}"#);
    let name = "`tools[0].function.name`: must be 1 to 64 letters, digits, `_` or `-`";
    for (fields, want) in [
        (r#""tools":{}"#.to_owned(), "`tools`: must be a list"),
        (r#""tools":["f"]"#.to_owned(), "`tools[0]`: must be an object"),
        (r#""tools":[{}]"#.to_owned(), "`tools[0].type`: is missing: send `function`"),
        (function(""), "`tools[0].function.name`: is missing: a tool has a name"),
        (function(r#""name":"""#), name),
        (function(r#""name":"a.b""#), name),
        (function(&format!(r#""name":"{}""#, "f".repeat(65))), name),
        (function(r#""name":"f","parameters":[]"#), "`tools[0].function.parameters`: must be a JSON object"),
        (function(r#""name":"f","strict":1"#), "`tools[0].function.strict`: must be true or false"),
        (
            r#""tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}]"#
                .to_owned(),
            "`tools[1].function.name`: is the name of another tool too",
        ),
        (choice("\"any\""), "`tool_choice`: must be auto, none, required or an object naming a tool"),
        (choice("7"), "`tool_choice`: must be auto, none, required or an object naming a tool"),
        (choice("{}"), "`tool_choice.type`: is missing: send `function`"),
        (
            choice(r#"{"type":"allowed_tools"}"#),
            "`tool_choice.type` is not supported but for `function`: name one tool, or `required`",
        ),
        (
            choice(r#"{"type":"function","function":{"name":"g"}}"#),
            "`tool_choice.function.name`: must be the name of one of `tools`",
        ),
        (r#""tool_choice":"required""#.to_owned(), "`tool_choice`: forces a tool call: send `tools` too"),
        (r#""parallel_tool_calls":3"#.to_owned(), "`parallel_tool_calls`: must be true or false"),
    ] {
        assert_eq!(asked(&with(&fields)).expect_err(want).to_string(), want, "{fields}");
    }
    for (message, want) in [
        (
            r#"{"role":"tool","content":"4"}"#,
            "`messages[0].tool_call_id`: is missing: name the call that this is the result of",
        ),
        (
            r#"{"role":"tool","tool_call_id":"c"}"#,
            "`messages[0].content`: must be a string or a list of parts",
        ),
        (
            r#"{"role":"user","content":"4","tool_call_id":"c"}"#,
            "`messages[0].tool_call_id`: is not allowed in a message of this role",
        ),
        (
            r#"{"role":"user","content":"4","tool_calls":[{}]}"#,
            "`messages[0].tool_calls`: is not allowed in a message of this role",
        ),
        (
            r#"{"role":"assistant","tool_calls":[{}]}"#,
            "`messages[0].tool_calls[0].id`: is missing: its result names it",
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"c","type":"custom"}]}"#,
            "`messages[0].tool_calls[0].type` is not supported but for `function`: what other tools cost has no bound",
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"c","function":{"arguments":"{}"}}]}"#,
            "`messages[0].tool_calls[0].function.name`: is missing",
        ),
        (
            r#"{"role":"assistant","content":null}"#,
            "`messages[0].content`: must be a string or a list of parts",
        ),
    ] {
        let body = format!(r#"{{"messages":[{message}]}}"#);
        assert_eq!(asked(&body).expect_err(want).to_string(), want, "{message}");
    }
}

#[test]
fn names_and_ids_that_openai_refuses_are_mapped() {
    let mut conversation = read(&tour().to_string()).conversation;
    let long_name = Text::new(&"n".repeat(100));
    conversation.tools[1].name = long_name.clone();
    conversation.tool_choice = Some(ToolChoice::Named(long_name.clone()));
    for turn in &mut conversation.turns {
        for part in &mut turn.parts {
            let long_id = Text::new(&format!("chatcmpl-tool-{}", "0".repeat(32)));
            match &mut part.content {
                Content::ToolCall(call) if call.id == Some(Text::new("call_c")) => call.id = Some(long_id),
                Content::ToolResult(result) if result.call_id == Text::new("call_c") => {
                    result.call_id = long_id
                }
                _ => {}
            }
        }
    }
    let call = OpenAiChat.encode(&conversation, &plain_target());
    let body = sent(&call);
    let wire = body["tools"][1]["function"]["name"].as_str().expect("a name");
    assert!(wire.len() <= 64 && body["tool_choice"]["function"]["name"] == wire);
    assert_eq!(call.renamed, [(wire.to_owned(), long_name)]);
    let id = &body["messages"][4]["tool_calls"][0]["id"];
    assert!(id.as_str().is_some_and(|id| id.len() == 29) && body["messages"][5]["tool_call_id"] == *id);
}

#[test]
fn media_pass_as_they_came() {
    let part = |part: Value| {
        json!({"model": "gpt-4o", "max_tokens": 8192,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Look:"}, part]}]})
    };
    for (case, body, needs) in [
        (
            "an image by URL",
            part(
                json!({"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "low"}}),
            ),
            &[Need::Vision, Need::ImageUrls][..],
        ),
        (
            "an image as data",
            part(json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}})),
            &[Need::Vision],
        ),
        (
            "a PDF",
            part(
                json!({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0x"}}),
            ),
            &[Need::Pdf],
        ),
        (
            "audio",
            part(json!({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}})),
            &[Need::Audio],
        ),
    ] {
        let conversation = read(&body.to_string()).conversation;
        assert_eq!(conversation.needs().iter().collect::<Vec<_>>(), needs, "{case}");
        assert_eq!(sent(&OpenAiChat.encode(&conversation, &plain_target())), body, "{case}");
    }
}

#[test]
fn data_is_a_slice_of_the_body_unless_its_slashes_are_escaped() {
    let body = |url: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
        )
    };
    for (url, is_slice) in [
        ("data:image/png;base64,aa/+bb==", true),
        ("DATA:Image/PNG;charset=x;base64,aa/+bb==", true),
        (r"data:image\/png;base64,aa\/+bb==", false),
    ] {
        let bytes = Bytes::from(body(url));
        let conversation = OpenAiChat.decode(&bytes).expect(url).conversation;
        let Content::Image(Media { source: Source::Base64 { media_type, data }, .. }) =
            &conversation.turns[0].parts[0].content
        else {
            panic!("{url}");
        };
        assert_eq!((media_type.as_str(), &data[..]), ("image/png", &b"aa/+bb=="[..]), "{url}");
        let range = bytes.as_ptr_range();
        assert_eq!(range.contains(&data.as_ptr()), is_slice, "{url}");
    }
}

#[test]
fn media_that_cannot_be_are_told_by_their_field() {
    let user = |part: &str| format!(r#"{{"messages":[{{"role":"user","content":[{part}]}}]}}"#);
    let url = "`messages[0].content[0].image_url.url`: must be an http, https or base64 data URL of an image";
    let file =
        "`messages[0].content[0].file.file_data`: must be a base64 data URL, `data:application/pdf;base64,…`";
    let image = |url: &str| user(&format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#));
    for (body, want) in [
        (image("ftp://a/b.png"), url),
        (image("data:image/png,abc"), url),
        (image("data:image/png;base64,"), url),
        (image("data:image/png;base64,a b"), url),
        (image("data:text/html;base64,YQ=="), url),
        (image("data:image/ann.miller-536904399;base64,YQ=="), url),
        (image("data:image/;base64,YQ=="), url),
        (image("data:;base64,YQ=="), url),
        (
            user(r#"{"type":"image_url","image_url":{"url":1}}"#),
            "`messages[0].content[0].image_url.url`: must be a string",
        ),
        (
            user(r#"{"type":"image_url"}"#),
            "`messages[0].content[0].image_url`: is missing: it holds `url`",
        ),
        (user(r#"{"type":"file","file":{"file_data":"JVBERi0x"}}"#), file),
        (
            user(r#"{"type":"file","file":{"file_data":"data:text/plain;base64,YQ=="}}"#),
            "`messages[0].content[0].file.file_data` is not supported but for PDF: send text as a text part, an image as `image_url`",
        ),
        (
            user(r#"{"type":"input_audio","input_audio":{"data":"YQ==","format":"ogg"}}"#),
            "`messages[0].content[0].input_audio.format`: must be wav or mp3",
        ),
        (
            user(r#"{"type":"input_audio","input_audio":{"data":"data:audio/wav","format":"wav"}}"#),
            "`messages[0].content[0].input_audio.data`: must be base64, without line ends",
        ),
        (
            r#"{"messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://a/b"}}]}]}"#.to_owned(),
            "`messages[0].content[0].type`: is not allowed in a message of this role",
        ),
    ] {
        assert_eq!(asked(&body).expect_err(want).to_string(), want, "{body}");
    }
}

#[test]
fn an_image_in_a_result_needs_a_model_that_reads_it() {
    let body = r#"{"messages":[{"role":"tool","tool_call_id":"c","content":[
        {"type":"image_url","image_url":{"url":"data:image/png;base64,YQ=="}}]}]}"#;
    let needs = read(body).conversation.needs();
    assert!(needs.has(Need::MediaInResults) && needs.has(Need::Vision));
}

#[test]
fn how_to_answer_passes_as_it_came() {
    let schema = json!({"type": "json_schema", "json_schema": {"name": "City", "description": "a city",
        "schema": {"type": "object"}, "strict": true}});
    for (fields, needs) in [
        (json!({"response_format": schema}), &[Need::JsonSchema][..]),
        (json!({"response_format": {"type": "json_object"}}), &[Need::JsonObject]),
        (json!({"n": 128}), &[Need::Choices]),
        (json!({"service_tier": "flex"}), &[]),
        (json!({"service_tier": "priority", "prompt_cache_retention": "24h", "prompt_cache_key": "k"}), &[]),
    ] {
        let mut body =
            json!({"model": "gpt-4o", "max_tokens": 8192, "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let conversation = read(&body.to_string()).conversation;
        assert_eq!(conversation.needs().iter().collect::<Vec<_>>(), needs, "{fields}");
        let call = OpenAiChat.encode(&conversation, &plain_target());
        assert_eq!((sent(&call), call.dropped), (body, vec![]), "{fields}");
    }
    let tier = read(&with(r#""service_tier":"flex""#)).conversation.sampling.service_tier;
    assert_eq!(tier, Some(ServiceTier::Flex));
    for (fields, want) in [
        (r#""n":0"#, "`n`: must be a whole number from 1 to 128"),
        (r#""n":129"#, "`n`: must be a whole number from 1 to 128"),
        (r#""response_format":"json""#, "`response_format`: must be an object"),
        (
            r#""response_format":{"type":"xml"}"#,
            "`response_format.type`: must be text, json_object or json_schema",
        ),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#,
            "`response_format.json_schema.schema`: is missing: it is the JSON schema of the answer",
        ),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}}"#,
            "`response_format.json_schema.name`: must be 1 to 64 letters, digits, `_` or `-`",
        ),
        (
            r#""reasoning_effort":"huge""#,
            "`reasoning_effort`: must be none, minimal, low, medium, high, xhigh or max",
        ),
    ] {
        assert_eq!(asked(&with(fields)).expect_err(want).to_string(), want);
    }
}

#[test]
fn effort_goes_where_it_is_known_to_be_taken() {
    use ProviderKind::{OpenAi, OpenAiCompatible};
    let reasons = &[(Ability::Reasoning, true)][..];
    let silent = &[(Ability::Reasoning, false)][..];
    let (high, off) = (Reasoning::Effort(Effort::High), Reasoning::Off);
    let named = Some("reasoning_effort");
    for (case, reasoning, target, want, dropped) in [
        ("taken", high, target(OpenAi, reasons, &[]), Some("high"), None),
        ("this level is not", high, target(OpenAi, reasons, &[(Effort::High, false)]), None, named),
        ("not known to think", high, plain_target(), None, named),
        ("a compatible server", high, compatible(), Some("high"), None),
        ("its level is not", high, target(OpenAiCompatible, &[], &[(Effort::High, false)]), None, named),
        ("off", off, target(OpenAi, reasons, &[(Effort::None, true)]), Some("none"), None),
        ("cannot be off", off, target(OpenAi, reasons, &[]), None, named),
        ("is off anyway", off, target(OpenAi, silent, &[]), None, None),
        ("a budget", Reasoning::Budget(2_000), target(OpenAi, reasons, &[]), Some("low"), None),
        ("no budget", Reasoning::Budget(20_000), plain_target(), None, Some("thinking")),
        ("as it sees fit", Reasoning::Adaptive, plain_target(), None, None),
    ] {
        let mut conversation = read(&with(r#""top_k":5"#)).conversation;
        conversation.sampling.top_k = None;
        conversation.reasoning = Some(reasoning);
        let call = OpenAiChat.encode(&conversation, &target);
        let sent = sent(&call);
        assert_eq!(sent.get("reasoning_effort").and_then(Value::as_str), want, "{case}");
        assert_eq!(call.dropped, dropped.into_iter().collect::<Vec<_>>(), "{case}");
    }
}

#[test]
fn hints_that_a_target_lacks_are_named() {
    let body = with(r#""top_k":5,"verbosity":"low","prompt_cache_key":"k","logit_bias":{"1":2}"#);
    let conversation = read(&body).conversation;
    for (case, target, want) in [
        ("a plain model", plain_target(), &["top_k", "verbosity"][..]),
        ("a reasoning model", target(ProviderKind::OpenAi, &[(Ability::Reasoning, true)], &[]), &["top_k"]),
        ("a compatible server", compatible(), &["top_k", "verbosity", "prompt_cache_key"]),
    ] {
        let call = OpenAiChat.encode(&conversation, &target);
        assert_eq!(call.dropped, want, "{case}");
        let sent = sent(&call);
        for hint in ["top_k", "verbosity", "prompt_cache_key", "logit_bias"] {
            assert_eq!(sent.get(hint).is_some(), !want.contains(&hint), "{case}: {hint}");
        }
    }
}

#[test]
fn thinking_is_read_and_goes_to_its_own_dialect_alone() {
    let body = json!({"messages": [{"role": "assistant", "content": "b", "reasoning_content": "a",
        "thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "s", "index": 0},
            {"type": "redacted_thinking", "data": "x"}],
        "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "g"}}}]}]});
    let asked = read(&body.to_string());
    assert!(asked.dropped.is_empty(), "{:?}", asked.dropped);
    let parts = &asked.conversation.turns[0].parts;
    assert!(matches!(&parts[0].content, Content::Thinking(Thinking { origin: ProviderKind::Anthropic, text,
        signature: Some(signature), redacted: None }) if *text == Text::new("a") && *signature == Text::new("s")));
    assert!(matches!(&parts[1].content, Content::Thinking(Thinking { redacted: Some(data), .. })
        if *data == Text::new("x")));
    assert!(parts[2].as_text().is_some());
    assert!(matches!(&parts[3].content, Content::ToolCall(ToolCall { signature: Some(signature), .. })
        if *signature == Text::new("g")));
    let (sent, dropped) = through(&body, &plain_target());
    assert_eq!(dropped, ["messages.thinking_blocks", "messages.tool_calls.extra_content"]);
    assert!(!sent.to_string().contains("extra_content") && !sent.to_string().contains("thinking"));
    let (sent, dropped) = through(&body, &Target { model: "gemini-3-pro", ..compatible() });
    assert_eq!(dropped, ["messages.thinking_blocks"]);
    assert_eq!(
        sent["messages"][0]["tool_calls"][0]["extra_content"],
        json!({"google": {"thought_signature": "g"}})
    );
    for field in ["reasoning_content", "reasoning"] {
        let body = json!({"messages": [{"role": "assistant", "content": "b", field: "a"}]});
        assert_eq!(read(&body.to_string()).dropped, [format!("messages.{field}")]);
    }
    let unsigned = json!({"messages": [{"role": "assistant", "content": "b",
        "thinking_blocks": [{"type": "thinking", "thinking": "a"}]}]});
    assert_eq!(
        asked_error(&unsigned),
        "`messages[0].thinking_blocks[0].signature`: is missing: send the block as it came"
    );
}

fn asked_error(body: &Value) -> String {
    asked(&body.to_string()).expect_err("a mistake").to_string()
}

#[test]
fn marks_for_a_providers_cache_are_read_and_named_where_there_is_none() {
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let body = json!({
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "a", "cache_control": mark}]},
            {"role": "user", "content": "b", "cache_control": {"type": "ephemeral"}},
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "d", "cache_control": mark}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": mark}],
    });
    let conversation = read(&body.to_string()).conversation;
    let marks: Vec<_> = conversation.turns.iter().map(|turn| turn.parts[0].cache).collect();
    assert_eq!(marks, [Some(CacheTtl::OneHour), Some(CacheTtl::FiveMinutes), Some(CacheTtl::OneHour)]);
    assert_eq!(conversation.tools[0].cache, Some(CacheTtl::OneHour));
    let (sent, dropped) = through(&body, &plain_target());
    assert_eq!(dropped, ["messages.content.cache_control", "tools.cache_control"]);
    assert!(!sent.to_string().contains("cache_control"));
    let odd = json!({"messages": [{"role": "user", "content": "b", "cache_control": {"type": "ephemeral", "ttl": "2h"}}]});
    assert_eq!(asked_error(&odd), "`messages[0].cache_control.ttl`: must be 5m or 1h");
}

#[test]
fn a_refusal_of_an_earlier_turn_passes() {
    let body = json!({"model": "gpt-4o", "max_tokens": 8192, "messages": [
        {"role": "assistant", "content": null, "refusal": "I can't."}]});
    assert_eq!(through(&body, &plain_target()).0, body);
    let part =
        json!({"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": "I can't."}]}]});
    assert_eq!(through(&part, &plain_target()).0, body);
}

#[test]
fn what_other_dialects_bring_is_written_too() {
    let mut conversation = read(&with(r#""max_tokens":1"#)).conversation;
    let plain = Media { source: Source::Plain(Text::new("text")), name: Some(Text::new("t")), detail: None };
    conversation.turns[0].parts = vec![Part::new(Content::Document(plain))];
    conversation.turns.push(Turn {
        role: Role::Assistant,
        parts: vec![Part::new(Content::Thinking(Thinking {
            origin: ProviderKind::Anthropic,
            text: Text::new("a"),
            signature: None,
            redacted: None,
        }))],
        name: None,
    });
    conversation.output = Output::JsonSchema(Schema {
        name: None,
        description: None,
        schema: RawJson::new(Bytes::from_static(b"{}")),
        strict: None,
    });
    let call = OpenAiChat.encode(&conversation, &plain_target());
    let sent = sent(&call);
    assert_eq!(sent["messages"][0]["content"], json!([{"type": "text", "text": "text"}]));
    assert_eq!(sent["messages"][1], json!({"role": "assistant", "content": ""}));
    assert_eq!(sent["response_format"]["json_schema"], json!({"name": "response", "schema": {}}));
    assert_eq!(call.dropped, ["messages.content.title", "messages.thinking_blocks"]);
}

proptest! {
    #[test]
    fn whatever_a_request_holds_in_a_field_is_read_or_told(
        at in any::<prop::sample::Index>(), value in prop::sample::select(vec![
            json!(null), json!(true), json!(-1), json!(1.5), json!(""), json!("x"), json!([]), json!([1]), json!({}),
            json!({"type": "function"}), json!([[]]), json!([{"type": "text"}]),
        ])
    ) {
        let mut body = tour();
        body["n"] = json!(2);
        body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {}}});
        body["messages"][0]["content"] = json!([
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,YQ==", "detail": "low"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,YQ=="}},
            {"type": "input_audio", "input_audio": {"data": "YQ==", "format": "wav"}},
        ]);
        body["messages"][1]["thinking_blocks"] = json!([{"type": "thinking", "thinking": "a", "signature": "s"}]);
        let places = places(&body, String::new());
        let place = &places[at.index(places.len())];
        *body.pointer_mut(place).expect("a place of the body") = value;
        for dialect in [&OpenAiChat as &dyn Inbound, &Native] {
            match dialect.decode(&Bytes::from(body.to_string())) {
                Ok(asked) => {
                    let call = OpenAiChat.encode(&asked.conversation, &plain_target());
                    let again = OpenAiChat.decode(&Bytes::from(call.body.clone()));
                    prop_assert!(again.is_ok(), "{place}: {:?}", again.err());
                    let second = OpenAiChat.encode(&again.expect("checked").conversation, &plain_target());
                    prop_assert_eq!(second.body, call.body, "{}", place);
                }
                Err(mistake) => prop_assert!(!mistake.to_string().is_empty()),
            }
        }
    }
}

/// Pointers to every value within.
fn places(value: &Value, at: String) -> Vec<String> {
    let mut found = match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(key, value)| places(value, format!("{at}/{key}"))).collect()
        }
        Value::Array(items) => {
            (0..).zip(items).flat_map(|(n, value): (u32, _)| places(value, format!("{at}/{n}"))).collect()
        }
        _ => Vec::new(),
    };
    found.push(at);
    found
}
