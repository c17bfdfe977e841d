use super::*;
use gateway_actors::budget::Outbox;
use gateway_core::catalog::{Catalog, Place, Prompt, bound};
use gateway_core::conversation::{Content, Conversation, Part, Role, Text, Turn};
use gateway_core::ids::{KeyId, ModelName, ProviderKind, TeamId, UpstreamName};
use gateway_core::ledger::{Limit, Limits, Rates, ReservationId};
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

fn opened(settlements: &Settlements) -> Bill {
    let mut bill = Bill::default();
    let settle = Settle {
        id: ReservationId::new(uuid::Uuid::now_v7()).unwrap(),
        team: TeamId::new("ops").unwrap(),
        key: KeyId::new("k"),
        cost: NanoUsd::ZERO,
        tokens: 0,
        unreserved: false,
        limits: Limits { daily: Limit::Unlimited, monthly: Limit::Unlimited, rates: Rates::UNLIMITED },
        key_rates: Rates::UNLIMITED,
        usage: Vec::new(),
    };
    bill.open(settlements.clone(), settle, gpt(false).name());
    bill
}

async fn settled(settlements: &Settlements) -> Settle {
    let mut due = settlements.next(9).await;
    assert_eq!(due.len(), 1, "once");
    due.remove(0).1
}

#[test]
fn what_nobody_reported_is_charged_as_seen_or_at_its_bound() {
    let input_only = Usage { input: Some(10), ..Usage::NONE };
    let thinker = || attempt(ProviderKind::Gemini, "gemini-2.5-pro", true);
    for (case, charge, cost, estimate) in [
        ("reported", gpt(false).answered(&reported(10, 2), 0), 10 * 2_500 + 2 * 10_000, false),
        ("whole, no usage", gpt(true).answered(&Usage::NONE, 5), 105 * 2_500 + 5 * 10_000, true),
        ("broken, no usage", gpt(true).broken(&Usage::NONE, 5), 105 * 2_500 + 5 * 10_000, true),
        ("broken, usage so far", gpt(true).broken(&reported(10, 1), 5), 10 * 2_500 + 5 * 10_000, true),
        ("broken, input told", gpt(true).broken(&input_only, 0), 10 * 2_500, true),
        ("in one piece, lost", gpt(false).broken(&Usage::NONE, 0), BOUND, true),
        ("it thinks unseen", thinker().broken(&Usage::NONE, 5), 105 * 1_250 + 100 * 10_000, true),
    ] {
        assert_eq!((charge.cost.0, charge.estimate), (cost, estimate), "{case}");
    }
}

#[tokio::test]
async fn a_bill_is_settled_once_for_all_attempts() {
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
        let settlements = Settlements::default();
        let mut bill = opened(&settlements);
        for fault in &faults {
            bill.begins(gpt(false), false);
            bill.failed(fault);
        }
        if answered {
            bill.begins(gpt(false), !faults.is_empty());
            assert_eq!(bill.charge(&reported(10, 2), 0).cost.0, want, "{case}");
        }
        let ending = if answered { Ending::Answered } else { Ending::Failed(503) };
        bill.settle(ending, Duration::from_millis(20));
        bill.settle(ending, Duration::from_millis(20));
        let settle = settled(&settlements).await;
        assert_eq!(settle.cost.0, want, "{case}");
        let sum = |counter: &Counter| settle.usage.iter().map(|(_, tally)| tally.get(counter)).sum::<i64>();
        assert_eq!((sum(&Counter::Cost), sum(&Counter::Requests)), (want, 1), "{case}");
        assert_eq!(sum(&Counter::Errors), i64::from(!answered), "{case}");
        assert_eq!(sum(&Counter::Fallbacks), i64::from(answered && !faults.is_empty()), "{case}");
    }
}

#[tokio::test]
async fn what_ends_under_way_costs_what_was_seen() {
    for (case, stream, want) in [("in one piece", false, BOUND), ("a stream", true, 105 * 2_500 + 7 * 10_000)]
    {
        let settlements = Settlements::default();
        let mut bill = opened(&settlements);
        bill.begins(gpt(stream), false);
        bill.sees(&Event::Text { choice: 0, text: Text::new("seven b") });
        bill.settle(Ending::Cancelled, Duration::ZERO);
        assert_eq!(settled(&settlements).await.cost.0, want, "{case}");
    }
    let settlements = Settlements::default();
    let mut bill = opened(&settlements);
    bill.refused();
    bill.settle(Ending::Failed(402), Duration::ZERO);
    assert_eq!(settlements.waiting(), 0, "the ledger refused: there is nothing to settle");
    opened(&settlements).settle(Ending::Cancelled, Duration::ZERO);
    assert_eq!(settled(&settlements).await.cost, NanoUsd::ZERO, "not sent: a release");
}
