//! Faults on demand: rules that say which requests fail, and how. A rule is a plain value, the same in
//! the library and as JSON of `POST /__set`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::answer::fnv;
use crate::provider::Provider;

/// Slows down or fails the requests of its scope. Only requests that the provider would have answered
/// with 200 meet a rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// None: every provider.
    pub provider: Option<Provider>,
    /// The model as requested (Azure: the deployment). None: every model.
    pub model: Option<String>,
    /// Which requests of the scope fail; pace applies to all of them.
    pub when: When,
    /// Before the response's head, in milliseconds.
    pub latency_ms: u64,
    /// Between the events of a stream, in milliseconds.
    pub gap_ms: u64,
    /// Not 0: a stream is written in pieces of this many bytes, wherever that cuts its events.
    pub split_bytes: usize,
    pub failure: Option<Failure>,
}

/// Which requests of a rule's scope fail. Counted from 1, from the moment that the rule is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    #[default]
    Always,
    /// The first n.
    First(u64),
    /// Every k-th.
    Every(u64),
    /// This share, spread evenly and the same in each run.
    Percent(u64),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// An error status with the provider's own body. The wait goes where the provider puts it: a header,
    /// both of Azure's headers, or the details of Gemini's body.
    Status {
        code: u16,
        #[serde(default)]
        retry_after_ms: Option<u64>,
    },
    /// The provider's answer to a key that it does not know.
    WrongKey,
    /// The connection is reset (TCP RST).
    Reset(Point),
    /// Nothing more comes, and the connection stays open.
    Stall(Point),
    /// The connection is closed without the end of the body.
    Cut(Point),
    /// The body ends properly, but too early: no `[DONE]`, no `message_stop`.
    End(Point),
    /// An error event of the provider, then the end. In place of a JSON answer: its error with a 200.
    StreamError(Point),
    /// 200 with a JSON body, or one event of the stream, that is no JSON.
    GarbageJson,
    /// 200 with another content type; with `text/html` the body is a page.
    ContentType(String),
    /// 200 with an error as JSON body, also where a stream was asked for.
    ErrorBody,
    /// One line of the stream (or the JSON body) has this many bytes.
    HugeLine(usize),
}

/// Where in the answer a failure stands. A JSON answer knows `headers` and, for all others, its middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Reset and stall: before the response's head. All others: right after it.
    Headers,
    /// Before the first event with text, thoughts or a tool call, after all before it.
    BeforeContent,
    /// After half of the events with content, at least one.
    AfterContent,
    /// After this many events.
    Events(usize),
}

impl Rule {
    pub fn new(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    pub fn status(code: u16) -> Self {
        Self::new(Failure::Status { code, retry_after_ms: None })
    }

    pub fn on(self, provider: Provider) -> Self {
        Self { provider: Some(provider), ..self }
    }

    pub fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    fn covers(&self, provider: Provider, model: &str) -> bool {
        self.provider.is_none_or(|wanted| wanted == provider)
            && self.model.as_deref().is_none_or(|wanted| wanted == model)
    }

    fn has_scope_of(&self, other: &Self) -> bool {
        self.provider == other.provider && self.model == other.model
    }
}

impl When {
    /// `before`: requests of the scope before this one.
    fn holds(self, before: u64) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => before < count,
            Self::Every(step) => step > 0 && (before + 1).is_multiple_of(step),
            Self::Percent(share) => fnv(&before.to_le_bytes()) % 100 < share,
        }
    }
}

/// What awaits one request.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub latency: Duration,
    pub gap: Duration,
    pub split_bytes: usize,
    pub failure: Option<Failure>,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    active: RwLock<Vec<Active>>,
}

#[derive(Debug)]
struct Active {
    rule: Rule,
    seen: AtomicU64,
}

impl Rules {
    /// Puts these rules in place of all with the same scopes (provider and model).
    pub(crate) fn set(&self, rules: Vec<Rule>) {
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        active.retain(|old| !rules.iter().any(|rule| rule.has_scope_of(&old.rule)));
        active.extend(rules.into_iter().map(|rule| Active { rule, seen: AtomicU64::new(0) }));
    }

    pub(crate) fn clear(&self) {
        self.active.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Among rules that cover the request the first that holds gives the failure, the last the pace.
    pub(crate) fn verdict(&self, provider: Provider, model: &str) -> Verdict {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        let mut verdict = Verdict::default();
        for Active { rule, seen } in active.iter().filter(|active| active.rule.covers(provider, model)) {
            let before = seen.fetch_add(1, Ordering::Relaxed);
            if rule.latency_ms > 0 {
                verdict.latency = Duration::from_millis(rule.latency_ms);
            }
            if rule.gap_ms > 0 {
                verdict.gap = Duration::from_millis(rule.gap_ms);
            }
            if rule.split_bytes > 0 {
                verdict.split_bytes = rule.split_bytes;
            }
            if verdict.failure.is_none() && rule.when.holds(before) {
                verdict.failure.clone_from(&rule.failure);
            }
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(when: When, requests: u64) -> Vec<u64> {
        (1..=requests).filter(|n| when.holds(n - 1)).collect()
    }

    #[test]
    fn some_requests_fail() {
        assert_eq!(failing(When::Always, 3), [1, 2, 3]);
        assert_eq!(failing(When::First(2), 5), [1, 2]);
        assert_eq!(failing(When::Every(3), 7), [3, 6]);
        assert!(failing(When::Every(0), 7).is_empty());
        assert!((150..=250).contains(&failing(When::Percent(20), 1000).len()));
        assert_eq!(failing(When::Percent(100), 50).len(), 50);
    }

    #[test]
    fn rules_know_their_scope_and_replace_their_like() {
        let rules = Rules::default();
        let model = Rule { model: Some("gpt-4o".into()), ..Rule::status(500) };
        rules.set(vec![Rule::status(503).on(Provider::OpenAi).when(When::First(1)), model]);
        let status = |provider, model| match rules.verdict(provider, model).failure {
            Some(Failure::Status { code, .. }) => code,
            _ => 200,
        };
        assert_eq!(status(Provider::OpenAi, "gpt-4o"), 503, "the first rule that holds");
        assert_eq!(status(Provider::OpenAi, "gpt-4o"), 500, "then the next");
        assert_eq!(status(Provider::Gemini, "gemini-2.5-pro"), 200, "no rule covers it");
        rules.set(vec![Rule::status(429).on(Provider::OpenAi)]);
        assert_eq!(status(Provider::OpenAi, "o4-mini"), 429, "replaced");
        rules.clear();
        assert_eq!(status(Provider::OpenAi, "gpt-4o"), 200, "cleared");
    }

    #[test]
    fn rules_are_read_from_json() {
        for (json, want) in [
            (
                r#"{"provider":"azure","failure":{"status":{"code":429,"retry_after_ms":1500}}}"#,
                Rule::new(Failure::Status { code: 429, retry_after_ms: Some(1500) })
                    .on(Provider::AzureOpenAi),
            ),
            (
                r#"{"when":{"every":5},"failure":{"cut":"after_content"}}"#,
                Rule::new(Failure::Cut(Point::AfterContent)).when(When::Every(5)),
            ),
            (
                r#"{"failure":{"stall":{"events":3}},"gap_ms":20}"#,
                Rule { gap_ms: 20, ..Rule::new(Failure::Stall(Point::Events(3))) },
            ),
            (r#"{"failure":"garbage_json"}"#, Rule::new(Failure::GarbageJson)),
        ] {
            assert_eq!(serde_json::from_str::<Rule>(json).unwrap(), want, "{json}");
        }
        assert!(serde_json::from_str::<Rule>(r#"{"latency":5}"#).is_err(), "unknown fields are mistakes");
    }
}
