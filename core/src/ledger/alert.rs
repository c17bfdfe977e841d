//! Thresholds: 50, 80 and 100 % of a window's limit spent, each told once.

use super::answer::Alert;
use super::limits::{Limit, Limits};
use super::team::Team;
use super::window::{StoreTime, Windows};
use crate::money::NanoUsd;

const PERCENT: [u8; 3] = [50, 80, 100];

/// What the last charge crossed, and marks it told.
pub(super) fn crossed(team: &mut Team, windows: Windows, limits: &Limits) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for window in windows.both() {
        let account = team.account(window);
        let Limit::AtMost(limit) = window.limit(limits) else { continue };
        let reached = level(account.spent, limit);
        for percent in PERCENT.into_iter().take(reached).skip(usize::from(account.told)) {
            alerts.push(Alert { window, percent, spent: account.spent, limit });
        }
        team.tell(window, account.told.max(u8::try_from(reached).unwrap_or(u8::MAX)));
    }
    alerts
}

/// After a change of limits: a threshold that is no longer reached can be told again.
pub(super) fn lower(team: &mut Team, limits: &Limits, now: StoreTime) {
    for window in Windows::at(now).both() {
        let account = team.account(window);
        let reached = match window.limit(limits) {
            Limit::Unlimited => 0,
            Limit::AtMost(limit) => level(account.spent, limit),
        };
        team.tell(window, account.told.min(u8::try_from(reached).unwrap_or(u8::MAX)));
    }
}

/// How many thresholds are reached. By subtraction, so that a store whose numbers are exact to 2^53
/// reckons the same.
fn level(spent: NanoUsd, limit: NanoUsd) -> usize {
    if limit <= NanoUsd::ZERO {
        return 0;
    }
    let thresholds = [limit.0 - limit.0 / 2, limit.0 - limit.0 / 5, limit.0];
    thresholds.into_iter().filter(|threshold| spent.0 >= *threshold).count()
}
