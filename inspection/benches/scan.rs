//! What a search costs (docs/performance.md). `GATEWAY_SHARED_DATA` names a folder with `pii/dev_long.jsonl`; without
//! it a mixed text of our own is searched, which is said.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gateway_inspection::engine::{Engine, Settings};
use std::hint::black_box;

/// Prose, code, a log, a form: what is sent in a day.
const MIXED: &str = include_str!("mixed.txt");

fn long_text() -> (&'static str, String) {
    #[expect(clippy::disallowed_methods, reason = "a bench has no configuration")]
    let folder = std::env::var("GATEWAY_SHARED_DATA");
    let Ok(folder) = folder else { return ("own", MIXED.repeat(60)) };
    let rows = std::fs::read_to_string(format!("{folder}/pii/dev_long.jsonl")).expect("the data is there");
    let texts = rows.lines().map(|row| {
        let row: serde_json::Value = serde_json::from_str(row).expect("a line is JSON");
        row["text"].as_str().expect("it has a text").to_owned()
    });
    ("dev_long", texts.collect::<Vec<_>>().join("\n"))
}

fn scan(criterion: &mut Criterion) {
    let engine = Engine::new(&Settings::default()).expect("the defaults are valid");
    let (name, long) = long_text();
    let cut = |bytes: usize| {
        let mut end = bytes.min(long.len());
        while !long.is_char_boundary(end) {
            end -= 1;
        }
        long[..end].to_owned()
    };
    let prose =
        "the quick brown fox jumps over the lazy dog and nothing of it is anybody's business\n".repeat(1_000);
    let texts = [
        (format!("{name} 1 KB"), cut(1 << 10)),
        (format!("{name} 10 KB"), cut(10 << 10)),
        (format!("{name} whole"), long.clone()),
        ("prose, nothing there".to_owned(), prose),
        ("1 MB of a digit".to_owned(), "7".repeat(1 << 20)),
        ("1 MB of @".to_owned(), "@".repeat(1 << 20)),
        ("1 MB of combining marks".to_owned(), "\u{301}".repeat(1 << 19)),
        ("1 MB of A".to_owned(), "A".repeat(1 << 20)),
        ("1 MB of spaced digits".to_owned(), "7 ".repeat(1 << 19)),
    ];
    let mut group = criterion.benchmark_group("scan");
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bench| {
            bench.iter_batched_ref(
                Vec::new,
                |found| engine.scan(black_box(text), found),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();

    // Thirty times as long, to be held beside the above: time grows with the length, and no faster.
    let mut group = criterion.benchmark_group("scan 30 MB");
    group.sample_size(10);
    for (name, unit) in
        [("of a digit", "7"), ("of @", "@"), ("of marks", "\u{301}"), ("of spaced digits", "7 ")]
    {
        let text = unit.repeat((30 << 20) / unit.len());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bench| {
            bench.iter_batched_ref(
                Vec::new,
                |found| engine.scan(black_box(&text), found),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
