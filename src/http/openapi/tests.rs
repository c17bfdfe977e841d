//! The description against the golden file, the route table, the codecs, and docs/api.md.

use super::super::{endpoints, error::Code};
use super::document;
use crate::guards::COVERED;
use gateway_core::conversation::{Event, StopReason, Text};
use gateway_core::embedding::{Vector, Vectors};
use gateway_core::money::NanoUsd;
use gateway_core::routing::{How, RouteReason};
use gateway_core::usage::Usage;
use gateway_wire::anthropic_messages::{AnthropicMessages, counted};
use gateway_wire::embeddings;
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;
use gateway_wire::sse::Parser;
use gateway_wire::{Attempt, ErrorBody, Facts, Inbound, Opening, Whole};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
const API_MD: &str = include_str!("../../../docs/api.md");

fn description() -> Value {
    serde_json::to_value(document()).unwrap()
}

#[test]
fn the_document_is_the_golden_one() {
    let made = document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("RENEW_OPENAPI").is_some() {
        std::fs::write(GOLDEN, &made).unwrap();
    }
    let kept = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    let renew = "RENEW_OPENAPI=1 cargo test -p ai-gateway openapi";
    assert!(
        kept == made,
        "docs/openapi.json is not what is served: `{renew}` writes it anew, then read the change"
    );
}

#[test]
fn paths_are_those_of_the_route_table() {
    let described = description();
    let described: BTreeSet<(String, String)> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method, path)))
        .map(|(method, path)| (method.to_uppercase(), path.clone()))
        .collect();
    let routed = endpoints().map(|e| (e.method.to_owned(), e.path.replace(":.+}", "}")));
    assert_eq!(described, BTreeSet::from(routed.clone()));
    let told = table(API_MD, "## Endpoints").into_iter().map(|row| {
        let (method, path) = row[0].trim_matches('`').split_once(' ').unwrap();
        (method.to_owned(), path.to_owned())
    });
    let pages = ["/openapi.json", "/docs", "/dashboard"].map(|page| ("GET".to_owned(), page.to_owned()));
    let mut served = BTreeSet::from(routed);
    served.extend(pages);
    assert_eq!(told.collect::<BTreeSet<_>>(), served, "docs/api.md");
}

#[test]
fn codes_are_told_with_their_statuses() {
    let told: BTreeSet<(u16, String)> = table(API_MD, "## Errors")
        .into_iter()
        .map(|row| (row[0].parse().unwrap(), row[1].trim_matches('`').to_owned()))
        .collect();
    let meant = BTreeSet::from(Code::ALL.map(|code| (code.status(), code.word().to_owned())));
    assert_eq!(told, meant, "docs/api.md");
    assert_eq!(meant.len(), Code::ALL.len(), "no code twice");
    // The last variant stands last, so every one before it is in the list.
    assert_eq!(Code::UpstreamTimeout as usize + 1, Code::ALL.len());
    let words: Vec<&str> = Code::ALL.map(Code::word).to_vec();
    let schema = &description()["components"]["schemas"]["ErrorCode"]["enum"];
    assert_eq!(schema, &json!(words));
}

#[test]
fn headers_are_those_that_are_written() {
    let source = concat!(include_str!("../respond.rs"), include_str!("../limits.rs"));
    let mut written: BTreeSet<&str> =
        source.split("from_static(\"x-").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    // What proxies read: no word to callers.
    assert!(written.remove("accel-buffering"));
    // Of errors alone.
    assert!(written.remove("should-retry"));
    let described = description();
    let headers = &described["paths"]["/v1/complete"]["post"]["responses"]["200"]["headers"];
    let described: BTreeSet<&str> =
        headers.as_object().unwrap().keys().filter_map(|name| name.strip_prefix("x-")).collect();
    assert_eq!(described, written, "/openapi.json");
    let told = table(API_MD, "## Response headers");
    let told: BTreeSet<&str> =
        told.iter().filter_map(|row| row[0].trim_matches('`').strip_prefix("x-")).collect();
    assert_eq!(told, written, "docs/api.md");
}

#[test]
fn what_goes_to_a_model_is_covered_by_the_guards() {
    let described = description();
    let of_models: BTreeSet<&str> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, item)| item["post"]["tags"][0] == "inference")
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(of_models, BTreeSet::from(COVERED.map(|covered| covered.path)));
    for covered in COVERED {
        let content = &described["paths"][covered.path]["post"]["responses"]["200"]["content"];
        let streams = content.get("text/event-stream").is_some();
        assert_eq!(streams, covered.deliveries.contains(&"stream"), "{}", covered.path);
    }
}

/// The rows of the first table below a heading, without its head.
fn table<'a>(text: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, section) = text.split_once(&format!("\n{heading}\n")).expect(heading);
    let section = section.split("\n## ").next().unwrap();
    let rows =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn requests_as_described_are_read() {
    let description = description();
    for (name, codec) in [
        ("CompleteRequest", &Native as &dyn Inbound),
        ("ChatRequest", &OpenAiChat),
        ("MessagesRequest", &AnthropicMessages),
    ] {
        let is_anthropic = name == "MessagesRequest";
        let example = &description["components"]["schemas"][name]["example"];
        for (field, _) in properties(&description, &schema(name)) {
            let mut body = example.clone();
            let value = match field.as_str() {
                "messages" if is_anthropic => {
                    json!([{"role": "user", "content": [{"type": "text", "text": "x"}]}])
                }
                "tools" if is_anthropic => json!([{"name": "f", "description": "d", "strict": true,
                    "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}]),
                "tool_choice" if is_anthropic => json!({"type": "auto"}),
                "metadata" if is_anthropic => json!({"user_id": "x"}),
                "service_tier" if is_anthropic => json!("auto"),
                "thinking" => json!({"type": "enabled", "budget_tokens": 1024}),
                "output_config" => json!({"effort": "low"}),
                "cache_control" => json!({"type": "ephemeral"}),
                "stop_sequences" => json!(["x"]),
                "messages" => {
                    json!([{"role": "developer", "name": "x", "content": [{"type": "text", "text": "x"}]}])
                }
                "stream" | "fallback" | "parallel_tool_calls" => json!(true),
                "tools" => json!([{"type": "function", "function": {"name": "f", "description": "d",
                    "parameters": {"type": "object"}, "strict": true}}]),
                "tool_choice" => json!("auto"),
                "response_format" => {
                    json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": true}})
                }
                "capability" => json!("code"),
                "reasoning_effort" => json!("low"),
                "service_tier" => json!("flex"),
                "temperature" | "top_p" | "presence_penalty" | "frequency_penalty" => json!(0.5),
                "max_tokens" | "max_completion_tokens" | "seed" | "top_k" | "n" => json!(1),
                "stop" => json!(["x"]),
                "stream_options" => json!({"include_usage": true}),
                "logit_bias" => json!({"1": 2}),
                "metadata" => json!({"x": "y"}),
                _ => json!("x"),
            };
            body[&field] = value;
            let read = codec.decode(&body.to_string().into());
            let asked = read.unwrap_or_else(|malformed| panic!("{name}.{field}: {malformed}"));
            assert_eq!(asked.dropped, [""; 0], "{name}.{field} is known");
            assert_eq!(asked.metadata.is_some(), field == "metadata" && !is_anthropic, "{name}.{field}");
        }
    }
}

#[test]
fn bodies_as_written_are_described() {
    let description = description();
    for (case, usage) in [("all counters", full_usage()), ("bare", bare_usage())] {
        let facts = facts(&usage);
        for (name, codec) in [
            ("CompleteAnswer", &Native as &dyn Inbound),
            ("ChatAnswer", &OpenAiChat),
            ("MessagesAnswer", &AnthropicMessages),
        ] {
            let mut whole = Whole { usage, ..Whole::default() };
            said(StopReason::Length).into_iter().for_each(|event| whole.add(event));
            let body = codec.answer(&whole, &facts);
            fits(
                &description,
                &schema(name),
                &serde_json::from_slice(&body).unwrap(),
                &format!("{name}, {case}"),
            );
        }
        for event in frames(&Native, &facts) {
            fits(&description, &schema("CompleteEvent"), &event, case);
        }
        for event in frames(&OpenAiChat, &facts) {
            fits(&description, &schema("ChatChunk"), &event["data"], case);
        }
        for event in frames(&AnthropicMessages, &facts) {
            assert_eq!(event["event"], event["data"]["type"], "{case}");
            fits(&description, &schema("MessagesEvent"), &event["data"], case);
        }
    }
    for (case, error) in [("all fields", full_error()), ("bare", bare_error())] {
        for (name, codec) in [
            ("NativeError", &Native as &dyn Inbound),
            ("OpenAiError", &OpenAiChat),
            ("AnthropicError", &AnthropicMessages),
        ] {
            let body = serde_json::from_slice(&codec.error(&error)).unwrap();
            fits(&description, &schema(name), &body, &format!("{name}, {case}"));
        }
    }
}

#[test]
fn examples_fit_their_schemas() {
    let description = description();
    for (name, component) in description["components"]["schemas"].as_object().unwrap() {
        if let Some(example) = component.get("example") {
            fits(&description, &schema(name), example, name);
        }
    }
    for (path, item) in description["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let content = &response["content"]["application/json"];
                if let Some(example) = content.get("example") {
                    fits(&description, &content["schema"], example, &format!("{path}, {status}"));
                }
            }
        }
    }
}

fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn resolve<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(to) => description.pointer(to.trim_start_matches('#')).expect(to),
        None => schema,
    }
}

/// All properties of an object's schema, those of its parts included, and whether each must be there.
fn properties(description: &Value, schema: &Value) -> Vec<(String, (Value, bool))> {
    let schema = resolve(description, schema);
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut all: Vec<_> = parts.flat_map(|part| properties(description, part)).collect();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        all.push((name.clone(), (property.clone(), required.contains(&name.as_str()))));
    }
    all
}

/// JSON Schema, as much of it as the description uses; stricter in that no field may be unknown.
fn fits(description: &Value, schema: &Value, value: &Value, at: &str) {
    if let Err(problem) = check(description, schema, value, at) {
        panic!("{problem}");
    }
}

fn check(description: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let schema = resolve(description, schema);
    if let Some(either) = schema["oneOf"].as_array() {
        let tried: Vec<_> = either.iter().map(|one| check(description, one, value, at)).collect();
        let fitting = tried.iter().filter(|tried| tried.is_ok()).count();
        return if fitting == 1 { Ok(()) } else { Err(format!("{at}: {fitting} of {tried:?} fit")) };
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.contains(value).then_some(()).ok_or(format!("{at}: {value} is none of {words:?}"));
    }
    let properties = properties(description, schema);
    if let (false, Some(object)) = (properties.is_empty(), value.as_object()) {
        for (name, (_, required)) in &properties {
            if *required && !object.contains_key(name) {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        for (name, value) in object {
            let known = properties.iter().find(|(known, _)| known == name);
            let (_, (property, _)) = known.ok_or(format!("{at}: {name} is not described"))?;
            check(description, property, value, &format!("{at}.{name}"))?;
        }
        return Ok(());
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let takes = |wanted: &Value| wanted == kind || (wanted == "number" && kind == "integer");
    let kinds = &schema["type"];
    if !takes(kinds) && !kinds.as_array().is_some_and(|kinds| kinds.iter().any(takes)) {
        return Err(format!("{at}: {kind} instead of {kinds}"));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        check(description, &schema["items"], item, &format!("{at}[{n}]"))?;
    }
    Ok(())
}

/// A whole stream and a broken one, as `{event, data}`.
#[test]
fn embeddings_are_described_as_they_are_read_and_written() {
    let description = description();
    let example = &description["components"]["schemas"]["EmbeddingsRequest"]["example"];
    for (field, _) in properties(&description, &schema("EmbeddingsRequest")) {
        let values = match field.as_str() {
            "input" => vec![json!("x"), json!(["x"]), json!([1]), json!([[1]])],
            "dimensions" => vec![json!(8)],
            "encoding_format" => vec![json!("float"), json!("base64")],
            _ => vec![json!("x")],
        };
        for value in values {
            let mut body = example.clone();
            body[&field] = value;
            let asked = embeddings::decode(&body.to_string().into()).unwrap();
            assert!(asked.dropped.is_empty(), "{field} is known");
        }
    }
    let usage = bare_usage();
    for vector in [Vector::Floats("[1,2.5]".into()), Vector::Base64(Text::new("AAAAAA=="))] {
        let vectors = Vectors { vectors: vec![vector], usage, model: None };
        let body = embeddings::answer(&vectors, None, &facts(&usage));
        let body = serde_json::from_slice(&body).unwrap();
        fits(&description, &schema("EmbeddingsAnswer"), &body, "an answer");
    }
    for estimate in [false, true] {
        let body = serde_json::from_slice(&counted(3, estimate)).unwrap();
        fits(&description, &schema("TokenCount"), &body, "a count");
    }
}

/// Everything that an answer can say.
fn said(reason: StopReason) -> Vec<Event> {
    let text = || Text::new("x");
    vec![
        Event::Thinking { choice: 0, text: text() },
        Event::ThinkingEnd { choice: 0, signature: Some(text()), redacted: None },
        Event::ThinkingEnd { choice: 0, signature: None, redacted: Some(text()) },
        Event::Text { choice: 0, text: text() },
        Event::Refusal { choice: 0, text: text() },
        Event::ToolCall { choice: 0, index: 0, id: None, name: text(), signature: Some(text()) },
        Event::Arguments { choice: 0, index: 0, piece: Text::new("{}") },
        Event::Stop { choice: 0, reason },
    ]
}

fn frames(codec: &dyn Inbound, facts: &Facts) -> Vec<Value> {
    let mut out = bytes::BytesMut::new();
    let opening = || Opening { request_id: "x".to_owned(), created: 1, include_usage: true };
    let mut whole = codec.stream(opening());
    whole.open(facts, &mut out);
    said(StopReason::ContentFilter).iter().for_each(|event| whole.event(event, &mut out));
    whole.close(facts, &mut out);
    let mut parser = Parser::default();
    parser.push(out.freeze());
    let frames = std::iter::from_fn(|| parser.next_frame()).map(Result::unwrap);
    let frames = frames.filter(|frame| &frame.data[..] != b"[DONE]");
    frames
        .map(|frame| {
            let data: Value = serde_json::from_slice(&frame.data).unwrap();
            let event = frame.event.as_deref().map(|name| std::str::from_utf8(name).unwrap());
            json!({ "event": event, "data": data })
        })
        .collect()
}

fn full_usage() -> Usage {
    Usage {
        input: Some(1),
        cache_read: Some(1),
        cache_write_5m: Some(1),
        cache_write_1h: Some(1),
        output: Some(1),
        reasoning: Some(1),
        audio_input: Some(1),
        audio_output: Some(1),
        web_searches: Some(1),
        service_tier: None,
    }
}

fn bare_usage() -> Usage {
    Usage { input: Some(1), output: Some(1), ..Usage::default() }
}

fn facts(usage: &Usage) -> Facts<'_> {
    Facts {
        request_id: "x",
        created: 1,
        provider: "openai",
        model: "gpt-4o",
        route_reason: usage.cache_read.map(|_| RouteReason { how: How::Alias, split: false }),
        fallback: true,
        attempts: &[],
        usage,
        cost: NanoUsd::ZERO,
        cost_is_estimate: false,
        max_output: usage.cache_read,
        dropped: if usage.cache_read.is_some() { const { &[Cow::Borrowed("x")] } } else { &[] },
        warnings: &[],
        pii: None,
        budget: None,
        latency_ms: 1,
        overhead_us: 1,
    }
}

fn full_error() -> ErrorBody {
    let attempt = |outcome, status| Attempt {
        provider: "openai".to_owned(),
        model: "gpt-4o".to_owned(),
        outcome,
        status,
        ms: 1,
    };
    ErrorBody {
        status: 503,
        code: Code::NoProviderAvailable.word(),
        message: "x".to_owned(),
        field: Some("x".to_owned()),
        retry_after_s: Some(1),
        request_id: "x".to_owned(),
        attempts: vec![attempt("unavailable", Some(503)), attempt("breaker_open", None)],
    }
}

fn bare_error() -> ErrorBody {
    ErrorBody { status: 400, field: None, retry_after_s: None, attempts: Vec::new(), ..full_error() }
}
