//! Short words of callers and providers that are told on: an id in a record, a model's name in an error. They
//! are free text, and are searched as a message is before anybody but their sender sees them.

use crate::gateway::{Gateway, Inspector};
use gateway_actors::scanner::ScanError;
use gateway_core::audit::Named;
use gateway_core::finding::Kind;
use gateway_core::ids::TeamId;
use gateway_inspection::redact;

use super::inspect::with_rules;

/// Bytes of an id that are searched: more than a record holds, so that nothing is cut apart unseen.
const SEARCHED: usize = 512;
/// Bytes of the longest name of a model that is kept as a provider wrote it.
const LONGEST_MODEL: usize = 64;

/// An id as it is kept: itself, or the kind and the keyed hash of what was found in it, the same each time.
pub(super) fn id(gateway: &Gateway, team: &TeamId, sent: &str) -> Named {
    let sent = &sent[..sent.floor_char_boundary(SEARCHED)];
    match found(gateway, team, sent) {
        None => Named::cleaned(sent),
        Some(kind) => {
            let hashed = gateway.inspector.hash_key.hashed(kind, sent);
            Named::cleaned(hashed.trim_matches(['[', ']']))
        }
    }
}

/// The name of the model that a provider answered with. `None` where it does not read like one.
pub(super) fn model(gateway: &Gateway, team: &TeamId, answered: &str) -> Option<Named> {
    let name = Named::new(answered).filter(|name| name.as_str().len() <= LONGEST_MODEL)?;
    found(gateway, team, answered).is_none().then_some(name)
}

/// Whether these may be repeated to whoever wrote them, in an error that is kept who knows where.
pub(super) fn may_be_told<'w>(
    gateway: &Gateway,
    team: &TeamId,
    words: impl IntoIterator<Item = &'w String>,
) -> bool {
    words.into_iter().all(|word| found(gateway, team, word).is_none())
}

/// What a search finds in a word, of what the team's policy does not let out. A word that can't be searched counts
/// as a find: so does any where an analyzer alone searches, which is not asked for a word.
fn found(gateway: &Gateway, team: &TeamId, word: &str) -> Option<Kind> {
    if !gateway.config.pii.policy(team).enabled {
        return None;
    }
    let Inspector { engine, scanner, .. } = &gateway.inspector;
    let search = || with_rules(gateway, team, |rules| redact::found(word, rules));
    let finds = engine.as_ref().ok_or(ScanError::Failed).and_then(|_| scanner.here(search));
    finds.map_or(Some(Kind::TEXT), |finds| finds.first().map(|find| find.kind))
}
