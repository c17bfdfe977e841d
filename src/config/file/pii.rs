//! `[pii]` as it was written, and `[teams.ID.pii]`.

use super::{At, Section, Settings};

/// `[pii]`, and `[teams.ID.pii]`, which has neither lists nor patterns.
#[derive(Default)]
pub(in crate::config) struct PiiTable {
    pub enabled: Option<At<bool>>,
    pub default: Option<At<String>>,
    /// Kind → action.
    pub actions: Option<At<Vec<(String, String)>>>,
    pub images: Option<At<String>>,
    pub audio: Option<At<String>>,
    pub documents: Option<At<String>>,
    pub answers: Option<At<bool>>,
    pub tokens: Option<At<String>>,
    pub allow: Vec<At<String>>,
    pub patterns: Vec<PatternTable>,
}

/// `[pii.patterns.KIND]`.
pub(in crate::config) struct PatternTable {
    pub name: At<String>,
    pub pattern: Option<At<String>>,
    pub words: Vec<At<String>>,
    pub context: Vec<At<String>>,
    pub score: Option<At<String>>,
}

pub(in crate::config) const PII_KEYS: [&str; 10] = [
    "enabled",
    "default",
    "actions",
    "images",
    "audio",
    "documents",
    "tokens",
    "answers",
    "allow",
    "patterns",
];

const TEAM_PII_KEYS: [&str; 8] =
    ["enabled", "default", "actions", "images", "audio", "documents", "tokens", "answers"];

const PATTERN_KEYS: [&str; 4] = ["pattern", "words", "context", "score"];

/// `[pii]`.
pub(super) fn pii(settings: &mut Settings<'_>, root: &mut Section<'_>) -> PiiTable {
    root.section(settings, "pii").map(|section| table(settings, section, &PII_KEYS)).unwrap_or_default()
}

/// `[teams.ID.pii]`.
pub(super) fn of_team(settings: &mut Settings<'_>, team: &mut Section<'_>) -> Option<PiiTable> {
    team.section(settings, "pii").map(|section| table(settings, section, &TEAM_PII_KEYS))
}

fn table(settings: &mut Settings<'_>, mut section: Section<'_>, keys: &[&'static str]) -> PiiTable {
    let mut table = PiiTable {
        enabled: section.flag(settings, "enabled"),
        default: section.text(settings, "default"),
        actions: section.names(settings, "actions"),
        images: section.text(settings, "images"),
        audio: section.text(settings, "audio"),
        documents: section.text(settings, "documents"),
        answers: section.flag(settings, "answers"),
        tokens: section.text(settings, "tokens"),
        ..PiiTable::default()
    };
    // A team's table has no lists: a key of them there is unknown.
    if keys.contains(&"patterns") {
        table.allow = section.list(settings, "allow").unwrap_or_default();
        let patterns = section.sections(settings, "patterns");
        table.patterns = patterns.into_iter().map(|section| pattern(settings, section)).collect();
    }
    section.refuse_unknown(settings, keys);
    table
}

fn pattern(settings: &mut Settings<'_>, mut section: Section<'_>) -> PatternTable {
    let table = PatternTable {
        name: section.name.clone(),
        pattern: section.text(settings, "pattern"),
        words: section.list(settings, "words").unwrap_or_default(),
        context: section.list(settings, "context").unwrap_or_default(),
        score: section.integer(settings, "score"),
    };
    section.refuse_unknown(settings, &PATTERN_KEYS);
    table
}
