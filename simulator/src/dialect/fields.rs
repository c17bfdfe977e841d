//! The fields that a dialect knows, with their types: a table each, read before anything else.

use serde_json::{Map, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
    Switch,
    List,
    Object,
    TextOrList,
    TextOrObject,
}

#[derive(Debug)]
pub(crate) enum Mistake<'a> {
    Unknown(&'a str),
    Type { field: &'a str, want: Kind, got: &'a Value },
}

/// The first field that is unknown or of another type. A null is an absent field.
pub(crate) fn mistake<'a>(body: &'a Map<String, Value>, known: &[(&str, Kind)]) -> Option<Mistake<'a>> {
    body.iter().find_map(|(field, got)| match known.iter().find(|(name, _)| name == field) {
        None => Some(Mistake::Unknown(field)),
        Some((_, want)) if !want.fits(got) => Some(Mistake::Type { field, want: *want, got }),
        Some(_) => None,
    })
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        value.is_null()
            || match self {
                Self::Text => value.is_string(),
                Self::Integer => value.is_u64() || value.is_i64(),
                Self::Number => value.is_number(),
                Self::Switch => value.is_boolean(),
                Self::List => value.is_array(),
                Self::Object => value.is_object(),
                Self::TextOrList => value.is_string() || value.is_array(),
                Self::TextOrObject => value.is_string() || value.is_object(),
            }
    }

    /// As OpenAI's messages name it.
    pub(crate) fn openai(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Integer => "an integer",
            Self::Number => "a decimal",
            Self::Switch => "a boolean",
            Self::List => "an array of objects",
            Self::Object => "an object",
            Self::TextOrList => "one of a string or array of strings",
            Self::TextOrObject => "one of a string or object",
        }
    }

    /// As Anthropic's messages name it.
    pub(crate) fn anthropic(self) -> &'static str {
        match self {
            Self::Text => "Input should be a valid string",
            Self::Integer => "Input should be a valid integer",
            Self::Number => "Input should be a valid number",
            Self::Switch => "Input should be a valid boolean",
            Self::List | Self::TextOrList => "Input should be a valid list",
            Self::Object | Self::TextOrObject => "Input should be a valid dictionary",
        }
    }
}

/// "a string", "an object" …, as OpenAI's messages name what they got.
pub(crate) fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Every string of a value, keys left out; what a model would read of it.
pub(crate) fn chars(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.iter().map(chars).sum(),
        Value::Object(fields) => fields.values().map(chars).sum(),
        _ => 0,
    }
}

/// The texts of a list of parts, joined by line ends, or a plain string.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// A stop field: one string or a list of them.
pub(crate) fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(one) => vec![one.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
