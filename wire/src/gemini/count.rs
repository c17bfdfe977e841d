//! `countTokens`. Source: ai.google.dev/api/tokens.

use super::request::Dropped;
use super::{contents, tools};
use crate::dialect::{Call, Counts, Target};
use crate::json;
use crate::names::Names;
use crate::path::push_encoded;
use crate::write::Json;
use bytes::Bytes;
use gateway_core::conversation::Conversation;
use gateway_core::fault::{Fault, FaultClass};
use serde::Deserialize;

/// Gemini's own count; it costs nothing.
pub(super) struct Counting;

impl Counts for Counting {
    /// The whole request, tools and instructions among it: `contents` alone would leave those out.
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        let names = Names::new(conversation, tools::fits);
        let mut dropped = Dropped::default();
        let mut body = Vec::new();
        let mut json = Json::object(&mut body);
        let mut inner = Json::object(json.field("generateContentRequest"));
        inner.string("model", &format!("models/{}", target.model));
        contents::write(conversation, target, &names, &mut inner, &mut dropped);
        tools::write(conversation, &names, &mut inner, &mut dropped);
        inner.end();
        json.end();
        let mut path = "/v1beta/models/".to_owned();
        push_encoded(target.model, &mut path);
        path.push_str(":countTokens");
        Call { path, headers: &[], body, dropped: dropped.into_names(), renamed: names.into_renamed() }
    }

    fn read(&self, body: &Bytes) -> Result<u64, Fault> {
        let counted: Option<Counted> = json::read(body);
        counted.map(|counted| counted.total_tokens).ok_or_else(|| Fault::new(FaultClass::Broken, Some(200)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    total_tokens: u64,
}
