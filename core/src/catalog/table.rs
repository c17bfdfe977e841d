//! The table that is built in: `prices.toml`, read by hand, since a whole TOML reader costs more time
//! at every start than all the rest of it. Finding the lines is done once, reading a line's words
//! when its model is asked for.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::facts::{Abilities, Ability, Effort, Efforts, Fact, Facts};
use super::price::{ListedRates, LongContext, Price, Rates, ServiceTier};
use crate::ids::ProviderKind;
use crate::money::{NanoUsd, PicoUsdPerToken};

/// A line of the table, read.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub mode: Mode,
    pub price: Option<Price>,
    /// Regions, and the factor on the price there, in thousandths.
    pub factors: Box<[(&'static str, u32)]>,
    pub window: Option<u64>,
    pub max_output: Option<u64>,
    pub abilities: Abilities,
    pub efforts: Efforts,
}

/// Which kind of call a model answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    #[default]
    Chat,
    /// OpenAI's Responses API alone.
    Responses,
    Embedding,
    /// An interface that we don't speak (realtime, interactions).
    Other,
}

/// Where each line is.
pub(super) struct Table {
    /// Provider, region (empty: the default list), name → the line's words.
    lines: HashMap<(ProviderKind, &'static str, &'static str), &'static str>,
    /// Each model of a provider once, in the file's order.
    names: HashMap<ProviderKind, Vec<&'static str>>,
    regions: Vec<(ProviderKind, &'static str)>,
}

static BUILTIN: LazyLock<Table> = LazyLock::new(|| {
    Table::read(include_str!("prices.toml")).expect("the file is embedded, and a test reads all of it")
});

impl Table {
    pub fn builtin() -> &'static Table {
        &BUILTIN
    }

    /// The row for a region's price list, else that of the default list.
    pub fn row(&self, kind: ProviderKind, region: Option<&str>, model: &str) -> Option<Row> {
        let line = |region| self.lines.get(&(kind, region, model));
        let words = region.and_then(line).or_else(|| line(""))?;
        Some(Row::read(words).expect("the file is embedded, and a test reads all of it"))
    }

    pub fn names(&self, kind: ProviderKind) -> &[&'static str] {
        self.names.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Regions with a price list of their own.
    pub fn regions(&self, kind: ProviderKind) -> impl Iterator<Item = &'static str> {
        self.regions.iter().filter(move |(listed, _)| *listed == kind).map(|(_, region)| *region)
    }

    fn read(file: &'static str) -> Result<Table, &'static str> {
        let mut table = Table { lines: HashMap::new(), names: HashMap::new(), regions: Vec::new() };
        let mut here = None;
        for line in file.lines() {
            if line.is_empty() || line.starts_with('#') {
            } else if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let (provider, region) = header.split_once('.').unwrap_or((header, ""));
                let kind = ProviderKind::parse(provider).ok_or(line)?;
                if !region.is_empty() {
                    table.regions.push((kind, region));
                }
                here = Some((kind, region));
            } else {
                let (kind, region) = here.ok_or(line)?;
                let (name, words) = name_and_words(line).ok_or(line)?;
                // The default list comes first, so only names that it lacks are new in a region.
                if region.is_empty() || !table.lines.contains_key(&(kind, "", name)) {
                    let names = table.names.entry(kind).or_default();
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                table.lines.insert((kind, region, name), words);
            }
        }
        Ok(table)
    }
}

/// `"NAME" = "WORDS"`.
fn name_and_words(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('"')?.strip_suffix('"')?.split_once("\" = \"")
}

impl Row {
    /// `None` where a word is unknown or broken.
    fn read(words: &'static str) -> Option<Row> {
        let mut words = words.split(' ');
        let mode = match words.next()? {
            "chat" => Mode::Chat,
            "responses" => Mode::Responses,
            "embedding" => Mode::Embedding,
            "other" => Mode::Other,
            _ => return None,
        };
        let mut row = Row { mode, ..Row::default() };
        let mut prices = Prices::default();
        for word in words {
            let (key, value) = word.split_once('=')?;
            match key {
                "window" => row.window = Some(value.parse().ok()?),
                "max" => row.max_output = Some(value.parse().ok()?),
                "times" => row.factors = value.split(',').map(factor).collect::<Option<_>>()?,
                "can" => learn::<Ability>(&mut row.abilities, value, true)?,
                "cannot" => learn::<Ability>(&mut row.abilities, value, false)?,
                "effort" => learn::<Effort>(&mut row.efforts, value, true)?,
                "effort_not" => learn::<Effort>(&mut row.efforts, value, false)?,
                _ => prices.learn(key, value)?,
            }
        }
        row.price = prices.join();
        Some(row)
    }
}

/// The price words of a line as far as they are read. `price` stands before its variants.
#[derive(Default)]
struct Prices {
    base: Option<ListedRates>,
    long: Vec<LongContext>,
    tiers: Vec<(ServiceTier, Rates)>,
    web_search: Option<NanoUsd>,
}

impl Prices {
    fn learn(&mut self, key: &str, value: &str) -> Option<()> {
        let tier = match key {
            "price" => {
                self.base = Some(rates(value, &ListedRates::default())?);
                return Some(());
            }
            "search" => {
                self.web_search = Some(NanoUsd::parse(value).ok()?);
                return Some(());
            }
            "long" => {
                let (above, value) = value.split_once(':')?;
                let base = self.base?;
                let rates = rates(value, &base)?.complete_beside(&base);
                self.long.push(LongContext { above_prompt_tokens: above.parse().ok()?, rates });
                return Some(());
            }
            "batch" => ServiceTier::Batch,
            "flex" => ServiceTier::Flex,
            "priority" => ServiceTier::Priority,
            "fast" => ServiceTier::Fast,
            _ => return None,
        };
        let base = self.base?;
        self.tiers.push((tier, rates(value, &base)?.complete_beside(&base)));
        Some(())
    }

    fn join(self) -> Option<Price> {
        Some(Price {
            base: self.base?.complete(),
            long: self.long.into(),
            tiers: self.tiers.into(),
            web_search: self.web_search,
        })
    }
}

/// `IN/OUT,COLUMN=…`, all in USD per million tokens. An end written `-` is the base's.
fn rates(text: &str, base: &ListedRates) -> Option<ListedRates> {
    let mut parts = text.split(',');
    let (input, output) = parts.next()?.split_once('/')?;
    let per_million = |usd: &str| PicoUsdPerToken::parse_per_million(usd).ok();
    let end = |usd: &str, base| if usd == "-" { Some(base) } else { per_million(usd) };
    let mut rates = ListedRates {
        input: end(input, base.input)?,
        output: end(output, base.output)?,
        ..ListedRates::default()
    };
    for part in parts {
        let (column, usd) = part.split_once('=')?;
        let slot = match column {
            "read" => &mut rates.cache_read,
            "write" => &mut rates.cache_write_5m,
            "write_1h" => &mut rates.cache_write_1h,
            "reasoning" => &mut rates.reasoning,
            "audio_in" => &mut rates.audio_input,
            "audio_out" => &mut rates.audio_output,
            _ => return None,
        };
        *slot = Some(per_million(usd)?);
    }
    Some(rates)
}

/// `REGION:FACTOR`, the factor with at most three decimals.
fn factor(text: &'static str) -> Option<(&'static str, u32)> {
    let (region, factor) = text.split_once(':')?;
    let (whole, fraction) = factor.split_once('.').unwrap_or((factor, ""));
    let thousandths = format!("{whole}{fraction:0<3}");
    (fraction.len() <= 3).then_some((region, thousandths.parse().ok()?))
}

fn learn<T: Fact>(facts: &mut Facts<T>, words: &str, truth: bool) -> Option<()> {
    for word in words.split(',') {
        facts.learn(T::parse(word)?, truth);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hand-written reader and a whole TOML reader see the same lines, and every line can be read.
    #[test]
    fn the_table_is_toml_and_all_of_it_is_understood() {
        let file: toml::Table = toml::from_str(include_str!("prices.toml")).unwrap();
        let mut lines = 0;
        let mut check = |kind: ProviderKind, region: Option<&str>, name: &str, words: &str| {
            let ours = Table::builtin().lines.get(&(kind, region.unwrap_or(""), name));
            assert_eq!(ours, Some(&words), "{kind:?} {region:?} {name}");
            assert!(Row::read(ours.unwrap()).is_some(), "{kind:?} {region:?} {name}: {words}");
            lines += 1;
        };
        for (provider, models) in &file {
            let kind = ProviderKind::parse(provider).unwrap();
            for (key, value) in models.as_table().unwrap() {
                match value {
                    toml::Value::String(words) => check(kind, None, key, words),
                    list => {
                        for (name, words) in list.as_table().unwrap() {
                            check(kind, Some(key), name, words.as_str().unwrap());
                        }
                    }
                }
            }
        }
        assert_eq!(lines, Table::builtin().lines.len());
        assert!(lines > 400, "{lines}");
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for words in [
            "",
            "chatty",
            "chat price=5",
            "chat price=5/x",
            "chat price=5/25,reed=1",
            "chat batch=1/2 price=2/4",
            "chat window=many",
            "chat can=fly",
            "chat times=us:1.0001",
            "chat colour=red",
        ] {
            assert!(Row::read(words).is_none(), "{words}");
        }
    }
}
