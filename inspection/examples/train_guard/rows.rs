//! Labelled texts, and what is measured of each.

use gateway_inspection::injection::{Common, Concepts, Setting, features, sentences, views};
use std::io;

/// A labelled text.
pub struct Row {
    pub text: String,
    pub attack: bool,
    /// Where it came from: sources weigh alike, whatever their size.
    pub source: String,
    /// Written in a code, so that it is learnt as it reads decoded.
    pub encoded: bool,
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
        span,
        text,
    })
}

/// One reading of a row: its sentences' features.
pub struct Document {
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
    pub fn documents(&self, row: &Row) -> Vec<Document> {
        let mut documents = Vec::new();
        views(&row.text, &self.common, &mut |text, decoded| {
            let span = row.span.filter(|_| !decoded).map(|(start, end)| {
                let start_seen = self.seen_length(&row.text[..start]);
                (start_seen, start_seen + self.seen_length(&row.text[start..end]))
            });
            documents.push(self.document(row, text, span));
        });
        documents
    }

    /// Bytes of a text as it is seen.
    fn seen_length(&self, text: &str) -> usize {
        let mut length = 0;
        views(text, &self.common, &mut |plain, decoded| {
            if !decoded {
                length = plain.len();
            }
        });
        length
    }

    fn document(&self, row: &Row, text: &str, span: Option<(usize, usize)>) -> Document {
        let measure = |sentence: gateway_inspection::injection::Sentence| {
            let mut slots = Vec::new();
            let setting: Setting = sentence.setting;
            features(&text[sentence.span.clone()], setting, &self.concepts, &mut |slot| slots.push(slot));
            let inside = |(start, end): (usize, usize)| {
                let common = sentence.span.end.min(end).saturating_sub(sentence.span.start.max(start));
                common as f32 / sentence.span.len() as f32
            };
            let attack = if row.attack { span.map_or(1.0, inside) } else { 0.0 };
            Measured { slots, bytes: sentence.span.len(), attack }
        };
        Document {
            sentences: sentences(text).into_iter().map(measure).collect(),
            attack: row.attack,
            source: row.source.clone(),
            planted: row.attack && span.is_some(),
        }
    }
}
