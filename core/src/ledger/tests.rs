use std::io::Write;

use proptest::prelude::*;

use super::rule::Rules;
use super::suite::{cases, grow, history, seeds};

#[test]
fn the_rule_answers_as_the_cases_say() {
    let wrong: Vec<_> =
        cases().iter().filter_map(|case| case.steps().err().map(|e| (case.name, e))).collect();
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.iter().map(|(name, e)| format!("{name}: {e}\n")).collect::<String>()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn books_bills_and_audit_agree_whatever_happens(seeds in seeds()) {
        prop_assert!(history("h", &seeds).is_ok(), "{}", history("h", &seeds).unwrap_err());
    }
}

/// Past the test runner's capture: what broke is a part of the result.
fn told(line: &str) {
    writeln!(std::io::stdout().lock(), "{line}").unwrap();
}

/// Each rule of the reservations is needed: without it some history breaks an invariant.
#[test]
fn without_any_one_rule_something_breaks() {
    for (name, rules) in [
        ("marker", Rules { marker: false, ..Rules::ALL }),
        ("old is void", Rules { old_is_void: false, ..Rules::ALL }),
        ("unknown is charged", Rules { unknown_is_charged: false, ..Rules::ALL }),
        ("reaped is replaced", Rules { reaped_is_replaced: false, ..Rules::ALL }),
        ("handed until recorded", Rules { handed_until_recorded: false, ..Rules::ALL }),
        ("raise to a total", Rules { raise_to_total: false, ..Rules::ALL }),
        ("renew never creates", Rules { renew_never_creates: false, ..Rules::ALL }),
        ("raise only what is open", Rules { raise_only_open: false, ..Rules::ALL }),
        ("a raise has to fit", Rules { raise_has_to_fit: false, ..Rules::ALL }),
        ("unreserved is kept", Rules { unreserved_is_kept: false, ..Rules::ALL }),
    ] {
        let broken = broken_by(rules, 60_000);
        told(&format!("the rule without '{name}': {}", broken.as_deref().unwrap_or("nothing breaks")));
        assert!(broken.is_some(), "without '{name}' nothing breaks");
    }
    assert_eq!(broken_by(Rules::ALL, 5_000), None);
}

/// What the first of so many random histories breaks, with these rules alone.
fn broken_by(rules: Rules, histories: u64) -> Option<String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = || {
        // xorshift64: any spread of numbers will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u16::try_from(state >> 48).unwrap()
    };
    (0..histories).find_map(|_| {
        let seeds: Vec<u16> = (0..200).map(|_| roll()).collect();
        grow("h", &seeds, rules).err()
    })
}
