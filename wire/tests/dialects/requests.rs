//! Recorded requests are taken, or refused for a listed reason, and go on to every provider that can carry
//! them: within its rules, with every text in it, and with what it lacks named.

use crate::cases::Case;
use crate::rules;
use crate::targets::{TARGETS, Targets};
use bytes::Bytes;
use gateway_core::conversation::Conversation;
use gateway_core::ids::ProviderKind;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::openai_chat::OpenAiChat;
use gateway_wire::{Call, Inbound, Malformed};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static ROUTES: LazyLock<Targets> = LazyLock::new(Targets::new);

/// What the gateway does not serve, by the field that asks for it.
const REFUSED: [&str; 19] = [
    "audio",
    "container",
    // Compaction: it changes what is answered.
    "context_management.edits.type",
    "function_call",
    "functions",
    "logprobs",
    "messages.content",
    "messages.content.type",
    "messages.content.citations",
    "messages.content.content.type",
    "messages.content.file.file_id",
    "messages.content.source.type",
    "messages.role",
    "modalities",
    "prompt_cache_options",
    "tools",
    "tools.defer_loading",
    "tools.type",
    "web_search_options",
];

/// What became of a provider's requests.
#[derive(Default)]
pub struct Tally {
    /// Those that were kept, of a dialect that callers speak.
    pub requests: usize,
    pub taken: usize,
    /// Times that one went on to a target.
    pub encoded: usize,
    /// Why requests were refused, and what targets could not carry.
    pub reasons: BTreeMap<String, usize>,
    pub unable: BTreeMap<String, usize>,
}

impl Tally {
    pub fn refused(&self) -> usize {
        self.reasons.values().sum()
    }
}

/// The dialect in which a provider's callers spoke; none that callers speak to us for Gemini's.
fn inbound(provider: &str) -> Option<&'static dyn Inbound> {
    match provider {
        "anthropic" => Some(&AnthropicMessages),
        "gemini" => None,
        _ => Some(&OpenAiChat),
    }
}

pub fn check(case: &Case, tally: &mut Tally) {
    let (Some(dialect), Some(request)) = (inbound(case.provider), &case.request) else { return };
    tally.requests += 1;
    let asked = match dialect.decode(&Bytes::from(request.to_string())) {
        Ok(asked) => asked,
        Err(error) => {
            *tally.reasons.entry(reason(case, &error)).or_default() += 1;
            return;
        }
    };
    tally.taken += 1;
    assert_eq!(asked.stream, request["stream"] == true, "{}", case.name);
    for (kind, model) in TARGETS {
        match ROUTES.call(kind, model, &asked.conversation, asked.stream) {
            Err(need) => *tally.unable.entry(format!("{} {need:?}", kind.name())).or_default() += 1,
            Ok(call) => {
                tally.encoded += 1;
                check_call(&format!("{} to {kind:?} {model}", case.name), kind, model, &call, request);
            }
        }
        check_twice(&case.name, kind, model, &asked.conversation);
    }
}

/// Why a request was refused; fails where that is no listed reason.
fn reason(case: &Case, error: &Malformed) -> String {
    match error {
        Malformed::Unsupported { field, .. } => {
            assert!(REFUSED.contains(&plain(field).as_str()), "{}: {error}", case.name);
            plain(field)
        }
        // The provider did not take it either.
        Malformed::Field { field, .. } if case.status == 400 => {
            format!("{} (as the provider did)", plain(field))
        }
        _ => panic!("{}: {error}", case.name),
    }
}

/// A path without its indices.
fn plain(field: &str) -> String {
    let kept = field.split('[').map(|piece| piece.split_once(']').map_or(piece, |(_, rest)| rest));
    let kept: String = kept.collect();
    kept.split('.').filter(|step| step.parse::<usize>().is_err()).collect::<Vec<_>>().join(".")
}

fn check_call(name: &str, kind: ProviderKind, model: &str, call: &Call, request: &Value) {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_else(|error| panic!("{name}: {error}"));
    let broken = rules::broken(kind, model, &body);
    assert!(broken.is_empty(), "{name}: {broken:#?}\n{body:#}");
    let mut there = String::new();
    leaves(&body, &mut |leaf| {
        there.push_str(leaf);
        there.push('\n');
    });
    for said in [&request["system"], &request["messages"], &request["tools"]] {
        each_text(said, &mut |text| {
            leaves(&opened(text), &mut |leaf| {
                assert!(there.contains(leaf.trim()), "{name}: {leaf:?} is gone\n{body:#}");
            });
        });
    }
    for (field, places) in PLACES {
        let value = &request[*field];
        let is_there = places.iter().any(|place| !body.pointer(place).unwrap_or(&Value::Null).is_null());
        // Dropped hints have OpenAI's names.
        let named = if *field == "stop_sequences" { "stop" } else { *field };
        let is_nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        assert!(
            is_nothing || is_there || is_default(field, value) || call.dropped.contains(&named),
            "{name}: {field} is neither sent nor named: {:?}\n{body:#}",
            call.dropped
        );
    }
}

/// Fields of a request that may not vanish in silence, and where each provider has them.
const PLACES: &[(&str, &[&str])] = &[
    ("temperature", &["/temperature", "/generationConfig/temperature"]),
    ("top_p", &["/top_p", "/generationConfig/topP"]),
    ("top_k", &["/top_k", "/generationConfig/topK"]),
    ("seed", &["/seed", "/generationConfig/seed"]),
    ("user", &["/user", "/metadata/user_id"]),
    ("stop", &["/stop", "/stop_sequences", "/generationConfig/stopSequences"]),
    ("stop_sequences", &["/stop", "/stop_sequences", "/generationConfig/stopSequences"]),
    ("presence_penalty", &["/presence_penalty", "/generationConfig/presencePenalty"]),
    ("frequency_penalty", &["/frequency_penalty", "/generationConfig/frequencyPenalty"]),
    ("prompt_cache_key", &["/prompt_cache_key"]),
    ("service_tier", &["/service_tier", "/serviceTier"]),
    ("tools", &["/tools"]),
    ("tool_choice", &["/tool_choice", "/toolConfig/functionCallingConfig"]),
    ("parallel_tool_calls", &["/parallel_tool_calls", "/tool_choice/disable_parallel_tool_use"]),
    (
        "reasoning_effort",
        &["/reasoning_effort", "/thinking", "/output_config/effort", "/generationConfig/thinkingConfig"],
    ),
    ("response_format", &["/response_format", "/output_config/format", "/generationConfig/responseMimeType"]),
];

/// What means the same as nothing.
fn is_default(field: &str, value: &Value) -> bool {
    match field {
        "tool_choice" => value == "auto" || value["type"] == "auto",
        "parallel_tool_calls" => value == true,
        "response_format" => value["type"] == "text",
        "service_tier" => value == "auto" || value == "default",
        _ => false,
    }
}

/// Strings under the keys that hold what was said; not ids, types and the like.
fn each_text(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| each_text(item, each)),
        Value::String(text) => each(text),
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("content" | "text" | "description" | "arguments" | "system" | "refusal", _) => {
                        each_text(value, each)
                    }
                    ("tool_calls" | "function" | "source", Value::Array(_) | Value::Object(_)) => {
                        each_text(value, each)
                    }
                    ("input", value) => each(&value.to_string()),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// A text that is itself JSON, as that JSON: a target may write it as an object.
fn opened(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Array(_) | Value::Object(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn leaves(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, each)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, each)),
        Value::String(text) => match opened(text) {
            Value::String(text) => each(&text),
            value => {
                each(text);
                leaves(&value, each);
            }
        },
        Value::Number(number) => each(&number.to_string()),
        _ => {}
    }
}

/// The same conversation gives the same bytes, or no prompt cache would ever be hit.
fn check_twice(name: &str, kind: ProviderKind, model: &str, asked: &Conversation) {
    let call = || ROUTES.call(kind, model, asked, false).ok().map(|call| call.body);
    assert_eq!(call(), call(), "{name} to {kind:?}");
}
