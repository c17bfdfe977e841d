//! Keys that callers present, as they are configured. Who a key belongs to is decided in `identity`.

use std::collections::HashMap;

use gateway_core::ids::TeamId;
use secrecy::{ExposeSecret, SecretString};

use super::settings::{At, Settings};
use super::{Listen, secrets};

/// Length of a real key, in characters. 16 of base64 are 96 bits.
const KEY_LENGTH: std::ops::RangeInclusive<usize> = 16..=512;

/// The built-in keys and their teams, valid only while `GATEWAY_DEMO_KEYS=true`.
pub const DEMO_TEAM_KEYS: [(&str, &str); 4] = [
    ("finance-team", "sk-gateway-finance-001"),
    ("engineering-team", "sk-gateway-engineering-001"),
    ("marketing-team", "sk-gateway-marketing-001"),
    ("default", "sk-gateway-default-001"),
];

/// The built-in administrator's key, valid only while `GATEWAY_DEMO_KEYS=true`.
pub const DEMO_ADMIN_KEY: &str = "sk-gateway-admin-001";

/// Every key that opens the gateway. All differ.
#[derive(Clone, Debug)]
pub struct Access {
    /// `GATEWAY_DEMO_KEYS`: the built-in keys are valid too. Never with a listener off loopback.
    pub demo_keys: bool,
    pub team_keys: Vec<TeamKey>,
    pub admin_key: Option<SecretString>,
    /// `GATEWAY_KEYS_ANY_TEAM`: keys may be made for teams that nobody configured.
    pub any_team: bool,
}

/// A team may have several keys, so that one can be replaced while the other still works.
#[derive(Clone, Debug)]
pub struct TeamKey {
    pub team: TeamId,
    pub key: SecretString,
}

pub(super) fn access(settings: &mut Settings<'_>, listen: &Listen) -> Access {
    let demo_keys = settings.flag("GATEWAY_DEMO_KEYS");
    if demo_keys && !listen.bind.ip().is_loopback() {
        settings.wrong(
            "GATEWAY_DEMO_KEYS",
            "the built-in keys are public, and GATEWAY_BIND is reachable from other machines",
            "set GATEWAY_DEMO_KEYS=false and give keys in GATEWAY_API_KEYS, or bind to 127.0.0.1",
        );
    }
    let team_keys = team_keys(settings);
    let admin_key = settings.at("GATEWAY_ADMIN_KEY").and_then(|raw| key(settings, &raw));
    refuse_equal_keys(settings, &team_keys, admin_key.as_ref());
    let any = ["GATEWAY_API_KEYS", "GATEWAY_ADMIN_KEY"].iter().any(|name| settings.text(name).is_some());
    if !demo_keys && !any {
        settings.wrong(
            "GATEWAY_API_KEYS",
            "no key is configured, so nobody could call",
            "set GATEWAY_API_KEYS=team:key,…, or GATEWAY_DEMO_KEYS=true to try it on this machine",
        );
    }
    let any_team = settings.flag("GATEWAY_KEYS_ANY_TEAM");
    Access { demo_keys, team_keys, admin_key, any_team }
}

/// `team:key,…`, where a key may be a reference, or one reference to such a list (commas or lines).
fn team_keys(settings: &mut Settings<'_>) -> Vec<TeamKey> {
    const NAME: &str = "GATEWAY_API_KEYS";
    let Some(raw) = settings.text(NAME) else { return Vec::new() };
    let list = match secrets::reference(raw) {
        Some(_) => secrets::resolve(raw, NAME, settings.environment),
        None => Ok(SecretString::from(raw)),
    };
    let Some(list) = settings.keep(list) else { return Vec::new() };
    let entries = list.expose_secret().split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.enumerate().filter_map(|(index, entry)| team_key(settings, entry, index + 1)).collect()
}

/// The entry is named by its number: its text may be a key without a team.
fn team_key(settings: &mut Settings<'_>, entry: &str, number: usize) -> Option<TeamKey> {
    let place = format!("GATEWAY_API_KEYS, entry {number}");
    let Some((team, value)) = entry.split_once(':') else {
        settings.wrong(
            &place,
            "has no `:` between team and key",
            "write team:key, with commas between entries",
        );
        return None;
    };
    let checked = TeamId::new(team.trim());
    if checked.is_none() {
        settings.wrong(
            &place,
            "the team's name is out of pattern",
            "use [a-z0-9][a-z0-9._-]{0,62}: lower case, digits, and . _ - after the first",
        );
    }
    let key = key(settings, &At { value: value.trim().to_owned(), place })?;
    Some(TeamKey { team: checked?, key })
}

fn key(settings: &mut Settings<'_>, raw: &At<String>) -> Option<SecretString> {
    let key = settings.secret(raw)?;
    let text = key.expose_secret();
    let mend = "make one with `openssl rand -base64 32`";
    if !KEY_LENGTH.contains(&text.len()) {
        let (least, most) = (KEY_LENGTH.start(), KEY_LENGTH.end());
        settings.wrong(
            &raw.place,
            format!("a key has {least} to {most} characters, this one {}", text.len()),
            mend,
        );
    } else if text == DEMO_ADMIN_KEY || DEMO_TEAM_KEYS.iter().any(|(_, built_in)| *built_in == text) {
        settings.wrong(&raw.place, "this key is built in and public", mend);
    } else {
        return Some(key);
    }
    None
}

fn refuse_equal_keys(settings: &mut Settings<'_>, team_keys: &[TeamKey], admin_key: Option<&SecretString>) {
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for TeamKey { team, key } in team_keys {
        if let Some(owner) = owners.insert(key.expose_secret(), team.as_str()) {
            settings.wrong(
                "GATEWAY_API_KEYS",
                format!("{owner} and {team} have the same key"),
                "give each entry a key of its own",
            );
        }
    }
    if let Some(owner) = admin_key.and_then(|key| owners.get(key.expose_secret())) {
        settings.wrong(
            "GATEWAY_ADMIN_KEY",
            format!("is {owner}'s key too"),
            "give the administrator a key of its own",
        );
    }
}
