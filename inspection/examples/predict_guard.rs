//! What the guard says of labelled texts, for the scorer of the data (docs/injection.md):
//! `cargo run --release -p gateway-inspection --example predict_guard -- dev.jsonl > pred.jsonl`
//!
//! Reads JSON lines with `id` and `text`, writes `{"id", "score"}`. All texts are read as untrusted ones.

use gateway_inspection::injection::{Guard, Trust};
use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("name a file of JSON lines"))?;
    let guard = Guard::built_in().map_err(io::Error::other)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::BufReader::new(std::fs::File::open(path)?).lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = row["text"].as_str().ok_or_else(|| io::Error::other("a line without `text`"))?;
        let reading = guard.read(text, Trust::Untrusted);
        writeln!(out, "{}", serde_json::json!({ "id": row["id"], "score": reading.share }))?;
    }
    out.flush()
}
