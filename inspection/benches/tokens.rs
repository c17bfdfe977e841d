//! What counting tokens costs (docs/performance.md): text that somebody wrote, and text that is hard to count.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::catalog::Tokenizer;
use gateway_core::conversation::Text;
use gateway_inspection::tokens::Count;

const PLAIN: &str = include_str!("plain.txt");
const MIXED: &str = include_str!("mixed.txt");

fn count(criterion: &mut Criterion) {
    let letters = "qzxjvkwpyfbgmhd".repeat(4) + " ";
    let texts = [
        ("plain English, 1 KB", PLAIN[..1 << 10].to_owned()),
        ("plain English, 100 KB", PLAIN.repeat((100 << 10) / PLAIN.len())),
        ("mixed, 100 KB", MIXED.repeat((100 << 10) / MIXED.len())),
        ("Chinese, 100 KB", "今天天气很好，我们去公园散步吧。".repeat((100 << 10) / 48)),
        ("words of 60 letters, 100 KB", letters.repeat((100 << 10) / letters.len())),
        ("runs of 60,000 blanks, 120 KB", format!("a{0}b{0}c d", " ".repeat(60_000))),
        ("1 MB of a digit", "7".repeat(1 << 20)),
    ];
    let mut group = criterion.benchmark_group("tokens");
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(*name, |bench| {
            let begin = || Count::new(Tokenizer::O200kBase, vec![Text::new(text)]);
            let all = |mut count: Count| {
                while count.go_on(usize::MAX) {}
                count.most()
            };
            bench.iter_batched(begin, all, BatchSize::SmallInput);
        });
    }
    group.finish();
}

criterion_group!(benches, count);
criterion_main!(benches);
