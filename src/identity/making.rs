//! What a key shall be, as an administrator asks for it, checked; and a fresh key that is so.

use std::collections::BTreeSet;

use chrono::DateTime;
use gateway_core::audit::{Named, Table, Time};
use gateway_core::ids::TeamId;
use gateway_core::keys::{KeyLimits, KeyName, KeyScope, MadeKey};
use gateway_core::ledger::{Limit, MOST_PER_MINUTE};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::keys::fingerprint;

/// What every made key begins with, so that it is known for what it is.
pub const MADE_PREFIX: &str = "sk-gw-";
/// Of chance, in a key.
const KEY_BYTES: usize = 32;

/// A key that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub team: TeamId,
    pub name: Option<KeyName>,
    pub scopes: BTreeSet<KeyScope>,
    pub limits: KeyLimits,
    pub expires_at: Option<Time>,
}

/// A field at fault, and the mend. Never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct WishError {
    pub field: String,
    pub problem: &'static str,
}

/// The fields of a wish, in the order in which they are named.
const FIELDS: &str = "is not known: known are team_id, name, scopes, limits, expires_at";
const LIMITS: &str = "is not known: known are requests_per_minute, tokens_per_minute, max_parallel";

impl Wish {
    /// Reads a JSON object; `null` is as good as absent. `now` is what an end must be after.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn read(body: &[u8], now: Time) -> Result<Wish, WishError> {
        let not_json = || wrong("body", "must be a JSON object without repeated keys");
        let text = gateway_wire::json::check(body).map_err(|_| not_json())?;
        let fields: Map<String, Value> = serde_json::from_str(text).map_err(|_| not_json())?;
        let (mut team, mut name, mut expires_at) = (None, None, None);
        let (mut scopes, mut limits) = (BTreeSet::from([KeyScope::Infer]), KeyLimits::default());
        for (field, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            match field.as_str() {
                "team_id" => {
                    let problem = "must be a team's name: [a-z0-9][a-z0-9._-]{0,62}";
                    team = Some(value.as_str().and_then(TeamId::new).ok_or_else(|| wrong(field, problem))?);
                }
                "name" => {
                    let problem = "must be a text of 1 to 100 characters, no control characters among them";
                    name = Some(value.as_str().and_then(KeyName::new).ok_or_else(|| wrong(field, problem))?);
                }
                "scopes" => scopes = read_scopes(value)?,
                "limits" => limits = read_limits(value)?,
                "expires_at" => expires_at = Some(read_end(value, now)?),
                _ => return Err(wrong(shown(field), FIELDS)),
            }
        }
        let team = team.ok_or_else(|| wrong("team_id", "is missing: name the team that the key is for"))?;
        Ok(Wish { team, name, scopes, limits, expires_at })
    }

    /// A key of chance, and what is kept of it.
    ///
    /// # Errors
    /// The system has no chance to give.
    pub fn fresh(&self, now: Time) -> Result<(SecretString, MadeKey), getrandom::Error> {
        let mut chance = [0; KEY_BYTES];
        getrandom::fill(&mut chance)?;
        let hex: String = chance.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = format!("{MADE_PREFIX}{hex}");
        let fingerprint = fingerprint(&secret);
        let key = MadeKey {
            id: fingerprint.id(),
            fingerprint,
            team: self.team.clone(),
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            limits: self.limits,
            created_at: now,
            expires_at: self.expires_at,
        };
        Ok((SecretString::from(secret), key))
    }

    /// What the audit trail keeps of it.
    pub fn changes(&self) -> Table<Named, 32> {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.word()).collect();
        let mut changes = vec![("scopes", scopes.join("+"))];
        changes.extend(self.name.iter().map(|name| ("name", name.to_string())));
        changes.extend(self.expires_at.iter().map(|end| ("expires_at", end.to_string())));
        let limits = limit_words(&self.limits).into_iter();
        changes.extend(limits.filter_map(|(name, limit)| {
            let word = match limit? {
                Limit::Unlimited => "unlimited".to_owned(),
                Limit::AtMost(most) => most.to_string(),
            };
            Some((name, word))
        }));
        changes.into_iter().map(|(name, word)| (Named::cleaned(name), Named::cleaned(&word))).collect()
    }
}

/// A made key as it is told, without the key itself.
pub fn view(key: &MadeKey) -> Map<String, Value> {
    let limit = |limit| match limit {
        None => Value::Null,
        Some(Limit::Unlimited) => json!("unlimited"),
        Some(Limit::AtMost(most)) => json!(most),
    };
    let limits: Map<String, Value> =
        limit_words(&key.limits).into_iter().map(|(name, most)| (name.to_owned(), limit(most))).collect();
    let fields = [
        ("id", json!(key.id.as_str())),
        ("team_id", json!(key.team.as_str())),
        ("name", json!(key.name.as_ref().map(KeyName::as_str))),
        ("scopes", key.scopes.iter().map(|scope| scope.word()).collect()),
        ("limits", Value::Object(limits)),
        ("created_at", json!(key.created_at)),
        ("expires_at", json!(key.expires_at)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn limit_words(limits: &KeyLimits) -> [(&'static str, Option<Limit<u64>>); 3] {
    [
        ("requests_per_minute", limits.requests_per_minute),
        ("tokens_per_minute", limits.tokens_per_minute),
        ("max_parallel", limits.max_parallel),
    ]
}

fn read_scopes(value: &Value) -> Result<BTreeSet<KeyScope>, WishError> {
    let words = value.as_array().map(|words| words.iter().map(|word| KeyScope::parse(word.as_str()?)));
    let scopes: Option<BTreeSet<KeyScope>> = words.and_then(Iterator::collect);
    let scopes = scopes.filter(|scopes| !scopes.is_empty());
    scopes.ok_or_else(|| wrong("scopes", "must be a list of at least one of infer, audit, metrics, admin"))
}

fn read_limits(value: &Value) -> Result<KeyLimits, WishError> {
    let fields = value.as_object().ok_or_else(|| wrong("limits", "must be an object"))?;
    let mut limits = KeyLimits::default();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let place = match name.as_str() {
            "requests_per_minute" => &mut limits.requests_per_minute,
            "tokens_per_minute" => &mut limits.tokens_per_minute,
            "max_parallel" => &mut limits.max_parallel,
            _ => return Err(wrong(&format!("limits.{}", shown(name)), LIMITS)),
        };
        let most = value.as_u64().filter(|most| *most <= MOST_PER_MINUTE).map(Limit::AtMost);
        let limit = if value == "unlimited" { Some(Limit::Unlimited) } else { most };
        let problem = "must be a whole number from 0 to 100000000, or \"unlimited\"";
        *place = Some(limit.ok_or_else(|| wrong(&format!("limits.{name}"), problem))?);
    }
    Ok(limits)
}

fn read_end(value: &Value, now: Time) -> Result<Time, WishError> {
    let time = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let millis = time.and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    let end = millis.map(Time::from_unix_millis).filter(|end| *end > now);
    end.ok_or_else(|| wrong("expires_at", "must be a time of RFC 3339 that is still to come"))
}

/// The name of a field that nobody knows is the caller's: it is told where it reads like one of ours, which no
/// address, number or key does.
pub fn shown(name: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if (1..=32).contains(&name.len()) && name.bytes().all(plain) { name } else { "body" }
}

fn wrong(field: &str, problem: &'static str) -> WishError {
    WishError { field: field.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_unix_millis(1_795_512_600_000);

    #[test]
    fn wishes_are_read_or_refused_by_field() {
        let plain = Wish {
            team: TeamId::new("ops").unwrap(),
            name: None,
            scopes: [KeyScope::Infer].into(),
            limits: KeyLimits::default(),
            expires_at: None,
        };
        let limited = KeyLimits {
            requests_per_minute: Some(Limit::AtMost(0)),
            max_parallel: Some(Limit::Unlimited),
            ..KeyLimits::default()
        };
        for (body, want) in [
            (r#"{"team_id":"ops"}"#, Ok(plain.clone())),
            (r#"{"team_id":"ops","name":null,"expires_at":null,"limits":{}}"#, Ok(plain.clone())),
            (
                r#"{"team_id":"ops","name":"größer","scopes":["admin","audit","admin"]}"#,
                Ok(Wish {
                    name: KeyName::new("größer"),
                    scopes: [KeyScope::Admin, KeyScope::Audit].into(),
                    ..plain.clone()
                }),
            ),
            (
                r#"{"team_id":"ops","limits":{"requests_per_minute":0,"max_parallel":"unlimited"}}"#,
                Ok(Wish { limits: limited, ..plain.clone() }),
            ),
            (
                r#"{"team_id":"ops","expires_at":"2027-01-01T01:00:00+01:00"}"#,
                Ok(Wish { expires_at: Time::parse("2027-01-01T00:00:00.000Z"), ..plain.clone() }),
            ),
            ("{}", Err("team_id")),
            ("[]", Err("body")),
            (r#"{"team_id":"ops","team_id":"ops"}"#, Err("body")),
            (r#"{"team_id":"Ops"}"#, Err("team_id")),
            (r#"{"team_id":7}"#, Err("team_id")),
            (r#"{"team_id":"ops","name":""}"#, Err("name")),
            (r#"{"team_id":"ops","name":"a\nb"}"#, Err("name")),
            (r#"{"team_id":"ops","scopes":[]}"#, Err("scopes")),
            (r#"{"team_id":"ops","scopes":"infer"}"#, Err("scopes")),
            (r#"{"team_id":"ops","scopes":["infer","root"]}"#, Err("scopes")),
            (r#"{"team_id":"ops","limits":7}"#, Err("limits")),
            (r#"{"team_id":"ops","limits":{"max_parallel":-1}}"#, Err("limits.max_parallel")),
            (r#"{"team_id":"ops","limits":{"tokens_per_minute":1.5}}"#, Err("limits.tokens_per_minute")),
            (r#"{"team_id":"ops","limits":{"max_parallel":100000001}}"#, Err("limits.max_parallel")),
            (r#"{"team_id":"ops","limits":{"daily":1}}"#, Err("limits.daily")),
            (r#"{"team_id":"ops","expires_at":"2026-11-24"}"#, Err("expires_at")),
            (r#"{"team_id":"ops","expires_at":"2026-11-24T09:30:00Z"}"#, Err("expires_at")),
            (r#"{"team_id":"ops","expires_at":1795512600}"#, Err("expires_at")),
            (r#"{"team_id":"ops","max_parallel":1}"#, Err("max_parallel")),
            (r#"{"team_id":"ops","a secret":1}"#, Err("body")),
            (r#"{"team_id":"ops","ann@example.org":1}"#, Err("body")),
            (r#"{"team_id":"ops","limits":{"536904399":1}}"#, Err("limits.body")),
        ] {
            let read = Wish::read(body.as_bytes(), NOW).map_err(|error| error.field);
            assert_eq!(read, want.map_err(str::to_owned), "{body}");
        }
    }

    #[test]
    fn fresh_keys_differ_and_are_kept_as_their_hash() {
        let wish = Wish::read(br#"{"team_id":"ops","name":"night job","limits":{"max_parallel":2}}"#, NOW);
        let wish = wish.unwrap();
        let (one, kept) = wish.fresh(NOW).unwrap();
        let (other, _) = wish.fresh(NOW).unwrap();
        let one = secrecy::ExposeSecret::expose_secret(&one);
        assert_ne!(one, secrecy::ExposeSecret::expose_secret(&other));
        assert!(one.starts_with(MADE_PREFIX) && one.len() == MADE_PREFIX.len() + 64, "its form");
        assert_eq!(kept.fingerprint, fingerprint(one));
        let chance = &one[MADE_PREFIX.len()..];
        for told in [kept.encode(), Value::Object(view(&kept)).to_string(), format!("{:?}", wish.changes())] {
            assert!(!told.contains(chance), "{told}");
        }
        let changes = serde_json::to_string(&wish.changes()).unwrap();
        assert_eq!(changes, r#"{"max_parallel":"2","name":"night_job","scopes":"infer"}"#);
    }
}
