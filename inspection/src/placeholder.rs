//! How a placeholder is spelled, and how it is recognised where a model, or the caller, wrote it.
//!
//! The exact form is `[EMAIL_ADDRESS_1]`. Models also write it in other case, or as markdown escapes it
//! (`\[EMAIL\_ADDRESS\_1\]`).

use gateway_core::finding::Kind;

/// A placeholder as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes from its first character to its last.
    pub length: usize,
    pub kind: Kind,
    pub number: u32,
    /// Character for character as we write it.
    pub exact: bool,
}

/// What a text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begins {
    Placeholder(Written),
    /// It could become one with more text behind it.
    Perhaps,
    Other,
}

/// Digits of the greatest number.
const DIGITS: usize = 6;
/// Bytes of the longest spelling: each of its characters may be escaped.
pub(crate) const LONGEST: usize = 2 * (Kind::LONGEST + 1 + DIGITS + 2);

/// The form that goes out.
pub(crate) fn write(kind: Kind, number: u32) -> String {
    let (name, number) = (kind.name(), number.to_string());
    ["[", name, "_", &number, "]"].concat()
}

/// Reads a placeholder, brackets included, at the beginning of `text`.
pub(crate) fn read(text: &[u8]) -> Begins {
    let mut at = 0;
    let escaped_open = text.first() == Some(&b'\\');
    if escaped_open {
        at = 1;
    }
    match text.get(at) {
        None => return Begins::Perhaps,
        Some(b'[') => at += 1,
        Some(_) => return Begins::Other,
    }
    let name = match read_name(&text[at..]) {
        Ok(name) => name,
        Err(other) => return other,
    };
    at += name.length;
    // Both brackets are escaped, or none: a lone backslash is somebody else's.
    if escaped_open {
        match text.get(at) {
            None => return Begins::Perhaps,
            Some(b'\\') => at += 1,
            Some(_) => return Begins::Other,
        }
    }
    match text.get(at) {
        None => Begins::Perhaps,
        Some(b']') => Begins::Placeholder(Written {
            length: at + 1,
            kind: name.kind,
            number: name.number,
            exact: name.exact && !escaped_open,
        }),
        Some(_) => Begins::Other,
    }
}

/// Reads a name alone, `EMAIL_ADDRESS_1` in just this spelling, that ends with `text`.
pub(crate) fn read_bare(text: &[u8]) -> Option<Written> {
    let name = read_name(text).ok().filter(|name| name.exact && name.length == text.len())?;
    Some(Written { length: name.length, kind: name.kind, number: name.number, exact: true })
}

/// Whether `text` could become a bare name with more behind it.
pub(crate) fn may_become_bare(text: &[u8]) -> bool {
    text.len() <= Kind::LONGEST + 1 + DIGITS
        && text.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// Reads `KIND_N`, as far as its last digit; something has to follow.
fn read_name(text: &[u8]) -> Result<Written, Begins> {
    let mut plain = [0u8; Kind::LONGEST + 1 + DIGITS];
    let (mut length, mut at, mut exact) = (0, 0, true);
    while let Some(&byte) = text.get(at) {
        let byte = match byte {
            b'\\' if text.get(at + 1) == Some(&b'_') => {
                exact = false;
                at += 1;
                b'_'
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => byte,
            _ => break,
        };
        exact &= !byte.is_ascii_lowercase();
        *plain.get_mut(length).ok_or(Begins::Other)? = byte.to_ascii_uppercase();
        length += 1;
        at += 1;
    }
    let plain = &plain[..length];
    let goes_on = at == text.len() || text[at..] == *b"\\";
    if let Some((kind, number)) = split(plain) {
        return Ok(Written { length: at, kind, number, exact });
    }
    Err(if goes_on && may_name(plain) { Begins::Perhaps } else { Begins::Other })
}

/// `KIND` and its number, which has no leading zero.
fn split(plain: &[u8]) -> Option<(Kind, u32)> {
    let plain = std::str::from_utf8(plain).ok()?;
    let (kind, number) = plain.rsplit_once('_')?;
    let fits = !number.starts_with('0') && number.len() <= DIGITS;
    let number = fits.then(|| number.parse().ok())??;
    Some((Kind::named(kind)?, number))
}

/// Whether a name may begin so: letters first.
fn may_name(plain: &[u8]) -> bool {
    plain.first().is_none_or(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Option<(usize, bool)> {
        match read(text.as_bytes()) {
            Begins::Placeholder(written) => {
                assert_eq!((written.kind, written.number), (Kind::EMAIL_ADDRESS, 12), "{text}");
                Some((written.length, written.exact))
            }
            _ => None,
        }
    }

    #[test]
    fn each_spelling_is_read() {
        for (text, want) in [
            ("[EMAIL_ADDRESS_12]", Some((18, true))),
            ("[EMAIL_ADDRESS_12] and more", Some((18, true))),
            ("[email_address_12]", Some((18, false))),
            (r"\[EMAIL\_ADDRESS\_12\]", Some((22, false))),
            (r"[EMAIL\_ADDRESS\_12]", Some((20, false))),
            (r"\[EMAIL_ADDRESS_12]", None),
            (r"[EMAIL_ADDRESS_12\]", None),
            ("[EMAIL ADDRESS 12]", None),
            ("[EMAIL_ADDRESS_012]", None),
            ("[EMAIL_ADDRESS_1234567]", None),
            ("[NO_SUCH_KIND_12]", None),
            ("EMAIL_ADDRESS_12", None),
            ("[]", None),
        ] {
            assert_eq!(exact(text), want, "{text}");
        }
    }

    #[test]
    fn every_beginning_of_a_spelling_may_become_one() {
        for whole in ["[EMAIL_ADDRESS_12]", r"\[EMAIL\_ADDRESS\_12\]"] {
            for end in 1..whole.len() {
                assert_eq!(read(&whole.as_bytes()[..end]), Begins::Perhaps, "{}", &whole[..end]);
            }
        }
        for other in ["[x y", "[1", "(", r"\x", "[EMAIL_ADDRESS_12 x", &format!("[{}", "A".repeat(60))] {
            assert_eq!(read(other.as_bytes()), Begins::Other, "{other}");
        }
    }

    #[test]
    fn a_bare_name_is_the_whole_text() {
        assert!(read_bare(b"EMAIL_ADDRESS_12").is_some());
        for other in [&b"EMAIL_ADDRESS_12 "[..], b"email_address_12", b"EMAIL_ADDRESS_", b""] {
            assert_eq!(read_bare(other), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<Vec<u8>>()) {
            read(&text);
            read_bare(&text);
        }

        #[test]
        fn what_is_written_is_read(index in 0..Kind::BUILT_IN.len(), number in 1u32..=100_000) {
            let kind = Kind::BUILT_IN[index];
            let text = write(kind, number);
            let want = Written { length: text.len(), kind, number, exact: true };
            prop_assert_eq!(read(text.as_bytes()), Begins::Placeholder(want));
        }
    }
}
