//! One attempt: what it sends, and how its answer is read.

use bytes::Bytes;
use gateway_actors::provider::{Call, Client, Limits, Outcome, Permit, Reply};
use gateway_core::conversation::{Event, Text};
use gateway_core::fault::{Fault, FaultClass};
use gateway_wire::{Outbound, names};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an error body that are looked at; the rest is not read.
const ERROR_BODY: usize = 64 << 10;

/// What came of one attempt, and how long the upstream took of it.
pub(super) type Sent<T> = Pin<Box<dyn Future<Output = (Result<T, Fault>, Duration)>>>;

/// One attempt, ready to go.
pub(super) struct Attempting {
    pub permit: Permit,
    pub client: Client,
    pub codec: &'static dyn Outbound,
    pub call: Call,
    pub limits: Limits,
    pub clock: Arc<dyn gateway_core::clock::Clock>,
    pub max_body: usize,
    /// Which candidate it is.
    pub index: usize,
    /// Tools whose names had to change for this provider.
    pub renamed: Vec<(String, Text)>,
    /// The caller's dialect shows what the model thinks.
    pub shows_thinking: bool,
    /// Silence before content is a reasoning model thinking, no sign of ill health.
    pub may_be_silent: bool,
}

/// Sends and reads a whole JSON answer.
pub(super) fn whole(mut attempting: Attempting) -> Sent<Vec<Event>> {
    let (codec, renamed) = (attempting.codec, std::mem::take(&mut attempting.renamed));
    read(attempting, move |body| {
        let mut events = codec.answer(body)?;
        events.iter_mut().for_each(|event| names::restore(event, &renamed));
        Ok(events)
    })
}

/// Sends, and has the body of the answer read by `reader`.
pub(super) fn read<T: 'static>(
    attempting: Attempting,
    reader: impl FnOnce(&Bytes) -> Result<T, Fault> + 'static,
) -> Sent<T> {
    Box::pin(async move {
        let Attempting { mut permit, client, codec, call, limits, clock, max_body, .. } = attempting;
        let began = clock.now();
        let read = async {
            let reply = permit.send(&client, call, &limits).await?;
            let mut reply = accepted(reply, codec, &limits).await?;
            // A page of some proxy between, say; an absent type is taken for JSON.
            if reply.header("content-type").is_some_and(|kind| !kind.contains("json")) {
                return Err(Fault::new(FaultClass::Broken, Some(200)));
            }
            reply.whole(max_body, limits.total).await
        };
        let body = read.await;
        let waited = clock.now().saturating_duration_since(began);
        let result = body.and_then(|body| reader(&body));
        permit.report(match &result {
            Ok(_) => Outcome::Succeeded,
            Err(fault) => Outcome::Faulted(fault.clone()),
        });
        (result, waited)
    })
}

/// The reply, if its status is 200; any other status is sorted by the provider's codec.
pub(super) async fn accepted(
    mut reply: Reply,
    codec: &dyn Outbound,
    limits: &Limits,
) -> Result<Reply, Fault> {
    let status = reply.status();
    if status == 200 {
        return Ok(reply);
    }
    let names = ["retry-after", "retry-after-ms", "x-should-retry", "content-type"];
    let headers: Vec<(&str, String)> =
        names.iter().filter_map(|name| Some((*name, reply.header(name)?.to_owned()))).collect();
    // An error body that does not arrive whole is sorted by its status alone.
    let body = reply.whole(ERROR_BODY, limits.total).await.unwrap_or_default();
    let header =
        |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    Err(codec.fault(status, &header, &body))
}
