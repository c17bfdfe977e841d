//! What a model would read is searched, before anything is spent or sent: for orders to the model where none
//! belong, and for personal data and secrets, which are taken out.

use super::analyze::analyze;
use super::exchange::Exchange;
use super::failure::Failure;
use super::record;
use super::restore::Restoring;
use crate::gateway::{Gateway, Inspector, Worker};
use gateway_actors::scanner::ScanError;
use gateway_core::conversation::{Conversation, Output};
use gateway_core::embedding::Embedding;
use gateway_core::finding::{Finding, Summary};
use gateway_core::ids::TeamId;
use gateway_inspection::engine::Engine;
use gateway_inspection::injection::{self, Action, Judgement, Verdict};
use gateway_inspection::redact::policy::Policy;
use gateway_inspection::redact::{self, Redacted, Refused, Rules};
use gateway_inspection::restore::{Mode, Origins, Restorer};
use gateway_inspection::vault::{Sealed, Vault};
use std::sync::Arc;

/// What a request's inspection leaves for its answer.
#[derive(Default)]
pub(super) struct Inspected {
    /// `None` where the team's requests are not searched.
    pub summary: Option<Summary>,
    /// `None` where nothing was taken out that could come back.
    pub taken: Option<Arc<Taken>>,
    /// `None` where answers are not searched.
    pub answers: Option<Answers>,
    /// The answer's text is a JSON document.
    pub json_output: bool,
}

/// What searches a team's answers.
#[derive(Clone)]
pub(super) struct Answers {
    gateway: Arc<Gateway>,
    team: TeamId,
}

impl Answers {
    fn new(gateway: &Arc<Gateway>, team: &TeamId) -> Option<Answers> {
        let on = gateway.config.pii.policy(team).answers && gateway.inspector.engine.is_some();
        on.then(|| Answers { gateway: Arc::clone(gateway), team: team.clone() })
    }

    /// Where the search fails, nothing of the answer may follow.
    pub(super) fn search(&self, search: impl FnOnce(&Engine, &Policy)) -> Result<(), ScanError> {
        let Inspector { engine, scanner, .. } = &self.gateway.inspector;
        let engine = engine.as_ref().ok_or(ScanError::Failed)?;
        scanner.here(|| search(engine, self.gateway.config.pii.policy(&self.team)))
    }
}

impl Inspected {
    /// What became of the answer.
    pub(super) fn restored(&mut self, restoring: &Restoring) {
        if let Some(summary) = &mut self.summary {
            (summary.withheld, summary.answer_masked) = (restoring.withheld(), restoring.masked());
        }
    }
}

/// The way back of what was taken out.
pub(super) struct Taken {
    vault: Arc<Sealed>,
    origins: Arc<Origins>,
}

impl Taken {
    pub(super) fn new(vault: Vault, origins: Origins) -> Taken {
        Taken { vault: Arc::new(vault.seal()), origins: Arc::new(origins) }
    }

    pub(super) fn restorer(&self, mode: Mode) -> Restorer {
        Restorer::new(&self.vault, &self.origins, mode)
    }
}

/// How much longer a text takes with the guard than a search for personal data alone (docs/performance.md).
pub const WITH_GUARD: usize = 8;

/// Searches a request by its team's policy: an attack ends it here, and what it says is taken out, in place.
pub(super) async fn inspect(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    exchange: &mut Exchange,
    conversation: &mut Conversation,
) -> Result<Inspected, Failure> {
    let team = exchange.principal.team.clone();
    let searched = gateway.config.pii.policy(&team).enabled;
    let guarded = gateway.config.injection.policy(&team).action != Action::Off;
    if !searched && !guarded {
        return Ok(Inspected::default());
    }
    let external = match &gateway.inspector.analyzer {
        Some(analyzer) if searched => {
            let texts = redact::texts(&conversation.leaves())?;
            analyze(gateway, worker, analyzer, &texts).await.ok_or(Failure::NotInspected)?
        }
        _ => Vec::new(),
    };
    let json_output = !matches!(conversation.output, Output::Text);
    let bytes = usize::try_from(conversation.text_bytes()).unwrap_or(usize::MAX);
    let own = std::mem::take(conversation);
    let of = Arc::clone(gateway);
    let times = if guarded { WITH_GUARD } else { 1 };
    let search = move || search(&of, &team, own, &external);
    let (own, judgement, redacted) = gateway.inspector.scanner.run_slower(bytes, times, search).await?;
    *conversation = own;
    if let Some(judgement) = &judgement {
        exchange.note(|record| record::judged(record, judgement));
        if let (Verdict::Block, Some(part)) = (judgement.verdict, judgement.part) {
            return Err(Failure::Injected { part });
        }
    }
    let Some(redacted) = redacted else { return Ok(Inspected::default()) };
    let Redacted { vault, origins, summary } = redacted?;
    let taken = (!vault.is_empty()).then(|| Arc::new(Taken::new(vault, origins)));
    let answers = Answers::new(gateway, &exchange.principal.team);
    Ok(Inspected { summary: Some(summary), taken, answers, json_output })
}

/// Searches the inputs of a request for embeddings, each by itself: a vector depends on its own text alone, so
/// placeholders are numbered anew in each. Nothing comes back in an answer.
pub(super) async fn inspect_inputs(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    exchange: &Exchange,
    embedding: &mut Embedding,
) -> Result<Inspected, Failure> {
    let team = &exchange.principal.team;
    if !gateway.config.pii.policy(team).enabled {
        return Ok(Inspected::default());
    }
    let external = match &gateway.inspector.analyzer {
        None => Vec::new(),
        Some(analyzer) => {
            let texts = redact::texts(&embedding.leaves())?;
            analyze(gateway, worker, analyzer, &texts).await.ok_or(Failure::NotInspected)?
        }
    };
    let bytes = usize::try_from(embedding.most_tokens()).unwrap_or(usize::MAX);
    let own = std::mem::take(embedding);
    let (of, team) = (Arc::clone(gateway), team.clone());
    let searched = gateway.inspector.scanner.run(bytes, move || search_each(&of, &team, own, &external));
    let (own, summary) = searched.await?;
    *embedding = own;
    Ok(Inspected { summary: Some(summary?), ..Inspected::default() })
}

fn search_each(
    gateway: &Gateway,
    team: &TeamId,
    mut embedding: Embedding,
    external: &[Vec<Finding>],
) -> (Embedding, Result<Summary, Refused>) {
    let summary = with_rules(gateway, team, |rules| {
        let mut all = Summary::default();
        for (at, mut leaf) in embedding.leaves().into_iter().enumerate() {
            let finds = external.get(at).map_or(&[][..], std::slice::from_ref);
            let redacted = redact::redact(std::slice::from_mut(&mut leaf), rules, finds)?;
            all.join(redacted.summary);
        }
        Ok(all)
    });
    (embedding, summary)
}

/// What a search gives back: the request, the guard's word, and what was taken out.
type Searched = (Conversation, Option<Judgement>, Option<Result<Redacted, Refused>>);

fn search(
    gateway: &Gateway,
    team: &TeamId,
    mut conversation: Conversation,
    external: &[Vec<Finding>],
) -> Searched {
    let policy = gateway.config.injection.policy(team);
    let judgement = (policy.action != Action::Off)
        .then(|| gateway.inspector.guard.judge(&injection::parts(&conversation.leaves()), policy));
    let blocked = judgement.as_ref().is_some_and(|judgement| judgement.verdict == Verdict::Block);
    let searched = gateway.config.pii.policy(team).enabled && !blocked;
    let redacted = searched.then(|| {
        with_rules(gateway, team, |rules| redact::redact(&mut conversation.leaves(), rules, external))
    });
    (conversation, judgement, redacted)
}

/// What searches by a team's rules.
pub fn with_rules<R>(gateway: &Gateway, team: &TeamId, search: impl FnOnce(Rules<'_>) -> R) -> R {
    let Inspector { engine, hash_key, .. } = &gateway.inspector;
    let rules = Rules {
        scan: &|text, found| {
            if let Some(engine) = engine {
                engine.scan(text, found);
            }
        },
        policy: gateway.config.pii.policy(team),
        hash_key,
    };
    search(rules)
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Failure {
        match error {
            ScanError::Overloaded => Failure::Overloaded,
            ScanError::Failed | ScanError::Late => Failure::NotInspected,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        Failure::KeptIn(refused)
    }
}
