//! What is written.

use super::*;
use gateway_core::catalog::{Effort, ServiceTier};
use gateway_core::conversation::{
    Arguments, CacheTtl, Content, Hint, Media, Output, RawJson, Reasoning, Sampling, Schema, Source,
    Thinking, Tool, ToolCall, ToolChoice, ToolResult,
};

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
            "the operator alone",
            vec![turn(System, &["s"])],
            Value::Null,
            json!([{"role": "user", "parts": [{"text": "s"}]}]),
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
        let conversation = Conversation { turns, ..Conversation::default() };
        let call = Gemini.encode(&conversation, &target("gemini-2.5-pro"));
        let body: Value = serde_json::from_slice(&call.body).expect("valid JSON");
        assert_eq!((&body["systemInstruction"], &body["contents"]), (&system, &contents), "{case}");
        assert!(call.dropped.is_empty(), "{case}");
    }
}

#[test]
fn the_path_names_model_and_method() {
    let path = |target: &Target| Gemini.encode(&Conversation::default(), target).path;
    assert_eq!(path(&target("gemini-2.5-pro")), "/v1beta/models/gemini-2.5-pro:generateContent");
    let stream = Target { stream: true, ..target("a/b?c") };
    assert_eq!(path(&stream), "/v1beta/models/a%2Fb%3Fc:streamGenerateContent?alt=sse");
}

#[test]
fn sampling_keeps_to_what_gemini_takes_and_names_the_rest() {
    let plain = target("gemini-2.5-pro");
    let mut abilities = Abilities::default();
    abilities.learn(Ability::SamplingParams, false);
    let no_sampling = Target { abilities, ..plain };
    let stops = |stops: &[&str]| stops.iter().map(|stop| Text::new(stop)).collect::<Vec<_>>();
    for (case, target, sampling, fields, dropped) in [
        ("nothing", plain, Sampling::default(), json!({}), vec![]),
        (
            "all that it knows",
            plain,
            Sampling {
                temperature: Some(1.5),
                top_p: Some(0.9),
                top_k: Some(40),
                seed: Some(-7),
                choices: Some(2),
                presence_penalty: Some(0.5),
                frequency_penalty: Some(-0.5),
                stop: stops(&["1", "2", "3", "4", "5"]),
                ..Sampling::default()
            },
            json!({"temperature": 1.5, "topP": 0.9, "topK": 40, "seed": -7, "candidateCount": 2, "presencePenalty": 0.5,
                   "frequencyPenalty": -0.5, "stopSequences": ["1", "2", "3", "4", "5"]}),
            vec![],
        ),
        (
            "beyond its bounds",
            plain,
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
            plain,
            Sampling {
                user: Some(Text::new("u-1")),
                service_tier: Some(ServiceTier::Flex),
                hints: vec![Hint { name: "logit_bias", json: Bytes::from_static(b"{}") }],
                ..Sampling::default()
            },
            json!({}),
            vec!["user", "service_tier", "messages.name", "logit_bias"],
        ),
    ] {
        let is_named = sampling.user.is_some();
        let name = is_named.then(|| Text::new("Ann"));
        let turns = vec![Turn { name, ..turn(Role::User, &["hi"]) }];
        let call = Gemini.encode(&Conversation { turns, sampling, ..Conversation::default() }, &target);
        let body: Value = serde_json::from_slice(&call.body).expect("valid JSON");
        let mut want = json!({"maxOutputTokens": 8192});
        for (name, value) in fields.as_object().expect("an object") {
            want[name] = value.clone();
        }
        assert_eq!(body["generationConfig"], want, "{case}");
        assert_eq!(call.dropped, dropped, "{case}");
    }
}

/// The body that a conversation becomes for a model, and the hints that are dropped on the way.
fn written(conversation: &Conversation, model: &str) -> (Value, Vec<&'static str>) {
    let call = Gemini.encode(conversation, &target(model));
    (serde_json::from_slice(&call.body).expect("valid JSON"), call.dropped)
}

fn parts(role: Role, contents: Vec<Content>) -> Turn {
    Turn { role, parts: contents.into_iter().map(Part::new).collect(), name: None }
}

fn call(id: &str, name: &str, arguments: &str, signature: Option<&str>) -> Content {
    Content::ToolCall(ToolCall {
        id: Some(Text::new(id)),
        name: Text::new(name),
        arguments: Arguments::Encoded(Text::new(arguments)),
        signature: signature.map(Text::new),
    })
}

fn result(id: &str, texts: &[&str], is_error: bool) -> Content {
    let content = texts.iter().map(|text| Part::text(Text::new(text))).collect();
    Content::ToolResult(ToolResult { call_id: Text::new(id), name: None, content, is_error })
}

fn tool(name: &str) -> Tool {
    let parameters = RawJson::new(Bytes::from_static(br#"{"type":"object","$defs":{}}"#));
    Tool {
        name: Text::new(name),
        description: Some(Text::new("d")),
        parameters: Some(parameters),
        strict: None,
        cache: None,
    }
}

#[test]
fn tools_are_functions_and_the_choice_is_their_config() {
    for (case, choice, want) in [
        ("none said", None, Value::Null),
        ("auto", Some(ToolChoice::Auto), json!({"functionCallingConfig": {"mode": "AUTO"}})),
        ("none", Some(ToolChoice::None), json!({"functionCallingConfig": {"mode": "NONE"}})),
        ("any", Some(ToolChoice::Required), json!({"functionCallingConfig": {"mode": "ANY"}})),
        (
            "named",
            Some(ToolChoice::Named(Text::new("a:b"))),
            json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["t_a_b"]}}),
        ),
    ] {
        let bare = Tool { description: None, parameters: None, ..tool("bare") };
        let conversation = Conversation {
            turns: vec![turn(Role::User, &["hi"])],
            tools: vec![tool("a:b"), bare],
            tool_choice: choice,
            ..Conversation::default()
        };
        let (body, dropped) = written(&conversation, "gemini-2.5-flash");
        let functions = json!([
            {"name": "t_a_b", "description": "d", "parametersJsonSchema": {"type": "object", "$defs": {}}},
            {"name": "bare", "description": ""}
        ]);
        assert_eq!(body["tools"], json!([{ "functionDeclarations": functions }]), "{case}");
        assert_eq!(body["toolConfig"], want, "{case}");
        assert!(dropped.is_empty(), "{case}");
        let call = Gemini.encode(&conversation, &target("m"));
        assert_eq!(call.renamed, [("t_a_b".to_owned(), Text::new("a:b"))], "{case}");
    }
}

#[test]
fn names_are_kept_where_every_version_takes_them() {
    for (name, fits) in [
        ("get_weather", true),
        ("_a.b-c9", true),
        (&"x".repeat(64), true),
        (&"x".repeat(65), false),
        ("", false),
        ("9a", false),
        ("-a", false),
        ("a b", false),
        ("a:b", false),
        ("wetter_für", false),
    ] {
        assert_eq!(tools::fits(name), fits, "{name}");
    }
}

#[test]
fn calls_and_results_stand_in_the_order_of_the_calls() {
    let turns = vec![
        turn(Role::User, &["q"]),
        parts(
            Role::Assistant,
            vec![
                Content::Text(Text::new("a")),
                call("1", "one", r#"{"x": 1}"#, Some("sig")),
                call("2", "two", "", None),
            ],
        ),
        parts(Role::Tool, vec![result("2", &["second"], false)]),
        parts(Role::Tool, vec![result("1", &[" {\"ok\": [true]} "], false)]),
        turn(Role::User, &["and?"]),
        parts(Role::Assistant, vec![call("1", "three", "{}", None)]),
        parts(Role::Tool, vec![result("1", &["x", "y"], true), result("?", &[], false)]),
    ];
    let conversation = Conversation { turns, ..Conversation::default() };
    let user = |text: &str| json!({"role": "user", "parts": [{ "text": text }]});
    let response =
        |name: &str, response: Value| json!({"functionResponse": {"name": name, "response": response}});
    let want = |dummy: &[&str]| {
        let mut last = json!({"functionCall": {"name": "three", "args": {}}});
        dummy.iter().for_each(|signature| last["thoughtSignature"] = json!(signature));
        json!([
            user("q"),
            {"role": "model", "parts": [
                {"text": "a"},
                {"functionCall": {"name": "one", "args": {"x": 1}}, "thoughtSignature": "sig"},
                {"functionCall": {"name": "two", "args": {}}}
            ]},
            {"role": "user", "parts": [
                response("one", json!({"ok": [true]})),
                response("two", json!({"result": "second"}))
            ]},
            user("and?"),
            {"role": "model", "parts": [last]},
            {"role": "user", "parts": [
                response("three", json!({"error": ["x", "y"]})),
                response("unknown", json!({"result": ""}))
            ]}
        ])
    };
    assert_eq!(written(&conversation, "gemini-2.5-pro").0["contents"], want(&[]));
    let dummy = ["skip_thought_signature_validator"];
    assert_eq!(written(&conversation, "gemini-3.1-pro-preview").0["contents"], want(&dummy));
}

#[test]
fn a_result_is_an_object_only_where_every_reader_sees_the_same() {
    for (case, text, is_error, want) in [
        ("text", "40 C", false, json!({"result": "40 C"})),
        ("an object", r#"{"t":40}"#, false, json!({"t": 40})),
        ("an object of an error", r#"{"t":40}"#, true, json!({"error": r#"{"t":40}"#})),
        ("an array", "[1]", false, json!({"result": "[1]"})),
        ("cut", r#"{"t":"#, false, json!({"result": r#"{"t":"#})),
        ("a repeated key", r#"{"t":1,"t":2}"#, false, json!({"result": r#"{"t":1,"t":2}"#})),
        ("two documents", "{} {}", false, json!({"result": "{} {}"})),
    ] {
        let turns = vec![
            parts(Role::Assistant, vec![call("1", "f", "{}", None)]),
            parts(Role::Tool, vec![result("1", &[text], is_error)]),
        ];
        let (body, _) = written(&Conversation { turns, ..Conversation::default() }, "gemini-2.5-pro");
        assert_eq!(body["contents"][1]["parts"][0]["functionResponse"]["response"], want, "{case}");
    }
}

#[test]
fn media_go_as_data_or_as_an_address() {
    let data = |media_type: &str| Source::Base64 {
        media_type: media_type.to_owned(),
        data: Bytes::from_static(b"aGk="),
    };
    let url = |url: &str| Source::Url { media_type: None, url: Text::new(url) };
    for (source, want) in [
        (data("image/png"), json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}})),
        (
            url("https://a.example/x.y/b.JPG?v=1.pdf"),
            json!({"fileData": {"mimeType": "image/jpeg", "fileUri": "https://a.example/x.y/b.JPG?v=1.pdf"}}),
        ),
        (url("https://a.example/b"), json!({"fileData": {"fileUri": "https://a.example/b"}})),
        (
            Source::Url { media_type: Some("image/webp".to_owned()), url: Text::new("u.png") },
            json!({"fileData": {"mimeType": "image/webp", "fileUri": "u.png"}}),
        ),
        (Source::Plain(Text::new("plain")), json!({"text": "plain"})),
    ] {
        let media = Media { source, name: None, detail: None };
        let named = Media { name: Some(Text::new("n")), detail: Some(Text::new("low")), ..media.clone() };
        for (content, dropped) in [
            (Content::Image(media.clone()), &[][..]),
            (Content::Audio(media.clone()), &[]),
            (
                Content::Document(named),
                &["messages.content.image_url.detail", "messages.content.file.filename"],
            ),
        ] {
            let turns = vec![parts(Role::User, vec![content])];
            let (body, named) = written(&Conversation { turns, ..Conversation::default() }, "gemini-2.5-pro");
            assert_eq!(body["contents"], json!([{ "role": "user", "parts": [want] }]));
            assert_eq!(named, dropped, "{want}");
        }
    }
}

#[test]
fn what_gemini_has_no_place_for_is_named_once() {
    let thought = Content::Thinking(Thinking {
        origin: ProviderKind::Anthropic,
        text: Text::new("hm"),
        signature: Some(Text::new("s")),
        redacted: None,
    });
    let cached = Part { cache: Some(CacheTtl::OneHour), ..Part::text(Text::new("a")) };
    let turns = vec![
        Turn { role: Role::User, parts: vec![cached.clone(), cached], name: None },
        parts(Role::Assistant, vec![thought.clone(), thought, Content::Refusal(Text::new("no"))]),
    ];
    let tools = vec![Tool { strict: Some(true), cache: Some(CacheTtl::FiveMinutes), ..tool("f") }];
    let conversation = Conversation { turns, tools, parallel_tools: Some(false), ..Conversation::default() };
    let (body, dropped) = written(&conversation, "gemini-2.5-pro");
    let want = [
        "messages.content.cache_control",
        "messages.thinking_blocks",
        "parallel_tool_calls",
        "tools.function.strict",
        "tools.cache_control",
    ];
    assert_eq!(dropped, want);
    assert_eq!(body["contents"][1]["parts"], json!([{"text": "no"}]));
}

#[test]
fn output_has_the_form_that_was_asked_for() {
    let schema = |description: Option<&str>| {
        Output::JsonSchema(Schema {
            name: Some(Text::new("n")),
            description: description.map(Text::new),
            schema: RawJson::new(Bytes::from_static(br#"{"type": "object"}"#)),
            strict: Some(true),
        })
    };
    let json_type = "application/json";
    for (case, output, want, dropped) in [
        ("text", Output::Text, json!({}), &[][..]),
        ("an object", Output::JsonObject, json!({ "responseMimeType": json_type }), &[]),
        (
            "a schema",
            schema(None),
            json!({"responseMimeType": json_type, "responseJsonSchema": {"type": "object"}}),
            &[],
        ),
        (
            "a schema with words",
            schema(Some("d")),
            json!({"responseMimeType": json_type, "responseJsonSchema": {"type": "object"}}),
            &["response_format.json_schema.description"],
        ),
    ] {
        let (body, named) = written(&Conversation { output, ..Conversation::default() }, "gemini-2.5-pro");
        let mut config = json!({"maxOutputTokens": 8192});
        for (name, value) in want.as_object().expect("an object") {
            config[name] = value.clone();
        }
        assert_eq!((&body["generationConfig"], &named[..]), (&config, dropped), "{case}");
    }
}

#[test]
fn thinking_is_told_in_the_models_own_terms() {
    use Effort::{ExtraHigh, High, Low, Max, Medium, Minimal};
    use Reasoning::{Adaptive, Budget, Off};
    let effort = Reasoning::Effort;
    let budget = |tokens: i64| json!({"thinkingBudget": tokens, "includeThoughts": true});
    let level = |level: &str| json!({"thinkingLevel": level, "includeThoughts": true});
    let off = json!({"thinkingBudget": 0});
    for (model, wish, want, is_met) in [
        ("gemini-2.5-flash", effort(Effort::None), off.clone(), true),
        ("gemini-2.5-flash", Off, off.clone(), true),
        ("gemini-2.5-flash", Budget(0), off.clone(), true),
        ("gemini-2.5-flash", effort(Minimal), off, true),
        ("gemini-2.5-flash", effort(Low), budget(1_024), true),
        ("gemini-2.5-flash", effort(Medium), budget(8_192), true),
        ("gemini-2.5-flash", effort(High), budget(24_576), true),
        ("gemini-2.5-flash", effort(Max), budget(24_576), true),
        ("gemini-2.5-flash", Budget(30_000), budget(24_576), false),
        ("gemini-2.5-flash", Adaptive, budget(-1), true),
        ("gemini-2.5-flash-lite", Budget(100), budget(512), false),
        ("gemini-2.5-pro", Off, Value::Null, false),
        ("gemini-2.5-pro", effort(Minimal), budget(128), true),
        ("gemini-2.5-pro", effort(ExtraHigh), budget(32_768), true),
        ("gemini-2.5-pro", Budget(2_000), budget(2_000), true),
        ("gemini-3-pro-preview", effort(Minimal), level("LOW"), false),
        ("gemini-3-pro-preview", effort(Medium), level("HIGH"), false),
        ("gemini-3.1-pro-preview", effort(Medium), level("MEDIUM"), true),
        ("gemini-3-flash-preview", Off, json!({"thinkingLevel": "MINIMAL"}), false),
        ("gemini-3-flash-preview", effort(Minimal), level("MINIMAL"), true),
        ("gemini-3-flash-preview", effort(Low), level("LOW"), true),
        ("gemini-3-flash-preview", effort(Max), level("HIGH"), true),
        ("gemini-3-flash-preview", Budget(500), budget(500), true),
        ("gemini-4-argon", Adaptive, json!({"includeThoughts": true}), true),
        ("gemini-2.0-flash", effort(High), Value::Null, false),
        ("gemini-2.0-flash", Off, Value::Null, true),
    ] {
        let conversation = Conversation { reasoning: Some(wish), ..Conversation::default() };
        let (body, dropped) = written(&conversation, model);
        let named: &[&str] = if is_met { &[] } else { &["reasoning_effort"] };
        let config = &body["generationConfig"]["thinkingConfig"];
        assert_eq!((config, &dropped[..]), (&want, named), "{model}, {wish:?}");
    }
}

#[test]
fn what_the_catalog_knows_of_thinking_is_kept_to() {
    let conversation =
        |effort| Conversation { reasoning: Some(Reasoning::Effort(effort)), ..Conversation::default() };
    let thinking = |conversation: &Conversation, target: &Target| {
        let call = Gemini.encode(conversation, target);
        let body: Value = serde_json::from_slice(&call.body).expect("valid JSON");
        (body["generationConfig"]["thinkingConfig"].clone(), call.dropped)
    };
    let mut target = target("gemini-3.7-flash");
    target.efforts.learn(Effort::Minimal, false);
    let low = json!({"thinkingLevel": "LOW", "includeThoughts": true});
    assert_eq!(thinking(&conversation(Effort::Minimal), &target), (low, vec!["reasoning_effort"]));
    target.abilities.learn(Ability::Reasoning, false);
    assert_eq!(thinking(&conversation(Effort::Low), &target), (Value::Null, vec!["reasoning_effort"]));
    let mut target = Target { model: "gemini-flash-latest", ..target };
    target.abilities.learn(Ability::Reasoning, true);
    let budget = json!({"thinkingBudget": 1024, "includeThoughts": true});
    assert_eq!(thinking(&conversation(Effort::Low), &target), (budget, vec![]));
}
