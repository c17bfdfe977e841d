//! The walk of a request for embeddings: the same steps, with vectors at its end.

use super::call::Calling;
use super::exchange::{Ending, Exchange};
use super::failure::Failure;
use super::settle::Consumed;
use super::work::{Wanted, Work};
use super::{Served, admit, begin, ended, falls_back, inspect, receive, record, sending, tags, unplanned};
use crate::gateway::{Gateway, Worker};
use crate::identity::Principal;
use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Payload;
use gateway_core::conversation::{Need, Text};
use gateway_core::embedding::{VectorFormat, Vectors};
use gateway_core::routing::{Ask, Candidate, Plan, PlanError, Tail};
use gateway_core::usage::Usage;
use gateway_wire::embeddings::{self, Asked, Embeds};
use std::sync::Arc;

/// Walks one request from its headers to its answer.
///
/// # Errors
/// As every walk.
pub async fn embed(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    id: &str,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Served, Failure> {
    let mut exchange = begin(gateway, id, request).await?;
    let prepared = async {
        receive::check_media_type(request.headers())?;
        let body = exchange.receive(gateway, payload, request.headers()).await?;
        let mut asked = embeddings::decode(&body)?;
        let names = &gateway.config.usage.tags;
        asked.embedding.tags = tags::given(names, request.headers(), Vec::new(), &mut asked.dropped)?;
        exchange.note(|record| record::asked(record, &gateway.embeddings, None, Some(&asked.model)));
        let Plan { candidates, reason } = plan(gateway, &asked, request.headers(), &exchange.principal)?;
        exchange.routed(reason);
        let plan = able(gateway, candidates)?;
        admit::paused(gateway, &exchange)?;
        let inspected = inspect::inspect_inputs(gateway, worker, &exchange, &mut asked.embedding).await?;
        if let Some(summary) = &inspected.summary {
            exchange.note(|record| record::searched(record, summary));
        }
        exchange.note(|record| record.tags = tags::recorded(&asked.embedding.tags));
        Ok((asked, plan, inspected))
    };
    let (asked, plan, inspected) = match prepared.await {
        Ok(prepared) => prepared,
        Err(failure) => return Err(ended(exchange, failure).await),
    };
    let Asked { embedding, dropped, .. } = asked;
    let (format, inputs) = (embedding.format, embedding.inputs.len());
    let (plan, by): (Vec<Candidate>, Vec<&'static dyn Embeds>) = plan.into_iter().unzip();
    let wanted = Wanted::whole(Work::Embed { embedding, by: by.clone() }, dropped);
    let mut calling = Calling::new(gateway, worker, wanted, plan, inspected, &exchange);
    if let Err(failure) = admit::admit(gateway, &mut exchange, &mut calling).await {
        return Err(ended(exchange, failure).await);
    }
    answer(calling, exchange, &by, inputs, format).await
}

pub(super) fn plan(
    gateway: &Gateway,
    asked: &Asked,
    headers: &HeaderMap,
    principal: &Principal,
) -> Result<Plan, Failure> {
    let plan = gateway.embeddings.plan(&Ask {
        provider: None,
        model: Some(&asked.model),
        capability: None,
        fallback: falls_back(headers),
        tail: Tail::NamedOnly,
        // A window holds one input; whether each fits, the provider says.
        prompt_bytes: 0,
        // Vectors are no tokens.
        max_output: Some(0),
        needs: asked.embedding.needs(),
        conversation: None,
        allowed: gateway.config.routing.allowed(principal),
        roll: gateway.dice.roll(),
    });
    plan.map_err(|error| unplanned(gateway, &principal.team, error, [&asked.model]))
}

/// The candidates, each with how it is asked. Never empty.
fn able(
    gateway: &Gateway,
    candidates: Vec<Candidate>,
) -> Result<Vec<(Candidate, &'static dyn Embeds)>, Failure> {
    let with = |candidate: Candidate| {
        let by = gateway.upstreams[candidate.upstream].codec.embeds()?;
        Some((candidate, by))
    };
    let able: Vec<_> = candidates.into_iter().filter_map(with).collect();
    if able.is_empty() {
        // The planner keeps upstreams away that make none, so the two disagree.
        return Err(PlanError::Unable { model: None, need: Need::Vectors }.into());
    }
    Ok(able)
}

impl Consumed for Vectors {
    fn consumed(&self) -> (Usage, u64) {
        (self.usage, 0)
    }

    fn model(&self) -> Option<&Text> {
        self.model.as_ref()
    }
}

async fn answer(
    mut calling: Box<Calling>,
    exchange: Exchange,
    by: &[&'static dyn Embeds],
    inputs: u64,
    format: Option<VectorFormat>,
) -> Result<Served, Failure> {
    let sent = calling.first(exchange, |attempting| {
        let by = by[attempting.index];
        sending::read(attempting, move |body| by.read(body, inputs))
    });
    let (mut exchange, result) = sent.await;
    let vectors = match result {
        Ok(vectors) => vectors,
        Err(failure) => return Err(ended(exchange, failure).await),
    };
    let (reported, received) = vectors.consumed();
    let charge = exchange.bill.charge(&reported, received);
    let format = embeddings::told_format(format, calling.candidate().route.kind);
    let body = embeddings::answer(&vectors, format, &calling.facts(&exchange, &charge));
    let told = calling.told(&exchange, Some(charge.cost));
    exchange.ends(Ending::Answered);
    exchange.finish().await;
    Ok(Served::Whole { body, told })
}
