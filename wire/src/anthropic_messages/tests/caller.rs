//! Requests as callers of this dialect send them.

use super::*;
use gateway_core::conversation::{Output, Reasoning, Role, ToolChoice};

fn decoded(body: &Value) -> Result<Asked, Malformed> {
    Inbound::decode(&AnthropicMessages, &body.to_string().into())
}

fn with(fields: Value) -> Value {
    let mut body = json!({"model": "claude-opus-4-6", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
    body
}

#[test]
fn what_a_caller_sends_goes_out_again() {
    let tool = json!({"name": "f", "description": "d", "input_schema": {"type": "object"},
                      "cache_control": {"type": "ephemeral"}});
    let image =
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}});
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    for (case, fields) in [
        ("a text", json!({})),
        ("a system text", json!({"system": "be brief"})),
        ("marked system blocks", json!({"system": [{"type": "text", "text": "s", "cache_control": mark}]})),
        (
            "sampling",
            json!({"max_tokens": 100, "temperature": 0.5, "top_k": 4, "stop_sequences": ["END"],
                   "metadata": {"user_id": "u"}, "stream": true, "service_tier": "standard_only"}),
        ),
        ("fast mode", json!({"speed": "fast"})),
        (
            "tools",
            json!({"tools": [tool], "tool_choice": {"type": "auto", "disable_parallel_tool_use": true}}),
        ),
        ("a named tool", json!({"tools": [tool], "tool_choice": {"type": "tool", "name": "f"}})),
        ("any tool", json!({"tools": [tool], "tool_choice": {"type": "any"}})),
        ("no tool", json!({"tools": [tool], "tool_choice": {"type": "none"}})),
        ("thinking", json!({"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096})),
        (
            "a schema",
            json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
        ),
        (
            "every block",
            json!({"messages": [
                {"role": "user", "content": [image, {"type": "text", "text": "a", "cache_control": mark}]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "text", "text": "b"},
                    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"n": [1, 2.50]}},
                    {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}}
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
                        {"type": "text", "text": "r"}, image
                    ], "cache_control": mark},
                    {"type": "tool_result", "tool_use_id": "toolu_2", "content": "bad", "is_error": true},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"},
                    {"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}}
                ]}
            ]}),
        ),
    ] {
        let body = with(fields);
        let asked = decoded(&body).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert!(asked.dropped.is_empty(), "{case}: {:?}", asked.dropped);
        let bound = body["max_tokens"].as_u64().unwrap_or(8_192);
        assert_eq!(asked.conversation.sampling.max_output, body["max_tokens"].as_u64(), "{case}");
        let target = Target { output_bound: bound, stream: asked.stream, ..target("claude-opus-4-6") };
        let (sent, dropped) = encoded(&asked.conversation, &target);
        let mut want = body;
        want["max_tokens"] = json!(bound);
        assert_eq!(sent, want, "{case}");
        assert!(dropped.is_empty(), "{case}: {dropped:?}");
    }
}

#[test]
fn results_are_a_turn_of_their_own() {
    let result = json!({"type": "tool_result", "tool_use_id": "a", "content": "1"});
    let text = json!({"type": "text", "text": "so?"});
    for (case, content, want) in [
        ("results alone", json!([result]), vec![Role::Tool]),
        ("results and a text", json!([result, text]), vec![Role::Tool, Role::User]),
        ("the wrong way round", json!([text, result]), vec![Role::Tool, Role::User]),
        ("a text", json!([text]), vec![Role::User]),
        ("nothing", json!([]), vec![Role::User]),
    ] {
        let asked = decoded(&json!({"messages": [{"role": "user", "content": content}]})).expect(case);
        let roles: Vec<Role> = asked.conversation.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(roles, want, "{case}");
    }
}

#[test]
fn other_spellings_mean_the_same() {
    let adaptive = json!({"type": "adaptive"});
    for (case, fields, want) in [
        ("adaptive", json!({"thinking": adaptive}), Some(Reasoning::Adaptive)),
        ("an effort", json!({"output_config": {"effort": "max"}}), Some(Reasoning::Effort(Effort::Max))),
        (
            "both",
            json!({"thinking": adaptive, "output_config": {"effort": "low"}}),
            Some(Reasoning::Effort(Effort::Low)),
        ),
        ("off", json!({"thinking": {"type": "disabled"}}), Some(Reasoning::Off)),
        ("nothing", json!({"thinking": null, "output_config": {}}), None),
    ] {
        let asked = decoded(&with(fields)).expect(case);
        assert_eq!(asked.conversation.reasoning, want, "{case}");
    }
    let format = json!({"output_format": {"type": "json_schema", "schema": {}}});
    assert!(matches!(decoded(&with(format)).expect("taken").conversation.output, Output::JsonSchema(_)));
    let tools = json!({"tools": [], "tool_choice": {"type": "auto"}});
    let asked = decoded(&with(tools)).expect("taken").conversation;
    assert!(asked.tool_choice.is_none() && asked.tools.is_empty());
    let named = r#"{"messages":[{"role":"user","content":"a"}],"tools":[{"name":"f","input_schema":{}}],
        "tool_choice":{"type":"tool","name":"\u0066"}}"#;
    let asked = Inbound::decode(&AnthropicMessages, &Bytes::from_static(named.as_bytes())).expect("taken");
    assert!(
        matches!(asked.conversation.tool_choice, Some(ToolChoice::Named(name)) if name.json() == b"\"f\"")
    );
    let marked = decoded(&with(json!({"cache_control": {"type": "ephemeral"}}))).expect("taken").conversation;
    assert!(marked.turns[0].parts[0].cache.is_some());
}

#[test]
fn unknown_fields_are_named_without_their_place() {
    let body = with(json!({
        "novelty": 1,
        "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "omitted", "x": 1},
        "output_config": {"effort": "low", "y": 1},
        "metadata": {"user_id": "u", "z": 1},
        "messages": [{"role": "user", "id": 7, "content": [
            {"type": "text", "text": "a", "b": 1}, {"type": "text", "text": "a", "b": 1},
            {"type": "image", "source": {"type": "url", "url": "https://a.example", "c": 1}},
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "", "d": 1}]}
        ]}]
    }));
    let mut dropped = decoded(&body).expect("a request").dropped;
    dropped.sort();
    let want = [
        "messages.content.b",
        "messages.content.content.d",
        "messages.content.source.c",
        "messages.id",
        "metadata.z",
        "novelty",
        "output_config.effort",
        "output_config.y",
        "thinking.display",
        "thinking.x",
    ];
    assert_eq!(dropped, want);
}

#[test]
fn a_wrong_field_is_told_by_its_path() {
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let assistant = |block: Value| json!({"messages": [{"role": "assistant", "content": [block]}]});
    let source = |source: Value| user(json!([{"type": "image", "source": source}]));
    let tools = |tool: Value| with(json!({"tools": [tool]}));
    for (body, want) in [
        (json!([]), "body"),
        (json!({}), "messages"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": {}}), "messages"),
        (json!({"messages": [1]}), "messages[0]"),
        (json!({"messages": [{"content": "a"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "tool", "content": "a"}]}), "messages[0].role"),
        (json!({"messages": [{"role": "user"}]}), "messages[0].content"),
        (user(json!(7)), "messages[0].content"),
        (user(json!([7])), "messages[0].content[0]"),
        (user(json!([{}])), "messages[0].content[0].type"),
        (user(json!([{"type": "text", "text": "a"}, {"type": "text"}])), "messages[0].content[1].text"),
        (user(json!([{"type": "text", "text": 1}])), "messages[0].content[0].text"),
        (user(json!([{"type": "tool_use"}])), "messages[0].content[0].type"),
        (user(json!([{"type": "image"}])), "messages[0].content[0].source"),
        (source(json!({})), "messages[0].content[0].source.type"),
        (source(json!({"type": "text", "data": "a"})), "messages[0].content[0].source.type"),
        (source(json!({"type": "url", "url": "file:///etc"})), "messages[0].content[0].source.url"),
        (
            source(json!({"type": "base64", "media_type": "image/png", "data": "a b"})),
            "messages[0].content[0].source.data",
        ),
        (
            source(json!({"type": "base64", "media_type": "text/html", "data": "aGk="})),
            "messages[0].content[0].source.media_type",
        ),
        (
            source(json!({"type": "base64", "media_type": "image/ann.miller-536904399", "data": "aGk="})),
            "messages[0].content[0].source.media_type",
        ),
        (
            user(json!([{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_use"}]}])),
            "messages[0].content[0].content[0].type",
        ),
        (user(json!([{"type": "tool_result", "content": "a"}])), "messages[0].content[0].tool_use_id"),
        (assistant(json!({"type": "tool_use", "name": "f", "input": {}})), "messages[0].content[0].id"),
        (
            assistant(json!({"type": "tool_use", "id": "a", "name": "f", "input": []})),
            "messages[0].content[0].input",
        ),
        (assistant(json!({"type": "thinking", "signature": "s"})), "messages[0].content[0].thinking"),
        (
            assistant(json!({"type": "thinking", "thinking": "hm", "signature": "ann@example.org"})),
            "messages[0].content[0].signature",
        ),
        (
            assistant(json!({"type": "redacted_thinking", "data": "my SSN is 536-90-4399"})),
            "messages[0].content[0].data",
        ),
        (assistant(json!({"type": "tool_result"})), "messages[0].content[0].type"),
        (with(json!({"system": 1})), "system"),
        (with(json!({"system": [{"type": "text", "text": 1}]})), "system[0].text"),
        (with(json!({"model": ""})), "model"),
        (with(json!({"stream": "yes"})), "stream"),
        (with(json!({"max_tokens": 0})), "max_tokens"),
        (with(json!({"max_tokens": -1})), "max_tokens"),
        (with(json!({"temperature": 1.5})), "temperature"),
        (with(json!({"top_p": "a"})), "top_p"),
        (with(json!({"stop_sequences": [1]})), "stop_sequences[0]"),
        (with(json!({"metadata": {"user_id": 1}})), "metadata.user_id"),
        (with(json!({"service_tier": "flex"})), "service_tier"),
        (with(json!({"thinking": {"type": "enabled"}})), "thinking.budget_tokens"),
        (with(json!({"thinking": {"type": "enabled", "budget_tokens": 1}})), "thinking.budget_tokens"),
        (with(json!({"thinking": {}})), "thinking.type"),
        (with(json!({"output_config": {"effort": "none"}})), "output_config.effort"),
        (with(json!({"output_format": {"type": "text"}})), "output_format.type"),
        (with(json!({"output_config": {"format": {"type": "json_schema"}}})), "output_config.format.schema"),
        (tools(json!({"input_schema": {}})), "tools[0].name"),
        (tools(json!({"name": "f"})), "tools[0].input_schema"),
        (with(json!({"tool_choice": {"type": "any"}})), "tool_choice"),
        (with(json!({"tool_choice": {"type": "tool", "name": "f"}})), "tool_choice.name"),
        (with(json!({"cache_control": {"type": "forever"}})), "cache_control.type"),
    ] {
        match decoded(&body).err() {
            Some(Malformed::Field { field, .. }) => assert_eq!(field, want, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let block = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    let document = |fields: Value| {
        let mut document = json!({"type": "document", "source": {"type": "text", "data": "a"}});
        document.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        block(document)
    };
    for (body, want) in [
        (with(json!({"container": "c"})), "container"),
        (
            with(
                json!({"context_management": {"edits": [{"type": "clear_thinking_20251015"}, {"type": "compact_20260112"}]}}),
            ),
            "context_management.edits[1].type",
        ),
        (with(json!({"mcp_servers": [{}]})), "mcp_servers"),
        (with(json!({"inference_geo": "us"})), "inference_geo"),
        (with(json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]})), "tools[0].type"),
        (
            with(json!({"tools": [{"name": "f", "input_schema": {}, "defer_loading": true}]})),
            "tools[0].defer_loading",
        ),
        (block(json!({"type": "container_upload", "file_id": "f"})), "messages[0].content[0].type"),
        (block(json!({"type": "search_result"})), "messages[0].content[0].type"),
        (document(json!({"source": {"type": "file", "file_id": "f"}})), "messages[0].content[0].source.type"),
        (document(json!({"citations": {"enabled": true}})), "messages[0].content[0].citations"),
        (document(json!({"context": "c"})), "messages[0].content[0].context"),
    ] {
        match decoded(&body).err() {
            Some(Malformed::Unsupported { field, .. }) => assert_eq!(field, want, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    for body in [
        with(json!({"mcp_servers": [], "container": null})),
        document(json!({"citations": {"enabled": false}})),
    ] {
        assert!(decoded(&body).is_ok_and(|asked| asked.dropped.is_empty()), "{body}");
    }
}

#[test]
fn what_two_readers_could_differ_on_is_no_request() {
    for body in
        ["", "{", r#"{"a":1,"a":2}"#, "{\"messages\":[{\"role\":\"user\",\"content\":\"\\ud83d\"}]}", "{} {}"]
    {
        let read = Inbound::decode(&AnthropicMessages, &Bytes::copy_from_slice(body.as_bytes()));
        assert!(matches!(read, Err(Malformed::Json { .. })), "{body}");
    }
}

#[test]
fn headers_are_read_and_those_that_change_nothing_but_delivery_go_on() {
    let read = |version: Option<&str>, betas: Option<&str>| {
        let header = |name: &str| match name {
            "anthropic-version" => version.map(str::to_owned),
            "anthropic-beta" => betas.map(str::to_owned),
            _ => None,
        };
        let mut asked = decoded(&with(json!({}))).expect("good");
        AnthropicMessages.headers(&header, &mut asked).map(|()| asked)
    };
    let (thinks, pieces) = ("interleaved-thinking-2025-05-14", "fine-grained-tool-streaming-2025-05-14");
    for (case, betas, sent, dropped) in [
        ("none", None, None, &[][..]),
        ("one", Some(thinks), Some(thinks.to_owned()), &[]),
        (
            "both, in any order",
            Some("fine-grained-tool-streaming-2025-05-14, interleaved-thinking-2025-05-14"),
            Some(format!("{thinks},{pieces}")),
            &[],
        ),
        (
            "an agent's",
            Some("claude-code-20250219,interleaved-thinking-2025-05-14,context-1m-2025-08-07"),
            Some(thinks.to_owned()),
            &["anthropic-beta"],
        ),
        ("blanks", Some(" , "), None, &[]),
    ] {
        let asked = read(Some("2023-06-01"), betas).expect("good");
        assert_eq!(asked.dropped, dropped, "{case}");
        let call = Outbound::encode(&AnthropicMessages, &asked.conversation, &target("claude-opus-4-6"));
        let told = call
            .headers
            .iter()
            .find(|(name, _)| *name == "anthropic-beta")
            .map(|(_, value)| (*value).to_owned());
        assert_eq!(told, sent, "{case}");
    }
    for version in [None, Some("2023-06-01"), Some(" 2026-10-21 ")] {
        assert!(read(version, None).is_ok(), "{version:?}");
    }
    for version in ["2023-01-01", "", "latest", "2026-10-21,2023-06-01", "20260-10-2"] {
        let refused = read(Some(version), None).expect_err(version);
        assert!(matches!(refused, Malformed::Unsupported { field, .. } if field == "anthropic-version"));
    }
}

#[test]
fn edits_that_clear_are_dropped_and_named() {
    let edits =
        json!({"edits": [{"type": "clear_tool_uses_20250919", "keep": {"type": "tool_uses", "value": 3}}]});
    let asked = decoded(&with(json!({"context_management": edits})));
    assert_eq!(asked.expect("good").dropped, ["context_management"]);
}
