//! A full disk, a broken one, short writes.

use super::*;
use crate::testing::until;

struct Kept {
    audit: Audit,
    disk: Arc<FaultyDisk>,
    settings: Settings,
    _scratch: Scratch,
}

fn kept(change: impl FnOnce(&mut Settings)) -> Kept {
    let scratch = Scratch::new();
    let mut settings = Settings { patience: Duration::from_millis(100), ..settings(&scratch) };
    change(&mut settings);
    let disk = Arc::new(FaultyDisk::default());
    let dice = Arc::new(crate::testing::NoDice);
    let audit = Audit::start(settings.clone(), disk.clone(), TestClock::shared(), dice).unwrap();
    Kept { audit, disk, settings, _scratch: scratch }
}

#[actix::test]
async fn short_writes_make_whole_lines() {
    let kept = kept(|_| {});
    kept.disk.plan(Plan { short: Some(7), ..Plan::default() });
    for n in 0..20 {
        kept.audit.record(record(n)).await.unwrap();
    }
    kept.audit.drain(WAIT).await.unwrap();
    assert_eq!(ids(&kept.settings.folder), Vec::from_iter(0..20));
    sound(&kept.settings);
}

#[actix::test]
async fn what_could_not_be_written_is_written_once_it_can() {
    let failing = |plan: Plan| Plan { short: Some(50), ..plan };
    for (case, plan, reason) in [
        ("a full disk", Plan { room: Some(120), ..Plan::default() }, Some(Trouble::Full)),
        (
            "a broken disk",
            Plan { write: Some(io::ErrorKind::Other), ..Plan::default() },
            Some(Trouble::Failed),
        ),
        (
            "read-only",
            Plan { write: Some(io::ErrorKind::ReadOnlyFilesystem), ..Plan::default() },
            Some(Trouble::ReadOnly),
        ),
        (
            "full, and its torn end can't be cut",
            Plan { room: Some(120), truncate: Some(io::ErrorKind::Other), ..Plan::default() },
            // Full at first, then whatever the cutting says.
            None,
        ),
    ] {
        let kept = kept(|_| {});
        kept.audit.record(record(0)).await.unwrap();
        kept.disk.plan(failing(plan));
        assert_eq!(kept.audit.record(record(1)).await, Err(AuditError::Late), "{case}");
        kept.audit.record_detached(record(2), ());
        let refused = kept.audit.accepting().unwrap_err();
        assert!(reason.is_none_or(|reason| reason == refused.reason), "{case}: {refused}");
        assert_eq!(kept.audit.status().queued, 2, "{case}");
        kept.disk.plan(Plan::default());
        until(|| kept.audit.accepting().is_ok() && kept.audit.status().queued == 0).await;
        assert!(kept.audit.record(record(3)).await.is_ok(), "{case}");
        kept.audit.drain(WAIT).await.unwrap();
        assert_eq!(ids(&kept.settings.folder), [0, 1, 2, 3], "{case}");
        sound(&kept.settings);
    }
}

#[actix::test]
async fn a_slot_is_held_until_its_record_is_written() {
    let kept = kept(|_| {});
    kept.disk.plan(Plan { room: Some(0), ..Plan::default() });
    let slot = Arc::new(());
    assert_eq!(kept.audit.record_holding(record(1), slot.clone()).await, Err(AuditError::Late));
    kept.audit.record_detached(record(2), slot.clone());
    assert_eq!(Arc::strong_count(&slot), 3);
    kept.disk.plan(Plan::default());
    until(|| Arc::strong_count(&slot) == 1).await;
    assert_eq!(ids(&kept.settings.folder), [1, 2]);
}

#[actix::test]
async fn room_is_noticed_although_no_record_comes() {
    let kept = kept(|_| {});
    kept.disk.plan(Plan { room: Some(0), ..Plan::default() });
    kept.audit.record(record(1)).await.unwrap_err();
    kept.disk.plan(Plan { room: Some(1_000), ..Plan::default() });
    until(|| kept.audit.status().queued == 0).await;
    assert_eq!(kept.audit.accepting(), Ok(()), "what waited has found room");
    kept.disk.plan(Plan { room: Some(0), ..Plan::default() });
    kept.audit.record(record(2)).await.unwrap_err();
    assert!(kept.audit.accepting().is_err());
}

#[actix::test]
async fn a_full_disk_at_the_start_is_waited_for() {
    let scratch = Scratch::new();
    let settings = settings(&scratch);
    let disk = Arc::new(FaultyDisk::default());
    disk.plan(Plan { create: Some(io::ErrorKind::StorageFull), ..Plan::default() });
    let dice = Arc::new(crate::testing::NoDice);
    let audit = Audit::start(settings.clone(), disk.clone(), TestClock::shared(), dice).unwrap();
    assert_eq!(audit.accepting().unwrap_err().reason, Trouble::Full);
    disk.plan(Plan::default());
    until(|| audit.accepting().is_ok()).await;
    assert!(audit.record(record(1)).await.is_ok());
    assert_eq!(ids(&settings.folder), [1]);
}

#[actix::test]
async fn a_failed_sync_moves_on_to_a_new_segment() {
    let kept = kept(|_| {});
    kept.audit.record(record(0)).await.unwrap();
    kept.disk.plan(Plan { sync: Some(io::ErrorKind::Other), ..Plan::default() });
    let before = kept.audit.shared.durable.synced_mark();
    let syncs = kept.disk.syncs.load(Ordering::SeqCst);
    until(|| kept.disk.syncs.load(Ordering::SeqCst) > syncs).await;
    assert_eq!(kept.audit.shared.durable.synced_mark(), before, "readers see nothing of it");
    kept.disk.plan(Plan::default());
    kept.audit.record(record(1)).await.unwrap();
    kept.audit.drain(WAIT).await.unwrap();
    assert!(segment::segments(&kept.settings.folder).unwrap().len() >= 2);
    assert_eq!(ids(&kept.settings.folder), [0, 1]);
    sound(&kept.settings);
}

#[actix::test]
async fn with_always_no_record_counts_that_the_disk_does_not_have() {
    let kept = kept(|settings| settings.sync = SyncMode::Always);
    kept.audit.record(record(0)).await.unwrap();
    kept.disk.plan(Plan { sync: Some(io::ErrorKind::Other), ..Plan::default() });
    assert_eq!(kept.audit.record(record(1)).await, Err(AuditError::Late));
    assert!(kept.audit.accepting().is_err());
    kept.disk.plan(Plan::default());
    until(|| kept.audit.status().queued == 0).await;
    kept.audit.drain(WAIT).await.unwrap();
    assert_eq!(ids(&kept.settings.folder), [0, 1], "once each");
    sound(&kept.settings);
}

#[actix::test]
async fn the_queue_is_bounded_and_what_is_lost_is_counted() {
    let kept = kept(|settings| {
        settings.most_queued = 3;
        settings.on_failure = OnFailure::Allow;
    });
    kept.disk.plan(Plan { room: Some(0), ..Plan::default() });
    for n in 0..5 {
        kept.audit.record_detached(record(n), ());
    }
    assert_eq!(kept.audit.record(record(9)).await, Err(AuditError::Full));
    assert_eq!(kept.audit.accepting(), Ok(()), "as configured");
    let status = kept.audit.status();
    assert_eq!((status.queued, status.dropped), (3, 3));
    until(|| kept.audit.status().unwritable.is_some()).await;
    kept.disk.plan(Plan::default());
    until(|| kept.audit.status().queued == 0).await;
    assert_eq!(ids(&kept.settings.folder), [0, 1, 2]);
}

#[actix::test]
async fn what_may_go_unrecorded_waits_for_nothing() {
    // A record that waited for its deadline would fail this test by its time.
    let kept = kept(|settings| {
        settings.patience = Duration::from_secs(3_600);
        settings.on_failure = OnFailure::Allow;
    });
    let slot = Arc::new(());
    kept.disk.plan(Plan { room: Some(0), ..Plan::default() });
    let first = kept.audit.record_holding(record(1), slot.clone());
    assert_eq!(first.await, Err(AuditError::Unwritable), "the one that met the full disk");
    let second = kept.audit.record_holding(record(2), slot.clone());
    assert_eq!(second.await, Err(AuditError::Unwritable));
    kept.audit.record_detached(record(3), slot.clone());
    assert_eq!(Arc::strong_count(&slot), 1, "no slot is held");
    kept.disk.plan(Plan::default());
    until(|| kept.audit.status().queued == 0).await;
    assert_eq!(ids(&kept.settings.folder), [1, 2, 3]);
    assert!(kept.audit.record_holding(record(4), slot.clone()).await.is_ok(), "all is as before");
}
