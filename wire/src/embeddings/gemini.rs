//! Gemini's `batchEmbedContents`, outbound: a request for each input, in one call.

use super::{Embeds, form};
use crate::dialect::{Call, Target};
use crate::json;
use crate::path::push_encoded;
use crate::write::{Json, array};
use bytes::Bytes;
use gateway_core::conversation::Text;
use gateway_core::embedding::{Embedding, Inputs, Vectors};
use gateway_core::fault::{Fault, FaultClass};
use gateway_core::usage::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The base URL has no version path.
pub(crate) struct Gemini;

impl Embeds for Gemini {
    fn encode(&self, embedding: &Embedding, target: &Target) -> Call {
        let mut path = "/v1beta/models/".to_owned();
        push_encoded(target.model, &mut path);
        path.push_str(":batchEmbedContents");
        let model = Text::new(&format!("models/{}", target.model));
        let mut body = Vec::new();
        let mut json = Json::object(&mut body);
        // The planner keeps tokens away from here.
        let texts: &[Text] = match &embedding.inputs {
            Inputs::Texts(texts) => texts,
            Inputs::Tokens(_) => &[],
        };
        array(texts, json.field("requests"), |text, out| {
            let mut request = Json::object(out);
            request.text("model", &model);
            let mut content = Json::object(request.field("content"));
            array([text], content.field("parts"), |text, out| {
                let mut part = Json::object(out);
                part.text("text", text);
                part.end();
            });
            content.end();
            if let Some(dimensions) = embedding.dimensions {
                request.integer("outputDimensionality", dimensions);
            }
            request.end();
        });
        json.end();
        let dropped = embedding.user.iter().map(|_| "user").collect();
        Call { path, headers: &[], body, dropped, renamed: Vec::new() }
    }

    fn read(&self, body: &Bytes, inputs: u64) -> Result<Vectors, Fault> {
        read(body, inputs).ok_or_else(|| Fault::new(FaultClass::Broken, Some(200)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    embeddings: Vec<Item<'a>>,
    /// Newer models only.
    usage_metadata: Option<Counted>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    prompt_token_count: Option<u64>,
}

fn read(body: &Bytes, inputs: u64) -> Option<Vectors> {
    let answer: Answer = json::read(body)?;
    if answer.embeddings.len() as u64 != inputs {
        return None;
    }
    let vectors = answer.embeddings.iter().map(|item| form::read(item.values, body));
    let input = answer.usage_metadata.and_then(|usage| usage.prompt_token_count);
    let usage = Usage { input, output: input.map(|_| 0), ..Usage::NONE };
    Some(Vectors { vectors: vectors.collect::<Option<_>>()?, usage, model: None })
}
