//! Upstreams: those of the environment and of `gateway.toml` together, checked, in the order of
//! `PROVIDER_PRIORITY`.

use gateway_core::catalog::{Catalog, Place};
use gateway_core::ids::{ModelName, ProviderKind, UpstreamName};
use secrecy::SecretString;

use super::base_url::{PlainHttp, base_url};
use super::file::UpstreamTable;
use super::mistakes::shown;
use super::process::{UPSTREAM_IN_FLIGHT, upstream_max_in_flight};
use super::settings::{At, Settings};
use super::vendors::VENDORS;

/// Where nothing else was written.
const AZURE_API_VERSION: &str = "2024-10-21";

/// A server that answers calls.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub name: UpstreamName,
    pub kind: ProviderKind,
    /// Without a trailing slash. OpenAI's and compatible ones end in the version, `/v1`.
    pub base_url: String,
    /// `None` only for a compatible server that asks for none.
    pub api_key: Option<SecretString>,
    /// Name on the wire → catalog name: Azure's deployments, a compatible server's models. Empty for
    /// vendors, which serve what the catalog lists.
    pub models: Vec<(String, ModelName)>,
    /// What serves a request that names no model.
    pub default_model: Option<ModelName>,
    /// Calls at the same time.
    pub max_in_flight: u32,
    /// A price list of that vendor, or a region with a factor on the prices.
    pub region: Option<String>,
    /// Azure's `api-version`.
    pub api_version: Option<String>,
    /// Ask for `stream_options.include_usage`; off for compatible servers that refuse it.
    pub include_usage: bool,
}

/// All upstreams, the preferred one first.
pub(super) fn upstreams(
    settings: &mut Settings<'_>,
    written: Vec<UpstreamTable>,
    catalog: &Catalog,
) -> Vec<Upstream> {
    let plain =
        if settings.flag("GATEWAY_ALLOW_PLAIN_HTTP") { PlainHttp::Anywhere } else { PlainHttp::Private };
    let most = upstream_max_in_flight(settings);
    let tables = join(settings, written);
    if tables.is_empty() {
        settings.wrong(
            "ANTHROPIC_API_KEY",
            "no upstream is configured",
            "set ANTHROPIC_API_KEY, OPENAI_API_KEY, AZURE_OPENAI_API_KEY or GEMINI_API_KEY, or add \
             [upstreams.NAME] to gateway.toml",
        );
    }
    let order = priority(settings, &tables);
    let checked = tables.into_iter().filter_map(|table| check(settings, table, plain, most, catalog));
    let mut upstreams: Vec<_> = checked.collect();
    let rank = |upstream: &Upstream| order.iter().position(|name| name == upstream.name.as_str());
    // Stable: those that are not named keep the default order, then the file's.
    upstreams.sort_by_key(|upstream| rank(upstream).unwrap_or(order.len()));
    upstreams
}

/// The vendors that the environment or the file configures, in their default order, then the file's own.
fn join(settings: &mut Settings<'_>, mut written: Vec<UpstreamTable>) -> Vec<UpstreamTable> {
    for table in &mut written {
        if let Some(kind) = ProviderKind::parse(&table.name.value) {
            kind.name().clone_into(&mut table.name.value);
        }
    }
    let mut tables: Vec<UpstreamTable> = Vec::new();
    for vendor in &VENDORS {
        let position = written.iter().position(|table| table.name.value == vendor.kind.name());
        let table = position.map(|position| written.remove(position));
        if table.is_some() || settings.text(vendor.key).is_some() {
            tables.push(vendor.under(settings, table));
        }
    }
    for table in written {
        if tables.iter().any(|earlier| earlier.name.value == table.name.value) {
            settings.wrong(&table.name.place, "this upstream is there twice", "keep one of the two tables");
        } else {
            tables.push(table);
        }
    }
    tables
}

fn check(
    settings: &mut Settings<'_>,
    table: UpstreamTable,
    plain: PlainHttp,
    most: u32,
    catalog: &Catalog,
) -> Option<Upstream> {
    let name = UpstreamName::new(&table.name.value);
    if name.is_none() {
        let mend = "use [a-z0-9][a-z0-9._-]{0,62}: lower case, digits, and . _ - after the first";
        settings.wrong(&table.name.place, "the upstream's name is out of pattern", mend);
    }
    let kind = kind(settings, &table)?;
    let table = match VENDORS.iter().find(|vendor| vendor.kind == kind) {
        Some(vendor) => vendor.beneath(table),
        None => table,
    };
    let table = without_foreign_keys(settings, table, kind);
    refuse_missing_keys(settings, &table, kind);
    let base_url = table.base_url.as_ref().map(|raw| base_url(raw, kind, plain));
    let base_url = base_url.and_then(|read| settings.keep(read));
    let api_key = table.api_key.as_ref().and_then(|raw| settings.secret(raw));
    let api_version = api_version(settings, &table, kind);
    let region = region(settings, &table, kind);
    let max_in_flight = match &table.max_in_flight {
        Some(At { value, place }) => {
            let read = UPSTREAM_IN_FLIGHT.read(value, place);
            settings.keep(read).and_then(|number| u32::try_from(number).ok()).unwrap_or(most)
        }
        None => most,
    };
    let name = name?;
    let models = models(settings, &table);
    if kind == ProviderKind::AzureOpenAi {
        let place = Place { upstream: &name, kind, region: region.as_deref() };
        refuse_unknown_base_models(settings, &table, place, catalog);
    }
    let default_model = default_model(settings, &table, &models);
    Some(Upstream {
        kind,
        base_url: base_url?,
        api_key,
        models,
        default_model,
        max_in_flight,
        region,
        api_version,
        include_usage: table.include_usage.is_none_or(|at| at.value),
        name,
    })
}

fn kind(settings: &mut Settings<'_>, table: &UpstreamTable) -> Option<ProviderKind> {
    const KINDS: &str = "anthropic, openai, azure_openai, gemini or openai_compatible";
    let by_name = ProviderKind::parse(&table.name.value);
    let Some(At { value, place }) = &table.kind else {
        if by_name.is_none() && table.sound {
            settings.wrong(&table.name.place, "has no `kind`", format!("add kind = \"…\": {KINDS}"));
        }
        return by_name;
    };
    let kind = ProviderKind::parse(value);
    if kind.is_none() {
        settings.wrong(place, format!("{} is no kind of upstream", shown(value)), format!("write {KINDS}"));
    } else if by_name.is_some() && by_name != kind {
        settings.wrong(place, "contradicts the upstream's name", "choose another name, or leave `kind` out");
    }
    kind
}

fn refuse_missing_keys(settings: &mut Settings<'_>, table: &UpstreamTable, kind: ProviderKind) {
    if !table.sound {
        return;
    }
    let vendor = VENDORS.iter().find(|vendor| vendor.kind.name() == table.name.value);
    let mend = |key: &str, variable: Option<&str>| match variable {
        Some(variable) => format!("set {variable}, or add {key} = \"…\" to its table"),
        None => format!("add {key} = \"…\" to its table"),
    };
    let place = &table.name.place;
    if table.api_key.is_none() && kind != ProviderKind::OpenAiCompatible {
        settings.wrong(place, "has no key", mend("api_key", vendor.map(|vendor| vendor.key)));
    }
    if table.base_url.is_none() {
        settings.wrong(place, "has no address", mend("base_url", vendor.map(|vendor| vendor.address)));
    }
    let names_models = table.models.as_ref().is_some_and(|at| !at.value.is_empty());
    match kind {
        ProviderKind::AzureOpenAi if !names_models => {
            let variable = vendor.map(|_| "set AZURE_OPENAI_DEPLOYMENT, or ").unwrap_or_default();
            let mend = format!("{variable}add models = {{ \"DEPLOYMENT\" = \"gpt-4o\" }} to its table");
            settings.wrong(place, "has no deployment", mend);
        }
        ProviderKind::OpenAiCompatible if !names_models => {
            settings.wrong(place, "serves no model", "add models = [\"…\"], the names that it serves");
        }
        _ => {}
    }
}

/// The table without the keys that mean something for another kind of upstream only, each a mistake.
fn without_foreign_keys(
    settings: &mut Settings<'_>,
    table: UpstreamTable,
    kind: ProviderKind,
) -> UpstreamTable {
    let azure = kind == ProviderKind::AzureOpenAi;
    let compatible = kind == ProviderKind::OpenAiCompatible;
    for (place, fits, whom) in [
        (table.api_version.as_ref().map(|at| &at.place), azure, "azure_openai"),
        (table.include_usage.as_ref().map(|at| &at.place), compatible, "openai_compatible"),
        (
            table.models.as_ref().map(|at| &at.place),
            azure || compatible,
            "azure_openai and openai_compatible",
        ),
    ] {
        if let Some(place) = place.filter(|_| !fits) {
            settings.wrong(place, format!("is for {whom} only"), "take it out");
        }
    }
    UpstreamTable {
        api_version: table.api_version.filter(|_| azure),
        include_usage: table.include_usage.filter(|_| compatible),
        models: table.models.filter(|_| azure || compatible),
        ..table
    }
}

fn api_version(settings: &mut Settings<'_>, table: &UpstreamTable, kind: ProviderKind) -> Option<String> {
    if kind != ProviderKind::AzureOpenAi {
        return None;
    }
    let Some(At { value, place }) = &table.api_version else { return Some(AZURE_API_VERSION.to_owned()) };
    let date = value.strip_suffix("-preview").unwrap_or(value).as_bytes();
    let is_date = date.len() == 10
        && date
            .iter()
            .enumerate()
            .all(|(at, b)| if at == 4 || at == 7 { *b == b'-' } else { b.is_ascii_digit() });
    if !is_date {
        settings.wrong(place, "is no date of an API version", "write YYYY-MM-DD, or YYYY-MM-DD-preview");
    }
    Some(value.clone())
}

fn region(settings: &mut Settings<'_>, table: &UpstreamTable, kind: ProviderKind) -> Option<String> {
    let At { value, place } = table.region.as_ref()?;
    let known = Catalog::regions(kind);
    if !known.contains(&value.as_str()) {
        let mend = match known.as_slice() {
            [] => format!("take it out: prices of {} have no regions", kind.name()),
            known => format!("write one of {}, or leave it out", known.join(", ")),
        };
        settings.wrong(place, format!("{} has no price list", shown(value)), mend);
    }
    Some(value.clone())
}

/// Two of the same name on the wire would be two answers to one question.
fn models(settings: &mut Settings<'_>, table: &UpstreamTable) -> Vec<(String, ModelName)> {
    let Some(At { value, place }) = &table.models else { return Vec::new() };
    for (index, (wire, _)) in value.iter().enumerate() {
        if value.iter().take(index).any(|(earlier, _)| earlier == wire) {
            settings.wrong(place, format!("names {} twice", shown(wire)), "keep one of the two");
        }
    }
    value.iter().map(|(wire, model)| (wire.clone(), ModelName::new(model))).collect()
}

fn refuse_unknown_base_models(
    settings: &mut Settings<'_>,
    table: &UpstreamTable,
    place: Place<'_>,
    catalog: &Catalog,
) {
    let Some(At { value, place: written }) = &table.models else { return };
    for (_, model) in value.iter().filter(|(_, model)| catalog.find(place, model).is_none()) {
        let mend = if written == "AZURE_OPENAI_DEPLOYMENT" {
            "set AZURE_OPENAI_BASE_MODEL to the model behind the deployment, as in gpt-4o".to_owned()
        } else {
            "name the model behind the deployment, as in gpt-4o, or price it with [models.\"NAME\"]"
                .to_owned()
        };
        settings.wrong(written, format!("the catalog knows no model {}", shown(model)), mend);
    }
}

/// The one that is named, which must be served; else the first of those that are listed.
fn default_model(
    settings: &mut Settings<'_>,
    table: &UpstreamTable,
    models: &[(String, ModelName)],
) -> Option<ModelName> {
    let Some(At { value, place }) = &table.default_model else {
        return models.first().map(|(_, model)| model.clone());
    };
    let model = ModelName::new(value);
    if !models.is_empty() && !models.iter().any(|(_, served)| *served == model) {
        let served: Vec<_> = models.iter().map(|(_, served)| served.as_str()).collect();
        settings.wrong(
            place,
            format!("{} is not served by this upstream", shown(value)),
            format!("write one of {}", served.join(", ")),
        );
    }
    Some(model)
}

/// The names of `PROVIDER_PRIORITY`, aliases resolved. A vendor without a key is fine: it is absent.
fn priority(settings: &mut Settings<'_>, tables: &[UpstreamTable]) -> Vec<String> {
    const NAME: &str = "PROVIDER_PRIORITY";
    let text = settings.text(NAME).unwrap_or_default();
    let mut order: Vec<String> = Vec::new();
    for word in text.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()) {
        let name = match ProviderKind::parse(&word) {
            Some(kind) => kind.name().to_owned(),
            None => word.clone(),
        };
        let vendors = ProviderKind::VENDORS.map(ProviderKind::name);
        let own = tables.iter().map(|table| table.name.value.as_str()).filter(|own| !vendors.contains(own));
        let known: Vec<&str> = vendors.into_iter().chain(own).collect();
        if !known.contains(&name.as_str()) {
            let mend = format!("name some of {}", known.join(", "));
            settings.wrong(NAME, format!("{} is no upstream", shown(&word)), mend);
        } else if order.contains(&name) {
            settings.wrong(NAME, format!("{name} is there twice"), "name each once");
        } else {
            order.push(name);
        }
    }
    order
}
