//! The way to the ledger. Each thread has a queue of its own, so that neither a question nor its answer
//! wakes another thread: what is asked within one turn of its event loop goes together, and what comes while that
//! travels waits and goes together next.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use gateway_core::ids::TeamId;
use gateway_core::ledger::{Answer, Ledger, LedgerError, Op};
use tokio::sync::oneshot;

use super::reach::{News, Reach};
use super::{BudgetError, DEADLINE, Neighbours, RETRY_AFTER};
use crate::supervision::Tasks;

/// Questions that travel together.
const BATCH: usize = 256;
/// Batches that travel at once, of each thread: while one is answered the next is on its way.
const TRAVELLING: usize = 2;
/// Questions that may be open, of all threads: more than all the requests that a gateway takes at once. What operators
/// ask beside them has no other bound.
pub(super) const MOST_OPEN: usize = 16_384;

/// Clones are one; every thread's questions are counted here.
#[derive(Clone)]
pub(super) struct Courier(Arc<Shared>);

struct Shared {
    ledger: Arc<dyn Ledger>,
    neighbours: Arc<dyn Neighbours>,
    reach: Reach,
    /// Questions that nobody has answered yet.
    open: AtomicUsize,
    journeys: Tasks,
    is_closed: AtomicBool,
}

thread_local! {
    /// This thread's queue of each courier that it has asked.
    static QUEUES: RefCell<Vec<(Weak<Shared>, Rc<Queue>)>> = const { RefCell::new(Vec::new()) };
}

#[derive(Default)]
struct Queue {
    waiting: RefCell<VecDeque<Waiting>>,
    travelling: Cell<usize>,
}

struct Waiting {
    op: Op,
    answer: oneshot::Sender<Said>,
}

/// One batch on its way, or about to be: given back however that ends.
struct Journey {
    shared: Arc<Shared>,
    queue: Rc<Queue>,
}

/// Questions that are counted.
struct Open<'a>(&'a AtomicUsize, usize);

type Said = Result<Answer, BudgetError>;

impl Courier {
    pub(super) fn new(ledger: Arc<dyn Ledger>, neighbours: Arc<dyn Neighbours>, reach: Reach) -> Courier {
        Courier(Arc::new(Shared {
            ledger,
            neighbours,
            reach,
            open: AtomicUsize::new(0),
            journeys: Tasks::default(),
            is_closed: AtomicBool::new(false),
        }))
    }

    /// Asks with whatever else this thread asks just now. The answer comes within [`DEADLINE`]; with the caller gone
    /// the question travels on.
    pub(super) async fn ask(&self, op: Op) -> Said {
        let none = BudgetError::Unavailable { retry_after: RETRY_AFTER };
        if self.0.is_closed.load(Ordering::Acquire) || self.open() >= MOST_OPEN {
            return Err(none);
        }
        let _open = Open::counted(&self.0.open, 1);
        // Its sender is dropped with a journey that died.
        tokio::time::timeout(DEADLINE, self.put(op)).await.ok().and_then(Result::ok).unwrap_or(Err(none))
    }

    /// Into this thread's queue, and on its way if it can go at once.
    fn put(&self, op: Op) -> oneshot::Receiver<Said> {
        let (answer, answered) = oneshot::channel();
        let queue = Queue::of(&self.0);
        queue.waiting.borrow_mut().push_back(Waiting { op, answer });
        if let Some(journey) = Journey::begin(&self.0, queue) {
            self.0.journeys.spawn(journey.go());
        }
        answered
    }

    /// Asks at once, all in one piece; an answer each.
    pub(super) async fn ask_all(&self, ops: Vec<Op>) -> Vec<Said> {
        if self.0.is_closed.load(Ordering::Acquire) {
            return refused(ops.len(), &BudgetError::Unavailable { retry_after: RETRY_AFTER });
        }
        let _open = Open::counted(&self.0.open, ops.len());
        self.0.travel(ops).await.0
    }

    pub(super) fn open(&self) -> usize {
        self.0.open.load(Ordering::Acquire)
    }

    /// Takes no more, and waits until what is queued is answered, `wait` at the longest. `Err` tells how many batches
    /// still travel.
    pub(super) async fn close(&self, wait: Duration) -> Result<(), usize> {
        self.0.is_closed.store(true, Ordering::Release);
        self.0.journeys.wait_idle(wait).await
    }
}

impl Shared {
    /// An answer for each, and whether any came from the ledger. One that is far away may have to be left alone.
    async fn travel(&self, ops: Vec<Op>) -> (Vec<Said>, bool) {
        if self.ledger.is_near() {
            let (news, said) = self.hear(ops).await;
            return (said, matches!(news, News::Reached));
        }
        match self.reach.enter() {
            Ok(leave) => {
                let (news, said) = self.hear(ops).await;
                (said, leave.weigh(news))
            }
            Err(left_alone) => (refused(ops.len(), &left_alone), false),
        }
    }

    /// What it tells of the store, and an answer for each.
    async fn hear(&self, ops: Vec<Op>) -> (News, Vec<Said>) {
        let teams: Vec<TeamId> = ops.iter().map(|op| op.team().clone()).collect();
        let heard = tokio::time::timeout(DEADLINE, self.ledger.ask(ops)).await.ok();
        let news = News::of(heard.as_deref());
        let mut heard = heard.unwrap_or_default().into_iter();
        let said = teams.iter().map(|team| said(team, heard.next(), &*self.neighbours));
        (news, said.collect())
    }
}

impl Queue {
    fn of(shared: &Arc<Shared>) -> Rc<Queue> {
        QUEUES.with_borrow_mut(|queues| {
            let known = queues.iter().find(|(of, _)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(shared)));
            if let Some((_, queue)) = known {
                return Rc::clone(queue);
            }
            queues.retain(|(of, _)| of.strong_count() > 0);
            let queue = Rc::new(Queue::default());
            queues.push((Arc::downgrade(shared), Rc::clone(&queue)));
            queue
        })
    }

    /// What goes next. Who has stopped waiting is not asked for any more.
    fn batch(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.borrow_mut();
        waiting.retain(|waiting| !waiting.answer.is_closed());
        let some = waiting.len().min(BATCH);
        waiting.drain(..some).collect()
    }

    /// Who waits behind what got no answer would get none either, and later than it may: no herd when the store comes
    /// back.
    fn refuse(&self, error: &BudgetError) {
        for waiting in self.waiting.take() {
            waiting.answer.send(Err(error.clone())).ok();
        }
    }
}

impl Journey {
    fn begin(shared: &Arc<Shared>, queue: Rc<Queue>) -> Option<Journey> {
        let travelling = queue.travelling.get();
        (travelling < TRAVELLING).then(|| {
            queue.travelling.set(travelling + 1);
            Journey { shared: Arc::clone(shared), queue }
        })
    }

    /// Until nothing waits. It begins after those tasks that are ready now, so that what they ask goes along.
    async fn go(self) {
        loop {
            let batch = self.queue.batch();
            if batch.is_empty() {
                return;
            }
            let (ops, answers): (Vec<Op>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.op, waiting.answer)).unzip();
            let (said, is_reached) = self.shared.travel(ops).await;
            for (answer, said) in answers.into_iter().zip(said) {
                answer.send(said).ok();
            }
            if !is_reached {
                self.queue.refuse(&BudgetError::Unavailable { retry_after: RETRY_AFTER });
            }
        }
    }
}

impl Drop for Journey {
    fn drop(&mut self) {
        self.queue.travelling.set(self.queue.travelling.get().saturating_sub(1));
    }
}

impl<'a> Open<'a> {
    fn counted(count: &'a AtomicUsize, more: usize) -> Open<'a> {
        count.fetch_add(more, Ordering::AcqRel);
        Open(count, more)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}

fn refused(count: usize, error: &BudgetError) -> Vec<Said> {
    vec![Err(error.clone()); count]
}

/// What a caller is told; alerts go where they belong.
pub(super) fn said(
    team: &TeamId,
    heard: Option<Result<Answer, LedgerError>>,
    neighbours: &dyn Neighbours,
) -> Said {
    let late = BudgetError::Unavailable { retry_after: RETRY_AFTER };
    let answer = heard.ok_or(late)?.map_err(told)?;
    if let Answer::Settle(settled) = &answer {
        settled.alerts.iter().for_each(|alert| neighbours.alert(team, alert));
    }
    Ok(answer)
}

/// What of a ledger's error a caller is told; the rest goes to the log, once here.
fn told(error: LedgerError) -> BudgetError {
    match error {
        LedgerError::Unavailable { .. } => BudgetError::Unavailable { retry_after: RETRY_AFTER },
        LedgerError::Invalid(_) => BudgetError::Ledger(error),
        LedgerError::Corrupt { .. } | LedgerError::InUse { .. } | LedgerError::Unfit { .. } => {
            log::error!(error:%; "the ledger can't be used");
            BudgetError::Ledger(error)
        }
    }
}
