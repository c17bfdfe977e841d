//! How questions travel to a ledger that is far away, and what becomes of them when it goes away.

use super::*;

#[actix::test]
async fn what_waits_goes_together_and_exactly_what_fits_passes() {
    let bench = Bench::new(Outage::Deny(None));
    let asks: Vec<_> = (0..200)
        .map(|n| {
            let (budget, admit) = (bench.budget.clone(), bench.admit(n, 3));
            spawn(async move { budget.admit(admit).await })
        })
        .collect();
    let mut holds = Vec::new();
    for ask in asks {
        if let Ok(Admitted::Granted { hold, .. }) = ask.await.unwrap() {
            holds.push(hold);
        }
    }
    assert_eq!(holds.len(), 33);
    assert!(
        bench.store.asks.load(Ordering::SeqCst) < 20,
        "{} batches",
        bench.store.asks.load(Ordering::SeqCst)
    );
}

#[actix::test]
async fn a_store_that_is_away_is_told_in_time_then_at_once() {
    for (mode, within) in [(DOWN, 100), (HANGS, 400)] {
        let bench = Bench::new(Outage::Deny(None));
        let hold = bench.grant(0, 1).await;
        bench.set(mode);
        let refused = |n| bench.budget.admit(bench.admit(n, 1));
        for n in 1..=3 {
            let answer = tokio::time::timeout(Duration::from_millis(within), refused(n)).await.unwrap();
            assert!(matches!(answer, Err(BudgetError::Unavailable { .. })), "{answer:?}");
        }
        until(|| bench.budget.store().error.is_some()).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let asked = bench.store.asks.load(Ordering::SeqCst);
        for n in 4..50 {
            let at_once = tokio::time::timeout(Duration::from_millis(50), refused(n)).await.unwrap();
            assert!(matches!(at_once, Err(BudgetError::Unavailable { .. })));
        }
        assert_eq!(bench.store.asks.load(Ordering::SeqCst), asked, "nobody asks it");
        bench.set(UP);
        bench.clock.pass(Duration::from_secs(5));
        bench.grant(51, 1).await;
        assert_eq!(bench.budget.store().error, None);
        assert!(bench.budget.settle(bench.settle(hold.id(), 1, false)).await.is_ok());
    }
}

#[actix::test]
async fn a_drain_answers_what_is_queued() {
    let bench = Bench::new(Outage::Deny(None));
    let last = spawn({
        let (budget, admit) = (bench.budget.clone(), bench.admit(1, 1));
        async move { budget.admit(admit).await }
    });
    tokio::task::yield_now().await;
    bench.budget.drain(Duration::from_secs(1)).await.unwrap();
    assert!(matches!(last.await.unwrap(), Ok(Admitted::Granted { .. })));
    let after = bench.budget.admit(bench.admit(2, 1)).await.err();
    assert!(matches!(after, Some(BudgetError::Unavailable { .. })));
}

/// Behind a batch that gets no answer none is got; who waits there is not left until a deadline of its own.
#[actix::test]
async fn nobody_waits_longer_than_the_deadline_behind_those_who_wait() {
    let bench = Bench::new(Outage::Deny(None));
    bench.set(HANGS);
    let mut asks = Vec::new();
    for n in 0..50 {
        let (budget, admit) = (bench.budget.clone(), bench.admit(n, 1));
        asks.push(spawn(async move { budget.admit(admit).await }));
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    let told = async {
        for ask in asks {
            assert!(matches!(ask.await.unwrap(), Err(BudgetError::Unavailable { .. })));
        }
    };
    // The last was asked when two batches had travelled for 200 ms.
    tokio::time::timeout(3 * DEADLINE, told).await.expect("all are told in time");
    assert!(bench.store.asks.load(Ordering::SeqCst) <= 4, "what waited behind them was not sent");
    assert_eq!(bench.budget.vitals().queue, 0);
}

#[actix::test]
async fn a_ledger_that_panics_fails_its_questions_and_no_others() {
    let bench = Bench::new(Outage::Deny(None));
    bench.set(PANICS);
    let failed = bench.budget.admit(bench.admit(1, 1)).await;
    assert!(matches!(failed, Err(BudgetError::Unavailable { .. })), "{failed:?}");
    bench.set(UP);
    bench.grant(2, 1).await;
}

#[actix::test]
async fn a_question_whose_caller_left_before_it_went_is_not_asked() {
    let bench = Bench::new(Outage::Deny(None));
    let left = futures_util::FutureExt::now_or_never(bench.budget.admit(bench.admit(1, 1)));
    assert!(left.is_none(), "{left:?}");
    bench.grant(2, 3).await;
    assert_eq!(bench.balance().await, (0, 3));
    assert_eq!(bench.budget.vitals().queue, 0);
}

/// Each thread has a queue, and all threads one breaker.
#[actix::test]
async fn threads_ask_beside_each_other_and_learn_of_an_outage_together() {
    let bench = Bench::new(Outage::Deny(None));
    let (arbiter, budget, admit) = (Arbiter::new(), bench.budget.clone(), bench.admit(1, 60));
    let on_another = async |budget: Budget, admit: Admit| {
        let (answer, answered) = tokio::sync::oneshot::channel();
        arbiter.spawn(async move {
            answer.send(budget.admit(admit).await).ok();
        });
        answered.await.unwrap()
    };
    let (there, here) =
        tokio::join!(on_another(budget.clone(), admit), bench.budget.admit(bench.admit(2, 60)));
    let granted = [&there, &here].into_iter().filter(|said| matches!(said, Ok(Admitted::Granted { .. })));
    assert_eq!(granted.count(), 1, "{there:?} {here:?}");
    bench.set(DOWN);
    for n in 3..6 {
        assert!(on_another(budget.clone(), bench.admit(n, 1)).await.is_err());
    }
    let asked = bench.store.asks.load(Ordering::SeqCst);
    assert!(bench.budget.admit(bench.admit(6, 1)).await.is_err());
    assert_eq!(bench.store.asks.load(Ordering::SeqCst), asked, "left alone by this thread, too");
    arbiter.stop();
}

#[actix::test]
async fn no_more_are_asked_at_once_than_there_is_room_for() {
    let bench = Bench::new(Outage::Deny(None));
    bench.set(HANGS);
    let mut asks: Vec<_> =
        (0..courier::MOST_OPEN as u64).map(|n| Box::pin(bench.budget.admit(bench.admit(n, 1)))).collect();
    for ask in &mut asks {
        assert!(futures_util::FutureExt::now_or_never(ask).is_none());
    }
    let refused = futures_util::FutureExt::now_or_never(bench.budget.admit(bench.admit(u64::MAX, 1)));
    assert!(matches!(refused, Some(Err(BudgetError::Unavailable { .. }))), "{refused:?}");
    drop(asks);
    assert_eq!(bench.budget.vitals().queue, 0);
}
