//! Alerts of budgets on their way to a webhook. They wait in a bounded queue that nobody waits for; one task sends
//! them in order, each a few times. The ledger tells a threshold once, so what does not arrive is told in the log and
//! in a counter, not again.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix::ArbiterHandle;
use futures_util::FutureExt;
use gateway_core::audit::{Named, Time};
use gateway_core::clock::Clock;
use gateway_core::ids::TeamId;
use gateway_core::ledger::{Alert, StoreTime, Window};
use gateway_core::money::NanoUsd;
use serde::Serialize;
use tokio::sync::{Notify, mpsc};

use crate::audit::sinks::{Post, PostError, SinkError};

/// Alerts that may wait. Full: the newest is dropped, and counted.
const QUEUE: usize = 256;
/// Pauses before an alert is sent again; after the last it is given up.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
/// No pause that a webhook asks for is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    /// The webhook did not take it.
    Failed,
    /// Too many were waiting.
    Dropped,
}

/// Hears what became of each.
pub type Told = Arc<dyn Fn(Fate) + Send + Sync>;

/// A threshold that was crossed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub team: TeamId,
    pub alert: Alert,
    pub replica: Named,
    pub time: Time,
}

/// The handle, cheap to clone.
#[derive(Clone)]
pub struct Alerts {
    queue: mpsc::Sender<Notice>,
    waiting: Arc<Waiting>,
    told: Told,
}

#[derive(Default)]
struct Waiting {
    count: AtomicUsize,
    none: Notify,
}

impl Alerts {
    /// Starts the task on `arbiter`; it ends with the arbiter or with the last handle.
    ///
    /// # Errors
    /// The URL is none, or no client could be made.
    pub fn start(
        url: String,
        arbiter: &ArbiterHandle,
        clock: Arc<dyn Clock>,
        told: Told,
    ) -> Result<Alerts, SinkError> {
        let post = Post::new(Named::cleaned("budget_alerts"), url)?;
        let (queue, mut notices) = mpsc::channel::<Notice>(QUEUE);
        let alerts = Alerts { queue, waiting: Arc::default(), told };
        let (waiting, told) = (Arc::clone(&alerts.waiting), Arc::clone(&alerts.told));
        arbiter.spawn(async move {
            while let Some(notice) = notices.recv().await {
                let sending = AssertUnwindSafe(deliver(&post, &notice, &*clock)).catch_unwind();
                told(sending.await.unwrap_or(Fate::Failed));
                waiting.less();
            }
        });
        Ok(alerts)
    }

    /// Queues an alert. Never waits.
    pub fn push(&self, notice: Notice) {
        self.waiting.count.fetch_add(1, Ordering::AcqRel);
        if let Err(error) = self.queue.try_send(notice) {
            let team = error.into_inner().team;
            log::error!(team:%; "too many alerts of budgets wait: this one is dropped");
            (self.told)(Fate::Dropped);
            self.waiting.less();
        }
    }

    /// Waits until all are on their way, `wait` at the longest. `Err` tells how many are not.
    ///
    /// # Errors
    /// The time is over.
    pub async fn drain(&self, wait: Duration) -> Result<(), usize> {
        let idle = async {
            loop {
                // Made before the count is read, so that the last one's end can't fall between.
                let woken = self.waiting.none.notified();
                if self.waiting.count.load(Ordering::Acquire) == 0 {
                    return;
                }
                woken.await;
            }
        };
        let drained = tokio::time::timeout(wait, idle).await;
        drained.map_err(|_late| self.waiting.count.load(Ordering::Acquire))
    }
}

impl Waiting {
    fn less(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none.notify_waiters();
        }
    }
}

async fn deliver(post: &Post, notice: &Notice, clock: &dyn Clock) -> Fate {
    let message = Message::of(notice);
    let body = match serde_json::to_vec(&message) {
        Ok(body) => body,
        Err(error) => {
            log::error!(id = message.id.as_str(), error:%; "an alert of a budget can't be written");
            return Fate::Failed;
        }
    };
    let mut pauses = PAUSES.into_iter();
    loop {
        let headers = vec![("x-gateway-alert-id", message.id.clone())];
        let why = match post.send(headers, body.clone(), clock.unix()).await {
            Ok(()) => return Fate::Delivered,
            Err(PostError::Later { after, why }) => {
                if let Some(pause) = pauses.next() {
                    log::warn!(id = message.id.as_str(), why = why.as_str(); "an alert of a budget is sent again");
                    tokio::time::sleep(after.unwrap_or(pause).min(LONGEST_PAUSE)).await;
                    continue;
                }
                why
            }
            Err(PostError::Never { why }) => why,
        };
        log::error!(id = message.id.as_str(), why = why.as_str(); "an alert of a budget did not arrive");
        return Fate::Failed;
    }
}

/// What is sent.
#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    /// The same for the same threshold: a receiver that keeps it knows a repeat.
    id: String,
    team_id: &'a str,
    window: &'static str,
    window_start: Time,
    resets_at: Time,
    percent: u8,
    spent_usd: NanoUsd,
    limit_usd: NanoUsd,
    replica: &'a Named,
    time: Time,
    /// For people: chat tools show it.
    text: String,
}

impl Message<'_> {
    fn of(notice: &Notice) -> Message<'_> {
        let Notice { team, alert, replica, time } = notice;
        let Alert { window, percent, spent, limit } = alert;
        let (word, start) = match window {
            Window::Day(day) => ("day", day.start()),
            Window::Month(month) => ("month", month.start()),
        };
        let at = |moment: StoreTime| Time::from_unix_millis(moment.as_millis());
        let (window_start, resets_at) = (at(start), at(window.end()));
        Message {
            r#type: "budget_threshold",
            id: format!("{team}/{word}/{window_start}/{percent}"),
            team_id: team.as_str(),
            window: word,
            window_start,
            resets_at,
            percent: *percent,
            spent_usd: *spent,
            limit_usd: *limit,
            replica,
            time: *time,
            text: format!(
                "{team} has used {percent} % of its budget of this {word}: {spent} of {limit} USD. It begins anew at {resets_at}."
            ),
        }
    }
}

#[cfg(test)]
mod tests;
