//! What becomes of requests that look like attacks on the model: `INJECTION_ACTION`, `[injection]`,
//! `[teams.ID.injection]`.

use std::collections::BTreeMap;

use gateway_core::ids::TeamId;
use gateway_inspection::injection::{Action, Policy, Thresholds};

use super::file::{InjectionTable, TeamTable};
use super::mistakes::did_you_mean;
use super::settings::{At, Range, Settings};

/// Per cent.
const SCORE: Range = Range::new(1, 100, "per cent of certainty");

/// Everything that is configured about the guard.
#[derive(Clone, Debug)]
pub struct Injection {
    /// Of teams without a table of their own.
    pub policy: Policy,
    pub teams: BTreeMap<TeamId, Policy>,
}

impl Injection {
    pub fn policy(&self, team: &TeamId) -> &Policy {
        self.teams.get(team).unwrap_or(&self.policy)
    }
}

pub(super) fn injection(
    settings: &mut Settings<'_>,
    table: &InjectionTable,
    teams: &[TeamTable],
) -> Injection {
    let action = settings.choice(
        "INJECTION_ACTION",
        &[("flag", Action::Flag), ("off", Action::Off), ("block", Action::Block)],
    );
    let policy = policy(settings, &Policy { action, ..Policy::default() }, table);
    let teams = teams
        .iter()
        .filter_map(|team| {
            let own = self::policy(settings, &policy, team.injection.as_ref()?);
            // A name out of pattern is told once, with the budgets.
            Some((TeamId::new(&team.name.value)?, own))
        })
        .collect();
    Injection { policy, teams }
}

/// What a table says over `base`.
fn policy(settings: &mut Settings<'_>, base: &Policy, table: &InjectionTable) -> Policy {
    let action = match &table.action {
        None => base.action,
        Some(At { value, place }) => match Action::ALL.into_iter().find(|action| action.word() == value) {
            Some(action) => action,
            None => {
                let words = Action::ALL.into_iter().map(Action::word);
                settings.wrong(place, "is no action", did_you_mean(value, words));
                base.action
            }
        },
    };
    Policy {
        action,
        user: thresholds(settings, base.user, table.user_flag.as_ref(), table.user_block.as_ref()),
        untrusted: thresholds(
            settings,
            base.untrusted,
            table.untrusted_flag.as_ref(),
            table.untrusted_block.as_ref(),
        ),
    }
}

fn thresholds(
    settings: &mut Settings<'_>,
    base: Thresholds,
    flag: Option<&At<String>>,
    block: Option<&At<String>>,
) -> Thresholds {
    let mut read = |at: &At<String>| {
        let number = SCORE.read(&at.value, &at.place);
        settings.keep(number).and_then(|number| u8::try_from(number).ok())
    };
    let read_flag = flag.and_then(&mut read);
    let read_block = block.and_then(&mut read);
    let made = Thresholds { flag: read_flag.unwrap_or(base.flag), block: read_block.or(base.block) };
    // What is refused is told of: a lower number for refusals would be a mistake in one of the two.
    if let (Some(at), Some(from)) = (block.or(flag), made.block)
        && from < made.flag
    {
        settings.wrong(
            &at.place,
            format!("refuses from {from}, but flags from {}", made.flag),
            "flag from a score that is not above the one that refuses",
        );
    }
    made
}
