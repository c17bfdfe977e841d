//! A key as it stands in a store: JSON of version 1. Limits are whole numbers, −1 where there is none.

use serde::{Deserialize, Serialize};

use super::{Fingerprint, KeyLimits, KeyName, KeyScope, MadeKey, hex};
use crate::audit::Time;
use crate::ids::TeamId;
use crate::ledger::{Limit, MOST_PER_MINUTE};

const VERSION: u32 = 1;
const UNLIMITED: i64 = -1;

/// Why an entry is no key. Never repeats what stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreadable {
    reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    sha256: String,
    team: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    scopes: Vec<KeyScope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tokens_per_minute: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_parallel: Option<i64>,
    created_at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
}

impl MadeKey {
    pub fn encode(&self) -> String {
        let stored = Stored {
            v: VERSION,
            sha256: hex(&self.fingerprint.0),
            team: self.team.as_str().to_owned(),
            name: self.name.as_ref().map(|name| name.as_str().to_owned()),
            scopes: self.scopes.iter().copied().collect(),
            requests_per_minute: self.limits.requests_per_minute.map(written),
            tokens_per_minute: self.limits.tokens_per_minute.map(written),
            max_parallel: self.limits.max_parallel.map(written),
            created_at: self.created_at,
            expires_at: self.expires_at,
        };
        serde_json::to_string(&stored).expect("text and numbers alone")
    }

    /// # Errors
    /// What no gateway of this version wrote, or wrote under another id.
    pub fn decode(id: &str, text: &[u8]) -> Result<MadeKey, Unreadable> {
        let stored: Stored = serde_json::from_slice(text).map_err(|error| {
            wrong(&format!("it is no key of version {VERSION}, at byte {}", error.column()))
        })?;
        if stored.v != VERSION {
            return Err(wrong(&format!("its version is {}, this gateway reads {VERSION}", stored.v)));
        }
        let fingerprint =
            fingerprint(&stored.sha256).ok_or_else(|| wrong("`sha256` is no SHA-256 in hex"))?;
        if fingerprint.id().as_str() != id {
            return Err(wrong("it stands under the id of another key"));
        }
        let name = stored.name.map(|name| KeyName::new(&name).ok_or_else(|| wrong("`name` is no name")));
        let key = MadeKey {
            id: fingerprint.id(),
            fingerprint,
            team: TeamId::new(&stored.team).ok_or_else(|| wrong("`team` is no team's name"))?,
            name: name.transpose()?,
            scopes: stored.scopes.into_iter().collect(),
            limits: KeyLimits {
                requests_per_minute: read("requests_per_minute", stored.requests_per_minute)?,
                tokens_per_minute: read("tokens_per_minute", stored.tokens_per_minute)?,
                max_parallel: read("max_parallel", stored.max_parallel)?,
            },
            created_at: stored.created_at,
            expires_at: stored.expires_at,
        };
        if key.scopes.is_empty() { Err(wrong("`scopes` is empty")) } else { Ok(key) }
    }
}

fn wrong(reason: &str) -> Unreadable {
    Unreadable { reason: reason.to_owned() }
}

fn written(limit: Limit<u64>) -> i64 {
    match limit {
        Limit::Unlimited => UNLIMITED,
        Limit::AtMost(most) => i64::try_from(most).unwrap_or(i64::MAX),
    }
}

fn read(field: &str, limit: Option<i64>) -> Result<Option<Limit<u64>>, Unreadable> {
    let Some(limit) = limit else { return Ok(None) };
    if limit == UNLIMITED {
        return Ok(Some(Limit::Unlimited));
    }
    let most = u64::try_from(limit).ok().filter(|most| *most <= MOST_PER_MINUTE);
    most.map(|most| Some(Limit::AtMost(most))).ok_or_else(|| wrong(&format!("`{field}` is out of range")))
}

fn fingerprint(text: &str) -> Option<Fingerprint> {
    if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(Fingerprint(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::suite::a_key;
    use super::*;

    /// As version 1 writes it: it must be readable for as long as that version is.
    const SAMPLE: &str = concat!(
        r#"{"v":1,"sha256":"0707070707070707070707070707070707070707070707070707070707070707","team":"ops","#,
        r#""name":"nightly job","scopes":["infer","audit"],"requests_per_minute":60,"max_parallel":-1,"#,
        r#""created_at":"2026-11-24T09:30:00.125Z","expires_at":"2027-01-01T00:00:00.000Z"}"#
    );
    const ID: &str = "070707070707";

    #[test]
    fn the_sample_of_version_1_is_read_and_written() {
        let key = MadeKey::decode(ID, SAMPLE.as_bytes()).unwrap();
        assert_eq!(key, MadeKey { name: KeyName::new("nightly job"), ..a_key(7) });
        assert_eq!(key.encode(), SAMPLE);
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for (case, from, to) in [
            ("not JSON", "{", "secret-"),
            ("another version", "\"v\":1", "\"v\":2"),
            ("a field of another version", "\"v\":1", "\"v\":1,\"more\":true"),
            ("no hash", "0707", "zz07"),
            ("a short hash", "070707", ""),
            ("another key's id", "\"07", "\"08"),
            ("no team", "\"ops\"", "\"OPS\""),
            ("no name", "nightly job", ""),
            ("no scope", "\"infer\",\"audit\"", ""),
            ("a scope that is none", "\"infer\"", "\"root\""),
            ("a limit below zero", "60", "-2"),
            ("a limit out of range", "60", "100000001"),
            ("no time", "2027-01-01T", "2027-13-01T"),
        ] {
            let text = SAMPLE.replacen(from, to, 1);
            let error = MadeKey::decode(ID, text.as_bytes()).expect_err(case).to_string();
            assert!(!error.contains("secret") && !error.contains("0707"), "{case}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(byte: u8, limit in 0..=MOST_PER_MINUTE, name in "[^\\p{Cc}]{1,100}") {
            let limits = KeyLimits { tokens_per_minute: Some(Limit::AtMost(limit)), ..a_key(byte).limits };
            let key = MadeKey { name: KeyName::new(&name), limits, ..a_key(byte) };
            prop_assert_eq!(MadeKey::decode(key.id.as_str(), key.encode().as_bytes()), Ok(key));
        }
    }
}
