//! What each provider refuses in a request, as its documentation and its own 400s say: a second opinion
//! on our encoders, which shares nothing with them. Each rule that is broken is one line.

use gateway_core::ids::ProviderKind;
use serde_json::Value;

mod anthropic;
mod gemini;
mod openai;

/// The rules that a body breaks; none, where the provider takes it.
pub fn broken(kind: ProviderKind, model: &str, body: &Value) -> Vec<String> {
    let mut found = Findings::default();
    match kind {
        ProviderKind::Anthropic => anthropic::check(model, body, &mut found),
        ProviderKind::Gemini => gemini::check(model, body, &mut found),
        _ => openai::check(model, body, &mut found),
    }
    found.0
}

#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn need(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }

    /// No field but these.
    fn fields(&mut self, at: &str, object: &Value, known: &[&str]) {
        for field in object.as_object().into_iter().flat_map(|fields| fields.keys()) {
            self.need(known.contains(&field.as_str()), || format!("{at}: unknown field {field}"));
        }
    }

    /// An absent number is fine.
    fn within(&mut self, body: &Value, field: &str, least: f64, most: f64) {
        let value = &body[field];
        let fits = value.is_null() || value.as_f64().is_some_and(|value| (least..=most).contains(&value));
        self.need(fits, || format!("{field}: {value} is not within {least} and {most}"));
    }
}

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// 1 to `most` letters, digits, `_`, `-` and what else is allowed.
fn is_name(name: &str, most: usize, also: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || also.contains(c);
    !name.is_empty() && name.len() <= most && name.chars().all(fits)
}
