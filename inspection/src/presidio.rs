//! What a Presidio analyzer is asked, and what its answer means: `POST /analyze` of Microsoft Presidio's
//! `presidio-analyzer` server (its `AnalyzerRequest`; a list of texts is answered by a list of lists).

use gateway_core::finding::{Finding, Kind};
use serde::{Deserialize, Serialize};

/// The path of the one call that is made.
pub const PATH: &str = "/analyze";

/// Code points of a text that are asked about at once. The language models behind an analyzer refuse a text of more
/// than a million (spaCy's E088), and their time and memory grow with its length.
const PIECE: usize = 100_000;
/// What two pieces of a text have in common, so that what a cut goes through stands whole in one of them, with some
/// words around it.
const OVERLAP: usize = 1_000;

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
    text: &'a [&'a str],
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

/// The body of a call. A long text goes out in pieces.
pub fn request(texts: &[String], wanted: Wanted) -> Vec<u8> {
    let entities = (wanted == Wanted::Names).then_some(&NAMES[..]);
    let text: Vec<&str> = texts.iter().flat_map(|text| pieces(text)).map(|piece| piece.text).collect();
    serde_json::to_vec(&Request { text: &text, language: "en", entities }).expect("strings always encode")
}

/// A part of a text, and the byte at which it begins there.
struct Piece<'t> {
    at: usize,
    text: &'t str,
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let at = next?;
        let rest = &text[at..];
        let end = rest.char_indices().nth(PIECE).map(|(end, _)| end);
        let piece = &rest[..end.unwrap_or(rest.len())];
        let again = piece.char_indices().nth_back(OVERLAP - 1).map(|(again, _)| at + again);
        next = end.and(again);
        Some(Piece { at, text: piece })
    })
}

/// The finds of each text. `None` where the answer is not one for these texts: then nothing is known.
pub fn answer(body: &[u8], texts: &[String]) -> Option<Vec<Vec<Finding>>> {
    let lists: Vec<Vec<Found<'_>>> = serde_json::from_slice(body).ok()?;
    let mut lists = lists.iter();
    let each = texts.iter().map(|text| {
        let mut all = Vec::new();
        for piece in pieces(text) {
            all.extend(findings(lists.next()?, &piece)?);
        }
        // What stands in two pieces is found in both.
        all.sort_by_key(|find: &Finding| (find.start, find.end));
        all.dedup();
        Some(all)
    });
    let found = each.collect::<Option<Vec<_>>>()?;
    lists.next().is_none().then_some(found)
}

fn findings(list: &[Found<'_>], piece: &Piece<'_>) -> Option<Vec<Finding>> {
    let offsets = Offsets::new(piece.text);
    let find = |found: &Found<'_>| {
        let (start, end) = (piece.at + offsets.byte(found.start)?, piece.at + offsets.byte(found.end)?);
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

    /// What an analyzer would say that knows one name.
    fn answered(asked: &[u8], name: &str) -> Vec<u8> {
        let asked: serde_json::Value = serde_json::from_slice(asked).expect("a request");
        let each = asked["text"].as_array().expect("texts").iter().map(|text| {
            let text = text.as_str().expect("a text");
            assert!(text.chars().count() <= PIECE, "no more is asked about at once");
            let found = text.match_indices(name).map(|(at, _)| {
                let start = text[..at].chars().count();
                let end = start + name.chars().count();
                serde_json::json!({"entity_type": "PERSON", "start": start, "end": end, "score": 1.0})
            });
            found.collect::<serde_json::Value>()
        });
        each.collect::<serde_json::Value>().to_string().into_bytes()
    }

    #[test]
    fn a_long_text_is_asked_about_in_pieces_and_found_as_one() {
        let name = "Zoë Smith";
        for filler in ["a", "é", "😀"] {
            for length in [1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 1_000_001] {
                let mut text = filler.repeat(length);
                // At the beginning, across each cut (which the names before it move on), and at the end.
                let cuts = (1..=length / (PIECE - OVERLAP))
                    .map(|cut| cut * (PIECE - OVERLAP) + OVERLAP - 4 - cut * name.chars().count());
                let wanted: Vec<usize> = [0].into_iter().chain(cuts.filter(|at| *at < length)).collect();
                for at in wanted.iter().rev() {
                    text.insert_str(at * filler.len(), name);
                }
                text.push_str(name);
                let texts = ["before".to_owned(), text, String::new()];
                let found =
                    answer(&answered(&request(&texts, Wanted::All), name), &texts).expect("an answer");
                let spans: Vec<usize> = found[1].iter().map(|find| find.start).collect();
                let stands: Vec<usize> = texts[1].match_indices(name).map(|(at, _)| at).collect();
                assert_eq!(spans, stands, "{length} of {filler}");
                assert!(found[1].iter().all(|find| &texts[1][find.span()] == name));
                assert_eq!((found[0].len(), found[2].len()), (0, 0));
            }
        }
        let long = ["a".repeat(PIECE + 1)];
        for (case, lists) in [("too few", "[[]]"), ("too many", "[[],[],[]]")] {
            assert!(answer(lists.as_bytes(), &long).is_none(), "{case}");
        }
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
