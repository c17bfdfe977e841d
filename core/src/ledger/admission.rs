//! Whether a request fits: both windows, then the rate limits of team and key. All or nothing is taken.

use std::time::Duration;

use super::answer::{Admission, Granted, RateLimit, RateLimited, Refused, Scope, Window};
use super::limits::{Limit, Limits, Rates};
use super::op::{Admit, Settle};
use super::rate::Meter;
use super::team::{Open, Pace, Team};
use super::window::{StoreTime, Windows};
use crate::ids::KeyId;
use crate::money::NanoUsd;

/// When a place among the parallel requests may be free again: nobody knows, so soon.
const PARALLEL_RETRY: Duration = Duration::from_secs(1);

/// Takes from the buckets, or says what does not fit. The hold itself is the caller's to put.
pub(super) fn enter(
    team: &mut Team,
    admit: &Admit,
    limits: &Limits,
    now: StoreTime,
) -> Result<(), Admission> {
    match passes(team, admit, admit.bound, admit.tokens, limits, now) {
        Ok((of_team, of_key)) => {
            team.set_buckets(None, of_team);
            team.set_buckets(Some(&admit.key), of_key);
            Ok(())
        }
        Err(refusal) => {
            let least = admit.least.map(|least| passes(team, admit, least.bound, least.tokens, limits, now));
            Err(if matches!(least, Some(Ok(_))) { Admission::Tighten } else { refusal })
        }
    }
}

/// The buckets of team and key with so many tokens in them, if those and the bound fit.
fn passes(
    team: &Team,
    admit: &Admit,
    bound: NanoUsd,
    tokens: u64,
    limits: &Limits,
    now: StoreTime,
) -> Result<(Pace, Pace), Admission> {
    // A limit of zero blocks what costs nothing, too.
    let blocks = |limit: NanoUsd, left: i64| limit == NanoUsd::ZERO || bound.0 > left;
    unless(team, Windows::at(now), limits, bound, blocks).map_err(Admission::Refused)?;
    let pour = |key: Option<&KeyId>, rates: &Rates, scope: Scope| {
        team.pace(key).pour(tokens, rates, scope, now).map_err(Admission::RateLimited)
    };
    Ok((pour(None, &limits.rates, Scope::Team)?, pour(Some(&admit.key), &admit.key_rates, Scope::Key)?))
}

/// `spent + reserved + need ≤ limit`, in both windows.
pub(super) fn fits(team: &Team, windows: Windows, limits: &Limits, need: NanoUsd) -> Result<(), Refused> {
    unless(team, windows, limits, need, |_, left| need.0 > left)
}

/// Unless one of the windows, by its limit and what is left of it, refuses the need.
fn unless(
    team: &Team,
    windows: Windows,
    limits: &Limits,
    need: NanoUsd,
    refuses: impl Fn(NanoUsd, i64) -> bool,
) -> Result<(), Refused> {
    for window in windows.both() {
        let (account, limit) = (team.account(window), window.limit(limits).amount());
        let left = limit.0.saturating_sub(account.spent.0).saturating_sub(account.reserved.0);
        if refuses(limit, left) {
            let (spent, reserved) = (account.spent, account.reserved);
            return Err(Refused { window, limit, spent, reserved, need, resets_at: window.end() });
        }
    }
    Ok(())
}

pub(super) fn granted(
    team: &Team,
    admit: &Admit,
    limits: &Limits,
    granted_at: StoreTime,
    now: StoreTime,
) -> Granted {
    let left = |window: Window| match window.limit(limits) {
        Limit::Unlimited => None,
        Limit::AtMost(limit) => {
            let account = team.account(window);
            Some(limit.0.saturating_sub(account.spent.0).saturating_sub(account.reserved.0).max(0))
        }
    };
    let least = Windows::at(granted_at).both().into_iter().filter_map(left).min();
    let (own, key) = (team.pace(None), team.pace(Some(&admit.key)));
    let (rates, key_rates) = (&limits.rates, &admit.key_rates);
    Granted {
        granted_at,
        remaining: least.map_or(Limit::Unlimited, |least| Limit::AtMost(NanoUsd(least))),
        requests: tighter(
            own.requests.meter(rates.requests_per_minute, now),
            key.requests.meter(key_rates.requests_per_minute, now),
        ),
        tokens: tighter(
            own.tokens.meter(rates.tokens_per_minute, now),
            key.tokens.meter(key_rates.tokens_per_minute, now),
        ),
    }
}

/// True tokens in place of the bound's, for team and key.
pub(super) fn correct(team: &mut Team, open: &Open, settle: &Settle, limits: &Limits, now: StoreTime) {
    for (key, rates) in [(None, &limits.rates), (Some(&open.key), &settle.key_rates)] {
        let mut pace = team.pace(key);
        let limit = rates.tokens_per_minute;
        pace.tokens = pace.tokens.correct(open.tokens, settle.tokens, open.granted_at, limit, now);
        team.set_buckets(key, pace);
    }
}

/// The one that leaves fewer; of equals the first.
fn tighter(a: Option<Meter>, b: Option<Meter>) -> Option<Meter> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.remaining < a.remaining { b } else { a }),
        (a, b) => a.or(b),
    }
}

impl Pace {
    fn pour(self, tokens: u64, rates: &Rates, scope: Scope, now: StoreTime) -> Result<Pace, RateLimited> {
        let limited = |which, limit, retry_after| {
            let limit = if let Limit::AtMost(limit) = limit { limit } else { u64::MAX };
            RateLimited { scope, which, limit, retry_after }
        };
        if let Limit::AtMost(most) = rates.max_parallel
            && self.open >= most
        {
            let retry_after = (most > 0).then_some(PARALLEL_RETRY);
            return Err(limited(RateLimit::MaxParallel, rates.max_parallel, retry_after));
        }
        let requests = self.requests.pour(1, rates.requests_per_minute, now).map_err(|retry_after| {
            limited(RateLimit::RequestsPerMinute, rates.requests_per_minute, retry_after)
        })?;
        let tokens = self.tokens.pour(tokens, rates.tokens_per_minute, now).map_err(|retry_after| {
            limited(RateLimit::TokensPerMinute, rates.tokens_per_minute, retry_after)
        })?;
        Ok(Pace { requests, tokens, ..self })
    }
}

impl Team {
    /// Notes a change only where there is one: without limits nothing is written.
    fn set_buckets(&mut self, key: Option<&KeyId>, pace: Pace) {
        let known = self.pace(key);
        if (known.requests, known.tokens) != (pace.requests, pace.tokens) {
            let kept = self.pace_mut(key);
            (kept.requests, kept.tokens) = (pace.requests, pace.tokens);
        }
    }
}

impl Window {
    pub(super) fn limit(self, limits: &Limits) -> Limit<NanoUsd> {
        match self {
            Window::Day(_) => limits.daily,
            Window::Month(_) => limits.monthly,
        }
    }
}
