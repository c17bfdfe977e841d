//! What the errors of all providers have in common: what a status says where the body says nothing
//! better, how long to wait, and which field a message blames.

use gateway_core::fault::FaultClass;
use std::time::Duration;

/// Looks up a response header by lower-case name.
pub(crate) type Headers<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The class of a status other than 200, by itself.
pub(crate) fn class_of(status: u16, headers: Headers) -> FaultClass {
    match status {
        429 => FaultClass::RateLimited { retry_after: retry_after(headers) },
        404 => FaultClass::ModelNotFound,
        // A redirect is never followed, so it and a refused method tell of a wrong base URL.
        300..=399 | 401 | 402 | 405 | 407 => FaultClass::Misconfigured,
        // Who we are is known. Whether it is our account that may do nothing at all, the body says; else a caller
        // could take the upstream away from all others by asking for what we may not have.
        403 => FaultClass::NotPermitted,
        // It gave up on reading us, lost a race of its own or was failed by something behind it: none of it
        // is the caller's doing.
        408 | 409 | 424 | 425 | 499 => FaultClass::Unavailable,
        400..=499 => FaultClass::Refused { field: None },
        500.. => FaultClass::Unavailable,
        _ => FaultClass::Broken,
    }
}

/// The larger of `retry-after` and `retry-after-ms`: Azure sends `1` and `0` together.
///
/// A date (RFC 9110 §10.2.3) counts as absent: no provider sends one, and no clock is read here.
pub(crate) fn retry_after(headers: Headers) -> Option<Duration> {
    let number = |name: &str| headers(name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after").and_then(seconds);
    let millis = number("retry-after-ms").and_then(|millis| self::seconds(millis / 1_000.0));
    seconds.max(millis)
}

/// A provider that names a longer wait is asked again after this: nobody plans by it, and no clock has to count
/// so far.
const LONGEST_WAIT: f64 = 600.0;

/// `None` for what is no duration: negative, infinite, not a number.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    let bounded = seconds.is_finite().then(|| seconds.min(LONGEST_WAIT))?;
    Duration::try_from_secs_f64(bounded).ok()
}

/// Finds the field that a message or a `param` blames: its first word, or a quoted path, by the first
/// segment. `names` pairs the provider's names with ours. What is found is always one of ours, so no
/// text of an upstream gets through.
pub(crate) fn blamed(message: &str, names: &[(&str, &'static str)]) -> Option<&'static str> {
    message.split(['`', '\'', '"']).find_map(|piece| {
        let first = piece.split(['.', '[', ':', ' ']).next()?;
        names.iter().find(|(theirs, _)| *theirs == first).map(|(_, ours)| *ours)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Headers = &|_| None;

    #[test]
    fn a_status_alone_tells_whose_doing_it_was() {
        let refused = FaultClass::Refused { field: None };
        for (status, want) in [
            (204, FaultClass::Broken),
            (302, FaultClass::Misconfigured),
            (400, refused.clone()),
            (401, FaultClass::Misconfigured),
            (402, FaultClass::Misconfigured),
            (403, FaultClass::NotPermitted),
            (404, FaultClass::ModelNotFound),
            (405, FaultClass::Misconfigured),
            (408, FaultClass::Unavailable),
            (409, FaultClass::Unavailable),
            (413, refused.clone()),
            (422, refused),
            (429, FaultClass::RateLimited { retry_after: None }),
            (500, FaultClass::Unavailable),
            (529, FaultClass::Unavailable),
            (999, FaultClass::Unavailable),
        ] {
            assert_eq!(class_of(status, NONE), want, "{status}");
        }
    }

    #[test]
    fn waits_the_longer_of_both_headers() {
        for (case, seconds, millis, want) in [
            ("neither", None, None, None),
            ("seconds", Some("16"), None, Some(16_000)),
            ("a fraction", Some("0.5"), None, Some(500)),
            ("milliseconds", None, Some("250"), Some(250)),
            ("Azure's pair", Some("1"), Some("0"), Some(1_000)),
            ("milliseconds larger", Some("1"), Some("1500"), Some(1_500)),
            ("a date", Some("Wed, 21 Oct 2026 07:28:00 GMT"), None, None),
            ("negative", Some("-1"), None, None),
            ("no number", Some("NaN"), None, None),
            ("no end", Some("inf"), None, None),
            ("the longest", Some("600"), None, Some(600_000)),
            ("a year", Some("31536000"), None, Some(600_000)),
            ("longer than a clock counts", Some("9999999999999999999"), None, Some(600_000)),
            ("in milliseconds too", None, Some("9999999999999999999"), Some(600_000)),
            ("beyond all time", Some("1e300"), None, Some(600_000)),
        ] {
            let headers = |name: &str| match name {
                "retry-after" => seconds.map(str::to_owned),
                "retry-after-ms" => millis.map(str::to_owned),
                _ => None,
            };
            assert_eq!(retry_after(&headers), want.map(Duration::from_millis), "{case}");
        }
    }

    #[test]
    fn blames_a_known_field_only() {
        let names = &[("max_tokens", "max_tokens"), ("messages", "messages"), ("stop_sequences", "stop")];
        for (message, want) in [
            ("max_tokens: 100000 > 64000", Some("max_tokens")),
            ("messages.0.content: text is empty", Some("messages")),
            ("Invalid 'messages[3]'. Content blocks are expected", Some("messages")),
            ("`stop_sequences` each must contain non-whitespace", Some("stop")),
            ("This model does not take messages like this", None),
            ("", None),
        ] {
            assert_eq!(blamed(message, names), want, "{message}");
        }
    }
}
