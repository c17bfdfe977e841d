//! What is recorded of a request and of an administrator's act. Ids, words, counters: no field can hold a
//! prompt, an answer, a found value or a key. docs/audit-schema.md explains each field.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::named::{Few, Named, RequestId, Table};
use super::settlement::Settlement;
use super::time::Time;
use crate::catalog::ServiceTier;
use crate::money::NanoUsd;
use crate::usage::Usage;

/// One record of the trail.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    Request(Box<RequestRecord>),
    Admin(Box<AdminRecord>),
}

impl Record {
    /// What makes it the same record wherever it arrives.
    pub fn id(&self) -> RequestId {
        match self {
            Record::Request(request) => request.request_id,
            Record::Admin(admin) => admin.request_id,
        }
    }

    pub fn time(&self) -> Time {
        match self {
            Record::Request(request) => request.time,
            Record::Admin(admin) => admin.time,
        }
    }

    /// Whose it is to read, beside auditors and administrators: the caller's team, or that to which an administrator
    /// did something. `None` where nobody was proved, or the act touched no team.
    pub fn team(&self) -> Option<&Named> {
        match self {
            Record::Request(request) => request.team_id.as_ref(),
            Record::Admin(admin) => admin.target_team_id.as_ref(),
        }
    }

    pub fn status(&self) -> u16 {
        match self {
            Record::Request(request) => request.status,
            Record::Admin(admin) => admin.status,
        }
    }

    pub fn replica(&self) -> &Named {
        match self {
            Record::Request(request) => &request.replica,
            Record::Admin(admin) => &admin.replica,
        }
    }

    pub fn recorded_by(&self) -> RecordedBy {
        match self {
            Record::Request(request) => request.recorded_by,
            Record::Admin(_) => RecordedBy::Owner,
        }
    }
}

impl From<RequestRecord> for Record {
    fn from(request: RequestRecord) -> Record {
        Record::Request(Box::new(request))
    }
}

impl From<AdminRecord> for Record {
    fn from(admin: AdminRecord) -> Record {
        Record::Admin(Box::new(admin))
    }
}

/// Who wrote a record: the replica that served the request, or another that found it abandoned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedBy {
    #[default]
    Owner,
    Reaper,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The caller has the whole answer.
    Answered,
    /// The gateway refused it: key, scope, form, policy, budget, rate.
    Denied,
    /// It was let through, and no candidate answered.
    Failed,
    /// The caller went away.
    Cancelled,
    /// The answer broke off after content had begun.
    CutShort,
    /// The replica died or stopped on the way.
    Interrupted,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::CutShort => "cut_short",
            Outcome::Interrupted => "interrupted",
        }
    }
}

/// An inference request, whichever way it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRecord {
    pub request_id: RequestId,
    /// When its headers were read.
    pub time: Time,
    pub replica: Named,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    /// The caller's own id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_id: Option<Named>,
    /// W3C trace context: 32 and 16 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<Named>,
    pub endpoint: Named,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_requested: Option<Named>,
    /// Why it was routed as it was, in the gateway's own words: `auto/code/code_fence`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_reason: Option<Named>,
    #[serde(default)]
    pub attempts: Few<Attempt, 32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_used: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_used: Option<Named>,
    /// The name that the provider answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_answered: Option<Named>,
    #[serde(default)]
    pub fallback_triggered: bool,
    pub outcome: Outcome,
    /// The HTTP status that the caller was given, or would have been.
    pub status: u16,
    /// The error's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Named>,
    #[serde(default, with = "counters")]
    pub usage: Usage,
    pub cost_usd: NanoUsd,
    #[serde(default)]
    pub cost_is_estimate: bool,
    #[serde(default)]
    pub pii: Pii,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection: Option<Injection>,
    #[serde(default)]
    pub stream: bool,
    #[serde(default)]
    pub latency_ms: u64,
    /// The gateway's own time, waiting for providers excluded.
    #[serde(default)]
    pub overhead_us: u64,
    /// What the budgets are told; `None` where they were not asked, or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<Settlement>,
    /// What the operator's configuration calls this caller or request.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub tags: Table<Named, 16>,
    pub recorded_by: RecordedBy,
}

impl RequestRecord {
    /// A request of which nothing is known yet but that it came. Until somebody says otherwise its caller
    /// vanished (499, the status that nginx has for that).
    pub fn begun(request_id: RequestId, time: Time, replica: Named, endpoint: Named) -> RequestRecord {
        RequestRecord {
            request_id,
            time,
            replica,
            team_id: None,
            key_id: None,
            client_address: None,
            client_request_id: None,
            trace_id: None,
            span_id: None,
            endpoint,
            model_requested: None,
            route_reason: None,
            attempts: Few::default(),
            provider_used: None,
            model_used: None,
            model_answered: None,
            fallback_triggered: false,
            outcome: Outcome::Cancelled,
            status: 499,
            code: None,
            usage: Usage::default(),
            cost_usd: NanoUsd::ZERO,
            cost_is_estimate: false,
            pii: Pii::default(),
            injection: None,
            stream: false,
            latency_ms: 0,
            overhead_us: 0,
            settlement: None,
            tags: Table::default(),
            recorded_by: RecordedBy::Owner,
        }
    }
}

/// One candidate that was tried or passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub provider: Named,
    pub model: Named,
    /// `ok`, or the word of the fault.
    pub outcome: Named,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    pub ms: u64,
    pub cost_usd: NanoUsd,
}

/// Personal data in the request, by kind and number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pii {
    #[serde(default)]
    pub by_type: Table<u64, 128>,
    /// The strictest that was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Named>,
    /// Placeholders that the answer was not given back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub withheld: u64,
    /// Values in the answer that did not come from the caller, and were masked.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub answer_masked: u64,
    /// Parts that could not be looked into.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unscanned: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What the guard against prompt injection said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injection {
    /// Per cent of certainty, 0 to 100.
    pub score: u8,
    pub verdict: Named,
    #[serde(default, skip_serializing_if = "Few::is_empty")]
    pub reasons: Few<Named, 16>,
}

/// What an administrator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminAction {
    BudgetOverride,
    BudgetDefault,
    KeyMade,
    KeyRevoked,
    Reload,
}

impl AdminAction {
    pub fn word(self) -> &'static str {
        match self {
            AdminAction::BudgetOverride => "budget_override",
            AdminAction::BudgetDefault => "budget_default",
            AdminAction::KeyMade => "key_made",
            AdminAction::KeyRevoked => "key_revoked",
            AdminAction::Reload => "reload",
        }
    }
}

/// An act that changed the gateway's state, refused ones too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminRecord {
    pub request_id: RequestId,
    pub time: Time,
    pub replica: Named,
    /// The administrator's own team and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_address: Option<IpAddr>,
    pub action: AdminAction,
    /// The team and the key that it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_team_id: Option<Named>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_key_id: Option<Named>,
    pub status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Named>,
    /// Fields that were set, by name: limits and scopes, never a key.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub changes: Table<Named, 32>,
}

/// `usage` on the line. A counter that the provider did not give is left out.
mod counters {
    use super::*;
    use serde::de::{Deserializer, Error};
    use serde::ser::Serializer;

    #[derive(Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Counters {
        #[serde(skip_serializing_if = "Option::is_none")]
        input_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_read_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_write_5m_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_write_1h_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        output_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reasoning_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        audio_input_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        audio_output_tokens: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        web_searches: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        service_tier: Option<Named>,
    }

    pub(super) fn serialize<S: Serializer>(usage: &Usage, serializer: S) -> Result<S::Ok, S::Error> {
        let counters = Counters {
            input_tokens: usage.input,
            cache_read_tokens: usage.cache_read,
            cache_write_5m_tokens: usage.cache_write_5m,
            cache_write_1h_tokens: usage.cache_write_1h,
            output_tokens: usage.output,
            reasoning_tokens: usage.reasoning,
            audio_input_tokens: usage.audio_input,
            audio_output_tokens: usage.audio_output,
            web_searches: usage.web_searches,
            service_tier: usage.service_tier.map(|tier| Named::cleaned(tier.word())),
        };
        counters.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Usage, D::Error> {
        let counters = Counters::deserialize(deserializer)?;
        let tier = |word: Named| {
            let known = ServiceTier::ALL.into_iter().find(|tier| tier.word() == word.as_str());
            known.ok_or_else(|| D::Error::custom("an unknown service tier"))
        };
        Ok(Usage {
            input: counters.input_tokens,
            cache_read: counters.cache_read_tokens,
            cache_write_5m: counters.cache_write_5m_tokens,
            cache_write_1h: counters.cache_write_1h_tokens,
            output: counters.output_tokens,
            reasoning: counters.reasoning_tokens,
            audio_input: counters.audio_input_tokens,
            audio_output: counters.audio_output_tokens,
            web_searches: counters.web_searches,
            service_tier: counters.service_tier.map(tier).transpose()?,
        })
    }
}
