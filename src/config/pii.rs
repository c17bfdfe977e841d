//! What is looked for in requests, and what becomes of it: `PII_…`, `PRESIDIO_URL`, `[pii]`, `[teams.ID.pii]`.

use std::collections::BTreeMap;

use gateway_core::finding::{Action, Kind};
use gateway_core::ids::TeamId;
use gateway_inspection::engine;
use gateway_inspection::redact::policy::Policy;
use secrecy::SecretString;
use url::Url;

use super::file::{PatternTable, PiiTable, TeamTable};
use super::mistakes::did_you_mean;
use super::settings::{At, Range, Settings};

/// Per cent.
const SCORE: Range = Range::new(1, 100, "per cent of certainty");

/// Everything that is configured about personal data.
#[derive(Clone, Debug)]
pub struct Pii {
    pub engine: Engines,
    /// Where an analyzer listens; set where [`Engines`] asks one.
    pub presidio_url: Option<Url>,
    /// The key of hashes; without one the gateway keeps one in its state directory.
    pub hash_key: Option<SecretString>,
    pub settings: engine::Settings,
    /// Of teams without a table of their own.
    pub policy: Policy,
    pub teams: BTreeMap<TeamId, Policy>,
}

/// Who searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engines {
    Builtin,
    Presidio,
    Both,
}

impl Pii {
    pub fn policy(&self, team: &TeamId) -> &Policy {
        self.teams.get(team).unwrap_or(&self.policy)
    }

    /// Whether any team's requests are searched.
    pub fn is_on(&self) -> bool {
        self.policy.enabled || self.teams.values().any(|policy| policy.enabled)
    }
}

pub(super) fn pii(settings: &mut Settings<'_>, table: PiiTable, teams: &[TeamTable]) -> Pii {
    let enabled = settings.flag_or("PII_REDACTION_ENABLED", true);
    let engine = settings.choice(
        "PII_ENGINE",
        &[("builtin", Engines::Builtin), ("presidio", Engines::Presidio), ("both", Engines::Both)],
    );
    let presidio_url = presidio_url(settings, engine);
    let hash_key = settings.at("PII_HASH_KEY").and_then(|raw| settings.secret(&raw));
    let searched = engine::Settings {
        patterns: table.patterns.iter().filter_map(|table| pattern(settings, table)).collect(),
        allow: table.allow.iter().map(|item| item.value.clone()).collect(),
    };
    let policy = policy(settings, &Policy { enabled, ..Policy::default() }, &table);
    let teams = teams
        .iter()
        .filter_map(|team| {
            let own = policy_of_team(settings, &policy, team)?;
            // A name out of pattern is told once, with the budgets.
            Some((TeamId::new(&team.name.value)?, own))
        })
        .collect();
    Pii { engine, presidio_url, hash_key, settings: searched, policy, teams }
}

fn policy_of_team(settings: &mut Settings<'_>, all: &Policy, team: &TeamTable) -> Option<Policy> {
    team.pii.as_ref().map(|table| policy(settings, all, table))
}

/// What a table says over `base`.
fn policy(settings: &mut Settings<'_>, base: &Policy, table: &PiiTable) -> Policy {
    let mut policy = base.clone();
    if let Some(enabled) = &table.enabled {
        policy.enabled = enabled.value && base.enabled;
    }
    if let Some(default) = &table.default {
        policy.default = action(settings, &default.value, &default.place).unwrap_or(base.default);
    }
    if let Some(At { value, place }) = &table.actions {
        for (name, word) in value {
            let place = format!("{place}.{name}");
            let (kind, action) = (kind(settings, name, &place), action(settings, word, &place));
            if let (Some(kind), Some(action)) = (kind, action) {
                policy.actions.insert(kind, action);
            }
        }
    }
    if let Some(answers) = &table.answers {
        policy.answers = answers.value;
        if answers.value && settings.text("PII_ENGINE") == Some("presidio") {
            settings.wrong(
                &answers.place,
                "needs the engine that is built in: a stream can't wait for an analyzer",
                "set PII_ENGINE=both, or leave it out",
            );
        }
    }
    for (written, lets_out) in [
        (&table.images, &mut policy.images),
        (&table.audio, &mut policy.audio),
        (&table.documents, &mut policy.documents),
        (&table.tokens, &mut policy.tokens),
    ] {
        match written.as_ref().map(|at| at.value.as_str()) {
            None => {}
            Some("allow") => *lets_out = true,
            Some("block") => *lets_out = false,
            Some(other) => {
                let place = written.as_ref().map_or("", |at| &at.place);
                settings.wrong(place, "is not known", did_you_mean(other, ["allow", "block"]));
            }
        }
    }
    policy
}

fn action(settings: &mut Settings<'_>, word: &str, place: &str) -> Option<Action> {
    let found = Action::ALL.into_iter().find(|action| action.word() == word);
    if found.is_none() {
        settings.wrong(place, "is no action", did_you_mean(word, Action::ALL.into_iter().map(Action::word)));
    }
    found
}

fn kind(settings: &mut Settings<'_>, name: &str, place: &str) -> Option<Kind> {
    let found = Kind::named(name);
    if found.is_none() {
        let known = Kind::BUILT_IN.iter().map(|kind| kind.name());
        settings.wrong(place, "is no kind of personal data", did_you_mean(name, known));
    }
    found
}

fn pattern(settings: &mut Settings<'_>, table: &PatternTable) -> Option<engine::Pattern> {
    let At { value: name, place } = &table.name;
    let kind = Kind::learn(name);
    if kind.is_none() {
        settings.wrong(
            place,
            "the name does not fit a placeholder",
            format!("use [A-Z][A-Z0-9_]*, {} characters at most, with a letter at the end", Kind::LONGEST),
        );
    }
    let score = match &table.score {
        Some(at) => {
            settings.keep(SCORE.read(&at.value, &at.place)).and_then(|score| u8::try_from(score).ok())
        }
        None => Some(90),
    };
    let words: Vec<String> = table.words.iter().map(|word| word.value.clone()).collect();
    let context = table.context.iter().map(|word| word.value.clone()).collect();
    let expression = table.pattern.as_ref().map(|at| at.value.clone());
    if expression.is_none() && words.is_empty() {
        settings.wrong(place, "has neither `pattern` nor `words`", "write one of them");
        return None;
    }
    let made = engine::Pattern { kind: kind?, expression, words, context, score: score? };
    let at = table.pattern.as_ref().map_or(place, |at| &at.place);
    match made.check() {
        Ok(()) => Some(made),
        Err(wrong) => {
            settings.wrong(at, wrong.to_string(), "write a regular expression of the `regex` crate's syntax");
            None
        }
    }
}

fn presidio_url(settings: &mut Settings<'_>, engine: Engines) -> Option<Url> {
    let Some(text) = settings.text("PRESIDIO_URL") else {
        if engine != Engines::Builtin {
            settings.wrong(
                "PRESIDIO_URL",
                "is not set, but PII_ENGINE asks a Presidio analyzer",
                "set it to http://HOST:PORT, or set PII_ENGINE=builtin",
            );
        }
        return None;
    };
    let url = Url::parse(text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        matches!(url.scheme(), "http" | "https") && url.has_host() && plain
    });
    if url.is_none() {
        settings.wrong("PRESIDIO_URL", "is no address of a server", "write http://HOST:PORT or https://HOST");
    }
    url
}
