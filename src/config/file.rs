//! `gateway.toml`: its tables with the line of each value. Reads shapes; what the values mean is checked
//! where they are used.
//!
//! Walked by hand rather than derived, because a derived reader stops at the first mistake.

pub(super) mod audit;
mod injection;
mod lists;
mod pii;
pub(super) mod teams;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Mistake, did_you_mean};
use super::settings::{At, Settings};
use audit::{AuditTable, SinkTable};
#[cfg(test)]
pub(super) use injection::INJECTION_KEYS;
pub(super) use injection::InjectionTable;
pub(super) use lists::{ListTable, ShareTable};
#[cfg(test)]
pub(super) use pii::PII_KEYS;
pub(super) use pii::{PatternTable, PiiTable};
pub(super) use teams::{KeyTable, RatesTable, TeamTable};

/// What was written, table by table, in the file's order.
#[derive(Default)]
pub(super) struct Tables {
    pub upstreams: Vec<UpstreamTable>,
    pub models: Vec<ModelTable>,
    pub pii: PiiTable,
    pub injection: InjectionTable,
    pub teams: Vec<TeamTable>,
    pub keys: Vec<KeyTable>,
    pub aliases: Vec<ListTable>,
    pub capabilities: Vec<ListTable>,
    pub usage: UsageTable,
    pub audit: AuditTable,
    pub sinks: Vec<SinkTable>,
}

/// `[upstreams.NAME]`, or what the environment says of a vendor.
pub(super) struct UpstreamTable {
    pub name: At<String>,
    /// Each key had the right form; else what seems to be missing may only have been unreadable.
    pub sound: bool,
    pub kind: Option<At<String>>,
    pub base_url: Option<At<String>>,
    pub api_key: Option<At<String>>,
    /// Name on the wire → catalog name; a plain list names both at once.
    pub models: Option<At<Vec<(String, String)>>>,
    pub max_in_flight: Option<At<String>>,
    pub default_model: Option<At<String>>,
    pub region: Option<At<String>>,
    pub api_version: Option<At<String>>,
    pub include_usage: Option<At<bool>>,
}

/// `[models."NAME"]`. Numbers are still text.
pub(super) struct ModelTable {
    pub name: At<String>,
    /// As in [`UpstreamTable`].
    pub sound: bool,
    pub mode: Option<At<String>>,
    pub input: Option<At<String>>,
    pub output: Option<At<String>>,
    pub cache_read: Option<At<String>>,
    pub cache_write: Option<At<String>>,
    pub window: Option<At<String>>,
    pub max_output: Option<At<String>>,
    pub default_output_bound: Option<At<String>>,
    pub equivalents: Option<Vec<At<String>>>,
}

/// `[usage]`.
#[derive(Default)]
pub(super) struct UsageTable {
    pub tags: Option<Vec<At<String>>>,
}

pub(super) const TABLES: [&str; 11] = [
    "upstreams",
    "models",
    "aliases",
    "capabilities",
    "pii",
    "injection",
    "teams",
    "keys",
    "usage",
    "audit",
    "sinks",
];

pub(super) const USAGE_KEYS: [&str; 1] = ["tags"];

pub(super) const UPSTREAM_KEYS: [&str; 9] = [
    "kind",
    "base_url",
    "api_key",
    "models",
    "max_in_flight",
    "default_model",
    "region",
    "api_version",
    "include_usage",
];

pub(super) const MODEL_KEYS: [&str; 9] = [
    "mode",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "window",
    "max_output",
    "default_output_bound",
    "equivalents",
];

/// Reads the file named on the command line, else by `GATEWAY_CONFIG`, else `gateway.toml` where there is one.
pub(super) fn read(settings: &mut Settings<'_>, named: Option<&Path>) -> Tables {
    let (path, place) = match (named, settings.text("GATEWAY_CONFIG")) {
        (Some(path), _) => (path, "--config"),
        (None, Some(path)) => (Path::new(path), "GATEWAY_CONFIG"),
        (None, None) if Path::new("gateway.toml").exists() => (Path::new("gateway.toml"), "gateway.toml"),
        (None, None) => return Tables::default(),
    };
    match fs::read_to_string(path) {
        Ok(text) => tables(settings, &path.display().to_string(), &text),
        Err(error) => {
            settings.wrong(
                place,
                format!("{} cannot be read ({})", path.display(), error.kind()),
                "name a TOML file in UTF-8 that this user may read",
            );
            Tables::default()
        }
    }
}

fn tables(settings: &mut Settings<'_>, file: &str, text: &str) -> Tables {
    let document = Document { file, text };
    let (root, errors) = DeTable::parse_recoverable(text);
    let whole = errors.is_empty();
    for error in errors {
        // Only the error's message: its `Display` repeats the line, which may hold a key.
        let line = error.span().map_or(1, |span| document.line(span.start));
        settings.wrong(&format!("{file}:{line}"), error.message(), "mend the TOML there");
    }
    let mut root = Section::root(document, root.get_ref());
    let mut tables = Tables::default();
    for section in root.sections(settings, "upstreams") {
        let table = upstream(settings, section);
        tables.upstreams.push(UpstreamTable { sound: table.sound && whole, ..table });
    }
    for section in root.sections(settings, "models") {
        let table = model(settings, section);
        tables.models.push(ModelTable { sound: table.sound && whole, ..table });
    }
    tables.pii = pii::pii(settings, &mut root);
    tables.injection = injection::injection(settings, &mut root).unwrap_or_default();
    tables.teams = teams::teams(settings, &mut root);
    tables.keys = teams::keys(settings, &mut root);
    tables.aliases = lists::lists(settings, &mut root, "aliases");
    tables.capabilities = lists::lists(settings, &mut root, "capabilities");
    tables.usage = usage(settings, &mut root).unwrap_or_default();
    tables.audit = audit::audit(settings, &mut root);
    tables.sinks = audit::sinks(settings, &mut root);
    root.refuse_unknown(settings, &TABLES);
    tables
}

fn upstream(settings: &mut Settings<'_>, mut section: Section<'_>) -> UpstreamTable {
    let before = settings.mistakes.len();
    let mut table = UpstreamTable {
        name: section.name.clone(),
        sound: true,
        kind: section.text(settings, "kind"),
        base_url: section.text(settings, "base_url"),
        api_key: section.text(settings, "api_key"),
        models: section.names(settings, "models"),
        max_in_flight: section.integer(settings, "max_in_flight"),
        default_model: section.text(settings, "default_model"),
        region: section.text(settings, "region"),
        api_version: section.text(settings, "api_version"),
        include_usage: section.flag(settings, "include_usage"),
    };
    section.refuse_unknown(settings, &UPSTREAM_KEYS);
    table.sound = settings.mistakes.len() == before;
    table
}

fn model(settings: &mut Settings<'_>, mut section: Section<'_>) -> ModelTable {
    let before = settings.mistakes.len();
    let mut table = ModelTable {
        name: section.name.clone(),
        sound: true,
        mode: section.text(settings, "mode"),
        input: section.decimal(settings, "input"),
        output: section.decimal(settings, "output"),
        cache_read: section.decimal(settings, "cache_read"),
        cache_write: section.decimal(settings, "cache_write"),
        window: section.integer(settings, "window"),
        max_output: section.integer(settings, "max_output"),
        default_output_bound: section.integer(settings, "default_output_bound"),
        equivalents: section.list(settings, "equivalents"),
    };
    section.refuse_unknown(settings, &MODEL_KEYS);
    table.sound = settings.mistakes.len() == before;
    table
}

fn usage(settings: &mut Settings<'_>, root: &mut Section<'_>) -> Option<UsageTable> {
    let mut section = root.section(settings, "usage")?;
    let table = UsageTable { tags: section.list(settings, "tags") };
    section.refuse_unknown(settings, &USAGE_KEYS);
    Some(table)
}

#[derive(Clone, Copy)]
struct Document<'d> {
    file: &'d str,
    text: &'d str,
}

impl Document<'_> {
    fn line(self, offset: usize) -> usize {
        1 + self.text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count()
    }
}

type Value<'d> = Spanned<DeValue<'d>>;

/// One table, and which of its keys were read.
struct Section<'d> {
    document: Document<'d>,
    /// Its last name; the place is its heading.
    name: At<String>,
    /// `upstreams.vllm.`, empty for the root.
    prefix: String,
    table: &'d DeTable<'d>,
    read: BTreeSet<&'static str>,
}

impl<'d> Section<'d> {
    fn root(document: Document<'d>, table: &'d DeTable<'d>) -> Section<'d> {
        let name = At { value: String::new(), place: document.file.to_owned() };
        Section { document, name, prefix: String::new(), table, read: BTreeSet::new() }
    }

    /// `gateway.toml:7: upstreams.vllm.base_url`.
    fn place(&self, key: &str, value: &Value<'_>) -> String {
        let line = self.document.line(value.span().start);
        format!("{}:{line}: {}{key}", self.document.file, self.prefix)
    }

    fn take(&mut self, key: &'static str) -> Option<&'d Value<'d>> {
        self.read.insert(key);
        self.table.get(key)
    }

    /// The table at `key`.
    fn section(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<Section<'d>> {
        let found = self.take(key)?;
        let place = self.place(key, found);
        let prefix = format!("{}{key}.", self.prefix);
        match found.get_ref().as_table() {
            Some(table) => Some(Section {
                document: self.document,
                name: At { value: key.to_owned(), place },
                prefix,
                table,
                read: BTreeSet::new(),
            }),
            None => {
                let heading = prefix.trim_end_matches('.');
                settings.wrong(&place, "is not a table", format!("write [{heading}] and its keys below"));
                None
            }
        }
    }

    /// The tables below `key`, in the file's order.
    fn sections(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Vec<Section<'d>> {
        let Some(found) = self.take(key) else { return Vec::new() };
        let Some(table) = found.get_ref().as_table() else {
            let place = self.place(key, found);
            let heading = format!("{}{key}", self.prefix);
            settings.wrong(&place, "is not a table", format!("write [{heading}.NAME] and its keys below"));
            return Vec::new();
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        let mut sections = Vec::new();
        for (name, value) in entries {
            let name = name.get_ref().as_ref();
            let place = self.place(&format!("{key}.{name}"), value);
            match value.get_ref().as_table() {
                Some(table) => sections.push(Section {
                    document: self.document,
                    name: At { value: name.to_owned(), place },
                    prefix: format!("{}{key}.{name}.", self.prefix),
                    table,
                    read: BTreeSet::new(),
                }),
                None => settings.wrong(
                    &place,
                    "is not a table",
                    format!("write [{}{key}.{name}] and its keys below", self.prefix),
                ),
            }
        }
        sections
    }

    /// The value as `read` understands it; what it does not is a mistake with `mend`.
    fn value<T>(
        &mut self,
        settings: &mut Settings<'_>,
        key: &'static str,
        read: impl FnOnce(&'d DeValue<'d>) -> Option<T>,
        mend: &str,
    ) -> Option<At<T>> {
        let found = self.take(key)?;
        let place = self.place(key, found);
        let value = read(found.get_ref());
        if value.is_none() {
            settings.wrong(&place, format!("is {}", kind_of(found.get_ref())), mend);
        }
        Some(At { value: value?, place })
    }

    fn text(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<At<String>> {
        self.value(settings, key, non_empty, &format!("write {key} = \"…\""))
    }

    fn decimal(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<At<String>> {
        let mend = format!("write it as a string, {key} = \"2.50\" (USD per million tokens), which is exact");
        self.value(settings, key, non_empty, &mend)
    }

    fn usd(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<At<String>> {
        let mend = format!("write US dollars as a string, {key} = \"250.00\" or \"unlimited\"");
        self.value(settings, key, non_empty, &mend)
    }

    /// A whole number, or a word instead of one.
    fn count(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<At<String>> {
        let mend = format!("write a plain whole number, {key} = 100, or {key} = \"unlimited\"");
        self.value(settings, key, |value| decimal(value).or_else(|| non_empty(value)), &mend)
    }

    fn flag(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<At<bool>> {
        self.value(settings, key, DeValue::as_bool, &format!("write {key} = true or {key} = false"))
    }

    fn integer(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<At<String>> {
        self.value(settings, key, decimal, &format!("write a plain whole number, {key} = 100"))
    }

    fn list(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<Vec<At<String>>> {
        let read = |value: &'d DeValue<'d>| value.as_array().map(|array| array.iter().collect::<Vec<_>>());
        let mend = format!("write {key} = [\"…\", \"…\"]");
        let items = self.value(settings, key, read, &mend)?;
        let item = |item: &Value<'_>| {
            let place = self.place(key, item);
            match non_empty(item.get_ref()) {
                Some(value) => Ok(At { value, place }),
                None => {
                    Err(Mistake::new(place, format!("an item is {}", kind_of(item.get_ref())), mend.as_str()))
                }
            }
        };
        Some(items.value.into_iter().filter_map(|found| settings.keep(item(found))).collect())
    }

    /// A list of names, or a table of name on the wire → catalog name, in the file's order.
    fn names(&mut self, settings: &mut Settings<'_>, key: &'static str) -> Option<At<Vec<(String, String)>>> {
        let mend =
            format!("write {key} = [\"name\", …], or {key} = {{ \"name on the wire\" = \"catalog name\" }}");
        let read = |value: &'d DeValue<'d>| match value {
            DeValue::Array(items) => {
                items.iter().map(|item| non_empty(item.get_ref()).map(|name| (name.clone(), name))).collect()
            }
            DeValue::Table(table) => {
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(name, _)| name.span().start);
                let pair = |(wire, model): (&Spanned<_>, &Value<'_>)| pair(wire, model);
                entries.into_iter().map(pair).collect()
            }
            _ => None,
        };
        self.value(settings, key, read, &mend)
    }

    /// Keys that nobody read, each with the known one it resembles.
    fn refuse_unknown(&self, settings: &mut Settings<'_>, known: &[&'static str]) {
        for (key, value) in self.table.iter().filter(|(key, _)| !self.read.contains(key.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            settings.wrong(
                &self.place(name, value),
                "is not known",
                did_you_mean(name, known.iter().copied()),
            );
        }
    }
}

fn pair(wire: &Spanned<toml::de::DeString<'_>>, model: &Value<'_>) -> Option<(String, String)> {
    let wire = wire.get_ref().trim();
    (!wire.is_empty()).then_some(())?;
    Some((wire.to_owned(), non_empty(model.get_ref())?))
}

fn decimal(value: &DeValue<'_>) -> Option<String> {
    let integer = value.as_integer().filter(|integer| integer.radix() == 10)?;
    Some(integer.as_str().trim_start_matches('+').to_owned())
}

fn non_empty(value: &DeValue<'_>) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(text) if text.trim().is_empty() => "empty",
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer of another form",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list of another form",
        DeValue::Table(_) => "a table of another form",
    }
}
