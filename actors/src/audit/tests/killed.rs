//! A process killed under load, again and again: the test's own binary is the victim.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;
use crate::testing::spawn;

const FOLDER: &str = "GATEWAY_TEST_KILLED_FOLDER";
const ROUND: &str = "GATEWAY_TEST_KILLED_ROUND";
const ROUNDS: u64 = 20;
/// Records written at the same time.
const WRITERS: u64 = 32;

fn kept_in(folder: PathBuf) -> Settings {
    let scratch = Scratch(folder);
    let settings = Settings { segment_bytes: 200_000, ..settings(&scratch) };
    // The folder is the parent's to take away.
    std::mem::forget(scratch);
    settings
}

/// Writes for ever, and tells each record that was acknowledged. No test of its own: without its folder it
/// ends at once.
#[actix::test]
async fn victim() {
    let (Some(folder), Some(round)) = (std::env::var_os(FOLDER), std::env::var_os(ROUND)) else { return };
    let round: u64 = round.into_string().unwrap().parse().unwrap();
    let audit = start(kept_in(folder.into()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let audit = audit.clone();
            spawn(async move {
                for n in 0.. {
                    let number = round << 32 | writer << 24 | n;
                    audit.record(record(number)).await.unwrap();
                    println!("acknowledged {number}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_any_kill() {
    let scratch = Scratch::new();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "audit::tests::killed::victim", "--nocapture"])
            .env(FOLDER, &scratch.0)
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut told = 0;
        // Another moment in each round.
        let mut listen = |most: u64| {
            while told < most {
                let Some(Ok(line)) = lines.next() else { return };
                if let Some((_, number)) = line.split_once("acknowledged ") {
                    acknowledged.push(number.trim().parse::<u64>().unwrap());
                    told += 1;
                }
            }
        };
        listen(1 + round * round * 7);
        victim.kill().unwrap();
        // What it told before it died counts too.
        listen(u64::MAX);
        victim.wait().unwrap();
    }
    let settings = kept_in(scratch.0.clone());
    let report = sound(&settings);
    let mut written = ids(&settings.folder);
    written.sort_unstable();
    assert!(written.windows(2).all(|pair| pair[0] != pair[1]), "no record twice");
    acknowledged.sort_unstable();
    let lost: Vec<_> = acknowledged.iter().filter(|number| written.binary_search(number).is_err()).collect();
    assert_eq!(lost, [&0u64; 0], "of {} acknowledged and {} written", acknowledged.len(), written.len());
    assert!(acknowledged.len() as u64 >= ROUNDS && report.segments > 1, "{report:?}");
}
