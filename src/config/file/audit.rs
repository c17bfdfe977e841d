//! `[audit]` and `[[sinks]]`: shapes alone, as for the other tables.

use super::{At, DeValue, Section, Settings, Value};
use std::collections::BTreeSet;

/// `[audit]`. Numbers are still text.
#[derive(Default)]
pub(in crate::config) struct AuditTable {
    pub retention_days: Option<At<String>>,
    pub retention_mb: Option<At<String>>,
    pub segment_mb: Option<At<String>>,
}

/// One of `[[sinks]]`.
pub(in crate::config) struct SinkTable {
    /// Of its heading.
    pub place: String,
    pub name: Option<At<String>>,
    pub kind: Option<At<String>>,
    pub url: Option<At<String>>,
    pub token: Option<At<String>>,
    pub hmac_key: Option<At<String>>,
    pub ca_file: Option<At<String>>,
    pub index: Option<At<String>>,
    pub format: Option<At<String>>,
    pub gzip: Option<At<bool>>,
}

pub(in crate::config) const AUDIT_KEYS: [&str; 3] = ["retention_days", "retention_mb", "segment_mb"];

pub(in crate::config) const SINK_KEYS: [&str; 9] =
    ["name", "kind", "url", "token", "hmac_key", "ca_file", "index", "format", "gzip"];

pub(super) fn audit(settings: &mut Settings<'_>, root: &mut Section<'_>) -> AuditTable {
    let Some(found) = root.take("audit") else { return AuditTable::default() };
    let Some(mut section) = root.below("audit", found) else {
        let place = root.place("audit", found);
        settings.wrong(&place, "is not a table", "write [audit] and its keys below");
        return AuditTable::default();
    };
    let table = AuditTable {
        retention_days: section.integer(settings, "retention_days"),
        retention_mb: section.integer(settings, "retention_mb"),
        segment_mb: section.integer(settings, "segment_mb"),
    };
    section.refuse_unknown(settings, &AUDIT_KEYS);
    table
}

/// In the file's order.
pub(super) fn sinks(settings: &mut Settings<'_>, root: &mut Section<'_>) -> Vec<SinkTable> {
    let Some(found) = root.take("sinks") else { return Vec::new() };
    let items: Vec<_> = match found.get_ref().as_array() {
        Some(items) => items.iter().collect(),
        None => vec![found],
    };
    let mut tables = Vec::new();
    for item in items {
        match root.below("sinks", item).filter(|_| found.get_ref().is_array()) {
            Some(section) => tables.push(sink(settings, section)),
            None => {
                let place = root.place("sinks", item);
                settings.wrong(
                    &place,
                    "is not in a list of tables",
                    "write [[sinks]] and its keys below, once for each",
                );
            }
        }
    }
    tables
}

fn sink(settings: &mut Settings<'_>, mut section: Section<'_>) -> SinkTable {
    let table = SinkTable {
        place: section.name.place.clone(),
        name: section.text(settings, "name"),
        kind: section.text(settings, "kind"),
        url: section.text(settings, "url"),
        token: section.text(settings, "token"),
        hmac_key: section.text(settings, "hmac_key"),
        ca_file: section.text(settings, "ca_file"),
        index: section.text(settings, "index"),
        format: section.text(settings, "format"),
        gzip: section.flag(settings, "gzip"),
    };
    section.refuse_unknown(settings, &SINK_KEYS);
    table
}

impl<'d> Section<'d> {
    /// The table that stands at `key`, itself or in a list.
    fn below(&self, key: &str, value: &'d Value<'d>) -> Option<Section<'d>> {
        let DeValue::Table(table) = value.get_ref() else { return None };
        Some(Section {
            document: self.document,
            name: At { value: key.to_owned(), place: self.place(key, value) },
            prefix: format!("{key}."),
            table,
            read: BTreeSet::new(),
        })
    }
}
