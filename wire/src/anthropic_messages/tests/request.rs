//! Requests as they go out.

use super::*;
use gateway_core::catalog::ServiceTier;
use gateway_core::conversation::{
    Arguments, CacheTtl, Content, Hint, Media, Part, RawJson, Role, Sampling, Source, Text, ToolCall,
    ToolResult, Turn,
};

const MODEL: &str = "claude-opus-4-6";

fn turn(role: Role, texts: &[&str]) -> Turn {
    Turn { role, parts: texts.iter().map(|text| Part::text(Text::new(text))).collect(), name: None }
}

fn asked(turns: Vec<Turn>, sampling: Sampling) -> Conversation {
    Conversation { turns, sampling, ..Conversation::default() }
}

fn messages(messages: Value) -> (Value, Vec<&'static str>) {
    encoded(&openai(json!({ "messages": messages })), &target(MODEL))
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
        (
            "a prefill that ends in blanks",
            vec![turn(User, &["a"]), turn(Assistant, &["x", "So: \n"])],
            Value::Null,
            json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": [
                {"type": "text", "text": "x"}, {"type": "text", "text": "So:"}
            ]}]),
        ),
        (
            "nobody but the operator",
            vec![turn(System, &["say hi"])],
            Value::Null,
            json!([{"role": "user", "content": "say hi"}]),
        ),
    ] {
        let (body, dropped) = encoded(&asked(turns, Sampling::default()), &target(MODEL));
        assert_eq!(body["system"], system, "{case}");
        assert_eq!(body["messages"], messages, "{case}");
        assert!(dropped.is_empty(), "{case}");
    }
}

#[test]
fn instructions_stay_in_the_talk_where_the_model_takes_them() {
    use Role::{Assistant, System, User};
    let mut target = target("claude-opus-5");
    target.abilities.learn(Ability::MidConversationSystem, true);
    for (case, roles, want) in [
        ("at the beginning", vec![System, User, Assistant, User], "system: 0 | user assistant user"),
        ("after the user", vec![User, System, Assistant, User], "system:  | user system assistant user"),
        ("at the end", vec![System, User, System], "system: 0 | user system"),
        ("after the model", vec![User, Assistant, System, User], "system:  | user assistant user system"),
        ("between two of the user", vec![User, System, User, Assistant], "system:  | user system assistant"),
        ("two of them", vec![User, System, System], "system:  | user system"),
        ("where no place is left", vec![User, Assistant, System], "system: 2 | user assistant"),
    ] {
        let turns = roles.iter().enumerate().map(|(n, role)| turn(*role, &[&n.to_string()])).collect();
        let (body, _) = encoded(&asked(turns, Sampling::default()), &target);
        let roles: Vec<&str> = body["messages"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| message["role"].as_str().expect("a role"))
            .collect();
        let system = body["system"].as_str().unwrap_or_default();
        assert_eq!(format!("system: {system} | {}", roles.join(" ")), want, "{case}");
    }
}

#[test]
fn a_text_is_copied_as_it_stood() {
    let raw = Bytes::from_static(br#""1e5 \/ \u00e9""#);
    let text = Text::from_json(raw).expect("a string");
    let turns = vec![Turn { role: Role::User, parts: vec![Part::text(text)], name: None }];
    let call = AnthropicMessages.encode(&asked(turns, Sampling::default()), &target(MODEL));
    let body = String::from_utf8(call.body).expect("UTF-8");
    assert!(body.contains(r#""content":"1e5 \/ \u00e9""#));
    assert_eq!(call.path, "/v1/messages");
    assert_eq!(call.headers, &[("anthropic-version", "2023-06-01")]);
}

#[test]
fn sampling_keeps_to_what_anthropic_takes_and_names_the_rest() {
    let usual = target(MODEL);
    let mut no_sampling = usual;
    no_sampling.abilities.learn(Ability::SamplingParams, false);
    let stream = Target { stream: true, ..usual };
    let stops = |stops: &[&str]| stops.iter().map(|stop| Text::new(stop)).collect::<Vec<_>>();
    for (case, target, sampling, fields, dropped) in [
        ("nothing", usual, Sampling::default(), json!({}), vec![]),
        ("a stream", stream, Sampling::default(), json!({"stream": true}), vec![]),
        (
            "temperature alone",
            usual,
            Sampling { temperature: Some(0.5), top_k: Some(40), ..Sampling::default() },
            json!({"temperature": 0.5, "top_k": 40}),
            vec![],
        ),
        (
            "temperature beyond 1 leaves top_p",
            usual,
            Sampling { temperature: Some(1.5), top_p: Some(0.9), ..Sampling::default() },
            json!({"top_p": 0.9}),
            vec!["temperature"],
        ),
        (
            "both together",
            usual,
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
            usual,
            Sampling { stop: stops(&["END", "\n\n"]), ..Sampling::default() },
            json!({"stop_sequences": ["END"]}),
            vec!["stop"],
        ),
        (
            "stops, all blank",
            usual,
            Sampling { stop: stops(&[" "]), ..Sampling::default() },
            json!({}),
            vec!["stop"],
        ),
        (
            "hints of other dialects",
            usual,
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
    let (_, dropped) = encoded(&asked(vec![named(), named()], Sampling::default()), &target(MODEL));
    assert_eq!(dropped, ["messages.name"]);
}

fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "add", "arguments": arguments}})
}

#[test]
fn results_follow_their_calls_at_once_and_in_order() {
    let (body, dropped) = messages(json!([
        {"role": "user", "content": "add"},
        {"role": "assistant", "content": "", "tool_calls": [call("a", "{\"n\": 1}"), call("b", "")]},
        {"role": "user", "content": "wait"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "!"}]},
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "tool", "tool_call_id": "c", "content": "nobody asked"}
    ]));
    let want = json!([
        {"role": "user", "content": "add"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "add", "input": {"n": 1}},
            {"type": "tool_use", "id": "b", "name": "add", "input": {}}
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a"},
            {"type": "tool_result", "tool_use_id": "b", "content": [
                {"type": "text", "text": "2"}, {"type": "text", "text": "!"}
            ]},
            {"type": "tool_result", "tool_use_id": "c", "content": "nobody asked"},
            {"type": "text", "text": "wait"}
        ]}
    ]);
    assert_eq!(body["messages"], want);
    assert!(dropped.is_empty());
}

#[test]
fn an_id_that_anthropic_refuses_is_mapped_in_call_and_result() {
    for (id, passes) in [
        ("toolu_01A09q90qw90lq917835lq9", true),
        ("call_abc-1", true),
        (&*"x".repeat(64), true),
        (&*"x".repeat(65), false),
        ("functions.add:0", false),
        ("ä", false),
        ("", false),
    ] {
        let (body, _) = messages(json!([
            {"role": "assistant", "tool_calls": [call(id, "{}")]},
            {"role": "tool", "tool_call_id": id, "content": "1"}
        ]));
        let (made, answered) =
            (&body["messages"][0]["content"][0]["id"], &body["messages"][1]["content"][0]["tool_use_id"]);
        assert_eq!(made, answered, "{id}");
        assert_eq!(made == id, passes, "{id}: {made}");
        let made = made.as_str().expect("a string");
        assert!(
            (1..=64).contains(&made.len())
                && made.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        );
    }
}

#[test]
fn tools_and_the_choice_among_them() {
    let tool =
        |parameters: Value| json!({"type": "function", "function": {"name": "f", "parameters": parameters}});
    let object = json!({"type": "object"});
    for (case, fields, want) in [
        ("none", json!({}), json!({})),
        (
            "a schema without a type",
            json!({"tools": [tool(json!({})), {"type": "function", "function": {"name": "g", "description": "d"}}]}),
            json!({"tools": [
                {"name": "f", "input_schema": object}, {"name": "g", "description": "d", "input_schema": object}
            ]}),
        ),
        (
            "properties without a type",
            json!({"tools": [tool(json!({"properties": {"type": {}}}))]}),
            json!({"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"type": {}}}}]}),
        ),
        (
            "required",
            json!({"tools": [tool(object.clone())], "tool_choice": "required"}),
            json!({"tools": [{"name": "f", "input_schema": object}], "tool_choice": {"type": "any"}}),
        ),
        (
            "one at a time",
            json!({"tools": [tool(object.clone())], "parallel_tool_calls": false}),
            json!({"tools": [{"name": "f", "input_schema": object}],
                   "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
        ),
        (
            "named, one at a time",
            json!({"tools": [tool(object.clone())], "parallel_tool_calls": false,
                   "tool_choice": {"type": "function", "function": {"name": "f"}}}),
            json!({"tools": [{"name": "f", "input_schema": object}],
                   "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true}}),
        ),
        (
            "none may be called",
            json!({"tools": [tool(object.clone())], "tool_choice": "none", "parallel_tool_calls": false}),
            json!({"tools": [{"name": "f", "input_schema": object}], "tool_choice": {"type": "none"}}),
        ),
    ] {
        let mut request = fields;
        request["messages"] = json!([{"role": "user", "content": "hi"}]);
        let (body, dropped) = encoded(&openai(request), &target(MODEL));
        assert_eq!(body["tools"], want["tools"], "{case}");
        assert_eq!(body["tool_choice"], want["tool_choice"], "{case}");
        assert!(dropped.is_empty(), "{case}");
    }
}

#[test]
fn strict_tools_go_to_models_that_know_them() {
    let request = openai(json!({
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": true}}]
    }));
    let mut able = target(MODEL);
    able.abilities.learn(Ability::JsonSchema, true);
    let (body, dropped) = encoded(&request, &able);
    assert_eq!((&body["tools"][0]["strict"], dropped), (&json!(true), vec![]));
    let (body, dropped) = encoded(&request, &target("claude-3-5-haiku"));
    assert_eq!((&body["tools"][0]["strict"], dropped), (&Value::Null, vec!["tools.function.strict"]));
}

#[test]
fn a_name_that_anthropic_refuses_goes_out_as_another() {
    let part = |content| Turn { role: Role::Assistant, parts: vec![Part::new(content)], name: None };
    let called = Content::ToolCall(ToolCall {
        id: Some(Text::new("a")),
        name: Text::new("files.read"),
        arguments: Arguments::Object(RawJson::new(Bytes::from_static(b"{}"))),
        signature: Some(Text::new("gemini's")),
    });
    let call = AnthropicMessages.encode(&asked(vec![part(called)], Sampling::default()), &target(MODEL));
    let body: Value = serde_json::from_slice(&call.body).expect("JSON");
    assert_eq!(body["messages"][0]["content"][0]["name"], "t_files_read");
    assert_eq!(call.renamed, [("t_files_read".to_owned(), Text::new("files.read"))]);
    assert_eq!(call.dropped, ["messages.tool_calls.extra_content"]);
}

#[test]
fn media_stand_in_blocks_of_their_own() {
    let base64 = |media_type: &str| Source::Base64 {
        media_type: media_type.to_owned(),
        data: Bytes::from_static(b"aGk="),
    };
    let url = || Source::Url { media_type: None, url: Text::new("https://a.example/b") };
    let media = |source, name: Option<&str>| Media { source, name: name.map(Text::new), detail: None };
    for (case, content, want) in [
        (
            "an image",
            Content::Image(media(base64("image/png"), None)),
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}),
        ),
        (
            "an image by URL",
            Content::Image(media(url(), None)),
            json!({"type": "image", "source": {"type": "url", "url": "https://a.example/b"}}),
        ),
        (
            "a PDF",
            Content::Document(media(base64("application/pdf"), Some("a.pdf"))),
            json!({"type": "document", "title": "a.pdf",
                   "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}),
        ),
        (
            "a document by URL",
            Content::Document(media(url(), None)),
            json!({"type": "document", "source": {"type": "url", "url": "https://a.example/b"}}),
        ),
        (
            "plain text",
            Content::Document(media(Source::Plain(Text::new("words")), None)),
            json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}),
        ),
    ] {
        let part = Part { content, cache: Some(CacheTtl::FiveMinutes) };
        let inner = part.clone();
        let result = ToolResult { call_id: Text::new("a"), name: None, content: vec![inner], is_error: true };
        let result = Part { content: Content::ToolResult(result), cache: Some(CacheTtl::OneHour) };
        let turns = vec![
            Turn { role: Role::User, parts: vec![part], name: None },
            Turn { role: Role::Tool, parts: vec![result], name: None },
        ];
        let (body, dropped) = encoded(&asked(turns, Sampling::default()), &target(MODEL));
        let mut want = want;
        want["cache_control"] = json!({"type": "ephemeral"});
        let result = json!({"type": "tool_result", "tool_use_id": "a", "content": [want], "is_error": true,
                            "cache_control": {"type": "ephemeral", "ttl": "1h"}});
        assert_eq!(body["messages"], json!([{"role": "user", "content": [result, want]}]), "{case}");
        assert!(dropped.is_empty(), "{case}");
    }
}

#[test]
fn what_has_no_place_is_named() {
    let image = |detail: &str| json!({"type": "image_url", "image_url": {"url": "https://a.example/b", "detail": detail}});
    for (case, content, want) in [
        ("the usual detail", json!([image("auto")]), vec![]),
        ("a detail", json!([image("high")]), vec!["messages.content.image_url.detail"]),
        (
            "a mark on nothing",
            json!([{"type": "text", "text": " ", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "a"}]),
            vec!["messages.content.cache_control"],
        ),
        (
            "audio",
            json!([{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}, {"type": "text", "text": "a"}]),
            vec!["messages.content.input_audio"],
        ),
    ] {
        let (_, dropped) = messages(json!([{"role": "user", "content": content}]));
        assert_eq!(dropped, want, "{case}");
    }
}

#[test]
fn a_schema_stands_in_output_config() {
    let schema = json!({"type": "object", "properties": {}});
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": schema}});
    let request = json!({"messages": [{"role": "user", "content": "hi"}], "response_format": format});
    let (body, dropped) = encoded(&openai(request), &target(MODEL));
    assert_eq!(body["output_config"], json!({"format": {"type": "json_schema", "schema": schema}}));
    assert_eq!(dropped, ["response_format.json_schema.description"]);
}

#[test]
fn tiers_are_asked_for_where_anthropic_has_them() {
    for (tier, field, value, headers, dropped) in [
        (ServiceTier::Standard, "service_tier", "standard_only", 1, vec![]),
        (ServiceTier::Fast, "speed", "fast", 2, vec![]),
        (ServiceTier::Priority, "service_tier", "", 1, vec!["service_tier"]),
        (ServiceTier::Flex, "service_tier", "", 1, vec!["service_tier"]),
    ] {
        let sampling = Sampling { service_tier: Some(tier), ..Sampling::default() };
        let conversation = asked(vec![turn(Role::User, &["hi"])], sampling);
        let call = AnthropicMessages.encode(&conversation, &target(MODEL));
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        assert_eq!(body[field].as_str().unwrap_or_default(), value, "{tier:?}");
        assert_eq!((call.headers.len(), call.dropped), (headers, dropped), "{tier:?}");
    }
}
