//! A second, slow and plain reading of answers, sharing nothing with the codecs.

use gateway_core::usage::Usage;
use serde_json::Value;

/// What an answer says.
#[derive(Debug, Default)]
pub struct Reading {
    pub texts: Vec<String>,
    pub usage: Usage,
    pub has_error: bool,
    pub is_blocked: bool,
}

/// The JSON documents of a stream, in order.
pub fn data_of(body: &[u8]) -> Vec<Value> {
    let body = std::str::from_utf8(body).expect("UTF-8");
    body.lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

/// Reads a whole answer (one document) or a stream (all of them).
pub fn of(provider: &str, documents: &[Value]) -> Reading {
    let mut reading = match provider {
        "anthropic" => anthropic(documents),
        "gemini" => gemini(documents),
        _ => openai(documents),
    };
    reading.has_error =
        documents.iter().any(|document| !document["error"].is_null() || document["type"] == "error");
    reading
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64()
}

/// Merges the fields that a later document names into the earlier ones.
fn merge(all: &mut Value, later: &Value) {
    for (name, value) in later.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        all[name] = value.clone();
    }
}

fn anthropic(documents: &[Value]) -> Reading {
    let mut text = String::new();
    let mut usage = Value::Null;
    for document in documents {
        match document["type"].as_str() {
            Some("message") => {
                let blocks = document["content"].as_array().into_iter().flatten();
                blocks
                    .filter(|block| block["type"] == "text")
                    .for_each(|block| text += block["text"].as_str().expect("text"));
                merge(&mut usage, &document["usage"]);
            }
            Some("message_start") => {
                text.clear();
                usage = document["message"]["usage"].clone();
            }
            Some("content_block_start") => {
                text += document["content_block"]["text"].as_str().unwrap_or_default()
            }
            Some("content_block_delta") if document["delta"]["type"] == "text_delta" => {
                text += document["delta"]["text"].as_str().expect("text");
            }
            Some("message_delta") => merge(&mut usage, &document["usage"]),
            _ => {}
        }
    }
    let sum = |name: &str| {
        let compactions =
            usage["iterations"].as_array().into_iter().flatten().filter(|step| step["type"] == "compaction");
        compactions
            .fold(count(&usage[name]), |sum, step| Some(sum.unwrap_or(0) + count(&step[name]).unwrap_or(0)))
    };
    Reading {
        texts: vec![text],
        usage: Usage {
            input: sum("input_tokens"),
            cache_read: sum("cache_read_input_tokens"),
            // No recording has writes that live an hour.
            cache_write_5m: sum("cache_creation_input_tokens"),
            output: sum("output_tokens"),
            ..Usage::default()
        },
        ..Reading::default()
    }
}

fn gemini(documents: &[Value]) -> Reading {
    let mut reading = Reading::default();
    let mut usage = Value::Null;
    for document in documents {
        for candidate in document["candidates"].as_array().into_iter().flatten() {
            let index = count(&candidate["index"]).and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
            reading.texts.resize(reading.texts.len().max(index + 1), String::new());
            let parts = candidate["content"]["parts"].as_array().into_iter().flatten();
            for part in parts.filter(|part| part["thought"] != true) {
                reading.texts[index] += part["text"].as_str().unwrap_or_default();
            }
        }
        merge(&mut usage, &document["usageMetadata"]);
        reading.is_blocked |=
            document["candidates"].is_null() && !document["promptFeedback"]["blockReason"].is_null();
    }
    let tokens = |name: &str| count(&usage[name]).unwrap_or(0);
    if !usage["promptTokenCount"].is_null() {
        let details = usage["promptTokensDetails"].as_array().into_iter().flatten();
        let audio =
            details.filter(|d| d["modality"] == "AUDIO").filter_map(|d| count(&d["tokenCount"])).sum();
        let prompt = tokens("promptTokenCount") + tokens("toolUsePromptTokenCount");
        reading.usage = Usage {
            input: Some(prompt - tokens("cachedContentTokenCount") - audio),
            cache_read: Some(tokens("cachedContentTokenCount")),
            output: Some(tokens("candidatesTokenCount") + tokens("thoughtsTokenCount")),
            audio_input: Some(audio),
            ..Usage::default()
        };
    }
    reading
}

fn openai(documents: &[Value]) -> Reading {
    let mut reading = Reading::default();
    let mut usage = Value::Null;
    for document in documents {
        for choice in document["choices"].as_array().into_iter().flatten() {
            let index = count(&choice["index"]).and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
            reading.texts.resize(reading.texts.len().max(index + 1), String::new());
            for said in [&choice["message"], &choice["delta"]] {
                reading.texts[index] += said["content"].as_str().unwrap_or_default();
                let parts = said["content"].as_array().into_iter().flatten();
                parts.for_each(|part| reading.texts[index] += part["text"].as_str().unwrap_or_default());
                reading.texts[index] += said["refusal"].as_str().unwrap_or_default();
            }
        }
        if document["usage"].is_object() {
            usage = document["usage"].clone();
        }
    }
    if usage.is_object() {
        let tokens = |value: &Value| count(value).unwrap_or(0);
        let (prompt, made, total) = (
            tokens(&usage["prompt_tokens"]),
            tokens(&usage["completion_tokens"]),
            tokens(&usage["total_tokens"]),
        );
        let reasoning = tokens(&usage["completion_tokens_details"]["reasoning_tokens"]);
        let outside = if total == prompt + made + reasoning { reasoning } else { 0 };
        let details = &usage["prompt_tokens_details"];
        let cached =
            count(&details["cached_tokens"]).or(count(&usage["prompt_cache_hit_tokens"])).unwrap_or(0);
        let (written, audio) = (tokens(&details["cache_write_tokens"]), tokens(&details["audio_tokens"]));
        reading.usage = Usage {
            // Grok on Azure reports more cached tokens than it had in the prompt.
            input: Some(prompt.saturating_sub(cached + written + audio)),
            cache_read: Some(cached),
            cache_write_5m: Some(written),
            output: Some(made + outside),
            audio_input: Some(audio),
            ..Usage::default()
        };
    }
    reading
}
