//! Upstreams: one actor each, on one control arbiter, and the handle that workers hold.
//!
//! | file | holds |
//! |---|---|
//! | `gate` | the atomics that let a call pass and count it, shared by all workers |
//! | `permit` | leave for one call; its drop is the report |
//! | `call` | the network: client, request, reply |
//! | `actor` | breaker, cooldowns, the window of the last minute; decides and publishes |
//! | `messages` | what the actor is told |
//! | `window` | counts and percentiles of the last minute |
//! | `status` | what an operator sees |

mod actor;
mod call;
mod gate;
mod messages;
mod permit;
mod status;
mod window;

use std::sync::Arc;
use std::time::Duration;

use actix::ArbiterHandle;
use gateway_core::breaker;
use gateway_core::clock::Clock;
use gateway_core::dice::Dice;
use gateway_core::ids::{ModelName, UpstreamName};
use secrecy::SecretString;

pub use call::{Call, Client, ClientError, ClientSettings, Limits, Reply, client, install_crypto};
pub use gate::Refusal;
pub use permit::{Outcome, Permit};
pub use status::{Latency, MOST_MOVES, Move, State, Status};

use crate::supervision::{Mailbox, SendError};
use actor::{Post, ProviderActor};
use call::Address;
use gate::Gate;

/// Reports are bounded by calls in flight; this bounds what else is sent to an actor.
const QUEUE: usize = 64;

/// One upstream as configuration has it.
#[derive(Clone)]
pub struct UpstreamSettings {
    pub name: UpstreamName,
    /// `http` or `https`, with what path comes before each call's own; no query, no user.
    pub base_url: String,
    pub credential: Credential,
    pub breaker: breaker::Rule,
    pub max_in_flight: u32,
    /// The longest JSON answer that is read.
    pub max_body_bytes: usize,
}

/// How we show an upstream who we are. Never in a URL, so that no error text can hold it.
#[derive(Clone)]
pub enum Credential {
    /// `name: prefix` and the secret, without anything between: a scheme brings its blank along.
    Header {
        name: &'static str,
        prefix: &'static str,
        secret: SecretString,
    },
    None,
}

/// Settings that no call could be made with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error(
        "the base URL of upstream {upstream} must be http:// or https:// with a host, and no user, query or fragment"
    )]
    BaseUrl { upstream: UpstreamName },
    #[error("the API key of upstream {upstream} holds characters that no header may hold")]
    Credential { upstream: UpstreamName },
}

/// The handle of one upstream; workers clone it.
#[derive(Clone)]
pub struct Provider {
    shared: Arc<Shared>,
}

struct Shared {
    name: UpstreamName,
    address: Address,
    max_body_bytes: usize,
    gate: Arc<Gate>,
    mailbox: Mailbox<ProviderActor>,
}

impl Provider {
    /// Starts the upstream's actor on `control`, the arbiter that all of them share.
    pub fn start(
        settings: UpstreamSettings,
        control: &ArbiterHandle,
        clock: Arc<dyn Clock>,
        dice: Arc<dyn Dice>,
    ) -> Result<Provider, SettingsError> {
        let address = Address::new(&settings)?;
        let name = settings.name;
        let gate = Arc::new(Gate::new(settings.max_in_flight, clock.clone()));
        let post = Post { name: name.clone(), rule: settings.breaker, gate: gate.clone(), dice };
        let make = move || ProviderActor::resume(post.clone());
        let mailbox = Mailbox::start(name.as_str(), QUEUE, control, clock, make);
        let max_body_bytes = settings.max_body_bytes;
        Ok(Provider { shared: Arc::new(Shared { name, address, max_body_bytes, gate, mailbox }) })
    }

    pub fn name(&self) -> &UpstreamName {
        &self.shared.name
    }

    /// Asks for leave to call `model`. Answered at once: calls never queue.
    pub fn acquire(&self, model: &ModelName) -> Result<Permit, Refusal> {
        let admission = self.shared.gate.enter(model)?;
        Ok(Permit {
            shared: self.shared.clone(),
            model: model.clone(),
            ticket: admission.ticket,
            probe: admission.probe,
            outcome: Outcome::Abandoned,
        })
    }

    /// Whether a failed call may be tried again here: retries stay at a fifth of the calls, with a floor
    /// for quiet upstreams. A yes takes from that budget.
    pub fn may_retry(&self) -> bool {
        self.shared.gate.take_retry()
    }

    /// Refuses new calls and ends the actor once it has heard what is queued, `wait` at the longest.
    /// Calls in flight go on, but nobody hears how they end: drain when there are none.
    pub async fn drain(&self, wait: Duration) -> Result<(), SendError> {
        self.shared.gate.stop();
        self.shared.mailbox.send_last(messages::Drain, wait).await
    }
}

#[cfg(test)]
mod tests;
