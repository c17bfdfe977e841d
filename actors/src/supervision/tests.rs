use super::*;
use crate::testing::{TestClock, spawn, until};

#[derive(Default)]
struct Worker {
    done: u32,
}

impl Actor for Worker {
    type Context = Context<Self>;
}

/// Answers how many this actor has handled, after `pause`.
#[derive(Message)]
#[rtype(result = "u32")]
struct Work {
    pause: Duration,
}

#[derive(Message)]
#[rtype(result = "()")]
struct Crash;

impl Handler<Counted<Work>> for Worker {
    type Result = AtomicResponse<Self, u32>;

    fn handle(&mut self, work: Counted<Work>, _: &mut Self::Context) -> Self::Result {
        let pause = work.open().pause;
        let nap = async move { tokio::time::sleep(pause).await };
        AtomicResponse::new(Box::pin(nap.into_actor(self).map(|(), worker, _| {
            worker.done += 1;
            worker.done
        })))
    }
}

impl Handler<Counted<Crash>> for Worker {
    type Result = ();

    fn handle(&mut self, crash: Counted<Crash>, _: &mut Self::Context) {
        crash.open();
        panic!("as the test asked");
    }
}

fn worker(arbiter: &ArbiterHandle, bound: usize) -> Mailbox<Worker> {
    Mailbox::start("worker", bound, arbiter, TestClock::shared(), Worker::default)
}

const QUICK: Work = Work { pause: Duration::ZERO };
const LONG: Duration = Duration::from_secs(5);

#[actix::test]
async fn the_queue_is_bounded_over_all_clones() {
    let mailbox = worker(&Arbiter::current(), 3);
    let slow = |mailbox: Mailbox<Worker>| async move {
        mailbox.send(Work { pause: Duration::from_millis(100) }, LONG).await
    };
    let calls: Vec<_> = (0..20).map(|_| spawn(slow(mailbox.clone()))).collect();
    let mut full = 0;
    for call in calls {
        full += u32::from(call.await.unwrap() == Err(SendError::Full));
    }
    // Three wait; the first may have left the queue for the handler before the last asked.
    assert!((16..=17).contains(&full), "{full} of 20 refused");
    assert_eq!(mailbox.queue(), 0);
    assert!(mailbox.send(QUICK, LONG).await.is_ok());
}

#[actix::test]
async fn a_full_queue_takes_the_last_message() {
    let mailbox = worker(&Arbiter::current(), 0);
    assert_eq!(mailbox.send(QUICK, LONG).await, Err(SendError::Full));
    assert_eq!(mailbox.send_last(QUICK, LONG).await, Ok(1));
}

#[actix::test]
async fn a_slow_answer_is_late_and_gives_its_slot_back() {
    let control = Arbiter::new();
    let mailbox = worker(&control.handle(), 4);
    let slow = Work { pause: Duration::from_millis(200) };
    assert_eq!(mailbox.send(slow, Duration::from_millis(10)).await, Err(SendError::Late));
    assert_eq!(mailbox.send(QUICK, Duration::from_millis(10)).await, Err(SendError::Late));
    until(|| mailbox.queue() == 0).await;
}

#[actix::test]
async fn what_panicked_is_started_again_behind_the_same_handle() {
    let control = Arbiter::new();
    let mailbox = worker(&control.handle(), 4);
    let clone = mailbox.clone();
    for restarts in 1..=3 {
        assert_eq!(mailbox.send(QUICK, LONG).await, Ok(1));
        assert_eq!(mailbox.send(Crash, LONG).await, Err(SendError::Dead));
        until(|| clone.vitals().restarts == restarts && clone.vitals().alive).await;
        assert!(clone.vitals().last_error_at.is_some());
        assert_eq!(clone.queue(), 0);
    }
    assert_eq!(clone.send(QUICK, LONG).await, Ok(1));
}

#[actix::test]
async fn what_retired_stays_away() {
    let control = Arbiter::new();
    let mailbox = worker(&control.handle(), 4);
    mailbox.retire();
    assert_eq!(mailbox.send(Crash, LONG).await, Err(SendError::Dead));
    tokio::time::sleep(WATCH * 3).await;
    let vitals = mailbox.vitals();
    assert_eq!((vitals.alive, vitals.restarts), (false, 0));
}

#[actix::test]
async fn shutdown_waits_for_tasks() {
    let tasks = Tasks::default();
    assert_eq!(tasks.wait_idle(Duration::ZERO).await, Ok(()));
    let (finish, finished) = tokio::sync::oneshot::channel::<()>();
    tasks.spawn(async move {
        finished.await.ok();
    });
    tasks.spawn(async { panic!("a task that panics is done too") });
    assert_eq!(tasks.wait_idle(Duration::from_millis(20)).await, Err(1));
    let waiting = tasks.clone();
    let waited = spawn(async move { waiting.wait_idle(LONG).await });
    finish.send(()).unwrap();
    assert_eq!(waited.await.unwrap(), Ok(()));
}
