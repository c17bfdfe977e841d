//! A chat completion request, checked as OpenAI checks it.

use actix_web::http::header::HeaderMap;
use serde_json::{Map, Value};

use super::super::fields::{self, Kind, Mistake};
use super::super::{Incoming, Refusal, header, is_missing, is_refused};
use super::{error, no_such_model, wrong_key};
use crate::ask::{Ask, Calls, Delivery, Format, Thinking, Tool, ToolChoice};

const KNOWN: &[(&str, Kind)] = &[
    ("model", Kind::Text),
    ("messages", Kind::List),
    ("audio", Kind::Object),
    ("frequency_penalty", Kind::Number),
    ("function_call", Kind::TextOrObject),
    ("functions", Kind::List),
    ("logit_bias", Kind::Object),
    ("logprobs", Kind::Switch),
    ("max_completion_tokens", Kind::Integer),
    ("max_tokens", Kind::Integer),
    ("metadata", Kind::Object),
    ("modalities", Kind::List),
    ("n", Kind::Integer),
    ("parallel_tool_calls", Kind::Switch),
    ("prediction", Kind::Object),
    ("presence_penalty", Kind::Number),
    ("prompt_cache_key", Kind::Text),
    ("prompt_cache_options", Kind::Object),
    ("prompt_cache_retention", Kind::Text),
    ("reasoning_effort", Kind::Text),
    ("response_format", Kind::Object),
    ("safety_identifier", Kind::Text),
    ("seed", Kind::Integer),
    ("service_tier", Kind::Text),
    ("stop", Kind::TextOrList),
    ("store", Kind::Switch),
    ("stream", Kind::Switch),
    ("stream_options", Kind::Object),
    ("temperature", Kind::Number),
    ("tool_choice", Kind::TextOrObject),
    ("tools", Kind::List),
    ("top_logprobs", Kind::Integer),
    ("top_p", Kind::Number),
    ("user", Kind::Text),
    ("verbosity", Kind::Text),
    ("web_search_options", Kind::Object),
];

pub(crate) fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    check_key(incoming.headers, incoming.refused_keys)?;
    let body = object(incoming.body)?;
    let Some(model) = body.get("model").and_then(Value::as_str) else {
        return Err(error(400, "invalid_request_error", None, None, "you must provide a model parameter"));
    };
    if is_missing(model) {
        return Err(no_such_model(model));
    }
    conversation(&body, model)
}

/// The `authorization` header.
pub(crate) fn check_key(headers: &HeaderMap, refused_keys: &[String]) -> Result<(), Refusal> {
    let Some(key) = header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")) else {
        let message = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from https://platform.openai.com/account/api-keys.";
        return Err(error(401, "invalid_request_error", None, None, message));
    };
    if is_refused(key, refused_keys) {
        return Err(wrong_key(key));
    }
    Ok(())
}

/// The body as an object, in OpenAI's envelope where it is none.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err(error(
            400,
            "invalid_request_error",
            None,
            None,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
        )),
    }
}

/// Everything but key and model's existence, which Azure does in its own way.
pub(crate) fn conversation(body: &Map<String, Value>, model: &str) -> Result<Ask, Refusal> {
    match fields::mistake(body, KNOWN) {
        Some(Mistake::Unknown(field)) => {
            return Err(invalid(field, "unknown_parameter", &format!("Unknown parameter: '{field}'.")));
        }
        Some(Mistake::Type { field, want, got }) => {
            let (want, got) = (want.openai(), fields::shape(got));
            let message = format!("Invalid type for '{field}': expected {want}, but got {got} instead.");
            return Err(invalid(field, "invalid_type", &message));
        }
        None => {}
    }
    let Some(messages) = body.get("messages").and_then(Value::as_array) else {
        return Err(invalid(
            "messages",
            "missing_required_parameter",
            "Missing required parameter: 'messages'.",
        ));
    };
    check_messages(messages)?;
    check_limits(body)?;
    let get = |name: &str| body.get(name).unwrap_or(&Value::Null);
    let reasons = is_reasoning(model);
    if reasons {
        check_reasoning(body, model)?;
    }
    let mut ask = Ask {
        model: model.to_owned(),
        max_tokens: get("max_completion_tokens").as_u64().or_else(|| get("max_tokens").as_u64()),
        stops: fields::strings(get("stop")),
        delivery: match get("stream").as_bool() {
            Some(true) => Delivery::Sse { usage: get("stream_options")["include_usage"] == true },
            _ => Delivery::Json,
        },
        calls: if get("parallel_tool_calls") == false { Calls::OneByOne } else { Calls::Parallel },
        thinking: if reasons { Thinking::Hidden } else { Thinking::Off },
        choices: get("n").as_u64().unwrap_or(1) as usize,
        after_tool: messages.last().is_some_and(|message| message["role"] == "tool"),
        ..Ask::default()
    };
    if ask.delivery == Delivery::Json && !get("stream_options").is_null() {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(error(400, "invalid_request_error", Some("stream_options"), None, message));
    }
    read_messages(&mut ask, messages);
    read_tools(&mut ask, get("tools"), get("tool_choice"))?;
    ask.format = format(get("response_format"))?;
    Ok(ask)
}

/// The o-series and, from GPT-5 on, all but chat models.
fn is_reasoning(model: &str) -> bool {
    let numbered_o =
        model.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let newer = model.starts_with("gpt-5") || model.starts_with("gpt-6");
    numbered_o || (newer && !model.contains("-chat"))
}

fn check_reasoning(body: &Map<String, Value>, model: &str) -> Result<(), Refusal> {
    let set = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    if set("max_tokens") {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Err(invalid("max_tokens", "unsupported_parameter", message));
    }
    // The first of the o-series still know it.
    if set("stop") && !model.starts_with("o1") && !model.starts_with("o3-mini") {
        let message = "Unsupported parameter: 'stop' is not supported with this model.";
        return Err(invalid("stop", "unsupported_parameter", message));
    }
    for field in ["temperature", "top_p"] {
        if let Some(value) = body.get(field).and_then(Value::as_f64).filter(|value| *value != 1.0) {
            let message = format!(
                "Unsupported value: '{field}' does not support {value} with this model. Only the default (1) value is supported."
            );
            return Err(invalid(field, "unsupported_value", &message));
        }
    }
    Ok(())
}

fn check_limits(body: &Map<String, Value>) -> Result<(), Refusal> {
    for (field, least, most) in [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
    ] {
        let Some(value) = body.get(field).and_then(Value::as_f64) else { continue };
        if value < least {
            let message = format!(
                "Invalid '{field}': decimal below minimum value. Expected a value >= {least}, but got {value} instead."
            );
            return Err(invalid(field, "decimal_below_min_value", &message));
        }
        if value > most {
            let message = format!(
                "Invalid '{field}': decimal above maximum value. Expected a value <= {most}, but got {value} instead."
            );
            return Err(invalid(field, "decimal_above_max_value", &message));
        }
    }
    for (field, most) in [("max_tokens", i64::MAX), ("max_completion_tokens", i64::MAX), ("n", 128)] {
        let Some(value) = body.get(field).and_then(Value::as_i64) else { continue };
        if value < 1 {
            let message = format!(
                "Invalid '{field}': integer below minimum value. Expected a value >= 1, but got {value} instead."
            );
            return Err(invalid(field, "integer_below_min_value", &message));
        }
        if value > most {
            let message = format!(
                "Invalid '{field}': integer above maximum value. Expected a value <= {most}, but got {value} instead."
            );
            return Err(invalid(field, "integer_above_max_value", &message));
        }
    }
    if let Some(count) = body.get("stop").and_then(Value::as_array).map(Vec::len).filter(|count| *count > 4) {
        let message = format!(
            "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length {count} instead."
        );
        return Err(invalid("stop", "array_above_max_length", &message));
    }
    Ok(())
}

fn check_messages(messages: &[Value]) -> Result<(), Refusal> {
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(invalid("messages", "empty_array", message));
    }
    let mut open: Vec<&str> = Vec::new();
    for (n, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if !["system", "developer", "user", "assistant", "tool", "function"].contains(&role) {
            let param = format!("messages[{n}].role");
            let text = format!(
                "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
            );
            return Err(invalid(&param, "invalid_value", &text));
        }
        check_content(n, role, message)?;
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(at) = open.iter().position(|known| *known == id) else {
                let param = format!("messages.[{n}].role");
                let text = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return Err(error(400, "invalid_request_error", Some(&param), None, text));
            };
            open.remove(at);
            continue;
        }
        if !open.is_empty() {
            return Err(unanswered(n, &open));
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.filter_map(|call| call["id"].as_str()).collect();
    }
    if open.is_empty() { Ok(()) } else { Err(unanswered(messages.len(), &open)) }
}

fn unanswered(n: usize, ids: &[&str]) -> Refusal {
    let param = format!("messages.[{n}].role");
    let text = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        ids.join(", ")
    );
    error(400, "invalid_request_error", Some(&param), None, &text)
}

fn check_content(n: usize, role: &str, message: &Value) -> Result<(), Refusal> {
    let parts = match &message["content"] {
        Value::String(_) => return Ok(()),
        Value::Null if role == "assistant" || role == "function" => return Ok(()),
        Value::Array(parts) => parts,
        other => {
            let param = format!("messages[{n}].content");
            let text = format!(
                "Invalid type for 'messages[{n}].content': expected one of a string or array of objects, but got {} instead.",
                fields::shape(other)
            );
            return Err(invalid(&param, "invalid_type", &text));
        }
    };
    for (p, part) in parts.iter().enumerate() {
        let kind = part["type"].as_str().unwrap_or_default();
        let known = ["text", "image_url", "input_audio", "refusal", "audio", "file"].contains(&kind);
        let text = match kind {
            _ if !known => format!(
                "Invalid value: '{kind}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'."
            ),
            "text" if !part["text"].is_string() => {
                format!("Missing required parameter: 'messages[{n}].content[{p}].text'.")
            }
            "image_url" if !part["image_url"]["url"].is_string() => {
                format!("Missing required parameter: 'messages[{n}].content[{p}].image_url.url'.")
            }
            "image_url" | "file" if role == "tool" => {
                "Content blocks are expected to be either text or image_url type.".to_owned()
            }
            _ => continue,
        };
        return Err(invalid(&format!("messages[{n}].content[{p}]"), "invalid_value", &text));
    }
    Ok(())
}

fn read_messages(ask: &mut Ask, messages: &[Value]) {
    for message in messages {
        let parts = message["content"].as_array().into_iter().flatten();
        ask.images += parts.filter(|part| part["type"] == "image_url").count();
        ask.prompt_chars +=
            fields::text_of(&message["content"]).chars().count() + fields::chars(&message["tool_calls"]);
    }
    let last = messages.iter().rfind(|message| message["role"] == "user");
    ask.prompt = last.map(|message| fields::text_of(&message["content"])).unwrap_or_default();
}

fn read_tools(ask: &mut Ask, tools: &Value, choice: &Value) -> Result<(), Refusal> {
    for (n, tool) in tools.as_array().into_iter().flatten().enumerate() {
        let Some(name) = tool["function"]["name"].as_str() else {
            let param = format!("tools[{n}].function");
            return Err(invalid(
                &param,
                "missing_required_parameter",
                &format!("Missing required parameter: '{param}'."),
            ));
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            let param = format!("tools[{n}].function.name");
            let text = format!(
                "Invalid '{param}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            );
            return Err(invalid(&param, "invalid_value", &text));
        }
        ask.prompt_chars += fields::chars(tool);
        ask.tools.push(Tool { name: name.to_owned(), schema: tool["function"]["parameters"].clone() });
    }
    ask.choice = match choice {
        Value::Null => ToolChoice::Auto,
        _ if ask.tools.is_empty() => {
            let text =
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.";
            return Err(error(400, "invalid_request_error", Some("tool_choice"), None, text));
        }
        Value::String(word) if word == "required" => ToolChoice::Required,
        Value::String(word) if word == "none" => ToolChoice::Never,
        Value::String(word) if word == "auto" => ToolChoice::Auto,
        named => match named["function"]["name"].as_str() {
            Some(name) if ask.tools.iter().any(|tool| tool.name == name) => {
                ToolChoice::Named(name.to_owned())
            }
            _ => {
                let text = "Invalid value for 'tool_choice': expected 'none', 'auto', 'required' or a function among 'tools'.";
                return Err(error(400, "invalid_request_error", Some("tool_choice"), None, text));
            }
        },
    };
    Ok(())
}

fn format(wanted: &Value) -> Result<Format, Refusal> {
    match wanted["type"].as_str() {
        None if wanted.is_null() => Ok(Format::Text),
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Object),
        Some("json_schema") => {
            let described = &wanted["json_schema"];
            let schema = &described["schema"];
            let lax = |schema: &Value| schema["type"] == "object" && schema["additionalProperties"] != false;
            if described["strict"] == true && lax(schema) {
                let name = described["name"].as_str().unwrap_or_default();
                let text = format!(
                    "Invalid schema for response_format '{name}': In context=(), 'additionalProperties' is required to be supplied and to be false."
                );
                return Err(error(400, "invalid_request_error", Some("response_format"), None, &text));
            }
            Ok(Format::Schema(schema.clone()))
        }
        _ => {
            let text = "Invalid value for 'response_format.type'. Supported values are: 'json_object', 'json_schema', and 'text'.";
            Err(invalid("response_format.type", "invalid_value", text))
        }
    }
}

fn invalid(param: &str, code: &str, message: &str) -> Refusal {
    error(400, "invalid_request_error", Some(param), Some(code), message)
}
