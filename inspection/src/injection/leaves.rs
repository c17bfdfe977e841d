//! The parts of a conversation that are read, each by who wrote it.

use super::guard::Trust;
use crate::redact::json::{self, Token};
use gateway_core::conversation::{Leaf, Place, Value};
use std::borrow::Cow;

/// A text of a conversation, as one reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub trust: Trust,
    pub place: Place,
    pub text: String,
}

/// What callers, tools and documents wrote. What the operator and the model wrote is not theirs to be judged.
pub fn parts(leaves: &[Leaf<'_>]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut goes_on = false;
    for leaf in leaves {
        let Some(trust) = trust(leaf.place) else {
            goes_on = false;
            continue;
        };
        let Some(text) = text(&leaf.value) else { continue };
        match parts.last_mut() {
            Some(last) if leaf.joined && goes_on => last.text.push_str(&text),
            _ => parts.push(Part { trust, place: leaf.place, text: text.into_owned() }),
        }
        goes_on = true;
    }
    parts
}

fn trust(place: Place) -> Option<Trust> {
    match place {
        Place::User => Some(Trust::User),
        Place::Tool | Place::Result | Place::Document => Some(Trust::Untrusted),
        Place::System | Place::Assistant | Place::Beside => None,
    }
}

fn text<'l>(value: &'l Value<'_>) -> Option<Cow<'l, str>> {
    match value {
        Value::Text(text) | Value::Encoded(text) => {
            let text = text.decoded();
            Some(if json::is_document(&text) { Cow::Owned(strings(text.as_bytes())) } else { text })
        }
        Value::Json(document) | Value::Schema(document) => Some(Cow::Owned(strings(document.json()))),
        Value::File { media_type, data, .. } if media_type.starts_with("text/") => {
            use base64::Engine as _;
            let plain = base64::engine::general_purpose::STANDARD.decode(data).ok()?;
            Some(Cow::Owned(String::from_utf8_lossy(&plain).into_owned()))
        }
        Value::Hint { .. } | Value::Name(_) | Value::Identifier(_) | Value::CallId(_) => None,
        Value::File { .. } | Value::FileUrl { .. } | Value::Tokens => None,
    }
}

/// Keys, strings and numbers of a JSON document, a line each: an order in one of them is read as a sentence.
fn strings(document: &[u8]) -> String {
    let mut lines = String::new();
    json::tokens(document, |token| {
        let (span, end) = match token {
            Token::Key(span) => (span, ": "),
            Token::String(span) => (span, "\n"),
            Token::Number(span) => (span, "\n"),
        };
        let quoted = document.get(span.start.saturating_sub(1)..(span.end + 1).min(document.len()));
        match quoted.and_then(|quoted| serde_json::from_slice::<String>(quoted).ok()) {
            Some(plain) => lines.push_str(&plain),
            None => lines.push_str(&String::from_utf8_lossy(&document[span])),
        }
        lines.push_str(end);
    });
    lines
}
