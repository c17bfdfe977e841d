//! A generateContent request, checked as Gemini checks it. Field names may be camelCase or snake_case.

use serde_json::{Value, json};

use super::super::fields;
use super::super::{Incoming, Refusal, header, is_missing, is_refused};
use super::{error, no_such_model, wrong_key};
use crate::ask::{Ask, Delivery, Format, Thinking, Tool, ToolChoice};

const TOP: &[&str] = &[
    "model",
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
    "labels",
    "modelArmorConfig",
    "serviceTier",
];

const CONFIG: &[&str] = &[
    "candidateCount",
    "frequencyPenalty",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];

const PARTS: &[&str] = &[
    "text",
    "thought",
    "thoughtSignature",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "videoMetadata",
    "mediaResolution",
];

/// Key and model.
pub(crate) fn check(incoming: &Incoming<'_>) -> Result<(), Refusal> {
    let model = incoming.path_model;
    let mut pairs = incoming.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    if pairs.any(|(name, _)| name == "key") {
        // The real one takes it; here a key in a URL, and so in logs, is a mistake of the caller.
        return Err(invalid("The simulator refuses an API key in the URL: send it as `x-goog-api-key`."));
    }
    match header(incoming.headers, "x-goog-api-key") {
        None => {
            return Err(error(
                403,
                "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
                None,
            ));
        }
        Some(key) if is_refused(key, incoming.refused_keys) => return Err(wrong_key()),
        Some(_) => {}
    }
    if is_missing(model) {
        return Err(no_such_model(model));
    }
    Ok(())
}

pub(crate) fn read(incoming: &Incoming<'_>) -> Result<Ask, Refusal> {
    check(incoming)?;
    let model = incoming.path_model;
    let mut pairs = incoming.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let Ok(body @ Value::Object(_)) = serde_json::from_slice(incoming.body) else {
        return Err(invalid("Invalid JSON payload received. Unexpected token."));
    };
    check_names(&body, TOP, "")?;
    let config = get(&body, "generationConfig");
    check_config(config)?;
    let contents = check_contents(get(&body, "contents"), model)?;
    let mut ask = Ask {
        model: model.to_owned(),
        max_tokens: get(config, "maxOutputTokens").as_u64(),
        stops: fields::strings(get(config, "stopSequences")),
        delivery: match (incoming.streamed_by_path, pairs.any(|pair| pair == ("alt", "sse"))) {
            (true, true) => Delivery::Sse { usage: true },
            (true, false) => Delivery::JsonArray,
            (false, _) => Delivery::Json,
        },
        thinking: thinking(model, get(config, "thinkingConfig")),
        choices: get(config, "candidateCount").as_u64().unwrap_or(1) as usize,
        ..Ask::default()
    };
    ask.prompt_chars = fields::chars(get(&body, "systemInstruction"));
    read_contents(&mut ask, contents);
    read_tools(&mut ask, &body)?;
    ask.format = format(config)?;
    Ok(ask)
}

/// A field by its camelCase name, or by the same in snake_case.
fn get<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).or_else(|| value.get(snake(name))).unwrap_or(&Value::Null)
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        if char.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

fn check_names(value: &Value, known: &[&str], at: &str) -> Result<(), Refusal> {
    let is_known = |field: &str| known.iter().any(|name| *name == field || snake(name) == field);
    match value.as_object().into_iter().flatten().find(|(field, _)| !is_known(field)) {
        None => Ok(()),
        Some((field, _)) => Err(unknown(field, at)),
    }
}

fn unknown(field: &str, at: &str) -> Refusal {
    let place = if at.is_empty() { String::new() } else { format!(" at '{at}'") };
    let message =
        format!("Invalid JSON payload received. Unknown name \"{field}\"{place}: Cannot find field.");
    let details = json!([{"@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": at, "description": message}]}]);
    error(400, &message, Some(details))
}

fn check_config(config: &Value) -> Result<(), Refusal> {
    check_names(config, CONFIG, "generation_config")?;
    for (name, kind) in [
        ("temperature", "TYPE_FLOAT"),
        ("topP", "TYPE_FLOAT"),
        ("maxOutputTokens", "TYPE_INT32"),
        ("candidateCount", "TYPE_INT32"),
        ("topK", "TYPE_INT32"),
    ] {
        let value = get(config, name);
        let fits = if kind == "TYPE_FLOAT" { value.is_number() } else { value.is_i64() };
        if !value.is_null() && !fits {
            let field = snake(name);
            return Err(invalid(&format!("Invalid value at 'generation_config.{field}' ({kind}), {value}")));
        }
    }
    if get(config, "temperature").as_f64().is_some_and(|value| !(0.0..=2.0).contains(&value)) {
        return Err(invalid(
            "* GenerateContentRequest.generation_config.temperature: temperature must be in the range [0.0, 2.0].\n",
        ));
    }
    if get(config, "maxOutputTokens").as_i64().is_some_and(|value| value < 1) {
        return Err(invalid(
            "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n",
        ));
    }
    if get(config, "stopSequences").as_array().is_some_and(|stops| stops.len() > 5) {
        return Err(invalid(
            "* GenerateContentRequest.generation_config.stop_sequences: at most 5 stop sequences are allowed.\n",
        ));
    }
    Ok(())
}

fn check_contents<'a>(contents: &'a Value, model: &str) -> Result<&'a [Value], Refusal> {
    let contents = match contents.as_array() {
        Some(contents) if !contents.is_empty() => contents,
        _ => return Err(invalid("* GenerateContentRequest.contents: contents is not specified\n")),
    };
    for (n, content) in contents.iter().enumerate() {
        if !matches!(content["role"].as_str().unwrap_or("user"), "user" | "model" | "function") {
            return Err(invalid("Please use a valid role: user, model."));
        }
        let parts = match content["parts"].as_array() {
            Some(parts) if !parts.is_empty() => parts,
            _ => {
                return Err(invalid(&format!(
                    "* GenerateContentRequest.contents[{n}].parts: contents.parts must not be empty.\n"
                )));
            }
        };
        for (p, part) in parts.iter().enumerate() {
            check_names(part, PARTS, &format!("contents[{n}].parts[{p}]"))?;
            check_file(get(get(part, "fileData"), "fileUri"))?;
        }
        // From Gemini 3 on the first call of a turn carries the signature of the thoughts before it.
        let call = parts.iter().find(|part| get(part, "functionCall").is_object());
        if model.contains("gemini-3") && call.is_some_and(|call| !get(call, "thoughtSignature").is_string()) {
            return Err(invalid(
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance.",
            ));
        }
    }
    Ok(contents)
}

/// A file of the API's own store belongs to the project that uploaded it, and here nobody did.
fn check_file(uri: &Value) -> Result<(), Refusal> {
    let stored = uri.as_str().and_then(|uri| uri.split_once("generativelanguage.googleapis.com/"));
    let Some((_, file)) = stored.and_then(|(_, path)| path.split_once("files/")) else { return Ok(()) };
    let message = format!("You do not have permission to access the File {file} or it may not exist.");
    Err(error(403, &message, None))
}

fn thinking(model: &str, config: &Value) -> Thinking {
    let thinks = model.contains("gemini-3") || (model.contains("gemini-2.5") && !model.contains("lite"));
    if !thinks || get(config, "thinkingBudget") == 0 {
        return Thinking::Off;
    }
    if get(config, "includeThoughts") == true { Thinking::Shown } else { Thinking::Hidden }
}

fn read_contents(ask: &mut Ask, contents: &[Value]) {
    for content in contents {
        for part in content["parts"].as_array().into_iter().flatten() {
            ask.images += usize::from(!get(part, "inlineData").is_null() || !get(part, "fileData").is_null());
            ask.prompt_chars += fields::chars(&part["text"])
                + fields::chars(get(part, "functionCall"))
                + fields::chars(get(part, "functionResponse"));
        }
    }
    let text = |content: &Value| {
        let text = fields::text_of(&content["parts"]);
        (content["role"] != "model" && !text.is_empty()).then_some(text)
    };
    ask.prompt = contents.iter().rev().find_map(text).unwrap_or_default();
    let last = contents.last().and_then(|content| content["parts"].as_array());
    ask.after_tool =
        last.is_some_and(|parts| parts.iter().any(|part| get(part, "functionResponse").is_object()));
}

fn read_tools(ask: &mut Ask, body: &Value) -> Result<(), Refusal> {
    for (t, tool) in body["tools"].as_array().into_iter().flatten().enumerate() {
        for (f, function) in get(tool, "functionDeclarations").as_array().into_iter().flatten().enumerate() {
            let at = format!("tools[{t}].function_declarations[{f}]");
            let name = function["name"].as_str().unwrap_or_default();
            if !is_function_name(name) {
                return Err(invalid(&format!(
                    "* GenerateContentRequest.{at}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n"
                )));
            }
            check_schema(&function["parameters"], &format!("{at}.parameters"))?;
            ask.prompt_chars += fields::chars(function);
            let schema = [&function["parameters"], get(function, "parametersJsonSchema")];
            let schema = schema.into_iter().find(|schema| !schema.is_null()).unwrap_or(&Value::Null);
            ask.tools.push(Tool { name: name.to_owned(), schema: schema.clone() });
        }
    }
    let calling = get(get(body, "toolConfig"), "functionCallingConfig");
    let allowed = fields::strings(get(calling, "allowedFunctionNames"));
    ask.choice = match (calling["mode"].as_str().unwrap_or("AUTO"), allowed.as_slice()) {
        ("ANY", [one]) => ToolChoice::Named(one.clone()),
        ("ANY", _) => ToolChoice::Required,
        ("NONE", _) => ToolChoice::Never,
        ("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED", _) => ToolChoice::Auto,
        (mode, _) => {
            return Err(invalid(&format!(
                "Invalid value at 'tool_config.function_calling_config.mode' (type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode), \"{mode}\""
            )));
        }
    };
    Ok(())
}

fn is_function_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.:-".contains(c))
}

/// `parameters` and `responseSchema` are a subset of OpenAPI's schema: these words of JSON schema are unknown.
fn check_schema(schema: &Value, at: &str) -> Result<(), Refusal> {
    let foreign = ["additionalProperties", "$ref", "$defs", "$schema", "const", "oneOf", "allOf"];
    for word in foreign {
        if schema.get(word).is_some() {
            return Err(unknown(word, at));
        }
    }
    if schema["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("array"))
        && schema["items"].is_null()
    {
        return Err(invalid(&format!("* GenerateContentRequest.{at}.items: missing field.\n")));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        check_schema(property, &format!("{at}.properties[{name}]"))?;
    }
    if schema["items"].is_object() {
        check_schema(&schema["items"], &format!("{at}.items"))?;
    }
    Ok(())
}

fn format(config: &Value) -> Result<Format, Refusal> {
    let schema = get(config, "responseSchema");
    check_schema(schema, "generation_config.response_schema")?;
    let schema = [schema, get(config, "responseJsonSchema")].into_iter().find(|schema| !schema.is_null());
    match (get(config, "responseMimeType").as_str().unwrap_or("text/plain"), schema) {
        ("application/json", Some(schema)) => Ok(Format::Schema(schema.clone())),
        ("application/json", None) => Ok(Format::Object),
        (_, Some(_)) => Err(invalid(
            "* GenerateContentRequest.generation_config.response_mime_type: response_schema needs \"application/json\".\n",
        )),
        (_, None) => Ok(Format::Text),
    }
}

pub(crate) fn invalid(message: &str) -> Refusal {
    error(400, message, None)
}
