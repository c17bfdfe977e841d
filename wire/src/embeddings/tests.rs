//! What is read, what goes out, and what comes back in which form.

use super::{Azure, Embeds, Gemini, OpenAi, answer, decode, told_format};
use crate::dialect::{Facts, Malformed, Target};
use bytes::Bytes;
use gateway_core::catalog::{Abilities, Efforts};
use gateway_core::embedding::{Embedding, VectorFormat, Vectors};
use gateway_core::ids::ProviderKind;
use gateway_core::money::NanoUsd;
use gateway_core::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(body: &Value) -> Result<Embedding, Malformed> {
    decode(&Bytes::from(body.to_string())).map(|asked| asked.embedding)
}

fn target(model: &str) -> Target<'_> {
    Target {
        model,
        output_bound: 0,
        kind: ProviderKind::OpenAi,
        abilities: Abilities::default(),
        efforts: Efforts::default(),
        stream: false,
        stream_usage: true,
        api_version: "2024-10-21",
    }
}

fn sent(dialect: &dyn Embeds, body: &Value) -> (String, Value) {
    let call = dialect.encode(&read(body).expect("a request"), &target("m/1"));
    (call.path, serde_json::from_slice(&call.body).expect("JSON"))
}

fn facts(usage: &Usage) -> Facts<'_> {
    Facts {
        request_id: "x",
        created: 1,
        provider: "openai",
        model: "text-embedding-3-small",
        route_reason: None,
        fallback: false,
        attempts: &[],
        usage,
        cost: NanoUsd::ZERO,
        cost_is_estimate: false,
        max_output: None,
        dropped: &[],
        warnings: &[],
        pii: None,
        budget: None,
        latency_ms: 1,
        overhead_us: 1,
    }
}

#[test]
fn each_form_of_input_goes_out() {
    for (case, input, want) in [
        ("one text", json!("a é \" \\"), json!(["a é \" \\"])),
        ("texts", json!(["a", "b"]), json!(["a", "b"])),
        ("tokens", json!([1, 2, 3]), json!([[1, 2, 3]])),
        ("lists of tokens", json!([[1], [2, 3]]), json!([[1], [2, 3]])),
    ] {
        let body =
            json!({"model": "m", "input": input, "dimensions": 8, "encoding_format": "base64", "user": "u"});
        let (path, got) = sent(&OpenAi, &body);
        let all =
            json!({"model": "m/1", "input": want, "dimensions": 8, "encoding_format": "base64", "user": "u"});
        assert_eq!((path.as_str(), got), ("/embeddings", all), "{case}");
    }
    let body = json!({"model": "m", "input": ["a", "b"], "dimensions": 8});
    let (path, got) = sent(&Azure, &body);
    assert_eq!(path, "/openai/deployments/m%2F1/embeddings?api-version=2024-10-21");
    let base64 = json!({"model": "m/1", "input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"});
    assert_eq!(got, base64, "a quarter of what numbers take");
    let other = Target { kind: ProviderKind::OpenAiCompatible, ..target("m/1") };
    for (asked, want) in
        [(None, json!(null)), (Some("float"), json!("float")), (Some("base64"), json!("base64"))]
    {
        let mut body = body.clone();
        body["encoding_format"] = asked.into();
        let call = OpenAi.encode(&read(&body).expect("a request"), &other);
        let got: Value = serde_json::from_slice(&call.body).expect("JSON");
        assert_eq!(got["encoding_format"], want, "a server that may know one form alone");
    }
    let (path, got) = sent(&Gemini, &body);
    assert_eq!(path, "/v1beta/models/m%2F1:batchEmbedContents");
    let request = |text: &str| json!({"model": "models/m/1", "content": {"parts": [{"text": text}]}, "outputDimensionality": 8});
    assert_eq!(got, json!({"requests": [request("a"), request("b")]}));
}

#[test]
fn a_mistake_names_its_field() {
    for (case, body, want) in [
        ("no model", json!({"input": "a"}), "model"),
        ("an empty model", json!({"model": "", "input": "a"}), "model"),
        ("no input", json!({"model": "m"}), "input"),
        ("nothing to read", json!({"model": "m", "input": []}), "input"),
        ("a number", json!({"model": "m", "input": 1}), "input"),
        ("objects", json!({"model": "m", "input": [{"text": "a"}]}), "input"),
        ("mixed", json!({"model": "m", "input": ["a", 1]}), "input[1]"),
        ("mixed tokens", json!({"model": "m", "input": [1, "a"]}), "input"),
        ("an empty list of tokens", json!({"model": "m", "input": [[1], []]}), "input[1]"),
        ("a negative token", json!({"model": "m", "input": [[-1]]}), "input[0]"),
        ("a format", json!({"model": "m", "input": "a", "encoding_format": "hex"}), "encoding_format"),
        ("dimensions", json!({"model": "m", "input": "a", "dimensions": 0}), "dimensions"),
        ("a user", json!({"model": "m", "input": "a", "user": 1}), "user"),
    ] {
        match read(&body) {
            Err(Malformed::Field { field, .. }) => assert_eq!(field, want, "{case}"),
            other => panic!("{case}: {other:?}"),
        }
    }
}

#[test]
fn a_list_is_read_no_further_than_the_most_inputs() {
    let all = json!({"model": "m", "input": vec!["a"; 2_048]});
    assert_eq!(read(&all).expect("as many as there may be").inputs.len(), 2_048);
    for item in ["\"a\"", "[1]", "{}"] {
        let list = vec![item; 100_000].join(",");
        let body = format!("{{\"model\": \"m\", \"input\": [{list}]}}");
        let error = decode(&Bytes::from(body)).expect_err(item).to_string();
        assert!(error.contains("2048"), "{error}");
    }
}

#[test]
fn answers_keep_the_order_of_the_inputs() {
    let item =
        |index: u64, vector: Value| json!({"object": "embedding", "index": index, "embedding": vector});
    let openai = |data: Value| json!({"object": "list", "data": data, "usage": {"prompt_tokens": 7}});
    let good = openai(json!([item(1, json!([0.5])), item(0, json!([-1e-3, 2]))]));
    let vectors = OpenAi.read(&good.to_string().into(), 2).expect("an answer");
    assert_eq!((vectors.usage.input, vectors.usage.output), (Some(7), Some(0)));
    let body: Value = serde_json::from_slice(&answer(&vectors, None, &facts(&vectors.usage))).expect("JSON");
    assert_eq!(body["data"], json!([item(0, json!([-1e-3, 2])), item(1, json!([0.5]))]));
    assert_eq!(body["usage"], json!({"prompt_tokens": 7, "total_tokens": 7}));
    for (case, data) in [
        ("one too few", json!([item(0, json!([1]))])),
        ("the same twice", json!([item(0, json!([1])), item(0, json!([1]))])),
        ("an index beyond", json!([item(0, json!([1])), item(2, json!([1]))])),
        ("no numbers", json!([item(0, json!([1])), item(1, json!([null]))])),
        ("words", json!([item(0, json!([1])), item(1, json!(["a"]))])),
        ("an object", json!([item(0, json!([1])), item(1, json!({}))])),
    ] {
        assert!(OpenAi.read(&openai(data).to_string().into(), 2).is_err(), "{case}");
    }
    assert!(OpenAi.read(&Bytes::from_static(b"<html>"), 1).is_err());
    let gemini = json!({"embeddings": [{"values": [1, 2]}], "usageMetadata": {"promptTokenCount": 3}});
    assert_eq!(Gemini.read(&gemini.to_string().into(), 1).expect("an answer").usage.input, Some(3));
    assert!(Gemini.read(&gemini.to_string().into(), 2).is_err());
}

#[test]
fn vectors_are_numbers_unless_base64_is_asked_for() {
    let vectors = OpenAi.read(&json!({"data": [{"embedding": "AAAAPwAAgL8="}]}).to_string().into(), 1);
    let vectors = vectors.expect("an answer");
    let (numbers, base64) = (json!([0.5, -1.0]), json!("AAAAPwAAgL8="));
    for (kind, format, want) in [
        (ProviderKind::OpenAi, None, &numbers),
        (ProviderKind::AzureOpenAi, None, &numbers),
        (ProviderKind::OpenAi, Some(VectorFormat::Base64), &base64),
        (ProviderKind::OpenAiCompatible, Some(VectorFormat::Floats), &numbers),
        // Perplexity's default is base64 of bytes.
        (ProviderKind::OpenAiCompatible, None, &base64),
    ] {
        let told = told_format(format, kind);
        let body: Value =
            serde_json::from_slice(&answer(&vectors, told, &facts(&vectors.usage))).expect("JSON");
        assert_eq!(body["data"][0]["embedding"], *want, "{kind:?}, {format:?}");
    }
}

#[test]
fn base64_of_something_else_stays_as_it_came() {
    let body = json!({"data": [{"index": 0, "embedding": "AQID"}]});
    let vectors = OpenAi.read(&body.to_string().into(), 1).expect("an answer");
    let body = answer(&vectors, Some(VectorFormat::Floats), &facts(&vectors.usage));
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["data"][0]["embedding"], "AQID");
}

proptest! {
    /// There and back, bit for bit.
    #[test]
    fn numbers_and_base64_are_the_same_vector(floats in prop::collection::vec(-1e6f32..1e6, 0..40)) {
        let as_numbers = json!({"embeddings": [{"values": floats}]}).to_string();
        let vectors = Gemini.read(&as_numbers.into(), 1).expect("an answer");
        let there = answer(&vectors, Some(VectorFormat::Base64), &facts(&vectors.usage));
        let there: Value = serde_json::from_slice(&there).expect("JSON");
        prop_assert!(there["data"][0]["embedding"].is_string());
        let vectors: Vectors = OpenAi.read(&there.to_string().into(), 1).expect("an answer");
        let back = answer(&vectors, Some(VectorFormat::Floats), &facts(&vectors.usage));
        let back: Value = serde_json::from_slice(&back).expect("JSON");
        let back: Vec<f32> = serde_json::from_value(back["data"][0]["embedding"].clone()).expect("numbers");
        prop_assert_eq!(back, floats);
    }
}
