//! How actors are reached, watched and left: a [`Mailbox`] that is truly bounded and outlives its actor's
//! panics, and [`Tasks`] that shutdown can wait for. What an actor does is its own module's business.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::prelude::*;
use arc_swap::ArcSwap;
use gateway_core::clock::Clock;
use tokio::sync::Notify;

/// How often a dead actor is looked for. Until then its callers are told [`SendError::Dead`].
const WATCH: Duration = Duration::from_millis(50);
/// An actor that dies at once each time is started again after this at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The way to an actor: bounded, counted, and pointing to a new one when the old one panicked.
///
/// actix's own mailbox capacity holds per clone of an address and so bounds nothing. Here a slot is
/// counted before the send, travels in the message and comes back when the handler opens it.
pub struct Mailbox<A: Actor<Context = Context<A>>> {
    inner: Arc<Inner<A>>,
}

struct Inner<A: Actor<Context = Context<A>>> {
    name: String,
    bound: usize,
    depth: Arc<AtomicUsize>,
    addr: ArcSwap<Addr<A>>,
    make: Box<dyn Fn() -> A + Send + Sync>,
    arbiter: ArbiterHandle,
    clock: Arc<dyn Clock>,
    restarts: AtomicU32,
    /// Unix seconds; 0: never.
    last_error_at: AtomicU64,
    retired: AtomicBool,
}

/// What `/v1/providers/status` tells of an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vitals {
    pub name: String,
    pub alive: bool,
    /// Messages sent and not yet begun.
    pub queue: usize,
    pub restarts: u32,
    /// When it last died, since the Unix epoch.
    pub last_error_at: Option<Duration>,
}

/// Why a message brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the actor's queue is full")]
    Full,
    /// It may still be handled later.
    #[error("the actor gave no answer in time")]
    Late,
    #[error("the actor is gone, or died of this message")]
    Dead,
}

/// A message with the slot that it takes in the queue.
pub struct Counted<M> {
    message: M,
    slot: Slot,
}

struct Slot(Arc<AtomicUsize>);

impl<M> Counted<M> {
    /// Gives the slot back; the first line of every handler.
    pub fn open(self) -> M {
        drop(self.slot);
        self.message
    }
}

impl<M: Message> Message for Counted<M> {
    type Result = M::Result;
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<A: Actor<Context = Context<A>>> Clone for Mailbox<A> {
    fn clone(&self) -> Self {
        Mailbox { inner: self.inner.clone() }
    }
}

impl<A: Actor<Context = Context<A>>> Mailbox<A> {
    /// Starts an actor on `arbiter`, and starts it again, by `make`, whenever it has died of a panic.
    /// `make` must find in its own captured handles what has to survive. The actor ends with its last
    /// mailbox, or after [`Mailbox::retire`] by its own `stop`.
    pub fn start(
        name: impl Into<String>,
        bound: usize,
        arbiter: &ArbiterHandle,
        clock: Arc<dyn Clock>,
        make: impl Fn() -> A + Clone + Send + Sync + 'static,
    ) -> Mailbox<A> {
        let inner = Arc::new(Inner {
            name: name.into(),
            bound,
            depth: Arc::default(),
            addr: ArcSwap::from_pointee(start_actor(arbiter, bound, make.clone())),
            make: Box::new(make),
            arbiter: arbiter.clone(),
            clock,
            restarts: AtomicU32::new(0),
            last_error_at: AtomicU64::new(0),
            retired: AtomicBool::new(false),
        });
        // Ends with the mailbox or its arbiter; nothing is lost with it.
        arbiter.spawn(watch(Arc::downgrade(&inner)));
        Mailbox { inner }
    }

    /// Sends and waits for the answer, `wait` at the longest.
    pub async fn send<M>(&self, message: M, wait: Duration) -> Result<M::Result, SendError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Counted<M>>,
        A::Context: ToEnvelope<A, Counted<M>>,
    {
        let slot = self.inner.slot().ok_or(SendError::Full)?;
        self.told(Counted { message, slot }, wait).await
    }

    /// Sends what is to be the last message, which a full queue takes too, and waits for its answer. From here on an
    /// actor that stops is not started again.
    pub async fn send_last<M>(&self, message: M, wait: Duration) -> Result<M::Result, SendError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Counted<M>>,
        A::Context: ToEnvelope<A, Counted<M>>,
    {
        self.retire();
        self.inner.depth.fetch_add(1, Ordering::AcqRel);
        self.told(Counted { message, slot: Slot(self.inner.depth.clone()) }, wait).await
    }

    async fn told<M>(&self, message: Counted<M>, wait: Duration) -> Result<M::Result, SendError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Counted<M>>,
        A::Context: ToEnvelope<A, Counted<M>>,
    {
        let sent = self.inner.addr.load_full().send(message).timeout(wait);
        match sent.await {
            Ok(answer) => Ok(answer),
            Err(MailboxError::Timeout) => Err(SendError::Late),
            Err(MailboxError::Closed) => Err(SendError::Dead),
        }
    }

    /// Sends from a `Drop` whose guard already holds a slot of another bound, so that the queue stays
    /// bounded by the number of guards. Lost where the actor is dead.
    pub fn deliver<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<Counted<M>>,
        A::Context: ToEnvelope<A, Counted<M>>,
    {
        self.inner.depth.fetch_add(1, Ordering::AcqRel);
        let slot = Slot(self.inner.depth.clone());
        self.inner.addr.load().do_send(Counted { message, slot });
    }

    /// Messages sent and not yet begun.
    pub fn queue(&self) -> usize {
        self.inner.depth.load(Ordering::Acquire)
    }

    pub fn vitals(&self) -> Vitals {
        let died = self.inner.last_error_at.load(Ordering::Acquire);
        Vitals {
            name: self.inner.name.clone(),
            alive: self.inner.addr.load().connected(),
            queue: self.queue(),
            restarts: self.inner.restarts.load(Ordering::Acquire),
            last_error_at: (died > 0).then(|| Duration::from_secs(died)),
        }
    }

    /// From here on an actor that stops is not started again.
    fn retire(&self) {
        self.inner.retired.store(true, Ordering::Release);
    }
}

impl<A: Actor<Context = Context<A>>> Inner<A> {
    fn slot(&self) -> Option<Slot> {
        self.depth
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |depth| {
                (depth < self.bound).then_some(depth + 1)
            })
            .ok()
            .map(|_| Slot(self.depth.clone()))
    }
}

fn start_actor<A: Actor<Context = Context<A>>>(
    arbiter: &ArbiterHandle,
    bound: usize,
    make: impl FnOnce() -> A + Send + 'static,
) -> Addr<A> {
    A::start_in_arbiter(arbiter, move |ctx| {
        ctx.set_mailbox_capacity(bound);
        make()
    })
}

/// Replaces the actor whenever it died. (actix's own Supervisor restarts only what called `stop`.)
async fn watch<A: Actor<Context = Context<A>>>(mailbox: Weak<Inner<A>>) {
    let mut pause = WATCH;
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = mailbox.upgrade() else { return };
        if inner.retired.load(Ordering::Acquire) {
            return;
        }
        if inner.addr.load().connected() {
            pause = WATCH;
            continue;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        inner.last_error_at.store(inner.clock.unix().as_secs(), Ordering::Release);
        let restarts = inner.restarts.fetch_add(1, Ordering::AcqRel) + 1;
        log::error!(actor = inner.name.as_str(), restarts; "an actor died and is started again");
        let again = inner.clone();
        let addr = start_actor(&inner.arbiter, inner.bound, move || (again.make)());
        inner.addr.store(Arc::new(addr));
    }
}

/// Tasks that outlive the request they came from, counted so that shutdown can wait for them.
#[derive(Clone, Default)]
pub struct Tasks {
    open: Arc<Open>,
}

#[derive(Default)]
struct Open {
    count: AtomicUsize,
    idle: Notify,
}

struct Task(Arc<Open>);

impl Drop for Task {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

impl Tasks {
    /// Spawns on the current arbiter; must be called on one. A task that panics or dies with its arbiter
    /// counts as done.
    pub fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        self.open.count.fetch_add(1, Ordering::AcqRel);
        let task = Task(self.open.clone());
        #[expect(clippy::disallowed_methods, reason = "this is the one place that shutdown waits for")]
        actix::spawn(async move {
            let _task = task;
            work.await;
        });
    }

    /// Tasks still at work.
    pub fn open(&self) -> usize {
        self.open.count.load(Ordering::Acquire)
    }

    /// Waits until none is at work, `wait` at the longest. `Err` tells how many still are.
    pub async fn wait_idle(&self, wait: Duration) -> Result<(), usize> {
        let idle = async {
            loop {
                // Made before the count is read, so that the last task's wake-up can't fall between.
                let woken = self.open.idle.notified();
                if self.open() == 0 {
                    return;
                }
                woken.await;
            }
        };
        tokio::time::timeout(wait, idle).await.map_err(|_late| self.open())
    }
}

#[cfg(test)]
mod tests;
