//! What a record of the audit trail makes due: the settle that its owner owes to the ledger. Made of the record
//! alone, so that a replay is the same as the first time.

use std::time::Duration;

use super::limits::{Limits, Rates};
use super::op::{ReservationId, Settle};
use super::tally::{Counter, Route, Tag, Tally};
use crate::audit::settlement::{Settlement, Share};
use crate::audit::{Named, Outcome, RecordedBy, RequestRecord};
use crate::ids::{KeyId, ModelName, TagName, TagValue, TeamId, UpstreamName};

/// `None` where nothing is: the budget was not asked, or refused, or a reaper wrote the record. `limits` are the
/// configuration's for that team.
pub fn due(record: &RequestRecord, limits: impl FnOnce(&TeamId) -> (Limits, Rates)) -> Option<Settle> {
    let settlement = record.settlement.as_ref().filter(|_| record.recorded_by == RecordedBy::Owner)?;
    let team = TeamId::new(record.team_id.as_ref()?.as_str())?;
    let (limits, key_rates) = limits(&team);
    let tokens = |share: &Share| share.input_tokens.saturating_add(share.output_tokens);
    Some(Settle {
        id: ReservationId::new(record.request_id.uuid())?,
        team,
        key: KeyId::new(record.key_id.as_ref()?.as_str()),
        cost: record.cost_usd,
        tokens: settlement.shares.iter().map(tokens).fold(0, u64::saturating_add),
        unreserved: settlement.unreserved,
        limits,
        key_rates,
        usage: usage(record, settlement),
        tags: tags(record),
    })
}

/// As the record has them: what is counted by a tag is what the trail says of it.
pub fn tags(record: &RequestRecord) -> Vec<Tag> {
    let tag = |(name, value): (&Named, &Named)| {
        Some(Tag { name: TagName::new(name.as_str())?, value: TagValue::new(value.as_str())? })
    };
    record.tags.iter().filter_map(tag).collect()
}

fn usage(record: &RequestRecord, settlement: &Settlement) -> Vec<(Route, Tally)> {
    let mut usage: Vec<(Route, Tally)> = settlement.shares.iter().filter_map(consumed).collect();
    let verdict = record.injection.as_ref().map(|injection| injection.verdict.as_str());
    if let Some((_, tally)) = usage.last_mut() {
        if record.outcome == Outcome::Denied && verdict == Some("block") {
            // It was not let through, so it is none of the requests.
            tally.add(Counter::InjectionBlocked, 1);
            return usage;
        }
        tally.add(Counter::Requests, 1);
        tally.add(Counter::Fallbacks, i64::from(record.fallback_triggered));
        match record.outcome {
            Outcome::Answered => {
                tally.add(Counter::latency(Duration::from_millis(record.latency_ms)), 1);
            }
            Outcome::Cancelled => {}
            Outcome::Failed | Outcome::CutShort | Outcome::Denied | Outcome::Interrupted => {
                tally.add(Counter::Errors, 1);
            }
        }
        if verdict == Some("flag") {
            tally.add(Counter::InjectionFlagged, 1);
        }
        let found = record.pii.by_type.iter();
        tally.extend(found.map(|(kind, count)| {
            (Counter::Redactions(kind.as_str().to_owned().into()), i64::try_from(*count).unwrap_or(i64::MAX))
        }));
    }
    usage
}

fn consumed(share: &Share) -> Option<(Route, Tally)> {
    let provider = UpstreamName::new(share.provider.as_str())?;
    let count = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
    let tally = Tally::default()
        .with(Counter::InputTokens, count(share.input_tokens))
        .with(Counter::OutputTokens, count(share.output_tokens))
        .with(Counter::Cost, share.cost_usd.0);
    Some((Route { provider, model: ModelName::new(share.model.as_str()) }, tally))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Few, Injection, Pii, RequestId, Table, Time};
    use crate::money::NanoUsd;
    use uuid::Uuid;

    fn share(model: &str, input_tokens: u64, cost: i64) -> Share {
        let (provider, model) = (Named::cleaned("openai"), Named::cleaned(model));
        Share { provider, model, input_tokens, output_tokens: 2, cost_usd: NanoUsd(cost) }
    }

    fn record(shares: &[Share]) -> RequestRecord {
        let id = RequestId::new(Uuid::from_u128(0x0190_0000_0000_7000_8000 << 48));
        let endpoint = Named::cleaned("/v1/complete");
        RequestRecord {
            team_id: Named::new("ops"),
            key_id: Named::new("k"),
            outcome: Outcome::Answered,
            cost_usd: NanoUsd(12),
            fallback_triggered: true,
            latency_ms: 101,
            pii: Pii { by_type: Table::from_iter([(Named::cleaned("EMAIL_ADDRESS"), 3)]), ..Pii::default() },
            settlement: Some(Settlement { unreserved: true, shares: Few::from_iter(shares.iter().cloned()) }),
            tags: Table::from_iter([(Named::cleaned("cost_center"), Named::cleaned("4711"))]),
            ..RequestRecord::begun(id, Time::from_unix_millis(0), Named::cleaned("r"), endpoint)
        }
    }

    fn limits(_: &TeamId) -> (Limits, Rates) {
        let unlimited = super::super::limits::Limit::Unlimited;
        (Limits { daily: unlimited, monthly: unlimited, rates: Rates::UNLIMITED }, Rates::UNLIMITED)
    }

    #[test]
    fn a_record_is_settled_as_it_was_charged() {
        let settle = due(&record(&[share("lost", 5, 2), share("m", 7, 10)]), limits).unwrap();
        assert_eq!((settle.cost, settle.tokens, settle.unreserved), (NanoUsd(12), 16, true));
        let tag = Tag { name: TagName::new("cost_center").unwrap(), value: TagValue::new("4711").unwrap() };
        assert_eq!(settle.tags, [tag]);
        let [(lost, of_lost), (answered, of_answered)] = &settle.usage[..] else { panic!("two routes") };
        assert_eq!((lost.model.as_str(), answered.model.as_str()), ("lost", "m"));
        assert_eq!(of_lost.get(&Counter::Requests), 0, "the request is counted once");
        for (counter, count) in [
            (Counter::Requests, 1),
            (Counter::Fallbacks, 1),
            (Counter::Errors, 0),
            (Counter::Latency(250), 1),
            (Counter::InputTokens, 7),
            (Counter::Cost, 10),
            (Counter::Redactions("EMAIL_ADDRESS".into()), 3),
        ] {
            assert_eq!(of_answered.get(&counter), count, "{counter:?}");
        }
    }

    #[test]
    fn what_the_guard_refused_is_counted_as_that_alone() {
        let said = |verdict| {
            Some(Injection { score: 90, verdict: Named::cleaned(verdict), reasons: Few::default() })
        };
        let shares = [Share { output_tokens: 0, ..share("m", 0, 0) }];
        let owed = || RequestRecord { pii: Pii::default(), ..record(&shares) };
        let refused = RequestRecord { injection: said("block"), outcome: Outcome::Denied, ..owed() };
        let told = RequestRecord { injection: said("flag"), ..owed() };
        for (case, record, want) in [
            ("refused", refused, Tally::default().with(Counter::InjectionBlocked, 1)),
            (
                "told of",
                told,
                Tally::default()
                    .with(Counter::Requests, 1)
                    .with(Counter::Fallbacks, 1)
                    .with(Counter::Latency(250), 1)
                    .with(Counter::InjectionFlagged, 1),
            ),
        ] {
            let settle = due(&record, limits).unwrap();
            let [(_, tally)] = &settle.usage[..] else { panic!("{case}: one route") };
            assert_eq!(*tally, want, "{case}");
        }
    }

    #[test]
    fn what_is_not_owed_is_not_settled() {
        let owed = || record(&[share("m", 1, 1)]);
        assert!(due(&owed(), limits).is_some());
        for (case, record) in [
            ("the budget was not asked", RequestRecord { settlement: None, ..owed() }),
            ("another found it abandoned", RequestRecord { recorded_by: RecordedBy::Reaper, ..owed() }),
            ("nobody was proved", RequestRecord { team_id: None, ..owed() }),
        ] {
            assert_eq!(due(&record, limits), None, "{case}");
        }
        for (outcome, errors) in [(Outcome::Failed, 1), (Outcome::CutShort, 1), (Outcome::Cancelled, 0)] {
            let settle = due(&RequestRecord { outcome, ..owed() }, limits).unwrap();
            assert_eq!(settle.usage[0].1.get(&Counter::Errors), errors, "{outcome:?}");
        }
    }
}
