//! The trail on a disk that fails when told to.

mod faults;
mod keeping;
mod killed;
mod reading;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_core::audit::RequestRecord;
use gateway_core::audit::check::Report;
use gateway_core::audit::{Outcome, RecordedBy, RequestId};

use super::disk::{DiskFile, RealDisk, Syncer};
use super::*;
use crate::testing::TestClock;

pub(crate) const WAIT: Duration = Duration::from_secs(5);

/// A folder that is gone with its test.
pub(crate) struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gateway-audit-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

pub(crate) fn settings(scratch: &Scratch) -> Settings {
    Settings {
        folder: scratch.0.join("audit"),
        head: scratch.0.join("audit-head"),
        replica: Named::cleaned("r1"),
        sync: SyncMode::Interval,
        on_failure: OnFailure::Deny,
        key: None,
        segment_bytes: 64 << 20,
        retention: Retention::default(),
        most_queued: 10_000,
        patience: WAIT,
        sinks: Vec::new(),
        replicas: None,
    }
}

pub(crate) fn start(settings: Settings) -> Audit {
    Audit::start(settings, Arc::new(RealDisk), TestClock::shared(), Arc::new(crate::testing::NoDice)).unwrap()
}

pub(crate) fn record(n: u64) -> Record {
    request(n).into()
}

pub(crate) fn request(n: u64) -> RequestRecord {
    let id = RequestId::parse(&format!("01a20c47-0000-7000-8000-{n:012x}")).unwrap();
    let time = Time::from_unix_millis(1_000_000_000 + n);
    let name = Named::cleaned;
    let mut record = RequestRecord::begun(id, time, name("r1"), name("/v1/complete"));
    record.team_id = Some(name(if n.is_multiple_of(2) { "even" } else { "odd" }));
    record.outcome = Outcome::Answered;
    record.status = 200;
    record
}

pub(crate) fn reaped(n: u64) -> Record {
    let mut record = request(n);
    record.recorded_by = RecordedBy::Reaper;
    record.outcome = Outcome::Interrupted;
    record.into()
}

/// The ids of all records, in the files' order.
pub(crate) fn ids(folder: &Path) -> Vec<u64> {
    let mut found = Vec::new();
    for segment in segment::segments(folder).unwrap() {
        // A torn end is no line.
        let text = fs::read_to_string(&segment.path).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let line = gateway_core::audit::Line::read(line.as_bytes()).unwrap();
            if let Some(record) = line.record() {
                let id = record.id().to_string();
                found.push(u64::from_str_radix(&id[id.len() - 12..], 16).unwrap());
            }
        }
    }
    found
}

fn report(settings: &Settings) -> Report {
    let head = fs::read(&settings.head).ok();
    let head = head.map(|text| gateway_core::audit::HeadFile::decode(&text, settings.key.as_ref()).unwrap());
    verify(&settings.folder, settings.key.as_ref(), head).unwrap()
}

fn sound(settings: &Settings) -> Report {
    let report = report(settings);
    assert_eq!(report.finds, [], "the trail is whole");
    report
}

/// What goes wrong from here on.
#[derive(Clone, Copy, Default)]
struct Plan {
    /// Bytes until the disk is full.
    room: Option<u64>,
    /// Most bytes of one write.
    short: Option<usize>,
    write: Option<io::ErrorKind>,
    truncate: Option<io::ErrorKind>,
    sync: Option<io::ErrorKind>,
    create: Option<io::ErrorKind>,
}

/// The real disk, until told otherwise.
#[derive(Default)]
struct FaultyDisk {
    plan: Arc<Mutex<Plan>>,
    syncs: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
}

impl FaultyDisk {
    fn plan(&self, plan: Plan) {
        *self.plan.lock().unwrap() = plan;
    }

    fn wrap(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let (plan, syncs, writes) = (self.plan.clone(), self.syncs.clone(), self.writes.clone());
        Box::new(FaultyFile { file, plan, syncs, writes })
    }
}

fn fails(kind: Option<io::ErrorKind>) -> io::Result<()> {
    kind.map_or(Ok(()), |kind| Err(kind.into()))
}

/// As many of the bytes as the plan has room for.
fn room(plan: &Mutex<Plan>, bytes: usize) -> io::Result<usize> {
    let mut plan = plan.lock().unwrap();
    fails(plan.write)?;
    let bytes = plan.short.map_or(bytes, |short| bytes.min(short));
    let Some(room) = &mut plan.room else { return Ok(bytes) };
    if *room == 0 && bytes > 0 {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let bytes = bytes.min(*room as usize);
    *room -= bytes as u64;
    Ok(bytes)
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        fails(self.plan.lock().unwrap().create)?;
        Ok(self.wrap(RealDisk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(RealDisk.open(path)?))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fits = room(&self.plan, bytes.len())?;
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.replace(path, bytes)
    }
}

struct FaultyFile {
    file: Box<dyn DiskFile>,
    plan: Arc<Mutex<Plan>>,
    syncs: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
}

impl DiskFile for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let fits = room(&self.plan, bytes.len())?;
        self.file.write(&bytes[..fits])
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        fails(self.plan.lock().unwrap().truncate)?;
        self.file.truncate(len)
    }

    fn syncer(&self) -> io::Result<Arc<dyn Syncer>> {
        let syncer = self.file.syncer()?;
        Ok(Arc::new(FaultySyncer { syncer, plan: self.plan.clone(), syncs: self.syncs.clone() }))
    }
}

struct FaultySyncer {
    syncer: Arc<dyn Syncer>,
    plan: Arc<Mutex<Plan>>,
    syncs: Arc<AtomicU64>,
}

impl Syncer for FaultySyncer {
    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        fails(self.plan.lock().unwrap().sync)?;
        self.syncer.sync()
    }
}
