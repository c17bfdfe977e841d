//! The key that a request presents. Four headers may carry it, since each SDK has its own; what they carry
//! must agree, or one reader would see another caller than the next.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

/// Longest header value that is looked at, in bytes.
const MAX_HEADER_BYTES: usize = 4_096;

/// In the order in which messages name them.
static HEADERS: [HeaderName; 4] = [
    HeaderName::from_static("x-api-key"),
    AUTHORIZATION,
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Why nobody was recognised. All but the last are a 401 `invalid_api_key`; none repeats what was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("no key: send `X-API-Key: KEY` or `Authorization: Bearer KEY`")]
    Absent,
    #[error("`{first}` and `{second}` carry different keys: send one of them")]
    Differ { first: &'static str, second: &'static str },
    #[error("`{header}` is there twice with different values: send it once")]
    Repeated { header: &'static str },
    #[error("`Authorization` is not understood: send `Authorization: Bearer KEY`")]
    NotBearer,
    #[error("`{header}` is empty: put the key there")]
    Empty { header: &'static str },
    #[error("`{header}` is longer than 4096 bytes: put the key there, it alone")]
    TooLong { header: &'static str },
    #[error("`{header}` holds blanks or characters outside ASCII: put the key there, it alone")]
    NotAscii { header: &'static str },
    #[error("the key in `{header}` is not known here: check it with the gateway's operator")]
    Unknown { header: &'static str },
    #[error("the key in `{header}` has expired: ask the gateway's operator for another")]
    Expired { header: &'static str },
    /// The store of keys gives no answer: it may be good. A 503 `keys_unavailable`.
    #[error("the key in `{header}` can't be checked at the moment: try again shortly")]
    Unverified { header: &'static str },
}

/// The one key of a request. No `Debug`: it holds the key.
#[derive(Clone, Copy)]
pub struct Credentials<'r> {
    pub(super) key: &'r str,
    /// The header that carried it.
    pub(super) header: &'static str,
}

impl<'r> Credentials<'r> {
    /// # Errors
    /// No key, a malformed one, or two that differ.
    pub fn from_headers(headers: &'r HeaderMap) -> Result<Credentials<'r>, Denied> {
        let mut found: Option<Credentials<'r>> = None;
        for name in &HEADERS {
            let header = name.as_str();
            for value in headers.get_all(name) {
                let key = key(header, value)?;
                match found {
                    Some(earlier) if earlier.key == key => {}
                    Some(earlier) if earlier.header == header => return Err(Denied::Repeated { header }),
                    Some(earlier) => return Err(Denied::Differ { first: earlier.header, second: header }),
                    None => found = Some(Credentials { key, header }),
                }
            }
        }
        found.ok_or(Denied::Absent)
    }
}

fn key<'r>(header: &'static str, value: &'r HeaderValue) -> Result<&'r str, Denied> {
    if value.len() > MAX_HEADER_BYTES {
        return Err(Denied::TooLong { header });
    }
    let text = value.to_str().map_err(|_| Denied::NotAscii { header })?.trim();
    let key = if header == "authorization" { bearer(text)? } else { text };
    if key.is_empty() {
        return Err(Denied::Empty { header });
    }
    if key.bytes().all(|b| b.is_ascii_graphic()) { Ok(key) } else { Err(Denied::NotAscii { header }) }
}

/// RFC 9110 §11.1: the scheme is read without regard to case, then come one or more blanks.
fn bearer(text: &str) -> Result<&str, Denied> {
    let (scheme, key) = text.split_once(' ').ok_or(Denied::NotBearer)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(key.trim_start()) } else { Err(Denied::NotBearer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_key_of_a_request() {
        let long = [b'k'; 4_097];
        let differ = |first, second| Err(Denied::Differ { first, second });
        type Case<'c> = (&'c str, &'c [(&'c str, &'c [u8])], Result<&'c str, Denied>);
        let cases: &[Case<'_>] = &[
            ("x-api-key", &[("X-API-Key", b"k1")], Ok("k1")),
            ("bearer", &[("Authorization", b"Bearer k1")], Ok("k1")),
            ("bearer, any case, more blanks", &[("Authorization", b"bEARER   k1 ")], Ok("k1")),
            ("azure", &[("api-key", b"k1")], Ok("k1")),
            ("google", &[("x-goog-api-key", b"k1")], Ok("k1")),
            ("two that agree", &[("X-API-Key", b"k1"), ("Authorization", b"Bearer k1")], Ok("k1")),
            ("repeated, agrees", &[("X-API-Key", b"k1"), ("X-API-Key", b"k1")], Ok("k1")),
            ("none", &[("Accept", b"*/*")], Err(Denied::Absent)),
            (
                "two that differ",
                &[("Authorization", b"Bearer k1"), ("X-API-Key", b"k2")],
                differ("x-api-key", "authorization"),
            ),
            (
                "others that differ",
                &[("api-key", b"k1"), ("x-goog-api-key", b"k2")],
                differ("api-key", "x-goog-api-key"),
            ),
            (
                "repeated, differs",
                &[("X-API-Key", b"k1"), ("X-API-Key", b"k2")],
                Err(Denied::Repeated { header: "x-api-key" }),
            ),
            ("basic", &[("Authorization", b"Basic azE6")], Err(Denied::NotBearer)),
            ("no scheme", &[("Authorization", b"k1")], Err(Denied::NotBearer)),
            ("scheme alone", &[("Authorization", b"Bearer ")], Err(Denied::NotBearer)),
            (
                "good key beside basic",
                &[("X-API-Key", b"k1"), ("Authorization", b"Basic azE6")],
                Err(Denied::NotBearer),
            ),
            ("empty", &[("X-API-Key", b" ")], Err(Denied::Empty { header: "x-api-key" })),
            (
                "blank within",
                &[("Authorization", b"Bearer k1 k2")],
                Err(Denied::NotAscii { header: "authorization" }),
            ),
            ("not ASCII", &[("X-API-Key", "ké".as_bytes())], Err(Denied::NotAscii { header: "x-api-key" })),
            ("not UTF-8", &[("X-API-Key", b"\xff\xfe")], Err(Denied::NotAscii { header: "x-api-key" })),
            ("4097 bytes", &[("api-key", &long)], Err(Denied::TooLong { header: "api-key" })),
        ];
        for (case, lines, want) in cases {
            let headers = headers(lines);
            let found = Credentials::from_headers(&headers).map(|found| found.key);
            assert_eq!(found, *want, "{case}");
        }
    }

    #[test]
    fn a_refusal_names_both_headers() {
        let denied = Denied::Differ { first: "x-api-key", second: "authorization" };
        assert_eq!(
            denied.to_string(),
            "`x-api-key` and `authorization` carry different keys: send one of them"
        );
    }
}
