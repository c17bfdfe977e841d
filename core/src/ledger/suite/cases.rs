//! Cases with their answers written out. Amounts are nano-USD, times seconds after the case's start.

use std::time::Duration;

use super::super::{
    Admit, Announce, Counter, Hour, Least, Limit, Limits, Op, Override, Raise, Rates, Reap, ReservationId,
    Route, Settle, StoreTime, Tally,
};
use super::brief::brief;
use super::{Oracle, Rules, Step, tagged};
use crate::ids::{KeyId, ModelName, TeamId, UpstreamName};
use crate::money::NanoUsd;

/// 2030-01-31T23:50:00Z: ten minutes before a day and a month end.
const START: StoreTime = StoreTime(1_896_133_800_000_000);

/// One story of one team.
pub struct Case {
    pub name: &'static str,
    pub(super) lines: Vec<(u64, Op, &'static str)>,
}

impl Case {
    /// The steps with the rule's answers. `Err` where the rule does not say what the case has written.
    pub fn steps(&self) -> Result<Vec<Step>, String> {
        let mut oracle = Oracle::new(Rules::ALL);
        let step = |(seconds, op, want): &(u64, Op, &str)| {
            let at = START.plus(Duration::from_secs(*seconds));
            let op = op.clone().checked().map_err(|wrong| wrong.to_string())?;
            let answer = oracle.ask(&op, at);
            let got = brief(&answer);
            if got == *want {
                Ok(Step { at, op, want: answer })
            } else {
                Err(format!("after {seconds} s {op:?}\n want {want}\n  got {got}"))
            }
        };
        self.lines.iter().map(step).collect()
    }
}

/// Writes the questions of one case, whose team is of its own.
pub(super) struct Story {
    pub(super) team: TeamId,
    limits: Limits,
    key_rates: Rates,
}

/// A request made `seconds` after the start; `n` tells those of one second apart.
pub(super) fn id(seconds: u64, n: u8) -> ReservationId {
    let millis = START.as_millis() + seconds * 1_000;
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &[n; 10]).into_uuid();
    ReservationId::new(uuid).expect("it was built as a version 7")
}

fn usd(nano: i64) -> Limit<NanoUsd> {
    Limit::AtMost(NanoUsd(nano))
}

impl Story {
    pub(super) fn new(team: &str, daily: i64, monthly: i64) -> Story {
        let limits = Limits { daily: usd(daily), monthly: usd(monthly), rates: Rates::UNLIMITED };
        let team = TeamId::new(team).expect("the cases' teams are well named");
        Story { team, limits, key_rates: Rates::UNLIMITED }
    }

    fn route() -> Route {
        let provider = UpstreamName::new("openai").expect("a legal name");
        Route { provider, model: ModelName::new("m") }
    }

    pub(super) fn admit(&self, id: ReservationId, bound: i64) -> Op {
        self.admit_tokens(id, bound, 0)
    }

    fn admit_tokens(&self, id: ReservationId, bound: i64, tokens: u64) -> Op {
        Op::Admit(Admit {
            id,
            team: self.team.clone(),
            key: KeyId::new("k1"),
            bound: NanoUsd(bound),
            tokens,
            least: None,
            limits: self.limits,
            key_rates: self.key_rates,
            route: Story::route(),
            tags: Vec::new(),
        })
    }

    /// With what its bound and tokens could come to at best.
    fn admit_loose(&self, id: ReservationId, most: (i64, u64), least: (i64, u64)) -> Op {
        let mut op = self.admit_tokens(id, most.0, most.1);
        if let Op::Admit(admit) = &mut op {
            admit.least = Some(Least { bound: NanoUsd(least.0), tokens: least.1 });
        }
        op
    }

    fn raise(&self, id: ReservationId, total: i64) -> Op {
        Op::Raise(Raise { id, team: self.team.clone(), total: NanoUsd(total), limits: self.limits })
    }

    fn renew(&self, ids: &[ReservationId]) -> Op {
        Op::Renew { team: self.team.clone(), ids: ids.to_vec() }
    }

    fn announce(&self, id: ReservationId, total: i64) -> Op {
        Op::Announce(Announce {
            id,
            team: self.team.clone(),
            key: KeyId::new("k1"),
            total: NanoUsd(total),
            tokens: 0,
            granted_at: id.made_at(),
            route: Story::route(),
        })
    }

    pub(super) fn settle(&self, id: ReservationId, cost: i64) -> Op {
        self.settle_as(id, cost, 0, false)
    }

    fn settle_as(&self, id: ReservationId, cost: i64, tokens: u64, unreserved: bool) -> Op {
        let tally = Tally::default().with(Counter::Requests, 1).with(Counter::Cost, cost);
        Op::Settle(Settle {
            id,
            team: self.team.clone(),
            key: KeyId::new("k1"),
            cost: NanoUsd(cost),
            tokens,
            unreserved,
            limits: self.limits,
            key_rates: self.key_rates,
            usage: vec![(Story::route(), tally)],
            tags: Vec::new(),
        })
    }

    pub(super) fn reap(&self) -> Op {
        Op::Reap(Reap { team: self.team.clone(), limits: self.limits })
    }

    fn recorded(&self, id: ReservationId) -> Op {
        Op::Recorded { team: self.team.clone(), ids: vec![id] }
    }

    fn word(&self, word: Option<Override>) -> Op {
        Op::Override { team: self.team.clone(), limits: self.limits, word }
    }

    fn status(&self) -> Op {
        let key = Some((KeyId::new("k1"), self.key_rates));
        Op::Status { team: self.team.clone(), limits: self.limits, key }
    }

    fn usage(&self) -> Op {
        Op::Usage { team: self.team.clone(), from: Hour(0), to: Hour(u32::MAX), tag: None }
    }
}

pub fn cases() -> Vec<Case> {
    vec![
        exactly_what_fits(),
        late_and_repeated(),
        reaped_then_settled(),
        reaped_and_recorded(),
        raises(),
        announcements(),
        midnight(),
        old_ids(),
        without_a_reservation(),
        overrides_and_alerts(),
        beyond_the_bound(),
        requests_a_minute(),
        tokens_a_minute(),
        parallel_requests(),
        a_bound_that_can_be_tighter(),
        blocked_and_unlimited(),
        a_clock_that_steps_back(),
        an_empty_bucket_as_the_clock_steps_back(),
        tagged::by_tag(),
        tagged::values_of_a_day(),
    ]
}

fn exactly_what_fits() -> Case {
    let s = Story::new("exact", 10, 100);
    let lines = vec![
        (0, s.status(), "spent 0/0 reserved 0/0 open 0"),
        (0, s.admit(id(0, 1), 6), "granted, 4 left"),
        (0, s.admit(id(0, 2), 5), "refused: daily limit 10 spent 0 reserved 6 need 5"),
        (0, s.admit(id(0, 3), 4), "granted, 0 left"),
        (1, s.admit(id(0, 4), 1), "refused: daily limit 10 spent 0 reserved 10 need 1"),
        (1, s.admit(id(0, 4), 0), "granted, 0 left"),
        (2, s.settle(id(0, 1), 2), "found open 6, charged 2"),
        (3, s.admit(id(0, 5), 4), "granted, 0 left"),
        (4, s.status(), "spent 2/2 reserved 8/8 open 3"),
        (5, s.usage(), "m: requests 1, refused 2, cost_nano 2"),
    ];
    Case { name: "exactly what fits is granted", lines }
}

fn late_and_repeated() -> Case {
    let s = Story::new("late", 10, 100);
    let lines = vec![
        (0, s.admit(id(0, 1), 6), "granted, 4 left"),
        (1, s.admit(id(0, 1), 6), "granted, 4 left"),
        (2, s.settle(id(0, 1), 3), "found open 6, charged 3"),
        (3, s.settle(id(0, 1), 3), "found closed, charged 3"),
        (3, s.settle(id(0, 1), 9), "found closed, charged 3"),
        (4, s.admit(id(0, 1), 6), "void"),
        (4, s.raise(id(0, 1), 8), "void"),
        (4, s.renew(&[id(0, 1), id(0, 2)]), "gone gone"),
        (4, s.announce(id(0, 1), 6), "gone"),
        (5, s.settle(id(0, 3), 0), "found unknown, charged 0"),
        (6, s.admit(id(0, 3), 6), "void"),
        (7, s.status(), "spent 3/3 reserved 0/0 open 0"),
    ];
    Case { name: "late and repeated messages change nothing", lines }
}

fn reaped_then_settled() -> Case {
    let s = Story::new("reaped", 10, 100);
    let lines = vec![
        (0, s.admit(id(0, 1), 6), "granted, 4 left"),
        (59, s.reap(), "interrupted"),
        (60, s.reap(), "interrupted: 6"),
        (61, s.status(), "spent 6/6 reserved 0/0 open 0"),
        (61, s.usage(), "m: requests 1, errors 1, cost_nano 6"),
        (62, s.renew(&[id(0, 1)]), "gone"),
        (62, s.raise(id(0, 1), 8), "void"),
        (63, s.settle(id(0, 1), 2), "found reaped 6, charged 2"),
        (64, s.status(), "spent 2/2 reserved 0/0 open 0"),
        (64, s.usage(), "m: requests 1, cost_nano 2"),
        (65, s.reap(), "interrupted"),
        (66, s.recorded(id(0, 1)), "recorded"),
        (66, s.settle(id(0, 1), 2), "found closed, charged 2"),
    ];
    Case { name: "the owner's settle replaces the reaper's charge", lines }
}

fn reaped_and_recorded() -> Case {
    let s = Story::new("recorded", 10, 100);
    let lines = vec![
        (0, s.admit(id(0, 1), 3), "granted, 7 left"),
        (0, s.admit(id(0, 2), 4), "granted, 3 left"),
        (50, s.renew(&[id(0, 2)]), "open"),
        (61, s.reap(), "interrupted: 3"),
        (62, s.reap(), "interrupted: 3"),
        (63, s.recorded(id(0, 1)), "recorded"),
        (63, s.recorded(id(0, 9)), "recorded"),
        (64, s.reap(), "interrupted"),
        (110, s.reap(), "interrupted: 4"),
        (86_400, s.reap(), "interrupted: 4"),
        (86_400, s.settle(id(0, 1), 1), "found reaped 3, charged 1"),
        (86_401, s.recorded(id(0, 2)), "recorded"),
        (200_000, s.settle(id(0, 2), 1), "found void, charged 0"),
    ];
    Case { name: "what is reaped is handed out until it is recorded", lines }
}

fn raises() -> Case {
    let s = Story::new("raises", 10, 100);
    let lines = vec![
        (0, s.admit(id(0, 1), 3), "granted, 7 left"),
        (1, s.raise(id(0, 1), 8), "granted"),
        (2, s.raise(id(0, 1), 8), "granted"),
        (3, s.raise(id(0, 1), 5), "granted"),
        (4, s.status(), "spent 0/0 reserved 8/8 open 1"),
        (5, s.raise(id(0, 1), 11), "refused: daily need 3"),
        (6, s.raise(id(0, 2), 1), "void"),
        (7, s.settle(id(0, 1), 7), "found open 8, charged 7 daily 50%"),
    ];
    Case { name: "a raise names the total", lines }
}

fn announcements() -> Case {
    let s = Story::new("announced", 10, 100);
    let lines = vec![
        (30, s.announce(id(0, 1), 6), "open"),
        (31, s.announce(id(0, 1), 5), "open"),
        (32, s.status(), "spent 0/0 reserved 6/6 open 1"),
        (33, s.announce(id(0, 1), 7), "open"),
        (34, s.admit(id(0, 2), 4), "refused: daily limit 10 spent 0 reserved 7 need 4"),
        (35, s.settle(id(0, 1), 1), "found open 7, charged 1"),
        (36, s.announce(id(0, 1), 7), "gone"),
        (4_000, s.announce(id(0, 3), 7), "gone"),
    ];
    Case { name: "what the store lost is announced again", lines }
}

fn midnight() -> Case {
    let s = Story::new("midnight", 10, 15);
    let lines = vec![
        (590, s.admit(id(590, 1), 9), "granted, 1 left"),
        (601, s.admit(id(601, 2), 9), "granted, 1 left"),
        (602, s.status(), "spent 0/0 reserved 9/9 open 2"),
        (603, s.settle(id(590, 1), 4), "found open 9, charged 4"),
        (604, s.status(), "spent 0/0 reserved 9/9 open 1"),
        (605, s.settle(id(601, 2), 8), "found open 9, charged 8 monthly 50% daily 50% daily 80%"),
        (606, s.status(), "spent 8/8 reserved 0/0 open 0"),
        (87_000, s.admit(id(87_000, 3), 8), "refused: monthly limit 15 spent 8 reserved 0 need 8"),
        (87_001, s.admit(id(87_000, 4), 7), "granted, 0 left"),
    ];
    Case { name: "a request settles into the windows it was reserved in", lines }
}

fn old_ids() -> Case {
    let s = Story::new("old", 10, 100);
    let lines = vec![
        (3_600, s.settle(id(0, 1), 1), "found unknown, charged 1"),
        (3_601, s.settle(id(0, 2), 1), "found void, charged 0"),
        (3_601, s.admit(id(0, 3), 1), "void"),
        (0, s.admit(id(3_601, 4), 1), "void"),
        (0, s.settle(id(3_601, 4), 1), "found void, charged 0"),
        (7_199, s.settle(id(0, 1), 1), "found closed, charged 1"),
        (7_201, s.settle(id(0, 1), 1), "found void, charged 0"),
        (7_201, s.usage(), "m: requests 1, cost_nano 1"),
    ];
    Case { name: "an unknown id older than any message is void", lines }
}

fn without_a_reservation() -> Case {
    let s = Story::new("allowed", 10, 100);
    let lines = vec![
        (7_000, s.settle_as(id(0, 1), 4, 0, true), "found unknown, charged 4"),
        (20_000, s.settle_as(id(0, 1), 4, 0, true), "found closed, charged 4"),
        (86_999, s.settle_as(id(0, 1), 4, 0, true), "found closed, charged 4"),
        (87_000, s.settle_as(id(0, 1), 4, 0, true), "found void, charged 0"),
        (87_001, s.settle_as(id(0, 2), 4, 0, true), "found void, charged 0"),
        (87_001, s.usage(), "m: requests 1, cost_nano 4"),
    ];
    Case { name: "what was served without the store is charged late, and once", lines }
}

fn overrides_and_alerts() -> Case {
    let s = Story::new("override", 10, 1_000);
    let wider =
        Override { daily: Some(usd(20)), max_parallel: Some(Limit::AtMost(2)), ..Override::default() };
    let lines = vec![
        (0, s.settle(id(0, 1), 5), "found unknown, charged 5 daily 50%"),
        (1, s.settle(id(0, 2), 1), "found unknown, charged 1"),
        (2, s.settle(id(0, 3), 4), "found unknown, charged 4 daily 80% daily 100%"),
        (3, s.admit(id(3, 4), 1), "refused: daily limit 10 spent 10 reserved 0 need 1"),
        (4, s.word(Some(wider)), "spent 10/10 reserved 0/0 open 0"),
        (5, s.admit(id(5, 5), 1), "granted, 9 left"),
        (6, s.admit(id(5, 6), 1), "granted, 8 left"),
        (7, s.admit(id(5, 7), 1), "limited: Team MaxParallel 2, in 1000 ms"),
        (8, s.settle(id(5, 5), 7), "found open 1, charged 7 daily 80%"),
        (9, s.word(None), "spent 17/17 reserved 1/1 open 1"),
        (10, s.admit(id(5, 8), 0), "refused: daily limit 10 spent 17 reserved 1 need 0"),
    ];
    Case { name: "an override holds at once, and a threshold is told once", lines }
}

fn beyond_the_bound() -> Case {
    let s = Story::new("beyond", 10, 100);
    let lines = vec![
        (0, s.admit(id(0, 1), 2), "granted, 8 left"),
        (
            1,
            s.settle(id(0, 1), i64::MAX),
            "found open 2, charged 9000000000000000 monthly 50% monthly 80% monthly 100% daily 50% daily 80% daily 100%",
        ),
        (2, s.admit(id(0, 2), 1), "refused: monthly limit 100 spent 9000000000000000 reserved 0 need 1"),
        (3, s.settle(id(0, 3), -5), "found unknown, charged 0"),
        (4, s.status(), "spent 9000000000000000/9000000000000000 reserved 0/0 open 0"),
    ];
    Case { name: "what is above its bound is charged in full", lines }
}

fn requests_a_minute() -> Case {
    let mut s = Story::new("requests", 1_000, 1_000);
    s.limits.rates.requests_per_minute = Limit::AtMost(2);
    s.key_rates.requests_per_minute = Limit::AtMost(1);
    let lines = vec![
        (0, s.admit(id(0, 1), 1), "granted, 999 left"),
        (1, s.admit(id(0, 2), 1), "limited: Key RequestsPerMinute 1, in 59000 ms"),
        (2, s.admit(id(0, 3), 2_000), "refused: monthly limit 1000 spent 0 reserved 1 need 2000"),
        (60, s.admit(id(0, 4), 1), "granted, 998 left"),
        (61, s.status(), "spent 0/0 reserved 2/2 open 2"),
        (62, s.usage(), "m: refused 2"),
    ];
    Case { name: "requests a minute, of team and key", lines }
}

fn tokens_a_minute() -> Case {
    let mut s = Story::new("tokens", 1_000, 1_000);
    s.limits.rates.tokens_per_minute = Limit::AtMost(600);
    let lines = vec![
        (0, s.admit_tokens(id(0, 1), 1, 601), "limited: Team TokensPerMinute 600, never"),
        (0, s.admit_tokens(id(0, 2), 1, 600), "granted, 999 left"),
        (0, s.admit_tokens(id(0, 3), 1, 10), "limited: Team TokensPerMinute 600, in 1000 ms"),
        (1, s.settle_as(id(0, 2), 1, 100, false), "found open 1, charged 1"),
        (1, s.admit_tokens(id(0, 4), 1, 500), "granted, 998 left"),
        (1, s.admit_tokens(id(0, 5), 1, 100), "limited: Team TokensPerMinute 600, in 9000 ms"),
        (2, s.settle_as(id(0, 4), 1, 1_100, false), "found open 1, charged 1"),
        (2, s.admit_tokens(id(0, 6), 1, 1), "limited: Team TokensPerMinute 600, in 58100 ms"),
    ];
    Case { name: "tokens a minute, corrected at settle", lines }
}

fn parallel_requests() -> Case {
    let mut s = Story::new("parallel", 1_000, 1_000);
    s.key_rates.max_parallel = Limit::AtMost(1);
    let lines = vec![
        (0, s.admit(id(0, 1), 1), "granted, 999 left"),
        (1, s.admit(id(0, 2), 1), "limited: Key MaxParallel 1, in 1000 ms"),
        (2, s.settle(id(0, 1), 0), "found open 1, charged 0"),
        (3, s.admit(id(0, 3), 1), "granted, 999 left"),
        (70, s.reap(), "interrupted: 1"),
        (71, s.admit(id(71, 4), 1), "granted, 998 left"),
    ];
    Case { name: "parallel requests, freed by settle and reaper", lines }
}

fn a_bound_that_can_be_tighter() -> Case {
    let mut s = Story::new("tighter", 10, 100);
    s.limits.rates.tokens_per_minute = Limit::AtMost(600);
    s.key_rates.max_parallel = Limit::AtMost(2);
    let mut blocked = Story::new("tighter", 0, 100);
    blocked.limits.rates = s.limits.rates;
    let lines = vec![
        (0, s.admit_loose(id(0, 1), (6, 100), (1, 1)), "granted, 4 left"),
        (0, s.admit_loose(id(0, 1), (9, 900), (1, 1)), "granted, 4 left"),
        (0, s.admit_loose(id(0, 2), (5, 100), (4, 500)), "tighten"),
        (1, s.status(), "spent 0/0 reserved 6/6 open 1"),
        (1, s.admit_tokens(id(0, 2), 4, 100), "granted, 0 left"),
        (2, s.settle_as(id(0, 2), 1, 100, false), "found open 4, charged 1"),
        // No better than the bound was, in the end: counted once.
        (2, s.admit_loose(id(2, 3), (5, 100), (3, 100)), "tighten"),
        (2, s.admit_tokens(id(2, 3), 4, 100), "refused: daily limit 10 spent 1 reserved 6 need 4"),
        (3, s.admit_loose(id(2, 4), (5, 100), (4, 100)), "refused: daily limit 10 spent 1 reserved 6 need 5"),
        (4, s.admit_loose(id(2, 5), (1, 601), (1, 430)), "tighten"),
        (4, s.admit_loose(id(2, 5), (1, 601), (1, 441)), "limited: Team TokensPerMinute 600, never"),
        (
            5,
            blocked.admit_loose(id(2, 6), (5, 1), (0, 0)),
            "refused: daily limit 0 spent 1 reserved 6 need 5",
        ),
        (6, s.admit_loose(id(2, 7), (3, 1), (0, 0)), "granted, 0 left"),
        // Nothing would fit into the budget, but not beside two others.
        (7, s.admit_loose(id(2, 8), (1, 1), (0, 0)), "refused: daily limit 10 spent 1 reserved 9 need 1"),
        (8, s.settle(id(2, 7), 0), "found open 3, charged 0"),
        (9, s.usage(), "m: requests 2, refused 5, cost_nano 1"),
        (10, s.settle(id(0, 1), 0), "found open 6, charged 0"),
        (10, s.admit_loose(id(0, 1), (90, 1), (0, 0)), "void"),
    ];
    Case { name: "no refusal is counted where a tighter bound may fit", lines }
}

fn blocked_and_unlimited() -> Case {
    let mut s = Story::new("blocked", 0, 0);
    let (refused, for_nothing) = (s.admit(id(0, 1), 1), s.admit(id(0, 1), 0));
    s.limits.daily = Limit::Unlimited;
    let in_one_window = s.admit(id(0, 1), 0);
    s.limits.monthly = Limit::Unlimited;
    let most = super::super::MOST.0;
    let lines = vec![
        (0, refused, "refused: monthly limit 0 spent 0 reserved 0 need 1"),
        (0, for_nothing, "refused: monthly limit 0 spent 0 reserved 0 need 0"),
        (0, in_one_window, "refused: monthly limit 0 spent 0 reserved 0 need 0"),
        (1, s.admit(id(0, 2), most), "granted"),
        (
            2,
            s.admit(id(0, 3), 1),
            "refused: monthly limit 9000000000000000 spent 0 reserved 9000000000000000 need 1",
        ),
        (3, s.settle(id(0, 2), 1), "found open 9000000000000000, charged 1"),
        (4, s.admit(id(0, 3), 1), "granted"),
    ];
    Case { name: "zero blocks, no limit is nine million dollars", lines }
}

fn an_empty_bucket_as_the_clock_steps_back() -> Case {
    let mut s = Story::new("clock-bucket", 1_000, 1_000);
    s.key_rates = Rates { tokens_per_minute: Limit::AtMost(400), ..Rates::UNLIMITED };
    let (a, b) = (id(0, 1), id(46, 2));
    let lines = vec![
        (0, s.admit_tokens(a, 1, 100), "granted, 999 left"),
        (50, s.settle_as(a, 1, 50, false), "found open 1, charged 1"),
        (50, s.reap(), "interrupted"),
        // The bucket ran empty at 50: four seconds before that it is not.
        (46, s.admit_tokens(b, 1, 100), "granted, 998 left"),
    ];
    Case { name: "a bucket that ran empty is the same after a clock stepped back", lines }
}

fn a_clock_that_steps_back() -> Case {
    let mut s = Story::new("clock", 1_000, 1_000);
    s.limits.rates.requests_per_minute = Limit::AtMost(1);
    let lines = vec![
        (3_000, s.admit(id(100, 1), 6), "granted, 994 left"),
        (100, s.reap(), "interrupted"),
        (101, s.admit(id(101, 2), 6), "limited: Team RequestsPerMinute 1, in 120000 ms"),
        (159, s.reap(), "interrupted"),
        (160, s.reap(), "interrupted: 6"),
        (161, s.settle(id(100, 1), 1), "found reaped 6, charged 1"),
        (3_000, s.status(), "spent 1/1 reserved 0/0 open 0"),
    ];
    Case { name: "a clock that steps back an hour delays nothing for an hour", lines }
}
