use super::*;
use gateway_core::audit::{Outcome, RequestId, Time};
use gateway_core::catalog::{Catalog, Place, Prompt, bound};
use gateway_core::conversation::{Content, Conversation, Part, Role, Text, Turn};
use gateway_core::ids::{ModelName, ProviderKind, UpstreamName};
use gateway_core::ledger::{Counter, Limit, Settle};
use gateway_core::routing::Candidate;

/// 105 tokens in at 2,500 nano-USD, 100 out at 10,000.
const BOUND: i64 = 105 * 2_500 + 100 * 10_000;

fn attempt(kind: ProviderKind, model: &str, stream: bool) -> UnderWay {
    let upstream = UpstreamName::new(kind.name()).unwrap();
    let found = Catalog::builtin().find(Place { upstream: &upstream, kind, region: None }, model).unwrap();
    let route = Arc::new(routing::Route {
        upstream,
        kind,
        model: ModelName::new(model),
        wire_model: model.to_owned(),
        price: found.price.unwrap(),
        window: found.window,
        max_output: found.max_output,
        default_output_bound: found.default_output_bound,
        abilities: found.abilities,
        efforts: found.efforts,
    });
    let parts = vec![Part::new(Content::Text(Text::new("nine byte")))];
    let turns = vec![Turn { role: Role::User, parts, name: None }];
    let prompt = Prompt::of(&Conversation { turns, ..Conversation::default() });
    let candidate =
        Candidate { upstream: 0, route: Arc::clone(&route), output_bound: 100, output_was_bounded: false };
    UnderWay { route, tier: None, bound: bound(&candidate, &prompt, None), stream }
}

fn gpt(stream: bool) -> UnderWay {
    attempt(ProviderKind::OpenAi, "gpt-4o", stream)
}

fn reported(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::NONE }
}

const UNLIMITED: (Limits, Rates) = {
    let limits = Limits { daily: Limit::Unlimited, monthly: Limit::Unlimited, rates: Rates::UNLIMITED };
    (limits, Rates::UNLIMITED)
};

fn opened() -> Bill {
    let mut bill = Bill::default();
    bill.open(Settlements::default(), UNLIMITED, gpt(false).name());
    bill
}

/// What is settled behind the record of this bill's request.
fn settled(bill: &mut Bill, outcome: Outcome) -> Option<Settle> {
    let (time, name) = (Time::from_unix_millis(0), Named::cleaned("x"));
    let id = RequestId::new(uuid::Uuid::now_v7());
    let mut record = RequestRecord {
        team_id: Named::new("ops"),
        key_id: Named::new("k"),
        outcome,
        ..RequestRecord::begun(id, time, name.clone(), name)
    };
    bill.tell(&mut record);
    let settle = ledger::due(&record, |_| UNLIMITED);
    assert_eq!(bill.settles(&record).is_some(), settle.is_some());
    assert!(bill.settles(&record).is_none(), "once");
    settle
}

#[test]
fn what_nobody_reported_is_charged_as_seen_or_at_its_bound() {
    let input_only = Usage { input: Some(10), ..Usage::NONE };
    let cached = Usage { cache_read: Some(10), ..reported(0, 2) };
    let free = UnderWay { bound: Bound::default(), ..gpt(false) };
    let thinker = || attempt(ProviderKind::Gemini, "gemini-2.5-pro", true);
    for (case, charge, cost, estimate) in [
        ("reported", gpt(false).answered(&reported(10, 2), 0), 10 * 2_500 + 2 * 10_000, false),
        ("whole, no usage", gpt(true).answered(&Usage::NONE, 5), 105 * 2_500 + 5 * 10_000, true),
        ("broken, no usage", gpt(true).broken(&Usage::NONE, 5), 105 * 2_500 + 5 * 10_000, true),
        ("broken, usage so far", gpt(true).broken(&reported(10, 1), 5), 10 * 2_500 + 5 * 10_000, true),
        ("broken, input told", gpt(true).broken(&input_only, 0), 10 * 2_500, true),
        (
            "whole, a prompt of nothing",
            gpt(false).answered(&reported(0, 2), 5),
            105 * 2_500 + 2 * 10_000,
            true,
        ),
        ("broken, provisional zeros", gpt(true).broken(&reported(0, 0), 5), 105 * 2_500 + 5 * 10_000, true),
        ("all of it from a cache", gpt(false).answered(&cached, 5), 10 * 1_250 + 2 * 10_000, false),
        ("nothing is billed", free.answered(&reported(0, 0), 0), 0, false),
        ("in one piece, lost", gpt(false).broken(&Usage::NONE, 0), BOUND, true),
        ("it thinks unseen", thinker().broken(&Usage::NONE, 5), 105 * 1_250 + 100 * 10_000, true),
    ] {
        assert_eq!((charge.cost.0, charge.estimate), (cost, estimate), "{case}");
    }
}

#[test]
fn a_cheaper_tier_is_charged_where_the_provider_says_that_it_served_it() {
    use ServiceTier::{Flex, Priority, Standard};
    // 1.25 and 10 USD per million tokens, half of it in flex, twice of it in priority.
    for (case, asked, told, cost) in [
        ("flex, and told so", Some(Flex), Some(Flex), 10 * 625 + 2 * 5_000),
        ("flex, served as standard", Some(Flex), Some(Standard), 10 * 1_250 + 2 * 10_000),
        ("flex, and not told", Some(Flex), None, 10 * 1_250 + 2 * 10_000),
        ("priority, and not told", Some(Priority), None, 10 * 2_500 + 2 * 20_000),
        ("priority, served as standard", Some(Priority), Some(Standard), 10 * 1_250 + 2 * 10_000),
        ("nothing asked, nothing told", None, None, 10 * 1_250 + 2 * 10_000),
        ("an operator's priority", None, Some(Priority), 10 * 2_500 + 2 * 20_000),
    ] {
        let attempt = UnderWay { tier: asked, ..attempt(ProviderKind::OpenAi, "gpt-5", false) };
        let usage = Usage { service_tier: told, ..reported(10, 2) };
        let charge = attempt.answered(&usage, 0);
        assert_eq!((charge.cost.0, charge.estimate), (cost, false), "{case}");
    }
}

#[test]
fn a_bill_is_settled_once_for_all_attempts() {
    let fault = |class, status| Fault::new(class, status);
    for (case, faults, answered, want) in [
        ("answered", vec![], true, 45_000),
        ("an error that was answered", vec![fault(FaultClass::Unavailable, Some(503))], true, 45_000),
        ("never sent", vec![fault(FaultClass::Connect, None)], true, 45_000),
        ("an error page", vec![fault(FaultClass::Broken, Some(502))], true, 45_000),
        ("a lost attempt", vec![fault(FaultClass::Timeout, None)], true, BOUND + 45_000),
        (
            "cut",
            vec![fault(FaultClass::Broken, Some(200)), fault(FaultClass::Broken, None)],
            false,
            2 * BOUND,
        ),
        ("refused by all", vec![fault(FaultClass::Misconfigured, Some(401))], false, 0),
    ] {
        let mut bill = opened();
        for fault in &faults {
            bill.begins(gpt(false));
            bill.failed(fault);
        }
        if answered {
            bill.begins(gpt(false));
            assert_eq!(bill.charge(&reported(10, 2), 0).cost.0, want, "{case}");
        }
        let outcome = if answered { Outcome::Answered } else { Outcome::Failed };
        let settle = settled(&mut bill, outcome).expect("the budget was asked");
        assert_eq!(settle.cost.0, want, "{case}");
        let sum = |counter: &Counter| settle.usage.iter().map(|(_, tally)| tally.get(counter)).sum::<i64>();
        assert_eq!((sum(&Counter::Cost), sum(&Counter::Requests)), (want, 1), "{case}");
        assert_eq!(sum(&Counter::Errors), i64::from(!answered), "{case}");
    }
}

#[test]
fn what_ends_under_way_costs_what_was_seen() {
    let long = "many bytes in few tokens ".repeat(40);
    for (case, stream, said, want) in [
        ("in one piece", false, "seven b", BOUND),
        ("a stream", true, "seven b", 105 * 2_500 + 7 * 10_000),
        ("a stream with more bytes than tokens were reserved", true, long.as_str(), BOUND),
    ] {
        let mut bill = opened();
        bill.begins(gpt(stream));
        bill.sees(&Event::Text { choice: 0, text: Text::new(said) });
        assert_eq!(settled(&mut bill, Outcome::Cancelled).map(|settle| settle.cost.0), Some(want), "{case}");
    }
    let mut bill = opened();
    bill.refused();
    assert_eq!(settled(&mut bill, Outcome::Denied), None, "the ledger refused: there is nothing to settle");
    let release = settled(&mut opened(), Outcome::Cancelled).map(|settle| settle.cost);
    assert_eq!(release, Some(NanoUsd::ZERO), "not sent");
}
