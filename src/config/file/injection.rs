//! `[injection]` and `[teams.ID.injection]` as they were written.

use super::{At, Section, Settings};

/// `[injection]`, or a team's. Numbers are still text.
#[derive(Default)]
pub(in crate::config) struct InjectionTable {
    pub action: Option<At<String>>,
    pub user_flag: Option<At<String>>,
    pub user_block: Option<At<String>>,
    pub untrusted_flag: Option<At<String>>,
    pub untrusted_block: Option<At<String>>,
}

pub(in crate::config) const INJECTION_KEYS: [&str; 5] =
    ["action", "user_flag", "user_block", "untrusted_flag", "untrusted_block"];

/// `[injection]` of the file, or of a team's table.
pub(super) fn injection(settings: &mut Settings<'_>, of: &mut Section<'_>) -> Option<InjectionTable> {
    let mut section = of.section(settings, "injection")?;
    let table = InjectionTable {
        action: section.text(settings, "action"),
        user_flag: section.integer(settings, "user_flag"),
        user_block: section.integer(settings, "user_block"),
        untrusted_flag: section.integer(settings, "untrusted_flag"),
        untrusted_block: section.integer(settings, "untrusted_block"),
    };
    section.refuse_unknown(settings, &INJECTION_KEYS);
    Some(table)
}
