//! A message as one text to be searched, with the way back from each place to where it stood.
//!
//! Values of a JSON document stand behind their keys, so that a key is context for its value. Between
//! pieces that do not belong together stands [`BREAK`], which nothing that is found goes across.

use super::json::{self, Token};
use crate::escape::{self, Jumps};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_core::conversation::{Leaf, MediaKind, Place, Value};
use std::borrow::Cow;
use std::ops::Range;

/// Information separator two: no text has it, and no pattern takes it for a blank.
pub const BREAK: char = '\u{1e}';

/// Documents within each other that are taken apart: a document, and those in its strings, which is as far as
/// restoring escapes. Deeper ones are searched as text.
const NESTED: usize = 2;

/// A message, ready to be searched.
#[derive(Default)]
pub(super) struct View<'a> {
    pub text: Cow<'a, str>,
    /// In the order of the text, and apart from each other.
    pub pieces: Vec<Piece>,
    sources: Vec<Source>,
    /// Files that can't be searched.
    pub unscanned: Vec<MediaKind>,
}

/// A string, key or number of the message.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it stands in the view.
    pub at: Range<usize>,
    pub role: Role,
    pub place: Place,
    /// In a document that is a string of another.
    pub nested: bool,
    source: usize,
    /// Where it begins in its source.
    start: usize,
    jumps: Jumps,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Text,
    Number,
    /// An object's key.
    Key,
    /// A tool's or a schema property's name.
    Name,
    Identifier,
}

/// How a replacement is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Inside a string literal.
    Quoted,
    /// In place of a number: with quotes of its own.
    Bare,
    /// In a plain text file.
    Plain,
}

/// A text that pieces stand in.
#[derive(Debug)]
enum Source {
    Leaf(usize),
    /// The string of another source that begins at `start` there.
    String {
        source: usize,
        start: usize,
        jumps: Jumps,
    },
}

/// A replacement in a leaf's own bytes (a file's: in its decoded ones).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub leaf: usize,
    pub at: Range<usize>,
    pub with: String,
}

/// How the strings of a document are to be taken.
#[derive(Clone, Copy)]
struct Taking {
    place: Place,
    strings: Role,
    keys: Role,
    /// Documents that it is within.
    depth: usize,
}

impl<'a> View<'a> {
    /// The view of a message's leaves; `first` is the number of the first among all. `None` where a string is
    /// no UTF-8, which no decoder lets in.
    pub(super) fn new(leaves: &'a [Leaf<'_>], first: usize) -> Option<View<'a>> {
        let mut view = View::default();
        for (index, leaf) in leaves.iter().enumerate() {
            view.leaf(leaf, first + index)?;
        }
        Some(view)
    }

    fn leaf(&mut self, leaf: &'a Leaf<'_>, index: usize) -> Option<()> {
        let source = self.sources.len();
        self.sources.push(Source::Leaf(index));
        let mut taking = Taking { place: leaf.place, strings: Role::Text, keys: Role::Key, depth: 0 };
        match &leaf.value {
            Value::Text(text) | Value::Encoded(text) => {
                self.string(text.json(), source, leaf.joined, taking)?
            }
            Value::Name(text) => {
                taking.strings = Role::Name;
                self.string(text.json(), source, false, taking)?;
            }
            Value::Identifier(text) => {
                taking.strings = Role::Identifier;
                self.string(text.json(), source, false, taking)?;
            }
            Value::Json(json) => self.document(std::str::from_utf8(json.json()).ok()?, source, taking),
            Value::Schema(schema) => {
                taking.keys = Role::Name;
                self.document(std::str::from_utf8(schema.json()).ok()?, source, taking);
            }
            Value::Hint { name, json } => {
                if matches!(*name, "prompt_cache_key" | "safety_identifier") {
                    taking.strings = Role::Identifier;
                }
                self.document(std::str::from_utf8(json).ok()?, source, taking);
            }
            Value::FileUrl { media, url } => {
                self.unscanned.push(*media);
                self.string(url.json(), source, false, taking)?;
            }
            Value::File { media, media_type, data } => match file_text(media_type, data) {
                Some(text) => self.file(&text, source, taking),
                None => self.unscanned.push(*media),
            },
            Value::Tokens => self.unscanned.push(MediaKind::Tokens),
            Value::CallId(_) => {}
        }
        Some(())
    }

    /// A whole literal, quotes included.
    fn string(&mut self, literal: &'a [u8], source: usize, joined: bool, taking: Taking) -> Option<()> {
        let raw = std::str::from_utf8(&literal[1..literal.len() - 1]).ok()?;
        let (text, jumps) = escape::decode(raw).into_parts();
        if json::is_document(&text) {
            self.nested(&text, Source::String { source, start: 1, jumps }, taking);
            return Some(());
        }
        let at = match text {
            Cow::Borrowed(text) if self.text.is_empty() => {
                self.text = Cow::Borrowed(text);
                0..text.len()
            }
            text => self.append(&text, joined),
        };
        self.piece(at, (source, 1), jumps, Form::Quoted, taking.strings, taking);
        Some(())
    }

    fn nested(&mut self, text: &str, source: Source, taking: Taking) {
        let inner = self.sources.len();
        self.sources.push(source);
        self.document(text, inner, taking);
    }

    fn document(&mut self, text: &str, source: usize, taking: Taking) {
        let mut after_key = false;
        json::tokens(text.as_bytes(), |token| {
            let is_key = matches!(token, Token::Key(_));
            match token {
                Token::Number(span) => {
                    let at = self.append(&text[span.clone()], after_key);
                    let start = (source, span.start);
                    self.piece(at, start, Jumps::default(), Form::Bare, Role::Number, taking);
                }
                Token::Key(span) | Token::String(span) => {
                    let (decoded, jumps) = escape::decode(&text[span.clone()]).into_parts();
                    if !is_key && taking.depth + 1 < NESTED && json::is_document(&decoded) {
                        let within = Source::String { source, start: span.start, jumps };
                        self.nested(&decoded, within, Taking { depth: taking.depth + 1, ..taking });
                    } else {
                        let role = if is_key { taking.keys } else { taking.strings };
                        let at = self.append(&decoded, after_key);
                        self.piece(at, (source, span.start), jumps, Form::Quoted, role, taking);
                    }
                }
            }
            if is_key {
                self.text.to_mut().push_str(": ");
            }
            after_key = is_key;
        });
    }

    fn file(&mut self, text: &str, source: usize, taking: Taking) {
        if json::is_document(text) {
            return self.document(text, source, taking);
        }
        let at = self.append(text, false);
        self.piece(at, (source, 0), Jumps::default(), Form::Plain, Role::Text, taking);
    }

    fn append(&mut self, text: &str, joined: bool) -> Range<usize> {
        let whole = self.text.to_mut();
        if !joined && !whole.is_empty() {
            whole.push(BREAK);
        }
        let start = whole.len();
        whole.push_str(text);
        start..whole.len()
    }

    fn piece(
        &mut self,
        at: Range<usize>,
        (source, start): (usize, usize),
        jumps: Jumps,
        form: Form,
        role: Role,
        taking: Taking,
    ) {
        if !at.is_empty() {
            let Taking { place, depth, .. } = taking;
            self.pieces.push(Piece { at, role, place, nested: depth > 0, source, start, jumps, form });
        }
    }

    /// The numbers of the pieces that a span of the text touches.
    pub(super) fn touched(&self, span: &Range<usize>) -> Range<usize> {
        let first = self.pieces.partition_point(|piece| piece.at.end <= span.start);
        let end = self.pieces.partition_point(|piece| piece.at.start < span.end);
        first..end.max(first)
    }

    /// What has to change in a leaf so that `span` of the text, within that piece, reads `with`.
    pub(super) fn edit(&self, piece: usize, span: &Range<usize>, with: &str) -> Edit {
        let piece = &self.pieces[piece];
        let local = |at: usize| piece.start + piece.jumps.raw(at - piece.at.start);
        let mut at = local(span.start)..local(span.end);
        let mut with = match piece.form {
            Form::Plain => Cow::Borrowed(with),
            Form::Quoted => escape::encode(with),
            Form::Bare => Cow::Owned(format!("\"{}\"", escape::encode(with))),
        };
        let mut source = &self.sources[piece.source];
        loop {
            match source {
                Source::Leaf(leaf) => return Edit { leaf: *leaf, at, with: with.into_owned() },
                Source::String { source: above, start, jumps } => {
                    at = start + jumps.raw(at.start)..start + jumps.raw(at.end);
                    with = Cow::Owned(escape::encode(&with).into_owned());
                    source = &self.sources[*above];
                }
            }
        }
    }
}

/// The text of a file, where it is one: by its type, and as UTF-8.
pub(super) fn file_text(media_type: &str, data: &[u8]) -> Option<String> {
    let kind = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let texts =
        ["application/json", "application/xml", "application/yaml", "application/x-yaml", "application/csv"];
    let is_text = kind.starts_with("text/")
        || texts.contains(&kind.as_str())
        || kind.ends_with("+json")
        || kind.ends_with("+xml");
    if !is_text {
        return None;
    }
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::conversation::{RawJson, Text};

    fn leaf<'c>(value: Value<'c>, joined: bool) -> Leaf<'c> {
        Leaf { place: Place::User, message: 1, joined, value }
    }

    #[test]
    fn a_plain_text_is_searched_where_it_stands() {
        let mut text = Text::new("plain words");
        let leaves = [leaf(Value::Text(&mut text), false)];
        let view = View::new(&leaves, 0).expect("it is UTF-8");
        assert!(matches!(view.text, Cow::Borrowed("plain words")));
        assert_eq!(view.edit(0, &(6..11), "x").at, 7..12);
    }

    #[test]
    fn values_stand_behind_their_keys_and_apart_from_each_other() {
        let mut json = RawJson::new(r#"{"ssn":123,"to":["a\nb",{"x":"y"}]}"#.into());
        let leaves = [leaf(Value::Json(&mut json), false)];
        let view = View::new(&leaves, 0).expect("it is UTF-8");
        assert_eq!(view.text, "ssn: 123\u{1e}to: a\nb\u{1e}x: y");
        let edit = view.edit(1, &view.pieces[1].at, "[N_1]");
        assert_eq!(edit, Edit { leaf: 0, at: 7..10, with: "\"[N_1]\"".to_owned() });
    }

    #[test]
    fn joined_texts_are_one_and_others_are_not() {
        let (mut a, mut b, mut c) = (Text::new("ann@"), Text::new("example.org"), Text::new("next"));
        let leaves = [
            leaf(Value::Text(&mut a), false),
            leaf(Value::Text(&mut b), true),
            leaf(Value::Text(&mut c), false),
        ];
        let view = View::new(&leaves, 0).expect("it is UTF-8");
        assert_eq!(view.text, "ann@example.org\u{1e}next");
        assert_eq!(view.touched(&(0..15)), 0..2);
        assert_eq!(view.touched(&(15..16)), 2..2);
    }

    #[test]
    fn a_document_within_a_string_is_changed_in_place() {
        let inner = r#"{"to":"ann\u0040x","n":7}"#;
        let mut text = Text::new(&serde_json::json!({ "arguments": inner }).to_string());
        let literal = String::from_utf8_lossy(text.json()).into_owned();
        let leaves = [leaf(Value::Encoded(&mut text), false)];
        let view = View::new(&leaves, 3).expect("it is UTF-8");
        assert_eq!(view.text, "arguments: \u{1e}to: ann@x\u{1e}n: 7");
        let last = view.pieces.len() - 1;
        let edit = view.edit(last, &view.pieces[last].at, "[N_1]");
        assert_eq!(edit.leaf, 3);
        assert_eq!(edit.with, r#"\\\"[N_1]\\\""#);
        assert_eq!(&literal[edit.at], "7");
    }

    #[test]
    fn text_files_are_searched_and_others_are_told() {
        let mut data = bytes::Bytes::from(STANDARD.encode("ann@example.org"));
        let leaves = [leaf(
            Value::File {
                media: MediaKind::Document,
                media_type: "text/plain; charset=utf-8",
                data: &mut data,
            },
            false,
        )];
        let view = View::new(&leaves, 0).expect("it is UTF-8");
        assert_eq!(view.text, "ann@example.org");
        let mut pdf = bytes::Bytes::from_static(b"JVBERi0=");
        let leaves = [leaf(
            Value::File { media: MediaKind::Document, media_type: "application/pdf", data: &mut pdf },
            false,
        )];
        assert_eq!(View::new(&leaves, 0).expect("it is UTF-8").unscanned, [MediaKind::Document]);
    }
}
