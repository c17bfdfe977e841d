//! Recorded answers as callers get them, whole and streamed: in the shape that their SDKs read, and saying
//! what the provider said.

use crate::answers::streamed;
use crate::cases::Case;
use crate::reading::{self, Choice};
use crate::shapes;
use bytes::BytesMut;
use gateway_core::conversation::{Event, StopReason};
use gateway_core::money::NanoUsd;
use gateway_core::usage::Usage;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::dialect::Opening;
use gateway_wire::native::Native;
use gateway_wire::openai_chat::OpenAiChat;
use gateway_wire::{Facts, Inbound, Outbound, Whole};
use serde_json::Value;

const REQUEST_ID: &str = "0190b2c4-0000-7000-8000-000000000001";

pub fn check(codec: &dyn Outbound, case: &Case) {
    if case.status != 200 {
        return;
    }
    let want = reading::of(case.provider, &case.documents());
    let events = if case.is_stream {
        streamed(codec, &case.body, &[]).0
    } else {
        codec.answer(&case.body).unwrap_or_default()
    };
    let failed = events.iter().any(|event| matches!(event, Event::Failed(_)));
    if events.is_empty() || failed || want.is_spliced {
        return;
    }
    let mut whole = Whole::default();
    events.iter().cloned().for_each(|event| whole.add(event));
    let usage = whole.usage;
    let facts = facts(&usage);
    let name = &case.name;

    let body = json(name, &Inbound::answer(&OpenAiChat, &whole, &facts));
    shapes::openai(name, &body);
    compare(name, &body, &want.choices);
    let put_together = shapes::openai_stream(name, &stream_of(&OpenAiChat, &events, &facts));
    shapes::openai(name, &put_together);
    compare(name, &put_together, &want.choices);
    same_ids(name, &body, &put_together);

    // Its own dialect has one choice, for it takes no `n`.
    if whole.choices.len() == 1 && want.choices[0].calls.iter().all(|call| call.arguments.is_object()) {
        let body = json(name, &Native.answer(&whole, &facts));
        shapes::native(name, &body);
        compare_native(name, &body, &want.choices[0]);
        let put_together = shapes::native_stream(name, &stream_of(&Native, &events, &facts));
        shapes::native(name, &put_together);
        compare_native(name, &put_together, &want.choices[0]);

        let body = json(name, &Inbound::answer(&AnthropicMessages, &whole, &facts));
        shapes::anthropic::whole(name, &body);
        compare_anthropic(name, &body, &want);
        let put_together = shapes::anthropic::stream(name, &stream_of(&AnthropicMessages, &events, &facts));
        shapes::anthropic::whole(name, &put_together);
        compare_anthropic(name, &put_together, &want);
    }
}

fn json(name: &str, body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn facts(usage: &Usage) -> Facts<'_> {
    Facts {
        request_id: REQUEST_ID,
        created: 1_700_000_000,
        provider: "openai",
        model: "a-model",
        route_reason: None,
        fallback: false,
        attempts: &[],
        usage,
        cost: NanoUsd::parse("0.00004").expect("an amount"),
        cost_is_estimate: false,
        max_output: None,
        dropped: &[],
        warnings: &[],
        pii: None,
        budget: None,
        latency_ms: 12,
        overhead_us: 34,
    }
}

/// The whole stream, as the pipeline drives its writer.
pub fn stream_of(dialect: &dyn Inbound, events: &[Event], facts: &Facts<'_>) -> String {
    let opening = Opening { request_id: REQUEST_ID.to_owned(), created: 1_700_000_000, include_usage: true };
    let mut writer = dialect.stream(opening);
    let mut out = BytesMut::new();
    writer.open(facts, &mut out);
    events.iter().for_each(|event| writer.event(event, &mut out));
    writer.close(facts, &mut out);
    String::from_utf8(out.to_vec()).expect("UTF-8")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn compare(name: &str, body: &Value, want: &[Choice]) {
    let choices = body["choices"].as_array().expect("checked");
    assert_eq!(choices.len(), want.len(), "{name}");
    for (got, want) in choices.iter().zip(want) {
        let message = &got["message"];
        assert_eq!(text(&message["content"]), want.text, "{name}");
        assert_eq!(text(&message["refusal"]), want.refusal, "{name}");
        assert_eq!(text(&message["reasoning_content"]), want.thinking, "{name}");
        let blocks = message["thinking_blocks"].as_array().into_iter().flatten();
        let signatures: Vec<&str> = blocks.clone().filter_map(|block| block["signature"].as_str()).collect();
        let redacted: Vec<&str> = blocks.filter_map(|block| block["data"].as_str()).collect();
        assert_eq!((signatures, redacted), (as_str(&want.signatures), as_str(&want.redacted)), "{name}");
        let calls: Vec<&Value> = message["tool_calls"].as_array().into_iter().flatten().collect();
        assert_eq!(calls.len(), want.calls.len(), "{name}");
        for (got, want) in calls.iter().zip(&want.calls) {
            assert_eq!(text(&got["function"]["name"]), want.name, "{name}");
            assert_eq!(reading::arguments_of(text(&got["function"]["arguments"])), want.arguments, "{name}");
            if let Some(id) = &want.id {
                assert_eq!(text(&got["id"]), id, "{name}");
            }
            let signature = &got["extra_content"]["google"]["thought_signature"];
            assert_eq!(signature.as_str(), want.signature.as_deref(), "{name}");
        }
        let reason = match want.stop {
            Some(StopReason::ToolCalls) => "tool_calls",
            Some(StopReason::Length) => "length",
            Some(StopReason::ContentFilter | StopReason::Refusal) => "content_filter",
            Some(StopReason::Other) | None => continue,
            Some(_) => "stop",
        };
        assert_eq!(got["finish_reason"], reason, "{name}");
    }
}

fn as_str(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// An id that was made for a call is the same, however the answer was delivered.
fn same_ids(name: &str, whole: &Value, streamed: &Value) {
    let ids = |body: &Value| -> Vec<Value> {
        let choices = body["choices"].as_array().into_iter().flatten();
        choices
            .flat_map(|choice| choice["message"]["tool_calls"].as_array().cloned().unwrap_or_default())
            .map(|call| call["id"].clone())
            .collect()
    };
    assert_eq!(ids(whole), ids(streamed), "{name}");
}

fn compare_native(name: &str, body: &Value, want: &Choice) {
    // A refusal is the answer's text there.
    assert_eq!(text(&body["content"]), want.text.clone() + &want.refusal, "{name}");
    let calls: Vec<&Value> = body["tool_calls"].as_array().into_iter().flatten().collect();
    assert_eq!(calls.len(), want.calls.len(), "{name}");
    for (got, want) in calls.iter().zip(&want.calls) {
        let function = if got["function"].is_object() { &got["function"] } else { got };
        assert_eq!(
            (text(&function["name"]), &function["arguments"]),
            (want.name.as_str(), &want.arguments),
            "{name}"
        );
    }
}

/// Read again as an answer of Anthropic's, it says the same.
fn compare_anthropic(name: &str, body: &Value, want: &reading::Reading) {
    let got = reading::of("anthropic", std::slice::from_ref(body)).choices.remove(0);
    let want = &want.choices[0];
    // A refusal is the answer's text there.
    assert_eq!(got.text, want.text.clone() + &want.refusal, "{name}");
    assert_eq!((&got.thinking, &got.redacted), (&want.thinking, &want.redacted), "{name}");
    let told = |choice: &Choice| -> Vec<(String, Value)> {
        choice.calls.iter().map(|call| (call.name.clone(), call.arguments.clone())).collect()
    };
    assert_eq!(told(&got), told(want), "{name}");
    if matches!(want.stop, Some(StopReason::Length | StopReason::ToolCalls)) {
        assert_eq!(got.stop, want.stop, "{name}");
    }
}
