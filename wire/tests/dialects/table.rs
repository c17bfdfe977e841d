//! The table: every file of the recordings is passed, or listed as not yet.

use crate::answers::{self, Passed};
use crate::cases::{self, Folder, NOT_YET};
use crate::{PROVIDERS, callers, requests, side};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

fn print(folder: &Path) {
    println!(
        "{:<18} {:>5} {:>7} {:>7} {:>6} | {:>8} {:>7} {:>8} {:>9} | {:>5} {:>10}",
        "provider",
        "files",
        "answers",
        "streams",
        "errors",
        "requests",
        "taken",
        "refused",
        "re-encoded",
        "side",
        NOT_YET[0]
    );
    let mut failed = Vec::new();
    for (provider, codec) in PROVIDERS {
        let Folder { chat, side, not_yet, files } = Folder::read(folder, provider);
        assert!(!chat.is_empty(), "{provider}: no case found");
        let mut passed = Vec::new();
        let mut tally = requests::Tally::default();
        for case in &chat {
            // Each failure has printed itself; the others are worth knowing too.
            let checked = catch_unwind(AssertUnwindSafe(|| {
                let passed = answers::check(codec, case);
                callers::check(codec, case);
                requests::check(case, &mut tally);
                passed
            }));
            match checked {
                Ok(kind) => passed.push(kind),
                Err(_) => failed.push(case.name.clone()),
            }
        }
        let mut beside = 0;
        for case in &side {
            match catch_unwind(AssertUnwindSafe(|| side::check(codec, case))) {
                Ok(()) => beside += 1,
                Err(_) => failed.push(case.name.clone()),
            }
        }
        let count = |kind| passed.iter().filter(|passed| **passed == kind).count();
        let (answers, streams, errors) = (count(Passed::Answer), count(Passed::Stream), count(Passed::Error));
        println!(
            "{provider:<18} {files:>5} {answers:>7} {streams:>7} {errors:>6} | {:>8} {:>7} {:>8} {:>10} | {beside:>5} {:>10}",
            tally.requests,
            tally.taken,
            tally.refused(),
            tally.encoded,
            not_yet[0]
        );
        for (reason, count) in &tally.reasons {
            println!("    {count:>3} refused: {reason}");
        }
        for (need, count) in &tally.unable {
            println!("    {count:>3} not carried: {need}");
        }
        let failures = failed.iter().filter(|name| name.starts_with(&format!("{provider}/"))).count();
        let counted = failures + answers + streams + errors + beside + not_yet.iter().sum::<usize>();
        assert_eq!(counted, files, "{provider}: a file was not counted");
    }
    assert!(failed.is_empty(), "{} cases failed: {failed:#?}", failed.len());
}

#[test]
fn fixtures_pass() {
    print(&cases::fixtures());
}

#[test]
fn recordings_pass() {
    match cases::recordings() {
        Some(folder) => print(&folder),
        None => println!("not run on recordings: GATEWAY_SHARED_DATA is not set; the fixtures alone were"),
    }
}
