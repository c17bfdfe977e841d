//! The JSON of a whole answer and of a chunk. What we do not use is skipped; what we use has its type,
//! or the answer cannot be understood.

use super::broken;
use super::usage::Counters;
use crate::braces::Braced;
use bytes::Bytes;
use gateway_core::catalog::ServiceTier;
use gateway_core::conversation::Text;
use gateway_core::fault::Fault;
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub choices: Option<Vec<Braced<Choice<'a>>>>,
    #[serde(default)]
    usage: Option<Braced<Counters>>,
    #[serde(borrow, default)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub index: Option<u32>,
    #[serde(borrow, default)]
    pub message: Option<Braced<Message<'a>>>,
    #[serde(borrow, default)]
    pub delta: Option<Braced<Message<'a>>>,
    #[serde(borrow, default)]
    pub finish_reason: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub refusal: Option<&'a RawValue>,
    /// DeepSeek's, xAI's and z.ai's name for what the model thinks.
    #[serde(borrow, default)]
    pub reasoning_content: Option<&'a RawValue>,
    /// Groq's and OpenRouter's.
    #[serde(borrow, default)]
    pub reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub tool_calls: Option<Vec<Braced<Call<'a>>>>,
    /// The older form of a single call, without an id.
    #[serde(borrow, default)]
    pub function_call: Option<Braced<Function<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct Call<'a> {
    /// Absent in whole answers, and in Mistral's streams.
    #[serde(default)]
    pub index: Option<u32>,
    #[serde(borrow, default)]
    pub id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub function: Option<Braced<Function<'a>>>,
    #[serde(borrow, default)]
    pub extra_content: Option<Braced<Extra<'a>>>,
}

#[derive(Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub arguments: Option<&'a RawValue>,
}

/// Google's own addition to this dialect.
#[derive(Deserialize)]
pub(super) struct Extra<'a> {
    #[serde(borrow, default)]
    pub google: Option<Braced<Google<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct Google<'a> {
    #[serde(borrow, default)]
    pub thought_signature: Option<&'a RawValue>,
}

impl Body<'_> {
    /// The counters, with the tier that they were served at.
    pub(super) fn usage(&self) -> Result<Option<Usage>, Fault> {
        let tier = match self.service_tier.map(RawValue::get) {
            Some("\"default\"") => Some(ServiceTier::Standard),
            Some("\"flex\"") => Some(ServiceTier::Flex),
            Some("\"priority\"") => Some(ServiceTier::Priority),
            Some(other) if !other.starts_with('"') => return Err(broken()),
            _ => None,
        };
        let usage = self.usage.as_ref().map(|Braced(counters)| counters.normalised());
        Ok(usage.map(|usage| Usage { service_tier: tier, ..usage }))
    }
}

/// The string as it stood, a slice of the body.
pub(super) fn string(raw: &RawValue, body: &Bytes) -> Result<Text, Fault> {
    Text::from_json(body.slice_ref(raw.get().as_bytes())).ok_or_else(broken)
}
