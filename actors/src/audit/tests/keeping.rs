//! Writing, segments, restarts, retention.

use std::fs::OpenOptions;
use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::testing::{spawn, until};

#[actix::test]
async fn records_are_in_the_file_when_they_are_acknowledged() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    let audit = start(settings.clone());
    assert_eq!(audit.record(record(1)).await, Ok(Written { seq: 2 }), "the segment's head is line 1");
    assert_eq!(ids(&settings.folder), [1]);
    audit.record_detached(record(2), ());
    assert_eq!(audit.record(record(3)).await, Ok(Written { seq: 4 }));
    assert_eq!(ids(&settings.folder), [1, 2, 3]);
    assert_eq!(audit.accepting(), Ok(()));
    audit.drain(WAIT).await.unwrap();
    let report = sound(&settings);
    assert_eq!((report.records, report.last.unwrap().seq), (3, 4));
}

#[actix::test]
async fn those_who_wait_share_a_write() {
    let scratch = Scratch::new();
    let disk = Arc::new(FaultyDisk::default());
    let clock = TestClock::shared();
    let dice = Arc::new(crate::testing::NoDice);
    let settings = Settings { sync: SyncMode::Always, ..settings(&scratch) };
    let audit = Audit::start(settings.clone(), disk.clone(), clock, dice).unwrap();
    let (writes, syncs) = (disk.writes.load(Ordering::SeqCst), disk.syncs.load(Ordering::SeqCst));
    let waiting: Vec<_> = (0..500).map(|n| spawn(audit.record(record(n)))).collect();
    for (n, written) in waiting.into_iter().enumerate() {
        assert_eq!(written.await.unwrap().unwrap().seq, n as u64 + 2, "in the order of the calls");
    }
    assert!(disk.writes.load(Ordering::SeqCst) - writes < 250, "group commit");
    assert!(disk.syncs.load(Ordering::SeqCst) - syncs < 250, "and one sync for each");
    assert_eq!(ids(&settings.folder), Vec::from_iter(0..500));
}

#[actix::test]
async fn under_load_the_disk_is_not_forgotten() {
    let scratch = Scratch::new();
    let audit = start(settings(&scratch));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    // From threads of their own, so that the writer never finds its queue empty for long.
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (audit, stop) = (audit.clone(), stop.clone());
            std::thread::spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    if audit.status().queued < 5_000 {
                        (0..500).for_each(|k| audit.record_detached(record(writer << 40 | n << 16 | k), ()));
                    }
                }
            })
        })
        .collect();
    let first = audit.status().synced_seq;
    until(|| audit.status().synced_seq > first).await;
    let second = audit.status().synced_seq;
    until(|| audit.status().synced_seq > second).await;
    stop.store(true, Ordering::SeqCst);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    audit.drain(WAIT).await.unwrap();
    assert_eq!(audit.status().dropped, 0);
}

#[actix::test]
async fn a_record_that_nobody_waits_for_is_written() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    let audit = start(settings.clone());
    drop(audit.record(record(1)));
    until(|| ids(&settings.folder) == [1]).await;
}

#[actix::test]
async fn the_chain_goes_on_after_a_restart_and_over_segments() {
    let scratch = Scratch::new();
    let key = Some(SigningKey::new(b"key"));
    let settings = Settings { segment_bytes: 3_000, key, ..settings(&scratch) };
    for round in 0..4 {
        let audit = start(settings.clone());
        for n in 0..10 {
            audit.record(record(round * 10 + n)).await.unwrap();
        }
        audit.drain(WAIT).await.unwrap();
    }
    let report = sound(&settings);
    assert_eq!((report.records, report.repairs), (40, 0));
    assert!(report.segments > 4, "{report:?}");
    assert_eq!(report.signed_segments, report.segments);
    assert_eq!(ids(&settings.folder), Vec::from_iter(0..40));
}

#[actix::test]
async fn a_new_day_and_a_new_key_begin_a_new_segment() {
    let scratch = Scratch::new();
    let mut settings = settings(&scratch);
    let clock = TestClock::shared();
    let dice = Arc::new(crate::testing::NoDice);
    let begin = |settings: &Settings| {
        Audit::start(settings.clone(), Arc::new(RealDisk), clock.clone(), dice.clone()).unwrap()
    };
    let audit = begin(&settings);
    audit.record(record(1)).await.unwrap();
    clock.pass(Duration::from_secs(86_400));
    audit.record(record(2)).await.unwrap();
    audit.drain(WAIT).await.unwrap();
    assert_eq!(sound(&settings).segments, 2);
    std::fs::remove_file(&settings.head).unwrap();
    settings.key = Some(SigningKey::new(b"key"));
    let audit = begin(&settings);
    audit.record(record(3)).await.unwrap();
    audit.drain(WAIT).await.unwrap();
    let report = sound(&settings);
    assert_eq!((report.segments, report.signed_segments, report.records), (3, 1, 3));
}

#[actix::test]
async fn a_second_process_is_refused() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    let audit = start(settings.clone());
    let again = |settings: Settings| {
        Audit::start(settings, Arc::new(RealDisk), TestClock::shared(), Arc::new(crate::testing::NoDice))
    };
    let refused = again(settings.clone()).err().unwrap().to_string();
    assert!(refused.starts_with("another process holds ") && refused.contains("audit.lock"), "{refused}");
    let other_folder = Settings { folder: scratch.0.join("other"), ..settings.clone() };
    assert!(
        matches!(again(other_folder), Err(StartError::Taken { .. })),
        "the remembered head is one's own too"
    );
    audit.drain(WAIT).await.unwrap();
    assert!(again(settings).is_ok());
}

#[actix::test]
async fn a_folder_that_cannot_be_is_refused_at_once() {
    let scratch = Scratch::new();
    let file = scratch.0.join("file");
    std::fs::write(&file, "").unwrap();
    let settings = Settings { folder: file.join("audit"), ..settings(&scratch) };
    let started =
        Audit::start(settings, Arc::new(RealDisk), TestClock::shared(), Arc::new(crate::testing::NoDice));
    assert!(started.err().unwrap().to_string().contains("set AUDIT_DIR to another folder"));
}

/// A trail of ten records, its process gone.
async fn ten(settings: &Settings) {
    let audit = start(settings.clone());
    for n in 0..10 {
        audit.record(record(n)).await.unwrap();
    }
    audit.drain(WAIT).await.unwrap();
}

fn last_segment(settings: &Settings) -> PathBuf {
    segment::segments(&settings.folder).unwrap().pop().unwrap().path
}

#[actix::test]
async fn a_torn_end_is_cut_off_and_noted() {
    for (case, torn) in [
        ("half a line", &b"{\"v\":1,\"seq\":12,\"prev\":\"00"[..]),
        ("zeros of a power cut", &[0; 4_096]),
        ("garbage with line ends", b"x\ny\nz\n"),
        ("one byte", b"{"),
    ] {
        let scratch = Scratch::new();
        let settings = settings(&scratch);
        ten(&settings).await;
        let mut file = OpenOptions::new().append(true).open(last_segment(&settings)).unwrap();
        file.write_all(torn).unwrap();
        let audit = start(settings.clone());
        audit.record(record(10)).await.unwrap();
        audit.drain(WAIT).await.unwrap();
        let report = sound(&settings);
        assert_eq!((report.records, report.repairs, report.segments), (11, 1, 1), "{case}");
        assert_eq!(ids(&settings.folder), Vec::from_iter(0..11), "{case}");
    }
}

#[actix::test]
async fn a_segment_born_in_a_crash_is_put_aside() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    ten(&settings).await;
    std::fs::write(settings.folder.join("audit-000000000012.jsonl"), b"{\"v\":1,").unwrap();
    let audit = start(settings.clone());
    audit.record(record(10)).await.unwrap();
    audit.drain(WAIT).await.unwrap();
    assert_eq!(sound(&settings).records, 11);
    assert!(settings.folder.join("audit-000000000012.broken").exists());
}

#[actix::test]
async fn what_was_done_while_the_gateway_was_off_shows_for_ever() {
    type Deed = fn(&Settings);
    let cases: [(&str, Deed, &str); 4] = [
        (
            "the end cut off",
            |settings| {
                let text = std::fs::read_to_string(last_segment(settings)).unwrap();
                let kept: Vec<&str> = text.lines().take(8).collect();
                std::fs::write(last_segment(settings), kept.join("\n") + "\n").unwrap();
            },
            "audit-000000000001.jsonl:8 (seq 8): the segment was cut behind this line: lines up to 11 are missing",
        ),
        (
            "the last line changed",
            |settings| {
                let text = std::fs::read_to_string(last_segment(settings)).unwrap();
                let (start, last) = text.trim_end().rsplit_once('\n').unwrap();
                let changed = last.replace(":200", ":500");
                std::fs::write(last_segment(settings), format!("{start}\n{changed}\n")).unwrap();
            },
            "audit-000000000001.jsonl:11 (seq 11): the line was changed: its hash is not the one that the next line holds",
        ),
        (
            "every segment removed",
            |settings| std::fs::remove_dir_all(&settings.folder).unwrap(),
            "audit-000000000012.jsonl:1 (seq 12): the trail begins here, though it should from line 1 on: older segments were removed",
        ),
        (
            "the last line made garbage",
            |settings| {
                let text = std::fs::read_to_string(last_segment(settings)).unwrap();
                let (start, _) = text.trim_end().rsplit_once('\n').unwrap();
                std::fs::write(last_segment(settings), format!("{start}\n{{}}\n")).unwrap();
            },
            "audit-000000000001.jsonl:10 (seq 10): the segment was cut behind this line: lines up to 11 are missing",
        ),
    ];
    for (case, deed, want) in cases {
        let scratch = Scratch::new();
        let settings = settings(&scratch);
        ten(&settings).await;
        deed(&settings);
        for round in 0..2 {
            let audit = start(settings.clone());
            audit.record(record(20 + round)).await.unwrap();
            audit.drain(WAIT).await.unwrap();
        }
        let found = report(&settings);
        let told: Vec<String> =
            found.finds.iter().map(|find| format!("{}: {}", find.place, find.what)).collect();
        assert!(told.iter().any(|find| find == want), "{case}: {told:#?}");
        assert!(told.iter().any(|find| find.contains("when the gateway started")), "{case}: {told:#?}");
    }
}

#[actix::test]
async fn retention_takes_what_nobody_needs() {
    let scratch = Scratch::new();
    let retention = Retention { age: None, bytes: Some(5_000) };
    let settings = Settings { segment_bytes: 1_500, retention, ..settings(&scratch) };
    let audit = start(settings.clone());
    let mut outbox = audit.outbox("ledger").unwrap();
    for n in 0..60 {
        audit.record(record(n)).await.unwrap();
    }
    until(|| audit.shared.durable.synced_mark() == audit.shared.durable.written_mark()).await;
    retention::apply(&audit.shared);
    assert_eq!(ids(&settings.folder).len(), 60, "the ledger has read nothing");
    let read = outbox.next(30).unwrap();
    outbox.commit(read.last().unwrap().end).unwrap();
    retention::apply(&audit.shared);
    let kept = ids(&settings.folder);
    assert!(kept[0] > 20 && kept[0] <= 30, "up to what it has committed: {kept:?}");
    drop(outbox);
    audit.drain(WAIT).await.unwrap();
    assert_eq!(sound(&settings).first_seq, Some(segment::segments(&settings.folder).unwrap()[0].first_seq));
}

#[actix::test]
async fn a_dead_actor_loses_nothing() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    let audit = start(settings.clone());
    audit.record(record(0)).await.unwrap();
    audit.mailbox.send(actor::tests::Crash, WAIT).await.unwrap_err();
    for n in 1..100 {
        audit.record_detached(record(n), ());
    }
    assert!(audit.record(record(100)).await.is_ok());
    assert_eq!(ids(&settings.folder), Vec::from_iter(0..=100));
    until(|| audit.status().actor.restarts == 1).await;
    audit.drain(WAIT).await.unwrap();
    sound(&settings);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Wherever a crash cuts the file: the lines before stay, the chain goes on, and says so.
    #[test]
    fn any_cut_is_mended(cut in 0usize..4_000, records in 1u64..8) {
        let scratch = Scratch::new();
        let settings = settings(&scratch);
        let system = actix::System::new();
        system.block_on(async {
            let audit = start(settings.clone());
            for n in 0..records {
                audit.record(record(n)).await.unwrap();
            }
            audit.drain(WAIT).await.unwrap();
        });
        // As after a power cut: what is gone was not durable, so it is not remembered either.
        std::fs::remove_file(&settings.head).unwrap();
        let path = last_segment(&settings);
        let text = std::fs::read(&path).unwrap();
        let cut = cut.min(text.len());
        std::fs::write(&path, &text[..cut]).unwrap();
        let whole = text[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
        system.block_on(async {
            let audit = start(settings.clone());
            audit.record(record(99)).await.unwrap();
            audit.drain(WAIT).await.unwrap();
        });
        let report = sound(&settings);
        prop_assert_eq!(report.records, whole.saturating_sub(1) + 1);
        let torn = text[..cut].last().is_some_and(|last| *last != b'\n') && whole > 0;
        prop_assert_eq!(report.repairs, u64::from(torn));
    }
}
