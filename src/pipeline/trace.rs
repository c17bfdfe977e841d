//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>): the caller's `traceparent`, kept and passed on. It is
//! taken where it is valid to the letter, so it can hold no text. `tracestate` is free text that nobody searched for
//! personal data: it ends here, as the specification allows where trust does.

use actix_web::http::header::HeaderMap;

pub(super) const HEADER: &str = "traceparent";

/// `00-<trace id>-<parent id>-<flags>`, lower-case hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceParent([u8; LENGTH]);

const LENGTH: usize = 55;
/// `sampled`, and level 2's `random`. Others have no meaning yet and are set to zero.
const FLAGS: u8 = 0b11;

impl TraceParent {
    /// `None` where there is none, more than one, or none that is valid: then nothing is passed on.
    pub(super) fn of(headers: &HeaderMap) -> Option<TraceParent> {
        let mut values = headers.get_all(HEADER);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        TraceParent::parse(value.as_bytes())
    }

    fn parse(value: &[u8]) -> Option<TraceParent> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let [v0, v1, b'-', ids @ ..] = known else { return None };
        let (trace, ids) = ids.split_at_checked(32)?;
        let (parent, flags) = ids.strip_prefix(b"-")?.split_at_checked(16)?;
        let flags = hex(flags.strip_prefix(b"-")?)?;
        let version = hex(&[*v0, *v1])?;
        // A version of the future may have more behind; ff is none.
        let ends = rest.is_empty() || version > 0 && rest[0] == b'-';
        let fits = ends && version < 0xff && is_id(trace) && is_id(parent);
        fits.then(|| {
            let mut text = [0; LENGTH];
            text.copy_from_slice(known);
            let kept = flags & FLAGS;
            (text[0], text[1], text[53], text[54]) = (b'0', b'0', b'0', b'0' + kept);
            TraceParent(text)
        })
    }

    /// 32 hex digits.
    pub(super) fn trace_id(&self) -> &str {
        self.part(3, 35)
    }

    /// Of the caller's span: 16 hex digits.
    pub(super) fn span_id(&self) -> &str {
        self.part(36, 52)
    }

    /// The header's value.
    pub(super) fn as_str(&self) -> &str {
        self.part(0, LENGTH)
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.0.get(from..to).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default()
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// All zeros are no id.
fn is_id(text: &[u8]) -> bool {
    text.iter().all(|byte| is_digit(*byte)) && text.iter().any(|byte| *byte != b'0')
}

/// Two lower-case digits.
fn hex(text: &[u8]) -> Option<u8> {
    let digits = text.len() == 2 && text.iter().all(|byte| is_digit(*byte));
    u8::from_str_radix(std::str::from_utf8(text).ok().filter(|_| digits)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(values: &[&str]) -> Option<TraceParent> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(HEADER), HeaderValue::from_str(value).unwrap());
        }
        TraceParent::of(&headers)
    }

    #[test]
    fn what_is_valid_is_kept_and_nothing_else() {
        let zeros = "00000000000000000000000000000000";
        for (case, value, want) in [
            ("valid", VALID, Some(VALID)),
            ("not sampled", &VALID.replace("-01", "-00"), Some(&*VALID.replace("-01", "-00"))),
            ("a flag without meaning", &VALID.replace("-01", "-fd"), Some(VALID)),
            ("a version of the future", &VALID.replacen("00", "01", 1), Some(VALID)),
            ("with more behind", &format!("{}-more", VALID.replacen("00", "cc", 1)), Some(VALID)),
            ("more behind, without a dash", &format!("{}more", VALID.replacen("00", "cc", 1)), None),
            ("version 0 with more behind", &format!("{VALID}-more"), None),
            ("no version", &VALID.replacen("00", "ff", 1), None),
            ("upper case", &VALID.to_uppercase(), None),
            ("no trace id", &VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", zeros), None),
            ("no parent id", &VALID.replace("00f067aa0ba902b7", &zeros[..16]), None),
            ("no hex", &VALID.replace("4bf9", "mark"), None),
            ("no hex in flags", &VALID.replace("-01", "-+1"), None),
            ("short", &VALID[..54], None),
            ("another sign between", &VALID.replace('-', "_"), None),
            ("empty", "", None),
        ] {
            let kept = of(&[value]);
            assert_eq!(kept.as_ref().map(TraceParent::as_str), want, "{case}");
        }
        assert_eq!((of(&[]), of(&[VALID, VALID])), (None, None), "none, two");
        let kept = of(&[VALID]).unwrap();
        assert_eq!(kept.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(kept.span_id(), "00f067aa0ba902b7");
    }

    proptest! {
        #[test]
        fn no_text_gets_through(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(kept) = TraceParent::parse(&value) {
                prop_assert!(kept.as_str().bytes().all(|byte| is_digit(byte) || byte == b'-'));
            }
        }

        #[test]
        fn one_changed_sign_never_panics(at in 0..LENGTH, sign in any::<u8>()) {
            let mut value = VALID.as_bytes().to_vec();
            value[at] = sign;
            if let Some(kept) = TraceParent::parse(&value) {
                prop_assert_eq!(kept.as_str().len(), LENGTH);
                prop_assert!(kept.as_str().starts_with("00-"));
            }
        }
    }
}
