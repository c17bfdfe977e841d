//! The audit trail: where it is kept, for how long, and where it is delivered to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway_actors::audit::sinks::{Batches, SinkKind, SinkSettings};
use gateway_actors::audit::{OnFailure, Retention, SyncMode};
use gateway_core::audit::Named;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::base_url::{PlainHttp, server_url};
use super::env::Environment;
use super::file::audit::{AuditTable, SinkTable};
use super::mistakes::{Mistakes, did_you_mean, shown};
use super::secrets;
use super::settings::{At, Range, Settings};

const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_secs(86_400);
const RETENTION_DAYS: Range = Range::new(0, 36_500, "days; 0 keeps all");
const RETENTION_MB: Range = Range::new(0, 100_000_000, "MiB; 0 sets no bound");
const SEGMENT_MB: Range = Range::new(1, 4_096, "MiB");
/// Of the sink that `SIEM_WEBHOOK_URL` makes.
const SIEM: &str = "siem";
/// A reader of the trail that is no sink has this name.
const LEDGER: &str = "ledger";

/// How the trail is kept. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Where the segments are.
    pub dir: PathBuf,
    /// The file that remembers the trail's end.
    pub head: PathBuf,
    pub sync: SyncMode,
    pub on_failure: OnFailure,
    /// Signs heads of segments.
    pub hmac_key: Option<SecretString>,
    pub segment_bytes: u64,
    pub retention: Retention,
    /// No two of one name.
    pub sinks: Vec<SinkSettings>,
}

/// Where a trail is, for who reads it and needs nothing else of the configuration.
pub struct AuditPlace {
    pub dir: PathBuf,
    pub head: PathBuf,
    pub hmac_key: Option<SecretString>,
}

impl AuditPlace {
    /// # Errors
    /// A key that can't be looked up, an environment that can't be read.
    pub fn read(environment: &Environment) -> Result<AuditPlace, Mistakes> {
        let mut settings = Settings { environment, mistakes: environment.unread().to_vec() };
        let state_dir = state_dir(&settings);
        let place = place(&mut settings, &state_dir);
        Mistakes::unless_any(settings.mistakes, place)
    }
}

pub(super) fn state_dir(settings: &Settings<'_>) -> PathBuf {
    PathBuf::from(settings.text("GATEWAY_STATE_DIR").unwrap_or("./state"))
}

fn place(settings: &mut Settings<'_>, state_dir: &Path) -> AuditPlace {
    AuditPlace {
        dir: settings.text("AUDIT_DIR").map_or_else(|| state_dir.join("audit"), PathBuf::from),
        head: state_dir.join("audit-head"),
        hmac_key: settings.at("AUDIT_HMAC_KEY").and_then(|raw| settings.secret(&raw)),
    }
}

pub(super) fn audit(
    settings: &mut Settings<'_>,
    state_dir: &Path,
    table: &AuditTable,
    sinks: Vec<SinkTable>,
) -> Audit {
    let number = |settings: &mut Settings<'_>, at: &Option<At<String>>, range: Range, default: u64| {
        let Some(At { value, place }) = at else { return default };
        settings.keep(range.read(value, place)).unwrap_or(default)
    };
    let days = number(settings, &table.retention_days, RETENTION_DAYS, 365);
    let most = number(settings, &table.retention_mb, RETENTION_MB, 0);
    let AuditPlace { dir, head, hmac_key } = place(settings, state_dir);
    Audit {
        dir,
        head,
        sync: settings
            .choice("AUDIT_SYNC", &[("interval", SyncMode::Interval), ("always", SyncMode::Always)]),
        on_failure: settings
            .choice("AUDIT_FAILURE", &[("deny", OnFailure::Deny), ("allow", OnFailure::Allow)]),
        hmac_key,
        segment_bytes: number(settings, &table.segment_mb, SEGMENT_MB, 64) * MIB,
        retention: Retention {
            age: u32::try_from(days).ok().filter(|days| *days > 0).map(|days| DAY * days),
            bytes: (most > 0).then_some(most * MIB),
        },
        sinks: all_sinks(settings, sinks),
    }
}

fn plain_http(settings: &Settings<'_>) -> PlainHttp {
    let anywhere = settings.text("GATEWAY_ALLOW_PLAIN_HTTP") == Some("true");
    if anywhere { PlainHttp::Anywhere } else { PlainHttp::Private }
}

/// A webhook's address, looked up where it is a reference.
pub(super) fn webhook_url(settings: &mut Settings<'_>, raw: &At<String>) -> Option<Url> {
    let raw = address(settings, raw)?;
    let checked = server_url(&raw, plain_http(settings));
    settings.keep(checked)
}

/// The one of the environment, then the file's.
fn all_sinks(settings: &mut Settings<'_>, tables: Vec<SinkTable>) -> Vec<SinkSettings> {
    let plain = plain_http(settings);
    let of_environment = SinkTable {
        place: "SIEM_WEBHOOK_URL".to_owned(),
        name: None,
        kind: None,
        url: settings.at("SIEM_WEBHOOK_URL"),
        token: settings.at("SIEM_TOKEN"),
        hmac_key: None,
        ca_file: None,
        index: None,
        format: None,
        gzip: None,
    };
    let mut sinks: Vec<SinkSettings> = Vec::new();
    if of_environment.url.is_some() {
        sinks.extend(sink(settings, of_environment, Named::new(SIEM), plain));
    } else if of_environment.token.is_some() {
        settings.wrong("SIEM_TOKEN", "is set, but SIEM_WEBHOOK_URL is not", "set both, or the URL alone");
    }
    for table in tables {
        let name = name(settings, &table);
        let place = table.name.as_ref().map_or(&table.place, |name| &name.place).clone();
        let Some(sink) = sink(settings, table, name, plain) else { continue };
        if sinks.iter().any(|earlier| earlier.name == sink.name) {
            let wrong = format!("a sink named {} is there already", sink.name);
            settings.wrong(&place, wrong, "give each a name of its own: its files carry it");
        } else {
            sinks.push(sink);
        }
    }
    sinks
}

/// `[a-z0-9][a-z0-9_-]{0,31}`; where there is none, the kind's.
fn name(settings: &mut Settings<'_>, table: &SinkTable) -> Option<Named> {
    let Some(At { value, place }) = table.name.as_ref() else {
        return table.kind.as_ref().map(|kind| Named::cleaned(&kind.value)).or_else(|| Named::new("webhook"));
    };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let fits = value.len() <= 32
        && value.as_bytes().first().is_some_and(|first| plain(*first))
        && value.bytes().all(|b| plain(b) || matches!(b, b'_' | b'-'))
        && value != LEDGER;
    if !fits {
        let mend = "use [a-z0-9][a-z0-9_-]{0,31}, and not `ledger`";
        settings.wrong(place, "the sink's name is out of pattern", mend);
    }
    Named::new(value).filter(|_| fits)
}

fn sink(
    settings: &mut Settings<'_>,
    table: SinkTable,
    name: Option<Named>,
    plain: PlainHttp,
) -> Option<SinkSettings> {
    let url = match &table.url {
        Some(raw) => address(settings, raw).and_then(|raw| settings.keep(server_url(&raw, plain))),
        None => {
            settings.wrong(&table.place, "has no `url`", "add url = \"https://…\"");
            None
        }
    };
    let kind = kind(settings, &table, url.as_ref());
    let token = table.token.as_ref().and_then(|raw| settings.secret(raw));
    let hmac_key = table.hmac_key.as_ref().and_then(|raw| settings.secret(raw));
    let ca_pem = table.ca_file.as_ref().and_then(|raw| settings.pem_at(raw, "CERTIFICATE"));
    let index = table.index.as_ref().and_then(|raw| index(settings, raw));
    let batches = table.format.as_ref().and_then(|raw| batches(settings, raw));
    let (kind, url) = (kind?, url?);
    let of_webhooks = [("hmac_key", &table.hmac_key), ("format", &table.format)];
    for (key, at) in of_webhooks.into_iter().filter(|_| kind != SinkKind::Webhook) {
        if let Some(At { place, .. }) = at {
            settings.wrong(place, format!("has no meaning for {}", kind.word()), format!("take {key} out"));
        }
    }
    if let (Some(At { place, .. }), SinkKind::Datadog | SinkKind::Webhook) = (&table.index, kind) {
        settings.wrong(place, format!("has no meaning for {}", kind.word()), "take index out");
    }
    if url.query().is_some() && matches!(kind, SinkKind::SplunkHec | SinkKind::Datadog) {
        let place = table.url.as_ref().map_or(&table.place, |url| &url.place);
        settings.wrong(place, "holds a query", "end it before the `?`");
    }
    let defaults = SinkSettings::new(name?, kind, url.into());
    Some(SinkSettings {
        token,
        hmac_key,
        ca_pem,
        index,
        gzip: table.gzip.map_or(defaults.gzip, |gzip| gzip.value),
        batches: batches.unwrap_or_default(),
        ..defaults
    })
}

/// Looked up where it is a reference: many a webhook's address is its key.
fn address(settings: &mut Settings<'_>, raw: &At<String>) -> Option<At<String>> {
    if secrets::reference(&raw.value).is_none() {
        return Some(raw.clone());
    }
    let value = settings.secret(raw)?.expose_secret().to_owned();
    Some(At { value, place: raw.place.clone() })
}

/// As written, else guessed by the URL's path.
fn kind(settings: &mut Settings<'_>, table: &SinkTable, url: Option<&Url>) -> Option<SinkKind> {
    let Some(At { value, place }) = &table.kind else { return url.map(|url| SinkKind::guess(url.path())) };
    let kind = SinkKind::parse(value);
    if kind.is_none() {
        let words = SinkKind::ALL.map(SinkKind::word);
        settings.wrong(place, format!("{} is no kind of sink", shown(value)), did_you_mean(value, words));
    }
    kind
}

/// Both products allow lower case, digits and `_ . -`.
fn index(settings: &mut Settings<'_>, raw: &At<String>) -> Option<Named> {
    let fits = raw.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b));
    if !fits {
        settings.wrong(&raw.place, "is no index", "use lower case, digits and _ . -");
    }
    Named::new(&raw.value).filter(|_| fits)
}

fn batches(settings: &mut Settings<'_>, raw: &At<String>) -> Option<Batches> {
    match raw.value.as_str() {
        "array" => Some(Batches::Array),
        "ndjson" => Some(Batches::Ndjson),
        other => {
            let wrong = format!("{} is no form of a batch", shown(other));
            settings.wrong(&raw.place, wrong, "write array or ndjson");
            None
        }
    }
}
