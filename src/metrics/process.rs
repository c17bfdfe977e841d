//! What the system says of this process, by the names that Prometheus's own libraries use. Read from Linux's
//! `/proc` (proc(5)); elsewhere nothing is told.

use super::catalog as names;
use super::exposition::{Number, Page};
use std::fs;
use std::time::Duration;

/// A moment of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// In hundredths of a second: Linux tells processor time to programs in these.
    cpu: Option<u64>,
    memory_bytes: Option<u64>,
    files: Option<u64>,
    max_files: Option<u64>,
}

impl Process {
    /// Reads a few files, none of which waits.
    pub(super) fn read() -> Process {
        let text = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let files = fs::read_dir("/proc/self/fd").ok().map(|open| open.count());
        Process {
            cpu: cpu(&text("stat")),
            memory_bytes: memory(&text("status")),
            // The listing has one open itself.
            files: files.and_then(|open| u64::try_from(open).ok()).map(|open| open.saturating_sub(1)),
            max_files: max_files(&text("limits")),
        }
    }

    pub(super) fn write(&self, started: Duration, page: &mut Page) {
        let started = u64::try_from(started.as_millis()).unwrap_or(u64::MAX);
        page.family(&names::PROCESS_START).sample(&[], Number::millis(started));
        for (metric, value, digits) in [
            (&names::PROCESS_CPU, self.cpu, 2),
            (&names::PROCESS_MEMORY, self.memory_bytes, 0),
            (&names::PROCESS_FILES, self.files, 0),
            (&names::PROCESS_MAX_FILES, self.max_files, 0),
        ] {
            let mut family = page.family(metric);
            if let Some(value) = value {
                family.sample(&[], Number { units: value.into(), digits });
            }
        }
    }
}

/// Fields 14 and 15 of `stat`, counted behind the name, which may hold anything up to its last bracket.
fn cpu(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

fn max_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_system_are_read() {
        assert_eq!(cpu("7 (a) b) S 1 7 7 0 -1 4194304 9 0 0 0 120 35 0 0 20 0 4 0 99"), Some(155));
        assert_eq!(memory("Name:\tx\nVmRSS:\t   12345 kB\n"), Some(12_641_280));
        assert_eq!(max_files("Limit Soft Hard Units\nMax open files 1024 4096 files\n"), Some(1_024));
        for foreign in ["", ")", "7 (a) S", "VmRSS: x kB", "Max open files unlimited"] {
            assert_eq!((cpu(foreign), memory(foreign), max_files(foreign)), (None, None, None), "{foreign}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_told_of() {
        let process = Process::read();
        assert!(process.memory_bytes > Some(1 << 20) && process.files > Some(2), "{process:?}");
        assert!(process.cpu.is_some() && process.max_files.is_some(), "{process:?}");
    }
}
