//! The chain: each line begins with its number and the SHA-256 of the line before, so that none can change,
//! vanish or move unseen. The head of each segment, and the file that remembers the chain's end, are signed
//! where there is a key: else who may write files could make the whole chain anew.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::line::{Body, VERSION};

/// The SHA-256 of a line, its line end left out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first line of all holds.
    pub const ZERO: Hash = Hash([0; 32]);

    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// Reads 64 lower-case hex digits.
    pub fn parse(hex: &[u8]) -> Option<Hash> {
        unhex(hex).map(Hash)
    }

    fn write(self, out: &mut Vec<u8>) {
        for byte in self.0 {
            out.push(hex_digit(byte >> 4));
            out.push(hex_digit(byte & 15));
        }
    }
}

const fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

fn unhex(hex: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hash::parse(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("not 64 hex digits"))
    }
}

/// The key of the signatures. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    pub fn new(secret: &[u8]) -> SigningKey {
        SigningKey(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length (RFC 2104 §3)"))
    }

    /// HMAC-SHA256 in lower-case hex.
    pub fn sign(&self, bytes: &[u8]) -> String {
        Hash(self.0.clone().chain_update(bytes).finalize().into_bytes().into()).to_string()
    }

    /// Compared in constant time.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> bool {
        unhex(signature)
            .is_some_and(|signature| self.0.clone().chain_update(bytes).verify_slice(&signature).is_ok())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A line's place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Counted from 1 over all segments, without a gap.
    pub seq: u64,
    /// Of the whole line.
    pub hash: Hash,
}

impl Link {
    /// Before the first line.
    pub const START: Link = Link { seq: 0, hash: Hash::ZERO };

    /// Writes the next line with its line end, and moves on to it.
    pub fn append(&mut self, body: &Body, out: &mut Vec<u8>) {
        self.append_signed(body, None, out);
    }

    /// Likewise; with a key the line ends in `,"mac":"…"}`, the signature of the line without that.
    pub fn append_signed(&mut self, body: &Body, key: Option<&SigningKey>, out: &mut Vec<u8>) {
        let start = out.len();
        let seq = self.seq + 1;
        out.extend_from_slice(format!(r#"{{"v":{VERSION},"seq":{seq},"prev":""#).as_bytes());
        self.hash.write(out);
        out.extend_from_slice(b"\",");
        out.extend_from_slice(body.fields());
        if let Some(key) = key {
            let mac = key.sign(&out[start..]);
            out.pop();
            out.extend_from_slice(MAC.as_bytes());
            out.extend_from_slice(mac.as_bytes());
            out.extend_from_slice(b"\"}");
        }
        *self = Link { seq, hash: Hash::of(&out[start..]) };
        out.push(b'\n');
    }
}

const MAC: &str = r#","mac":""#;

/// What a line says of its place: its number, and the hash of the line before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub seq: u64,
    pub prev: Hash,
}

impl Opening {
    /// Reads the beginning of a line, byte for byte as [`Link::append`] writes it, and what stands behind it.
    pub fn read(line: &[u8]) -> Option<(Opening, &[u8])> {
        let rest = line.strip_prefix(br#"{"v":1,"seq":"#)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let seq = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        let rest = rest[digits..].strip_prefix(br#","prev":""#)?;
        let (prev, rest) = rest.split_at_checked(64)?;
        let rest = rest.strip_prefix(b"\",")?;
        (line.last() == Some(&b'}')).then_some((Opening { seq, prev: Hash::parse(prev)? }, rest))
    }
}

/// Whether a line is signed, and rightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    Absent,
    Right,
    Wrong,
}

/// Looks at the signature of a whole line. Without a key a signature is taken as right.
pub fn signature(line: &[u8], key: Option<&SigningKey>) -> Signature {
    const TAIL: usize = MAC.len() + 64 + 2;
    let split = line.len().checked_sub(TAIL).map(|at| line.split_at(at));
    let mac = split.and_then(|(start, tail)| {
        let mac = tail.strip_prefix(MAC.as_bytes())?.strip_suffix(b"\"}")?;
        Some((start, mac))
    });
    match (mac, key) {
        (None, _) => Signature::Absent,
        (Some(_), None) => Signature::Right,
        (Some((start, mac)), Some(key)) => {
            let mut signed = start.to_vec();
            signed.push(b'}');
            if key.verify(&signed, mac) { Signature::Right } else { Signature::Wrong }
        }
    }
}

/// What is remembered of the chain in another place, so that a cut end shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadFile {
    /// The oldest line that retention has left.
    pub first_seq: u64,
    pub last: Link,
}

#[derive(Serialize, Deserialize)]
struct StoredHead {
    v: u32,
    first_seq: u64,
    seq: u64,
    hash: Hash,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

/// Why a remembered head can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    #[error("it is not readable as one")]
    Form,
    #[error("its signature is wrong or missing")]
    Signature,
}

impl HeadFile {
    pub fn encode(&self, key: Option<&SigningKey>) -> String {
        let stored = StoredHead {
            v: VERSION,
            first_seq: self.first_seq,
            seq: self.last.seq,
            hash: self.last.hash,
            mac: key.map(|key| key.sign(self.signed().as_bytes())),
        };
        serde_json::to_string(&stored).expect("numbers and strings can be written") + "\n"
    }

    fn signed(&self) -> String {
        format!("{VERSION} {} {} {}", self.first_seq, self.last.seq, self.last.hash)
    }

    /// # Errors
    /// What is not such a file; with a key also one that it did not sign.
    pub fn decode(text: &[u8], key: Option<&SigningKey>) -> Result<HeadFile, HeadError> {
        let stored: StoredHead = serde_json::from_slice(text).map_err(|_| HeadError::Form)?;
        if stored.v != VERSION {
            return Err(HeadError::Form);
        }
        let last = Link { seq: stored.seq, hash: stored.hash };
        let head = HeadFile { first_seq: stored.first_seq, last };
        let signed = |key: &SigningKey| {
            let mac = stored.mac.as_deref().unwrap_or_default();
            key.verify(head.signed().as_bytes(), mac.as_bytes())
        };
        if key.is_none_or(signed) { Ok(head) } else { Err(HeadError::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::samples;
    use super::*;

    #[test]
    fn a_line_holds_the_hash_of_the_one_before() {
        let mut link = Link::START;
        let mut out = Vec::new();
        for n in 1..=3 {
            link.append(&samples::request(n).body(), &mut out);
        }
        let lines: Vec<&[u8]> = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let openings: Vec<Opening> = lines.iter().map(|line| Opening::read(line).unwrap().0).collect();
        assert_eq!(openings.iter().map(|opening| opening.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(openings[0].prev, Hash::ZERO);
        assert_eq!(openings[1].prev, Hash::of(lines[0]));
        assert_eq!(openings[2].prev, Hash::of(lines[1]));
        assert_eq!(link, Link { seq: 3, hash: Hash::of(lines[2]) });
    }

    #[test]
    fn signatures_are_of_the_whole_line() {
        let (key, other) = (SigningKey::new(b"one"), SigningKey::new(b"another"));
        let mut signed = Vec::new();
        Link::START.clone().append_signed(&samples::request(1).body(), Some(&key), &mut signed);
        let mut plain = Vec::new();
        Link::START.clone().append(&samples::request(1).body(), &mut plain);
        let mut changed = signed.clone();
        changed[8] ^= 1;
        for (case, line, key, want) in [
            ("signed", &signed, Some(&key), Signature::Right),
            ("another key", &signed, Some(&other), Signature::Wrong),
            ("changed", &changed, Some(&key), Signature::Wrong),
            ("no key at hand", &signed, None, Signature::Right),
            ("not signed", &plain, Some(&key), Signature::Absent),
        ] {
            assert_eq!(signature(&line[..line.len() - 1], key), want, "{case}");
        }
        assert!(serde_json::from_slice::<serde_json::Value>(&signed).unwrap()["mac"].is_string());
        assert_eq!(format!("{key:?}"), "***");
    }

    #[test]
    fn the_head_is_remembered() {
        let key = SigningKey::new(b"one");
        let head = HeadFile { first_seq: 3, last: Link { seq: 9, hash: Hash::of(b"x") } };
        let (plain, signed) = (head.encode(None), head.encode(Some(&key)));
        let moved = signed.replace("\"seq\":9", "\"seq\":8");
        for (case, text, key, want) in [
            ("plain", plain.as_str(), None, Ok(head)),
            ("signed", &signed, Some(&key), Ok(head)),
            ("signed, no key at hand", &signed, None, Ok(head)),
            ("not signed", &plain, Some(&key), Err(HeadError::Signature)),
            ("changed", &moved, Some(&key), Err(HeadError::Signature)),
            ("empty", "", None, Err(HeadError::Form)),
            ("a later version", &plain.replace("\"v\":1", "\"v\":2"), None, Err(HeadError::Form)),
        ] {
            assert_eq!(HeadFile::decode(text.as_bytes(), key), want, "{case}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Opening::read(&bytes);
            let _ = signature(&bytes, Some(&SigningKey::new(b"x")));
            let _ = HeadFile::decode(&bytes, None);
        }

        #[test]
        fn a_hash_is_read_as_it_is_written(bytes in any::<[u8; 32]>()) {
            let hash = Hash(bytes);
            prop_assert_eq!(Hash::parse(hash.to_string().as_bytes()), Some(hash));
        }
    }
}
