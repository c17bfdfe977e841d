//! Replacements: how they read, and how they are put in place. Every other byte stays as it was.

use super::view::{Edit, file_text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gateway_core::conversation::{Leaf, RawJson, Text, Value};
use gateway_core::finding::Kind;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Characters of a masked value that may stay.
const SHOWN: usize = 4;
/// Of a tool call's id that providers take.
const LONGEST_CALL_ID: usize = 64;

/// The key of hashes that take a value's place. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct HashKey(Zeroizing<Vec<u8>>);

impl HashKey {
    pub fn new(key: Vec<u8>) -> HashKey {
        HashKey(Zeroizing::new(key))
    }

    /// `[EMAIL_ADDRESS:9f86d0818c21]`: HMAC-SHA256 (RFC 2104) of the value, its first 48 bits.
    pub fn hashed(&self, kind: Kind, value: &str) -> String {
        format!("[{kind}:{:012x}]", self.digest(value) >> 16)
    }

    fn digest(&self, value: &str) -> u64 {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(value.as_bytes());
        let digest = mac.finalize().into_bytes();
        digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

/// Asterisks, with the last four characters where they are no more than a quarter.
pub(super) fn masked(value: &str) -> String {
    let length = value.chars().count();
    let hidden = length - SHOWN.min(length / 4);
    value.chars().enumerate().map(|(at, character)| if at < hidden { '*' } else { character }).collect()
}

/// Changes each leaf by its edits. Edits of one leaf do not overlap.
pub(super) fn apply(leaves: &mut [Leaf<'_>], mut edits: Vec<Edit>, hash_key: &HashKey) {
    edits.sort_by(|a, b| a.leaf.cmp(&b.leaf).then(a.at.start.cmp(&b.at.start)));
    for edits in edits.chunk_by(|a, b| a.leaf == b.leaf) {
        change(&mut leaves[edits[0].leaf].value, edits);
    }
    for leaf in leaves {
        if let Value::CallId(id) = &mut leaf.value
            && !passes(id)
        {
            let digest = hash_key.digest(&id.decoded());
            **id = Text::new(&format!("call_{digest:016x}"));
        }
    }
}

/// A call's id that providers take and that can hardly hold anything but an id.
fn passes(id: &Text) -> bool {
    let raw = id.json_inner();
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    !raw.is_empty() && raw.len() <= LONGEST_CALL_ID && raw.iter().all(legal)
}

fn change(value: &mut Value<'_>, edits: &[Edit]) {
    match value {
        Value::Text(text)
        | Value::Encoded(text)
        | Value::Name(text)
        | Value::Identifier(text)
        | Value::CallId(text)
        | Value::FileUrl { url: text, .. } => {
            // Quotes are never within an edit, so it stays a literal.
            if let Some(changed) = Text::from_json(spliced(text.json(), edits)) {
                **text = changed;
            }
        }
        Value::Json(json) | Value::Schema(json) => **json = RawJson::new(spliced(json.json(), edits)),
        Value::Hint { json, .. } => **json = spliced(json, edits),
        // Nothing is found in them.
        Value::Tokens => {}
        Value::File { media_type, data, .. } => {
            let text = file_text(media_type, data).expect("edits are made for files that were read as text");
            **data = STANDARD.encode(spliced(text.as_bytes(), edits)).into();
        }
    }
}

fn spliced(bytes: &[u8], edits: &[Edit]) -> Bytes {
    let grown: usize = edits.iter().map(|edit| edit.with.len()).sum();
    let mut out = Vec::with_capacity(bytes.len() + grown);
    let mut from = 0;
    for edit in edits {
        out.extend_from_slice(&bytes[from..edit.at.start]);
        out.extend_from_slice(edit.with.as_bytes());
        from = edit.at.end;
    }
    out.extend_from_slice(&bytes[from..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_shows_at_most_the_last_four_and_a_quarter() {
        for (value, want) in [
            ("", ""),
            ("abc", "***"),
            ("abcd", "***d"),
            ("4111111111111111", "************1111"),
            ("ann@example.org", "************org"),
            ("ééééé", "****é"),
        ] {
            assert_eq!(masked(value), want, "{value}");
        }
    }

    #[test]
    fn a_hash_is_the_same_for_the_same_key_and_value_alone() {
        let (one, other) = (HashKey::new(vec![1; 32]), HashKey::new(vec![2; 32]));
        let hashed = one.hashed(Kind::EMAIL_ADDRESS, "ann@example.org");
        assert_eq!(hashed, one.hashed(Kind::EMAIL_ADDRESS, "ann@example.org"));
        assert_ne!(hashed, one.hashed(Kind::EMAIL_ADDRESS, "bob@example.org"));
        assert_ne!(hashed, other.hashed(Kind::EMAIL_ADDRESS, "ann@example.org"));
        assert_eq!(hashed.len(), "[EMAIL_ADDRESS:9f86d0818c21]".len());
        assert_eq!(format!("{one:?}"), "HashKey(***)");
    }

    #[test]
    fn ids_of_calls_pass_or_are_mapped_alike() {
        let key = HashKey::new(vec![0; 32]);
        let mut ids = [Text::new("call_1.a:b-c"), Text::new("ann@example.org"), Text::new("ann@example.org")];
        let mut leaves: Vec<Leaf<'_>> = ids
            .iter_mut()
            .map(|id| Leaf {
                place: gateway_core::conversation::Place::Assistant,
                message: 0,
                joined: false,
                value: Value::CallId(id),
            })
            .collect();
        apply(&mut leaves, Vec::new(), &key);
        let [kept, mapped, again] = ids.map(|id| id.decoded().into_owned());
        assert_eq!(kept, "call_1.a:b-c");
        assert_eq!(mapped, again);
        assert!(mapped.starts_with("call_") && mapped.len() == 21, "{mapped}");
    }
}
