//! What headers and messages tell of a team's budget and rate limits.

use crate::pipeline::{Failure, Standing};
use actix_web::HttpResponseBuilder;
use actix_web::http::header::{HeaderName, HeaderValue};
use chrono::{DateTime, SecondsFormat, Utc};
use gateway_core::ledger::{RateLimit, RateLimited, Refused, Scope, StoreTime, Window};
use gateway_core::money::NanoUsd;
use std::time::Duration;

const BUDGET_REMAINING: HeaderName = HeaderName::from_static("x-gateway-budget-remaining-usd");
/// OpenAI's SDKs, and those that follow them, do not try again what says `false`.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// OpenAI's names for one limit: the limit, what is left of it, and until it is whole again.
type Names = [HeaderName; 3];

const REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Beside an answer.
pub(super) fn tell(response: &mut HttpResponseBuilder, standing: &Standing) {
    if let Some(left) = standing.remaining.and_then(|left| HeaderValue::try_from(left.to_string()).ok()) {
        response.insert_header((BUDGET_REMAINING, left));
    }
    for (names, meter) in [(REQUESTS, standing.requests), (TOKENS, standing.tokens)] {
        if let Some(meter) = meter {
            pace(response, names, meter.limit, meter.remaining, Some(meter.reset_after));
        }
    }
}

/// Beside an error.
pub(super) fn tell_failure(response: &mut HttpResponseBuilder, failure: &Failure) {
    match failure {
        // In whole days and months: no SDK's patience.
        Failure::OverBudget(_) => {
            response.insert_header((SHOULD_RETRY, HeaderValue::from_static("false")));
        }
        Failure::RateLimited(limited) => {
            let names = match limited.which {
                RateLimit::RequestsPerMinute => Some(REQUESTS),
                RateLimit::TokensPerMinute => Some(TOKENS),
                RateLimit::MaxParallel => None,
            };
            if let Some(names) = names {
                pace(response, names, limited.limit, 0, limited.retry_after);
            }
            if limited.retry_after.is_none() {
                response.insert_header((SHOULD_RETRY, HeaderValue::from_static("false")));
            }
        }
        _ => {}
    }
}

fn pace(response: &mut HttpResponseBuilder, names: Names, limit: u64, left: u64, reset: Option<Duration>) {
    let [of_limit, of_left, of_reset] = names;
    response.insert_header((of_limit, limit)).insert_header((of_left, left));
    if let Some(reset) = reset.and_then(|reset| HeaderValue::try_from(duration(reset)).ok()) {
        response.insert_header((of_reset, reset));
    }
}

/// As OpenAI writes it: `20ms`, `1.5s`, `1m0s`.
fn duration(time: Duration) -> String {
    let millis = time.as_millis();
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        1_000..60_000 => format!("{}.{:03}s", millis / 1_000, millis % 1_000),
        _ => format!("{}m{}s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

pub(super) fn over_budget(refused: &Refused) -> String {
    let Refused { window, limit, spent, reserved, need, resets_at } = refused;
    let name = match window {
        Window::Day(_) => "daily",
        Window::Month(_) => "monthly",
    };
    format!(
        "the team's {name} budget of {} USD has no room for this request: {} USD are spent and {} USD reserved, and it \
         may cost up to {} USD; the budget is whole again at {}: lower `max_tokens`, send less, or ask the operator for \
         more",
        usd(*limit),
        usd(*spent),
        usd(*reserved),
        usd(*need),
        time(*resets_at),
    )
}

pub(super) fn rate_limited(limited: &RateLimited) -> String {
    let whose = match limited.scope {
        Scope::Team => "team",
        Scope::Key => "key",
    };
    let what = match limited.which {
        RateLimit::RequestsPerMinute => "requests a minute",
        RateLimit::TokensPerMinute => "tokens a minute",
        RateLimit::MaxParallel => "requests at the same time",
    };
    let mend = match (limited.retry_after, limited.which) {
        (Some(_), _) => "try again after `retry-after`",
        (None, RateLimit::TokensPerMinute) => {
            "this request alone is over it: lower `max_tokens`, send less, or ask the operator for more"
        }
        (None, _) => "ask the operator for more",
    };
    format!("the {whose}'s limit of {} {what} is reached: {mend}", limited.limit)
}

/// Dollars with the cents, and finer only where there is something finer.
pub(super) fn usd(amount: NanoUsd) -> String {
    let exact = amount.to_string();
    let cents = exact.find('.').map_or(exact.len(), |point| point + 3);
    let trimmed = exact.trim_end_matches('0').len();
    exact.get(..trimmed.max(cents)).unwrap_or(&exact).to_owned()
}

/// RFC 3339 in UTC.
pub(super) fn time(at: StoreTime) -> String {
    DateTime::<Utc>::from(std::time::UNIX_EPOCH + Duration::from_millis(at.as_millis()))
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_short_and_exact() {
        for (nano, want) in [
            (0, "0.00"),
            (10_000_000_000, "10.00"),
            (412_500_000, "0.4125"),
            (1, "0.000000001"),
            (1_230_000_000, "1.23"),
            (9_000_000_000_000_000, "9000000.00"),
        ] {
            assert_eq!(usd(NanoUsd(nano)), want);
        }
    }

    #[test]
    fn waits_are_written_as_openai_does() {
        for (millis, want) in
            [(0, "0ms"), (20, "20ms"), (1_000, "1s"), (1_500, "1.500s"), (60_000, "1m0s"), (61_999, "1m1s")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), want);
        }
    }

    #[test]
    fn refusals_name_what_is_short_and_when_it_comes_back() {
        let refused = Refused {
            window: Window::Day(StoreTime(0).day()),
            limit: NanoUsd(10_000_000_000),
            spent: NanoUsd(9_500_000_000),
            reserved: NanoUsd(250_000_000),
            need: NanoUsd(412_500_000),
            resets_at: StoreTime(0).day().end(),
        };
        let told = over_budget(&refused);
        for part in ["daily", "10.00 USD", "9.50 USD", "0.25 USD", "0.4125 USD", "1970-01-02T00:00:00Z"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let limited = RateLimited {
            scope: Scope::Key,
            which: RateLimit::TokensPerMinute,
            limit: 1_000,
            retry_after: None,
        };
        assert!(rate_limited(&limited).contains("the key's limit of 1000 tokens a minute is reached: this"));
    }
}
