//! A team's books, read.

use super::answer::{Balance, KeyStatus, Status, Window};
use super::limits::{Limits, Rates};
use super::team::Team;
use super::window::{StoreTime, Windows};
use crate::ids::KeyId;

/// `limits` are the configuration's; the override is laid over them here.
pub(super) fn read(team: &Team, limits: &Limits, key: Option<&(KeyId, Rates)>, now: StoreTime) -> Status {
    let limits = limits.with(team.word.as_ref());
    let balance = |window: Window| {
        let account = team.account(window);
        Balance {
            limit: window.limit(&limits),
            spent: account.spent,
            reserved: account.reserved,
            resets_at: window.end(),
        }
    };
    let Windows { day, month } = Windows::at(now);
    let pace = team.pace(None);
    Status {
        day: balance(Window::Day(day)),
        month: balance(Window::Month(month)),
        limits,
        word: team.word,
        requests: pace.requests.meter(limits.rates.requests_per_minute, now),
        tokens: pace.tokens.meter(limits.rates.tokens_per_minute, now),
        parallel: pace.open,
        key: key.map(|(key, rates)| {
            let pace = team.pace(Some(key));
            KeyStatus {
                rates: *rates,
                requests: pace.requests.meter(rates.requests_per_minute, now),
                tokens: pace.tokens.meter(rates.tokens_per_minute, now),
                parallel: pace.open,
            }
        }),
    }
}
