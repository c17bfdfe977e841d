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
/// A call of more bytes may be too much for an analyzer that does well with any other.
const LARGE: usize = 256 << 10;

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
    let body = presidio::request(texts, analyzer.wanted);
    let is_large = body.len() > LARGE;
    let body = body.into();
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
        Err(fault) if is_of_the_request(fault, is_large) => Outcome::Abandoned,
        Err(fault) => Outcome::Faulted(fault.clone()),
    });
    result.inspect_err(|fault| log::warn!("the Presidio analyzer did not answer: {}", fault.word())).ok()
}

/// Whether a failure may be this request's own doing. It is refused either way; the breaker, which would refuse all
/// others, does not hear of it.
fn is_of_the_request(fault: &Fault, is_large: bool) -> bool {
    let is_refused = fault.status.is_some_and(|status| (400..500).contains(&status));
    is_refused || (is_large && fault.class != FaultClass::Connect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_team_s_text_takes_the_analyzer_from_nobody() {
        for (case, class, status, is_large, want) in [
            ("a small text, an error", FaultClass::Unavailable, Some(500), false, false),
            ("a small text, too late", FaultClass::Timeout, None, false, false),
            ("no answer for it", FaultClass::Broken, Some(200), false, false),
            ("refused", FaultClass::Unavailable, Some(400), false, true),
            ("too large for it", FaultClass::Unavailable, Some(413), true, true),
            ("a large text, an error", FaultClass::Unavailable, Some(500), true, true),
            ("a large text, too late", FaultClass::Timeout, None, true, true),
            ("a large text, nobody there", FaultClass::Connect, None, true, false),
        ] {
            assert_eq!(is_of_the_request(&Fault::new(class, status), is_large), want, "{case}");
        }
    }
}
