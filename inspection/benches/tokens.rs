//! What counting tokens costs (docs/performance.md): texts of which no two parts are alike, since words that come again
//! are remembered. `GATEWAY_SHARED_DATA` names a folder with `pii/dev_long.jsonl`; without it a mixed text of our own
//! is counted, which is said.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use gateway_core::catalog::Tokenizer;
use gateway_core::conversation::Text;
use gateway_inspection::tokens::Count;

const MIXED: &str = include_str!("mixed.txt");

fn long_text() -> (&'static str, String) {
    #[expect(clippy::disallowed_methods, reason = "a bench has no configuration")]
    let folder = std::env::var("GATEWAY_SHARED_DATA");
    let Ok(folder) = folder else { return ("own, mixed", MIXED.to_owned()) };
    let rows = std::fs::read_to_string(format!("{folder}/pii/dev_long.jsonl")).expect("the data is there");
    let texts = rows.lines().map(|row| {
        let row: serde_json::Value = serde_json::from_str(row).expect("a line is JSON");
        row["text"].as_str().expect("it has a text").to_owned()
    });
    ("dev_long, mixed", texts.collect::<Vec<_>>().join("\n"))
}

/// Words of so many letters, no two alike.
fn words(letters: usize, bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let letter = |at: usize| {
        // xorshift64: any spread of letters will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if at % (letters + 1) == letters { ' ' } else { char::from(b'a' + (state >> 32 & 15) as u8) }
    };
    (0..bytes).map(letter).collect()
}

fn count(criterion: &mut Criterion) {
    let (name, long) = long_text();
    let texts = [
        (name, long),
        ("words of 20 letters, 1 MB", words(20, 1 << 20)),
        ("words of 50,000 letters, 1 MB", words(50_000, 1 << 20)),
        ("runs of 50,000 blanks, 1 MB", format!("a{}b c", " ".repeat(50_000)).repeat(21)),
        ("one digit, 1 MB", "7".repeat(1 << 20)),
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
