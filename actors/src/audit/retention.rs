//! Which segments may go: closed ones that are too old, or too many bytes together, and that no reader needs.

use std::time::Duration;

use gateway_core::audit::Time;

use super::segment::{self, Segment, segments};
use super::shared::Shared;

/// How much is kept. What a reader has not done with is kept in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Since the last line of a segment; `None`: for ever.
    pub age: Option<Duration>,
    /// Of all segments together; `None`: no bound.
    pub bytes: Option<u64>,
}

/// A segment as retention sees it.
struct Kept {
    first_seq: u64,
    bytes: u64,
    /// When the next one began, before which its last line was written.
    ended: Time,
}

/// How many of the oldest segments may go. The last one, which is written to, is not among `closed`.
fn surplus(closed: &[Kept], last_bytes: u64, rule: Retention, needed_after: Option<u64>, now: Time) -> usize {
    let mut bytes: u64 = closed.iter().map(|kept| kept.bytes).sum::<u64>() + last_bytes;
    let mut count = 0;
    for (at, kept) in closed.iter().enumerate() {
        let too_old = rule.age.is_some_and(|age| kept.ended < now.back(age));
        let too_much = rule.bytes.is_some_and(|most| bytes > most);
        let last_seq = closed.get(at + 1).map(|next| next.first_seq - 1);
        let done = match (needed_after, last_seq) {
            (None, _) => true,
            (Some(done), Some(last)) => done >= last,
            (Some(_), None) => false,
        };
        if !done || !(too_old || too_much) {
            break;
        }
        bytes -= kept.bytes;
        count += 1;
    }
    count
}

/// Takes away what may go.
pub(super) fn apply(shared: &Shared) {
    let rule = shared.settings.retention;
    if rule == Retention::default() {
        return;
    }
    if let Err(error) = take_away(shared, rule) {
        log::warn!("old audit segments could not be taken away: {error}");
    }
}

fn take_away(shared: &Shared, rule: Retention) -> std::io::Result<()> {
    let found = segments(&shared.settings.folder)?;
    let mut kept = Vec::new();
    for pair in found.windows(2) {
        // A segment without a head ends the look: what is broken is kept.
        let Some(head) = segment::head(&pair[1].path)? else { break };
        let bytes = std::fs::metadata(&pair[0].path)?.len();
        kept.push(Kept { first_seq: pair[0].first_seq, bytes, ended: head.time });
    }
    let Some(last) = found.last() else { return Ok(()) };
    let last_bytes = std::fs::metadata(&last.path)?.len();
    let needed_after = shared.cursors.least();
    let count = surplus(&kept, last_bytes, rule, needed_after, shared.now());
    for Segment { path, .. } in &found[..count] {
        std::fs::remove_file(path)?;
        log::info!("{}: taken away, as retention says", path.display());
    }
    if let Some(first) = found.get(count).filter(|_| count > 0) {
        shared.durable.begins_at(first.first_seq);
        shared.durable.remember();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_or_too_much_goes_unless_somebody_needs_it() {
        const DAY: u64 = 86_400_000;
        // Closed segments of 100 bytes with the lines 1–10, 11–20, 21–30, 31–40, ended on the days 1, 2, 3, 4.
        let closed: Vec<Kept> = (0..4)
            .map(|n| Kept { first_seq: n * 10 + 1, bytes: 100, ended: Time::from_unix_millis((n + 1) * DAY) })
            .collect();
        let now = Time::from_unix_millis(5 * DAY);
        let days = |days: u32| Some(Duration::from_secs(86_400) * days);
        for (case, age, bytes, done, want) in [
            ("no rule", None, None, None, 0),
            ("too old", days(2), None, None, 2),
            ("all too old", days(0), None, None, 4),
            ("too much", None, Some(250), None, 2),
            ("one byte too much", None, Some(449), None, 1),
            ("just enough", None, Some(450), None, 0),
            ("needed from the first line", days(0), Some(0), Some(0), 0),
            ("needed from within the second", days(0), None, Some(19), 1),
            ("needed from the third", days(0), None, Some(20), 2),
            ("needed from the end", days(0), None, Some(40), 3),
        ] {
            let rule = Retention { age, bytes };
            assert_eq!(surplus(&closed, 50, rule, done, now), want, "{case}");
        }
    }
}
