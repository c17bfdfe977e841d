//! `[models."NAME"]`: prices and bounds that extend or override the built-in catalog.

use gateway_core::catalog::{ListedRates, Mode, Override};
use gateway_core::money::PicoUsdPerToken;

use super::file::ModelTable;
use super::mistakes::did_you_mean;
use super::settings::{At, Range, Settings};

const TOKENS: Range = Range::new(1, 100_000_000, "tokens");

/// The overrides by the name that is written there, which may carry its upstream as a prefix.
pub(super) fn models(settings: &mut Settings<'_>, tables: Vec<ModelTable>) -> Vec<(String, Override)> {
    tables.into_iter().map(|table| model(settings, table)).collect()
}

fn model(settings: &mut Settings<'_>, table: ModelTable) -> (String, Override) {
    let price = prices(settings, &table);
    let max_output = tokens(settings, table.max_output.as_ref());
    let default_output_bound = tokens(settings, table.default_output_bound.as_ref());
    if let (Some(most), Some(bound), Some(at)) =
        (max_output, default_output_bound, &table.default_output_bound)
        && bound > most
    {
        settings.wrong(&at.place, format!("is over `max_output` ({most})"), "lower it to that at most");
    }
    let over = Override {
        mode: mode(settings, table.mode.as_ref()),
        price,
        window: tokens(settings, table.window.as_ref()),
        max_output,
        default_output_bound,
        equivalents: table.equivalents.map(|items| items.into_iter().map(|at| at.value).collect()),
        abilities: Vec::new(),
    };
    (table.name.value, over)
}

fn mode(settings: &mut Settings<'_>, written: Option<&At<String>>) -> Option<Mode> {
    let At { value, place } = written?;
    match value.as_str() {
        "chat" => Some(Mode::Chat),
        "embedding" => Some(Mode::Embedding),
        other => {
            settings.wrong(place, "is not known", did_you_mean(other, ["chat", "embedding"]));
            None
        }
    }
}

/// A price is whole: input and output together, the caches' only beside them.
fn prices(settings: &mut Settings<'_>, table: &ModelTable) -> Option<ListedRates> {
    let input = price(settings, table.input.as_ref());
    let output = price(settings, table.output.as_ref());
    let cache_read = price(settings, table.cache_read.as_ref());
    let cache_write_5m = price(settings, table.cache_write.as_ref());
    let written = [&table.input, &table.output, &table.cache_read, &table.cache_write];
    if table.sound && written.iter().any(|at| at.is_some()) {
        for (key, at) in [("input", &table.input), ("output", &table.output)] {
            if at.is_none() {
                settings.wrong(
                    &table.name.place,
                    format!("has a price without `{key}`"),
                    "write both `input` and `output`, or no price at all to keep the catalog's",
                );
            }
        }
    }
    Some(ListedRates { input: input?, output: output?, cache_read, cache_write_5m, ..ListedRates::default() })
}

fn price(settings: &mut Settings<'_>, written: Option<&At<String>>) -> Option<PicoUsdPerToken> {
    let At { value, place } = written?;
    let read = PicoUsdPerToken::parse_per_million(value);
    read.map_err(|error| settings.wrong(place, "is no price in USD per million tokens", error.to_string()))
        .ok()
}

fn tokens(settings: &mut Settings<'_>, written: Option<&At<String>>) -> Option<u64> {
    let At { value, place } = written?;
    settings.keep(TOKENS.read(value, place))
}
