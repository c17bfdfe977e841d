//! Cases of usage by tag.

use super::super::{Counter, Hour, Op, TAG_VALUES_A_DAY, Tag};
use super::cases::{Case, Story, id};
use crate::ids::{TagName, TagValue};

fn name(text: &str) -> TagName {
    TagName::new(text).expect("the cases' tags are well named")
}

fn tag(name: &str, value: &str) -> Tag {
    Tag { name: self::name(name), value: TagValue::new(value).expect("a plain word") }
}

impl Story {
    fn usage_by(&self, tag: &str) -> Op {
        Op::Usage { team: self.team.clone(), from: Hour(0), to: Hour(u32::MAX), tag: Some(name(tag)) }
    }
}

fn tagged(mut op: Op, tags: &[Tag]) -> Op {
    match &mut op {
        Op::Settle(settle) => {
            settle.tags = tags.to_vec();
            // Nobody asks for it by tag.
            settle.usage[0].1.add(Counter::Latency(100), 1);
        }
        Op::Admit(admit) => admit.tags = tags.to_vec(),
        _ => {}
    }
    op
}

pub(super) fn by_tag() -> Case {
    let s = Story::new("tagged", 100, 100);
    let (a, b) = (tag("cost", "a"), tag("cost", "b"));
    let all = "m: requests 5, refused 1, errors 1, cost_nano 14, latency_ms.100 3";
    let lines = vec![
        (0, tagged(s.settle(id(0, 1), 5), &[a.clone(), tag("project", "x")]), "found unknown, charged 5"),
        (0, tagged(s.settle(id(0, 1), 5), std::slice::from_ref(&a)), "found closed, charged 5"),
        // A name that stands twice counts once.
        (0, tagged(s.settle(id(0, 2), 3), &[b.clone(), a.clone()]), "found unknown, charged 3"),
        (0, s.settle(id(0, 3), 1), "found unknown, charged 1"),
        (
            1,
            tagged(s.admit(id(1, 4), 200), std::slice::from_ref(&a)),
            "refused: monthly limit 100 spent 9 reserved 0 need 200",
        ),
        // What nobody ended has no tag until its owner's word is there.
        (1, tagged(s.admit(id(1, 5), 4), std::slice::from_ref(&a)), "granted, 87 left"),
        (1, s.admit(id(1, 6), 1), "granted, 86 left"),
        (61, s.reap(), "interrupted: 4 1"),
        (62, tagged(s.settle(id(1, 5), 4), std::slice::from_ref(&a)), "found reaped 4, charged 4"),
        (
            63,
            s.usage_by("cost"),
            "m: requests 5, refused 1, errors 1, cost_nano 14, latency_ms.100 3; \
             [a] m: requests 2, refused 1, cost_nano 9; [b] m: requests 1, cost_nano 3",
        ),
        (
            63,
            s.usage_by("project"),
            "m: requests 5, refused 1, errors 1, cost_nano 14, latency_ms.100 3; [x] m: requests 1, cost_nano 5",
        ),
        (63, s.usage_by("else"), all),
        // The next day.
        (601, tagged(s.settle(id(601, 7), 2), std::slice::from_ref(&b)), "found unknown, charged 2"),
        (
            602,
            s.usage_by("cost"),
            "m: requests 5, refused 1, errors 1, cost_nano 14, latency_ms.100 3; m: requests 1, cost_nano 2, latency_ms.100 1; \
             [a] m: requests 2, refused 1, cost_nano 9; [b] m: requests 1, cost_nano 3; [b] m: requests 1, cost_nano 2",
        ),
    ];
    Case { name: "usage by tag, refusals and late words too", lines }
}

/// Ids of one second differ in `n`, so the values are spread over two.
pub(super) fn values_of_a_day() -> Case {
    let s = Story::new("values", 1_000, 1_000);
    let mut lines = Vec::new();
    let one = |second: u64, n: u8, value: &str| {
        (second, tagged(s.settle(id(second, n), 0), &[tag("user", value)]), "found unknown, charged 0")
    };
    for n in 0..TAG_VALUES_A_DAY {
        let n = u8::try_from(n).expect("a day has few values");
        lines.push(one(0, n, "same"));
        lines.push(one(1, n, &format!("u{n}")));
    }
    // `same` and u0 to u98 have taken all the places.
    lines.push(one(2, 1, "same"));
    lines.push(one(2, 2, "u98"));
    lines.push(one(3, 1, "late"));
    // The next day has places of its own.
    lines.push(one(601, 1, "late"));
    lines.push((
        602,
        s.usage_by("user"),
        "m: requests 203, latency_ms.100 203; m: requests 1, latency_ms.100 1; [(other)] m: requests 2; \
         [same] m: requests 101; [u0] m: requests 1; [u1] m: requests 1 … 104 rows",
    ));
    Case { name: "values beyond those that a day counts apart are others", lines }
}
