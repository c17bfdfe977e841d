//! What a parser's error says to the caller: the field's path and the rule, never a value.

use super::{Dialect, body};
use crate::dialect::Malformed;
use crate::json::{self, Flaw};
use serde::de::DeserializeSeed;

pub(super) fn flawed(body: &[u8], flaw: &Flaw) -> Malformed {
    let (line, column) = json::position(body, flaw.at());
    Malformed::Json { line, column, problem: flaw.to_string().into() }
}

/// Turns a parser's error into ours. Reads the body a second time to learn the path, which the fast
/// reading does not keep; a value never enters the message.
pub(super) fn explain(body: &[u8], dialect: Dialect, error: &serde_json::Error) -> Malformed {
    if !error.is_data() {
        let full = error.to_string();
        let problem = full.split(" at line ").next().unwrap_or("it does not parse").to_owned();
        return Malformed::Json { line: error.line(), column: error.column(), problem: problem.into() };
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let _already_failed = body::Seed { dialect }.deserialize(tracked);
    let field = match track.path().to_string() {
        path if path == "." => "body".to_owned(),
        path => path,
    };
    Malformed::Field { field, problem: expectation(&error.to_string()).into() }
}

/// serde's `invalid type: string "…", expected f64 at line 1 column 9` without the value, which is the caller's.
fn expectation(message: &str) -> String {
    let expected = message.rfind("expected ").map(|at| &message[at + "expected ".len()..]);
    let expected = expected.map(|rest| rest.rsplit_once(" at line ").map_or(rest, |(what, _)| what));
    let expected = match expected {
        Some("f64") => "a number",
        Some("u64") => "a whole number, not negative",
        Some("i64") => "a whole number",
        Some("a boolean") => "true or false",
        Some("a sequence") => "a list",
        Some(other) => other,
        None => "a value of the documented type",
    };
    format!("must be {expected}")
}
