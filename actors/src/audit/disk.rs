//! The disk as the trail needs it, so that a test can fill it, break it or make it slow. Reading goes past
//! this: what can't be read harms nobody's request.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

/// Where segments, cursors and the remembered head are written.
pub trait Disk: Send + Sync + 'static {
    /// A new file, its name durable. Fails where the file is there.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file that is there, to be written at its end.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Puts a small file in place whole or not at all.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
}

/// A file that grows at its end.
pub trait DiskFile: Send {
    /// Writes some of the bytes, as many as it tells.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// A second handle, for a thread that may wait for the disk.
    fn syncer(&self) -> io::Result<Arc<dyn Syncer>>;
}

/// Waits until what was written would survive a power cut.
pub trait Syncer: Send + Sync {
    fn sync(&self) -> io::Result<()>;
}

/// The machine's own.
pub struct RealDisk;

/// The group may read: what collects logs often runs as another user.
const MODE: u32 = 0o640;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(MODE).open(path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).open(path)?))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let beside = path.with_extension("new");
        let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            // On a full disk even a part of it is in the way; where nothing was made there is nothing to take away.
            fs::remove_file(&beside).ok();
        }
        written
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(path)?;
    file.write_all(bytes)
}

impl DiskFile for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn syncer(&self) -> io::Result<Arc<dyn Syncer>> {
        Ok(Arc::new(self.try_clone()?))
    }
}

impl Syncer for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
