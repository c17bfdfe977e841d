//! What the search takes of memory, counted by an allocator: the engine itself, and what a text adds while it is
//! searched. One test, since the counters are the whole process's.

use gateway_core::finding::Finding;
use gateway_inspection::engine::{Engine, Settings};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Bytes that the engine may take.
const ENGINE: usize = 25_000_000;
/// Of the longest text.
const TEXT: usize = 8 << 20;
/// A search takes at most so many times the text.
const TIMES: usize = 8;

/// What is repeated.
const TEXTS: [(&str, &str); 7] = [
    ("a digit", "7"),
    ("@", "@"),
    ("combining marks", "\u{301}"),
    ("percent in percent", "%2525"),
    ("base64 in base64", "WVdGaA=="),
    ("digits of full width", "７"),
    ("digits spelled", "7 "),
];

#[test]
fn the_engine_is_small_and_a_hostile_text_adds_what_its_length_allows() {
    let _counters = dhat::Profiler::builder().testing().build();
    let engine = Engine::new(&Settings::default()).unwrap();
    let engine_takes = dhat::HeapStats::get().curr_bytes;
    println!("engine: {engine_takes} bytes");
    assert!(engine_takes <= ENGINE);

    for (name, unit) in TEXTS {
        let text = unit.repeat(TEXT / unit.len());
        let mut found: Vec<Finding> = Vec::new();
        engine.scan(&text, &mut found);
        // The most until now: the texts come in the order of what they take.
        let most = dhat::HeapStats::get().max_bytes;
        println!("{name}, {} MiB: at most {} MiB beside it", TEXT >> 20, (most - TEXT) >> 20);
        assert!(most <= (1 + TIMES) * TEXT, "{name}: {most} bytes");
    }
}
