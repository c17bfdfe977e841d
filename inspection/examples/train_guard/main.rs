//! Makes the guard's weights from labelled texts (docs/injection.md):
//! `cargo run --release -p gateway-inspection --example train_guard -- train.jsonl inspection/src/injection/weights.bin`
//!
//! With `--leave-out` in place of the second path it writes nothing, but tells how well each source's attacks
//! are found by a model that has seen none of that source.

mod fit;
mod generate;
mod grammar;
mod leave_out;
mod rows;

use rows::{Document, Reader};
use std::io::{self, Write};

/// Where the middle of the score lies, and how steep it is: on `dev.jsonl`, which is not trained on, one in a
/// hundred harmless texts measures more than this.
const MIDDLE: f32 = 4.0;
const STEEPNESS: f32 = 1.0;

fn main() -> io::Result<()> {
    let mut paths = std::env::args_os().skip(1);
    let (Some(train), Some(to)) = (paths.next(), paths.next()) else {
        return Err(io::Error::other("name the labelled texts, and the file of weights or --leave-out"));
    };
    let reader = Reader::new().map_err(io::Error::other)?;
    let mut rows = rows::read(train.as_ref())?;
    let made = generate::rows(&rows)?;
    rows.extend(made);
    let documents: Vec<Vec<Document>> = rows.iter().map(|row| reader.documents(row)).collect();
    let mut out = io::stdout().lock();
    if to == "--leave-out" {
        return leave_out::report(&rows, &documents, &mut out);
    }
    let learnt: Vec<&Document> = learnt(&rows, &documents, |_| true).collect();
    let fitted = fit::fit(&learnt);
    let bytes = gateway_inspection::injection::written(&fitted.weights, MIDDLE, STEEPNESS);
    writeln!(out, "{} rows, {} readings, {} bytes", rows.len(), learnt.len(), bytes.len())?;
    std::fs::write(to, bytes)
}

/// What is learnt of each row: an attack in a code as it reads decoded, other attacks as they stand, harmless
/// texts in all readings.
fn learnt<'d>(
    rows: &'d [rows::Row],
    documents: &'d [Vec<Document>],
    which: impl Fn(&rows::Row) -> bool,
) -> impl Iterator<Item = &'d Document> {
    rows.iter().zip(documents).filter(move |(row, _)| which(row)).flat_map(|(row, readings)| {
        match row.attack {
            true if row.encoded => readings[readings.len() - 1..].iter(),
            true => readings[..1].iter(),
            false => readings.iter(),
        }
    })
}
