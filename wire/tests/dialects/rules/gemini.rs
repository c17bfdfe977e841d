//! ai.google.dev/api/generate-content, and the 400s of its API.

use super::{Findings, list, text};
use serde_json::Value;

const CONFIG: &[&str] = &[
    "candidateCount",
    "frequencyPenalty",
    "maxOutputTokens",
    "presencePenalty",
    "responseJsonSchema",
    "responseMimeType",
    "responseSchema",
    "seed",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];
/// Fields of Gemini's own schema, a subset of OpenAPI's.
const SCHEMA: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
];

pub(super) fn check(model: &str, body: &Value, found: &mut Findings) {
    let known =
        ["contents", "systemInstruction", "generationConfig", "tools", "toolConfig", "serviceTier", "labels"];
    found.fields("body", body, &known);
    let config = &body["generationConfig"];
    found.fields("generationConfig", config, CONFIG);
    found.need(config["maxOutputTokens"].as_u64().is_some_and(|most| most > 0), || {
        "no maxOutputTokens".into()
    });
    found.within(config, "temperature", 0.0, 2.0);
    found.within(config, "topP", 0.0, 1.0);
    found.within(config, "candidateCount", 1.0, 8.0);
    found.need(list(&config["stopSequences"]).count() <= 5, || "more than 5 stopSequences".into());
    let has_schema = !config["responseSchema"].is_null() || !config["responseJsonSchema"].is_null();
    let mime = text(&config["responseMimeType"]);
    found
        .need(!has_schema || mime == "application/json", || "a response schema without its MIME type".into());
    let both = !config["responseSchema"].is_null() && !config["responseJsonSchema"].is_null();
    found.need(!both, || "two response schemas".into());
    schema("responseSchema", &config["responseSchema"], found);
    thinking(model, &config["thinkingConfig"], found);
    tools(body, found);
    for part in list(&body["systemInstruction"]["parts"]) {
        found.need(part["text"].is_string(), || format!("systemInstruction: {part}"));
    }
    contents(model, body, found);
}

fn thinking(model: &str, config: &Value, found: &mut Findings) {
    found.fields("thinkingConfig", config, &["includeThoughts", "thinkingBudget", "thinkingLevel"]);
    let (budget, level) = (&config["thinkingBudget"], &config["thinkingLevel"]);
    found.need(budget.is_null() || level.is_null(), || "thinkingBudget and thinkingLevel".into());
    found.need(level.is_null() || model.contains("gemini-3"), || format!("thinkingLevel with {model}"));
    let least = if model.contains("2.5-pro") { 128 } else { 0 };
    let fits = budget.is_null() || budget.as_i64().is_some_and(|budget| budget == -1 || budget >= least);
    found.need(fits, || format!("thinkingBudget: {budget}"));
}

/// Starts with a letter or `_`, then letters, digits, `_ . : -`.
fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && super::is_name(name, 64, ".:")
}

fn tools(body: &Value, found: &mut Findings) {
    let mut names = Vec::new();
    for tool in list(&body["tools"]) {
        found.fields("tools", tool, &["functionDeclarations"]);
        for function in list(&tool["functionDeclarations"]) {
            let name = text(&function["name"]);
            found.fields(
                "function",
                function,
                &["name", "description", "parameters", "parametersJsonSchema"],
            );
            found.need(is_name(name), || format!("tools: name {name}"));
            schema(name, &function["parameters"], found);
            let free = &function["parametersJsonSchema"];
            found.need(free.is_null() || free.is_object(), || format!("parametersJsonSchema of {name}"));
            found.need(free.is_null() || function["parameters"].is_null(), || {
                format!("two schemas of {name}")
            });
            names.push(name);
        }
    }
    let calling = &body["toolConfig"]["functionCallingConfig"];
    if calling.is_null() {
        return;
    }
    let mode = text(&calling["mode"]);
    found.need(["AUTO", "ANY", "NONE", "VALIDATED"].contains(&mode), || format!("mode {mode}"));
    found.need(!names.is_empty(), || "toolConfig without tools".into());
    let allowed: Vec<&str> = list(&calling["allowedFunctionNames"]).map(text).collect();
    found.need(allowed.is_empty() || mode == "ANY" || mode == "VALIDATED", || {
        format!("allowed names in {mode}")
    });
    found.need(allowed.iter().all(|name| names.contains(name)), || format!("no such function: {allowed:?}"));
}

fn schema(at: &str, schema: &Value, found: &mut Findings) {
    if schema.is_null() {
        return;
    }
    found.fields(&format!("schema of {at}"), schema, SCHEMA);
    let kind = text(&schema["type"]).to_lowercase();
    let kinds = ["string", "number", "integer", "boolean", "array", "object", "null"];
    let typed = kinds.contains(&kind.as_str()) || schema["anyOf"].is_array();
    found.need(typed, || format!("schema of {at}: type {}", schema["type"]));
    found.need(kind != "array" || schema["items"].is_object(), || format!("schema of {at}: no items"));
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        self::schema(&format!("{at}.{name}"), inner, found);
    }
    self::schema(&format!("{at}[]"), &schema["items"], found);
    list(&schema["anyOf"]).for_each(|inner| self::schema(at, inner, found));
}

fn contents(model: &str, body: &Value, found: &mut Findings) {
    let all: Vec<&Value> = list(&body["contents"]).collect();
    found.need(!all.is_empty(), || "contents: none".into());
    let mut open: Vec<&str> = Vec::new();
    for (n, content) in all.iter().enumerate() {
        let role = text(&content["role"]);
        found.need(role == "user" || role == "model", || format!("contents[{n}]: role {role}"));
        found.need(list(&content["parts"]).next().is_some(), || format!("contents[{n}]: no parts"));
        list(&content["parts"]).for_each(|content| part(n, role, content, found));
        let answered: Vec<&str> = names(content, "functionResponse");
        // As many results as calls, in one content right after them.
        found.need(answered.len() == open.len(), || {
            format!("contents[{n}]: {open:?} answered by {answered:?}")
        });
        found.need(answered == open, || format!("contents[{n}]: the order {open:?} became {answered:?}"));
        open = names(content, "functionCall");
        let first = list(&content["parts"]).find(|part| !part["functionCall"].is_null());
        let signed = first.is_none_or(|part| part["thoughtSignature"].is_string());
        found.need(signed || !model.contains("gemini-3"), || {
            format!("contents[{n}]: Function call is missing a thought_signature in functionCall parts")
        });
    }
    found.need(open.is_empty(), || format!("calls without results: {open:?}"));
}

fn names<'a>(content: &'a Value, kind: &str) -> Vec<&'a str> {
    list(&content["parts"])
        .filter(|part| !part[kind].is_null())
        .map(|part| text(&part[kind]["name"]))
        .collect()
}

fn part(n: usize, role: &str, part: &Value, found: &mut Findings) {
    const DATA: [&str; 5] = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
    found.fields(
        "part",
        part,
        &[
            "text",
            "inlineData",
            "fileData",
            "functionCall",
            "functionResponse",
            "thought",
            "thoughtSignature",
        ],
    );
    let kinds: Vec<&str> = DATA.into_iter().filter(|kind| !part[*kind].is_null()).collect();
    found.need(kinds.len() == 1, || format!("contents[{n}]: one data field a part: {part}"));
    let holds = match kinds.first().copied().unwrap_or_default() {
        "inlineData" => part["inlineData"]["mimeType"].is_string() && part["inlineData"]["data"].is_string(),
        "fileData" => part["fileData"]["fileUri"].is_string(),
        "functionCall" => {
            let args = &part["functionCall"]["args"];
            role == "model"
                && is_name(text(&part["functionCall"]["name"]))
                && (args.is_object() || args.is_null())
        }
        "functionResponse" => {
            let response = &part["functionResponse"];
            role == "user" && is_name(text(&response["name"])) && response["response"].is_object()
        }
        _ => true,
    };
    found.need(holds, || format!("contents[{n}]: {part}"));
}
