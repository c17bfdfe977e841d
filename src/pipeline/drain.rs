//! What becomes of a call whose caller goes before its answer is there.

use super::exchange::Exchange;
use super::sending::Sent;
use super::settle::Consumed;
use crate::gateway::Gateway;
use gateway_actors::supervision::Tasks;
use gateway_core::fault::Fault;
use gateway_core::routing::Route;
use std::sync::Arc;
use std::time::Duration;

/// How long the usage of an answer is waited for whose caller has gone.
const DRAIN: Duration = Duration::from_secs(30);

/// A JSON call under way: its usage is real money, so it goes on when the caller has gone.
pub(super) struct Drain<T: Consumed + 'static> {
    /// The call, and the exchange that it belongs to; none once it is over.
    pub under_way: Option<(Sent<T>, Exchange)>,
    /// Where it was sent, and whether that was not the first choice.
    pub route: (Arc<Route>, bool),
    pub gateway: Arc<Gateway>,
    pub tasks: Tasks,
}

impl<T: Consumed> Drain<T> {
    pub(super) async fn came(&mut self) -> (Result<T, Fault>, Duration) {
        let (sent, _) = self.under_way.as_mut().expect("taken in over and in drop alone");
        sent.as_mut().await
    }

    /// The caller is still there.
    pub(super) fn over(mut self) -> Exchange {
        self.under_way.take().expect("taken here and in drop alone").1
    }
}

impl<T: Consumed> Drop for Drain<T> {
    fn drop(&mut self) {
        let Some((sent, mut exchange)) = self.under_way.take() else { return };
        let gateway = Arc::clone(&self.gateway);
        let (route, is_fallback) = (Arc::clone(&self.route.0), self.route.1);
        // The exchange goes with it: its slot is held, and its end is told, when the answer is there.
        self.tasks.spawn(async move {
            let came = tokio::select! {
                biased;
                answer = tokio::time::timeout(DRAIN, sent) => answer.ok(),
                () = gateway.shutdown.grace_over() => None,
            };
            let Some((result, waited)) = came else {
                // Its bill is the bound.
                log::debug!(request_id = exchange.id.as_str(); "the answer of a call whose caller had gone did not come in time");
                return;
            };
            exchange.came(&gateway, &result, waited, (&route, is_fallback));
            if let Ok(answer) = result {
                let (reported, received) = answer.consumed();
                exchange.bill.charge(&reported, received);
            }
        });
    }
}
