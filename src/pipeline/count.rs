//! The walk of a request that asks how many tokens another would hold. Its texts go to a provider, so it is
//! searched and recorded like one that is answered; it costs nothing.

use super::call::Calling;
use super::estimate::BYTES_PER_TOKEN;
use super::exchange::{Ending, Exchange};
use super::failure::Failure;
use super::settle::Consumed;
use super::work::{Wanted, Work};
use super::{Dialect, Served, admit, begin, ended, prepared, sending};
use crate::gateway::{Gateway, Worker};
use actix_web::HttpRequest;
use actix_web::web::Payload;
use gateway_core::conversation::Conversation;
use gateway_core::routing::Candidate;
use gateway_core::usage::Usage;
use gateway_wire::Counts;
use gateway_wire::anthropic_messages::counted;
use std::sync::Arc;

/// What stands around a turn, a part or a tool, as reckoned here.
const AROUND: u64 = 8;
/// Base64 of a picture or a page has about that many bytes for each token that it counts as.
const MEDIA_BYTES_PER_TOKEN: u64 = 16;

/// Walks one request from its headers to its count: the provider's that would serve it, where it counts; else one
/// that is reckoned here.
///
/// # Errors
/// As every walk.
pub async fn count(
    gateway: &Arc<Gateway>,
    worker: &Worker,
    dialect: Dialect,
    id: &str,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<Served, Failure> {
    let mut exchange = begin(gateway, id, request).await?;
    let (asked, plan, inspected) =
        match prepared(gateway, worker, dialect, &mut exchange, request, payload).await {
            Ok(prepared) => prepared,
            Err(failure) => return Err(ended(exchange, failure).await),
        };
    let Some((plan, by)) = counting(gateway, &plan) else {
        return Ok(reckoned(exchange, &asked.conversation).await);
    };
    let work = Work::Count { conversation: asked.conversation, by: by.clone() };
    let wanted = Wanted::whole(work, asked.dropped);
    let mut calling = Calling::new(gateway, worker, wanted, plan, inspected, &exchange);
    if let Err(failure) = admit::admit(gateway, &mut exchange, &mut calling).await {
        return Err(ended(exchange, failure).await);
    }
    answer(calling, exchange, &by).await
}

/// The candidates that count, each with how it is asked. `None` where the one that would serve the request does
/// not: another's count would be of another model's tokens.
fn counting(gateway: &Gateway, plan: &[Candidate]) -> Option<(Vec<Candidate>, Vec<&'static dyn Counts>)> {
    let counts = |candidate: &Candidate| gateway.upstreams[candidate.upstream].codec.counts();
    counts(plan.first()?)?;
    Some(plan.iter().filter_map(|candidate| Some((candidate.clone(), counts(candidate)?))).unzip())
}

/// A count that a provider gave.
struct Counted(u64);

impl Consumed for Counted {
    /// Nothing is billed.
    fn consumed(&self) -> (Usage, u64) {
        (Usage { input: Some(0), output: Some(0), ..Usage::NONE }, 0)
    }
}

async fn answer(
    mut calling: Box<Calling>,
    exchange: Exchange,
    by: &[&'static dyn Counts],
) -> Result<Served, Failure> {
    let sent = calling.first(exchange, |attempting| {
        let by = by[attempting.index];
        sending::read(attempting, move |body| by.read(body).map(Counted))
    });
    let (mut exchange, result) = sent.await;
    let counted_there = match result {
        Ok(counted) => counted,
        Err(failure) => return Err(ended(exchange, failure).await),
    };
    let (reported, received) = counted_there.consumed();
    let charge = exchange.bill.charge(&reported, received);
    let told = calling.told(&exchange, Some(charge.cost));
    exchange.ends(Ending::Answered);
    exchange.finish().await;
    Ok(Served::Whole { body: counted(counted_there.0, false), told })
}

/// Nobody was asked, and nothing went out.
async fn reckoned(mut exchange: Exchange, conversation: &Conversation) -> Served {
    let tokens = reckon(conversation);
    exchange.ends(Ending::Answered);
    exchange.finish().await;
    Served::Reckoned { body: counted(tokens, true) }
}

fn reckon(conversation: &Conversation) -> u64 {
    let parts: usize = conversation.turns.iter().map(|turn| turn.parts.len() + 1).sum();
    let around = ((parts + conversation.tools.len()) as u64).saturating_mul(AROUND);
    let media = (conversation.media_bytes() as u64).div_ceil(MEDIA_BYTES_PER_TOKEN);
    conversation.text_bytes().div_ceil(BYTES_PER_TOKEN).saturating_add(around).saturating_add(media)
}
