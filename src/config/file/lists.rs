//! `[aliases]` and `[capabilities]` as they were written: names, each with a model, a list of models, or models with
//! weights.

use toml::Spanned;
use toml::de::DeValue;

use super::{At, Section, Settings, decimal, kind_of, non_empty};

/// One name and what stands for it.
pub(in crate::config) struct ListTable {
    pub name: At<String>,
    pub steps: Vec<Vec<ShareTable>>,
}

/// A model and, in a table, its weight, which is still text.
pub(in crate::config) struct ShareTable {
    pub model: String,
    pub weight: Option<String>,
}

const MEND: &str = "write \"NAME\" = \"model\", = [\"first\", \"second\"], or = { \"model\" = 9, \"other\" = 1 } for weights";

/// The table at `key`, in the file's order.
pub(super) fn lists(
    settings: &mut Settings<'_>,
    root: &mut Section<'_>,
    key: &'static str,
) -> Vec<ListTable> {
    let Some(section) = root.section(settings, key) else { return Vec::new() };
    let mut entries: Vec<_> = section.table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let mut lists = Vec::new();
    for (name, value) in entries {
        let name = name.get_ref().as_ref();
        let place = section.place(name, value);
        match steps(value.get_ref()) {
            Some(steps) => lists.push(ListTable { name: At { value: name.to_owned(), place }, steps }),
            None => settings.wrong(&place, format!("is {}", kind_of(value.get_ref())), MEND),
        }
    }
    lists
}

fn steps(value: &DeValue<'_>) -> Option<Vec<Vec<ShareTable>>> {
    match value {
        DeValue::Array(items) => items.iter().map(|item| step(item.get_ref())).collect(),
        one => Some(vec![step(one)?]),
    }
}

fn step(value: &DeValue<'_>) -> Option<Vec<ShareTable>> {
    let DeValue::Table(table) = value else {
        return Some(vec![ShareTable { model: non_empty(value)?, weight: None }]);
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    let share = |(name, weight): (&Spanned<_>, &Spanned<DeValue<'_>>)| share(name, weight.get_ref());
    let shares: Vec<_> = entries.into_iter().map(share).collect::<Option<_>>()?;
    (!shares.is_empty()).then_some(shares)
}

fn share(name: &Spanned<toml::de::DeString<'_>>, weight: &DeValue<'_>) -> Option<ShareTable> {
    let model = name.get_ref().trim();
    let weight = decimal(weight)?;
    (!model.is_empty()).then(|| ShareTable { model: model.to_owned(), weight: Some(weight) })
}
