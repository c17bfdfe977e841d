//! What may be served while the ledger is away: a tenth of a team's daily limit for each replica. Each
//! request is written to a local file before it is served, so that a crash forgets none. Lines:
//! `open ID TEAM DAY NANO` (the last of an id counts), `closed ID NANO`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gateway_core::ids::TeamId;
use gateway_core::ledger::{Day, Limits, ReservationId, StoreTime};
use gateway_core::money::NanoUsd;
use uuid::Uuid;

/// A replica's share of a daily limit: one part of so many.
const PART: i64 = 10;
/// The file is written anew, without what is closed and of other days, once it has so many lines more
/// than thrice those after the last time.
const COMPACT_AFTER: usize = 10_000;

/// The local allowance.
pub struct Allowance {
    path: PathBuf,
    books: Mutex<Books>,
}

struct Books {
    file: File,
    lines: usize,
    compact_at: usize,
    taken: BTreeMap<ReservationId, Taken>,
    used: BTreeMap<(TeamId, Day), NanoUsd>,
}

#[derive(Clone, Debug)]
struct Taken {
    team: TeamId,
    day: Day,
    amount: NanoUsd,
    closed: bool,
}

/// Served, and never ended: to be recorded, and settled `unreserved` at its bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclosed {
    pub id: ReservationId,
    pub team: TeamId,
    pub bound: NanoUsd,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllowanceError {
    #[error("the budget store gives no answer, and the local allowance of {allowed} USD is used up")]
    Spent { allowed: NanoUsd },
    #[error("the local allowance can't be written: {reason}")]
    Disk { reason: String },
}

impl From<io::Error> for AllowanceError {
    fn from(error: io::Error) -> AllowanceError {
        AllowanceError::Disk { reason: error.to_string() }
    }
}

impl Allowance {
    /// Reads or makes the file; a torn last line, and any that is not understood, is left out and
    /// counted in the log. Waits for the disk: call it before the port opens.
    pub fn open(path: &Path) -> io::Result<(Allowance, Vec<Unclosed>)> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut taken = BTreeMap::new();
        let odd = text.lines().filter(|line| read_line(line, &mut taken).is_none()).count();
        if odd > 0 {
            log::warn!(odd; "lines of the local allowance that are not understood");
        }
        let open = taken.iter().filter(|(_, taken)| !taken.closed);
        let unclosed =
            open.map(|(id, taken)| Unclosed { id: *id, team: taken.team.clone(), bound: taken.amount });
        let unclosed = unclosed.collect();
        let books = Books::anew(path, taken)?;
        Ok((Allowance { path: path.to_owned(), books: Mutex::new(books) }, unclosed))
    }

    /// Takes `total` for this request, in place of what it took before.
    pub(super) fn take(
        &self,
        id: ReservationId,
        team: &TeamId,
        total: NanoUsd,
        limits: &Limits,
        unix: Duration,
    ) -> Result<(), AllowanceError> {
        let day = StoreTime::from_unix(unix).day();
        // A limit of zero blocks what costs nothing, too.
        let is_blocked = [limits.daily, limits.monthly].iter().any(|limit| limit.amount() == NanoUsd::ZERO);
        let allowed = if is_blocked { NanoUsd::ZERO } else { NanoUsd(limits.daily.amount().0 / PART) };
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let before = books.taken.get(&id).filter(|taken| taken.day == day).map_or(0, |taken| taken.amount.0);
        let used = books.used.get(&(team.clone(), day)).copied().unwrap_or_default();
        let used = NanoUsd(used.0.saturating_sub(before));
        if is_blocked || total < NanoUsd::ZERO || used.saturating_add(total) > allowed {
            return Err(AllowanceError::Spent { allowed });
        }
        let taken = Taken { team: team.clone(), day, amount: total, closed: false };
        books.write(&taken.line(id))?;
        books.put(id, taken);
        if books.lines > books.compact_at {
            let mut kept = std::mem::take(&mut books.taken);
            kept.retain(|_, taken| !taken.closed || taken.day == day);
            *books = Books::anew(&self.path, kept)?;
        }
        Ok(())
    }

    /// The ledger has charged it.
    pub(super) fn close(&self, id: ReservationId, cost: NanoUsd) -> Result<(), AllowanceError> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        if books.taken.get(&id).is_none_or(|taken| taken.closed) {
            return Ok(());
        }
        books.write(&format!("closed {} {}\n", id.uuid(), cost.0))?;
        if let Some(taken) = books.taken.get(&id).cloned() {
            books.put(id, Taken { closed: true, amount: cost, ..taken });
        }
        Ok(())
    }
}

impl Books {
    fn anew(path: &Path, taken: BTreeMap<ReservationId, Taken>) -> io::Result<Books> {
        let lines = taken.len();
        let compact_at = COMPACT_AFTER + 3 * lines;
        let file = write_anew(path, &taken)?;
        let mut books = Books { file, lines, compact_at, taken: BTreeMap::new(), used: BTreeMap::new() };
        taken.into_iter().for_each(|(id, taken)| books.put(id, taken));
        Ok(books)
    }

    fn put(&mut self, id: ReservationId, taken: Taken) {
        let (place, amount) = ((taken.team.clone(), taken.day), taken.amount);
        if let Some(before) = self.taken.insert(id, taken) {
            let used = self.used.entry((before.team, before.day)).or_default();
            used.0 = used.0.saturating_sub(before.amount.0);
        }
        let used = self.used.entry(place).or_default();
        *used = used.saturating_add(amount);
    }

    /// Handed to the system when this returns: a kill of the process does not lose it.
    fn write(&mut self, line: &str) -> io::Result<()> {
        self.file.write_all(line.as_bytes())?;
        self.lines += 1;
        Ok(())
    }
}

impl Taken {
    fn line(&self, id: ReservationId) -> String {
        format!("open {} {} {} {}\n", id.uuid(), self.team, self.day.0, self.amount.0)
    }
}

fn read_line(line: &str, taken: &mut BTreeMap<ReservationId, Taken>) -> Option<()> {
    let mut words = line.split(' ');
    let kind = words.next()?;
    let id = ReservationId::new(Uuid::try_parse(words.next()?).ok()?)?;
    match kind {
        "open" => {
            let team = TeamId::new(words.next()?)?;
            let day = Day(words.next()?.parse().ok()?);
            let amount = NanoUsd(words.next()?.parse().ok()?);
            taken.insert(id, Taken { team, day, amount, closed: false });
        }
        "closed" => {
            let amount = NanoUsd(words.next()?.parse().ok()?);
            if let Some(taken) = taken.get_mut(&id) {
                (taken.closed, taken.amount) = (true, amount);
            }
        }
        _ => return None,
    }
    words.next().is_none().then_some(())
}

/// Beside the old file first, then in its place; ready to append to.
fn write_anew(path: &Path, taken: &BTreeMap<ReservationId, Taken>) -> io::Result<File> {
    let mut text = String::new();
    for (id, taken) in taken {
        text += &taken.line(*id);
        if taken.closed {
            text += &format!("closed {} {}\n", id.uuid(), taken.amount.0);
        }
    }
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)?;
    File::options().append(true).open(path)
}
