//! `ai-gateway audit export` and `audit tail`: records of a folder as lines or as a table.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use gateway_core::audit::line::{self, Kind};
use gateway_core::audit::{Line, Record, RecordedBy, RequestId, Time, replaces};

use super::segment::{self, Piece};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines as they stand in the trail.
    Jsonl,
    /// A table with a heading; what has no column is left out.
    Csv,
}

/// What is taken: records of requests begun within the two times.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub since: Option<Time>,
    /// Not included.
    pub until: Option<Time>,
}

impl Span {
    fn takes(&self, record: &Record) -> bool {
        self.since.is_none_or(|since| record.time() >= since)
            && self.until.is_none_or(|until| record.time() < until)
    }
}

/// Writes one record per id, the owner's where there is one. Reads the folder twice; memory is that of the
/// ids which reapers recorded.
///
/// # Errors
/// Of reading and of writing. Lines that can't be read are left out, and counted in the answer.
pub fn export(folder: &Path, span: Span, format: Format, out: &mut dyn Write) -> io::Result<u64> {
    let winners = reaped(folder)?;
    if format == Format::Csv {
        out.write_all(COLUMNS.join(",").as_bytes())?;
        out.write_all(b"\n")?;
    }
    let mut unread = 0;
    let mut failed = Ok(());
    each_record(folder, |seq, line, record| {
        let Some(record) = record else {
            unread += 1;
            return;
        };
        let beaten = winners.get(&record.id()).is_some_and(|(winner, _)| *winner != seq);
        if failed.is_ok() && !beaten && span.takes(&record) {
            failed = match format {
                Format::Jsonl => out.write_all(line).and_then(|()| out.write_all(b"\n")),
                Format::Csv => out.write_all(row(seq, &record).as_bytes()),
            };
        }
    })?;
    failed.and_then(|()| out.flush()).map(|()| unread)
}

/// For each id that a reaper recorded: the number of the record that stands.
fn reaped(folder: &Path) -> io::Result<HashMap<RequestId, (u64, RecordedBy)>> {
    let mut winners: HashMap<RequestId, (u64, RecordedBy)> = HashMap::new();
    each_record(folder, |seq, _, record| {
        if let Some(record) = record.filter(|record| record.recorded_by() == RecordedBy::Reaper) {
            winners.entry(record.id()).or_insert((seq, RecordedBy::Reaper));
        }
    })?;
    if !winners.is_empty() {
        each_record(folder, |seq, _, record| {
            let Some(record) = record else { return };
            if let Some(held) = winners.get_mut(&record.id())
                && replaces(record.recorded_by(), held.1)
            {
                *held = (seq, record.recorded_by());
            }
        })?;
    }
    Ok(winners)
}

/// Each record's number and line; no record where the line can't be read as one.
fn each_record(folder: &Path, mut each: impl FnMut(u64, &[u8], Option<Record>)) -> io::Result<()> {
    for found in segment::segments(folder)? {
        segment::each_piece(File::open(&found.path)?, |piece, _| {
            let Piece::Line(line) = piece else { return };
            if !matches!(line::kind(line), Some(Kind::Segment | Kind::Repair)) {
                match Line::read(line) {
                    Ok(read) => each(read.seq, line, read.record()),
                    Err(_) => each(0, line, None),
                }
            }
        })?;
    }
    Ok(())
}

const COLUMNS: [&str; 24] = [
    "seq",
    "time",
    "type",
    "request_id",
    "replica",
    "team_id",
    "key_id",
    "endpoint",
    "action",
    "outcome",
    "status",
    "code",
    "model_requested",
    "provider_used",
    "model_used",
    "fallback_triggered",
    "attempts",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "cost_is_estimate",
    "pii_found",
    "latency_ms",
    "recorded_by",
];

fn row(seq: u64, record: &Record) -> String {
    let name =
        |name: &Option<gateway_core::audit::Named>| name.as_ref().map_or("", |name| name.as_str()).to_owned();
    let count = |count: Option<u64>| count.map_or(String::new(), |count| count.to_string());
    let by = if record.recorded_by() == RecordedBy::Owner { "owner" } else { "reaper" };
    let fields: [String; 24] = match record {
        Record::Request(request) => [
            seq.to_string(),
            request.time.to_string(),
            "request".to_owned(),
            request.request_id.to_string(),
            request.replica.to_string(),
            name(&request.team_id),
            name(&request.key_id),
            request.endpoint.to_string(),
            String::new(),
            request.outcome.word().to_owned(),
            request.status.to_string(),
            name(&request.code),
            name(&request.model_requested),
            name(&request.provider_used),
            name(&request.model_used),
            request.fallback_triggered.to_string(),
            request.attempts.iter().count().to_string(),
            count(request.usage.input),
            count(request.usage.output),
            request.cost_usd.to_string(),
            request.cost_is_estimate.to_string(),
            request.pii.by_type.iter().map(|(_, count)| *count).sum::<u64>().to_string(),
            request.latency_ms.to_string(),
            by.to_owned(),
        ],
        Record::Admin(admin) => {
            let mut fields: [String; 24] = Default::default();
            fields[0] = seq.to_string();
            fields[1] = admin.time.to_string();
            fields[2] = "admin".to_owned();
            fields[3] = admin.request_id.to_string();
            fields[4] = admin.replica.to_string();
            fields[5] = name(&admin.team_id);
            fields[6] = name(&admin.key_id);
            fields[8] = admin.action.word().to_owned();
            fields[10] = admin.status.to_string();
            fields[11] = name(&admin.code);
            fields[23] = by.to_owned();
            fields
        }
    };
    fields.map(|field| harmless(&field)).join(",") + "\n"
}

/// A spreadsheet takes what begins so for a formula; names that callers chose may. Nothing in a record needs
/// quotes: no field holds a comma, a quote or a line end.
fn harmless(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@']);
    if formula { format!("'{field}") } else { field.to_owned() }
}
