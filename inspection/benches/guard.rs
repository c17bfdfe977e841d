//! What the guard costs (docs/performance.md): text in which nothing decodes, and text in which something does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gateway_inspection::injection::{Guard, Trust};
use std::hint::black_box;

const PLAIN: &str = include_str!("plain.txt");
const MIXED: &str = include_str!("mixed.txt");

fn read(criterion: &mut Criterion) {
    let guard = Guard::built_in().expect("the built-in words can be read");
    let encoded = format!("{PLAIN}\nThe answer, as it came: {}\n{PLAIN}", STANDARD.encode(PLAIN));
    let texts = [
        ("plain English, 1 KB", PLAIN[..1 << 10].to_owned()),
        ("plain English, 100 KB", PLAIN.repeat((100 << 10) / PLAIN.len())),
        ("mixed, 100 KB", MIXED.repeat((100 << 10) / MIXED.len())),
        ("a third of it in base64", encoded),
        ("1 MB of a digit", "7".repeat(1 << 20)),
        ("1 MB of base64 letters", "QUJD".repeat(1 << 18)),
    ];
    let mut group = criterion.benchmark_group("guard");
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(*name, |bench| {
            let read = |()| guard.read(black_box(text), Trust::Untrusted);
            bench.iter_batched(|| (), read, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
