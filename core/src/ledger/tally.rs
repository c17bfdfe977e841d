//! Usage counters: by hour, team, model and provider, moved in the same step as the money.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::window::Hour;
use crate::ids::{ModelName, TagName, TagValue, UpstreamName};

/// How long counters are kept.
pub const USAGE_KEPT: Duration = Duration::from_hours(90 * 24);

/// Which model at which provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    pub provider: UpstreamName,
    pub model: ModelName,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    Requests,
    /// By a budget or a rate limit.
    Refused,
    Errors,
    Fallbacks,
    InputTokens,
    OutputTokens,
    /// In nano-USD.
    Cost,
    /// By kind, as [`crate::finding::Kind::name`] has it.
    Redactions(Cow<'static, str>),
    InjectionFlagged,
    InjectionBlocked,
    /// Answers that took at most so many milliseconds (and more than the bucket below), by
    /// [`LATENCY_BUCKETS_MS`]; the last is for all that took longer.
    Latency(u64),
}

/// Upper bounds of the latency buckets in milliseconds.
pub const LATENCY_BUCKETS_MS: [u64; 10] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, u32::MAX as u64];

/// How much each counter moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<Counter, i64>);

/// One hour of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    pub hour: Hour,
    pub route: Route,
    /// `None`: all requests, whatever they were tagged with.
    pub value: Option<TagValue>,
    pub tally: Tally,
}

/// What a request is counted under besides its route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    pub name: TagName,
    pub value: TagValue,
}

/// Most tags of a request.
pub const MOST_TAGS: usize = 5;
/// Values of one tag that are counted apart in a team's day. One that comes after them counts as
/// [`TagValue::OTHER`]: what callers write must not grow the books without bound.
pub const TAG_VALUES_A_DAY: usize = 100;

impl Counter {
    pub fn latency(took: Duration) -> Counter {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BUCKETS_MS.into_iter().find(|bound| millis <= *bound);
        Counter::Latency(bucket.unwrap_or(LATENCY_BUCKETS_MS[LATENCY_BUCKETS_MS.len() - 1]))
    }

    /// As stores keep it: no `|` in it but behind a kind's name, which has none.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Counter::Requests => "requests".into(),
            Counter::Refused => "refused".into(),
            Counter::Errors => "errors".into(),
            Counter::Fallbacks => "fallbacks".into(),
            Counter::InputTokens => "input_tokens".into(),
            Counter::OutputTokens => "output_tokens".into(),
            Counter::Cost => "cost_nano".into(),
            Counter::Redactions(kind) => format!("redactions.{kind}").into(),
            Counter::InjectionFlagged => "injection_flagged".into(),
            Counter::InjectionBlocked => "injection_blocked".into(),
            Counter::Latency(bound) => format!("latency_ms.{bound}").into(),
        }
    }

    /// Reads [`Counter::name`]; `None` for any other word.
    pub fn parse(name: &str) -> Option<Counter> {
        Some(match name {
            "requests" => Counter::Requests,
            "refused" => Counter::Refused,
            "errors" => Counter::Errors,
            "fallbacks" => Counter::Fallbacks,
            "input_tokens" => Counter::InputTokens,
            "output_tokens" => Counter::OutputTokens,
            "cost_nano" => Counter::Cost,
            "injection_flagged" => Counter::InjectionFlagged,
            "injection_blocked" => Counter::InjectionBlocked,
            _ => match name.split_once('.')? {
                ("redactions", kind) if !kind.is_empty() => Counter::Redactions(kind.to_owned().into()),
                ("latency_ms", bound) => Counter::Latency(bound.parse().ok()?),
                _ => return None,
            },
        })
    }
}

impl Route {
    /// `provider/model|counter`: a provider's name holds no `/`, a counter's no `|`.
    pub fn field(&self, counter: &Counter) -> String {
        format!("{}/{}|{}", self.provider, self.model, counter.name())
    }

    /// Reads [`Route::field`].
    pub fn parse_field(field: &str) -> Option<(Route, Counter)> {
        let (provider, rest) = field.split_once('/')?;
        let (model, counter) = rest.rsplit_once('|')?;
        let route = Route { provider: UpstreamName::new(provider)?, model: ModelName::new(model) };
        Some((route, Counter::parse(counter)?))
    }
}

impl Tally {
    /// What is counted by tag: all but latencies, which nobody asks for by tag.
    pub(super) fn of_tag(&self) -> Tally {
        let counted = self.0.iter().filter(|(counter, _)| !matches!(counter, Counter::Latency(_)));
        Tally(counted.map(|(counter, count)| (counter.clone(), *count)).collect())
    }

    /// Moves each counter back by what `less` has of it.
    pub fn subtract(&mut self, less: &Tally) {
        less.iter().for_each(|(counter, count)| self.add(counter.clone(), count.saturating_neg()));
    }

    /// Moves a counter; a count that is nothing leaves no trace.
    pub fn add(&mut self, counter: Counter, count: i64) {
        if count == 0 {
            return;
        }
        let sum = self.get(&counter).saturating_add(count);
        if sum == 0 {
            self.0.remove(&counter);
        } else {
            self.0.insert(counter, sum);
        }
    }

    /// Moves each counter by what `more` has of it. Names are copied for counters that are new here alone.
    pub fn merge(&mut self, more: &Tally) {
        for (counter, count) in &more.0 {
            match self.0.get_mut(counter) {
                Some(sum) if sum.saturating_add(*count) != 0 => *sum = sum.saturating_add(*count),
                _ => self.add(counter.clone(), *count),
            }
        }
    }

    #[must_use]
    pub fn with(mut self, counter: Counter, count: i64) -> Tally {
        self.add(counter, count);
        self
    }

    pub fn get(&self, counter: &Counter) -> i64 {
        self.0.get(counter).copied().unwrap_or(0)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Counter, i64)> {
        self.0.iter().map(|(counter, count)| (counter, *count))
    }

    /// No count beyond `most`, up or down.
    pub(super) fn clamp(&mut self, most: i64) {
        self.0.values_mut().for_each(|count| *count = (*count).clamp(-most, most));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<(Counter, i64)> for Tally {
    fn extend<T: IntoIterator<Item = (Counter, i64)>>(&mut self, counts: T) {
        counts.into_iter().for_each(|(counter, count)| self.add(counter, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_back() {
        for (provider, model, counter) in [
            ("openai", "gpt-4o", Counter::Requests),
            ("azure_openai", "a/b|c", Counter::Cost),
            ("x", "", Counter::Redactions("EMAIL_ADDRESS".into())),
            ("x", "m", Counter::Latency(2_500)),
        ] {
            let provider = UpstreamName::new(provider).unwrap();
            let route = Route { provider, model: ModelName::new(model) };
            let field = route.field(&counter);
            assert_eq!(Route::parse_field(&field), Some((route, counter)), "{field}");
        }
        for foreign in ["", "requests", "openai/gpt|", "openai/gpt|else", "/gpt|requests", "o/g|latency_ms.x"]
        {
            assert_eq!(Route::parse_field(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn merging_is_adding_each() {
        let found = || Counter::Redactions("EMAIL_ADDRESS".into());
        let mut sum = Tally::default().with(Counter::Requests, 2).with(Counter::Errors, 1);
        sum.merge(&Tally::default().with(Counter::Requests, 3).with(Counter::Errors, -1).with(found(), 4));
        // A count that is nothing leaves no trace.
        assert_eq!(sum, Tally::default().with(Counter::Requests, 5).with(found(), 4));
        sum.subtract(&Tally::default().with(Counter::Requests, 5).with(Counter::Errors, 2));
        assert_eq!(sum, Tally::default().with(found(), 4).with(Counter::Errors, -2));
    }

    #[test]
    fn latencies_fall_into_the_first_bucket_that_holds_them() {
        for (millis, bucket) in [(0, 100), (100, 100), (101, 250), (60_001, u64::from(u32::MAX))] {
            assert_eq!(Counter::latency(Duration::from_millis(millis)), Counter::Latency(bucket), "{millis}");
        }
        assert_eq!(Counter::latency(Duration::MAX), Counter::Latency(u64::from(u32::MAX)));
    }
}
