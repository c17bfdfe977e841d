//! Names from configuration within a URL's path or query.

use std::fmt::Write;

/// Appends a name, percent-encoded but for RFC 3986's unreserved characters, so that it can neither end
/// its segment nor begin a query.
pub(crate) fn push_encoded(name: &str, path: &mut String) {
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte))
            }
            _ => write!(path, "%{byte:02X}").expect("writing to a String never fails"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_its_segment() {
        for (name, want) in [
            ("gemini-2.5-pro", "gemini-2.5-pro"),
            ("a/../b", "a%2F..%2Fb"),
            ("m?key=1#x", "m%3Fkey%3D1%23x"),
            ("ü 1", "%C3%BC%201"),
        ] {
            let mut path = String::new();
            push_encoded(name, &mut path);
            assert_eq!(path, want);
        }
    }
}
