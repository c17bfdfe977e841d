//! A second, slow and plain reading of answers, sharing nothing with the codecs.

use gateway_core::conversation::StopReason;
use gateway_core::usage::Usage;
use serde_json::{Map, Value, json};

mod usage;

/// What an answer says.
#[derive(Debug, Default)]
pub struct Reading {
    pub choices: Vec<Choice>,
    pub usage: Usage,
    pub has_error: bool,
    /// A second answer begins in the middle of the first.
    pub is_spliced: bool,
    /// The provider's filter took the prompt, and nothing was answered.
    pub is_blocked: bool,
}

/// What one choice says.
#[derive(Debug, Default, PartialEq)]
pub struct Choice {
    pub text: String,
    pub refusal: String,
    pub thinking: String,
    /// Of thoughts, in order.
    pub signatures: Vec<String>,
    /// Thoughts that came encrypted.
    pub redacted: Vec<String>,
    pub calls: Vec<Call>,
    pub stop: Option<StopReason>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Call {
    pub id: Option<String>,
    pub name: String,
    /// As JSON; a string where the model wrote none.
    pub arguments: Value,
    pub signature: Option<String>,
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
    reading.usage = usage::of(provider, documents);
    reading.has_error =
        documents.iter().any(|document| !document["error"].is_null() || document["type"] == "error");
    reading
}

/// A call's arguments, written as one text; nothing at all is an empty object.
pub fn arguments_of(text: &str) -> Value {
    if text.trim().is_empty() {
        return json!({});
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn anthropic(documents: &[Value]) -> Reading {
    let mut blocks: Vec<Value> = Vec::new();
    let mut choice = Choice::default();
    let mut is_spliced = false;
    for document in documents {
        match document["type"].as_str() {
            Some("message") => {
                blocks = document["content"].as_array().cloned().unwrap_or_default();
                choice.stop = anthropic_stop(&document["stop_reason"]);
            }
            Some("message_start") => is_spliced |= !blocks.is_empty(),
            Some("content_block_start") => {
                let mut block = document["content_block"].clone();
                block["at"] = document["index"].clone();
                blocks.push(block);
            }
            Some("content_block_delta") => {
                let found = blocks.iter_mut().rev().find(|block| block["at"] == document["index"]);
                grow(found.expect("a block of that index"), &document["delta"]);
            }
            Some("message_delta") => {
                choice.stop = anthropic_stop(&document["delta"]["stop_reason"]).or(choice.stop);
            }
            _ => {}
        }
    }
    for block in &blocks {
        anthropic_block(block, &mut choice);
    }
    Reading { choices: vec![choice], is_spliced, ..Reading::default() }
}

fn grow(block: &mut Value, delta: &Value) {
    let (field, more) = match delta["type"].as_str() {
        Some("text_delta") => ("text", &delta["text"]),
        Some("thinking_delta") => ("thinking", &delta["thinking"]),
        Some("signature_delta") => ("signature", &delta["signature"]),
        Some("input_json_delta") => ("written", &delta["partial_json"]),
        _ => return,
    };
    let grown = text_of(&block[field]).to_owned() + text_of(more);
    block[field] = grown.into();
}

fn anthropic_block(block: &Value, choice: &mut Choice) {
    match block["type"].as_str() {
        Some("text") => choice.text += text_of(&block["text"]),
        Some("thinking") => {
            choice.thinking += text_of(&block["thinking"]);
            choice.signatures.extend(block["signature"].as_str().map(str::to_owned));
        }
        Some("redacted_thinking") => choice.redacted.push(text_of(&block["data"]).to_owned()),
        Some("tool_use") => choice.calls.push(Call {
            id: block["id"].as_str().map(str::to_owned),
            name: text_of(&block["name"]).to_owned(),
            arguments: match block["written"].as_str() {
                Some(written) if !written.is_empty() => arguments_of(written),
                _ => block["input"].clone(),
            },
            signature: None,
        }),
        _ => {}
    }
}

fn anthropic_stop(reason: &Value) -> Option<StopReason> {
    Some(match reason.as_str()? {
        "end_turn" => StopReason::End,
        "stop_sequence" => StopReason::StopSequence,
        "max_tokens" | "model_context_window_exceeded" => StopReason::Length,
        "tool_use" => StopReason::ToolCalls,
        "refusal" => StopReason::Refusal,
        _ => StopReason::Other,
    })
}

fn choice_of<'a>(choices: &'a mut Vec<Choice>, index: &Value) -> &'a mut Choice {
    let index = index.as_u64().and_then(|index| usize::try_from(index).ok()).unwrap_or(0);
    while choices.len() <= index {
        choices.push(Choice::default());
    }
    &mut choices[index]
}

fn gemini(documents: &[Value]) -> Reading {
    let mut reading = Reading::default();
    for document in documents {
        for candidate in document["candidates"].as_array().into_iter().flatten() {
            let choice = choice_of(&mut reading.choices, &candidate["index"]);
            for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                gemini_part(part, choice);
            }
            choice.stop = gemini_stop(&candidate["finishReason"]).or(choice.stop);
        }
        reading.is_blocked |=
            document["candidates"].is_null() && !document["promptFeedback"]["blockReason"].is_null();
    }
    for choice in &mut reading.choices {
        // Gemini has no word for it.
        if choice.stop == Some(StopReason::End) && !choice.calls.is_empty() {
            choice.stop = Some(StopReason::ToolCalls);
        }
    }
    reading
}

fn gemini_part(part: &Value, choice: &mut Choice) {
    if part["thought"] == true {
        choice.thinking += text_of(&part["text"]);
        return;
    }
    choice.text += text_of(&part["text"]);
    let call = &part["functionCall"];
    if !call.is_object() {
        return;
    }
    if let Some(name) = call["name"].as_str() {
        choice.calls.push(Call {
            id: call["id"].as_str().map(str::to_owned),
            name: name.to_owned(),
            arguments: if call["args"].is_object() { call["args"].clone() } else { json!({}) },
            signature: part["thoughtSignature"].as_str().map(str::to_owned),
        });
    }
    let open = choice.calls.last_mut().expect("the first piece has a name");
    for piece in call["partialArgs"].as_array().into_iter().flatten() {
        put(&mut open.arguments, text_of(&piece["jsonPath"]), piece);
    }
}

/// Puts a piece of arguments where its path (`$.a.b[0].c`) says; a string is put behind what is there.
fn put(document: &mut Value, path: &str, piece: &Value) {
    let mut place = document;
    for step in path.trim_start_matches('$').split(['.', '[']).filter(|step| !step.is_empty()) {
        if let Some(index) = step.strip_suffix(']') {
            let index: usize = index.parse().expect("an index");
            if !place.is_array() {
                *place = Value::Array(Vec::new());
            }
            let items = place.as_array_mut().expect("made so above");
            while items.len() <= index {
                items.push(Value::Null);
            }
            place = &mut items[index];
        } else {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[step];
        }
    }
    if let Some(more) = piece["stringValue"].as_str() {
        *place = Value::String(text_of(place).to_owned() + more);
    } else if let Some((_, value)) = piece
        .as_object()
        .into_iter()
        .flatten()
        .find(|(key, _)| matches!(key.as_str(), "numberValue" | "boolValue"))
    {
        *place = value.clone();
    }
}

fn gemini_stop(reason: &Value) -> Option<StopReason> {
    Some(match reason.as_str()? {
        "STOP" => StopReason::End,
        "MAX_TOKENS" => StopReason::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR" => {
            StopReason::ContentFilter
        }
        _ => StopReason::Other,
    })
}

fn openai(documents: &[Value]) -> Reading {
    let mut reading = Reading::default();
    for document in documents {
        for said in document["choices"].as_array().into_iter().flatten() {
            let choice = choice_of(&mut reading.choices, &said["index"]);
            let message = if said["message"].is_object() { &said["message"] } else { &said["delta"] };
            choice.text += text_of(&message["content"]);
            // Mistral's models that think answer with a list of parts.
            for part in message["content"].as_array().into_iter().flatten() {
                choice.text += text_of(&part["text"]);
                for thought in part["thinking"].as_array().into_iter().flatten() {
                    choice.thinking += text_of(&thought["text"]);
                }
            }
            choice.refusal += text_of(&message["refusal"]);
            let thinking = message["reasoning_content"].as_str().or(message["reasoning"].as_str());
            choice.thinking += thinking.unwrap_or_default();
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                openai_call(call, choice);
            }
            // Before there were `tool_calls`; it has no id and there is one at most.
            if message["function_call"]["name"].as_str().is_some_and(|name| !name.is_empty()) {
                openai_call(&json!({ "index": 0, "function": message["function_call"] }), choice);
            }
            choice.stop = openai_stop(&said["finish_reason"]).or(choice.stop);
        }
    }
    for call in reading.choices.iter_mut().flat_map(|choice| &mut choice.calls) {
        call.arguments = arguments_of(text_of(&call.arguments));
    }
    reading
}

/// Arguments stay a text until the last piece is there.
fn openai_call(call: &Value, choice: &mut Choice) {
    let function = &call["function"];
    let known = call["index"].as_u64().and_then(|index| usize::try_from(index).ok());
    let is_more = known.is_some_and(|index| index < choice.calls.len());
    if !is_more {
        choice.calls.push(Call {
            id: call["id"].as_str().map(str::to_owned),
            name: text_of(&function["name"]).to_owned(),
            arguments: json!(""),
            signature: call["extra_content"]["google"]["thought_signature"].as_str().map(str::to_owned),
        });
    }
    let open = match known {
        Some(index) => &mut choice.calls[index],
        None => choice.calls.last_mut().expect("one was pushed"),
    };
    open.arguments = Value::String(text_of(&open.arguments).to_owned() + text_of(&function["arguments"]));
}

fn openai_stop(reason: &Value) -> Option<StopReason> {
    Some(match reason.as_str()? {
        "stop" => StopReason::End,
        "length" => StopReason::Length,
        "tool_calls" | "function_call" => StopReason::ToolCalls,
        "content_filter" => StopReason::ContentFilter,
        _ => StopReason::Other,
    })
}
