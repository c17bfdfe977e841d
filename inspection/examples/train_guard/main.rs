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

use gateway_inspection::injection::View;
use rows::{Document, Reader, Readings};
use std::io::{self, Write};

/// Where the middle of the score lies, and how steep it is: on `dev.jsonl`, which is not trained on, one in a
/// hundred harmless texts measures more than this.
const MIDDLE: f32 = 3.87;
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
    let documents: Vec<Readings> = rows.iter().map(|row| reader.readings(row)).collect();
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
/// texts in all readings; and as they would read if they had been hidden.
fn learnt<'d>(
    rows: &'d [rows::Row],
    documents: &'d [Readings],
    which: impl Fn(&rows::Row) -> bool,
) -> impl Iterator<Item = &'d Document> {
    rows.iter().zip(documents).filter(move |(row, _)| which(row)).flat_map(|(row, readings)| {
        let seen = &readings.seen;
        let last = |view| seen.iter().rev().find(move |reading| reading.view == view);
        let chosen: Vec<&Document> = match row.attack {
            true if row.encoded => match last(View::Hidden) {
                Some(hidden) => last(View::Decoded).into_iter().chain([hidden]).collect(),
                None => seen.last().into_iter().collect(),
            },
            true => seen.first().into_iter().collect(),
            false => seen.iter().collect(),
        };
        chosen.into_iter().chain(&readings.hidden)
    })
}
