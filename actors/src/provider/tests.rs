use super::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use actix::prelude::*;
use gateway_core::breaker::Rule;
use gateway_core::fault::{Fault, FaultClass};

use crate::supervision::Counted;
use crate::testing::{NoDice, TestClock, until};

const COOLDOWN: Duration = Duration::from_secs(30);

/// One upstream with a clock that the test moves; its actor lives on the test's own arbiter, so it hears
/// nothing before the test awaits.
struct Bench {
    provider: Provider,
    clock: Arc<TestClock>,
}

async fn bench() -> Bench {
    bench_with(Rule { rate: None, ..Rule::new(3, COOLDOWN) }, 8).await
}

async fn bench_with(breaker: Rule, max_in_flight: u32) -> Bench {
    bench_on(&Arbiter::current(), breaker, max_in_flight).await
}

async fn bench_on(control: &ArbiterHandle, breaker: Rule, max_in_flight: u32) -> Bench {
    let clock = TestClock::shared();
    let settings = UpstreamSettings {
        name: UpstreamName::new("openai").unwrap(),
        base_url: "http://127.0.0.1:1/v1".into(),
        credential: Credential::None,
        breaker,
        max_in_flight,
        max_body_bytes: 1 << 20,
    };
    let provider = Provider::start(settings, control, clock.clone(), Arc::new(NoDice)).unwrap();
    // Calls made before the actor began would not be in its window.
    provider.shared.mailbox.send(Ping, Duration::from_secs(5)).await.unwrap();
    Bench { provider, clock }
}

fn model() -> ModelName {
    ModelName::new("gpt-4o")
}

fn failure() -> Outcome {
    Outcome::Faulted(Fault::new(FaultClass::Unavailable, Some(503)))
}

fn limited(retry_after: Option<Duration>) -> Outcome {
    Outcome::Faulted(Fault::new(FaultClass::RateLimited { retry_after }, Some(429)))
}

fn rejected() -> Outcome {
    Outcome::Faulted(Fault::new(FaultClass::Misconfigured, Some(401)))
}

impl Bench {
    fn acquire(&self) -> Result<Permit, Refusal> {
        self.provider.acquire(&model())
    }

    fn permit(&self) -> Permit {
        self.acquire().expect("leave to call")
    }

    /// Makes a call that ends so, and waits until the actor has heard of it.
    async fn call(&self, outcome: Outcome) {
        self.permit().report(outcome);
        self.heard().await;
    }

    async fn heard(&self) {
        until(|| self.provider.shared.mailbox.queue() == 0).await;
    }

    async fn open(&self) {
        for _ in 0..3 {
            self.call(failure()).await;
        }
        assert_eq!(self.state(), State::Open);
    }

    fn state(&self) -> State {
        self.provider.status().state
    }

    fn refusal(&self) -> Refusal {
        self.acquire().err().expect("a refusal")
    }
}

#[actix::test]
async fn it_opens_refuses_probes_once_and_closes() {
    let bench = bench().await;
    bench.call(failure()).await;
    assert_eq!(bench.provider.status().consecutive_failures, 1);
    bench.call(failure()).await;
    assert_eq!(bench.state(), State::Closed);
    bench.call(failure()).await;

    let opened = bench.provider.status();
    assert_eq!(opened.state, State::Open);
    assert_eq!(opened.reason, Some(Fault::new(FaultClass::Unavailable, Some(503))));
    assert_eq!(opened.next_probe_at, Some(Duration::from_secs(1_000_030)));
    assert!(matches!(bench.refusal(), Refusal::Open { .. }));

    bench.clock.pass(COOLDOWN - Duration::from_millis(1));
    assert!(matches!(bench.refusal(), Refusal::Open { .. }));
    bench.clock.pass(Duration::from_millis(1));
    assert_eq!(bench.state(), State::HalfOpen);

    let mut probe = bench.permit();
    assert!(probe.is_probe());
    assert!(matches!(bench.refusal(), Refusal::Open { .. }), "a second probe");
    assert_eq!(bench.provider.status().in_flight, 1, "a refusal holds no place");
    probe.report(Outcome::Succeeded);
    drop(probe);
    bench.heard().await;

    let closed = bench.provider.status();
    assert_eq!((closed.state, closed.reason, closed.in_flight), (State::Closed, None, 0));
    assert!(!bench.permit().is_probe());
}

#[actix::test]
async fn a_probe_that_has_proved_itself_is_not_waited_for() {
    let bench = bench().await;
    bench.open().await;
    bench.clock.pass(COOLDOWN);
    let mut probe = bench.permit();
    probe.proved();
    bench.heard().await;
    assert_eq!(bench.state(), State::Closed, "its stream goes on");
    assert!(!bench.permit().is_probe());
    assert_eq!(bench.provider.status().in_flight, 1, "it holds its place until it ends");
    probe.proved();
    probe.report(failure());
    drop(probe);
    bench.heard().await;
    let after = bench.provider.status();
    assert_eq!((after.state, after.in_flight), (State::Closed, 0));
}

#[actix::test]
async fn a_call_that_is_no_probe_proves_nothing() {
    let bench = bench().await;
    bench.call(failure()).await;
    let mut permit = bench.permit();
    permit.proved();
    bench.heard().await;
    assert_eq!(bench.provider.status().consecutive_failures, 1);
    permit.report(Outcome::Abandoned);
}

#[actix::test]
async fn a_failed_probe_opens_it_for_longer() {
    let bench = bench().await;
    bench.open().await;
    for want_s in [60, 120, 240, 240] {
        bench.clock.pass(Duration::from_secs(240));
        let before = bench.provider.status().next_probe_at;
        bench.call(failure()).await;
        let status = bench.provider.status();
        assert_eq!(status.state, State::Open);
        assert_ne!(status.next_probe_at, before);
        let unix = gateway_core::clock::Clock::unix(&*bench.clock);
        assert_eq!(status.next_probe_at, Some(unix + Duration::from_secs(want_s)));
    }
}

#[actix::test]
async fn an_abandoned_probe_makes_room_for_another() {
    let bench = bench().await;
    bench.open().await;
    bench.clock.pass(COOLDOWN);
    drop(bench.permit());
    assert!(bench.acquire().is_err(), "until the actor has heard");
    bench.heard().await;
    assert_eq!(bench.state(), State::HalfOpen);
    bench.call(Outcome::Succeeded).await;
    assert_eq!(bench.state(), State::Closed);
}

#[actix::test]
async fn of_many_that_want_to_probe_one_may() {
    let bench = bench().await;
    bench.open().await;
    bench.clock.pass(COOLDOWN);
    let (barrier, passed) = (Barrier::new(8), AtomicU32::new(0));
    let permits: Vec<_> = std::thread::scope(|scope| {
        let ask = || {
            barrier.wait();
            let permit = bench.acquire().ok();
            passed.fetch_add(u32::from(permit.is_some()), Ordering::SeqCst);
            permit
        };
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((passed.load(Ordering::SeqCst), permits.len()), (1, 1));
    assert_eq!(bench.provider.status().in_flight, 1);
}

/// Four threads call an upstream that fails at every whim, while its actor decides on a thread of its own.
#[actix::test]
async fn never_two_probes_whatever_the_threads_do() {
    let control = Arbiter::new();
    let bench = bench_on(&control.handle(), Rule::new(2, Duration::from_millis(1)), 8).await;
    let (probes, seen) = (AtomicU32::new(0), AtomicU32::new(0));
    let work = |seed: u32| {
        for turn in 0..5_000u32 {
            bench.clock.pass(Duration::from_millis(1));
            let Ok(mut permit) = bench.acquire() else {
                std::thread::yield_now();
                continue;
            };
            if permit.is_probe() {
                assert_eq!(probes.fetch_add(1, Ordering::SeqCst), 0, "a second probe");
                seen.fetch_add(1, Ordering::SeqCst);
                std::thread::yield_now();
                probes.fetch_sub(1, Ordering::SeqCst);
            }
            match turn.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 30 {
                0 => permit.report(Outcome::Succeeded),
                1 => {}
                _ => permit.report(failure()),
            }
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || work(seed));
        }
    });
    bench.heard().await;
    until(|| bench.provider.status().in_flight == 0).await;
    assert!(seen.load(Ordering::SeqCst) > 0, "some call was a probe");
}

#[actix::test]
async fn the_cap_is_exact_under_eight_threads() {
    let bench = bench_with(Rule::default(), 5).await;
    let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    if let Ok(mut permit) = bench.acquire() {
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        permit.report(Outcome::Succeeded);
                    }
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 5);
    assert_eq!(bench.provider.status().in_flight, 0);
    let held: Vec<_> = (0..5).map(|_| bench.permit()).collect();
    assert_eq!(bench.refusal(), Refusal::Full);
    drop(held);
    bench.permit();
}

#[actix::test]
async fn a_success_is_no_news_while_nothing_failed() {
    let bench = bench().await;
    let queued_after = |outcome| {
        bench.permit().report(outcome);
        bench.provider.shared.mailbox.queue()
    };
    let caller_fault = Outcome::Faulted(Fault::new(FaultClass::Refused { field: None }, Some(400)));
    assert_eq!(queued_after(Outcome::Succeeded), 0);
    assert_eq!(queued_after(Outcome::Abandoned), 0);
    assert_eq!(queued_after(caller_fault), 0);
    assert_eq!(queued_after(failure()), 1);
    bench.heard().await;
    assert_eq!(queued_after(Outcome::Succeeded), 1, "it ends the row of failures");
    bench.heard().await;
    assert_eq!(bench.provider.status().consecutive_failures, 0);
    assert_eq!(queued_after(Outcome::Succeeded), 0);
}

#[actix::test]
async fn what_the_caller_caused_is_no_failure() {
    let bench = bench().await;
    for class in [
        FaultClass::Refused { field: None },
        FaultClass::ContentFiltered,
        FaultClass::ContextTooLong,
        FaultClass::ModelNotFound,
        FaultClass::NotPermitted,
        FaultClass::TooLarge,
    ] {
        for _ in 0..5 {
            bench.call(Outcome::Faulted(Fault::new(class.clone(), Some(400)))).await;
        }
        assert_eq!(bench.state(), State::Closed, "{class:?}");
    }
}

#[actix::test]
async fn late_results_of_calls_made_before_it_opened_change_nothing() {
    let bench = bench().await;
    let (mut well, mut ill) = (bench.permit(), bench.permit());
    bench.open().await;
    let before = bench.provider.status();
    well.report(Outcome::Succeeded);
    ill.report(failure());
    drop((well, ill));
    bench.heard().await;
    let after = bench.provider.status();
    assert_eq!((after.state, after.next_probe_at), (State::Open, before.next_probe_at));
}

#[actix::test]
async fn a_failure_rate_opens_it_too() {
    let bench = bench_with(Rule::new(1_000, COOLDOWN), 8).await;
    for _ in 0..10 {
        bench.call(failure()).await;
        bench.call(Outcome::Succeeded).await;
    }
    until(|| bench.state() == State::Open).await;
    until(|| bench.provider.status().error_rate == 0.5).await;

    bench.clock.pass(COOLDOWN);
    bench.call(Outcome::Succeeded).await;
    tokio::time::sleep(actor::TICK * 2).await;
    assert_eq!(bench.state(), State::Closed, "failures from before it closed don't count again");
}

#[actix::test]
async fn a_429_cools_one_model_and_the_others_go_on() {
    let bench = bench().await;
    let other = ModelName::new("gpt-4o-mini");
    bench.call(limited(Some(Duration::from_secs(7)))).await;

    let status = bench.provider.status();
    assert_eq!(status.state, State::Cooldown);
    assert_eq!(status.reason.map(|fault| fault.word()), Some("rate_limited"));
    assert_eq!(status.next_probe_at, Some(Duration::from_secs(1_000_007)));
    assert!(matches!(bench.refusal(), Refusal::CoolingDown { .. }));
    assert!(bench.provider.acquire(&other).is_ok());

    bench.clock.pass(Duration::from_secs(7));
    assert!(bench.acquire().is_ok());
    assert_eq!(bench.state(), State::Closed);
    bench.call(limited(None)).await;
    bench.clock.pass(Duration::from_millis(999));
    assert!(matches!(bench.refusal(), Refusal::CoolingDown { .. }));
}

#[actix::test]
async fn a_429_to_the_probe_closes_the_breaker() {
    let bench = bench().await;
    bench.open().await;
    bench.clock.pass(COOLDOWN);
    bench.call(limited(None)).await;
    assert_eq!(bench.state(), State::Cooldown);
    assert!(bench.provider.acquire(&ModelName::new("another")).is_ok());
}

#[actix::test]
async fn wrong_credentials_take_it_away_until_a_probe_succeeds() {
    let bench = bench().await;
    bench.call(rejected()).await;
    let status = bench.provider.status();
    assert_eq!(status.state, State::Misconfigured);
    assert_eq!(status.reason, Some(Fault::new(FaultClass::Misconfigured, Some(401))));
    assert!(matches!(bench.refusal(), Refusal::Misconfigured { .. }));

    bench.clock.pass(COOLDOWN);
    bench.call(rejected()).await;
    assert_eq!(bench.state(), State::Misconfigured);
    bench.clock.pass(COOLDOWN * 2);
    bench.call(Outcome::Succeeded).await;
    assert_eq!(bench.state(), State::Closed);
}

#[actix::test]
async fn retries_stay_at_a_fifth_of_the_calls() {
    let bench = bench().await;
    let taken = || std::iter::from_fn(|| bench.provider.may_retry().then_some(())).count();
    assert_eq!(taken(), 10, "the floor");
    for _ in 0..1_000 {
        bench.permit().report(Outcome::Succeeded);
    }
    tokio::time::sleep(actor::TICK * 2).await;
    let after = taken();
    assert!((200..=210).contains(&after), "{after} retries for 1,000 calls");
}

#[derive(Message)]
#[rtype(result = "()")]
struct Ping;

impl Handler<Counted<Ping>> for ProviderActor {
    type Result = ();

    fn handle(&mut self, ping: Counted<Ping>, _: &mut Self::Context) {
        ping.open();
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Crash;

impl Handler<Counted<Crash>> for ProviderActor {
    type Result = ();

    fn handle(&mut self, _: Counted<Crash>, _: &mut Self::Context) {
        panic!("as the test asked");
    }
}

#[actix::test]
async fn after_a_panic_it_goes_on_with_what_was_published() {
    let bench = bench().await;
    let hot = ModelName::new("hot");
    bench.provider.acquire(&hot).unwrap().report(limited(Some(Duration::from_secs(300))));
    bench.open().await;
    let before = bench.provider.status();
    bench.clock.pass(COOLDOWN);
    let mut lost_probe = bench.permit();

    bench.provider.shared.mailbox.deliver(Crash);
    until(|| bench.provider.status().actor.restarts == 1 && bench.provider.shared.gate.probe().is_none())
        .await;

    let after = bench.provider.status();
    assert!(after.actor.alive && after.actor.last_error_at.is_some());
    assert_eq!((after.since, after.reason), (before.since, before.reason));
    assert!(matches!(bench.provider.acquire(&hot), Err(Refusal::CoolingDown { .. })));

    let mut probe = bench.permit();
    lost_probe.report(failure());
    drop(lost_probe);
    bench.heard().await;
    assert_eq!(bench.state(), State::HalfOpen, "the answer of a probe written off is void");
    assert!(bench.acquire().is_err(), "and frees no other's place");
    probe.report(Outcome::Succeeded);
    drop(probe);
    bench.heard().await;
    assert_eq!(bench.state(), State::Cooldown);
    assert_eq!(bench.provider.status().in_flight, 0);
}

#[actix::test]
async fn changes_of_state_are_remembered_and_bounded() {
    let bench = bench().await;
    bench.open().await;
    bench.clock.pass(COOLDOWN);
    let mut probe = bench.permit();
    probe.report(Outcome::Succeeded);
    drop(probe);
    bench.heard().await;
    let moves = bench.provider.status().moves;
    let told: Vec<_> = moves.iter().map(|change| (change.to, change.reason.is_some())).collect();
    // A probe is out with its reason; being well needs none.
    assert_eq!(told, [(State::Open, true), (State::HalfOpen, true), (State::Closed, false)]);
    assert!(moves.is_sorted_by_key(|change| change.at));
    assert_eq!(moves[1].at - moves[0].at, COOLDOWN);

    for _ in 0..MOST_MOVES {
        bench.open().await;
        bench.clock.pass(COOLDOWN * 100);
        bench.permit().report(Outcome::Succeeded);
        bench.heard().await;
    }
    let moves = bench.provider.status().moves;
    assert_eq!(moves.len(), MOST_MOVES);
    assert_eq!(moves.last().map(|change| change.to), Some(State::Closed));
}

#[actix::test]
async fn it_leaves_after_what_is_queued() {
    let bench = bench().await;
    let mut permit = bench.permit();
    permit.report(rejected());
    drop(permit);
    assert_eq!(bench.provider.drain(Duration::from_secs(5)).await, Ok(()));
    assert_eq!(bench.state(), State::Misconfigured, "the queued report was heard");
    assert_eq!(bench.refusal(), Refusal::Stopping);
    until(|| !bench.provider.status().actor.alive).await;
    assert_eq!(bench.provider.status().actor.restarts, 0);
}

#[actix::test]
async fn leave_to_call_is_cheap() {
    let bench = bench().await;
    let model = model();
    let calls = 100_000;
    let clock = crate::testing::WallClock;
    let start = gateway_core::clock::Clock::now(&clock);
    for _ in 0..calls {
        bench.provider.acquire(&model).unwrap().report(Outcome::Succeeded);
    }
    let each = (gateway_core::clock::Clock::now(&clock) - start) / calls;
    println!("acquire and drop: {each:?}");
    // Generous: an unoptimised build on a busy machine. A clock, a lock or a message would show.
    assert!(each < Duration::from_micros(10), "{each:?}");
}
