use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

fn rule() -> Rule {
    Rule { rate: None, ..Rule::new(3, Duration::from_secs(10)) }
}

/// Drives a breaker as a crowd of callers would: calls are admitted, and end later in any order.
struct Crowd {
    breaker: Breaker,
    now: Instant,
    out: Vec<Call>,
}

#[derive(Clone, Copy)]
struct Call {
    ticket: Ticket,
    probe: bool,
}

#[derive(Clone, Debug)]
enum Act {
    Ask,
    End { which: usize, event: Event },
    Wait { ms: u64 },
    Restart,
}

fn any_act() -> impl Strategy<Value = Act> {
    let event = prop_oneof![
        3 => Just(Event::Failed),
        2 => Just(Event::Succeeded),
        1 => Just(Event::Misconfigured),
        1 => Just(Event::Abandoned),
    ];
    prop_oneof![
        6 => Just(Act::Ask),
        6 => (any::<usize>(), event).prop_map(|(which, event)| Act::End { which, event }),
        3 => (0u64..30_000).prop_map(|ms| Act::Wait { ms }),
        1 => Just(Act::Restart),
    ]
}

impl Crowd {
    fn new() -> Crowd {
        Crowd { breaker: Breaker::default(), now: start(), out: Vec::new() }
    }

    fn act(&mut self, act: Act, jitter: u64) -> Option<(Call, Event, Breaker, Option<Change>)> {
        match act {
            Act::Wait { ms } => self.now += Duration::from_millis(ms),
            Act::Restart => self.breaker = self.breaker.resumed(self.now),
            Act::Ask => {
                let before = self.breaker;
                let (next, answer) = before.admit(self.now);
                self.breaker = next;
                if let Ok(ticket) = answer {
                    let probe = !matches!(before.phase(), Phase::Closed { .. });
                    self.out.push(Call { ticket, probe });
                }
            }
            Act::End { which, event } if !self.out.is_empty() => {
                let call = self.out.swap_remove(which % self.out.len());
                let before = self.breaker;
                let (next, change) = before.step(call.ticket, event, self.now, &rule(), jitter);
                self.breaker = next;
                return Some((call, event, before, change));
            }
            Act::End { .. } => {}
        }
        None
    }
}

#[allow(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
fn start() -> Instant {
    Instant::now()
}

proptest! {
    #[test]
    fn never_two_probes(acts in vec(any_act(), 1..200), jitter: u64) {
        let mut crowd = Crowd::new();
        for act in acts {
            crowd.act(act, jitter);
            let probes = crowd
                .out
                .iter()
                .filter(|c| c.probe && c.ticket.epoch == crowd.breaker.epoch())
                .count();
            prop_assert!(probes <= 1);
            prop_assert_eq!(probes == 1, matches!(crowd.breaker.phase(), Phase::HalfOpen { .. }));
        }
    }

    #[test]
    fn open_never_admits_before_until(acts in vec(any_act(), 1..200), jitter: u64) {
        let mut crowd = Crowd::new();
        for act in acts {
            let before = crowd.breaker;
            let admitted = crowd.out.len();
            let asked = matches!(act, Act::Ask);
            crowd.act(act, jitter);
            if let (true, Phase::Open { until, .. }) = (asked, before.phase()) {
                prop_assert_eq!(crowd.out.len() > admitted, crowd.now >= until);
            }
        }
    }

    #[test]
    fn late_results_change_nothing(acts in vec(any_act(), 1..200), jitter: u64) {
        let mut crowd = Crowd::new();
        for act in acts {
            if let Some((call, _, before, change)) = crowd.act(act, jitter)
                && call.ticket.epoch != before.epoch()
            {
                prop_assert_eq!(crowd.breaker, before);
                prop_assert_eq!(change, None);
            }
        }
    }

    #[test]
    fn a_probe_that_succeeds_closes(acts in vec(any_act(), 1..200), jitter: u64) {
        let mut crowd = Crowd::new();
        for act in acts {
            if let Some((call, Event::Succeeded, before, change)) = crowd.act(act, jitter)
                && call.probe
                && call.ticket.epoch == before.epoch()
            {
                prop_assert_eq!(crowd.breaker.phase(), Phase::Closed { failures: 0 });
                prop_assert_eq!(change, Some(Change::Closed));
            }
        }
    }

    #[test]
    fn the_cooldown_doubles_up_to_its_cap(trips in 0u32..100, jitter: u64) {
        let rule = rule();
        let bare = rule.cooldown_after(trips, 0);
        let want = Duration::from_secs(10 * (1 << trips.min(3)));
        prop_assert_eq!(bare, want);
        let jittered = rule.cooldown_after(trips, jitter);
        prop_assert!(bare <= jittered && jittered <= bare + bare / 10);
    }
}

#[test]
fn only_failures_in_a_row_open_it() {
    use Event::{Abandoned, Failed, Misconfigured, Succeeded};
    let open = |cause| Some(Change::Opened(cause));
    for (case, events, want) in [
        ("three in a row", &[Failed, Failed, Failed][..], open(Cause::Failures)),
        ("two", &[Failed, Failed], None),
        ("a success between", &[Failed, Failed, Succeeded, Failed, Failed], None),
        ("one left between", &[Failed, Failed, Abandoned, Failed], open(Cause::Failures)),
        ("wrong credentials", &[Misconfigured], open(Cause::Misconfigured)),
    ] {
        let now = start();
        let mut breaker = Breaker::default();
        let mut last = None;
        for event in events {
            let ticket = breaker.admit(now).1.expect("closed");
            (breaker, last) = breaker.step(ticket, *event, now, &rule(), 0);
        }
        assert_eq!(last, want, "{case}");
    }
}

#[test]
fn each_failed_probe_waits_longer_and_a_success_forgets() {
    let mut now = start();
    let mut breaker = Breaker::default();
    let fail = |breaker: Breaker, now: Instant| {
        let (breaker, ticket) = breaker.admit(now);
        breaker.step(ticket.expect("may call"), Event::Failed, now, &Rule { failures: 1, ..rule() }, 0).0
    };
    for want_s in [10, 20, 40, 80, 80] {
        breaker = fail(breaker, now);
        let until = now + Duration::from_secs(want_s);
        assert_eq!(breaker.phase(), Phase::Open { until, cause: Cause::Failures });
        now = until;
    }
    let (probing, ticket) = breaker.admit(now);
    breaker = probing.step(ticket.expect("probe"), Event::Succeeded, now, &rule(), 0).0;
    let until = now + Duration::from_secs(10);
    assert_eq!(fail(breaker, now).phase(), Phase::Open { until, cause: Cause::Failures });
}

#[test]
fn a_rate_opens_it_from_the_minimum_of_calls_on() {
    for (case, calls, failed, want) in [
        ("half of twenty", 20, 10, true),
        ("less than half", 21, 10, false),
        ("too few calls", 19, 19, false),
        ("no calls", 0, 0, false),
    ] {
        let rule = Rule::new(1_000, Duration::from_secs(10));
        let (_, change) = Breaker::default().judge(calls, failed, start(), &rule, 0);
        assert_eq!(change.is_some(), want, "{case}");
    }
}
