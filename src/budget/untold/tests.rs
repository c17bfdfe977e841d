use super::*;
use crate::assembly::SystemClock;
use gateway_actors::audit::disk::{Disk, DiskFile, RealDisk, Syncer};
use gateway_actors::audit::{OnFailure, Retention, Settings, SyncMode};
use gateway_core::audit::{Named, RequestId, RequestRecord, Time};
use gateway_core::dice::Dice;
use std::io;
use std::path::{Path, PathBuf};

struct NoDice;

impl Dice for NoDice {
    fn roll(&self) -> u64 {
        0
    }
}

/// Takes nothing while it is full.
struct Full(Arc<AtomicBool>);

struct FullFile(Box<dyn DiskFile>, Arc<AtomicBool>);

impl Disk for Full {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FullFile(RealDisk.create(path)?, Arc::clone(&self.0))))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FullFile(RealDisk.open(path)?, Arc::clone(&self.0))))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        RealDisk.replace(path, bytes)
    }
}

impl DiskFile for FullFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.load(Ordering::SeqCst) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            self.0.write(bytes)
        }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.truncate(len)
    }

    fn syncer(&self) -> io::Result<Arc<dyn Syncer>> {
        self.0.syncer()
    }
}

/// A trail in a folder of its own, on a disk that can be filled.
struct Trail {
    folder: PathBuf,
    full: Arc<AtomicBool>,
    audit: Audit,
}

impl Trail {
    fn start(on_failure: OnFailure, most_queued: usize) -> Trail {
        let folder = std::env::temp_dir().join(format!("gateway-untold-{}", uuid::Uuid::now_v7()));
        let settings = Settings {
            head: folder.join("head"),
            folder: folder.clone(),
            replica: Named::cleaned("r"),
            sync: SyncMode::Interval,
            on_failure,
            key: None,
            segment_bytes: 1 << 20,
            retention: Retention::default(),
            most_queued,
            patience: Duration::from_millis(50),
            sinks: Vec::new(),
            replicas: None,
        };
        let full = Arc::new(AtomicBool::new(false));
        let disk = Arc::new(Full(Arc::clone(&full)));
        let audit = Audit::start(settings, disk, Arc::new(SystemClock), Arc::new(NoDice)).unwrap();
        Trail { folder, full, audit }
    }

    fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Lines of its one segment, less the head's.
    fn records(&self) -> u64 {
        self.audit.last_seq() - 1
    }

    async fn end(self) {
        self.audit.drain(Duration::from_secs(5)).await.unwrap();
        std::fs::remove_dir_all(self.folder).unwrap();
    }
}

fn id() -> ReservationId {
    ReservationId::new(uuid::Uuid::now_v7()).unwrap()
}

fn record(id: ReservationId) -> Record {
    let name = Named::cleaned("r");
    RequestRecord::begun(RequestId::new(id.uuid()), Time::from_unix_millis(1), name.clone(), name).into()
}

/// As the chores do it, until it is told as recorded.
async fn again(untold: &Untold, audit: &Audit, id: ReservationId) {
    let told = async {
        while untold.record(audit, id, || record(id)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told).await.expect("recorded once there is room");
}

#[actix_web::test]
async fn a_stuck_trail_is_given_each_record_once() {
    let trail = Trail::start(OnFailure::Deny, 1_000);
    let (untold, one) = (Untold::default(), id());
    trail.fill(true);
    for _ in 0..20 {
        assert_eq!(untold.record(&trail.audit, one, || record(one)).await, Err(AuditError::Late));
    }
    assert_eq!(trail.audit.status().queued, 1);
    trail.fill(false);
    again(&untold, &trail.audit, one).await;
    assert_eq!(trail.records(), 1);
    // Told once; where the store did not hear it, it is recorded once more.
    assert_eq!(untold.record(&trail.audit, one, || record(one)).await, Ok(()));
    assert_eq!(trail.records(), 2);
    trail.end().await;
}

#[actix_web::test]
async fn a_stuck_trail_keeps_places_for_others() {
    let trail = Trail::start(OnFailure::Deny, 1_000);
    let untold = Untold::default();
    trail.fill(true);
    let ids: Vec<_> = (0..MOST + 50).map(|_| id()).collect();
    let all = ids.iter().map(|id| untold.record(&trail.audit, *id, || record(*id)));
    let answers = futures_util::future::join_all(all).await;
    assert!(answers.iter().all(|answer| *answer == Err(AuditError::Late)), "{answers:?}");
    assert_eq!(trail.audit.status().queued, MOST);
    trail.fill(false);
    for id in ids {
        again(&untold, &trail.audit, id).await;
    }
    assert_eq!(trail.records(), MOST as u64 + 50);
    trail.end().await;
}

#[actix_web::test]
async fn what_found_no_place_is_handed_in_again() {
    let trail = Trail::start(OnFailure::Deny, 1);
    let (untold, first, second) = (Untold::default(), id(), id());
    trail.fill(true);
    assert_eq!(untold.record(&trail.audit, first, || record(first)).await, Err(AuditError::Late));
    assert_eq!(untold.record(&trail.audit, second, || record(second)).await, Err(AuditError::Full));
    trail.fill(false);
    again(&untold, &trail.audit, first).await;
    again(&untold, &trail.audit, second).await;
    assert_eq!(trail.records(), 2);
    trail.end().await;
}

#[actix_web::test]
async fn nothing_waits_where_requests_may_go_unrecorded() {
    let trail = Trail::start(OnFailure::Allow, 1_000);
    let (untold, one) = (Untold::default(), id());
    trail.fill(true);
    again(&untold, &trail.audit, one).await;
    assert_eq!(trail.audit.status().queued, 1);
    trail.fill(false);
    trail.end().await;
}
