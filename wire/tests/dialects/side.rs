//! Recorded embeddings and counts of tokens: what providers answered is read as it stands there, and what callers
//! asked goes on with every text in it.

use crate::answers;
use crate::callers;
use crate::cases::Case;
use crate::targets::{TARGETS, Targets, codec_of};
use bytes::Bytes;
use gateway_core::ids::ProviderKind;
use gateway_wire::anthropic_messages::AnthropicMessages;
use gateway_wire::embeddings::{self, Embeds};
use gateway_wire::{Inbound, Outbound, Target};
use serde_json::{Value, json};

pub fn check(codec: &dyn Outbound, case: &Case) {
    let name = &case.name;
    let body: Value = serde_json::from_slice(&case.body).expect("JSON");
    if case.status != 200 {
        return answers::check_error(codec, case);
    }
    let request = case.request.as_ref().unwrap_or_else(|| panic!("{name}: no request was kept"));
    if name.contains("/count_tokens") {
        let counts = codec.counts().unwrap_or_else(|| panic!("{name}: it counts"));
        let told = body["input_tokens"].as_u64().or(body["totalTokens"].as_u64());
        assert_eq!(counts.read(&case.body).ok(), told, "{name}");
        if case.provider == "anthropic" {
            counted(case, request);
        }
        return;
    }
    let embeds = codec.embeds().unwrap_or_else(|| panic!("{name}: it makes vectors"));
    answered(embeds, case, request, &body);
    if case.provider != "gemini" {
        asked(case, request);
    }
}

/// The vectors and counters of an answer, as they stand in it.
fn answered(embeds: &dyn Embeds, case: &Case, request: &Value, body: &Value) {
    let name = &case.name;
    let want: Vec<Value> = match &body["embeddings"] {
        Value::Array(list) => list.iter().map(|item| item["values"].clone()).collect(),
        _ => body["data"].as_array().expect("data").iter().map(|item| item["embedding"].clone()).collect(),
    };
    let vectors =
        embeds.read(&case.body, want.len() as u64).unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
    let tokens =
        body["usage"]["prompt_tokens"].as_u64().or(body["usageMetadata"]["promptTokenCount"].as_u64());
    assert_eq!(vectors.usage.input, tokens, "{name}");
    let written = embeddings::answer(&vectors, None, &callers::facts(&vectors.usage));
    let written: Value = serde_json::from_slice(&written).expect("JSON");
    let got: Vec<Value> =
        written["data"].as_array().expect("data").iter().map(|item| item["embedding"].clone()).collect();
    assert_eq!(got, want, "{name}");
    assert!(embeds.read(&case.body, want.len() as u64 + 1).is_err(), "{name}: a vector is missing");
    let inputs = request["input"].as_array().or(request["requests"].as_array()).map_or(1, Vec::len);
    assert_eq!(inputs, want.len(), "{name}: a vector for each input");
}

/// What a caller of OpenAI's dialect asked goes to each provider.
fn asked(case: &Case, request: &Value) {
    let name = &case.name;
    let read = embeddings::decode(&Bytes::from(request.to_string()));
    let read = read.unwrap_or_else(|malformed| panic!("{name}: {malformed}"));
    let texts = match &request["input"] {
        Value::String(text) => vec![json!(text)],
        list => list.as_array().expect("a list").clone(),
    };
    for kind in [ProviderKind::OpenAi, ProviderKind::AzureOpenAi, ProviderKind::Gemini] {
        let target = Target {
            model: &read.model,
            output_bound: 0,
            kind,
            abilities: gateway_core::catalog::Abilities::default(),
            efforts: gateway_core::catalog::Efforts::default(),
            stream: false,
            stream_usage: true,
            api_version: "2024-10-21",
        };
        let call = codec_of(kind).embeds().expect("it makes vectors").encode(&read.embedding, &target);
        let sent: Value = serde_json::from_slice(&call.body).expect("JSON");
        let got = match kind {
            ProviderKind::Gemini => {
                let requests = sent["requests"].as_array().expect("requests").iter();
                Value::Array(requests.map(|one| one["content"]["parts"][0]["text"].clone()).collect())
            }
            _ => sent["input"].clone(),
        };
        assert_eq!(got, Value::Array(texts.clone()), "{name} to {kind:?}");
    }
}

/// What a caller of Anthropic's dialect had counted goes to each provider that counts, without what would make
/// an answer of it.
fn counted(case: &Case, request: &Value) {
    let name = &case.name;
    let routes = Targets::new();
    let read = AnthropicMessages.decode(&Bytes::from(request.to_string()));
    let read = read.unwrap_or_else(|malformed| panic!("{name}: {malformed}"));
    for (kind, model) in TARGETS {
        let Some(counts) = codec_of(kind).counts() else { continue };
        let Ok(candidate) = routes.plan(kind, model, &read.conversation) else { continue };
        let target = Target {
            model,
            output_bound: candidate.output_bound,
            kind,
            abilities: candidate.route.abilities,
            efforts: candidate.route.efforts,
            stream: false,
            stream_usage: true,
            api_version: "2024-10-21",
        };
        let call = counts.encode(&read.conversation, &target);
        let sent: Value = serde_json::from_slice(&call.body).expect("JSON");
        let case = format!("{name} to {model}: {sent}");
        if kind == ProviderKind::Anthropic {
            assert_eq!(call.path, "/v1/messages/count_tokens", "{case}");
            for field in ["max_tokens", "stream", "temperature", "metadata", "stop_sequences"] {
                assert!(sent.get(field).is_none(), "{case}: {field}");
            }
            assert_eq!(
                (&sent["model"], sent["messages"].as_array().map(Vec::len)),
                (&json!(model), Some(1)),
                "{case}"
            );
            assert_eq!(sent["tools"].is_array(), request["tools"].is_array(), "{case}");
        } else {
            let inner = &sent["generateContentRequest"];
            assert_eq!(inner["model"], format!("models/{model}"), "{case}");
            assert_eq!(inner["contents"].as_array().map(Vec::len), Some(1), "{case}");
            assert!(inner.get("generationConfig").is_none(), "{case}");
        }
    }
}
