//! Records for tests.

use uuid::Uuid;

use super::settlement::{Settlement, Share};
use super::*;
use crate::money::NanoUsd;
use crate::usage::Usage;

pub const TIME: Time = Time::from_unix_millis(1_795_512_600_125);

fn name(text: &str) -> Named {
    Named::cleaned(text)
}

/// An answered request, different for each `n`.
pub fn request(n: u64) -> Record {
    let id = RequestId::new(Uuid::from_u128(u128::from(n) | 0x0190_0000_0000_7000_8000 << 48));
    let mut record = RequestRecord::begun(id, TIME, name("replica-1"), name("/v1/complete"));
    record.team_id = Some(name("finance-team"));
    record.outcome = Outcome::Answered;
    record.status = 200;
    record.into()
}

/// Every field is set.
pub fn full_request() -> Record {
    let id = RequestId::parse("01a20c47-1458-701f-bd68-31dfabdfe433").unwrap();
    let mut record = RequestRecord::begun(id, TIME, name("ed864d8c"), name("/v1/chat/completions"));
    record.team_id = Some(name("finance-team"));
    record.key_id = Some(name("07c801c42155"));
    record.client_address = Some([10, 0, 0, 7].into());
    record.client_request_id = Some(name("req-88"));
    record.trace_id = Some(name("4bf92f3577b34da6a3ce929d0e0e4736"));
    record.span_id = Some(name("00f067aa0ba902b7"));
    record.model_requested = Some(name("gpt-4o"));
    record.route_reason = Some(name("alias"));
    record.attempts = [("openai", "unavailable", Some(503), 0), ("azure_openai", "ok", Some(200), 480_000)]
        .map(|(provider, outcome, status, cost)| Attempt {
            provider: name(provider),
            model: name("gpt-4o"),
            outcome: name(outcome),
            status,
            ms: 212,
            cost_usd: NanoUsd(cost),
        })
        .into_iter()
        .collect();
    record.provider_used = Some(name("azure_openai"));
    record.model_used = Some(name("gpt-4o"));
    record.model_answered = Some(name("gpt-4o-2024-11-20"));
    record.fallback_triggered = true;
    record.outcome = Outcome::Answered;
    record.status = 200;
    record.usage = Usage {
        input: Some(120),
        cache_read: Some(40),
        cache_write_5m: Some(0),
        cache_write_1h: Some(0),
        output: Some(18),
        reasoning: Some(6),
        audio_input: Some(1),
        audio_output: Some(2),
        web_searches: Some(3),
        service_tier: Some(crate::catalog::ServiceTier::Flex),
    };
    record.cost_usd = NanoUsd(480_000);
    record.cost_is_estimate = true;
    record.pii.by_type = [(name("EMAIL_ADDRESS"), 2)].into_iter().collect();
    record.pii.action = Some(name("redact"));
    record.pii.withheld = 1;
    record.pii.unscanned = 1;
    let reasons = [name("instruction_override")].into_iter().collect();
    record.injection = Some(Injection { score: 12, verdict: name("pass"), reasons });
    record.stream = true;
    record.latency_ms = 431;
    record.overhead_us = 388;
    let share = Share {
        provider: name("azure_openai"),
        model: name("gpt-4o"),
        input_tokens: 160,
        output_tokens: 18,
        cost_usd: NanoUsd(480_000),
    };
    record.settlement = Some(Settlement { unreserved: true, shares: [share].into_iter().collect() });
    record.code = Some(name("budget_exceeded"));
    record.tags = [(name("cost_center"), name("4711"))].into_iter().collect();
    record.into()
}

pub fn admin() -> Record {
    let record = AdminRecord {
        request_id: RequestId::parse("01a20c47-2000-7000-8000-000000000001").unwrap(),
        time: TIME,
        replica: name("ed864d8c"),
        team_id: Some(name("default")),
        key_id: Some(name("5f1c3a9d2b40")),
        client_address: Some([10, 0, 0, 9].into()),
        action: AdminAction::BudgetOverride,
        target_team_id: Some(name("finance-team")),
        target_key_id: None,
        status: 200,
        code: None,
        changes: [(name("daily_limit_usd"), name("25.000000000"))].into_iter().collect(),
    };
    record.into()
}

/// As long as its types let it be.
pub fn longest() -> Record {
    let Record::Request(mut record) = full_request() else { unreachable!() };
    let long = name(&"x".repeat(Named::LONGEST));
    let numbered = |n: usize| name(&format!("{n:x>128}"));
    record.attempts = std::iter::repeat_n(
        Attempt {
            provider: long.clone(),
            model: long.clone(),
            outcome: long.clone(),
            status: Some(u16::MAX),
            ms: u64::MAX,
            cost_usd: NanoUsd(i64::MAX),
        },
        100,
    )
    .collect();
    let share = Share {
        provider: long.clone(),
        model: long.clone(),
        input_tokens: u64::MAX,
        output_tokens: u64::MAX,
        cost_usd: NanoUsd(i64::MAX),
    };
    let shares = std::iter::repeat_n(share, 100).collect();
    record.settlement = Some(Settlement { unreserved: true, shares });
    record.pii.by_type = (0..500).map(|n| (numbered(n), u64::MAX)).collect();
    record.tags = (0..500).map(|n| (numbered(n), long.clone())).collect();
    record.injection = Some(Injection {
        score: 100,
        verdict: long.clone(),
        reasons: std::iter::repeat_n(long.clone(), 100).collect(),
    });
    Record::Request(record)
}
