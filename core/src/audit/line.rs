//! A line of a segment: JSON with its version, number and link in front, then the record. Lines of the
//! trail's own (a segment's head, a repair) stand in the same chain.

use serde::{Deserialize, Serialize};

use super::chain::{Hash, Opening};
use super::named::Named;
use super::record::{AdminRecord, Record, RequestRecord};
use super::time::Time;

/// Of the lines. New fields may come within a version; a field that goes or changes its meaning makes a new one.
pub const VERSION: u32 = 1;

/// No line is longer: each of its fields is bounded.
pub const LONGEST_LINE: usize = 128 << 10;

/// Most lines are shorter.
const USUAL_LINE: usize = 1 << 10;

/// What a line holds behind number and link: `"type":"…",…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    fn of(value: &impl Serialize) -> Body {
        let mut text = Vec::with_capacity(USUAL_LINE);
        serde_json::to_writer(&mut text, value).expect("records have string keys and finite numbers");
        Body(text)
    }

    /// All but the opening brace.
    pub(super) fn fields(&self) -> &[u8] {
        &self.0[1..]
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Lets a batch hold bodies or what carries them.
impl AsRef<Body> for Body {
    fn as_ref(&self) -> &Body {
        self
    }
}

/// The first line of each segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHead {
    /// Counted from 1.
    pub segment: u64,
    pub replica: Named,
    pub time: Time,
}

/// What was found broken at a start, and how the chain went on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    pub time: Time,
    pub reason: RepairReason,
    /// Bytes that were cut off: the torn end of a write that nobody was told of.
    #[serde(default)]
    pub bytes: u64,
    /// Lines up to this one were written once, and are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_to: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepairReason {
    /// The last line had no end, or was no line.
    TornLine,
    /// The chain's remembered head was further on than the files.
    LinesMissing,
    /// The line that was remembered as the chain's head is another now.
    LineChanged,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Tagged<'a> {
    Request(&'a RequestRecord),
    Admin(&'a AdminRecord),
    Segment(&'a SegmentHead),
    Repair(&'a Repair),
}

impl Record {
    pub fn body(&self) -> Body {
        Body::of(&match self {
            Record::Request(request) => Tagged::Request(request),
            Record::Admin(admin) => Tagged::Admin(admin),
        })
    }
}

impl SegmentHead {
    pub fn body(&self) -> Body {
        Body::of(&Tagged::Segment(self))
    }
}

impl Repair {
    pub fn body(&self) -> Body {
        Body::of(&Tagged::Repair(self))
    }
}

/// A line that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub seq: u64,
    pub prev: Hash,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Record(Record),
    Segment(SegmentHead),
    Repair(Repair),
}

/// Why bytes are no line of this version.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error("it does not begin as a line of version {VERSION}")]
    Opening,
    #[error("its type is not known to this version")]
    Type,
    #[error("a field is not as it should be, at character {0}")]
    Fields(usize),
}

impl Line {
    /// Reads a line without its line end.
    ///
    /// # Errors
    /// What is no line, or one of a later version.
    pub fn read(bytes: &[u8]) -> Result<Line, LineError> {
        let (Opening { seq, prev }, _) = Opening::read(bytes).ok_or(LineError::Opening)?;
        let content = match kind(bytes).ok_or(LineError::Type)? {
            Kind::Request => Content::Record(Record::Request(fields(bytes)?)),
            Kind::Admin => Content::Record(Record::Admin(fields(bytes)?)),
            Kind::Segment => Content::Segment(fields(bytes)?),
            Kind::Repair => Content::Repair(fields(bytes)?),
        };
        Ok(Line { seq, prev, content })
    }

    pub fn record(self) -> Option<Record> {
        match self.content {
            Content::Record(record) => Some(record),
            Content::Segment(_) | Content::Repair(_) => None,
        }
    }
}

/// What a line is, told by its first bytes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request,
    Admin,
    Segment,
    Repair,
}

/// `None` where the line is none of ours.
pub fn kind(line: &[u8]) -> Option<Kind> {
    let rest = Opening::read(line)?.1.strip_prefix(br#""type":""#)?;
    let word = rest.split(|byte| *byte == b'"').next()?;
    match word {
        b"request" => Some(Kind::Request),
        b"admin" => Some(Kind::Admin),
        b"segment" => Some(Kind::Segment),
        b"repair" => Some(Kind::Repair),
        _ => None,
    }
}

fn fields<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, LineError> {
    serde_json::from_slice(bytes).map_err(|error| LineError::Fields(error.column()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::chain::Link;
    use super::super::samples;
    use super::*;

    fn written(body: &Body) -> Vec<u8> {
        let mut out = Vec::new();
        Link::START.clone().append(body, &mut out);
        out.pop();
        out
    }

    #[test]
    fn lines_are_read_back_as_they_were_written() {
        for record in [samples::request(7), samples::full_request(), samples::admin()] {
            let line = Line::read(&written(&record.body())).unwrap();
            assert_eq!(line, Line { seq: 1, prev: Hash::ZERO, content: Content::Record(record) });
        }
        let repair =
            Repair { time: samples::TIME, reason: RepairReason::LinesMissing, bytes: 3, missing_to: Some(8) };
        assert_eq!(Line::read(&written(&repair.body())).unwrap().content, Content::Repair(repair));
        let head = SegmentHead { segment: 2, replica: Named::cleaned("r"), time: samples::TIME };
        assert_eq!(Line::read(&written(&head.body())).unwrap().content, Content::Segment(head));
    }

    /// The oldest lines kept: what stands in somebody's archive must stay readable.
    #[test]
    fn the_samples_of_the_documentation_are_read() {
        let page = include_str!("../../../docs/audit-schema.md");
        let lines: Vec<&str> = page.lines().filter(|line| line.starts_with(r#"{"v":1,"#)).collect();
        assert_eq!(lines.len(), 4, "a request, an act, a head, a repair");
        for line in lines {
            let read = Line::read(line.as_bytes()).unwrap_or_else(|error| panic!("{error}: {line}"));
            if let Content::Record(record) = read.content {
                let body = record.body();
                let again = std::str::from_utf8(body.fields()).unwrap();
                assert!(line.ends_with(again), "the page's line is as it is written today:\n{again}");
            }
        }
    }

    #[test]
    fn every_field_is_in_the_documentation() {
        let page = include_str!("../../../docs/audit-schema.md");
        for (heading, record) in
            [("### `request`", samples::full_request()), ("### `admin`", samples::admin())]
        {
            let section = page.split(heading).nth(1).and_then(|rest| rest.split("\n###").next()).unwrap();
            let told: Vec<&str> = section
                .lines()
                .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
                .chain(["v", "seq", "prev", "type"])
                .collect();
            let line: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(&written(&record.body())).unwrap();
            let untold: Vec<&String> = line.keys().filter(|key| !told.contains(&key.as_str())).collect();
            assert_eq!(untold, [""; 0], "{heading}");
            for (field, inner) in [("usage", &line.get("usage")), ("pii", &line.get("pii"))] {
                let keys = inner.and_then(|inner| inner.as_object()).into_iter().flatten();
                let row = section
                    .lines()
                    .find(|line| line.starts_with(&format!("| `{field}`")))
                    .unwrap_or_default();
                keys.for_each(|(key, _)| assert!(row.contains(&format!("`{key}`")), "{field}.{key}"));
            }
        }
    }

    #[test]
    fn what_is_no_line_is_told() {
        let good = String::from_utf8(written(&samples::request(1).body())).unwrap();
        for (case, text, want) in [
            ("empty", String::new(), "it does not begin as a line of version 1"),
            (
                "a later version",
                good.replace("\"v\":1", "\"v\":2"),
                "it does not begin as a line of version 1",
            ),
            ("cut", good[..good.len() - 9].to_owned(), "it does not begin as a line of version 1"),
            (
                "another type",
                good.replace("\"request\"", "\"poem\""),
                "its type is not known to this version",
            ),
            (
                "a status in words",
                good.replace(":200", ":\"ok\""),
                "a field is not as it should be, at character",
            ),
        ] {
            let error = Line::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(want), "{case}: {error}");
        }
    }

    #[test]
    fn the_longest_record_fits_a_line() {
        assert!(samples::longest().body().len() + 200 < LONGEST_LINE, "{}", samples::longest().body().len());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0usize..600, byte in any::<u8>()) {
            let mut line = written(&samples::full_request().body());
            let at = at.min(line.len() - 1);
            line[at] = byte;
            let _ = Line::read(&line);
            let _ = Line::read(&line[..at]);
        }
    }
}
