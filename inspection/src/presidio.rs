//! What a Presidio analyzer is asked, and what its answer means: `POST /analyze` of Microsoft Presidio's
//! `presidio-analyzer` server (its `AnalyzerRequest`; a list of texts is answered by a list of lists).

use gateway_core::finding::{Finding, Kind};
use serde::{Deserialize, Serialize};

/// The path of the one call that is made.
pub const PATH: &str = "/analyze";

/// Names and places: all that is asked for beside the engine that is built in.
const NAMES: [&str; 2] = ["PERSON", "LOCATION"];

/// Which finds are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every kind that the analyzer knows.
    All,
    Names,
}

#[derive(Serialize)]
struct Request<'a> {
    text: &'a [String],
    language: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entities: Option<&'a [&'static str]>,
}

/// Offsets count code points.
#[derive(Deserialize)]
struct Found<'a> {
    entity_type: &'a str,
    start: usize,
    end: usize,
    score: f64,
}

/// The body of a call.
pub fn request(texts: &[String], wanted: Wanted) -> Vec<u8> {
    let entities = (wanted == Wanted::Names).then_some(&NAMES[..]);
    serde_json::to_vec(&Request { text: texts, language: "en", entities }).expect("strings always encode")
}

/// The finds of each text. `None` where the answer is not one for these texts: then nothing is known.
pub fn answer(body: &[u8], texts: &[String]) -> Option<Vec<Vec<Finding>>> {
    let lists: Vec<Vec<Found<'_>>> = serde_json::from_slice(body).ok()?;
    if lists.len() != texts.len() {
        return None;
    }
    lists.iter().zip(texts).map(|(list, text)| findings(list, text)).collect()
}

fn findings(list: &[Found<'_>], text: &str) -> Option<Vec<Finding>> {
    let offsets = Offsets::new(text);
    let find = |found: &Found<'_>| {
        let (start, end) = (offsets.byte(found.start)?, offsets.byte(found.end)?);
        // A kind that can't be named is still kept in, as what it is to us: something personal.
        let kind = Kind::learn(found.entity_type).unwrap_or(Kind::PERSON);
        let per_cent = (found.score * 100.0).clamp(1.0, 100.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 1..=100 above"
        )]
        let score = per_cent as u8;
        (start < end).then(|| Finding::new(kind, start..end, score))
    };
    list.iter().map(find).collect()
}

/// Bytes of code points.
struct Offsets<'t> {
    text: &'t str,
    /// Of each character; empty where all are ASCII.
    bytes: Vec<usize>,
}

impl Offsets<'_> {
    fn new(text: &str) -> Offsets<'_> {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
        };
        Offsets { text, bytes }
    }

    fn byte(&self, point: usize) -> Option<usize> {
        if self.bytes.is_empty() {
            return (point <= self.text.len()).then_some(point);
        }
        self.bytes.get(point).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_names_texts_language_and_what_is_wanted() {
        let texts = ["Ann".to_owned()];
        assert_eq!(request(&texts, Wanted::All), br#"{"text":["Ann"],"language":"en"}"#);
        assert_eq!(
            request(&texts, Wanted::Names),
            br#"{"text":["Ann"],"language":"en","entities":["PERSON","LOCATION"]}"#
        );
    }

    #[test]
    fn code_points_become_bytes() {
        let texts = ["é Ann".to_owned(), "Bob".to_owned()];
        let body =
            br#"[[{"entity_type":"PERSON","start":2,"end":5,"score":0.85,"analysis_explanation":null}],
            [{"entity_type":"PERSON","start":0,"end":3,"score":1.0}]]"#;
        let found = answer(body, &texts).expect("it is an answer");
        assert_eq!(found[0], [Finding::new(Kind::PERSON, 3..6, 85)]);
        assert_eq!(found[1], [Finding::new(Kind::PERSON, 0..3, 100)]);
    }

    #[test]
    fn what_is_no_answer_for_these_texts_is_none() {
        let texts = ["Ann".to_owned()];
        for (case, body) in [
            ("an error", &br#"{"error":"x"}"#[..]),
            ("too few lists", b"[]"),
            ("too many lists", b"[[],[]]"),
            ("beyond the text", br#"[[{"entity_type":"PERSON","start":0,"end":9,"score":1}]]"#),
            ("backwards", br#"[[{"entity_type":"PERSON","start":2,"end":1,"score":1}]]"#),
            ("no JSON", b"<html>"),
        ] {
            assert!(answer(body, &texts).is_none(), "{case}");
        }
    }
}
