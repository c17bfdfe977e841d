//! The keys that open the gateway. Kept as SHA-256 alone, so a dump of the process shows none of them.

use std::collections::HashMap;
use std::sync::Arc;

use gateway_actors::keys::{Found, Registry};
use gateway_core::ids::TeamId;
use gateway_core::keys::{Fingerprint, KeyLimits, MadeKey};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::credentials::{Credentials, Denied};
use super::making::MADE_PREFIX;
use super::{Principal, Scopes};
use crate::config::Access;
use crate::config::access::{DEMO_ADMIN_KEY, DEMO_TEAM_KEYS};

/// The administrator's own calls are this team's.
const ADMIN_TEAM: &str = "default";

/// Whom each key stands for: the configuration's, and those that administrators made.
pub struct Keys {
    /// By the first bytes of the digest; the whole digest is compared in constant time.
    configured: HashMap<[u8; 6], Vec<(Fingerprint, Principal)>>,
    made: Option<Arc<Registry>>,
}

impl Keys {
    /// The configured keys, and the built-in ones while they are on.
    pub fn from_config(access: &Access) -> Keys {
        let mut keys = Keys { configured: HashMap::new(), made: None };
        for team_key in &access.team_keys {
            keys.add(team_key.key.expose_secret(), team_key.team.clone(), Scopes::INFER);
        }
        let admin_key = access.admin_key.iter().map(ExposeSecret::expose_secret);
        for key in admin_key.chain(access.demo_keys.then_some(DEMO_ADMIN_KEY)) {
            keys.add(key, team(ADMIN_TEAM), Scopes::INFER.and(Scopes::ADMIN));
        }
        for (name, key) in DEMO_TEAM_KEYS.into_iter().filter(|_| access.demo_keys) {
            keys.add(key, team(name), Scopes::INFER);
        }
        keys
    }

    /// These, and those of `made`.
    #[must_use]
    pub fn beside(self, made: Arc<Registry>) -> Keys {
        Keys { made: Some(made), ..self }
    }

    fn add(&mut self, key: &str, team: TeamId, scopes: Scopes) {
        let fingerprint = fingerprint(key);
        let principal = Principal { team, key_id: fingerprint.id(), scopes, limits: KeyLimits::default() };
        self.configured.entry(fingerprint.prefix()).or_default().push((fingerprint, principal));
    }

    /// Teams that have a key of the configuration.
    pub fn teams(&self) -> impl Iterator<Item = &TeamId> {
        self.configured.values().flatten().map(|(_, principal)| &principal.team)
    }

    /// Whether the caller of a moment ago would still be let in: its key was not revoked, nor has it expired.
    pub fn is_good(&self, principal: &Principal) -> bool {
        let is_configured =
            || self.configured.values().flatten().any(|(_, known)| known.key_id == principal.key_id);
        is_configured() || self.made.as_ref().is_some_and(|made| made.is_good(&principal.key_id))
    }

    /// Asks nobody: what made keys are good is known beforehand.
    ///
    /// # Errors
    /// No such key is here, it has expired, or whether it is good is not known.
    pub fn identify(&self, credentials: Credentials<'_>) -> Result<Principal, Denied> {
        let presented = fingerprint(credentials.key);
        let candidates = self.configured.get(&presented.prefix()).into_iter().flatten();
        let mut configured =
            candidates.filter(|(held, _)| same(held, &presented)).map(|(_, principal)| principal);
        configured.next().cloned().map_or_else(|| self.identify_made(credentials, &presented), Ok)
    }

    fn identify_made(
        &self,
        credentials: Credentials<'_>,
        presented: &Fingerprint,
    ) -> Result<Principal, Denied> {
        let header = credentials.header;
        match self.made.as_ref().map(|made| made.find(presented)) {
            Some(Found::Key(key)) if same(&key.fingerprint, presented) => Ok(principal(&key)),
            Some(Found::Expired) => Err(Denied::Expired { header }),
            // Any other word was never good.
            Some(Found::Unverified) if credentials.key.starts_with(MADE_PREFIX) => {
                Err(Denied::Unverified { header })
            }
            _ => Err(Denied::Unknown { header }),
        }
    }
}

fn principal(key: &MadeKey) -> Principal {
    let none = Scopes::default();
    Principal {
        team: key.team.clone(),
        key_id: key.id.clone(),
        scopes: key.scopes.iter().fold(none, |scopes, scope| scopes.and(Scopes::of(*scope))),
        limits: key.limits,
    }
}

fn same(held: &Fingerprint, presented: &Fingerprint) -> bool {
    held.0.ct_eq(&presented.0).into()
}

fn team(name: &str) -> TeamId {
    TeamId::new(name).expect("built-in team names keep to the pattern, as a test shows")
}

pub(super) fn fingerprint(key: &str) -> Fingerprint {
    Fingerprint(Sha256::digest(key.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
    use secrecy::SecretString;

    use super::*;
    use crate::config::TeamKey;

    fn identify(keys: &Keys, key: &str) -> Result<Principal, Denied> {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_str(key).unwrap());
        keys.identify(Credentials::from_headers(&headers).unwrap())
    }

    fn access(demo_keys: bool) -> Access {
        let team_keys = vec![TeamKey { team: team("ops"), key: SecretString::from("a-key-of-the-ops-team") }];
        Access {
            demo_keys,
            team_keys,
            admin_key: Some(SecretString::from("the-administrator-1")),
            any_team: false,
        }
    }

    #[test]
    fn each_key_stands_for_its_team() {
        let infer = Scopes::INFER;
        let admin = Scopes::INFER.and(Scopes::ADMIN);
        for (key, with_demo, without) in [
            ("a-key-of-the-ops-team", Some(("ops", infer)), Some(("ops", infer))),
            ("the-administrator-1", Some(("default", admin)), Some(("default", admin))),
            ("sk-gateway-finance-001", Some(("finance-team", infer)), None),
            ("sk-gateway-engineering-001", Some(("engineering-team", infer)), None),
            ("sk-gateway-marketing-001", Some(("marketing-team", infer)), None),
            ("sk-gateway-default-001", Some(("default", infer)), None),
            ("sk-gateway-admin-001", Some(("default", admin)), None),
            ("a-key-of-the-ops-tea", None, None),
            ("a-key-of-the-ops-team1", None, None),
            ("A-key-of-the-ops-team", None, None),
        ] {
            for (demo_keys, want) in [(true, with_demo), (false, without)] {
                let keys = Keys::from_config(&access(demo_keys));
                let want = want.ok_or(Denied::Unknown { header: "x-api-key" });
                let found = identify(&keys, key);
                let found = found.as_ref().map(|p| (p.team.as_str(), p.scopes)).map_err(|denied| *denied);
                assert_eq!(found, want, "{key}, demo keys: {demo_keys}");
            }
        }
    }

    #[test]
    fn a_key_id_is_of_the_digest() {
        let keys = Keys::from_config(&access(true));
        // printf %s sk-gateway-default-001 | sha256sum
        let principal = identify(&keys, "sk-gateway-default-001").unwrap();
        assert_eq!(principal.key_id.as_str(), "07c801c42155");
        assert!(!format!("{principal:?}").contains("sk-gateway"));
    }

    #[test]
    fn scopes_hold_no_more_than_was_given() {
        assert!(!Scopes::INFER.allow(Scopes::ADMIN));
        assert!(Scopes::INFER.and(Scopes::ADMIN).allow(Scopes::ADMIN));
        assert!(!Scopes::INFER.allow(Scopes::INFER.and(Scopes::ADMIN)));
        assert!(!Scopes::default().allow(Scopes::INFER));
        assert!(Scopes::AUDIT.allow_one_of(Scopes::ADMIN.and(Scopes::AUDIT)));
        assert!(!Scopes::METRICS.allow_one_of(Scopes::ADMIN.and(Scopes::AUDIT)));
        assert!(!Scopes::default().allow_one_of(Scopes::INFER));
    }
}
