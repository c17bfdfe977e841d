//! What may be served while the ledger is away: of each team a replica's share, which is never more than a tenth of
//! what the team had left. Each request is written to a local file before it is served, so that a crash forgets
//! none. Lines: `open ID TEAM DAY NANO` (the last of an id counts), `closed ID NANO`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gateway_core::ids::TeamId;
use gateway_core::ledger::{Day, ReservationId, StoreTime};
use gateway_core::money::NanoUsd;
use uuid::Uuid;

use super::known::Share;

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
    /// The end of the file is half a line.
    torn: bool,
    taken: BTreeMap<ReservationId, Taken>,
    used: BTreeMap<(TeamId, Day), NanoUsd>,
    /// Of that, what the ledger has not charged yet, of all days.
    open: BTreeMap<TeamId, NanoUsd>,
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

    /// Takes `total` for this request, in place of what it took before; `None` lets nothing pass.
    pub(super) fn take(
        &self,
        id: ReservationId,
        team: &TeamId,
        total: NanoUsd,
        share: Option<Share>,
        unix: Duration,
    ) -> Result<(), AllowanceError> {
        let day = StoreTime::from_unix(unix).day();
        let allowed = share.map_or(NanoUsd::ZERO, |share| share.of_day.min(share.of_rest));
        let spent = AllowanceError::Spent { allowed };
        let share = share.filter(|_| total >= NanoUsd::ZERO).ok_or(spent.clone())?;
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let before = books.taken.get(&id).filter(|taken| !taken.closed);
        let of_day = before.filter(|taken| taken.day == day).map_or(0, |taken| taken.amount.0);
        let of_rest = before.map_or(0, |taken| taken.amount.0);
        let fits = |used: Option<&NanoUsd>, before: i64, most: NanoUsd| {
            let others = used.map_or(0, |used| used.0.saturating_sub(before));
            NanoUsd(others).saturating_add(total) <= most
        };
        if !fits(books.used.get(&(team.clone(), day)), of_day, share.of_day)
            || !fits(books.open.get(team), of_rest, share.of_rest)
        {
            return Err(spent);
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

#[cfg(test)]
impl Allowance {
    /// As a write that the disk cut short leaves the file.
    pub(super) fn tear(&self, half: &str) {
        let mut books = self.books.lock().unwrap();
        books.file.write_all(half.as_bytes()).unwrap();
        books.torn = true;
    }
}

impl Books {
    fn anew(path: &Path, taken: BTreeMap<ReservationId, Taken>) -> io::Result<Books> {
        let lines = taken.len();
        let compact_at = COMPACT_AFTER + 3 * lines;
        let file = write_anew(path, &taken)?;
        let (known, used, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut books = Books { file, lines, compact_at, torn: false, taken: known, used, open };
        taken.into_iter().for_each(|(id, taken)| books.put(id, taken));
        Ok(books)
    }

    fn put(&mut self, id: ReservationId, taken: Taken) {
        if let Some(before) = self.taken.remove(&id) {
            self.count(&before, -1);
        }
        self.count(&taken, 1);
        self.taken.insert(id, taken);
    }

    fn count(&mut self, taken: &Taken, sign: i64) {
        let amount = taken.amount.0.saturating_mul(sign);
        let used = self.used.entry((taken.team.clone(), taken.day)).or_default();
        used.0 = used.0.saturating_add(amount);
        if !taken.closed {
            let open = self.open.entry(taken.team.clone()).or_default();
            open.0 = open.0.saturating_add(amount);
        }
    }

    /// Handed to the system when this returns: a kill of the process does not lose it.
    /// After a write that failed the next begins a line of its own: what it tears is not understood, by itself.
    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.torn {
            self.file.write_all(b"\n")?;
            self.torn = false;
        }
        self.file.write_all(line.as_bytes()).inspect_err(|_| self.torn = true)?;
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
