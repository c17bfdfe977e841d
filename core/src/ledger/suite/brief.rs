//! An answer in a few words, as the cases write it.

use super::super::answer::{Admission, Answer, Found, Lease, Raised, Settled};
use super::super::limits::Limit;
use crate::money::NanoUsd;

/// Of usage, so many rows are written out.
const MOST_ROWS: usize = 6;

/// Amounts are in nano-USD.
pub(super) fn brief(answer: &Answer) -> String {
    match answer {
        Answer::Admit(Admission::Granted(granted)) => match granted.remaining {
            Limit::Unlimited => "granted".to_owned(),
            Limit::AtMost(NanoUsd(left)) => format!("granted, {left} left"),
        },
        Answer::Admit(Admission::Refused(no)) => format!(
            "refused: {} limit {} spent {} reserved {} need {}",
            no.window.name(),
            no.limit.0,
            no.spent.0,
            no.reserved.0,
            no.need.0
        ),
        Answer::Admit(Admission::RateLimited(no)) => {
            let wait =
                no.retry_after.map_or("never".to_owned(), |wait| format!("in {} ms", wait.as_millis()));
            format!("limited: {:?} {:?} {}, {wait}", no.scope, no.which, no.limit)
        }
        Answer::Admit(Admission::Tighten) => "tighten".to_owned(),
        Answer::Admit(Admission::Void) | Answer::Raise(Raised::Void) => "void".to_owned(),
        Answer::Raise(Raised::Granted) => "granted".to_owned(),
        Answer::Raise(Raised::Refused(no)) => format!("refused: {} need {}", no.window.name(), no.need.0),
        Answer::Renew(leases) => leases.iter().map(|lease| lease_word(*lease)).collect::<Vec<_>>().join(" "),
        Answer::Announce(lease) => lease_word(*lease).to_owned(),
        Answer::Settle(settled) => settled_words(settled),
        Answer::Reap(reaped) => {
            let charges = reaped.interrupted.iter().map(|gone| gone.charge.0.to_string());
            let charges = charges.collect::<Vec<_>>().join(" ");
            format!("interrupted: {charges}").trim_end_matches(": ").to_owned()
        }
        Answer::Recorded => "recorded".to_owned(),
        Answer::Override(status) | Answer::Status(status) => format!(
            "spent {}/{} reserved {}/{} open {}",
            status.day.spent.0,
            status.month.spent.0,
            status.day.reserved.0,
            status.month.reserved.0,
            status.parallel
        ),
        Answer::Usage(rows) => {
            let row = |row: &super::super::UsageRow| {
                let counts = row.tally.iter().map(|(counter, count)| format!("{} {count}", counter.name()));
                let value = row.value.as_ref().map_or(String::new(), |value| format!("[{value}] "));
                format!("{value}{}: {}", row.route.model, counts.collect::<Vec<_>>().join(", "))
            };
            let first = rows.iter().map(row).take(MOST_ROWS).collect::<Vec<_>>().join("; ");
            if rows.len() > MOST_ROWS { format!("{first} … {} rows", rows.len()) } else { first }
        }
    }
}

fn lease_word(lease: Lease) -> &'static str {
    match lease {
        Lease::Open => "open",
        Lease::Gone => "gone",
    }
}

fn settled_words(settled: &Settled) -> String {
    let found = match settled.found {
        Found::Open { hold } => format!("open {}", hold.0),
        Found::Reaped { charge } => format!("reaped {}", charge.0),
        Found::Closed => "closed".to_owned(),
        Found::Unknown => "unknown".to_owned(),
        Found::Void => "void".to_owned(),
    };
    let alerts = settled.alerts.iter().map(|alert| format!("{} {}%", alert.window.name(), alert.percent));
    let alerts = alerts.collect::<Vec<_>>().join(" ");
    format!("found {found}, charged {} {alerts}", settled.charged.0).trim_end().to_owned()
}
