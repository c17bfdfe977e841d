//! Values that fit simple JSON schemas: arguments of tools and structured answers.

use serde_json::{Map, Value, json};

/// Deeper schemas (or `$ref` circles) end in null.
const DEPTH: usize = 8;

/// Arguments for a tool: its schema's required properties. `said` takes the place of sample strings.
pub(crate) fn arguments(schema: &Value, said: Option<&str>) -> Value {
    match example(schema, said) {
        Value::Object(object) => Value::Object(object),
        _ => json!({}),
    }
}

/// A value that fits the schema; `said` takes the place of sample strings.
pub(crate) fn example(schema: &Value, said: Option<&str>) -> Value {
    Sample { root: schema, said }.of(schema, "", DEPTH)
}

struct Sample<'a> {
    root: &'a Value,
    said: Option<&'a str>,
}

impl Sample<'_> {
    fn of(&self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth == 0 {
            return Value::Null;
        }
        if let Some(path) = schema["$ref"].as_str() {
            let target = self.root.pointer(path.trim_start_matches('#')).unwrap_or(&Value::Null);
            return self.of(target, name, depth - 1);
        }
        if let Some(value) = schema.get("const").or_else(|| schema["enum"].get(0)) {
            return value.clone();
        }
        for several in ["anyOf", "oneOf", "allOf", "any_of"] {
            if let Some(first) = schema[several].get(0) {
                return self.of(first, name, depth - 1);
            }
        }
        // `type` is a word, or (JSON schema only) a list of them; Gemini writes it in capitals.
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
        match kind.to_ascii_lowercase().as_str() {
            "string" => self.string(schema, name),
            "integer" => schema.get("minimum").cloned().unwrap_or_else(|| json!(7)),
            "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(7.5)),
            "boolean" => json!(true),
            "array" => json!([self.of(&schema["items"], name, depth - 1)]),
            _ if schema["properties"].is_object() => self.object(schema, depth),
            "object" => json!({}),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        // A schema that does not say what is required gets everything.
        let required = schema["required"].as_array();
        let wanted = |name: &str| required.is_none_or(|names| names.iter().any(|known| known == name));
        let properties = schema["properties"].as_object().into_iter().flatten();
        properties
            .filter(|(name, _)| wanted(name))
            .map(|(name, of)| (name.clone(), self.of(of, name, depth - 1)))
            .collect::<Map<_, _>>()
            .into()
    }

    fn string(&self, schema: &Value, name: &str) -> Value {
        let sample = match (schema["format"].as_str(), name) {
            (Some("date"), _) => "2026-01-31",
            (Some("date-time"), _) => "2026-01-31T12:00:00Z",
            (_, "city" | "location" | "place") => "Berlin",
            (_, "country") => "Germany",
            _ => "example",
        };
        json!(self.said.unwrap_or(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_fit_their_schema() {
        let plain = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"},
            "note": {"type": "string"}}, "required": ["city", "days"]});
        let gemini = json!({"type": "OBJECT", "properties": {"unit": {"type": "STRING", "enum": ["C", "F"]}}, "required": ["unit"]});
        let linked = json!({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object",
            "properties": {"list": {"type": "array", "items": {"type": ["number", "null"]}}}, "required": ["list"]}}});
        let circle = json!({"$ref": "#"});
        for (case, schema, said, want) in [
            ("required only", &plain, None, json!({"city": "Berlin", "days": 7})),
            ("words of the prompt", &plain, Some("[CITY_1]"), json!({"city": "[CITY_1]", "days": 7})),
            ("capitals and enum", &gemini, Some("x"), json!({"unit": "C"})),
            ("references", &linked, None, json!({"list": [7.5]})),
            ("a circle", &circle, None, Value::Null),
            ("nothing", &Value::Null, None, Value::Null),
        ] {
            assert_eq!(example(schema, said), want, "{case}");
        }
        assert_eq!(arguments(&Value::Null, None), json!({}));
    }
}
