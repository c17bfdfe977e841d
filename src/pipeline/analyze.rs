//! Another engine asked over the network: a Presidio analyzer, behind a gate and a breaker of its own. What it
//! does not answer in time is not searched, and what is not searched is not sent.

use crate::gateway::{Analyzer, Gateway, Worker};
use gateway_actors::provider::{Call, Limits, Outcome};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::finding::Finding;
use gateway_inspection::presidio;
use std::time::Duration;

/// How long an analyzer may take for one request's texts.
const WAIT: Duration = Duration::from_secs(10);

/// The finds of each text. `None` where they can't be known.
pub(super) async fn analyze(
    gateway: &Gateway,
    worker: &Worker,
    analyzer: &Analyzer,
    texts: &[String],
) -> Option<Vec<Vec<Finding>>> {
    if texts.is_empty() {
        return Some(Vec::new());
    }
    let mut permit = analyzer.provider.acquire(&analyzer.model).ok()?;
    let total = gateway.clock.now() + WAIT;
    let limits = Limits { first_byte: None, total };
    let body = presidio::request(texts, analyzer.wanted).into();
    let call = Call { path: presidio::PATH.to_owned(), headers: Vec::new(), body };
    let answered = async {
        let mut reply = permit.send(&worker.client, call, &limits).await?;
        let status = reply.status();
        let body = reply.whole(gateway.config.calls.max_body, total).await?;
        let broken = || Fault::new(FaultClass::Broken, Some(status));
        if status != 200 {
            return Err(Fault::new(FaultClass::Unavailable, Some(status)));
        }
        presidio::answer(&body, texts).ok_or_else(broken)
    };
    let result = answered.await;
    permit.report(match &result {
        Ok(_) => Outcome::Succeeded,
        Err(fault) => Outcome::Faulted(fault.clone()),
    });
    result.inspect_err(|fault| log::warn!("the Presidio analyzer did not answer: {}", fault.word())).ok()
}
