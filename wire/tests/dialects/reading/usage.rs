//! What an answer cost in tokens, read plainly.

use gateway_core::usage::Usage;
use serde_json::Value;

pub fn of(provider: &str, documents: &[Value]) -> Usage {
    match provider {
        "anthropic" => anthropic(documents),
        "gemini" => gemini(documents),
        _ => openai(documents),
    }
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

fn anthropic(documents: &[Value]) -> Usage {
    let mut usage = Value::Null;
    for document in documents {
        match document["type"].as_str() {
            Some("message" | "message_delta") => merge(&mut usage, &document["usage"]),
            Some("message_start") => usage = document["message"]["usage"].clone(),
            _ => {}
        }
    }
    let sum = |name: &str| {
        let compactions =
            usage["iterations"].as_array().into_iter().flatten().filter(|step| step["type"] == "compaction");
        compactions
            .fold(count(&usage[name]), |sum, step| Some(sum.unwrap_or(0) + count(&step[name]).unwrap_or(0)))
    };
    Usage {
        input: sum("input_tokens"),
        cache_read: sum("cache_read_input_tokens"),
        // No recording has writes that live an hour.
        cache_write_5m: sum("cache_creation_input_tokens"),
        output: sum("output_tokens"),
        ..Usage::default()
    }
}

fn gemini(documents: &[Value]) -> Usage {
    let mut usage = Value::Null;
    documents.iter().for_each(|document| merge(&mut usage, &document["usageMetadata"]));
    let tokens = |name: &str| count(&usage[name]).unwrap_or(0);
    if usage["promptTokenCount"].is_null() {
        return Usage::default();
    }
    let details = usage["promptTokensDetails"].as_array().into_iter().flatten();
    let audio = details.filter(|d| d["modality"] == "AUDIO").filter_map(|d| count(&d["tokenCount"])).sum();
    let prompt = tokens("promptTokenCount") + tokens("toolUsePromptTokenCount");
    Usage {
        input: Some(prompt - tokens("cachedContentTokenCount") - audio),
        cache_read: Some(tokens("cachedContentTokenCount")),
        output: Some(tokens("candidatesTokenCount") + tokens("thoughtsTokenCount")),
        audio_input: Some(audio),
        ..Usage::default()
    }
}

fn openai(documents: &[Value]) -> Usage {
    let Some(usage) = documents.iter().map(|document| &document["usage"]).rfind(|usage| usage.is_object())
    else {
        return Usage::default();
    };
    let tokens = |value: &Value| count(value).unwrap_or(0);
    let (prompt, made, total) = (
        tokens(&usage["prompt_tokens"]),
        tokens(&usage["completion_tokens"]),
        tokens(&usage["total_tokens"]),
    );
    let reasoning = tokens(&usage["completion_tokens_details"]["reasoning_tokens"]);
    let outside = if total == prompt + made + reasoning { reasoning } else { 0 };
    let details = &usage["prompt_tokens_details"];
    let cached = count(&details["cached_tokens"]).or(count(&usage["prompt_cache_hit_tokens"])).unwrap_or(0);
    let (written, audio) = (tokens(&details["cache_write_tokens"]), tokens(&details["audio_tokens"]));
    Usage {
        // Grok on Azure reports more cached tokens than it had in the prompt.
        input: Some(prompt.saturating_sub(cached + written + audio)),
        cache_read: Some(cached),
        cache_write_5m: Some(written),
        output: Some(made + outside),
        audio_input: Some(audio),
        ..Usage::default()
    }
}
