//! What the engine finds in labelled texts, for the scorer of the data (docs/personal-data.md):
//! `cargo run --release -p gateway-inspection --example predict -- dev.jsonl > pred.jsonl`
//!
//! Reads JSON lines with `id` and `text`, writes `{"id", "spans": [{"start", "end", "type"}]}` with offsets in
//! code points, overlapping finds joined as the redactor joins them.

use gateway_core::finding::{Finding, Kind};
use gateway_inspection::engine::{Engine, Settings};
use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("name a file of JSON lines"))?;
    let engine = Engine::new(&Settings::default()).map_err(io::Error::other)?;
    let mut out = io::stdout().lock();
    for line in io::BufReader::new(std::fs::File::open(path)?).lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = row["text"].as_str().ok_or_else(|| io::Error::other("a line without `text`"))?;
        let mut found = Vec::new();
        engine.scan(text, &mut found);
        let spans: Vec<_> = joined(found)
            .into_iter()
            .map(|find| {
                let start = text[..find.start].chars().count();
                let length = text[find.span()].chars().count();
                serde_json::json!({ "start": start, "end": start + length, "type": name(find.kind) })
            })
            .collect();
        writeln!(out, "{}", serde_json::json!({ "id": row["id"], "spans": spans }))?;
    }
    Ok(())
}

fn name(kind: Kind) -> &'static str {
    kind.name()
}

fn joined(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
    let mut joined: Vec<Finding> = Vec::new();
    for find in found {
        match joined.last_mut() {
            Some(last) if find.start < last.end => {
                last.end = last.end.max(find.end);
                if find.score > last.score {
                    (last.kind, last.score) = (find.kind, find.score);
                }
            }
            _ => joined.push(find),
        }
    }
    joined
}
