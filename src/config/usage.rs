//! What usage is counted by beside team, model and provider: `[usage]`.

use gateway_core::ids::TagName;
use gateway_core::ledger::MOST_TAGS;

use super::file::UsageTable;
use super::mistakes::shown;
use super::settings::Settings;

#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// What callers may tag their requests with; at most [`MOST_TAGS`].
    pub tags: Vec<TagName>,
}

pub(super) fn usage(settings: &mut Settings<'_>, table: UsageTable) -> Usage {
    let mut usage = Usage::default();
    for tag in table.tags.unwrap_or_default() {
        let Some(name) = TagName::new(&tag.value) else {
            settings.wrong(
                &tag.place,
                format!("{} is no name of a tag", shown(&tag.value)),
                "use letters, digits, _ and - (64 at most), a letter or digit first",
            );
            continue;
        };
        if usage.tags.contains(&name) {
            settings.wrong(&tag.place, format!("{name} stands twice"), "take one of them out");
        } else if usage.tags.len() == MOST_TAGS {
            let mend = "take it out: each tag multiplies what is counted";
            settings.wrong(
                &tag.place,
                format!("{name} is one more than the {MOST_TAGS} tags that there may be"),
                mend,
            );
        } else {
            usage.tags.push(name);
        }
    }
    usage
}
